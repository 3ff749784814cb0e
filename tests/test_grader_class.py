"""``python -m grader sample`` makes a class that tries every kind of submission, twice the same."""

import subprocess
import sys

import mangled
import pytest
from grader_mini import write_course

from grader.assignment import Assignment
from grader.commands.collect import collect
from grader.commands.roster import roster
from grader.commands.sample import CRASHES, KINDS, make_class, moodle, sample
from grader.course import Course, CourseError

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
MUTANTS = """MUTANTS = {
    "three times": ("double", [("2 * x", "3 * x")], ""),
    "one more": ("answer", "answer = 43", ""),
}
VARIANTS = {"added": {"double": "def double(x):\\n    return x + x"}}
"""


@pytest.fixture
def course(tmp_path):
    root = write_course(tmp_path / "course")
    (root / "source" / "hw0" / "mutants.py").write_text(MUTANTS)
    return Course(root)


def answers(assignment: Assignment, content: bytes) -> dict[str, str]:
    """Return the answers of a submission that are not as they were released."""
    merged = assignment.merge(content)
    assert merged.notes == []
    return {
        step.name: step.cell.source
        for step in merged.steps
        if step.kind in ("answer", "manual") and step.name not in merged.unanswered
    }


def test_a_class_has_every_kind_of_submission(course):
    assignment = course.assignment("hw0")
    students = make_class(assignment, 4 * len(KINDS), seed=1)
    assert students == make_class(assignment, 4 * len(KINDS), seed=1)
    assert students != make_class(assignment, 4 * len(KINDS), seed=2)
    assert [what.split(":")[0] for what, _ in students.values()] == [*KINDS] * 4
    for what, content in students.values():
        given = answers(assignment, content)
        text = "\n".join(given.values())
        assert "SOLUTION" not in text
        match what.partition(": ")[::2]:
            case "right", "added":
                assert "return x + x" in text
            case "right", _:
                assert set(given) == {"double", "answer", "words"}
            case "wrong", mistakes:
                assert ("3 * x" in text) == ("three times" in mistakes)
                assert ("answer = 43" in text) == ("one more" in mistakes)
            case "half", rest:
                assert rest == f"{len(given)} of 3 answers"
            case "crash", crash:
                assert CRASHES[crash] in text
            case "unfilled", _:
                assert given == {}


def test_a_class_is_written_as_moodle_exports_it(course, tmp_path):
    command = [sys.executable, "-m", "grader", "--course", course.root, "sample"]
    command += ["--moodle", tmp_path / "class.zip", "hw0", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 4
    lines = collect(course, "hw0", tmp_path / "class.zip")
    assert [line.partition(": ")[2] for line in lines] == ["new"] * 3
    made = make_class(course.assignment("hw0"), 3)
    for submission in course.submissions("hw0"):
        name, number = course.who("hw0", submission.student)
        assert submission.read() == made[name.removeprefix("Student ")][1]
        assert number == submission.student
    assert {*moodle("hw0", {"1": b""})} != {*moodle("hw1", {"1": b""})}, "Moodle's numbers change"


SIZE = 300


def test_a_mangled_class_is_taken_in_with_nobody_missing_or_doubled(course, tmp_path):
    everyone = mangled.write_class(tmp_path, course.assignment("hw0"), SIZE)
    assert len(everyone) == SIZE
    mangled.taken_in(course, "hw0", tmp_path, everyone)


@pytest.mark.sandbox
@pytest.mark.slow
def test_it_goes_the_whole_way(course, tmp_path):
    """One of each kind; tests/mangled.py is the command for 300 of a real assignment."""
    everyone = mangled.write_class(tmp_path, course.assignment("hw0"), len(mangled.KINDS))
    mangled.taken_in(course, "hw0", tmp_path, everyone)
    mangled.graded(course, "hw0", everyone, workers=2)


def test_a_class_of_an_assignment_that_is_not_there_is_refused(course):
    command = [sys.executable, "-m", "grader", "--course", course.root, "sample"]
    done = subprocess.run([*command, "hw9", "3"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "grader: There is no assignment 'hw9'. There are: hw0.\n"


def test_who_is_right_answers_everything_slow_cells_too(tmp_path):
    root = write_course(tmp_path / "course")
    path = root / "source" / "hw0" / "hw0.ipynb"
    text = path.read_text()
    assert '"id": "double",\n   "metadata": {' in text
    path.write_text(text.replace('"id": "double",\n   "metadata": {',
                                 '"id": "double",\n   "metadata": {"tags": ["slow"],'))  # fmt: skip
    assignment = Course(root).assignment("hw0")
    what, content = make_class(assignment, 1)["1001"]
    assert what == "right"
    assert assignment.merge(content).unanswered == set()


def test_a_made_class_writes_over_nobody_s_work(course):
    there = course.root / "submitted" / "1002" / "hw0" / "hw0.ipynb"
    there.parent.mkdir(parents=True)
    there.write_text("Ada's")
    with pytest.raises(CourseError, match="is it somebody's work"):
        sample(course, "hw0", 3, None)
    assert there.read_text() == "Ada's"
    assert [path.name for path in (course.root / "submitted").iterdir()] == ["1002"]
    with pytest.raises(CourseError, match="A class of 0 is none"):
        sample(course, "hw0", 0, None)


def test_a_class_comes_with_a_list_of_its_people_and_through_canvas_too(course, tmp_path):
    people, zipped = tmp_path / "people.csv", tmp_path / "class.zip"
    lines = sample(course, "hw0", 3, zipped, platform="canvas", people=people)
    assert lines[-1] == f"who they are: {people}"
    assert roster(course, people)[0].startswith("3 people in ")
    collect(course, "hw0", zipped)
    assert [s.student for s in course.submissions("hw0")] == ["s1001", "s1002", "s1003"]
    sample(course, "hw0", 3, zipped, people=people)  # the same people: nothing to lose
    for line in collect(course, "hw0", zipped):
        assert line.startswith("s100")
    people.write_text("id,name\nada,Ada\n")
    before = zipped.read_bytes()
    with pytest.raises(CourseError, match="lists others"):
        sample(course, "hw0", 4, zipped, people=people)
    assert people.read_text() == "id,name\nada,Ada\n"
    assert zipped.read_bytes() == before
