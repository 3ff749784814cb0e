"""99.6 %: the network of 99.0 %, under seven epochs of images made up one by one, nine looks.

On one seed's validation, after 1,500 steps, the looks raised 99.48 % to 99.55 %.
"""

from benchmarks.records.recipes import _far

MARK = 0.996
LOOKS = _far.LOOKS


def train(images, labels, seed):
    """Train; return a function from uint8 images to digits."""
    return _far.train(images, labels, seed, filters=(16, 32, 64), hidden=128, steps=1600)
