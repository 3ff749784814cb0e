"""MNIST, Fashion-MNIST and a learner's own arrays, split and batched.

``python -m libs.datasets`` checks every data file and fetches anew what is missing or damaged.
"""

import hashlib
import os
import shlex
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import filelock
import numpy as np
import pooch
import requests
import tensorflow as tf
from tqdm.auto import tqdm

from libs import ROOT, SEED, validate

# Name of each published file, and its SHA-256.
_FILES = {
    "MNIST": {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
}
_MIRRORS = {
    "MNIST": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "FashionMNIST": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
}


class DataFileError(OSError):
    """A data file is missing or is not what it should be. The message says how to mend it."""


class Split:
    """A part of a data set: its images, its labels, and batches of both.

    Attributes
    ----------
    images : numpy.ndarray
        ``[n, features]``, float32 in ``[0, 1]``.
    labels : numpy.ndarray or None
        ``[n, classes]`` float32 one-hot, or ``[n]`` int32, or whatever targets were given.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray | None, seed: int) -> None:
        self.images = images
        self.labels = labels
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        labels = "no labels" if self.labels is None else f"labels {list(self.labels.shape)}"
        return f"Split(images {list(self.images.shape)}, {labels})"

    def mean(self) -> np.ndarray:
        """Return the mean of each feature, ``[features]`` float32."""
        return _mean(self.images)

    def std(self) -> np.ndarray:
        """Return the standard deviation of each feature, ``[features]`` float32."""
        return _std(self.images)

    def next_batch(
        self, batch_size: int = 100, shuffle: bool = True
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Go through the split once, a batch at a time.

        Every sample comes exactly once. The last batch is smaller if ``batch_size`` does not
        divide the split. Each call draws a new order, reproducible from the data set's seed.

        Parameters
        ----------
        batch_size : int
            Samples in a batch; more than the split holds gives one batch of all of it.
        shuffle : bool
            Draw a new order, or keep the order of ``images``.

        Returns
        -------
        iterator of (images, labels)
            ``images`` is ``[batch, features]``; ``labels`` the matching labels, or None if the
            set has none. Shuffled batches are copies; unshuffled ones are views.

        Raises
        ------
        ValueError
            If ``batch_size`` is not a positive whole number.

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

    def as_tf(self, batch_size: int = 100, shuffle: bool = True):
        """Return the same batches as :meth:`next_batch` as a ``tf.data.Dataset``.

        Each pass over it is one epoch in a new order.

        Parameters
        ----------
        batch_size, shuffle
            As in :meth:`next_batch`.

        Returns
        -------
        tf.data.Dataset
            Elements ``(images, labels)``, or ``images`` alone if the set has no labels, with a
            known length and the next batches prefetched.

        Raises
        ------
        ValueError
            If ``batch_size`` is not a positive whole number.
        """
        batch_size = validate.whole(batch_size, "batch_size")
        arrays = (self.images,) if self.labels is None else (self.images, self.labels)
        specs = tuple(tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in arrays)
        single = len(arrays) == 1

        def epoch():
            for images, labels in self.next_batch(batch_size, shuffle):
                yield images if single else (images, labels)

        batches = tf.data.Dataset.from_generator(
            epoch, output_signature=specs[0] if single else specs
        )
        count = -(-len(self) // batch_size)
        return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


class Dataset:
    """Arrays of samples and labels, cut into train, validation and test.

    Parameters
    ----------
    X : array
        Samples, ``[n, ...]``: uint8 in ``[0, 255]`` (scaled to ``[0, 1]``) or float in
        ``[0, 1]``. Each sample is flattened to ``[features]``.
    Y : array, optional
        Labels, ``[n]`` whole numbers from 0, or targets of any other shape ``[n, ...]``.
    split : list of three floats
        Shares of train, validation and test; they sum to one. Samples are shuffled by ``seed``
        before they are cut, so the three are disjoint and alike. The default keeps everything
        for training, in the order given.
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

    Raises
    ------
    TypeError
        If ``X`` is neither float nor uint8, or labels are not whole numbers.
    ValueError
        If an array is empty, holds NaN or values outside ``[0, 1]``, lengths differ, labels are
        out of range, or ``split`` is not three shares that sum to one.

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
        self.X, self.Y = X, Y
        stops = np.cumsum(sizes)
        # one independent stream of random numbers per part, all from one seed
        seeds = np.random.SeedSequence(seed).spawn(3)
        self.train, self.valid, self.test = (
            Split(X[stop - n : stop], None if Y is None else Y[stop - n : stop], part_seed)
            for n, stop, part_seed in zip(sizes, stops, seeds, strict=True)
        )

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        parts = " / ".join(f"{len(s):,}" for s in (self.train, self.valid, self.test))
        return f"{type(self).__name__}(train / valid / test: {parts}, X {list(self.X.shape)})"

    def mean(self) -> np.ndarray:
        """Return the mean of each feature over all of ``X``, ``[features]`` float32.

        For a number that goes into a model use ``train.mean()``, which knows nothing of the test
        samples.
        """
        return _mean(self.X)

    def std(self) -> np.ndarray:
        """Return each feature's standard deviation over all of ``X``, ``[features]`` float32."""
        return _std(self.X)


class MNIST(Dataset):
    """The 70,000 handwritten digits of MNIST.

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
        ``[70000, 784]`` float32 in ``[0, 1]``. Without ``split``: the 60,000 in file order
        (validation, then train), then the 10,000.
    Y, train, valid, test
        As in :class:`Dataset`.

    Raises
    ------
    DataFileError
        If a file is missing and can't be fetched, or is not the published one.
    ValueError
        If ``split`` is not three shares that sum to one.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to document
    recognition*, Proceedings of the IEEE, 1998.

    Examples
    --------
    >>> data = MNIST()
    >>> data
    MNIST(train / valid / test: 55,000 / 5,000 / 10,000, X [70000, 784])
    """

    _name = "MNIST"
    #: What each label means.
    class_names = tuple("0123456789")

    def __init__(self, one_hot: bool = True, split=None, seed: int = SEED) -> None:
        sizes = None if split is None else _sizes(split, 70_000)  # before the slow part
        files = {name: data_file(self._name, name) for name in _FILES[self._name]}
        X = np.empty((70_000, 784), np.float32)
        Y = np.empty(70_000, np.uint8)
        for kind, here in (("train", slice(0, 60_000)), ("t10k", slice(60_000, None))):
            _read_published(files, self._name, f"{kind}-images-idx3-ubyte.gz", X[here])
            _read_published(files, self._name, f"{kind}-labels-idx1-ubyte.gz", Y[here])
        Y = _labels(Y, 70_000, one_hot, 10)
        if sizes is None:
            self._cut(X, Y, (5_000, 55_000, 10_000), seed)
            self.valid, self.train = self.train, self.valid  # validation stands first in the file
            return
        order = np.random.default_rng(seed).permutation(70_000)
        self._cut(X[order], Y[order], sizes, seed)


class FashionMNIST(MNIST):
    """The 70,000 pictures of clothes of Fashion-MNIST, in MNIST's own format.

    Parameters, attributes and errors are those of :class:`MNIST`.

    References
    ----------
    H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms*, 2017.
    """

    _name = "FashionMNIST"
    class_names = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )


# --- checks of a learner's arrays -------------------------------------------------------------


def _samples(X) -> np.ndarray:
    X = validate.numeric(X, "X")
    if X.ndim < 2:
        raise ValueError(f"X must have shape [n, ...], a row per sample, got {list(X.shape)}.")
    if X.dtype == np.uint8 and X.size:
        X = np.divide(X, 255, dtype=np.float32)
    X = validate.unit_interval(X, "X").astype(np.float32, copy=False)
    return X.reshape(len(X), -1)


def _labels(Y, n: int, one_hot: bool, n_classes: int | None) -> np.ndarray:
    Y = np.asarray(Y)
    if Y.ndim == 0 or len(Y) != n:
        got = "a single value" if Y.ndim == 0 else f"{len(Y)} labels"
        raise ValueError(f"X and Y must have one length, got {n} samples and {got}.")
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
    if n_classes is None:
        n_classes = int(Y.max()) + 1
    if Y.min() < 0 or Y.max() >= n_classes:
        wrong = Y.min() if Y.min() < 0 else Y.max()
        raise ValueError(f"labels must lie in 0 to {n_classes - 1}, got {wrong}.")
    if not one_hot:
        return Y.astype(np.int32)
    rows = np.zeros((n, n_classes), np.float32)
    rows[np.arange(n), Y] = 1
    return rows


def _sizes(split, n: int) -> tuple[int, int, int]:
    shares = np.asarray(split, np.float64)
    if shares.shape != (3,) or not np.all(shares >= 0) or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            f"split must be three shares (train, valid, test), none negative, that sum to 1, "
            f"got {split!r}. For example [0.8, 0.1, 0.1]."
        )
    first, second = (round(float(stop) * n) for stop in np.cumsum(shares)[:2])
    return first, second - first, n - second


def _mean(X) -> np.ndarray:
    if not len(X):
        raise ValueError("this part of the data set is empty; it has no mean.")
    return X.mean(axis=0, dtype=np.float64).astype(np.float32)


def _std(X) -> np.ndarray:
    mean = _mean(X).astype(np.float64)
    squares = np.zeros(X.shape[1])
    for start in range(0, len(X), 4096):  # all at once would need the array twice more
        squares += np.square(X[start : start + 4096] - mean).sum(axis=0)
    return np.sqrt(squares / len(X)).astype(np.float32)


# --- files --------------------------------------------------------------------------------------


def _folders(dataset: str) -> list[Path]:
    """Return where a data set's files are looked for, in this order."""
    own = os.environ.get("COURSE_DATA")
    return [ROOT / f"{dataset}_data", *([Path(own) / f"{dataset}_data"] if own else [])]


def data_file(dataset: str, name: str) -> Path:
    """Find a published data file, or fetch it.

    It is looked for in the repository, then in the folder that the environment variable
    ``COURSE_DATA`` names, then fetched from the published mirrors into the last of these.

    Parameters
    ----------
    dataset : {"MNIST", "FashionMNIST"}
        Which set.
    name : str
        Which of its four files.

    Returns
    -------
    pathlib.Path
        The file. Its content is checked when it is read.

    Raises
    ------
    DataFileError
        If it is missing and can't be fetched.
    """
    folders = _folders(dataset)
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    return fetch(dataset, name, folders[-1])


def fetch(dataset: str, name: str, folder: Path) -> Path:
    """Download one published file into ``folder``, checked against its SHA-256.

    The file appears under its name only when it is whole and right. A download that breaks off
    leaves a ``.part`` file, from which the next one goes on. Processes that want the same file
    at the same time take turns.

    Parameters
    ----------
    dataset : {"MNIST", "FashionMNIST"}
        Which set.
    name : str
        Which of its four files.
    folder : pathlib.Path
        Where to put it; made if it is missing.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataFileError
        If the folder can't be written or no mirror delivers the right file.
    """
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f".{name}.lock")
        lock.acquire()
    except OSError as error:
        raise DataFileError(
            f"{path} is missing and its folder can't be written ({error.strerror}). "
            f"Name a folder you may write in the environment variable COURSE_DATA."
        ) from None
    failures = []
    try:
        if path.is_file():  # another process was quicker
            return path
        for mirror in _MIRRORS[dataset]:
            try:
                pooch.retrieve(
                    mirror + name,
                    known_hash=f"sha256:{_FILES[dataset][name]}",
                    fname=name,
                    path=folder,
                    downloader=_resume,
                )
                return path
            except (requests.RequestException, ValueError, OSError) as error:
                host = mirror.split("/")[2]
                failures.append(f"{host}: {type(error).__name__}")
    finally:
        lock.release()
    raise DataFileError(
        f"{path} is missing and could not be fetched ({'; '.join(failures)}). {mend(path, dataset)}"
    )


def _resume(url: str, output_file: str, pup) -> None:
    """Download ``url`` for pooch, going on where an earlier attempt broke off."""
    part = Path(output_file).parent / f"{url.rsplit('/', 1)[1]}.part"
    have = part.stat().st_size if part.exists() else 0
    # some servers would otherwise unpack the .gz on the way
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=30) as answer:
        if answer.status_code == 416:  # the part is as long as the file, or longer: start over
            part.unlink()
            return _resume(url, output_file, pup)
        answer.raise_for_status()
        goes_on = answer.status_code == 206
        total = int(answer.headers.get("Content-Length", 0)) + (have if goes_on else 0)
        with (
            part.open("ab" if goes_on else "wb") as file,
            tqdm(total=total, initial=have if goes_on else 0, unit="B", unit_scale=True) as bar,
        ):
            bar.set_description(part.stem)
            for chunk in answer.iter_content(1 << 12):
                bar.update(file.write(chunk))
    if total and part.stat().st_size < total:
        raise requests.ConnectionError(f"{url} broke off")
    # whole now, right or wrong: pooch checks it, and a wrong one must not be gone on with
    shutil.move(part, output_file)


def _read_published(files: dict[str, Path], dataset: str, name: str, out: np.ndarray) -> None:
    """Read a published file into ``out``, or say what is wrong with it."""
    path = files[name]
    data = path.read_bytes()
    try:
        if hashlib.sha256(data).hexdigest() != _FILES[dataset][name]:
            read_idx(data, np.empty(out.shape, np.uint8))  # says what is wrong, if it can tell
            raise ValueError("is not the published file: its SHA-256 differs")
        read_idx(data, out)
    except ValueError as error:
        raise DataFileError(f"{path} {error}. {mend(path, dataset)}") from None


def read_idx(data: bytes, out: np.ndarray) -> None:
    """Decompress a gzipped IDX file into an array.

    Parameters
    ----------
    data : bytes
        The file's content: gzip around big-endian IDX of unsigned bytes.
    out : numpy.ndarray
        Where its numbers go, contiguous: ``[n]`` uint8 labels as they are, ``[n, features]``
        float32 pixels divided by 255, or uint8 pixels as they are.

    Raises
    ------
    ValueError
        If the content is no gzip, broken, no IDX of the right rank, or of another size. The
        message goes on after the file's name.

    References
    ----------
    Y. LeCun, C. Cortes and C. Burges, *The MNIST database of handwritten digits*, 1998 (the IDX
    format).
    """
    if data[:2] != b"\x1f\x8b":
        looks = "an HTML page" if data.lstrip()[:1] == b"<" else "something else"
        raise ValueError(f"is not a gzip file but {looks} (it starts with {data[:9]!r})")
    rank = 1 if out.ndim == 1 else 3
    head_size = 4 + 4 * rank
    unpacker = zlib.decompressobj(wbits=31)  # 31: gzip, with its own checksum
    flat = out.reshape(-1)
    filled, start, head = 0, 0, b""
    try:
        while start < len(data) and not unpacker.eof:
            block = unpacker.decompress(data[start : start + (1 << 18)])
            start += 1 << 18
            if len(head) < head_size:
                taken = head_size - len(head)
                head, block = head + block[:taken], block[taken:]
                if len(head) == head_size:
                    _check_header(head, rank, out)
            pixels = np.frombuffer(block, np.uint8)
            if filled + len(pixels) > flat.size:
                raise ValueError(f"holds more than the {flat.size:,} numbers its header names")
            here = flat[filled : filled + len(pixels)]
            if out.dtype == np.float32:
                np.divide(pixels, np.float32(255), out=here)
            else:
                here[:] = pixels
            filled += len(pixels)
    except zlib.error as error:
        raise ValueError(f"is damaged ({error})") from None
    if not unpacker.eof or filled < flat.size:
        raise ValueError(f"is cut off: {filled:,} of {flat.size:,} numbers are there")


def _check_header(head: bytes, rank: int, out: np.ndarray) -> None:
    magic = 0x800 + rank
    got = int.from_bytes(head[:4], "big")
    if got != magic:
        raise ValueError(f"has the magic number {got}, not {magic}: it is no IDX file of this kind")
    shape = np.frombuffer(head, ">u4", offset=4).tolist()
    if shape[0] != len(out) or np.prod(shape) != out.size:
        raise ValueError(f"holds an array of shape {shape}, not {len(out):,} samples")


def damages(dataset: str) -> dict[Path, str]:
    """Look through the four files of a data set, each compared with its SHA-256.

    Parameters
    ----------
    dataset : {"MNIST", "FashionMNIST"}
        Which set.

    Returns
    -------
    dict
        Each file that is not as published, and what is wrong with it: ``"missing"``,
        ``"damaged"`` or ``"unreadable"``. Empty if all is well.
    """
    wrong = {}
    for name, digest in _FILES[dataset].items():
        paths = [folder / name for folder in _folders(dataset)]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            wrong[paths[-1]] = "missing"
            continue
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                wrong[path] = "damaged"
        except OSError:
            wrong[path] = "unreadable"
    return wrong


def mend(path: Path, dataset: str) -> str:
    """Say which one command brings a missing or damaged data file back."""
    if path.parent == ROOT / f"{dataset}_data" and (ROOT / ".git").exists():
        return (
            f"Mend it with: git -C {shlex.quote(str(ROOT))} checkout -- {dataset}_data/{path.name}"
        )
    return "With a network, mend it with: python -m libs.datasets"


def main() -> int:
    """Check every data file; fetch anew what is missing or damaged. Return the exit status."""
    status = 0
    for dataset in _FILES:
        wrong = damages(dataset)
        print(f"{dataset}: {4 - len(wrong)} of 4 files are right")
        for path, what in wrong.items():
            aside = path.with_name(f"{path.name}.damaged")
            try:
                if path.exists():
                    path.replace(aside)  # kept until the right one is there
                fetch(dataset, path.name, path.parent)
                aside.unlink(missing_ok=True)
                print(f"{path} was {what}: fetched")
            except OSError as error:
                if aside.exists():
                    aside.replace(path)
                print(f"{path} is {what}: {error}")
                status = 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())
