"""Print how long each lesson is: cells, words to read, lines of code; a sitting has a limit.

``python -m tools.counts`` lists all of them, ``python -m tools.counts 03`` one. Code is counted
with what is folded, but without the setup cell, which is the same everywhere.
"""

import re
import sys
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
#: What a learner does in 60 to 90 minutes.
LIMITS = {"cells": 95, "words": 2_600, "lines of code": 450}


def count_words(markdown: str) -> int:
    """Return how many words of a markdown cell are read: no code, formulas, tags or addresses."""
    prose = re.sub(r"```.*?```|\$\$.*?\$\$|<[^>]+>", " ", markdown, flags=re.DOTALL)
    prose = re.sub(r"\]\([^)\s]*\)", "]", prose)  # where a link leads is not read
    return len(re.findall(r"\w[\w'’-]*", prose))


def counts(path: Path) -> dict[str, int]:
    """Return a lesson's numbers, named as in :data:`LIMITS`."""
    cells = nbformat.read(path, as_version=4).cells
    code = [cell.source.splitlines() for cell in cells if cell.cell_type == "code"][1:]
    prose = sum(count_words(cell.source) for cell in cells if cell.cell_type == "markdown")
    lines = sum(bool(line.strip()) for source in code for line in source)
    return {"cells": len(cells), "words": prose, "lines of code": lines}


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
