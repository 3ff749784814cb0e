"""Writing files so that an interrupted run leaves the old one whole."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a binary file beside ``path`` that takes its place once it is written whole.

    Parameters
    ----------
    path : path
        The file to make or replace; its folder is made if it is missing.

    Yields
    ------
    binary file
        What is written there appears as ``path`` when the block ends without an exception, and
        disappears when it does not.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "note.txt") as file:
    ...     _ = file.write(b"whole")
    >>> (folder / "note.txt").read_text()
    'whole'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        beside.chmod(0o644)  # mkstemp makes it readable by its owner alone
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
