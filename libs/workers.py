"""Worker processes of one script on this machine, ended whatever happens to who started them.

Each worker gets an address of its own on the loopback interface and the environment variable
``TF_CONFIG``, from which TensorFlow's strategies know the others. Nothing else tells a worker that
it runs here and not on a cluster.
"""

import contextlib
import json
import os
import queue
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_TRIES = 3  # between choosing a port and using it, somebody else may take it
_TAKEN = "Could not start gRPC server"  # what TensorFlow says then


@dataclass(frozen=True)
class Line:
    """One line that a worker wrote.

    Attributes
    ----------
    worker : int
        Who wrote it.
    seconds : float
        When, counted from the start of the workers.
    text : str
        What, without the end of line.
    """

    worker: int
    seconds: float
    text: str


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    list of int
        All different.

    Examples
    --------
    >>> len(set(free_ports(3)))
    3
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("", 0))  # TensorFlow listens on every address of the machine
        return [one.getsockname()[1] for one in sockets]


def tf_config(addresses: list[str], index: int) -> str:
    """Return the value of ``TF_CONFIG`` for one worker.

    Parameters
    ----------
    addresses : list of str
        ``"host:port"`` of each worker, in the same order for all of them.
    index : int
        Which of them this worker is; number 0 is the chief.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    IndexError
        If there is no such worker.

    Examples
    --------
    >>> print(tf_config(["a:1", "b:1"], 1))
    {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    """
    if not 0 <= index < len(addresses):
        raise IndexError(f"there is no worker {index} among {len(addresses)}.")
    cluster = {"worker": list(addresses)}
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})


class Workers:
    """Several processes of one script, alive no longer than the ``with`` block.

    Whichever way the block is left, all processes are killed and waited for. If this process dies
    without a chance to do so, the workers notice within a moment and end themselves: each holds
    the end of a pipe that closes with its parent.

    Parameters
    ----------
    script : path
        A Python file.
    arguments : sequence
        Its command line, turned into strings.
    count : int
        How many processes.

    Attributes
    ----------
    addresses : list of str
        ``"127.0.0.1:port"`` of each worker; known inside the block.
    lines : list of Line
        Everything they wrote so far, in the order of arrival.
    errors : list of str
        What each worker wrote to its error stream.

    Raises
    ------
    FileNotFoundError
        If there is no such script.

    Notes
    -----
    Workers see no GPU: on one machine they would have to share it, which NCCL, the library that
    adds up gradients between GPUs, refuses. Proxies are ignored, too, for loopback needs none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     script = Path(folder) / "hello.py"
    ...     _ = script.write_text("print('hello')")
    ...     with Workers(script, count=2) as workers:
    ...         sorted((line.worker, line.text) for line in workers)
    [(0, 'hello'), (1, 'hello')]
    """

    def __init__(self, script: str | os.PathLike, arguments=(), count: int = 2) -> None:
        self._script = Path(script).resolve()
        if not self._script.is_file():
            raise FileNotFoundError(f"there is no script {self._script}.")
        self._arguments = [str(argument) for argument in arguments]
        self._count = count
        self._tries = 0
        self._processes: list[subprocess.Popen] = []
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> "Workers":
        try:
            self._start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *exception) -> None:
        self.end()

    def __iter__(self) -> Iterator[Line]:
        """Yield what the workers write, as it comes, until all of them have ended."""
        while True:
            open_streams = self._count
            while open_streams:
                try:  # with a time limit, so that an interruption gets through on every system
                    line = self._queue.get(timeout=0.2)
                except queue.Empty:
                    continue
                if line is None:
                    open_streams -= 1
                else:
                    self.lines.append(line)
                    yield line
            self.wait()
            if self._tries == _TRIES or not any(_TAKEN in text for text in self.errors):
                return
            self.end()
            self._start()

    @property
    def codes(self) -> list[int | None]:
        """Exit status of each worker: None while it runs, negative if a signal ended it."""
        return [process.poll() for process in self._processes]

    @property
    def pids(self) -> list[int]:
        """Process number of each worker."""
        return [process.pid for process in self._processes]

    @property
    def errors(self) -> list[str]:
        """What each worker wrote to its error stream so far."""
        return ["".join(lines) for lines in self._errors]

    def kill(self, worker: int) -> None:
        """End a worker on the spot, as a power cut would: it can't save or say anything."""
        self._processes[worker].kill()

    def wait(self, timeout: float | None = None) -> list[int]:
        """Wait until all workers have ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default there is no limit.

        Returns
        -------
        list of int
            Their exit statuses.

        Raises
        ------
        TimeoutError
            If one of them still runs after ``timeout``.
        """
        until = None if timeout is None else time.monotonic() + timeout
        for number, process in enumerate(self._processes):
            try:
                process.wait(until and max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise TimeoutError(f"worker {number} still runs after {timeout} s.") from None
        for reader in self._readers:
            reader.join()
        return self.codes

    def end(self) -> None:
        """Kill those that still run, and wait for all; again and again does no harm."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            process.stdin.close()
        for reader in self._readers:  # the streams end with their processes
            reader.join()
        for process in self._processes:
            process.stdout.close()
            process.stderr.close()

    def _start(self) -> None:
        self._tries += 1
        self._began = time.perf_counter()
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._processes, self._readers = [], []
        self.lines: list[Line] = []
        self._errors: list[list[str]] = [[] for _ in range(self._count)]
        self.addresses = [f"127.0.0.1:{port}" for port in free_ports(self._count)]
        here = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        here |= {"CUDA_VISIBLE_DEVICES": "-1", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        for index in range(self._count):
            process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(self._script), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=_ROOT,
                env=here | {"TF_CONFIG": tf_config(self.addresses, index)},
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # an interruption of the notebook is for the notebook
            )
            self._processes.append(process)
            for read in (self._read_lines, self._read_errors):
                reader = threading.Thread(target=read, args=(index, process), daemon=True)
                reader.start()
                self._readers.append(reader)

    def _read_lines(self, index: int, process: subprocess.Popen) -> None:
        for text in process.stdout:
            seconds = time.perf_counter() - self._began
            self._queue.put(Line(index, seconds, text.rstrip("\n")))
        self._queue.put(None)

    def _read_errors(self, index: int, process: subprocess.Popen) -> None:
        for text in process.stderr:
            self._errors[index].append(text)


def _end_with_parent() -> None:
    """Wait until the parent's end of the pipe closes, which its death does, too; then end."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(1)


def _run_worker() -> None:
    """Run the script named on the command line as if it had been started itself."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.path.insert(0, str(_ROOT))  # libs, wherever the course was put
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _run_worker()
