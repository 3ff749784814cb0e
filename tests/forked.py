"""Processes that need not import TensorFlow: forks of one that has imported it, and not used it.

An import takes seconds of a core, and tests of many processes start dozens. What is forked is what
a script would be in a process of its own, but for Python's own start and end.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
from multiprocessing.connection import Connection
from types import SimpleNamespace

_FORKS = multiprocessing.get_context("forkserver") if sys.platform == "linux" else None
if _FORKS:
    _FORKS.set_forkserver_preload(["libs.checkpoints", "libs.datasets", "keras", "numpy"])


class Popen:
    """As much of :class:`subprocess.Popen` as ``notebooks/scale/workers.py`` needs."""

    def __init__(self, command, env, encoding, errors, **_) -> None:
        their_in, our_in = multiprocessing.Pipe(duplex=False)
        our_out, their_out = multiprocessing.Pipe(duplex=False)
        given = command[command.index("-P") + 1 :], env, their_in, their_out
        self._process = _FORKS.Process(target=_run, args=given)
        self._process.start()
        self.pid = self._process.pid
        self.kill, self.terminate = self._process.kill, self._process.terminate
        self.stdin = os.fdopen(os.dup(our_in.fileno()), "w", encoding=encoding)
        self.stdout = os.fdopen(os.dup(our_out.fileno()), encoding=encoding, errors=errors)
        for end in (their_in, our_in, our_out, their_out):
            end.close()

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self._process.exitcode

    def wait(self) -> int:
        """Return the exit status once it has ended."""
        self._process.join()
        return self._process.exitcode


def _run(command: list[str], env: dict, stdin: Connection, stdout: Connection) -> None:
    """Become a process that was started with this command, in this environment."""
    os.setsid()
    for number, end in enumerate((stdin, stdout)):
        os.dup2(end.fileno(), number)
        end.close()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8")
    os.environ.clear()
    os.environ |= env
    sys.argv[:] = command
    runpy.run_path(command[0], run_name="__main__")


def starting(started: list, fork: bool) -> SimpleNamespace:
    """Return what stands for ``subprocess``, and notes each process that is started.

    Parameters
    ----------
    started : list
        Gets pid and environment of each.
    fork : bool
        Whether they are forks; else they are started.
    """
    start = Popen if fork and _FORKS else subprocess.Popen

    def popen(*arguments, **options):
        process = start(*arguments, **options)
        started.append((process.pid, options["env"]))
        return process

    return SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE, DEVNULL=subprocess.DEVNULL)
