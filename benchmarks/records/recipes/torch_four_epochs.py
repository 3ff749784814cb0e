"""The one-epoch recipe with four epochs in its cycle, for 99.3 %."""

from benchmarks.records.recipes import _cycle


def train(images, labels, seed, look):
    """Train; return a function from uint8 images to digits."""
    return _cycle.train(images, labels, seed, look, epochs=4)
