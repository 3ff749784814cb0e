"""The class report: its numbers, its examples without names, its page."""

import json
import re
import statistics

import nbformat
import pytest
from grader_mini import RIGHT, full_marks, hand_in, submission, write_course

from grader.commands.report import anonymous, report
from grader.course import Course, CourseError
from grader.files import write
from grader.gradebook import Book

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
WRONG = '''# by Ada Lovelace
def double(x):
    """Ada's own."""
    ada_lovelace = "Ada"  # me
    return 3 * x  # <script>alert(1)</script>'''
MESSAGE = "double(x) is {}, expected 2: is <b>x</b> added twice?"
#: of each: points of double's two tests, of answer's, of words; None: nobody has read them
MARKS = {
    **{"ada": (0, 0, 0, 0), "bob": (0, 0, 1, 5), "cyd": (1, 0, 1, 4), "dan": (1, 3, 1, 5)},
    **{"eve": (1, 3, 1, 5), "fay": (1, 3, 1, None)},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A class of six; two made one mistake, with other numbers, and ada left answer empty."""
    course = Course(write_course(tmp_path_factory.mktemp("course"), title="Mini & more"))
    assignment = course.assignment("hw0")
    with Book(course) as book:
        book.add_assignment(assignment)
        for number, (student, (visible, hidden, answer, words)) in enumerate(MARKS.items()):
            content = submission(assignment, RIGHT | ({"double": WRONG} if not visible else {}))
            hand_in(course.root, student, content)
            found = [
                {"name": name, "points": points, "score": score, "hidden": points == 3}
                | {"message": "" if score else MESSAGE.format(number + 0.5)}
                for name, points, score in (("two", 1.0, visible), ("other", 3.0, hidden))
            ]
            record = full_marks(student, content) | {"entered": True, "seconds": number}
            record["tests"]["double-test"] |= {"score": float(visible + hidden), "findings": found}
            record["tests"]["answer-test"]["score"] = float(answer)
            record["unanswered"] = [] if answer else ["answer"]
            write(course.record_path("hw0", student), json.dumps(record))
            name = {"name": "Ada Lovelace", "layout": "canvas", "lms": "9", "late": True}
            if student == "ada":
                write(course.collected_path("hw0", student), json.dumps(name))
            steps = assignment.merge(content).steps
            kept = nbformat.v4.new_notebook(cells=[step.cell for step in steps])
            path = course.root / "autograded" / student / "hw0" / "hw0.ipynb"
            write(path, nbformat.writes(kept))
            book.enter(record)
            if words is not None:
                grade = book.gradebook.find_grade("words", "hw0", "hw0", student)
                grade.manual_score, grade.needs_manual_grade = float(words), False
                book.gradebook.db.commit()
    page, data = report(course, "hw0")
    return course, page.read_text("utf-8"), json.loads(data.read_text("utf-8"))


def test_the_class_in_numbers(made):
    _, _, data = made
    totals = [sum(filter(None, marks)) for marks in MARKS.values()]
    assert data["mean"] == round(statistics.fmean(totals), 2)
    assert data["median"] == statistics.median(totals)
    assert (data["lowest"], data["highest"], data["points"]) == (0, 10, 10)
    assert (data["graded"], data["handed_in"], data["unread"], data["late"]) == (6, 6, 1, 1)
    assert sum(data["bins"]) == 6
    assert data["bins"][-1] == 2


def test_facility_and_discrimination(made):
    _, _, data = made
    found = {one["exercise"]: one for one in data["exercises"]}
    assert [*found] == ["double", "answer", "words"]
    assert found["double"]["facility"] == round((0 + 0 + 1 / 4 + 3) / 6, 3)
    assert found["words"]["facility"] == round((0 + 5 + 4 + 5 + 5) / 25, 3)
    assert (found["words"]["people"], found["words"]["unread"]) == (5, 1)
    shares, rest = [0, 1, 1, 1, 1, 1], [0, 5, 5, 9, 9, 4]
    assert found["answer"]["discrimination"] == round(statistics.correlation(shares, rest), 2)
    assert (found["answer"]["unanswered"], found["answer"]["nothing"]) == (1, 1)


def test_one_mistake_with_other_numbers_is_one(made):
    _, _, data = made
    first, *others = data["messages"]
    assert (first["exercise"], first["people"]) == ("double", 3)
    assert first["message"] == MESSAGE.format(0.5)
    assert others == []
    assert data["tests"][0] == {
        **{"exercise": "double", "test": "other", "hidden": True, "failed": 3, "of": 6}
    }
    assert any("3 of 6 made one mistake" in line for line in data["again"])


def test_examples_say_nothing_of_whose_they_are(made):
    _, page, data = made
    wrong = [e for e in data["messages"][0]["examples"] if "3 * x" in e]
    assert wrong == ['def double(x):\n    …_… = "…"\n    return 3 * x']
    for name in ("Ada", "Lovelace", "ada", "bob", "<script"):
        assert not re.search(rf"\b{name}\b", page)
        assert not re.search(rf"\b{name}\b", json.dumps(data))


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ('"""ann"""\nx = """ann"""\n', 'x = """…"""'),
        ("channel = ann + Ann_1  # ann", "channel = … + …_1"),
        ("def f():\n    'ann'\n    return '#ann'", "def f():\n    return '#…'"),
        ("print((", ""),
        ("x = '''open", ""),
        ("\n".join(f"x{n} = {n}" for n in range(40)), None),
    ],
)
def test_what_is_anonymous(source, left):
    found = anonymous(source, {"ann", ""})
    if left is None:
        assert len(found.splitlines()) == 31
        assert found.endswith("\n…")
    else:
        assert found == left


def test_the_page_runs_nothing_asks_for_nothing_and_is_escaped(made):
    _, page, _ = made
    assert "Mini &amp; more (hw0): what the class knows" in page
    assert "is &lt;b&gt;x&lt;/b&gt; added twice?" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=", page)
    assert page.count('<svg viewBox="0 0 400') == page.count('role="img" aria-label="') == 2
    heights = [
        float(h)
        for h in re.findall(
            r'<rect class="bar" x="[\d.]+" y="[\d.]+" width="35" height="([\d.]+)"', page
        )
    ]
    assert len(heights) == 10
    assert max(heights) == 120


def test_a_class_that_is_not_graded_has_no_report(tmp_path):
    course = Course(write_course(tmp_path))
    with pytest.raises(CourseError, match=r"nobody is graded yet\. Run: python -m grader grade"):
        report(course, "hw0")
    assert not list(tmp_path.glob("export/*"))


def test_a_damaged_notebook_or_one_person_alone_stops_nothing(made):
    course, _, _ = made
    path = course.root / "autograded" / "ada" / "hw0" / "hw0.ipynb"
    whole = path.read_bytes()
    path.write_bytes(b"{")
    try:
        _, data = report(course, "hw0")
        assert json.loads(data.read_text("utf-8"))["messages"][0]["examples"]
    finally:
        path.write_bytes(whole)
