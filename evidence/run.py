"""Evaluate a lesson's claims for one seed: ``python -m evidence.run 03 42 validation``.

It prints what becomes the run's entry in the results. A process runs one seed only: the seed is
put into ``libs`` before anything else reads it.
"""

import contextlib
import datetime
import json
import linecache
import os
import platform
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import libs
from evidence import PACKAGES, Lesson


def measure(lesson: Lesson, seed: int, kind: str) -> dict[str, float]:
    """Run a lesson's cells with a seed; return the number of each claim that they answer."""
    libs.SEED = seed
    from libs import datasets, notebook  # now that the seed is set

    if kind == "validation":
        _hide_test_sets(datasets.MNIST, lesson.number)
    os.chdir(lesson.path.parent)
    sys.path.insert(0, str(lesson.path.parent))  # as in a kernel: 11 has a script there
    with tempfile.TemporaryDirectory() as folder:
        notebook.OUT = Path(folder)
        names = played(lesson, kind)

        def solved(name):
            exec(lesson.solutions[name], own := dict(names))
            return own[name]

        names["solved"] = solved
        asked = lesson.asked(kind, seed)
        asked += lesson.names("validation") if kind == "test" else []
        with contextlib.redirect_stdout(sys.stderr):
            return {name: float(eval(lesson.claims[name]["value"], names)) for name in asked}


def played(lesson: Lesson, kind: str) -> dict:
    """Return the names that the cells for runs of a kind make, and write to the error stream."""
    names = {"__name__": "evidence", "display": lambda *_, **__: None}
    with contextlib.redirect_stdout(sys.stderr):
        for cell in lesson.cells(kind):
            where = f"<cell {cell.id} of lesson {lesson.number}>"
            # where TensorFlow looks for a function's text
            linecache.cache[where] = (0, None, cell.source.splitlines(keepends=True), where)
            exec(compile(cell.source, where, "exec"), names)
    return names


def _hide_test_sets(dataset, number: str) -> None:
    """Let data sets have no test set."""
    make = dataset.__init__

    def without_test(self, *args, **kwargs):
        make(self, *args, **kwargs)
        self.__dict__.pop("test", None)

    def refuse(self, name):
        if name == "test":
            advice = "Tag the cell evidence-test, or say test = true of the claim"
            raise AttributeError(f"Test data is read by `run {number} --test` alone. {advice}.")
        raise AttributeError(name)

    dataset.__init__, dataset.__getattr__ = without_test, refuse


def circumstances() -> dict:
    """Return when, where, with what and of which commit a run is."""
    # the cells may be newer than the commit: their digest says what was run
    git = ["git", "-C", str(libs.ROOT), "rev-parse", "--short=8", "HEAD"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": done.stdout.strip() or "none",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: import_module(name).__version__ for name in PACKAGES},
    }


def main(number: str, seed: str, kind: str) -> None:
    """Print a run's entries as JSON, by kind: with test data, what validation says as well."""
    lesson = Lesson(number)
    kinds = [known for known in ("validation", kind) if lesson.names(known)]
    kinds = ["long"] if kind == "long" else kinds
    runs = {known: {**circumstances(), "cells": lesson.digest(known)} for known in kinds}
    found = {name: float(f"{v:.6g}") for name, v in measure(lesson, int(seed), kind).items()}
    for known, run in runs.items():
        run["values"] = {name: found[name] for name in lesson.asked(known, int(seed))}
    print(json.dumps(runs))


if __name__ == "__main__":
    main(*sys.argv[1:])
