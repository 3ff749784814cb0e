"""The published files: found, fetched from a mirror, verified, and everything that can fail."""

import errno
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

from libs import data_files
from libs.data_files import DataFileError, read_idx
from libs.datasets import MNIST

LABELS = "t10k-labels-idx1-ubyte.gz"


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
        (gzip.compress(struct.pack(">4I", 2051, 4, 3, 3) + bytes(50)), r"50 numbers, not the 36"),
    ],
    # gzip writes the time: a test's name would be another in each worker, which ends the run
    ids=["labels", "another shape", "one dimension", "a page", "no gzip", "more numbers"],
)
def test_other_content_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        read_idx(content, np.empty((4, 9), np.float32))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A copy of the data in a folder of its own, which ``libs`` takes for the course's."""
    shutil.copytree(data_files.ROOT / "MNIST_data", tmp_path / "MNIST_data")
    monkeypatch.setattr(data_files, "ROOT", tmp_path)
    unreachable = ("http://127.0.0.1:9/",)  # port 9: nothing listens there
    monkeypatch.setattr(data_files, "MIRRORS", {"MNIST": unreachable})
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
    assert "python -m libs.data_files" in str(error.value)


def test_in_a_clone_the_mend_is_git_and_it_mends(course):
    """The command in the message, run as it stands, brings the file back without a network."""
    git = functools.partial(subprocess.run, cwd=course, check=True, capture_output=True)
    git(["git", "init", "-q"])
    git(["git", "add", "MNIST_data"])
    path = course / "MNIST_data" / LABELS
    path.write_bytes(cut_off(path.read_bytes()))
    with pytest.raises(DataFileError) as error:
        MNIST()
    command = str(error.value).split("Repair it with: ")[1]
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert len(MNIST().X) == 70_000


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
    monkeypatch.setattr(data_files, "ROOT", folder)
    with pytest.raises(DataFileError, match=r"could not be written .*libs\.data_files"):
        MNIST()


def test_a_read_only_folder_with_the_files_is_enough(course):
    for path in (course / "MNIST_data").iterdir():
        path.chmod(0o444)
    (course / "MNIST_data").chmod(0o555)
    assert len(MNIST().X) == 70_000
    (course / "MNIST_data").chmod(0o755)


# --- downloads, from a real server on this machine ------------------------------------------------


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves the data files; ``breaks`` cuts off the first answers."""

    breaks = 0
    lies = False
    asked: list = []  # noqa: RUF012

    def do_GET(self):
        name = self.path.rsplit("/", 1)[1]
        data = (Path(__file__).parent.parent / "MNIST_data" / name).read_bytes()
        type(self).asked.append(name)
        if type(self).lies:
            data = b"<html>Sign in to this network</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if type(self).breaks:
            type(self).breaks -= 1
            data = cut_off(data)
        self.wfile.write(data)
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
        monkeypatch.setattr(data_files, "MIRRORS", {"MNIST": (url,)})
        yield url
        server.shutdown()


def published(name):
    return hashlib.sha256(name.read_bytes()).hexdigest() == data_files.FILES["MNIST"][name.name]


def leftovers(course):
    there = {p.name for p in (course / "MNIST_data").iterdir()}
    return there - set(data_files.FILES["MNIST"]) - {"README.md"}


@pytest.mark.usefixtures("mirror")
def test_a_missing_file_is_fetched(course):
    path = course / "MNIST_data" / LABELS
    path.unlink()
    assert len(MNIST().X) == 70_000
    assert published(path)
    assert leftovers(course) == set()


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize("kind", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_or_modes_is_fine(course, monkeypatch, kind):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*arguments, **options):
        raise OSError(kind, os.strerror(kind))

    for module, name in ((fcntl, "flock"), (fcntl, "lockf"), (os, "chmod"), (os, "fchmod")):
        monkeypatch.setattr(module, name, refuse)
    path = course / "MNIST_data" / LABELS
    path.unlink()
    assert len(MNIST().X) == 70_000
    assert published(path)
    assert leftovers(course) == set()


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize("name", ["course [2026]", "is this it?", "50%", "a*b", "käse ☃", "$HOME"])
def test_the_folder_of_the_data_may_have_any_name(course, monkeypatch, name):
    monkeypatch.setattr(data_files, "ROOT", course / name)
    fetched = data_files.data_file("MNIST", LABELS)
    assert fetched == course / name / "MNIST_data" / LABELS
    assert published(fetched)
    assert [path.name for path in fetched.parent.iterdir()] == [LABELS]
    fetched.write_bytes(b"")
    assert data_files.verify("MNIST")[fetched] == "damaged"


@pytest.mark.usefixtures("mirror")
def test_a_download_that_breaks_off_leaves_nothing_behind(course, monkeypatch):
    path = course / "MNIST_data" / "train-labels-idx1-ubyte.gz"
    path.unlink()
    monkeypatch.setattr(Mirror, "breaks", 1)
    with pytest.raises(DataFileError, match="could not be fetched"):
        MNIST()
    assert not path.exists()
    assert leftovers(course) == set()
    assert len(MNIST().X) == 70_000
    assert published(path)
    assert Mirror.asked == [path.name] * 2


@pytest.mark.usefixtures("mirror")
def test_a_page_in_place_of_the_file_is_refused(course, monkeypatch):
    path = course / "MNIST_data" / LABELS
    path.unlink()
    monkeypatch.setattr(Mirror, "lies", True)
    with pytest.raises(DataFileError, match="could not be fetched"):
        MNIST()
    assert not path.exists()
    assert leftovers(course) == set()


def test_the_second_mirror_serves_when_the_first_is_dead(course, mirror, monkeypatch):
    (course / "MNIST_data" / LABELS).unlink()
    monkeypatch.setattr(data_files, "MIRRORS", {"MNIST": ("http://127.0.0.1:9/", mirror)})
    assert len(MNIST().X) == 70_000


@pytest.mark.slow
def test_two_processes_that_fetch_at_once_both_get_the_file(course, mirror):
    path = course / "MNIST_data" / LABELS
    path.unlink()
    program = textwrap.dedent(f"""
        from pathlib import Path
        from libs import data_files, datasets
        data_files.ROOT = Path({str(course)!r})
        data_files.MIRRORS = {{"MNIST": ({mirror!r},)}}
        print(len(datasets.MNIST().X))
    """)
    both = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in both] == ["70000"] * 2
    assert published(path)
    assert leftovers(course) == set()


@pytest.mark.usefixtures("mirror")
def test_the_command_mends_every_file(course, monkeypatch, capsys):
    monkeypatch.delitem(data_files.FILES, "FashionMNIST")
    folder = course / "MNIST_data"
    (folder / LABELS).write_bytes(b"<html>")
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    assert list(data_files.verify("MNIST").values()) == ["missing", "damaged"]
    assert data_files.main() == 0
    said = capsys.readouterr().out
    assert "2 of 4 files are correct" in said
    assert "was missing: fetched" in said
    assert "was damaged: fetched" in said
    assert all(published(folder / name) for name in data_files.FILES["MNIST"])
    assert leftovers(course) == set()
    assert data_files.main() == 0
    assert "4 of 4" in capsys.readouterr().out


def test_the_command_keeps_a_damaged_file_that_it_cannot_replace(course, monkeypatch, capsys):
    monkeypatch.delitem(data_files.FILES, "FashionMNIST")
    path = course / "MNIST_data" / LABELS
    path.write_bytes(b"mine")
    assert data_files.main() == 1
    assert "is damaged" in capsys.readouterr().out
    assert path.read_bytes() == b"mine"
