"""Checks of exercises say what is wrong, and never raise for a wrong answer."""

import contextlib

import hypothesis.extra.numpy as hnp
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from libs.check import Verdict, check_function, check_value

ARRAYS = hnp.arrays(
    np.float64, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-10, 10)
)


@given(expected=ARRAYS)
def test_the_right_answer_is_right(expected):
    assert check_value(expected, expected).state == "right"
    assert check_value(tf.constant(expected), expected).state == "right"
    assert check_value(expected.tolist(), expected).state == "right"


@pytest.mark.parametrize("one", [3, np.float32(3), np.array(3), tf.constant(3.0), tf.Variable(3)])
def test_one_number_is_right_whatever_holds_it(one):
    assert check_value(one, 3).state == "right"
    assert check_function(lambda: one, [((), 3)]).state == "right"
    assert check_value(3, one).state == "right"


@given(expected=ARRAYS, data=st.data())
def test_one_wrong_number_is_wrong(expected, data):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in expected.shape)
    wrong = expected.copy()
    wrong[index] += 1
    assert check_value(wrong, expected).state == "wrong"


@pytest.mark.parametrize("empty", [None, ...])
def test_nothing_is_not_yet_filled_in(empty):
    assert check_value(empty, 3).state == "empty"
    assert check_function(empty, [((), 3)]).state == "empty"
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
        (M * 1.0003, M, r"differs in 5 of 6 places"),  # not "is 1 times"
        (M + 2, M, r"is 2 too large, everywhere"),
        (M - 1 / 3, M, r"is 0\.3333 too small"),
        (M[None], M, r"an axis of length 1 too many"),
        (M, M.sum(axis=0), r"is a sum or mean over an axis missing\?"),
        (
            S[:, :1] - S[:, 0],
            S[:, 0],
            r"shape \[\d, \d\], .*: a sum .*of \[n, 1\] with \[n\] makes",
        ),
        (M, np.zeros(4), r"has shape \[2, 3\], expected \[4\]"),
        (M * np.nan, M, r"holds NaN"),
        (
            np.where(M == 4, 9, M),
            M,
            r"1 of 6 places; .* index \[1, 1\]: 9, expected 4",
        ),
        (2.5, 3, r"is 2\.5, expected 3\.$"),
        (9.2, 2.3, r"is 9\.2, expected 2\.3: 4 times as much\.$"),
        (2.3 / np.log(10), 2.3, r"is 0\.99.*, expected 2\.3: is it log10 in place of log\?"),
        (M / np.log(2), M, r"is 1\.443 times .*: is it log2 in place of log\?"),
        (np.round(M / 5), M / 5, r"is rounded to whole numbers"),
        (M[::-1], M, r"holds the right numbers, in another order"),
        (np.where(M == 4, np.inf, M), M, r"holds ∞"),
        ([1.0, 2.0], 3, r"has shape \[2\], expected one number: is a sum or mean"),
        (3, M, r"has shape \[\], expected \[2, 3\]: .* one axis too many\?"),
        (M, {"dW": M, "db": 1}, r"the answer returns 1 and not 2 results: dW, db\."),
        ((M, None), {"dW": M, "db": 1}, r"db of the answer is None, expected a number"),
        ((-M, 1), {"dW": M, "db": 1}, r"dW of the answer has the wrong sign"),
        (
            (1, M),
            {"dW": M, "db": 1},
            r"the answer returns .* in another order: db, dW, not dW, db\.",
        ),
        ([2, M, 1], {"dW": M, "db": 1, "n": 2}, r"in another order: n, dW, db, not dW, db, n\."),
        ((1, -M), {"dW": M, "db": 1}, r"dW of the answer has shape"),
        ((5, 4, 3, 2, 1), dict(zip("abcde", range(1, 6), strict=True)), r"a of the answer is 5"),
        (0.5, 2.0, r"is 0\.5, expected 2: one part in 4\.$"),
        (0.0, 2.0, r"is 0, expected 2\.$"),
        ("four", 4, r"is 'four', expected a number"),
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


class Odd:
    """Fails whatever is done with it."""

    def fail(self, *_):
        raise RuntimeError("odd")

    __array__ = __eq__ = __repr__ = __len__ = fail
    __hash__ = None


itself = [1]
itself.append(itself)
HOSTILE = [
    *(np.inf, -np.inf, np.nan, 5e-324, 1e308, -0.0, 10**400, 1j, True, "0.69", b"0.69"),
    *([], [[]], (), {}, {1: 2}, {3}, [[1], [2, 3]], [None], [...], itself, range(3), range(10**10)),
    *([range(10**10)] * 2, np.broadcast_to(1.0, 10**10), np.zeros((0, 3)), np.full(3, np.inf)),
    *(np.array([True, False]), np.array(["a"]), np.array([None]), np.zeros(1, [("a", int)])),
    *(
        np.full(2, 1e308),
        np.array([5e-324, 1]),
        np.datetime64("2026-11-27"),
        object(),
        Odd(),
        print,
    ),
    *(int, iter([1]), tf.ragged.constant([[1], [2, 3]]), tf.constant("a"), tf.Variable(np.inf)),
    *(tf.constant([1.0, np.nan]), tf.bfloat16, ValueError("no"), lambda: 1),
]
EXPECTED = [0.69, 0.0, [1.0, 2.0], np.zeros((2, 3)), "relu", True, {"dW": 1.0, "db": [2.0, 3.0]}]


@pytest.mark.parametrize("expected", EXPECTED, ids=str)
def test_a_check_never_raises_and_is_short(expected):
    for got in HOSTILE:
        for verdict in (
            check_value(got, expected, "the loss"),
            check_function(lambda got=got: got, [((), expected)], "loss"),
        ):
            right = verdict.state == "right"
            assert verdict.state in ("wrong", "empty") or got is True or got in (5e-324, -0.0)
            assert not right or expected in (True, 0.0)
            assert len(verdict.message) < 300
            assert " at 0x" not in verdict.message


def forever(x):
    while True:
        with contextlib.suppress(Exception):
            len("on and on")


def leaves(x):
    raise SystemExit


def no_return(x):
    x + 1


def dots(x):
    """Not begun."""
    ...


def half(x):
    y = ...
    return y + x


@tf.function
def in_graph(x):
    tf.constant(x)


@pytest.mark.parametrize(
    ("function", "state", "says"),
    [
        (forever, "wrong", "forever(3) is still not done after 1 s: does a loop never end?"),
        (lambda: 3, "wrong", "raises TypeError:"),
        (leaves, "wrong", "leaves(3) raises SystemExit"),
        (no_return, "wrong", "no_return(3) returns nothing: is a return missing?"),
        (in_graph, "wrong", "returns nothing: is a return missing?"),
        (dots, "empty", "Not filled in yet"),
        (half, "empty", "Not all of it is filled in yet: some dots are left."),
        (lambda x: {}[x], "wrong", "raises KeyError: 3"),
        (5, "wrong", "your function is 5, expected a function."),
    ],
)
def test_whatever_a_function_does_is_a_finding(function, state, says, monkeypatch):
    monkeypatch.setattr("libs.check._SECONDS", 1)
    verdict = check_function(function, [((3,), 4)])
    assert verdict.state == state
    assert says in verdict.message


@pytest.mark.parametrize(
    ("measure", "state", "says"),
    [
        (
            lambda: None,
            "empty",
            "Not filled in yet: replace the dots, run that cell, then this one.",
        ),
        (
            lambda: np.mean([1.0, ...]),
            "empty",
            "Not all of it is filled in yet: some dots are left.",
        ),
        (lambda: (np.True_, "3 s."), "right", "3 s."),
        (lambda: (False, "5 s; to beat: 4."), "wrong", "5 s; to beat: 4."),
        (lambda: {}["x"], "wrong", "It can't be told: KeyError: 'x'"),
        (lambda: int(None), "wrong", "Something is None: is a return missing?"),
        (lambda: leaves(3), "wrong", "It can't be told: SystemExit"),
        (lambda: forever(3), "wrong", "It can't be told: it is still not done after 0.5 s: does a"),
    ],
)
def test_whatever_an_open_answer_does_is_a_verdict(measure, state, says):
    verdict = Verdict.of("It can't be told", seconds=0.5)(measure)
    assert isinstance(verdict, Verdict)
    assert verdict.state == state
    assert says in verdict.message


def test_a_failing_case_is_named_and_its_arguments_left_alone():
    x = np.arange(6.0).reshape(3, 2)
    cases = [((x,), x.mean()), ((x + 1,), x.mean() + 1, "with larger numbers")]

    def total(x):
        return x.sum()

    def spoil(x):
        x += 1
        return x.mean() - 1

    assert check_function(np.mean, cases).message == "mean is right in all 2 cases."
    message = check_function(total, cases).message
    assert message.startswith("total(<array [3, 2]: 0, 1, …>) is 15, expected 2.5")
    message = check_function(lambda x: 2.5, cases, "mean").message
    assert message == "mean with larger numbers is 2.5, expected 3.5."
    message = check_function(spoil, cases).message
    assert message.endswith("changes argument 1 in place: work on a copy.")
    assert x[0, 0] == 0
    message = check_function(lambda x: x.sum(axis=0), [((x,), x.mean(axis=0))], "mean").message
    assert "is 3 times what is expected, everywhere: is it a sum where a mean belongs?" in message


@pytest.mark.parametrize(
    ("what", "verb"),
    [
        ("my_losses of 3 images", "is"),
        ("the losses of my_epoch", "are"),
        ("the weights", "are"),
        ("the weights after 3 steps", "are"),
        ("the biases of b", "are"),
        ("the loss", "is"),
        ("the bias", "is"),
        ("the axis", "is"),
        ("loss of the weights", "is"),
        ("losses(<array [3]>)", "is"),
    ],
)
def test_the_verb_fits_the_name(what, verb):
    assert check_value(1, 2, what).message == f"{what} {verb} 1, expected 2: one part in 2."
    assert check_value(2, 2, what).message == f"{what[0].upper()}{what[1:]} {verb} right."


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


def test_what_an_error_means_begins_after_a_full_stop():
    def no_sum(x):
        return tf.constant(x).sum()

    def no_loss(x):
        return keras.optimizers.SGD().apply([None], [tf.Variable(x)])

    said = check_function(no_sum, [((np.ones(2),), 2)]).message
    assert said.endswith(
        "no attribute 'sum'. It is a tensor: take TensorFlow's functions, as tf.exp(x)."
    )
    said = check_function(no_loss, [((np.ones(2),), 2)]).message
    assert said.endswith("for any variable. Is the loss computed inside the tape's with block?")
