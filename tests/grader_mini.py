"""A small assignment and a small class, for the grader's tests."""

import contextlib
import ctypes
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from multiprocessing import resource_tracker
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grader import ROOT
from grader.__main__ import main
from grader.assignment import Assignment
from grader.files import digest
from grader.submission import grade_id

SETUP = """import numpy as np

from grader.check import expect, filled, test

NUMBERS = np.arange(4.0)"""
DOUBLE = '''def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION'''
DOUBLE_TEST = """with test("two numbers", seconds=3):
    expect.close(double(NUMBERS[:2]), [0, 2], "double([0, 1])")
### BEGIN HIDDEN TESTS
with test("other numbers", points=3, seconds=3):
    secret_numbers = np.array([3.25, -7.75])
    expect.close(double(secret_numbers), 2 * secret_numbers, "double(x)")
### END HIDDEN TESTS"""
ANSWER = """answer = ...
### BEGIN SOLUTION
answer = 42
### END SOLUTION"""
ANSWER_TEST = """with test("the answer"):
    expect.equal(answer, 42, "answer")"""
CELLS = [
    ("setup", "imports", SETUP, 0),
    ("answer", "double", DOUBLE, 0),
    ("test", "double-test", DOUBLE_TEST, 4),
    ("given", "shown", "if filled(double(1)):\n    print('twice one is', double(1))", 0),
    ("answer", "answer", ANSWER, 0),
    ("test", "answer-test", ANSWER_TEST, 1),
    ("manual", "words", "### BEGIN SOLUTION\nBecause.\n### END SOLUTION", 5),
]
#                    grade  solution locked
KINDS = {
    "setup": (False, False, True),
    "given": (False, False, True),
    "answer": (False, True, False),
    "test": (True, False, True),
    "manual": (True, True, False),
}


def proved_by_the_page() -> list[str]:
    """Return the assignments that homework/README.md's commands prove, which a test runs."""
    page = (ROOT / "homework" / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^python -m grader prove (\w+)$", page, re.MULTILINE)


def write_course(root: Path, cells=CELLS, **metadata) -> Path:
    """Write a course with one assignment, hw0; return its root."""
    notebook = new_notebook(metadata={"homework": {"title": "Mini", "cell_seconds": 4, **metadata}})
    for kind, name, source, points in cells:
        cell = (new_markdown_cell if kind == "manual" else new_code_cell)(source, id=name)
        flags = dict(zip(("grade", "solution", "locked"), KINDS[kind], strict=True))
        cell.metadata["nbgrader"] = {**flags, "grade_id": name, "schema_version": 3, "task": False}
        if points:
            cell.metadata["nbgrader"]["points"] = points
        if kind == "setup":
            cell.metadata["tags"] = ["setup"]
        notebook.cells.append(cell)
    folder = root / "source" / "hw0"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "hw0.ipynb")
    return root


@contextlib.contextmanager
def marking(folder: Path, cells=CELLS, **metadata):
    """Yield a marker of a small course, with a sandbox of its own."""
    from grader.trusted.mark import Marker

    root = write_course(folder, cells, **metadata)
    marker = Marker(Assignment(root / "source" / "hw0"), [root])
    try:
        yield marker
    finally:
        marker.close()


def submission(assignment, answers: dict | None = None, extra: str = "", at: int = 1) -> bytes:
    """Return a submission: the release with some answers, and a cell of the student's own."""
    notebook = nbformat.from_dict(assignment.released)
    for cell in notebook.cells:
        if grade_id(cell) in (answers or {}):
            cell.source = answers[grade_id(cell)]
    if extra:
        notebook.cells.insert(at, new_code_cell(extra))
    return json.dumps(notebook).encode()  # pure ASCII: half a character travels too


RIGHT = {
    "double": "def double(x):\n    return x + x",
    "answer": "answer = 42",
    "words": "Because it is so.",
}


def hand_in(root: Path, student: str, content: bytes) -> None:
    """Put a student's file where ``grade`` finds it."""
    path = root / "submitted" / student / "hw0" / "hw0.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def full_marks(student: str, content: bytes) -> dict:
    """Return the record of right answers, without grading them."""
    tests = {
        name: {"points": p, "score": p, "stopped": "", "findings": []}
        for name, p in (("double-test", 4.0), ("answer-test", 1.0))
    }
    return {
        **{"assignment": "hw0", "student": student, "submitted": "", "entered": False},
        **{"tests": tests, "manual": {"words": "to be read"}, "unanswered": [], "notes": []},
        **{"sha256": digest(content), "grader": "1", "score": 5.0, "points": 5.0},
    }


@contextlib.contextmanager
def at_once(workers: int):
    """Yield a pool that gives full marks at once, for tests of what comes after marking."""
    yield AtOnce()


class AtOnce:
    """Such a pool."""

    def prepare(self, task) -> None:
        """Be ready."""

    def mark(self, task, contents, tests_only=False):
        """Yield each record and its cells."""
        assignment = Assignment(task.folder)
        for student, content in contents:
            steps = assignment.merge(content).steps
            yield student, (full_marks(student, content), [step.cell for step in steps])


def enter_kept(course, student: str, renderer, words="Because.", outputs=(), more=()) -> None:
    """Keep and enter a submission as if it had been marked, with outputs and cells of its own."""
    from grader.commands.grade import keep
    from grader.gradebook import Book

    assignment = course.assignment("hw0")
    content = submission(assignment, {**RIGHT, "words": words}, "print()")
    hand_in(course.root, student, content)
    record = full_marks(student, content) | {"entered": True}
    cells = [step.cell for step in assignment.merge(content).steps]
    cells[1].outputs = list(outputs)
    cells += map(new_markdown_cell, more)
    keep(course, record, cells, assignment, renderer)
    with Book(course) as book:
        book.add_assignment(assignment)
        book.enter(record)


resource_tracker.ensure_running()  # lives as long as this process: no leftover


def start_grading(root: Path, workers: int = 2, begin=(), **environment) -> subprocess.Popen:
    """Start ``python -m grader grade``; this process inherits whatever it leaves behind.

    ``begin`` is what the command begins with, to be another user's.
    """
    inherit()
    line = [*begin, sys.executable, "-m", "grader", "--course", root, "grade", "hw0"]
    return subprocess.Popen(
        [*line, "--workers", str(workers)],
        start_new_session=True,  # as a terminal's command has a process group of its own
        # tests that run in a shell's background ignore Ctrl+C, and would pass that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )


def in_this_process(words: list[str], folder: Path) -> str:
    """Run a command of the grader as it is typed in a folder, without starting Python anew."""
    said, complained = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complained),
    ):
        patch.setattr(sys, "argv", ["grader", *words])
        status = main()
    texts = []
    for stream in (said, complained):
        stream.seek(0)
        texts.append(stream.read())
    assert status == 0, f"{words}\n{texts[0]}\n{texts[1]}"
    return texts[0]


def inherit() -> None:
    """Make processes whose parent has ended this process's children."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # a child subreaper


def left_behind(before: set[int], seconds: float = 10) -> list[str]:
    """Return the command lines of new processes that still live after some seconds."""
    until = time.monotonic() + seconds
    while True:
        left = []
        for process in psutil.Process().children(recursive=True):
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    process.wait(0)
                elif process.pid not in before:
                    left.append(" ".join(process.cmdline()))
            except psutil.Error:
                pass
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.1)
