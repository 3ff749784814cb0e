"""``python -m grader new``: a source to begin with, which is proved as it stands."""

import re
import shutil
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grader.course import Course, CourseError

_SETUP = """from libs.notebook import start

# isort: split
import numpy as np

from grader.check import expect, filled, test

out = start()"""
_ANSWER = '''def rescale(x):
    """Stretch the numbers x [n] so that the smallest becomes 0 and the largest 1."""
    ### BEGIN SOLUTION
    low, high = np.min(x), np.max(x)
    return (np.asarray(x) - low) / (high - low)
    ### END SOLUTION'''
_TEST = """with test("three numbers"):
    expect.close(
        rescale(np.array([2.0, 4.0, 10.0])),
        [0.0, 0.25, 1.0],
        "rescale([2, 4, 10])",
        mistakes={"the smallest number is not taken away": [0.2, 0.4, 1.0]},
    )
    expect.close(rescale(np.array([-1.0, 3.0])), [0.0, 1.0], "rescale([-1, 3])")
### BEGIN HIDDEN TESTS
with test("other numbers", points=2):
    numbers = np.random.default_rng(1).normal(3, 2, size=20)
    low, high = min(numbers), max(numbers)
    expect.close(rescale(numbers), (numbers - low) / (high - low), "rescale(x)")
### END HIDDEN TESTS"""
_GIVEN = """if filled(rescale(np.arange(3.0))):
    print("0, 1, 4 and 9 become", rescale(np.arange(4.0) ** 2))"""
_WORDS = """### BEGIN SOLUTION
The large number becomes 1. All others crowd near 0, where they can hardly be told apart.
### END SOLUTION"""
_TEXTS = {
    "text-1": (
        "# {title}\n\n"
        "Say in a sentence what the student will have made at the end.\n\n"
        "> **How it works.** Replace the dots in the answer cells, run each, then run the "
        "folded test cell below it: it says what is wrong, and in which points. More tests run "
        "when the homework is graded, on other numbers. Cells that you can't edit are put back as "
        "they were, so changing them changes nothing. Add cells of your own wherever you "
        "like. At the end, *Kernel → Restart Kernel and Run All Cells…*, save, then run the "
        "last cell: it checks what is saved, and packs it for handing in, as `python -m grader "
        "pack {name}` does."
    ),
    "text-2": (
        "## 1 · From 0 to 1 (3 points)\n\n"
        "Write `rescale(x)`: from an array `x` `[n]` it makes one of the same shape, in which "
        "the smallest number is 0, the largest 1, and the others keep their place between "
        "them. The numbers are not all the same."
    ),
    "text-3": (
        "## 2 · In words (2 points, read by a person)\n\n"
        "What does `rescale` do to a hundred numbers near 1 and a single one of a million? "
        "Two sentences. *How it is read:* 1 point for where the large number goes, 1 for what "
        "becomes of the others."
    ),
}
_MUTANTS = '''"""Wrong answers that students give to {name}, and right ones that look different."""

# name: (answer's grade_id, change, part of the message that says why)
# a change is a list of (old, new) in the solution, or the whole cell's new text
MUTANTS = {{
    "only divided": (
        "rescale",
        [("(np.asarray(x) - low) / (high - low)", "np.asarray(x) / high")],
        "the smallest number is not taken away",
    ),
    "divided by the largest": ("rescale", [("(high - low)", "high")], "rescale([2, 4, 10])"),
}}

# name: {{grade_id: change}}
VARIANTS = {{
    "in a loop": {{
        "rescale": """def rescale(x):
    numbers = sorted(x)
    return [(number - numbers[0]) / (numbers[-1] - numbers[0]) for number in x]
"""
    }},
}}
'''
#: kind: grade, solution, locked
_FLAGS = {
    "setup": (False, False, True),
    "answer": (False, True, False),
    "test": (True, False, True),
    "given": (False, False, True),
    "manual": (True, True, False),
}


def new(course: Course, name: str) -> Path:
    """Write the source of an assignment with one exercise and one question.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        Of ASCII letters, digits, ``-`` and ``_``.

    Returns
    -------
    pathlib.Path
        Its folder, with the notebook and ``mutants.py``; :func:`grader.commands.prove.prove` finds
        nothing wrong with it.

    Raises
    ------
    grader.course.CourseError
        The name is none, or there is something of that name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", name):
        raise CourseError(
            f"{name!r} is no name for an assignment: up to 40 letters, digits, - and _, as in hw6."
        )
    folder = course.root / "source" / name
    if folder.exists() or folder.is_symlink():
        raise CourseError(f"{folder} is there already. Nothing is written over: take another name.")
    # in a folder of its own first: half a source would be no assignment, and in the way
    part = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        nbformat.write(_notebook(name), part / f"{name}.ipynb")
        (part / "mutants.py").write_text(_MUTANTS.format(name=name), encoding="utf-8")
        part.chmod(folder.parent.stat().st_mode & 0o777)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _notebook(name: str) -> nbformat.NotebookNode:
    """Return the notebook."""
    title = f"Homework {number[0]}" if (number := re.findall(r"\d+$", name)) else name
    text = {key: new_markdown_cell(body, id=key) for key, body in _TEXTS.items()}
    text["text-1"].source = _TEXTS["text-1"].format(name=name, title=title)
    cells = [
        *(text["text-1"], _cell("setup", "imports", _SETUP)),
        *(text["text-2"], _cell("answer", "rescale", _ANSWER)),
        _cell("test", "rescale-test", _TEST, 3),
        _cell("given", "rescale-shown", _GIVEN),
        *(text["text-3"], _cell("manual", "words", _WORDS, 2)),
    ]
    kernel = {"display_name": "Python 3 (course)", "language": "python", "name": "python3"}
    about = {"title": title, "minutes": 60}
    metadata = {"homework": about, "kernelspec": kernel, "language_info": {"name": "python"}}
    return new_notebook(cells=cells, metadata=metadata)


def _cell(kind: str, name: str, source: str, points: int = 0) -> nbformat.NotebookNode:
    """Return a cell with nbgrader's metadata."""
    cell = (new_markdown_cell if kind == "manual" else new_code_cell)(source, id=name)
    flags = dict(zip(("grade", "solution", "locked"), _FLAGS[kind], strict=True))
    cell.metadata["nbgrader"] = {**flags, "grade_id": name, "schema_version": 3, "task": False}
    if points:
        cell.metadata["nbgrader"] |= {"points": points, "cell_type": cell.cell_type}
    if kind == "setup":
        cell.metadata["tags"] = ["setup"]
    return cell
