"""99.7 %: a network twice as wide, under fourteen epochs of images made up one by one, nine looks.

Twice the filters make a step 2.3 times as long for 3.6 times the operations. On one seed's
validation a first layer of stride 2, or two narrow networks together, read no better.
"""

from benchmarks.records.recipes import _far

MARK = 0.997
LOOKS = _far.LOOKS


def train(images, labels, seed):
    """Train; return a function from uint8 images to digits."""
    return _far.train(images, labels, seed, filters=(32, 64, 128), hidden=256, steps=3200)
