"""What travels between the grader and a sandbox: JSON, and arrays as raw numbers.

A message is a line of JSON with the lengths of what follows, the JSON, then the arrays' bytes.
Raw bytes with a checked dtype and shape rather than ``.npy`` files: nothing to unpickle, and no
header that claims a terabyte.
"""

import json
import math
import socket
import struct
import time
from collections import Counter

import numpy as np

JSON_LIMIT, ARRAYS_LIMIT, ITEMS_LIMIT, DEPTH_LIMIT = 16 << 20, 256 << 20, 100_000, 30
_WHERE = "between the tests and your code"
TEXT_LIMIT = 1 << 20  # characters of all the texts in a value
TABLE_LIMIT = 50 << 20  # characters of an array of texts, where the longest tells the room of each
PARTS_LIMIT = 1_000_000  # of a message's JSON, where each takes up to 250 bytes
_DTYPES = {np.dtype(c).str for c in "?bBhHiIlLqQefdFD"}


class WireError(Exception):
    """The other side is gone, or sent what it must not; the message says what."""


class WireTimeout(WireError):
    """No complete message within the time."""


class Channel:
    """One end of a connection that carries messages.

    Parameters
    ----------
    connection : socket.socket
        A stream socket; the channel owns it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, message, arrays=(), seconds: float | None = None) -> None:
        """Send JSON and arrays.

        Parameters
        ----------
        message : anything JSON can say
        arrays : sequence of numpy.ndarray
            Numbers or booleans.
        seconds : float, optional
            Give up after that long.

        Raises
        ------
        WireError
            The other side is gone or does not read.
        ValueError
            The message is larger than the other side takes.
        """
        text = json.dumps(message).encode()
        if len(text) > JSON_LIMIT or sum(a.nbytes for a in arrays) > ARRAYS_LIMIT:
            raise ValueError(f"data larger than {ARRAYS_LIMIT >> 20} MB can't be sent {_WHERE}")
        blobs = [np.ascontiguousarray(a).tobytes() for a in arrays]
        head = struct.pack(f">II{len(blobs)}Q", len(text), len(blobs), *map(len, blobs))
        self.connection.settimeout(seconds)
        try:
            self.connection.sendall(b"".join([head, text, *blobs]))
        except TimeoutError:
            raise WireTimeout("does not read what it is sent") from None
        except OSError:
            raise WireError("is gone") from None

    def receive(self, seconds: float | None = None):
        """Wait for a message.

        Parameters
        ----------
        seconds : float, optional
            For the whole of it.

        Returns
        -------
        message : dict, list, str, number, bool or None
        blobs : list of bytearray
            Of the arrays.

        Raises
        ------
        WireTimeout
            Not within the time.
        WireError
            The other side is gone, or its message is malformed or too large.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        length, count = struct.unpack(">II", self._read(8, deadline))
        if length > JSON_LIMIT or count > 10_000:
            raise WireError(f"sent more than {JSON_LIMIT >> 20} MB of text, or too many arrays")
        sizes = struct.unpack(f">{count}Q", self._read(8 * count, deadline))
        if sum(sizes) > ARRAYS_LIMIT:
            raise WireError(f"sent arrays of more than {ARRAYS_LIMIT >> 20} MB")
        text = self._read(length, deadline)
        # in texts, too, but none that is kept holds so many
        if sum(text.count(sign) for sign in b"[{,:") > PARTS_LIMIT:
            raise WireError("sent something with too many parts")
        blobs = [self._read(size, deadline) for size in sizes]
        try:
            return json.loads(text), blobs
        except (ValueError, RecursionError):
            raise WireError("sent something that is not JSON") from None

    def _read(self, size: int, deadline: float | None) -> bytearray:
        content, got = bytearray(size), 0
        view = memoryview(content)
        while got < size:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise WireTimeout("gave no answer in time")
            self.connection.settimeout(left)
            try:
                count = self.connection.recv_into(view[got:])
            except TimeoutError:
                raise WireTimeout("gave no answer in time") from None
            except OSError:
                count = 0
            if not count:
                raise WireError("is gone")
            got += count
        return content

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def pack(value, arrays: list, special=lambda value: None):
    """Turn a value into JSON; put its arrays into a list.

    Parameters
    ----------
    value : None, bool, int, float, str, array, or lists, tuples and dicts of these
    arrays : list
        Arrays are appended here.
    special : callable
        Is asked about each other kind; returns an array, what JSON can say, or None.

    Raises
    ------
    TypeError
        A kind that can't be sent.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if value is ...:
        return {"kind": "dots"}
    if type(value) in (int, float):
        return value if isinstance(value, int) or math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list | tuple):
        return {type(value).__mro__[-2].__name__: [pack(v, arrays, special) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[str(k), pack(v, arrays, special)] for k, v in value.items()]}
    if not isinstance(value, np.ndarray | np.generic):
        found = special(value)
        if isinstance(found, np.ndarray):
            value = found
        elif found is not None:
            return found
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.str not in _DTYPES:
            raise TypeError(f"an array of {array.dtype} can't be sent {_WHERE}")
        arrays.append(array)
        return {"array": len(arrays) - 1, "dtype": array.dtype.str, "shape": list(array.shape)}
    raise TypeError(f"a value of type {type(value).__name__} can't be sent {_WHERE}")


def unpack(packed, blobs: list, special=lambda packed: None, depth: int = 0, count=None):
    """Turn what :func:`pack` made into plain values, trusting nothing.

    Parameters
    ----------
    packed : anything JSON can say
    blobs : list of bytearray
        Each array may be meant once; it is taken out.
    special : callable
        Is asked about each other kind; returns the value, or None.

    Raises
    ------
    WireError
        It is not what pack makes.
    """
    count = count if count is not None else Counter()
    count["parts"] += 1
    if depth > DEPTH_LIMIT or count["parts"] > ITEMS_LIMIT:
        raise WireError("sent something nested too deeply or with too many parts")
    _count_text(packed if isinstance(packed, str) else "", count)
    if packed is None or isinstance(packed, bool | int | float | str):
        return packed
    if not isinstance(packed, dict):
        raise WireError("sent a malformed value")

    def inner(part):
        return unpack(part, blobs, special, depth + 1, count)

    match packed:
        case {"kind": "dots"}:
            return ...
        case {"float": "nan" | "inf" | "-inf" as text}:
            return float(text)
        case {"list": list(parts)}:
            return [inner(part) for part in parts]
        case {"tuple": list(parts)}:
            return tuple(inner(part) for part in parts)
        case {"dict": list(parts)} if all(
            isinstance(p, list) and len(p) == 2 and isinstance(p[0], str) for p in parts
        ):
            for key, _ in parts:
                _count_text(key, count)
            return {key: inner(part) for key, part in parts}
        case {"array": int(index), "dtype": str(dtype), "shape": list(shape)}:
            return _array(index, dtype, shape, blobs)
    found = special(packed)
    if found is None:
        raise WireError("sent a malformed value")
    return found


def _count_text(text: str, count: Counter) -> None:
    count["characters"] += len(text)
    count["longest"] = max(count["longest"], len(text))
    if count["characters"] > TEXT_LIMIT or count["longest"] * count["parts"] > TABLE_LIMIT:
        raise WireError(f"sent texts of more than {TEXT_LIMIT >> 20} MB")


def _array(index: int, dtype: str, shape: list, blobs: list) -> np.ndarray:
    if dtype not in _DTYPES or not 0 <= index < len(blobs) or len(shape) > 32:
        raise WireError("sent a malformed array")
    if (content := blobs[index]) is None:
        raise WireError("sent an array that is meant twice")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise WireError("sent an array of a malformed shape")
    # an empty array may not be long in another direction: a sum along it would be
    if math.prod(max(n, 1) for n in shape) * np.dtype(dtype).itemsize > ARRAYS_LIMIT:
        raise WireError("sent an array of a malformed shape")
    if math.prod(shape) * np.dtype(dtype).itemsize != len(content):
        raise WireError("sent an array whose shape and size differ")
    blobs[index] = None
    return np.frombuffer(content, dtype).reshape(shape)
