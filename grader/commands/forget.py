"""``python -m grader forget``: delete all that a course has of one person."""

import csv
import io
import json
import shutil
from pathlib import Path

from grader.course import RECORD_BYTES, Course, CourseError, is_id
from grader.deadlines import deadlines, extend
from grader.files import read_plain, write
from grader.gradebook import Book
from grader.people import Roster


def forget(course: Course, student: str, really: bool = False) -> list[str]:
    """Delete a person's work, marks, pages and name, or list what there is.

    Tables, reports and zips in ``export`` are deleted whole, for they hold everybody: write them
    again. Backups, and what an LMS has, are not touched.

    Parameters
    ----------
    course : grader.course.Course
    student : str
        Their id.
    really : bool
        Delete; else only list.

    Returns
    -------
    list of str
        A line for each thing.

    Raises
    ------
    grader.course.CourseError
        The course knows no such person.
    """
    if not is_id(student):
        raise CourseError(f"{student!r} is no id of a student.")
    paths = _paths(course, student)
    roster = course.root / "roster.csv"
    listed = roster.exists() and student in Roster(roster).ids.values()
    with Book(course) as book:
        known = book.knows(student)
        if not paths and not listed and not known:
            raise CourseError(f"The course has nothing of {student!r}.")
        paths += sorted((course.root / "export").glob("*"))
        lines = [str(path.relative_to(course.root)) for path in paths]
        lines += ["their line in roster.csv"] * listed + ["their marks in the grade book"] * known
        if not really:
            return [*lines, "Nothing is deleted yet. To do it, add --yes"]
        if known:
            book.remove(student)
        for path in paths:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for name in course.assignments():
            if student in deadlines(course, name).get("extensions", {}):
                extend(course, student, name, "", "")
        for path in (course.root / "records" / ".history").glob("*.jsonl"):
            _without_lines(path, student)
        for kept in (".by_hand", ".marking"):
            for path in (course.root / "records" / kept).glob("*.json"):
                _without_key(path, student)
        if listed:
            _without_row(roster, student)
    return [
        *(f"deleted: {line}" for line in lines),
        "Write the tables again: export, report, total",
    ]


def _paths(course: Course, student: str) -> list[Path]:
    """Return the folders and files that are one person's alone."""
    folders = [course.root / kind / student for kind in ("submitted", "autograded", "feedback")]
    # not a pattern: an id may hold what means something in one
    kinds = {"collected": ".json", "records": ".json", "records/.tried": ".json", "earlier": ""}
    for kind, ending in kinds.items():
        there = sorted((course.root / kind).glob("*"))
        folders += [path / f"{student}{ending}" for path in there if path.is_dir()]
    return [path for path in folders if path.exists() or path.is_symlink()]


def _without_lines(path: Path, student: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    left = []
    for line in lines:
        try:
            left += [] if json.loads(line).get("student") == student else [line]
        except (ValueError, AttributeError):
            left.append(line)
    if left != lines:
        write(path, "".join(left))


def _without_key(path: Path, student: str) -> None:
    try:
        kept = json.loads(read_plain(path, RECORD_BYTES) or b"{}")
    except ValueError:
        return
    if isinstance(kept, dict) and kept.pop(student, None) is not None:
        write(path, json.dumps(kept, ensure_ascii=False))


def _without_row(path: Path, student: str) -> None:
    roster, text = Roster(path), io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(roster.without(student))
    write(path, text.getvalue())
