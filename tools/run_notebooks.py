"""Run notebooks from top to bottom on a fresh kernel and store their outputs.

A notebook that fails, or one of whose claims does, is left as it was. Outputs are stored as a
reader sees them at the end: rewritten lines of progress bars folded, live widgets replaced by their
still picture, metadata of one machine left out.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from tqdm import tqdm

from libs.files import replacing

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (course)", "language": "python", "name": "python3"}


def tidy(notebook) -> None:
    """Keep of metadata and outputs only what means the same on every machine."""
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
                output.metadata = {}


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
