"""``python -m grader grade``: mark a class."""

import datetime
import json
import os
import shutil
from pathlib import Path

import nbformat
from tqdm import tqdm

from grader.assignment import Assignment
from grader.commands.collect import settle
from grader.course import Course, CourseError, Submission
from grader.files import FULL, OutOfTime, digest, read_plain, write
from grader.gradebook import Book
from grader.history import differences, note, said
from grader.pool import Task, dask_pool, local_pool
from grader.submission import decoded
from grader.times import read_time, written
from grader.tried import Tried
from grader.trusted.mark import version
from grader.trusted.renderer import Renderer, presentable
from grader.trusted.sandbox import Sandbox, find_bubblewrap
from grader.trusted.sanitise import readable

GOES_ON = datetime.timedelta(days=1)  # that long --again goes on where it was stopped


def grade(
    course: Course,
    name: str,
    students=(),
    again=False,
    workers=1,
    unsafe=False,
    scheduler=None,
    dry=False,
    why="",
) -> dict:
    """Mark every submission of an assignment that is not marked yet.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    students : sequence of str
        Only these; all if empty.
    again : bool
        Mark again what is marked.
    workers : int
        Processes that mark at the same time.
    unsafe : bool
        Without a sandbox: the instructor's own files only.
    scheduler : str, optional
        Address of a Dask scheduler.
    dry : bool
        Keep no mark, but say which would change. What was found is taken when all are marked
        again, if nothing has changed meanwhile.
    why : str
        Goes into the history beside each mark that changes.

    Returns
    -------
    dict of str to dict
        The new records by student.
    """
    sandbox = Sandbox
    if unsafe:
        from grader.trusted.unsafe import Unsafe as sandbox
    elif not scheduler:
        find_bubblewrap()
    assignment = course.assignment(name)
    submissions = [s for s in course.submissions(name) if not students or s.student in students]
    if absent := set(students) - {s.student for s in submissions}:
        raise CourseError(f"There is no submission of {name} by {', '.join(sorted(absent))}.")
    for line in course.passed_over(name):
        print(f"{name}: {line}")
    for submission in () if dry else submissions:
        try:
            done = settle(assignment, submission)
        except (OutOfTime, Exception) as error:  # graded as it is
            done = f"its other files can't be read: {type(error).__name__}: {error}"
        if done:
            print(f"{name}: {submission.student}: {readable(done, 200)}")
    everyone = again and not students and not dry
    done = _again_already(course, assignment, submissions) if everyone else set()
    waiting = {
        s.student: s
        for s in submissions
        if s.student not in done and (again or not (_record(course, name, s) or {}).get("entered"))
    }
    _tell_versions(course, assignment, waiting)
    if not waiting:
        if dry:
            return {}
        with Book(course) as book:
            book.add_assignment(assignment)  # formgrader lists it
            tell_put_back(name, book.put_back(name, course.records(name)))
        return _finished(course, name, {}) if everyone else {}
    task = Task.of(assignment, [course.root], sandbox)
    # what other machines found has not all that it depends on here
    tried = Tried(course, assignment, sandbox) if (dry or everyone) and not scheduler else None
    known = tried.known(waiting.values()) if tried and everyone else set()
    if known:
        there = f"{len(known)} of {len(waiting)}"
        print(f"{name}: what the dry run found counts for {there}: nothing has changed since.")
    with dask_pool(scheduler) if scheduler else local_pool(workers) as pool:
        if not scheduler and len(known) < len(waiting):
            pool.prepare(task)  # while the grade book opens
        if dry:
            return _try(course, name, pool, task, waiting, tried)
        with Renderer() as renderer, Book(course) as book:
            book.add_assignment(assignment)
            there = [r for r in course.records(name) if r["student"] not in waiting]
            tell_put_back(name, book.put_back(name, there))
            sources = pool, task, tried, known
            found = _mark(course, book, assignment, sources, waiting, again, renderer, why)
    return _finished(course, name, found) if everyone else found


def _again(course: Course, name: str) -> Path:
    """Return the file that says since when all of an assignment are marked again."""
    return course.root / "records" / ".again" / f"{name}.txt"


def _again_already(course: Course, assignment: Assignment, submissions) -> set[str]:
    """Return whom a run of ``--again`` has marked that was stopped lately; else note it begins."""
    path, now, done = _again(course, assignment.name), datetime.datetime.now(datetime.UTC), set()
    try:
        since = datetime.datetime.fromisoformat(path.read_text("utf-8"))
        lately = since <= now < since + GOES_ON
    except (OSError, ValueError, TypeError):  # there is none, or it is no such file
        lately = False
    if not lately:
        write(path, now.isoformat())
        return done
    same = assignment.sha256, version()
    for submission in submissions:
        record = _record(course, assignment.name, submission) or {}
        if not record.get("entered") or record.get("unmarked"):
            continue
        if (record.get("source_sha256"), record["grader"]) != same:
            continue
        # which has no part of a second: of that same one, it is marked once more
        if datetime.datetime.fromisoformat(record["graded"]) > since:
            done.add(submission.student)
    there = f"{len(done)} of {len(submissions)} are marked again already"
    print(f"{assignment.name}: goes on where it was stopped: {there}.")
    return done


def _finished(course: Course, name: str, found: dict) -> dict:
    """Forget when it began, and what a dry run found before; return what was found."""
    _again(course, name).unlink(missing_ok=True)
    shutil.rmtree(course.root / "records" / ".tried" / name, ignore_errors=True)
    return found


def _tell_versions(course: Course, assignment: Assignment, waiting) -> None:
    """Say how many marks another version of the source gave, and stand."""
    others = [
        record["student"]
        for record in course.records(assignment.name)
        if record["student"] not in waiting
        and record.get("source_sha256", assignment.sha256) != assignment.sha256
    ]
    if others:
        print(
            f"{assignment.name}: {len(others)} marks come from another version of the source. What "
            f"would change: python -m grader grade {assignment.name} --again --dry-run"
        )


def _try(
    course: Course, name: str, pool, task, waiting: dict[str, Submission], tried: Tried | None
) -> dict:
    """Mark, keep no mark, and say what would change; return the records by student."""
    found, before = {}, {student: course.record(name, student) for student in waiting}
    contents = ((student, submission.read()) for student, submission in waiting.items())
    for student, (record, cells) in pool.mark(task, contents):
        found[student] = record
        if tried and before[student]:  # under whose id there are marks: no roster changes it now
            tried.keep(student, record, cells)
    with Book(course) as book:
        given = book.given(name)
    changes = 0
    for student, record in sorted(found.items()):
        old = before[student]
        changed = differences(old, record)
        changes += bool(changed)
        if old is None:
            print(f"{name}: {student}: not marked yet, would have {record['score']:g}")
        elif changed:
            text = said(changed, given.get(student, {}))
            print(f"{name}: {student}: {old['score']:g} → {record['score']:g}: {text}")
    print(f"{name}: {changes} of {len(found)} would change. No mark is kept: it was a dry run.")
    return found


def _mark(
    course, book, assignment, sources: tuple, waiting: dict[str, Submission], again, renderer, why
) -> dict:
    """Mark the submissions that no other grader has taken; return the new records by student."""
    (pool, task, tried, known), name = sources, assignment.name
    done, others, failed = {}, 0, []
    given = book.given(name)
    with tqdm(total=len(waiting), desc=name, unit="student") as bar:

        def results():
            for student in sorted(known):
                mine = book.locks.claim(f"{name}/{student}")
                if mine and (found := tried.take(waiting[student])):
                    yield student, found
                else:
                    known.remove(student)
            yield from pool.mark(task, contents())

        def contents():
            nonlocal others
            for student, submission in waiting.items():
                if student in known:
                    continue
                if book.locks.claim(f"{name}/{student}"):
                    record = None if again else _record(course, name, submission)
                    if record is None:
                        yield student, submission.read()
                        continue
                    if not record["entered"]:  # an earlier run was killed between the two
                        _enter(course, book, record)
                else:
                    others += 1
                bar.total -= 1

        for student, (record, cells) in results():
            record |= metadata(waiting[student])
            if unread := record.get("unread_time"):
                text = (
                    f"the time of handing in can't be read: {unread!r}. It does not count as late."
                )
                record["notes"].append(f"{text[0].upper()}{text[1:]}")
                print(f"{name}: {student}: {text}")
            before = course.record(name, student)
            try:
                keep(course, record, cells, assignment, renderer)
            except Exception as error:
                if isinstance(error, OSError) and error.errno in FULL:
                    raise
                failed.append(f"{student} could not be kept: {type(error).__name__}: {error}")
                continue  # a fault of ours must not hold up the others
            _enter(course, book, record, before)
            _tell(course, before, record, given.get(student, {}), why)
            done[student] = record
            bar.update()
    for student, record in done.items():
        if why := record.get("unmarked"):
            print(f"{name}: {student} could not be marked: {why}. --again tries once more.")
    if others:
        print(f"{name}: {others} left to another grader, which is marking them now.")
    if failed:
        raise CourseError("; ".join(failed))
    return done


def _tell(course: Course, before: dict | None, record: dict, given: dict, why: str) -> None:
    """Say which marks changed, and write it down; a request that changed none is kept, too."""
    name, student, changed = record["assignment"], record["student"], differences(before, record)
    if changed:
        text = said(changed, given)
        print(f"{name}: {student}: {before['score']:g} → {record['score']:g}: {text}")
    if changed or why:
        reason = why or "marked again"
        if before and before["sha256"] != record["sha256"]:
            reason = why or "handed in again"
        versions = {"source": record.get("source_sha256", ""), "grader": record["grader"]}
        note(course, name, student=student, why=reason, changed=changed, **versions)


def tell_put_back(name: str, students: list[str]) -> None:
    """Say whose marks the grade book lacked."""
    if students:
        print(
            f"{name}: the grade book had not the marks of {len(students)}: put back from the "
            "records. Of these, look at what was marked by hand since the last grade or export."
        )


def _record(course: Course, name: str, submission: Submission) -> dict | None:
    """Return the record of a submission as it is now, None if it is not marked."""
    record = course.record(name, submission.student)
    return record if record and record["sha256"] == digest(submission.read()) else None


def metadata(submission: Submission) -> dict:
    """Return what a record says beside the marks."""
    # read as warily as the notebook beside it
    path = submission.path.parent / "timestamp.txt"
    stamp = read_plain(path, 200)
    text = decoded((stamp or b"")[:200])
    said = text and (readable(text, 60) or ascii(text))
    if stamp is None and os.path.lexists(path):
        said = f"{path.name} is no plain file"
    when = read_time(readable(text, 200)) if said else None
    submitted = written(when) if when else ""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    about = {"student": submission.student, "submitted": submitted, "graded": now, "entered": False}
    return about | ({"unread_time": said} if said and not when else {})


def keep(
    course: Course, record: dict, cells: list, assignment: Assignment, renderer: Renderer
) -> None:
    """Write the graded notebook, then the record: once that is there, the mark is kept."""
    name, student = record["assignment"], record["student"]
    presentable(cells, renderer)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=dict(assignment.released.metadata))
    nbformat.validator.normalize(notebook)
    path = course.root / "autograded" / student / name / f"{name}.ipynb"
    write(path, nbformat.writes(notebook))
    write(course.record_path(name, student), json.dumps(record, indent=1, ensure_ascii=False))


def _enter(course: Course, book: Book, record: dict, before: dict | None = None) -> None:
    """Enter a kept record into the grade book, then note that it is there."""
    book.enter(record, before)
    record["entered"] = True
    path = course.record_path(record["assignment"], record["student"])
    write(path, json.dumps(record, indent=1, ensure_ascii=False))
