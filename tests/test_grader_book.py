"""The grade book: put back from records, told when it can't be used; times of handing in."""

import csv
import datetime
import errno
import json
import os
import shutil
import sqlite3
import sys

import pytest
from grader_mini import RIGHT, at_once, hand_in, submission, write_course

from grader.__main__ import main
from grader.commands import grade as grading
from grader.commands.export import export
from grader.commands.grade import metadata
from grader.course import Course, CourseError, Submission
from grader.files import digest, write
from grader.gradebook import Book
from grader.times import read_time, written

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
STUDENTS = ("ada", "bob", "eve")


def record(student: str, score: float, sha256: str = "") -> dict:
    """Return what grading would keep, without grading."""
    found = {"name": "x", "points": 4.0, "score": score, "message": "", "hidden": False}
    tests = {"double-test": {"points": 4.0, "score": score, "stopped": "", "findings": [found]}}
    tests["answer-test"] = {"points": 1.0, "score": 1.0, "stopped": "", "findings": []}
    about = {"assignment": "hw0", "student": student, "sha256": sha256, "submitted": ""}
    about |= {"grader": "1", "notes": [], "unanswered": [], "score": score + 1, "points": 5.0}
    return about | {"tests": tests, "manual": {"words": "to be read"}, "entered": True}


@pytest.fixture
def course(tmp_path):
    """A course with a class that is graded and in the grade book; ada's words are read."""
    course = Course(write_course(tmp_path / "course"))
    with Book(course) as book:
        book.add_assignment(course.assignment("hw0"))
        for number, student in enumerate(STUDENTS):
            content = submission(course.assignment("hw0"), RIGHT)
            hand_in(course.root, student, content)
            kept = record(student, float(number), digest(content))
            write(course.record_path("hw0", student), json.dumps(kept))
            book.enter(kept)
        mark = book.gradebook.find_grade("words", "hw0", "hw0", "ada")
        mark.manual_score, mark.needs_manual_grade = 4.5, False
        book.gradebook.db.commit()
    return course


def run(monkeypatch, capsys, course, *arguments) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["grader", "--course", str(course.root), *arguments])
    capsys.readouterr()
    return main(), *capsys.readouterr()


def scores(course) -> dict:
    questions, *_ = export(course, "hw0")
    with questions.open(newline="", encoding="utf-8") as file:
        return {row["student"]: float(row["score"]) for row in csv.DictReader(file)}


EXPECTED = {"ada": 5.5, "bob": 2.0, "eve": 3.0}


@pytest.mark.parametrize("command", ["grade", "export"])
def test_a_deleted_grade_book_comes_back_from_the_records(command, course, monkeypatch, capsys):
    assert scores(course) == EXPECTED
    (course.root / "gradebook.db").unlink()
    monkeypatch.setattr("grader.commands.grade.find_bubblewrap", lambda: None)
    status, printed, complained = run(monkeypatch, capsys, course, command, "hw0")
    assert status == 0, complained
    assert "the grade book had not the marks of 3: put back from the records." in printed
    assert scores(course) == EXPECTED
    _, printed, _ = run(monkeypatch, capsys, course, command, "hw0")
    assert "put back" not in printed


def test_an_older_grade_book_is_brought_up_to_date(course, capsys):
    shutil.copy(course.root / "gradebook.db", course.root.parent / "backup.db")
    content = submission(course.assignment("hw0"), RIGHT)
    for student, score in (("bob", 3.0), ("new", 4.0)):
        hand_in(course.root, student, content)
        kept = record(student, score)
        write(course.record_path("hw0", student), json.dumps(kept))
        with Book(course) as book:
            book.enter(kept)
    expected = EXPECTED | {"bob": 4.0, "new": 5.0}
    assert scores(course) == expected
    assert "put back" not in capsys.readouterr().out
    shutil.copy(course.root.parent / "backup.db", course.root / "gradebook.db")
    assert scores(course) == expected
    assert "had not the marks of 2" in capsys.readouterr().out


def test_who_is_not_graded_yet_is_told(course, capsys):
    hand_in(course.root, "late", b"{}")
    course.record_path("hw0", "bob").write_text('{"half a record')
    assert {*scores(course)} == {"ada", "eve"}
    assert "not in the tables, because not graded yet: bob, late" in capsys.readouterr().out


def test_one_student_s_marks_stop_nobody_s_export(course, monkeypatch, capsys):
    penalise = Book.penalise

    def faulty(self, name, student):
        if student == "bob":
            raise ValueError("no such thing")
        penalise(self, name, student)

    monkeypatch.setattr(Book, "penalise", faulty)
    status, _, complained = run(monkeypatch, capsys, course, "export", "hw0")
    assert status == 1
    assert complained == "grader: hw0: exported without bob (ValueError: no such thing)\n"
    assert (course.root / "export" / "hw0-moodle.csv").read_text().count("Participant ") == 2


def test_a_grade_book_that_is_none_is_one_line(course, monkeypatch, capsys):
    (course.root / "gradebook.db").write_bytes(b"not a database at all" * 100)
    status, printed, complained = run(monkeypatch, capsys, course, "export", "hw0")
    assert (status, printed) == (1, "")
    assert complained.startswith("grader: The grade book can't be used: ")
    assert complained.count("\n") == 1


def spoil(course, what: str, content: bytes) -> None:
    """Write over one of a course's files."""
    path = {
        "record": course.record_path("hw0", "ada"),
        "kept by hand": course.root / "records" / ".by_hand" / "hw0.json",
        "settings": course.root / "nbgrader_config.py",
        "source": course.root / "source" / "hw0" / "hw0.ipynb",
    }[what]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


MARKED = {"points": 4.0, "score": 4.0, "stopped": "", "findings": []}
SPOILT = {
    **{
        "empty": b"",
        "half": b'{"student": "ada", "sha256"',
        "a list": b"[]",
        "deep": b"[" * 9999,
    },
    "no tests": {"tests": None},
    "a list of tests": {"tests": []},
    "a mark in words": {"tests": {"double-test": {**MARKED, "score": "x"}}},
    "a mark that is none": {"tests": {"double-test": {**MARKED, "score": float("nan")}}},
    "another's": {"student": "bob"},
    "a path": {"student": "../../ada"},
    "another assignment's": {"assignment": "hw7"},
    **{f"no {key}": {key: None} for key in ("notes", "manual", "submitted", "grader", "score")},
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_record_that_is_not_whole_counts_for_none_and_stops_nobody(what, course, capsys):
    spoilt = SPOILT[what]
    if isinstance(spoilt, dict):
        spoilt = json.dumps(record("ada", 0.0) | spoilt).encode()
    spoil(course, "record", spoilt)
    assert {*scores(course)} == {"bob", "eve"}
    assert capsys.readouterr().out == "hw0: not in the tables, because not graded yet: ada\n"


def test_copies_of_records_double_nobody(course):
    """As Dropbox and file managers make them."""
    folder, content = course.root / "records" / "hw0", course.record_path("hw0", "ada").read_bytes()
    for name in ("ada (1)", "ada (conflicted copy)", "._ada", "ada~"):
        (folder / f"{name}.json").write_bytes(content)
    assert scores(course) == EXPECTED


def test_a_record_that_can_not_be_written_stops_nobody(course, monkeypatch):
    monkeypatch.setattr(grading, "local_pool", at_once)
    path = course.record_path("hw0", "ada")
    path.unlink()
    path.mkdir()
    for student in ("bob", "eve"):
        course.record_path("hw0", student).unlink()
    with pytest.raises(CourseError, match="ada could not be kept: IsADirectoryError"):
        grading.grade(course, "hw0", unsafe=True)
    assert {r["student"] for r in course.records("hw0")} == {"bob", "eve"}


@pytest.mark.parametrize(
    "kept", [b"{", b"[]", b"[" * 9999, b'{"ada": 5}', b'{"ada": {"words": "x"}}']
)
def test_what_was_kept_of_marks_by_hand_may_be_broken(kept, course):
    spoil(course, "kept by hand", kept)
    (course.root / "gradebook.db").unlink()
    assert scores(course) == EXPECTED | {"ada": 1.0}


BOOKS = {
    "half of one": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "none": lambda path: path.write_bytes(b"not a database at all" * 100),
    "of a version without names": lambda path: path.write_bytes(other_book(path)),
}


def other_book(path) -> bytes:
    path.unlink()
    with sqlite3.connect(path) as book:
        book.execute("create table student (id varchar primary key)")
        book.execute("create table alembic_version (version_num varchar)")
    book.close()
    return path.read_bytes()


@pytest.mark.parametrize("what", BOOKS)
def test_a_grade_book_that_can_not_be_read_says_what_to_do(what, course, monkeypatch, capsys):
    path = course.root / "gradebook.db"
    scores(course)
    BOOKS[what](path)
    status, _, complained = run(monkeypatch, capsys, course, "export", "hw0")
    assert status == 1
    assert complained.count("\n") == 1
    assert complained.endswith("or move it away: what the records hold is entered again.\n")
    path.unlink()
    assert scores(course) == EXPECTED


def test_a_student_whom_the_grade_book_lost_comes_back(course):
    scores(course)
    with sqlite3.connect(course.root / "gradebook.db") as book:
        book.execute("delete from student where id = 'ada'")
    book.close()
    assert scores(course) == EXPECTED


@pytest.mark.parametrize("text", ["c = (", "1 / 0", "raise SystemExit"])
@pytest.mark.parametrize("what", ["settings", "source"])
def test_a_file_of_the_instructor_s_that_is_broken_is_one_line(
    what, text, course, monkeypatch, capsys
):
    spoil(course, what, text.encode())
    status, _, complained = run(monkeypatch, capsys, course, "export", "hw0")
    assert status == 1
    assert complained.count("\n") == 1
    assert {"settings": "nbgrader_config.py can't be read: ", "source": "hw0.ipynb is not a"}[
        what
    ] in complained


def test_a_full_disk_in_the_grade_book_is_one_line(course, monkeypatch, capsys):
    (course.root / "gradebook.db").unlink()
    connect = sqlite3.connect

    def small(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 5")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", small)
    status, _, complained = run(monkeypatch, capsys, course, "export", "hw0")
    assert status == 1
    assert "database or disk is full" in complained
    assert "Traceback" not in complained


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_table_that_can_t_be_written_is_one_line(number, course, monkeypatch, capsys):
    scores(course)
    before = (course.root / "export" / "hw0-questions.csv").read_bytes()

    def full(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    status, _, complained = run(monkeypatch, capsys, course, "export", "hw0")
    assert status == 1
    table = course.root / "export" / "hw0-questions.csv"
    assert complained == f"grader: {table}: {os.strerror(number)}.\n"
    assert table.read_bytes() == before
    assert len([*table.parent.iterdir()]) == 3


# --- times --------------------------------------------------------------------------------------

NINE = datetime.datetime(2030, 3, 2, 9, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2030-03-02 09:00:00.000000 UTC", "2030-03-02T09:00:00Z", "2030-03-02 09:00:00"),
        *(
            "2030-03-02 10:00:00 CET",
            "2030-03-02 10:00:00.000000 Europe/Berlin",
            "20300302T090000Z",
        ),
        *("2030-03-02 04:00:00 EST", "2030-03-02T14:30:00+05:30", "2030-03-02T14:30:00+0530"),
        *("Saturday, 2 March 2030, 9:00 AM", "Mar 2, 2030 at 9am", "2030-03-02 04:00 -05"),
        *("Sat, 02 Mar 2030 09:00:00 GMT", "2030-03-02 18:00 Asia/Tokyo", " 2030-03-02 09:00 \n"),
        *(
            "2030-03-02 11:00 UTC+2",
            "2030-03-02 04:00 GMT-0500",
            "2030-03-02 04:00 \N{MINUS SIGN}05:00",
        ),
        *("Sat Mar 02 2030 10:00:00 GMT+0100 (Central European Standard Time)",),
        *("2030-03-02T10:00:00+01:00[Europe/Berlin]", "2030-03-02 14:00 Etc/GMT-5"),
        *("Sat Mar  2 10:00:00 CET 2030", "2030-03-02 10:00:00 (CET)"),
        *("\ufeff2030-03-02 09:00:00 UTC", "2030-03-02 14:30 +05:30", "2030-03-02 10:00 MEZ"),
    ],
)
def test_a_time_counts_in_any_zone(text, tmp_path):
    (tmp_path / "timestamp.txt").write_text(text, encoding="utf-8")
    about = metadata(Submission("s", tmp_path / "hw0.ipynb"))
    assert about["submitted"] == "2030-03-02 09:00:00 UTC"
    assert "unread_time" not in about


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "2030-03-02 09:00 IST", "03/02/2030 09:00", "12:00", "2030", "Mar 2 at 9am"),
        *(
            "2030-13-40 09:00",
            "2030-03-02 09:00 Mars/Base",
            "2030-03-02 09:00 EST-5",
            "\ud7ff",
            "9" * 50,
            "[]",
        ),
    ],
)
def test_a_time_that_can_t_be_told_is_said(text, tmp_path):
    assert read_time(text) is None
    (tmp_path / "timestamp.txt").write_text(text, encoding="utf-8")
    about = metadata(Submission("s", tmp_path / "hw0.ipynb"))
    assert about["submitted"] == ""
    assert about["unread_time"]


def test_a_time_is_read_in_any_encoding(tmp_path):
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        (tmp_path / "timestamp.txt").write_bytes("2030-03-02 09:00:00\r\n".encode(encoding))
        about = metadata(Submission("s", tmp_path / "hw0.ipynb"))
        assert about["submitted"] == "2030-03-02 09:00:00 UTC"


def test_a_part_of_a_second_is_kept():
    assert written(read_time("2030-03-02 09:00:00.25 UTC")) == "2030-03-02 09:00:00.250000 UTC"
