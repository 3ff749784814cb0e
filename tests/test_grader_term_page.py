"""homework/TERM.md: each of its commands is run, with six people and small assignments."""

import re
import runpy
import shlex
from pathlib import Path

import nbformat
import pytest
import term
from grader_mini import SETUP, in_this_process, write_course

from grader.__main__ import parser
from grader.commands import lazy
from grader.commands.release import release
from grader.course import Course
from grader.submission import grade_id
from libs import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
SIZE = 6
# of the course's own assignments, what the page names and a sandbox answers at once
ANSWERS = {"hw1": ["rate"], "hw2": ["confusion", "worst"], "hw3": ["kl"]}


def cut_down(folder: Path) -> Path:
    """Write the three assignments with few of their exercises; return the folder of the sources."""
    for name, answers in ANSWERS.items():
        source = ROOT / "homework" / "source" / name
        whole = nbformat.read(source / f"{name}.ipynb", as_version=4)
        kept = {"words", *answers, *(f"{answer}-test" for answer in answers)}
        small = nbformat.read(write_course(folder / f"of-{name}") / "source/hw0/hw0.ipynb", 4)
        small.cells = [small.cells[0], *(c for c in whole.cells if grade_id(c) in kept)]
        small.cells[0].source = SETUP.replace("filled, test", "filled, stored, test")
        (folder / name).mkdir()
        nbformat.write(small, folder / name / f"{name}.ipynb")
        space = runpy.run_path(str(source / "mutants.py"))
        mutants = {k: v for k, v in space["MUTANTS"].items() if v[0] in answers}
        if name == "hw1":  # which the page proves: as many as that asks for
            mutants |= {
                f"the leap as {n}/{6 * n}": ("rate", [("1 / 3", f"{n} / {6 * n}")], "twice as far")
                for n in range(2, 11)
            }
            variants = {
                f"{n}/{3 * n}": {"rate": f"largest_rate = {n} / {3 * n}"} for n in (2, 3, 4)
            }
        else:
            variants = {}
        text = f"MUTANTS = {mutants!r}\nVARIANTS = {variants!r}\n"
        (folder / name / "mutants.py").write_text(text)
    return folder


def run(words: list[str], root: Path) -> str:
    """Run a command as it is typed, without two workers for six."""
    return in_this_process(["1" if word == "2" else word for word in words], root)


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_term_goes_as_the_page_says(tmp_path):
    term.prepare(tmp_path, cut_down(tmp_path))
    done = list(term.go_through(tmp_path, SIZE, run))
    assert [step["line"] for step in done] == [
        "\n".join(step) for step in term.steps(term.PAGE.read_text("utf-8"), SIZE)
    ]
    # stopped at any time, it goes on: all is done already
    assert list(term.go_through(tmp_path, SIZE, pytest.fail)) == done


@pytest.mark.sandbox
@pytest.mark.slow
def test_what_the_page_corrects_gives_nothing_away(tmp_path, monkeypatch):
    root = term.prepare(tmp_path, ROOT / "homework" / "source")
    (diff,) = (s[0] for s in term.steps(term.PAGE.read_text("utf-8"), SIZE) if s[0][:3] == "---")
    term.correct(diff, root)
    course = Course(root / "homework")
    release(course, "hw1")
    holes = lazy.holes  # of the answer alone whose test is corrected: of all, prove takes minutes
    monkeypatch.setattr(lazy, "holes", lambda a, name: holes(a, name) if name == "rate" else [])
    problems, _ = lazy.lazy(course.assignment("hw1"))
    assert problems == []


def test_the_page_has_all_that_a_term_needs():
    lines = re.findall("^python -m grader (.*)$", term.PAGE.read_text("utf-8"), re.MULTILINE)
    for line in lines:
        parser().parse_args(shlex.split(line))  # exits where it is no command
    assert {shlex.split(line)[0] for line in lines} >= {
        *("release", "student-copy", "sample", "roster", "due", "extend", "collect", "grade"),
        *("mark", "feedback", "export", "report", "prove", "weigh", "regrade", "total"),
        *("solutions", "backup", "forget"),
    }
    samples = [line for line in lines if line.startswith("sample")]
    assert len(samples) == 3
    assert all(f" {term.SIZE} " in line for line in samples)
    assert len([line for line in lines if " --as " in line]) == 5
    assert len([line for line in lines if line.startswith("extend")]) == 2
    assert any(" restore " in line for line in lines)
