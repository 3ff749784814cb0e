"""Checks of arguments: each returns the value ready for use, or says how to mend it.

``name`` is what the caller's argument is called; every message starts with it.
"""

import numpy as np


def whole(value, name: str, least: int = 1) -> int:
    """Return a whole number of at least ``least`` as an int; 2.0 is one, True is not.

    Raises ValueError for anything else.
    """
    try:
        fits = np.ndim(value) == 0 and not isinstance(value, bool | np.bool_)
        fits = fits and int(value) == value and value >= least
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return int(value)


def number(value, name: str, low: float, high: float) -> float:
    """Return a finite number from ``low`` to ``high``; raise ValueError for anything else."""
    try:
        fits = np.ndim(value) == 0 and low <= value <= high and np.isfinite(value)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(f"{name} must be a finite number from {low} to {high}, got {value!r}.")
    return float(value)


def numeric(array, name: str) -> np.ndarray:
    """Return an array of floats or integers, not copied where that can be helped.

    Raises ValueError if its parts differ in shape, TypeError if it holds anything but numbers.
    """
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise ValueError(f"{name} must all have the same shape; {error}.") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be float or integer, got {array.dtype}.")
    return array


def finite(array: np.ndarray, name: str) -> np.ndarray:
    """Return ``array``; raise ValueError, with the place, if it holds NaN or infinity."""
    fits = np.isfinite(array)
    if not fits.all():
        place = np.argwhere(~fits)[0].tolist()
        bad = f"{array.size - fits.sum():,} of {array.size:,} numbers are NaN or infinite."
        raise ValueError(f"{name} must be finite, got {array.item(*place)} at index {place}: {bad}")
    return array


def images(array, name: str) -> np.ndarray:
    """Return images of any number type as ``[n, height, width, channels]``, 1 or 3 channels.

    Raises TypeError if they are not numbers; ValueError if there is none, they differ in shape,
    or the shape is not ``[n, height, width]``, with or without channels.
    """
    array = numeric(array, name)
    shape = array.shape
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[-1] not in (1, 3):
        shapes = "[n, height, width], [n, height, width, 1] or [n, height, width, 3]"
        hint = "Flat images need .reshape(-1, height, width) first."
        raise ValueError(f"{name} must have shape {shapes}, got {list(shape)}. {hint}")
    return _filled(array, name)


def unit_interval(array, name: str) -> np.ndarray:
    """Return floats in ``[0, 1]``; what rounding has put beyond an end is put back.

    Raises TypeError if they are not float; ValueError if there is none, or one is NaN, infinite
    or outside ``[0, 1]``.
    """
    array = _filled(numeric(array, name), name)
    if array.dtype.kind != "f":
        hint = "Divide pixels from 0 to 255 by 255 first."
        raise TypeError(f"{name} must be float in [0, 1], got {array.dtype}. {hint}")
    low, high = array.min(), array.max()
    if low >= 0 and high <= 1:  # NaN fails too
        return array
    finite(array, name)
    slack = max(1e-6, 4 * float(np.finfo(array.dtype).eps))
    if low < -slack or high > 1 + slack:
        got = f"got {_digits(low)} to {_digits(high)}. Scale first: pixels as x / 255"
        other = "anything else as (x - x.min()) / (x.max() - x.min())"
        raise ValueError(f"{name} must lie in [0, 1], {got}, {other}.")
    return np.clip(array, 0, 1)


def pixels(array, name: str) -> np.ndarray:
    """Return pixels as uint8, from float in ``[0, 1]`` or any integers from 0 to 255.

    Raises TypeError if they are not numbers; ValueError if there is none or one is out of range.
    """
    array = _filled(numeric(array, name), name)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "f":
        levels = np.asarray(unit_interval(array, name) * 255)
        return np.rint(levels, out=levels).astype(np.uint8)  # in place: memory costs more than sums
    if array.min() < 0 or array.max() > 255:
        wanted = "integers from 0 to 255, or float in [0, 1]"
        got = f"{array.dtype} from {array.min()} to {array.max()}"
        raise ValueError(f"{name} must be {wanted}, got {got}.")
    return array.astype(np.uint8)


def codes(array, name: str, length: int = 2) -> np.ndarray:
    """Return codes as finite floats ``[n, length]``, not copied where that can be helped.

    Raises TypeError if they are not numbers; ValueError if there is none, their shape is another,
    or a number is not finite.
    """
    array = numeric(array, name)
    if array.ndim != 2 or array.shape[1] != length or not len(array):
        hint = "Choose two columns of longer codes: codes[:, [0, 1]]." if length == 2 else ""
        raise ValueError(
            f"{name} must have shape [n, {length}], one code a row, got {list(array.shape)}. {hint}"
        )
    return finite(array if array.dtype.kind == "f" else array.astype(np.float64), name)


def _filled(array: np.ndarray, name: str) -> np.ndarray:
    """Return ``array`` if it holds anything."""
    if not array.size:
        raise ValueError(f"{name} is empty: its shape is {list(array.shape)}.")
    return array


def _digits(value) -> str:
    """Write a number with so many digits that it doesn't look like 0 or 1 if it is neither."""
    text = f"{value:.4g}"
    return text if float(text) not in (0, 1) or value in (0, 1) else f"{value:.9g}"
