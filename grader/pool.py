"""The worker pool: processes that mark submissions, on this machine or Dask's."""

import itertools
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import NamedTuple

import psutil

try:
    import resource
except ImportError:  # Windows, where nothing is graded
    resource = None

from grader.assignment import Assignment
from grader.course import CourseError
from grader.trusted.mark import Marker, version
from grader.trusted.sandbox import END_SECONDS, NoSandbox, Sandbox, end

WORKER_SECONDS = 60  # that the first of Dask's workers may take to come
WORKER_BYTES = 6 << 30  # that a test may use, whatever an answer makes it do

# a worker's own, and its only one: to make it takes seconds, and an executor keeps no state
_marker: dict["Task", Marker] = {}
_busy = threading.Lock()  # marking needs the process for itself, and a Dask worker has threads


class Task(NamedTuple):
    """What a worker must know to mark submissions of an assignment; it travels to the worker.

    Attributes
    ----------
    folder : pathlib.Path
        The assignment's; workers elsewhere must have it at the same place.
    state : tuple of str
        The source's hash and the grader's version, as they must be there too.
    secret : tuple of pathlib.Path
        Folders that students' code must not see.
    sandbox : callable
        See :class:`grader.trusted.mark.Marker`.
    """

    folder: Path
    state: tuple
    secret: tuple
    sandbox: Callable

    @classmethod
    def of(cls, assignment: Assignment, secret: Iterable[Path], sandbox=Sandbox) -> "Task":
        """Return the task of marking an assignment as it is here."""
        return cls(assignment.folder, (assignment.sha256, version()), tuple(secret), sandbox)


@dataclass
class WorkerPool:
    """Workers that mark.

    Attributes
    ----------
    executor : concurrent.futures.Executor
    capacity : callable
        Returns how many submissions to hand them at a time.
    """

    executor: Executor
    capacity: Callable[[], int]

    def prepare(self, task: Task) -> None:
        """Let each worker get ready for a task, while this process does other things."""
        for _ in range(self.capacity() - 1):
            self.executor.submit(_prepare, task)

    def mark(
        self, task: Task, contents: Iterable[tuple[str, bytes]], tests_only: bool = False
    ) -> Iterator:
        """Mark submissions.

        Parameters
        ----------
        task : Task
        contents : iterable of tuple of str and bytes
            Each student and the file; one is taken when a worker is free for it.
        tests_only : bool
            See :meth:`grader.trusted.mark.Marker.mark`.

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
            free = max(0, self.capacity() - len(jobs))
            for student, content in itertools.islice(contents, free):
                jobs[self.executor.submit(_mark, task, content, tests_only)] = student
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
            raise CourseError(f"not marked, because of an error in the grader: {'; '.join(failed)}")


@contextmanager
def local_pool(workers: int):
    """Yield a :class:`WorkerPool` of processes on this machine.

    Parameters
    ----------
    workers : int
        How many.

    Raises
    ------
    grader.course.CourseError
        One of them was killed.
    """
    # not Python's fork server: it needs a socket with a short name, and a file system with modes
    context = multiprocessing.get_context("spawn")
    # each has cores of its own, if there are enough: what a student starts slows nobody next door
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    shares = context.SimpleQueue()
    for number in range(workers):
        shares.put(cores[number::workers] if workers <= len(cores) else [])
    closed, closing = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(shares, closed))
    others = set(multiprocessing.active_children())
    try:
        yield WorkerPool(executor, lambda: workers + 1)  # the next one lies ready
    except BrokenExecutor:
        text = "A worker was killed. Was there too little memory? Try fewer --workers."
        raise CourseError(text) from None
    finally:
        # at once: what is half marked is marked again, and TensorFlow takes its time to leave
        closing.close()
        for child in set(multiprocessing.active_children()) - others:
            child.join(2 * END_SECONDS)
            child.terminate()
        executor.shutdown(cancel_futures=True)
        closed.close()


@contextmanager
def dask_pool(address: str):
    """Yield a :class:`WorkerPool` of the workers of the Dask scheduler at an address.

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
        executor = client.get_executor(pure=False)
        try:
            yield WorkerPool(executor, lambda: 2 * len(client.nthreads()))
        finally:
            executor.shutdown(wait=False)


def _start(shares, closed) -> None:
    """Make this process a worker, which ends when the pool or the process that made it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for that process
    if cores := shares.get():
        os.sched_setaffinity(0, cores)
    if resource:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        soft = WORKER_BYTES if hard == resource.RLIM_INFINITY else min(hard, WORKER_BYTES)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))

    def follow():
        wait_for([multiprocessing.parent_process().sentinel, closed])
        for child in psutil.Process().children():
            end(child.pid)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _mark(task: Task, content: bytes, tests_only: bool) -> tuple:
    """Mark a submission, in a worker."""
    with _busy:
        return _ready_for(task).mark(content, tests_only)


def _prepare(task: Task) -> None:
    """Get ready to mark, in a worker."""
    with _busy:
        _ready_for(task)


def _ready_for(task: Task) -> Marker:
    """Return this process's marker for a task, made if there is none; the last one's is closed."""
    if task not in _marker:
        assignment = Assignment(task.folder)
        if (assignment.sha256, version()) != task.state:
            raise CourseError(
                f"{platform.node()} has a different version of {task.folder} or of the grader."
            )
        while _marker:
            _marker.popitem()[1].close()
        try:
            _marker[task] = Marker(assignment, task.secret, task.sandbox)
        except NoSandbox:
            raise
        except Exception as error:  # the same for every student
            reason = f"{type(error).__name__}: {error}"
            raise CourseError(f"{assignment.name} can't be marked: {reason}") from error
    return _marker[task]
