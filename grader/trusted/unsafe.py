"""Runs cells without a sandbox: for files that the instructor wrote, where there is no bubblewrap.

Tests still run outside of the cells' process, and cells still have their time. But what runs here
can read, write and send whatever the instructor can.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from grader.shared.wire import Channel
from grader.trusted.sandbox import TOLD_SECONDS, NoSandbox, Session, ending

_SERVE = "import socket; from grader.hostile.kernel import serve; serve(socket.socket(fileno={}))"


class Unsafe:
    """Makes processes as :class:`grader.trusted.sandbox.Sandbox` does, but unprotected ones.

    Parameters
    ----------
    imports, secret, memory, setup
        As there; not used.
    data : pathlib.Path, optional
        The assignment's own data folder.
    """

    launches = 1

    def __init__(self, imports, secret=(), data=None, memory: float = 4, setup=()) -> None:
        self.data = data

    def launch(self) -> None:
        """Check that processes can be made."""
        if os.name == "nt":
            raise NoSandbox("Windows can't pass a socket to a process. Use WSL 2 and bubblewrap.")

    def start(self) -> None:
        """Do nothing: each session starts a process of its own."""

    def lives(self, launch: int) -> bool:
        """Return True: nothing is started that could end by itself."""
        return True

    def session(self) -> "UnsafeSession":
        """Return a new process."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = UnsafeSession(ours, theirs.fileno(), self.data)
        ours.settimeout(120)
        if ours.recv(1) != b"+":
            raise NoSandbox("The process for the cells does not start.")
        return process

    def stop(self) -> None:
        """Do nothing: every session ends its own process."""


class UnsafeSession(Session):
    """A process that runs cells.

    Parameters
    ----------
    connection : socket.socket
        To it.
    theirs : int
        The descriptor at its end.
    data : pathlib.Path, optional
        What it sees as ``data``.
    """

    def __init__(self, connection: socket.socket, theirs: int, data: Path | None) -> None:
        self.channel, self.cause = Channel(connection), ""
        self.folder = tempfile.TemporaryDirectory()
        if data:
            (Path(self.folder.name) / "data").symlink_to(data)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE.format(theirs)],
            pass_fds=[theirs],
            cwd=self.folder.name,
            env=os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
            stdin=subprocess.DEVNULL,
        )

    def _signal(self, number: int) -> None:
        self.process.send_signal(number)  # does nothing if it has ended

    def _ending(self) -> str:
        try:
            return ending(self.process.wait(TOLD_SECONDS))
        except subprocess.TimeoutExpired:
            return "it closed its connection to the grader"

    def end(self) -> None:
        """End the process."""
        if self.process.poll() is None:
            self._signal(signal.SIGKILL)
            self.process.wait()
        self.channel.close()
        self.folder.cleanup()
