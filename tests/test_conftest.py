"""The tests' own plumbing: a run in several processes, and what it may leave behind."""

import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from libs import ROOT

pytestmark = pytest.mark.slow
LIBS = {
    "__init__.py": "from pathlib import Path\nROOT = Path(__file__).parents[1]\n",
    "machine.py": "def _free_memory():\n    return {free}\n",
}
TESTS = """import os, pathlib

def test_where():
    pathlib.Path("notebooks/out/{name}").write_text(os.environ.get("PYTEST_XDIST_WORKER", "here"))

def test_more():
    {more}
"""
NOTEBOOK = """{{"cells": [{{"cell_type": "code", "source": "{source}", "metadata": {{}},
"outputs": [], "execution_count": 1, "id": "a"}}], "metadata": {{"course": {{"minutes": {minutes}}},
"kernelspec": {{"name": "python3"}}}}, "nbformat": 4, "nbformat_minor": 5}}"""


@pytest.fixture
def course(tmp_path):
    """A course of two test files and two notebooks, with the real plumbing and stand-in libs."""
    for folder in ("libs", "tests", "notebooks/out"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("conftest.py", "needs.py", "nbval_sanitize.cfg"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests")
    for name, source in LIBS.items():
        (tmp_path / "libs" / name).write_text(source.format(free=100))
    # jsonschema needs it for no notebook, and it takes a second of each of these runs' processes
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['rfc3987_syntax'] = None")
    for name in "ab":
        (tmp_path / "tests" / f"test_{name}.py").write_text(TESTS.format(name=name, more="pass"))
    for name, minutes in (("short", 1), ("long", 9)):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(
            NOTEBOOK.format(minutes=minutes, source=f"open('out/{name}', 'w').close()")
        )
    return tmp_path


def run(course, *arguments, **options):
    """Run the README's command, or part of it; return exit status, output, and tests in order."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", *arguments],
        cwd=course,
        env=environment | {"PYTHONPATH": str(course)},
        capture_output=True,
        **options,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", ["CLICOLOR_FORCE", "FORCE_COLOR", "PY_COLORS", "PYTEST_ADDOPTS"])
def test_how_a_run_shall_look_is_not_for_those_that_tests_start(course, monkeypatch, name):
    test = f"import os\n\ndef test_it():\n    assert {name!r} not in os.environ\n"
    (course / "tests" / "test_a.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "tests/test_a.py"]
    monkeypatch.setenv(name, "-v" if name == "PYTEST_ADDOPTS" else "1")
    monkeypatch.setenv("PYTHONPATH", str(course))
    done = subprocess.run(command, cwd=course, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def where(course):
    """Return the processes in which the test files ran, by file."""
    return {name: (course / "notebooks" / "out" / name).read_text() for name in "ab"}


def test_a_whole_run_shares_its_files_among_workers_the_longest_first(course):
    # memory for two, of which the first to end has a notebook, on any number of cores
    (course / "libs" / "machine.py").write_text(LIBS["machine.py"].format(free=7))
    status, said = run(course, "-v", "tests", "notebooks")
    assert status == 0, said
    assert "6 passed" in said
    assert all(re.fullmatch(r"gw\d", worker) for worker in where(course).values())
    first = re.search(r"^\[gw\d\] \[ *\d+%\] PASSED (.+?) *$", said, re.MULTILINE)[1]
    assert first.startswith(("notebooks/long", "notebooks/short"))


def test_a_small_run_stays_in_one_process(course):
    for arguments in (["tests/test_a.py"], ["tests", "-k", "b and where"]):
        status, said = run(course, *arguments)
        assert status == 0, said
    assert where(course) == {"a": "here", "b": "here"}


def test_a_machine_with_little_memory_gets_no_workers(course):
    (course / "libs" / "machine.py").write_text(LIBS["machine.py"].format(free=5))
    status, said = run(course, "tests")
    assert status == 0, said
    assert where(course) == {"a": "here", "b": "here"}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_that_writes_outside_its_folder_fails(course, workers):
    changes = """
    pathlib.Path("tests/stray").touch()
    pathlib.Path("libs/machine.py").unlink()
    pathlib.Path("notebooks/short.ipynb").write_text("other")"""
    (course / "tests" / "test_b.py").write_text(TESTS.format(name="b", more=changes))
    status, said = run(course, "-n", workers, "tests")
    assert "4 passed" in said
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "FAILED: files changed outside notebooks/out" in said
    for changed in ("tests/stray", "libs/machine.py", "notebooks/short.ipynb"):
        assert str(course / changed) in said


def test_what_a_run_builds_is_no_change(course):
    builds = "; ".join(
        f'(pathlib.Path("{name}") / "part").mkdir(parents=True); '
        f'pathlib.Path("{name}/part/made").touch()'
        for name in ("build", "work", ".versions", ".ruff_cache")
    )
    (course / "tests" / "test_b.py").write_text(TESTS.format(name="b", more=builds))
    status, said = run(course, "tests")
    assert status == 0, said


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_ctrl_c_is_heard_behind_an_ampersand(course):
    """A shell starts what it sends behind with Ctrl+C ignored."""
    more = "import signal; signal.raise_signal(signal.SIGINT); raise OSError('not heard')"
    (course / "tests" / "test_a.py").write_text(TESTS.format(name="a", more=more))
    ignored = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    status, output = run(course, "tests/test_a.py", **ignored)
    assert status == pytest.ExitCode.INTERRUPTED, output
    assert "not heard" not in output
