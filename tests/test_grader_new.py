"""``python -m grader new``, and what is wrong with a mutants.py."""

import os
import subprocess
import sys

import pytest
from grader_mini import write_course

from grader import AssignmentError
from grader.assignment import Assignment
from grader.commands.new import new
from grader.commands.prove import leaks, read_mutants, rules
from grader.course import Course, CourseError
from libs import ROOT


@pytest.fixture
def course(tmp_path):
    return Course(write_course(tmp_path / "course"))


def test_a_new_source_keeps_the_rules(course):
    folder = new(course, "hw6")
    assert sorted(path.name for path in folder.iterdir()) == ["hw6.ipynb", "mutants.py"]
    assignment = course.assignment("hw6")
    assert (assignment.name, assignment.title) == ("hw6", "Homework 6")
    assert list(assignment.of_kind("answer", "manual")) == ["rescale", "words"]
    assert rules(assignment) == leaks(assignment) == read_mutants(assignment)[2] == []
    text = "\n".join(cell.source for cell in assignment.written.cells)
    assert "python -m grader pack hw6" in text
    assert "{" not in assignment.written.cells[0].source


def test_a_new_source_keeps_the_style(course):
    pytest.importorskip("ruff", reason="a maintainer's package")
    folder = new(course, "hw6")
    for line in (["check"], ["format", "--check"]):
        config = ("--config", ROOT / "pyproject.toml")
        subprocess.run([sys.executable, "-m", "ruff", *line, *config, folder], check=True)


def content(root) -> dict:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["hw0", "empty", "file", "link"])
def test_nothing_is_written_over(course, name):
    source = course.root / "source"
    (source / "empty").mkdir()
    (source / "file").write_text("mine")
    if os.name != "nt":
        (source / "link").symlink_to(source / "nowhere")
    elif name == "link":
        pytest.skip("Windows makes no links")
    before = content(course.root)
    with pytest.raises(CourseError, match="Nothing is written over"):
        new(course, name)
    assert content(course.root) == before


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "hw 6", "-hw", ".hw", "hw\n", "hw6.ipynb", "ä", "h" * 41]
)
def test_a_name_that_is_none_is_refused(course, name):
    before = content(course.root)
    with pytest.raises(CourseError, match="no name for an assignment"):
        new(course, name)
    assert content(course.root) == before


def test_a_disk_that_is_full_leaves_no_half_source(course, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nbformat.write", full)
    with pytest.raises(OSError, match="No space"):
        new(course, "hw6")
    assert [path.name for path in (course.root / "source").iterdir()] == ["hw0"]


# --- mutants.py -----------------------------------------------------------------------------------

ENOUGH = """MUTANTS = {
    "a": ("double", [("2", "3")], ""),
    "b": ("double", [("2", "4")], ""),
    "c": ("answer", "answer = 1", ""),
    "d": ("answer", "answer = 2", ""),
}
VARIANTS = {"v": {"double": "double = abs", "answer": "answer = 40 + 2"}}
"""


def read(course, text: str):
    (course.root / "source" / "hw0" / "mutants.py").write_text(text, encoding="utf-8")
    return read_mutants(Assignment(course.root / "source" / "hw0"))


def test_an_exercise_needs_two_wrong_answers_and_another_right_one(course):
    mutants, variants, problems = read(course, ENOUGH)
    assert (len(mutants), len(variants), problems) == (4, 1, [])
    _, _, problems = read(course, ENOUGH.replace('    "d": ("answer", "answer = 2", ""),\n', ""))
    assert problems == ["mutants.py has 1 of answer; at least 2 mutants are needed"]
    _, _, problems = read(course, ENOUGH.replace(', "answer": "answer = 40 + 2"', ""))
    assert problems == ["mutants.py has 0 of answer; at least 1 variant is needed"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '"c": ("answer"',
            '"c": ("anwser"',
            "changes 'anwser', which is no answer: double",
        ),
        ('{"double": "d', '{"words": "d', "changes 'words', which is no answer"),
        ('"answer = 1", ""', '"answer = 1"', "mutants.py can't be read: ValueError"),
        ("VARIANTS", "VARIANT", "mutants.py defines no VARIANTS."),
        ("MUTANTS = {", "MUTANTS = {{", "mutants.py can't be read: SyntaxError"),
        ("MUTANTS = {", "MUTANTS = 1 // 0, {", "mutants.py can't be read: ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(course, old, new, says):
    assert old in ENOUGH
    with pytest.raises(AssignmentError) as told:
        read(course, ENOUGH.replace(old, new, 1))
    assert str(told.value).startswith("hw0: ")
    assert says in str(told.value)
