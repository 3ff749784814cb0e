"""Counts what a student's processes take together, in a way they can't hide from.

The kernel's limits hold for each process alone. Here all of a sandbox are counted: the sandbox's
own /proc, opened before any student's line ran, lists every process of its namespace, whoever its
parent is and whatever it is called. Most of what is read is public, so a process that makes itself
unreadable is counted all the same. What no process's size shows counts too: files in memory, page
tables, sockets' queues.
"""

import contextlib
import os
import re
import signal
import time

GIGABYTE = 1 << 30
FILES = 2000
SOCKET_BYTES = 2 << 20  # that a socket's queue may hold, with what it takes to keep it
INODE_BYTES = 1 << 10
SOCKETS_TEXT = 4 << 20  # of the kernel's list; longer is too many in any case
BEGIN_SECONDS = 0.05
ROUNDS = 200  # of stopping what was started meanwhile


class Hidden(Exception):
    """What a sandbox takes can't be told; the message says why."""


class Watch:
    """Counts the processes of one sandbox.

    Parameters
    ----------
    seen : list of int
        As the sandbox's process sends them, open: its /proc, the list of its sockets, its folders.
    memory : float
        Gigabytes that all may use together.
    """

    def __init__(self, seen: list[int], memory: float) -> None:
        self.seen, self.limit, self.memory = seen, memory * GIGABYTE, memory
        self.proc, self.sockets, *self.folders = seen

    def excess(self) -> str:
        """Return what they take too much of, in words; '' if nothing."""
        try:
            found, moved = self._look()
            if found:  # a process that starts a program counts twice until that has begun
                time.sleep(BEGIN_SECONDS)
                found, moved = self._look()
            if not found and moved:  # some ended or began meanwhile, and may have been missed
                with self._stopped():
                    found, _ = self._look()
        except Hidden as error:
            return str(error)
        return found

    def close(self) -> None:
        """Close what the sandbox's process sent."""
        for number in self.seen:
            os.close(number)

    def _look(self) -> tuple[str, bool]:
        """Return what is too much, and whether a process ended or began while this looked."""
        before = self._numbers()
        processes = [_Process(self.proc, number) for number in before]
        if sum(process.files for process in processes) > FILES:  # each may hold a queue
            return f"kept more than {FILES} files and sockets open", False
        counted = _without_borrowers(processes)
        elsewhere = self._files() + self._queues()
        # pages that forks share count once in the second sum; slower, so only when in doubt
        if (
            elsewhere + sum(process.bytes for process in counted) > self.limit
            and elsewhere + sum(process.shared_once() for process in counted) > self.limit
        ):
            return f"used more than {self.memory:g} GB of memory", False
        return "", any(p.gone for p in processes) or self._numbers() != before

    def _numbers(self) -> list[str]:
        try:
            return [name for name in os.listdir(self.proc) if name.isdigit()]  # noqa: PTH208 — open
        except OSError:  # the last one has ended
            return []

    def _files(self) -> int:
        """Return the bytes of the files in the sandbox's folders, which are in memory."""
        told = [os.fstatvfs(folder) for folder in self.folders]
        blocks = sum((t.f_blocks - t.f_bfree) * t.f_frsize for t in told)
        return blocks + INODE_BYTES * sum(t.f_files - t.f_ffree for t in told)

    def _queues(self) -> int:
        """Return the bytes that the sandbox's sockets may hold, accepted or not, open or sent."""
        os.lseek(self.sockets, 0, os.SEEK_SET)
        lines = size = 0
        while (part := os.read(self.sockets, 1 << 16)) and size < SOCKETS_TEXT:
            lines, size = lines + part.count(b"\n"), size + len(part)
        return SOCKET_BYTES * max(0, lines - 1)

    @contextlib.contextmanager
    def _stopped(self):
        """Stop all of them meanwhile; a process that a signal waits for starts no other."""
        signalled, ours = set(), []
        try:
            for _ in range(ROUNDS):
                fresh = [number for number in self._numbers() if number not in signalled]
                if not fresh:
                    break
                for number in fresh:
                    signalled.add(number)
                    stood = b"T" in _field(_read(self.proc, f"{number}/status"), b"State")[:1]
                    if _send(self.proc, number, signal.SIGSTOP) and not stood:
                        ours.append(number)
            else:
                raise Hidden("started processes faster than they can be counted")
            yield
        finally:
            for number in ours:
                _send(self.proc, number, signal.SIGCONT)


class _Process:
    """What a process takes.

    Attributes
    ----------
    bytes : int
        In memory, in swap, and in page tables.
    files : int
        That it has open.
    gone : bool
        It has ended.
    """

    def __init__(self, proc: int, number: str) -> None:
        self.proc, self.bytes, self.files = proc, 0, 0
        self.place, status = number, _read(proc, f"{number}/status")
        if _field(status, b"State")[:1] in (b"Z", b"X"):
            # its first thread has ended; others may go on, with all that it has
            with contextlib.suppress(OSError):
                for thread in _list(proc, f"{number}/task"):
                    place = f"{number}/task/{thread}"
                    if b"VmPTE" in (text := _read(proc, f"{place}/status")):
                        self.place, status = place, text
                        break
        self.gone, self.number = not status, number
        self.parent = _field(status, b"PPid").decode()
        self.waits = _field(status, b"State")[:1] == b"D"
        self.tables = _kilobytes(status, b"VmPTE")
        self.own = sum(_kilobytes(status, name) for name in (b"RssAnon", b"VmSwap"))
        self.bytes = self.own + self.tables
        if b"VmPTE" in status:
            try:
                self.files = len(_list(proc, f"{self.place}/fd"))
            except PermissionError:  # it hides them: as many as it has room for
                self.files = int(_field(status, b"FDSize") or 0)
            except OSError:
                self.gone = True

    def shared_once(self) -> int:
        """Return the bytes with its share of what it shares; with all of it if that is hidden."""
        told = _read(self.proc, f"{self.place}/smaps_rollup")
        if b"Pss:" not in told:
            if b"VmPTE" in _read(self.proc, f"{self.place}/status"):
                return self.bytes
            self.gone = True
            return 0
        # before Linux 5.3 it does not part the pages of files, which need not be kept
        own = b"Pss_Anon" if b"Pss_Anon" in told else b"Pss"
        return self.tables + sum(_kilobytes(told, name) for name in (own, b"SwapPss"))


def _without_borrowers(processes: list[_Process]) -> list[_Process]:
    """Leave out each child that has its parent's memory until its own program begins (vfork).

    Its parent waits for it, uninterruptibly, and has no second one; both show the same sizes.
    """
    waiting = {process.number: process for process in processes if process.waits}
    kept = []
    for process in processes:
        parent = waiting.get(process.parent)
        if parent and (process.own, process.tables) == (parent.own, parent.tables):
            del waiting[process.parent]
        else:
            kept.append(process)
    return kept


def _list(proc: int, path: str) -> list[str]:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
    try:
        return os.listdir(number)  # noqa: PTH208 — open
    finally:
        os.close(number)


def _read(proc: int, path: str) -> bytes:
    """Return a file of /proc; b'' if it is not to be had, as of a process that has ended."""
    try:
        number = os.open(path, os.O_RDONLY, dir_fd=proc)
    except OSError:
        return b""
    try:
        return os.read(number, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(number)


def _field(status: bytes, name: bytes) -> bytes:
    found = re.search(rb"^%b:\s*(.*)$" % name, status, re.MULTILINE)
    return found[1] if found else b""


def _kilobytes(status: bytes, name: bytes) -> int:
    return int(_field(status, name).split(b" ")[0] or 0) << 10


def _send(proc: int, number: str, what: int) -> bool:
    """Send a signal through a process's folder, which can't be another's by now."""
    try:
        folder = os.open(number, os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
    except OSError:
        return False
    try:
        signal.pidfd_send_signal(folder, what)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True
