"""``python -m grader pack``: a student's check before handing in, and the file to hand in."""

import asyncio
import datetime
import glob
import io
import json
import zipfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from grader.files import digest, read_plain, write
from grader.imports import foreign
from grader.submission import FILE_BYTES, SubmissionError, grade_id, kind, read_notebook, unpacked


def pack(name: str, path: Path, incomplete: bool = False) -> tuple[Path, list[str]]:
    """Check a student's notebook and zip it.

    Parameters
    ----------
    name : str
        The assignment's.
    path : pathlib.Path
        The notebook.
    incomplete : bool
        Pack it even if answers are missing.

    Returns
    -------
    archive : pathlib.Path
        Beside the notebook; holds it and a receipt.
    notes : list of str
        What the student should know.

    Raises
    ------
    SubmissionError
        It is not fit to be handed in; the message says why.
    """
    content = read_plain(path.resolve(), FILE_BYTES)
    if content is None and not path.is_file():
        others = sorted(other.name for other in path.parent.glob(f"{glob.escape(path.name)}.*"))
        there = f" There is {others[0]}: is it that?" if others else ""
        raise SubmissionError(f"{path} does not exist. Name your notebook: --file PATH{there}")
    if content is None:
        raise SubmissionError(f"{path} can't be read.")
    try:
        notebook = read_notebook(content)
    except SubmissionError as error:
        raise SubmissionError(f"{path}: {error}") from None
    metadata = notebook.metadata.get("homework", {})
    if metadata.get("name") != name:
        other = (
            f"it is {metadata['name']}" if metadata.get("name") else "it is not a homework notebook"
        )
        raise SubmissionError(f"{path} is not the notebook of {name}: {other}.")
    released, answers = metadata.get("released", {}), metadata.get("answers", [])
    missing, notes = _compare(notebook, released, answers)
    if missing and not incomplete:
        raise SubmissionError(
            f"not answered yet: {', '.join(missing)}. To hand in the rest, add --incomplete."
        )
    notes += [f"Not answered: {', '.join(missing)}."] if missing else []
    notes += _foreign(notebook, {*released} - {*answers})
    found = _run(notebook, path.parent, metadata.get("cell_seconds", 60))
    now = datetime.datetime.now(datetime.UTC)
    receipt = {
        "assignment": name,
        "sha256": digest(content),
        "packed": now.isoformat(timespec="seconds"),
        "visible tests": found,
        "not answered": missing,
    }
    archive = path.parent / f"{name}-{receipt['sha256'][:8]}.zip"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(f"{name}.ipynb", content)
        parts.writestr("receipt.json", json.dumps(receipt, indent=1))
    try:
        write(archive, zipped.getvalue())
    except OSError as error:
        raise SubmissionError(f"{archive} can't be written: {error.strerror}.") from None
    return archive, [*found, *notes]


def _compare(notebook, released: dict, answers: list[str]) -> tuple[list[str], list[str]]:
    """Return which answers are missing, and what else is unusual."""
    cells, types = {}, {}
    for cell in notebook.cells:
        same = released.get(grade_id(cell)) == digest(cell.source.strip().encode())
        cells.setdefault(grade_id(cell), []).append(same)
        types.setdefault(grade_id(cell), set()).add(cell.cell_type)
    missing, notes = [], []
    for name in answers:
        same = cells.get(name, [])
        if all(same):
            missing.append(name)
        if same.count(False) > 1:
            notes.append(f"The answer {name} appears {len(same)} times; all are used, in order.")
        if name in types and "code" not in types[name] and f"{name}-test" in released:
            notes.append(f"The answer {name} is no code cell any more: make it one again.")
    for name in [n for n in released if n not in answers]:
        if not all(cells.get(name, [])):
            notes.append(f"The cell {name} was changed; it will be put back as it was.")
    return missing, notes


def _foreign(notebook: nbformat.NotebookNode, locked: set[str]) -> list[str]:
    """Return a line for each import of something that is here and not where it is graded."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    given = "\n".join(c.source for c in cells if grade_id(c) in locked)
    return [
        f"{grade_id(cell) or 'A cell of your own'} imports {module}, which will not be there when "
        "your homework is graded: do without it."
        for cell in cells
        if grade_id(cell) not in locked
        for module in foreign(cell.source, given)
    ]


def _run(notebook: nbformat.NotebookNode, folder: Path, seconds: int) -> list[str]:
    """Run a copy on a fresh kernel; return what the visible tests found."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        cell.source = unpacked(cell.source)  # what packs runs no copy that packs
    client = NotebookClient(
        copy,
        timeout=seconds,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # its warnings are not for students
    )
    try:
        client.execute()
    except CellTimeoutError:
        raise SubmissionError(f"on a fresh kernel, a cell runs longer than {seconds} s.") from None
    except (DeadKernelError, asyncio.CancelledError):
        raise SubmissionError("your notebook stops its own kernel.") from None
    except CellExecutionError as error:
        at = next(
            i
            for i, c in enumerate(copy.cells, 1)
            for o in c.get("outputs", [])
            if o.output_type == "error"
        )
        raise SubmissionError(
            f"your notebook does not run on a fresh kernel: cell {at} stops with "
            f"{error.ename}: {error.evalue}. Try Kernel → Restart Kernel and Run All Cells."
        ) from None
    return [
        str(output.get("data", {}).get("text/plain", ""))
        for cell in copy.cells
        if kind(cell) == "test"
        for output in cell.outputs
        if output.output_type in ("display_data", "execute_result")
    ]
