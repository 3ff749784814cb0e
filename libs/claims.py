"""What a lesson says it measured, beside what its author measured.

A learner may change anything: a claim then says what is different, and the lesson goes on. In a
proof (``COURSE_PROOF=1``, which ``conftest.py`` and ``tools/run_notebooks.py`` set) it raises.
"""

import os
import warnings

import numpy as np

_NOTHING = object()


def claim(
    what: str,
    measured,
    low: float | None = None,
    high: float | None = None,
    *,
    equal=_NOTHING,
    within: float = 0,
    above: tuple | None = None,
    below: tuple | None = None,
    unit: str = "",
) -> None:
    """Compare what was measured with what the original had; print a line if it differs.

    For a learner nothing is raised, whatever was measured; in a proof AssertionError is.

    Parameters
    ----------
    what : str
        Its name in the lesson's words; of a condition, without bounds, the whole sentence.
    measured
        A number, an array whose every number counts, truth values, or a function that returns
        one of these, where to compute it could fail.
    low, high : float, optional
        The least and the most that the original had.
    equal, within : optional
        What it is, of any type; numbers may be off by ``within``.
    above, below : (str, float), optional
        Name and value of something else measured, which it is above or below.
    unit : str
        Written after each number; with ``"%"``, 0.5 is 50 %.

    Examples
    --------
    >>> claim("the validation accuracy", 0.97, 0.965, 0.977, unit="%")
    >>> claim("the network's error", 0.03, below=("PCA's", 0.05))
    >>> claim("every row sums to 1", True)
    """
    proof = os.environ.get("COURSE_PROOF") == "1"
    if "PYTEST_VERSION" in os.environ and not proof:
        raise RuntimeError("A proof without COURSE_PROOF=1 proves nothing: no claim would fail.")
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            value = measured() if callable(measured) else measured
            text = _difference(value, low, high, equal, within, above, below, unit)
        if text is None:
            return
        text = f"{what} {text}" if text else f"In the original, {what}. Not here."
    except Exception as error:  # whatever an object does when it is measured or written
        text = f"{what} can't be told here: {type(error).__name__}."
    text = f"{text[0].upper()}{text[1:]} What did you change?"
    if proof:
        raise AssertionError(text)
    print(f"≠ {text}")


def _difference(value, low, high, equal, within, above, below, unit) -> str | None:
    """Say how a value differs, in the words after its name; "" of a condition, None if not."""
    if equal is not _NOTHING:
        if within:
            got, expected = np.asarray(value, np.float64), np.asarray(equal, np.float64)
            same = got.shape == expected.shape and (abs(got - expected) <= within).all()
        else:
            same = value == equal
            same = bool(np.all(same)) and (not np.ndim(same) or np.shape(value) == np.shape(equal))
        return None if same else "is {}; the original had {}.".format(*_write(unit, value, equal))
    if low is high is above is below is None:
        truth = np.asarray(value)
        if truth.dtype != bool:
            return f"is {_text(value, '', 3)}, which is neither true nor false."
        return None if truth.size and truth.all() else ""
    values = np.asarray(value, np.float64)
    for other, sign, word in ((above, 1, "larger"), (below, -1, "smaller")):
        if other is not None:
            worst = sign * (sign * values).min()
            if not sign * worst > sign * float(other[1]):  # so NaN differs, too
                got, beside = _write(unit, worst, other[1])
                return f"is {got}, {other[0]} {beside}; in the original the first was the {word}."
    least, most = values.min(), values.max()
    if (low is None or least >= low) and (high is None or most <= high):
        return None
    worst = most if high is not None and not most <= high else least
    got, *bounds = _write(unit, worst, *(bound for bound in (low, high) if bound is not None))
    kind = "at least " if high is None else "at most " if low is None else ""
    return f"is {got}; the original had {kind}{' to '.join(bounds)}."


def _write(unit: str, *values) -> list[str]:
    """Write values, the first with so many digits that it looks like none of the others."""
    for digits in range(3, 18):
        texts = [_text(value, unit, digits) for value in values]
        if texts[0] not in texts[1:]:
            break
    return texts


def _text(value, unit: str, digits: int) -> str:
    """Write a number with its unit, anything else as Python does, shortened."""
    value = value if np.ndim(value) else np.asarray(value)[()]
    if not isinstance(value, int | float | np.number):
        text = f"an array {list(np.shape(value))}" if np.size(value) > 10 else f"{value}"
        text = " ".join(text.split())
        return text if len(text) < 100 else f"{text[:99]}…"
    value = float(value) * (100 if unit == "%" else 1)
    whole = value == round(value, 0) and abs(value) < 1e15
    form = ",.0f" if whole else f",.{digits - 3}f" if 1e3 <= abs(value) < 1e15 else f".{digits}g"
    return f"{value:{form}} {unit}".rstrip()
