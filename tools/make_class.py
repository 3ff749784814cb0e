"""Make a class of plausible submissions of an assignment: for trials, tests and benchmarks.

Of ten students three are right (some by another way than the source), four are wrong in one or two
answers (the mistakes are those of mutants.py), one stops half-way, one hands in code that crashes,
and one hands in the notebook as it was released. The same class comes out every time.
"""

import argparse
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


def moodle(assignment: str, students: dict[str, bytes]) -> dict[str, bytes]:
    """Name submissions as Moodle exports them.

    Parameters
    ----------
    assignment : str
        Its name; Moodle's numbers are others for each.
    students : dict of str to bytes
        The files by student.

    Returns
    -------
    dict of str to bytes
        The zip's files.
    """
    first = 1000 * (zlib.crc32(assignment.encode()) % 1000 + 1)
    files = {}
    for number, (student, content) in enumerate(students.items()):
        folder = f"Student {student}_{first + number}_assignsubmission_file"
        files[f"{folder}/{assignment}.ipynb"] = content
    return files


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
            for path, content in moodle(options.assignment, contents).items():
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
