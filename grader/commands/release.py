"""``python -m grader release``: make the students' version of an assignment."""

from pathlib import Path

import nbformat

from grader.assignment import Assignment
from grader.course import Course
from grader.files import write
from grader.stored import renew


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
    source = course.source(name)
    renew(source)
    assignment = Assignment(source)
    return write_folder(course.root / "release" / name, assignment, assignment.released)


def write_folder(folder: Path, assignment: Assignment, notebook: nbformat.NotebookNode) -> Path:
    """Write a notebook for students with the files that it needs; return the folder.

    Parameters
    ----------
    folder : pathlib.Path
    assignment : grader.assignment.Assignment
    notebook : nbformat.NotebookNode
    """
    write(folder / f"{assignment.name}.ipynb", nbformat.writes(notebook))
    for path in sorted(assignment.data.rglob("*")) if assignment.data else []:
        if path.is_file():  # not copytree: it fails where files have no modes
            write(folder / "data" / path.relative_to(assignment.data), path.read_bytes())
    return folder
