"""How the dashboard looks: its one figure, and held-out images with what the model says of them.

Used by :mod:`libs.dashboard` alone.
"""

import io
import math

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from matplotlib.transforms import IdentityTransform
from PIL import Image, ImageDraw, ImageFont

from libs.notebook import Picture
from libs.utils import montage

# Held-out images that are predicted, at most.
_HELD_OUT = 1000
# Training curves of more points than these are smoothed as well.
_FEW = 60
KINDS = ("weights", "biases")
# Images of a batch that are shown, at most.
SHOWN = 100
# Percentage of the parameters below each line of their panel.
LEVELS = (0, 5, 25, 50, 75, 95, 100)

# The picture, in pixels: its size, and left and upper edges, widths and height of the panels.
_WIDTH, _HEIGHT = 1000, 684
_LEFT, _TOP, _WIDTHS, _TALL = (52, 364, 640), (74, 376), (246, 246, 350), 262
_GAP = 1  # between images
_GREY, _RED = "#666666", "#B03A00"
_RED_INK, _RED_TINT, _RED_PAPER = (176, 48, 0), (255, 222, 204), (120, 30, 0)
_LAYOUT = (("accuracy", "weights"), ("loss", "biases"), ("batch", "gallery"))  # by column
_HINT = "On red, a mistake: the predicted label, then the true one."
_BANDS = "  ·  bands: the middle 50 %, 90 %, all"


class Drawing(Picture):
    """A frame ``[height, width, 3]`` uint8 as a picture that a page makes room for."""

    def __init__(self, frame: np.ndarray, alt: str) -> None:
        buffer = io.BytesIO()
        # a palette takes half the time and half the bytes of full colour
        image = Image.fromarray(frame).quantize(256, Image.Quantize.FASTOCTREE)
        image.save(buffer, format="PNG")
        self.png = buffer.getvalue()
        self.alt = alt

    def _repr_html_(self) -> str:
        # without its size, the page would jump each time the picture is replaced
        size = f'width="{_WIDTH}" height="{_HEIGHT}" style="height: auto; max-width: 100%"'
        return super()._repr_html_().replace("<img ", f"<img {size} ", 1)


class HeldOut:
    """Held-out images, what the model says about them, and how they look."""

    def __init__(self, valid, predict, image_shape, class_names, from_logits: bool) -> None:
        images, labels = _images_and_labels(valid)
        if not callable(predict):
            raise TypeError(
                f"predict must be a function from images to probabilities, "
                f"got {type(predict).__name__}."
            )
        self._shape = _image_shape(image_shape)
        self._features = math.prod(self._shape)
        if math.prod(images.shape[1:]) != self._features:
            raise ValueError(
                f"image_shape {image_shape} needs {self._features} features an image; the images "
                f"of valid have shape {list(images.shape)}. Pass their height and width."
            )
        # spread evenly, because a set may be sorted by class
        chosen = np.linspace(0, len(images) - 1, min(len(images), _HELD_OUT)).round().astype(int)
        self._predict, self._from_logits = predict, from_logits
        self._images, labels = images[chosen], labels[chosen]
        # once before it is timed: the first call may build a graph
        n_classes = self._call().shape[1]
        if labels.ndim == 2:
            if labels.shape[1] != n_classes:
                raise ValueError(
                    f"predict returns {n_classes} classes, the one-hot labels of valid have "
                    f"{labels.shape[1]}."
                )
            self._targets = labels.astype(np.float64)
        else:
            if labels.min() < 0 or labels.max() >= n_classes:
                raise ValueError(
                    f"labels of valid must be 0 to {n_classes - 1}, because predict returns "
                    f"{n_classes} classes; got {labels.min()} to {labels.max()}."
                )
            self._targets = np.eye(n_classes)[labels.astype(int)]
        self._labels = self._targets.argmax(axis=1)
        names = [str(i) for i in range(n_classes)] if class_names is None else list(class_names)
        if len(names) != n_classes:
            raise ValueError(
                f"class_names has {len(names)} names, predict returns {n_classes} classes."
            )
        pixels = _pixels(self._images, self._shape)
        small = _resized(pixels)
        self._captions = _Captions([str(name) for name in names], small.shape[2])
        # beside long names there is room for larger images
        pixels = small if self._captions.width < 56 else _resized(pixels, long=56)
        room = max(0, self._captions.width - pixels.shape[2])
        self._pixels = np.pad(pixels, ((0, 0), (0, 0), (room // 2, room - room // 2), (0, 0)))

    def measure(self) -> tuple[float, float]:
        """Predict; return the mean cross-entropy and the accuracy."""
        scores = self._call()
        if self._from_logits:
            scores = scores - scores.max(axis=1, keepdims=True)
            log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        else:
            log_p = np.log(np.clip(scores, 1e-7, 1))
        # a class that is surely wrong may have log p = -∞ and adds nothing
        terms = np.where(self._targets > 0, self._targets * log_p, 0)
        # the class after the last one stands for "not a number"
        known = ~np.isnan(scores).any(axis=1)
        self._said = np.where(known, scores.argmax(axis=1), scores.shape[1])
        self.wrong = self._said != self._labels
        return float(-terms.sum(axis=1).mean()), float(1 - self.wrong.mean())

    def __len__(self) -> int:
        return len(self._images)

    def gallery(self, width: int, height: int) -> np.ndarray:
        """Draw images with captions, mistakes first, ``[≤ height, ≤ width, 3]`` uint8.

        They stay in the order of the set, so that a mistake which persists is easy to follow.
        """
        order = np.argsort(~self.wrong, kind="stable")
        _, h, w, _ = self._pixels.shape
        columns, rows = width // (w + _GAP), height // (h + self._captions.height + _GAP)
        shown = order[: max(1, columns * rows)]
        wrong = self.wrong[shown, None, None, None]
        image = self._pixels[shown]
        if image.shape[-1] == 1:
            # from paper to ink: white digits on black, or on dark red
            paper = np.where(wrong, np.array(_RED_PAPER, np.uint16), 0)
            image = (paper + image * (255 - paper) // 255).astype(np.uint8)
        captions = self._captions.draw(self._said[shown], self._labels[shown])
        tiles = np.concatenate([captions, image], axis=1)
        return montage(tiles, padding=_GAP, fill=1, columns=max(1, columns))[_GAP:, _GAP:]

    def check_batch(self, batch) -> None:
        """Refuse a batch of images of another size."""
        shape = getattr(batch, "shape", None)
        shape = np.shape(batch) if shape is None else tuple(shape)
        if len(shape) < 2 or math.prod(shape[1:]) != self._features or shape[0] == 0:
            raise ValueError(
                f"batch must be images of {self._features} features, [n, {self._features}] or "
                f"[n, {', '.join(map(str, self._shape))}], got {list(shape)}."
            )

    def batch_pixels(self, batch) -> np.ndarray | None:
        """Turn the first images of a batch into ``[n, height, width, channels]`` uint8."""
        if batch is None:
            return None
        self.check_batch(batch)
        images = np.asarray(batch[:SHOWN])
        step = max(1, max(self._shape[:2]) // 64)  # no more pixels than the panel can show
        return _pixels(images, self._shape)[:, ::step, ::step]

    def _call(self) -> np.ndarray:
        """Predict and check what comes back, ``[n, classes]`` float64."""
        scores = found = self._predict(self._images)
        what = "logits" if self._from_logits else "probabilities"
        try:
            scores = np.asarray(found).astype(np.float64)
        except (TypeError, ValueError):
            found = None
        if found is None:
            raise TypeError(f"predict must return an array of {what}, got {type(scores).__name__}.")
        n = len(self._images)
        if scores.ndim != 2 or len(scores) != n or scores.shape[1] < 2:
            raise ValueError(
                f"predict must return {what} of shape [{n}, classes] for {n} images, with at "
                f"least 2 classes, got {list(scores.shape)}."
            )
        if not self._from_logits:
            sums = scores.sum(axis=1)
            if (scores < 0).any() or (np.abs(sums - 1) > 0.01).any():
                raise ValueError(
                    f"predict must return probabilities, at least 0 and summing to 1; got "
                    f"{np.nanmin(scores):.4g} to {np.nanmax(scores):.4g}, with sums "
                    f"{np.nanmin(sums):.4g} to {np.nanmax(sums):.4g}. "
                    f"Return tf.nn.softmax(logits), or pass from_logits=True."
                )
        return scores


class _Captions:
    """Labels beside images, drawn once for each class."""

    def __init__(self, names: list[str], width: int) -> None:
        font = ImageFont.truetype(findfont("DejaVu Sans"), 10)
        names = ["".join(c if c.isprintable() else " " for c in name) for name in names]
        names.append("?")  # for predictions that are not numbers
        widest = math.ceil(max(font.getlength(name) for name in names))
        # short names share a line, predicted left and true right; others get one each
        lines = 1 if 2 * widest + 6 <= max(width, 28) else 2
        self.width = max(width, 28, min(widest + 2, 56) if lines == 2 else 0)
        self.height = 1 + 12 * lines
        room = self.width - 2

        def stamps(line: int, align: float) -> np.ndarray:
            """Ink of each name, ``[names, height, width, 1]`` in 0 to 255."""
            stamps = []
            for name in names:
                while font.getlength(name) > room:
                    name = name.rstrip("…")[:-1] + "…"
                page = Image.new("L", (self.width, self.height))
                left = 1 + align * (room - font.getlength(name))
                ImageDraw.Draw(page).text((left, 12 * line), name, fill=255, font=font)
                stamps.append(np.asarray(page))
            return np.stack(stamps)[..., None].astype(np.uint16)

        self._said = stamps(0, 0 if lines == 1 else 0.5)
        self._true = stamps(lines - 1, 1 if lines == 1 else 0.5)
        self._both = stamps(0, 0.5)

    def draw(self, said: np.ndarray, true: np.ndarray) -> np.ndarray:
        """Return captions, ``[n, height, width, 3]`` uint8."""
        right = (said == true)[:, None, None, None]
        page = np.where(right, np.uint16(255), np.array(_RED_TINT, np.uint16))
        for ink, colour in (
            (np.where(right, 0, self._said[said]), _RED_INK),
            (np.where(right, self._both[true], self._true[true]), (40, 40, 40)),
        ):
            page = (page * (255 - ink) + np.array(colour, np.uint16) * ink) // 255
        return np.broadcast_to(page, (len(said), self.height, self.width, 3)).astype(np.uint8)


class View:
    """The figure: axes drawn once and kept as a bitmap, what moves drawn on top of it."""

    def __init__(self, title: str, total: int | None, held_out: HeldOut) -> None:
        self.alt = (
            f"Training dashboard{f' of {title}' if title else ''}: accuracy and loss over the "
            f"steps, for training and held-out images; percentiles of the weights and of the "
            f"biases over the steps; images of a training batch; held-out images, those that "
            f"the model gets wrong first and on red, with predicted and true label."
        )
        self.batch_title = "Current batch"
        self._title, self._total, self._held_out = title, total, held_out
        self._figure = Figure((_WIDTH / 100, _HEIGHT / 100), dpi=100, layout="none")
        self._canvas = FigureCanvasAgg(self._figure)
        self._panels = None  # which panels there are
        self._kept = None  # the axis limits that the kept bitmap shows

    def draw(self, *, curve, valid, spreads, counts, batch, step, elapsed, odd) -> np.ndarray:
        """Draw a frame, ``[height, width, 3]`` uint8.

        Parameters
        ----------
        curve, valid : numpy.ndarray
            ``[n, 3]``: step, loss, accuracy.
        spreads : dict of str to numpy.ndarray
            Of weights and of biases ``[n, 1 + percentiles]``: step, smallest to largest.
        counts : dict of str to int
            Numbers of weights and of biases.
        batch : numpy.ndarray or None
            ``[n, height, width, channels]`` uint8.
        step, elapsed
            Where training is, and the seconds it took.
        odd : dict of str to str
            What is wrong with the loss in ``"training"`` or ``"validation"``, if anything.
        """
        panels = {"accuracy", "loss", "gallery"}
        panels |= {kind for kind in KINDS if len(spreads[kind])}
        panels |= set() if batch is None else {"batch"}
        if panels != self._panels:
            self._build(panels, counts)

        self._draw_status(step, elapsed)
        self._artists["loss warning"].set_text("\n".join(odd.values()))
        self._draw_curves("loss", curve[:, [0, 1]], valid[:, [0, 1]], odd)
        self._draw_curves("accuracy", curve[:, [0, 2]], valid[:, [0, 2]], ())
        for kind in panels & set(KINDS):
            self._draw_spread(kind, spreads[kind])
        images = {}
        if batch is not None:
            images["batch"] = _fitted(batch, *self._rooms["batch"][2:])
        images["gallery"] = self._held_out.gallery(*self._rooms["gallery"][2:])
        self._artists["gallery title"].set_text(
            f"{self._held_out.wrong.sum():,} of {len(self._held_out):,} held-out images wrong"
        )
        frame = self._render(max(step, self._total or _round_up(max(step, 10))))
        for name, image in images.items():  # pixel on pixel: matplotlib would resample them
            left, top, _, _ = self._rooms[name]
            frame[top : top + len(image), left : left + image.shape[1]] = image
        return frame

    def _render(self, last: int) -> np.ndarray:
        """Draw the axes anew if their limits changed, and what moves in any case."""
        for axes in self._axes.values():
            axes.set_xlim(0, last)
        limits = [(axes.get_xlim(), axes.get_ylim()) for axes in self._axes.values()]
        if limits != self._kept:
            self._canvas.draw()
            self._bitmap = self._canvas.copy_from_bbox(self._figure.bbox)
            self._kept = limits
        self._canvas.restore_region(self._bitmap)
        for artist in self._artists.values():
            self._figure.draw_artist(artist)
        return np.ascontiguousarray(np.asarray(self._canvas.buffer_rgba())[..., :3])

    def _build(self, panels: set[str], counts: dict[str, int]) -> None:
        """Lay out the panels there is something for; the others leave them their room."""
        self._panels, self._kept = panels, None
        self._figure.clear()
        self._axes, self._artists, self._rooms = {}, {}, {}
        right = _WIDTH - 10
        self._label(_LEFT[0], 16, self._title or "Training", size=12, weight="bold")
        self._label(right, 16, "", "status", color=_GREY, ha="right")
        if self._total:
            for name, colour in (("", "#e4e4e4"), ("progress", "C0")):
                bar = Rectangle((_LEFT[0], _HEIGHT - 34), right - _LEFT[0], 4, color=colour)
                bar.set_transform(IdentityTransform())  # in pixels
                self._move(self._figure.add_artist(bar), name)
        titles = {kind: f"{count:,} {kind}" for kind, count in counts.items()}
        titles |= {"accuracy": "Accuracy", "loss": "Loss", "batch": self.batch_title, "gallery": ""}
        for column, names in enumerate(_LAYOUT):
            names = [name for name in names if name in panels]
            height = _TALL if len(names) == 2 else _TOP[1] + _TALL - _TOP[0]
            for name, top in zip(names, _TOP, strict=False):
                self._rooms[name] = room = (_LEFT[column], top, _WIDTHS[column], height)
                moving = "gallery title" if name == "gallery" else ""
                self._label(room[0], top - 12, titles[name], moving, weight="bold")
                if column < 2:
                    self._chart(name, *room, lowest=name == names[-1])
        self._label(_LEFT[2], _TOP[1] + _TALL + 14, _HINT, color=_GREY, size=8)

    def _chart(self, name: str, left, top, width, height, lowest: bool) -> None:
        """Make axes and the lines in them."""
        place = (left, _HEIGHT - top - height, width, height)
        axes = self._figure.add_axes(np.divide(place, (_WIDTH, _HEIGHT) * 2))
        self._axes[name] = axes
        axes.set_axisbelow(True)
        axes.grid(True, alpha=0.3)
        axes.spines[["right", "top"]].set_visible(False)
        axes.tick_params(labelsize=8, labelbottom=lowest)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        if lowest:
            hint = _BANDS if name == "weights" else ""
            self._label(left + width / 2, top + height + 34, f"step{hint}", ha="center")
        if name in KINDS:
            for outer, alpha in ((0, 0.18), (1, 0.28), (2, 0.45)):
                band = axes.fill_between([0], [0], [0], color="C2", alpha=alpha, linewidth=0)
                self._move(band, f"{name} band {outer}")
            self._move(axes.plot([], [], color="C2")[0], f"{name} median")
            return
        for part, style in (
            ("raw", {"color": "C0", "linewidth": 0.7, "alpha": 0.25}),
            ("training", {"color": "C0", "linewidth": 2}),
            ("validation", {"color": "C1", "linewidth": 2}),
        ):
            self._move(axes.plot([], [], **style)[0], f"{name} {part}")
        for part, right, colour in (("training", 87, "C0"), ("validation", 0, "C1")):
            ink = np.multiply(to_rgb(colour), 0.8)  # thin strokes need to be darker
            place = left + width - right, top - 12
            self._label(*place, "", f"{name} {part} value", color=ink, ha="right", weight="bold")
        if name == "loss":
            self._label(left + 8, top + 20, "", "loss warning", color=_RED)

    def _label(self, x: float, y: float, text: str, name: str = "", size=9, **style) -> None:
        """Write text at a place in pixels from the upper left corner; it moves if it has a name."""
        place = x / _WIDTH, 1 - y / _HEIGHT
        self._move(self._figure.text(*place, text, size=size, va="center", **style), name)

    def _move(self, artist, name: str) -> None:
        """Leave an artist that has a name out of the kept bitmap."""
        if name:
            artist.set_animated(True)
            self._artists[name] = artist

    def _draw_status(self, step: int, elapsed: float) -> None:
        of = f" of {self._total:,}" if self._total else ""
        self._artists["status"].set_text(f"step {step:,}{of}  ·  {elapsed:,.0f} s")
        if self._total:
            whole = _WIDTH - 10 - _LEFT[0]
            self._artists["progress"].set_width(whole * min(1, step / self._total))

    def _draw_curves(self, name: str, training: np.ndarray, validation: np.ndarray, odd) -> None:
        """Draw ``[n, 2]`` points of training, raw and smoothed, and of validation."""
        broken = {
            part
            for part, points in (("training", training), ("validation", validation))
            if part in odd and not np.isfinite(points[-1, 1])
        }
        training, validation = (p[np.isfinite(p[:, 1])] for p in (training, validation))
        smooth = _smoothed(training)
        raw = training[:: -(-len(training) // 400)] if len(training) > _FEW else training[:0]
        self._artists[f"{name} raw"].set_data(*raw.T)
        for part, points in (("training", smooth), ("validation", validation)):
            line = self._artists[f"{name} {part}"]
            line.set_data(*points.T)
            line.set_marker("o" if len(points) == 1 else "")
            value = _short(points[-1, 1]) if len(points) else ""
            value = "–" if part in broken else value
            self._artists[f"{name} {part} value"].set_text(f"{part[:5]} {value}" if value else "")
        values = np.concatenate([training, validation])[:, 1]
        if name == "accuracy":
            # the first tenth of the way up is steep: leave it out once there is more to see
            low = np.percentile(values, 10) if len(values) else 0
            bottom = max(b for b in (0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98) if b == 0 or b <= low)
            self._axes[name].set_ylim(bottom, 1 + 0.02 * (1 - bottom))
        elif len(values):
            ends = [points[-1, 1] for points in (smooth, validation) if len(points)]
            top = max(np.percentile(values, 98), *ends)
            self._set_ylim(name, values.min(), top)

    def _draw_spread(self, kind: str, rows: np.ndarray) -> None:
        """Draw percentiles ``[n, 1 + percentiles]``: the median, and bands around it."""
        rows = rows[np.isfinite(rows).all(axis=1)]
        if not len(rows):
            return
        steps, levels = rows[:, 0], rows[:, 1:]
        for outer in range(len(LEVELS) // 2):
            band = self._artists[f"{kind} band {outer}"]
            band.set_data(steps, levels[:, outer], levels[:, -1 - outer])
        self._artists[f"{kind} median"].set_data(steps, levels[:, len(LEVELS) // 2])
        self._set_ylim(kind, levels.min(), levels.max())

    def _set_ylim(self, name: str, low: float, high: float) -> None:
        low, high = _round_up(-low), _round_up(high)
        self._axes[name].set_ylim(-low, high if low or high else 1)


def _images_and_labels(valid) -> tuple[np.ndarray, np.ndarray]:
    """Take held-out images and labels apart and check them."""
    if hasattr(valid, "images") and hasattr(valid, "labels"):
        images, labels = valid.images, valid.labels
    elif isinstance(valid, tuple | list) and len(valid) == 2:
        images, labels = valid
    else:
        raise TypeError(
            f"valid must be a Split or a pair (images, labels), got {type(valid).__name__}. "
            f"Pass data.valid."
        )
    if labels is None:
        raise ValueError("valid has no labels. The dashboard needs them to find the mistakes.")
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim < 2 or images.dtype.kind not in "fiu":
        raise TypeError(
            f"images of valid must be numbers [n, ...], got {images.dtype} {list(images.shape)}."
        )
    if len(images) == 0:
        raise ValueError("valid is empty: it holds no images. Set some aside, see split.")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim not in (1, 2) or len(labels) != len(images):
        raise ValueError(
            f"labels of valid must be [{len(images)}] or [{len(images)}, classes], one for each "
            f"image, got {list(labels.shape)}."
        )
    if labels.dtype.kind not in "fiub" or not (labels.ndim == 2 or np.all(labels % 1 == 0)):
        raise TypeError(
            f"labels of valid must be whole numbers or one-hot rows, got {labels.dtype}."
        )
    return images, labels


def _image_shape(shape) -> tuple[int, int, int]:
    shape = tuple(shape) if isinstance(shape, tuple | list) else shape
    whole = isinstance(shape, tuple) and all(isinstance(n, int | np.integer) for n in shape)
    if not whole or len(shape) not in (2, 3) or min(shape) < 1 or (*shape, 1)[2] not in (1, 3):
        raise ValueError(
            f"image_shape must be (height, width), (height, width, 1) or (height, width, 3), "
            f"got {shape!r}."
        )
    return (*shape, 1)[:3]


def _pixels(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Turn images of any range into uint8 ``[n, height, width, channels]``."""
    images = images.reshape(-1, *shape)
    if images.dtype == np.uint8:
        return images
    images = np.nan_to_num(images.astype(np.float32), posinf=0, neginf=0)
    low, high = images.min(), images.max()
    if low < 0 or high > 1:  # standardised, or 0 to 255: stretch, so that everything is seen
        images = (images - low) / max(high - low, 1e-12)
    return (images * 255).astype(np.uint8)


def _resized(pixels: np.ndarray, long: int = 32) -> np.ndarray:
    """Repeat pixels while the longer side is at most ``long``; from 48 on, leave some out."""
    sides = pixels.shape[1:3]
    longer = max(sides)
    for axis, side in zip((1, 2), sides, strict=True):
        new = side * max(1, long // longer) if longer <= 48 else max(1, side * 48 // longer)
        pixels = pixels.take(np.arange(new) * side // new, axis=axis)
    return pixels


def _fitted(images: np.ndarray, width: int, height: int) -> np.ndarray:
    """Lay images ``[n, h, w, c]`` uint8 out so that they fill a room of pixels, ``[…, …, 3]``."""
    n, h, w, _ = images.shape

    def scale(columns: int) -> float:
        return min(width / (columns * (w + 1) + 1), height / (-(-n // columns) * (h + 1) + 1))

    columns = max(range(1, n + 1), key=scale)
    canvas = Image.fromarray(montage(images, fill=1, columns=columns)).convert("RGB")
    factor = scale(columns)
    if factor >= 2 or 1 <= factor < 1.05:
        factor = math.floor(factor)  # whole pixels stay sharp
    if factor != 1:
        size = [max(1, int(side * factor)) for side in canvas.size]
        sharp = Image.Resampling.NEAREST if factor > 1 and factor == int(factor) else None
        canvas = canvas.resize(size, sharp or Image.Resampling.BILINEAR)
    return np.asarray(canvas)


def _smoothed(points: np.ndarray) -> np.ndarray:
    """Replace each value of ``[n, 2]`` points by the mean of its neighbours, n/40 on each side."""
    n = len(points)
    if n <= _FEW:
        return points
    here = np.arange(n)
    first, stop = np.maximum(here - n // 40, 0), np.minimum(here + n // 40 + 1, n)
    sums = np.concatenate([[0], np.cumsum(points[:, 1])])
    return np.column_stack([points[:, 0], (sums[stop] - sums[first]) / (stop - first)])


def _round_up(value: float) -> float:
    """Return the next round number that is not smaller; 0 for what is not above 0.

    Axis limits change rarely this way, and with them the kept bitmap.
    """
    if not value > 1e-300:
        return 0.0
    value = min(value, 1e300)
    power = 10.0 ** math.floor(math.log10(value))
    return power * next(n for n in (1, 1.5, 2, 3, 4, 6, 8, 10, 11) if n * power >= value)


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"
