"""``python -m grader total``: a term's marks, one row for each person."""

from pathlib import Path

from nbgrader.api import MissingEntry

from grader.commands.export import table
from grader.commands.grade import tell_put_back
from grader.course import Course, CourseError
from grader.files import write
from grader.gradebook import Book
from grader.marks import marks
from grader.people import People, Roster


def total(course: Course, names: list[str], weights=None, drop: int = 0) -> tuple[list[Path], list]:
    """Write what a term's assignments come to, in percent.

    Parameters
    ----------
    course : grader.course.Course
    names : list of str
        The assignments.
    weights : dict of str to float, optional
        What each counts beside the others; 1 if it is not named.
    drop : int
        So many of a person's lowest shares do not count.

    Returns
    -------
    paths : list of pathlib.Path
        ``total.csv``, ``total-moodle.csv``, ``total-canvas.csv``.
    lines : list of str
        Who is absent where, what is not read yet, who is not in the roster.

    Raises
    ------
    grader.course.CourseError
        The weights or the number to drop fit no term.
    """
    weights = dict.fromkeys(names, 1.0) | (weights or {})
    if strange := weights.keys() - set(names):
        raise CourseError(f"--weight names {', '.join(sorted(strange))}, which is not totalled.")
    if len(names) != len({*names}):
        raise CourseError("An assignment is named twice. Name each once.")
    if not 0 <= drop < len(names):
        raise CourseError(
            f"--drop-lowest {drop}: of {len(names)} assignments 0 to {len(names) - 1} can be "
            "dropped."
        )
    kept = course.root / "roster.csv"
    roster, people = Roster(kept) if kept.exists() else None, People(course)
    found, lines = {}, []
    for name in names:
        found[name], told = _shares(course, name)
        lines += told
    everyone = set().union(*found.values())
    if roster:
        listed = {student: people.listed(student, roster) for student in everyone}
        known = set().union(set(), *listed.values())
        everyone |= {*roster.ids.values()} - known
        if strangers := sorted(
            s for s in everyone if not listed.get(s, {s}) & {*roster.ids.values()}
        ):
            lines.append(f"not in the roster: {', '.join(strangers)}")
    rows = []
    for student in sorted(everyone):
        shares = {name: found[name].get(student, 0.0) for name in names}
        lowest = sorted(names, key=lambda name: (shares[name], -weights[name]))
        counted = [name for name in names if name not in lowest[:drop]]
        whole = sum(weights[name] for name in counted)
        if whole <= 0:
            raise CourseError("What counts has no weight: give --weight above 0.")
        percent = 100 * sum(weights[n] * shares[n] for n in counted) / whole
        rows.append(_row(course, names, student, roster, found, counted, round(percent, 2)))
    for name in names:
        if absent := sorted(everyone - found[name].keys()):
            lines.append(f"{name}: nothing graded of {', '.join(absent)}: counts 0")
    paths = []
    for kind in ("", "-moodle", "-canvas"):
        paths.append(course.root / "export" / f"total{kind}.csv")
        write(paths[-1], table([row[kind] for row in rows]))
    return paths, lines


def _shares(course: Course, name: str) -> tuple[dict[str, float], list[str]]:
    """Return who has which share of an assignment's points, and what there is to say."""
    assignment, records = course.assignment(name), course.records(name)
    cells, shares, unread, lost = list(assignment.of_kind("test", "manual")), {}, [], []
    with Book(course) as book:
        book.add_assignment(assignment)
        tell_put_back(name, book.put_back(name, records))
        for record in records:
            student = record["student"]
            try:
                worth = marks(book, cells, name, student)
            except MissingEntry:
                lost.append(student)
                continue
            shares[student] = worth.score / worth.points if worth.points else 0.0
            unread += [student] if worth.unread else []
    lines = []
    if unread:
        lines.append(f"{name}: not all read yet, what is not counts 0: {', '.join(unread)}")
    if lost:
        lines.append(f"{name}: not in the grade book, counts 0: {', '.join(lost)}")
    return shares, lines


def _row(course, names, student, roster, found, counted, percent) -> dict[str, dict]:
    """Return a person's row of each table."""
    known = [course.who(name, student) for name in names if course.collected(name, student)]
    who = next((name for name, _ in known if name), "")
    about = roster.about(student) if roster else {}
    who = about.get("name") or who
    layouts = {course.collected(name, student).get("layout") for name in names}
    lasting = next((lms for _, lms in known), "") if layouts & {"canvas"} else ""
    plain = {"student": student, "name": who}
    for name in names:
        share = found[name].get(student)
        plain[name] = "" if share is None else round(100 * share, 2)
    plain |= {"dropped": " ".join(n for n in names if n not in counted), "total": percent}
    moodle = {"ID number": student, "Full name": who, "Email address": about.get("email", "")}
    canvas = {"Student": who or student, "ID": lasting, "SIS User ID": "" if lasting else student}
    canvas |= {"SIS Login ID": about.get("login", ""), "Section": "", "Total": percent}
    return {"": plain, "-moodle": moodle | {"Total": percent}, "-canvas": canvas}
