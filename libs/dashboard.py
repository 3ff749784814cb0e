"""A live view of training: curves, weights, the current batch, and mistakes on held-out images.

Looking must not slow training down, so the dashboard works to a budget. Every update is recorded,
which costs microseconds; tensors are read only when a picture is due. Held-out images are
predicted, and the picture redrawn, only when the time spent on the dashboard so far, together
with what it still needs, is a small share of the time since training began. The axes are drawn
once and kept as a bitmap; a redraw adds lines, numbers and images to it.
"""

import math
import operator
from time import perf_counter

import keras
import numpy as np
import tensorflow as tf
from IPython import get_ipython
from IPython.display import display

from libs.dashboard_view import KINDS, LEVELS, SHOWN, Drawing, HeldOut, View

# Shares of the training time: measuring (held-out predictions, spread of the parameters),
# reading Keras' metrics, and all together, from the constructor to the last picture.
_MEASURING, _READING, _BUDGET = 0.012, 0.004, 0.06
# Recorded points beyond these are thinned out.
_POINTS, _MEASURES = 3000, 1000
# Parameters whose spread is taken, at most.
_SAMPLE = 20_000


class Dashboard:
    """Watch a training loop: accuracy, loss, parameters, the batch, and mistakes.

    In a notebook the picture is redrawn in place while the loop runs. Elsewhere only the last
    one is shown, and a plain script shows none. All of it together, from the
    constructor to the last picture, takes about 6 % of the training time, so a slower model is
    redrawn less often, and a training of a few seconds shows the last picture only.

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
        opened = perf_counter()
        if total is not None and (total := _whole(total, "total")) < 1:
            raise ValueError(f"total must be at least 1, the last step, got {total}.")
        self.picture = None
        self._held_out = HeldOut(valid, predict, image_shape, class_names, from_logits)
        self._view = View(title, total, self._held_out)
        self._curve = _Series(3, _POINTS)  # step, loss, accuracy
        self._valid = _Series(3, _MEASURES)  # the same of held-out images
        self._spreads = {kind: _Series(1 + len(LEVELS), _MEASURES) for kind in KINDS}
        self._counts = dict.fromkeys(KINDS, 0)
        self._step = self._measured = None
        self._batch = None
        self._parameters = None
        self._handle = None
        self._finished = False
        self._due = -math.inf
        began = perf_counter()
        self._measure()
        self._measuring = _Chore(_MEASURING, cost=perf_counter() - began, ramp=4)
        # a guess: the first drawing takes longer, because it builds the axes, later ones less
        self._drawing = _Chore(_BUDGET - _MEASURING - _READING, cost=0.1)
        self._spent = perf_counter() - opened

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
            # as wide and high as the picture, at a quarter of its size: a page scales by shape
            blank = Drawing(np.full((171, 250, 3), 255, np.uint8), self._view.alt)
            self._handle = display(blank, display_id=True)
        self._look_at_parameters()
        self._measuring.wait(now)

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
        kinds = {kind: [] for kind in KINDS}
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
            spreads={kind: self._spreads[kind].array() for kind in KINDS},
            counts=self._counts,
            batch=self._held_out.batch_pixels(self._batch),
            step=self._step or 0,
            elapsed=0 if self._step is None else perf_counter() - self._started,
            odd=self._oddities(),
        )
        self.picture = Drawing(frame, self._view.alt)

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

    Each time counts by itself, not only the total, so that a pause elsewhere earns no burst. The
    first few of a ``ramp`` come sooner, because training moves fastest at its beginning.
    """

    def __init__(self, share: float, cost: float, ramp: int = 1) -> None:
        self._share, self._costs, self._ramp = share, (cost, cost), ramp
        self._times = 0
        self.due = -math.inf

    @property
    def cost(self) -> float:
        """Seconds; the smaller of the last two, because one may have met a busy machine."""
        return min(self._costs)

    def done(self, began: float, now: float) -> None:
        self._costs = self._costs[1], now - began
        self.wait(now)

    def wait(self, now: float) -> None:
        self._times += 1
        self.due = now + self.cost / self._share * min(1, self._times / self._ramp)


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
        self._reading = _Chore(_READING, cost=0.001, ramp=4)
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
            batch = self._train[self._shown : self._shown + SHOWN]
            self._shown = (self._shown + SHOWN) % max(1, len(self._train) - SHOWN)
        variables = {variable.path: variable for variable in self.model.trainable_variables}
        self.board.update(
            self._step, new.get("loss"), new.get(accuracy), batch=batch, parameters=variables
        )


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


def _spread(arrays: list[np.ndarray]) -> np.ndarray:
    """Return the percentiles of all numbers together; the smallest and the largest are exact."""
    total = sum(map(len, arrays))
    step = -(-total // _SAMPLE)
    sample = np.concatenate([array[::step] for array in arrays]).astype(np.float32)
    if not np.isfinite(sample).all():
        return np.full(len(LEVELS), np.nan)
    levels = np.percentile(sample, LEVELS)
    levels[0] = min(float(array.min()) for array in arrays)
    levels[-1] = max(float(array.max()) for array in arrays)
    return levels
