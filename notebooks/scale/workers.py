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
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """One line of text, its worker's number, and the seconds since the workers were started."""

    worker: int
    seconds: float
    text: str


def tf_config(addresses: list[str], index: int) -> str:
    """Return the value of ``TF_CONFIG`` for one worker, in JSON.

    Parameters
    ----------
    addresses : list of str
        ``"host:port"`` of each worker, in the same order for all of them.
    index : int
        Which of them this worker is; number 0 is the chief. IndexError if there is none.

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

    Iterate over them for what they print, as it comes, until all have ended. Whichever way the
    block is left, all are killed and waited for. If this process dies without a chance to do so,
    they end themselves: each holds the end of a pipe that closes with its parent.

    Workers see no GPU: on one machine they would have to share it, which NCCL, the library that
    adds up gradients between GPUs, refuses. Proxies are ignored, too, for loopback needs none.

    Parameters
    ----------
    script : path
        A Python file; FileNotFoundError if there is none.
    arguments : sequence
        Its command line, turned into strings.
    count : int
        How many processes.

    Examples
    --------
    >>> _ = Path("hello.py").write_text("print('hello')", "utf-8")
    >>> with Workers("hello.py") as workers:
    ...     sorted((line.worker, line.text) for line in workers)
    [(0, 'hello'), (1, 'hello')]
    """

    def __init__(self, script: str | os.PathLike, arguments=(), count: int = 2) -> None:
        self._script = Path(script).resolve()
        if not self._script.is_file():
            raise FileNotFoundError(f"there is no script {self._script}.")
        self._arguments = [str(argument) for argument in arguments]
        self._count = count
        self._processes: list[subprocess.Popen] = []
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> "Workers":
        self._began = time.perf_counter()
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        try:
            addresses = [f"127.0.0.1:{port}" for port in _free_ports(self._count)]
            here = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
            here |= {"CUDA_VISIBLE_DEVICES": "-1", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
            for index in range(self._count):
                process = subprocess.Popen(
                    [sys.executable, "-P", __file__, str(self._script), *self._arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # notices; of errors the exit status tells
                    env=here | {"TF_CONFIG": tf_config(addresses, index)},
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,  # an interruption of the notebook is for the notebook
                )
                self._processes.append(process)
                reader = threading.Thread(target=self._read, args=(index, process), daemon=True)
                reader.start()
                self._readers.append(reader)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *exception) -> None:
        self._end()

    def __iter__(self) -> Iterator[Line]:
        open_streams = self._count
        while open_streams:
            try:  # with a time limit, so that an interruption gets through on every system
                line = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            if line is None:
                open_streams -= 1
            else:
                yield line
        for process in self._processes:
            process.wait()

    @property
    def codes(self) -> list[int | None]:
        """Exit status of each worker: None while it runs, negative if a signal ended it."""
        return [process.poll() for process in self._processes]

    def kill(self, worker: int) -> None:
        """End a worker on the spot, as a power cut would: it can't save or say anything."""
        self._processes[worker].kill()

    def terminate(self, worker: int) -> None:
        """Tell a worker to go, as schedulers do (SIGTERM). Windows has no such signal: a kill."""
        self._processes[worker].terminate()

    def _end(self) -> None:
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

    def _read(self, index: int, process: subprocess.Popen) -> None:
        for text in process.stdout:
            seconds = time.perf_counter() - self._began
            self._queue.put(Line(index, seconds, text.rstrip("\n")))
        self._queue.put(None)


def _free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on now.

    They lie below those that systems hand out by themselves, lest another program gets one before
    its worker listens there.
    """
    found = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("", port))  # TensorFlow listens on every address of the machine
            found += [port] if port not in found else []
    return found


def _end_with_parent() -> None:
    """Wait until the parent's end of the pipe closes, which its death does, too; then end."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(1)


def _run_worker() -> None:
    """Run the script named on the command line as if it had been started itself."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # libs, wherever it is
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _run_worker()
