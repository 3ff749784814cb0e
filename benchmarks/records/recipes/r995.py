"""99.5 %: the network of 99.0 %, under five epochs of shifted images.

Each batch is moved as a whole by a pixel or none: one copy, where a move for each image would
cost more than the first convolution.
"""

from benchmarks.records.recipes import _fast

MARK = 0.995


def train(images, labels, seed):
    """Train; return a function from uint8 images to digits."""
    how = {"first": 5, "steps": 1100, "batch": 256, "peak": 0.03}
    return _fast.train(images, labels, seed, augment=_fast.shifted, **how)
