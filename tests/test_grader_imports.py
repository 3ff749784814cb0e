"""What may be imported: told in each release, by ``pack``, and where an import failed."""

import importlib.util
import re
from importlib.metadata import packages_distributions

import pytest
from grader_mini import CELLS, RIGHT, SETUP, marking, submission, write_course
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from grader.assignment import Assignment
from grader.commands.pack import pack
from grader.commands.release import release
from grader.course import Course
from grader.imports import foreign, packages, rule, why
from libs import ROOT


def test_the_lessons_packages_are_told_by_the_names_they_are_imported_by():
    text = (ROOT / "requirements.in").read_text("utf-8")
    taught = text.split("# What the lessons teach with\n")[1].split("\n\n")[0].splitlines()
    named = [Requirement(line.partition("  #")[0]).name for line in taught]
    wanted = {canonicalize_name(name) for name in named}
    dists = packages_distributions().items()
    found = {name: {canonicalize_name(dist) for dist in of} for name, of in dists}
    for name in packages():
        assert importlib.util.find_spec(name), name
        assert found[name] & wanted, name
    # each of them has a name here, but for what only helps another, and what other machines have
    here = {dist for name in packages() for dist in found[name]}
    other = {"tensorflow", "tensorflow-cpu", "backports-strenum"}
    assert wanted - here <= other


@pytest.mark.parametrize("name", ["hw1", "hw2", "hw3", "hw4", "hw5"])
def test_every_release_tells_it_above_its_setup(name):
    assignment = Assignment(ROOT / "homework" / "source" / name)
    cells = assignment.released.cells
    (place,) = [n for n, cell in enumerate(cells) if "What you may import" in cell.source]
    assert cells[place + 1].metadata.tags == ["setup"]
    assert not [cell for cell in cells[:place] if cell.cell_type == "code"]
    assert "What you may import" not in assignment.source.cells[place].source
    # no answer of the source breaks it, nor does a setup
    for cell in assignment.source.cells:
        assert cell.cell_type != "code" or foreign(cell.source) == []


def test_what_a_setup_imports_is_told_too(tmp_path):
    cells = [("setup", "more", "import nbformat.v4, os, numpy", 0), *CELLS]
    course = Course(write_course(tmp_path, cells))
    text = (release(course, "hw0") / "hw0.ipynb").read_text("utf-8")
    assert "`onnxruntime` and `nbformat`. Nothing else" in text
    assert "`os`" not in text


def test_the_line_is_nobody_s_answer(tmp_path):
    assignment = Course(write_course(tmp_path)).assignment("hw0")
    merged = assignment.merge(submission(assignment, RIGHT))
    assert merged.notes == []
    assert merged.unanswered == set()
    assert [step.cell.source for step in merged.steps if step.kind == "text"] == [rule()]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os, numpy.linalg, libs.utils\nfrom grader.check import expect", []),
        ("import seaborn as sns\nimport seaborn", ["seaborn"]),
        ("def f():\n    from sklearn.svm import SVC\n    return SVC", ["sklearn.svm"]),
        ("from . import helper\nfrom .more import x", [".", ".more"]),
        ("import google.colab", ["google.colab"]),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None", ["torch"]),
        ("%pip install seaborn\nimport seaborn", []),
        ("import (", []),
        ("x = " + "(" * 5000, []),
        ("import torch\0", []),
    ],
)
def test_what_a_cell_imports_and_may_not(source, found):
    assert foreign(source) == found
    assert foreign(source, "import seaborn, sklearn, google, torch") in ([], [".", ".more"])


@pytest.mark.parametrize(
    ("kind", "message", "said"),
    [
        ("ModuleNotFoundError", "No module named 'torch'", "do without torch."),
        ("ModuleNotFoundError", "No module named 'a.b'; 'a' is not a package", "do without a.b."),
        ("ModuleNotFoundError", "No module named 'numpy.nothing'", ""),
        ("ModuleNotFoundError", "No module named 'libs.nothing'", ""),
        ("ModuleNotFoundError", "<b>no</b>", ""),
        ("ValueError", "No module named 'torch'", ""),
    ],
)
def test_only_an_import_that_may_not_be_is_explained(kind, message, said):
    text = why(kind, message)
    assert bool(text) == bool(said)
    assert text.endswith(said)
    assert ("PIL" in text) == bool(said)


@pytest.fixture
def student(tmp_path, monkeypatch):
    """A student's folder with a module of their own, which works there and nowhere else."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "mine.py").write_text("def twice(x):\n    return 2 * x\n")
    cells = [("setup", "imports", SETUP + "\nimport nbformat", 0), *CELLS[1:]]
    assignment = Assignment(
        write_course(tmp_path / "course", cells, cell_seconds=60) / "source" / "hw0"
    )
    double = "from mine import twice\nimport nbformat\n\n\ndef double(x):\n    return twice(x)"
    path = tmp_path / "hw0.ipynb"
    path.write_bytes(submission(assignment, {**RIGHT, "double": double}, "import mine", at=3))
    return path


def test_pack_warns_of_an_import_that_works_here_alone(student):
    archive, notes = pack("hw0", student)
    assert archive.is_file()
    said = [note for note in notes if "imports" in note]
    assert len(said) == 2
    assert said[0].startswith("double imports mine, which will not be there")
    assert said[1].startswith("A cell of your own imports mine")


@pytest.mark.sandbox
def test_where_it_is_graded_the_message_says_what_may_be_imported(tmp_path):
    some = "import networkx, tqdm, psutil, PIL.Image, imageio, scipy.stats, matplotlib, libs\n"
    fails = "import surely_not_here\n\n\ndef double(x):\n    return 2 * x"
    inside = "def double(x):\n    import surely_not_here.at_all\n\n    return 2 * x"
    with marking(tmp_path, cell_seconds=60) as marker:
        found = {}
        for name, source in {"fine": some + RIGHT["double"], "at": fails, "in": inside}.items():
            record, _ = marker.mark(submission(marker.assignment, {**RIGHT, "double": source}))
            found[name] = record["tests"]["double-test"]
    assert found["fine"]["score"] == 4
    says = "Where homework is graded there are only Python's own modules, libs, tensorflow, keras"
    assert says in found["at"]["stopped"]
    assert "line 1 of your cell, `import surely_not_here`" in found["at"]["stopped"]
    assert found["at"]["stopped"].endswith("do without surely_not_here.")
    visible, hidden = (finding["message"] for finding in found["in"]["findings"])
    assert says in visible
    assert not re.search("surely_not", hidden)
