"""``python -m grader sample``: a class of plausible submissions, for trials and tests.

Of ten students three are right (some by another way than the source), four are wrong in one or two
answers (the mistakes are those of mutants.py), one stops half-way, one hands in code that crashes,
and one hands in the notebook as it was released. The same class comes out every time.
"""

import io
import random
import zipfile
import zlib
from pathlib import Path

import nbformat

from grader.assignment import Assignment
from grader.commands.prove import changed, read_mutants
from grader.course import Course, CourseError
from grader.files import read_plain, write
from grader.markers import SOLUTION
from grader.people import ROSTER_BYTES
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
            for cell in changed(assignment, changes, slow_too=True).cells
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


def canvas(assignment: str, students: dict[str, bytes]) -> dict[str, bytes]:
    """Name submissions as Canvas exports them, for the same people as :func:`moodle`.

    Parameters
    ----------
    assignment : str
        Its name; Canvas' numbers of uploads are others for each, those of people stay.
    students : dict of str to bytes
        The files by student.

    Returns
    -------
    dict of str to bytes
        The zip's files.
    """
    first = 1000 * (zlib.crc32(assignment.encode()) % 1000 + 1)
    return {
        f"{student}student_7{student}_{first + number}_{assignment}.ipynb": content
        for number, (student, content) in enumerate(students.items())
    }


PLATFORMS = {"moodle": moodle, "canvas": canvas}


def sample(
    course: Course,
    name: str,
    size: int,
    path: Path | None,
    seed: int = 0,
    platform: str = "moodle",
    people: Path | None = None,
) -> list[str]:
    """Write a class to disk.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    size : int
        How many students.
    path : pathlib.Path or None
        A zip as the platform exports it; else it goes where ``grade`` finds it.
    seed : int
        Another one, another class.
    platform : {"moodle", "canvas"}
        Whose zip it is.
    people : pathlib.Path, optional
        A CSV for ``roster``, of who they are.

    Returns
    -------
    list of str
        What is special about each, and where they are.

    Raises
    ------
    grader.course.CourseError
        The size is none, or somebody's work, or another list of people, is where one would be
        written.
    """
    if size < 1:
        raise CourseError(f"A class of {size} is none: give a number from 1.")
    students = make_class(course.assignment(name), size, seed)
    listed = "".join(f"s{student},Student {student}\n" for student in students)
    listed = f"id,name\n{listed}".encode()
    if people and people.exists() and read_plain(people, ROSTER_BYTES) != listed:
        raise CourseError(f"{people} is there already and lists others. Name another file.")
    if path:
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
            contents = {student: content for student, (_, content) in students.items()}
            for inside, content in PLATFORMS[platform](name, contents).items():
                archive.writestr(inside, content)
        write(path, zipped.getvalue())
    else:
        folders = {student: course.root / "submitted" / student / name for student in students}
        for student, folder in folders.items():
            file = folder / f"{name}.ipynb"
            if file.exists() and file.read_bytes() != students[student][1]:
                raise CourseError(f"{file} is there already: is it somebody's work? Use --moodle.")
        for student, folder in folders.items():
            write(folder / f"{name}.ipynb", students[student][1])
    lines = [f"{student}  {what}" for student, (what, _) in students.items()]
    lines.append(f"in {path or course.root / 'submitted'}")
    if people:
        write(people, listed)
        lines.append(f"who they are: {people}")
    return lines
