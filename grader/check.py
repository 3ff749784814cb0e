"""The tests of a homework: the same lines run in the student's notebook and when it is graded.

Light on purpose: a student's notebook imports this. In place, a test shows what it found; when
the homework is graded, :func:`record` collects it instead.
"""

import contextlib
import contextvars
import functools
import hashlib
import html
import json
import linecache
import os
import traceback
from pathlib import Path
from types import CodeType, FunctionType

import numpy as np
from IPython.display import display

from grader.shared.alarm import alarm

_EMPTY = "not filled in yet, or without a return."
# where findings go when graded; None in a student's notebook
_record: contextvars.ContextVar = contextvars.ContextVar("record", default=None)
# sign, ink and paper of a finding, for the share of the points it earns
_LOOKS = {1: ("✓", "#006b4b", "#e3f4ee"), 0: ("✗", "#9c3a00", "#fcece3")}
_PART = ("◐", "#6b4b00", "#fcf5e3")


class StudentError(Exception):
    """A student's function failed; the message says how."""


class Mismatch(AssertionError):
    """An answer is not what it should be.

    Attributes
    ----------
    what, kind : str
        What may be said of a hidden test: what is wrong, and how, without a number or a text that
        the answer chose, for it might have chosen what it was called with; nor what is expected.
    """

    def __init__(self, what: str, says: str, kind: str) -> None:
        super().__init__(joined(what, says))
        self.what, self.kind = what, kind


class Finding:
    """What a test found.

    Attributes
    ----------
    name : str
        The test's.
    points : float
        What it is worth.
    share : float
        What the answer earns of that, 0 to 1.
    message : str
        What is wrong, or the mark's reason; may be empty.
    error : Exception or None
        What the test raised.
    """

    def __init__(self, name: str, points: float, share: float, message: str, error=None) -> None:
        self.name, self.points, self.share = name, points, share
        self.message, self.error = message, error

    def __repr__(self) -> str:
        sign = _LOOKS.get(self.share, _PART)[0]
        worth = f"{self.points * self.share:g} of {self.points:g} point{'s' * (self.points != 1)}"
        message = f": {self.message}" if self.message else ""
        return f"{sign} {self.name} ({worth if self.points else 'no points'}){message}"

    def _repr_html_(self) -> str:
        _, ink, paper = _LOOKS.get(self.share, _PART)
        return (
            f'<div style="padding:.3em .8em;border-left:4px solid {ink};background:{paper};'
            f'color:{ink}">{html.escape(repr(self))}</div>'
        )


class test:
    """One test of an answer: whatever goes wrong inside is its finding, and is not raised.

    Parameters
    ----------
    name : str
        What is tested, for the student.
    points : float
        What the test is worth.
    seconds : float
        The longest a call of a student's function may take.

    Examples
    --------
    >>> with test("two and two"):
    ...     expect.close(2 + 2, 5, "the sum")
    ✗ two and two (0 of 1 point): the sum is 4, expected 5.
    """

    __test__ = False  # pytest: not one of yours

    def __init__(self, name: str, points: float = 1, seconds: float = 10) -> None:
        self.name, self.points, self.seconds = name, points, seconds
        self._awarded = None

    def award(self, share: float, message: str) -> None:
        """Give a part of the points, and say why.

        Parameters
        ----------
        share : float
            Is cut to 0–1; NaN is 0.
        message : str
            For the student.
        """
        share = float(share)
        self._awarded = (min(max(share, 0.0), 1.0) if share == share else 0.0, message)

    def __enter__(self) -> "test":
        import libs.check  # noqa: F401 — takes a moment, which is not the answer's time

        graded = _record.get()
        why = f"still not done after {self.seconds:g} s: does a loop never end?"
        alone = alarm(self.seconds, StudentError(why))
        self._clock = graded.limit(self.seconds) if graded else alone
        self._clock.__enter__()
        return self

    def __exit__(self, kind, error, trace) -> bool:
        self._clock.__exit__(None, None, None)
        if kind is not None and not issubclass(kind, Exception):
            return False  # the student pressed stop
        if error is not None:
            share, message = 0.0, explain(error)
        else:
            share, message = self._awarded or (1.0, "")
        finding = Finding(self.name, self.points, share, message, error)
        if graded := _record.get():
            graded.findings.append(finding)
        else:
            display(finding)
        return True

    @staticmethod
    def later(number: int, points: float) -> None:
        """Say in the student's notebook that hidden tests are still to come."""
        if _record.get() is None:
            tests = "1 more test" if number == 1 else f"{number} more tests"
            worth = "1 point" if points == 1 else f"{points:g} points"
            verb = "runs" if number == 1 else "run"
            print(f"{tests} ({worth}) {verb} when your homework is graded.")


class Record:
    """Findings of a test cell that is being graded.

    Parameters
    ----------
    limit : callable
        Takes seconds, returns a context in which a call may take no longer.
    """

    def __init__(self, limit) -> None:
        self.limit, self.findings = limit, []


@contextlib.contextmanager
def record(limit=lambda seconds: contextlib.nullcontext()):
    """Collect findings in a :class:`Record` rather than show them."""
    findings = Record(limit)
    token = _record.set(findings)
    try:
        yield findings
    finally:
        _record.reset(token)


def filled(*answers) -> bool:
    """Return whether every answer is there: neither ``...`` nor None.

    Examples
    --------
    >>> filled(3.0), filled(...), filled(1, None)
    (True, False, False)
    """
    return not any(answer is None or answer is ... for answer in answers)


def stored(value):
    """Return a value whose numbers will stand here in the students' version, not the expression.

    For an author's source; see homework/AUTHORING.md.

    Examples
    --------
    >>> stored(2 + 2)
    4
    """
    return value


class expect:
    """What an answer should be. Each raises AssertionError with a sentence for the student."""

    @staticmethod
    def close(got, expected, what: str, tolerance: float = 1e-5, mistakes=None) -> None:
        """Demand numbers equal to the expected ones, in a shape equal to theirs.

        Parameters
        ----------
        got : number or array
            The student's.
        expected : number or array
            The right one.
        what : str
            What it is, for the message.
        tolerance : float
            Relative to the size of the expected numbers (at least 1).
        mistakes : dict of str to number or array, optional
            What it is when a known mistake was made, by the sentence that names the mistake.
        """
        # only now: with libs comes matplotlib, which no command of the instructor should wait for
        from libs.check import check_value

        _demand_no_generator(got, what)
        verdict = check_value(got, expected, what, tolerance)
        if verdict.state == "right":
            return
        if verdict.state == "empty":
            raise Mismatch(what, f" is {_EMPTY}", f" is {_EMPTY}")
        for sentence, wrong in (mistakes or {}).items():
            if check_value(got, wrong, what, tolerance).state == "right":
                raise Mismatch(what, f": {sentence}.", f": {sentence}.")
        raise Mismatch(what, verdict.message.removeprefix(what), f" {verdict.kind}")

    @staticmethod
    def shape(got, shape: tuple, what: str) -> None:
        """Demand a shape; None in it allows any length."""
        _demand_filled(got, what)
        have = np.shape(_numbers(got, what))
        fits = len(have) == len(shape) and all(
            n is None or n == m for n, m in zip(shape, have, strict=True)
        )
        if not fits:
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            turned = ": it is transposed" if have == tuple(shape)[::-1] and len(have) > 1 else ""
            shapes = f" has shape {list(have)}, expected [{wanted}]{turned}."
            raise Mismatch(what, shapes, f" has another shape than expected{turned}.")

    @staticmethod
    def between(got, low: float, high: float, what: str) -> None:
        """Demand one number from low to high."""
        _demand_filled(got, what)
        number = _numbers(got, what)
        if number.shape != ():
            shape = f" has shape {list(number.shape)}, expected one number."
            raise Mismatch(what, shape, " is not one number.")
        if not low <= number <= high:
            text = f" is {number:.6g}, expected {low:g} to {high:g}."
            raise Mismatch(what, text, f" is too {'large' if number > high else 'small'}.")

    @staticmethod
    def equal(got, expected, what: str) -> None:
        """Demand the same text, whole number, list or truth value."""
        _demand_filled(got, what)
        got = np.asarray(got).tolist() if hasattr(got, "shape") else got
        if isinstance(expected, list | tuple):
            same = isinstance(got, list | tuple) and list(got) == list(expected)
        else:
            same = got == expected
        if same is not True:
            text = f" is {_short(got)}, expected {_short(expected)}."
            raise Mismatch(what, text, " is not what is expected.")

    @staticmethod
    def parts(got, n: int, what: str) -> tuple:
        """Demand a tuple or list of n parts, and return it."""
        _demand_filled(got, what)
        if not isinstance(got, tuple | list):
            one = f" returns one value, expected {n}: return a, b, …"
            raise Mismatch(what, one, one)
        if len(got) != n:
            text = f" returns {len(got)} values, expected {n}."
            raise Mismatch(what, text, f" does not return {n} values.")
        return tuple(got)

    @staticmethod
    def dtype(got, dtype: str, what: str) -> None:
        """Demand a kind of number, such as "float32"."""
        _demand_filled(got, what)
        have = _numbers(got, what).dtype
        if have != np.dtype(dtype):
            raise Mismatch(what, f" is {have}, expected {dtype}.", f" is not {dtype}.")

    @staticmethod
    def without(function, names: tuple, message: str) -> None:
        """Demand that a function uses none of some names: they do what it is to do."""
        _demand_filled(function, "the function")
        if words(function) & {*names}:
            raise AssertionError(message)

    @staticmethod
    def true(condition, message: str) -> None:
        """Demand anything else."""
        if not bool(condition):
            raise AssertionError(message)


def words(function) -> set[str]:
    """Return the names that a notebook's function uses, also in others there that it calls.

    Of what was imported under another name, its own is among them.
    """
    if isinstance(told := getattr(function, "uses", None), frozenset):  # a proxy's
        return set(told)
    found, left, seen = set(), [function], set()
    while left:
        here = left.pop()
        if not callable(here) or id(here) in seen:
            continue
        seen.add(id(here))
        if not isinstance(here, FunctionType) or here.__module__ != "__main__":
            found.add(str(getattr(here, "__name__", "")))  # somebody else's, taken whole
            continue
        codes = [here.__code__]
        for code in codes:
            found |= {*code.co_names}
            left += [here.__globals__.get(name) for name in code.co_names]
            codes += [part for part in code.co_consts if isinstance(part, CodeType)]
    return found


def joined(what: str, says: str) -> str:
    """Join a name and what is said of it; the verb fits a name such as "the log-variances"."""
    # only when something is wrong, for the reason that expect.close gives
    from libs.check import _said

    return _said(what, says[1:]) if says.startswith(" ") else f"{what}{says}"


def _demand_filled(got, what):
    if not filled(got):
        raise Mismatch(what, f" is {_EMPTY}", f" is {_EMPTY}")
    _demand_no_generator(got, what)


def _demand_no_generator(got, what):
    """Tell who yields what to return: outside the sandbox a generator is an object like others."""
    if "generator" in (type(got).__name__, getattr(got, "kind", "")):
        text = " is a generator: return a list, not a generator."
        raise Mismatch(what, text, text)


def _numbers(got, what) -> np.ndarray:
    """Turn an answer into an array of numbers, or say that it isn't one."""
    try:
        array = np.asarray(got)
    except Exception as error:
        kind = " can't be read as numbers"
        raise Mismatch(what, f"{kind} ({error}).", f"{kind}.") from None
    if array.dtype.kind not in "fiubc":
        text = f" is {_short(got)}, expected numbers."
        raise Mismatch(what, text, " is not made of numbers.")
    return array


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def explain(error: Exception) -> str:
    """Say in one sentence what an exception in a test means for the student."""
    if isinstance(error, AssertionError | StudentError):
        return str(error) or "this test failed."
    if isinstance(error, NameError):
        return f"{error.name} is not defined."
    from libs.check import reason

    line = ""
    test_itself, *frames = traceback.extract_tb(error.__traceback__)
    cells = [f for f in frames if "ipython-input" in f.filename or "ipykernel_" in f.filename]
    others = [f for f in cells if f.filename != test_itself.filename]
    if theirs := [f for f in others if not _ours("".join(linecache.getlines(f.filename)))]:
        # the cell that the test called into: what a student's function calls may be given
        frame = [f for f in theirs if f.filename == theirs[0].filename][-1]
        code = linecache.getline(frame.filename, frame.lineno).strip()
        line = f" in line {frame.lineno} of your cell, `{code}`"
    if "NoneType" in str(error) or "ellipsis" in str(error):
        why = "an answer not filled in, a function without a return, a gradient off the tape"
        return f"{type(error).__name__}{line}: {reason(error)}. Is something None: {why}?"
    return f"{type(error).__name__}{line}: {reason(error)}"


def _ours(source: str) -> bool:
    """Return whether a cell is one that students can't change, as far as can be told here."""
    if "from grader.check import" in source or "with test(" in source:
        return True
    return hashlib.sha256(source.strip().encode()).hexdigest() in _locked()


@functools.cache
def _locked() -> set[str]:
    """Return hashes of the notebook's locked cells, where Jupyter says which notebook this is."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        text = Path(os.environ["JPY_SESSION_NAME"]).read_text(encoding="utf-8")
        told = json.loads(text)["metadata"]["homework"]
        return {text for name, text in told["released"].items() if name not in told["answers"]}
    return set()
