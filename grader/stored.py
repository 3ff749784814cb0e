"""Numbers that test cells hold: made from the solution, so that no formula is handed out.

In a source, a test cell says ``stored(EXPRESSION)``; a literal of its value takes its place in
what students get and in what marks them. The values stand beside the source, in stored.json, so
that every machine has the same.
"""

import ast
import io
import json
import math
import pprint
from contextlib import chdir, redirect_stdout
from pathlib import Path

import nbformat
import numpy as np

from grader import AssignmentError
from grader.check import record
from grader.files import digest, write
from grader.markers import HIDDEN_TESTS, SOLUTION, STORED, answer_of
from grader.submission import grade_id, kind

FILE, WIDTH = "stored.json", 100
NUMBERS = 100  # so many are still a short cell


class _Number(float):
    """A number that writes itself so that Python reads it, also if it is infinite."""

    def __repr__(self) -> str:
        return float.__repr__(self) if math.isfinite(self) else f'float("{float.__repr__(self)}")'


def calls(source: str) -> list[tuple[int, int, str]]:
    """Return where each ``stored(…)`` of a cell begins and ends, in bytes, and what is in it."""
    lines = source.encode().split(b"\n")
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
    found = []
    for node in ast.walk(ast.parse(source)):
        if _is_call(node):
            first = int(starts[node.lineno - 1]) + node.col_offset
            last = int(starts[node.end_lineno - 1]) + node.end_col_offset
            found.append((first, last, ast.unparse(node.args[0]) if node.args else ""))
    return sorted(found)


def freeze(source: str, literals: list[str]) -> str:
    """Return a cell with literals in the place of its ``stored(…)``, without what makes them."""
    text, inside = source.encode(), _within_brackets(source)
    found = enumerate(zip(calls(source), literals, strict=True))
    for place, ((first, last, _), new) in reversed(list(found)):
        before, (rest, *_) = text[:first], text[last:].decode().split("\n")
        line = before.split(b"\n")[-1].decode()
        indent = len(line) - len(line.lstrip())
        inner, end = "\n" + " " * (indent + 4), ""
        if new[:1] in "[({" and len(line + new + rest) > WIDTH:  # on lines of its own
            wrapped = literal(_value(new), WIDTH - indent - 4)
            if place in inside and len((wrapped + rest).split("\n")[-1]) + indent + 4 <= WIDTH:
                before, new = before.rstrip(b" "), f"\n{wrapped}"
            else:
                new, end = f"(\n{wrapped}", "\n" + " " * indent + ")"
        text = before + (new.replace("\n", inner) + end).encode() + text[last:]
    return STORED.without(text.decode()).lstrip("\n")


def frozen(folder: Path, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return an assignment's source with its stored numbers put in.

    Raises
    ------
    AssignmentError
        They are not there, or are those of another solution.
    """
    name, cells = Path(folder).name, _cells(folder, notebook)
    if not cells:
        return notebook
    try:
        values = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
        fresh = values["of"] == state(notebook)
    except (OSError, ValueError, KeyError, TypeError):
        fresh = False
    if not fresh:
        raise AssignmentError(
            f"{name}: the numbers that its tests store are not yet made from its solution as it "
            f"is now. Run: python -m grader release {name}"
        )
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        if grade_id(cell) in cells:
            literals = [literal for _, literal in values["values"].get(grade_id(cell), [])]
            cell.source = freeze(cell.source, literals)
    return notebook


def read_source(folder: Path) -> tuple[bytes, nbformat.NotebookNode]:
    """Return an assignment's source, as a file and as a notebook whose code is Python.

    Parameters
    ----------
    folder : pathlib.Path

    Raises
    ------
    AssignmentError
        It is missing, no notebook, or a cell has a syntax error or a marker that can't be read; the
        message says where.
    """
    name = Path(folder).name
    path = Path(folder) / f"{name}.ipynb"
    if not path.is_file():
        raise AssignmentError(f"{path} is missing.")
    content = path.read_bytes()
    try:
        notebook = nbformat.reads(content.decode(), as_version=4)
    except Exception as error:  # what nbformat raises is no one kind
        raise AssignmentError(f"{path} is not a notebook: {str(error)[:100]}") from None
    for cell in notebook.cells:  # first: a marker that lost its # is no Python, either
        for region in (SOLUTION, HIDDEN_TESTS, STORED):
            if problem := region.problem(cell.source):
                raise AssignmentError(f"{name}, cell {grade_id(cell)}: {problem}.")
    for place, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        which = f"{name}, cell {grade_id(cell) or place}"
        try:
            _parse(cell.source, kind(cell) in ("given", "answer", "manual"))
        except SyntaxError as error:
            text = f": {error.text.strip()}" if error.text else ""
            raise AssignmentError(f"{which}, line {error.lineno}: {error.msg}{text}") from None
        except ValueError as error:  # a NUL
            raise AssignmentError(f"{which}: {error}") from None
    return content, notebook


def _parse(source: str, in_kernel: bool) -> None:
    """Raise what is wrong with a cell's syntax; only a kernel knows ``await`` and ``%``."""
    try:
        ast.parse(source)
    except SyntaxError as first:
        if not in_kernel:
            raise
        from IPython.core.inputtransformer2 import TransformerManager

        try:
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(TransformerManager().transform_cell(source), "cell", "exec", flags)
        except SyntaxError:
            raise first from None


def state(notebook: nbformat.NotebookNode) -> str:
    """Return a hash of all that the stored numbers depend on."""
    parts = [c.source for c in notebook.cells if kind(c) in ("setup", "answer", "test")]
    return digest("\0".join(parts).encode())


def renew(folder: Path) -> bool:
    """Make an assignment's stored numbers from its solution, if either has changed.

    Parameters
    ----------
    folder : pathlib.Path
        Of its source.

    Returns
    -------
    bool
        Whether they were made.
    """
    _, notebook = read_source(folder)
    try:
        frozen(folder, notebook)
    except AssignmentError:
        values = {"of": state(notebook), "values": compute(folder, notebook)}
        write(Path(folder) / FILE, json.dumps(values, indent=1, ensure_ascii=False) + "\n")
        return True
    return False


def compute(folder: Path, notebook: nbformat.NotebookNode) -> dict[str, list]:
    """Run the solution; return each test cell's expressions and the literals of their values.

    Raises
    ------
    AssignmentError
        A value can't be had, or not be written as a short literal.
    """
    name, values = Path(folder).name, {}
    space = {"__name__": "__main__"}
    wanted = _cells(folder, notebook)
    used = {answer_of(test) for test in wanted}
    with chdir(folder), redirect_stdout(io.StringIO()):
        for cell in notebook.cells:
            if kind(cell) not in ("setup", "answer") and grade_id(cell) not in wanted:
                continue
            if "slow" in cell.metadata.get("tags", []) and grade_id(cell) not in used:
                continue  # trains for long, and nothing stored is made from it
            try:
                if grade_id(cell) in wanted:
                    values[grade_id(cell)] = _values(cell.source, space)
                else:
                    exec(_compiled(ast.parse(SOLUTION.unmarked(cell.source))), space)
            except Exception as error:
                why = str(error) if isinstance(error, AssignmentError) else repr(error)
                raise AssignmentError(f"{name}, cell {grade_id(cell)}: {why}") from error
    return values


def differences(folder: Path, notebook: nbformat.NotebookNode) -> list[str]:
    """Say which stored numbers are not those that the solution gives now."""
    if not _cells(folder, notebook):
        return []
    kept = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))["values"]
    return [
        f"{test} stores {old} for {expression}, the solution gives {new}: is it drawn at random?"
        for test, values in compute(folder, notebook).items()
        for (expression, new), (_, old) in zip(values, kept[test], strict=True)
        if new != old and not _close(new, old)
    ]


def literal(value, width: int = 88) -> str:
    """Write a value as Python reads it: numbers (7 digits), texts, and what is made of them."""
    return pprint.pformat(_plain(value), width=width, compact=True, sort_dicts=False)


def _value(text: str):
    """Return the value of a literal."""
    return eval(text, {"__builtins__": {}}, {"float": float})


def _plain(value):
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _Number(float(f"{value:.7g}") + 0.0)  # no minus zero
    if isinstance(value, dict):
        return {_plain(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_plain(part) for part in value])
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise AssignmentError(f"stored(…) takes numbers and texts, not {type(value).__name__}")
    if array.dtype.kind == "f" and array.ndim:  # what rounding leaves of 0 says nothing
        array = np.where(np.abs(array) < 1e-12 * np.max(np.abs(array), initial=0), 0, array)
    return _plain(array.tolist())


def _count(value) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(_count, value)) if isinstance(value, list | tuple) else 1


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "stored"


def _within_brackets(source: str) -> set[int]:
    """Return which ``stored(…)`` of a cell, in the order of the text, stand within brackets."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        else:
            parts = [node] if isinstance(node, ast.Dict | ast.List) else []
        if not _is_call(node):
            stored = (n for part in parts for n in ast.walk(part) if _is_call(n))
            found |= {(n.lineno, n.col_offset) for n in stored}
    return {place for place, begin in enumerate(_begins(source)) if begin in found}


def _begins(source: str) -> list[tuple[int, int]]:
    """Return the lines and columns of each ``stored(…)`` of a cell, in the order of the text."""
    found = (node for node in ast.walk(ast.parse(source)) if _is_call(node))
    return sorted((node.lineno, node.col_offset) for node in found)


def _cells(folder: Path, notebook: nbformat.NotebookNode) -> set[str]:
    """Return the names of cells that store numbers.

    Raises
    ------
    AssignmentError
        A cell that is no test does.
    """
    found = set()
    for cell in notebook.cells:
        if cell.cell_type != "code" or "stored" not in cell.source.lower():
            continue
        try:
            stores = STORED.bodies(cell.source) or calls(cell.source)
        except SyntaxError:  # who reads it whole will say so
            continue
        if stores and kind(cell) != "test":
            place = f"{Path(folder).name}, cell {grade_id(cell)}"
            raise AssignmentError(f"{place}: only a test cell may store numbers")
        if stores:
            found.add(grade_id(cell))
    return found


def _values(source: str, space: dict) -> list[list[str]]:
    """Run a test cell; return its expressions and literals."""
    found, problems = {}, []
    visible = len(calls(HIDDEN_TESTS.without(source)))

    def store(value, place: int):
        try:
            plain = _plain(value)
            if place < visible and _count(plain) > NUMBERS:
                many = f"{_count(plain)} numbers are too many to show a student"
                raise AssignmentError(f"{many}; store {NUMBERS} at most")
            text = literal(plain)
            if found.setdefault(place, text) != text:
                raise AssignmentError("it has several values, in a loop; each needs a line")
        except AssignmentError as error:
            problems.append((place, str(error)))
        return value

    expressions = [expression for *_, expression in calls(source)]
    tree = _Numbered(source).visit(ast.parse(source))
    with record() as findings:
        exec(_compiled(ast.fix_missing_locations(tree)), {**space, "stored": store})
    for place, why in problems:
        raise AssignmentError(f"stored({expressions[place]}): {why}")
    for place, expression in enumerate(expressions):
        if place not in found:
            said = [f"{f.name}: {f.message}" for f in findings.findings if f.share < 1]
            raise AssignmentError(f"stored({expression}) is never reached. {' '.join(said)}")
    return [[expression, found[place]] for place, expression in enumerate(expressions)]


class _Numbered(ast.NodeTransformer):
    """Gives each ``stored(…)`` its number, in the order of the text."""

    def __init__(self, source: str) -> None:
        self.begins = _begins(source)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """Add it."""
        self.generic_visit(node)
        if _is_call(node):
            if len(node.args) != 1 or node.keywords:
                raise AssignmentError("stored(…) takes one value")
            node.args.append(ast.Constant(self.begins.index((node.lineno, node.col_offset))))
        return node


def _compiled(tree: ast.Module):
    return compile(tree, "source", "exec", optimize=0)


def _close(new: str, old: str) -> bool:
    """Return whether two literals are the same but for the last digits, as machines differ."""
    try:
        values = [np.asarray(_value(text), dtype=float) for text in (new, old)]
        return np.allclose(*values, rtol=1e-4, atol=1e-5)
    except (TypeError, ValueError):
        return False
