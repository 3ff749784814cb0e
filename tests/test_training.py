"""The trainer: the same steps as a loop by hand, whatever its parts; stopped, and gone on with."""

import contextlib
import gc
import os
import signal
import threading
import weakref
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from libs import training
from libs.dashboard import Dashboard
from libs.training import Rates, Trainer

RNG = np.random.default_rng(0)
IMAGES = RNG.random((70, 6), dtype=np.float32)
LABELS = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 70)]


def cross_entropy(labels, scores):
    return tf.nn.softmax_cross_entropy_with_logits(labels, scores)


def network(*layers):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(3)])


def trainer(model=None, optimizer=None, **options):
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    model = network() if model is None else model
    return Trainer(model, cross_entropy, optimizer, IMAGES, LABELS, **{"batch": 10} | options)


def by_hand(model, optimizer, epochs, batch=10, seed=42, change=None):
    """Train with a loop over epochs and batches; return the losses."""
    rng, losses = np.random.default_rng(seed), []
    for _ in range(epochs):
        order = rng.permutation(len(IMAGES))[: len(IMAGES) // batch * batch].reshape(-1, batch)
        drawn = rng.random((len(order), batch, 1)) if change else [None] * len(order)
        for rows, numbers in zip(order, drawn, strict=True):
            x = change(IMAGES[rows], numbers.astype(np.float32)) if change else IMAGES[rows]
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(cross_entropy(LABELS[rows], model(x, training=True)))
                loss += sum(model.losses)
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            losses.append(float(loss))
    return losses


def same(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


KINDS = {
    "dense": lambda: [],
    "batch norm": lambda: [
        keras.layers.Dense(4, use_bias=False),
        keras.layers.BatchNormalization(),
    ],
    "its own loss": lambda: [keras.layers.Dense(4, kernel_regularizer="l2")],
    "convolution": lambda: [
        keras.layers.Reshape((6, 1)),
        keras.layers.Conv1D(2, 3),
        keras.layers.Flatten(),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_the_steps_of_a_loop_by_hand(kind):
    ours, theirs = network(*KINDS[kind]()), network(*KINDS[kind]())
    rates = Rates(np.linspace(0.1, 0, 20))
    one = trainer(ours, keras.optimizers.Adam(rates), batch=16)
    one.train(epochs=3)
    losses = by_hand(theirs, keras.optimizers.Adam(rates), 3, batch=16)
    assert one.step == len(one.losses) == 3 * 4  # 70 images, the last 6 left out
    np.testing.assert_allclose(one.losses, losses, rtol=1e-4)
    same(ours, theirs)


def test_images_are_changed_by_what_was_drawn():
    def draw(rng, shape):
        return rng.random((*shape, 1)).astype(np.float32)

    ours, theirs = network(), network()
    one = trainer(ours, augment=(draw, lambda x, drawn: x * drawn))
    one.train(epochs=2)
    by_hand(theirs, keras.optimizers.SGD(0.1), 2, change=lambda x, drawn: x * drawn)
    same(ours, theirs)


def test_variables_and_a_loss_of_any_batch():
    W, centre = tf.Variable(tf.zeros(6)), IMAGES.mean(axis=0)
    one = Trainer(
        [W], lambda x: tf.square(x - W), keras.optimizers.SGD(0.5), np.float64(IMAGES), batch=70
    )
    one.train(steps=100)
    np.testing.assert_allclose(W.numpy(), centre, rtol=1e-3)
    assert one.losses[-1] == pytest.approx(IMAGES.var(axis=0).mean(), rel=1e-3)


WHOLE = {}


@given(parts=st.lists(st.integers(1, 9), min_size=1, max_size=5), call=st.sampled_from([0, 9]))
@settings(max_examples=8, deadline=None)
def test_however_it_is_cut_into_calls_it_is_the_same_training(parts, call):
    """Calls of train, and of the graph, of any length: a property that a stop relies on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_CALL", call)  # one step a call of the graph, or as many as fit
        if not WHOLE:
            WHOLE["trainer"] = trainer(xla=False)
            WHOLE["trainer"].train(steps=45)
        cut = trainer(xla=False)
        for steps in parts:
            cut.train(steps=steps)
    assert cut.step == sum(parts)
    assert cut.losses == WHOLE["trainer"].losses[: cut.step]


def test_calls_of_any_length_are_compiled_once():
    one = trainer()
    one.train(steps=1)
    first = one.seconds
    for steps in range(2, 8):
        one.train(steps=steps)
    assert one.seconds - first < first


def test_many_trainers_leave_no_images_behind_and_no_warning(caplog):
    caplog.set_level("WARNING", "tensorflow")
    left = []
    for _ in range(6):
        one = trainer()
        one.train(steps=2, view=False)
        left += [weakref.ref(array) for array in one._data]
    del one
    gc.collect()
    assert [array() for array in left] == [None] * 12
    assert not caplog.records  # TensorFlow's, of a function traced again and again


def test_each_is_called_after_each_epoch_whichever_call_ends_it():
    seen, one = [], trainer()
    one.train(steps=5, each=lambda: seen.append(one.step))
    one.train(steps=4, each=lambda: seen.append(one.step))
    one.train(epochs=1, each=lambda: seen.append(one.step))
    assert seen == [7, 14]
    assert one.seconds > 0


@pytest.mark.parametrize("times", [1, 2])
def test_a_stop_leaves_what_it_says_and_another_call_goes_on(times):
    """One comes through between two calls of the graph, a second at once."""
    whole, one = trainer(), trainer()
    whole.train(epochs=4)
    before = signal.getsignal(signal.SIGINT)
    beyond = []

    def stop():
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        beyond.append(one.step)

    with pytest.raises(KeyboardInterrupt):
        one.train(epochs=4, each=stop)
    assert beyond == ([7] if times == 1 else [])
    assert signal.getsignal(signal.SIGINT) is before
    assert len(one.losses) == one.step == 7
    one.train(steps=21)
    assert one.losses == whole.losses
    same(*(trained._model for trained in (one, whole)))


def test_it_trains_in_a_thread_too():
    one = trainer()
    thread = threading.Thread(target=one.train, kwargs={"epochs": 1})
    thread.start()
    thread.join()
    assert one.step == 7


def test_a_view_sees_every_loss_and_how_many_there_will_be():
    valid = SimpleNamespace(images=np.zeros((3, 784)), labels=np.arange(3))
    one = trainer()
    one.train(steps=3)
    with Dashboard(valid, lambda images: np.eye(3)) as view:
        one.train(epochs=2, view=view)
    assert view.total == 14
    assert view.history["steps"].tolist() == list(range(1, 15))
    np.testing.assert_array_equal(view.history["loss"], one.losses[3:])


def test_a_stopped_training_finishes_its_view():
    one, view = trainer(), Dashboard()
    with pytest.raises(KeyboardInterrupt):
        one.train(epochs=2, view=view, each=lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(ValueError, match="finished"):
        view.update(99, 1.0)


def test_averages_for_a_while():
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    model = network()
    one = trainer(model, optimizer)
    one.train(steps=1)
    last = model.get_weights()
    one.train(steps=1)
    end = model.get_weights()
    with one.averaged(), contextlib.suppress(ZeroDivisionError):
        for average, a, b in zip(model.get_weights(), last, end, strict=True):
            np.testing.assert_allclose(average, (a + b) / 2, rtol=0.5, atol=0.05)
            assert not np.array_equal(average, b)
        _ = 1 / 0
    for a, b in zip(model.get_weights(), end, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="use_ema=True"), trainer().averaged():
        pass


def test_xla_where_it_is_the_faster_one():
    def compiles(*layers):
        return trainer(network(*layers))._graph._jit_compile

    assert compiles()
    assert compiles(keras.layers.Dropout(0.5))  # a few numbers
    assert not compiles(keras.layers.Dense(5000), keras.layers.Dropout(0.5))
    assert not compiles(*KINDS["convolution"]())
    assert not trainer(xla=False)._graph._jit_compile


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20), st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_rates_are_those_of_their_steps(rates, step):
    expected = rates[min(step, len(rates) - 1)]
    assert float(Rates(rates)(tf.constant(step))) == np.float32(expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rates([]), r"rates must have shape \[steps\], got \[0\]"),
        (lambda: Rates([[1.0]]), r"got \[1, 1\]"),
        (lambda: Rates([1.0, np.nan]), r"rates must be finite"),
        (lambda: trainer(keras.Sequential([keras.layers.Dense(3)])), r"keras.Input"),
        (lambda: trainer([]), r"no variables to train"),
        (lambda: trainer([np.zeros(3)]), r"no variables to train"),
        (lambda: trainer(batch=71), r"one length, 71 or more, got \[70, 70\]"),
        (lambda: trainer(batch=0), r"batch must be a whole number"),
        (lambda: trainer(batch=2.5), r"batch must be a whole number"),
        (
            lambda: Trainer(network(), cross_entropy, "sgd", IMAGES, LABELS[:9]),
            r"one length, 100 or more, got \[70, 9\]",
        ),
        (lambda: Trainer(network(), cross_entropy, "sgd", IMAGES, batch=10), r"images and labels"),
        (lambda: Trainer(network(), cross_entropy, "sgd"), r"got \[\]"),
        (lambda: trainer(optimizer=trainer()._optimizer), r"used before. Make a new one"),
        (lambda: Trainer(network(), "mse", "sgd", IMAGES, None), r"100 or more, got \[70, 0\]"),
        (lambda: Trainer(network(), 3, "sgd", IMAGES, LABELS), r"(?i)could not interpret loss"),
        (lambda: trainer().train(), r"how many epochs, or how many steps"),
        (lambda: trainer().train(epochs=1, steps=1), r"one of the two"),
        (lambda: trainer().train(epochs=0), r"epochs must be a whole number"),
        (lambda: trainer().train(steps=-1), r"steps must be a whole number"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
