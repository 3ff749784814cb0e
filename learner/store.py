"""What a learner has done, and which questions are due: one JSON file, no account, nothing sent.

The file is ``work/progress.json``; the site keeps the same in the browser, and each takes in the
other's. It holds, by kind and lesson, ``[day, number]``: of an exercise, by its check's cell, and
of a prediction, by its question, 1 if right; of a quiz's question the box that it lies in. Boxes
are Leitner's: a right answer on a day when a question is due moves it one box up, a wrong one back
into the first, and it is due again after 1, 2, 4, 8, … days. ``libs/front/progress.js`` says the
same in JavaScript. Only Python's standard library is needed, so ``make lab`` waits for nothing.
"""

import contextlib
import json
import os
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "work" / "progress.json"
VERSION = 1
KINDS = {"exercises": 1, "predictions": 1, "questions": 10}  # and the largest number of each


class ProgressError(ValueError):
    """A file that is not what is kept here; the message continues its name."""


def empty() -> dict:
    """Return what there is before a learner has done anything."""
    return {"course-progress": VERSION, **{kind: {} for kind in KINDS}}


def read(content: bytes) -> dict:
    """Return what a file holds; raise ProgressError if it is not one of these."""
    try:
        progress = json.loads(content)
    except (ValueError, RecursionError):
        raise ProgressError("is damaged: it is no JSON") from None
    version = progress.get("course-progress") if isinstance(progress, dict) else None
    if type(version) is not int or version < 1:
        raise ProgressError("is no progress of this course")
    if version > VERSION:
        raise ProgressError("is from a newer version of the course: update the course first")
    for kind, most in KINDS.items():
        try:
            for lesson, of in progress[kind].items():
                fits = re.fullmatch("[0-9]{2}[a-z]?", lesson)
                fits = fits and all(n.encode() and _fits(*e, most) for n, e in of.items())
                if not fits:
                    raise ValueError
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ProgressError(f"is damaged: its {kind} are not as they were written") from None
    return {key: progress[key] for key in empty()}


def _fits(day: str, number: int, most: int) -> bool:
    same = date.fromisoformat(day).isoformat() == day
    return same and type(number) is int and 0 <= number <= most


def merge(one: dict, other: dict) -> dict:
    """Return both: of each entry the later; of two of one day the lower, which asks sooner."""
    both = empty()
    for kind in KINDS:
        for lesson, of in [*one[kind].items(), *other[kind].items()]:
            there = both[kind].setdefault(lesson, {})
            for name, entry in of.items():
                there[name] = max(entry, there.get(name, entry), key=lambda e: (e[0], -e[1]))
    return both


def note(progress: dict, kind: str, lesson: str, name: str, right: bool, today: date) -> dict:
    """Enter what was done today; return the whole."""
    of, number = progress[kind].setdefault(lesson, {}), int(right)
    if kind == "questions":
        if right and name in of and not is_due(of[name], today):
            return progress
        number = min(of.get(name, ("", 1))[1] + 1, KINDS[kind]) if right else 1
    of[name] = [today.isoformat(), number]
    return progress


def is_due(entry: list, today: date) -> bool:
    """Return whether its box says so; a day to come was a clock's mistake, and is due."""
    days = (today - date.fromisoformat(entry[0])).days
    return days < 0 or days >= 2 ** max(entry[1] - 1, 0)


def due(progress: dict, today: date, before: str = "") -> list[tuple[str, str]]:
    """Return lesson and text of the questions that are due, if so only of lessons before one."""
    questions = progress["questions"].items()
    listed = [(e, lesson, name) for lesson, of in questions for name, e in of.items()]
    found = [row for row in listed if (not before or row[1] < before) and is_due(row[0], today)]
    return [(lesson, name) for _, lesson, name in sorted(found)]


def keep(how: Callable[[dict], dict] = dict, path: Path = FILE) -> tuple[dict, str]:
    """Let a function change what is kept, while nobody else does; return it, and what to tell.

    A file that can't be read is set aside. Raises OSError where nothing can be written.
    """
    told, path = "", path.resolve()  # through a link, where that leads
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("ab") as lock:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)  # closing the file lets go
        else:
            import fcntl

            with contextlib.suppress(OSError):  # a file system that knows no locks
                fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go where a process is ended
        before = empty()
        try:
            before = read(path.read_bytes()) if path.exists() else before
        except ProgressError as error:
            aside = f"{path.stem} ({datetime.now():%Y-%m-%d %H.%M.%S.%f}).json"
            path.replace(path.with_name(aside))
            told = f"{path.name} {error}. It was kept as {aside}, and a new one begun."
        after = how(json.loads(json.dumps(before)))
        if after != before:
            beside = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                text = json.dumps(after, indent=1, ensure_ascii=False)
                beside.write_text(f"{text}\n", "utf-8", newline="\n")
                beside.replace(path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
    return after, told
