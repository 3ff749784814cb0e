"""Sandboxes that students' cells run in: bubblewrap around a process that forks for each."""

import contextlib
import functools
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from array import array

import psutil

from grader.shared.wire import Channel, WireError, WireTimeout
from grader.trusted import cgroup
from grader.trusted.bubblewrap import NoSandbox, bubblewraps, command, low_limits, remedy
from grader.trusted.watch import GIGABYTE, Watch

FILE_BYTES, PROCESSES = 256 << 20, 200
LOOK_SECONDS = 0.1  # from one look at what a student's processes take to the next
START_SECONDS, TRIAL_SECONDS, END_SECONDS, TOLD_SECONDS = 120, 60, 3, 1
SEEN = 16  # what a new process sends open, at most
# what a death by a signal is to whoever reads it: libraries' own crashes, for the most part
_SIGNALS = {
    "SIGSEGV": "it crashed: it used memory that is not its own, or a library gave up",
    "SIGABRT": "it crashed: a library gave up",
    "SIGBUS": "it crashed: it used memory that is not there",
    "SIGFPE": "it crashed: a library divided by zero",
    "SIGILL": "it crashed: this processor has no such instruction",
    "SIGKILL": "it was killed, as a system does that runs out of memory",
    "SIGXFSZ": "it wrote too large a file",
    "SIGSYS": "it asked the system for what is forbidden here",
}
_CREDENTIALS = struct.Struct("3i")


class ProcessDied(Exception):
    """The student's process is gone; the message says why, for the student."""


class TimedOut(Exception):
    """The student's code took too long and was interrupted; its process lives."""


class Sandbox:
    """A sandbox from which sessions fork.

    Parameters
    ----------
    imports : list of str
        Modules to import ahead of every student's code.
    secret : list of pathlib.Path
        Folders, and single files, that must not be seen inside.
    data : pathlib.Path, optional
        The assignment's own data folder.
    memory : float
        Gigabytes that a session may use.
    setup : list of str
        The source's setup cells, run once for all sessions if a fork allows that.
    program : str, optional
        bubblewrap; by default the one that :func:`find_bubblewrap` finds.

    Attributes
    ----------
    scoped : bool
        Start it in a control group, where there is one.
    launches : int
        How often it was started.
    """

    def __init__(
        self, imports, secret=(), data=None, memory: float = 4, setup=(), program: str = ""
    ) -> None:
        self.program = program
        self.imports, self.secret, self.data = list(imports), list(secret), data
        self.memory, self.setup = memory, list(setup)
        self.process, self.control, self.waiting = None, None, False
        self.scoped, self.launches = True, 0
        self._scope_name, self._scope = "", None

    def launch(self) -> None:
        """Start the process that sessions fork from, and don't wait until it is ready."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = self.program or find_bubblewrap()
        line, settings = command(program, theirs.fileno(), self.secret, self.data)
        limits = {
            "DATA": int(self.memory * GIGABYTE),
            "NPROC": PROCESSES,
            "FSIZE": FILE_BYTES,
            "NOFILE": 512,
            "SIGPENDING": 1024,  # and timers
            "MSGQUEUE": 0,
            "CORE": 1,  # with 0 a program that collects them would get it all the same
        }
        settings |= {"imports": self.imports, "limits": limits}
        settings |= {"setup": self.setup, "data": str(self.data or "")}
        begin, self._scope = [], None
        if self.scoped:
            self._scope_name, begin = cgroup.scope()
            self.scoped = bool(begin)
        self.launches += 1
        self.process = subprocess.Popen(
            [*begin, *line],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        with contextlib.suppress(OSError):  # it has ended already: start() says why
            self.control.send(json.dumps(settings).encode())
        self.waiting = True

    def start(self, seconds: float = START_SECONDS) -> None:
        """Start the process that sessions fork from; does nothing if it is ready."""
        if self.process is None or self.process.poll() is not None:
            self.launch()
        if not self.waiting:
            return
        self.waiting = False
        self.control.settimeout(seconds)
        try:
            ready = self.control.recv(16)
        except OSError:
            ready = b""
        if ready != b"ready":
            end(self.process.pid)
            os.set_blocking(self.process.stderr.fileno(), False)  # what it started may hold it
            complaint = (self.process.stderr.read() or b"").decode(errors="replace").strip()
            self.stop()
            if self.scoped:  # whoever gives scopes may have gone, as when a user has logged out
                self.scoped = False
                return self.start(seconds)
            raise NoSandbox(f"The sandbox does not start: {complaint[-500:]}{low_limits()}")
        if self.scoped:
            with contextlib.suppress(OSError):
                self._scope = cgroup.Scope(self._scope_name, self.process.pid)

    def lives(self, launch: int) -> bool:
        """Return whether it runs and was not started again since a launch."""
        return launch == self.launches and self.process is not None and self.process.poll() is None

    def session(self) -> "Session":
        """Return a new student's process."""
        seen_bytes = array("i").itemsize * SEEN
        for _ in range(2):
            reply, seen = b"", []
            self.start()
            ours, theirs = socket.socketpair()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            with contextlib.suppress(OSError):
                socket.send_fds(self.control, [b"fork"], [theirs.fileno()])
                theirs.close()
                ours.settimeout(60)
                # one byte: what follows it may have arrived already
                room = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(seen_bytes)
                reply, extra, _, _ = ours.recvmsg(1, room, socket.MSG_CMSG_CLOEXEC)
                if reply == b"!":
                    told = {kind: content for _, kind, content in extra}
                    pid, _, _ = _CREDENTIALS.unpack(told[socket.SCM_CREDENTIALS])
                    seen = [*array("i", told[socket.SCM_RIGHTS])]
                    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
                    reply = ours.recv(1)
                    if reply == b"+":
                        watch = Watch(seen[1:], self.memory)
                        return Session(ours, pid, watch, seen[0], self._part(pid))
                reply += ours.recv(400)
            for number in seen:
                os.close(number)
            ours.close()
            self.stop()
        text = f"{reply.decode(errors='replace')}{low_limits()}"
        raise NoSandbox(f"The sandbox can't start a process: {text}")

    def _part(self, pid: int) -> cgroup.Part | None:
        with contextlib.suppress(OSError):
            return self._scope and self._scope.part(pid, self.memory, PROCESSES)
        return None

    def stop(self) -> None:
        """End the sandbox and all that runs in it."""
        if self.process is not None:
            self.control.close()
            end(self.process.pid)
            self.process.wait()
            self.process.stderr.close()
            self.process = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


def end(pid: int) -> None:
    """End a child and all that it started, from the last one up.

    bubblewrap, if it is killed before it has set up its own child, leaves that waiting for ever.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        process, until = psutil.Process(pid), time.monotonic() + END_SECONDS
        while time.monotonic() < until:
            for child in process.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0.02)
                return
        process.kill()


def ending(code: int | None) -> str:
    """Say in words how a process ended.

    Parameters
    ----------
    code : int or None
        What it ended with, less than 0 for a signal; None if that is not known.

    Examples
    --------
    >>> ending(-9)
    'it was killed, as a system does that runs out of memory (signal 9, SIGKILL)'
    """
    if code is None:
        return "it ended, and nobody knows why"
    if code >= 0:  # which number is told nowhere: a student could say with it what a test asks
        return "it ended itself, as os._exit does, or closed its connection"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"it was ended by signal {-code}"
    return f"{_SIGNALS.get(name, 'it was ended')} (signal {-code}, {name})"


def find_bubblewrap() -> str:
    """Return the path of a bubblewrap that works here: the system's, else the package's.

    Raises
    ------
    NoSandbox
        None does.
    """
    program, why = _search(os.environ.get("PATH", ""))
    if not program:
        raise NoSandbox(why)
    return program


@functools.cache  # a trial takes a second
def _search(path: str) -> tuple[str, str]:
    """Return the bubblewrap that works with a PATH, or why none does."""
    needed = "Students' code is only run in a sandbox (bubblewrap)"
    if not sys.platform.startswith("linux"):
        return "", f"{needed}, which needs Linux. Grade in a Linux container or on a Linux machine."
    told, end = [], "sudo apt install bubblewrap (or dnf, pacman …), or python install.py --grading"
    for program, wrong in bubblewraps():
        if not wrong:
            try:
                with Sandbox([], program=program) as trial:
                    trial.scoped = False  # it shall be bubblewrap's fault if it fails
                    trial.start(TRIAL_SECONDS)
                    trial.session().end()
                return program, ""
            except NoSandbox as error:
                wrong, end = " ".join(str(error).split()).removesuffix("."), remedy()
        told.append(f"{program}: {wrong}")
    if not (low := low_limits()) or low.strip() in " ".join(told):
        low = ""
    return "", f"{needed}, and none works here. {'. '.join(told)}. {end}.{low}"


class Session:
    """A student's process.

    Parameters
    ----------
    connection : socket.socket
        To it.
    pid : int
        Its number on this machine.
    watch : grader.trusted.watch.Watch
        Counts what it and what it starts take together.
    told : int
        The end of a pipe in which stands, later, how it ended.
    part : grader.trusted.cgroup.Part, optional
        The control group that it and what it starts are in.
    """

    part = None

    def __init__(self, connection, pid: int, watch: Watch, told: int, part=None) -> None:
        self.channel, self.watch, self.told, self.part = Channel(connection), watch, told, part
        self.pidfd, self.cause = os.pidfd_open(pid), ""
        self._over = threading.Event()
        self._guard = threading.Thread(target=self._watch, daemon=True)
        self._guard.start()

    def request(self, message: dict, arrays=(), seconds: float = 60):
        """Send a message; return the reply and its arrays' bytes.

        Raises
        ------
        TimedOut
            It took longer than that, and was interrupted.
        ProcessDied
            The process is gone, or had to be ended.
        """
        until = time.monotonic() + seconds
        try:
            self.channel.send(message, arrays, seconds)
            return self.channel.receive(until - time.monotonic())
        except WireTimeout:
            pass
        except WireError as error:
            raise self._dead(error) from None
        self._signal(signal.SIGINT)
        try:
            self.channel.receive(3)
        except WireTimeout:
            self.cause = f"did not stop after {seconds:g} s, even when interrupted"
            raise self._dead(None) from None
        except WireError as error:
            raise self._dead(error) from None
        raise TimedOut(f"still not done after {seconds:g} s: does a loop never end?")

    def _dead(self, error) -> ProcessDied:
        why = str(error)
        if not self.cause and "is gone" in why:
            why = self._excess() or f"stopped: {self._ending()}"
        self.end()
        return ProcessDied(self.cause or why)

    def _excess(self) -> str:
        """Say what the kernel ended its processes for, if it did."""
        return self.part.excess() if self.part else ""

    def _ending(self) -> str:
        """Say how the process ended, if it did."""
        ready = select.poll()
        ready.register(self.pidfd, select.POLLIN)
        if not ready.poll(1000 * TOLD_SECONDS):
            return "it closed its connection to the grader"
        ready = select.poll()
        ready.register(self.told, select.POLLIN)
        text = os.read(self.told, 8) if ready.poll(1000 * TOLD_SECONDS) else b""
        return ending(int(text) if re.fullmatch(rb"-?\d+", text) else None)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def _watch(self) -> None:
        """End the process when it and what it started use too much together."""
        while not self._over.wait(LOOK_SECONDS):
            try:
                found = self.watch.excess() or self._excess()
            except Exception as error:  # what is not watched does not run
                found = f"could not be watched ({type(error).__name__}: {error})"
            if found:
                self.cause = self.cause or found
                self._signal(signal.SIGKILL)
                return

    def end(self) -> None:
        """End the process and all that it started."""
        if not self._over.is_set():
            self._over.set()
            self._signal(signal.SIGKILL)
            self._guard.join()
            os.close(self.pidfd)
            os.close(self.told)
            self.watch.close()
            self.channel.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_) -> None:
        self.end()
