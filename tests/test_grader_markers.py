"""Markers of a source notebook: whatever an author writes, no secret is released unseen."""

import itertools

import pytest
from grader_mini import CELLS, write_course
from hypothesis import given
from hypothesis import strategies as st

from grader.assignment import Assignment, AssignmentError, hidden_blocks
from grader.commands.prove import leaks
from grader.markers import HIDDEN_TESTS, SOLUTION, answer_of

TEST = """with test("visible"):
    pass
{}
with test("hidden", points=3):
    secret_numbers = [3.25]
{}"""
ANSWER = """answer = ...
{}
answer = 42_424_242
{}"""
# a region's name: its cell, and a line that must stay secret
REGIONS = {
    "HIDDEN TESTS": (("test", "answer-test", TEST, 4), "secret_numbers = [3.25]"),
    "SOLUTION": (("answer", "answer", ANSWER, 0), "answer = 42_424_242"),
}
READ = {"as it should be": "### {} {}", "a blank": "### {} {} ", "a tab": "### {} {}\t"}
REFUSED = {
    "words after it": "### {} {} (of x)",
    "hashes after it": "### {} {} ###",
    "one hash": "# {} {}",
    "no hash": "{} {}",
    "no blank": "###{} {}",
    "two blanks": "###  {}  {}",
    "a colon": "### {}: {}",
    "small letters": "### {lower} {lower_name}",
    "not there": "",
}
LINES = READ | REFUSED


def course(tmp_path, name: str, first: str, last: str):
    """Write a course whose hw0 has a region with these markers; return the assignment's folder."""
    (kind, grade_id, source, points), _ = REGIONS[name]
    ends = [
        LINES[line].format(word, name, lower=word.lower(), lower_name=name.lower())
        for line, word in ((first, "BEGIN"), (last, "END"))
    ]
    cell = (kind, grade_id, source.format(*ends), points)
    cells = [cell if old[1] == grade_id else old for old in CELLS]
    return write_course(tmp_path, cells) / "source" / "hw0"


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("first", READ)
@pytest.mark.parametrize("last", READ)
def test_release_rules_and_leak_check_read_a_region_alike(tmp_path, name, first, last):
    folder = course(tmp_path, name, first, last)
    _, secret = REGIONS[name]
    assignment = Assignment(folder)
    assert secret not in "\n".join(cell.source for cell in assignment.released.cells)
    if name == "HIDDEN TESTS":
        assert len(hidden_blocks(assignment.cells["answer-test"].source)) == 1
        assert "test.later(1, points=3)" in assignment.stubs["answer-test"].source
    (folder / "data").mkdir()
    (folder / "data" / "notes.txt").write_text(secret)
    assert (
        f"the released notes.txt contains a line of a solution or a hidden test: {secret}"
        in leaks(Assignment(folder))
    )


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize(
    ("first", "last"),
    [
        pair
        for pair in itertools.product(LINES, LINES)
        if not set(pair) <= {*READ} and pair != ("not there", "not there")
    ],
)
def test_a_marker_that_is_written_otherwise_is_refused(tmp_path, name, first, last):
    folder = course(tmp_path, name, first, last)
    (_, cell, *_), _ = REGIONS[name]
    with pytest.raises(AssignmentError, match=f"hw0, cell {cell}: its lines “### BEGIN {name}”"):
        Assignment(folder)


@given(st.lists(st.sampled_from(["### BEGIN SOLUTION", "### END SOLUTION", "x = 1", ""])))
def test_markers_that_do_not_pair_are_refused(lines):
    source, depth, paired = "\n".join(lines), 0, True
    for text in lines:
        depth += {"### BEGIN SOLUTION": 1, "### END SOLUTION": -1}.get(text, 0)
        paired = paired and depth in (0, 1)
    assert bool(SOLUTION.problem(source)) == (not paired or depth != 0)


def test_an_unmarked_source_keeps_its_lines():
    source = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n\nf()"
    assert SOLUTION.unmarked(source) == "def f():\n    return 1\n\nf()"
    assert SOLUTION.without(source) == "def f():\n\nf()"
    assert HIDDEN_TESTS.without(source) == source


@pytest.mark.parametrize(
    ("test", "answer"),
    [
        ("x-test", "x"),
        ("x-test-2", "x"),
        ("x-test-12", "x"),
        ("x-testing", "x-testing"),
        ("x", "x"),
    ],
)
def test_a_test_cell_is_named_after_its_answer(test, answer):
    assert answer_of(test) == answer
