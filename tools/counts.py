"""Print how long each lesson is: cells, words to read, lines of code; a sitting has a limit.

``python -m tools.counts`` lists all of them, ``python -m tools.counts 03`` one. All is counted: of
markdown whatever stands between spaces, formulas and links as well, but for the line that a
learner's copy leaves out (``workspace.without_way``); of code every line that is not empty, with
what is folded and the setup cell.
"""

import sys
from pathlib import Path

import nbformat

from tools.workspace import without_way

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
#: What a learner does in 60 to 90 minutes.
LIMITS = {"cells": 95, "words": 2_600, "lines of code": 450}


def counts(path: Path) -> dict[str, int]:
    """Return a lesson's numbers, named as in :data:`LIMITS`."""
    cells = nbformat.read(path, as_version=4).cells
    texts = (without_way(cell.source) for cell in cells if cell.cell_type == "markdown")
    words = sum(len(text.split()) for text in texts)
    code = [line for c in cells if c.cell_type == "code" for line in c.source.splitlines()]
    return {
        "cells": len(cells),
        "words": words,
        "lines of code": sum(map(bool, map(str.strip, code))),
    }


def main(arguments: list[str]) -> int:
    """Print a line for each lesson whose name begins with one of the arguments, or for all."""
    limits = ", ".join(f"{most:,} {what}" for what, most in LIMITS.items())
    print(f"one sitting is at most {limits}; ! marks what is beyond")
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]*.ipynb")):
        if not arguments or path.name.startswith(tuple(arguments)):
            found = counts(path).items()
            marked = (f"{n:6,} {what}{'!' if n > LIMITS[what] else ' '}" for what, n in found)
            print(f"{path.stem:34}", *marked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
