"""Live widgets: draw a digit and watch a network read it, walk about a latent plane."""

import json
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from traitlets import List

from libs import validate
from libs.explorer import COLOURS, LatentExplorer
from libs.live import FRONT, Live
from libs.notebook import Picture

__all__ = ["COLOURS", "RECORDED", "DigitPad", "LatentExplorer"]

SIDE = 280  # of the canvas, in pixels
PEN = 22  # width of a line, in pixels

_RECORDED = Path(__file__).with_name("strokes.json").read_text("utf-8")
#: Ten digits as a hand draws them: for each a list of strokes, each a list of points (x, y) with
#: (0, 0) the upper left and (1, 1) the lower right corner of the canvas.
RECORDED = {int(digit): strokes for digit, strokes in json.loads(_RECORDED).items()}


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

    _esm = FRONT / "pad.js"
    _css = FRONT / "pad.css"
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
            raise ValueError(
                "strokes must be a list of strokes, each a list of points (x, y), shares of the "
                "canvas from 0 to 1. For example [[(0.5, 0.1), (0.5, 0.9)]]."
            )
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
            raise ValueError(
                "predict must turn images [batch, 784] into probabilities [batch, 10]; "
                f"for [1, 784] it returned {list(answer.shape)}."
            )
        if not (answer.min() >= 0 and abs(answer.sum() - 1) < 1e-2):  # NaN fails too
            raise ValueError(
                "predict must return ten probabilities that sum to 1; it returned "
                f"{answer.min():.3g} to {answer.max():.3g}, sum {answer.sum():.3g}. "
                "Is a softmax missing?"
            )
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
