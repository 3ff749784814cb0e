"""nbgrader's grade book: what formgrader, late penalties and exporters read."""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import time
import warnings
from dataclasses import dataclass

import nbformat
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from nbgrader.api import (
    Assignment as AssignmentRow,
)
from nbgrader.api import (
    Base,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.api import (
    Student as StudentRow,
)
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.preprocessors import AssignLatePenalties, SaveCells
from sqlalchemy import create_engine, inspect, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from grader.assignment import Assignment
from grader.course import RECORD_BYTES, Course, CourseError
from grader.deadlines import deadlines
from grader.files import read_plain, write
from grader.history import differences
from grader.markers import answer_of
from grader.times import read_time

# nbgrader adds to one collection while it reads another, knowingly
warnings.filterwarnings("ignore", "Object of type .* not in session", module="nbgrader")

_AS_IT_IS = {"synchronize_session": False}  # what is loaded is not searched for what an update hits


@contextlib.contextmanager
def _readable():
    """Turn what a database says into the grader's own exception."""
    try:
        yield
    except SQLAlchemyError as error:
        why = f"The grade book can't be used: {str(error).splitlines()[0]}"
        if re.search(r"\(sqlite3.*(malformed|not a database|no such (table|column))", why):
            why += ". Put a backup back, or move it away: what the records hold is entered again."
        elif "database is locked" in why:
            why += ". Another program has it open: close that."
        raise CourseError(why) from error
    except ImportError as error:
        url = "postgresql+psycopg2://USER:PASSWORD@HOST/DATABASE"
        raise CourseError(f"{error}. A PostgreSQL grade book is named {url}.") from error


def _create(database: str) -> None:
    """Make a grade book's tables unless they are there.

    nbgrader would, but starts a program for their version, which fails in a folder named 50%.
    """
    engine = create_engine(database)
    with engine.begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            Base.metadata.create_all(connection)
            MigrationContext.configure(connection).stamp(ScriptDirectory(ALEMBIC_DIR), "head")
    engine.dispose()


class Locks:
    """What graders of one course do in turns, and who marks whom.

    PostgreSQL keeps them, so the graders may be on several machines; with another grade book a
    file in the course does, for the graders on one. A lock ends with the process that holds it.

    Parameters
    ----------
    course : grader.course.Course
    """

    def __init__(self, course: Course) -> None:
        self.connection = self.file = None
        if make_url(course.database).get_backend_name() == "postgresql":
            # a transaction that stays open for hours would keep the server from tidying up
            engine = create_engine(course.database, isolation_level="AUTOCOMMIT")
            self.connection = engine.connect()
        elif os.name != "nt":
            path = course.root / "records" / ".locks"
            path.parent.mkdir(exist_ok=True)
            self.file = path.open("ab")

    def claim(self, what: str) -> bool:
        """Take a lock and return True, or return False if another process holds it.

        Parameters
        ----------
        what : str
            Its name.
        """
        number = self._number(what)
        if self.connection is not None:
            query = text("SELECT pg_try_advisory_lock(:number)")
            return self.connection.execute(query, {"number": number}).scalar_one()
        if self.file is not None:
            import fcntl  # there is none on Windows

            try:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    return False
                raise CourseError(
                    f"{self.file.name} can't be locked ({error.strerror}): this file system has no "
                    "locks. Copy the course to a local disk, or keep its grade book in PostgreSQL: "
                    "--database postgresql+psycopg2://USER:PASSWORD@HOST/DATABASE"
                ) from error
        return True

    @contextlib.contextmanager
    def turn(self):
        """Wait until no other process writes to the grade book, then keep them waiting."""
        while not self.claim("the grade book"):
            time.sleep(0.02)
        try:
            yield
        finally:
            number = self._number("the grade book")
            if self.connection is not None:
                query = text("SELECT pg_advisory_unlock(:number)")
                self.connection.execute(query, {"number": number})
            elif self.file is not None:
                import fcntl

                fcntl.lockf(self.file, fcntl.LOCK_UN, 1, number)

    def close(self) -> None:
        """Give up all locks."""
        if self.connection is not None:
            self.connection.close()
            self.connection.engine.dispose()
        elif self.file is not None:
            self.file.close()

    @staticmethod
    def _number(what: str) -> int:
        """Return a lock's number, which PostgreSQL and files want: below 2⁶²."""
        return int.from_bytes(hashlib.sha256(what.encode()).digest()[:8]) >> 2


@dataclass(frozen=True)
class Held:
    """What the grade book holds of one answer.

    Attributes
    ----------
    auto, manual : float or None
        The grader's mark and a person's.
    unread : bool
        A person has still to read it.
    comment : str
        A person's.
    grade, comment_row : str
        The rows that hold them; a comment may have none.
    """

    auto: float | None
    manual: float | None
    unread: bool
    comment: str
    grade: str
    comment_row: str = ""


@dataclass(frozen=True)
class Graded:
    """What the grade book holds of one submission.

    Attributes
    ----------
    score : float
        All marks together.
    penalty : float or None
        What lateness takes of it.
    grades : dict of str to sqlalchemy.Row
        By marked cell: ``score``, ``max_score``, ``needs_manual_grade``, ``manual_score``.
    comments : dict of str to str
        By answer.
    """

    score: float
    penalty: float | None
    grades: dict
    comments: dict[str, str]


class Book:
    """The grade book of a course.

    Parameters
    ----------
    course : grader.course.Course
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        with _readable():
            self.locks = Locks(course)
            with self.locks.turn():
                _create(course.database)
                self.gradebook = Gradebook(course.database)

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, *_) -> None:
        self.gradebook.close()
        self.locks.close()

    def add_assignment(self, assignment: Assignment) -> None:
        """Enter an assignment and its cells; change nothing if they are there."""
        with _readable(), self.locks.turn():
            self._add(assignment)

    def _add(self, assignment: Assignment) -> None:
        name = assignment.name
        self.gradebook.update_or_create_assignment(name)
        points = {
            key: float(cell.metadata.nbgrader["points"])
            for key, cell in assignment.of_kind("test", "manual").items()
        }
        with contextlib.suppress(MissingEntry):
            there = self.gradebook.find_notebook(name, name)
            # source cells are entered last: with them, it is whole
            whole = {c.name for c in there.source_cells} == set(assignment.cells)
            if whole and {c.name: c.max_score for c in there.grade_cells} == points:
                return
        resources = {"notebook": name, "assignment": name, "db_url": self.course.database}
        try:
            SaveCells().preprocess(nbformat.from_dict(assignment.released), {"nbgrader": resources})
        except RuntimeError:
            text = f"cells of {name} were added or removed since it was first graded: rename it"
            raise CourseError(f"{text}, or start a new grade book.") from None
        self.gradebook.db.expire_all()

    def enter(self, record: dict, before: dict | None = None) -> None:
        """Enter the marks of a submission; what a person has marked stays.

        A person is asked to look again only at what changed: the answer, or the grader's own mark.

        Parameters
        ----------
        record : dict
            As :meth:`grader.trusted.mark.Marker.mark` makes it, with the student.
        before : dict, optional
            The record that it replaces.
        """
        with _readable(), self.locks.turn():
            self._enter(record, before)

    def _enter(self, record: dict, before: dict | None = None) -> None:
        name, student, book = record["assignment"], record["student"], self.gradebook
        # formgrader puts names into its pages as they are
        who = re.sub(r"[^\w .’-]", "", self.course.who(name, student)[0])
        first, _, last = who.rpartition(" ")
        book.update_or_create_student(
            student, **({"first_name": first, "last_name": last} if who else {})
        )
        when = {"timestamp": record["submitted"]} if record["submitted"] else {}
        submission = book.update_or_create_submission(name, student, **when)
        (graded,) = [n for n in submission.notebooks if n.name == name]
        old, new = ((r or {}).get("answers", {}) for r in (before, record))
        changed = differences(before, record)
        for grade in graded.grades:
            answer = answer_of(grade.name)
            same = answer in old and old.get(answer) == new.get(answer)
            same = same and grade.name not in changed
            if grade.name in record["tests"]:
                grade.auto_score = record["tests"][grade.name]["score"]
                again = grade.manual_score is not None
            else:
                empty = record["manual"].get(grade.name) == "empty"
                grade.auto_score = 0.0 if empty else None
                again = not empty or grade.manual_score is not None
            if not same:
                grade.needs_manual_grade = again
        for comment in graded.comments:
            empty = comment.name in record["unanswered"]
            comment.auto_comment = "No response." if empty else None
        book.db.commit()
        self._penalise(name, student)

    def put_back(self, name: str, records: list[dict]) -> list[str]:
        """Enter what records hold and the grade book does not: it was deleted, or is an older one.

        Parameters
        ----------
        name : str
            The assignment's.
        records : list of dict

        Returns
        -------
        list of str
            Whose marks were put back.
        """
        lacking = []
        with _readable():
            there = self._marks(name)
            by_hand = self._by_hand(name)
            for record in records:
                student = record["student"]
                marks = there.get(student, {})
                tests = {test: result["score"] for test, result in record["tests"].items()}
                found = {test: marks.get(test, (None,))[0] or 0.0 for test in tests}
                if marks and all(abs(found[test] - tests[test]) < 1e-6 for test in tests):
                    continue
                with self.locks.turn():
                    self._enter(record)
                    if not marks:
                        self._put_back_by_hand(name, student, by_hand.get(student, {}))
                lacking.append(student)
            self.keep_by_hand(name)
        return lacking

    def knows(self, student: str) -> bool:
        """Return whether there is such a student."""
        with _readable():
            return any(known.id == student for known in self.gradebook.students)

    def remove(self, student: str) -> None:
        """Delete a student with all marks and comments, also from the file's free pages."""
        with _readable(), self.locks.turn():
            self.gradebook.remove_student(student)
            if make_url(self.course.database).get_backend_name() == "sqlite":
                with create_engine(self.course.database).connect() as connection:
                    connection.execution_options(isolation_level="AUTOCOMMIT")
                    connection.execute(text("VACUUM"))

    def given(self, name: str) -> dict[str, dict[str, float]]:
        """Return the marks that people gave, by student and cell."""
        with _readable():
            return {
                student: {
                    cell: float(hand) for cell, (_, hand) in cells.items() if hand is not None
                }
                for student, cells in self._marks(name).items()
            }

    def _marks(self, name: str) -> dict[str, dict]:
        """Return the grader's and the person's mark of each cell, by student."""
        query = (
            self.gradebook.db.query(
                SubmittedAssignment.student_id, BaseCell.name, Grade.auto_score, Grade.manual_score
            )
            .select_from(Grade)
            .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
            .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(StudentRow, SubmittedAssignment.student_id == StudentRow.id)
            .join(AssignmentRow, SubmittedAssignment.assignment_id == AssignmentRow.id)
            .join(BaseCell, Grade.cell_id == BaseCell.id)
            .filter(AssignmentRow.name == name)
        )
        marks = {}
        for student, cell, *both in query:
            marks.setdefault(student, {})[cell] = tuple(both)
        return marks

    def held(self, name: str, student: str = "", cell: str = "") -> dict[str, dict[str, Held]]:
        """Return what the grade book holds of each answer, by student and marked cell.

        Parameters
        ----------
        name : str
            The assignment's.
        student : str, optional
            Only this one's.
        cell : str, optional
            Only this marked cell's.
        """

        def rows(kind, only, *columns):
            work = SubmittedAssignment
            query = (
                self.gradebook.db.query(work.student_id, BaseCell.name, *columns)
                .select_from(kind)
                .join(SubmittedNotebook, kind.notebook_id == SubmittedNotebook.id)
                .join(work, SubmittedNotebook.assignment_id == work.id)
                .join(AssignmentRow, work.assignment_id == AssignmentRow.id)
                .join(BaseCell, kind.cell_id == BaseCell.id)
                .filter(AssignmentRow.name == name)
            )
            query = query.filter(work.student_id == student) if student else query
            return query.filter(BaseCell.name == only) if only else query

        found, asked = {}, (Grade.auto_score, Grade.manual_score, Grade.needs_manual_grade)
        with _readable():
            try:
                asked_too = Comment.manual_comment, Comment.id
                said = {
                    (who, answer): (comment or "", row)
                    for who, answer, comment, row in rows(Comment, answer_of(cell), *asked_too)
                }
                for who, marked, auto, manual, unread, row in rows(Grade, cell, *asked, Grade.id):
                    comment = said.get((who, answer_of(marked)), ("", ""))
                    one = Held(auto, manual, bool(unread), comment[0], row, comment[1])
                    found.setdefault(who, {})[marked] = one
            finally:
                self.gradebook.db.rollback()  # what others write next is to be seen
        return found

    def give(
        self, before: Held, manual: float | None, unread: bool, comment: str, go_on=lambda: True
    ) -> bool:
        """Enter a person's mark and comment, both or neither, unless somebody was faster.

        Parameters
        ----------
        before : Held
            As the person saw it.
        manual : float or None
        unread : bool
            Somebody is to look at it again.
        comment : str
        go_on : callable, optional
            Is asked when nobody else can write any more; False stops it.

        Returns
        -------
        bool
            False if the grade book holds something else by now; then nothing is changed.
        """
        db = self.gradebook.db
        with _readable(), self.locks.turn():
            if not go_on():
                return False
            try:
                # formgrader knows nothing of turns: what was seen stands in the condition
                graded = update(Grade).where(
                    Grade.id == before.grade,
                    Grade.auto_score.is_not_distinct_from(before.auto),
                    Grade.manual_score.is_not_distinct_from(before.manual),
                    Grade.needs_manual_grade == before.unread,
                )
                new = {"manual_score": manual, "needs_manual_grade": unread}
                hits = [db.execute(graded.values(new), execution_options=_AS_IT_IS).rowcount]
                if before.comment_row and comment != before.comment:
                    held = Comment.manual_comment
                    same = held == before.comment
                    said = update(Comment).where(
                        Comment.id == before.comment_row,
                        same if before.comment else same | held.is_(None),
                    )
                    new = {"manual_comment": comment or None}
                    hits.append(db.execute(said.values(new), execution_options=_AS_IT_IS).rowcount)
                if set(hits) != {1}:
                    db.rollback()
                    return False
                db.commit()
            except BaseException:
                db.rollback()
                raise
            finally:
                db.expire_all()
        return True

    def _by_hand_path(self, name: str):
        return self.course.root / "records" / ".by_hand" / f"{name}.json"

    def _by_hand(self, name: str) -> dict:
        with contextlib.suppress(ValueError, RecursionError, AttributeError, TypeError):
            kept = json.loads(read_plain(self._by_hand_path(name), RECORD_BYTES) or b"{}")
            return {
                student: {cell: float(mark) for cell, mark in cells.items()}
                for student, cells in kept.items()
            }
        return {}

    def keep_by_hand(self, name: str) -> None:
        """Keep a copy of what people marked, for a grade book that is lost."""
        kept = self._by_hand(name)
        now = {
            student: {cell: manual for cell, (_, manual) in cells.items() if manual is not None}
            for student, cells in self._marks(name).items()
        }
        after = {student: cells for student, cells in (kept | now).items() if cells}
        if after != kept:
            write(self._by_hand_path(name), json.dumps(after, ensure_ascii=False))

    def _put_back_by_hand(self, name: str, student: str, cells: dict) -> None:
        for cell, mark in cells.items():
            with contextlib.suppress(MissingEntry):
                grade = self.gradebook.find_grade(cell, name, name, student)
                grade.manual_score, grade.needs_manual_grade = mark, False
        self.gradebook.db.commit()
        self._penalise(name, student)

    def graded(self, name: str, student: str) -> Graded:
        """Return what the grade book holds of a submission.

        Parameters
        ----------
        name, student : str
            The assignment's, and whose submission.

        Raises
        ------
        nbgrader.api.MissingEntry
            It holds none.
        """
        work, ask = SubmittedNotebook, self.gradebook.db.query
        # by columns: whole rows of nbgrader's bring a dozen sums along, each of its own
        found = (
            ask(work.id, work.score, work.late_submission_penalty)
            .join(SubmittedAssignment, work.assignment_id == SubmittedAssignment.id)
            .join(AssignmentRow, SubmittedAssignment.assignment_id == AssignmentRow.id)
            .filter(AssignmentRow.name == name, SubmittedAssignment.student_id == student)
            .one_or_none()
        )
        if found is None:
            raise MissingEntry(f"{name}: the grade book has nothing of {student}")
        row, score, penalty = found
        asked = Grade.score, Grade.max_score, Grade.needs_manual_grade, Grade.manual_score
        grades = ask(BaseCell.name, *asked).select_from(Grade).join(Grade.cell)
        comments = ask(BaseCell.name, Comment.comment).select_from(Comment).join(Comment.cell)
        return Graded(
            score,
            penalty,
            {grade.name: grade for grade in grades.filter(Grade.notebook_id == row)},
            {cell: text for cell, text in comments.filter(Comment.notebook_id == row) if text},
        )

    def penalise(self, name: str, student: str) -> None:
        """Work out again what a submission loses for being late.

        Parameters
        ----------
        name, student : str
            The assignment's, and whose submission.
        """
        with _readable(), self.locks.turn():
            self._penalise(name, student)

    def _penalise(self, name: str, student: str) -> None:
        found, book = deadlines(self.course, name), self.gradebook
        if found:
            due = read_time(found["due"])
            until = read_time(found["extensions"].get(student, found["due"]))
            submission = book.find_submission(name, student)
            submission.assignment.duedate = due.replace(tzinfo=None)
            submission.extension = until - due or None
        if not found or found["per_day"] is None:
            book.db.commit()  # what nbgrader opens anew is to see it
            resources = {"notebook": name, "assignment": name, "student": student}
            resources["db_url"] = self.course.database
            empty = nbformat.v4.new_notebook()
            rule = AssignLatePenalties(config=self.course.config)
            rule.preprocess(empty, {"nbgrader": resources})
        else:
            days = math.ceil(submission.total_seconds_late / 86_400)
            for graded in submission.notebooks:
                cost = min(1.0, days * found["per_day"] / 100)
                graded.late_submission_penalty = graded.score * cost if days else None
            book.db.commit()
        self.gradebook.db.expire_all()
