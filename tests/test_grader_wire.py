"""What travels between grader and sandbox arrives as it was; nothing else is let in."""

import json
import math
import socket
import struct
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.shared.wire import Channel, WireError, WireTimeout, pack, unpack

DTYPES = [np.dtype(c) for c in "?bBhHiIqQefd"]
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(...), arrays
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(st.text(), inner),
    ),
    max_leaves=20,
)


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        equal = np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return equal and a.dtype == b.dtype and a.shape == b.shape and b.flags.writeable
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@pytest.fixture(scope="module")
def ends():
    ours, theirs = socket.socketpair()
    yield Channel(ours), Channel(theirs)
    ours.close()
    theirs.close()


@settings(max_examples=150)
@given(values)
@example([np.zeros((0, 3), "f4"), np.array(2, "f4"), {"": (1, [])}, -0.0, 10**300])
def test_every_kind_arrives_as_it_was(ends, value):
    here, there = ends
    blobs = []
    here.send({"value": pack(value, blobs)}, blobs)
    said, got = there.receive(5)
    assert same(value, unpack(said["value"], got))


def test_a_view_arrives_in_order(ends):
    here, there = ends
    array, blobs = np.arange(24.0).reshape(2, 3, 4).T[::-1], []
    here.send(pack(array, blobs), blobs)
    assert same(np.ascontiguousarray(array), unpack(*there.receive(5)))


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array(["a"]), np.array([None]), b"x", 1j])
def test_other_kinds_are_refused(value):
    with pytest.raises(TypeError, match="can't be sent between the tests and your code"):
        pack(value, [])


def receive(content: bytes, seconds: float = 0.2):
    """Return what a channel makes of some bytes."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=theirs.sendall, args=(content,))
        sender.start()
        try:
            return unpack(*Channel(ours).receive(seconds))
        finally:
            ours.close()
            sender.join()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("list"), inner),
)
claims = st.fixed_dictionaries(
    {
        "array": st.integers(-2, 3) | st.text(),
        "dtype": st.sampled_from(["<f8", "|O", "|V8", "<U4", "<M8[s]", ">f4", "f8,f8", "", "|b1"]),
        "shape": st.lists(st.integers(-3, 1 << 70) | st.booleans() | st.text()) | st.integers(),
    }
)


@settings(max_examples=60)
@given(st.binary(max_size=80))
@example(struct.pack(">II", 1 << 31, 0))
@example(struct.pack(">II", 0, 1 << 31))
@example(struct.pack(">IIQ", 2, 1, 1 << 63) + b"{}")
@example(struct.pack(">II", 4, 0) + b"\xff\xfe\x00\x00")
@example(struct.pack(">II", 100_000, 0) + b"[" * 100_000)
def test_malformed_bytes_are_an_error_and_never_hang(content):
    with pytest.raises(WireError):
        receive(content, 0.02)


@settings(max_examples=150)
@given(json_values | claims, st.lists(st.binary(max_size=16), max_size=2))
@example({"array": 0, "dtype": "<f8", "shape": [1 << 31, 0]}, [b""])
@example({"array": 0, "dtype": "|b1", "shape": [0] * 40}, [b""])
@example({"array": True, "dtype": "<f8", "shape": [True]}, [b"", b"x" * 8])
def test_malformed_values_are_an_error_or_plain(said, blobs):
    said = json.loads(json.dumps(said))
    try:
        value = unpack(said, blobs)
    except WireError:
        return
    if isinstance(value, np.ndarray):
        assert value.dtype.kind in "biuf"
        assert math.prod(max(n, 1) for n in value.shape) <= 16
    else:
        assert isinstance(value, None | bool | int | float | str | list | tuple | dict)


def test_deep_and_wide_values_are_an_error():
    deep = 1
    for _ in range(100):
        deep = {"list": [deep]}
    for said in (deep, {"list": [0] * 200_000}):
        with pytest.raises(WireError, match="nested too deeply or with too many parts"):
            unpack(said, [])


def test_a_side_that_does_not_read_or_is_gone():
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    with pytest.raises(WireTimeout, match="does not read"):
        channel.send("x", [np.zeros(1 << 20)], 0.1)
    theirs.close()
    with pytest.raises(WireError, match="is gone"):
        channel.send("x")
    with pytest.raises(WireError, match="is gone"):
        channel.receive(1)
    channel.close()


def test_too_much_is_not_sent(ends):
    for message, blobs in (("x" * (17 << 20), []), ("", [np.broadcast_to(0.0, 40 << 20)])):
        with pytest.raises(ValueError, match="larger than 256 MB"):
            ends[0].send(message, blobs)


def test_what_is_meant_twice_or_large_as_a_table_is_an_error():
    one = {"array": 0, "dtype": "<f8", "shape": [2]}
    with pytest.raises(WireError, match="meant twice"):
        unpack({"list": [one] * 2}, [bytearray(16)])
    for texts in (["x" * (1 << 20), "y"], ["x" * 600_000, *["y"] * 100], ["x" * 9000] * 100):
        total = sum(map(len, texts))
        if total > 1 << 20 or max(map(len, texts)) * (len(texts) + 1) > 50 << 20:
            with pytest.raises(WireError, match="texts of more than 1 MB"):
                unpack(pack(texts, []), [])
        else:
            assert unpack(pack(texts, []), []) == texts
    with pytest.raises(WireError, match="texts of more than 1 MB"):
        unpack(pack({"x" * (1 << 20): "y"}, []), [])


@pytest.mark.parametrize("part", [b"{}", b"[]", b'{"":0}', b"0"])
def test_many_parts_are_refused_before_they_are_made(part):
    text = b"[" + b",".join([part] * 1_500_000) + b"]"
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="too many parts"):
            receive(struct.pack(">II", len(text), 0) + text, 60)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(text) + (8 << 20)
    finally:
        tracemalloc.stop()
