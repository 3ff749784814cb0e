"""The worker pool: processes that mark submissions, on this machine or Dask's.

Marking runs the assignment's tests on what a student's code returns: a network that takes an hour
to predict, a text that becomes gigabytes. So each worker is watched by who gave it the work. One
that takes too long, or too much memory, is ended; its submission's record says so, and the next
worker goes on with the others.
"""

import contextlib
import gc
import itertools
import multiprocessing
import multiprocessing.connection
import os
import platform
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

try:
    import resource
except ImportError:  # Windows, where nothing is graded
    resource = None

from grader.assignment import Assignment
from grader.course import CourseError
from grader.trusted.mark import Marker, unmarked, version
from grader.trusted.sandbox import NoSandbox, Sandbox, end, ending

WORKER_SECONDS = 60  # that the first of Dask's workers may take to come
OWN_SECONDS = 90  # that marking may take beside what the submission's own code may
LEAST_BYTES, MOST_BYTES = 2 << 30, 6 << 30  # of a worker
LOOK_SECONDS = 0.1  # from one look at a worker's memory to the next
KILLED = "A worker was killed. Was there too little memory? Try fewer --workers."

# a worker's own, and its only one: to make it takes seconds
_marker: dict["Task", Marker] = {}
# a Dask worker's own worker, and who uses it: marking takes a process of its own each
_dask_worker: list["Worker"] = []
_busy = threading.Lock()


class Unmarkable(Exception):
    """A worker ended, or was ended, while it marked a submission; the message says why."""


class TooSlow(Unmarkable):
    """It took too long, and would again."""


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
    seconds : float
        That marking one may take.
    """

    folder: Path
    state: tuple
    secret: tuple
    sandbox: Callable
    seconds: float

    @classmethod
    def of(cls, assignment: Assignment, secret: Iterable[Path], sandbox=Sandbox) -> "Task":
        """Return the task of marking an assignment as it is here."""
        state, seconds = (assignment.sha256, version()), assignment.total_seconds + OWN_SECONDS
        return cls(assignment.folder, state, tuple(secret), sandbox, seconds)


class Worker:
    """A process that marks, seen from the one that gives it work; it is started when needed.

    Parameters
    ----------
    cores : list of int
        That it may use; all if empty.
    size : int
        Bytes that it may use, whatever an answer makes it do.
    """

    def __init__(self, cores: list[int], size: int) -> None:
        self.cores, self.size = cores, size
        self.process, self.connection, self.closed = None, None, False
        self._lock = threading.Lock()

    def do(self, task: Task, *arguments):
        """Give it work: to mark a submission, or to get ready if there are no arguments.

        Raises
        ------
        Unmarkable
            It ended, or was ended, while it marked.
        grader.course.CourseError
            It could not get ready.
        """
        new, ready, until = self._start(), False, float("inf")
        try:
            self.connection.send((task, arguments))
            while time.monotonic() < until:
                if self.connection.poll(LOOK_SECONDS):
                    what, value = self.connection.recv()
                    if what == "failed":
                        raise value
                    if what == "done":
                        return value
                    ready, until = True, time.monotonic() + task.seconds
                elif self._bytes() > self.size:
                    raise Unmarkable(f"it took more than {self.size / (1 << 30):.1f} GB of memory")
            raise TooSlow(f"it was not done after {task.seconds:.0f} s")
        except (EOFError, OSError):
            code = self._code()
            self.stop()
            if ready:
                why = f"the process that marked it stopped: {ending(code)}"
                raise Unmarkable(why) from None
            if new:
                why = (
                    KILLED
                    if code in (None, -9)
                    else f"A worker stopped in the source's setup: {ending(code)}."
                )
                raise CourseError(why) from None
        except Unmarkable:
            self.stop()
            raise
        return self.do(task, *arguments)  # it was killed while it had nothing to do

    def _code(self) -> int | None:
        """Return what its process ended with, None if that can't be known."""
        process = self.process
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(1) if process else None
        return None

    def _bytes(self) -> int:
        process = self.process
        with contextlib.suppress(psutil.Error):
            return psutil.Process(process.pid).memory_info().rss if process else 0
        return 0

    def _start(self) -> bool:
        """Start it, and return True; False if it runs."""
        with self._lock:
            if self.closed:
                raise CourseError("The pool is closed.")
            if self.process is not None and self.process.poll() is None:
                return False
            self._end()
            # one that Ctrl+C reaches before it ignores that would end, and say so
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            self.connection, theirs = multiprocessing.Pipe()
            try:
                program = f"import sys; sys.path[:] = {sys.path}; import grader.pool as pool; "
                program += f"pool.serve({theirs.fileno()}, {self.cores}, {self.size})"
                self.process = subprocess.Popen(
                    [sys.executable, "-c", program],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
            finally:
                theirs.close()
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            return True

    def stop(self, for_good: bool = False) -> None:
        """End it and all that it started."""
        with self._lock:
            self.closed |= for_good
            self._end()

    def _end(self) -> None:
        if self.process is None:
            return
        children = []
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children()
        self.process.kill()
        self.process.wait()
        for child in children:
            end(child.pid)
        self.process = None


@dataclass
class WorkerPool:
    """Workers that mark.

    Attributes
    ----------
    executor : concurrent.futures.Executor
    work : callable
        Takes a task, and arguments as :meth:`Worker.do`; the executor calls it.
    capacity : callable
        Returns how many submissions to hand them at a time.
    """

    executor: Executor
    work: Callable
    capacity: Callable[[], int]

    def prepare(self, task: Task) -> None:
        """Let each worker get ready for a task, while this process does other things."""
        for _ in range(self.capacity() - 1):
            self.executor.submit(self.work, task)

    def mark(
        self, task: Task, contents: Iterable[tuple[str, bytes]], tests_only: bool | dict = False
    ) -> Iterator:
        """Mark submissions.

        A worker that is killed, or takes too much memory, may have had the last one's share of
        it, or the machine none left: another tries once more. What can't be marked then gets a
        record that says why.

        Parameters
        ----------
        task : Task
        contents : iterable of tuple of str and bytes
            Each student and the file; one is taken when a worker is free for it.
        tests_only : bool or dict
            See :meth:`grader.trusted.mark.Marker.mark`; each student's own, if it is a dict.

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

        def submit(student: str, content: bytes, why: str = "", tries: int = 1) -> None:
            only = tests_only if isinstance(tests_only, bool) else tests_only[student]
            job = self.executor.submit(self.work, task, content, only, why)
            jobs[job] = student, content, why, tries

        while True:
            free = max(0, self.capacity() - len(jobs))
            for student, content in itertools.islice(contents, free):
                submit(student, content)
            if not jobs:
                break
            for done in wait(jobs, return_when=FIRST_COMPLETED).done:
                student, content, why, tries = jobs.pop(done)
                try:
                    result = done.result()
                except (CourseError, NoSandbox):
                    raise
                except Exception as error:  # a fault of ours must not hold up the others
                    if type(error).__name__ == "KilledWorker":  # Dask's, which has tried again
                        error, tries = Unmarkable("the workers that marked it were killed"), 2
                    if not isinstance(error, Unmarkable):
                        failed.append(f"{student} ({type(error).__name__}: {error})")
                        continue
                    if why:  # to lay out the file is too much, too
                        result = unmarked(Assignment(task.folder), content, why, read=False)
                    else:
                        again = tries == 1 and not isinstance(error, TooSlow)
                        submit(student, content, "" if again else str(error), tries + 1)
                        continue
                yield student, result
        if failed:
            raise CourseError(f"not marked, because of an error in the grader: {'; '.join(failed)}")


def memory_size(workers: int) -> int:
    """Return the bytes that each of some workers may use: a share of half the machine's.

    Not below what TensorFlow needs, nor above what any test does.
    """
    share = psutil.virtual_memory().total // 2 // workers
    return min(MOST_BYTES, max(LEAST_BYTES, share))


@contextmanager
def local_pool(workers: int):
    """Yield a :class:`WorkerPool` of processes on this machine.

    Parameters
    ----------
    workers : int
        How many.
    """
    # each has cores of its own, if there are enough: what a student starts slows nobody next door
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    shares = [cores[n::workers] if workers <= len(cores) else [] for n in range(workers)]
    started = [Worker(share, memory_size(workers)) for share in shares]
    free = queue.SimpleQueue()
    for worker in started:
        free.put(worker)

    def work(task: Task, *arguments):
        worker = free.get()
        try:
            return worker.do(task, *arguments)
        finally:
            free.put(worker)

    executor = ThreadPoolExecutor(workers)
    try:
        yield WorkerPool(executor, work, lambda: workers + 1)  # the next one lies ready
    finally:
        # at once: what is half marked is marked again, and TensorFlow takes its time to leave
        executor.shutdown(wait=False, cancel_futures=True)
        for worker in started:
            worker.stop(for_good=True)
        executor.shutdown()


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
            yield WorkerPool(executor, _work_for_dask, lambda: 2 * len(client.nthreads()))
        finally:
            executor.shutdown(wait=False)


def _work_for_dask(task: Task, *arguments):
    """Let the worker of this Dask worker, which has one, do some work."""
    with _busy:
        if not _dask_worker:
            _dask_worker.append(Worker([], memory_size(1)))
        return _dask_worker[0].do(task, *arguments)


def serve(descriptor: int, cores: list[int], size: int) -> None:
    """Be a worker, until whoever started it closes the connection or ends.

    Parameters
    ----------
    descriptor : int
        The connection.
    cores, size
        See :class:`Worker`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for that process
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    if cores:
        os.sched_setaffinity(0, cores)
    if resource:
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        lowest = min([size, *(value for value in (soft, hard) if value >= 0)])  # -1 is none
        resource.setrlimit(resource.RLIMIT_DATA, (lowest, hard))
    connection = multiprocessing.connection.Connection(descriptor)

    def follow():
        gone = select.poll()
        gone.register(descriptor, 0)  # nothing but its end
        gone.poll()
        for child in psutil.Process().children():
            end(child.pid)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            _answer(connection)
            # networks, and functions with what they are defined among, refer to themselves: they
            # would stay until Python next looks at everything, which is rare with TensorFlow in it
            gc.collect()


def _answer(connection) -> None:
    """Do what is asked for next, and say what came of it; whatever that took is free then."""
    task, arguments = connection.recv()
    try:
        marker = _ready_for(task)
        connection.send(("ready", None))
        reply = "done", _do(marker, *arguments) if arguments else None
    except Exception as error:
        known = isinstance(error, CourseError | NoSandbox)
        reply = "failed", error if known else Exception(f"{type(error).__name__}: {error}")
    connection.send(reply)


def _do(marker: Marker, content: bytes, tests_only: bool | Collection, why: str) -> tuple:
    """Mark a submission, or make the record that says why it can't be."""
    if why:
        return unmarked(marker.assignment, content, why)
    return marker.mark(content, tests_only)


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
        gc.unfreeze()
        gc.collect()
        try:
            _marker[task] = Marker(assignment, task.secret, task.sandbox)
        except NoSandbox:
            raise
        except Exception as error:  # the same for every student
            reason = f"{type(error).__name__}: {error}"
            raise CourseError(f"{assignment.name} can't be marked: {reason}") from error
        gc.freeze()  # what stays until the next assignment needs no further look
    return _marker[task]
