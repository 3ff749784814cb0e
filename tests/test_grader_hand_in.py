"""A released notebook's last cell, in real kernels: it packs what is saved, and costs nothing."""

import datetime
import os
import zipfile

import nbformat
import pytest
from grader_mini import CELLS, RIGHT, SETUP, marking, submission, write_course
from nbclient import NotebookClient

from grader import hand_in as module
from grader.assignment import Assignment
from grader.hand_in import hand_in
from grader.submission import grade_id, packs, unpacked
from libs import ROOT

QUICK = [("setup", "imports", SETUP, 0), *CELLS[1:2], *CELLS[3:5], *CELLS[6:]]


@pytest.fixture
def student(tmp_path):
    """A student's folder, where nothing of the course is, with a filled notebook."""
    course = write_course(tmp_path / "course", QUICK, cell_seconds=60)
    folder = tmp_path / "their work"
    folder.mkdir()
    content = submission(Assignment(course / "source" / "hw0"), RIGHT)
    (folder / "my homework.ipynb").write_bytes(content)
    return folder


def ran(folder, change=lambda notebook: None, told="my homework.ipynb", begin=0) -> str:
    """Run the saved notebook, or as it stands changed on a screen; return what its end printed."""
    notebook = nbformat.read(folder / "my homework.ipynb", as_version=4)
    change(notebook)
    notebook.cells = notebook.cells[begin:]
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={})
    client.resources = {"metadata": {"path": str(folder)}}
    variables = {key: text for key, text in os.environ.items() if key != "JPY_SESSION_NAME"}
    if told:
        variables["JPY_SESSION_NAME"] = str(folder / told)  # as JupyterLab tells its kernels
    client.execute(env=variables)
    return "".join(one.text for one in notebook.cells[-1].outputs if one.output_type == "stream")


def cell(notebook, name):
    return next(one for one in notebook.cells if grade_id(one) == name)


@pytest.mark.slow
def test_the_last_cell_packs_what_is_saved(student):
    said = ran(student)
    content = (student / "my homework.ipynb").read_bytes()
    (archive,) = student.glob("hw0-*.zip")
    assert f"Hand in {archive}" in said
    assert f"{datetime.datetime.now():%B}, runs once more" in said
    with zipfile.ZipFile(archive) as packed:
        assert packed.read("hw0.ipynb") == content
    assert sorted(path.name for path in student.iterdir()) == [archive.name, "my homework.ipynb"]


@pytest.mark.slow
def test_what_is_not_saved_is_not_packed(student):
    def edited(notebook):
        cell(notebook, "double").source = "def double(x):\n    return 2.0 * x"

    said = ran(student, edited)
    assert said.startswith("Save first (Ctrl+S), then run this cell again: the saved double is not")
    assert not [*student.glob("*.zip")]
    # the answer as saved was run, then changed and run again: the last one counts

    def twice(notebook):
        again = nbformat.v4.new_code_cell("def double(x):\n    return 2.5 * x")
        notebook.cells.insert(-1, again)

    assert ran(student, twice).startswith("Save first")
    assert not [*student.glob("*.zip")]


@pytest.mark.slow
def test_a_kernel_that_ran_nothing_packs_what_is_saved(student):
    said = ran(student, begin=-1, told=None)  # started afresh, and Jupyter does not say which
    assert "Hand in " in said
    assert len([*student.glob("hw0-*.zip")]) == 1


@pytest.mark.slow
def test_what_is_not_fit_is_said_in_the_cell_s_terms(student):
    def emptied(notebook):
        cell(notebook, "answer").source = "answer = ..."

    path = student / "my homework.ipynb"
    notebook = nbformat.read(path, as_version=4)
    emptied(notebook)
    nbformat.write(notebook, path)
    said = ran(student)
    assert "not answered yet: answer" in said
    assert 'To hand in the rest, write hand_in("hw0", incomplete=True).' in said
    assert said.endswith("Nothing is packed.\n")
    assert not [*student.glob("*.zip")]

    def rest(notebook):
        notebook.cells[-1].source = notebook.cells[-1].source.replace(")", ", incomplete=True)")

    assert "Hand in " in ran(student, rest)


def test_which_notebook_is_asked_where_nobody_can_tell(student, monkeypatch, capsys):
    monkeypatch.chdir(student)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    (student / "copy.ipynb").write_bytes((student / "my homework.ipynb").read_bytes())
    (student / "broken.ipynb").write_bytes(b"{")
    hand_in("hw0")
    assert (
        "Several notebooks here are hw0's: copy.ipynb, my homework.ipynb" in capsys.readouterr().out
    )
    hand_in("hw1")
    assert "No notebook of hw1 is saved in" in capsys.readouterr().out
    monkeypatch.setenv("JPY_SESSION_NAME", str(student / "renamed since.ipynb"))
    assert hand_in("hw1") is None
    monkeypatch.setenv("JPY_SESSION_NAME", str(student / "copy.ipynb"))
    assert module._notebook("hw0") == (student / "copy.ipynb").resolve()
    assert not [*student.glob("*.zip")]


def test_a_copy_that_is_being_packed_packs_nothing(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOMEWORK_IS_PACKED", "1")
    hand_in("hw0")
    assert capsys.readouterr() == ("", "")


# --- when it is graded ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hw1", "hw2", "hw3", "hw4", "hw5"])
def test_every_release_ends_with_it_and_says_so(name):
    cells = Assignment(ROOT / "homework" / "source" / name).released.cells
    assert [n for n, one in enumerate(cells) if packs(one.source)] == [len(cells) - 1]
    assert f'hand_in("{name}")' in cells[-1].source
    assert "run the last cell: it checks what is saved" in cells[0].source
    assert "nbgrader" not in cells[-1].metadata


LINES = 'from grader.hand_in import hand_in\n\nhand_in("hw0"{})'


@pytest.mark.parametrize(
    "text",
    [
        *(LINES.format(""), LINES.format(", 'x.ipynb'"), LINES.format(", incomplete=True  ")),
        *("hand_in('hw0')", "# now\n" + LINES.format("") + "\n# done", module.cell("hw0")),
    ],
)
def test_the_grader_passes_over_it(text, tmp_path):
    assignment = Assignment(write_course(tmp_path) / "source" / "hw0")
    notebook = nbformat.reads(submission(assignment, RIGHT).decode(), as_version=4)
    notebook.cells[-1].source = text
    merged = assignment.merge(nbformat.writes(notebook).encode())
    assert not [step for step in merged.steps if "hand_in" in step.cell.source]
    assert [step.kind for step in merged.steps if step.kind == "extra"] == []
    assert (merged.notes, merged.unanswered) == ([], set())


@pytest.mark.sandbox
def test_what_else_stands_in_its_cell_or_where_it_was_merged_into_counts(tmp_path):
    answer = "answer = 42\n" + LINES.format("")
    own = "hand_in('hw0')\n\n\ndef double(x):\n    hand_in('hw0')\n    return 2 * x\n"
    with marking(tmp_path) as marker:
        content = submission(marker.assignment, {**RIGHT, "answer": answer, "double": own})
        notebook = nbformat.reads(content.decode(), as_version=4)
        notebook.cells[-1].source += "\nprint('mine')"
        record, cells = marker.mark(nbformat.writes(notebook).encode())
    assert (record["score"], record["points"]) == (5, 5)
    assert {result["stopped"] for result in record["tests"].values()} == {""}
    (mine,) = [one for one in cells if "print('mine')" in one.source]
    assert mine.outputs[0].text == "mine\n"


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("x = hand_in('a')", "x = hand_in('a')"),
        ("if x:\n\thand_in('a')  ", "if x:\n\tpass"),
        ("my_hand_in('a')", "my_hand_in('a')"),
        ("hand_in(f('a'))", "hand_in(f('a'))"),
        ("", ""),
    ],
)
def test_only_lines_that_pack_are_taken_out(source, left):
    assert unpacked(source) == left
    assert not packs(source.replace("if x:", "y = 1"))
