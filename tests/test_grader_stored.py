"""Stored numbers: made from the solution at release, and all that is handed out of a formula."""

import json

import pytest
from grader_mini import CELLS, SETUP, write_course

from grader import AssignmentError
from grader.assignment import Assignment
from grader.check import stored
from grader.commands.release import release
from grader.course import Course
from grader.stored import FILE, _value, calls, differences, freeze, literal

TEST = """with test("two numbers"):
    ### BEGIN STORED
    half = NUMBERS[:2] / 2  # é, two bytes
    ### END STORED
    expect.close(
        double(NUMBERS[:2]),
        stored(double(NUMBERS[:2])),
        "double([0, 1])",
        mistakes={"é: that is half": stored(half), "the sign": stored(-2 * NUMBERS[:2])},
    )
### BEGIN HIDDEN TESTS
with test("other numbers", points=3):
    expect.close(double(NUMBERS), stored(double(NUMBERS)), "double(x)")
### END HIDDEN TESTS"""


def course(root, test=TEST, **changes) -> Course:
    """Write the small course with another test of double, and cells by name."""
    changes = {"double-test": test, "imports": SETUP.replace("test", "stored, test"), **changes}
    cells = [(kind, name, changes.get(name, text), n) for kind, name, text, n in CELLS]
    return Course(write_course(root, cells))


def test_stored_numbers_take_the_place_of_what_makes_them(tmp_path):
    made = course(tmp_path)
    release(made, "hw0")
    assignment = made.assignment("hw0")
    shown = assignment.stubs["double-test"].source
    assert (
        shown
        == """with test("two numbers"):
    expect.close(
        double(NUMBERS[:2]),
        [0.0, 2.0],
        "double([0, 1])",
        mistakes={"é: that is half": [0.0, 0.5], "the sign": [0.0, -2.0]},
    )
test.later(1, points=3)"""
    )
    # what marks is the same text; the hidden literal stays with the source
    assert "[0.0, 2.0, 4.0, 6.0]" in assignment.cells["double-test"].source
    released = json.dumps(assignment.released)
    assert "half = " not in released
    assert "6.0" not in released
    assert differences(assignment.folder, assignment.written) == []


def test_a_new_solution_needs_a_new_release(tmp_path):
    made = course(tmp_path)
    with pytest.raises(AssignmentError, match="Run: python -m grader release hw0"):
        made.assignment("hw0")
    release(made, "hw0")
    before, path = made.assignment("hw0").sha256, made.source("hw0") / "hw0.ipynb"
    text = path.read_text()
    path.write_text(text.replace("Return twice x.", "Return x, twice."))
    with pytest.raises(AssignmentError, match="Run: python -m grader release hw0"):
        made.assignment("hw0")
    release(made, "hw0")
    assert made.assignment("hw0").sha256 != before
    kept = made.source("hw0") / FILE
    written = kept.stat().st_mtime_ns
    release(made, "hw0")
    assert kept.stat().st_mtime_ns == written, "nothing has changed"


def test_a_value_that_the_solution_does_not_give_is_found(tmp_path):
    made = course(tmp_path)
    release(made, "hw0")
    kept = made.source("hw0") / FILE
    kept.write_text(kept.read_text().replace("[0.0, 0.5]", "[0.0, 0.75]"))
    (said,) = differences(made.source("hw0"), made.assignment("hw0").written)
    assert "stores [0.0, 0.75] for half, the solution gives [0.0, 0.5]" in said


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (TEST.replace("stored(half)", "stored(object())"), "numbers and texts, not object"),
        (TEST.replace("stored(half)", "stored(np.zeros(101))"), "101 numbers are too many"),
        (TEST.replace("stored(half)", "stored(missing)"), "stored.missing. is never reached"),
        (TEST.replace("stored(half)", "stored(half, 2)"), "takes one value"),
        (TEST.replace("stored(half)", "[stored(i) for i in (1, 2)]"), "several values, in a loop"),
        (TEST.replace("### END STORED", "### END"), "must be exactly these"),
    ],
)
def test_what_cannot_be_stored_is_named(tmp_path, test, says):
    with pytest.raises(AssignmentError, match=says):
        release(course(tmp_path, test), "hw0")
    assert not (tmp_path / "release").exists()


def test_only_tests_store(tmp_path):
    made = course(tmp_path, shown="print(stored(2))")
    with pytest.raises(AssignmentError, match="hw0, cell shown: only a test cell may store"):
        Assignment(made.source("hw0"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1 / 3", "0.3333333"),
        ("np.float32([[1, 2.5]])", "[[1.0, 2.5]]"),
        ("-0.0", "0.0"),
        ("np.array([3e-17, 1.0])", "[0.0, 1.0]"),
        ("[np.inf, -np.inf, np.nan]", '[float("inf"), float("-inf"), float("nan")]'),
        ("(np.int64(3), True, None, 'a')", "(3, True, None, 'a')"),
        ("{'a': np.bool_(True)}", "{'a': True}"),
        ("2**40", "1099511627776"),
    ],
)
def test_a_value_is_written_as_python_reads_it(tmp_path, value, text):
    test = TEST.replace("stored(half)", f"0 * len(repr(stored({value})))")
    release(course(tmp_path, test), "hw0")
    kept = json.loads((tmp_path / "source" / "hw0" / FILE).read_text())
    assert kept["values"]["double-test"][1][1] == text


def test_a_long_literal_goes_on_under_its_line():
    source = "if True:\n    x = stored(numbers)\n    y = stored(2)"
    assert [expression for *_, expression in calls(source)] == ["numbers", "2"]
    text = freeze(source, ["[1,\n 2]", "3"])
    assert text == "if True:\n    x = [1,\n         2]\n    y = 3"


@pytest.mark.parametrize(
    ("line", "begins", "ends"),
    [
        ('show({"the mistake that is named here": stored(rows)}, "é")', 'here":', ']}, "é")'),
        ('show([stored(rows)], other="é")', "show([", '], other="é")'),
        ("numbers_that_are_wide = [stored(rows)][0]", "= [", "][0]"),
        # within no bracket, or before a rest that is too long, it gets brackets
        ("numbers_that_are_wide = stored(rows)", "= (", "\n    )"),
        ("numbers_that_are_wide = stored(rows).copy()", "= (", "\n    ).copy()"),
        (f"show(stored(rows), {'x' * 90!r})", "show((", f"\n    ), {'x' * 90!r})"),
    ],
)
def test_a_wide_literal_stands_on_lines_of_its_own(line, begins, ends):
    rows = [[0.12345678 * i, float(i), float("inf")] for i in range(1, 5)]
    text = freeze(f"if True:\n    {line}\n    after = 1", [literal(rows)])
    assert text.startswith("if True:\n    ")
    first, second, *_ = text.split("\n")[1:]
    assert first.endswith(begins)
    assert second.startswith("        [[0.1234568, ")
    assert text.endswith(f"{ends}\n    after = 1")
    assert [part for part in text.split("\n") if len(part) > 100] == []
    wanted, found = [], []
    for source, kept in ((line, wanted), (text, found)):
        values = {"show": lambda *given, kept=kept, **more: kept.extend([given, more])}
        values |= {"stored": lambda x: x, "rows": _value(literal(rows))}
        exec(source, values)
        kept.append(values.get("numbers_that_are_wide"))
    assert found == wanted


def test_in_its_source_a_value_is_itself():
    assert stored("x") == "x"


BROKEN = "x = 1\nfor i in range(3)\n    print(i)"


@pytest.mark.parametrize("place", range(len(CELLS) - 1))
def test_a_syntax_error_in_any_cell_is_told_in_a_line_by_release_and_prove(place, tmp_path):
    cells = list(CELLS)
    kind, name, source, points = cells[place]
    cells[place] = (kind, name, f"{source}\n{BROKEN}", points)
    made = Course(write_course(tmp_path, cells))
    line = source.count("\n") + 3
    for does in (release, lambda course, _: course.assignment("hw0")):
        with pytest.raises(AssignmentError) as told:
            does(made, "hw0")
        says = f"hw0, cell {name}, line {line}: expected ':': for i in range(3)"
        assert str(told.value) == says
    assert not (tmp_path / "release").exists()


def test_what_a_kernel_takes_is_no_syntax_error_where_a_kernel_runs_it(tmp_path):
    cells = [*CELLS, ("given", "magic", "%time sum(range(3))\nawait something()", 0)]
    assert Course(write_course(tmp_path / "a", cells)).assignment("hw0")
    cells = [*CELLS, ("setup", "magic", "%matplotlib inline", 0)]
    with pytest.raises(AssignmentError, match="hw0, cell magic, line 1: invalid syntax"):
        Course(write_course(tmp_path / "b", cells)).assignment("hw0")
