"""What a submission is worth in the end: what export, feedback, totals and reports all say."""

import json
from dataclasses import dataclass

from grader.course import Course, CourseError, number
from grader.files import write
from grader.gradebook import Book
from grader.history import note
from grader.markers import answer_of

FILE, MOST_WEIGHT = "weights.json", 100


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
    graded = book.graded(name, student)
    factors = weights(book.course).get(name, {})
    found = {
        cell: Mark(
            float(grade.score or 0.0) * factors.get(cell, 1.0),
            float(grade.max_score) * factors.get(cell, 1.0),
            bool(grade.needs_manual_grade),
            grade.manual_score is not None,
        )
        for cell in cells
        if (grade := graded.grades.get(cell))
    }
    penalty = float(graded.penalty or 0.0)
    if graded.score and factors:  # nbgrader takes it from the marks as they were
        penalty *= sum(mark.score for mark in found.values()) / graded.score
    return Marks(found, penalty, graded.comments)


def weights(course: Course) -> dict[str, dict[str, float]]:
    """Return by what marks are multiplied, by assignment and cell; what is not there counts once.

    Raises
    ------
    grader.course.CourseError
        The file is damaged: marks must not change in silence.
    """

    def read(kept: dict) -> dict:
        return {
            name: {cell: number(factor, MOST_WEIGHT) for cell, factor in cells.items()}
            for name, cells in kept.items()
        }

    return course.settings(FILE, read)


def weigh(course: Course, name: str, changes: dict[str, float], why: str = "") -> list[str]:
    """Let an assignment's exercises count more, less or not at all, after the fact.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    changes : dict of str to float
        By what an exercise's points are multiplied: 0 drops it, 1 is as it was.
    why : str
        Goes into the history.

    Returns
    -------
    list of str
        A line for each exercise that does not count once.

    Raises
    ------
    grader.course.CourseError
        There is no such exercise, or the number is none.
    """
    cells = list(course.assignment(name).of_kind("test", "manual"))
    kept = weights(course)
    now = dict(kept.get(name, {}))
    for which, factor in changes.items():
        meant = [cell for cell in cells if which in (cell, answer_of(cell))]
        if not meant:
            there = ", ".join(dict.fromkeys(map(answer_of, cells)))
            raise CourseError(f"{name} has no exercise {which!r}. There are: {there}.")
        if not (0 <= factor <= MOST_WEIGHT):
            raise CourseError(f"{which}={factor:g}: give a number from 0, which drops it, to 100.")
        now |= dict.fromkeys(meant, factor)
    now = {cell: factor for cell, factor in now.items() if factor != 1}
    if all(now.get(cell, 1.0) == 0 for cell in cells):
        raise CourseError(f"{name} would have no points left. Leave at least one exercise.")
    if changes:
        after = {n: c for n, c in (kept | {name: now}).items() if c}
        write(course.root / FILE, json.dumps(after, ensure_ascii=False, indent=1))
        note(course, name, why=why, weights=changes)
    return [
        f"{name}: {cell} counts {f'{factor:g} times' if factor else 'not at all'}"
        for cell, factor in now.items()
    ]
