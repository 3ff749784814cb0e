"""Checks of exercises: right, not filled in yet, or what is wrong.

A check never raises for a wrong answer, so a notebook with empty exercises runs to its end. What
it returns shows itself in the notebook.
"""

import html

import numpy as np

# sign, ink and paper of each finding
_LOOKS = {
    "right": ("✓", "#006b4b", "#e3f4ee"),
    "wrong": ("✗", "#9c3a00", "#fcece3"),
    "empty": ("…", "#444444", "#eeeeee"),
}


class Verdict:
    """What a check found: ``state`` ("right", "wrong", "empty" if not filled in), ``message``."""

    def __init__(self, state: str, message: str) -> None:
        self.state = state
        self.message = message

    def __repr__(self) -> str:
        return f"{_LOOKS[self.state][0]} {self.message}"

    def _repr_html_(self) -> str:
        sign, ink, paper = _LOOKS[self.state]
        return (
            f'<div style="padding:.5em .8em;border-left:4px solid {ink};background:{paper};'
            f'color:{ink}">{sign} {html.escape(self.message)}</div>'
        )


def check_value(got, expected, what: str = "your answer", tolerance: float = 1e-5) -> Verdict:
    """Compare an answer with the expected one; return what is different, to show in the cell.

    Parameters
    ----------
    got : anything
        The learner's answer; ``...`` or None means it is not filled in.
    expected : number, str, bool, sequence or array
        The right answer, of any shape.
    what : str
        What to call the answer in the message.
    tolerance : float
        Largest accepted difference, relative to the expected numbers' size (at least 1).

    Examples
    --------
    >>> check_value([1.0, 2.0], [2.0, 4.0], what="the gradient")
    ✗ the gradient is 0.5 times what is expected, everywhere.
    """
    right = Verdict("right", f"{what[:1].upper()}{what[1:]} is right.")
    return _finding(got, expected, what, tolerance) or right


def check_function(function, cases, what: str | None = None, tolerance: float = 1e-5) -> Verdict:
    """Call a learner's function; return the first thing that is wrong, or that all is right.

    Parameters
    ----------
    function : callable
        The learner's function; if it returns ``...`` or None it is not filled in.
    cases : list of (arguments, expected)
        Each a tuple of arguments and the right result.
    what : str, optional
        What to call the function; by default its name.
    tolerance : float
        As in :func:`check_value`.

    Returns
    -------
    Verdict
        Which call is wrong and how, or raises what; shown in the cell.

    Examples
    --------
    >>> def double(x):
    ...     return x + 2
    >>> check_function(double, [((2,), 4), ((3,), 6)])
    ✗ double(3) is 5, expected 6.
    """
    if function is ...:
        return _EMPTY
    what = what or getattr(function, "__name__", "your function")
    for arguments, expected in cases:
        call = f"{what}({', '.join(_short(a) for a in arguments)})"
        try:
            got = function(*arguments)
        except Exception as error:  # whatever a learner's code raises is a finding
            return Verdict("wrong", f"{call} raises {type(error).__name__}: {error}")
        if finding := _finding(got, expected, call, tolerance):
            return finding
    times = "the one case" if len(cases) == 1 else f"all {len(cases)} cases"
    return Verdict("right", f"{what} is right in {times}.")


_EMPTY = Verdict("empty", "Not filled in yet: replace the dots, run that cell, then this one.")


def _finding(got, expected, what: str, tolerance: float) -> Verdict | None:
    """Return None if an answer is right, else what was found."""
    if got is None or got is ...:
        return _EMPTY
    problem = _difference(got, expected, what, tolerance)
    return Verdict("wrong", problem) if problem else None


def _difference(got, expected, what: str, tolerance: float) -> str | None:
    """Return None if equal, or a sentence that says what is different."""
    if isinstance(expected, str | bool):
        return None if got == expected else f"{what} is {got!r}, expected {expected!r}."
    expected = np.asarray(expected)
    try:
        got = np.asarray(got)
    except Exception as error:  # whatever an object does when it is turned into an array
        return f"{what} can't be read as numbers ({error})."
    if got.dtype.kind not in "fiub":
        return f"{what} is {_short(got[()])}, expected numbers."
    if got.shape != expected.shape:
        shapes = f"has shape {list(got.shape)}, expected {list(expected.shape)}"
        if got.ndim == 2 and got.T.shape == expected.shape:
            return f"{what} {shapes}: it is transposed."
        if got.squeeze().shape == expected.squeeze().shape:
            return f"{what} {shapes}: an axis of length 1 too many or too few."
        if expected.ndim < got.ndim:
            return f"{what} {shapes}: is a sum or mean over an axis missing?"
        return f"{what} {shapes}."
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    if np.isnan(got).any() and not np.isnan(expected).any():
        return f"{what} holds NaN, from 0/0, log(0)·0 or ∞ − ∞."
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    wrong = ~np.isclose(got, expected, rtol=0, atol=tolerance * scale)
    if not wrong.any():
        return None
    return f"{what} {_pattern(got, expected, wrong, tolerance * scale)}"


def _pattern(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray, atol: float) -> str:
    """Name the mistake, if the numbers give it away."""

    def close(a, b):
        return np.allclose(a, b, rtol=0, atol=atol)

    if np.abs(expected).max() > atol and close(got, -expected):
        return "has the wrong sign."
    if got.ndim == 2 and got.shape[0] == got.shape[1] and close(got.T, expected):
        return "is transposed."
    here = np.abs(expected) > atol
    if here.any() and got.size > 1:
        ratio = float(np.median(got[here] / expected[here]))
        if ratio and close(got, ratio * expected):
            return f"is {ratio:.4g} times what is expected, everywhere."
        offset = float(np.median(got - expected))
        if close(got - offset, expected):
            return f"is {abs(offset):.4g} too {'large' if offset > 0 else 'small'}, everywhere."
    if got.ndim == 0:
        ratio = float(got / expected) if expected else 0.0
        times = round(max(abs(ratio), 1 / abs(ratio))) if ratio else 0
        text = f"is {got:.6g}, expected {expected:.6g}"
        if times >= 2 and close(got, expected * times):
            return f"{text}: {times} times as much."
        if times >= 2 and close(got * times, expected):
            return f"{text}: one part in {times}."
        return f"{text}."
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"differs in {wrong.sum():,} of {wrong.size:,} places; the first is at index "
        f"{list(first)}: {got[first]:.6g}, expected {expected[first]:.6g}."
    )


def _short(value) -> str:
    if callable(value):
        return getattr(value, "__name__", "a function")
    shape = getattr(value, "shape", None)
    if shape is not None and np.ndim(value) > 0 and np.size(value) > 4:
        return f"<array {list(shape)}>"
    text = repr(np.asarray(value).tolist()) if shape is not None else repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
