"""Every assignment is proved, and the proof itself finds what is wrong with one."""

import base64
import re

import nbformat
import pytest
from grader_mini import CELLS, marking, proved_by_the_page, submission, write_course

from grader.assignment import Assignment
from grader.commands.new import new
from grader.commands.prove import LINES, prove, rules
from grader.course import Course
from grader.pool import local_pool
from libs import ROOT

pytestmark = pytest.mark.sandbox
COURSE = Course(ROOT / "homework")
QUADRUPLE = '''def quadruple(x):
    """Return four times x, with your double."""
    ### BEGIN SOLUTION
    return double(double(x))
    ### END SOLUTION'''
QUADRUPLE_TEST = """with test("four times"):
    expect.close(quadruple(secret_numbers), 4 * secret_numbers, "quadruple(x)")
with test("a gift"):
    pass
### BEGIN HIDDEN TESTS
with test("other numbers"):
    mistakes = {"that is eight times x": 24}
    expect.close(quadruple(3.0), 12, "quadruple(3)", mistakes=mistakes)
### END HIDDEN TESTS"""
HIDING = "### BEGIN HIDDEN TESTS\n{}### END HIDDEN TESTS"
MUTANTS = """MUTANTS = {
    "no mistake": ("double", [("2 * x", "x + x")], ""),
    "three times": ("double", [("2 * x", "3 * x")], "that is three times x"),
}
VARIANTS = {"off by a little": {"answer": "answer = 41"}}
"""


@pytest.fixture(scope="module")
def pool():
    """One worker for all proofs: it imports TensorFlow once."""
    with local_pool(1) as pool:
        yield pool


# the test of homework/README.md runs its commands, which prove the others
@pytest.mark.parametrize("name", sorted({*COURSE.assignments()} - {*proved_by_the_page()}))
def test_an_assignment_is_proved(name, pool):
    problems = prove(COURSE.assignment(name), COURSE, pool)
    assert not problems, "\n".join(["", *problems])


def runs_of_lines(source):
    """Return every four lines in a row of some code, without its comments and spaces."""
    lines = [line.split("#")[0].split() for line in source.splitlines()]
    lines = [" ".join(words) for words in lines if words]
    return {tuple(lines[at : at + 4]) for at in range(len(lines) - 3)}


def test_no_solution_can_be_copied_out_of_a_lesson():
    """Three lines in a row at most, such as an update by gradients, stand in a lesson, too."""
    lessons = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            shown = re.findall(r"```python\n(.*?)```", cell.source, re.S)
            for source in [cell.source] if cell.cell_type == "code" else shown:
                lessons |= runs_of_lines(source)
    assert len(lessons) > 3000
    for name in COURSE.assignments():
        for cell in COURSE.assignment(name).of_kind("answer").values():
            assert not runs_of_lines(cell.source) & lessons, name


def test_a_proof_reports_what_is_wrong(tmp_path, pool):
    root = write_course(
        tmp_path,
        [
            *CELLS,
            ("answer", "quadruple", QUADRUPLE, 0),
            ("test", "quadruple-test", QUADRUPLE_TEST, 3),
            ("given", "loud", "import sys\n\nprint('a warning', file=sys.stderr)", 0),
        ],
    )
    folder = root / "source" / "hw0"
    (folder / "mutants.py").write_text(MUTANTS)
    (folder / "data").mkdir()
    (folder / "data" / "notes.txt").write_text("Done like this:\n    return 2 * x\n")
    problems = "\n".join(prove(Assignment(folder), Course(root), pool))
    for said in (
        "the released notes.txt contains a line of a solution or a hidden test: return 2 * x",
        "mutants.py has 0 of quadruple; at least 2 mutants are needed",
        "mutants.py has 0 of answer; at least 2 mutants are needed",
        "mutants.py has 0 of double; at least 1 variant is needed",
        "not filled in, loud writes to stderr: a warning",
        "not filled in, quadruple-test shows ✗ four times (0 of 1 point): secret_numbers is not",
        "filled in, quadruple-test shows ✗ four times (0 of 1 point): secret_numbers is not",
        "the released version, not filled in, earns points: a gift",
        "the source loses points: four times (secret_numbers is not defined.)",
        "mutant “no mistake” loses no point of double: no test notices it",
        "mutant “three times”: no message contains 'that is three times x'",
        "mutant “three times” changes double and loses points elsewhere: four times",
        "variant “off by a little” loses points: the answer (answer is 41, expected 42.)",
        "quadruple-test, other numbers: no mutant is told “that is eight times x”: does an answer",
        "answer-test gives away answer: `42` pasted there earns 1 of 1 points (the answer)",
    ):
        assert said in problems


def test_what_contributing_says_makes_an_assignment_that_is_proved(tmp_path, pool):
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## Add a homework\n")[1]
    commands = re.findall(r"^\.venv/bin/python -m grader (\w+) (\w+)$", section, re.MULTILINE)
    assert commands == [("new", "hw6"), ("prove", "hw6")]
    course = Course(write_course(tmp_path))
    assert new(course, "hw6") == course.root / "source" / "hw6"
    assert course.assignments() == ["hw0", "hw6"]
    assert prove(course.assignment("hw6"), course, pool) == []


@pytest.mark.parametrize("name", COURSE.assignments())
def test_what_students_see_of_a_test_is_short(name):
    source = Assignment(COURSE.source(name))
    shown = {n: source.stubs[n].source.count("\n") + 1 for n in source.of_kind("test")}
    assert {n: lines for n, lines in shown.items() if lines > LINES} == {}


def test_the_rules_of_a_source(tmp_path):
    # students read it with one more line, which says that more tests follow
    long = 'with test("a"):\n    expect.true(long, "")\n' * (LINES // 2)
    root = write_course(
        tmp_path,
        [
            ("answer", "double", "def double(x):\n    return 2 * x", 0),
            ("test", "double-test", 'with test("a"):\n    expect.true(True, "")', 2),
            ("answer", "half", "half = ...\n### BEGIN SOLUTION\nhalf = 1\n### END SOLUTION", 0),
            ("test", "third-test", 'with test("a", points=3):\n    expect.true(third, "")', 3),
            ("answer", "long", "long = 1\n### BEGIN SOLUTION\n### END SOLUTION", 0),
            ("test", "long-test", long + HIDING.format(long), 2 * (LINES // 2)),
            ("test", "half-test-2", 'from math import *\nwith test("a") as half:\n    pass', 1),
        ],
        hide=["MNIST_data/nothing.gz"],
    )
    assert set(rules(Assignment(root / "source" / "hw0"))) == {
        "double has no solution region",
        "double has no hidden test",
        "half-test-2 defines half, which the answer half must define",
        "half-test-2 imports *: nobody can tell which names are its own",
        "half has no hidden test",
        f"students see {LINES + 1} lines of long-test, of {LINES} they may",
        "third-test tests no answer",
        "the blocks of double-test are worth 1 points, the cell 2",
        f"there is no {ROOT / 'MNIST_data' / 'nothing.gz'} to hide",
        "there is no setup cell",
    }


HIDDEN = "t10k-labels-idx1-ubyte.gz"
FIGURES = "from libs.notebook import show\n\n# isort: split\nimport matplotlib.pyplot as plt"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Return a function that runs a cell in a sandbox and returns its outputs."""
    cells = [("setup", "figures", FIGURES, 0), *CELLS]
    folder = tmp_path_factory.mktemp("course")
    with marking(folder, cells, hide=[f"MNIST_data/{HIDDEN}"]) as marker:

        def run(source: str) -> list:
            _, cells = marker.mark(submission(marker.assignment, extra=source, at=2))
            (found,) = [cell.outputs for cell in cells if cell.source == source]
            return found

        yield run


def test_hidden_data_is_not_in_the_sandbox(outputs):
    (seen,) = outputs(f"import os\nprint(sorted(os.listdir({str(ROOT / 'MNIST_data')!r})))")
    assert "t10k-images-idx3-ubyte.gz" in seen.text
    assert HIDDEN not in seen.text


def test_numpy_starts_no_thread_that_waits(outputs):
    count = "len(os.listdir('/proc/self/task'))"
    product = "np.ones((700, 700)) @ np.ones((700, 700))"
    source = (
        f"import os\n\nimport numpy as np\n\nbefore = {count}\n{product}\nprint({count} - before)"
    )
    assert [output.text for output in outputs(source)] == ["0\n"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("show(plt.figure(), alt='Nothing is drawn.')", "Figure: Nothing is drawn."),
        ("plt.plot([1, 2]);", "<Figure size"),
        ("from PIL import Image\n\nImage.new('L', (3, 3))", "<PIL.Image.Image"),
    ],
)
def test_figures_are_kept_as_pictures_with_their_words(outputs, source, text):
    (shown,) = outputs(source)
    assert set(shown.data) == {"text/plain", "image/png"}
    assert base64.b64decode(shown.data["image/png"]).startswith(b"\x89PNG")
    assert shown.data["text/plain"].startswith(text)
    assert shown.metadata["image/png"]["alt"] == shown.data["text/plain"]


def test_a_setup_may_start_tensorflow(tmp_path):
    setup = "import tensorflow as tf\n\nNINE = tf.square(3.0)"
    double = "def double(x):\n    return 2 * x + float(NINE) - 9"
    with marking(tmp_path, [("setup", "tensors", setup, 0), *CELLS]) as marker:
        record, _ = marker.mark(submission(marker.assignment, {"double": double}))
    assert record["tests"]["double-test"]["score"] == 4


HALVE = "import tensorflow as tf\n\n\ndef halve(x):\n    return 1 // 0"
FAILS = {
    "def double(x):\n    return tf.ones((4, 3)) @ x": (
        "InvalidArgumentError in line 2 of your cell, `return tf.ones((4, 3)) @ x`: "
    ),
    "def double(x):\n    return halve(x)": "in line 2 of your cell, `return halve(x)`: ",
    "double = halve": "double raises ZeroDivisionError: integer division",
}


def test_an_error_is_told_without_internals_and_only_of_the_student_s_cell(tmp_path):
    with marking(tmp_path, [("setup", "tensors", HALVE, 0), *CELLS]) as marker:
        for double, says in FAILS.items():
            record, _ = marker.mark(submission(marker.assignment, {"double": double}), True)
            visible, hidden = (f["message"] for f in record["tests"]["double-test"]["findings"])
            assert says in visible
            for text in (visible, hidden):
                assert not re.search(r"function_node|__wrapped|\[Op:|site-packages", text)
                assert ("your cell" in text) <= ("your cell" in says)
