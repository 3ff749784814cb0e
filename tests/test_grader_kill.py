"""Graders that are killed or interrupted: no mark is lost, nobody is graded twice."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from grader_mini import (
    RIGHT,
    hand_in,
    inherit,
    left_behind,
    start_grading,
    submission,
    write_course,
)

from grader.assignment import Assignment
from grader.course import Course
from grader.trusted.sandbox import Sandbox

pytestmark = pytest.mark.sandbox
CLASS, KILLS = 20, 3
SLOW = "import time\ntime.sleep(0.3)"  # so that what happens to the grader comes before the last
# what a student answers, and what that is worth
ANSWERS = [(RIGHT, 5), ({"double": RIGHT["double"]}, 4), ({"answer": RIGHT["answer"]}, 1), ({}, 0)]


def marks(course: Course) -> dict[str, tuple]:
    """Return what tells one grading of a student from another; every record must be whole."""
    records = [json.loads(p.read_text()) for p in (course.root / "records" / "hw0").glob("*.json")]
    for record in records:
        student = record["student"]
        notebook = course.root / "autograded" / student / "hw0" / "hw0.ipynb"
        assert nbformat.read(notebook, as_version=4).cells  # written before the record
    return {r["student"]: (r["graded"], r["seconds"], r["score"]) for r in records}


def wait_for(grading: subprocess.Popen, root: Path, number: int) -> None:
    """Wait for so many records, or the end."""
    while grading.poll() is None and len([*root.glob("records/hw0/*.json")]) < number:
        time.sleep(0.01)


def test_a_sandbox_that_is_stopped_at_any_moment_leaves_nothing():
    inherit()
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    for moment in range(30):
        sandbox = Sandbox([])
        sandbox.launch()
        time.sleep(moment / 1000)  # bubblewrap takes some 20 ms to set up its child
        sandbox.stop()
    assert left_behind(before) == []


def test_sigkill_loses_no_mark_and_grades_nobody_twice(tmp_path):
    course = Course(write_course(tmp_path))
    assignment = Assignment(tmp_path / "source" / "hw0")
    worth = {}
    for number in range(CLASS):
        answers, worth[f"s{number:02}"] = ANSWERS[number % len(ANSWERS)]
        hand_in(tmp_path, f"s{number:02}", submission(assignment, answers, SLOW))
    seed = random.randrange(1 << 32)
    draw, seen, killed = random.Random(seed), {}, []
    further = draw.sample([0, 1, 2, 4, 6], KILLS)
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    while True:
        grading = start_grading(tmp_path, workers=draw.choice([1, 2]))
        if len(killed) < KILLS:  # at any moment from the start to some records further
            wait_for(grading, tmp_path, len(seen) + further[len(killed)])
            time.sleep(draw.uniform(0, 1))
            grading.kill()
        said, _ = grading.communicate(timeout=300)
        assert left_behind(before) == [], f"seed {seed}"
        now = marks(course) if (tmp_path / "records" / "hw0").exists() else {}
        assert seen.items() <= now.items(), f"lost or graded twice, seed {seed}"
        seen = now
        if grading.returncode != -9:
            break
        killed.append(len(now))
    assert grading.returncode == 0, said
    assert any(0 < number < CLASS for number in killed), killed
    assert {student: mark[2] for student, mark in seen.items()} == worth
    with sqlite3.connect(tmp_path / "gradebook.db") as book:
        grades = book.execute(
            "select s.student_id, sum(g.auto_score) from grade g"
            " join submitted_notebook n on g.notebook_id = n.id"
            " join submitted_assignment s on n.assignment_id = s.id group by s.id"
        ).fetchall()
    assert len(grades) == CLASS
    assert {student: score or 0 for student, score in grades} == worth
    again = start_grading(tmp_path)
    said, _ = again.communicate(timeout=100)
    assert "0 marked now, 20 in all" in said
    assert marks(course) == seen
    torn = len([*tmp_path.rglob(".*.json.*"), *tmp_path.rglob(".*.ipynb.*")])
    print(f"killed with {killed} of {CLASS} graded; {torn} torn files, out of the way")


def test_a_killed_worker_or_ctrl_c_is_told_and_the_same_command_goes_on(tmp_path):
    course = Course(write_course(tmp_path))
    content = submission(course.assignment("hw0"), RIGHT, SLOW.replace("0.3", "1"))
    for number in range(9):
        hand_in(tmp_path, f"s{number}", content)

    grading = start_grading(tmp_path, workers=1)
    wait_for(grading, tmp_path, 1)
    started = psutil.Process(grading.pid).children()
    (worker,) = [p for p in started if "spawn_main" in " ".join(p.cmdline())]
    worker.kill()
    said, _ = grading.communicate(timeout=60)
    assert grading.returncode == 1, said
    assert said.endswith("A worker was killed. Was there too little memory? Try fewer --workers.\n")
    assert "Traceback" not in said
    first = marks(course)
    assert 0 < len(first) < 6

    before = {p.pid for p in psutil.Process().children(recursive=True)}
    grading = start_grading(tmp_path)
    wait_for(grading, tmp_path, len(first) + 1)
    os.killpg(grading.pid, signal.SIGINT)  # a terminal sends it to all of the command's processes
    said, _ = grading.communicate(timeout=60)
    assert grading.returncode == 130, said
    assert said.endswith("What is marked is kept; run the same command to continue.\n")
    assert "Traceback" not in said
    assert left_behind(before) == []
    second = marks(course)
    assert len(first) < len(second) < 9
    assert first.items() < second.items()

    said, _ = start_grading(tmp_path, workers=1).communicate(timeout=100)
    assert f"{9 - len(second)} marked now, 9 in all" in said
    assert second.items() < marks(course).items()
