"""Checks of exercises: right, not filled in yet, or what is wrong.

A check never raises, whatever an answer is or does, so a notebook with empty exercises runs to its
end. What it returns shows itself in the notebook.
"""

import contextlib
import dis
import html
import itertools
import re
import signal
import threading
import warnings

import numpy as np

# sign, ink and paper of each finding
_LOOKS = {"right": ("✓", "#006b4b", "#e3f4ee"), "wrong": ("✗", "#9c3a00", "#fcece3")}
_LOOKS["empty"] = "…", "#444444", "#eeeeee"
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
_MEANINGS = (  # the sign of an error, and what it means to a learner
    ("NoneType|None value", "Something is None: is a return missing? Does the tape watch it?"),
    ("ndarray' object has no attribute '_id", "A tape knows tensors and variables, no arrays."),
    ("No gradients", "Is the loss computed inside the tape's with block?"),
    ("Tensor.* has no attribute", "It is a tensor: take TensorFlow's functions, as tf.exp(x)."),
)
_ARGUMENTS = re.compile(r"\s*(?:Call a|A)rguments received by ")
_FRAME = re.compile(r'(\s*)File ".{0,500}", line \d+')
_LONG = 20_000
_MANY = 10_000_000  # numbers, more than any answer has
_SECONDS = 10  # for a call of a learner's function
_OTHER = "is not what is expected."


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
        self.state, self.message, self.kind = state, message, kind

    def __repr__(self) -> str:
        return f"{_LOOKS[self.state][0]} {self.message}"

    def _repr_html_(self) -> str:
        sign, ink, paper = _LOOKS[self.state]
        style = f"padding:.5em .8em;border-left:4px solid {ink};background:{paper};color:{ink}"
        return f'<div style="{style}">{sign} {html.escape(self.message)}</div>'

    @classmethod
    def of(cls, failed: str, seconds: float = 10):
        """Turn, as a decorator, a function that measures an answer into the verdict.

        It returns None of what is not filled in, else whether it is right, and what to say. What
        it raises, or that it takes longer than ``seconds``, is said after ``failed``.

        >>> Verdict.of("Your number can't be judged")(lambda: 1 / 0)
        ✗ Your number can't be judged: ZeroDivisionError: division by zero
        """

        def judge(measure):
            try:
                with _limit(seconds):
                    found = measure()
            except (Exception, SystemExit, _TooLong) as error:
                return _broken(error, f"{failed}:", f"{failed}: it")
            return cls("right" if found[0] else "wrong", found[1]) if found else _EMPTY

        return judge


def check_value(got, expected, what: str = "your answer", tolerance: float = 1e-5) -> Verdict:
    """Compare an answer with the expected one; return what is different, to show in the cell.

    Parameters
    ----------
    got : anything
        The learner's answer; ``...`` or None means it is not filled in.
    expected : number, str, bool, sequence, array or dict
        The right answer, of any shape; of several results a dict, each by its name in the message.
    what : str
        What to call the answer in the message.
    tolerance : float
        Largest accepted difference, relative to the expected numbers' size (at least 1).

    Examples
    --------
    >>> check_value([1.0, 2.0], [2.0, 4.0], what="the gradient")
    ✗ the gradient is 0.5 times what is expected, everywhere.
    """
    if got is None:
        return _EMPTY
    right = Verdict("right", _said(f"{what[:1].upper()}{what[1:]}", "is right."))
    return _finding(got, expected, what, tolerance) or right


def check_function(function, cases, what: str | None = None, tolerance: float = 1e-5) -> Verdict:
    """Call a learner's function; return the first thing that is wrong, or that all is right.

    A call that takes longer than ten seconds is ended, where the system can; one that changes an
    array it is given is wrong.

    Parameters
    ----------
    function : callable
        The learner's function; if it returns ``...``, or holds nothing, it is not filled in.
    cases : list of (arguments, expected) or (arguments, expected, name)
        Each a tuple of arguments and the right result, as in :func:`check_value`. A name, such as
        "with a short last batch", stands in the message in place of the arguments.
    what : str, optional
        What to call the function; by default its name.
    tolerance : float
        As in :func:`check_value`.

    Examples
    --------
    >>> def double(x):
    ...     return x + 2
    >>> check_function(double, [((2,), 4), ((3,), 6)])
    ✗ double(3) is 5, expected 6.
    """
    if function is ... or function is None:
        return _EMPTY
    what = what or getattr(function, "__name__", "your function")
    if not callable(function):
        return Verdict("wrong", f"{what} is {_short(function)}, expected a function.")
    for arguments, expected, *name in cases:
        call = f"{what} {name[0]}" if name else f"{what}({', '.join(map(_short, arguments))})"
        given = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
        try:
            with _limit(_SECONDS):
                got = function(*given)
        except (Exception, SystemExit, _TooLong) as error:
            return _broken(error, f"{call} raises", call)
        if got is None:
            nothing = Verdict("wrong", f"{call} returns nothing: is a return missing?")
            return _EMPTY if _is_blank(function) else nothing
        if finding := _finding(got, expected, call, tolerance, arguments):
            return finding
        for k, (before, after) in enumerate(zip(arguments, given, strict=True), 1):
            if isinstance(before, np.ndarray) and before.tobytes() != after.tobytes():
                return Verdict("wrong", f"{call} changes argument {k} in place: work on a copy.")
    times = "the one case" if len(cases) == 1 else f"all {len(cases)} cases"
    return Verdict("right", f"{what} is right in {times}.")


class _TooLong(BaseException):
    """Ends a call; no ``except Exception`` of a learner's catches it."""


def _broken(error, raises: str, call: str) -> Verdict:
    """Say what a learner's code raised, or that it took too long."""
    if "llipsis" in str(error):
        return Verdict("empty", "Not all of it is filled in yet: some dots are left.")
    says = f"{raises} {type(error).__name__}: {reason(error)}".rstrip(": ")
    if meant := [m for sign, m in _MEANINGS if re.search(sign, says)]:
        says = f"{says.rstrip('.')}. {meant[0]}"
    return Verdict("wrong", f"{call} {error}" if isinstance(error, _TooLong) else says)


@contextlib.contextmanager
def _limit(seconds):
    """Raise _TooLong in what takes too long; not on Windows or outside the main thread."""

    def stop(*_):
        raise _TooLong(f"is still not done after {seconds:g} s: does a loop never end?")

    main = threading.current_thread() is threading.main_thread()
    quiet = warnings.catch_warnings(action="ignore"), np.errstate(all="ignore")
    with contextlib.ExitStack() as after, quiet[0], quiet[1]:  # the verdict says more
        if main and hasattr(signal, "setitimer"):
            after.callback(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, stop))
            after.callback(signal.setitimer, signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # and again, should it be caught
        yield


def _is_blank(function) -> bool:
    """Return whether a function does nothing at all, such as one whose body is three dots."""
    code = getattr(getattr(function, "python_function", function), "__code__", None)
    idle = {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP"}
    return bool(code) and {line.opname for line in dis.get_instructions(code)} <= idle


def reason(error: BaseException | str) -> str:
    """Return in one line what an error says, without TensorFlow's and Keras' internals.

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
    text = " ".join(" ".join(kept).split()).partition(". Received args: (")[0]
    # "in user code" says the kind of error again
    return re.sub(r"^[A-Z]\w{0,60}Error: ", "", text) if "in user code" in str(error) else text


_EMPTY = Verdict("empty", "Not filled in yet: replace the dots, run that cell, then this one.")


def _said(what: str, says: str) -> str:
    """Join a name and what is said of it; the verb fits a name such as "the weights of W"."""
    head = re.split(r" (?:of|after|by|in|at|for|with|from|to)\b", what)[0]
    if re.search(r"(^| )[^_ ]*[^suia_ ]s$", head):  # a call ends with a bracket; my_losses is one
        verb = says.partition(" ")[0]
        plurals = {"is": "are", "has": "have", "holds": "hold", "differs": "differ"}
        says = says.replace(verb, plurals.get(verb, verb), 1)
    return f"{what} {says}"


def _finding(got, expected, what, tolerance, arguments=()) -> Verdict | None:
    """Return None if an answer is right, else what was found."""
    if got is ...:
        return _EMPTY
    if isinstance(expected, dict):
        parts = got if isinstance(got, tuple | list) else [got]
        if len(parts) != len(expected):
            says = f"returns {len(parts)} and not {len(expected)} results: {', '.join(expected)}."
            return Verdict("wrong", f"{what} {says}", says)

        def first(names):
            how, pairs = (tolerance, arguments), zip(parts, names, strict=True)
            found = (_finding(p, expected[n], f"{n} of {what}", *how) for p, n in pairs)
            return next(filter(None, found), None)

        finding = first(expected)
        for names in itertools.permutations(expected) if finding and len(parts) < 5 else ():
            if not first(names):
                given, wanted = ", ".join(names), ", ".join(expected)
                says = f"returns the right results in another order: {given}, not {wanted}."
                return Verdict("wrong", f"{what} {says}", says)
        return finding
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            problem = _difference(got, expected, tolerance, arguments)
    except Exception:  # whatever an object does when it is read, compared or written
        text = "can't be read as numbers"
        problem = f"is a {type(got).__name__} that {text}.", f"{text}."
    return Verdict("wrong", _said(what, problem[0]), problem[1]) if problem else None


def _difference(got, expected, tolerance: float, arguments) -> tuple[str, str] | None:
    """Return None if equal, or what is different: with the numbers, and without."""
    if isinstance(expected, str | bool):
        one = np.asarray(got)[()] if getattr(got, "shape", None) == () else got
        same = np.ndim(one) == 0 and bool(one == expected)
        return None if same else (f"is {_short(got)}, expected {expected!r}.", _OTHER)
    expected = np.asarray(expected)
    if _count(got) > _MANY:
        return f"holds more than {_MANY:,} numbers, expected {expected.size:,}.", _OTHER
    given, got = got, np.asarray(got)
    if got.dtype.kind not in "fiub":
        wanted = "numbers" if expected.ndim else "a number"
        end = ": is a return missing?" if given is None else "."
        return f"is {_short(given)}, expected {wanted}{end}", "is not made of numbers."
    if got.shape != expected.shape:
        wanted = list(expected.shape) if expected.ndim else "one number"
        shapes, why = f"has shape {list(got.shape)}, expected {wanted}", "."
        if got.ndim == 2 and got.T.shape == expected.shape:
            why = ": it is transposed."
        elif got.squeeze().shape == expected.squeeze().shape:
            why = ": an axis of length 1 too many or too few."
        elif expected.ndim == 1 and got.shape == expected.shape * 2:
            why = ": a sum or difference of [n, 1] with [n] makes [n, n]."
        elif expected.ndim < got.ndim:
            why = ": is a sum or mean over an axis missing?"
        elif expected.ndim > got.ndim:
            why = ": is it one part, or a sum or mean over one axis too many?"
        return f"{shapes}{why}", f"has another shape than expected{why}"
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    if np.isnan(got).any() and not np.isnan(expected).any():
        return ("holds NaN, from 0/0, log(0)·0, ∞ − ∞ or the root of what is below 0.",) * 2
    if np.isinf(got).any() and not np.isinf(expected).any():
        return ("holds ∞, from 1/0, log(0) or an exponential of a large number.",) * 2
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    wrong = ~np.isclose(got, expected, rtol=0, atol=tolerance * scale, equal_nan=True)
    lengths = {n for a in arguments for n in getattr(a, "shape", ()) if n > 2}  # 2 is ½
    return _pattern(got, expected, wrong, tolerance * scale, lengths) if wrong.any() else None


def _count(value) -> int:
    """Return how many numbers nested sequences hold, without making an array of them."""
    if isinstance(value, list | tuple):
        return sum(map(_count, value))
    try:
        return value.size if isinstance(value, np.ndarray) else len(value)
    except TypeError:
        return 1


def _pattern(got, expected, wrong, atol: float, lengths) -> tuple[str, str]:
    """Name the mistake, if the numbers give it away: with them, and without."""

    def close(a, b):
        return np.allclose(a, b, rtol=0, atol=atol)

    def why(ratio):
        known = dict.fromkeys(lengths, "a sum where a mean belongs")
        known |= {1 / n: "a mean where a sum belongs, or divided twice" for n in lengths}
        known |= {1 / np.log(2): "log2 in place of log", 1 / np.log(10): "log10 in place of log"}
        near = [what for value, what in known.items() if abs(ratio / value - 1) < 1e-4]
        return f": is it {near[0]}?" if near else "."

    if np.abs(expected).max() > atol and close(got, -expected):
        return ("has the wrong sign.",) * 2
    if got.ndim == 2 and got.shape[0] == got.shape[1] and close(got.T, expected):
        return ("is transposed.",) * 2
    if got.ndim and close(got, 0):
        return ("is 0, everywhere.",) * 2
    here = np.abs(expected) > atol
    if here.any() and got.size > 1:
        ratio = float(np.median(got[here] / expected[here]))
        if ratio and np.isfinite(ratio) and round(ratio, 3) != 1 and close(got, ratio * expected):
            text = "what is expected, everywhere"
            return f"is {ratio:.4g} times {text}{why(ratio)}", f"is a multiple of {text} the same."
        offset = float(np.median(got - expected))
        if close(got - offset, expected):
            size = "large" if offset > 0 else "small"
            return f"is {abs(offset):.4g} too {size}, everywhere.", f"is too {size}, everywhere."
    if got.any() and close(got, np.round(expected)):
        return ("is rounded to whole numbers.",) * 2
    if got.ndim == 0:
        ratio = float(got / expected) if expected else 0.0
        text, multiple = f"is {got:.6g}, expected {expected:.6g}", "a multiple of what is expected."
        if (known := why(ratio)) != ".":
            return f"{text}{known}", f"is {multiple}"
        for times, words in ((ratio, "{} times as much"), (1 / (ratio or 1), "one part in {}")):
            if abs(times) < 1e9 and (n := round(times)) >= 2 and abs(times / n - 1) < 1e-4:
                return f"{text}: {words.format(n)}.", f"is {multiple}"
        return f"{text}.", _OTHER
    if close(np.sort(got, axis=None), np.sort(expected, axis=None)):
        return ("holds the right numbers, in another order.",) * 2
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"differs in {wrong.sum():,} of {wrong.size:,} places; the first is at index "
        f"{list(first)}: {got[first]:.6g}, expected {expected[first]:.6g}."
    ), _OTHER


def _short(value) -> str:
    """Write a value in a few characters, alike on every machine."""
    if callable(value):
        return getattr(value, "__name__", "a function")
    try:
        shape = getattr(value, "shape", None)
        if shape is not None and np.ndim(value) > 0 and np.size(value) > 4:
            start = ", ".join(f"{x:.3g}" for x in np.asarray(value[(0,) * (len(shape) - 1)])[:3])
            return f"<array {list(shape)}: {start}, …>"
        text = repr(np.asarray(value).tolist()) if shape is not None else repr(value)
    except Exception:
        text = " at 0x"
    if " at 0x" in text:  # an address, which differs from run to run
        return f"a {type(value).__name__}"
    return text if len(text) <= 40 else text[:37] + "…"
