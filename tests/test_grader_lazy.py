"""The lazy student: whatever a released file holds, pasting it earns next to nothing."""

import time

import pytest
from grader_mini import SETUP, write_course

from grader import check
from grader.assignment import Assignment
from grader.commands import lazy as pasting
from grader.commands.lazy import Paste, lazy
from grader.hostile.lazy import attempts

pytestmark = pytest.mark.sandbox
ASK = "expect.close({name}(NUMBERS), {right}, '{name}(x)')"


def exercise(name: str, solution: str, visible: str, after: str = "", more: str = "") -> list:
    """Return the cells of an exercise, whose hidden test is worth three of four points."""
    answer = f"def {name}(x):\n    ### BEGIN SOLUTION\n    return {solution}\n    ### END SOLUTION"
    body = "\n".join(f"    {line}" for line in visible.splitlines())
    hidden = f'with test("others", points=3):\n    x = np.array([0.5, 4.0, 2.0, 1.0, {len(name)}])'
    hidden += f"\n    got, right = {name}(x), {solution}\n    expect.true(filled(got), 'empty')"
    hidden += (
        f"\n    for a, b in zip({more or '[got], [right]'}):\n        expect.close(a, b, 'it')"
    )
    test = f'with test("visible"):\n{body}\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS'
    cells = [("answer", name, answer, 0), ("test", f"{name}-test", test, 4)]
    return [*cells, ("given", f"{name}-shown", after, 0)] if after else cells


TWICE = """expect.close(honest(NUMBERS), [0.0, 1.7182818, 6.3890561, 19.0855369], "honest(x)")
expect.close(honest(np.zeros(2)), [0, 0], "honest of two zeros")"""
LOOP = """total, right = 0, []
for number in NUMBERS:
    total += number
    right.append(total)
expect.close(run(NUMBERS), right, "run(x)")"""
HELPER = """def waves(t):
    phase = 1j * t
    return np.imag(np.exp(phase))
expect.close(wave(NUMBERS), waves(NUMBERS), "wave(x)")"""
TURNED = """mistakes = {"too far": np.roll(NUMBERS, 2)}
expect.close(turn(NUMBERS), [3, 0, 1, 2], "turn(x)", mistakes=mistakes)
expect.close(turn(NUMBERS[:3]), [2, 0, 1], "turn(x)")"""
FLIPPED = """expect.close(order(NUMBERS), [3, 2, 1, 0], "order(x)")
expect.close(order(NUMBERS[1:]), [3, 2, 1], "order(x)")"""
LOGS = ASK.format(name="slow", right="[0, 0.6931472, 1.0986123, 1.3862944]")
PAIR = """got, _ = expect.parts(pair(NUMBERS), 2, "pair(x)")
expect.close(got, np.arctan(NUMBERS), "the first")"""
VALUE = "size = ...\n### BEGIN SOLUTION\nsize = 42\n### END SOLUTION"
VALUE_TEST = """with test("a size"):
    expect.true(filled(size) and 0 < size < 42.5, "too large")
### BEGIN HIDDEN TESTS
with test("the size", points=3):
    expect.equal(size, 42, "size")
### END HIDDEN TESTS"""
TEXT = "As `np.log1p(x)` says.\n### BEGIN SOLUTION\nYes.\n### END SOLUTION"
CELLS = [
    ("setup", "imports", SETUP, 0),
    *exercise("honest", "np.expm1(x)", TWICE),
    *exercise("root", "np.sqrt(x)", ASK.format(name="root", right="np.sqrt(NUMBERS)")),
    *exercise("run", "np.cumsum(x)", LOOP),
    *exercise("wave", "np.sin(x)", HELPER),
    *exercise("turn", "np.roll(x, 1)", TURNED),
    *exercise("largest", "x.max()", ASK.format(name="largest", right="3.0")),
    *exercise("order", "np.flip(x)", FLIPPED, "for row in [NUMBERS]:\n    print(np.flip(row))"),
    *exercise("pair", "(np.arctan(x), np.cos(x))", PAIR, more="got, right"),
    *exercise("slow", "np.log1p(x)", LOGS),
    ("answer", "size", VALUE, 0),
    ("test", "size-test", VALUE_TEST, 4),
    ("given", "size-shown", "print(6 * 8)", 0),
    ("manual", "words", TEXT, 5),
]
FOUND = [
    "root-test gives away root(…): `np.sqrt(x)`",
    "run-test gives away run(…): `",
    "wave-test gives away wave(…): `def waves(t):; phase",
    "turn-test gives away turn(…): `np.roll(x, 1)`",
    "largest-test gives away largest(…): `3.0` pasted there earns 1 of 4 points (visible)",
    "order-shown gives away order(…): `np.flip(x)` pasted there earns 4 of 4 points",
    "pair-test gives away part 1 of pair(…): `np.arctan(x)`",
    "words gives away slow(…): `np.log1p(x)` pasted there earns 4 of 4 points (visible, others)",
    "size-shown gives away size: `6 * 7` pasted there earns 4 of 4 points",
]


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return Assignment(write_course(tmp_path_factory.mktemp("course"), CELLS) / "source" / "hw0")


def test_what_a_released_file_gives_away_is_found_and_nothing_else(assignment):
    problems, left_out = lazy(assignment)
    for said in FOUND:
        assert any(problem.startswith(said) for problem in problems), "\n".join([said, *problems])
    assert not [problem for problem in problems if "away honest" in problem]
    assert not [problem for problem in problems if "part 2 of pair" in problem]
    assert left_out == []


def test_a_busy_machine_makes_no_paste_look_like_an_answer():
    waits = iter([0.0, 0.7, 0.0, 0.0])  # the second who runs the block is the one who knows nothing
    theirs = {"busy": lambda: 1, "wait": lambda: time.sleep(next(waits)), "test": check.test}
    tests = ["with test('of all'):\n    wait()\nwith test('its own'):\n    assert busy() == 1"]
    answers = [("", "def busy():\n    return 7")]
    assert attempts(theirs, tests, "busy", answers, 0.25) == [2, [], []]


def test_what_calls_another_answer_runs_once_for_all_pastes():
    runs = []
    theirs = {"runs": runs, "one": lambda: 1, "test": check.test}
    tests = ["with test('others'):\n    runs.append(1)\nwith test('own'):\n    assert one() == 1"]
    answers = [("", f"def one():\n    return {number}") for number in (7, 8, 1)]
    won, found, late = attempts(theirs, tests, "one", answers, 0.25)
    assert (won, found, late) == (2, [[2, None, 1, ["own"]]], [])
    assert len(runs) == 2, "by the solution, and by an answer that knows nothing"


def test_no_paste_hides_what_another_gives_away(assignment, monkeypatch):
    """Not one that ends the process, nor one that never ends, nor for a slow machine's sake."""
    pasted = [
        Paste("ends", "import os\nos._exit(1)", "x"),
        Paste("waits", "while True:\n    pass", "x"),
        Paste("slow", "import time\ntime.sleep(0.4)", "np.sqrt(x)"),
        Paste("quick", "", "np.sqrt(x)"),
    ]
    holes = pasting.holes
    monkeypatch.setattr(pasting, "holes", lambda a, name: holes(a, name) * (name == "root"))
    monkeypatch.setattr(pasting, "pastes", lambda *_: pasted)
    monkeypatch.setattr(pasting, "PASSES", ((0.25, 100), (2.0, 5)))
    problems, left_out = lazy(assignment)
    assert [problem.partition(" gives away root(…)")[0] for problem in problems] == [
        "quick",
        "slow",
    ]
    ends, waits = sorted(note for note in left_out if note.startswith("root: "))[::-1]
    assert ends.startswith("root: `import os; os._exit(1); x`, ")
    assert waits == (
        "root: 1 of 4 pastes into root that take too long, such as `while True:; pass; x`"
    )
