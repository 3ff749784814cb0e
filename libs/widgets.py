"""Live widgets: draw a digit and watch a network read it, walk about a latent plane."""

import base64
import json
from pathlib import Path

import keras
import numpy as np
from anywidget import AnyWidget
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image, ImageDraw
from traitlets import Dict, List

from libs import validate
from libs.notebook import Picture, address

_FRONT = Path(__file__).with_name("front")
SIDE = 280  # of the canvas, in pixels
PEN = 22  # width of a line, in pixels

_RECORDED = Path(__file__).with_name("strokes.json").read_text("utf-8")
#: Ten digits as a hand draws them: for each a list of strokes, each a list of points (x, y) with
#: (0, 0) the upper left and (1, 1) the lower right corner of the canvas.
RECORDED = {int(digit): strokes for digit, strokes in json.loads(_RECORDED).items()}

#: The colours of ten classes: nine of Paul Tol's "muted" scheme, which colour-blind readers tell
#: apart, and a grey.
COLOURS = (
    *("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#777777"),
)

LOW, HIGH = -3, 3  # where both axes of the plane begin and end
PLANE = 340  # side of the plane, in pixels of the page
LEFT, ABOVE = 60, 30  # of it: ticks, title
_WIDTH, _HEIGHT = LEFT + PLANE + 10, ABOVE + PLANE + 68  # with the axis's name and a legend


class Page(AnyWidget):
    """A widget whose page is a module in ``front``: a child names ``_esm`` and ``_css`` there.

    ``_stored()`` returns what stands in its place where there is no kernel, by type.
    """

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        # by hand: ipywidgets 7, which Colab has, makes no bundle
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        widget = {"application/vnd.jupyter.widget-view+json": view, "text/plain": repr(self)}
        return widget | self._stored()


class Live(Page):
    """A page that sets what it asks and is told an answer.

    A child defines: traits that the page sets; ``_answer()``, what the page makes of ``answer``;
    and ``_still()``, a Picture for where there is no kernel.
    """

    answer = Dict().tag(sync=True)

    def _update(self) -> None:
        """Answer now."""
        self.answer = self._numbered(self._answer())

    def set_state(self, sync_data: dict) -> None:
        """Answer what a page set; an exception, which would go unseen here, is told there."""
        super().set_state(sync_data)
        try:
            self._update()
        except Exception as error:  # whatever the learner's function raises
            self.answer = self._numbered({"error": f"{type(error).__name__}: {error}"})

    def _numbered(self, answer: dict) -> dict:
        """Make an answer differ from the last one, or the page would wait for it."""
        return {**answer, "number": self.answer.get("number", 0) + 1}

    def _stored(self) -> dict:
        still = self._still()
        png = base64.b64encode(still.png).decode()
        return {"text/html": still._repr_html_(), "image/png": png}


def _like_mnist(pixels: np.ndarray) -> np.ndarray:
    """Turn a drawing ``[height, width]`` uint8 into ``[28, 28]`` float32 like those of MNIST.

    The ink is scaled so that its longer side is 20 pixels, edges come out grey, and laid so that
    its centre of mass falls on pixel (14, 14), counted from 0, as near as whole pixels and the
    edges allow. (Y. LeCun, C. Cortes and C. Burges, *The MNIST database*, 1998.)
    """
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    image = np.zeros((28, 28), np.float32)
    if not len(rows):
        return image
    ink = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    # averaging over the pixels that become one is what makes grey edges
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    ink = np.asarray(Image.fromarray(ink).resize((width, height), how), np.float32) / 255
    mass = ink.sum()
    if mass == 0:  # the finest of lines, gone in the average
        return image
    centres = (ink.sum(axis=i) @ np.arange(ink.shape[1 - i]) / mass for i in (1, 0))
    top, left = (
        int(np.clip(round(14 - float(centre)), 0, 28 - side))
        for centre, side in zip(centres, ink.shape, strict=True)
    )
    image[top : top + height, left : left + width] = ink
    return image


class DigitPad(Live):
    """Draw a digit with mouse, pen, finger or keyboard, and watch what a network makes of it.

    Beside the canvas stand the 28 × 28 picture that the network sees, made as MNIST's were, and
    its ten probabilities, which follow the pen. The first stroke by hand takes the place of a
    drawing from code. Show it as the last line of a cell.

    Parameters
    ----------
    predict : callable
        Takes ``[batch, 784]`` float32 in ``[0, 1]``, returns ``[batch, 10]`` probabilities, else
        it raises ValueError. A Keras model that ends in a softmax is one.

    Attributes
    ----------
    image : numpy.ndarray
        What the network sees, ``[28, 28]`` float32.
    probabilities : numpy.ndarray or None
        ``[10]`` float32; None while the pad is blank.

    Examples
    --------
    >>> pad = DigitPad(lambda images: np.full((len(images), 10), 0.1))
    >>> pad.draw(RECORDED[3])
    >>> pad.image.shape, pad.probabilities.shape
    ((28, 28), (10,))
    """

    _esm, _css = _FRONT / "pad.js", _FRONT / "pad.css"
    strokes = List().tag(sync=True)
    recorded = List(list(RECORDED.values())).tag(sync=True)

    def __init__(self, predict) -> None:
        super().__init__()
        # the model's own graph, in one call: many times faster than a call for each layer
        self._predict = predict.predict_on_batch if isinstance(predict, keras.Model) else predict
        self._ask(np.zeros((28, 28), np.float32))  # finds a wrong function now, and starts it
        self.clear()

    def draw(self, strokes) -> None:
        """Draw from code, on top of what is there.

        Parameters
        ----------
        strokes : list of list of (x, y)
            Each stroke is the pen's way from touching down to lifting off; a single point is a
            dot. Coordinates are shares of the canvas's side, from its upper left corner; else it
            raises ValueError.
        """
        try:
            new = [np.asarray(stroke, float).reshape(len(stroke), 2) for stroke in strokes]
            fits = all((stroke >= 0).all() and (stroke <= 1).all() for stroke in new)
        except (TypeError, ValueError):
            fits = False
        if not fits:
            points = "each a list of points (x, y), shares of the canvas from 0 to 1"
            example = "For example [[(0.5, 0.1), (0.5, 0.9)]]."
            raise ValueError(f"strokes must be a list of strokes, {points}. {example}")
        self.strokes = self.strokes + [stroke.tolist() for stroke in new if len(stroke)]
        self._update()

    def clear(self) -> None:
        """Wipe the pad."""
        self.strokes = []
        self._update()

    @property
    def drawing(self) -> np.ndarray:
        """What is on the canvas, ``[280, 280]`` uint8, 255 for ink."""
        paper = Image.new("L", (SIDE, SIDE))
        brush = ImageDraw.Draw(paper)
        for shares in self.strokes:
            stroke = [(x * SIDE, y * SIDE) for x, y in shares]
            brush.line(stroke, fill=255, width=PEN)
            for point in stroke:  # round ends and joints
                brush.circle(point, PEN / 2, fill=255)
        return np.asarray(paper)

    def _ask(self, image: np.ndarray) -> np.ndarray:
        """Return the network's ten probabilities for an image, or say what is wrong with them."""
        answer = np.asarray(self._predict(image.reshape(1, 784)))
        if answer.shape != (1, 10):
            wanted, got = "images [batch, 784] into probabilities [batch, 10]", list(answer.shape)
            raise ValueError(f"predict must turn {wanted}; for [1, 784] it returned {got}.")
        if not (answer.min() >= 0 and abs(answer.sum() - 1) < 1e-2):  # NaN fails too
            got = f"{answer.min():.3g} to {answer.max():.3g}, sum {answer.sum():.3g}"
            says = f"predict must return ten probabilities that sum to 1; it returned {got}."
            raise ValueError(f"{says} Is a softmax missing?")
        return answer[0].astype(np.float32)

    def _answer(self) -> dict:
        self.image = _like_mnist(self.drawing)
        self.probabilities = self._ask(self.image) if self.image.any() else None
        blank = self.probabilities is None
        return {
            "seen": validate.pixels(self.image, "image").ravel().tolist(),
            "probabilities": None if blank else self.probabilities.tolist(),
        }

    def __repr__(self) -> str:
        return f"DigitPad: {_reads(self.probabilities)}"

    def _still(self) -> Picture:
        """Draw the pad as a figure: the drawing, what the network sees, and ten bars."""
        figure = Figure(figsize=(9, 2.8), layout="constrained")
        left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
        left.set_title("The drawing")
        middle.set_title("What the network sees")
        for axes, picture in ((left, self.drawing), (middle, self.image)):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=picture.max() or 1)
            axes.set_axis_off()
        p, says = self.probabilities, _reads(self.probabilities)
        if p is not None:
            colours = ["#D55E00" if digit == p.argmax() else "#0072B2" for digit in range(10)]
            right.barh(range(10), 100 * p, color=colours)
        right.set(title=says, xlabel="probability in per cent")
        right.set(xlim=(0, 100), ylim=(9.6, -0.6), yticks=range(10))
        right.grid(visible=False, axis="y")
        alt = "A drawing, the 28 by 28 pixels that the network sees, and its ten probabilities."
        return Picture(figure, f"{alt} {says}")


def _reads(probabilities) -> str:
    if probabilities is None:
        return "Nothing is drawn yet."
    return f"It reads a {probabilities.argmax()}."


class LatentExplorer(Live):
    """Drag a marker over a latent plane, and watch the picture that it is decoded to.

    The plane goes from -3 to 3, which holds nearly all of a standard Gaussian. The marker follows
    mouse, pen and finger. By keyboard, Tab goes to the plane, where arrow keys move the marker,
    and then to a field for each coordinate. Show it as the last line of a cell. Arguments that are
    not as follows raise TypeError or ValueError.

    Parameters
    ----------
    decode : callable
        Takes codes ``[n, 2]`` float32, returns their images of 28 × 28 pixels, ``[n, ...]``, float
        in ``[0, 1]`` or uint8.
    codes : array
        ``[n, 2]``: known codes, such as those of test images, drawn as dots.
    labels : array
        ``[n]``: the class of each code, 0 to 9, which colours its dot.

    Attributes
    ----------
    code : numpy.ndarray
        Where the marker is, ``[2]`` float32; at first (0, 0).
    image : numpy.ndarray
        What it is decoded to, ``[28, 28]``.

    Examples
    --------
    >>> codes, labels = np.array([[1.0, 2.0], [-1.0, 0.5]]), [3, 8]
    >>> explorer = LatentExplorer(lambda z: np.full((len(z), 784), 0.5), codes, labels)
    >>> explorer.code, explorer.image.shape
    (array([0., 0.], dtype=float32), (28, 28))
    """

    _esm, _css = _FRONT / "explorer.js", _FRONT / "explorer.css"
    place = List([0, 0]).tag(sync=True)  # where the page says that the marker is
    plane = Dict().tag(sync=True)

    def __init__(self, decode, codes, labels) -> None:
        super().__init__()
        self._decode = decode
        self._codes = validate.codes(codes, "codes")
        self._labels = np.asarray(labels)
        if self._labels.shape != (len(codes),) or not np.isin(self._labels, range(10)).all():
            wanted = f"{len(codes)} numbers from 0 to 9, one for each code"
            got = f"{list(self._labels.shape)}. Of one-hot labels take labels.argmax(axis=1)."
            raise ValueError(f"labels must be {wanted}, got shape {got}")
        self._update()  # finds a wrong function now, and starts it
        self.plane = {
            "src": address(Picture(self._map(), self._says(), dpi=100).sharp),
            "alt": self._says(),
            "left": LEFT / _WIDTH,
            "top": ABOVE / _HEIGHT,
            "side": [PLANE / _WIDTH, PLANE / _HEIGHT],
            "low": LOW,
            "high": HIGH,
        }

    def _ask(self, code: np.ndarray) -> np.ndarray:
        """Return the image of one code, or say what is wrong with it."""
        try:
            answer = np.asarray(self._decode(code[None]))
        except Exception as error:
            why = f"decode fails for a code of shape [1, 2] with {type(error).__name__}: {error}"
            hint = "If its codes are longer, hold the other numbers still, for example "
            hint += "lambda codes: decode(np.pad(codes, ((0, 0), (0, 18))))."
            raise ValueError(f"{why}\n{hint}") from error
        if answer.size != 784 or answer.shape[:1] != (1,):
            wanted, got = "one image of 28 × 28 pixels for one code", list(answer.shape)
            raise ValueError(f"decode must return {wanted}; it returned {got}.")
        validate.pixels(answer, "what decode returns")
        return answer.reshape(28, 28)

    def _answer(self) -> dict:
        """Put the marker where the page says, as far as the plane goes, and decode its code."""
        self.code = np.float32(np.clip(self.place, LOW, HIGH))
        self.image = self._ask(self.code)
        seen = validate.pixels(self.image, "image").ravel().tolist()
        return {"place": self.place, "seen": seen, "height": 28, "width": 28}

    def _says_place(self) -> str:
        """Return where the marker is, in words."""
        x, y = (f"{round(float(value), 2) + 0:.2f}" for value in self.code)
        return f"({x}, {y})".replace("-", "−")

    def _draw(self, axes: Axes) -> None:
        """Draw the plane, its dots and legend."""
        axes.set(title="The latent plane", xlim=(LOW, HIGH), ylim=(LOW, HIGH))
        axes.set(xlabel="x, the first number of the code", ylabel="y, the second")
        axes.yaxis.set_label_coords(-(LEFT - 18) / PLANE, 0.5)
        axes.tick_params(labelsize=9)
        colours = np.array(COLOURS)[self._labels.astype(int)]
        axes.scatter(*self._codes.T, c=colours, s=8, alpha=0.7, linewidths=0)
        classes = np.unique(self._labels).astype(int)
        dots = [Line2D([], [], ls="", marker="o", color=COLOURS[i]) for i in classes]
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -48 / PLANE), "borderaxespad": 0}
        style = {"frameon": False, "fontsize": 9, "handlelength": 1, "handletextpad": 0.3}
        axes.legend(dots, classes, ncols=10, columnspacing=0.8, borderpad=0, **place, **style)

    def _map(self) -> Figure:
        """Return the plane as it lies under the canvas."""
        figure = Figure((_WIDTH / 100, _HEIGHT / 100), layout="none")
        place = LEFT, _HEIGHT - ABOVE - PLANE, PLANE, PLANE
        self._draw(figure.add_axes(np.divide(place, (_WIDTH, _HEIGHT) * 2)))
        return figure

    def _says(self) -> str:
        dots, classes = len(self._codes), len(np.unique(self._labels))
        return f"The latent plane with {dots:,} dots in the colours of {classes} classes."

    def __repr__(self) -> str:
        return f"LatentExplorer: the marker is at {self._says_place()}."

    def _still(self) -> Picture:
        figure = Figure((7.1, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
        self._draw(left)
        left.plot(*self.code, "o", ms=18, mfc="none", mec="white", mew=5)
        left.plot(*self.code, "o", ms=18, mfc="none", mec="black", mew=2)
        left.plot(*self.code, "o", ms=4, color="black")
        right.imshow(validate.pixels(self.image, "image"), cmap="gray", vmin=0, vmax=255)
        right.set_title(f"Decoded from {self._says_place()}")
        right.set_axis_off()
        return Picture(
            figure,
            f"{self._says()} A marker is at {self._says_place()}; beside it the picture that this "
            "point is decoded to.",
        )
