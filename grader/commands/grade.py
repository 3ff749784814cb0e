"""``python -m grader grade``: mark a class."""

import datetime
import itertools
import json
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import nbformat
from tqdm import tqdm

try:
    import resource
except ImportError:  # Windows, where nothing is graded
    resource = None

from grader.assignment import Assignment
from grader.course import Course, CourseError, Submission, digest, write
from grader.gradebook import Book
from grader.trusted.mark import Marker, version
from grader.trusted.sandbox import NoSandbox, Sandbox, find_bubblewrap
from grader.trusted.sanitise import safe_markdown

WORKER_SECONDS = 60  # that the first of Dask's workers may take to come
WORKER_BYTES = 6 << 30  # that a test may use, whatever an answer makes it do

_markers = {}  # this process's, by assignment and its source
_busy = threading.Lock()  # marking needs the process for itself, and a Dask worker has threads


def task(assignment: Assignment, secret: list[Path], sandbox=Sandbox) -> tuple:
    """Return what a worker must know of an assignment to mark it.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
        Workers elsewhere must have its folder at the same place.
    secret : list of pathlib.Path
        Folders that students' code must not see.
    sandbox : callable
        See :class:`grader.trusted.mark.Marker`.
    """
    return assignment.folder, (assignment.sha256, version()), secret, sandbox


def mark_one(source: Path, state: tuple, secret: list[Path], sandbox, content: bytes) -> tuple:
    """Mark a submission; a worker keeps its sandbox for the next one.

    Parameters
    ----------
    source : pathlib.Path
        The assignment's folder.
    state : tuple of str
        The source's hash and the grader's version, as they must be here too.
    secret, sandbox
        As :func:`task` takes them.
    content : bytes
        The submitted file.

    Returns
    -------
    tuple of dict and list
        As :meth:`grader.trusted.mark.Marker.mark` returns it.
    """
    with _busy:
        return _marker(source, state, secret, sandbox).mark(content)


def _prepare(*what) -> None:
    """Get ready to mark."""
    with _busy:
        _marker(*what)


def _marker(source: Path, state: tuple, secret: list[Path], sandbox) -> Marker:
    """Return this process's marker of an assignment, made if there is none."""
    if (source, state) not in _markers:
        assignment = Assignment(source)
        if (assignment.sha256, version()) != state:
            raise CourseError(f"{platform.node()} has another {source}, or another grader.")
        for marker in _markers.values():
            marker.close()
        _markers.clear()
        try:
            _markers[source, state] = Marker(assignment, secret, sandbox)
        except NoSandbox:
            raise
        except Exception as error:  # the same for every student
            reason = f"{type(error).__name__}: {error}"
            raise CourseError(f"{assignment.name} can't be marked: {reason}") from error
    return _markers[source, state]


def _serve(shares) -> None:
    """Make this process a worker, which ends when the process that started it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for that process
    if cores := shares.get():
        os.sched_setaffinity(0, cores)
    if resource:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        soft = WORKER_BYTES if hard == resource.RLIM_INFINITY else min(hard, WORKER_BYTES)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))

    def follow():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


class Crew:
    """Workers that mark.

    Parameters
    ----------
    pool : concurrent.futures.Executor
    room : callable
        Says how many submissions to hand them.
    """

    def __init__(self, pool, room) -> None:
        self.pool, self.room = pool, room


@contextmanager
def processes(workers: int, what: tuple = ()):
    """Yield a :class:`Crew` of processes on this machine.

    Parameters
    ----------
    workers : int
        How many.
    what : tuple
        A :func:`task` that they get ready for, while this process does other things.

    Raises
    ------
    grader.course.CourseError
        One of them was killed.
    """
    context = multiprocessing.get_context("spawn")
    # each has cores of its own, if there are enough: what a student starts slows nobody next door
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    shares = context.SimpleQueue()
    for number in range(workers):
        shares.put(cores[number::workers] if workers <= len(cores) else [])
    pool = ProcessPoolExecutor(workers, context, initializer=_serve, initargs=(shares,))
    for _ in range(workers if what else 0):
        pool.submit(_prepare, *what)
    try:
        yield Crew(pool, lambda: workers + 1)  # the next one lies ready
    except BrokenExecutor:
        text = "A worker was killed. Was memory short? Fewer --workers need less."
        raise CourseError(text) from None
    finally:
        # at once: what is half marked is marked again, and TensorFlow takes its time to leave
        for child in multiprocessing.active_children():
            child.terminate()
        pool.shutdown(cancel_futures=True)


@contextmanager
def dask_workers(address: str):
    """Yield a :class:`Crew` of the workers of the Dask scheduler at an address.

    Raises
    ------
    grader.course.CourseError
        There is no Dask, no scheduler, or no worker.
    """
    try:
        from distributed import Client
    except ImportError:
        text = "--scheduler needs Dask, here and on each worker: python -m pip install distributed"
        raise CourseError(text) from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise CourseError(f"No Dask scheduler answers at {address} ({error}).") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError:
            raise CourseError(f"The Dask scheduler at {address} has no worker.") from None
        pool = client.get_executor(pure=False)
        try:
            yield Crew(pool, lambda: 2 * len(client.nthreads()))
        finally:
            pool.shutdown(wait=False)


def mark_all(crew: Crew, what: tuple, contents: Iterable) -> Iterator:
    """Mark submissions.

    Parameters
    ----------
    crew : Crew
        Of :func:`processes` or :func:`dask_workers`.
    what : tuple
        Of :func:`task`.
    contents : iterable of tuple of str and bytes
        Each student and the file; one is taken when a worker is free for it.

    Yields
    ------
    student : str
    result : tuple of dict and list
        As :meth:`grader.trusted.mark.Marker.mark` returns it.

    Raises
    ------
    grader.course.CourseError
        Something could not be marked; all else is yielded before.
    """
    contents, jobs, failed = iter(contents), {}, []
    while True:
        for student, content in itertools.islice(contents, max(0, crew.room() - len(jobs))):
            jobs[crew.pool.submit(mark_one, *what, content)] = student
        if not jobs:
            break
        for done in wait(jobs, return_when=FIRST_COMPLETED).done:
            student = jobs.pop(done)
            try:
                result = done.result()
            except (CourseError, NoSandbox, BrokenExecutor):
                raise
            except Exception as error:  # a fault of ours must not hold up the others
                failed.append(f"{student} ({type(error).__name__}: {error})")
                continue
            yield student, result
    if failed:
        raise CourseError(f"not marked, by a fault of the grader: {'; '.join(failed)}")


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
        from grader.trusted.unsafe import Unsafe as sandbox
    elif not scheduler:
        find_bubblewrap()
    assignment = course.assignment(name)
    submissions = [s for s in course.submissions(name) if not students or s.student in students]
    if absent := set(students) - {s.student for s in submissions}:
        raise CourseError(f"{', '.join(sorted(absent))} handed in nothing for {name}.")
    waiting = {
        s.student: s
        for s in submissions
        if again or not (_record(course, name, s) or {}).get("entered")
    }
    if not waiting:
        with Book(course) as book:
            book.add_assignment(assignment)  # formgrader lists it
        return {}
    what = task(assignment, [course.root], sandbox)
    done, others = {}, 0
    crew_of = dask_workers(scheduler) if scheduler else processes(workers, what)
    with crew_of as crew, Book(course) as book:
        book.add_assignment(assignment)
        with tqdm(total=len(waiting), desc=name, unit="student") as bar:

            def contents():
                nonlocal others
                for student, submission in waiting.items():
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

            for student, (record, cells) in mark_all(crew, what, contents()):
                record |= about(waiting[student])
                keep(course, record, cells, assignment)
                _enter(course, book, record)
                done[student] = record
                bar.update()
    if others:
        print(f"{name}: {others} left to another grader, which is at work on them.")
    return done


def _record(course: Course, name: str, submission: Submission) -> dict | None:
    """Return the record of a submission as it is now, None if it is not marked."""
    record = course.record(name, submission.student)
    return record if record and record["sha256"] == digest(submission.read()) else None


def about(submission: Submission) -> dict:
    """Return what a record says beside the marks."""
    # read as warily as the notebook beside it
    stamp = Submission(submission.student, submission.path.parent / "timestamp.txt")
    try:
        submitted = stamp.read()[:100].decode().strip()[:40]
        datetime.datetime.fromisoformat(submitted.removesuffix(" UTC"))
    except ValueError:
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
    book.enter(record)
    record["entered"] = True
    path = course.record_path(record["assignment"], record["student"])
    write(path, json.dumps(record, indent=1, ensure_ascii=False))
