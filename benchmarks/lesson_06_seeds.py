"""Measure every rung of lesson 06 over several seeds.

``python -m benchmarks.lesson_06_seeds`` prints, for each rung, validation accuracy (by which the
lesson's choices were made) and test accuracy, of the last weights and of their exponential moving
average: mean, smallest and largest. All are trained on the 55,000, but the first, on its own cut of
all 70,000, and the last, on 60,000 as in the lesson. The lesson's assertions sit at or below the
smallest numbers. All results go to ``lesson_06_seeds.json``, from which the lesson fills a column
of its table.
"""

from libs.datasets import MNIST, Dataset

# isort: split
import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, optimizers

from libs.files import replacing
from libs.utils import linear

COLUMNS = ("validation, last", "validation, averaged", "test, last", "test, averaged")
AVERAGE = {"use_ema": True, "ema_momentum": 0.999}


class Dropout(layers.Layer):
    """Dropout that reads masks drawn beforehand, as in the lesson."""

    def __init__(self, kept, seed):
        super().__init__()
        self.kept, self.seed = kept, seed
        self.place = tf.Variable(0, trainable=False)

    def build(self, shape):
        """Draw the masks, ``[8191, units]``."""
        masks = np.random.default_rng(self.seed).random((8191, shape[-1])) < self.kept
        self.masks = tf.constant(masks / self.kept, tf.float32)

    def call(self, x, training=False):
        """Multiply ``[batch, units]`` with a row of masks for each image."""
        if not training:
            return x
        self.place.assign((self.place + 1009) % 8191)
        return x * tf.gather(self.masks, (self.place + 83 * tf.range(x.shape[0])) % 8191)


class Falling(optimizers.schedules.LearningRateSchedule):
    """From 0.003 towards 0.0001."""

    def __call__(self, step):
        """Return the rate of a step."""
        return 0.0001 + (0.003 - 0.0001) * tf.exp(-tf.cast(step, tf.float32) / 2000)


class UpAndDown(optimizers.schedules.LearningRateSchedule):
    """Up for a fifth of the steps, then down to 0 in a straight line."""

    def __init__(self, peak, steps):
        self.peak, self.steps = peak, steps

    def __call__(self, step):
        """Return the rate of a step."""
        done = tf.cast(step, tf.float32) / self.steps
        return self.peak * tf.minimum(done / 0.2, (1 - done) / 0.8)


def softmax_layer():
    pixels = keras.Input((784,))
    return keras.Model(pixels, linear(pixels, 10)[0])


def network(sizes, activation="relu", bias=0.0, kept=1.0, norm=False, seed=42):
    model = keras.Sequential([keras.Input((784,))])
    for number, units in enumerate(sizes):
        start = keras.initializers.Constant(bias)
        model.add(layers.Dense(units, use_bias=not norm, bias_initializer=start))
        if norm:
            model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation(activation))
        if kept < 1 and units >= 100:
            model.add(Dropout(kept, [seed, number]))
    model.add(layers.Dense(10))
    return model


def momentum(rate):
    return optimizers.SGD(rate, momentum=0.9, **AVERAGE)


def adam(rate):
    return optimizers.Adam(rate, **AVERAGE)


FIVE, WIDE = (200, 100, 60, 30), (512, 512)


def five(seed, kept=1.0, norm=False, activation="relu", bias=0.1):
    return network(FIVE, activation, 0.0 if norm else bias, kept, norm, seed)


def rungs(seed: int, n: int) -> dict:
    """Return a function for each rung that makes (model, optimiser, epochs, shift).

    Parameters
    ----------
    seed : int
        Seeds the masks of dropout.
    n : int
        Number of training images, for the schedule of the last rung.
    """

    def best():
        schedule = UpAndDown(0.01, 12 * n // 100)
        return network(WIDE, kept=0.7, norm=True, seed=seed), optimizers.Adam(schedule)

    return {
        "784-300-10": lambda: (network((300,)), optimizers.SGD(0.1, **AVERAGE), 30, 0),
        "784-300-10, Adam": lambda: (network((300,)), adam(0.003), 12, 0),
        "shifted images": lambda: (network((300,)), adam(0.003), 12, 1),
        "sigmoid": lambda: (five(seed, 1.0, False, "sigmoid", 0.0), momentum(0.5), 12, 1),
        "ReLU": lambda: (five(seed), momentum(0.1), 12, 1),
        "Adam": lambda: (five(seed), adam(0.003), 12, 1),
        "falling rate": lambda: (five(seed), adam(Falling()), 12, 1),
        "dropout": lambda: (five(seed, 0.75), adam(Falling()), 12, 1),
        "batch norm": lambda: (five(seed, 0.75, True), adam(Falling()), 12, 1),
        "the best": lambda: (*best(), 12, 1),
    }


def accuracy(model, part) -> float:
    scores = model(tf.constant(part.images), training=False)
    return float(np.mean(np.argmax(scores, axis=1) == part.labels.argmax(axis=1)))


def train(model, optimizer, source, epochs, shift, seed, batch=100):
    """Train as the lesson does; return the last accuracy on validation."""
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function(jit_compile=True)
    def epoch(images, labels, order, moves):
        for i in tf.range(order.shape[0]):
            x, y = tf.gather(images, order[i]), tf.gather(labels, order[i])
            if shift:
                moved = tf.roll(tf.reshape(x, [-1, 28, 28]), moves[i], [1, 2])
                x = tf.reshape(moved, [-1, 784])
            with tf.GradientTape() as tape:
                scores = model(x, training=True)
                losses = tf.nn.softmax_cross_entropy_with_logits(y, scores)
                loss = tf.reduce_mean(losses)
            optimizer.apply(tape.gradient(loss, weights), weights)

    x, y = tf.constant(source.train.images), tf.constant(source.train.labels)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(x)).reshape(-1, batch)
        moves = rng.integers(-shift, shift + 1, (len(order), 2))
        epoch(x, y, tf.constant(order, tf.int32), tf.constant(moves, tf.int32))
    return accuracy(model, source.valid)


def measure(name, seed, data, cut, both) -> np.ndarray:
    """Return accuracies: validation last, averaged; test last, averaged."""
    keras.utils.set_random_seed(seed)
    test = data.test
    if name.startswith("softmax"):
        source = cut if "own cut" in name else data
        test = source.test
        model, optimizer = softmax_layer(), adam(float(name.rpartition(" ")[2]))
        last = train(model, optimizer, source, 5, 0, seed, batch=50)
    elif name == "512 + dropout":
        source = data
        model = keras.Sequential([keras.Input((784,)), layers.Dense(512, "relu")])
        model.add(layers.Dropout(0.2))
        model.add(layers.Dense(10))
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, steps_per_execution=50, jit_compile=False)
        model.fit(data.train.images, data.train.labels, batch_size=100, epochs=5, verbose=0)
        last, optimizer = accuracy(model, data.valid), model.optimizer
    else:
        on_all = name.endswith("60,000")
        source = both if on_all else data
        made = rungs(seed, len(source.train))[name.removesuffix(" on 60,000")]()
        model, optimizer, *rest = made
        last = train(model, optimizer, source, *rest, seed)
    tested = accuracy(model, test)
    optimizer.finalize_variable_values(model.trainable_variables)
    return np.array([last, accuracy(model, source.valid), tested, accuracy(model, test)])


def keep(seeds: list[int], found: dict) -> None:
    """Write the results, ``{rung: [seed, column]}``, beside this script."""
    rungs = {
        name: dict(zip(COLUMNS, np.round(values, 4).T.tolist(), strict=True))
        for name, values in found.items()
    }
    text = json.dumps({"seeds": seeds, "rungs": rungs}, indent=1) + "\n"
    with replacing(Path(__file__).with_suffix(".json")) as file:
        file.write(text.encode())


def spread(found: np.ndarray) -> str:
    return f"{found.mean():.4f} ({found.min():.4f} to {found.max():.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 42])
    names = [f"softmax, own cut {rate}" for rate in (0.001, 0.003, 0.006, 0.01)]
    names += ["softmax 0.006", "784-300-10", "512 + dropout", *list(rungs(0, 0))[1:]]
    names.append("the best on 60,000")
    parser.add_argument("--rungs", nargs="+", default=names, choices=names)
    chosen = parser.parse_args()
    data, cut = MNIST(), MNIST(split=[0.8, 0.1, 0.1])
    for images in (data.X, cut.X):
        np.sqrt(images, out=images)
    both = Dataset(data.X[:60_000], data.Y[:60_000])
    both.valid = data.valid
    found = {name: [] for name in chosen.rungs}
    for seed in chosen.seeds:
        for name in chosen.rungs:
            began = time.perf_counter()
            found[name].append(measure(name, seed, data, cut, both))
            spent = time.perf_counter() - began
            print(f"seed {seed:2} {name:22} {found[name][-1].round(4)} {spent:.0f} s", flush=True)

    print(f"\nSeeds {chosen.seeds}: mean (smallest to largest)")
    print(f"{'':22} " + " ".join(f"{column:26}" for column in COLUMNS))
    for name, values in found.items():
        values = np.array(values)
        print(f"{name:22} " + " ".join(f"{spread(column):26}" for column in values.T))
    if chosen.rungs == names:
        keep(chosen.seeds, found)


if __name__ == "__main__":
    main()
