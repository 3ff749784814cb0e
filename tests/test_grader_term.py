"""A term: who is in the course, and what its assignments come to."""

import csv
import json
import sys

import pytest
from grader_mini import RIGHT, enter_kept, full_marks, submission, write_course

from grader.__main__ import main
from grader.commands.collect import collect
from grader.commands.roster import roster
from grader.commands.total import total
from grader.course import Course, CourseError
from grader.files import write
from grader.gradebook import Book
from grader.trusted.renderer import Renderer

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
PEOPLE = "id,name,email,login\nada,Ada Love,ada@a.b,al\nbob,Bob Half,,bh\ncy,Cy New,,\n"
SHARES = {"hw0": {"ada": 5, "bob": 4}, "hw1": {"ada": 5, "bob": 0, "eve": 5}, "hw2": {"ada": 0}}


@pytest.fixture
def renderer():
    with Renderer() as one:
        yield one


def second(root, name: str) -> None:
    """Copy hw0 as another assignment."""
    text = (root / "source" / "hw0" / "hw0.ipynb").read_text()
    write(root / "source" / name / f"{name}.ipynb", text)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Three assignments; words are read, as worth 5 where the tests are, and 0 of bob's."""
    root = write_course(tmp_path_factory.mktemp("course"))
    for name in ("hw1", "hw2"):
        second(root, name)
    course = Course(root)
    with Book(course) as book:
        for name, students in SHARES.items():
            assignment = course.assignment(name)
            book.add_assignment(assignment)
            for student, score in students.items():
                content = submission(assignment, RIGHT)
                write(root / "submitted" / student / name / f"{name}.ipynb", content)
                record = full_marks(student, content) | {"assignment": name, "entered": True}
                record["tests"]["double-test"]["score"] = max(0.0, score - 1.0)
                record["tests"]["answer-test"]["score"] = float(score > 0)
                record["score"] = float(score)
                write(course.record_path(name, student), json.dumps(record))
                book.enter(record)
                grade = book.gradebook.find_grade("words", name, name, student)
                grade.manual_score, grade.needs_manual_grade = float(score > 0) * 5, False
        book.gradebook.find_grade("words", "hw1", "hw1", "eve").needs_manual_grade = True
        book.gradebook.db.commit()
    people = root.parent / "people.csv"
    people.write_text(PEOPLE)
    roster(course, people)
    return course


def rows(path) -> dict[str, dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return {next(iter(row.values())): row for row in csv.DictReader(file)}


def test_weights_and_the_lowest_dropped_make_the_total(course):
    paths, lines = total(course, ["hw0", "hw1", "hw2"])
    assert [path.name for path in paths] == ["total.csv", "total-moodle.csv", "total-canvas.csv"]
    table = rows(paths[0])
    assert {who: float(row["total"]) for who, row in table.items()} == {
        **{"ada": 66.67, "bob": 30.0, "cy": 0.0, "eve": 33.33}
    }
    assert table["bob"]["hw0"] == "90.0"
    assert table["cy"]["hw0"] == ""
    paths, _ = total(course, ["hw0", "hw1", "hw2"], {"hw0": 3}, drop=1)
    table = rows(paths[0])
    assert {who: float(row["total"]) for who, row in table.items()} == {
        **{"ada": 100.0, "bob": 67.5, "cy": 0.0, "eve": 50.0}
    }
    assert table["ada"]["dropped"] == "hw2"
    moodle, canvas = rows(paths[1]), rows(paths[2])
    assert moodle["ada"] == {
        **{"ID number": "ada", "Full name": "Ada Love", "Email address": "ada@a.b"},
        "Total": "100.0",
    }
    assert canvas["Bob Half"]["SIS Login ID"] == "bh"
    assert lines == [
        "hw1: not all read yet, what is not counts 0: eve",
        "not in the roster: eve",
        "hw0: nothing graded of cy, eve: counts 0",
        "hw1: nothing graded of cy: counts 0",
        "hw2: nothing graded of bob, cy, eve: counts 0",
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((["hw0"], {"hw7": 1.0}), "--weight names hw7"),
        ((["hw0"], {}, 1), "--drop-lowest 1: of 1 assignments 0 to 0"),
        ((["hw0", "hw0"],), "named twice"),
        ((["hw0"], {"hw0": 0.0}), "no weight"),
        ((["hw9"],), "There is no assignment 'hw9'"),
    ],
)
def test_a_total_that_makes_no_sense_is_refused_and_writes_nothing(course, options, says):
    before = {p: p.read_bytes() for p in course.root.glob("export/*")}
    with pytest.raises(CourseError, match=says):
        total(course, *options)
    assert {p: p.read_bytes() for p in course.root.glob("export/*")} == before


@pytest.mark.parametrize("weight", ["hw0", "hw0=", "hw0=x", "hw0=-1", "hw0=nan", "=1"])
def test_a_weight_that_is_none_is_one_line(course, weight, monkeypatch, capsys):
    words = ["grader", "--course", str(course.root), "total", "hw0", "--weight", weight]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 1
    complained = capsys.readouterr().err
    assert complained.startswith(f"grader: {weight!r} is no name and number")
    assert complained.count("\n") == 1


def test_the_roster_says_who_is_absent_and_who_is_a_stranger(course):
    assert roster(course) == [
        f"3 people in {course.root / 'roster.csv'}",
        "hw0: 2 handed in, 1 of the roster did not",
        "hw0: absent: cy",
        "hw1: 3 handed in, 1 of the roster did not",
        "hw1: absent: cy",
        "hw1: not in the roster: eve",
        "hw2: 1 handed in, 2 of the roster did not",
        "hw2: absent: bob, cy",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [("who,name\na,b\n", "needs the columns"), ("id,name\n", "lists nobody")],
)
def test_a_roster_that_is_none_leaves_the_kept_one(course, tmp_path, text, says):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(CourseError, match=says):
        roster(course, tmp_path / "bad.csv")
    assert (course.root / "roster.csv").read_text() == PEOPLE


def test_without_a_roster_the_command_says_what_to_give(tmp_path):
    with pytest.raises(CourseError, match="a CSV with the columns id and name"):
        roster(Course(write_course(tmp_path)))


def test_the_kept_roster_names_people_when_their_work_comes(tmp_path):
    course = Course(write_course(tmp_path / "course"))
    second(course.root, "hw1")
    people = tmp_path / "people.csv"
    # two of one name: each assignment has numbers of its own
    people.write_text("id,name,lms-hw0,lms-hw1\nann1,Ann Lee,11,92\nann2,Ann Lee,12,91\n")
    assert any(line.startswith("namesakes: ann1 and ann2;") for line in roster(course, people))
    for name, numbers in (("hw0", (11, 12)), ("hw1", (91, 92))):
        for number in numbers:
            path = tmp_path / name / f"Ann Lee_{number}_assignsubmission_file_" / f"{name}.ipynb"
            write(path, submission(course.assignment(name), RIGHT, f"# {number}"))
        collect(course, name, tmp_path / name)
    texts = {
        (who, name): (course.root / "submitted" / who / name / f"{name}.ipynb").read_text()
        for who in ("ann1", "ann2")
        for name in ("hw0", "hw1")
    }
    found = {key: next(n for n in (11, 12, 91, 92) if f"# {n}" in t) for key, t in texts.items()}
    assert found == {
        **{("ann1", "hw0"): 11, ("ann2", "hw0"): 12},
        **{("ann1", "hw1"): 92, ("ann2", "hw1"): 91},
    }


def test_a_term_goes_through_its_commands(tmp_path, monkeypatch, capsys, renderer):
    """Each command as it is typed, but for those that mark, which other tests try."""
    course = Course(write_course(tmp_path / "course"))
    people = tmp_path / "people.csv"
    people.write_text("id,name\ns1,Ada Love\ns2,Bob Half\n")
    for number, name in ((1, "Ada Love"), (2, "Bob Half")):
        path = tmp_path / "all" / f"{name}_{number}_assignsubmission_file_" / "hw0.ipynb"
        write(path, submission(course.assignment("hw0"), RIGHT))

    def do(*words) -> str:
        monkeypatch.setattr(sys, "argv", ["grader", "--course", str(course.root), *words])
        capsys.readouterr()
        status, (printed, complained) = main(), capsys.readouterr()
        assert status == 0, complained
        return printed

    assert do("roster", str(people)).startswith("2 people in ")
    assert do("collect", "hw0", "--from", str(tmp_path / "all")) == "s1: new\ns2: new\n"
    for student in ("s1", "s2"):
        enter_kept(course, student, renderer)
    told = do("due", "hw0", "2030-03-02 23:59 CET", "--per-day", "10")
    assert told.startswith("hw0: due 2030-03-02 22:59:00 UTC; late work loses 10 %")
    assert do("due", "hw0") == told
    told = do("extend", "s2", "hw0", "--until", "2030-03-05", "--why", "ill")
    assert "hw0: s2: until 2030-03-05 00:00:00 UTC" in told
    assert "hw0-feedback-moodle.zip" in do("feedback", "hw0", "--zip", "moodle")
    assert do("weigh", "hw0", "double=0.5", "--why", "unclear") == (
        "hw0: double-test counts 0.5 times\n"
    )
    assert do("weigh", "hw0", "double=1") == "All count once.\n"
    assert do("report", "hw0").count("hw0-report.") == 2
    assert do("total", "hw0", "--weight", "hw0=2", "--drop-lowest", "0").count("total") == 3
    assert do("export", "hw0").count(".csv") == 3
    assert "term.zip: " in do("backup", str(tmp_path / "term.zip"))
    assert "Nothing is deleted yet" in do("forget", "s2")
    assert "deleted: submitted/s2" in do("forget", "s2", "--yes")
    assert do("due", "hw0").count("\n") == 1
    course = Course(write_course(tmp_path / "other"))
    assert " files of " in do("restore", str(tmp_path / "term.zip"))
    assert {s.student for s in course.submissions("hw0")} == {"s1", "s2"}
    assert "s2: until 2030-03-05" in do("due", "hw0")
