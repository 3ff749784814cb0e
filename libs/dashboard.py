"""A live view of training: curves, weights, the current batch, and mistakes on held-out images.

Looking must not slow training down, so the dashboard works to a budget. Every update is recorded,
which costs microseconds; tensors are read only when a picture is due. Held-out images are
predicted, and the picture redrawn, only when the time spent on the dashboard so far, together
with what it still needs, is a small share of the time since training began. The axes are drawn
once and kept as a bitmap; a redraw adds lines, numbers and images to it.
"""

import io
import math
import operator
from time import perf_counter

import keras
import numpy as np
import tensorflow as tf
from IPython import get_ipython
from IPython.display import display
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

# Shares of the training time: measuring (held-out predictions, spread of the parameters),
# reading Keras' metrics, and all together, the last picture included.
_MEASURING, _READING, _BUDGET = 0.02, 0.01, 0.07
# Recorded points beyond these are thinned out.
_POINTS, _MEASURES = 3000, 1000
# Held-out images that are predicted, and parameters whose spread is taken, at most.
_HELD_OUT, _SAMPLE = 1000, 20_000
# Training curves of more points than these are smoothed as well.
_FEW = 60
_KINDS = ("weights", "biases")
# Images of a batch that are shown, at most.
_SHOWN = 100
# Percentage of the parameters below each line of their panel.
_LEVELS = (0, 5, 25, 50, 75, 95, 100)

# The picture, in pixels: its size, and left and upper edges, widths and height of the panels.
_WIDTH, _HEIGHT = 1000, 684
_LEFT, _TOP, _WIDTHS, _TALL = (52, 364, 640), (74, 376), (246, 246, 350), 262
_GAP = 1  # between images
_GREY, _RED = "#666666", "#B03A00"
_RED_INK, _RED_TINT, _RED_PAPER = (176, 48, 0), (255, 222, 204), (120, 30, 0)
_LAYOUT = (("accuracy", "weights"), ("loss", "biases"), ("batch", "gallery"))  # by column
_HINT = "On red, a mistake: the predicted label, then the true one."
_BANDS = "  ·  bands: the middle 50 %, 90 %, all"


class Dashboard:
    """Watch a training loop: accuracy, loss, parameters, the batch, and mistakes.

    In a notebook the picture is redrawn in place while the loop runs. Elsewhere only the last
    one is shown, and a plain script shows none. All of it together takes about 7 % of the
    training time, so a slower model is redrawn less often; a training of under two seconds or so
    shows the last picture only.

    Parameters
    ----------
    valid : libs.datasets.Split or pair of arrays
        Held-out images ``[n, ...]`` and labels, ``[n, classes]`` one-hot or ``[n]`` whole
        numbers. At most 1,000 of them, evenly spread, are used.
    predict : callable
        Takes images as they are in ``valid``, ``[m, ...]``, and returns ``[m, classes]``
        probabilities, or logits if ``from_logits``. It must not draw random numbers, because
        how often it is called depends on the machine.
    image_shape : tuple of int
        ``(height, width)``, ``(height, width, 1)`` or ``(height, width, 3)``.
    class_names : list of str, optional
        One name per class; by default their numbers.
    total : int, optional
        The last step, if it is known: sets the horizontal axes and a progress bar.
    title : str
        What is trained.
    from_logits : bool
        Whether ``predict`` returns logits rather than probabilities. The validation loss is the
        mean cross-entropy in nats, of probabilities clipped at 1e-7 as Keras does.

    Attributes
    ----------
    picture : libs.notebook.Picture or None
        The latest drawing.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If ``valid`` is empty or doesn't fit ``image_shape``, ``predict`` or ``class_names``.

    References
    ----------
    M. Görner, *TensorFlow and deep learning, without a PhD*, 2016 (the idea of the six panels).

    Examples
    --------
    >>> valid = np.zeros((4, 6), np.float32), np.array([0, 1, 0, 1])
    >>> with Dashboard(valid, lambda x: np.full((4, 2), 0.5), image_shape=(2, 3)) as board:
    ...     for step in range(1, 4):
    ...         board.update(step, loss=1 / step)
    >>> board.history["steps"], board.history["valid_accuracy"]
    (array([1, 2, 3]), array([0.5, 0.5]))
    """

    def __init__(
        self,
        valid,
        predict,
        image_shape=(28, 28),
        class_names=None,
        total: int | None = None,
        title: str = "",
        from_logits: bool = False,
    ) -> None:
        if total is not None and (total := _whole(total, "total")) < 1:
            raise ValueError(f"total must be at least 1, the last step, got {total}.")
        self.picture = None
        self._held_out = _HeldOut(valid, predict, image_shape, class_names, from_logits)
        self._view = _View(title, total, self._held_out)
        self._curve = _Series(3, _POINTS)  # step, loss, accuracy
        self._valid = _Series(3, _MEASURES)  # the same of held-out images
        self._spreads = {kind: _Series(1 + len(_LEVELS), _MEASURES) for kind in _KINDS}
        self._counts = dict.fromkeys(_KINDS, 0)
        self._step = self._measured = None
        self._batch = None
        self._parameters = None
        self._handle = None
        self._finished = False
        self._spent = 0.0
        self._due = -math.inf
        began = perf_counter()
        self._measure()
        self._measuring = _Chore(_MEASURING, cost=perf_counter() - began)
        # a guess for a common laptop; the first drawing, which builds the axes, tells too much
        self._drawing = _Chore(_BUDGET - _MEASURING - _READING, cost=0.06)

    def __enter__(self) -> "Dashboard":
        return self

    def __exit__(self, kind, error, trace) -> None:
        # what went wrong in the block may go wrong again in predict: then draw what is known
        self._close(measure=kind is None)

    def update(self, step: int, loss=None, accuracy=None, batch=None, parameters=None) -> None:
        """Record one training step, and redraw if it is time.

        Parameters
        ----------
        step : int
            Number of the step; it grows from one update to the next.
        loss, accuracy : float, scalar array or tensor, optional
            Of the current batch; accuracy in ``[0, 1]``. NaN and infinities are shown as what
            they are. Tensors are read later, when a picture is due.
        batch : array or tensor, optional
            The images of the batch, ``[n, ...]``; the first hundred are shown.
        parameters : dict of str to array, tensor or variable, optional
            Weights (two or more axes) and biases (one axis), whose spread is shown.

        Raises
        ------
        TypeError
            If ``step`` is not a whole number, ``loss`` or ``accuracy`` not a number, or
            ``parameters`` not a dict.
        ValueError
            If ``step`` did not grow, the dashboard is finished, or a shape does not fit.
        """
        began = perf_counter()
        step = step if type(step) is int else _whole(step, "step")
        first = self._step is None
        if not first and step <= self._step:
            raise ValueError(
                f"step must grow from one update to the next, got {step} after {self._step}. "
                f"In a second epoch, count on from the first."
            )
        if self._finished:
            raise ValueError(
                f"update(step={step}, …) comes after finish(). Make a new Dashboard to go on."
            )
        if batch is not None:
            if self._batch is None:
                self._held_out.check_batch(batch)
            self._batch = batch
        if parameters is not None:
            if not isinstance(parameters, dict):
                raise TypeError(
                    f"parameters must be a dict such as {{'W': W, 'b': b}}, "
                    f"got {type(parameters).__name__}."
                )
            self._parameters = parameters
        self._curve.add((step, loss, accuracy))
        self._step = step
        due = began >= self._due
        if due:
            self._begin(began) if first else self._work(began)
        self._spent += perf_counter() - began
        if due:
            self._plan()

    def finish(self) -> None:
        """Measure and draw a last time, and show the picture; called again, do nothing."""
        self._close(measure=True)

    @property
    def history(self) -> dict[str, np.ndarray]:
        """What was recorded.

        ``steps`` (int), ``loss`` and ``accuracy`` hold one entry per update, NaN where none was
        given; ``valid_steps`` (int), ``valid_loss`` and ``valid_accuracy`` one per measurement
        on the held-out images, the first at step 0, before training. Of a long training, entries
        are thinned out evenly to a few thousand; the first and the last stay.
        """
        history = {}
        for prefix, series in (("", self._curve), ("valid_", self._valid)):
            steps, loss, accuracy = series.array().T
            history[f"{prefix}steps"] = steps.astype(int)
            history[f"{prefix}loss"] = loss
            history[f"{prefix}accuracy"] = accuracy
        return history

    def _begin(self, now: float) -> None:
        """Start the clock, make room for the picture, look at the parameters."""
        self._started = now
        if _live():
            blank = _Drawing(np.full((1, 1, 3), 255, np.uint8), self._view.alt)
            self._handle = display(blank, display_id=True)
        self._look_at_parameters()
        self._measuring.due = now + self._measuring.cost / _MEASURING

    def _plan(self) -> None:
        """Decide when there is something to do again."""
        # this redraw, and the last one at the end, must fit into the budget
        need = self._spent + 2 * (self._measuring.cost + self._drawing.cost)
        self._redraw_at = max(self._drawing.due, self._started + need / _BUDGET)
        if self._handle is None:
            self._redraw_at = math.inf
        self._due = min(self._measuring.due, self._redraw_at)

    def _work(self, began: float) -> None:
        """Measure; redraw if that is due, too."""
        self._measure()
        now = perf_counter()
        self._measuring.done(began, now)
        if began >= self._redraw_at:
            self._draw()
            self._handle.update(self.picture)
            self._drawing.done(now, perf_counter())

    @np.errstate(all="ignore")  # a training that diverges is shown, not warned about
    def _measure(self) -> None:
        step = self._step or 0
        if step != self._measured:
            self._valid.add((step, *self._held_out.measure()))
            self._look_at_parameters()
            self._measured = step

    @np.errstate(all="ignore")
    def _look_at_parameters(self) -> None:
        """Take the spread of all weights together, and of all biases together."""
        kinds = {kind: [] for kind in _KINDS}
        for values in (self._parameters or {}).values():
            values = np.asarray(values)
            kinds["weights" if values.ndim > 1 else "biases"].append(values.ravel())
        for kind, arrays in kinds.items():
            if arrays:
                self._counts[kind] = sum(map(len, arrays))
                self._spreads[kind].add((self._step, *_spread(arrays)))

    @np.errstate(all="ignore")
    def _draw(self) -> None:
        frame = self._view.draw(
            curve=self._curve.array(),
            valid=self._valid.array(),
            spreads={kind: self._spreads[kind].array() for kind in _KINDS},
            counts=self._counts,
            batch=self._held_out.batch_pixels(self._batch),
            step=self._step or 0,
            elapsed=0 if self._step is None else perf_counter() - self._started,
            odd=self._oddities(),
        )
        self.picture = _Drawing(frame, self._view.alt)

    def _oddities(self) -> dict[str, str]:
        odd = {}
        for name, series in (("training", self._curve), ("validation", self._valid)):
            if series.odd is not None:
                what = "NaN" if math.isnan(series.odd[1]) else "infinite"
                odd[name] = f"{name} loss {what} at step {series.odd[0]:,.0f}"
        return odd

    def _close(self, measure: bool) -> None:
        if self._finished:
            return
        self._finished = True
        if measure:
            self._measure()
        self._draw()
        if self._handle is not None:
            self._handle.update(self.picture)
        elif get_ipython() is not None:
            display(self.picture)


class _Chore:
    """Something done now and then: what it costs, and when it is due again.

    Counted by itself, not only in total, so that a pause elsewhere earns no burst of it.
    """

    def __init__(self, share: float, cost: float) -> None:
        self._share, self._costs, self.due = share, (cost, cost), -math.inf

    @property
    def cost(self) -> float:
        """Seconds; the smaller of the last two, because one may have met a busy machine."""
        return min(self._costs)

    def done(self, began: float, now: float) -> None:
        self._costs = self._costs[1], now - began
        self.due = now + self.cost / self._share


class DashboardCallback(keras.callbacks.Callback):
    """The dashboard for ``model.fit``.

    Keras reports means since the epoch began; the curves show the mean since the point before,
    so that they do not lag. The metrics are read now and then, and at the end of each epoch; the
    training steps in between run as they would without a callback.

    Parameters
    ----------
    valid, image_shape, class_names, title
        As in :class:`Dashboard`.
    from_logits : bool, optional
        Whether the model returns logits; by default what its compiled loss says.
    train : libs.datasets.Split or array, optional
        Training images ``[n, ...]``: a hundred of them are shown, others at each redraw. (Keras
        doesn't show a callback the current batch.)

    Attributes
    ----------
    board : Dashboard
        Of the latest ``fit``.

    Examples
    --------
    >>> images, labels = np.zeros((4, 6), np.float32), np.array([0, 1, 0, 1])
    >>> model = keras.Sequential([keras.layers.Dense(2, activation="softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> watch = DashboardCallback(valid=(images, labels), image_shape=(2, 3))
    >>> _ = model.fit(images, labels, epochs=3, callbacks=[watch], verbose=0)
    >>> watch.board.history["steps"]
    array([1, 2, 3])
    """

    def __init__(
        self,
        valid,
        image_shape=(28, 28),
        class_names=None,
        title: str = "",
        from_logits: bool | None = None,
        train=None,
    ) -> None:
        super().__init__()
        self._options = {"image_shape": image_shape, "class_names": class_names, "title": title}
        self._from_logits = from_logits
        self._valid = valid
        self._train = getattr(train, "images", train)
        if train is not None and not isinstance(self._train, np.ndarray):
            raise TypeError(
                f"train must be a Split or an array of images, got {type(train).__name__}."
            )
        self.board = None

    def on_train_begin(self, logs=None) -> None:
        """Forget the dashboard of an earlier ``fit``."""
        self.board = None

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Open the dashboard in the first epoch; note where the epoch begins."""
        if self.board is None:
            self._open(epochs=self.params["epochs"] - epoch)
        self._epoch_start = self._step
        # steps of this epoch up to the last point, and what Keras reported there
        self._before = (0, {})

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        """Record the steps since the last point, if a measurement or a redraw is due."""
        self._begun = batch
        began = perf_counter()
        if batch and began >= min(self._reading.due, self.board._due):
            means = self.model.get_metrics_result()
            now = perf_counter()
            self._reading.done(began, now)
            self.board._spent += now - began
            self._record(batch, means)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Record the rest of the epoch."""
        steps = self.params.get("steps")
        if steps:
            done = min(self._begun + self.model.steps_per_execution, steps)
        else:  # that data of unknown length is at its end shows when the next batch has begun
            done = max(self._begun, 1)
        if done > self._before[0]:
            self._record(done, logs or {})

    def on_train_end(self, logs=None) -> None:
        """Measure and draw a last time."""
        if self.board is not None:
            self.board.finish()

    def _open(self, epochs: int) -> None:
        from_logits = self._from_logits
        if from_logits is None:
            config = getattr(self.model.loss, "get_config", dict)()
            from_logits = config.get("from_logits", False)
        steps = self.params.get("steps")
        self.board = Dashboard(
            self._valid,
            self._predict,
            total=steps * epochs if steps else None,
            from_logits=from_logits,
            **self._options,
        )
        self._reading = _Chore(_READING, cost=0.001)
        self._step = self._begun = self._shown = 0
        if self._train is not None:
            self.board._view.batch_title = "Training images, a sample"

    def _predict(self, images: np.ndarray) -> np.ndarray:
        # called directly: model.predict would trace a graph first; in parts, to save memory
        parts = np.array_split(images, math.ceil(len(images) / 500))
        return np.concatenate([self.model(part, training=False) for part in parts])

    def _record(self, done: int, means: dict) -> None:
        """Add the mean over the steps of this epoch that the last point did not cover."""
        accuracy = next((k for k in means if k.endswith("acc") or k.endswith("accuracy")), None)
        means = {k: float(means[k]) for k in ("loss", accuracy) if k in means}
        before, old = self._before
        new = {k: (done * m - before * old.get(k, 0.0)) / (done - before) for k, m in means.items()}
        self._before = (done, means)
        self._step = self._epoch_start + done
        batch = None
        if self._train is not None:
            batch = self._train[self._shown : self._shown + _SHOWN]
            self._shown = (self._shown + _SHOWN) % max(1, len(self._train) - _SHOWN)
        variables = {variable.path: variable for variable in self.model.trainable_variables}
        self.board.update(
            self._step, new.get("loss"), new.get(accuracy), batch=batch, parameters=variables
        )


class _Drawing(Picture):
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


class _Series:
    """Rows of numbers in order, thinned out evenly; the first and the last always stay."""

    def __init__(self, width: int, limit: int) -> None:
        self._width, self._limit = width, limit
        self._rows = []
        self._last = None  # if it is not among the rows
        self._seen, self._stride = 0, 1
        self._read = 0  # rows in which no tensor is left
        self.odd = None  # the first row whose second number is NaN or infinite

    def add(self, row: tuple) -> None:
        """Add a row; scalar tensors in it are read later."""
        if self._seen % self._stride == 0:
            self._rows.append(tuple(map(_number, row)))
            self._last = None
            if len(self._rows) > self._limit:
                self._rows = self._rows[::2]
                self._stride *= 2
                self._read = (self._read + 1) // 2
        else:
            self._last = row
        self._seen += 1

    def array(self) -> np.ndarray:
        """Return all rows, ``[n, width]`` float64; NaN where a value is None."""
        for i in range(self._read, len(self._rows)):
            self._rows[i] = self._resolve(self._rows[i])
        self._read = len(self._rows)
        rows = self._rows
        if self._last is not None:
            rows = [*rows, self._resolve(map(_number, self._last))]
        return np.array(rows, dtype=float).reshape(-1, self._width)

    def _resolve(self, row) -> tuple:
        row = tuple(map(_read, row))
        if self.odd is None and row[1] is not None and not math.isfinite(row[1]):
            self.odd = row
        return row


def _number(value):
    """Check one recorded value; leave a tensor on its device until it is read."""
    kind = type(value)
    if kind is float or kind is int or value is None:
        return value
    # a variable will have changed by the time it is read, an array may have
    later = isinstance(value, tf.Tensor)
    if later and not hasattr(value, "numpy"):
        raise TypeError(
            "loss and accuracy must be numbers, got a symbolic tensor: update was called inside "
            "a tf.function. Return the loss from it, and call update outside."
        )
    shape = tuple(getattr(value, "shape", ()))
    if math.prod(shape) != 1:
        raise ValueError(
            f"loss and accuracy must be one number each, got an array {list(shape)}. "
            f"Take its mean first, such as tf.reduce_mean(loss)."
        )
    return value if later else _read(value)


def _read(value) -> float | None:
    if value is None or isinstance(value, float):
        return value
    try:
        return float(np.asarray(value, dtype=float).reshape(()))
    except (TypeError, ValueError):
        raise TypeError(f"loss and accuracy must be numbers, got {type(value).__name__}.") from None


class _HeldOut:
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
        images = np.asarray(batch[:_SHOWN])
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


class _View:
    """The figure: axes drawn once and kept as a bitmap, what moves drawn on top of it."""

    def __init__(self, title: str, total: int | None, held_out: _HeldOut) -> None:
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
        panels |= {kind for kind in _KINDS if len(spreads[kind])}
        panels |= set() if batch is None else {"batch"}
        if panels != self._panels:
            self._build(panels, counts)

        self._draw_status(step, elapsed)
        self._artists["loss warning"].set_text("\n".join(odd.values()))
        self._draw_curves("loss", curve[:, [0, 1]], valid[:, [0, 1]], odd)
        self._draw_curves("accuracy", curve[:, [0, 2]], valid[:, [0, 2]], ())
        for kind in panels & set(_KINDS):
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
        if name in _KINDS:
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
        for outer in range(len(_LEVELS) // 2):
            band = self._artists[f"{kind} band {outer}"]
            band.set_data(steps, levels[:, outer], levels[:, -1 - outer])
        self._artists[f"{kind} median"].set_data(steps, levels[:, len(_LEVELS) // 2])
        self._set_ylim(kind, levels.min(), levels.max())

    def _set_ylim(self, name: str, low: float, high: float) -> None:
        low, high = _round_up(-low), _round_up(high)
        self._axes[name].set_ylim(-low, high if low or high else 1)


def _live() -> bool:
    """Whether there is a notebook in which a picture can be redrawn."""
    return hasattr(get_ipython(), "kernel")


def _whole(value, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"{name} must be a whole number, got {value!r} ({type(value).__name__})."
        ) from None


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


def _spread(arrays: list[np.ndarray]) -> np.ndarray:
    """Return the percentiles of all numbers together; the smallest and the largest are exact."""
    total = sum(map(len, arrays))
    step = -(-total // _SAMPLE)
    sample = np.concatenate([array[::step] for array in arrays]).astype(np.float32)
    if not np.isfinite(sample).all():
        return np.full(len(_LEVELS), np.nan)
    levels = np.percentile(sample, _LEVELS)
    levels[0] = min(float(array.min()) for array in arrays)
    levels[-1] = max(float(array.max()) for array in arrays)
    return levels


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
