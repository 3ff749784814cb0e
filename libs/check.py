"""Checks of exercises: right, not filled in yet, or what is wrong.

A check never raises for a wrong answer, so a notebook with empty exercises runs to its end. What
it returns shows itself in the notebook.
"""

import html
import re

import numpy as np

# sign, ink and paper of each finding
_LOOKS = {
    "right": ("✓", "#006b4b", "#e3f4ee"),
    "wrong": ("✗", "#9c3a00", "#fcece3"),
    "empty": ("…", "#444444", "#eeeeee"),
}


# what TensorFlow and Keras say for their own developers: lines, and parts of lines
_INNER_LINES = re.compile(
    r"\s*(in user code:|Graph execution error:|Detected at node |<stack traces unavailable>"
    r"|Exception encountered when calling |Original stack trace for |\[\[|; NodeDef:"
    r"|Traceback \(most recent call last\))"
)
_INNER_PARTS = re.compile(
    r" for '\{\{node [^']{0,2000}'|\{\{[^{}]{0,500}\}\}|\[\[[^\[\]]{0,500}\]\]"
    r"|\[Op:[^\]]{0,200}\](?: name: ?\S{0,200})?|; NodeDef:.{0,2000}|\x1b\[[\d;]{0,20}m"
)
_ARGUMENTS = re.compile(r"\s*(?:Call a|A)rguments received by ")
_FRAME = re.compile(r'(\s*)File ".{0,500}", line \d+')
_LONG = 20_000


class Verdict:
    """What a check found.

    Attributes
    ----------
    state : {"right", "wrong", "empty"}
        Empty: not filled in.
    message : str
    kind : str
        What is wrong, without a number of the answer's or of the expected one.
    """

    def __init__(self, state: str, message: str, kind: str = "") -> None:
        self.state = state
        self.message, self.kind = message, kind

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
            return Verdict("wrong", f"{call} raises {type(error).__name__}: {reason(error)}")
        if finding := _finding(got, expected, call, tolerance):
            return finding
    times = "the one case" if len(cases) == 1 else f"all {len(cases)} cases"
    return Verdict("right", f"{what} is right in {times}.")


def reason(error: Exception | str) -> str:
    """Return in one line what an error says, without TensorFlow's and Keras' internals.

    Frames of the libraries, names of nodes and operations, and lists of what a layer was called
    with are left out.

    Parameters
    ----------
    error : Exception or str
        Its message, of which no more than the first 20,000 characters are read.

    Examples
    --------
    >>> reason("{{function_node __wrapped__AddV2}} Incompatible shapes: [4,2] vs. [3] [Op:AddV2]")
    'Incompatible shapes: [4,2] vs. [3]'
    """
    kept, code = [], None
    for line in str(error)[:_LONG].split("\n"):
        if _ARGUMENTS.match(line):
            break
        frame = _FRAME.match(line)
        indent = len(line) - len(line.lstrip())
        if frame or (code is not None and indent > code):  # the line of code that a frame shows
            code = indent if frame else None
        elif not _INNER_LINES.match(line):
            code = None
            kept.append(_INNER_PARTS.sub("", line))
    text = " ".join(" ".join(kept).split())
    # "in user code" says the kind of error again
    return re.sub(r"^[A-Z]\w{0,60}Error: ", "", text) if "in user code" in str(error) else text


_EMPTY = Verdict("empty", "Not filled in yet: replace the dots, run that cell, then this one.")


def _finding(got, expected, what: str, tolerance: float) -> Verdict | None:
    """Return None if an answer is right, else what was found."""
    if got is None or got is ...:
        return _EMPTY
    problem = _difference(got, expected, what, tolerance)
    return Verdict("wrong", f"{what} {problem[0]}", problem[1]) if problem else None


def _difference(got, expected, what: str, tolerance: float) -> tuple[str, str] | None:
    """Return None if equal, or what is different: with the numbers, and without."""
    if isinstance(expected, str | bool):
        differs = f"is {got!r}, expected {expected!r}."
        return None if got == expected else (differs, _OTHER)
    expected = np.asarray(expected)
    try:
        got = np.asarray(got)
    except Exception as error:  # whatever an object does when it is turned into an array
        return f"can't be read as numbers ({reason(error)}).", "can't be read as numbers."
    if got.dtype.kind not in "fiub":
        return f"is {_short(got[()])}, expected numbers.", "is not made of numbers."
    if got.shape != expected.shape:
        shapes = f"has shape {list(got.shape)}, expected {list(expected.shape)}"
        why = "."
        if got.ndim == 2 and got.T.shape == expected.shape:
            why = ": it is transposed."
        elif got.squeeze().shape == expected.squeeze().shape:
            why = ": an axis of length 1 too many or too few."
        elif expected.ndim < got.ndim:
            why = ": is a sum or mean over an axis missing?"
        return f"{shapes}{why}", f"has another shape than expected{why}"
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    if np.isnan(got).any() and not np.isnan(expected).any():
        return ("holds NaN, from 0/0, log(0)·0 or ∞ − ∞.",) * 2
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    wrong = ~np.isclose(got, expected, rtol=0, atol=tolerance * scale)
    return _pattern(got, expected, wrong, tolerance * scale) if wrong.any() else None


_OTHER = "is not what is expected."


def _pattern(
    got: np.ndarray, expected: np.ndarray, wrong: np.ndarray, atol: float
) -> tuple[str, str]:
    """Name the mistake, if the numbers give it away: with them, and without."""

    def close(a, b):
        return np.allclose(a, b, rtol=0, atol=atol)

    if np.abs(expected).max() > atol and close(got, -expected):
        return ("has the wrong sign.",) * 2
    if got.ndim == 2 and got.shape[0] == got.shape[1] and close(got.T, expected):
        return ("is transposed.",) * 2
    here = np.abs(expected) > atol
    if here.any() and got.size > 1:
        ratio = float(np.median(got[here] / expected[here]))
        if ratio and close(got, ratio * expected):
            times = f"is {ratio:.4g} times what is expected, everywhere."
            return times, "is a multiple of what is expected, everywhere the same."
        offset = float(np.median(got - expected))
        if close(got - offset, expected):
            size = "large" if offset > 0 else "small"
            return f"is {abs(offset):.4g} too {size}, everywhere.", f"is too {size}, everywhere."
    if got.ndim == 0:
        ratio = float(got / expected) if expected else 0.0
        times = round(max(abs(ratio), 1 / abs(ratio))) if ratio else 0
        text = f"is {got:.6g}, expected {expected:.6g}"
        if times >= 2 and close(got, expected * times):
            return f"{text}: {times} times as much.", "is a multiple of what is expected."
        if times >= 2 and close(got * times, expected):
            return f"{text}: one part in {times}.", "is a part of what is expected."
        return f"{text}.", _OTHER
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"differs in {wrong.sum():,} of {wrong.size:,} places; the first is at index "
        f"{list(first)}: {got[first]:.6g}, expected {expected[first]:.6g}."
    ), _OTHER


def _short(value) -> str:
    if callable(value):
        return getattr(value, "__name__", "a function")
    shape = getattr(value, "shape", None)
    if shape is not None and np.ndim(value) > 0 and np.size(value) > 4:
        return f"<array {list(shape)}>"
    text = repr(np.asarray(value).tolist()) if shape is not None else repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
