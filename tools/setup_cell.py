"""Write the setup cell and the course's address into lessons, README and workflows.

    python tools/setup_cell.py

The cell is the first of each lesson's code, and the same in all. The addresses, of the repository
and of the site, stand in pyproject.toml; who teaches from a copy changes them there and runs this,
as does who copies a lesson to write another: its links to Colab and Binder then lead to the new
one. Above hints and solutions a line leads to the lesson's page on the site, for who reads it where
nothing folds; copies and pages are without it, and so are lessons if there is no site's address.
The cell comes with its output, ``Ready.``; all other outputs are kept, and execution counts are
renumbered.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.workspace import without_way  # noqa: E402, the folder must be known first

URLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
ADDRESS = URLS["Repository"].removesuffix("/").removesuffix(".git")
SITE = URLS.get("Documentation", "").removesuffix("/")
NAME = ADDRESS.removeprefix("https://github.com/")
FOLDER = NAME.partition("/")[2]

SOURCE = """\
# Is the course here? On Colab this fetches it. Elsewhere it says which kernel has it.
import runpy
from importlib.util import find_spec
from pathlib import Path

address = "ADDRESS"
here = all(find_spec(name) for name in ("libs", "tensorflow", "tf2onnx"))
if not here and find_spec("google") and find_spec("google.colab"):
    if not Path(Path(address).name).exists():
        get_ipython().system(f"git clone --quiet --depth=1 {address}")
    runpy.run_path(f"{Path(address).name}/tools/colab.py")["get_ready"]()
elif not here:
    advice = (
        "**This kernel doesn't have the course.** Choose another, then run this cell again.\\n"
        "- JupyterLab: menu *Kernel*, *Change Kernel*, *Python 3 (course)*\\n"
        "- VS Code: *Select Kernel*, *Python Environments*, *.venv*\\n\\n"
        "Not there? In the course's folder `make lab` makes it, on Windows `python install.py`."
    )
    display({"text/markdown": advice, "text/plain": advice}, raw=True)
    waits = "This lesson waits for a kernel that has the course."
    get_ipython().set_custom_exc((ImportError, NameError), lambda *_, **__: print(waits))
    raise ImportError
print("Ready.")""".replace("ADDRESS", ADDRESS)
CELL = {
    "cell_type": "code",
    "execution_count": 1,
    "id": "setup",
    "metadata": {"jupyter": {"source_hidden": True}, "tags": ["setup"]},
    "outputs": [{"name": "stdout", "output_type": "stream", "text": ["Ready.\n"]}],
    "source": SOURCE.splitlines(keepends=True),
}


def addressed(text: str, lesson: str) -> str:
    """Return a text with the course's address where one stands, its links to a lesson's file."""
    colab = f"https://colab.research.google.com/github/{NAME}/blob/main/notebooks/{lesson}"
    binder = f"https://mybinder.org/v2/gh/{NAME}/main?labpath=notebooks/{lesson}"
    for old, new in (
        (r"https://colab\.research\.google\.com/github/[^\s)]+", colab),
        (r"https://mybinder\.org/v2/gh/[^\s)]+", binder),
        (r"git clone https://\S+\ncd \S+", f"git clone {ADDRESS}\ncd {FOLDER}"),
        (r"github\.repository == '[^']*'", f"github.repository == '{NAME}'"),
    ):
        text = re.sub(old, new, text)
    return text


def with_way(text: str, lesson: str) -> str:
    """Return a cell's text, led by a line to the lesson's page if it folds and there is a site."""
    text = without_way(text)
    if not (SITE and text.startswith("<details>")):
        return text
    page = f"{SITE}/notebooks/{Path(lesson).stem}.html"
    return f"*Not folded? Solutions show here; [the site]({page}) hides them.*\n\n{text}"


def with_setup(notebook: dict, lesson: str) -> dict:
    """Return a lesson with the setup cell and its own links, its execution counts renumbered."""
    cells = [cell for cell in notebook["cells"] if cell.get("id") != CELL["id"]]
    first = next(n for n, cell in enumerate(cells) if cell["cell_type"] == "code")
    cells.insert(first, CELL)
    count = 0
    for cell in cells:
        if cell["cell_type"] == "markdown":
            text = with_way(addressed("".join(cell["source"]), lesson), lesson)
            cell["source"] = text.splitlines(keepends=True)
        elif "".join(cell["source"]).strip():
            count += 1
            cell["execution_count"] = count
            for output in cell["outputs"]:
                if "execution_count" in output:
                    output["execution_count"] = count
    return notebook | {"cells": cells}


def main() -> None:
    """Write what differs."""
    lessons = sorted((ROOT / "notebooks").glob("[0-9][0-9]*-*.ipynb"))
    pages = [ROOT / "README.md", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    texts = {path: addressed(path.read_text("utf-8"), lessons[0].name) for path in pages}
    for path in lessons:
        notebook = with_setup(json.loads(path.read_text("utf-8")), path.name)
        texts[path] = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    for path, text in texts.items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8", newline="\n")
            print(path.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    main()
