"""A course's life: backed up, restored elsewhere, and all of one person forgotten."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from grader_mini import RIGHT, full_marks, hand_in, submission, write_course

from grader.commands.backup import backup, restore
from grader.commands.export import export
from grader.commands.forget import forget
from grader.commands.roster import roster
from grader.course import Course, CourseError
from grader.files import write
from grader.gradebook import Book
from grader.history import note

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
PEOPLE = "id;name\nada;Love, Ada\nbob;Bob Half\nada2;Ada Two\n"


@pytest.fixture
def course(tmp_path):
    """Ada, bob and ada2 with work, marks, marks by hand, comments, pages and a history."""
    course = Course(write_course(tmp_path / "course"))
    assignment = course.assignment("hw0")
    (tmp_path / "people.csv").write_text(PEOPLE)
    roster(course, tmp_path / "people.csv")
    with Book(course) as book:
        book.add_assignment(assignment)
        for student in ("ada", "bob", "ada2"):
            content = submission(assignment, RIGHT | {"words": f"I am UNIQUE-{student}."})
            hand_in(course.root, student, content)
            record = full_marks(student, content) | {"entered": True}
            write(course.record_path("hw0", student), json.dumps(record))
            write(course.collected_path("hw0", student), json.dumps({"name": student.title()}))
            for kind in ("autograded", "feedback"):
                write(course.root / kind / student / "hw0" / "hw0.html", f"UNIQUE-{student}.")
            write(course.root / "earlier" / "hw0" / student / "1.ipynb", f"UNIQUE-{student}.")
            tried = course.root / "records" / ".tried" / "hw0" / f"{student}.json"
            write(tried, f"UNIQUE-{student}.")
            book.enter(record)
            grade = book.gradebook.find_grade("words", "hw0", "hw0", student)
            grade.manual_score, grade.needs_manual_grade = 4.5, False
            comment = book.gradebook.find_comment("words", "hw0", "hw0", student)
            comment.manual_comment = f"To UNIQUE-{student}."
            book.gradebook.db.commit()
            note(course, "hw0", student=student, why=f"UNIQUE-{student}.")
    export(course, "hw0")
    return course


def table(course) -> str:
    return export(course, "hw0")[0].read_text("utf-8")


def test_a_backup_restored_elsewhere_is_the_same_course(course, tmp_path):
    path, lines = backup(course, tmp_path / "all.zip")
    assert lines[0].endswith(" files")
    other = Course(write_course(tmp_path / "other"))
    restore(other, path)
    assert table(other) == table(course)
    for file in filter(Path.is_file, course.root.rglob("*")):
        inside = file.relative_to(course.root)
        if inside.parts[0] not in ("export", "feedback", "gradebook.db") and file.name != ".locks":
            if ".tried" in inside.parts:  # a dry run's, which counts here and now
                assert not (other.root / inside).exists()
                continue
            assert (other.root / inside).read_bytes() == file.read_bytes()
    with Book(other) as book:
        found = book.gradebook.find_comment("words", "hw0", "hw0", "ada")
        assert found.manual_comment == "To UNIQUE-ada."


def test_a_backup_writes_over_nothing(course, tmp_path):
    path, _ = backup(course, tmp_path / "all.zip")
    before = path.read_bytes()
    with pytest.raises(CourseError, match=r"is there already\. Name another file"):
        backup(course, path)
    assert path.read_bytes() == before
    with pytest.raises(CourseError, match=r"has work already .*submitted"):
        restore(course, path)
    first, _ = backup(course)
    assert first.parent == tmp_path


def spoil(path, how: str) -> None:
    """Make of a backup what is none."""
    if how == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "flipped":
        content = bytearray(path.read_bytes())
        for place in range(200, 3000, 50):
            content[place] ^= 255
        path.write_bytes(content)
    elif how == "missing":
        path.unlink()
    elif how == "text":
        path.write_text("not a zip")
    else:
        kept = path.with_name("kept.zip")
        shutil.move(path, kept)
        with zipfile.ZipFile(kept) as old, zipfile.ZipFile(path, "w") as new:
            for number, info in enumerate(old.infolist()):
                if how == "no backup" and info.filename == "backup.json":
                    continue
                if how == "a file less" and number == 2:
                    continue
                name = "submitted/../../out" if how == "climbs" and number == 2 else info.filename
                name = "elsewhere/x" if how == "elsewhere" and number == 2 else name
                new.writestr(name, old.read(info))


@pytest.mark.parametrize(
    "how",
    [
        *("cut", "flipped", "missing", "text", "no backup"),
        *("a file less", "climbs", "elsewhere"),
    ],
)
def test_what_is_no_whole_backup_puts_nothing_back(how, course, tmp_path):
    path, _ = backup(course, tmp_path / "all.zip")
    spoil(path, how)
    other = Course(write_course(tmp_path / "other"))
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    with pytest.raises(CourseError):
        restore(other, path)
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before


def test_a_person_is_forgotten_whole_and_nobody_else(course):
    others = {
        path: path.read_bytes()
        for path in course.root.rglob("*")
        if path.is_file() and {"bob", "ada2", "bob.json", "ada2.json"} & {*path.parts}
    }
    listed = forget(course, "ada")
    assert listed[-1] == "Nothing is deleted yet. To do it, add --yes"
    assert (course.root / "submitted" / "ada").is_dir()
    forget(course, "ada", really=True)
    left = [p for p in course.root.rglob("*") if p.is_file() and b"UNIQUE-ada." in p.read_bytes()]
    assert left == []
    assert not [p for p in course.root.rglob("*") if p.name in ("ada", "ada.json")]
    assert (course.root / "roster.csv").read_text() == "id,name\nbob,Bob Half\nada2,Ada Two\n"
    assert {path: path.read_bytes() for path in others} == others
    history = (course.root / "records" / ".history" / "hw0.jsonl").read_text()
    assert [json.loads(line)["student"] for line in history.splitlines()] == ["bob", "ada2"]
    assert "\nada," not in table(course)
    assert "\nbob," in table(course)
    with pytest.raises(CourseError, match="has nothing of 'ada'"):
        forget(course, "ada", really=True)


@pytest.mark.parametrize("student", ["", "..", "*", "ad?", "../course", "nobody"])
def test_an_id_that_is_nobody_s_deletes_nothing(student, course):
    before = sorted(course.root.rglob("*"))
    with pytest.raises(CourseError):
        forget(course, student, really=True)
    assert sorted(course.root.rglob("*")) == before
