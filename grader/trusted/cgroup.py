"""A control group (cgroup) of the kernel's for each student's processes, where one can be had.

The kernel counts what they take together at every moment and misses nothing, so this is the belt
beside the braces: trusted/watch, which works everywhere, looks ten times a second and names the
reason. The limits here lie a bit above its own, so that it usually comes first.

systemd gives a sandbox a scope, a group that its user may divide. The process that forks sits in
one part, each submission in a part of its own: limits are a submission's, as the watch's are, and
what the kernel ends for taking too much is the submission, all of it, and nothing else.
"""

import contextlib
import functools
import itertools
import os
import re
import secrets
import select
import shutil
import subprocess
from pathlib import Path

GIGABYTE = 1 << 30
MOUNT = Path("/sys/fs/cgroup")  # of the second version; the first can't be shared out to users
# beyond the watch's limit, as the kernel counts what it keeps itself, and beyond ulimit's
MORE_BYTES, MORE_TASKS = 512 << 20, 50
ANSWER_SECONDS = 10


def scope() -> tuple[str, list[str]]:
    """Return a new scope's name, and what a command begins with that is to run in it.

    Both are empty where there can be none.
    """
    return _scope() if _works(os.environ.get("PATH", "")) else ("", [])


def _scope() -> tuple[str, list[str]]:
    name = f"grader-{secrets.token_hex(8)}.scope"
    line = ["systemd-run", "--scope", f"--unit={name}", "--collect", "--quiet", "--no-ask-password"]
    if os.geteuid():
        line.append("--user")
    return name, [*line, "--property=Delegate=yes", "--"]


@functools.cache  # for a PATH
def _works(path: str) -> bool:
    """Return whether a process can be started in a scope, and limited in a part of that."""
    if not (MOUNT / "cgroup.controllers").exists() or not shutil.which("systemd-run", path=path):
        return False
    name, line = _scope()
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with subprocess.Popen([*line, "cat"], stderr=subprocess.DEVNULL, **pipes) as trial:
        try:
            os.write(trial.stdin.fileno(), b"!")
            if select.select([trial.stdout], [], [], ANSWER_SECONDS)[0] and trial.stdout.read(1):
                Scope(name, trial.pid).part(trial.pid, 1, 1)
                return True
        except OSError:
            pass
        finally:
            trial.kill()
    return False


class Scope:
    """The scope of a sandbox, divided.

    Parameters
    ----------
    name : str
    pid : int
        A process that was started in it.

    Raises
    ------
    OSError
        It is not there, or can't be divided.
    """

    def __init__(self, name: str, pid: int) -> None:
        groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
        found = re.search(rf"^0::/(.*/)?{re.escape(name)}$", groups, re.MULTILINE)
        if not found:  # whatever group it is in has other processes, too
            raise FileNotFoundError(f"process {pid} is not in {name}")
        self.place, self._numbers = MOUNT / found[0].removeprefix("0::/"), itertools.count(1)
        # what has processes of its own can't be divided
        (self.place / "server").mkdir()
        for process in (self.place / "cgroup.procs").read_text(encoding="ascii").split():
            _write(self.place / "server" / "cgroup.procs", process)
        _write(self.place / "cgroup.subtree_control", "+memory +pids")

    def part(self, pid: int, memory: float, tasks: int) -> "Part":
        """Put a process, which has started no other yet, into a part of its own; return that.

        Parameters
        ----------
        pid : int
        memory : float
            Gigabytes that the watch allows it and what it starts together.
        tasks : int
            Processes and threads that a limit of its own allows them.
        """
        for ended in self.place.glob("part-*"):
            with contextlib.suppress(OSError):  # not quite ended yet: the next time
                ended.rmdir()
        place = self.place / f"part-{next(self._numbers)}"
        place.mkdir()
        _write(place / "memory.max", int(memory * GIGABYTE) + MORE_BYTES)
        with contextlib.suppress(FileNotFoundError):  # a kernel that does not count swap
            _write(place / "memory.swap.max", 0)
        _write(place / "memory.oom.group", 1)  # end all of them, not the largest alone
        _write(place / "pids.max", tasks + MORE_TASKS)
        _write(place / "cgroup.procs", pid)
        return Part(place, memory)


class Part:
    """What the processes of one submission are in.

    Parameters
    ----------
    place : pathlib.Path
    memory : float
        As :meth:`Scope.part` is told it.
    """

    def __init__(self, place: Path, memory: float) -> None:
        self.place, self.memory = place, memory

    def excess(self) -> str:
        """Return what they took too much of, so that the kernel ended them; '' if nothing."""
        try:
            events = (self.place / "memory.events").read_text(encoding="ascii")
        except OSError:  # the whole scope has gone
            return ""
        if not re.search(r"^oom_kill [1-9]", events, re.MULTILINE):
            return ""
        return f"used more than {self.memory:g} GB of memory (the system ended it)"


def _write(file: Path, what) -> None:
    # at once, and to a file that is there: in a group that is gone none can be made
    with file.open("r+b", buffering=0) as opened:
        opened.write(str(what).encode())
