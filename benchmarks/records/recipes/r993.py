"""99.3 %: the network of 99.0 %, about an epoch and a half.

Batches are twice as large, and the peak of the rate higher: fewer steps, less overhead.
Augmentation pays later, when images come round for the third time.
"""

from benchmarks.records.recipes import _fast

MARK = 0.993


def train(images, labels, seed):
    """Train; return a function from uint8 images to digits."""
    return _fast.train(images, labels, seed, first=5, steps=360, batch=256, peak=0.03)
