"""Files, written whole or not at all and read warily; their hashes; a limit on time."""

import contextlib
import errno
import hashlib
import os
import stat
from pathlib import Path

from grader.shared.alarm import alarm

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # nobody else's file can be written, either


class OutOfTime(BaseException):
    """Something took too long. No Exception: code that goes on after any of those must stop."""


def write(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one whole.

    Raises
    ------
    OSError
        It can't be written; always with the file's name, which a full disk does not give.
    """
    new = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}.part")  # a long name has no room for more
    try:
        with part.open("wb") as file:
            file.write(content.encode(errors="replace") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
            for folder in new:
                folder.rmdir()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


def read_plain(path: Path, most: int) -> bytes | None:
    """Return a file's content, at most a byte more than asked; None if it is not a plain file."""
    with contextlib.suppress(OSError, ValueError):  # a name may hold a NUL
        # a link could point at the solution, a pipe could block
        flags = os.O_RDONLY
        for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # Windows lacks the first two
            flags |= getattr(os, name, 0)
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read(most + 1)
    return None


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def deadline(seconds: float):
    """Stop what takes longer, where the system can; sizes are limited everywhere.

    Raises
    ------
    OutOfTime
    """
    return alarm(seconds, OutOfTime(f"takes longer than {seconds:g} s"))
