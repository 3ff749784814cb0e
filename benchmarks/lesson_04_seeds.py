"""Measure lesson 04b's table of changes, over several seeds.

``python -m benchmarks.lesson_04_seeds`` trains, seed by seed, every row of the table: lesson 04's
two published autoencoders, then the same networks with one change after the other, five epochs in
batches of 100 over all 70,000 images each. Then it trains the last row on 60,000. It prints mean,
smallest and largest, and adds every result to ``lesson_04_seeds.json``, which lesson 04b reads.
That takes more than an hour on 2 quiet cores; ``--only`` takes a part.
"""

from libs.datasets import MNIST

# isort: split
import argparse
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from libs.files import replacing

#: Every result so far, by name and seed. Lesson 04b reads its table of changes from it.
RESULTS = Path(__file__).with_suffix(".json")
DENSE = [(784, 512), (512, 256), (256, 128), (128, 64)]
CONV = [(4, 4, 1, 16), (4, 4, 16, 16), (4, 4, 16, 16)]
PUBLISHED = {"dense": 0.0332, "conv": 0.0234}
PEAK = {"dense": 0.003, "conv": 0.01}
BATCH, EPOCHS = 100, 5

START = {"output": "relu", "he": False, "biases": False, "one_cycle": False, "linear_code": False}
# each keeps what the ones above it changed
CHANGES = {
    "linear output": {"output": "linear"},
    "He's first weights": {"he": True},
    "biases": {"biases": True},
    "rate up and down": {"one_cycle": True},
    "sigmoid output, pixels as they are": {"output": "sigmoid"},
    "linear code": {"linear_code": True},
}


class Tied:
    """An autoencoder whose decoder uses the encoder's kernels, transposed.

    Parameters
    ----------
    shapes : list of tuple
        Of the kernels: ``(in, out)``, or ``(height, width, in, out)`` with stride 2.
    output : {"relu", "linear", "sigmoid"}
        What follows the last layer.
    he, biases, linear_code : bool
        First weights by fan-in, not of deviation 0.02; train biases; no ReLU on the code.
    seed : int
        Decides the first weights.
    """

    def __init__(self, shapes, output, he, biases, linear_code, seed) -> None:
        rng = np.random.default_rng(seed)
        deviations = [np.sqrt(2 / np.prod(shape[:-1])) if he else 0.02 for shape in shapes]
        self.kernels = [
            tf.Variable(rng.standard_normal(shape, np.float32) * np.float32(deviation))
            for deviation, shape in zip(deviations, shapes, strict=True)
        ]
        self.down = [tf.Variable(tf.zeros(shape[-1])) for shape in shapes]
        self.up = [tf.Variable(tf.zeros(shape[-2])) for shape in shapes]
        self.variables = self.kernels + (self.down + self.up if biases else [])
        self.convolves = len(shapes[0]) == 4
        self.output = getattr(tf.nn, output, tf.identity)
        self.linear_code = linear_code

    def encode(self, x):
        """Turn images into codes."""
        for i, (W, b) in enumerate(zip(self.kernels, self.down, strict=True)):
            x = (tf.nn.conv2d(x, W, 2, "SAME") if self.convolves else x @ W) + b
            if not (self.linear_code and i == len(self.kernels) - 1):
                x = tf.nn.relu(x)
        return x

    def decode(self, h, sides=(7, 14, 28)):
        """Turn codes into images."""
        layers = list(zip(self.kernels, self.up, strict=True))[::-1]
        for i, (W, b) in enumerate(layers):
            if self.convolves:
                shape = [tf.shape(h)[0], sides[i], sides[i], W.shape[2]]
                h = tf.nn.conv2d_transpose(h, W, shape, 2, "SAME") + b
            else:
                h = tf.matmul(h, W, transpose_b=True) + b
            h = self.output(h) if i == len(layers) - 1 else tf.nn.relu(h)
        return h

    def errors(self, images) -> np.ndarray:
        """Return the mean squared error of each image."""
        parts = []
        for start in range(0, len(images), 1000):
            part = images[start : start + 1000]
            wrong = tf.square(self.decode(self.encode(part)) - part)
            parts.append(tf.reduce_mean(wrong, axis=range(1, wrong.ndim)).numpy())
        return np.concatenate(parts)


def train(model, images, rates, seed) -> None:
    """Train by Adam, an epoch a call."""
    keras.utils.clear_session()  # lets go of the graphs before, and of the images in them
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.variables)
    images = tf.constant(images)

    # XLA slows convolutions down on a CPU
    @tf.function(jit_compile=not model.convolves)
    def epoch(order, rates):
        for i in tf.range(tf.shape(order)[0]):
            x = tf.gather(images, order[i])
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model.decode(model.encode(x)) - x))
            optimizer.learning_rate.assign(rates[i])
            optimizer.apply(tape.gradient(loss, model.variables), model.variables)

    rng = np.random.default_rng(seed)
    for part in np.split(rates, EPOCHS):
        order = rng.permutation(len(images)).reshape(-1, BATCH)
        epoch(tf.constant(order, tf.int32), tf.constant(part))


def one_cycle(steps: int, peak: float) -> np.ndarray:
    """Return rates that rise to ``peak`` for a fifth of the steps, then fall to zero."""
    return np.interp(np.arange(steps), [0, 0.2 * steps, steps], [0, peak, 0]).astype(np.float32)


def row(X, kind: str, n: int, seed: int, **options) -> np.ndarray:
    """Train one row on the first ``n`` images; return the error of each of all the images."""
    one = options.pop("one_cycle")
    images = X if options["output"] == "sigmoid" else X - X.mean(axis=0)
    if kind == "conv":
        images = images.reshape(-1, 28, 28, 1)
    model = Tied(DENSE if kind == "dense" else CONV, seed=seed, **options)
    steps = EPOCHS * n // BATCH
    rates = one_cycle(steps, PEAK[kind]) if one else np.full(steps, 0.001, np.float32)
    train(model, images[:n], rates, seed)
    return model.errors(images)


def ends(X, kind: str, seed: int, found) -> None:
    """Measure the two rows that the lesson trains itself."""
    options = dict(START)
    errors = row(X, kind, len(X), seed, **options)
    note(found, seed, f"{kind}, as published", errors.mean())
    batches = errors[np.random.default_rng(seed).permutation(len(X))].reshape(-1, BATCH)
    better = (batches.mean(axis=1) <= PUBLISHED[kind]).mean()
    note(found, seed, f"{kind}, as published, batches at or below {PUBLISHED[kind]}", better)
    for change in CHANGES.values():
        options |= change
    errors = row(X, kind, 60_000, seed, **options)
    note(found, seed, f"{kind}, all changes, trained on 60,000, all images", errors.mean())
    note(found, seed, f"{kind}, all changes, trained on 60,000, held out", errors[60_000:].mean())


def changes(X, kind: str, seed: int, found) -> None:
    """Measure every change, each added to those before it, trained on all the images."""
    options = dict(START)
    for name, change in CHANGES.items():
        options |= change
        note(found, seed, f"{kind}, + {name}", row(X, kind, len(X), seed, **options).mean())


def both(part):
    """Let a part measure both networks."""

    def measure(X, seed, found):
        for kind in PUBLISHED:
            part(X, kind, seed, found)

    return measure


PARTS = {"ends": both(ends), "changes": both(changes)}


def note(found, seed: int, name: str, value: float) -> None:
    """Print a result, and add it to the file of results."""
    print(f"  {name}: {value:.5f}", flush=True)
    found.setdefault(name, {})[str(seed)] = round(float(value), 5)
    with replacing(RESULTS) as file:
        file.write((json.dumps(found, indent=1) + "\n").encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 0, 1, 2, 3])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    X = MNIST().X
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    for seed in arguments.seeds:
        print(f"seed {seed}", flush=True)
        for part in arguments.only:
            PARTS[part](X, seed, found)
    print("\nMean (smallest to largest), seeds.\n")
    for name, by_seed in found.items():
        values = list(by_seed.values())
        spread = f"({min(values):.5f} to {max(values):.5f})"
        print(f"{name:60} {np.mean(values):.5f} {spread}, {', '.join(by_seed)}")


if __name__ == "__main__":
    main()
