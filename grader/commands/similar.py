"""``python -m grader similar``: whose answers share what few others wrote.

The fingerprints are copydetect's: an answer's code without comments and spaces, with one letter for
any name, cut into overlapping pieces. Which pieces say something is decided here: what the release
holds, or a third of the class wrote, counts nothing, and of the rest the rarer counts more.
"""

import io
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from copydetect import CodeFingerprint
from copydetect.utils import get_copied_slices
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from grader.assignment import Assignment
from grader.course import Course, CourseError, Submission
from grader.files import OutOfTime, deadline, write
from grader.submission import SubmissionError

_FOLDER = Path(__file__).resolve().parent.parent / "trusted"
PIECE, WORDS = 25, 40  # characters: of code without names, some two lines; of prose, seven words
LEAST, SHARE = 40, 0.4  # pieces in common, and their share of the shorter answer, to be shown
COMMON, CROWD = 1 / 3, 4  # what this share of a class has, and so many at the least, tells nothing
LONGEST, SECONDS = 10_000, 10  # of an answer; for reading a submission
PAIRS, NAMES = 40, 8  # on a page; in a line
# what turns the direction of a line, or can't be shown
_ODD = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


@dataclass
class _Answer:
    """One person's answer to one exercise."""

    text: str
    print: CodeFingerprint
    own: set = field(default_factory=set)  # the pieces that the release has not


def similar(course: Course, name: str) -> tuple[Path, list[str]]:
    """Compare what a class wrote, answer by answer.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.

    Returns
    -------
    path : pathlib.Path
        ``NAME-similar.html``, self-contained.
    lines : list of str
        What was found, and who could not be compared.

    Raises
    ------
    grader.course.CourseError
        Fewer than two have handed in.
    """
    assignment, submissions = course.assignment(name), course.submissions(name)
    if len(submissions) < 2:
        there = f"{len(submissions)} submission{'s' * (len(submissions) != 1)}"
        raise CourseError(f"{name}: there is nothing to compare: {there}. Collect them first.")
    released = _released(assignment)
    people, left_out = {}, {}
    for submission in submissions:
        student = submission.student
        try:
            with deadline(SECONDS):
                people[student] = _read(assignment, submission, released)
        except SubmissionError as error:
            left_out[student] = str(error)
        except OutOfTime:
            left_out[student] = f"reading it takes longer than {SECONDS} s"
        except Exception as error:  # one person's file stops nobody else's
            left_out[student] = f"it can't be read ({type(error).__name__})"
    pairs, groups = _pairs(people), defaultdict(list)
    for pair in pairs:
        groups[_alike(pair, people)].append(pair)
    shown = [
        _side_by_side(course, name, group[0], people) | {"more": len(group) - 1}
        for group in [*groups.values()][:PAIRS]
    ]
    path = course.root / "export" / f"{name}-similar.html"
    named = {student: _named(course, name, student) for student in left_out}
    why = {named[student]: text for student, text in left_out.items()}
    write(path, _page(assignment, len(people), shown, len(pairs), why))
    many = f"{len(pairs)} pair{'s' * (len(pairs) != 1)} to look at"
    lines = [f"{name}: {len(people)} compared; {many}"]
    return path, [*lines, *(f"{name}: {s}: left out: {why}" for s, why in left_out.items())]


def _released(assignment: Assignment) -> dict[str, set]:
    """Return the pieces of the students' version, of code and of words."""
    texts = defaultdict(list)
    for cell in assignment.released.cells:
        texts[cell.cell_type].append(cell.source)
    return {
        "code": set(_fingerprint("\n\n".join(texts["code"]), "code").hashes),
        "words": set(_fingerprint(" ".join(" ".join(texts["markdown"]).split()), "words").hashes),
    }


def _fingerprint(text: str, what: str) -> CodeFingerprint:
    """Return a text's pieces; each of them, so that a short passage is not missed by chance."""
    size, code = (PIECE, True) if what == "code" else (WORDS, False)
    file = io.StringIO(text)
    return CodeFingerprint("answer.py", size, 1, filter=code, language="python", fp=file)


def _read(
    assignment: Assignment, submission: Submission, released: dict[str, set]
) -> dict[str, _Answer]:
    """Return a person's answers by exercise, those that they changed."""
    merged, texts = assignment.merge(submission.read()), defaultdict(list)
    for step in merged.steps:
        if step.kind in ("answer", "manual") and step.name not in merged.unanswered:
            texts[step.name].append(step.cell.source)
    answers = {}
    for name, parts in texts.items():
        what = "code" if assignment.cells[name].cell_type == "code" else "words"
        text = _ODD.sub("\ufffd", "\n\n".join(parts).strip()[:LONGEST].rstrip())
        text = text if what == "code" else " ".join(text.split())
        answer = _Answer(text, _fingerprint(text, what))
        answer.own = answer.print.hashes - released[what]
        answers[name] = answer
    return answers


@dataclass
class _Pair:
    """Two people, and the exercises in which they share what few have."""

    score: float
    both: tuple[str, str]
    exercises: dict = field(default_factory=dict)  # name: share of the shorter answer


def _pairs(people: dict[str, dict[str, _Answer]]) -> list[_Pair]:
    """Return the pairs to look at, those that share the most, and the rarest, first."""
    found = {}
    for exercise in dict.fromkeys(name for answers in people.values() for name in answers):
        students = [s for s, answers in people.items() if exercise in answers]
        owns = [people[student][exercise].own for student in students]
        who = _who(dict(zip(students, owns, strict=True)))
        rare = {h: n for n, h in enumerate(h for h, has in who.items() if _rare(has, students))}
        has = np.zeros((len(students), len(rare)), np.float32)
        for row, own in zip(has, owns, strict=True):
            row[[rare[piece] for piece in own if piece in rare]] = 1
        # a piece that two have weighs 1, one that all have would weigh 0
        spread = np.log(max(len(students), 3) / 2)
        weights = 1 - np.log([len(who[piece]) / 2 for piece in rare]) / spread
        alike, worth = has @ has.T, (has * weights.astype(np.float32)) @ has.T
        sizes = np.array([max(1, len(own)) for own in owns])
        share = alike / np.minimum(sizes[:, None], sizes)
        for i, j in np.argwhere(np.triu((alike >= LEAST) & (share >= SHARE), 1)):
            both = students[i], students[j]
            pair = found.setdefault(both, _Pair(0.0, both))
            pair.score += float(worth[i, j])
            pair.exercises[exercise] = float(share[i, j])
    return sorted(found.values(), key=lambda pair: (-pair.score, pair.both))


def _alike(pair: _Pair, people: dict) -> tuple:
    """Return what pairs have in common whose answers are the same: one of them is enough to see."""
    owns = [
        frozenset(frozenset(people[student][exercise].own) for student in pair.both)
        for exercise in pair.exercises
    ]
    return tuple(zip(pair.exercises, owns, strict=True))


def _who(owns: dict[str, set]) -> dict[int, set[str]]:
    """Return who has a piece, for those that several have."""
    who = defaultdict(set)
    for student, own in owns.items():
        for piece in own:
            who[piece].add(student)
    return {piece: has for piece, has in who.items() if len(has) > 1}


def _rare(has: set[str], students) -> bool:
    """Return whether so few have a piece that it says something."""
    return len(has) < max(CROWD, COMMON * len(students))


def _side_by_side(course: Course, name: str, pair: _Pair, people: dict) -> dict:
    """Return what the page shows of a pair."""
    exercises, others = [], set()
    for exercise, share in pair.exercises.items():
        owns = {s: answers[exercise].own for s, answers in people.items() if exercise in answers}
        first, second = (people[student][exercise] for student in pair.both)
        shared = first.own & second.own
        who = {piece: {s for s in owns if piece in owns[s]} for piece in shared}
        sides = [_marked(answer, who, owns) for answer in (first, second)]
        others |= {s for side in sides for part in side for s in part["who"]} - {*pair.both}
        exercises.append({"name": exercise, "share": share, "sides": sides, "of": len(owns)})
    others = [_named(course, name, student) for student in sorted(others)]
    more = [f"{len(others) - NAMES} more"] if len(others) > NAMES else []
    return {
        "names": [_named(course, name, student) for student in pair.both],
        "exercises": exercises,
        "others": [*others[:NAMES], *more],
    }


def _marked(answer: _Answer, who: dict[int, set], students) -> list[dict]:
    """Return an answer in parts: plain, shared by few (and by whom), common.

    A passage is the pieces that follow each other; those have it who have all of them.
    """
    at = {place: piece for piece in who for place in answer.print.hash_idx[piece]}
    rare = {place for place, piece in at.items() if _rare(who[piece], students)}
    passages = []
    for places in (rare, at.keys() - rare):
        for start, end in get_copied_slices(np.array(sorted(places), int), answer.print.k).T:
            inside = [who[at[p]] for p in range(int(start), int(end)) if p in places]
            have = set.intersection(*inside)
            first, last = (_raw(answer, int(p)) for p in (start, end))
            passages.append((first, last, places is rare, have, len(have)))
    # where the two overlap, the rare one is what matters; it is laid on last
    marks = [None] * len(answer.text)
    for passage in sorted(passages, key=lambda p: p[2]):
        marks[passage[0] : passage[1]] = [passage] * len(marks[passage[0] : passage[1]])
    parts, begin = [], 0
    for place in range(1, len(marks) + 1):
        if place == len(marks) or marks[place] is not marks[begin]:
            text, mark = answer.text[begin:place], marks[begin]
            body = text.rstrip() if mark else text  # not the empty lines below a passage
            few = bool(mark and mark[2])
            have = mark[4] if mark else 0
            parts.append({"text": body, "have": have, "few": few, "who": mark[3] if few else set()})
            parts.append({"text": text[len(body) :], "have": 0, "few": False, "who": set()})
            begin = place
    return [part for part in parts if part["text"]]


def _raw(answer: _Answer, place: int) -> int:
    """Return where a place of the code without names stands in the text, as copydetect does."""
    offsets = answer.print.offsets
    if not len(offsets):
        return place
    nearest = min(np.searchsorted(offsets[:, 0], place), len(offsets) - 1)
    # never less than before: at the name of a class copydetect 0.5 forgets what it has summed up
    return min(place + int(offsets[: nearest + 1, 1].max()), len(answer.text))


def _named(course: Course, name: str, student: str) -> str:
    """Return a person's name and id."""
    who, _ = course.who(name, student)
    return f"{who} ({student})" if who and who != student else student


def _page(assignment: Assignment, count: int, shown: list, pairs: int, left_out: dict) -> str:
    """Return the page."""
    pages = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return pages.get_template("similar.html.j2").render(
        assignment=assignment,
        count=count,
        shown=shown,
        pairs=pairs,
        left_out=left_out,
        crowd=CROWD,
        style=Markup((_FOLDER / "feedback.css").read_text(encoding="utf-8")),
    )
