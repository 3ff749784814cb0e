"""Training steps of lessons 02, 04 and 05 beside what else one could do.

Lesson 02's step is its own NumPy code, taken from the notebook. The others are taken by
`libs.training`, as their lessons do it, and by what it took the place of: one graph call an epoch,
written by hand, with XLA switched on where that is faster. Each network is written down once more
in PyTorch's operations, with the same start, batches, loss and optimiser. Before anything is timed,
all ways must arrive at about the same loss. PyTorch's rows are there if it is installed: see
:func:`benchmarks.pytorch`.
"""

import libs  # noqa: F401 — starts TensorFlow quietly

# isort: split
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import keras
import nbformat
import numpy as np
import tensorflow as tf

from benchmarks import PYTORCH, pytorch, race, row
from libs import ROOT
from libs.autoencoder import Autoencoder
from libs.datasets import MNIST
from libs.training import Trainer

_BATCH, _STEPS, _RATE = 100, 100, 1e-3
_IMAGES = _BATCH * _STEPS
# the peers
_BY_HAND = "one graph call an epoch, by hand"
_FIT = "Keras fit, its defaults"
_SESSION = "a tf.compat.v1 session.run a batch"


def start(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Draw kernels as Glorot and Bengio do; biases start at zero."""
    rng = np.random.default_rng(0)
    values = []
    for shape in shapes:
        receptive = int(np.prod(shape[:-2]))
        limit = np.sqrt(6 / (receptive * (shape[-2] + shape[-1]))) if len(shape) > 1 else 0
        values.append(rng.uniform(-limit, limit, shape).astype(np.float32))
    return values


class Network(NamedTuple):
    """A network, written down three times."""

    name: str
    shapes: list  # of its parameters: kernels first, then biases
    tensorflow_loss: Callable  # of parameters and images [batch, 784]
    pytorch: str  # its name there
    options: dict  # of libs.autoencoder
    xla: bool  # makes dense networks faster on a CPU, convolutions slower


def _dense(p, x):
    h = x
    for W, b in zip(p[:4], p[4:8], strict=True):
        h = tf.nn.relu(h @ W + b)
    for W, b in zip(p[3::-1], p[8:], strict=True):
        logits = tf.matmul(h, W, transpose_b=True) + b
        h = tf.nn.relu(logits)
    return tf.reduce_mean(tf.square(tf.sigmoid(logits) - x))


# what each convolution reads: side of the image, channels
_READS = ((28, 1), (14, 16), (7, 16))


def _convolutional(p, x):
    h = tf.reshape(x, [-1, 28, 28, 1])
    for W, b in zip(p[:3], p[3:6], strict=True):
        h = tf.nn.relu(tf.nn.conv2d(h, W, 2, "SAME") + b)
    for W, b, (side, n) in zip(p[2::-1], p[6:], _READS[::-1], strict=True):
        logits = tf.nn.conv2d_transpose(h, W, [_BATCH, side, side, n], 2, "SAME") + b
        h = tf.nn.relu(logits)
    return tf.reduce_mean(tf.square(tf.sigmoid(tf.reshape(logits, [-1, 784])) - x))


def _variational(p, x):
    W, b = p[:6], p[6:]
    h = tf.nn.relu(tf.nn.relu(x @ W[0] + b[0]) @ W[1] + b[1])
    mean, log_variance = tf.split(h @ W[2] + b[2], 2, axis=1)
    z = mean + tf.exp(log_variance / 2) * tf.random.normal([_BATCH, 2])
    h = tf.nn.relu(tf.nn.relu(z @ W[3] + b[3]) @ W[4] + b[4])
    pixels = tf.nn.sigmoid_cross_entropy_with_logits(x, h @ W[5] + b[5])
    kl = (tf.square(mean) + tf.exp(log_variance) - 1 - log_variance) / 2
    return (tf.reduce_sum(pixels) + tf.reduce_sum(kl)) / _BATCH


_TIED = [(784, 512), (512, 256), (256, 128), (128, 64)]
_FREE = [(784, 512), (512, 256), (256, 4), (2, 256), (256, 512), (512, 784)]
NETWORKS = [
    Network(
        "tied autoencoder 784-512-256-128-64",
        _TIED + [(n,) for n in (512, 256, 128, 64, 128, 256, 512, 784)],
        _dense,
        "dense",
        {"layers": (512, 256, 128), "code": 64},
        xla=True,
    ),
    Network(
        "tied convolutional autoencoder 3 × 16",
        [(4, 4, 1, 16), (4, 4, 16, 16), (4, 4, 16, 16)] + [(n,) for n in (16, 16, 16, 16, 16, 1)],
        _convolutional,
        "convolutional",
        {"layers": (16, 16, 16), "code": None, "kind": "conv"},
        xla=False,
    ),
    Network(
        "variational autoencoder 784-512-256-2",
        _FREE + [(n,) for _, n in _FREE],
        _variational,
        "variational",
        {"layers": (512, 256), "code": 2, "tied": False, "variational": True},
        xla=True,
    ),
]


# Each of the following returns a function that trains one pass over the images in the given
# order, [steps, batch], and returns the mean of the batches' losses.


def trainer(network, images):
    """Train as the lessons do; the order of the given images is the trainer's own."""
    parameters = [tf.Variable(value) for value in start(network.shapes)]
    one = None

    def epoch(order):
        nonlocal one
        one = one or Trainer(
            parameters,
            partial(network.tensorflow_loss, parameters),
            keras.optimizers.Adam(_RATE),
            images[order.reshape(-1)],
            batch=_BATCH,
        )
        one.train(epochs=1, view=False)
        return np.mean(one.losses[-_STEPS:])

    return epoch


def one_call_an_epoch(network, images):
    """Train by hand: the loop over batches is inside one graph."""
    parameters = [tf.Variable(value) for value in start(network.shapes)]
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build(parameters)
    images = tf.constant(images)

    @tf.function(jit_compile=network.xla)
    def epoch(order):
        total = tf.constant(0.0)
        for i in tf.range(_STEPS):
            with tf.GradientTape() as tape:
                loss = network.tensorflow_loss(parameters, tf.gather(images, order[i]))
            optimizer.apply(tape.gradient(loss, parameters))
            total += loss
        return total / _STEPS

    return lambda order: float(epoch(order))


def sessions(network, images):
    """Train as TensorFlow 1 programs did: feed each batch into a placeholder."""
    v1 = tf.compat.v1
    graph = tf.Graph()
    with graph.as_default():
        x = v1.placeholder(tf.float32, [_BATCH, 784])
        parameters = [v1.Variable(value) for value in start(network.shapes)]
        loss = network.tensorflow_loss(parameters, x)
        update = v1.train.AdamOptimizer(_RATE, epsilon=1e-7).minimize(loss)
        session = v1.Session()
        session.run(v1.global_variables_initializer())

    def epoch(order):
        runs = [session.run([loss, update], feed_dict={x: images[rows]}) for rows in order]
        return np.mean([before for before, _ in runs])

    return epoch


def keras_fit(network, images, **compiled):
    """Train the network of `libs.autoencoder`, compiled as Keras does by default, or as told."""
    model = Autoencoder(**network.options)
    if not compiled:
        compiled = {"steps_per_execution": 1, "jit_compile": "auto"}
    model.compile(keras.optimizers.Adam(_RATE), **compiled)
    for kernel, value in zip(model.encoder_kernels, start(network.shapes), strict=False):
        kernel.assign(value[..., : kernel.shape[-1]])  # a variational one keeps the means' half

    def epoch(order):
        history = model.fit(images[order.reshape(-1)], epochs=1, verbose=0)
        return history.history["loss"][-1]

    return epoch


def libs_fit(network, images):
    """Train with `libs.autoencoder` as lessons do."""
    return keras_fit(network, images, steps_per_execution=50, jit_compile=network.xla)


# --- lesson 02: two spirals, all 400 points in each step ----------------------------------------

_POINTS, _SIZES, _SGD = 400, [2, 16, 16, 1], {"learning_rate": 3.0, "momentum": 0.95}


def lesson_02() -> dict:
    """Return the lesson's names after its set-up: without a learner's answers it has its own."""
    lesson = nbformat.read(ROOT / "notebooks" / "02-neural-networks-by-hand.ipynb", as_version=4)
    names = {"__name__": "lesson 02"}
    for cell in lesson.cells:
        needed = {"setup", "exercise", "check"} & set(cell.metadata.get("tags", []))
        if needed and cell.id != "setup":  # that one asks whether the course is here
            exec(compile(cell.source, "lesson 02", "exec"), names)
    return names


def spirals(run) -> list[dict]:
    """Measure the lesson's NumPy step; each call takes as many steps from the same start.

    ``run`` calls a function in PyTorch's process, or is None.
    """
    names = lesson_02()
    x, y = names["spirals"](_POINTS, seed=42)
    weights, biases, _ = names["new_network"](_SIZES, seed=42)
    x32, y32 = x.astype(np.float32), y.astype(np.float32)

    def by_hand():
        network = names["new_network"](_SIZES, seed=42)
        losses, _ = names["train"](network, x, y, _STEPS, rate=3, momentum=0.95)
        return losses[-1]

    inputs = keras.Input((2,))
    h = inputs
    for n in _SIZES[1:]:
        h = keras.layers.Dense(n, "sigmoid")(h)
    model = keras.Model(inputs, h)
    first = [p for pair in zip(weights, biases, strict=True) for p in pair]
    model.compile(keras.optimizers.SGD(**_SGD), loss=lambda y, a: (a - y) ** 2 / 2)
    many = np.tile(x32, (_STEPS, 1)), np.tile(y32, (_STEPS, 1))

    def fit():
        model.set_weights(first)
        for speed in model.optimizer.variables[2:]:  # after the step count and the rate
            speed.assign(tf.zeros_like(speed))
        model.fit(*many, batch_size=_POINTS, shuffle=False, verbose=0)
        return model.evaluate(x32, y32, verbose=0)

    v1 = tf.compat.v1
    with tf.Graph().as_default():
        feeds = v1.placeholder(tf.float32, x.shape), v1.placeholder(tf.float32, y.shape)
        parameters = [v1.Variable(p.astype(np.float32)) for p in weights + biases]
        h = feeds[0]
        for W, b in zip(parameters[:3], parameters[3:], strict=True):
            h = tf.sigmoid(h @ W + b)
        loss = tf.reduce_sum((h - feeds[1]) ** 2) / (2 * _POINTS)
        update = v1.train.MomentumOptimizer(**_SGD).minimize(loss)
        initialize = v1.global_variables_initializer()
        session = v1.Session()

    def runs():
        session.run(initialize)
        fed = dict(zip(feeds, (x32, y32), strict=True))
        for _ in range(_STEPS):
            session.run(update, fed)
        return session.run(loss, fed)

    def there():
        return run("spirals", weights + biases, x32, y32, _STEPS)

    peers = {_FIT: fit, _SESSION: runs} | ({PYTORCH: there} if run else {})
    losses = [way() for way in (by_hand, *peers.values())]
    np.testing.assert_allclose(losses, losses[0], rtol=0.05)
    seconds = race({"lesson 02 in NumPy": by_hand} | peers)
    points = _POINTS * _STEPS
    what = "two spirals, 2-16-16-1, NumPy by hand (points)"
    return [
        row(what, seconds["lesson 02 in NumPy"], peer, seconds[peer], images=points)
        for peer in peers
    ]


def rows() -> list[dict]:
    """Measure 10,000 images each; without PyTorch its rows are missing."""
    tf.get_logger().setLevel("ERROR")  # TensorFlow 1's optimiser warns of its own age
    images = MNIST().train.images
    order = np.random.default_rng(1).permutation(len(images))[:_IMAGES].reshape(_STEPS, _BATCH)
    ours = {"the trainer": trainer, "libs.autoencoder": libs_fit}
    peers = {
        _BY_HAND: one_call_an_epoch,
        _FIT: keras_fit,
        _SESSION: sessions,
    }
    with pytorch("training") as run:
        table = spirals(run)
        for network in NETWORKS:
            ways = {name: way(network, images) for name, way in (ours | peers).items()}
            if run:
                values = start(network.shapes)
                run("prepare", network.pytorch, values, images, _RATE)
                ways[PYTORCH] = partial(run, "epoch")
            # a free decoder starts from other weights in Keras; PyTorch's Adam adds its epsilon
            # elsewhere
            losses = [way(order) for way in ways.values()]
            np.testing.assert_allclose(losses, losses[0], rtol=0.15)
            seconds = race({name: partial(way, order) for name, way in ways.items()})
            table += [
                row(
                    *(f"{network.name}, {name}", seconds[name], peer, seconds[peer]),
                    bound=1.1 if (name, peer) == ("the trainer", _BY_HAND) else None,
                    images=_IMAGES,
                )
                for name in ours
                for peer in ways
                if peer not in ours
            ]
    return table
