"""Live widgets: draw a digit and watch a network read it, walk about a latent plane."""

import keras
import numpy as np
from ipycanvas import Canvas, hold_canvas
from ipywidgets import HTML, Button, HBox, VBox
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from libs import validate
from libs.explorer import COLOURS, LatentExplorer
from libs.live import Live, forget_page, img, listen
from libs.notebook import Picture

__all__ = ["COLOURS", "RECORDED", "SIDE", "DigitPad", "LatentExplorer", "like_mnist"]

SIDE = 280  # of the canvas, in pixels
PEN = 22  # width of a line, in pixels

#: Ten digits as a hand draws them: for each a list of strokes, each a list of points (x, y) with
#: (0, 0) the upper left and (1, 1) the lower right corner of the canvas.
RECORDED = {
    digit: [
        [tuple(int(number) / 100 for number in point.split(",")) for point in stroke.split()]
        for stroke in strokes
    ]
    for digit, strokes in {
        0: [
            "55,18 51,18 47,19 42,22 38,26 35,31 32,37 31,44 30,51 31,58 33,65 36,72 41,78 46,81 "
            "51,82 56,80 61,76 65,70 68,63 70,55 70,47 69,39 66,31 62,25 57,21 52,19"
        ],
        1: ["57,16 56,24 55,32 53,40 52,48 50,56 49,64 48,72 47,78 47,84"],
        2: [
            "33,32 34,27 38,22 44,19 51,18 58,19 63,23 66,28 65,34 62,41 57,48 51,55 45,62 39,68 "
            "34,74 31,79 38,79 47,78 56,78 64,78 71,79"
        ],
        3: [
            "33,24 38,20 44,18 51,17 57,18 62,22 65,27 64,33 60,38 54,43 47,47 54,48 60,51 66,56 "
            "69,62 69,68 66,74 60,79 53,82 46,83 39,82 33,79 29,74"
        ],
        4: [
            "42,17 40,25 37,33 34,41 31,48 29,55 36,56 45,55 54,54 63,53 71,53",
            "61,32 60,41 58,50 57,59 55,68 55,77 54,85",
        ],
        5: [
            "66,19 59,19 51,20 43,20 41,27 39,35 37,43 43,41 50,41 57,43 63,47 67,53 68,60 67,67 "
            "63,73 57,78 50,81 43,81 36,79 30,75"
        ],
        6: [
            "61,17 55,20 49,26 44,33 40,41 37,49 35,57 35,65 38,72 43,78 50,80 56,78 61,74 65,68 "
            "65,62 61,56 55,53 49,53 43,56 39,61 37,67"
        ],
        7: ["29,23 36,22 43,21 51,20 59,20 69,20 67,26 63,33 60,41 56,49 53,57 50,65 47,74 45,84"],
        8: [
            "62,25 58,21 52,18 46,18 41,21 38,26 38,32 42,38 47,43 53,48 59,53 64,59 66,66 65,73 "
            "61,79 55,82 48,82 41,79 37,74 37,67 40,60 45,54 51,49 57,43 62,37 64,31 62,25"
        ],
        9: [
            "64,30 62,25 57,21 51,19 45,20 39,24 36,30 36,37 39,42 45,45 51,45 57,42 61,37 64,31 "
            "64,40 63,49 62,58 60,67 58,76 56,85"
        ],
    }.items()
}

_STYLE = """<style>
.digit-pad { align-items: flex-start; flex-wrap: wrap; gap: 24px; }
.digit-pad canvas { border-radius: 6px; cursor: crosshair; touch-action: none; }
.digit-pad-view { color: var(--jp-ui-font-color1, #222); display: flex; flex-wrap: wrap;
  gap: 24px; font-size: 13px; line-height: 1.4; }
.digit-pad-seen { width: 140px; height: 140px; image-rendering: pixelated; background: #000; }
.digit-pad-bars { width: 240px; }
.digit-pad-bar { align-items: center; display: flex; gap: 8px; height: 22px; }
.digit-pad-bar i { background: var(--jp-layout-color2, #eee); flex: 1; height: 14px; }
.digit-pad-bar i b { background: #0072b2; display: block; height: 100%; }
.digit-pad-bar span { text-align: right; width: 3.5em; }
.digit-pad-top { font-weight: bold; }
.digit-pad-top i b { background: #d55e00; }
</style>"""


def like_mnist(drawing) -> np.ndarray:
    """Turn a drawing into a picture like those of MNIST.

    The ink is cut out, scaled so that its longer side is 20 pixels (its shape stays, and edges
    come out gray), and laid into 28 × 28 pixels so that its centre of mass falls on the middle.
    MNIST moves by whole pixels: in each of its 70,000 pictures the centre of mass lies within
    half a pixel of pixel (14, 14), counted from 0. So does this function, unless ink would fall
    over the edge: then it stays at the edge.

    Parameters
    ----------
    drawing : array
        ``[height, width]``, 0 for paper to 1 for ink (float) or 0 to 255 (uint8).

    Returns
    -------
    numpy.ndarray
        ``[28, 28]`` float32 in ``[0, 1]``; all zeros if there is no ink.

    Raises
    ------
    TypeError
        If the drawing is neither float nor uint8.
    ValueError
        If it is not 2-D, is empty, or a pixel lies outside the range.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to document
    recognition*, Proceedings of the IEEE, 1998; and the MNIST page of Y. LeCun, C. Cortes and
    C. Burges, which describes the steps.

    Examples
    --------
    >>> drawing = np.zeros((280, 280))
    >>> drawing[10:90, 200:220] = 1
    >>> image = like_mnist(drawing)
    >>> image.shape, int((image > 0).any(axis=1).sum())
    ((28, 28), 20)
    """
    drawing = np.asarray(drawing)
    if drawing.ndim != 2 or drawing.size == 0:
        raise ValueError(f"drawing must have shape [height, width], got {list(drawing.shape)}.")
    pixels = validate.pixels(drawing, "drawing")
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    image = np.zeros((28, 28), np.float32)
    if not len(rows):
        return image
    ink = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    # averaging over the pixels that become one is what makes gray edges
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    ink = np.asarray(Image.fromarray(ink).resize((width, height), how), np.float32) / 255
    mass = ink.sum()
    if mass == 0:  # the finest of lines, gone in the average
        return image
    top = _place(ink.sum(axis=1) / mass)
    left = _place(ink.sum(axis=0) / mass)
    image[top : top + height, left : left + width] = ink
    return image


def _place(shares: np.ndarray) -> int:
    """Return where along an axis of 28 the ink starts so that its centre of mass is at 14."""
    centre = shares @ np.arange(len(shares))
    return int(np.clip(round(14 - float(centre)), 0, 28 - len(shares)))


class DigitPad(Live):
    """Draw a digit with mouse, pen or finger, and watch what a network makes of it.

    Beside the canvas stand the 28 × 28 picture that the network sees (see :func:`like_mnist`)
    and its ten probabilities, which follow the pen. Show it as the last line of a cell. Where
    there is no live kernel it shows a still picture.

    Parameters
    ----------
    predict : callable
        Takes ``[batch, 784]`` float32 in ``[0, 1]``, returns ``[batch, 10]`` probabilities. A
        Keras model that ends in a softmax is one.

    Attributes
    ----------
    image : numpy.ndarray
        What the network sees, ``[28, 28]`` float32.
    probabilities : numpy.ndarray or None
        ``[10]`` float32; None while the pad is blank.

    Raises
    ------
    ValueError
        If ``predict`` does not return ten probabilities for one blank image.

    Examples
    --------
    >>> pad = DigitPad(lambda images: np.full((len(images), 10), 0.1))
    >>> pad.draw(RECORDED[3])
    >>> pad.image.shape, pad.probabilities.shape
    ((28, 28), (10,))
    """

    def __init__(self, predict) -> None:
        super().__init__()
        # the model's own graph, in one call: many times faster than a call for each layer
        self._predict = predict.predict_on_batch if isinstance(predict, keras.Model) else predict
        self._ask(np.zeros((28, 28), np.float32))  # a wrong function is told now; a slow start too
        self._strokes: list[list[tuple[float, float]]] = []
        self._drawing = False  # is the pen down?
        self._next = 0
        self._canvas = Canvas(width=SIDE, height=SIDE)
        self._canvas.layout.width = self._canvas.layout.height = f"{SIDE}px"
        self._canvas.layout.flex = "none"
        self._clear = Button(description="Clear", icon="eraser", tooltip="Clear the drawing")
        self._show = Button(description="Draw one for me", tooltip="Draw a recorded digit")
        buttons = HBox([self._clear, self._show])
        #: The live widget.
        self.box = HBox([VBox([HTML(_STYLE + "Draw here"), self._canvas, buttons]), self._view])
        for widget, name in (
            (self.box, "digit-pad"),
            (self._canvas, "digit-pad-canvas"),
            (self._clear, "digit-pad-clear"),
            (self._show, "digit-pad-show"),
        ):
            widget.add_class(name)
        self._clear.on_click(lambda _: self.clear())
        self._show.on_click(lambda _: self._show_recorded())
        listen(self._canvas, self._down, self._move, self._up)
        self._canvas.on_key_down(self._key)
        self._canvas.on_client_ready(self._appear)
        self.clear()

    def draw(self, strokes) -> None:
        """Draw from code, on top of what is there.

        Parameters
        ----------
        strokes : list of list of (x, y)
            Each stroke is the pen's way from touching down to lifting off; a single point is a
            dot. Coordinates are pixels of the canvas, 0 to 280 from its upper left corner, or,
            if none is above 1, shares of its side.

        Raises
        ------
        ValueError
            If the strokes are not lists of pairs of finite numbers.
        """
        try:
            strokes = [np.asarray(stroke, np.float64) for stroke in strokes]
        except (TypeError, ValueError):
            strokes = [np.array(np.nan)]
        strokes = [stroke for stroke in strokes if stroke.size]
        if any(
            s.ndim != 2 or s.shape[1] != 2 or not np.isfinite(s).all() or np.abs(s).max() > 1e4
            for s in strokes
        ):
            raise ValueError(
                "strokes must be a list of strokes, each a list of points (x, y), in pixels from "
                f"0 to {SIDE} or in shares from 0 to 1. For example [[(0.5, 0.1), (0.5, 0.9)]]."
            )
        if not strokes:
            return
        unit = SIDE if max(s.max() for s in strokes) <= 1 else 1
        new = [[(float(x) * unit, float(y) * unit) for x, y in stroke] for stroke in strokes]
        self._strokes += new
        with hold_canvas():
            for stroke in new:
                self._paint(stroke)
        self._update()

    def clear(self) -> None:
        """Wipe the pad."""
        self._strokes, self._drawing = [], False
        self._repaint()
        self._update()

    # --- what the network sees and says ---------------------------------------------------------

    @property
    def drawing(self) -> np.ndarray:
        """What is on the canvas, ``[280, 280]`` uint8, 255 for ink."""
        paper = Image.new("L", (SIDE, SIDE))
        brush = ImageDraw.Draw(paper)
        r = PEN / 2
        for stroke in list(self._strokes):
            brush.line(stroke, fill=255, width=PEN)
            for x, y in stroke:  # round ends and joints
                brush.ellipse((x - r, y - r, x + r, y + r), fill=255)
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

    def _answer(self) -> str:
        """Ask the network about the drawing as it is now."""
        self.image = like_mnist(self.drawing)
        self.probabilities = self._ask(self.image) if self.image.any() else None
        return _view(self.image, self.probabilities)

    # --- the pen --------------------------------------------------------------------------------

    def _down(self, x: float, y: float) -> None:
        self._strokes.append([(x, y)])
        self._drawing = True
        self._paint(self._strokes[-1])
        self._soon()

    def _move(self, x: float, y: float) -> None:
        if self._drawing:
            self._strokes[-1].append((x, y))
            self._paint(self._strokes[-1][-2:])
            self._soon()

    def _up(self) -> None:
        self._drawing = False

    def _key(self, key: str, shift: bool, control: bool, meta: bool) -> None:
        # the canvas can have the keyboard, and ipycanvas keeps every key to itself: let go of it
        if key == "Tab" and not shift:
            self._clear.focus()
        elif key in ("Tab", "Escape"):
            self._canvas.blur()
        elif key in ("Delete", "Backspace"):
            self.clear()

    def _show_recorded(self) -> None:
        self.clear()
        self._strokes = [[(x * SIDE, y * SIDE) for x, y in s] for s in RECORDED[self._next]]
        self._next = (self._next + 1) % 10
        self._repaint()
        self._live()

    def _paint(self, stroke) -> None:
        """Put ink on the browser's canvas along a list of points."""
        if len(stroke) == 1:
            self._canvas.fill_circle(*stroke[0], PEN / 2)
        else:
            self._canvas.stroke_lines(stroke)

    def _appear(self) -> None:
        """Paint for a page that was opened or loaded anew, whose canvas is blank."""
        forget_page(self._canvas)
        self._repaint()

    def _repaint(self) -> None:
        """Paint everything anew, and leave the brush ready: setting it costs a message each."""
        canvas = self._canvas
        with hold_canvas():
            canvas.fill_style = "black"
            canvas.fill_rect(0, 0, SIDE, SIDE)
            canvas.stroke_style = canvas.fill_style = "white"
            canvas.line_width = PEN
            canvas.line_cap = canvas.line_join = "round"
            for stroke in self._strokes:
                self._paint(stroke)

    # --- as a notebook stores it ----------------------------------------------------------------

    def __repr__(self) -> str:
        return f"DigitPad: {_reads(self.probabilities)}"

    def _still(self) -> Picture:
        return Picture(
            _figure(self.drawing, self.image, self.probabilities),
            "A drawing, the 28 by 28 pixels that the network sees, and its ten probabilities. "
            f"{_reads(self.probabilities)}",
        )


def _reads(probabilities) -> str:
    if probabilities is None:
        return "Nothing is drawn yet."
    return f"It reads a {probabilities.argmax()}."


def _view(image: np.ndarray, probabilities) -> str:
    """Return the live part beside the canvas as HTML."""
    seen = img(image, "The drawing in 28 by 28 pixels", "digit-pad-seen")
    top = -1 if probabilities is None else int(probabilities.argmax())
    rows = []
    for digit, p in enumerate(np.zeros(10) if probabilities is None else probabilities):
        mark = " digit-pad-top" if digit == top else ""
        rows.append(
            f'<div class="digit-pad-bar{mark}" data-digit="{digit}" data-p="{p:.4f}">{digit}'
            f'<i><b style="width:{100 * p:.1f}%"></b></i><span>{100 * p:.0f} %</span></div>'
        )
    return (
        f'<div class="digit-pad-view"><div>What the network sees<br>{seen}</div>'
        f'<div class="digit-pad-bars">{"".join(rows)}'
        f'<div class="digit-pad-says">{_reads(probabilities)}</div></div></div>'
    )


def _figure(drawing: np.ndarray, image: np.ndarray, probabilities) -> Figure:
    """Draw the pad as a figure: the drawing, what the network sees, and ten bars."""
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
    for axes, picture, title in (
        (left, drawing, "The drawing"),
        (middle, image, "What the network sees"),
    ):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=picture.max() or 1)
        axes.set_title(title)
        axes.set_axis_off()
    p = np.zeros(10) if probabilities is None else probabilities
    colours = ["#0072B2"] * 10
    if probabilities is not None:
        colours[int(p.argmax())] = "#D55E00"
    right.barh(range(10), 100 * p, color=colours)
    right.set(
        title=_reads(probabilities),
        xlabel="probability in per cent",
        xlim=(0, 100),
        ylim=(9.6, -0.6),
    )
    right.set_yticks(range(10))
    right.grid(visible=False, axis="y")
    return figure
