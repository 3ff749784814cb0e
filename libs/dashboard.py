"""A live view of training: curves, weights, training images, and mistakes on held-out images.

Looking must not slow training down: after each picture the dashboard rests, so that pictures take
a small share of the time. Between two of them an update costs microseconds.
"""

import math
from time import perf_counter

import keras
import numpy as np
from IPython import get_ipython
from IPython.display import display

from libs import validate
from libs.dashboard_view import LEVELS, SHOWN, View

_SHARE = 0.06  # of the time that pictures may take
_COST = 0.04  # seconds, a guess: the first picture takes longer than the others
_HELD_OUT = 1000  # images that are predicted, at most
_SAMPLE = 20_000  # parameters whose spread is taken, about


class Dashboard:
    """Watch a training loop: accuracy, loss, parameters, the batch, and mistakes.

    In a notebook the picture is redrawn in place; elsewhere nothing is shown. Arguments that are
    not as follows raise TypeError or ValueError.

    Parameters
    ----------
    valid : libs.datasets.Split
        Held-out images of 784 pixels, and their labels; at most 1,000, evenly spread, are used.
    predict : callable
        Takes images ``[m, 784]``, returns probabilities ``[m, classes]``. It must not draw random
        numbers, because how often it is called depends on the machine.
    total : int, optional
        The last step, if it is known: where the horizontal axes end.
    title : str
        What is trained.

    Attributes
    ----------
    picture : libs.dashboard_view.Frame
        The latest drawing.

    References
    ----------
    M. Görner, *TensorFlow and deep learning, without a PhD*, 2016 (the six panels).

    Examples
    --------
    >>> from libs.datasets import Dataset
    >>> valid = Dataset(np.zeros((4, 784)), np.array([0, 1, 0, 1])).train
    >>> with Dashboard(valid, lambda images: np.full((4, 2), 0.5)) as board:
    ...     for step in range(1, 4):
    ...         board.update(step, loss=1 / step)
    >>> board.history["steps"], board.history["valid_accuracy"][-1].item()
    (array([1, 2, 3]), 0.5)
    """

    def __init__(self, valid, predict, total: int | None = None, title: str = "") -> None:
        if not hasattr(valid, "images") or getattr(valid, "labels", None) is None:
            kind = type(valid).__name__
            raise TypeError(f"valid must be a Split with images and labels, got {kind}.")
        if not callable(predict):
            raise TypeError(f"predict must be a function, got {type(predict).__name__}.")
        _check_images(valid.images, "valid")
        # spread evenly, because a set may be sorted by class
        n = len(valid.images)
        chosen = np.linspace(0, n - 1, min(n, _HELD_OUT)).round().astype(int)
        self._images, labels = valid.images[chosen], np.asarray(valid.labels)[chosen]
        self._labels = labels.argmax(axis=1) if labels.ndim == 2 else labels.astype(int)
        self._predict = predict
        self._step = 0
        self._training, self._validation = [], []  # rows of step, loss, accuracy
        self._spreads = {"weights": [], "biases": []}
        self._batch, self._parameters = None, {}
        self._finished = False
        self._view = View(title, None if total is None else validate.whole(total, "total"))
        self._began = perf_counter()
        self._measure()
        self._draw()
        self._handle = display(self.picture, display_id=True) if _live() else None
        self._due, self._cost = self._began, _COST

    def __enter__(self) -> "Dashboard":
        return self

    def __exit__(self, kind, error, trace) -> None:
        # what went wrong in the block may go wrong again in predict: then draw what is known
        self.finish(measure=kind is None)

    def update(self, step: int, loss, accuracy=math.nan, batch=None, parameters=None) -> None:
        """Record one training step, and redraw if it is time.

        Arguments that are not as follows raise TypeError or ValueError.

        Parameters
        ----------
        step : int
            Number of the step; it grows from one update to the next.
        loss, accuracy : float, array or tensor of one number
            Of the current batch; accuracy in ``[0, 1]``, NaN if it is not known.
        batch : array or tensor, optional
            The images of the batch, ``[n, 784]``; the first 72 are shown.
        parameters : dict of str to array, tensor or variable, optional
            Weights (two or more axes) and biases (one axis), whose spread is shown.
        """
        if self._finished:
            raise ValueError("this dashboard is finished. Make a new Dashboard to go on.")
        if validate.whole(step, "step") <= self._step:
            raise ValueError(
                f"step must grow from one update to the next, got {step} after {self._step}. "
                f"In a second epoch, go on counting from the first."
            )
        if batch is not None:
            _check_images(batch, "batch")
        if not isinstance(parameters, dict | None):
            kind = type(parameters).__name__
            raise TypeError(f"parameters must be a dict such as {{'W': W, 'b': b}}, got {kind}.")
        self._training.append((step, _number(loss, "loss"), _number(accuracy, "accuracy")))
        self._step, self._batch, self._parameters = step, batch, parameters or {}
        began = perf_counter()
        if began >= self._due:
            self._measure()
            if self._handle:
                self._draw()
                self._handle.update(self.picture)
            now = perf_counter()
            # the smaller of two: one may have met a busy machine, or drawn new axes
            last, self._cost = self._cost, now - began
            self._due = now + min(last, self._cost) / _SHARE

    def finish(self, measure: bool = True) -> None:
        """Measure, unless told not to, and draw a last time; called again, do nothing."""
        if not self._finished:
            self._finished = True
            if measure:
                self._measure()
            self._draw()
            if self._handle:
                self._handle.update(self.picture)

    @property
    def history(self) -> dict[str, np.ndarray]:
        """What was recorded: one entry per update, and one per look at the held-out images.

        ``steps``, ``loss``, ``accuracy``; ``valid_steps``, ``valid_loss``, ``valid_accuracy``, the
        first of them at step 0, before training.
        """
        history = {}
        for prefix, rows in (("", self._training), ("valid_", self._validation)):
            steps, loss, accuracy = np.array(rows, float).reshape(-1, 3).T
            history[f"{prefix}steps"] = steps.astype(int)
            history |= {f"{prefix}loss": loss, f"{prefix}accuracy": accuracy}
        return history

    @np.errstate(all="ignore")  # a training that diverges is shown, not warned about
    def _measure(self) -> None:
        """Predict the held-out images, and take the spread of the parameters."""
        if self._validation and self._validation[-1][0] == self._step:
            return
        p = _check_probabilities(self._predict(self._images), self._labels)
        self._predicted = np.where(np.isnan(p).any(axis=1), -1, p.argmax(axis=1))
        # clipped as Keras does
        loss = -np.log(np.clip(p[np.arange(len(p)), self._labels], 1e-7, 1)).mean()
        accuracy = (self._predicted == self._labels).mean()
        self._validation.append((self._step, float(loss), float(accuracy)))
        arrays = [np.asarray(values) for values in self._parameters.values()]
        for kind, rows in self._spreads.items():
            numbers = [a.ravel() for a in arrays if (a.ndim > 1) == (kind == "weights")]
            if numbers:
                every = sum(map(len, numbers)) // _SAMPLE + 1
                sample = np.concatenate([values[::every] for values in numbers])
                rows.append((self._step, *np.percentile(sample, LEVELS)))

    @np.errstate(all="ignore")
    def _draw(self) -> None:
        self._view.draw_curves(self._training, self._validation)
        self._view.draw_spreads(self._spreads)
        self._view.draw_images(self._batch, self._images, self._predicted, self._labels)
        self.picture = self._view.frame(self._step, perf_counter() - self._began)


class DashboardCallback(keras.callbacks.Callback):
    """The dashboard for ``model.fit``.

    Keras reports means since the epoch began; the curves show the mean since the report before,
    so that they do not lag. Keras doesn't show a callback the current batch: others of the
    training images are shown at each redraw.

    Parameters
    ----------
    valid, train : libs.datasets.Split
        Held-out images as in :class:`Dashboard`, and training images.

    Attributes
    ----------
    board : Dashboard
        Of the latest ``fit``; ``board.history`` holds the curves.
    """

    def __init__(self, valid, train) -> None:
        super().__init__()
        self._valid, self._train = valid, train.images
        self.board = None

    def on_train_begin(self, logs=None) -> None:
        """Open a new dashboard."""
        loss = getattr(self.model.loss, "get_config", dict)()
        self._logits = loss.get("from_logits", False)
        self._step = 0
        steps = self.params["steps"]
        total = steps * self.params["epochs"] if steps else None
        self.board = Dashboard(self._valid, self._predict, total)

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Note where the epoch begins."""
        self._done, self._means = 0, {}  # steps of this epoch, and what Keras reported of them

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Record the steps since the last report."""
        done = min(batch + 1, self.params["steps"] or batch + 1)  # Keras counts whole executions
        new = {
            name: (done * mean - self._done * self._means.get(name, 0)) / (done - self._done)
            for name, mean in logs.items()
        }
        self._step += done - self._done
        self._done, self._means = done, dict(logs)
        accuracy = next((new[name] for name in new if name.endswith(("acc", "accuracy"))), math.nan)
        start = self._step % max(1, len(self._train) - SHOWN)
        variables = {variable.path: variable for variable in self.model.trainable_variables}
        images = self._train[start : start + SHOWN]
        self.board.update(self._step, new["loss"], accuracy, images, variables)

    def on_train_end(self, logs=None) -> None:
        """Measure and draw a last time."""
        self.board.finish()

    def _predict(self, images: np.ndarray) -> np.ndarray:
        # called directly: model.predict would trace a graph first; in two parts, to save memory
        halves = [self.model(half, training=False) for half in np.array_split(images, 2)]
        scores = keras.ops.concatenate(halves)
        return keras.ops.softmax(scores) if self._logits else scores


def _live() -> bool:
    """Whether there is a notebook in which a picture can be redrawn."""
    return hasattr(get_ipython(), "kernel")


def _number(value, name: str) -> float:
    try:
        return value if type(value) is float else float(np.asarray(value).item())
    except (TypeError, ValueError, NotImplementedError):
        raise TypeError(
            f"{name} must be one number, got {type(value).__name__}. If there are many, take their "
            f"mean; inside a tf.function, return it and call update outside."
        ) from None


def _check_images(images, name: str) -> None:
    shape = tuple(getattr(images, "shape", ()))
    if math.prod(shape[1:]) != 784 or shape[0] == 0:
        raise ValueError(f"{name} must hold images of 784 pixels, [n, 784], got {list(shape)}.")


def _check_probabilities(answer, labels: np.ndarray) -> np.ndarray:
    """Return what predict made of the held-out images, ``[n, classes]``; NaN may be among it."""
    p = validate.numeric(answer, "what predict returns")
    if p.ndim != 2 or len(p) != len(labels) or p.shape[1] <= labels.max():
        raise ValueError(
            f"predict must return [{len(labels)}, classes] for {len(labels)} images with labels "
            f"up to {labels.max()}, got {list(p.shape)}."
        )
    if (p < 0).any() or (np.abs(p.sum(axis=1) - 1) > 0.01).any():
        raise ValueError(
            "predict must return probabilities, at least 0 and summing to 1 for each image, got "
            f"{np.nanmin(p):.4g} to {np.nanmax(p):.4g}. Return tf.nn.softmax(logits)."
        )
    return p
