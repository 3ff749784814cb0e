"""What a homework's tests say: every verdict in the student's terms, and none too kind."""

import hashlib
import re

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from nbclient import NotebookClient

from grader.check import expect, record, test

NUMBERS = arrays(
    np.float64,
    array_shapes(max_dims=3, max_side=4),
    elements=st.floats(-1e6, 1e6, allow_subnormal=False),
)


def said(function, *arguments, **options) -> str:
    """Return the sentence for the student, '' if nothing is wrong."""
    try:
        function(*arguments, **options)
    except AssertionError as error:
        return str(error)
    return ""


@given(NUMBERS)
def test_close_takes_the_same_numbers_and_refuses_others(expected):
    assert said(expect.close, expected.tolist(), expected, "it") == ""
    scale = max(1.0, np.abs(expected).max())
    assert said(expect.close, expected + 1e-6 * scale, expected, "it") == ""
    assert said(expect.close, expected + 1e-3 * scale, expected, "it").startswith("it ")
    assert "shape" in said(expect.close, expected[None], expected, "it")
    assert said(expect.close, expected * np.nan, expected, "it")


@given(NUMBERS)
def test_close_names_a_known_mistake(expected):
    step = max(1.0, np.abs(expected).max())
    mistakes = {"counted from one": expected + step}
    assert said(expect.close, expected + step, expected, "it", mistakes=mistakes) == (
        "it: counted from one."
    )
    assert "counted" not in said(
        expect.close, expected + 2 * step, expected, "it", mistakes=mistakes
    )


@pytest.mark.parametrize("empty", [None, ...])
def test_an_empty_answer_is_called_that(empty):
    for check in (
        lambda: expect.close(empty, 1, "it"),
        lambda: expect.shape(empty, (2,), "it"),
        lambda: expect.between(empty, 0, 1, "it"),
        lambda: expect.equal(empty, 3, "it"),
        lambda: expect.parts(empty, 2, "it"),
        lambda: expect.dtype(empty, "float32", "it"),
    ):
        assert said(check) == "it is not filled in yet, or without a return."


@pytest.mark.parametrize(
    ("check", "arguments", "says"),
    [
        (expect.shape, (np.zeros((2, 3)), (2, None), "it"), ""),
        (expect.shape, (np.zeros((2, 3)), (3, 2), "it"), "[2, 3], expected [3, 2]: it is transp"),
        (expect.shape, (np.zeros(3), (None, 3), "it"), "[3], expected [any, 3]."),
        (expect.shape, ("abc", (3,), "it"), "it is 'abc', expected numbers."),
        (
            expect.shape,
            (np.zeros(3), (2,), "the log-variances"),
            "the log-variances have shape [3]",
        ),
        (expect.dtype, (1.0, "float32", "the losses"), "the losses are float64, expected"),
        (expect.shape, ((x for x in "ab"), (2,), "it"), "it is a generator: return a list"),
        (expect.close, ((x for x in "ab"), [1, 2], "it"), "it is a generator: return a list"),
        (expect.between, (0.5, 0, 1, "it"), ""),
        (expect.between, (float("nan"), 0, 1, "it"), "it is nan, expected 0 to 1."),
        (expect.between, ([0.5], 0, 1, "it"), "it has shape [1], expected one number."),
        (expect.equal, ((1, 2), [1, 2], "it"), ""),
        (expect.equal, (np.array([1, 2]), [1, 2], "it"), ""),
        (expect.equal, ([1, 3], [1, 2], "it"), "it is [1, 3], expected [1, 2]."),
        (expect.parts, ([1, 2], 2, "it"), ""),
        (expect.parts, (5, 2, "it"), "it returns one value, expected 2: return a, b, …"),
        (expect.parts, ((1, 2, 3), 2, "it"), "it returns 3 values, expected 2."),
        (expect.dtype, (np.float32(1), "float32", "it"), ""),
        (expect.dtype, (1.0, "float32", "it"), "it is float64, expected float32."),
        (expect.true, (True, "no"), ""),
        (expect.true, (0, "no"), "no"),
    ],
)
def test_a_verdict_in_words(check, arguments, says):
    got = said(check, *arguments)
    assert says in got
    assert bool(says) == bool(got)


@given(st.floats())
def test_part_of_the_points_is_at_most_all_of_them(share):
    with record() as found, test("it", points=4) as one:
        one.award(share, "so much")
    (finding,) = found.findings
    assert finding.share == (min(max(share, 0), 1) if share == share else 0)


def test_a_block_that_only_guides_gives_no_points():
    with record() as found, test("a guide", points=0):
        expect.between(3, 1, 2, "it")
    (finding,) = found.findings
    assert repr(finding) == "✗ a guide (no points): it is 3, expected 1 to 2."


def test_stop_is_not_a_finding():
    with pytest.raises(KeyboardInterrupt), record() as found, test("it"):
        raise KeyboardInterrupt
    assert found.findings == []


# what TensorFlow and Keras add to a message, for whoever works on them
INTERNAL = re.compile(
    r"function_node|__wrapped|\[Op:|site-packages|Call arguments|__autograph|File \""
)
GIVEN = "def given(x):\n    return own(x)\n\n\ndef ours(x):\n    return x / 0"
THEIRS = """import keras
import tensorflow as tf


def product(x):
    return tf.ones((4, 3)) @ x


@tf.function
def traced(x):
    return tf.reshape(tf.ones((4, 3)), (x, 5))


def layered(x):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])(x)


def own(x):
    return tf.concat([x, [1]], 0)"""
CELLS = {
    "import numpy as np\nfrom grader.check import expect, test": [],
    GIVEN: [],
    THEIRS: [],
    "with test('a product'):\n    product(tf.ones((2, 3)))": [
        "InvalidArgumentError in line 6 of your cell, `return tf.ones((4, 3)) @ x`: "
    ],
    "with test('a graph'):\n    traced(4)": [
        "ValueError: Cannot reshape a tensor with 12 elements to"
    ],
    "with test('a layer'):\n    layered(tf.ones((2, 5)))": [
        "in line 15 of your cell, `return keras.Sequential"
    ],
    "with test('called by a locked cell'):\n    given(2.0)": [
        "in line 19 of your cell, `return tf.concat"
    ],
    "with test('in a locked cell'):\n    ours(2.0)": [
        "✗ in a locked cell (0 of 1 point): ZeroDivisionError: float division by zero"
    ],
    "def half(x):\n    y = x\n    return y / 0": [],
    "with test('a fault of the student'):\n    expect.close(half(2), 1, 'half(2)')": [
        "✗ a fault of the student (0 of 1 point): ZeroDivisionError in line 3 of your cell, "
        "`return y / 0`: division by zero"
    ],
    "with test('in a comprehension'):\n    [part + 1 for part in ['a']]": [
        '✗ in a comprehension (0 of 1 point): TypeError: can only concatenate str (not "int") to '
    ],
    "with test('a name'):\n    expect.true(third(1), '')": [
        "✗ a name (0 of 1 point): third is not defined."
    ],
    "nothing = None\nwith test('None'):\n    2 * nothing": [
        "Is something None: an answer not filled in, a function without a return, a gradient off"
    ],
    "with test('a loop', seconds=1):\n    while True:\n        pass": [
        "✗ a loop (0 of 1 point): still not done after 1 s: does a loop never end?"
    ],
    "with test('right', points=2):\n    pass\ntest.later(3, points=5)": [
        "✓ right (2 of 2 points)",
        "3 more tests (5 points) run when your homework is graded.",
    ],
}


def test_in_a_notebook_each_finding_is_shown_in_the_student_s_terms(tmp_path, monkeypatch):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    locked = {"given": hashlib.sha256(GIVEN.strip().encode()).hexdigest()}
    notebook.metadata.homework = {"released": locked, "answers": []}
    nbformat.write(notebook, tmp_path / "hw.ipynb")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "hw.ipynb"))  # as Jupyter says it
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    for cell, says in zip(notebook.cells, CELLS.values(), strict=True):
        shown = [o.get("text") or o["data"]["text/plain"] for o in cell.outputs]
        assert len(shown) == len(says), shown
        for text, part in zip(shown, says, strict=True):
            assert part in text
            assert not INTERNAL.search(text)
            assert ("your cell" in part) == ("your cell" in text)


OWN = """
import math, scipy.special
from scipy.special import softmax as rows
def plain(x): return math.exp(x)
def library(x): return scipy.special.softmax(x)
def renamed(x): return rows(x)
def helped(x): return [library(part) for part in x]
def inner(x):
    def of(part): return scipy.special.softmax(part)
    return of(x)
def again(x): return again(x - 1) if x else 0
"""


@pytest.mark.parametrize("name", ["library", "renamed", "helped", "inner", "rows"])
def test_a_library_s_function_in_place_of_one_s_own_is_told(name):
    space = {"__name__": "__main__"}
    exec(OWN, space)
    expect.without(space["plain"], ("softmax",), "a library does it all")
    expect.without(space["again"], ("softmax",), "a library does it all")
    with pytest.raises(AssertionError, match="a library does it all"):
        expect.without(space[name], ("softmax",), "a library does it all")
    with pytest.raises(AssertionError, match="not filled in"):
        expect.without(..., ("softmax",), "a library does it all")
