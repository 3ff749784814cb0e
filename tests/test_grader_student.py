"""What protects marks: a copy of the course for students, and solutions only when all is in."""

import datetime
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from grader_mini import ANSWER_TEST, CELLS, DOUBLE_TEST, write_course

from grader import GraderError
from grader.__main__ import main
from grader.commands.solutions import solutions
from grader.commands.student_copy import secrets, student_copy
from grader.course import Course, CourseError
from grader.deadlines import due, extend
from grader.gradebook import Book
from grader.submission import grade_id
from libs import ROOT

RULES = ["readme", "spelling", "encoding"]  # of the lessons' those that take seconds
pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The course's own copy, and what the command said."""
    folder = tmp_path_factory.mktemp("students") / "course"
    return folder, student_copy(Course(ROOT / "homework"), folder)


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def texts(folder: Path) -> dict[str, str]:
    """Return what each file of words says, a notebook's cells as they are read."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix in (".ipynb", ".py", ".md", ".json", ".toml", ".js", ".html", ""):
            text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
            if path.suffix == ".ipynb":
                text += "".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
            found[path.relative_to(folder).as_posix()] = text
    return found


def test_a_students_copy_holds_no_solution_hidden_test_or_wrong_answer(copied):
    folder, said = copied
    assert len(said) == 1, said
    found = {name: bare(text) for name, text in texts(folder).items()}
    secret = {}
    for path in (ROOT / "homework" / "source").glob("*/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for what in ("SOLUTION", "HIDDEN TESTS"):
                pattern = rf"### BEGIN {what}\n(.*?)### END {what}"
                for body in re.findall(pattern, cell.source, re.DOTALL):
                    secret[bare(body)] = f"{path.stem} {grade_id(cell)}"
        for _, (which, change, _) in runpy.run_path(path.parent / "mutants.py")["MUTANTS"].items():
            if isinstance(change, str):
                secret[bare(change)] = f"{path.stem} mutant of {which}"
    long = {text: whose for text, whose in secret.items() if len(text) > 60}
    assert len(long) > 100
    told = [(name, whose) for text, whose in long.items() for name in found if text in found[name]]
    assert told == []
    assert not list(folder.rglob("mutants.py")) + list(folder.rglob(".git"))
    assert not (folder / "homework").exists()


@pytest.mark.slow
def test_a_students_copy_passes_the_rules_and_can_release_nothing(copied):
    folder, _ = copied
    for page in folder.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert link.startswith(("http", "mailto:")) or (page.parent / link).exists(), link
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def python(*arguments):
        line = [sys.executable, *arguments]
        return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)

    done = python("-m", "grader", "release")
    assert done.returncode == 1
    assert "homework has no folder named source. Name the course" in done.stderr
    assert done.stderr.count("\n") == 1
    # all are collected, which fails where one can't be; the rules are run
    rules = " or ".join(f"test_{name}.py" for name in RULES)
    done = python("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", rules, "tests")
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d\d passed, \d{3,} deselected", done.stdout), done.stdout[-3000:]


def test_a_copy_goes_into_no_folder_that_has_something(tmp_path):
    course = Course(write_course(tmp_path / "course"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(CourseError, match="not empty"):
            student_copy(course, tmp_path / name)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "file", "full"]


def test_what_a_teacher_left_in_a_folder_of_the_course_stays_there(tmp_path, monkeypatch):
    """Also a lesson's own file may not be taken for one: it may teach one short answer."""
    root = tmp_path / "root"
    long = DOUBLE_TEST.replace("double([0, 1])", "double([0, 1]) of the small course")
    course = Course(write_course(root / "homework", [c if c[1] != "double-test" else
        ("test", "double-test", long, 4) for c in CELLS]))  # fmt: skip
    source = course.source("hw0") / "hw0.ipynb"
    for name in ("notebooks", "tests", "libs", "notebooks/out", "people"):
        (root / name).mkdir()
    (root / "notebooks" / "03.ipynb").write_text('{"cells": []}')
    (root / "notebooks" / "solved.ipynb").write_bytes(source.read_bytes())
    (root / "libs" / "old.py").write_text(long.replace("### ", "# "))
    (root / "libs" / "fine.py").write_text("x = 1\n")
    (root / "libs" / "linked.ipynb").symlink_to(source)
    (root / "notebooks" / "out" / "made.txt").write_text("by a run")
    (root / "people" / "marks.csv").write_text("Ada,5")
    (root / "README.md").write_text(
        "[a](notebooks/03.ipynb) [b](homework/README.md) [c](https://x)"
    )
    monkeypatch.setattr("grader.commands.student_copy.ROOT", root)
    lines = student_copy(course, tmp_path / "copy")
    found = {path.relative_to(tmp_path / "copy").as_posix()
             for path in (tmp_path / "copy").rglob("*") if path.is_file()}  # fmt: skip
    assert found == {"README.md", "notebooks/03.ipynb", "libs/fine.py"}
    assert lines == [
        "left out: libs/old.py holds a hidden test of hw0, double-test",
        "left out: notebooks/solved.ipynb holds an assignment's source",
        f"3 files in {tmp_path / 'copy'}",
    ]
    page = (tmp_path / "copy" / "README.md").read_text()
    assert page == "[a](notebooks/03.ipynb) b [c](https://x)"
    assert secrets(course)


def test_solutions_wait_for_the_last_person(tmp_path):
    course = Course(write_course(tmp_path / "course"))
    with pytest.raises(CourseError, match="no due date, so somebody may still hand in"):
        solutions(course, "hw0")
    assert not (course.root / "gradebook.db").exists()
    due(course, "hw0", "2020-03-02 12:00 UTC")
    assert solutions(course, "hw0") == course.root / "solutions" / "hw0"
    extend(course, "s1", "hw0", "2100-03-02 12:00 UTC", "ill")
    with pytest.raises(CourseError, match="until 2100-03-02 12:00:00 UTC"):
        solutions(course, "hw0")
    assert solutions(course, "hw0", early=True)


def test_solutions_ask_formgrader_s_date_too(tmp_path):
    course = Course(write_course(tmp_path / "course"))
    with Book(course) as book:
        book.add_assignment(course.assignment("hw0"))
        when = datetime.datetime(2100, 1, 1)
        book.gradebook.update_or_create_assignment("hw0", duedate=when)
    with pytest.raises(GraderError, match="until 2100-01-01"):
        solutions(course, "hw0")


def test_solutions_hold_the_answers_and_no_hidden_test(tmp_path, monkeypatch, capsys):
    root = write_course(tmp_path / "course")
    line = ["grader", "--course", str(root), "solutions", "hw0", "--early"]
    monkeypatch.setattr(sys, "argv", line)
    assert main() == 0
    path = root / "solutions" / "hw0" / "hw0.ipynb"
    assert capsys.readouterr().out == f"hw0: {path.parent}\n"
    cells = {grade_id(c): c.source for c in nbformat.read(path, as_version=4).cells}
    assert cells["double"] == 'def double(x):\n    """Return twice x."""\n    return 2 * x'
    assert cells["answer"] == "answer = ...\nanswer = 42"
    assert cells["words"] == "Because."
    assert cells["answer-test"] == ANSWER_TEST
    text = path.read_text()
    assert "SOLUTION" not in text
    assert "secret_numbers" not in text
