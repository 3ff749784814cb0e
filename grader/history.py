"""Who changed which marks, when and why: a line for each change, never rewritten."""

import contextlib
import datetime
import getpass
import json
import os
from pathlib import Path

from grader.course import RECORD_BYTES, Course
from grader.files import read_plain


def differences(before: dict | None, after: dict) -> dict[str, tuple[float, float]]:
    """Return the marks that differ between two records, by cell: before and after.

    Parameters
    ----------
    before : dict or None
    after : dict
    """
    if before is None:
        return {}
    cells = [*after["tests"], *(cell for cell in before["tests"] if cell not in after["tests"])]
    pairs = {
        cell: tuple(float(r["tests"].get(cell, {}).get("score", 0.0)) for r in (before, after))
        for cell in cells
    }
    return {cell: pair for cell, pair in pairs.items() if abs(pair[0] - pair[1]) > 1e-9}


def said(changed: dict[str, tuple[float, float]], by_hand: dict[str, float]) -> str:
    """Return changes as text; a person's mark hides the grader's.

    Parameters
    ----------
    changed : dict of str to tuple of float
    by_hand : dict of str to float
        The marks that people gave, by cell.
    """
    return ", ".join(
        f"{cell} {old:g} → {new:g}"
        + (f" (hidden: a person gave {by_hand[cell]:g})" if cell in by_hand else "")
        for cell, (old, new) in changed.items()
    )


def told(course: Course, name: str) -> list[dict]:
    """Return the changes of an assignment's marks, oldest first; a damaged line is passed over.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    """
    content = read_plain(_path(course, name), RECORD_BYTES) or b""
    lines = []
    for line in content.decode(errors="replace").splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            if isinstance(what := json.loads(line), dict):
                lines.append(what)
    return lines


def account() -> str:
    """Return the name of whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return str(getattr(os, "getuid", lambda: "unknown")())


def _path(course: Course, name: str) -> Path:
    return course.root / "records" / ".history" / f"{name}.jsonl"


def note(course: Course, name: str, **what) -> None:
    """Write down a change of an assignment's marks.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    **what
        Goes to JSON.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    path = _path(course, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"when": now, "who": account(), **what}, ensure_ascii=False)
    with path.open(
        "a", encoding="utf-8", errors="replace"
    ) as file:  # in one write: lines stay whole
        file.write(f"{line}\n")
