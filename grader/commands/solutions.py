"""``python -m grader solutions``: an assignment with its answers filled in, once all are in."""

import datetime
from pathlib import Path

import nbformat
from nbgrader.api import MissingEntry
from sqlalchemy.engine import make_url

from grader.commands.release import write_folder
from grader.course import Course, CourseError
from grader.deadlines import deadlines
from grader.gradebook import Book
from grader.markers import SOLUTION
from grader.submission import grade_id
from grader.times import read_time, written


def solutions(course: Course, name: str, early: bool = False) -> Path:
    """Write the students' version with the source's answers; hidden tests stay out of it.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    early : bool
        Even before everybody had their time, or if nobody knows when that is.

    Returns
    -------
    pathlib.Path
        The folder to hand out.

    Raises
    ------
    grader.course.CourseError
        Somebody may still hand in.
    """
    assignment = course.assignment(name)
    until, now = _until(course, name), datetime.datetime.now(datetime.UTC)
    if not early and until is None:
        raise CourseError(
            f"{name} has no due date, so somebody may still hand in. Set one with python -m grader "
            f"due {name} TIME, or add --early"
        )
    if not early and until > now:
        raise CourseError(f"{name} can be handed in until {written(until)}. Wait, or add --early")
    notebook = nbformat.from_dict(assignment.released)
    for cell in notebook.cells:
        if grade_id(cell) in assignment.of_kind("answer", "manual"):
            cell.source = SOLUTION.unmarked(assignment.cells[grade_id(cell)].source).strip("\n")
    return write_folder(course.root / "solutions" / name, assignment, notebook)


def _until(course: Course, name: str) -> datetime.datetime | None:
    """Return when the last person's time ends, None if no due date is set."""
    if found := deadlines(course, name):
        return max(map(read_time, (found["due"], *found["extensions"].values())))
    url = make_url(course.database)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return None  # asking would make one
    with Book(course) as book:  # formgrader's, where none is set by command
        try:
            assignment = book.gradebook.find_assignment(name)
        except MissingEntry:
            return None
        times = [one.duedate for one in (assignment, *assignment.submissions) if one.duedate]
        return max(times).replace(tzinfo=datetime.UTC) if times else None
