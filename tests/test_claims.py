"""Claims: they converse with a learner, whatever comes, and fail in a proof."""

import json
import math
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from libs import ROOT
from libs.claims import claim
from tests.test_notebooks import LESSONS, cells


class Odd:
    """An object that fails at whatever is done with it."""

    def _fail(self, *_):
        raise ArithmeticError("odd")

    __eq__ = __bool__ = __float__ = __len__ = __repr__ = __str__ = __array__ = _fail
    __hash__ = None


def nothing_there():
    return {}["a key that a learner removed"]


HOLD = [
    (0.97, {"low": 0.965, "high": 0.977}),
    (np.float32(0.97), {"low": 0.965}),
    (tf.constant([1.0, 2.0]), {"low": 1, "high": 2}),
    (lambda: 0.97, {"high": 1}),
    (2.3026, {"equal": math.log(10), "within": 1e-3}),
    (np.arange(3), {"equal": [0, 1, 2]}),
    (np.arange(3) + 1e-9, {"equal": [0, 1, 2], "within": 1e-6}),
    (tf.zeros([3, 4]).shape, {"equal": (3, 4)}),
    ({"a", "b"}, {"equal": {"b", "a"}}),
    (None, {"equal": None}),
    (0.1, {"below": ("PCA's", 0.2)}),
    (np.array([3, 4]), {"above": ("the other's", 2.9)}),
    (np.array([True, True]), {}),
    (tf.constant(True), {}),
]
DIFFER = [
    ("the accuracy", 0.869, {"low": 0.965, "high": 0.975, "unit": "%"}),
    ("the accuracy", 0.96499999, {"low": 0.965}),
    ("the loss", math.nan, {"high": 3}),
    ("the losses", [1, math.nan], {"high": 3}),
    ("the loss", math.inf, {"equal": 3, "within": 1}),
    ("no numbers", [], {"low": 3}),
    ("the shape", (3, 4), {"equal": (3, 5)}),
    ("one in a list", [3], {"equal": np.array(3)}),
    ("an array", np.zeros((2, 3)), {"equal": np.zeros((3, 2)), "within": 1}),
    ("PCA's own error", 0.2, {"below": ("PCA's", 0.2)}),
    ("the slope", [1, 3], {"above": ("the other's", 2)}),
    ("beside NaN", 1, {"below": ("the other's", math.nan)}),
    ("all are right", np.array([True, False]), {}),
    ("there is one", np.array([], bool), {}),
    ("a number without bounds", 0.97, {}),
    ("a key", nothing_there, {"low": 1}),
]
NASTY = [None, "86 %", b"x", [[1], [2, 3]], {}, object(), Odd(), [Odd()], Odd, 1j, 10**400]
NASTY += [np.array([None]), np.array(["a"]), np.zeros((2, 0)), np.ma.masked, np.datetime64("NaT")]
NASTY += [tf.zeros([2, 3]), tf.ragged.constant([[1], []]), nothing_there, lambda x: x, ..., -0.0]


@pytest.fixture
def learner(monkeypatch):
    """No proof, though pytest runs."""
    monkeypatch.delenv("COURSE_PROOF")
    monkeypatch.delenv("PYTEST_VERSION")


@pytest.mark.parametrize("number", range(len(HOLD)))
def test_what_holds_prints_nothing(number, capsys, monkeypatch):
    value, bounds = HOLD[number]
    claim("what is measured", value, **bounds)
    monkeypatch.delenv("COURSE_PROOF")
    monkeypatch.delenv("PYTEST_VERSION")
    claim("what is measured", value, **bounds)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", range(len(DIFFER)))
def test_what_differs_is_said_to_a_learner_and_fails_in_a_proof(number, capsys, monkeypatch):
    what, value, bounds = DIFFER[number]
    with pytest.raises(AssertionError, match=re.escape(what[1:])) as failure:
        claim(what, value, **bounds)
    monkeypatch.delenv("COURSE_PROOF")
    monkeypatch.delenv("PYTEST_VERSION")
    claim(what, value, **bounds)
    said = capsys.readouterr()
    assert said == (f"≠ {failure.value}\n", "")
    assert said.out.count("\n") == 1
    assert len(said.out) < 200


def test_it_says_what_was_measured_in_the_readers_units(learner, capsys):
    claim("the validation accuracy", 0.869, 0.965, 0.975, unit="%")
    claim("the error", 0.3, below=("PCA's", 0.25))
    claim("the number of steps", lambda: 17_512.4, high=17_512)
    claim("the loss", 0.0512, high=0.05)
    claim("every row sums to 1", False)
    assert capsys.readouterr().out.splitlines() == [
        "≠ The validation accuracy is 86.9 %; the original had 96.5 % to 97.5 %. "
        "What did you change?",
        "≠ The error is 0.3, PCA's 0.25; in the original the first was the smaller. "
        "What did you change?",
        "≠ The number of steps is 17,512.4; the original had at most 17,512. What did you change?",
        "≠ The loss is 0.0512; the original had at most 0.05. What did you change?",
        "≠ In the original, every row sums to 1. Not here. What did you change?",
    ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
def test_nothing_raises_for_a_learner(value, learner, capsys):
    every = ({"low": 1}, {"high": 1}, {"low": 5, "high": 6}, {"equal": 3.5})
    every += ({"equal": [1, 2], "within": 0.1}, {"above": ("", 7)}, {"below": ("", -7)}, {})
    for bounds in every:
        claim("the measured thing", value, **bounds)
        claim("the measured thing", 3, **(bounds | dict.fromkeys(bounds, value)))
    said = capsys.readouterr()
    assert not said.err
    assert all(len(line) < 300 for line in said.out.splitlines())


def test_a_run_of_pytest_that_is_no_proof_is_refused(monkeypatch):
    monkeypatch.delenv("COURSE_PROOF")
    with pytest.raises(RuntimeError, match="A proof without COURSE_PROOF=1 proves nothing"):
        claim("what holds", 1, equal=1)


def test_claims_of_a_lesson_fail_for_a_broken_model():
    """Lesson 03's own claim about its accuracy, told of a model that guesses."""
    path = next(path for path in LESSONS if path.stem.startswith("03"))
    own = [cell.source for cell in cells(path) if "claim(" in cell.source]
    source = next(source for source in own if '"the validation accuracy", accuracy' in source)
    groups = np.array([0.895, 0.949])  # of 100 images each
    exec(source, {"claim": claim, "np": np, "accuracy": 0.922, "groups": groups})
    with pytest.raises(AssertionError, match=r"accuracy.* is 10 %; the original had"):
        exec(source, {"claim": claim, "np": np, "accuracy": 0.1, "groups": groups})


# --- whole proofs, of notebooks in a course of their own, without TensorFlow ---------------------


@pytest.fixture
def course(tmp_path):
    """A course with the real plumbing and claims; two notebooks, one with a broken model."""
    for folder in ("libs", "notebooks/out", "tests", "tools"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("conftest.py", "pyproject.toml", "libs/claims.py", "libs/files.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    shutil.copy(ROOT / "tools" / "run_notebooks.py", tmp_path / "tools")
    shutil.copy(ROOT / "tests" / "nbval_sanitize.cfg", tmp_path / "tests")
    (tmp_path / "libs" / "__init__.py").write_text("")
    for name, accuracy in (("sound", 0.97), ("broken", 0.1)):
        source = f"from libs.claims import claim\nclaim('the accuracy', {accuracy}, 0.965)"
        cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "id": "a"}
        about = {"course": {"minutes": 1}, "kernelspec": {"name": "python3", "display_name": "x"}}
        notebook = {"cells": [cell | {"execution_count": 1}], "metadata": about}
        notebook |= {"nbformat": 4, "nbformat_minor": 5}
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook))
    return tmp_path


def run(course, *command, **variables):
    """Run a command in the course without what this run of pytest has set."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV", "COURSE_"))}
    env |= {"PYTHONPATH": str(course)} | variables
    command = [sys.executable, "-m", *command]
    done = subprocess.run(command, cwd=course, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_nbval_fails_where_a_claim_does_not_hold(course):
    status, said = run(course, "pytest", "--nbval", "-n0", "notebooks", COURSE_PROOF="0")
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in said
    assert "The accuracy is 0.1; the original had at least 0.965." in said


@pytest.mark.slow
def test_nbval_without_the_conftest_refuses_even_what_holds(course):
    status, said = run(course, "pytest", "--nbval", "--noconftest", "notebooks/sound.ipynb")
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "A proof without COURSE_PROOF=1 proves nothing" in said


@pytest.mark.slow
def test_storing_outputs_fails_and_leaves_the_notebook_as_it_was(course):
    broken = course / "notebooks" / "broken.ipynb"
    before = broken.read_bytes()
    status, said = run(course, "tools.run_notebooks", "notebooks/broken.ipynb")
    assert status == 1
    assert "FAILED broken.ipynb, left as it was" in said
    assert "The accuracy is 0.1; the original had at least 0.965." in said
    assert broken.read_bytes() == before


@pytest.mark.slow
def test_a_python_that_skips_asserts_skips_no_claim(course):
    (course / "try.py").write_text("from libs.claims import claim\nclaim('one', 1, equal=2)\n")
    status, said = run(course, "try", PYTHONOPTIMIZE="2", COURSE_PROOF="1")
    assert status == 1
    assert "AssertionError: One is 1; the original had 2." in said
    assert run(course, "try", PYTHONOPTIMIZE="2")[0] == 0
