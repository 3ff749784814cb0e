"""Checks of exercises say what is wrong, and never raise for a wrong answer."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from libs.check import check_function, check_value

ARRAYS = hnp.arrays(
    np.float64, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-10, 10)
)


@given(expected=ARRAYS)
def test_the_right_answer_is_right(expected):
    assert check_value(expected, expected).state == "right"
    assert check_value(tf.constant(expected), expected).state == "right"
    assert check_value(expected.tolist(), expected).state == "right"


@given(expected=ARRAYS, data=st.data())
def test_one_wrong_number_is_wrong(expected, data):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in expected.shape)
    wrong = expected.copy()
    wrong[index] += 1
    assert check_value(wrong, expected).state == "wrong"


@pytest.mark.parametrize("empty", [None, ...])
def test_nothing_is_not_yet_filled_in(empty):
    assert check_value(empty, 3).state == "empty"
    assert check_function(lambda: empty, [((), 3)]).state == "empty"
    assert check_function(..., [((), 3)]).state == "empty"


M = np.arange(6.0).reshape(2, 3)
S = np.array([[1.0, 2], [3, 4]])


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        (M.T, M, r"shape \[3, 2\], expected \[2, 3\]: it is transposed"),
        (S.T, S, r"is transposed"),
        (-M, M, r"wrong sign"),
        (M * 6, M, r"is 6 times what is expected"),
        (M + 2, M, r"is 2 too large, everywhere"),
        (M - 1 / 3, M, r"is 0\.3333 too small"),
        (M[None], M, r"an axis of length 1 too many"),
        (M, M.sum(axis=0), r"is a sum or mean over an axis missing\?"),
        (M, np.zeros(4), r"has shape \[2, 3\], expected \[4\]"),
        (M * np.nan, M, r"holds NaN"),
        (
            np.where(M == 4, 9, M),
            M,
            r"1 of 6 places; .* index \[1, 1\]: 9, expected 4",
        ),
        (2.5, 3, r"is 2\.5, expected 3\.$"),
        (9.2, 2.3, r"is 9\.2, expected 2\.3: 4 times as much"),
        (0.5, 2.0, r"is 0\.5, expected 2: one part in 4"),
        (0.0, 2.0, r"is 0, expected 2\.$"),
        ("four", 4, r"is 'four', expected numbers"),
        ("relu", "tanh", r"is 'relu', expected 'tanh'"),
        (False, True, r"is False, expected True"),
        ([[1], [2, 3]], M, r"can't be read as numbers"),
    ],
)
def test_the_message_says_what_is_wrong(got, expected, says):
    verdict = check_value(got, expected, what="the answer")
    assert verdict.state == "wrong"
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(verdict.message)


def test_a_function_is_called_with_each_case():
    cases = [((1, 2), 3), ((4, 6), 10)]
    assert check_function(lambda a, b: a + b, cases, what="add").state == "right"
    verdict = check_function(lambda a, b: 3, cases, what="add")
    assert verdict.message == "add(4, 6) is 3, expected 10."
    verdict = check_function(lambda a: a, cases, what="add")
    assert "add(1, 2) raises TypeError" in verdict.message


def test_a_verdict_shows_itself_safely():
    verdict = check_value("<script>", "a")
    assert "<script>" not in verdict._repr_html_()
    assert repr(check_value(3, 3)) == "✓ Your answer is right."
