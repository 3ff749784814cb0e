"""The general autoencoder: fully connected or convolutional, tied, denoising, variational."""

import json
import math
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw
from tqdm import tqdm

from libs import validate
from libs.datasets import Dataset
from libs.files import replacing
from libs.gif import build_gif
from libs.utils import montage

_AT_ONCE = 1000  # images in memory as feature maps at one time, outside of training
_FRAMES = 24  # of an animation at most, which keeps that of MNIST under 2 MB


@keras.saving.register_keras_serializable(package="libs")
class Autoencoder(keras.Model):
    """A network that squeezes images into short codes and rebuilds them.

    The decoder mirrors the encoder layer by layer. Every layer is followed by ``activation``, but
    for the one that makes the code, which is linear, and the last one, followed by ``output``.
    Kernels start He-uniform, biases at 0. The model comes compiled with Adam at a rate of 0.001;
    ``compile(optimizer)`` takes another optimiser.

    Parameters
    ----------
    shape : tuple of int
        Of an image: ``(height, width)`` or ``(height, width, channels)``, 1 or 3 channels.
    layers : sequence of int
        Units (dense) or filters (conv) of each layer before the code. A dense one may be empty.
    code : int or None
        Numbers in a code. None, for conv only: the last feature map, flattened, is the code.
    kind : {"dense", "conv"}
        Fully connected, or convolutions with "same" padding.
    kernel_size, stride : int
        Of the convolutions; each layer divides height and width by ``stride``, rounded up.
    tied : bool
        Decode with the encoder's kernels, transposed (the decoder has its own biases), or with
        kernels of its own.
    variational : bool
        Encode to a mean and a log-variance, and decode a draw from that Gaussian.
    noise : float
        Share of pixels set to 0 in the input while training, in ``[0, 1)``; the target is clean.
    beta : float
        Weight of the KL divergence in the loss of a variational model.
    activation, output : str
        Names of Keras activations. A variational model's output is ``"sigmoid"``.
    seed : int
        All randomness comes from it: first weights, order of images, noise.
    **kwargs
        ``name`` and the like, for ``keras.Model``.

    Attributes
    ----------
    encoder_kernels, decoder_kernels : list of keras.Variable
        First to last layer. Dense ``[in, out]`` of the encoding direction, conv ``[kernel_size,
        kernel_size, in, out]``. A decoder's kernel has the shape of the encoder's that it mirrors
        and is used transposed: ``h @ kernel.T``, or the transposed convolution. Tied, the two
        lists hold the same variables in opposite order.
    encoder_biases, decoder_biases : list of keras.Variable
        ``[units]`` or ``[filters]`` of each layer's own output.

    Raises
    ------
    ValueError
        If an argument is out of its range, or two of them do not go together.

    Notes
    -----
    Loss: the mean squared error per pixel. Variational: cross-entropy of Bernoulli pixels, summed
    over pixels, plus ``beta`` times the KL divergence from N(0, I), summed over the code, both
    averaged over the batch; they are reported as ``reconstruction`` and ``kl``, in nats.

    Order of ``weights``: encoder, first to last layer, kernel then bias; of a variational one the
    log-variance's kernel and bias; decoder, first to last layer, kernel (free only) then bias.
    The mean's layer is the last of the encoder, and the one a tied decoder mirrors.

    References
    ----------
    G. Hinton and R. Salakhutdinov, *Reducing the dimensionality of data with neural networks*,
    2006. P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, *Extracting and composing robust
    features with denoising autoencoders*, 2008. J. Masci, U. Meier, D. Cireşan and J. Schmidhuber,
    *Stacked convolutional auto-encoders for hierarchical feature extraction*, 2011. D. Kingma and
    M. Welling, *Auto-encoding variational Bayes*, 2014. I. Higgins et al., *beta-VAE: learning
    basic visual concepts with a constrained variational framework*, 2017. K. He, X. Zhang, S. Ren
    and J. Sun, *Delving deep into rectifiers*, 2015 (the first weights).

    Examples
    --------
    >>> images = np.random.default_rng(0).random((20, 8, 8), np.float32)
    >>> model = Autoencoder((8, 8), layers=[32], code=4)
    >>> history = model.fit(images, epochs=3, verbose=0)
    >>> [round(loss, 1) for loss in history.history["loss"]]
    [0.1, 0.1, 0.1]
    >>> model.encode(images).shape, model.reconstruct(images).shape
    ((20, 4), (20, 8, 8, 1))
    """

    def __init__(
        self,
        shape=(28, 28),
        layers=(512, 256, 128),
        code: int | None = 64,
        *,
        kind: str = "dense",
        kernel_size: int = 4,
        stride: int = 2,
        tied: bool = True,
        variational: bool = False,
        noise: float = 0.0,
        beta: float = 1.0,
        activation: str = "relu",
        output: str = "sigmoid",
        seed: int = 42,
        **kwargs,
    ) -> None:
        if kind not in ("dense", "conv"):
            raise ValueError(f'kind must be "dense" or "conv", got {kind!r}.')
        for value, name in ((tied, "tied"), (variational, "variational")):
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, got {value!r}.")
        self_shapes = _shapes(shape, layers, code, kind, kernel_size, stride)
        if variational and code is None:
            raise ValueError("variational=True needs the length of the code: pass code=20, say.")
        if variational and output != "sigmoid":
            raise ValueError(
                f'variational=True needs output="sigmoid", the probability that a Bernoulli pixel '
                f"is on, got {output!r}."
            )
        if not 0 <= noise < 1:
            raise ValueError(f"noise must be a share of pixels, 0 <= noise < 1, got {noise!r}.")
        if not 0 <= beta < math.inf:
            raise ValueError(f"beta must be a finite number of at least 0, got {beta!r}.")
        if beta != 1 and not variational:
            raise ValueError(
                f"beta weighs the KL divergence, which only variational=True has, got {beta!r}. "
                f"Leave beta out, or set variational=True."
            )
        functions = [_activation(activation, "activation"), _activation(output, "output")]
        seed = _whole(seed, "seed", least=0)

        super().__init__(**kwargs)
        self._options = {
            "shape": list(self_shapes[0]),
            "layers": [int(n) for n in layers],
            "code": None if code is None else int(code),
            "kind": kind,
            "kernel_size": int(kernel_size),
            "stride": int(stride),
            "tied": tied,
            "variational": variational,
            "noise": float(noise),
            "beta": float(beta),
            "activation": activation,
            "output": output,
            "seed": seed,
        }
        self._shapes = self_shapes
        self._activation, self._output = functions
        self._seeds = keras.random.SeedGenerator(seed)
        self._make_weights()
        names = ("loss", "reconstruction", "kl") if variational else ("loss",)
        self._means = [keras.metrics.Mean(name) for name in names]
        self.built = True
        self.compile()

    def _make_weights(self):
        option = self._options
        he = keras.initializers.HeUniform(seed=self._seeds)
        size = option["kernel_size"]
        shapes = [
            (math.prod(a), b[0]) if len(b) == 1 else (size, size, a[-1], b[-1])
            for a, b in zip(self._shapes, self._shapes[1:], strict=False)
        ]

        def kernel(shape, name):
            return self.add_weight(shape=shape, initializer=he, name=f"{name}_kernel")

        def bias(size, name):
            return self.add_weight(shape=(size,), initializer="zeros", name=f"{name}_bias")

        encoder, decoder = [], []
        for i, shape in enumerate(shapes):
            name = f"encoder_{i}"
            encoder.append((kernel(shape, name), bias(shape[-1], name)))
        if option["variational"]:
            name = "log_variance"
            self._spread = (kernel(shapes[-1], name), bias(shapes[-1][-1], name))
        for i in reversed(range(len(shapes))):
            name = f"decoder_{len(shapes) - 1 - i}"
            used = encoder[i][0] if option["tied"] else kernel(shapes[i], name)
            decoder.append((used, bias(shapes[i][-2], name)))
        self.encoder_kernels, self.encoder_biases = map(list, zip(*encoder, strict=True))
        self.decoder_kernels, self.decoder_biases = map(list, zip(*decoder, strict=True))

    # --- the network, on tensors ------------------------------------------------------------

    def _down(self, h, kernel, bias):
        if len(kernel.shape) == 2:
            return tf.reshape(h, [-1, kernel.shape[0]]) @ kernel + bias
        return tf.nn.conv2d(h, kernel, self._options["stride"], "SAME") + bias

    def _up(self, h, kernel, bias, above, here):
        """Turn ``[n, *above]`` into ``[n, *here]``, the way back of :meth:`_down`."""
        if len(kernel.shape) == 2:
            h = tf.matmul(tf.reshape(h, [-1, *above]), kernel, transpose_b=True)
            return tf.reshape(h + bias, [-1, *here])
        h = tf.reshape(h, [-1, *above])
        # the size before the convolution is told, for a strided one rounds it up
        wanted = [tf.shape(h)[0], *here]
        return tf.nn.conv2d_transpose(h, kernel, wanted, self._options["stride"]) + bias

    def _encode(self, images):
        """Return means ``[n, code]`` and log-variances, or None where there are none."""
        *layers, last = zip(self.encoder_kernels, self.encoder_biases, strict=True)
        h = images
        for kernel, bias in layers:
            h = self._activation(self._down(h, kernel, bias))
        mean = tf.reshape(self._down(h, *last), [-1, math.prod(self._shapes[-1])])
        return mean, self._down(h, *self._spread) if self._options["variational"] else None

    def _logits(self, codes):
        """Return images ``[n, height, width, channels]`` before the output's activation."""
        shapes = self._shapes[::-1]
        h = codes
        for i, (kernel, bias) in enumerate(
            zip(self.decoder_kernels, self.decoder_biases, strict=True)
        ):
            h = self._up(self._activation(h) if i else h, kernel, bias, *shapes[i : i + 2])
        return h

    def _decode(self, codes):
        return self._output(self._logits(codes))

    def call(self, images):
        """Reconstruct a tensor of images through their codes, without noise."""
        return self._decode(self._encode(tf.reshape(images, [-1, *self._shapes[0]]))[0])

    def _loss_parts(self, images, training):
        """Return the loss and, of a variational model, its two parts, each averaged."""
        images = seen = tf.reshape(images, [-1, *self._shapes[0]])
        if training and self._options["noise"]:
            pixels = tf.shape(images)[:3]
            kept = keras.random.uniform([*tf.unstack(pixels), 1], seed=self._seeds)
            seen = images * tf.cast(kept >= self._options["noise"], images.dtype)
        mean, log_variance = self._encode(seen)
        if not self._options["variational"]:
            return [tf.reduce_mean(tf.square(self._decode(mean) - images))]
        draw = keras.random.normal(tf.shape(mean), seed=self._seeds)
        logits = self._logits(mean + tf.exp(log_variance / 2) * draw)
        reconstruction = tf.reduce_mean(_cross_entropy(images, logits))
        kl = tf.reduce_mean(_kl(mean, log_variance))
        return [reconstruction + self._options["beta"] * kl, reconstruction, kl]

    # --- training ---------------------------------------------------------------------------

    def compile(self, optimizer="adam", steps_per_execution=50, jit_compile=None, **kwargs):
        """Choose the optimiser; the loss is the model's own.

        Parameters
        ----------
        optimizer : str or keras.optimizers.Optimizer
            As in Keras.
        steps_per_execution : int
            Batches that run between two looks at the progress bar or an interruption.
        jit_compile : bool, optional
            Compile with XLA, which takes about a second more at first and saves about a third of
            the time from then on. By default dense networks only: convolutions get slower on a
            CPU.
        **kwargs
            As in Keras, such as ``run_eagerly``.
        """
        if jit_compile is None:
            jit_compile = self._options["kind"] == "dense"
        super().compile(
            optimizer, steps_per_execution=steps_per_execution, jit_compile=jit_compile, **kwargs
        )
        self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        """Compile as a saved model was; Keras calls this when it loads one."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    @property
    def metrics(self):
        """The running means of the loss and its parts."""
        return self._means

    def _report(self, images, losses):
        for metric, loss in zip(self._means, losses, strict=True):
            metric.update_state(loss, sample_weight=tf.shape(images)[0])
        return {metric.name: metric.result() for metric in self._means}

    def train_step(self, images):
        """Take one step down the gradient on a batch; Keras calls this."""
        with tf.GradientTape() as tape:
            losses = self._loss_parts(images, training=True)
        gradients = tape.gradient(losses[0], self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self._report(images, losses)

    def test_step(self, images):
        """Measure the loss on a batch, with clean input; Keras calls this."""
        return self._report(images, self._loss_parts(images, training=False))

    def fit(
        self,
        data,
        epochs: int = 5,
        batch_size: int = 100,
        patience: int | None = None,
        gif: str | os.PathLike | None = None,
        callbacks=(),
        verbose: bool = True,
    ) -> keras.callbacks.History:
        """Train to reconstruct images.

        Parameters
        ----------
        data : libs.datasets.Dataset or array
            Trains on ``data.train`` and watches ``data.valid``, unless that is empty; or trains on
            an array ``[n, height, width]``, ``[n, height, width, channels]`` or ``[n, pixels]``,
            float in ``[0, 1]``.
        epochs, batch_size : int
            How often every image is seen, and images in a step. The last batch may be smaller.
        patience : int, optional
            Stop after so many epochs without a smaller validation loss, with the best weights.
        gif : path, optional
            Write an animation of the same 100 images (the first of validation, otherwise of
            training), reconstructed before the first epoch and after each one, or after some of
            them if there are many. Show it with ``libs.gif.Gif(path, alt)``.
        callbacks : sequence of keras.callbacks.Callback
            More to do while it trains.
        verbose : bool
            Show a progress bar.

        Returns
        -------
        keras.callbacks.History
            ``.history["loss"]``, ``["val_loss"]`` and so on: one number an epoch.

        Raises
        ------
        TypeError, ValueError
            If the images are not as above, or another argument is out of its range.
        """
        epochs, batch_size = _whole(epochs, "epochs"), _whole(batch_size, "batch_size")
        valid = None
        if isinstance(data, Dataset):
            train = self._images(data.train.images, "data.train.images")
            if len(data.valid):
                valid = self._images(data.valid.images, "data.valid.images")
        else:
            train = self._images(data, "data")
        callbacks = list(callbacks)
        if patience is not None:
            if valid is None:
                raise ValueError(
                    "patience watches the loss on validation images, and data has none. "
                    "Pass a Dataset with split=[0.9, 0.1, 0], or leave patience out."
                )
            callbacks.append(
                keras.callbacks.EarlyStopping(
                    patience=_whole(patience, "patience"), restore_best_weights=True
                )
            )
        film = None
        if gif is not None:
            film = _Film((train if valid is None else valid)[:100], gif)
            callbacks.append(film)
        steps = -(-len(train) // batch_size)
        with tqdm(total=epochs * steps, unit="batch", file=sys.stdout, disable=not verbose) as bar:
            callbacks.append(_Progress(bar, steps))
            try:
                # a new order each epoch, and another one if fit is called again
                rng = np.random.default_rng(np.asarray(self._seeds.next()))
                history = super().fit(
                    _batches(train, batch_size, lambda: rng.permutation(len(train))),
                    epochs=epochs,
                    validation_data=None if valid is None else _batches(valid, batch_size),
                    callbacks=callbacks,
                    shuffle=False,  # the batches are already
                    verbose=0,
                )
            finally:
                if film:
                    film.write()  # of an interrupted training, what there is
        return history

    # --- using it, on arrays ----------------------------------------------------------------

    def _images(self, images, name="images"):
        """Check images and return them as ``[n, height, width, channels]`` float32."""
        images = np.asarray(images)
        height, width, channels = shape = tuple(self._shapes[0])
        if images.dtype.kind != "f":
            raise TypeError(
                f"{name} must be float in [0, 1], got {images.dtype}. "
                f"Pixels from 0 to 255 are divided by 255 first."
            )
        fits = [shape, (height * width * channels,)] + [shape[:2]] * (channels == 1)
        if images.shape[1:] not in fits:
            wanted = " or ".join(f"[{', '.join(map(str, ('n', *fit)))}]" for fit in fits)
            raise ValueError(
                f"{name} must have shape {wanted}, got {list(images.shape)}. "
                f"A single image goes in as image[None]; another size needs a model of that shape."
            )
        if not len(images):
            raise ValueError(f"{name} is empty: its shape is {list(images.shape)}.")
        low, high = images.min(), images.max()
        if not (low >= 0 and high <= 1):  # written so that NaN fails too
            raise ValueError(f"{name} must lie in [0, 1], got {low:.4g} to {high:.4g}.")
        return images.astype(np.float32, copy=False).reshape(-1, *shape)

    def _only_variational(self, what):
        if not self._options["variational"]:
            raise ValueError(
                f"{what} needs a distribution over codes: Autoencoder(..., variational=True)."
            )

    def encode(self, images) -> np.ndarray:
        """Turn images into codes, ``[n, code]`` float32; the means of a variational model."""
        return _in_parts(lambda x: self._encode(x)[0], self._images(images))

    def decode(self, codes) -> np.ndarray:
        """Turn codes ``[n, code]`` into images, ``[n, height, width, channels]`` float32."""
        codes = np.asarray(codes)
        size = math.prod(self._shapes[-1])
        if codes.dtype.kind not in "fiu" or codes.shape[1:] != (size,) or not len(codes):
            raise ValueError(
                f"codes must be numbers of shape [n, {size}], "
                f"got {codes.dtype} of shape {list(codes.shape)}."
            )
        if not np.isfinite(codes).all():
            raise ValueError("codes must be finite numbers, got NaN or infinity.")
        return _in_parts(self._decode, codes.astype(np.float32, copy=False))

    def posterior(self, images) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and log-variance of the code of each image, both ``[n, code]``."""
        self._only_variational("posterior")
        both = _in_parts(lambda x: tf.concat(self._encode(x), 1), self._images(images))
        return tuple(np.split(both, 2, axis=1))

    def reconstruct(self, images) -> np.ndarray:
        """Encode and decode images, ``[n, height, width, channels]``; no noise, no draw."""
        return _in_parts(self.call, self._images(images))

    def sample(self, n: int, seed: int) -> np.ndarray:
        """Decode ``n`` codes drawn from N(0, I) into ``[n, height, width, channels]``."""
        self._only_variational("sample")
        rng = np.random.default_rng(_whole(seed, "seed", least=0))
        return self.decode(rng.standard_normal((_whole(n, "n"), self._options["code"]), np.float32))

    def elbo(self, images, seed: int) -> np.ndarray:
        """Estimate the evidence lower bound on the log-likelihood of each image, from one draw.

        Parameters
        ----------
        images : array
            As in :meth:`fit`.
        seed : int
            Of the draw. Average over images, or over seeds for a better estimate.

        Returns
        -------
        numpy.ndarray
            ``[n]`` nats: log-likelihood of Bernoulli pixels minus KL divergence, whatever
            ``beta``.
        """
        self._only_variational("elbo")
        images = self._images(images)
        rng = np.random.default_rng(_whole(seed, "seed", least=0))
        draws = rng.standard_normal((len(images), self._options["code"]), np.float32)

        def bound(x, draw):
            mean, log_variance = self._encode(x)
            logits = self._logits(mean + tf.exp(log_variance / 2) * draw)
            return -_cross_entropy(x, logits) - _kl(mean, log_variance)

        return _in_parts(bound, images, draws)

    # --- files ------------------------------------------------------------------------------

    def get_config(self) -> dict:
        """Return the arguments that make this model."""
        return {"name": self.name, **self._options}

    def save(self, filepath, overwrite: bool = True) -> None:
        """Write the model, its weights and its optimiser's state to a ``.keras`` file.

        The file is written beside its place and then renamed, so that an interrupted save leaves
        the old one whole.

        Parameters
        ----------
        filepath : path
            Ends in ``.keras``; its folder is made if it is missing.
        overwrite : bool
            Replace a file that is there.

        Raises
        ------
        ValueError
            If ``filepath`` does not end in ``.keras``.
        FileExistsError
            If the file is there and ``overwrite`` is False.
        """
        path = Path(filepath)
        if path.suffix != ".keras":
            raise ValueError(f"filepath must end in .keras, got {str(filepath)!r}.")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} is there already. Pass overwrite=True to replace it.")
        with tempfile.TemporaryDirectory() as folder, replacing(path) as file:
            whole = Path(folder) / "model.keras"
            super().save(whole)
            file.write(whole.read_bytes())


def load(path: str | os.PathLike) -> Autoencoder:
    """Load an autoencoder that was saved with ``model.save(path)``.

    Parameters
    ----------
    path : path
        The ``.keras`` file.

    Returns
    -------
    Autoencoder
        With the same weights, and the optimiser where it stood.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or holds something else.

    Examples
    --------
    >>> path = "model.keras"
    >>> model = Autoencoder((8, 8), layers=[16], code=2)
    >>> model.save(path)
    >>> bool((load(path).decode([[0, 1]]) == model.decode([[0, 1]])).all())
    True
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}. model.save(path) writes one.")
    try:
        with zipfile.ZipFile(path) as archive:
            if (damaged := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"{damaged} is damaged")
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is no .keras file, or only a part of one ({error}). Save the model again."
        ) from None
    if config.get("registered_name") != "libs>Autoencoder":
        raise ValueError(
            f"{path} holds a model of another kind, {config.get('class_name')!r}. "
            f"keras.saving.load_model(path) may read it."
        )
    return keras.saving.load_model(path)


# --- what the loss is made of ---------------------------------------------------------------


def _cross_entropy(images, logits):
    """Minus the log-likelihood of Bernoulli pixels, in nats, ``[n]``."""
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    return tf.reduce_sum(each, axis=(1, 2, 3))


def _kl(mean, log_variance):
    """KL divergence of a diagonal Gaussian from N(0, I), in nats, ``[n]``."""
    each = tf.exp(log_variance) + tf.square(mean) - 1 - log_variance
    return tf.reduce_sum(each, axis=1) / 2


# --- plumbing -------------------------------------------------------------------------------


def _batches(images, batch_size, order=None):
    """Make batches of images; ``order()`` gives the permutation of the next epoch."""
    n = len(images)
    with tf.device("CPU"):  # where tf.data works
        images = tf.constant(images)
    if order is None:
        rows = tf.data.Dataset.range(n).batch(batch_size)
    else:
        rows = tf.data.Dataset.from_generator(
            lambda: iter([order()]), output_signature=tf.TensorSpec([n], tf.int64)
        ).flat_map(lambda row: tf.data.Dataset.from_tensor_slices(row).batch(batch_size))
    count = tf.data.experimental.assert_cardinality(-(-n // batch_size))
    return rows.map(lambda row: tf.gather(images, row)).apply(count).prefetch(2)


def _in_parts(function, *arrays):
    """Apply a function of tensors to arrays, a thousand rows at a time."""
    parts = [
        function(*(array[start : start + _AT_ONCE] for array in arrays)).numpy()
        for start in range(0, len(arrays[0]), _AT_ONCE)
    ]
    return np.concatenate(parts)


class _Progress(keras.callbacks.Callback):
    """Moves a tqdm bar on."""

    def __init__(self, bar, steps):
        super().__init__()
        self.bar, self.steps, self.epoch = bar, steps, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        done = min(batch + 1, self.steps)  # Keras counts whole executions
        self.bar.update(self.epoch * self.steps + done - self.bar.n)

    def on_epoch_end(self, epoch, logs=None):
        self.bar.set_postfix({name: f"{value:.4g}" for name, value in logs.items()})


class _Film(keras.callbacks.Callback):
    """Collects what the model makes of some images, epoch by epoch."""

    def __init__(self, images, path):
        super().__init__()
        self.images, self.path, self.frames = images, path, []

    def on_train_begin(self, logs=None):
        self.shoot("before training")

    def on_epoch_end(self, epoch, logs=None):
        self.shoot(f"epoch {epoch + 1}")

    def shoot(self, title):
        images = self.model.reconstruct(self.images)
        canvas = validate.pixels(montage(np.clip(images, 0, 1)), "images")
        strip = Image.new("L", (canvas.shape[1], 14), 255)
        ImageDraw.Draw(strip).text((2, 1), title, fill=0)
        strip = np.asarray(strip)
        if canvas.ndim == 3:
            strip = np.repeat(strip[..., None], 3, axis=2)
        self.frames.append(np.concatenate([strip, canvas]))

    def write(self):
        if self.frames:
            last = len(self.frames) - 1
            chosen = np.unique(np.linspace(0, last, _FRAMES).round().astype(int))
            frames = [self.frames[i] for i in chosen]
            still = frames[-1:] * 4  # so that the result can be looked at
            build_gif(frames + still, interval=0.5, saveto=self.path)


# --- checks of arguments --------------------------------------------------------------------


def _whole(value, name, least=1):
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return int(value)


def _activation(name, argument):
    if not isinstance(name, str):
        raise ValueError(f'{argument} must be a name such as "relu" or "linear", got {name!r}.')
    try:
        return keras.activations.get(name)
    except ValueError:
        raise ValueError(
            f'{argument} must be the name of a Keras activation, such as "relu", "tanh", '
            f'"sigmoid" or "linear", got {name!r}.'
        ) from None


def _shapes(shape, layers, code, kind, kernel_size, stride):
    """Return the shape of an image, and of what each layer of the encoder makes of it."""
    try:
        sides = [_whole(side, "shape") for side in shape]
    except (TypeError, ValueError):
        sides = []
    if len(sides) == 2:
        sides.append(1)
    if len(sides) != 3 or sides[2] not in (1, 3):
        raise ValueError(
            f"shape must be (height, width) or (height, width, channels), "
            f"with 1 or 3 channels, got {shape!r}."
        )
    if isinstance(layers, str) or not hasattr(layers, "__len__"):
        raise ValueError(f"layers must be a list of sizes such as [512, 256], got {layers!r}.")
    layers = [_whole(size, f"layers[{i}]") for i, size in enumerate(layers)]
    shapes = [tuple(sides)]
    if kind == "conv":
        if not layers:
            raise ValueError('kind="conv" needs at least one layer, got layers=[].')
        kernel_size, stride = _whole(kernel_size, "kernel_size"), _whole(stride, "stride")
        if kernel_size < stride:
            raise ValueError(
                f"kernel_size must be at least stride, or some pixels are never seen, "
                f"got kernel_size={kernel_size} and stride={stride}."
            )
        for i, filters in enumerate(layers):
            height, width, _ = shapes[-1]
            if min(height, width) < stride:
                raise ValueError(
                    f"layers[{i}] would get feature maps of {height}×{width}, too small for "
                    f"stride={stride}. Use fewer layers or larger images than "
                    f"{sides[0]}×{sides[1]}."
                )
            shapes.append((-(-height // stride), -(-width // stride), filters))
    else:
        shapes += [(size,) for size in layers]
    if code is not None:
        shapes.append((_whole(code, "code"),))
    elif kind == "dense":
        raise ValueError('code=None, the last feature map, is for kind="conv"; pass a length.')
    return shapes
