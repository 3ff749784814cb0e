"""Measure every rung of lesson 07 over several seeds.

``python -m benchmarks.lesson_07_seeds`` prints, for each rung, validation accuracy (by which the
lesson's choices were made) and test accuracy, of the last weights and of their exponential moving
average: mean, smallest and largest. The last three learn 60,000 images, as in the lesson; for "the
push" the columns "averaged" are of nine shifts of the images instead. The lesson's assertions sit
at or below the smallest numbers. ``--save`` keeps all in ``lesson_07_seeds.json`` for the lesson.
"""

from libs import ROOT
from libs.datasets import MNIST, Dataset

# isort: split
import argparse
import json
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers, optimizers
from scipy.ndimage import gaussian_filter

AVERAGE = {"use_ema": True, "ema_momentum": 0.999}
SAVED = ROOT / "benchmarks" / "lesson_07_seeds.json"


class UpAndDown(optimizers.schedules.LearningRateSchedule):
    """Up for a fifth of the steps, then down to 0 in a straight line."""

    def __init__(self, peak, steps):
        self.peak, self.steps = peak, steps

    def __call__(self, step):
        """Return the rate of a step."""
        done = tf.cast(step, tf.float32) / self.steps
        return self.peak * tf.minimum(done / 0.2, (1 - done) / 0.8)


class BatchNorm(layers.Layer):
    """Batch normalisation of maps in one fused operation, as in the lesson."""

    def build(self, shape):
        """Make scale, shift, mean and variance, ``[channels]`` each."""
        n = (shape[-1],)
        self.scale = self.add_weight(shape=n, initializer="ones")
        self.shift = self.add_weight(shape=n, initializer="zeros")
        self.mean = self.add_weight(shape=n, initializer="zeros", trainable=False)
        self.variance = self.add_weight(shape=n, initializer="ones", trainable=False)

    def call(self, x, training=False):
        """Normalise ``[batch, height, width, channels]``."""
        if not training:
            now = (self.mean, self.variance, self.shift, self.scale)
            return tf.nn.batch_normalization(x, *now, 1e-3)
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=self.scale, offset=self.shift, mean=[], variance=[], epsilon=1e-3
        )
        self.mean.assign(0.9 * self.mean + 0.1 * mean)
        self.variance.assign(0.9 * self.variance + 0.1 * variance)
        return y


def network(filters, sizes, strides, dense=200, kept=1.0):
    model = keras.Sequential([keras.Input((28, 28, 1))])
    how = {"activation": "relu", "kernel_initializer": "he_normal"}
    for n, size, stride in zip(filters, sizes, strides, strict=True):
        model.add(layers.Conv2D(n, size, stride, padding="same", **how))
    model.add(layers.Flatten())
    model.add(layers.Dense(dense, **how))
    if kept < 1:
        model.add(layers.Dropout(1 - kept))
    model.add(layers.Dense(10))
    return model


def pooled(*filters):
    model = keras.Sequential([keras.Input((28, 28, 1))])
    how = {"use_bias": False, "kernel_initializer": "he_normal"}
    for i, n in enumerate(filters):
        model.add(layers.Conv2D(n, 3, **how))
        if i < 2:
            model.add(layers.MaxPooling2D())
        model.add(BatchNorm())
        model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(128, **how))
    model.add(layers.BatchNormalization(momentum=0.9))
    model.add(layers.ReLU())
    model.add(layers.Dense(10))
    return model


def draw_shifts(rng, shape):
    return tf.constant(rng.integers(-1, 2, (shape[0], 2)), tf.int32)


def shifted(images, by):
    return tf.roll(images, by, axis=[1, 2])


def draw_warps(rng, shape, strength=1.0):
    """Draw a slight rotation, scaling, shear and shift for each image: ``[*shape, 8]``."""
    n = int(np.prod(shape))
    turn, shear, wide, high, right, down = strength * rng.uniform(-1, 1, (6, n))
    turn, shear = np.radians(10) * turn, 0.1 * shear
    wide, high = np.exp(0.1 * wide), np.exp(0.1 * high)
    cos, sin = np.cos(turn), np.sin(turn)
    a, b = cos * wide, (cos * shear - sin) * high
    c, d = sin * wide, (sin * shear + cos) * high
    dx = 13.5 * (1 - a - b) + 1.5 * right
    dy = 13.5 * (1 - c - d) + 1.5 * down
    rows = np.stack([a, b, dx, c, d, dy, 0 * a, 0 * a], axis=-1)
    return tf.constant(rows.reshape(*shape, 8), tf.float32)


def warped(images, rows):
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=rows,
        output_shape=[28, 28],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def draw_waves(rng, shape, strength=1.0):
    """Draw one smooth random displacement for each batch: ``[steps, 28, 28, 2]``."""
    noise = rng.uniform(-1, 1, (shape[0], 28, 28, 2)).astype(np.float32)
    smooth = gaussian_filter(noise, (0, 4, 4, 0))
    return tf.constant(strength * smooth / smooth.std(), tf.float32)


def waved(images, wave):
    """Sample images ``[n, 28, 28, 1]`` at displaced places, between the pixels."""
    places = tf.stack(tf.meshgrid(tf.range(28.0), tf.range(28.0), indexing="ij"), axis=-1)
    places = tf.clip_by_value(places + wave, 0, 26.99)
    corner = tf.cast(places, tf.int32)
    part = places - tf.cast(corner, tf.float32)
    start = tf.reshape(28 * corner[..., 0] + corner[..., 1], [784])
    down, right = (tf.reshape(part[..., axis], [1, 784]) for axis in (0, 1))
    flat = tf.reshape(images, [-1, 784])
    at = [tf.gather(flat, start + step, axis=1) for step in (0, 1, 28, 29)]
    upper, lower = ((1 - right) * at[i] + right * at[i + 1] for i in (0, 2))
    return tf.reshape((1 - down) * upper + down * lower, [-1, 28, 28, 1])


SHIFTS = (draw_shifts, shifted)
WARPS = (draw_warps, warped)
WAVES = (draw_waves, waved)


def pictures(part):
    return part.images.reshape(-1, 28, 28, 1)


def accuracy(scores, part) -> float:
    return float(np.mean(scores.argmax(axis=1) == part.labels.argmax(axis=1)))


def nine(model, images):
    """Return probabilities averaged over the images and their eight neighbouring shifts."""
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    every = [model.predict(np.roll(images, by, (1, 2)), 500, verbose=0) for by in moves]
    return np.mean(tf.nn.softmax(every), axis=0)


def train(model, optimizer, part, epochs, seed, augment=None, smooth=0.0, batch=100):
    """Train as the lesson does; return the seconds."""
    draw_moves, change = augment or (lambda rng, shape: None, None)
    x = tf.constant(pictures(part))
    y = tf.constant((1 - smooth) * part.labels + smooth / 10, tf.float32)
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function
    def epoch(images, labels, order, moves=None):
        for i in tf.range(order.shape[0]):
            x, y = tf.gather(images, order[i]), tf.gather(labels, order[i])
            if moves is not None:
                x = change(x, moves[i])
                x.set_shape([batch, 28, 28, 1])
            with tf.GradientTape() as tape:
                losses = tf.nn.softmax_cross_entropy_with_logits(y, model(x, training=True))
                loss = tf.reduce_mean(losses)
            optimizer.apply(tape.gradient(loss, weights), weights)

    rng, began = np.random.default_rng(seed), time.perf_counter()
    for _ in range(epochs):
        order = tf.constant(rng.permutation(len(x)).reshape(-1, batch), tf.int32)
        epoch(x, y, order, draw_moves(rng, order.shape))
    return time.perf_counter() - began


SIX = ((6, 12, 24), (6, 5, 4), (1, 2, 2))
TINY = ((4, 8, 12), (5, 5, 4), (1, 2, 2))


def adam(rate):
    return optimizers.Adam(rate, **AVERAGE)


def rungs() -> dict:
    """Return for each rung a function of the number of training images.

    It makes (model, optimiser, epochs, keyword arguments of ``train``).
    """

    def up(n, epochs, peak=0.01):
        return optimizers.Adam(UpAndDown(peak, epochs * n // 100))

    def fast(augment, epochs):
        rest = {"augment": augment, "smooth": 0.1}
        return lambda n: (pooled(16, 32, 64), up(n, epochs), epochs, rest)

    both = {"augment": WARPS, "smooth": 0.1}
    return {
        "32-64": lambda n: (network((32, 64), (5, 5), (2, 2), 128), adam(0.001), 2, {"batch": 50}),
        "4-8-12": lambda n: (network(*TINY), adam(0.003), 5, {}),
        "affine images": lambda n: (network(*TINY), adam(0.003), 5, {"augment": WARPS}),
        "6-12-24": lambda n: (network(*SIX, kept=0.75), up(n, 7, 0.006), 7, both),
        "batch norm": lambda n: (pooled(16, 32, 64), up(n, 7), 7, both),
        "no augmentation": fast(None, 4),
        "shift": fast(SHIFTS, 4),
        "affine": fast(WARPS, 4),
        "elastic": fast(WAVES, 4),
        "one epoch": fast(None, 1),
        "the fast one": fast(None, 2),
        "the push": lambda n: (pooled(16, 48, 96), up(n, 14), 14, both),
    }


def train_fast(part, seed):
    """Train the fast one on a part of a dataset; return the model."""
    keras.utils.set_random_seed(seed)
    model, optimizer, epochs, rest = rungs()["the fast one"](len(part))
    train(model, optimizer, part, epochs, seed, **rest)
    return model


def measure(name, seed, data, both) -> np.ndarray:
    """Return accuracies: validation last, averaged; test last, averaged; and seconds."""
    keras.utils.set_random_seed(seed)
    on_all = name.endswith("60,000")
    source = both if on_all else data
    name = name.removesuffix(" on 60,000")
    model, optimizer, epochs, rest = rungs()[name](len(source.train))
    seconds = train(model, optimizer, source.train, epochs, seed, **rest)
    parts = (data.valid, data.test)
    found = [accuracy(model.predict(pictures(part), 500, verbose=0), part) for part in parts]
    if name == "the push":
        more = [accuracy(nine(model, pictures(part)), part) for part in parts]
    else:
        optimizer.finalize_variable_values(model.trainable_variables)
        more = [accuracy(model.predict(pictures(part), 500, verbose=0), part) for part in parts]
    return np.array([found[0], more[0], found[1], more[1], seconds])


def spread(found: np.ndarray) -> str:
    return f"{found.mean():.4f} ({found.min():.4f} to {found.max():.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 42])
    last = ("one epoch", "the fast one", "the push")
    names = [f"{name} on 60,000" if name in last else name for name in rungs()]
    parser.add_argument("--rungs", nargs="+", default=names, choices=names)
    parser.add_argument("--save", action="store_true", help="keep what is found for the lesson")
    chosen = parser.parse_args()
    tf.get_logger().setLevel("ERROR")  # no word about tracing: each network is traced once
    data = MNIST()
    both = Dataset(data.X[:60_000], data.Y[:60_000])
    found = json.loads(SAVED.read_text(encoding="utf-8")) if chosen.save and SAVED.exists() else {}
    for seed in chosen.seeds:
        for name in chosen.rungs:
            values = measure(name, seed, data, both)
            found.setdefault(name, {})[str(seed)] = values.round(4).tolist()
            print(f"seed {seed:2} {name:22} {values[:4].round(4)} {values[4]:.0f} s", flush=True)
            if chosen.save:
                SAVED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    columns = ("validation, last", "averaged", "test, last", "averaged")
    print(f"\n{'':24} " + " ".join(f"{column:26}" for column in columns))
    for name in chosen.rungs:
        values = np.array(list(found[name].values()))[:, :4]
        print(f"{name:24} " + " ".join(f"{spread(column):26}" for column in values.T))


if __name__ == "__main__":
    main()
