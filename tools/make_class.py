"""Make a class of plausible submissions of an assignment: for trials, tests and benchmarks.

Of ten students three are right (some by another way than the source), four are wrong in one or two
answers (the mistakes are those of mutants.py), one stops half-way, one hands in code that crashes,
and one hands in the notebook as it was released. The same class comes out every time.
"""

import argparse
import io
import json
import random
import sys
import zipfile
import zlib
from pathlib import Path

import nbformat

from grader.assignment import Assignment, AssignmentError
from grader.commands.prove import changed, read_mutants
from grader.course import Course, CourseError
from grader.files import write
from grader.markers import SOLUTION
from grader.submission import grade_id

KINDS = ("right", "wrong", "wrong", "half", "right", "wrong", "crash", "wrong", "unfilled", "right")
CRASHES = {
    "divides by zero": "1 / 0",
    "leaves a bracket open": "print(len(",
    "uses an undefined name": "results[0]",
    "leaves with exit()": "exit()",
    "kills its kernel": "import os\n\nos._exit(1)",
}


def make_class(assignment: Assignment, size: int, seed: int = 0) -> dict[str, tuple[str, bytes]]:
    """Make submissions.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    size : int
        How many.
    seed : int
        Another one, another class.

    Returns
    -------
    dict of str to tuple of str and bytes
        By student: what is special about the submission, and its file.
    """
    rng = random.Random(seed)
    mutants, variants, _ = read_mutants(assignment)
    students = {}
    for number in range(size):
        kind = KINDS[number % len(KINDS)]
        what, changes, names = kind, {}, list(assignment.of_kind("answer", "manual"))
        if kind == "right" and variants:
            variant = rng.choice(["", *variants])
            changes = variants.get(variant, {})
            what = f"right: {variant}" if variant else "right"
        elif kind == "wrong" and mutants:
            # one mistake an answer: two changes of the same lines may not fit together
            chosen = {mutants[m][0]: m for m in rng.sample(sorted(mutants), rng.randint(1, 2))}
            changes = {answer: mutants[mutant][1] for answer, mutant in chosen.items()}
            what = f"wrong: {', '.join(chosen.values())}"
        answers = {
            grade_id(cell): SOLUTION.unmarked(cell.source)
            for cell in changed(assignment, changes).cells
            if grade_id(cell) in names
        }
        if kind in ("half", "unfilled"):
            keep = rng.randrange(1, len(names)) if kind == "half" else 0
            answers = {name: answers[name] for name in names[:keep]}
            what = f"half: {keep} of {len(names)} answers" if keep else kind
        elif kind == "crash":
            crash = rng.choice(list(CRASHES))
            answers[rng.choice(list(assignment.of_kind("answer")))] += f"\n\n{CRASHES[crash]}"
            what = f"crash: {crash}"
        students[f"{1001 + number}"] = (what, _submission(assignment, answers))
    return students


def _submission(assignment: Assignment, answers: dict[str, str]) -> bytes:
    """Return the students' version with some answers written in."""
    notebook = nbformat.from_dict(assignment.released)
    for cell in notebook.cells:
        cell.source = answers.get(grade_id(cell), cell.source)
    return nbformat.writes(notebook).encode()


def moodle(assignment: str, students: dict[str, bytes], mangle: bool = False) -> dict[str, bytes]:
    """Name submissions as Moodle exports them.

    Parameters
    ----------
    assignment : str
        Its name; Moodle's numbers are others for each.
    students : dict of str to bytes
        The files by student.
    mangle : bool
        Do to them what laptops and browsers do to files.

    Returns
    -------
    dict of str to bytes
        The zip's files.
    """
    first = 1000 * (zlib.crc32(assignment.encode()) % 1000 + 1)
    ways = list(MANGLED.values()) if mangle else [lambda content, file: {file: content}]
    files = {}
    for number, (student, content) in enumerate(students.items()):
        folder = f"Student {student}_{first + number}_assignsubmission_file"
        for path, made in ways[number % len(ways)](content, f"{assignment}.ipynb").items():
            files[f"{folder}/{path}"] = made
    return files


def _zip(files: dict[str, bytes]) -> bytes:
    """Return a zip whose files are a minute newer each than the one before."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for minute, (name, content) in enumerate(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (2030, 1, 1, 12, minute, 0)), content)
    return stream.getvalue()


def _changed(content: bytes, change) -> bytes:
    """Return a notebook in which something was done to the whole, or to each cell."""
    notebook = json.loads(content)
    change(notebook)
    return json.dumps(notebook).encode()


def _newlines(new: str):
    def change(notebook: dict) -> None:
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"]).replace("\n", new)

    return change


def _lose(notebook: dict) -> None:
    notebook |= {"metadata": {}, "nbformat_minor": 2}
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)


def _retype(notebook: dict) -> None:
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "markdown" and marks.get("solution"):
            cell["cell_type"] = "raw"


def _fill(notebook: dict) -> None:
    text = {"output_type": "stream", "name": "stdout", "text": ["x" * 79 + "\n"] * 20_000}
    for cell in notebook["cells"][:1]:
        cell["outputs"] = [text]


def _old_format(notebook: dict) -> None:
    cells = notebook.pop("cells")
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
    notebook |= {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}


def _emptied(content: bytes) -> bytes:
    return _changed(content, lambda notebook: notebook.update(cells=notebook["cells"][:1]))


# what laptops, browsers and LMSs do to a file: the files that are handed in instead
MANGLED = {
    "nothing": lambda content, file: {file: content},
    "packed": lambda content, file: {"hw.zip": _zip({file: content, "receipt.json": b"{}"})},
    "a byte order mark": lambda content, file: {file: b"\xef\xbb\xbf" + content},
    "UTF-16": lambda content, file: {file: content.decode().encode("utf-16")},
    "Windows' ends of lines": lambda content, file: {file: _changed(content, _newlines("\r\n"))},
    "old Macs' ends of lines": lambda content, file: {file: _changed(content, _newlines("\r"))},
    "called a text": lambda content, file: {f"{file}.txt": content},
    "a browser's copy": lambda content, file: {file.replace(".", " (1)."): content},
    "metadata lost": lambda content, file: {file: _changed(content, _lose)},
    "format 3": lambda content, file: {file: _changed(content, _old_format)},
    "words in a raw cell": lambda content, file: {file: _changed(content, _retype)},
    "much output": lambda content, file: {file: _changed(content, _fill)},
    "an older one too": lambda content, file: {
        "hw.zip": _zip({"b": _emptied(content), "a": content})
    },
    "checkpoints": lambda content, file: {
        "hw.zip": _zip(
            {
                f"hw/{file}": content,
                "hw/.ipynb_checkpoints/x-checkpoint.ipynb": _emptied(content),
                f"__MACOSX/hw/._{file}": b"\0\5\x16\7",
            }
        )
    },
    "a picture beside it": lambda content, file: {file: content, "plot.png": b"PNG"},
}


def main() -> int:
    """Write a class to disk; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("assignment", help="e.g. hw1")
    parser.add_argument("size", type=int, help="how many students")
    parser.add_argument(
        "--course",
        type=Path,
        default=Path("homework"),
        help="the course's folder (default: homework)",
    )
    parser.add_argument(
        "--moodle", type=Path, metavar="ZIP", help="write a Moodle export, for collect, instead"
    )
    parser.add_argument(
        "--mangle", action="store_true", help="as laptops, browsers and old programs leave files"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="each seed makes another class (default: 0)"
    )
    options = parser.parse_args()
    try:
        course = Course(options.course)
        students = make_class(course.assignment(options.assignment), options.size, options.seed)
    except (AssignmentError, CourseError) as error:
        print(f"make_class: {error}", file=sys.stderr)
        return 1
    file = f"{options.assignment}.ipynb"
    if options.moodle:
        contents = {student: content for student, (_, content) in students.items()}
        with zipfile.ZipFile(options.moodle, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in moodle(options.assignment, contents, options.mangle).items():
                archive.writestr(path, content)
    else:
        for student, (_, content) in students.items():
            write(course.root / "submitted" / student / options.assignment / file, content)
    for student, (what, _) in students.items():
        print(f"{student}  {what}")
    print(f"in {options.moodle or course.root / 'submitted'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
