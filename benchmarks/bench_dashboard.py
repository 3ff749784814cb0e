"""Training with the dashboard beside the same training without it.

The dashboard believes that it is in a notebook: it writes all that a page would get. What is timed
includes its construction and the film in the end. How soon the first picture came, and how often
another, is told too.
"""

from libs import dashboard
from libs.datasets import MNIST
from libs.notebook import start
from libs.training import Trainer

# isort: split
import json
import time
from functools import partial
from types import SimpleNamespace
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from benchmarks import race, row

_SECONDS = 6  # that a training without the dashboard shall take, about
_RATE = 0.5


class Page:
    """A notebook page that nobody looks at: takes what each picture needs, and counts them."""

    model_id = "page"
    pictures, first = 0, []

    def __init__(self, film, sheet) -> None:
        json.dumps([film, sheet])
        Page.first.append(time.perf_counter())

    def __setattr__(self, name, film) -> None:
        json.dumps(film)
        Page.pictures += 1

    def close(self) -> None:
        """Go away."""


class Output:
    """Where the film is put in the end."""

    def update(self, film) -> None:
        """Take the film."""
        film._repr_html_()


def steps_in(seconds: float, train) -> int:
    """Return how many steps ``train(steps)`` makes in some seconds on this machine."""
    train(100)  # traces
    began = time.perf_counter()
    train(500)
    return round(500 * seconds / (time.perf_counter() - began))


def softmax(data):
    """Return a hand-written training of 784-10: ``train(steps, watched)`` returns weights."""
    W, b = tf.Variable(tf.zeros((784, 10))), tf.Variable(tf.zeros(10))

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            logits = x @ W + b
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, logits))
        for variable, gradient in zip((W, b), tape.gradient(loss, (W, b)), strict=True):
            variable.assign_sub(_RATE * gradient)
        hits = tf.equal(tf.argmax(logits, axis=1), tf.argmax(y, axis=1))
        return loss, tf.reduce_mean(tf.cast(hits, tf.float32))

    predict = tf.function(lambda x: tf.nn.softmax(x @ W + b))
    batches = list(data.train.next_batch(100))

    def train(steps: int, watched: bool = False):
        W.assign(tf.zeros_like(W))
        b.assign(tf.zeros_like(b))
        board = dashboard.Dashboard(data.valid, predict, total=steps) if watched else None
        for i in range(1, steps + 1):
            x, y = batches[i % len(batches)]
            loss, accuracy = step(x, y)
            if watched:
                board.update(i, loss, accuracy)
        if watched:
            board.finish()
        return W.numpy()

    return train


def with_fit(data):
    """Return a training of 784-300-10 by ``model.fit``, like :func:`softmax`."""
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(300, "relu"),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    begin = model.get_weights()
    an_epoch = 100

    def train(steps: int, watched: bool = False):
        model.set_weights(begin)
        images, labels = data.train.images[: 100 * an_epoch], data.train.labels[: 100 * an_epoch]
        model.fit(
            images,
            labels,
            batch_size=100,
            epochs=max(1, steps // an_epoch),
            shuffle=False,
            callbacks=[dashboard.Dashboard(data.valid, model)] if watched else None,
            verbose=0,
        )
        return model.get_weights()[0]

    return train


def with_trainer(data):
    """Return a training of 784-300-10 by `libs.training`, like :func:`softmax`."""
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(300, "relu")])
    model.add(keras.layers.Dense(10))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(0.1)
    trainer = Trainer(model, loss, optimizer, data.train.images, data.train.labels)
    begin = model.get_weights()

    def train(steps: int, watched: bool = False):
        model.set_weights(begin)
        trainer._rng, trainer.step = np.random.default_rng(0), 0
        trainer._shuffle()
        view = None
        if watched:
            view = dashboard.Dashboard(data.valid, lambda x: tf.nn.softmax(model(x)))
        trainer.train(steps=steps, view=view)
        return model.get_weights()[0]

    return train


def rows() -> list[dict]:
    """Time the trainings with and without, and check that watching changes no weight."""
    start()
    data = MNIST()
    found = []
    with mock.patch.multiple(
        dashboard,
        get_ipython=lambda: SimpleNamespace(kernel=True),
        _Page=Page,
        display=lambda *bundle, **options: Output(),
    ):
        for name, prepare in (
            ("softmax 784-10, own loop", softmax),
            ("784-300-10, Keras fit", with_fit),
            ("784-300-10, the trainer", with_trainer),
        ):
            train = prepare(data)
            steps = steps_in(_SECONDS, train)
            np.testing.assert_array_equal(train(300, watched=True), train(300))
            what, peer = f"{name}, with the dashboard", "without"
            Page.pictures = 0
            began = time.perf_counter()
            dashboard.Dashboard(data.valid, lambda images: np.full((len(images), 10), 0.1))
            found.append(
                row(f"{name}, to the first picture", Page.first[-1] - began, "wanted", 1, 1)
            )
            seconds = race({what: partial(train, steps, True), peer: partial(train, steps)})
            found.append(row(what, seconds[what], peer, seconds[peer], 1.1))
            pause = 6 * seconds[what] / max(1, Page.pictures)  # race calls it six times
            found.append(row(f"{name}, from picture to picture", pause, "wanted", 0.5, 1))
    return found
