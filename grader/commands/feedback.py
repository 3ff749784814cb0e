"""``python -m grader feedback``: what students get back."""

import importlib.util
import io
import os
import re
import shutil
import zipfile
from pathlib import Path

from nbgrader.api import MissingEntry
from tqdm import tqdm

from grader.commands.grade import tell_put_back
from grader.course import Course, CourseError
from grader.deadlines import deadlines
from grader.files import write
from grader.gradebook import Book
from grader.markers import answer_of
from grader.marks import Marks, marks
from grader.trusted.renderer import PAGE_SECONDS, NotShown, Renderer

# what a hub's `nbgrader release_feedback` reads beside a page
_OF_THE_EXCHANGE = ("timestamp.txt", "submission_secret.txt")


def feedback(course: Course, name: str, students=(), zipped: str = "") -> list[Path]:
    """Write a page for each graded student.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    students : sequence of str
        Only these; all if empty.
    zipped : {"", "moodle", "canvas"}
        Put them into a zip that this LMS takes, too.

    Returns
    -------
    list of pathlib.Path
        The pages; the zip, if there is one, comes last.

    Raises
    ------
    grader.course.CourseError
        Some could not be made; it says whose and why, and the others are written.
    """
    written, failed, nowhere = [], [], []
    records = [
        record
        for record in course.records(name)
        if record["entered"] and (not students or record["student"] in students)
    ]
    if not records:
        return []
    if importlib.util.find_spec("latex2mathml") is None:  # an environment from before
        print(f"{name}: formulas are as they were typed; to draw them: python install.py --grading")
    assignment = course.assignment(name)
    cells = list(assignment.of_kind("test", "manual"))
    with Renderer() as renderer, Book(course) as book, _Zip(course, name, zipped) as archive:
        book.add_assignment(assignment)
        tell_put_back(name, book.put_back(name, records))
        for record in tqdm(records, desc=name, unit="student"):
            student = record["student"]
            try:
                about = _about(course, record, assignment.title, marks(book, cells, name, student))
                page = _made(course, record, about, renderer)
                if zipped and not archive.add(student, page, record, about, renderer):
                    nowhere.append(student)
            except MissingEntry:
                command = f"python -m grader grade {name} --student {student} --again"
                failed.append((student, f"it is not in the grade book; run {command}"))
                continue
            except NotShown as error:
                failed.append((student, str(error)))
                continue
            written.append(course.root / "feedback" / student / name / f"{name}.html")
            write(written[-1], page)
            for beside in _OF_THE_EXCHANGE:
                if (path := course.root / "submitted" / student / name / beside).is_file():
                    shutil.copyfile(path, written[-1].with_name(beside))
    if nowhere:
        print(
            f"{name}: not in the zip, because {zipped.capitalize()} has not said where theirs "
            f"belongs: {', '.join(nowhere)}. Collect its export once more, or send their pages."
        )
    if failed:
        why = "; ".join(f"feedback for {who} could not be made: {what}" for who, what in failed)
        raise CourseError(f"{why}. {len(written)} others are written.")
    return [*written, *([archive.path] if zipped and archive.count else [])]


def preview(course: Course, book: Book, assignment, student: str, renderer: Renderer) -> str:
    """Return a student's page as it would be written now.

    Parameters
    ----------
    course : grader.course.Course
    book : grader.gradebook.Book
    assignment : grader.assignment.Assignment
    student : str
        Who is graded.
    renderer : grader.trusted.renderer.Renderer
    """
    name, cells = assignment.name, list(assignment.of_kind("test", "manual"))
    record = course.record(name, student)
    about = _about(course, record, assignment.title, marks(book, cells, name, student))
    return _made(course, record, about, renderer)


class _Zip:
    """What an LMS takes back, written whole or not at all.

    Moodle wants a folder for each person, called as in its export; Canvas the names of the files
    that it gave out. Canvas shows a file under the name that the student gave it, so what went out
    as a notebook comes back as one, and a zip as a zip with the page in it.
    """

    def __init__(self, course: Course, name: str, lms: str) -> None:
        self.course, self.name, self.lms = course, name, lms
        self.path = course.root / "export" / f"{name}-feedback-{lms}.zip"
        self.part = self.path.with_name(f".{os.getpid()}.part")
        self.archive, self.count = None, 0

    def __enter__(self) -> "_Zip":
        if self.lms:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.archive = zipfile.ZipFile(self.part, "w", zipfile.ZIP_DEFLATED)
        return self

    def __exit__(self, kind, *_) -> None:
        if self.lms:
            self.archive.close()
            if kind is None and self.count:
                self.part.replace(self.path)
            self.part.unlink(missing_ok=True)

    def add(self, student: str, page: str, record: dict, about: dict, renderer: Renderer) -> bool:
        """Put a student's page in; return False if the LMS never said where it belongs."""
        how = self.course.collected(self.name, student)
        if how.get("layout") != self.lms:
            return False
        place = self._moodle(how) if self.lms == "moodle" else _plain(how.get("original", ""))
        if not place:
            return False
        content = page
        if self.lms == "canvas" and place.lower().endswith(".ipynb"):
            content = _made(self.course, record, about, renderer, as_notebook=True)
        elif self.lms == "canvas" and place.lower().endswith(".zip"):
            inside = io.BytesIO()
            with zipfile.ZipFile(inside, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{self.name}.html", page)
            content = inside.getvalue()
        self.archive.writestr(place, content)
        self.count += 1
        return True

    def _moodle(self, how: dict) -> str:
        number = str(how.get("lms", ""))
        if not number.isdecimal():  # a group without a number
            return ""
        who = re.sub("_+", " ", _plain(how.get("name", ""))).strip(" .") or "Participant"
        return f"{who}_{number}_assignsubmission_file_/{self.name}.html"


def _plain(text) -> str:
    """Return a name of a file that no system takes for a path."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]+', " ", str(text)).strip()


def _made(course: Course, record: dict, about: dict, renderer: Renderer, as_notebook=False) -> str:
    """Return a student's page, or notebook."""
    name, student = record["assignment"], record["student"]
    path = course.root / "autograded" / student / name / f"{name}.ipynb"
    return renderer.ask("feedback", str(path), about, as_notebook, seconds=PAGE_SECONDS)


def _number(value: float) -> str:
    return f"{round(value, 2):g}"


def _about(course: Course, record: dict, title: str, worth: Marks) -> dict:
    """Return what a page says of a submission's marks; every sum of it is made here."""
    rows = [_row(cell, mark, record) for cell, mark in worth.cells.items()]
    # why nothing was graded, before all that is lost by it
    nothing = record["notes"][:1] if record.get("unmarked") else []
    nothing += [record["ungraded"]] if record.get("ungraded") else []
    notes = [note for note in record["notes"] if note not in nothing]
    notes.append(f"The marked file's SHA-256 begins {record['sha256'][:12]}.")
    name, student = record["assignment"], record["student"]
    who, _ = course.who(name, student)
    if dates := deadlines(course, name):
        until = dates["extensions"].get(student)
        more = f", for you {until}" if until else ""
        notes.append(
            f"Due {dates['due']}{more}; handed in {record['submitted'] or 'when your LMS says'}."
        )
    return {
        "assignment": record["assignment"],
        "title": title,
        "student": who or record["student"],
        "id": record["student"],
        "rows": rows,
        "lost": sorted((r for r in rows if r["lost"]), key=lambda r: -r["missing"]),
        "total": _number(worth.score),
        "points": _number(worth.points),
        "penalty": _number(worth.penalty) if worth.penalty else "",
        "unread": [answer_of(cell) for cell in worth.unread],
        "comments": worth.comments,
        "nothing": nothing,
        "notes": notes,
    }


def _row(cell: str, mark, record: dict) -> dict:
    """Return what a page says of a marked cell."""
    result = record["tests"].get(cell)
    answer, missing = answer_of(cell), mark.points - mark.score
    worth = f"{_number(mark.score)} of {_number(mark.points)} point{'s' * (mark.points != 1)}"
    label = f"Tests of {answer}" if result else f"Your answer: {answer}"
    why = []
    if result and not mark.by_hand:
        why = [f"your answer's cell stopped: {result['stopped']}"] if result["stopped"] else []
        why += [
            f"{found['name']}{' (when graded)' * found['hidden']}: "
            f"{found['message'] or 'not passed'}"
            for found in result["findings"]
            if found["score"] < found["points"]
        ]
    elif mark.by_hand:
        why = ["a person gave this mark"]
    elif cell in record["unanswered"]:
        why = ["not answered"]
    lost = missing > 1e-9 and not mark.unread
    return {
        "cell": cell,
        "answer": answer,
        "label": label,
        "worth": f"{worth}, not read yet" if mark.unread else worth,
        "score": "not read yet" if mark.unread else _number(mark.score),
        "points": _number(mark.points),
        "missing": missing,
        "lost": f"−{_number(missing)} ({_number(mark.score)} of {_number(mark.points)})"
        if lost
        else "",
        "why": why if lost else [],
    }
