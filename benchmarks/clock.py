"""How long a classifier takes to 99.3 % of the test digits. No TensorFlow: PyTorch uses it, too."""

import time
from collections.abc import Callable

import numpy as np

BATCH, STEPS, EVERY, GOAL, SEED = 100, 10_000, 500, 0.993, 42
FILTERS = ((6, 6, 1), (12, 5, 2), (24, 4, 2))  # how many, side, stride


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
        if self.accuracy >= GOAL:
            raise Reached
        self.began = time.perf_counter()


def orders(n: int):
    """Yield 20 times 500 batches' indices, ``[500, 100]``, a new order each epoch."""
    rng = np.random.default_rng(SEED)
    epochs = -(-STEPS * BATCH // n)
    order = np.concatenate([rng.permutation(n) for _ in range(epochs)])[: STEPS * BATCH]
    yield from order.astype(np.int32).reshape(-1, EVERY, BATCH)
