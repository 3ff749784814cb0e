"""Ours beside a peer: both measured in one run, in turns, and compared as a ratio.

A benchmark is a module ``bench_NAME.py`` with a function ``rows()`` that returns what :func:`row`
makes. ``python -m benchmarks`` runs them and prints one table.
"""

import contextlib
import gc
import importlib
import importlib.util
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tqdm import tqdm

PYTORCH = "PyTorch, eager"


def race(
    contestants: dict[str, Callable[[], object]], runs: int = 5, calls: int = 1
) -> dict[str, float]:
    """Time several functions in turns, so that whatever slows the machine slows all of them.

    Each is called once untimed first: files come into the cache, graphs are traced.

    Parameters
    ----------
    contestants : dict
        What to call, by name. Results are thrown away.
    runs : int
        Times that each is timed; who goes first changes from round to round.
    calls : int
        Calls in one timing, more than one for what takes less than a millisecond.

    Returns
    -------
    dict
        Median seconds of a call of each, by name.
    """
    names = list(contestants)
    seconds = {name: [] for name in names}
    for call in contestants.values():
        call()
    gc.collect()
    gc.freeze()  # what TensorFlow's import left need not be looked through again and again
    try:
        for turn in tqdm(range(runs), desc=names[0], leave=False):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                gc.collect()
                call = contestants[name]
                start = time.perf_counter()
                for _ in range(calls):
                    call()
                seconds[name].append((time.perf_counter() - start) / calls)
    finally:
        gc.unfreeze()
    return {name: statistics.median(times) for name, times in seconds.items()}


def row(
    what: str,
    ours: float,
    peer_name: str,
    peer: float,
    bound: float | None = None,
    unit: str = "s",
    images: int | None = None,
) -> dict:
    """Make a row of the table.

    Parameters
    ----------
    what : str
        What ours does.
    ours, peer : float
        What was measured; less is better.
    peer_name : str
        What ours is compared with.
    bound : float, optional
        Largest ratio ``ours / peer`` that we accept: 1.2 means a fifth slower at most, 0.05 at
        least 20 times faster.
    unit : str
        Unit of both numbers.
    images : int, optional
        Images that took ``ours`` and ``peer`` seconds; the table then shows images per second.
        The ratio stays that of the times.

    Returns
    -------
    dict
        The arguments and ``"ratio"``, which is ``ours / peer``.
    """
    ratio = ours / peer
    if images is not None:
        ours, peer, unit = images / ours, images / peer, "images/s"
    return {
        "what": what,
        "ours": ours,
        "peer_name": peer_name,
        "peer": peer,
        "ratio": ratio,
        "bound": bound,
        "unit": unit,
    }


@contextlib.contextmanager
def new_process() -> Iterator[Callable]:
    """Yield a function that calls a function with arguments in a new process, the same each time.

    TensorFlow and PyTorch in one process crash, and what crashes shall not end the others.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def rows_of(name: str) -> list[dict]:
    """Run a benchmark in this process."""
    return importlib.import_module(f"benchmarks.bench_{name}").rows()


@contextlib.contextmanager
def pytorch(benchmark: str) -> Iterator[Callable | None]:
    """Yield a function that calls one of :mod:`benchmarks.torch_peers`, by name; None without.

    PyTorch is no part of the course: ``.venv/bin/pip install torch==2.13.*``.
    """
    if importlib.util.find_spec("torch") is None:
        print(f"{benchmark}: no PyTorch here, so no rows for it (pip install torch)")
        yield None
        return
    with new_process() as call:
        yield lambda name, *arguments: call(_torch_peer, name, *arguments)


def _torch_peer(name: str, *arguments):
    """Call a function of a module that must not be imported beside TensorFlow."""
    return getattr(importlib.import_module("benchmarks.torch_peers"), name)(*arguments)
