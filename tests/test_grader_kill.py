"""Graders that are killed or interrupted: no mark is lost, nobody is graded twice."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
import pytest
from grader_mini import (
    CELLS,
    RIGHT,
    hand_in,
    inherit,
    left_behind,
    start_grading,
    submission,
    write_course,
)

from grader import pool
from grader.assignment import Assignment
from grader.commands.grade import grade
from grader.course import Course
from grader.files import digest
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


def workers_of(grading: subprocess.Popen) -> list[psutil.Process]:
    """Return the processes that mark for a grader."""
    children = psutil.Process(grading.pid).children()
    return [p for p in children if "pool.serve" in " ".join(p.cmdline())]


def test_a_killed_worker_costs_nobody_anything_and_after_ctrl_c_the_same_command_goes_on(tmp_path):
    course = Course(write_course(tmp_path))
    content = submission(course.assignment("hw0"), RIGHT, SLOW.replace("0.3", "1"))
    for number in range(9):
        hand_in(tmp_path, f"s{number}", content)

    before = {p.pid for p in psutil.Process().children(recursive=True)}
    grading = start_grading(tmp_path, workers=1)
    wait_for(grading, tmp_path, 1)
    (worker,) = workers_of(grading)
    worker.kill()  # as the kernel does where there is no memory left
    wait_for(grading, tmp_path, 3)
    os.killpg(grading.pid, signal.SIGINT)  # a terminal sends it to all of the command's processes
    said, _ = grading.communicate(timeout=60)
    assert grading.returncode == 130, said
    assert said.endswith("What is marked is kept; run the same command to continue.\n")
    assert "Traceback" not in said
    assert left_behind(before) == []
    first = marks(course)
    assert 3 <= len(first) < 9
    assert {score for _, _, score in first.values()} == {5}

    said, _ = start_grading(tmp_path, workers=1).communicate(timeout=100)
    assert f"{9 - len(first)} marked now, 9 in all" in said
    assert first.items() < marks(course).items()


# a test that does what a student's answer makes it do, in the grader's own process
OBEYS = """with test("as the answer says"):
    import os, signal, time
    work = double(1)
    if work == "long":
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(600)
    if work == "memory":
        import mmap
        # which the kernel's limit does not count; the kernel fills it, so at once
        kept = mmap.mmap(-1, 3 << 29, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
        time.sleep(600)
    expect.equal(work, 2, "double(1)")"""
STRANGE = {
    "long": "not done after 12 s",
    "memory": "more than 1.0 GB of memory",
}


def test_what_marking_takes_has_an_end_and_the_others_are_marked(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pool, "OWN_SECONDS", 2)
    monkeypatch.setattr(pool, "LEAST_BYTES", 1 << 30)
    monkeypatch.setattr(pool, "MOST_BYTES", 1 << 30)
    cells = [c if c[1] != "double-test" else ("test", "double-test", OBEYS, 1) for c in CELLS]
    course = Course(write_course(tmp_path, cells, total_seconds=10))
    for name in STRANGE:
        answers = {**RIGHT, "double": f"def double(x):\n    return {name!r}"}
        hand_in(tmp_path, name, submission(course.assignment("hw0"), answers))
    for student in ("a-honest", "honest", "z-honest"):
        hand_in(tmp_path, student, submission(course.assignment("hw0"), RIGHT))
    inherit()
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    done = grade(course, "hw0", unsafe=True)  # the tests are what is hostile here; it starts sooner
    assert left_behind(before) == []
    assert len(done) == len(course.records("hw0")) == len(STRANGE) + 3
    said = capsys.readouterr().out
    for name, why in STRANGE.items():
        record = done[name]
        assert why in record["unmarked"]
        assert record["score"] == 0
        assert record["manual"] == {"words": "to be read"}
        assert record["notes"][0].startswith("This submission could not be marked: ")
        assert f"{name} could not be marked: " in said
        notebook = (tmp_path / "autograded" / name / "hw0" / "hw0.ipynb").read_text("utf-8")
        assert RIGHT["words"] in notebook
    for student in ("a-honest", "honest", "z-honest"):
        assert done[student]["score"] == 2
        assert "unmarked" not in done[student]
    assert grade(course, "hw0", unsafe=True) == {}


def test_a_file_that_can_not_even_be_laid_out_gets_a_record(tmp_path, monkeypatch):
    course = Course(write_course(tmp_path))
    content = submission(course.assignment("hw0"), RIGHT)

    def die(task, *arguments):
        if arguments[:1] == (content,):
            raise pool.Unmarkable("it ended")
        return pool.unmarked(course.assignment("hw0"), b"", "")

    task = pool.Task.of(course.assignment("hw0"), [])
    with ThreadPoolExecutor(1) as executor:
        found = dict(pool.WorkerPool(executor, die, lambda: 2).mark(task, [("s", content)]))
    record, _ = found["s"]
    assert record["unmarked"] == "it ended"
    assert record["manual"] == {"words": "to be read"}
    assert record["sha256"] == digest(content)


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (
            "_exit(9)",
            "in the source's setup: it ended itself, as os._exit does, or closed its connection.",
        ),
        ("kill(os.getpid(), 9)", "was killed. Was there too little memory? Try fewer --workers."),
        ("kill(os.getpid(), 4)", "this processor has no such instruction (signal 4, SIGILL)."),
    ],
)
def test_a_worker_that_does_not_get_ready_is_told(end, says, tmp_path):
    setup = f"import os\nif os.getuid() != 65534 and not os.environ.get('SAFE'):\n    os.{end}"
    cells = [("setup", "early", setup, 0), *CELLS]
    root = write_course(tmp_path, cells)
    hand_in(root, "s", b"{}")
    said, _ = start_grading(root, workers=1, SAFE="").communicate(timeout=100)
    assert said.endswith(f"{says}\n")
    assert "Traceback" not in said


# what refers to itself, as networks do, and was seen alive once, is looked at again but rarely
TEST_KEEPS = """with test("large"):
    import gc

    kept = [np.ones(32 << 20)]
    kept.append(kept)
    gc.collect()  # has seen it alive, as it has a network that was trained, and looks rarely again
### BEGIN HIDDEN TESTS
with test("double"):
    expect.close(double(3.0), 6, "double(3)")
### END HIDDEN TESTS"""


def test_a_worker_keeps_nothing_of_what_it_has_marked(tmp_path, monkeypatch):
    """Room for two arrays of 256 MB, not for three: after four assignments a worker had none."""
    monkeypatch.setattr(pool, "LEAST_BYTES", 1 << 30)
    monkeypatch.setattr(pool, "MOST_BYTES", 1 << 30)
    cells = [c if c[1] != "double-test" else (*c[:2], TEST_KEEPS, 2) for c in CELLS]
    assignment = Assignment(write_course(tmp_path, cells) / "source" / "hw0")
    task = pool.Task.of(assignment, [tmp_path])
    with pool.local_pool(1) as workers:
        for _, (record, _) in workers.mark(task, [("ada", submission(assignment, RIGHT))] * 3):
            assert "unmarked" not in record
            assert record["score"] == record["points"]
