"""``python -m grader export``: marks as tables, for people and for an LMS."""

import csv
import io
from pathlib import Path

from nbgrader.api import MissingEntry

from grader.course import Course
from grader.files import write
from grader.gradebook import Book


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
    questions, moodle, canvas = [], [], []
    with Book(course) as book:
        cells = list(course.assignment(name).of_kind("test", "manual"))
        for record in course.records(name):
            student = record["student"]
            try:
                book.penalise(name, student)  # the due date, or a person's marks, may be new
                graded = book.gradebook.find_submission_notebook(name, name, student)
            except MissingEntry:
                continue  # was killed before it was entered: grade enters it
            marks = {grade.name: grade for grade in graded.grades}
            penalty = graded.late_submission_penalty or 0.0
            total, whole = max(0.0, graded.score - penalty), graded.max_score
            who, lms = course.who(name, student)
            waiting = [n for n, g in marks.items() if g.needs_manual_grade]
            questions.append(
                {
                    "student": student,
                    "name": who,
                    "submitted": record["submitted"],
                    **{cell: marks[cell].score if cell in marks else "" for cell in cells},
                    "late penalty": penalty,
                    "score": total,
                    "of": whole,
                    "to be read": " ".join(waiting),
                    "sha256": record["sha256"],
                    "grader": record["grader"],
                }
            )
            moodle.append(
                {
                    "Identifier": f"Participant {lms}",
                    "Full name": who,
                    "Grade": total,
                    "Maximum Grade": whole,
                    "Last modified (grade)": "",  # Moodle refuses a table without this column
                    "Feedback comments": " ".join(record["notes"]),
                }
            )
            canvas.append(
                {
                    "Student": who or student,
                    "ID": lms,
                    "SIS User ID": "",
                    "SIS Login ID": "",
                    "Section": "",
                    name: total,
                }
            )
    paths = []
    for kind, rows in {"questions": questions, "moodle": moodle, "canvas": canvas}.items():
        paths.append(course.root / "export" / f"{name}-{kind}.csv")
        write(paths[-1], _table(rows))
    return paths


def _table(rows: list[dict]) -> str:
    """Return CSV that a spreadsheet does not run: a cell that starts like a formula is quoted."""
    text = io.StringIO()
    if rows:
        table = csv.DictWriter(text, list(rows[0]))
        table.writeheader()
        for row in rows:
            table.writerow(
                {
                    k: "'" + v if isinstance(v, str) and v[:1] in ("=", "+", "-", "@", "\t") else v
                    for k, v in row.items()
                }
            )
    return text.getvalue()
