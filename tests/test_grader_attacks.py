"""The class of hostile_class.py as this user grades it; hostile exports; a class of one."""

import io
import json
import os
import re
import subprocess
import sys
import zipfile

import psutil
import pytest
from grader_mini import (
    DOUBLE_TEST,
    RIGHT,
    SETUP,
    hand_in,
    left_behind,
    start_grading,
    submission,
    write_course,
)
from hostile_class import ANSWERS, Attacked

from grader.assignment import Assignment
from grader.commands import collect as collecting
from grader.commands.collect import collect
from grader.commands.grade import metadata
from grader.course import Course, Submission
from grader.submission import CELLS, read_notebook

pytestmark = pytest.mark.sandbox


class TestByThisUser(Attacked):
    """The user who runs the tests."""


EATS_MEMORY_IN_CHILDREN = """import os, time
for i in range(6):
    if os.fork() == 0:
        a = b'x' * 700_000_000
        time.sleep(600)
time.sleep(600)"""


def test_memory_eaten_in_children(tmp_path):
    """In a class of its own, as a busy machine needs more than seconds to fill two gigabytes."""
    root = write_course(tmp_path, memory_gb=2, cell_seconds=300)
    answers = {**RIGHT, "double": EATS_MEMORY_IN_CHILDREN}
    hand_in(root, "eats", submission(Assignment(root / "source" / "hw0"), answers))
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    grading = start_grading(root, workers=1)
    said, _ = grading.communicate(timeout=580)
    assert grading.returncode == 0, said
    assert left_behind(before) == []
    record = Course(root).record("hw0", "eats")
    assert record["tests"]["double-test"]["score"] == 0
    assert record["score"] <= 1
    path = root / "autograded" / "eats" / "hw0" / "hw0.ipynb"
    assert "more than 2 GB of memory" in path.read_text("utf-8") + json.dumps(record)


def test_many_cells_are_refused_quickly():
    cell = {"cell_type": "code", "source": "", "metadata": {}, "outputs": [], "id": "a"}
    content = json.dumps({"nbformat": 4, "cells": [cell] * CELLS, "metadata": {}}).encode()
    assert len(read_notebook(content).cells) == CELLS


# What these attacks win where cells and tests share a process, as in a plain kernel
UNDEFENDED = """
import json, os, sys
import numpy, libs.check, grader.check
from IPython.core.interactiveshell import InteractiveShell
setup, tests, attacks = json.load(sys.stdin)
for name, attack in attacks.items():
    if os.fork() == 0:
        shell = InteractiveShell.instance()
        shell.run_cell(setup)
        shell.run_cell(attack)
        real = grader.check.Record(lambda seconds: grader.check.contextlib.nullcontext())
        grader.check._record.set(real)
        shell.run_cell(tests)
        won = sum(f.points * f.share for f in real.findings)
        os.write(1, f"{name}: {won if real.findings else 'no test was run'}\\n".encode())
        os._exit(0)
    os.wait()
"""


def test_the_attacks_win_without_the_defence():
    names = ["patches NumPy", "patches what compares", "an AST transformer", "looks for frames"]
    attacks = {n: ANSWERS[n][0] for n in names}
    attacks["honest"] = RIGHT["double"]
    attacks["unanswered"] = "def double(x): ..."
    said = subprocess.run(
        [sys.executable, "-c", UNDEFENDED],
        input=json.dumps([SETUP, DOUBLE_TEST, attacks]),
        capture_output=True,
        text=True,
    ).stdout
    found = dict(re.findall(r"^(.+): (.+)$", said, re.M))
    assert float(found["honest"]) == 4
    assert float(found["unanswered"]) == 0
    assert float(found["patches NumPy"]) == 4
    assert float(found["patches what compares"]) == 4
    assert found["an AST transformer"] == "no test was run"
    assert float(found["looks for frames"]) >= 3


def archive(files: dict, **options) -> bytes:
    """Return a zip; a value may be a function that changes the entry and returns the content."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, content(entry) if callable(content) else content)
    return file.getvalue()


def link(target: str):
    def make(entry):
        entry.external_attr = 0o120777 << 16
        return target

    return make


@pytest.fixture
def export_zip(tmp_path):
    """A course, and a function that collects a zip and returns what was taken in, by student."""
    course = Course(write_course(tmp_path / "course"))
    good = submission(course.assignment("hw0"), RIGHT)

    def take(files: dict) -> dict[str, bytes]:
        path = tmp_path / "export.zip"
        path.write_bytes(archive(files))
        outside = {p for p in tmp_path.rglob("*") if course.root not in p.parents}
        lines = collect(course, "hw0", path)
        assert outside == {p for p in tmp_path.rglob("*") if course.root not in p.parents}
        assert all(line.isprintable() for line in lines)
        return {s.student: s.read() for s in course.submissions("hw0")}

    return take, good


MOODLE = "Jo Doe_{}_assignsubmission_file_/{}"


def test_paths_in_a_zip_lead_nowhere(export_zip):
    take, good = export_zip
    found = take(
        {
            MOODLE.format(1, "hw0.ipynb"): good,
            MOODLE.format(2, "../../../../etc/hw0.ipynb"): b"2",
            MOODLE.format(3, "hw0.ipynb"): link("/etc/passwd"),
            "../../evil/hw0.ipynb": b"4",
            "/srv/hw0.ipynb": b"5",
            "..\\..\\windows\\hw0.ipynb": b"6",
            "\x1b[2J\n/hw0.ipynb": b"7",
        }
    )
    assert found["1"] == good
    assert found["2"] == b"2"
    assert "3" not in found
    assert {"evil", "srv", "windows"} <= set(found)


def test_nobody_hands_in_for_another(export_zip):
    take, good = export_zip
    evil = b"{}"
    found = take(
        {
            MOODLE.format(1, "hw0.ipynb"): good,
            MOODLE.format(2, "doe_1_5_hw0.ipynb"): evil,
            MOODLE.format(2, "Jo Doe_1_assignsubmission_file_/hw0.ipynb"): evil,
            MOODLE.format(2, "x.zip"): archive({MOODLE.format(1, "hw0.ipynb"): evil}),
            "alice/roe_3_9_hw0.ipynb": evil,
            "alice/Roe_3_assignsubmission_file_/hw0.ipynb": evil,
        }
    )
    assert found == {"1": good, "2": evil, "alice": evil}
    # an archive is of one system
    found = take({"roe_3_9_hw0.ipynb": good, "poe_4_8_roe_3_9_hw0.ipynb": evil})
    assert (found["3"], found["4"]) == (good, evil)


def test_bombs_in_a_zip_hurt_only_their_owner(export_zip, monkeypatch):
    take, good = export_zip
    monkeypatch.setattr(collecting, "STUDENT_BYTES", 1 << 20)
    bomb = archive({f"{n}.ipynb": bytes(10 << 20) for n in range(9)})
    many = archive({f"{n}.txt": b"" for n in range(3000)} | {"hw0.ipynb": good})
    damaged = bytearray(archive({"hw0.ipynb": good}))
    damaged[60:400] = b"\xff" * 340

    def secret(entry):
        entry.flag_bits |= 1
        return good

    found = take(
        {
            MOODLE.format(1, "a.zip"): archive({"b.zip": archive({"hw0.ipynb": good})}),
            MOODLE.format(2, "a.zip"): bomb,
            MOODLE.format(3, "a.zip"): many,
            MOODLE.format(4, "a.zip"): bytes(damaged),
            MOODLE.format(5, "a.zip"): b"PK\x05\x06" + b"\xff" * 40,
            MOODLE.format(6, "a.zip"): archive({"hw0.ipynb": secret}),
            MOODLE.format(9, "hw0.ipynb"): good,
        }
    )
    assert set(found) == {"1", "2", "3", "4", "5", "6", "9"}
    assert found["9"] == good
    assert sum(map(len, found.values())) < 32 << 20


def test_links_and_pipes_in_a_folder_are_not_followed(tmp_path):
    import os

    course = Course(write_course(tmp_path / "course"))
    source = course.root / "source" / "hw0"
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "hw0.ipynb").symlink_to(source / "hw0.ipynb")
    (tmp_path / "in" / "b").symlink_to(source)
    (tmp_path / "in" / "c").mkdir()
    os.mkfifo(tmp_path / "in" / "c" / "hw0.ipynb")
    (tmp_path / "in" / os.fsdecode(b"d\xff")).mkdir()
    (tmp_path / "in" / os.fsdecode(b"d\xff") / os.fsdecode(b"\xfe.ipynb")).write_bytes(b"{}")
    collect(course, "hw0", tmp_path / "in")
    assert [s.student for s in course.submissions("hw0")] == ["d"]
    # and one that got into the course all the same
    (course.root / "submitted" / "e" / "hw0").mkdir(parents=True)
    (course.root / "submitted" / "e" / "hw0" / "hw0.ipynb").symlink_to(source / "hw0.ipynb")
    (course.root / "submitted" / "f" / "hw0").mkdir(parents=True)
    os.mkfifo(course.root / "submitted" / "f" / "hw0" / "hw0.ipynb")
    assert {s.student: s.read() for s in course.submissions("hw0")} == {
        "d": b"{}",
        "e": b"",
        "f": b"",
    }


def test_a_time_of_handing_in_that_is_a_pipe_blocks_nobody(tmp_path):
    submission, stamp = Submission("s", tmp_path / "hw0.ipynb"), tmp_path / "timestamp.txt"
    stamp.write_text("2026-03-01 12:00:00 UTC\n")
    assert metadata(submission)["submitted"] == "2026-03-01 12:00:00 UTC"
    stamp.unlink()
    os.mkfifo(stamp)
    assert metadata(submission)["submitted"] == ""
