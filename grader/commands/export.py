"""``python -m grader export``: marks as tables, for people and for an LMS."""

import csv
import io
from pathlib import Path

from grader.commands.grade import tell_put_back
from grader.course import Course, CourseError
from grader.files import OutOfTime, deadline, write
from grader.gradebook import Book
from grader.marks import marks

STUDENT_SECONDS = 60


def export(course: Course, name: str) -> list[Path]:
    """Write an assignment's marks: by question, for Moodle, for Canvas.

    The marks are the grade book's: a person's marks and late penalties are in them. Each
    submission's record stands in ``records``.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.

    Returns
    -------
    list of pathlib.Path
        ``NAME-questions.csv``, ``NAME-moodle.csv``, ``NAME-canvas.csv``.
    """
    tables, failed = {"questions": [], "moodle": [], "canvas": []}, []
    records = course.records(name)
    with Book(course) as book:
        assignment = course.assignment(name)
        book.add_assignment(assignment)
        tell_put_back(name, book.put_back(name, records))
        cells = list(assignment.of_kind("test", "manual"))
        for record in records:
            try:
                with deadline(STUDENT_SECONDS):
                    rows = _rows(course, book, cells, name, record)
            except (OutOfTime, Exception) as error:  # one student's marks stop nobody else's
                if isinstance(error, CourseError | OSError):
                    raise
                failed.append(f"{record['student']} ({type(error).__name__}: {error})"[:300])
                continue
            for kind, row in rows.items():
                tables[kind].append(row)
    graded = {record["student"] for record in records}
    waiting = [s.student for s in course.submissions(name) if s.student not in graded]
    if waiting:
        print(f"{name}: not in the tables, because not graded yet: {', '.join(waiting)}")
    paths = []
    for kind, rows in tables.items():
        paths.append(course.root / "export" / f"{name}-{kind}.csv")
        write(paths[-1], table(rows))
    if failed:
        raise CourseError(f"{name}: exported without {'; '.join(failed)}")
    return paths


def _rows(course: Course, book: Book, cells: list[str], name: str, record: dict) -> dict:
    """Return a student's row of each table."""
    student = record["student"]
    worth = marks(book, cells, name, student)
    total, whole = worth.score, worth.points
    who, lms = course.who(name, student)
    submitted = record["submitted"]
    if unread := record.get("unread_time"):
        submitted = f"can't be read: {unread}"
    elif course.collected(name, student).get("late"):
        submitted = "late, says Canvas"
    questions = {
        "student": student,
        "name": who,
        "submitted": submitted,
        **{cell: worth.cells[cell].score if cell in worth.cells else "" for cell in cells},
        "late penalty": worth.penalty,
        "score": total,
        "of": whole,
        "to mark by hand": " ".join(worth.unread),
        "sha256": record["sha256"],
        "grader": record["grader"],
    }
    moodle = {
        "Identifier": f"Participant {lms}",
        "Full name": who,
        "Grade": total,
        "Maximum Grade": whole,
        "Last modified (grade)": "",  # Moodle refuses a table without this column
        "Feedback comments": " ".join(record["notes"]),
    }
    canvas = {
        "Student": who or student,
        "ID": lms,
        "SIS User ID": "",
        "SIS Login ID": "",
        "Section": "",
        name: total,
    }
    return {"questions": questions, "moodle": moodle, "canvas": canvas}


def table(rows: list[dict]) -> str:
    """Return CSV that a spreadsheet does not run: a cell that starts like a formula is quoted."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    k: "'" + v if isinstance(v, str) and v[:1] in ("=", "+", "-", "@", "\t") else v
                    for k, v in row.items()
                }
            )
    return text.getvalue()
