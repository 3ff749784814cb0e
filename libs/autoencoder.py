"""The general autoencoder: fully connected or convolutional, tied, denoising, variational."""

import math
import sys

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from libs import SEED, validate
from libs.datasets import Split

_SHAPE = (28, 28, 1)  # of an image
_AT_ONCE = 1000  # images are encoded, to save memory


@keras.saving.register_keras_serializable(package="libs")
class Autoencoder(keras.Model):
    """A network that squeezes images of 28 × 28 pixels into short codes and rebuilds them.

    The decoder mirrors the encoder layer by layer. A ReLU follows every layer but the linear one
    that makes the code, and the last one, which a sigmoid follows. Kernels start He-uniform,
    biases at 0. The model comes compiled with Adam at a rate of 0.001. ``model.save(path)`` and
    ``keras.saving.load_model(path)`` keep it, with its optimiser where it stands.

    Parameters
    ----------
    layers : sequence of int
        Units (dense) or filters (conv) of each layer before the code. A dense one may be empty.
    code : int or None
        Length of a code. None, for conv only: the last feature map, flattened, is the code.
    kind : {"dense", "conv"}
        Fully connected, or convolutions with "same" padding.
    kernel_size, stride : int
        Of the convolutions; each divides height and width by ``stride``, rounded up.
    tied : bool
        Decode with the encoder's kernels, transposed, or with kernels of its own.
    variational : bool
        Encode to a mean and a log-variance, and decode a draw from that Gaussian.
    noise : float
        Share of pixels set to 0 in the input while training, in ``[0, 1)``; the target is clean.

    Attributes
    ----------
    encoder_kernels, decoder_kernels, encoder_biases, decoder_biases : list of keras.Variable
        First to last layer. Kernels are ``[in, out]`` or ``[kernel_size, kernel_size, in, out]``
        in the direction of encoding; the decoder uses its own transposed.

    Notes
    -----
    Loss: the mean squared error per pixel. Variational: cross-entropy of Bernoulli pixels plus
    the KL divergence from N(0, I), in nats an image, also reported as ``reconstruction`` and
    ``kl``. Order of ``weights``: encoder, kernel then bias; of a variational one the
    log-variance's; decoder, kernel (unless tied) then bias. Arguments out of their range, or that
    do not go together, raise ValueError.

    References
    ----------
    G. Hinton and R. Salakhutdinov, *Reducing the dimensionality of data with neural networks*,
    2006. P. Vincent et al., *Extracting and composing robust features with denoising
    autoencoders*, 2008. J. Masci et al., *Stacked convolutional auto-encoders for hierarchical
    feature extraction*, 2011. D. Kingma and M. Welling, *Auto-encoding variational Bayes*, 2014.

    Examples
    --------
    >>> images = np.random.default_rng(0).random((20, 28, 28), np.float32)
    >>> model = Autoencoder([32], code=4)
    >>> history = model.fit(images, epochs=3, verbose=False)
    >>> [round(loss, 1) for loss in history.history["loss"]]
    [0.1, 0.1, 0.1]
    >>> model.encode(images).shape, model.reconstruct(images).shape
    ((20, 4), (20, 28, 28, 1))
    """

    def __init__(
        self,
        layers=(512, 256, 128),
        code: int | None = 64,
        *,
        kind: str = "dense",
        kernel_size: int = 4,
        stride: int = 2,
        tied: bool = True,
        variational: bool = False,
        noise: float = 0.0,
        **kwargs,
    ) -> None:
        shapes = _shapes(layers, code, kind, kernel_size, stride)
        if variational and code is None:
            raise ValueError("variational=True needs the length of the code: pass code=20, say.")
        if not 0 <= noise < 1:
            raise ValueError(f"noise must be a share of pixels, 0 <= noise < 1, got {noise!r}.")
        super().__init__(**kwargs)
        self._options = {"layers": list(layers), "code": code, "kind": kind, "tied": tied}
        self._options |= {"kernel_size": kernel_size, "stride": stride}
        self._options |= {"variational": variational, "noise": noise}
        self._shapes, self._stride = shapes, stride
        self._variational, self._noise = variational, noise
        self._seeds = keras.random.SeedGenerator(SEED)
        he_uniform = keras.initializers.HeUniform(seed=self._seeds)

        def kernel(i, name):
            before, after = shapes[i : i + 2]
            flat = len(after) == 1
            shape = [math.prod(before)] if flat else [kernel_size, kernel_size, before[-1]]
            shape.append(after[-1])
            return self.add_weight(shape=shape, initializer=he_uniform, name=f"{name}_kernel")

        def bias(shape, name):
            return self.add_weight(shape=shape[-1:], initializer="zeros", name=f"{name}_bias")

        self.encoder_kernels, self.encoder_biases = [], []
        self.decoder_kernels, self.decoder_biases = [], []
        last = len(shapes) - 2
        for i in range(last + 1):
            self.encoder_kernels.append(kernel(i, f"encoder_{i}"))
            self.encoder_biases.append(bias(shapes[i + 1], f"encoder_{i}"))
        if variational:
            self._log_variance = kernel(last, "log_variance"), bias(shapes[-1], "log_variance")
            self._reconstruction = keras.metrics.Mean("reconstruction")
            self._kl = keras.metrics.Mean("kl")
        for i in reversed(range(last + 1)):
            name = f"decoder_{last - i}"
            self.decoder_kernels.append(self.encoder_kernels[i] if tied else kernel(i, name))
            flat = len(shapes[i + 1]) == 1
            self.decoder_biases.append(bias((math.prod(shapes[i]),) if flat else shapes[i], name))
        self.built = True
        # XLA makes dense networks faster on a CPU, convolutions slower
        self.compile("adam", steps_per_execution=50, jit_compile=kind == "dense")

    def _down(self, h, kernel, bias):
        """Apply a layer of the encoder."""
        if len(kernel.shape) == 2:
            return tf.reshape(h, [-1, kernel.shape[0]]) @ kernel + bias
        return tf.nn.conv2d(h, kernel, self._stride, "SAME") + bias

    def _up(self, h, kernel, bias, here, there):
        """Apply a layer of the decoder, ``[n, *here]`` to ``[n, *there]``: _down, transposed."""
        if len(kernel.shape) == 2:
            h = tf.matmul(tf.reshape(h, [-1, *here]), kernel, transpose_b=True)
            return tf.reshape(h + bias, [-1, *there])
        h = tf.reshape(h, [-1, *here])
        return tf.nn.conv2d_transpose(h, kernel, [tf.shape(h)[0], *there], self._stride) + bias

    def _encode(self, images):
        """Return codes ``[n, code]``; of a variational model means, and log-variances."""
        h = images
        for kernel, bias in zip(self.encoder_kernels[:-1], self.encoder_biases, strict=False):
            h = tf.nn.relu(self._down(h, kernel, bias))
        mean = self._down(h, self.encoder_kernels[-1], self.encoder_biases[-1])
        mean = tf.reshape(mean, [-1, math.prod(self._shapes[-1])])
        return (mean, self._down(h, *self._log_variance)) if self._variational else mean

    def _logits(self, codes):
        """Return images ``[n, 28, 28, 1]`` before the sigmoid."""
        shapes = self._shapes[::-1]
        h = codes
        for i, layer in enumerate(zip(self.decoder_kernels, self.decoder_biases, strict=True)):
            h = self._up(tf.nn.relu(h) if i else h, *layer, *shapes[i : i + 2])
        return h

    def call(self, images):
        """Rebuild images ``[n, ...]`` from their codes; without noise, without a draw."""
        codes = self._encode(tf.reshape(images, [-1, *_SHAPE]))
        return tf.sigmoid(self._logits(codes[0] if self._variational else codes))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the loss of a batch of images ``x``; Keras calls this in training."""
        images = seen = tf.reshape(x, [-1, *_SHAPE])
        if training and self._noise:
            kept = keras.random.uniform(tf.shape(images), seed=self._seeds)
            seen = images * tf.cast(kept >= self._noise, images.dtype)
        if not self._variational:
            return tf.reduce_mean(tf.square(self.call(seen) - images))
        draw = keras.random.normal([tf.shape(images)[0], *self._shapes[-1]], seed=self._seeds)
        parts = [tf.reduce_mean(part) for part in self._parts(images, draw, seen)]
        for metric, part in zip((self._reconstruction, self._kl), parts, strict=True):
            metric.update_state(part, sample_weight=tf.shape(images)[0])
        return sum(parts)

    def _parts(self, images, draw, seen=None):
        """Return both parts of a variational model's loss, ``[n]`` nats each.

        Pixels are Bernoulli variables; ``draw`` comes from N(0, I), ``[n, code]``.
        """
        mean, log_variance = self._encode(images if seen is None else seen)
        logits = self._logits(mean + tf.exp(log_variance / 2) * draw)
        pixels = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
        kl = tf.exp(log_variance) + tf.square(mean) - 1 - log_variance
        return tf.reduce_sum(pixels, axis=(1, 2, 3)), tf.reduce_sum(kl, axis=1) / 2

    def fit(self, images, epochs: int = 5, batch_size: int = 100, verbose: bool = True):
        """Train to rebuild images; return Keras' history, with one ``"loss"`` an epoch.

        Parameters
        ----------
        images : array
            ``[n, 784]``, ``[n, 28, 28]`` or ``[n, 28, 28, 1]``, float in ``[0, 1]``.
        epochs, batch_size : int
            How often every image is seen, and images in a step. The last batch may be smaller.
        verbose : bool
            Show a progress bar.
        """
        images = _images(images)
        epochs = validate.whole(epochs, "epochs")
        batch_size = validate.whole(batch_size, "batch_size")
        # a new order each epoch, and another one if fit is called again
        seed = np.asarray(self._seeds.next())
        steps = math.ceil(len(images) / batch_size)
        with tqdm(total=epochs * steps, unit="batch", file=sys.stdout, disable=not verbose) as bar:
            progress = keras.callbacks.LambdaCallback(
                # Keras counts whole executions, the last of an epoch may be shorter
                on_train_batch_end=lambda n, logs: bar.update(min(n + 1, steps) - bar.n % steps),
                on_epoch_end=lambda n, logs: bar.set_postfix({k: f"{logs[k]:.4g}" for k in logs}),
            )
            data = Split(images, None, seed).as_tf(batch_size)  # shuffled
            return super().fit(data, epochs=epochs, callbacks=[progress], shuffle=False, verbose=0)

    def encode(self, images) -> np.ndarray:
        """Turn images into codes, ``[n, code]`` float32; the means of a variational model."""
        if self._variational:
            return self.posterior(images)[0]
        return _in_parts(self._encode, _images(images))

    def decode(self, codes) -> np.ndarray:
        """Turn codes ``[n, code]`` into images, ``[n, 28, 28, 1]`` float32."""
        codes = validate.codes(codes, "codes", math.prod(self._shapes[-1]))
        return _in_parts(lambda z: tf.sigmoid(self._logits(z)), codes.astype(np.float32))

    def reconstruct(self, images) -> np.ndarray:
        """Encode and decode images, ``[n, 28, 28, 1]`` float32; no noise, no draw."""
        return _in_parts(self.call, _images(images))

    def posterior(self, images) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and log-variance of the code of each image, both ``[n, code]`` float32."""
        self._check_variational("posterior")
        both = _in_parts(lambda x: tf.concat(self._encode(x), axis=1), _images(images))
        return tuple(np.split(both, 2, axis=1))

    def elbo(self, images, seed: int) -> np.ndarray:
        """Estimate the bound on the log-likelihood of each image, ``[n]`` nats, from one draw."""
        self._check_variational("elbo")
        images = _images(images)
        shape = len(images), *self._shapes[-1]
        draws = np.random.default_rng(seed).standard_normal(shape, np.float32)
        return _in_parts(lambda *both: -sum(self._parts(*both)), images, draws)

    def _check_variational(self, name):
        if not self._variational:
            raise ValueError(f"{name} needs an Autoencoder(..., variational=True).")

    def get_config(self) -> dict:
        """Return the arguments that make this model; Keras saves them."""
        return {**super().get_config(), **self._options}


def _images(images):
    """Return images as ``[n, 28, 28, 1]`` float32, or say what is wrong with them."""
    images = validate.unit_interval(images, "images")
    if images.shape[1:] not in ((784,), _SHAPE[:2], _SHAPE):
        shapes = "[n, 784], [n, 28, 28] or [n, 28, 28, 1]"
        hint = "A single image goes in as image[None]."
        raise ValueError(f"images must have shape {shapes}, got {list(images.shape)}. {hint}")
    return images.astype(np.float32, copy=False).reshape(-1, *_SHAPE)


def _in_parts(function, *arrays):
    """Apply a function of tensors to arrays, some rows at a time."""
    starts = range(0, len(arrays[0]), _AT_ONCE)
    return np.concatenate([function(*(a[i : i + _AT_ONCE] for a in arrays)) for i in starts])


def _shapes(layers, code, kind, kernel_size, stride):
    """Return the shape of an image, and of what each layer of the encoder makes of it."""
    if not isinstance(layers, list | tuple):
        raise ValueError(f"layers must be a list of sizes such as [512, 256], got {layers!r}.")
    for i, size in enumerate(layers):
        validate.whole(size, f"layers[{i}]")
    shapes = [_SHAPE]
    if kind == "dense":
        shapes += [(size,) for size in layers]
    elif kind == "conv":
        validate.whole(stride, "stride")
        validate.whole(kernel_size, "kernel_size", least=stride)  # or some pixels are never seen
        if not len(layers):
            raise ValueError('kind="conv" needs at least one layer, got layers=[].')
        for filters in layers:
            side = math.ceil(shapes[-1][0] / stride)
            shapes.append((side, side, filters))
    else:
        raise ValueError(f'kind must be "dense" or "conv", got {kind!r}.')
    if code is not None:
        shapes.append((validate.whole(code, "code"),))
    elif kind == "dense":
        raise ValueError('code=None, the last feature map, is for kind="conv"; pass a length.')
    return shapes
