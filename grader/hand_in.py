"""The last cell of a released notebook: checks and packs it, with the kernel's own Python."""

import datetime
import os
import subprocess
import sys
from pathlib import Path

from grader import ROOT
from grader.files import digest, read_plain
from grader.submission import (
    FILE_BYTES,
    SubmissionError,
    defined,
    grade_id,
    packs,
    read_notebook,
    same,
)

_PACKING = "HOMEWORK_IS_PACKED"  # in the environment of what this starts: a copy packs nothing


def cell(name: str) -> str:
    """Return the text of an assignment's last cell."""
    return (
        "# Save first (Ctrl+S). Then this cell checks what is saved, and packs it for handing in.\n"
        f'from grader.hand_in import hand_in\n\nhand_in("{name}")'
    )


def hand_in(name: str, file: str = "", incomplete: bool = False) -> None:
    """Check this notebook as it is saved, run it on a fresh kernel, and zip it.

    Parameters
    ----------
    name : str
        The assignment's.
    file : str, optional
        The notebook; by default the one this is called in.
    incomplete : bool
        Pack it even if answers are missing.
    """
    if os.environ.get(_PACKING):
        return
    try:
        path = Path(file).resolve() if file else _notebook(name)
        if path.is_file():
            _refuse_unsaved(path)
            saved = datetime.datetime.fromtimestamp(path.stat().st_mtime)
            print(f"{path.name}, as it was saved at {saved:%H:%M:%S on %d %B}, runs once more …")
    except SubmissionError as error:
        print(error)
        return
    line = [sys.executable, "-m", "grader", "pack", name, "--file", str(path)]
    done = subprocess.run(
        [*line, *["--incomplete"] * incomplete],
        cwd=ROOT,  # where the grader is found, whatever folder the notebook stands in
        env={**os.environ, _PACKING: "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    option = f'write hand_in("{name}", incomplete=True)'
    said = done.stdout.strip().replace("add --incomplete", option).replace("\ngrader: ", "\n")
    print(said.removeprefix("grader: "))
    if done.returncode:
        print("Nothing is packed.")


def _notebook(name: str) -> Path:
    """Return the notebook of this kernel: as Jupyter or VS Code tell, else the only one here."""
    told = [os.environ.get("JPY_SESSION_NAME"), _user_names().get("__vsc_ipynb_file__")]
    found = [Path(path) for path in told if path and _is(Path(path), name)]
    if not found:
        folders = {Path.cwd(), *(Path(path).parent for path in told if path)}
        paths = sorted({path.resolve() for folder in folders for path in folder.glob("*.ipynb")})
        found = [path for path in paths if _is(path, name)]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise SubmissionError(
                f"Several notebooks here are {name}'s: {names}. Say which: "
                f'hand_in("{name}", "{found[0].name}")'
            )
    if not found:
        raise SubmissionError(
            f"No notebook of {name} is saved in {Path.cwd()}. Save it (Ctrl+S) and run this cell "
            f'again, or say where it is: hand_in("{name}", "PATH")'
        )
    return found[0].resolve()


def _is(path: Path, name: str) -> bool:
    """Return whether a file is an assignment's notebook."""
    try:
        notebook = read_notebook(read_plain(path.resolve(), FILE_BYTES) or b"")
    except (SubmissionError, OSError):
        return False
    return notebook.metadata.get("homework", {}).get("name") == name


def _refuse_unsaved(path: Path) -> None:
    """Compare what is saved with what this kernel ran last.

    Raises
    ------
    SubmissionError
        An answer that was run is not the one that is saved.
    """
    notebook = read_notebook(read_plain(path, FILE_BYTES) or b"")
    told = notebook.metadata.get("homework", {})
    answers, released = told.get("answers", []), told.get("released", {})
    locked = {released[name] for name in released if name not in answers}
    ran = [text for text in _ran() if digest(text.strip().encode()) not in locked]
    saved = {}
    for one in notebook.cells:
        if one.cell_type == "code" and grade_id(one) in answers:
            saved.setdefault(grade_id(one), []).append(one.source)
    for name, texts in saved.items():
        names = set().union(*map(defined, texts))
        last = next((text for text in reversed(ran) if names & defined(text)), None)
        if last is not None and not any(same(last, text) for text in texts):
            raise SubmissionError(
                f"Save first (Ctrl+S), then run this cell again: the saved {name} is not what you "
                "ran last. If you mean what is saved, run its cell, then this one."
            )


def _shell():
    # not at the top: this runs where there is no IPython to ask, too
    from IPython import get_ipython

    return get_ipython()


def _user_names() -> dict:
    return getattr(_shell(), "user_ns", {})


def _ran() -> list[str]:
    """Return what this kernel ran, in order, but for cells that pack."""
    history = getattr(_shell(), "history_manager", None)
    return [text for text in getattr(history, "input_hist_raw", []) if not packs(text)]
