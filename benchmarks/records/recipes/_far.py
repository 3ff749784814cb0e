"""What the records from 99.6 % on share: images made up one by one, and nine looks at each.

The network is `_fast.Network`. Where images come round ten times, what pays is that none comes
twice: each is turned, scaled, slanted and moved, by one operation that costs a tenth of a step.
"""

import libs  # noqa: F401 — starts TensorFlow quietly

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks.records.recipes._fast import Network, floats

_raw = tf.raw_ops
LOOKS = 9
MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
_DECAYS = 0.9, 0.99  # of Adam; longer memories than in `_fast`, for there are more steps


def warped(images):
    """Turn each by up to 9 degrees, scale and slant by a tenth, move by one and a half pixels."""
    turn, slant, wide, high, right, down = tf.unstack(
        tf.random.uniform([6, tf.shape(images)[0]], -1, 1)
    )
    cos, sin = tf.cos(0.15 * turn), tf.sin(0.15 * turn)
    wide, high, slant = tf.exp(0.1 * wide), tf.exp(0.1 * high), 0.1 * slant
    # the place that each pixel is read from: (a x + b y + c, d x + e y + f)
    a, b = wide * cos, wide * (slant * cos - sin)
    d, e = high * sin, high * (slant * sin + cos)
    middle, none = 13.5, tf.zeros_like(turn)
    c, f = middle * (1 - a - b) + 1.5 * right, middle * (1 - d - e) + 1.5 * down
    return _raw.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, c, d, e, f, none, none], 1),
        output_shape=[28, 28],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def train(images, labels, seed, *, members=1, **how):
    """Train networks one after the other; return a function from uint8 images to digits."""
    return nine([fitted(images, labels, seed + 1_000 * m, **how) for m in range(members)])


def fitted(images, labels, seed, *, filters, hidden, steps, batch=256, peak=0.02, smooth=0.1):
    """Return a trained network. As in `_fast.train` the rate rises for a fifth, then falls to 0."""
    rng = np.random.default_rng(seed)
    tf.random.set_seed(seed)
    network = Network(filters, 5, hidden, rng)
    weights = network.trained
    moments = [(tf.Variable(tf.zeros_like(w)), tf.Variable(tf.zeros_like(w))) for w in weights]
    epochs = -(-steps * batch // len(images))
    order = np.concatenate([rng.permutation(len(images)) for _ in range(epochs)])
    order = tf.constant(order[: steps * batch].reshape(steps, batch), tf.int32)
    done = (np.arange(steps) + 0.5) / steps
    rates = tf.constant(peak * np.minimum(done / 0.2, (1 - done) / 0.8), tf.float32)
    x, y = tf.constant(images), tf.constant(labels, tf.int32)

    def step(i):
        shown = warped(floats(tf.gather(x, order[i])))
        truth = tf.one_hot(tf.gather(y, order[i]), 10, 1 - 0.9 * smooth, smooth / 10)
        with tf.GradientTape() as tape:
            losses = tf.nn.softmax_cross_entropy_with_logits(truth, network(shown, training=True))
            loss = tf.reduce_mean(losses)
        power, (first, second) = tf.cast(i + 1, tf.float32), _DECAYS
        for w, (m, v), gradient in zip(weights, moments, tape.gradient(loss, weights), strict=True):
            _raw.ResourceApplyAdam(
                var=w.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=first**power,
                beta2_power=second**power,
                lr=rates[i],
                beta1=first,
                beta2=second,
                epsilon=1e-7,
                grad=gradient,
            )
        return (i + 1,)

    @tf.function(autograph=False)
    def loop():
        return tf.while_loop(lambda i: i < steps, step, (0,), parallel_iterations=1)

    loop()
    return network


def nine(networks):
    """Return a function from uint8 images to digits: the mean of all networks' nine looks."""

    @tf.function(autograph=False)
    def read(part):
        moved = [floats(tf.roll(part, move, [1, 2])) for move in MOVES]
        looks = [network(images) for network in networks for images in moved]
        return tf.argmax(sum(tf.nn.softmax(look) for look in looks), 1)

    return read
