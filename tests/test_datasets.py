"""Data sets: the published files, a learner's own arrays, batches, and everything that can fail."""

import functools
import gzip
import hashlib
import http.server
import os
import shutil
import struct
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs import datasets
from libs.datasets import MNIST, DataFileError, Dataset, FashionMNIST, read_idx

LABELS = "t10k-labels-idx1-ubyte.gz"


@pytest.fixture(scope="module")
def mnist():
    return MNIST()


# --- the published sets -----------------------------------------------------------------------


def test_mnist_has_the_standard_partition(mnist):
    assert mnist.X.shape == (70_000, 784)
    assert mnist.X.dtype == np.float32
    assert (mnist.X.min(), mnist.X.max()) == (0, 1)
    assert mnist.Y.shape == (70_000, 10)
    assert [len(part) for part in (mnist.train, mnist.valid, mnist.test)] == [55_000, 5_000, 10_000]
    # file order: validation is the first 5,000 of the 60,000
    assert np.shares_memory(mnist.valid.images, mnist.X[:5_000])
    assert np.shares_memory(mnist.train.images, mnist.X[5_000:60_000])
    assert np.shares_memory(mnist.test.images, mnist.X[60_000:])


def test_mnist_is_the_real_one(mnist):
    counts = np.bincount(mnist.test.labels.argmax(axis=1)).tolist()
    assert counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.valid.labels[:10].argmax(axis=1).tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].argmax(axis=1).tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    pixels = np.rint(mnist.X * 255).astype(np.uint8)
    assert np.array_equal(mnist.X, pixels / np.float32(255))
    # the mean and deviation that are quoted for the 60,000 everywhere
    assert pixels[:60_000].mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert pixels[:60_000].std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_fashion_mnist_is_balanced_and_named():
    fashion = FashionMNIST(one_hot=False)
    assert fashion.Y.dtype == np.int32
    assert np.bincount(fashion.test.labels).tolist() == [1000] * 10
    assert fashion.class_names[fashion.valid.labels[0]] == "Ankle boot"


def test_a_split_of_mnist_is_disjoint_and_complete(mnist):
    cut = MNIST(one_hot=False, split=[0.8, 0.1, 0.1], seed=3)
    assert [len(part) for part in (cut.train, cut.valid, cut.test)] == [56_000, 7_000, 7_000]

    def digests(X):
        return sorted(hashlib.md5(row.tobytes()).digest() for row in X)

    assert digests(cut.X) == digests(mnist.X)
    assert np.array_equal(
        cut.X, np.concatenate([cut.train.images, cut.valid.images, cut.test.images])
    )
    again = MNIST(one_hot=False, split=[0.8, 0.1, 0.1], seed=3)
    assert np.array_equal(cut.Y, again.Y)
    other = MNIST(one_hot=False, split=[0.8, 0.1, 0.1], seed=4)
    assert not np.array_equal(cut.Y, other.Y)


def test_mean_and_deviation_are_those_of_numpy(mnist):
    np.testing.assert_allclose(mnist.mean(), mnist.X.mean(axis=0, dtype=np.float64), atol=1e-6)
    part = mnist.valid
    np.testing.assert_allclose(part.std(), part.images.astype(np.float64).std(axis=0), atol=1e-6)
    assert mnist.mean().shape == mnist.train.std().shape == (784,)


# --- batches ------------------------------------------------------------------------------------


@given(n=st.integers(1, 60), batch_size=st.integers(1, 80), shuffle=st.booleans())
def test_an_epoch_holds_each_sample_exactly_once(n, batch_size, shuffle):
    data = Dataset(np.linspace(0, 1, n)[:, None], np.arange(n))
    batches = list(data.train.next_batch(batch_size, shuffle))
    assert sorted(np.concatenate([labels for _, labels in batches]).tolist()) == list(range(n))
    assert all(len(images) == batch_size for images, _ in batches[:-1])
    assert 1 <= len(batches[-1][0]) <= batch_size
    for images, labels in batches:
        np.testing.assert_array_equal(images, data.X[labels])


def test_each_epoch_has_a_new_order_that_the_seed_repeats():
    def epochs(seed):
        data = Dataset(np.zeros((50, 1)), np.arange(50), seed=seed)
        return [np.concatenate([y for _, y in data.train.next_batch(7)]).tolist() for _ in range(3)]

    first, second, third = epochs(1)
    assert first != second != third != first
    assert epochs(1) == [first, second, third]
    assert epochs(2)[0] != first


def test_the_parts_of_a_set_have_orders_of_their_own():
    data = Dataset(np.zeros((90, 1)), np.arange(90), split=[1 / 3, 1 / 3, 1 / 3])
    orders = [
        np.argsort(np.concatenate([y for _, y in part.next_batch(30)])).tolist()
        for part in (data.train, data.valid)
    ]
    assert orders[0] != orders[1]


@pytest.mark.parametrize("with_labels", [True, False])
def test_as_tf_gives_the_same_batches(with_labels):
    def make():
        return Dataset(np.linspace(0, 1, 23)[:, None], np.arange(23) if with_labels else None)

    pipeline = make().train.as_tf(5)
    assert len(pipeline) == 5
    own = make().train
    for _ in range(2):  # two epochs, two orders
        expected = list(own.next_batch(5))
        for got, (images, labels) in zip(pipeline, expected, strict=True):
            np.testing.assert_array_equal(got[0] if with_labels else got, images)
            if with_labels:
                np.testing.assert_array_equal(got[1], labels)


@pytest.mark.parametrize("batch_size", [0, -3, 2.5, True])
def test_a_bad_batch_size_is_named_at_once(batch_size):
    data = Dataset(np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"batch_size must be a whole number of at least 1, got"):
        data.train.next_batch(batch_size)
    with pytest.raises(ValueError, match=r"batch_size"):
        data.train.as_tf(batch_size)


def test_an_empty_part_gives_no_batches_and_no_mean():
    data = Dataset(np.zeros((3, 1)))
    assert list(data.test.next_batch()) == []
    with pytest.raises(ValueError, match="empty"):
        data.test.mean()


# --- a learner's own arrays -----------------------------------------------------------------------


@given(
    X=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6)),
    one_hot=st.booleans(),
)
def test_pixels_are_scaled_and_flattened(X, one_hot):
    data = Dataset(X, np.arange(len(X)) % 3, one_hot=one_hot, n_classes=3)
    assert data.X.dtype == np.float32
    np.testing.assert_array_equal(data.X, X.reshape(len(X), -1) / np.float32(255))
    if one_hot:
        assert data.Y.shape == (len(X), 3)
        assert (data.Y.sum(axis=1) == 1).all()


@given(
    n=st.integers(1, 200),
    shares=st.lists(st.integers(0, 10), min_size=3, max_size=3).filter(any),
)
def test_a_split_loses_nothing(n, shares):
    split = [share / sum(shares) for share in shares]
    data = Dataset(np.linspace(0, 1, n)[:, None], np.arange(n), split=split)
    parts = [data.train, data.valid, data.test]
    assert sorted(np.concatenate([part.labels for part in parts]).tolist()) == list(range(n))
    for part, share in zip(parts, split, strict=True):
        assert abs(len(part) - share * n) <= 1
        np.testing.assert_array_equal(
            part.images,
            np.linspace(0, 1, n, dtype=np.float64)[part.labels, None].astype(np.float32),
        )


@pytest.mark.parametrize(
    ("split", "got"),
    [
        ([0.8, 0.1, 0.2], "0.2"),
        ([1.2, -0.1, -0.1], "-0.1"),
        ([0.5, 0.5], "0.5"),
        ([float("nan"), 0.5, 0.5], "nan"),
        (0.8, "0.8"),
    ],
)
def test_a_bad_split_is_named(split, got):
    for make in (functools.partial(Dataset, np.zeros((9, 1))), MNIST):
        with pytest.raises(ValueError, match=r"split must be three shares .* sum to 1") as error:
            make(split=split)
        assert got in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": np.zeros((0, 4))}, ValueError, r"X is empty: its shape is \[0, 4\]"),
        ({"X": np.zeros(5)}, ValueError, r"X must have shape \[n, \.\.\.\]"),
        ({"X": np.array([[0, np.nan]])}, ValueError, r"got nan at index \[0, 1\]"),
        ({"X": np.array([[0.5], [np.inf]])}, ValueError, r"got inf at index \[1, 0\]"),
        ({"X": np.array([[0, 255.0]])}, ValueError, r"X must lie in \[0, 1\], got 0 to 255"),
        ({"X": np.array([[0, 255]])}, TypeError, r"X must be float .* got int64"),
        ({"X": np.array([["a"]])}, TypeError, r"X must be float"),
        ({"X": np.zeros((3, 1)), "Y": [0, 1]}, ValueError, r"3 samples and 2 labels"),
        ({"X": np.zeros((2, 1)), "Y": [0, 5], "n_classes": 5}, ValueError, r"0 to 4, got 5"),
        ({"X": np.zeros((2, 1)), "Y": [-1, 1]}, ValueError, r"labels must lie in 0 to 1, got -1"),
        ({"X": np.zeros((2, 1)), "Y": [0.0, 1.0]}, TypeError, r"labels must be whole numbers"),
        ({"X": np.zeros((2, 1)), "one_hot": True}, ValueError, r"one_hot=True needs labels"),
        (
            {"X": np.zeros((2, 1)), "Y": np.eye(2), "one_hot": True},
            ValueError,
            r"labels of shape \[n\], got \[2, 2\]",
        ),
    ],
)
def test_bad_arrays_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Dataset(**arguments)


# --- files: right, missing, damaged ---------------------------------------------------------------


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    head = struct.pack(f">{1 + array.ndim}I", magic or 0x800 + array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=8)))
def test_read_idx_reads_what_was_written(array):
    floats = np.empty((len(array), array[0].size), np.float32)
    read_idx(idx(array), floats)
    np.testing.assert_array_equal(floats, array.reshape(floats.shape) / np.float32(255))
    labels = np.empty(len(array), np.uint8)
    read_idx(idx(array[:, 0, 0]), labels)
    np.testing.assert_array_equal(labels, array[:, 0, 0])


@given(array=hnp.arrays(np.uint8, (4, 3, 3)), data=st.data())
@settings(max_examples=200)
def test_a_file_cut_anywhere_is_refused(array, data):
    whole = idx(array)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r"cut off|not a gzip"):
        read_idx(whole[:cut], np.empty((4, 9), np.float32))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(np.zeros((4, 3, 3)), magic=2049), r"magic number 2049, not 2051"),
        (idx(np.zeros((5, 3, 3))), r"shape \[5, 3, 3\], not 4 samples"),
        (idx(np.zeros(36)), r"magic number 2049"),
        (b"<!DOCTYPE html><h1>404</h1>", r"an HTML page"),
        (b"\x00\x00\x08\x03", r"not a gzip file but something else"),
        (gzip.compress(struct.pack(">4I", 2051, 4, 3, 3) + bytes(50)), r"more than the 36 numbers"),
    ],
)
def test_other_content_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        read_idx(content, np.empty((4, 9), np.float32))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A copy of the data in a folder of its own, which ``libs.datasets`` takes for the course's."""
    shutil.copytree(datasets.ROOT / "MNIST_data", tmp_path / "MNIST_data")
    monkeypatch.setattr(datasets, "ROOT", tmp_path)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    unreachable = ("http://127.0.0.1:9/",)  # port 9: nothing listens there
    monkeypatch.setattr(datasets, "_MIRRORS", {"MNIST": unreachable})
    return tmp_path


def cut_off(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flip_a_bit(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def flip_the_time_stamp(data: bytes) -> bytes:
    # outside what gzip's own checksum covers
    return data[:4] + bytes([data[4] ^ 1]) + data[5:]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut_off, "is cut off"),
        (flip_a_bit, "is damaged|SHA-256 differs"),
        (flip_the_time_stamp, "SHA-256 differs"),
        (lambda data: b"<html>Moved</html>", "an HTML page"),
        (lambda data: idx(np.zeros(10_000), magic=2051), "magic number 2051, not 2049"),
        (lambda data: idx(np.zeros(9_999)), r"shape \[9999\], not 10,000 samples"),
        (lambda data: idx(np.zeros(10_000)), "is not the published file"),
        (lambda data: b"", "not a gzip file"),
    ],
)
def test_a_damaged_file_is_named_with_its_mend(course, damage, says):
    path = course / "MNIST_data" / LABELS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataFileError, match=says) as error:
        MNIST()
    assert str(path) in str(error.value)
    assert "python -m libs.datasets" in str(error.value)


def test_in_a_clone_the_mend_is_git_and_it_mends(course):
    """The command in the message, run as it stands, brings the file back without a network."""
    git = functools.partial(subprocess.run, cwd=course, check=True, capture_output=True)
    git(["git", "init", "-q"])
    git(["git", "add", "MNIST_data"])
    path = course / "MNIST_data" / LABELS
    path.write_bytes(cut_off(path.read_bytes()))
    with pytest.raises(DataFileError) as error:
        MNIST()
    command = str(error.value).split("Mend it with: ")[1]
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert len(MNIST()) == 70_000


def test_a_missing_file_without_a_network_is_named(course):
    (course / "MNIST_data" / LABELS).unlink()
    with pytest.raises(DataFileError, match=r"missing and could not be fetched \(127") as error:
        MNIST()
    assert LABELS in str(error.value)
    left = {p.name for p in (course / "MNIST_data").iterdir()}
    assert not {name for name in left if name.startswith("tmp") or name.endswith(".part")}


def test_a_folder_that_cannot_be_written_is_named(course, monkeypatch):
    (course / "MNIST_data" / LABELS).unlink()
    # the superuser may write anywhere but into the kernel's own file system
    folder = Path("/proc") if os.name == "posix" and os.geteuid() == 0 else course / "locked"
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o555)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    with pytest.raises(DataFileError, match=r"can't be written .*COURSE_DATA"):
        MNIST()


def test_a_read_only_folder_with_the_files_is_enough(course):
    for path in (course / "MNIST_data").iterdir():
        path.chmod(0o444)
    (course / "MNIST_data").chmod(0o555)
    assert len(MNIST()) == 70_000
    (course / "MNIST_data").chmod(0o755)


def test_the_folder_in_the_environment_is_searched_too(course, tmp_path_factory, monkeypatch):
    own = tmp_path_factory.mktemp("own data")
    shutil.move(course / "MNIST_data", own / "MNIST_data")
    monkeypatch.setenv("COURSE_DATA", str(own))
    assert len(MNIST()) == 70_000


# --- downloads, from a real server on this machine ------------------------------------------------


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves the data files, whole or in part; ``breaks`` cuts off the first answers."""

    breaks = 0
    lies = False
    asked: list = []  # noqa: RUF012

    def do_GET(self):
        name = self.path.rsplit("/", 1)[1]
        data = (Path(__file__).parent.parent / "MNIST_data" / name).read_bytes()
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        if type(self).lies:
            data, wanted = b"<html>Sign in to this network</html>", None
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if wanted and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        stop = len(data)
        if type(self).breaks:
            type(self).breaks -= 1
            stop = start + (len(data) - start) // 2
        self.wfile.write(data[start:stop])
        self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror(course, monkeypatch):
    monkeypatch.setattr(Mirror, "breaks", 0)
    monkeypatch.setattr(Mirror, "lies", False)
    monkeypatch.setattr(Mirror, "asked", [])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(datasets, "_MIRRORS", {"MNIST": (url,)})
        yield url
        server.shutdown()


def published(name):
    return hashlib.sha256(name.read_bytes()).hexdigest() == datasets._FILES["MNIST"][name.name]


def leftovers(course):
    there = {p.name for p in (course / "MNIST_data").iterdir()}
    return there - set(datasets._FILES["MNIST"]) - {"README.md"}


@pytest.mark.usefixtures("mirror")
def test_a_missing_file_is_fetched(course):
    path = course / "MNIST_data" / LABELS
    path.unlink()
    assert len(MNIST()) == 70_000
    assert published(path)
    assert leftovers(course) <= {f".{LABELS}.lock"}


@pytest.mark.usefixtures("mirror")
def test_a_download_that_breaks_off_is_never_trusted_and_goes_on(course, monkeypatch):
    path = course / "MNIST_data" / "train-labels-idx1-ubyte.gz"
    path.unlink()
    monkeypatch.setattr(Mirror, "breaks", 1)
    with pytest.raises(DataFileError, match="could not be fetched"):
        MNIST()
    assert not path.exists()
    half = path.with_suffix(".gz.part").stat().st_size
    assert half > 0
    assert len(MNIST()) == 70_000
    assert published(path)
    assert Mirror.asked == [None, f"bytes={half}-"]  # the second went on where the first stopped


@pytest.mark.usefixtures("mirror")
def test_a_damaged_part_is_thrown_away(course):
    path = course / "MNIST_data" / LABELS
    path.unlink()
    part = course / "MNIST_data" / f"{LABELS}.part"
    part.write_bytes(b"x" * 100)
    with pytest.raises(DataFileError):
        MNIST()
    assert not path.exists()
    assert not part.exists()
    assert len(MNIST()) == 70_000
    part.write_bytes(b"x" * 1_000_000)  # longer than the file: the server answers 416
    path.unlink()
    assert len(MNIST()) == 70_000


@pytest.mark.usefixtures("mirror")
def test_a_page_in_place_of_the_file_is_refused(course, monkeypatch):
    path = course / "MNIST_data" / LABELS
    path.unlink()
    monkeypatch.setattr(Mirror, "lies", True)
    with pytest.raises(DataFileError, match="could not be fetched"):
        MNIST()
    assert not path.exists()
    assert leftovers(course) <= {f".{LABELS}.lock"}


def test_the_second_mirror_serves_when_the_first_is_dead(course, mirror, monkeypatch):
    (course / "MNIST_data" / LABELS).unlink()
    monkeypatch.setattr(datasets, "_MIRRORS", {"MNIST": ("http://127.0.0.1:9/", mirror)})
    assert len(MNIST()) == 70_000


def test_two_processes_that_fetch_at_once_both_get_the_file(course, mirror):
    path = course / "MNIST_data" / LABELS
    path.unlink()
    program = textwrap.dedent(f"""
        from pathlib import Path
        from libs import datasets
        datasets.ROOT = Path({str(course)!r})
        datasets._MIRRORS = {{"MNIST": ({mirror!r},)}}
        print(len(datasets.MNIST()))
    """)
    both = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in both] == ["70000"] * 2
    assert published(path)
    assert len(Mirror.asked) == 1  # the other waited


@pytest.mark.usefixtures("mirror")
def test_the_command_mends_every_file(course, monkeypatch, capsys):
    monkeypatch.delitem(datasets._FILES, "FashionMNIST")
    folder = course / "MNIST_data"
    (folder / LABELS).write_bytes(b"<html>")
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    assert list(datasets.damages("MNIST").values()) == ["missing", "damaged"]
    assert datasets.main() == 0
    said = capsys.readouterr().out
    assert "2 of 4 files are right" in said
    assert "was missing: fetched" in said
    assert "was damaged: fetched" in said
    assert all(published(folder / name) for name in datasets._FILES["MNIST"])
    assert leftovers(course) <= {f".{name}.lock" for name in datasets._FILES["MNIST"]}
    assert datasets.main() == 0
    assert "4 of 4" in capsys.readouterr().out


def test_the_command_keeps_a_damaged_file_that_it_cannot_replace(course, monkeypatch, capsys):
    monkeypatch.delitem(datasets._FILES, "FashionMNIST")
    path = course / "MNIST_data" / LABELS
    path.write_bytes(b"mine")
    assert datasets.main() == 1
    assert "is damaged" in capsys.readouterr().out
    assert path.read_bytes() == b"mine"
