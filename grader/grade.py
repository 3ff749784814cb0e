"""``python -m grader grade``: mark a class."""

import datetime
import json
import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from tqdm import tqdm

from grader.assignment import Assignment
from grader.book import Book
from grader.course import Course, Submission, digest, write
from grader.mark import Marker
from grader.outputs import safe_markdown
from grader.sandbox import Sandbox, find_bubblewrap

_markers = {}  # this worker's, by assignment and its source


def mark_one(source: Path, secret: list[Path], sandbox, content: bytes) -> tuple[dict, list]:
    """Mark a submission; a worker keeps its sandbox for the next one."""
    assignment = Assignment(source)
    key = (str(source), assignment.sha256)
    if key not in _markers:
        for marker in _markers.values():
            marker.close()
        _markers.clear()
        _markers[key] = Marker(assignment, secret, sandbox)
    return _markers[key].mark(content)


def _quiet() -> None:
    """Leave Ctrl+C to the process that started this worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def mark_all(
    source, secret, contents: dict, workers: int, sandbox=Sandbox, scheduler=None
) -> Iterator:
    """Mark submissions, on this machine or on Dask's.

    Parameters
    ----------
    source : pathlib.Path
        The assignment's folder; workers elsewhere must have it at the same place.
    secret : list of pathlib.Path
        Folders that students' code must not see.
    contents : dict of str to bytes
        Each student's file.
    workers : int
        On this machine.
    sandbox : callable
        See :class:`grader.mark.Marker`.
    scheduler : str, optional
        Address of a Dask scheduler.

    Yields
    ------
    student : str
    result : tuple of dict and list
        As :meth:`grader.mark.Marker.mark` returns it.
    """
    if scheduler:
        from dask.distributed import Client
        from dask.distributed import as_completed as dask_completed

        with Client(scheduler) as client:
            jobs = {
                client.submit(mark_one, source, secret, sandbox, content, pure=False): student
                for student, content in contents.items()
            }
            for job in dask_completed(jobs):
                yield jobs[job], job.result()
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(contents)), context, initializer=_quiet)
    try:
        jobs = {
            pool.submit(mark_one, source, secret, sandbox, content): student
            for student, content in contents.items()
        }
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    finally:
        pool.shutdown(cancel_futures=True)


def grade(
    course: Course, name: str, students=(), again=False, workers=1, unsafe=False, scheduler=None
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
        Mark anew what is marked.
    workers : int
        Processes that mark at the same time.
    unsafe : bool
        Without a sandbox: the instructor's own files only.
    scheduler : str, optional
        Address of a Dask scheduler.

    Returns
    -------
    dict of str to dict
        The new records by student.
    """
    sandbox = Sandbox
    if unsafe:
        from grader.unsafe import Unsafe as sandbox
    elif not scheduler:
        find_bubblewrap()
    assignment = course.assignment(name)
    submissions = [s for s in course.submissions(name) if not students or s.student in students]
    done, todo = {}, {}
    with Book(course) as book:
        book.add_assignment(assignment)
        for submission in submissions:
            content = submission.read()
            record = course.record(name, submission.student)
            if record is None or again or record["sha256"] != digest(content):
                todo[submission.student] = (submission, content)
            elif not record["entered"]:  # an earlier run was killed between the two
                _enter(course, book, record)
        if not todo:
            return done
        contents = {student: content for student, (_, content) in todo.items()}
        results = mark_all(assignment.folder, [course.root], contents, workers, sandbox, scheduler)
        for student, (record, cells) in tqdm(results, total=len(todo), desc=name, unit="student"):
            record |= about(todo[student][0])
            keep(course, record, cells, assignment)
            _enter(course, book, record)
            done[student] = record
    return done


def about(submission: Submission) -> dict:
    """Return what a record says beside the marks."""
    stamp = submission.path.parent / "timestamp.txt"
    try:
        submitted = stamp.read_text().strip()[:40]
        datetime.datetime.fromisoformat(submitted.removesuffix(" UTC"))
    except (OSError, ValueError):
        submitted = ""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"student": submission.student, "submitted": submitted, "graded": now, "entered": False}


def keep(course: Course, record: dict, cells: list, assignment: Assignment) -> None:
    """Write the graded notebook, then the record: once that is there, the mark is kept."""
    name, student = record["assignment"], record["student"]
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = safe_markdown(cell.source)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=dict(assignment.released.metadata))
    nbformat.validator.normalize(notebook)
    path = course.root / "autograded" / student / name / f"{name}.ipynb"
    write(path, nbformat.writes(notebook))
    write(course.record_path(name, student), json.dumps(record, indent=1, ensure_ascii=False))


def _enter(course: Course, book: Book, record: dict) -> None:
    """Enter a kept record into the grade book, then note that it is there."""
    name, student = record["assignment"], record["student"]
    path = course.root / "autograded" / student / name / f"{name}.ipynb"
    book.enter(record, nbformat.read(path, as_version=4))
    record["entered"] = True
    write(course.record_path(name, student), json.dumps(record, indent=1, ensure_ascii=False))
