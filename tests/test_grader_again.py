"""Marking again: what is said before, what is reopened, what is kept, what counts."""

import datetime
import json
import sys
import time

import nbformat
import pytest
from grader_mini import RIGHT, AtOnce, full_marks, hand_in, submission, write_course

from grader import tried
from grader.__main__ import main
from grader.assignment import Assignment
from grader.commands import grade as grade_module
from grader.commands.collect import collect
from grader.commands.export import export
from grader.commands.grade import grade
from grader.course import Course, CourseError
from grader.files import digest, write
from grader.gradebook import Book
from grader.marks import marks, weigh
from grader.trusted.mark import _begun, version

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
NOW = {}  # what the grader would give for double, by student
MARKED = []  # whom it has marked


class Marks(AtOnce):
    """A pool that gives what NOW says."""

    def mark(self, task, contents, tests_only=False):
        assignment = Assignment(task.folder)
        for student, content in contents:
            MARKED.append(student)
            record = full_marks(student, content)
            record |= {"source_sha256": assignment.sha256, "grader": version()}
            begun, _ = _begun(assignment, content)
            record["answers"] = begun["answers"]
            record["tests"]["double-test"]["score"] = NOW.get(student, 4.0)
            record["score"] = NOW.get(student, 4.0) + 1
            yield student, (record, [step.cell for step in assignment.merge(content).steps])


class Pool:
    def __init__(self, workers):
        pass

    def __enter__(self):
        return Marks()

    def __exit__(self, *_):
        pass


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Ada and bob, graded with 1 of 4 for double; ada's words and bob's double have a person's."""
    monkeypatch.setattr(grade_module, "local_pool", Pool)
    course = Course(write_course(tmp_path / "course"))
    for student in ("ada", "bob"):
        hand_in(course.root, student, submission(course.assignment("hw0"), RIGHT))
        NOW[student] = 1.0
    grade(course, "hw0", unsafe=True)
    with Book(course) as book:
        for student, cell, mark in (("ada", "words", 4.5), ("bob", "double-test", 2.5)):
            found = book.gradebook.find_grade(cell, "hw0", "hw0", student)
            found.manual_score, found.needs_manual_grade = mark, False
        book.gradebook.db.commit()
    return course


def waiting(course) -> dict[str, list[str]]:
    cells = ["double-test", "answer-test", "words"]
    with Book(course) as book:
        return {s: marks(book, cells, "hw0", s).unread for s in ("ada", "bob")}


def test_a_dry_run_says_what_would_change_and_keeps_no_mark(course, capsys):
    NOW.update(ada=4.0)
    before = {p: p.read_bytes() for p in course.root.rglob("*") if p.is_file()}
    capsys.readouterr()
    grade(course, "hw0", again=True, unsafe=True, dry=True)
    printed = capsys.readouterr().out
    assert "hw0: ada: 2 → 5: double-test 1 → 4\n" in printed
    assert "hw0: 1 of 2 would change. No mark is kept" in printed
    assert "bob" not in printed
    after = {p: p.read_bytes() for p in course.root.rglob("*") if p.is_file()}
    tried = course.root / "records" / ".tried" / "hw0"
    assert before.keys() ^ after.keys() == {tried / "ada.json", tried / "bob.json"}
    assert [p for p in before if before[p] != after[p] and p.suffix == ".json"] == []


def _state(course) -> dict:
    """Return what is kept of each student but the times, and what the grade book holds."""
    kept = {}
    for student in ("ada", "bob"):
        record = course.record("hw0", student) | {"graded": "", "seconds": 0}
        page = course.root / "autograded" / student / "hw0" / "hw0.ipynb"
        kept[student] = record, [c.source for c in nbformat.read(page, as_version=4).cells]
    with Book(course) as book:
        return kept | {"book": book.given("hw0"), "unread": waiting(course)}


def test_what_a_dry_run_found_is_what_marking_again_gives(course, capsys):
    NOW.update(ada=4.0)
    grade(course, "hw0", again=True, unsafe=True, dry=True)
    said = capsys.readouterr().out
    MARKED.clear()
    assert set(grade(course, "hw0", again=True, unsafe=True)) == {"ada", "bob"}
    assert MARKED == []
    printed = capsys.readouterr().out
    assert "hw0: what the dry run found counts for 2 of 2" in printed
    change = "hw0: ada: 2 → 5: double-test 1 → 4\n"
    assert change in said
    assert change in printed
    found = _state(course)
    assert found["ada"][0]["score"] == 5
    assert not (course.root / "records" / ".tried" / "hw0").exists()
    # it counts once
    grade(course, "hw0", again=True, unsafe=True)
    assert sorted(MARKED) == ["ada", "bob"]
    assert _state(course) == found


def _another_source(course, patch) -> None:
    path = course.root / "source" / "hw0" / "hw0.ipynb"
    path.write_text(path.read_text().replace("other numbers", "more numbers"))


def _another_submission(course, patch) -> None:
    for student in ("ada", "bob"):
        new = submission(
            course.assignment("hw0"), RIGHT | {"double": "def double(x):\n    return x"}
        )
        hand_in(course.root, student, new)


def _another_grader(course, patch) -> None:
    patch.setattr(tried, "version", lambda: "another")


def _another_libs(course, patch) -> None:
    write(course.root / "libs" / "datasets.py", "changed = True")
    patch.setattr(tried, "ROOT", course.root)


def _another_package(course, patch) -> None:
    others = [*tried.distributions()][1:]
    patch.setattr(tried, "distributions", lambda: others)


def _other_data(course, patch) -> None:
    write(course.root / "source" / "hw0" / "data" / "numbers.csv", "1,2\n")


def _a_day_later(course, patch) -> None:
    patch.setattr(tried, "SECONDS", 0)


def _another_s_name(course, patch) -> None:
    folder = course.root / "records" / ".tried" / "hw0"
    for student in ("ada", "bob"):
        path = folder / f"{student}.json"
        path.write_text(path.read_text()[1:])


def _half_a_file(course, patch) -> None:
    for path in (course.root / "records" / ".tried" / "hw0").iterdir():
        path.write_text(path.read_text()[:-9])


@pytest.mark.parametrize(
    "change",
    [
        *(_another_source, _another_submission, _another_grader, _another_libs, _another_package),
        *(_other_data, _a_day_later, _another_s_name, _half_a_file),
    ],
)
def test_what_a_dry_run_found_does_not_count_after_a_change(course, monkeypatch, change):
    grade(course, "hw0", again=True, unsafe=True, dry=True)
    NOW.update(ada=3.0, bob=3.0)  # what is found after the change
    change(course, monkeypatch)
    MARKED.clear()
    grade(course, "hw0", again=True, unsafe=True)
    assert sorted(MARKED) == ["ada", "bob"]
    assert course.record("hw0", "ada")["score"] == 4


def test_one_s_own_files_without_a_sandbox_count_for_no_other(course, monkeypatch):
    monkeypatch.setattr(grade_module, "find_bubblewrap", lambda: "")
    grade(course, "hw0", again=True, unsafe=True, dry=True)
    MARKED.clear()
    grade(course, "hw0", again=True)
    assert sorted(MARKED) == ["ada", "bob"]


def test_a_dry_run_keeps_nothing_of_what_could_not_be_marked(course, monkeypatch):
    class Unmarked(Marks):
        def mark(self, task, contents, tests_only=False):
            for student, (record, cells) in super().mark(task, contents, tests_only):
                yield student, (record | {"unmarked": "the machine was full"}, cells)

    with monkeypatch.context() as patch:
        patch.setattr(Pool, "__enter__", lambda self: Unmarked())
        grade(course, "hw0", again=True, unsafe=True, dry=True)
    MARKED.clear()
    grade(course, "hw0", again=True, unsafe=True)
    assert sorted(MARKED) == ["ada", "bob"]


def test_a_request_is_marked_once_more_whatever_a_dry_run_found(course):
    grade(course, "hw0", again=True, unsafe=True, dry=True)
    MARKED.clear()
    grade(course, "hw0", ["ada"], again=True, unsafe=True, why="asked")
    assert MARKED == ["ada"]


class Stopped(Marks):
    """A pool that somebody stops by Ctrl+C after the first submission."""

    def mark(self, task, contents, tests_only=False):
        for number, result in enumerate(super().mark(task, contents, tests_only)):
            if number:
                raise KeyboardInterrupt
            time.sleep(1.1)  # a record says when it was made to the second
            yield result


def test_marking_all_again_goes_on_where_it_was_stopped(course, monkeypatch, capsys):
    def stop():
        with monkeypatch.context() as patch:
            patch.setattr(Pool, "__enter__", lambda self: Stopped())
            with pytest.raises(KeyboardInterrupt):
                grade(course, "hw0", again=True, unsafe=True)

    stop()
    assert set(grade(course, "hw0", again=True, unsafe=True)) == {"bob"}
    assert "hw0: goes on where it was stopped: 1 of 2 are" in capsys.readouterr().out
    # it is done: the next one begins anew, as does one after a change, or long after
    assert set(grade(course, "hw0", again=True, unsafe=True)) == {"ada", "bob"}
    stop()
    path = course.root / "source" / "hw0" / "hw0.ipynb"
    path.write_text(path.read_text().replace("2 * x", "x * 2"))
    assert set(grade(course, "hw0", again=True, unsafe=True)) == {"ada", "bob"}
    stop()
    monkeypatch.setattr(grade_module, "GOES_ON", datetime.timedelta(seconds=1))
    assert set(grade(course, "hw0", again=True, unsafe=True)) == {"ada", "bob"}


def test_only_what_changed_is_reopened(course):
    assert waiting(course) == {"ada": [], "bob": ["words"]}
    grade(course, "hw0", again=True, unsafe=True)
    assert waiting(course) == {"ada": [], "bob": ["words"]}
    NOW.update(bob=3.0)
    grade(course, "hw0", again=True, unsafe=True)
    assert waiting(course) == {"ada": [], "bob": ["double-test", "words"]}


def test_another_answer_is_read_again(course):
    new = submission(course.assignment("hw0"), RIGHT | {"words": "Something else."})
    hand_in(course.root, "ada", new)
    grade(course, "hw0", unsafe=True)
    assert waiting(course)["ada"] == ["words"]


def test_a_person_s_mark_that_hides_a_new_one_is_told(course, capsys):
    NOW.update(bob=3.0)
    grade(course, "hw0", again=True, unsafe=True)
    told = capsys.readouterr().out
    assert "hw0: bob: 2 → 4: double-test 1 → 3 (hidden: a person gave 2.5)" in told


def test_marks_of_another_version_are_told(course, capsys):
    path = course.root / "source" / "hw0" / "hw0.ipynb"
    path.write_text(path.read_text().replace("other numbers", "more numbers"))
    hand_in(course.root, "eve", submission(course.assignment("hw0"), RIGHT))
    grade(course, "hw0", unsafe=True)
    told = capsys.readouterr().out
    assert "hw0: 2 marks come from another version of the source." in told
    assert "grade hw0 --again --dry-run" in told
    grade(course, "hw0", again=True, unsafe=True)
    assert "another version" not in capsys.readouterr().out


def run(course, monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["grader", "--course", str(course.root), *words])
    return main()


def test_a_request_is_marked_again_with_its_reason(course, monkeypatch, capsys):
    NOW.update(ada=2.0, bob=4.0)
    words = ("regrade", "ada", "hw0", "--unsafe-own-files", "--why")
    assert run(course, monkeypatch, *words, "  ") == 1
    assert "--why is empty" in capsys.readouterr().err
    assert run(course, monkeypatch, *words, "her mail of Monday") == 0
    assert "hw0: ada: 2 → 3: double-test 1 → 2" in capsys.readouterr().out
    assert run(course, monkeypatch, *words, "once more") == 0
    lines = (course.root / "records" / ".history" / "hw0.jsonl").read_text().splitlines()
    first, second = map(json.loads, lines)
    assert first["changed"] == {"double-test": [1, 2]}
    assert (first["student"], first["why"]) == ("ada", "her mail of Monday")
    assert first["who"]
    assert first["when"]
    assert second["changed"] == {}
    assert course.record("hw0", "bob")["score"] == 2


def test_each_submission_is_kept_and_the_newest_counts(tmp_path):
    course = Course(write_course(tmp_path / "course"))
    assignment, texts = course.assignment("hw0"), []
    for words in ("One.", "Two.", "Three."):
        texts.append(submission(assignment, RIGHT | {"words": words}))
        write(tmp_path / "handed" / "ada" / "hw0.ipynb", texts[-1])
        collect(course, "hw0", tmp_path / "handed")
    collect(course, "hw0", tmp_path / "handed")
    kept = [path.read_bytes() for path in course.root.glob("earlier/hw0/ada/*.ipynb")]
    assert sorted(map(digest, kept)) == sorted(map(digest, texts[:2]))
    assert (course.root / "submitted" / "ada" / "hw0" / "hw0.ipynb").read_bytes() == texts[2]


# --- questions that count otherwise ---------------------------------------------------------------


def score(course) -> dict[str, tuple[float, float]]:
    import csv

    with export(course, "hw0")[0].open(newline="", encoding="utf-8") as file:
        return {r["student"]: (float(r["score"]), float(r["of"])) for r in csv.DictReader(file)}


def test_a_dropped_and_a_reweighed_question(course):
    assert score(course) == {"ada": (6.5, 10), "bob": (3.5, 10)}
    assert weigh(course, "hw0", {"double": 0.0}) == ["hw0: double-test counts not at all"]
    assert score(course) == {"ada": (5.5, 6), "bob": (1, 6)}
    weigh(course, "hw0", {"words": 2.0})
    assert score(course) == {"ada": (10, 11), "bob": (1, 11)}
    weigh(course, "hw0", {"double": 1.0, "words": 1.0})
    assert score(course) == {"ada": (6.5, 10), "bob": (3.5, 10)}
    assert weigh(course, "hw0", {}) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nothing": 1.0}, "no exercise 'nothing'. There are: double, answer, words"),
        ({"double": float("nan")}, "give a number from 0"),
        ({"double": 0.0, "answer": 0.0, "words": 0.0}, "no points left"),
    ],
)
def test_a_weight_that_makes_no_sense_changes_nothing(course, changes, says):
    with pytest.raises(CourseError, match=says):
        weigh(course, "hw0", changes)
    assert not (course.root / "weights.json").exists()


def test_damaged_weights_never_change_marks_in_silence(course):
    bad = ("x", float("nan"), -1, 101, float("inf"), 10**400, True, None, [])
    ends = [json.dumps({"hw0": {"double-test": factor}}) for factor in bad]
    for content in ("{", "[]", "5", '{"hw0": 1}', *ends):
        (course.root / "weights.json").write_text(content)
        with pytest.raises(CourseError, match=r"weights\.json is damaged"):
            weigh(course, "hw0", {"double": 0.0})
        assert (course.root / "weights.json").read_text() == content
