"""Sandboxes that students' cells run in: bubblewrap around a process that forks for each."""

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from grader import ROOT
from grader.shared.wire import Channel, WireError, WireTimeout

NOBODY = 65534
GIGABYTE = 1 << 30
FOLDER_BYTES, FILE_BYTES, PROCESSES, FILES = 512 << 20, 256 << 20, 200, 2000
_CREDENTIALS = struct.Struct("3i")


class NoSandbox(Exception):
    """The machine can't make a sandbox; the message says what to do."""


class ProcessDied(Exception):
    """The student's process is gone; the message says why, for the student."""


class TimedOut(Exception):
    """The student's code took too long and was interrupted; its process lives."""


def find_bubblewrap() -> str:
    """Return bubblewrap's path.

    Raises
    ------
    NoSandbox
        There is none that works here.
    """
    if not sys.platform.startswith("linux"):
        raise NoSandbox(
            "Students' code is only run in a sandbox, and the sandbox (bubblewrap) needs Linux. "
            "Grade in a Linux container or on a Linux machine."
        )
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandbox(
            "Students' code is only run in a sandbox, and bubblewrap is missing: "
            "sudo apt install bubblewrap (or dnf, pacman …)."
        )
    if "--size" not in subprocess.run([program, "--help"], capture_output=True, text=True).stdout:
        raise NoSandbox("This bubblewrap is too old: 0.8 or newer is needed.")
    probe = [program, "--unshare-user", "--unshare-net", "--ro-bind", "/", "/", "true"]
    tried = subprocess.run(probe, capture_output=True, text=True)
    if tried.returncode:
        raise NoSandbox(
            f"bubblewrap can't make a sandbox here ({tried.stderr.strip()}). On Ubuntu 24.04 or "
            "newer: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0. In a container: "
            "start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined."
        )
    return program


def visible(data: Path | None) -> list[Path]:
    """Return what a sandbox may read beside the system: Python, the course's code and data."""
    paths = [
        Path(sys.base_prefix),
        Path(sys.prefix),
        ROOT / "libs",
        *(ROOT / "grader" / name for name in ("__init__.py", "check.py", "hostile", "shared")),
        ROOT / "MNIST_data",
        ROOT / "FashionMNIST_data",
    ]
    return [p for p in [*paths, *([data] if data else [])] if p.exists()]


def without(path: Path, hidden: list[Path]) -> list[Path]:
    """Return what makes up a file or folder when some files in it are left out."""
    if path in hidden:
        return []
    if not any(file.is_relative_to(path) for file in hidden):
        return [path]
    return [part for child in sorted(path.iterdir()) for part in without(child, hidden)]


def command(control: int, secret: list[Path], data: Path | None) -> tuple[list[str], dict]:
    """Return the command that starts a sandbox, and what its process must know.

    Parameters
    ----------
    control : int
        The descriptor it is spoken to through.
    secret : list of pathlib.Path
        Folders that it must not see, and files that are left out of a folder it sees.
    data : pathlib.Path, optional
        The assignment's own data folder, seen as ``data``.
    """
    home = "/home/student"
    hidden = [path.resolve() for path in secret if path.is_file()]
    paths = [part for path in visible(data) for part in without(path, hidden)]
    for path in secret:
        if seen := [p for p in paths if path.resolve().is_relative_to(p)]:
            raise NoSandbox(f"{path} lies in {seen[0]}, which students' code may read. Move it.")
    superuser = os.geteuid() == 0
    line = [find_bubblewrap(), "--die-with-parent", "--new-session", "--clearenv"]
    line += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    if superuser:
        # no user name space: limits on processes do not bind the superuser, so the process
        # inside becomes nobody in earnest
        for capability in ("SETUID", "SETGID", "SYS_ADMIN"):
            line += ["--cap-add", f"CAP_{capability}"]
    else:
        line += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    made = {Path("/")}

    def parents(path: Path):
        for parent in reversed(path.parents):
            if parent not in made:
                made.add(parent)
                yield from ("--perms", "0755", "--dir", str(parent))

    for path in map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")):
        if path.is_symlink():
            line += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            line += ["--ro-bind", str(path), str(path)]
            made.add(path)
    for name in ("ld.so.cache", "fonts", "localtime", "alternatives"):
        line += [*parents(Path("/etc") / name), "--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in paths:
        if not path.is_relative_to("/usr"):
            line += [*parents(path), "--ro-bind", str(path), str(path)]
    line += ["--proc", "/proc", "--dev", "/dev"]
    folders = [home, "/dev/shm", str(ROOT / "notebooks" / "out")]
    if not any(path.is_relative_to("/tmp") for path in paths):  # an empty one would hide them
        folders.append("/tmp")
    for folder in folders:
        line += [*parents(Path(folder)), "--perms", "0777"]
        line += ["--size", str(FOLDER_BYTES), "--tmpfs", folder]
    line += ["--remount-ro", "/dev", "--remount-ro", "/"]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "USER": "student",
        "LANG": "C.UTF-8",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    # a graded result must not depend on how many cores the grading machine has
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    threads += ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    for name, value in [*environment.items(), *((name, "2") for name in threads)]:
        line += ["--setenv", name, value]
    line += [
        "--chdir",
        home,
        sys.executable,
        "-I",
        "-m",
        "grader.hostile.forkserver",
        f"--control={control}",
    ]
    if superuser:
        line.append(f"--become={NOBODY}")
    return line, {"home": home, "folders": folders, "folder_bytes": FOLDER_BYTES}


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
    """

    def __init__(self, imports, secret=(), data=None, memory: float = 4, setup=()) -> None:
        self.imports, self.secret, self.data = list(imports), list(secret), data
        self.memory, self.setup, self.nested = memory, list(setup), True
        self.process, self.control, self.waiting = None, None, False

    def launch(self) -> None:
        """Start the process that sessions fork from, and don't wait until it is ready."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line, settings = command(theirs.fileno(), self.secret, self.data)
        limits = {
            "DATA": int(self.memory * GIGABYTE),
            "NPROC": PROCESSES,
            "FSIZE": FILE_BYTES,
            "NOFILE": 512,
            "CORE": 0,
        }
        settings |= {"imports": self.imports, "nested": self.nested, "limits": limits}
        settings |= {"setup": self.setup, "data": str(self.data or "")}
        self.process = subprocess.Popen(
            line,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        self.control.send(json.dumps(settings).encode())
        self.waiting = True

    def start(self) -> None:
        """Start the process that sessions fork from; does nothing if it is ready."""
        if self.process is None or self.process.poll() is not None:
            self.launch()
        if not self.waiting:
            return
        self.waiting = False
        self.control.settimeout(120)
        try:
            ready = self.control.recv(16)
        except OSError:
            ready = b""
        if ready != b"ready":
            self.process.kill()
            complaint = self.process.stderr.read().decode(errors="replace").strip()
            raise NoSandbox(f"The sandbox does not start: {complaint[-500:]}")

    def session(self) -> "Session":
        """Return a new student's process."""
        for _ in range(2):
            reply = b""
            self.start()
            ours, theirs = socket.socketpair()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            with contextlib.suppress(OSError):
                socket.send_fds(self.control, [b"fork"], [theirs.fileno()])
                theirs.close()
                ours.settimeout(60)
                reply, extra, _, _ = ours.recvmsg(500, socket.CMSG_SPACE(_CREDENTIALS.size))
                if reply == b"!":
                    pid, _, _ = _CREDENTIALS.unpack(extra[0][2])
                    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
                    reply = ours.recv(1)
                    if reply == b"+":
                        return Session(ours, pid, self.memory)
                    reply += ours.recv(400)
            ours.close()
            self.stop()
        raise NoSandbox(f"The sandbox makes no process: {reply.decode(errors='replace')}")

    def stop(self) -> None:
        """End the sandbox and all that runs in it."""
        if self.process is not None:
            self.control.close()
            self.process.kill()
            self.process.wait()
            self.process.stderr.close()
            self.process = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


class Session:
    """A student's process.

    Parameters
    ----------
    connection : socket.socket
        To it.
    pid : int
        Its number on this machine.
    memory : float
        Gigabytes that it and what it starts may use together.
    """

    def __init__(self, connection: socket.socket, pid: int, memory: float) -> None:
        self.channel, self.memory = Channel(connection), memory
        self.pidfd, self.process = os.pidfd_open(pid), psutil.Process(pid)
        self.cause = ""
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
            self.cause = f"did not stop after {seconds:g} s, not even when interrupted"
            raise self._dead(None) from None
        except WireError as error:
            raise self._dead(error) from None
        raise TimedOut(f"still not done after {seconds:g} s: does a loop never end?")

    def _dead(self, error) -> ProcessDied:
        self.end()
        return ProcessDied(self.cause or ("ended" if "is gone" in str(error) else str(error)))

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def _watch(self) -> None:
        """End the process when it and what it started use too much together."""
        while not self._over.wait(0.3):
            with contextlib.suppress(psutil.Error):
                family = [self.process, *self.process.children(recursive=True)]
                if sum(p.num_fds() for p in family) > FILES:  # each may hold a socket's memory
                    self.cause = f"kept more than {FILES} files and sockets open"
                    self._signal(signal.SIGKILL)
                    return
                if sum(p.memory_info().rss for p in family) < self.memory * GIGABYTE:
                    continue
                # pages that forks share count once here; slower, so only when in doubt
                if sum(p.memory_full_info().pss for p in family) > self.memory * GIGABYTE:
                    self.cause = f"used more than {self.memory:g} GB of memory"
                    self._signal(signal.SIGKILL)
                    return

    def end(self) -> None:
        """End the process and all that it started."""
        if not self._over.is_set():
            self._over.set()
            self._signal(signal.SIGKILL)
            self._guard.join()
            os.close(self.pidfd)
            self.channel.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_) -> None:
        self.end()
