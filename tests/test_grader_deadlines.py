"""When work is due, for whom later, and what lateness costs."""

import json
import re

import pytest
from grader_mini import full_marks, hand_in, submission, write_course

from grader.commands.feedback import _about
from grader.course import Course, CourseError
from grader.deadlines import deadlines, due, extend
from grader.files import write
from grader.gradebook import Book
from grader.marks import marks, weigh

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
CELLS = ["double-test", "answer-test", "words"]
HANDED_IN = {"ada": "2030-03-03 12:00:00 UTC", "bob": "2030-03-02 20:00:00 UTC", "eve": ""}


@pytest.fixture
def course(tmp_path):
    """Each has 5 of 10; ada handed in 13 h after the time that the tests set, eve has no time."""
    course = Course(write_course(tmp_path / "course"))
    with Book(course) as book:
        book.add_assignment(course.assignment("hw0"))
        for student, when in HANDED_IN.items():
            content = submission(course.assignment("hw0"))
            hand_in(course.root, student, content)
            record = full_marks(student, content) | {"entered": True, "submitted": when}
            write(course.record_path("hw0", student), json.dumps(record))
            book.enter(record)
    return course


def scores(course) -> dict[str, float]:
    with Book(course) as book:
        return {student: marks(book, CELLS, "hw0", student).score for student in HANDED_IN}


def test_each_begun_day_costs_and_an_extension_counts(course):
    assert scores(course) == {"ada": 5, "bob": 5, "eve": 5}
    told = due(course, "hw0", "2030-03-02 23:59 CET", 10)
    assert told == [
        "hw0: due 2030-03-02 22:59:00 UTC; late work loses 10 % of one's points for each day begun"
    ]
    assert scores(course) == {"ada": 4.5, "bob": 5, "eve": 5}
    due(course, "hw0", "2030-03-01 22:59", 30)
    assert scores(course) == {"ada": 2, "bob": 3.5, "eve": 5}
    due(course, "hw0", "2029-03-01 22:59", 30)
    assert scores(course)["ada"] == 0
    due(course, "hw0", "2030-03-01 22:59", 30)
    told = extend(course, "ada", "hw0", "2030-03-03 12:00 UTC", "ill")
    assert told[1] == "hw0: ada: until 2030-03-03 12:00:00 UTC"
    assert scores(course) == {"ada": 5, "bob": 3.5, "eve": 5}
    extend(course, "ada", "hw0", "", "")
    assert scores(course)["ada"] == 2
    lines = (course.root / "records" / ".history" / "hw0.jsonl").read_text().splitlines()
    assert [json.loads(line).get("why") for line in lines if "student" in line] == ["ill", ""]


def test_an_extension_is_given_before_anybody_hands_in_and_outlives_the_grade_book(course):
    due(course, "hw0", "2030-03-01", 10)
    extend(course, "newcomer", "hw0", "2030-03-09", "joined late")
    extend(course, "bob", "hw0", "2030-03-09", "")
    assert scores(course)["bob"] == 5
    (course.root / "gradebook.db").unlink()
    with Book(course) as book:
        book.add_assignment(course.assignment("hw0"))
        book.put_back("hw0", course.records("hw0"))
    assert scores(course) == {"ada": 3.5, "bob": 5, "eve": 5}


def test_without_a_rule_of_its_own_nbgrader_s_settings_count(course):
    due(course, "hw0", "2030-03-01")
    assert scores(course)["ada"] == 5
    course.config.LateSubmissionPlugin.penalty_method = "zero"
    assert scores(course) == {"ada": 0, "bob": 0, "eve": 5}


def test_lateness_costs_its_share_of_what_counts(course):
    due(course, "hw0", "2030-03-02 23:59 CET", 10)
    weigh(course, "hw0", {"answer": 0.0})
    assert scores(course) == {"ada": 3.6, "bob": 4, "eve": 4}


def test_feedback_tells_the_dates(course):
    due(course, "hw0", "2030-03-01", 10)
    extend(course, "ada", "hw0", "2030-03-02", "")
    with Book(course) as book:
        worth = marks(book, CELLS, "hw0", "ada")
    about = _about(course, course.record("hw0", "ada"), "Mini", worth)
    assert about["penalty"] == "1"
    assert about["notes"][-1] == (
        "Due 2030-03-01 00:00:00 UTC, for you 2030-03-02 00:00:00 UTC; "
        "handed in 2030-03-03 12:00:00 UTC."
    )


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda c: due(c, "hw0", "soon"), "'soon' is no time .* 2030-03-02 23:59 CET"),
        (lambda c: due(c, "hw0", "02/03/2030 10:00"), "no time that can be told for sure"),
        (lambda c: due(c, "hw9", "2030-03-01"), "There is no assignment 'hw9'"),
        (lambda c: due(c, "hw0", "2030-03-01", 101), "from 0 to 100"),
        (lambda c: due(c, "hw0", "2030-03-01", float("nan")), "from 0 to 100"),
        (lambda c: due(c, "hw0", "", 5), "needs the due date"),
        (lambda c: extend(c, "ada", "hw0", "2030-03-01", ""), "no due date yet"),
    ],
)
def test_what_is_no_time_sets_nothing(course, do, says):
    with pytest.raises(CourseError, match=says):
        do(course)
    assert not (course.root / "deadlines.json").exists()


@pytest.mark.parametrize(
    ("student", "until", "says"),
    [
        ("ada", "2030-02-01", "is not after the due date"),
        ("ada", "", "has no extension of hw0 to take back"),
        ("../ada", "2030-04-01", "is no id"),
    ],
)
def test_an_extension_that_is_none_changes_nothing(course, student, until, says):
    due(course, "hw0", "2030-03-01")
    before = (course.root / "deadlines.json").read_bytes()
    with pytest.raises(CourseError, match=says):
        extend(course, student, "hw0", until, "")
    assert (course.root / "deadlines.json").read_bytes() == before


DUE = '{"hw0": {"due": "2030-03-01", "extensions": {}, "per_day": %s}}'


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "5", '{"hw0": {"due": 5}}', '{"hw0": []}' + " x", '{"hw0": 1}']
    + [DUE % cost for cost in ("NaN", "-1", "101", "1e999", "true", '"x"', "[]")],
)
def test_a_damaged_file_makes_nobody_late_in_silence(course, content):
    (course.root / "deadlines.json").write_text(content)
    for do in (
        lambda: deadlines(course, "hw0"),
        lambda: due(course, "hw0", "2030-03-01"),
        lambda: extend(course, "ada", "hw0", "2030-03-01", ""),
    ):
        with pytest.raises(CourseError, match=re.escape("deadlines.json is damaged")):
            do()
    assert (course.root / "deadlines.json").read_text() == content
