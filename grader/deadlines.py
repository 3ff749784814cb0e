"""When work is due, for whom later, and what lateness costs: the course's own, by command."""

import datetime
import json

from grader.course import Course, CourseError, is_id, number
from grader.files import write
from grader.history import note
from grader.times import read_time, written

FILE, MOST_PER_DAY = "deadlines.json", 100


def deadlines(course: Course, name: str) -> dict:
    """Return an assignment's ``due``, ``per_day`` and ``extensions``, as far as they are set.

    Raises
    ------
    grader.course.CourseError
        The file is damaged: nobody must become late in silence.
    """

    def read(kept: dict) -> dict:
        found = kept.get(name, {})
        times = [found["due"], *found["extensions"].values()] if found else []
        if not all(isinstance(text, str) and read_time(text) for text in times):
            raise ValueError(times)
        if found and found["per_day"] is not None:
            found["per_day"] = number(found["per_day"], MOST_PER_DAY)
        return found

    return course.settings(FILE, read)


def _time(text: str) -> datetime.datetime:
    when = read_time(text)
    if when is None:
        raise CourseError(
            f"{text!r} is no time that can be told for sure. Write it like 2030-03-02 23:59 CET."
        )
    return when


def _keep(course: Course, name: str, found: dict) -> None:
    kept = course.settings(FILE, dict)
    write(course.root / FILE, json.dumps(kept | {name: found}, ensure_ascii=False, indent=1))


def due(course: Course, name: str, text: str = "", per_day: float | None = None) -> list[str]:
    """Set when an assignment is due, and what a day costs; say what is set.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    text : str, optional
        The time, with its zone; UTC if it has none.
    per_day : float, optional
        Percent of a person's own points that each begun day after it costs; without it, what
        ``nbgrader_config.py`` says.

    Returns
    -------
    list of str
        A line for the due date and for each extension.

    Raises
    ------
    grader.course.CourseError
        The time or the percentage is none.
    """
    course.source(name)
    found = deadlines(course, name)
    if per_day is not None and not (0 <= per_day <= MOST_PER_DAY):
        raise CourseError(f"--per-day {per_day:g}: give percent, from 0 to 100.")
    if per_day is not None and not text:
        raise CourseError("--per-day needs the due date before it.")
    if text:
        found = {"extensions": {}} | found | {"due": written(_time(text)), "per_day": per_day}
        _keep(course, name, found)
        note(course, name, due=found["due"], per_day=per_day)
    if not found:
        return [f"{name}: no due date is set here; formgrader may have one"]
    cost = "what nbgrader_config.py says"
    if found["per_day"] is not None:
        cost = f"{found['per_day']:g} % of one's points for each day begun"
    lines = [f"{name}: due {found['due']}; late work loses {cost}"]
    return [*lines, *(f"{name}: {who}: until {when}" for who, when in found["extensions"].items())]


def extend(course: Course, student: str, name: str, until: str, why: str) -> list[str]:
    """Give one person more time, also before they hand in.

    Parameters
    ----------
    course : grader.course.Course
    student : str
        Their id.
    name : str
        The assignment's.
    until : str
        A time, as for :func:`due`; ``""`` takes the extension back.
    why : str
        For the history.

    Returns
    -------
    list of str
        What is set now, as :func:`due` says it.

    Raises
    ------
    grader.course.CourseError
        There is no due date to extend, the time is none or is before it, or it is no id.
    """
    course.source(name)
    found = deadlines(course, name)
    if not found:
        raise CourseError(f"{name} has no due date yet: python -m grader due {name} TIME")
    if not is_id(student):
        raise CourseError(f"{student!r} is no id of a student.")
    if until:
        when = _time(until)
        if when <= read_time(found["due"]):
            raise CourseError(f"{written(when)} is not after the due date, {found['due']}.")
        found["extensions"][student] = written(when)
    elif found["extensions"].pop(student, None) is None:
        raise CourseError(f"{student} has no extension of {name} to take back.")
    _keep(course, name, found)
    note(course, name, student=student, why=why, until=found["extensions"].get(student, ""))
    return due(course, name)
