"""A live widget: walk about a latent plane and see what each point of it is decoded to."""

import math

import keras
import numpy as np
from ipycanvas import Canvas, hold_canvas
from ipywidgets import HTML, BoundedFloatText, Box, HBox, VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from libs import validate
from libs.live import Live, forget_page, img, listen
from libs.notebook import Picture

#: The colours of ten classes: nine of Paul Tol's "muted" scheme, which colour-blind readers tell
#: apart, and a gray.
COLOURS = (
    *("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#777777"),
)

PLANE = 340  # side of the plane, in pixels
LEFT, RIGHT, ABOVE, BELOW = 60, 10, 30, 46  # around it: title, ticks, names of the axes
LEGEND = 22  # and each row of a legend
_SHARP = 2  # pixels drawn for each pixel of the page, for fine screens

_STYLE = """<style>
.latent-explorer { color: var(--jp-ui-font-color1, #222); }
.latent-explorer-row { align-items: flex-start; flex-wrap: wrap; gap: 8px 24px; }
.latent-explorer-plane { flex: none; max-width: 100%; overflow: hidden; position: relative; }
.latent-explorer-plane .widget-html, .latent-explorer-plane .widget-html-content {
  height: auto; line-height: 0; margin: 0; width: 100%; }
.latent-explorer-map { border-radius: 6px; height: auto; width: 100%; }
.latent-explorer-plane canvas { border-radius: 6px; cursor: crosshair; height: 100%; left: 0;
  margin: 0; position: absolute; top: 0; touch-action: none; width: 100%; }
.latent-explorer-plane canvas:focus { outline: 2px solid #0072b2; outline-offset: -2px; }
.latent-explorer-seen { background: #000; border-radius: 6px; display: block; height: 240px;
  image-rendering: pixelated; margin: 6px 0; max-width: 100%; }
.latent-explorer p { line-height: 1.4; margin: 0; }
</style>"""


class LatentExplorer(Live):
    """Drag a marker over a latent plane, and watch the picture that it is decoded to.

    The marker follows mouse, pen and finger. By keyboard, Tab goes to the plane and then to a
    field for each coordinate; the arrow keys move the marker. Show it as the last line of a
    cell. Where there is no live kernel it shows a still picture.

    Parameters
    ----------
    decode : callable
        Takes codes ``[n, 2]`` float32, returns their images ``[n, height, width]``,
        ``[n, height, width, 1]`` or ``[n, height, width, 3]``, float in ``[0, 1]`` or uint8. May
        be a Keras model.
    codes : array, optional
        ``[n, 2]``: known codes, such as those of test images, drawn as dots.
    labels : array, optional
        ``[n]``: the class of each code, ten classes at most; colours the dots.
    low, high : float or pair of floats, optional
        Lower left and upper right corner of the plane (one number for both axes, or x and y). By
        default the plane holds all codes, or without codes reaches from -3 to 3.
    shape : tuple of int, optional
        ``(height, width)`` or ``(height, width, channels)`` of the images, if ``decode`` returns
        flat ones.

    Attributes
    ----------
    code : numpy.ndarray
        Where the marker is, ``[2]`` float32; at first (0, 0), or the middle of a plane without it.
    image : numpy.ndarray
        What it is decoded to, ``[height, width]`` or ``[height, width, 3]``.

    Raises
    ------
    TypeError, ValueError
        If codes, labels or corners are not as above, or ``decode`` returns something else for one
        code.

    Examples
    --------
    >>> explorer = LatentExplorer(lambda codes: np.full((len(codes), 28, 28), 0.5))
    >>> explorer.move(1, -2)
    >>> explorer.code, explorer.image.shape
    (array([ 1., -2.], dtype=float32), (28, 28))
    """

    def __init__(self, decode, codes=None, labels=None, low=None, high=None, shape=None) -> None:
        super().__init__()
        # the model's own graph, in one call: many times faster than a call for each layer
        self._decode = decode.predict_on_batch if isinstance(decode, keras.Model) else decode
        self._shape = shape
        self._codes = None if codes is None else validate.codes(codes, "codes")
        self._classes, self._class = _classes(labels, self._codes)
        self._low, self._high = _corners(low, high, self._codes)
        inside = (self._low <= 0).all() and (self._high >= 0).all()
        self.code = np.float32([0, 0] if inside else (self._low + self._high) / 2)
        self.image = self._ask(self.code)  # a wrong function is told now; a slow start too
        self._dragging = False
        self._syncing = False  # are the fields being set to where the marker is?
        powers = np.floor(np.log10((self._high - self._low) / 25)).astype(int).tolist()
        self._steps = [10.0**power for power in powers]  # of an arrow key: 25 to 250 make an axis
        self._digits = [max(0, 1 - power) for power in powers]
        self._fields = [
            BoundedFloatText(
                min=math.floor(low / step) * step,  # steps are counted from here
                max=math.ceil(high / step) * step,
                step=step,
                description=name,
                layout={"width": "116px"},
                style={"description_width": "1em"},
            )
            for name, low, high, step in zip(
                "xy", self._low.tolist(), self._high.tolist(), self._steps, strict=True
            )
        ]
        width, height = self._size
        self._canvas = Canvas(width=_SHARP * width, height=_SHARP * height)
        plane = Box([self._map(), self._canvas], layout={"width": f"{width}px"})
        row = HBox([plane, VBox([self._view, HBox(self._fields)])])
        #: The live widget.
        self.box = VBox(
            [
                HTML(
                    f"{_STYLE}<p>Drag the marker, or press Tab and use the arrow keys: the picture "
                    "is what the decoder makes of that point.</p>"
                ),
                row,
            ]
        )
        for widget, name in (
            (self.box, "latent-explorer"),
            (row, "latent-explorer-row"),
            (plane, "latent-explorer-plane"),
            (self._canvas, "latent-explorer-canvas"),
            (self._view, "latent-explorer-view"),
        ):
            widget.add_class(name)
        for field in self._fields:
            field.observe(self._type, "value")
        listen(self._canvas, self._down, self._drag, self._up)
        self._canvas.on_key_down(self._key)
        self._canvas.on_client_ready(self._appear)
        self._update()

    def move(self, x: float, y: float) -> None:
        """Move the marker from code.

        Parameters
        ----------
        x, y : float
            Where to, inside the plane.

        Raises
        ------
        ValueError
            If that is outside the plane.
        """
        code = np.float32([x, y])
        if not ((self._low <= code) & (code <= self._high)).all():  # NaN fails too
            (left, lower), (right, upper) = self._low, self._high
            raise ValueError(
                f"({x:.4g}, {y:.4g}) is outside the plane: x goes from {left:.4g} to {right:.4g}, "
                f"y from {lower:.4g} to {upper:.4g}. Make it larger with low= and high=."
            )
        self.code = code
        self._update()

    # --- the decoder ----------------------------------------------------------------------------

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
        if self._shape is not None:
            try:
                answer = answer.reshape(1, *self._shape)
            except (TypeError, ValueError):
                raise ValueError(
                    f"shape must fit what decode returns for one code, {list(answer.shape)}; "
                    f"got {self._shape!r}."
                ) from None
        elif answer.ndim == 2:
            raise ValueError(
                f"decode returns flat images, {list(answer.shape)} for one code. "
                "Say their shape, for example shape=(28, 28)."
            )
        image = validate.images(answer, "what decode returns")
        if len(image) != 1:
            raise ValueError(
                f"decode must return one image for one code; it returned {len(image)}."
            )
        validate.pixels(image, "what decode returns")
        return image[0, ..., 0] if image.shape[-1] == 1 else image[0]

    def _answer(self) -> str:
        """Put marker and fields where the code is, and decode it."""
        self._mark()
        self._syncing = True
        for field, value, digits in zip(
            self._fields, self.code.tolist(), self._digits, strict=True
        ):
            field.value = round(value, digits)
        self._syncing = False
        self.image = self._ask(self.code)
        seen = img(self.image, f"What {self._place()} is decoded to", "latent-explorer-seen")
        return (
            f'<p>Decoded from <span class="latent-explorer-code">{self._place()}</span></p>{seen}'
        )

    def _place(self) -> str:
        """Return where the marker is, in words."""
        x, y = (
            f"{field.value + 0:.{digits}f}"
            for field, digits in zip(self._fields, self._digits, strict=True)
        )
        return f"({x}, {y})".replace("-", "−")

    # --- the hand -------------------------------------------------------------------------------

    def _go(self, code) -> None:
        """Move the marker as far as the plane goes, and answer soon."""
        self.code = np.float32(np.clip(code, self._low, self._high))
        self._soon()

    def _down(self, x: float, y: float) -> None:
        self._dragging = True
        self._drag(x, y)

    def _drag(self, x: float, y: float) -> None:
        if self._dragging:
            right, up = x / _SHARP - LEFT, ABOVE + PLANE - y / _SHARP
            share = np.array([right, up]) / PLANE
            self._go(self._low + share * (self._high - self._low))

    def _up(self) -> None:
        self._dragging = False

    def _type(self, change) -> None:
        if not self._syncing:
            axis = self._fields.index(change.owner)
            self._go(np.where([axis == 0, axis == 1], change.new, self.code))

    def _key(self, key: str, shift: bool, control: bool, meta: bool) -> None:
        # ipycanvas keeps every key to itself: the canvas has to let go of the keyboard
        arrows = {
            "ArrowLeft": (-1, 0),
            "ArrowRight": (1, 0),
            "ArrowUp": (0, 1),
            "ArrowDown": (0, -1),
        }
        if key in arrows:
            times = 5 if shift else 1
            self._go(self.code + times * np.multiply(arrows[key], self._steps))
        elif key in ("Tab", "Escape"):  # the next Tab goes on from here
            self._canvas.blur()

    # --- the plane ------------------------------------------------------------------------------

    @property
    def _size(self) -> tuple[int, int]:
        """Width and height of the plane with its margins, in pixels of the page."""
        rows = 0 if self._classes is None else math.ceil(len(self._classes) / self._columns)
        return LEFT + PLANE + RIGHT, ABOVE + PLANE + BELOW + LEGEND * rows

    @property
    def _columns(self) -> int:
        """How many classes stand in a row of the legend."""
        return 10 if max(len(str(name)) for name in self._classes) <= 2 else 4

    def _draw(self, extra: int = 0) -> tuple[Figure, Axes]:
        """Draw the plane, its dots and legend; leave ``extra`` pixels free on the right."""
        width, height = self._size
        width += extra
        figure = Figure(figsize=(width / 100, height / 100), dpi=100, layout="none")
        axes = figure.add_axes(
            (LEFT / width, 1 - (ABOVE + PLANE) / height, PLANE / width, PLANE / height)
        )
        (left, lower), (right, upper) = self._low, self._high
        axes.set(
            title="The latent plane",
            xlabel="x, the first number of the code",
            ylabel="y, the second",
            xlim=(left, right),
            ylim=(lower, upper),
        )
        axes.yaxis.set_label_coords(-(LEFT - 18) / PLANE, 0.5)
        axes.tick_params(labelsize=9)
        if self._codes is not None:
            colours = np.array(COLOURS)[self._class] if self._classes is not None else COLOURS[-1]
            axes.scatter(*self._codes.T, c=colours, s=8, alpha=0.7, linewidths=0)
        if self._classes is not None:
            names = [str(name) for name in self._classes]
            axes.legend(
                [Line2D([], [], ls="", marker="o", color=c) for c in COLOURS[: len(names)]],
                names,
                ncols=self._columns,
                loc="upper center",
                bbox_to_anchor=(0.5, -(BELOW + 2) / PLANE),
                borderaxespad=0,
                borderpad=0,
                frameon=False,
                fontsize=9,
                handlelength=1,
                handletextpad=0.3,
                columnspacing=0.8,
            )
        return figure, axes

    def _map(self) -> HTML:
        """Return the plane as it lies under the canvas."""
        figure, _ = self._draw()
        picture = Picture(figure, self._says(), dpi=100 * _SHARP)
        return HTML(picture._repr_html_().replace("<img ", '<img class="latent-explorer-map" '))

    def _says(self) -> str:
        dots = ""
        if self._codes is not None:
            dots = f" with {len(self._codes):,} dots"
            dots += (
                "" if self._classes is None else f" in the colours of {len(self._classes)} classes"
            )
        return f"The latent plane{dots}."

    def _mark(self) -> None:
        """Paint the marker on the browser's canvas, in one message."""
        canvas, (width, height) = self._canvas, self._size
        right, up = PLANE * (self.code - self._low) / (self._high - self._low)
        x, y = float(_SHARP * (LEFT + right)), float(_SHARP * (ABOVE + PLANE - up))
        with hold_canvas():
            canvas.clear_rect(0, 0, _SHARP * width, _SHARP * height)
            for colour, line in (("white", 5 * _SHARP), ("black", 2 * _SHARP)):
                canvas.stroke_style, canvas.line_width = colour, line
                canvas.stroke_circle(x, y, 9 * _SHARP)
            canvas.fill_style = "black"
            canvas.fill_circle(x, y, 2 * _SHARP)

    def _appear(self) -> None:
        """Paint for a page that was opened or loaded anew, whose canvas is blank."""
        forget_page(self._canvas)
        self._mark()

    # --- as a notebook stores it ----------------------------------------------------------------

    def __repr__(self) -> str:
        return f"LatentExplorer: the marker is at {self._place()}."

    def _still(self) -> Picture:
        figure, axes = self._draw(extra=PLANE - 40)
        axes.plot(*self.code, "o", ms=18, mfc="none", mec="white", mew=5)
        axes.plot(*self.code, "o", ms=18, mfc="none", mec="black", mew=2)
        axes.plot(*self.code, "o", ms=4, color="black")
        width, height = 100 * figure.get_size_inches()
        left, side = LEFT + PLANE + RIGHT + 24, PLANE - 100
        beside = figure.add_axes(
            (left / width, 1 - (ABOVE + side) / height, side / width, side / height), anchor="NW"
        )
        beside.imshow(validate.pixels(self.image, "image"), cmap="gray", vmin=0, vmax=255)
        beside.set_title(f"Decoded from {self._place()}")
        beside.set_axis_off()
        return Picture(
            figure,
            f"{self._says()} A marker is at {self._place()}; beside it the picture that this "
            "point is decoded to.",
        )


def _classes(labels, codes):
    """Return the classes and, for each code, the place of its class among them."""
    if labels is None:
        return None, None
    labels = np.asarray(labels)
    if codes is None or labels.shape != (len(codes),):
        expected = "codes as well" if codes is None else f"shape [{len(codes)}], one for each code"
        raise ValueError(
            f"labels need {expected}; got {list(labels.shape)}. "
            "Of one-hot labels take labels.argmax(axis=1)."
        )
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) > len(COLOURS):
        raise ValueError(
            f"labels hold {len(classes)} classes; there are colours for {len(COLOURS)}."
        )
    return classes, places


def _corners(low, high, codes) -> tuple[np.ndarray, np.ndarray]:
    """Return the plane's lower left and upper right corner, ``[2]`` float32 each."""
    if low is None and high is None:
        if codes is None:
            low, high = -3, 3
        else:
            low, high = codes.min(axis=0), codes.max(axis=0)
            margin = np.where(high > low, 0.05 * (high - low), 1)
            low, high = low - margin, high + margin
    return tuple(validate.rectangle(low, high).astype(np.float32))
