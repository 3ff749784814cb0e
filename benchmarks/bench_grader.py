"""A class of homework marked by ours beside ``nbgrader autograde``, one worker each.

Both mark the same submissions of hw1 and must come to the same marks. nbgrader runs them without
a sandbox; ours makes one for each. nbgrader marks a sample that holds each kind of submission as
often as the class does; what one of those takes after its start is counted for each of the class.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from tqdm import tqdm

from benchmarks import row
from grader.commands.sample import KINDS, make_class
from grader.course import Course
from grader.files import write
from grader.stored import frozen
from grader.submission import kind

ROOT = Path(__file__).resolve().parent.parent
NAME, CLASS, SAMPLE = "hw1", 40, len(KINDS)
BIN = Path(sys.executable).parent


def _seconds(*command, folder: Path, may_fail: bool = False) -> float:
    """Run a command, and return how long it takes; if it fails, raise with what it wrote."""
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= {"JUPYTER_PREFER_ENV_PATH": "1"}
    start = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    if done.returncode and not may_fail:
        raise RuntimeError(f"{command} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds


def _for_nbgrader(source: Path) -> None:
    """Put in the numbers that tests store, and end each test cell with its score.

    The score is how nbgrader learns of parts of it.
    """
    notebook = frozen(source.parent, nbformat.read(source, as_version=4))
    for cell in notebook.cells:
        if kind(cell) == "test":
            cell.source = (
                "import grader.check\n\n"
                "late = TimeoutError('it took too long')\n"
                "limit = lambda seconds: grader.check.alarm(seconds, late)\n"
                "with grader.check.record(limit) as found:\n"
                f"{textwrap.indent(cell.source, '    ')}\n"
                "float(sum(one.share * one.points for one in found.findings))"
            )
    nbformat.write(notebook, source)


def _marks(folder: Path) -> dict[str, float]:
    """Return each student's points for what is tested."""
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        return {
            submission.student.id: sum(
                grade.auto_score or 0
                for notebook in submission.notebooks
                for grade in notebook.grades
            )
            for submission in book.assignment_submissions(NAME)
        }


def rows() -> list[dict]:
    """Measure both once; check that they give the same marks."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        tqdm(total=CLASS + SAMPLE, desc="grader", leave=False) as bar,
    ):
        ours, peer = Path(temporary) / "ours", Path(temporary) / "peer"
        for folder in (ours, peer):
            shutil.copytree(ROOT / "homework" / "source" / NAME, folder / "source" / NAME)
        students = make_class(Course(ours).assignment(NAME), CLASS)
        for number, (student, (_, content)) in enumerate(students.items()):
            for folder in (ours, peer) if number < SAMPLE else (ours,):
                write(folder / "submitted" / student / NAME / f"{NAME}.ipynb", content)

        command = [sys.executable, "-m", "grader", "--course", ours, "grade", NAME, "--workers", 1]
        our_seconds = _seconds(*command, folder=ROOT)
        bar.update(CLASS)

        nbgrader = [sys.executable, "-m", "nbgrader"]
        _for_nbgrader(peer / "source" / NAME / f"{NAME}.ipynb")
        _seconds(*nbgrader, "generate_assignment", NAME, folder=peer)
        start = _seconds(*nbgrader, "--version", folder=peer)
        # it fails for who kills the kernel, and goes on with the others
        sample = _seconds(*nbgrader, "autograde", NAME, folder=peer, may_fail=True) - start
        peer_seconds = start + sample * CLASS / SAMPLE

        found, theirs = _marks(ours), _marks(peer)
        crashed = {who for who, what in zip(students, KINDS, strict=False) if what == "crash"}
        theirs = {student: mark for student, mark in theirs.items() if student not in crashed}
        if len(found) != CLASS or len(theirs) != SAMPLE - len(crashed):
            raise RuntimeError(f"not all were marked: {len(found)} and {len(theirs)}")
        if other := {s: (found[s], mark) for s, mark in theirs.items() if found[s] != mark}:
            raise RuntimeError(f"ours and nbgrader's marks differ: {other}")
    what = f"{CLASS} submissions of {NAME}, one worker, a sandbox each"
    measured = row(what, our_seconds, "nbgrader autograde, no sandbox", peer_seconds, 1 / 5)
    rates = {"ours": 60 * CLASS / our_seconds, "peer": 60 * CLASS / peer_seconds}
    return [measured | rates | {"unit": "submissions/min"}]
