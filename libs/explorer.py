"""A live widget: walk about a latent plane and see what each point of it is decoded to."""

import base64

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from traitlets import Dict, List

from libs import validate
from libs.live import FRONT, Live
from libs.notebook import Picture

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

    _esm = FRONT / "explorer.js"
    _css = FRONT / "explorer.css"
    place = List([0, 0]).tag(sync=True)  # where the page says that the marker is
    plane = Dict().tag(sync=True)

    def __init__(self, decode, codes, labels) -> None:
        super().__init__()
        self._decode = decode
        self._codes = validate.codes(codes, "codes")
        self._labels = np.asarray(labels)
        if self._labels.shape != (len(codes),) or not np.isin(self._labels, range(10)).all():
            raise ValueError(
                f"labels must be {len(codes)} numbers from 0 to 9, one for each code, got shape "
                f"{list(self._labels.shape)}. Of one-hot labels take labels.argmax(axis=1)."
            )
        self._update()  # finds a wrong function now, and starts it
        png = Picture(self._map(), self._says(), dpi=200).png  # for fine screens
        self.plane = {
            "src": f"data:image/png;base64,{base64.b64encode(png).decode()}",
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
            raise ValueError(
                f"decode fails for a code of shape [1, 2] with {type(error).__name__}: {error}\n"
                "If its codes are longer, hold the other numbers still, for example "
                "lambda codes: decode(np.pad(codes, ((0, 0), (0, 18))))."
            ) from error
        if answer.size != 784 or answer.shape[:1] != (1,):
            raise ValueError(
                "decode must return one image of 28 × 28 pixels for one code; it returned "
                f"{list(answer.shape)}."
            )
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
