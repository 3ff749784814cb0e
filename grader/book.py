"""nbgrader's grade book: what formgrader, late penalties and exporters read."""

import contextlib
import os
import sys
import warnings
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import AssignLatePenalties, SaveCells

from grader.assignment import Assignment
from grader.course import Course

# nbgrader adds to one collection while it reads another, knowingly
warnings.filterwarnings("ignore", "Object of type .* not in session", module="nbgrader")


class Book:
    """The grade book of a course.

    Parameters
    ----------
    course : grader.course.Course
    """

    def __init__(self, course: Course) -> None:
        # a new grade book asks the program alembic, which stands beside this Python
        here = str(Path(sys.executable).parent)
        if here not in os.environ.get("PATH", "").split(os.pathsep):
            os.environ["PATH"] = here + os.pathsep + os.environ.get("PATH", "")
        self.course = course
        self.gradebook = Gradebook(course.database)

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, *_) -> None:
        self.gradebook.close()

    def add_assignment(self, assignment: Assignment) -> None:
        """Enter an assignment and its cells; change nothing if they are there."""
        name = assignment.name
        self.gradebook.update_or_create_assignment(name)
        points = {
            key: float(cell.metadata.nbgrader["points"])
            for key, cell in assignment.of_kind("test", "manual").items()
        }
        with contextlib.suppress(MissingEntry):
            there = self.gradebook.find_notebook(name, name)
            if {c.name: c.max_score for c in there.grade_cells} == points:
                return
        about = {"notebook": name, "assignment": name, "db_url": self.course.database}
        SaveCells().preprocess(nbformat.from_dict(assignment.released), {"nbgrader": about})
        self.gradebook.db.expire_all()

    def enter(self, record: dict, notebook: nbformat.NotebookNode) -> None:
        """Enter the marks of a submission; what a person has marked stays.

        Parameters
        ----------
        record : dict
            As :meth:`grader.mark.Marker.mark` makes it, with the student.
        notebook : nbformat.NotebookNode
            The graded notebook.
        """
        name, student, book = record["assignment"], record["student"], self.gradebook
        book.update_or_create_student(student)
        when = {"timestamp": record["submitted"]} if record["submitted"] else {}
        submission = book.update_or_create_submission(name, student, **when)
        (graded,) = [n for n in submission.notebooks if n.name == name]
        for grade in graded.grades:
            if grade.name in record["tests"]:
                grade.auto_score = record["tests"][grade.name]["score"]
                grade.needs_manual_grade = grade.manual_score is not None
            else:
                empty = record["manual"].get(grade.name) == "empty"
                grade.auto_score = 0.0 if empty else None
                grade.needs_manual_grade = not empty or grade.manual_score is not None
        for comment in graded.comments:
            empty = comment.name in record["unanswered"]
            comment.auto_comment = "No response." if empty else None
        book.db.commit()
        about = {"notebook": name, "assignment": name, "student": student}
        about["db_url"] = self.course.database
        AssignLatePenalties(config=self.course.config).preprocess(notebook, {"nbgrader": about})
        book.db.expire_all()
