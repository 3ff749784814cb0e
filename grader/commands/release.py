"""``python -m grader release``: make the students' version of an assignment."""

import shutil
from pathlib import Path

import nbformat

from grader.course import Course
from grader.files import write


def release(course: Course, name: str) -> Path:
    """Write the students' version.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.

    Returns
    -------
    pathlib.Path
        The folder to hand out.
    """
    assignment = course.assignment(name)
    folder = course.root / "release" / name
    write(folder / f"{name}.ipynb", nbformat.writes(assignment.released))
    if assignment.data:
        shutil.copytree(assignment.data, folder / "data", dirs_exist_ok=True)
    return folder
