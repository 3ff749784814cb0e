"""How the dashboard looks: four charts and two walls of images, drawn into one frame.

The axes are drawn once and kept as a bitmap; a new frame adds lines, numbers and images to it.
"""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import uniform_filter1d

from libs.notebook import Picture, img
from libs.utils import montage

LEVELS = (5, 25, 50, 75, 95)  # per cent of the parameters below each line of their chart
SHOWN = 72  # training images
# the frame in pixels: its size, and the panels' left and upper edges, width and height
_WIDTH, _HEIGHT = 1000, 500
_LEFT, _TOP, _WIDE, _HIGH = (52, 364, 642), (60, 282), 246, 172
_COLUMNS, _CAPTION = 12, 13  # images in a row, pixels above each held-out one
_GREY, _RED, _PINK, _DARK_RED = "#666666", (176, 48, 0), (255, 222, 204), (120, 30, 0)
_HINTS = "Over the steps; bands: the middle 50 % and 90 %.", "On red, a mistake: predicted ≠ true."


class Frame(Picture):
    """A frame ``[height, width, 3]`` uint8 as a notebook shows it, with alternative text."""

    def __init__(self, frame: np.ndarray, alt: str) -> None:
        buffer = io.BytesIO()
        # a palette takes half the time and half the bytes of full colour
        Image.fromarray(frame).quantize(256, Image.Quantize.FASTOCTREE).save(buffer, "PNG")
        self.png, self.alt = buffer.getvalue(), alt

    def _repr_html_(self) -> str:
        # without its size, the page would jump each time the picture is replaced
        style = "height: auto; max-width: 100%"
        return img(self.png, self.alt, width=_WIDTH, height=_HEIGHT, style=style)


class View:
    """Draws frames of one training."""

    def __init__(self, title: str, total: int | None) -> None:
        self._alt = (
            f"Training dashboard{f' of {title}' if title else ''}: accuracy and loss over the "
            "steps, for training and held-out images; percentiles of the weights and of the "
            "biases over the steps; training images; held-out images, those that the model gets "
            "wrong first and on red, with predicted and true label."
        )
        self._total = total
        self._figure = Figure(np.divide((_WIDTH, _HEIGHT), 100), dpi=100, layout="none")
        self._canvas = FigureCanvasAgg(self._figure)
        self._axes, self._moving = {}, {}
        self._kept = None  # the axis limits that the kept bitmap shows
        self._label(_LEFT[0], 14, title or "Training", size=12, weight="bold")
        self._label(_WIDTH - 10, 14, name="status", ha="right", color=_GREY)
        for name, column in (("accuracy", 0), ("loss", 1)):
            axes = self._chart(name, name.capitalize(), column, row=0)
            raw = axes.plot([], [], color="C0", linewidth=0.7, alpha=0.3, animated=True)
            self._moving[f"{name} raw"] = raw[0]
            for part, colour, right in (("training", "C0", 90), ("validation", "C1", 0)):
                line = axes.plot([], [], color=colour, linewidth=2, animated=True)
                self._moving[f"{name} {part}"] = line[0]
                place = _LEFT[column] + _WIDE - right, _TOP[0] - 11
                self._label(*place, name=f"{name} {part} value", ha="right", color=colour)
        self._label(_LEFT[1] + 8, _TOP[0] + 20, name="warning", color=np.divide(_RED, 255))
        for name, column in (("weights", 0), ("biases", 1)):
            axes = self._chart(name, name.capitalize(), column, row=1)
            for i, alpha in enumerate((0.25, 0.45)):
                band = axes.fill_between([0], 0, 0, color="C2", alpha=alpha, lw=0, animated=True)
                self._moving[f"{name} {i}"] = band
            self._moving[f"{name} median"] = axes.plot([], [], color="C2", animated=True)[0]
        self._label(_LEFT[0], _HEIGHT - 8, _HINTS[0], color=_GREY)
        self._label(_LEFT[2], _TOP[0] - 11, "Training images", weight="bold")
        self._label(_LEFT[2], _TOP[1] - 11, name="wrong", weight="bold")
        self._label(_LEFT[2], _HEIGHT - 8, _HINTS[1], color=_GREY)

    def draw_curves(self, training: list[tuple], validation: list[tuple]) -> None:
        """Draw accuracy and loss; each row holds step, loss and accuracy."""
        training, validation = np.array(training).reshape(-1, 3), np.array(validation)
        self._draw_curve("loss", training[:, :2], validation[:, :2])
        self._draw_curve("accuracy", training[:, ::2], validation[:, ::2])
        broken = [
            f"{name} loss {loss} at step {step:,.0f}"
            for name, rows in (("training", training), ("validation", validation))
            for step, loss, _ in rows[~np.isfinite(rows[:, 1])][:1]
        ]
        self._write("warning", "\n".join(broken))

    def draw_spreads(self, spreads: dict[str, list[tuple]]) -> None:
        """Draw median and bands of weights and biases; each row holds step and percentiles."""
        for name, rows in spreads.items():
            rows = np.array(rows).reshape(-1, 1 + len(LEVELS))
            rows = rows[np.isfinite(rows).all(axis=1)]
            if len(rows):
                for i in range(len(LEVELS) // 2):
                    band = self._moving[f"{name} {i}"]
                    band.set_data(rows[:, 0], rows[:, 1 + i], rows[:, -1 - i])
                self._moving[f"{name} median"].set_data(rows[:, 0], rows[:, 1 + len(LEVELS) // 2])
                self._axes[name].set_ylim(*_around(rows[:, 1:]))

    def draw_images(self, batch, images, predicted, labels) -> None:
        """Draw training images (or None) and held-out ones with their classes, mistakes first.

        Images are ``[n, 784]`` in ``[0, 1]``; a predicted class of -1 stands for no number.
        """
        wrong = predicted != labels
        self._write("wrong", f"{wrong.sum():,} of {len(wrong):,} held-out images wrong")
        self._walls = [_gallery(images, predicted, labels)]
        if batch is not None:
            self._walls.append(montage(_pixels(batch[:SHOWN]), fill=1, columns=_COLUMNS))

    def frame(self, step: int, seconds: float) -> Frame:
        """Put a frame together: the axes anew if their limits changed, and what moves."""
        of = f" of {self._total:,}" if self._total else ""
        self._write("status", f"step {step:,}{of}  ·  {seconds:,.0f} s")
        for axes in self._axes.values():
            axes.set_xlim(0, max(step, self._total or _around(np.array([step]))[1]))
        limits = [(axes.get_xlim(), axes.get_ylim()) for axes in self._axes.values()]
        if limits != self._kept:
            self._canvas.draw()
            self._bitmap = self._canvas.copy_from_bbox(self._figure.bbox)
            self._kept = limits
        self._canvas.restore_region(self._bitmap)
        for artist in self._moving.values():
            self._figure.draw_artist(artist)
        frame = np.array(self._canvas.buffer_rgba())[..., :3]
        for wall, top in zip(self._walls, _TOP[::-1], strict=False):
            height, width = wall.shape[:2]  # pixel on pixel: matplotlib would resample them
            frame[top : top + height, _LEFT[2] : _LEFT[2] + width] = wall.reshape(height, width, -1)
        return Frame(frame, self._alt)

    def _label(self, x, y, text="", name="", size=9, **style) -> None:
        """Write text at a place in pixels from the upper left corner; with a name it may change."""
        place = x / _WIDTH, 1 - y / _HEIGHT
        label = self._figure.text(*place, text, size=size, va="center", **style)
        if name:
            label.set_animated(True)
            self._moving[name] = label

    def _write(self, name: str, text: str) -> None:
        self._moving[name].set_text(text)

    def _chart(self, name: str, title: str, column: int, row: int):
        """Make the axes of a chart."""
        left, top = _LEFT[column], _TOP[row]
        self._label(left, top - 11, title, weight="bold")
        place = np.divide((left, _HEIGHT - top - _HIGH, _WIDE, _HIGH), (_WIDTH, _HEIGHT) * 2)
        axes = self._axes[name] = self._figure.add_axes(place)
        axes.grid(True, alpha=0.3)
        axes.spines[["right", "top"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        return axes

    def _draw_curve(self, name: str, training: np.ndarray, validation: np.ndarray) -> None:
        """Draw ``[n, 2]`` points of training, raw and smoothed, and of validation."""
        training, validation = (p[np.isfinite(p[:, 1])] for p in (training, validation))
        training = training[:: len(training) // 2000 + 1]
        self._moving[f"{name} raw"].set_data(*training.T)
        width = 2 * (len(training) // 40) + 1
        smooth = np.column_stack([training[:, 0], uniform_filter1d(training[:, 1], width)])
        for part, points in (("training", smooth), ("validation", validation)):
            self._moving[f"{name} {part}"].set_data(*points.T)
            value = f"{part[:5]} {points[-1, 1]:.3g}" if len(points) else ""
            self._write(f"{name} {part} value", value)
        values = np.concatenate([smooth[:, 1], validation[:, 1]])
        if name == "loss":
            self._axes[name].set_ylim(*_around(values))
        else:  # the first tenth of the way up is steep: leave it out once there is more to see
            low = np.percentile(values, 10) if len(values) else 0
            bottom = max(b for b in (0, 0.5, 0.8, 0.9) if b == 0 or b <= low)
            self._axes[name].set_ylim(bottom, 1 + 0.02 * (1 - bottom))


def _pixels(images) -> np.ndarray:
    """Turn images ``[n, ...]`` into uint8 ``[n, 28, 28, 1]``."""
    images = np.nan_to_num(np.asarray(images).reshape(-1, 28, 28, 1))
    return (255 * np.clip(images, 0, 1)).astype(np.uint8)


def _gallery(images: np.ndarray, predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Lay out images with captions, mistakes first.

    They stay in the order of the set, so that a mistake which persists is easy to follow.
    """
    shown = np.argsort(predicted == labels, kind="stable")[: _COLUMNS * 4]
    wrong = (predicted != labels)[shown, None, None, None]
    # from paper to ink: white digits on black, or on dark red
    paper = np.where(wrong, np.uint16(_DARK_RED), 0)
    pixels = paper + _pixels(images[shown]) * (255 - paper) // 255
    caption = np.broadcast_to(np.where(wrong, _PINK, 255), (len(shown), _CAPTION, 28, 3))
    tiles = np.concatenate([caption, pixels], axis=1).astype(np.uint8)
    page = Image.fromarray(montage(tiles, fill=1, columns=_COLUMNS))
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(findfont("DejaVu Sans"), 10)
    for place, i in enumerate(shown):
        guess, label = predicted[i] if predicted[i] >= 0 else "?", labels[i]
        text, colour = (label, "black") if guess == label else (f"{guess}≠{label}", _RED)
        x, y = 29 * (place % _COLUMNS), (29 + _CAPTION) * (place // _COLUMNS)
        pen.text((x + 15, y + 7), str(text), fill=colour, font=font, anchor="mm")
    return np.asarray(page)


def _around(values: np.ndarray) -> tuple[float, float]:
    """Return round limits of an axis that hold all values, and 0.

    Rounded coarsely they change rarely, and with them the kept bitmap.
    """
    low, high = min([0, *values.flat]), max([0, *values.flat])
    limits = MaxNLocator(3, steps=[1, 2, 5, 10]).tick_values(low, high if high > low else 1)
    return limits[0], limits[-1]
