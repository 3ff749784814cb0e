"""MNIST, Fashion-MNIST and a learner's own arrays, split and batched."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from libs import SEED, data_files, validate


class _Statistics:
    """What is computed over all samples of a set, or of a part of one."""

    _samples: np.ndarray  # [n, features]

    def __len__(self) -> int:
        return len(self._samples)

    def mean(self) -> np.ndarray:
        """Return the mean of each feature, ``[features]`` float32; ValueError if it is empty."""
        if not len(self):
            raise ValueError("this part of the data set is empty; it has no mean.")
        return self._samples.mean(axis=0, dtype=np.float64).astype(np.float32)

    def std(self) -> np.ndarray:
        """Return each feature's standard deviation, float32; ValueError if it is empty."""
        mean = self.mean().astype(np.float64)
        squares = np.zeros(len(mean))
        for start in range(0, len(self), 4096):  # all at once would need the array twice more
            squares += np.square(self._samples[start : start + 4096] - mean).sum(axis=0)
        return np.sqrt(squares / len(self)).astype(np.float32)


class Split(_Statistics):
    """A part of a data set.

    ``images`` is ``[n, features]`` float32 in ``[0, 1]``; ``labels`` is ``[n, classes]`` float32
    one-hot, ``[n]`` int32, whatever targets were given, or None.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray | None, seed) -> None:
        self.images = self._samples = images
        self.labels = labels
        self._rng = np.random.default_rng(seed)

    def __repr__(self) -> str:
        labels = "no labels" if self.labels is None else f"labels {list(self.labels.shape)}"
        return f"Split(images {list(self.images.shape)}, {labels})"

    def next_batch(
        self, batch_size: int = 100, shuffle: bool = True
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Go through the split once, a batch at a time, every sample exactly once.

        Each call draws a new order, reproducible from the data set's seed. A batch is images
        ``[batch, features]`` and their labels, or None. Raises ValueError if ``batch_size`` is not
        a positive whole number.

        Parameters
        ----------
        batch_size : int
            Samples in a batch; the last one may be smaller.
        shuffle : bool
            Draw a new order (batches are copies), or keep that of ``images`` (they are views).

        Examples
        --------
        >>> data = Dataset(np.zeros((5, 4)))
        >>> [len(images) for images, labels in data.train.next_batch(2)]
        [2, 2, 1]
        """
        batch_size = validate.whole(batch_size, "batch_size")
        order = self._rng.permutation(len(self)) if shuffle else None
        return self._batches(batch_size, order)

    def _batches(self, batch_size, order):
        for start in range(0, len(self), batch_size):
            stop = start + batch_size
            here = slice(start, stop) if order is None else order[start:stop]
            yield self.images[here], None if self.labels is None else self.labels[here]

    def as_tf(self, batch_size: int = 100, shuffle: bool = True) -> tf.data.Dataset:
        """Return the batches of :meth:`next_batch` as ``(images, labels)``, or ``images`` alone.

        Each pass over it is one epoch; it knows its length, and prefetches two batches.
        """
        batch_size = validate.whole(batch_size, "batch_size")
        unlabelled = self.labels is None
        parts = (self.images,) if unlabelled else (self.images, self.labels)
        specs = tuple(tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in parts)

        def epoch():
            for images, labels in self.next_batch(batch_size, shuffle):
                yield images if unlabelled else (images, labels)

        batches = tf.data.Dataset.from_generator(
            epoch, output_signature=specs[0] if unlabelled else specs
        )
        count = -(-len(self) // batch_size)
        return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


class Dataset(_Statistics):
    """Arrays of samples and labels, cut into train, validation and test.

    Raises TypeError if ``X`` is neither float nor uint8 or labels are not whole, ValueError if
    anything else is not as below, an array is empty, or lengths differ.

    Parameters
    ----------
    X : array
        Samples, ``[n, ...]``, flattened to ``[n, features]``: float in ``[0, 1]``, or uint8 in
        ``[0, 255]``, which is scaled to that.
    Y : array, optional
        Labels, ``[n]`` whole numbers from 0, or targets of any other shape ``[n, ...]``.
    split : list of three floats
        Shares of train, validation and test; they sum to one. Samples are shuffled by ``seed``
        and cut. The default keeps everything for training, in the order given.
    one_hot : bool
        Turn ``[n]`` labels into ``[n, n_classes]`` float32 rows with a single one.
    n_classes : int, optional
        Number of classes; by default one more than the largest label.
    seed : int
        Decides the cut and the order of batches.

    Attributes
    ----------
    X : numpy.ndarray
        ``[n, features]`` float32 in ``[0, 1]``, train first, then validation, then test.
    Y : numpy.ndarray or None
        ``[n, n_classes]`` float32 if ``one_hot``, ``[n]`` int32 labels otherwise.
    train, valid, test : Split
        Views of ``X`` and ``Y``, not copies.

    Examples
    --------
    >>> data = Dataset(np.zeros((10, 8, 8)), np.arange(10) % 2, split=[0.8, 0.1, 0.1])
    >>> len(data.train), len(data.valid), len(data.test), data.X.shape
    (8, 1, 1, (10, 64))
    """

    def __init__(
        self,
        X,
        Y=None,
        split=(1, 0, 0),
        one_hot: bool = False,
        n_classes: int | None = None,
        seed: int = SEED,
    ) -> None:
        X = _samples(X)
        Y = None if Y is None else _labels(Y, len(X), one_hot, n_classes)
        if one_hot and Y is None:
            raise ValueError("one_hot=True needs labels: pass Y.")
        sizes = _sizes(split, len(X))
        if sizes[0] < len(X):
            order = np.random.default_rng(seed).permutation(len(X))
            X, Y = X[order], None if Y is None else Y[order]
        self._cut(X, Y, sizes, seed)

    def _cut(self, X, Y, sizes, seed):
        self.X = self._samples = X
        self.Y = Y
        stops = np.cumsum(sizes)
        # one independent stream of random numbers per part, all from one seed
        seeds = np.random.SeedSequence(seed).spawn(3)
        self.train, self.valid, self.test = (
            Split(X[stop - n : stop], None if Y is None else Y[stop - n : stop], part_seed)
            for n, stop, part_seed in zip(sizes, stops, seeds, strict=True)
        )

    def __repr__(self) -> str:
        parts = " / ".join(f"{len(s):,}" for s in (self.train, self.valid, self.test))
        return f"{type(self).__name__}(train / valid / test: {parts}, X {list(self.X.shape)})"


class MNIST(Dataset):
    """The 70,000 handwritten digits of MNIST, a :class:`Dataset`.

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

    Examples
    --------
    >>> MNIST()
    MNIST(train / valid / test: 55,000 / 5,000 / 10,000, X [70000, 784])
    """

    _name = "MNIST"
    #: What each label means.
    class_names = tuple("0123456789")

    def __init__(self, one_hot: bool = True, split=None, seed: int = SEED) -> None:
        sizes = None if split is None else _sizes(split, 70_000)  # before the slow part
        X = np.empty((70_000, 784), np.float32)
        Y = np.empty(70_000, np.uint8)
        for kind, here in (("train", slice(0, 60_000)), ("t10k", slice(60_000, None))):
            data_files.read(self._name, f"{kind}-images-idx3-ubyte.gz", X[here])
            data_files.read(self._name, f"{kind}-labels-idx1-ubyte.gz", Y[here])
        Y = _labels(Y, 70_000, one_hot, 10)
        if sizes is None:
            self._cut(X, Y, (5_000, 55_000, 10_000), seed)
            self.valid, self.train = self.train, self.valid  # validation stands first in the file
            return
        order = np.random.default_rng(seed).permutation(70_000)
        self._cut(X[order], Y[order], sizes, seed)


class FashionMNIST(MNIST):
    """The 70,000 pictures of clothes of Fashion-MNIST, in all else like :class:`MNIST`.

    H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms*, 2017.
    """

    _name = "FashionMNIST"
    class_names = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )


def _samples(X) -> np.ndarray:
    """Check samples and return them as ``[n, features]`` float32 in ``[0, 1]``."""
    X = validate.numeric(X, "X")
    if X.ndim < 2:
        raise ValueError(f"X must have shape [n, ...], a row per sample, got {list(X.shape)}.")
    if X.dtype == np.uint8:
        X = np.divide(X, 255, dtype=np.float32)
    X = validate.unit_interval(X, "X").astype(np.float32, copy=False)
    return X.reshape(len(X), -1)


def _labels(Y, n: int, one_hot: bool, n_classes: int | None) -> np.ndarray:
    """Check labels or targets, and turn ``[n]`` labels into int32 or one-hot rows."""
    Y = np.asarray(Y)
    if Y.ndim == 0 or len(Y) != n:
        got = "a single value" if Y.ndim == 0 else f"{len(Y)} labels"
        raise ValueError(f"X and Y must have the same length, got {n} samples and {got}.")
    if Y.ndim > 1:
        if one_hot:
            raise ValueError(
                f"one_hot=True needs labels of shape [n], got {list(Y.shape)}. "
                f"Leave one_hot out if they are one-hot already."
            )
        return Y
    if Y.dtype.kind not in "iu":
        raise TypeError(
            f"labels must be whole numbers, got {Y.dtype}. Convert with Y.astype('int32')."
        )
    n_classes = int(Y.max()) + 1 if n_classes is None else validate.whole(n_classes, "n_classes")
    if Y.min() < 0 or Y.max() >= n_classes:
        wrong = Y.min() if Y.min() < 0 else Y.max()
        raise ValueError(f"labels must lie in 0 to {n_classes - 1}, got {wrong}.")
    if not one_hot:
        return Y.astype(np.int32)
    rows = np.zeros((n, n_classes), np.float32)
    rows[np.arange(n), Y] = 1
    return rows


def _sizes(split, n: int) -> tuple[int, int, int]:
    """Turn three shares of n samples into numbers of samples."""
    shares = np.asarray(split, np.float64)
    if shares.shape != (3,) or not np.all(shares >= 0) or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            f"split must be three shares (train, valid, test), none negative, that sum to 1, "
            f"got {split!r}. For example [0.8, 0.1, 0.1]."
        )
    first, second = (round(float(stop) * n) for stop in np.cumsum(shares)[:2])
    return first, second - first, n - second
