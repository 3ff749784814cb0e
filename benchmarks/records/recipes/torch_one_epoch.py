"""The published one-epoch recipe for 99 %, in PyTorch on a CPU."""

from benchmarks.records.recipes import _cycle


def train(images, labels, seed, look):
    """Train; return a function from uint8 images to digits."""
    return _cycle.train(images, labels, seed, look, epochs=1)
