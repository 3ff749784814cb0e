"""``python -m grader roster``: who is in the course, once a term."""

from pathlib import Path

from grader.course import Course, CourseError
from grader.files import read_plain, write
from grader.people import ROSTER_BYTES, People, Roster, name_key


def roster(course: Course, path: Path | None = None) -> list[str]:
    """Keep the course's list of people, for ``collect`` and ``total``; say who is who.

    Parameters
    ----------
    course : grader.course.Course
    path : pathlib.Path, optional
        CSV with the columns ``id`` and ``name`` or ``lms``; may have ``email``, ``login``, and for
        an assignment ``lms-hw1``, the LMS's numbers there. Without it, the kept one is looked at.

    Returns
    -------
    list of str
        A line for what it holds, for namesakes, and for each assignment who is absent and who is
        not listed.

    Raises
    ------
    grader.course.CourseError
        It can't be read, or tells nobody apart; the kept one stays.
    """
    kept = course.root / "roster.csv"
    if path is None and not kept.exists():
        raise CourseError(
            f"There is no {kept} yet. Name your list: a CSV with the columns id and name."
        )
    listed = Roster(path or kept)  # refuses what it can't read
    if not listed.ids:
        raise CourseError(f"{path or kept} lists nobody. It needs a line for each person.")
    for name in course.assignments():  # and each assignment's numbers
        Roster(path or kept, name)
    if path is not None:
        write(kept, read_plain(path.resolve(), ROSTER_BYTES) or b"")
    everyone = {*listed.ids.values()}
    lines = [f"{len(everyone)} people in {kept}", *listed.notes]
    by_name = {}
    for student, name in listed.names.items():
        by_name.setdefault(name_key(name), []).append(student)
    for students in by_name.values():
        if len(students) > 1:
            lines.append(
                f"namesakes: {' and '.join(sorted(students))}; the column lms, or lms-hw1 for an "
                "assignment, tells them apart"
            )
    people = People(course)
    for name in course.assignments():
        there = {s.student for s in course.submissions(name)}
        if not there:
            continue
        known = {student: people.listed(student, listed) for student in there}
        here = set().union(*known.values())
        absent = sorted(everyone - here)
        strangers = sorted(s for s, ids in known.items() if not ids & everyone)
        lines.append(f"{name}: {len(there)} handed in, {len(absent)} of the roster did not")
        lines += [f"{name}: absent: {', '.join(absent)}"] if absent else []
        lines += [f"{name}: not in the roster: {', '.join(strangers)}"] if strangers else []
    return lines
