"""homework/README.md: its table is right, and its commands do the whole round."""

import csv
import re
import shlex
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import pytest
from grader_mini import in_this_process, proved_by_the_page

from grader.assignment import Assignment
from grader.submission import grade_id
from libs import ROOT

HOMEWORK = ROOT / "homework"
PAGE = (HOMEWORK / "README.md").read_text(encoding="utf-8")
SOURCES = sorted(p for p in (HOMEWORK / "source").iterdir() if (p / f"{p.name}.ipynb").is_file())
STUDENTS = 3


def test_the_page_lists_the_assignments_that_there_are():
    row = r"^\| (hw\d) \| \[(.+?)\]\((.+?)\) \| (\d+) \| (\d+), (\d+) \|$"
    listed = re.findall(row, PAGE, re.MULTILINE)
    expected = []
    for folder in SOURCES:
        assignment, name = Assignment(folder), folder.name
        worth = [
            sum(cell.metadata.nbgrader["points"] for cell in assignment.of_kind(*kinds).values())
            for kinds in (("test", "manual"), ("manual",))
        ]
        link = f"source/{name}/{name}.ipynb"
        about = (name, assignment.title, link, assignment.minutes, *worth)
        expected.append(tuple(str(part) for part in about))
    assert listed == expected


def commands() -> list[str]:
    """Return the lines of the page's code blocks that are to be run."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course with one assignment, solved by its student, and no records."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(HOMEWORK / "source" / "hw1", root / "homework" / "source" / "hw1")
    shutil.copy(HOMEWORK / "nbgrader_config.py", root / "homework")
    assignment = Assignment(root / "homework" / "source" / "hw1")
    for cell in assignment.released.cells:
        if grade_id(cell) in assignment.of_kind("answer", "manual"):
            cell.source = assignment.cells[grade_id(cell)].source
    (root / "work").mkdir()
    nbformat.write(assignment.released, root / "work" / "hw1.ipynb")
    return root


def marked(command: list[str], course: Path) -> str:
    """Start the page, give one mark on it, stop it; return what the command said last."""
    started = subprocess.Popen(command, cwd=course, stdout=subprocess.PIPE, text=True)
    try:
        started.stdout.readline()
        url = f"{started.stdout.readline().strip()}q/words/s1001"
        page = urllib.request.urlopen(url).read().decode()
        version = re.search(r'name="version" value="(\w+)"', page)[1]
        form = urllib.parse.urlencode({"points": "2.5", "version": version})
        urllib.request.urlopen(url, form.encode()).close()
    finally:
        started.terminate()
        said, _ = started.communicate(timeout=60)
    return said


@pytest.mark.sandbox
def test_the_commands_of_the_page_do_the_whole_round(course):
    said = {}
    before = course / "before"  # as it was until somebody was forgotten
    for line in commands():
        words = shlex.split(line.replace(" 40 ", f" {STUDENTS} "))
        assert words[:3] == ["python", "-m", "grader"]
        if "--yes" in words:
            shutil.copytree(course / "homework", before)
        if words[3] == "mark":
            said["-m grader mark"] = marked([sys.executable, *words[1:]], course)
            continue
        said.setdefault(" ".join(words[1:4]), in_this_process(words[3:], course))
    steps = ["prove", "release", "pack", "sample", "roster", "collect", "grade"]
    steps += [
        "mark",
        "feedback",
        "export",
        "report",
        "total",
        "student-copy",
        "solutions",
        "similar",
        "weigh",
        "regrade",
    ]
    steps += ["backup", "forget", "due", "extend"]
    assert list(said)[:2] == ["-m grader prove", "-m grader release"]
    assert [s.split()[2] for s in said if s.startswith("-m grader")] == steps
    assert (course.parent / "course-for-students/README.md").is_file()
    assert said["-m grader mark"] == "hw1: words: 1 of 3 read\n"
    assert said["-m grader roster"].startswith(f"{STUDENTS} people in ")
    assert "standardise-test counts not at all" in said["-m grader weigh"]
    assert said["-m grader regrade"].endswith("s1001: 22 of 22 by the tests\n")
    with (before / "export/total.csv").open(newline="") as file:
        assert [row["student"] for row in csv.DictReader(file)] == ["s1001", "s1002", "s1003"]
    assert "what the class knows" in (before / "export/hw1-report.html").read_text("utf-8")
    assert "who wrote alike" in (before / "export/hw1-similar.html").read_text("utf-8")
    with zipfile.ZipFile(course / "term.zip") as archive:
        kept = archive.namelist()
        assert sum(name.startswith("submitted/") for name in kept) == STUDENTS
    assert "submitted/s1003\n" in said["-m grader forget"]
    left = sorted(path.name for path in course.glob("homework/submitted/*"))
    assert left == ["s1001", "s1002"]
    # which pastes take too long depends on the machine
    proved = [line for line in said["-m grader prove"].splitlines() if " left out " not in line]
    assert proved == [f"{name}: ✓ proved" for name in proved_by_the_page()]
    assert (course / "homework" / "release" / "hw1" / "hw1.ipynb").is_file()
    assert len(list(course.glob("work/hw1-*.zip"))) == 1
    assert said["-m grader collect"].count(": new") == STUDENTS
    assert f"{STUDENTS} marked now, {STUDENTS} in all." in said["-m grader grade"]
    assert len(list(before.glob("feedback/*/hw1/hw1.html"))) == STUDENTS
    with zipfile.ZipFile(before / "export/hw1-feedback-moodle.zip") as archive:
        assert len(archive.namelist()) == STUDENTS
    with (before / "export/hw1-moodle.csv").open(newline="") as file:
        marks = {row["Full name"]: float(row["Grade"]) for row in csv.DictReader(file)}
    assert len(marks) == STUDENTS
    assert marks["Student 1001"] == 24.5  # right, and a person read its words
    assert all(mark < 22 for who, mark in marks.items() if who != "Student 1001")
