"""Run notebooks from top to bottom on a fresh kernel and store their outputs.

A notebook that fails, or one of whose claims does, is left as it was. Outputs are stored as a
reader sees them at the end: rewritten lines of progress bars folded, live widgets replaced by their
still picture, metadata of one machine left out. Cells that only claim are tagged ``claims`` and
folded.
"""

import argparse
import ast
import dis
import html
import os
import re
import sys
import time
from pathlib import Path
from types import CodeType

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from tqdm import tqdm

from libs.files import replacing

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (course)", "language": "python", "name": "python3"}


def only_claims(cells) -> list[bool]:
    """Tell of each cell whether it only claims: a reader loses nothing where it is folded.

    It is code, claims at least once, and does nothing besides but assign what no later cell reads.
    """
    told, later = [], set()
    for cell in reversed(cells):
        code = ast.parse(cell.source if cell.cell_type == "code" else "")
        made, read = _names(compile(code, "a cell", "exec"))
        told.append("claim" in read and _claims(code.body) and not made & later)
        later = later - made | read
    return told[::-1]


def _names(code: CodeType) -> tuple[set[str], set[str]]:
    """Return the names that a cell makes, and those that it reads before it makes them itself."""
    made, read = set(), set()
    for step in dis.get_instructions(code):  # in the order in which they run, loops' bodies once
        if step.opname == "STORE_NAME":
            made.add(step.argval)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            read |= {step.argval} - made
        elif isinstance(step.argval, CodeType):  # a function's: what it makes stays in it
            read |= _names(step.argval)[1] - made
    return made, read


def _claims(body: list[ast.stmt]) -> bool:
    """Tell whether statements are claims, assignments, and loops and conditions of these."""
    for part in body:
        if isinstance(part, ast.For | ast.If | ast.With):
            good = _claims(part.body) and _claims(getattr(part, "orelse", []))
        elif isinstance(part, ast.Expr):
            call = part.value
            good = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "claim"
        else:
            good = isinstance(part, ast.Assign)
        if not good:
            return False
    return True


def fold_claims(notebook) -> None:
    """Tag each cell that only claims, and fold it; take the tag from the others."""
    for cell, claims in zip(notebook.cells, only_claims(notebook.cells), strict=True):
        tags = [tag for tag in cell.metadata.get("tags", []) if tag != "claims"]
        if claims:
            cell.metadata["jupyter"] = {"source_hidden": True}
            tags.append("claims")
        elif len(tags) < len(cell.metadata.get("tags", [])):
            cell.metadata.pop("jupyter", None)
        cell.metadata["tags"] = tags


def tidy(notebook) -> None:
    """Keep of metadata and outputs only what means the same on every machine; fold claims."""
    fold_claims(notebook)
    notebook.metadata = {
        "course": notebook.metadata.get("course", {}),
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in ("tags", "jupyter") if cell.metadata.get(key)}
        cell.metadata = kept
        for output in cell.get("outputs", []):
            if "data" in output:
                if len(output.data) > 1:
                    output.data.pop(WIDGET, None)
                alt = re.search(r'<img [^>]*alt="([^"]*)"', output.data.get("text/html", ""))
                kept = {"image/png": {"alt": html.unescape(alt[1])}} if alt else {}
                output.metadata = kept if "image/png" in output.data else {}


def run(path: Path) -> float:
    """Run one notebook, write it back, and return the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    started = time.perf_counter()
    client = NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    )
    client.execute()
    seconds = time.perf_counter() - started
    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})
    tidy(notebook)
    nbformat.validate(notebook)
    with replacing(path) as file:
        file.write((nbformat.writes(notebook) + "\n").encode())
    return seconds


def main() -> int:
    """Run what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="notebooks; by default all of them")
    files = parser.parse_args().files or sorted(NOTEBOOKS.glob("*.ipynb"))
    os.environ["COURSE_PROOF"] = "1"  # what is stored must hold (libs/claims.py)
    failed = 0
    bar = tqdm(files, unit="notebook")
    for path in bar:
        bar.set_description(path.stem)
        try:
            seconds = run(path.resolve())
        except CellExecutionError as error:
            failed += 1
            bar.write(f"FAILED {path.name}, left as it was:\n{error}", file=sys.stderr)
        else:
            bar.write(f"{path.name}: {seconds:.0f} s")
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
