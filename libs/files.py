"""Writing files so that an interrupted run leaves the old one whole."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a binary file beside ``path`` that takes its place once it is complete.

    What is written there appears as ``path`` if the block ends without an exception, and
    disappears if not. Its folder is made if it is missing.

    Examples
    --------
    >>> with replacing("new/note.txt") as file:
    ...     _ = file.write(b"complete")
    >>> Path("new/note.txt").read_text("utf-8")
    'complete'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # not tempfile's: that is readable by its owner alone, and some file systems know no chmod
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            yield file
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
