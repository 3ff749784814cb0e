"""Train a recipe once: ``python -m benchmarks.records.one NAME SEED validation|test``.

A process of its own for each seed, so that none finds the graphs, caches and memory of another.
The clock starts with uint8 arrays in memory and stops when the recipe returns its reader: making
the network, tracing, compiling, augmentation and averaging count; importing and reading don't,
but where a recipe looks at each image more than once (``LOOKS``), reading counts.
"""

import datetime
import gzip
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
THREADS = 2
_PARTS = 6  # on validation each seed holds out another sixth


def digits(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 ``[n, 28, 28]``, and labels, uint8 ``[n]``, of "train" or "t10k"."""
    # not libs.datasets: libs imports TensorFlow, which PyTorch's peers must not meet
    found = []
    for kind, skip in (("images-idx3", 16), ("labels-idx1", 8)):
        packed = (ROOT / "MNIST_data" / f"{part}-{kind}-ubyte.gz").read_bytes()
        found.append(np.frombuffer(gzip.decompress(packed), np.uint8, offset=skip))
    return found[0].reshape(-1, 28, 28), found[1]


def split(seed: int, kind: str):
    """Return images and labels to train with, and those to read: held out, or the test set."""
    x, y = digits("train")
    if kind == "test":
        return x, y, *digits("t10k")
    # drawn, for the odd and the even images of MNIST come from different people
    out = np.random.default_rng(0).permutation(len(x)) % _PARTS == seed % _PARTS
    return x[~out], y[~out], x[out], y[out]


def measure(recipe, seed: int, kind: str) -> dict:
    """Train with a recipe, a module; return accuracy and seconds, and a peer's looks."""
    x, y, images, labels = split(seed, kind)
    return timed(recipe, seed, (x, y), (images, labels))


def timed(recipe, seed: int, known: tuple, unseen: tuple) -> dict:
    """Train with a recipe on known images and labels, and read the unseen ones."""
    looks, stood = [], 0.0

    def accuracy(read) -> float:
        answers = np.concatenate([read(part) for part in np.split(unseen[0], 10)])
        return round(float(np.mean(answers == unseen[1])), 6)

    def look(read) -> bool:
        nonlocal stood
        now = time.perf_counter()
        looks.append([round(now - began - stood, 4), accuracy(read)])
        stood += time.perf_counter() - now
        return looks[-1][1] >= getattr(recipe, "ENOUGH", 1)

    more = () if hasattr(recipe, "MARK") else (look,)
    began = time.perf_counter()
    read = recipe.train(*known, seed, *more)
    seconds = time.perf_counter() - began - stood
    found = {"accuracy": accuracy(read)}
    if getattr(recipe, "LOOKS", 1) > 1:
        seconds = time.perf_counter() - began - stood
    found["seconds"] = round(seconds, 4)
    return found | ({"looks": looks} if more else {})


def circumstances(packages) -> dict:
    """Return when, where, with what and of which commit a run is."""
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=8", "HEAD"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    lines = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").is_file() else ""
    model = [line.split(": ")[1] for line in lines.splitlines() if line.startswith("model name")]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": done.stdout.strip() or "none",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        + (f", {model[0]}" if model else ""),
        "python": platform.python_version(),
        "versions": {name: sys.modules[name].__version__ for name in packages},
    }


def main(name: str, seed: str, kind: str) -> None:
    """Print as JSON what one training gave."""
    recipe = importlib.import_module(f"benchmarks.records.recipes.{name}")
    found = measure(recipe, int(seed), kind)
    packages = {"numpy", *(p for p in ("tensorflow", "keras", "torch") if p in sys.modules)}
    print(json.dumps({**found, "circumstances": circumstances(sorted(packages))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
