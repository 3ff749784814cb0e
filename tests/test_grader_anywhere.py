"""The grader on odd machines: folders, locales, file systems, streams, settings."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from grader_mini import RIGHT, hand_in, submission, write_course
from sqlalchemy.engine import make_url

from grader import gradebook
from grader.__main__ import main
from grader.assignment import Assignment
from grader.course import Course, CourseError
from grader.gradebook import Book
from libs import ROOT

FOLDERS = (
    *("course [2026]", "is this it?", "50%", "deep%20learning", "100%(s)s", "%(here)s", "a#b"),
    *("a&b=c", "it's", 'so "called"', "zwei Wörter", "🐻 课程", "ends with a dot.", "{brackets}"),
    *("$HOME", "~", "back\\slash", "semi;colon", "co:lon", "a@b", "-n", "two\nlines"),
)
unix = pytest.mark.skipif(os.name == "nt", reason="such names and modes are not Windows'")
pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook


def graded(root: Path, *students: str) -> Path:
    """Write a course with a class that has handed in."""
    write_course(root, cell_seconds=60)
    content = submission(Assignment(root / "source" / "hw0"), RIGHT)
    for student in students:
        hand_in(root, student, content)
    return root


def run(root: Path, *arguments, before: str = "", **environment) -> subprocess.CompletedProcess:
    """Run a command of the grader in a shell."""
    line = f'{before} exec "$0" -m grader --course "$@"'
    variables = {"PYTHONPATH": str(ROOT), **os.environ, **environment}
    return subprocess.run(
        ["sh", "-c", line, sys.executable, root, *arguments],
        env={name: value for name, value in variables.items() if value is not None},
        cwd="/",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


# --- folders ----------------------------------------------------------------------------------


@unix
@pytest.mark.parametrize("name", FOLDERS)
def test_a_grade_book_lies_in_its_course_whatever_the_folder_is_called(name, tmp_path):
    root = write_course(tmp_path / name)
    course = Course(root)
    assert make_url(course.database).database == str(root / "gradebook.db")
    with Book(course) as book:
        book.add_assignment(course.assignment("hw0"))
    assert (root / "gradebook.db").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == [name]


@unix
@pytest.mark.parametrize("name", FOLDERS)
def test_formgrader_opens_the_same_grade_book(name, tmp_path):
    root = write_course(tmp_path / name)
    settings = (ROOT / "homework" / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(settings.partition("\ndef ")[0], encoding="utf-8")
    course = Course(root)
    assert make_url(course.config.CourseDirectory.db_url).database == str(root / "gradebook.db")
    assert course.database == course.config.CourseDirectory.db_url


# --- file systems -----------------------------------------------------------------------------


@unix
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_is_named_at_once(number, tmp_path, monkeypatch):
    import fcntl

    def lockf(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", lockf)
    with pytest.raises(CourseError, match="this file system has no locks") as caught:
        Book(Course(write_course(tmp_path)))
    assert str(tmp_path / "records" / ".locks") in str(caught.value)
    assert "postgresql+psycopg2://" in str(caught.value)
    assert "\n" not in str(caught.value)


@unix
@pytest.mark.parametrize("number", [errno.EACCES, errno.EAGAIN])
def test_a_lock_that_another_holds_is_no_fault(number, tmp_path, monkeypatch):
    import fcntl

    def lockf(*_):
        raise OSError(number, os.strerror(number))

    locks = gradebook.Locks(Course(write_course(tmp_path)))
    monkeypatch.setattr(fcntl, "lockf", lockf)
    assert not locks.claim("hw0/ada")
    locks.close()


@pytest.mark.sandbox
def test_files_need_no_modes(tmp_path, monkeypatch, capsys):
    root = graded(tmp_path / "course", "ada")
    (root / "source" / "hw0" / "data" / "in").mkdir(parents=True)
    (root / "source" / "hw0" / "data" / "in" / "table.csv").write_bytes(b"1,2\n")

    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    for name in ("chmod", "fchmod", "chown", "utime"):
        monkeypatch.setattr(os, name, refuse)
    for command in ("release", "grade", "feedback", "export"):
        monkeypatch.setattr(sys, "argv", ["grader", "--course", str(root), command, "hw0"])
        assert main() == 0, capsys.readouterr()
    assert (root / "release/hw0/data/in/table.csv").read_bytes() == b"1,2\n"


@pytest.mark.sandbox
@pytest.mark.skipif(os.name == "nt" or os.geteuid(), reason="the superuser's sandbox")
def test_the_superuser_is_told_what_the_sandbox_may_not_read(tmp_path):
    root = graded(tmp_path / "course", "ada")
    data = root / "source" / "hw0" / "data"
    data.mkdir(mode=0o700)
    done = run(root, "grade", "hw0")
    assert done.returncode == 1
    assert f"who may not read {data}. Allow it: chmod -R go+rX '{data}'\n" in done.stderr


@pytest.mark.sandbox
def test_what_can_t_be_written_is_named(tmp_path):
    root = graded(tmp_path / "course", "ada")
    (root / "records").write_bytes(b"a file where a folder should be")
    done = run(root, "grade", "hw0")
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"grader: {root}/records")
    assert "Traceback" not in done.stderr


@pytest.mark.sandbox
def test_a_read_only_course_is_released_from_nowhere_and_says_so(tmp_path):
    from grader.trusted.sandbox import find_bubblewrap

    root = write_course(tmp_path / "course")
    user = ["--unshare-user", "--dev-bind", "/", "/", "--ro-bind", root, root]
    line = [*user, sys.executable, "-m", "grader", "--course", root, "release", "hw0"]
    done = subprocess.run(
        [find_bubblewrap(), *line], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"grader: {root}/release")
    assert "Read-only file system" in done.stderr
    assert done.stderr.count("\n") == 1


# --- locales ------------------------------------------------------------------------------------


@pytest.fixture
def latin(tmp_path):
    """Variables of a locale that is not UTF-8."""
    line = ["localedef", "-i", "de_DE", "-f", "CP1252", tmp_path / "de_DE.CP1252"]
    try:
        subprocess.run(line, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine can't make a locale")
    return {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE.CP1252", "PYTHONUTF8": "0"}


def test_names_are_read_in_any_locale(tmp_path, latin):
    root = graded(tmp_path / "course", "zoe")
    about = {"name": "Zoë Ávila", "lms": "101", "file": "hw0.ipynb"}
    text = json.dumps(about, ensure_ascii=False)
    path = root / "collected" / "hw0" / "zoe.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    program = (
        "import sys, locale; from grader.course import Course\n"
        "print(locale.getencoding(), ascii(Course(sys.argv[1]).who('hw0', 'zoe')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, root],
        cwd=ROOT,
        env=os.environ | latin,
        capture_output=True,
        encoding="ascii",
        check=True,
    )
    encoding, _, who = done.stdout.strip().partition(" ")
    assert encoding.lower() != "utf-8"
    assert who == ascii(("Zoë Ávila", "101"))


@unix
def test_what_is_printed_needs_no_utf_8(tmp_path):
    root = write_course(tmp_path / "Übung")
    done = run(root, "release", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "hw0: " in done.stdout


# --- all of it at once: a grading takes seconds -----------------------------------------------

# a folder's name, what the shell does before, a folder for temporary files, variables
MACHINES = {
    "strict": (
        "it's [50%] zwei #Wörter?",
        "umask 077; exec 2>&-",
        "a [b] 50% #?",
        {"HOME": None, "USER": None, "LOGNAME": None, "LC_ALL": "C"},
    ),
    "lax": (
        "100%(s)s 🐻.",
        "umask 000; exec <&- >&- 2>&-",
        "long" * 30,
        {"HOME": "/nowhere", "PYTHONWARNINGS": "error::DeprecationWarning", "LC_ALL": "POSIX"},
    ),
}
# a test that asserts finds nothing where Python leaves that out
CELLS = [
    ("setup", "imports", "from grader.check import expect, filled, test", 0),
    ("answer", "answer", "answer = ...\n### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION", 0),
    ("test", "answer-test", 'with test("asserted"):\n    assert answer == 42, "not 42"', 1),
]


@pytest.mark.sandbox
@pytest.mark.parametrize("machine", MACHINES)
def test_a_class_is_graded_alike_on_every_machine(machine, tmp_path):
    name, before, temporary, variables = MACHINES[machine]
    root = write_course(tmp_path / name, CELLS, cell_seconds=60)
    (tmp_path / temporary).mkdir(mode=0o755)
    assignment = Assignment(root / "source" / "hw0")
    for student, answer in (("ada", 42), ("bob", 41)):
        hand_in(root, student, submission(assignment, {"answer": f"answer = {answer}"}))
    variables = variables | {"TMPDIR": str(tmp_path / temporary)}
    for command in ("grade", "feedback", "export", "release"):
        done = run(root, command, "hw0", before=f"{before};", **variables)
        assert done.returncode == 0, (command, Course(root).records("hw0"), done.stderr)
    assert [Course(root).record("hw0", s)["score"] for s in ("ada", "bob")] == [1, 0]
    for path in ("feedback/ada/hw0/hw0.html", "export/hw0-moodle.csv", "release/hw0/hw0.ipynb"):
        assert (root / path).stat().st_size, path
    assert not (root / "records" / ".locks").stat().st_size, "what was printed went into a file"
