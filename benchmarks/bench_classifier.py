"""Seconds to 99.3 % of the test digits: lesson 07's networks beside what else one could do.

The network and its training are those of Görner's *TensorFlow without a PhD* (2016): three
convolutions of 6, 12 and 24 filters, 200 units with dropout, Adam with a rate that decays from
0.003 to 0.0001, batches of 100, at most 10,000 of them. The same is written down for
``tf.compat.v1`` sessions, Keras' ``fit``, PyTorch and one graph call for 500 steps; beside them
runs lesson 07's own fast recipe. Each way is asked for its test accuracy every 500 steps, with
the clock stopped; what it takes to build, trace and compile counts. This benchmark watches the
test images to compare speeds, and chooses nothing by them.

PyTorch's row is there if it is installed: see :func:`benchmarks.pytorch`.
"""

import libs  # noqa: F401 — starts TensorFlow quietly

# isort: split
import contextlib

import keras
import numpy as np
import tensorflow as tf
from keras import initializers, layers

from benchmarks import PYTORCH, pytorch, row
from benchmarks.clock import BATCH, EVERY, FILTERS, GOAL, SEED, STEPS, Clock, Reached, orders
from evidence import Lesson
from evidence.run import played
from libs.datasets import MNIST
from libs.training import Rates, Trainer


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
    for filters, side, stride in FILTERS:
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
        for i in tf.range(EVERY):
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
            if self.model.optimizer.iterations % EVERY == 0:
                clock.look(self.model)

    model = published()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(Falling()), loss)
    steps = STEPS * BATCH // len(images) + 1
    model.fit(images, labels, BATCH, epochs=steps, verbose=0, callbacks=[Look()])


def sessions(images, labels, clock):
    """Train as TensorFlow 1 programs did: feed each batch into a placeholder."""
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        v1.set_random_seed(SEED)
        x, y = v1.placeholder(tf.float32, [None, 784]), v1.placeholder(tf.int32, [None])
        dropped, step = v1.placeholder(tf.float32), v1.placeholder(tf.float32)

        def parameters(shape):
            kernel = v1.Variable(v1.truncated_normal(shape, stddev=0.1))
            return kernel, v1.Variable(tf.fill([shape[-1]], 0.1))

        h, channels = tf.reshape(x, [-1, 28, 28, 1]), 1
        for filters, side, stride in FILTERS:
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


def fast(images, labels, clock):
    """Train lesson 07's fast network with its own recipe, all the way, and look at its end."""
    names = played(Lesson("07"), "long")
    model, images = names["pooled"](16, 32, 64), images.reshape(-1, 28, 28, 1)
    rates = names["up_and_down"](0.01, 1_200)
    run = model, names["smooth"], keras.optimizers.Adam(Rates(rates)), images
    trainer = Trainer(*run, np.eye(10, dtype=np.float32)[labels], seed=SEED)
    trainer.train(steps=len(rates), view=False)
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
    seconds, label = {}, {}

    def note(name, taken, accuracy):
        seconds[name] = taken
        reached = accuracy >= GOAL
        said = f"{GOAL:.1%} of test digits" if reached else f"only {accuracy:.2%}"
        label[name] = f"{name}: {said}"

    for name, way in (ours | peers).items():
        print(name)
        keras.utils.set_random_seed(SEED)
        clock = Clock(data.test.images, data.test.labels)
        with contextlib.suppress(Reached):
            way(images, labels, clock)
        note(name, clock.seconds, clock.accuracy)
    names = [*peers]
    with pytorch("classifier") as run:
        if run:
            print(PYTORCH)
            names.append(PYTORCH)
            note(PYTORCH, *run("classifier", images, labels, data.test.images, data.test.labels))
    return [
        row(label[name], seconds[name], label[peer], seconds[peer])
        for name in ours
        for peer in names
    ]
