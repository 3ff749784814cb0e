"""Training at full speed: many steps in a call of a graph, yet a view moves and a stop works."""

import contextlib
import signal
import sys
import threading
from time import perf_counter

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from libs import SEED, validate

_CALL = 0.15  # seconds that a call shall take, about
_DRAWN = 20_000  # random numbers in a step, above which XLA is the slower one on a CPU


class Rates(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule for any optimiser: the rate of each step, ``[steps]``; then the last one stays.

    >>> optimizer = keras.optimizers.Adam(Rates(np.linspace(0.01, 0, 500)))
    """

    def __init__(self, rates) -> None:
        self.rates = validate.finite(np.asarray(rates, np.float32), "rates")
        if self.rates.ndim != 1 or not len(self.rates):
            raise ValueError(f"rates must have shape [steps], got {list(self.rates.shape)}.")

    def __call__(self, step):
        """Return the rate of a step, counted from 0."""
        return tf.gather(self.rates, tf.minimum(tf.cast(step, tf.int32), len(self.rates) - 1))


class Trainer:
    """Train a Keras model, or any variables, as a loop over epochs and batches would.

    Each epoch has a new order, drawn from ``seed``; what doesn't fill a batch is left out.
    ``step``, ``seconds`` and ``losses`` tell of all steps so far: how many, how long, with tracing,
    and a list of the loss of each. Wrong arguments raise TypeError or ValueError.

    Parameters
    ----------
    model : keras.Model or list of variables
    loss : callable
        ``loss(labels, answers)`` of a model, whose own losses are added; ``loss(*batch)`` of
        variables. One number, or several, whose mean counts.
    optimizer : keras.optimizers.Optimizer
        A new one; with a schedule, such as :class:`Rates`, or ``use_ema=True``, if you like.
    *data : array
        ``[n, …]`` each, float64 taken as float32; for a model, images and labels.
    batch : int
        Rows in a step.
    augment : (callable, callable), optional
        ``draw(rng, (steps, batch))`` returns an epoch's random numbers, ``[steps, …]``;
        ``change(images, drawn)`` changes a batch of the first array by its step's.
    xla : bool, optional
        Whether XLA compiles the graph; by default not with convolutions or many random numbers.

    Examples
    --------
    >>> from libs.dashboard import Dashboard
    >>> W, x = tf.Variable(0.0), np.ones(100)
    >>> trainer = Trainer([W], lambda x: (W - 3 * x) ** 2, keras.optimizers.SGD(0.1), x, batch=10)
    >>> trainer.train(epochs=2, view=Dashboard(title="a mean"))
    >>> trainer.step, round(float(W), 2)
    (20, 2.97)
    """

    def __init__(
        self, model, loss, optimizer, *data, batch=100, augment=None, xla=None, seed: int = SEED
    ) -> None:
        self._model = model if isinstance(model, keras.Model) else None
        self._loss = keras.losses.get(loss)
        self.variables = model.trainable_variables if self._model else list(model)
        if not self.variables or not all(hasattr(v, "assign") for v in self.variables):
            raise ValueError("model has no variables to train. Does it begin with keras.Input?")
        arrays = [np.asarray(array) for array in data]
        lengths = [len(array) if array.ndim else 0 for array in arrays]
        if len(set(lengths)) != 1 or lengths[0] < validate.whole(batch, "batch"):
            raise ValueError(f"data must be arrays of one length, {batch} or more, got {lengths}.")
        if self._model and len(data) != 2:
            raise ValueError(f"data of a model are images and labels, got {len(data)} arrays.")
        self._optimizer = keras.optimizers.get(optimizer)
        if self._optimizer.built:
            raise ValueError("optimizer has been used before. Make a new one.")
        self._optimizer.build(self.variables)
        self._data = [tf.constant(np.float32(a) if a.dtype == "f8" else a) for a in arrays]
        self._draw, self._change = augment or (None, None)
        self._shape, self._rng = (lengths[0] // batch, batch), np.random.default_rng(seed)
        self._shuffle()
        compiled = not self._slow_by_xla() if xla is None else xla
        self._graph = tf.function(self._steps, jit_compile=compiled, autograph=False)
        self.losses, self.step, self.seconds = [], 0, 0.0
        self._run, self._size = None, 1  # steps in the next call

    def train(self, epochs: int | None = None, steps: int | None = None, view=None, each=None):
        """Train so many epochs, or so many steps; another call goes on from there.

        The stop button and Ctrl+C raise KeyboardInterrupt between two calls of the graph; then,
        too, another call goes on from ``step``. A new ``libs.dashboard.Dashboard`` as ``view``
        watches, else a progress bar; False shows nothing. ``each()`` is called after each epoch.
        """
        if (epochs is None) == (steps is None):
            raise ValueError("say how many epochs, or how many steps, one of the two.")
        total = steps if epochs is None else validate.whole(epochs, "epochs") * self._shape[0]
        begin, total = self.step, validate.whole(total, "steps")
        bar = tqdm(total=total, unit="step", file=sys.stdout, delay=0.5, disable=view is not None)
        with _between_calls() as stopped, bar, view or contextlib.nullcontext():
            if view:
                view.total = total
            while self.step < begin + total and not stopped:
                losses = self._call(begin + total - self.step)
                bar.update(len(losses))
                if view:
                    view.update(self.step - begin, losses)
                if each and self.step % self._shape[0] == 0:
                    each()

    @contextlib.contextmanager
    def averaged(self):
        """Within ``with``, the weights are their moving averages; then the last ones again."""
        if not self._optimizer.use_ema:
            raise ValueError("optimizer keeps no averages. Make it with use_ema=True.")
        last = [variable.numpy() for variable in self.variables]
        self._optimizer.finalize_variable_values(self.variables)
        try:
            yield
        finally:
            for variable, value in zip(self.variables, last, strict=True):
                variable.assign(value)

    def _shuffle(self) -> None:
        """Draw which rows each step of an epoch takes, and how they are changed."""
        order = self._rng.permutation(len(self._data[0]))[: np.prod(self._shape)]
        self._order = tf.constant(order.reshape(self._shape), tf.int32)
        self._drawn = tf.constant(self._draw(self._rng, self._shape)) if self._draw else None

    def _call(self, most: int) -> np.ndarray:
        """Take the next steps, at most so many; return their losses."""
        at = self.step % self._shape[0]
        if self.step and not at:
            self._shuffle()
        end, began = min(at + self._size, at + most, self._shape[0]), perf_counter()
        arguments = self._data, self._order, self._drawn, tf.constant([at, end])
        # traced for all calls: otherwise TensorFlow warns of the fifth Trainer
        self._run = self._run or self._graph.get_concrete_function(*arguments)
        losses = self._run(*arguments).numpy()[at:end]
        seconds = perf_counter() - began
        # the call that traced says nothing, and one pause of the machine little
        fits = len(losses) * _CALL / seconds if self.step else 8
        self._size = int(np.clip(fits, max(1, self._size / 4), 8 * self._size))
        self.step, self.seconds = self.step + len(losses), self.seconds + seconds
        self.losses += losses.tolist()
        return losses

    def _loss_at(self, data, order, drawn, i):  # data: a graph never lets go of what it captured
        x, *others = (tf.gather(array, order[i]) for array in data)
        if drawn is not None:
            x = self._change(x, drawn[i])
        if self._model is None:
            return tf.reduce_mean(self._loss(x, *others))
        answers = self._model(x, training=True)
        return tf.reduce_mean(self._loss(*others, answers)) + sum(self._model.losses)

    def _steps(self, data, order, drawn, span):  # from span[0] to before span[1]; all losses, or 0
        def step(i, losses):
            with tf.GradientTape() as tape:
                loss = self._loss_at(data, order, drawn, i)
            self._optimizer.apply(tape.gradient(loss, self.variables), self.variables)
            return i + 1, losses.write(i, tf.cast(loss, tf.float32))

        losses = tf.TensorArray(tf.float32, order.shape[0], element_shape=[])
        return tf.while_loop(lambda i, _: i < span[1], step, (span[0], losses))[1].stack()

    def _slow_by_xla(self) -> bool:
        """Whether a step holds what XLA is slow at on a CPU."""
        step = tf.function(self._loss_at, autograph=False)
        step = step.get_concrete_function(self._data, self._order, self._drawn, 0)
        drawn = [op.outputs[0] for op in step.graph.get_operations() if "Random" in op.type]
        many = sum(numbers.shape.num_elements() or 0 for numbers in drawn) > _DRAWN
        return many or 'op: "Conv' in str(step.graph.as_graph_def())


@contextlib.contextmanager
def _between_calls():
    """Hold an interruption back until the body ends, a second one not; yield a list of them."""
    stopped, before = [], signal.getsignal(signal.SIGINT)

    def stop(number, frame):
        stopped.append(number)
        if len(stopped) > 1:
            before(number, frame)

    held = callable(before) and threading.current_thread() is threading.main_thread()
    if held:
        signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        if held:
            signal.signal(signal.SIGINT, before)
    if stopped:
        raise KeyboardInterrupt
