"""What the records share: a network, a training step and a loop in one graph, without Keras.

Where the seconds went, and what is done about it:

- *tracing*: a network of a dozen operations written with ``tf.nn`` is traced in a tenth of a
  second; as Keras layers and Keras' Adam it takes several times that.
- *the first layer*: 28 by 28 places and one channel are memory, not arithmetic. ``bfloat16``
  halves what the convolutions read and write; weights, normalisation and loss stay float32.
- *overhead of a step*: all steps are one ``while_loop`` in one call; images stay uint8 until
  their batch is gathered.
"""

import libs  # noqa: F401 — starts TensorFlow quietly

# isort: split
import numpy as np
import tensorflow as tf

_raw = tf.raw_ops


def floats(images):
    """Return uint8 ``[n, 28, 28]`` as float32 ``[n, 28, 28, 1]`` from 0 to 1."""
    return tf.cast(images[..., None], tf.float32) / 255


def shifted(images):
    """Roll a batch by one pixel or none, the whole batch alike, so that it costs one copy."""
    return tf.roll(images, tf.random.uniform([2], -1, 2, tf.int32), [1, 2])


class Network:
    """Three convolutions, each normalised, two of them pooled, and a hidden layer.

    Parameters
    ----------
    filters : three int
    first : int
        Side of the first convolution's kernels.
    hidden : int
    rng : numpy.random.Generator
        Draws the first weights (He and others, 2015).
    """

    def __init__(self, filters, first, hidden, rng) -> None:
        self.trained, self._norms, self._rng = [], [], rng
        before, side, self._kernels = 1, 28, []
        for size, n, pooled in zip((first, 3, 3), filters, (2, 2, 1), strict=True):
            self._kernels.append(self._weight(2, size, size, before, n))
            before, side = n, (side - size + 1) // pooled
        self._hidden = self._weight(2, side * side * before, hidden)
        for n in (*filters, hidden):
            scale, shift = tf.Variable(tf.ones([n])), tf.Variable(tf.zeros([n]))
            self._norms.append(
                (scale, shift, tf.Variable(tf.zeros([n])), tf.Variable(tf.ones([n])))
            )
            self.trained += [scale, shift]
        self._last = self._weight(1, hidden, 10)

    def _weight(self, gain, *shape):
        value = self._rng.standard_normal(shape) * np.sqrt(gain / np.prod(shape[:-1]))
        self.trained.append(tf.Variable(value.astype(np.float32)))
        return self.trained[-1]

    def _normal(self, x, i, training):
        scale, shift, mean, variance = self._norms[i]
        if not training:
            return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-3)
        y, m, v, *_ = _raw.FusedBatchNormV3(
            x=x, scale=scale, offset=shift, mean=[], variance=[], epsilon=1e-3
        )
        mean.assign_add(0.1 * (m - mean))
        variance.assign_add(0.1 * (v - variance))
        return y

    def __call__(self, x, training=False):
        """Return logits, float32 ``[n, 10]``, of float32 ``[n, 28, 28, 1]``."""
        for i, kernel in enumerate(self._kernels):
            x = tf.nn.conv2d(tf.cast(x, tf.bfloat16), tf.cast(kernel, tf.bfloat16), 1, "VALID")
            if i < 2:
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            x = tf.nn.relu(tf.cast(self._normal(x, i, training), tf.bfloat16))
        x = tf.reshape(tf.cast(x, tf.float32), [-1, self._hidden.shape[0]]) @ self._hidden
        return tf.nn.relu(self._normal(x[:, None, None], 3, training)[:, 0, 0]) @ self._last


def train(
    images,
    labels,
    seed,
    *,
    filters=(16, 32, 64),
    first=3,
    hidden=128,
    steps,
    batch=128,
    peak=0.02,
    smooth=0.1,
    augment=None,
):
    """Train a :class:`Network`; return a function from uint8 images to digits.

    The rate rises for a fifth of the steps, then falls to 0, both in a straight line. Adam
    forgets quickly (0.7 and 0.9, as in the 0.76 s recipe), for there are few steps.
    """
    rng = np.random.default_rng(seed)
    tf.random.set_seed(seed)
    network = Network(filters, first, hidden, rng)
    weights = network.trained
    moments = [(tf.Variable(tf.zeros_like(w)), tf.Variable(tf.zeros_like(w))) for w in weights]
    epochs = -(-steps * batch // len(images))
    order = np.concatenate([rng.permutation(len(images)) for _ in range(epochs)])
    order = tf.constant(order[: steps * batch].reshape(steps, batch), tf.int32)
    done = (np.arange(steps) + 0.5) / steps
    rates = tf.constant(peak * np.minimum(done / 0.2, (1 - done) / 0.8), tf.float32)
    x, y = tf.constant(images), tf.constant(labels, tf.int32)

    def step(i):
        shown = floats(tf.gather(x, order[i]))
        if augment:
            shown = augment(shown)
        truth = tf.one_hot(tf.gather(y, order[i]), 10, 1 - 0.9 * smooth, smooth / 10)
        with tf.GradientTape() as tape:
            losses = tf.nn.softmax_cross_entropy_with_logits(truth, network(shown, training=True))
            loss = tf.reduce_mean(losses)
        power = tf.cast(i + 1, tf.float32)
        for w, (m, v), gradient in zip(weights, moments, tape.gradient(loss, weights), strict=True):
            _raw.ResourceApplyAdam(
                var=w.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=0.7**power,
                beta2_power=0.9**power,
                lr=rates[i],
                beta1=0.7,
                beta2=0.9,
                epsilon=1e-7,
                grad=gradient,
            )
        return (i + 1,)

    @tf.function(autograph=False)
    def loop():
        return tf.while_loop(lambda i: i < steps, step, (0,), parallel_iterations=1)

    loop()
    return tf.function(lambda part: tf.argmax(network(floats(part)), 1), autograph=False)
