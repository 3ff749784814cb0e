"""MNIST, Fashion-MNIST and a learner's own arrays, split and batched."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from libs import SEED, data_files, validate


class Split:
    """A part of a data set.

    ``images`` is ``[n, features]`` float32 in ``[0, 1]``; ``labels`` is ``[n, classes]`` float32
    one-hot, ``[n]`` int32, whatever targets were given, or None.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray | None, seed) -> None:
        self.images = images
        self.labels = labels
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images)

    def mean(self) -> np.ndarray:
        """Return the mean of each feature, ``[features]`` float32; ValueError if it is empty."""
        if not len(self):
            raise ValueError("this part of the data set is empty; it has no mean.")
        return self.images.mean(axis=0, dtype=np.float64).astype(np.float32)

    def std(self) -> np.ndarray:
        """Return each feature's standard deviation, float32; ValueError if it is empty."""
        mean = self.mean().astype(np.float64)
        squares = np.zeros(len(mean))
        for start in range(0, len(self), 4096):  # all at once would need the array twice more
            squares += np.square(self.images[start : start + 4096] - mean).sum(axis=0)
        return np.sqrt(squares / len(self)).astype(np.float32)

    def next_batch(self, batch_size: int = 100) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Go through the split once, a batch at a time, every sample exactly once.

        Each call draws a new order, reproducible from the data set's seed. A batch is images
        ``[batch, features]`` and their labels, or None; the last one may be smaller. Raises
        ValueError if ``batch_size`` is not a positive whole number.

        Examples
        --------
        >>> data = Dataset(np.zeros((5, 4)), np.zeros(5))
        >>> [len(images) for images, labels in data.train.next_batch(2)]
        [2, 2, 1]
        """
        batch_size = validate.whole(batch_size, "batch_size")
        order, labels = self._rng.permutation(len(self)), self.labels
        parts = (order[start : start + batch_size] for start in range(0, len(self), batch_size))
        return ((self.images[p], None if labels is None else labels[p]) for p in parts)

    def as_tf(self, batch_size: int = 100) -> tf.data.Dataset:
        """Return the batches of :meth:`next_batch` as ``(images, labels)``, or ``images`` alone.

        Each pass over it is one epoch; it knows its length, and prefetches two batches.
        """
        batch_size = validate.whole(batch_size, "batch_size")
        unlabelled = self.labels is None
        parts = (self.images,) if unlabelled else (self.images, self.labels)
        specs = tuple(tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in parts)

        def epoch():
            for images, labels in self.next_batch(batch_size):
                yield images if unlabelled else (images, labels)

        signature = specs[0] if unlabelled else specs
        batches = tf.data.Dataset.from_generator(epoch, output_signature=signature)
        count = -(-len(self) // batch_size)
        return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


class Dataset:
    """A learner's own samples and labels, all of them for training.

    Raises TypeError if ``X`` is not float, ValueError if anything else is not as below, an array is
    empty, or lengths differ.

    Parameters
    ----------
    X : array
        Samples, ``[n, ...]``, float in ``[0, 1]``; flattened to ``[n, features]``.
    Y : array
        Labels or other targets, ``[n, ...]``.
    seed : int
        Decides the order of batches.

    Attributes
    ----------
    train : Split
        ``images`` are float32, ``labels`` as they were given.

    Examples
    --------
    >>> data = Dataset(np.zeros((10, 8, 8)), np.arange(10) % 2)
    >>> data.train.images.shape
    (10, 64)
    """

    def __init__(self, X, Y, seed: int = SEED) -> None:
        X, Y = validate.unit_interval(X, "X").astype(np.float32, copy=False), np.asarray(Y)
        if X.ndim < 2:
            raise ValueError(f"X must have shape [n, ...], a row per sample, got {list(X.shape)}.")
        if Y.ndim == 0 or len(Y) != len(X):
            got = "a single value" if Y.ndim == 0 else f"{len(Y)} labels"
            raise ValueError(f"X and Y must have the same length, got {len(X)} samples and {got}.")
        # its own stream of random numbers, that of the first part of any set
        self.train = Split(X.reshape(len(X), -1), Y, np.random.SeedSequence(seed).spawn(1)[0])


class MNIST:
    """The 70,000 handwritten digits of MNIST, cut into train, validation and test.

    Raises DataFileError if a file is not the published one and can't be fetched, ValueError if
    ``split`` is not three shares. Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner,
    *Gradient-based learning applied to document recognition*, Proceedings of the IEEE, 1998.

    Parameters
    ----------
    one_hot : bool
        Labels as ``[n, 10]`` float32 rows with a single one, or as ``[n]`` int32.
    split : list of three floats, optional
        By default the standard partition in file order: validation is the first 5,000 of the
        60,000 training images, train the other 55,000, test the published 10,000. With shares,
        such as ``[0.8, 0.1, 0.1]``, all 70,000 are shuffled by ``seed`` and cut.
    seed : int
        Decides the cut (with ``split``) and the order of batches.

    Attributes
    ----------
    X : numpy.ndarray
        ``[70000, 784]`` float32 in ``[0, 1]``.
    Y : numpy.ndarray
        Their labels.
    train, valid, test : Split
        Views of ``X`` and ``Y``, not copies.

    Examples
    --------
    >>> MNIST()
    MNIST(train / valid / test: 55,000 / 5,000 / 10,000, X [70000, 784])
    """

    _name = "MNIST"

    def __init__(self, one_hot: bool = True, split=None, seed: int = SEED) -> None:
        # validation stands first in the file
        sizes = (5_000, 55_000, 10_000) if split is None else _sizes(split, 70_000)
        X, Y = np.empty((70_000, 784), np.float32), np.empty(70_000, np.uint8)
        for kind, here in (("train", slice(0, 60_000)), ("t10k", slice(60_000, None))):
            data_files.read(self._name, f"{kind}-images-idx3-ubyte.gz", X[here])
            data_files.read(self._name, f"{kind}-labels-idx1-ubyte.gz", Y[here])
        Y = np.eye(10, dtype=np.float32)[Y] if one_hot else Y.astype(np.int32)
        if split is not None:
            order = np.random.default_rng(seed).permutation(70_000)
            X, Y = X[order], Y[order]
        self.X, self.Y = X, Y
        # one independent stream of random numbers per part, all from one seed
        seeds = np.random.SeedSequence(seed).spawn(3)
        self.train, self.valid, self.test = parts = [
            Split(X[stop - n : stop], Y[stop - n : stop], part_seed)
            for n, stop, part_seed in zip(sizes, np.cumsum(sizes), seeds, strict=True)
        ]
        if split is None:
            self.valid, self.train = parts[:2]

    def __repr__(self) -> str:
        parts = " / ".join(f"{len(s):,}" for s in (self.train, self.valid, self.test))
        return f"{type(self).__name__}(train / valid / test: {parts}, X {list(self.X.shape)})"


class FashionMNIST(MNIST):
    """The 70,000 pictures of clothes of Fashion-MNIST, in all else like :class:`MNIST`.

    H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms*, 2017.
    """

    _name = "FashionMNIST"
    #: What each label means.
    class_names = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )


def _sizes(split, n: int) -> tuple[int, int, int]:
    """Turn three shares of n samples into numbers of samples."""
    shares = np.asarray(split, np.float64)
    if shares.shape != (3,) or not np.all(shares >= 0) or abs(shares.sum() - 1) > 1e-6:
        wanted = "three shares (train, valid, test), none negative, that sum to 1"
        raise ValueError(f"split must be {wanted}, got {split!r}. For example [0.8, 0.1, 0.1].")
    first, second = (round(float(stop) * n) for stop in np.cumsum(shares)[:2])
    return first, second - first, n - second
