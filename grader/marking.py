"""Marking by question: who reads which answers, and marks of which none writes over another."""

import contextlib
import json
import math
import os
import re
from collections import Counter
from dataclasses import dataclass

from grader.course import RECORD_BYTES, Course, CourseError
from grader.files import digest, read_plain, write
from grader.gradebook import Book, Held
from grader.history import note, told
from grader.markers import answer_of
from grader.marks import weights
from grader.trusted.sanitise import readable

MOST_NAME, MOST_COMMENT, MOST_KEPT = 60, 20_000, 20
_FASTER = "Somebody else changed this while you were reading it. Nothing is written over."
_NUMBER = re.compile(r"[0-9]{1,6}(?:[.,][0-9]{0,6})?|[.,][0-9]{1,6}")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_OF_ALL = ""  # no student's id: what is kept of the assignment as a whole


def person(name: str) -> str:
    """Return a reader's name as it is kept.

    Raises
    ------
    grader.course.CourseError
        It is empty, too long or can't be printed.
    """
    name = " ".join(name.split())
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise CourseError(
            f"{readable(name, 80)!r} is no name of a person: give 1 to {MOST_NAME} characters."
        )
    return name


class Refused(CourseError):
    """What was typed is no mark; the message says why."""


class Changed(CourseError):
    """Somebody else was faster; nothing is written."""


class NotNoted(CourseError):
    """A mark is kept, but the history can't be written."""


@dataclass(frozen=True)
class Question:
    """What is marked.

    Attributes
    ----------
    cell : str
        Of the grade book: ``words``, or ``double-test``.
    answer : str
        The answer that it marks.
    points : float
        The most it gives.
    by_tests : bool
        Tests mark it; a person may disagree.
    counts : float
        By what its points are multiplied in the end.
    """

    cell: str
    answer: str
    points: float
    by_tests: bool
    counts: float


@dataclass(frozen=True)
class Answer:
    """One student's answer to one question, as far as it is marked.

    Attributes
    ----------
    held : grader.gradebook.Held
    empty : bool
        Nothing was answered.
    version : str
        Changes whenever the answer, a mark or the comment does.
    """

    held: Held
    empty: bool
    version: str


def shared_out(students: list[str], names: list[str], before: dict[str, str]) -> dict[str, str]:
    """Return who reads whom: as before where that is fair, nobody more than one above another.

    Parameters
    ----------
    students, names : list of str
        Who is read, and who reads.
    before : dict of str to str
        Who read whom so far.
    """
    parts = {name: [] for name in names}
    most = math.ceil(len(students) / len(names))
    left = []
    for student in students:
        part = parts.get(before.get(student))
        (left if part is None or len(part) >= most else part).append(student)
    for student in left:
        min(parts.values(), key=len).append(student)
    # who joined late takes over from those who have most
    while max(map(len, parts.values())) - min(map(len, parts.values())) > 1:
        min(parts.values(), key=len).append(max(parts.values(), key=len).pop())
    return {student: name for name, part in parts.items() for student in part}


class Marking:
    """The answers of an assignment, and what people make of them.

    Parameters
    ----------
    course : grader.course.Course
    book : grader.gradebook.Book
    name : str
        The assignment's.
    reader : str
        Who reads.

    Attributes
    ----------
    questions : dict of str to Question
        By cell: first what people mark, then what tests do.
    everyone : bool
        Show the answers that others read, too.

    Raises
    ------
    grader.course.CourseError
        There is no such assignment, nothing to mark, or the reader has no name.
    """

    def __init__(self, course: Course, book: Book, name: str, reader: str) -> None:
        self.course, self.book, self.name = course, book, name
        self.reader, self.everyone = person(reader), False
        self.assignment = course.assignment(name)
        factors = weights(course).get(name, {})
        self.questions = {
            cell: Question(
                cell,
                answer_of(cell),
                float(source.metadata.nbgrader["points"]),
                kind == "test",
                factors.get(cell, 1.0),
            )
            for kind in ("manual", "test")
            for cell, source in self.assignment.of_kind(kind).items()
        }
        self._read = {}
        if not self._records():
            there = ", nobody handed it in" if not course.submissions(name) else ""
            raise CourseError(
                f"{name}: nothing to mark: nobody is graded yet{there}. First: "
                f"python -m grader grade {name}"
            )

    # --- whose answers ------------------------------------------------------------------------

    def _records(self) -> dict[str, dict]:
        """Return of each graded submission what is needed here; files that changed are read."""
        folder, found = self.course.root / "records" / self.name, {}
        files = []
        with contextlib.suppress(OSError):  # listed for each page: a path of each is too slow
            files = sorted(os.scandir(folder), key=lambda file: file.name)
        for file in (file for file in files if file.name.endswith(".json")):
            who = file.name.removesuffix(".json")
            with contextlib.suppress(OSError):
                about = file.stat()
                stamp = about.st_mtime_ns, about.st_size, about.st_ino
                if self._read.get(who, (None,))[0] != stamp:
                    record = self.course.record(self.name, who) or {}
                    keys = ("sha256", "manual", "unanswered")
                    kept = {key: record[key] for key in keys} if record.get("entered") else None
                    self._read[who] = stamp, kept
                if kept := self._read[who][1]:
                    found[who] = kept
        return found

    def answers(self, student: str = "", question: str = "") -> dict[str, dict[str, Answer]]:
        """Return the answers of the class, by cell and student.

        Parameters
        ----------
        student : str, optional
            Only this one's.
        question : str, optional
            Only those of this cell: a page shows one, and a class has thousands.
        """
        records, found = self._records(), {cell: {} for cell in self.questions}
        for who, cells in self.book.held(self.name, student, question).items():
            if not (record := records.get(who)):
                continue
            for cell, held in cells.items():
                if cell in found:
                    state = [record["sha256"], held.auto, held.manual, held.unread, held.comment]
                    empty = answer_of(cell) in record["unanswered"]
                    empty = empty or record["manual"].get(cell) == "empty"
                    version = digest(json.dumps(state).encode())[:16]
                    found[cell][who] = Answer(held, empty, version)
        return found

    def queue(self, cell: str, answers: dict[str, Answer]) -> list[str]:
        """Return whose answers are read here, in this reader's own order.

        Not by name: the same few would always be read first; and each reader in another order, so
        that two who share nothing out seldom meet.

        Parameters
        ----------
        cell : str
        answers : dict of str to Answer
            Of the question.
        """
        mine = self.parts()
        chosen = [
            student
            for student, answer in answers.items()
            if (self.everyone or mine.get(student, self.reader) == self.reader)
            and (answer.held.unread or answer.held.manual is not None or not answer.empty)
        ]
        return sorted(chosen, key=lambda who: digest(f"{self.reader}/{cell}/{who}".encode()))

    def following(self, cell: str, after: str = "") -> str:
        """Return whose answer is to be read next, '' if nobody's; who is not sure comes back later.

        Parameters
        ----------
        cell : str
        after : str, optional
            The student before.
        """
        answers = self.answers(question=cell)[cell]
        queue, unsure = self.queue(cell, answers), self.unsure().get(cell, {})
        at = queue.index(after) + 1 if after in queue else 0
        for student in [*queue[at:], *queue[:at]]:
            if answers[student].held.unread and student not in unsure and student != after:
                return student
        last = after in queue and answers[after].held.unread and after not in unsure
        return after if last else ""

    # --- what is kept beside the grade book ---------------------------------------------------

    @property
    def _path(self):
        return self.course.root / "records" / ".marking" / f"{self.name}.json"

    def _kept(self) -> dict[str, dict]:
        """Return by student who reads them and what is not sure; under ``""`` what is of all."""
        with contextlib.suppress(ValueError, RecursionError, AttributeError):
            kept = json.loads(read_plain(self._path, RECORD_BYTES) or b"{}")
            return {who: about for who, about in kept.items() if isinstance(about, dict)}
        return {}

    def _keep(self, kept: dict[str, dict]) -> None:
        write(self._path, json.dumps(kept, ensure_ascii=False))

    def names(self) -> list[str]:
        """Return who shares the answers; nobody if they are not shared out."""
        names = self._kept().get(_OF_ALL, {}).get("names")
        return [n for n in names if isinstance(n, str)] if isinstance(names, list) else []

    def share(self, names: list[str]) -> dict[str, int]:
        """Share the answers out; who has begun keeps what is read already.

        Parameters
        ----------
        names : list of str
            Of all who read.

        Returns
        -------
        dict of str to int
            How many students each reads.

        Raises
        ------
        grader.course.CourseError
            A name is none, or stands there twice.
        """
        names = [person(name) for name in names]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise CourseError(f"--share names {', '.join(twice)} twice. Name each person once.")
        with self.book.locks.turn():
            kept = self._kept()
            kept.setdefault(_OF_ALL, {})["names"] = names
            self._share_out(kept, names)
        parts = list(self.parts().values())
        return {name: parts.count(name) for name in names}

    def parts(self) -> dict[str, str]:
        """Return who reads whom; who handed in since has been given to somebody, too."""
        names, kept = self.names(), self._kept()
        if not names:
            return {}
        graded = self._records()
        if any(kept.get(student, {}).get("for") not in names for student in graded):
            with self.book.locks.turn():
                kept = self._kept()
                self._share_out(kept, names)
        return {student: kept[student]["for"] for student in graded}

    def _share_out(self, kept: dict[str, dict], names: list[str]) -> None:
        # who is read keeps their reader: what moves, if something must, is at the end
        read = Counter(
            student
            for answers in self.answers().values()
            for student, answer in answers.items()
            if not answer.held.unread
        )
        order = lambda who: (-read[who], digest(who.encode()))  # noqa: E731
        students = sorted(self._records(), key=order)
        before = {who: about.get("for") for who, about in kept.items()}
        for student, name in shared_out(students, names, before).items():
            kept.setdefault(student, {})["for"] = name
        self._keep(kept)

    def unsure(self) -> dict[str, dict[str, str]]:
        """Return who was not sure, by cell and student."""
        found, graded = {}, self._records()
        for student, about in self._kept().items():
            cells = about.get("unsure")
            for cell, who in cells.items() if isinstance(cells, dict) and student in graded else ():
                found.setdefault(cell, {})[student] = str(who)
        return found

    def _flag(self, student: str, cell: str, unsure: bool) -> None:
        with self.book.locks.turn():
            kept = self._kept()
            cells = kept.get(student, {}).get("unsure")
            cells = dict(cells) if isinstance(cells, dict) else {}
            if unsure == (cell in cells):
                return
            cells.pop(cell, None)
            cells |= {cell: self.reader} if unsure else {}
            kept[student] = kept.get(student, {}) | {"unsure": cells}
            self._keep({who: about for who, about in kept.items() if about != {"unsure": {}}})

    def comments(self, cell: str) -> list[str]:
        """Return the comments that are kept for use with a question, in the order they came."""
        kept = self._kept().get(_OF_ALL, {}).get("comments")
        texts = kept.get(cell) if isinstance(kept, dict) else None
        return [t for t in texts if isinstance(t, str)] if isinstance(texts, list) else []

    def keep_comment(self, cell: str, text: str) -> None:
        """Keep a comment for use with a question.

        Raises
        ------
        Refused
            There are as many as there are keys for.
        """
        text = self._text(text)
        self._change_comments(cell, lambda texts: texts if text in ("", *texts) else [*texts, text])

    def drop_comment(self, cell: str, text: str) -> None:
        """Keep a comment no longer; where it was used, it stays."""
        self._change_comments(cell, lambda texts: [t for t in texts if t != text])

    def _change_comments(self, cell: str, change) -> None:
        with self.book.locks.turn():
            kept, texts = self._kept(), self.comments(cell)
            after = change(texts)
            if len(after) > MOST_KEPT:
                raise Refused(
                    f"The mark is kept; the comment is not listed for use again, for {MOST_KEPT} "
                    f"comments are already. Remove one of them (×) first."
                )
            of_all = kept.setdefault(_OF_ALL, {})
            others = of_all.get("comments")
            of_all["comments"] = {**(others if isinstance(others, dict) else {}), cell: after}
            self._keep(kept)

    # --- marks --------------------------------------------------------------------------------

    def give(
        self, cell: str, student: str, points: str, comment: str, version: str, unsure: bool = False
    ) -> None:
        """Enter a mark and a comment, both or neither.

        Parameters
        ----------
        cell, student : str
            Which answer.
        points : str
            As it was typed; nothing where the reader is not sure, or agrees with the tests.
        comment : str
        version : str
            Of the answer as the reader saw it.
        unsure : bool
            The answer stays among those to be read, and is listed.

        Raises
        ------
        Refused
            That is no mark.
        Changed
            Somebody else wrote since, or it is another answer now.
        """
        question = self.questions[cell]
        mark, comment = self._number(question, points, unsure), self._text(comment)
        self._enter(cell, student, version, mark, comment, unsure)

    def take_back(self, cell: str, student: str, version: str) -> None:
        """Take a person's mark back; a comment stays, and the answer is to be read again.

        Raises
        ------
        Changed
            Somebody else wrote since, or it is another answer now.
        """
        self._enter(cell, student, version, None, None, None)

    def _enter(self, cell, student, version, mark, comment, unsure) -> None:
        answer = self.answers(student)[cell].get(student)
        if answer is None:
            raise CourseError(f"{student} has no graded answer to {cell} (any more).")
        if answer.version != version:
            raise Changed(_FASTER)
        held, seen = answer.held, self._records()[student]["sha256"]
        unread = unsure
        if unsure is None:  # taken back; what tests mark, or what is empty, nobody need read
            unread, comment = held.auto is None, held.comment
        still = lambda: self._records().get(student, {}).get("sha256") == seen  # noqa: E731
        if not self.book.give(held, mark, unread, comment, still):
            raise Changed(_FASTER)
        old, new = (
            auto if x is None else x for auto, x in ((held.auto, held.manual), (held.auto, mark))
        )
        what = {"student": student, "why": "taken back" if unsure is None else "by hand"}
        what |= {"comment": True} if comment != held.comment else {}
        what |= {"unsure": True} if unsure else {}
        try:
            self._flag(student, cell, bool(unsure))
            if unsure or (old, held.comment, held.unread) != (new, comment, unread):
                note(
                    self.course,
                    self.name,
                    **{"as": self.reader},
                    changed={cell: (old, new)},
                    **what,
                )
        except OSError as error:
            why = f"{error.strerror or error}"
            raise NotNoted(f"The mark is kept, but not who gave it: {why}.") from error

    def history(self, cell: str, student: str) -> list[dict]:
        """Return what happened to a mark, oldest first: ``when``, ``who``, ``what``."""
        lines = []
        for line in told(self.course, self.name):
            changed = line.get("changed")
            if line.get("student") != student or not isinstance(changed, dict):
                continue
            if not (pair := changed.get(cell)) and "as" in line:
                continue
            lines.append(
                {
                    "when": str(line.get("when", ""))[:16].replace("T", " "),
                    "who": str(line.get("as") or line.get("who") or "somebody"),
                    "what": _said(line, pair),
                }
            )
        return lines

    @staticmethod
    def _number(question: Question, text: str, unsure: bool) -> float | None:
        text = text.strip()
        if not text and (unsure or question.by_tests):
            return None
        number = float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else math.nan
        if not 0 <= number <= question.points:
            what = f"{readable(text, 30)!r} is no mark" if text else "There is no mark"
            most = f"{question.points:g}"
            raise Refused(f"{what} for {question.cell}: give a number from 0 to {most}.")
        return number

    @staticmethod
    def _text(comment: str) -> str:
        comment = _NOT_TEXT.sub("", comment.replace("\r\n", "\n").replace("\r", "\n")).strip()
        if len(comment) > MOST_COMMENT:
            raise Refused(
                f"The comment has {len(comment):,} characters; {MOST_COMMENT:,} is the most."
            )
        return comment


def _said(line: dict, pair) -> str:
    """Return one line of the history of a mark in words."""
    parts = []
    if isinstance(pair, list) and len(pair) == 2:
        old, new = ("no mark" if x is None else f"{x:g}" for x in pair)
        parts.append(new if old in (new, "no mark") else f"{old} → {new}")
    if line.get("unsure"):
        parts.append("not sure")
    if line.get("comment"):
        parts.append("with a comment")
    why = str(line.get("why") or "")
    parts += [why] if why and why != "by hand" else []
    return ", ".join(parts)
