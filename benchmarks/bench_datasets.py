"""``MNIST()`` from its files beside ``keras.datasets.mnist`` from its own, and peak memory."""

import functools
import hashlib
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from unittest import mock

from libs import ROOT
from libs.data_files import data_file, read_idx
from libs.datasets import MNIST

# isort: split
import keras
import numpy as np
from keras.src.datasets import mnist

from benchmarks import race, row

_KERAS = "Keras load_data"
_KERAS_FLOAT = "Keras load_data, then float32 in [0, 1] and one-hot"

# What the process holds at its peak beyond what it held before.
_PEAK = """
import resource, sys
import psutil
from libs.datasets import MNIST
before = psutil.Process().memory_info().rss
data = MNIST()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak * (1 if sys.platform == "darwin" else 1024) - before)
"""
# Linux counts a parent's memory into the peak of a program that it starts, and ours holds much:
# let a small process start it.
_STARTER = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


def _write_npz(path: Path) -> None:
    """Write MNIST as Keras publishes it: four uint8 arrays in one compressed archive."""
    arrays = {}
    for kind, prefix, n in (("train", "train", 60_000), ("test", "t10k", 10_000)):
        for name, content, shape in (("x", "images-idx3", (n, 784)), ("y", "labels-idx1", (n,))):
            out = np.empty(shape, np.uint8)
            read_idx(data_file("MNIST", f"{prefix}-{content}-ubyte.gz").read_bytes(), out)
            arrays[f"{name}_{kind}"] = out.reshape(n, 28, 28) if name == "x" else out
    np.savez_compressed(path, **arrays)


def _keras_float():
    """Load with Keras and turn it into what ``MNIST()`` gives, the usual way."""
    parts = []
    for x, y in mnist.load_data():
        parts.append(x.reshape(-1, 784).astype("float32") / 255)
        parts.append(keras.utils.to_categorical(y, 10))
    return parts


def _traced(function) -> int:
    """Return the most bytes that Python and NumPy hold at once while ``function`` runs."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _resident() -> int:
    """Return the most bytes of real memory that ``MNIST()`` takes in a fresh process."""
    command = [sys.executable, "-c", _STARTER, sys.executable, "-c", _PEAK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


def rows() -> list[dict]:
    """Measure loading MNIST: seconds, then megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        npz = Path(folder) / "datasets" / "mnist.npz"
        npz.parent.mkdir()
        _write_npz(npz)
        # Keras checks the SHA-256 of its own archive; this one holds the same arrays, packed here
        get_file = functools.partial(mnist.get_file, cache_dir=folder)
        digest = hashlib.sha256(npz.read_bytes()).hexdigest()

        def from_folder(fname, origin, file_hash):
            return get_file(fname=fname, origin=origin, file_hash=digest)

        with mock.patch.object(mnist, "get_file", from_folder):
            seconds = race({"ours": MNIST, _KERAS: mnist.load_data, _KERAS_FLOAT: _keras_float}, 7)
            keras_bytes = _traced(_keras_float)
    array = 70_000 * 784 * 4 / 1e6
    ours = _traced(MNIST) / 1e6
    what = "MNIST(), its files' SHA-256 checked"
    found = [row(what, seconds["ours"], peer, seconds[peer]) for peer in (_KERAS, _KERAS_FLOAT)]
    found += [
        row("MNIST(), peak memory (tracemalloc)", ours, "its float32 array", array, 1.3, "MB"),
        row(
            "MNIST(), peak memory (tracemalloc)", ours, _KERAS_FLOAT, keras_bytes / 1e6, None, "MB"
        ),
    ]
    if sys.platform != "win32":  # Windows has no getrusage
        resident = _resident() / 1e6
        what = "MNIST(), peak resident memory in a fresh process"
        found.append(row(what, resident, "its float32 array", array, 1.3, "MB"))
    return found
