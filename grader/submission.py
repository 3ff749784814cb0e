"""A notebook that was handed in, read trusting nothing, and what its cells are for."""

import json

import nbformat

from grader import GraderError

NOTEBOOK_BYTES, CELLS = 30 << 20, 1000


class SubmissionError(GraderError):
    """A submission can't be graded at all; the message says why, for the student."""


def kind(cell) -> str:
    """Return which of :class:`Step`'s kinds a source's cell is."""
    metadata = cell.metadata.get("nbgrader", {})
    if metadata.get("grade"):
        return "manual" if metadata.get("solution") else "test"
    if metadata.get("solution"):
        return "answer"
    if cell.cell_type == "code" and metadata.get("grade_id"):
        return "setup" if "setup" in cell.metadata.get("tags", []) else "given"
    return "text" if cell.cell_type != "code" else "extra"


def grade_id(cell) -> str:
    """Return nbgrader's name of a cell, or ''."""
    metadata = cell.metadata.get("nbgrader")
    name = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def read_notebook(content: bytes) -> nbformat.NotebookNode:
    """Read a submitted notebook, trusting nothing; outputs are left out.

    Raises
    ------
    SubmissionError
        It is not a notebook, or too large.
    """
    if len(content) > NOTEBOOK_BYTES:
        raise SubmissionError(f"The notebook is larger than {NOTEBOOK_BYTES >> 20} MB.")
    try:
        parsed = json.loads(content.decode())
    except (ValueError, RecursionError):
        raise SubmissionError("The file is not a Jupyter notebook: it is not JSON.") from None
    # not nbformat's reader: it takes minutes over a hundred thousand cells
    cells = parsed.get("cells") if isinstance(parsed, dict) else None
    if not isinstance(cells, list) or parsed.get("nbformat") != 4:
        raise SubmissionError("The file is not a Jupyter notebook in format 4.")
    if len(cells) > CELLS:
        raise SubmissionError(f"The notebook has more than {CELLS} cells.")
    metadata = _dict(_dict(parsed.get("metadata")).get("homework"))
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"homework": metadata}}
    notebook["cells"] = [cell for cell in map(_cell, cells) if cell]
    return nbformat.from_dict(notebook)  # new_notebook would repair and complain


def _cell(parsed) -> nbformat.NotebookNode | None:
    """Return what of a cell is used, None if it is malformed."""
    parsed = _dict(parsed)
    source, named = parsed.get("source"), parsed.get("id")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or parsed.get("cell_type") not in ("code", "markdown", "raw"):
        return None
    cell = {
        "cell_type": parsed["cell_type"],
        # half a character can be said in JSON, but not written to a file
        "source": source.encode(errors="replace").decode(),
        "metadata": {},
        "id": named if isinstance(named, str) else "",
    }
    metadata = _dict(_dict(parsed.get("metadata")).get("nbgrader"))
    if metadata := {k: v for k, v in metadata.items() if isinstance(v, str | int | float)}:
        cell["metadata"]["nbgrader"] = metadata
    if cell["cell_type"] == "code":
        cell |= {"outputs": [], "execution_count": None}
    return nbformat.from_dict(cell)


def _dict(parsed) -> dict:
    return parsed if isinstance(parsed, dict) else {}


def clean(cell) -> nbformat.NotebookNode:
    """Return a student's own cell: its text and nothing else."""
    if cell.cell_type == "code":
        return nbformat.v4.new_code_cell(cell.source)
    return nbformat.v4.new_markdown_cell(cell.source)  # a raw cell could be HTML
