"""Training with the dashboard beside the same training without it.

The dashboard believes that it is in a notebook: it draws, encodes and turns into HTML every
picture that a page would get. What is timed includes its construction and its last picture. How
often a picture came is told too.
"""

from libs import dashboard
from libs.datasets import MNIST
from libs.notebook import start

# isort: split
import time
from functools import partial
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from benchmarks import race, row

_SECONDS = 10  # that a training without the dashboard shall take, about
_RATE = 0.5


class Page:
    """A notebook page that nobody looks at: takes the HTML of each picture, and counts them."""

    pictures = 0

    def update(self, picture) -> None:
        """Take a picture."""
        picture._repr_html_()
        self.pictures += 1


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
                board.update(i, loss, accuracy, batch=x, parameters={"W": W, "b": b})
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
        watch = dashboard.DashboardCallback(data.valid, train=data.train)
        images, labels = data.train.images[: 100 * an_epoch], data.train.labels[: 100 * an_epoch]
        model.fit(
            images,
            labels,
            batch_size=100,
            epochs=max(1, steps // an_epoch),
            shuffle=False,
            callbacks=[watch] if watched else None,
            verbose=0,
        )
        return model.get_weights()[0]

    return train


def rows() -> list[dict]:
    """Time both trainings with and without, and check that watching changes no weight."""
    start()
    data = MNIST()
    page = Page()
    found = []
    with mock.patch.multiple(
        dashboard, _live=lambda: True, display=lambda picture, display_id: page
    ):
        for name, prepare in (
            ("softmax 784-10, own loop", softmax),
            ("784-300-10, Keras fit", with_fit),
        ):
            train = prepare(data)
            steps = steps_in(_SECONDS, train)
            np.testing.assert_array_equal(train(300, watched=True), train(300))
            what, peer = f"{name}, with the dashboard", "without"
            page.pictures = 0
            seconds = race({what: partial(train, steps, True), peer: partial(train, steps)})
            found.append(row(what, seconds[what], peer, seconds[peer], 1.1))
            pause = 6 * seconds[what] / max(1, page.pictures)  # race calls it six times
            found.append(row(f"{name}, from picture to picture", pause, "wanted", 0.5, 2))
    return found
