"""Seconds to 99.3 % of the test digits: lesson 07's networks beside what else one could do.

The network and its training are those of Görner's *TensorFlow without a PhD* (2016): three
convolutions of 6, 12 and 24 filters, 200 units with dropout, Adam with a rate that decays from
0.003 to 0.0001, batches of 100, at most 10,000 of them. The same is written down for
``tf.compat.v1`` sessions, Keras' ``fit``, PyTorch and one graph call for 500 steps; beside them
runs lesson 07's own fast recipe. Each way is asked for its test accuracy every 500 steps, with
the clock stopped; what it takes to build, trace and compile counts. This benchmark watches the
test images to compare speeds, and chooses nothing by them.

PyTorch is no part of the course; its row is there if it is installed:
``.venv/bin/pip install torch==2.13.*``.
"""

import libs  # noqa: F401 — starts TensorFlow quietly

# isort: split
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import initializers, layers

from benchmarks import row
from benchmarks.lesson_07_seeds import train_fast
from libs.datasets import MNIST, Dataset

try:
    import torch
    from torch import nn
except ImportError:
    torch = None

_BATCH, _STEPS, _EVERY, _GOAL, _SEED = 100, 10_000, 500, 0.993, 42
_FILTERS = ((6, 6, 1), (12, 5, 2), (24, 4, 2))  # how many, side, stride


class Reached(Exception):
    """The goal is reached: stop training."""


class Clock:
    """Counts seconds of training, and stands still while it asks for the accuracy.

    Parameters
    ----------
    images : ndarray, float32, shape [n, 784]
    labels : ndarray, int, shape [n]
    """

    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.seconds, self.accuracy = 0.0, 0.0
        self.began = time.perf_counter()

    def look(self, classify: Callable) -> None:
        """Measure accuracy; raise `Reached` at the goal.

        Parameters
        ----------
        classify : function
            Scores, ``[n, 10]``, of images, ``[n, 784]``.
        """
        self.seconds += time.perf_counter() - self.began
        parts = np.split(self.images, 10)
        chosen = np.concatenate([np.argmax(classify(part), axis=1) for part in parts])
        self.accuracy = float(np.mean(chosen == self.labels))
        print(f"  {self.seconds:5.1f} s {self.accuracy:.4f}", flush=True)
        if self.accuracy >= _GOAL:
            raise Reached
        self.began = time.perf_counter()


def orders(n: int):
    """Yield 20 times 500 batches' indices, ``[500, 100]``, a new order each epoch."""
    rng = np.random.default_rng(_SEED)
    epochs = -(-_STEPS * _BATCH // n)
    order = np.concatenate([rng.permutation(n) for _ in range(epochs)])[: _STEPS * _BATCH]
    yield from order.astype(np.int32).reshape(-1, _EVERY, _BATCH)


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    """From 0.003 towards 0.0001."""

    def __call__(self, step):
        """Return the rate of a step."""
        return 0.0001 + 0.0029 * tf.exp(-tf.cast(step, tf.float32) / 2000)


def published() -> keras.Model:
    """Return the network as published; its scores are logits."""
    start = {
        "kernel_initializer": initializers.TruncatedNormal(stddev=0.1),
        "bias_initializer": initializers.Constant(0.1),
    }
    model = keras.Sequential([keras.Input((784,)), layers.Reshape((28, 28, 1))])
    for filters, side, stride in _FILTERS:
        model.add(layers.Conv2D(filters, side, stride, "same", activation="relu", **start))
    model.add(layers.Flatten())
    model.add(layers.Dense(200, "relu", **start))
    model.add(layers.Dropout(0.25))
    model.add(layers.Dense(10, **start))
    return model


def one_call(images, labels, clock):
    """Train with the loop over 500 batches inside one graph."""
    model, optimizer = published(), keras.optimizers.Adam(Falling())
    weights = model.trainable_variables
    optimizer.build(weights)
    images, labels = tf.constant(images), tf.constant(labels)

    @tf.function
    def steps(order):
        for i in tf.range(_EVERY):
            with tf.GradientTape() as tape:
                scores = model(tf.gather(images, order[i]), training=True)
                truth = tf.gather(labels, order[i])
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, scores)
                loss = tf.reduce_mean(losses)
            optimizer.apply(tape.gradient(loss, weights), weights)

    for order in orders(len(images)):
        steps(order)
        clock.look(model)


def fit(images, labels, clock):
    """Train as most people do."""

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations % _EVERY == 0:
                clock.look(self.model)

    model = published()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(Falling()), loss)
    steps = _STEPS * _BATCH // len(images) + 1
    model.fit(images, labels, _BATCH, epochs=steps, verbose=0, callbacks=[Look()])


def sessions(images, labels, clock):
    """Train as TensorFlow 1 programs did: feed each batch into a placeholder."""
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        v1.set_random_seed(_SEED)
        x, y = v1.placeholder(tf.float32, [None, 784]), v1.placeholder(tf.int32, [None])
        dropped, step = v1.placeholder(tf.float32), v1.placeholder(tf.float32)

        def parameters(shape):
            kernel = v1.Variable(v1.truncated_normal(shape, stddev=0.1))
            return kernel, v1.Variable(tf.fill([shape[-1]], 0.1))

        h, channels = tf.reshape(x, [-1, 28, 28, 1]), 1
        for filters, side, stride in _FILTERS:
            kernel, bias = parameters([side, side, channels, filters])
            h, channels = tf.nn.relu(tf.nn.conv2d(h, kernel, stride, "SAME") + bias), filters
        kernel, bias = parameters([7 * 7 * 24, 200])
        h = tf.nn.relu(tf.reshape(h, [-1, 7 * 7 * 24]) @ kernel + bias)
        kernel, bias = parameters([200, 10])
        scores = v1.nn.dropout(h, rate=dropped) @ kernel + bias
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores))
        rate = 0.0001 + 0.0029 * tf.exp(-step / 2000)
        update = v1.train.AdamOptimizer(rate).minimize(loss)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            i = 0
            for order in orders(len(images)):
                for rows in order:
                    fed = {x: images[rows], y: labels[rows], dropped: 0.25, step: i}
                    session.run(update, fed)
                    i += 1
                clock.look(lambda part: session.run(scores, {x: part, dropped: 0.0}))


def pytorch(images, labels, clock):
    """Train in PyTorch, eagerly, as most of its tutorials do."""
    torch.manual_seed(_SEED)
    parts, channels, size = [nn.Unflatten(1, (1, 28, 28))], 1, 28
    for filters, side, stride in _FILTERS:
        # TensorFlow's "same": an odd remainder is padded at the end
        pad = (-(-size // stride) - 1) * stride + side - size
        ends = (pad // 2, pad - pad // 2)
        parts += [nn.ZeroPad2d(ends * 2), nn.Conv2d(channels, filters, side, stride), nn.ReLU()]
        channels, size = filters, -(-size // stride)
    parts += [nn.Flatten(), nn.Linear(7 * 7 * 24, 200), nn.ReLU(), nn.Dropout(0.25)]
    model = nn.Sequential(*parts, nn.Linear(200, 10))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.trunc_normal_(parameter, std=0.1, a=-0.2, b=0.2)
        else:
            nn.init.constant_(parameter, 0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    falling = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: (0.0001 + 0.0029 * np.exp(-i / 2000)) / 0.003
    )
    cross_entropy = nn.CrossEntropyLoss()
    images, labels = torch.from_numpy(images), torch.from_numpy(labels).long()

    def classify(part):
        model.eval()
        with torch.no_grad():
            scores = model(torch.from_numpy(part)).numpy()
        model.train()
        return scores

    for order in orders(len(images)):
        for rows in torch.from_numpy(order):
            optimizer.zero_grad()
            cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
            falling.step()
        clock.look(classify)


def fast(images, labels, clock):
    """Train lesson 07's fast network with its own recipe, all the way, and look at its end."""
    model = train_fast(Dataset(images, labels, one_hot=True).train, _SEED)
    clock.look(lambda part: model.predict(part.reshape(-1, 28, 28, 1), verbose=0))


def rows() -> list[dict]:
    """Train each way once until it reads 99.3 %, or as long as was published."""
    tf.get_logger().setLevel("ERROR")  # TensorFlow 1's optimiser warns of its own age
    data = MNIST(one_hot=False)
    images = np.concatenate([data.train.images, data.valid.images])
    labels = np.concatenate([data.train.labels, data.valid.labels])
    ours = {
        "lesson 07's fast network": fast,
        "6-12-24 as published, one call for 500 steps": one_call,
    }
    peers = {
        "Keras fit, its defaults": fit,
        "a tf.compat.v1 session.run a batch": sessions,
    }
    if torch:
        peers["PyTorch, eager"] = pytorch
    else:
        print("classifier: no PyTorch here, so no row for it (pip install torch)")
    seconds, label = {}, {}
    for name, way in (ours | peers).items():
        print(name)
        keras.utils.set_random_seed(_SEED)
        clock = Clock(data.test.images, data.test.labels)
        try:
            way(images, labels, clock)
        except Reached:
            label[name] = f"{name}: {_GOAL:.1%} of test digits"
        else:
            label[name] = f"{name}: only {clock.accuracy:.2%}"
        seconds[name] = clock.seconds
    return [
        row(label[name], seconds[name], label[peer], seconds[peer])
        for name in ours
        for peer in peers
    ]
