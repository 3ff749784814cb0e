"""A notebook that was handed in, read trusting nothing, and what its cells are for."""

import json
import re

import nbformat

from grader import GraderError

# of a file, of the notebook in it without outputs, of its cells
FILE_BYTES, NOTEBOOK_BYTES, CELLS = 128 << 20, 30 << 20, 1000
PARTS = 4_000_000  # texts and brackets in a file
# what makes notebooks huge, with the bracket it begins with; a text; a bracket
_TOKEN = re.compile(
    r'"(?:outputs|widgets)"\s{0,9}:\s{0,9}[\[{]|"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL
)
_NEWLINE = re.compile("\r\n?|\x85")  # of Windows, of old Macs, of IBM
# the lines that pack a notebook, also with another argument
_PACKS = re.compile(
    r"^([ \t]*)(?:from grader\.hand_in import hand_in|hand_in\([^()\n]*\))[ \t]*$", re.MULTILINE
)
# what a stub or an answer defines, at the start of a line
_DEFINES = re.compile(
    r"^(?:(?:async +)?def|class) +(\w+)|^(\w+) *(?::[^=\n]+)?=(?!=)", re.MULTILINE
)


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


def packs(source: str) -> bool:
    """Return whether a cell does nothing but pack the notebook: no answer, and nothing to run."""
    rest = _PACKS.sub("", source)
    return rest != source and not re.sub(r"^[ \t]*#.*$", "", rest, flags=re.MULTILINE).strip()


def unpacked(source: str) -> str:
    """Return a cell without the lines that pack the notebook: where it is graded there are none."""
    return _PACKS.sub(r"\1pass", source)


def read_notebook(content: bytes) -> nbformat.NotebookNode:
    """Read a submitted notebook, trusting nothing; outputs are left out.

    Whatever a laptop or a browser does to a file that Jupyter opens is undone: any Unicode
    encoding, with its mark or without, any ends of lines, any format since notebooks have cells.

    Raises
    ------
    SubmissionError
        It is not a notebook, or too large.
    """
    if len(content) > FILE_BYTES:
        raise SubmissionError(f"The notebook is larger than {FILE_BYTES >> 20} MB.")
    text = decoded(content)
    if len(text) > NOTEBOOK_BYTES:
        text = _without_outputs(text)
        if len(text) > NOTEBOOK_BYTES:
            most = NOTEBOOK_BYTES >> 20
            raise SubmissionError(f"The notebook is larger than {most} MB, outputs left out.")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise SubmissionError("The file is not a Jupyter notebook: it is not JSON.") from None
    # not nbformat's reader: it takes minutes over a hundred thousand cells
    cells = _cells(_dict(parsed))
    if len(cells) > CELLS:
        raise SubmissionError(f"The notebook has more than {CELLS} cells.")
    metadata = _dict(_dict(parsed.get("metadata")).get("homework"))
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"homework": metadata}}
    notebook["cells"] = [cell for cell in map(_cell, cells) if cell]
    return nbformat.from_dict(notebook)  # new_notebook would repair and complain


def decoded(content: bytes) -> str:
    """Return a file's text: UTF-8, 16 or 32 as JSON may be, else Windows' own."""
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    return text.strip("\ufeff\0\x1a \t\r\n")


def _without_outputs(text: str) -> str:
    """Return JSON without the arrays and objects that make notebooks huge, never parsing them."""
    kept, begin, depth = [], 0, 0
    for number, match in enumerate(_TOKEN.finditer(text)):
        if number == PARTS:  # brackets alone, to keep us busy
            raise SubmissionError("The notebook is too large: it has millions of parts.")
        first, last = match.span()
        if text[last - 1] in "[{" and (depth or text[first] == '"'):
            if not depth:
                kept.append(text[begin : last - 1])
                begin = last - 1
            depth += 1
        elif depth and text[first] in "]}":
            depth -= 1
            if not depth:
                kept.append(text[begin] + text[first])
                begin = last
    return "".join([*kept, text[begin:]])


def _cells(parsed: dict) -> list:
    """Return a notebook's cells, of format 4, or of 2 and 3, which kept them in worksheets."""
    cells = parsed.get("cells")
    if parsed.get("nbformat") in (2, 3) and isinstance(parsed.get("worksheets"), list):
        sheets = [_dict(sheet).get("cells") for sheet in parsed["worksheets"]]
        return [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    if not isinstance(cells, list) or parsed.get("nbformat") != 4:
        raise SubmissionError("The file is not a Jupyter notebook in format 4.")
    return cells


def _cell(parsed) -> nbformat.NotebookNode | None:
    """Return what of a cell is used, None if it is malformed."""
    parsed = _dict(parsed)
    source, named = parsed.get("source", parsed.get("input")), parsed.get("id")  # format 3's name
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or not isinstance(what := parsed.get("cell_type"), str):
        return None
    if what == "heading":  # format 3
        level = parsed.get("level") if parsed.get("level") in range(1, 7) else 1
        what, source = "markdown", f"{'#' * level} {source}"
    cell = {
        "cell_type": what if what in ("code", "markdown") else "raw",
        # half a character can be said in JSON, but not written to a file
        "source": _NEWLINE.sub("\n", source).encode(errors="replace").decode(),
        "metadata": {},
        "id": named if isinstance(named, str) else "",
    }
    metadata = _dict(_dict(parsed.get("metadata")).get("nbgrader"))
    if metadata := {k: v for k, v in metadata.items() if isinstance(v, str | int | float)}:
        cell["metadata"]["nbgrader"] = metadata
    if cell["cell_type"] == "code":
        cell |= {"outputs": [], "execution_count": None}
    elif pasted := _pasted(parsed.get("attachments")):
        cell["attachments"] = pasted
    return nbformat.from_dict(cell)


def _pasted(parsed) -> dict:
    """Return the pictures that were pasted into a cell, in each of their forms, by name."""
    pasted = {}
    for name, forms in _dict(parsed).items():
        for kind, lines in _dict(forms).items():
            lines = [lines] if isinstance(lines, str) else lines
            whole = isinstance(lines, list) and all(isinstance(line, str) for line in lines)
            if whole and kind.startswith("image/"):
                pasted.setdefault(name, {})[kind] = "".join(lines)
    return pasted


def _dict(parsed) -> dict:
    return parsed if isinstance(parsed, dict) else {}


def clean(cell) -> nbformat.NotebookNode:
    """Return a student's own cell: its text and pasted pictures, nothing else."""
    if cell.cell_type == "code":
        return nbformat.v4.new_code_cell(cell.source)
    pasted = {"attachments": cell.attachments} if "attachments" in cell else {}
    return nbformat.v4.new_markdown_cell(cell.source, **pasted)  # a raw cell could be HTML


def same(text: str, other: str) -> bool:
    """Return whether two cells hold the same text, but for spaces at the ends of lines."""
    return _lines(text) == _lines(other)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().split("\n")]


def name_cells(cells: list, released: list) -> list[str]:
    """Say which cell of the release each cell of a submission is.

    By its name; where that was lost, by its id; where that was lost too, by a text that was not
    changed, then by what it defines, then, for an answer in words, by its place.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
        The submission's.
    released : list of nbformat.NotebookNode
        The release's.

    Returns
    -------
    list of str
        For each cell a name, '' for a cell of the student's own.
    """
    stubs = {grade_id(cell): cell for cell in released if grade_id(cell)}
    ids = {cell.id: name for name, cell in stubs.items() if cell.get("id")}
    texts = {}
    for cell in released:
        texts.setdefault("\n".join(_lines(cell.source)), []).append(grade_id(cell))
    names = []
    for cell in cells:
        name = grade_id(cell)
        names.append(name if name in stubs else ids.get(cell.get("id"), ""))
    given = {i for i, cell in enumerate(cells) if not names[i] and _text_of(cell) in texts}
    for i in sorted(given):
        name = "".join(texts[_text_of(cells[i])])  # a text that two cells have says nothing
        if name in stubs and name not in names:
            names[i] = name
    missing = [n for n, s in stubs.items() if n not in names and kind(s) in ("answer", "manual")]
    nameless = [i for i in range(len(cells)) if not names[i] and i not in given] if missing else []
    made = {i: defined(cells[i].source) for i in nameless}
    for name in missing:
        own = [i for i in nameless if not names[i]]
        if kind(stubs[name]) == "answer":
            wanted = defined(stubs[name].source)
            found = [i for i in own if wanted & made[i]][:1]
        else:
            first, last = _between(names, list(stubs), name)
            found = [i for i in own if first < i < last and cells[i].cell_type != "code"]
        for i in found:
            names[i] = name
    return names


def _text_of(cell) -> str:
    return "\n".join(_lines(cell.source))


def defined(source: str) -> set[str]:
    """Return the names that a cell defines at the start of a line."""
    return {name or other for name, other in _DEFINES.findall(source)}


def _between(names: list[str], order: list[str], name: str) -> tuple[int, int]:
    """Return between which two cells of a submission a missing cell would stand."""
    at = order.index(name)
    before = [i for i, found in enumerate(names) if found in order[:at]]
    after = [i for i, found in enumerate(names) if found in order[at + 1 :]]
    first = max(before, default=-1)
    return first, min((i for i in after if i > first), default=len(names))
