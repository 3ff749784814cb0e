"""What a submission is worth in the end: what export, feedback, totals and reports all say."""

from dataclasses import dataclass

from grader.gradebook import Book


@dataclass
class Mark:
    """What one cell is worth.

    Attributes
    ----------
    score, points : float
        What was earned, of what.
    unread : bool
        A person has still to read it; until then it counts as it stands here.
    by_hand : bool
        The score is a person's.
    comment : str
    """

    score: float
    points: float
    unread: bool = False
    by_hand: bool = False
    comment: str = ""


@dataclass
class Marks:
    """What a submission is worth.

    Attributes
    ----------
    cells : dict of str to Mark
        In the order of the notebook.
    penalty : float
        What lateness costs.
    comments : dict of str to str
        What people wrote, by cell.
    """

    cells: dict[str, Mark]
    penalty: float
    comments: dict[str, str]

    @property
    def score(self) -> float:
        """What counts in the end; never below 0."""
        return max(0.0, sum(mark.score for mark in self.cells.values()) - self.penalty)

    @property
    def points(self) -> float:
        """The most there is."""
        return sum(mark.points for mark in self.cells.values())

    @property
    def unread(self) -> list[str]:
        """The cells that a person has still to read."""
        return [name for name, mark in self.cells.items() if mark.unread]


def marks(book: Book, cells: list[str], name: str, student: str) -> Marks:
    """Return what a submission is worth, with what people gave and what lateness costs.

    Parameters
    ----------
    book : grader.gradebook.Book
    cells : list of str
        The assignment's marked cells, in its order.
    name, student : str
        The assignment's, and whose submission.

    Raises
    ------
    nbgrader.api.MissingEntry
        The grade book has no such submission.
    """
    book.penalise(name, student)  # the due date, or a person's marks, may be new
    graded = book.gradebook.find_submission_notebook(name, name, student)
    grades = {grade.name: grade for grade in graded.grades}
    comments = {c.name: c.comment for c in graded.comments if c.comment}
    found = {
        cell: Mark(
            float(grade.score or 0.0),
            float(grade.max_score),
            bool(grade.needs_manual_grade),
            grade.manual_score is not None,
        )
        for cell in cells
        if (grade := grades.get(cell))
    }
    return Marks(found, float(graded.late_submission_penalty or 0.0), comments)
