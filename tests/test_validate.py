"""Checks of arguments: what fits comes back ready for use, all else is named."""

import math
from fractions import Fraction

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs import validate
from libs.datasets import Dataset
from libs.gif import build_gif
from libs.utils import montage

INTEGERS = st.sampled_from(["uint8", "int16", "uint16", "int32", "int64", "uint64"])
FLOATS = st.sampled_from([np.float16, np.float32, np.float64])


@given(value=st.integers(-5, 5), least=st.integers(-5, 5), form=st.sampled_from([int, float]))
def test_a_whole_number_comes_back_as_an_int(value, least, form):
    for number in (form(value), np.float32(value), np.int16(value), Fraction(value)):
        if value >= least:
            got = validate.whole(number, "n", least)
            assert (got, type(got)) == (value, int)
        else:
            with pytest.raises(ValueError, match=rf"^n must .* at least {least}, got "):
                validate.whole(number, "n", least)


@pytest.mark.parametrize(
    "value", [2.5, True, np.True_, "3", None, math.nan, math.inf, [3], np.array([3]), 3j]
)
def test_what_is_no_whole_number_is_named(value):
    with pytest.raises(ValueError, match=r"^n must be a whole number of at least 1, got "):
        validate.whole(value, "n")


@given(value=st.floats() | st.integers(-9, 9))
def test_a_number_in_range_comes_back(value):
    if 0.5 <= value <= 4:
        assert validate.number(value, "x", 0.5, 4) == value
    else:
        with pytest.raises(ValueError, match=r"^x must be a finite number from 0\.5 to 4, got "):
            validate.number(value, "x", 0.5, 4)


@pytest.mark.parametrize("value", [-0.1, 1.1, 30, math.nan, "half", None, [0.5]])
def test_what_is_no_number_in_range_is_named(value):
    with pytest.raises(ValueError, match=r"^noise must be a finite number from 0 to 1, got "):
        validate.number(value, "noise", 0, 1)
    assert validate.number(np.float32(0.5), "noise", 0, 1) == 0.5


@given(
    shape=hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4),
    dtype=st.sampled_from(["int8", "uint16", "float16", "float64", "bool", "U1", "complex64", "O"]),
)
def test_images_are_numbers_with_a_channel_axis(shape, dtype):
    array = np.zeros(shape, dtype)
    fits = len(shape) == 3 or (len(shape) == 4 and shape[-1] in (1, 3))
    if dtype in ("bool", "U1", "complex64", "O"):
        with pytest.raises(TypeError, match=r"^x must be float or integer, got "):
            validate.images(array, "x")
    elif not fits:
        with pytest.raises(ValueError, match=r"^x must have shape .*, got \[.* need \.reshape"):
            validate.images(array, "x")
    elif 0 in shape:
        with pytest.raises(ValueError, match=r"^x is empty: its shape is \["):
            validate.images(array, "x")
    else:
        got = validate.images(array, "x")
        assert got.shape == (*shape[:3], shape[3] if len(shape) == 4 else 1)
        assert np.shares_memory(got, array)


@given(
    dtype=FLOATS,
    start=hnp.arrays(np.float64, 5, elements=st.floats(0, 1)),
    steps=st.integers(-4, 4),
)
def test_rounding_beyond_an_end_is_put_back(dtype, start, steps):
    """A value a few units in the last place outside is taken as the end itself."""
    x = start.astype(dtype)
    x[0] = dtype(1) + steps * np.finfo(dtype).eps
    x[1] = steps * np.finfo(dtype).eps
    before = x.copy()
    got = validate.unit_interval(x, "x")
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, np.clip(before, 0, 1))
    np.testing.assert_array_equal(x, before)  # the caller's own array stays as it was


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_precision_rounding_is_taken_everywhere(dtype, tmp_path):
    x = (np.linspace(0, 1, 128, dtype=np.float32).reshape(2, 8, 8) * np.float32(1.0000001)).astype(
        dtype
    )
    assert x.max() > 1
    assert Dataset(x, [0, 1]).train.images.max() == 1
    assert montage(x, saveto=tmp_path / "a.png").max() == x.max()  # the range is the caller's
    assert build_gif(x, saveto=tmp_path / "a.gif").path.is_file()


@given(excess=st.floats(2e-6, 1e30), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_range_that_does_not_fit_never_looks_as_if_it_did(excess, dtype):
    for value in (-excess, 1 + excess):
        x = np.array([0, 1, value], dtype)
        with pytest.raises(
            ValueError, match=r"^x must lie in \[0, 1\], got .*Scale first"
        ) as error:
            validate.unit_interval(x, "x")
        low, high = str(error.value).split("got ")[1].split(". Scale")[0].split(" to ")
        assert float(low) < 0 or float(high) > 1


def test_what_is_not_finite_is_named_with_its_place():
    x = np.zeros((2, 3))
    x[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"^x must be finite, got nan at index \[1, 2\]: 1 of 6"):
        validate.unit_interval(x, "x")
    x[0, 1] = -np.inf
    for check in (validate.unit_interval, validate.pixels, validate.finite):
        with pytest.raises(ValueError, match=r"got -inf at index \[0, 1\]: 2 of 6"):
            check(x, "x")


@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(max_dims=3, max_side=5)),
    dtype=INTEGERS,
    real=FLOATS,
)
def test_pixels_are_the_same_in_every_type(array, dtype, real):
    np.testing.assert_array_equal(validate.pixels(array.astype(dtype), "x"), array)
    got = validate.pixels(array.astype(real) / real(255), "x")
    np.testing.assert_array_equal(got, array)
    assert got.dtype == np.uint8


@given(dtype=INTEGERS.filter(lambda dtype: dtype != "uint8"), data=st.data())
def test_integers_that_are_no_pixels_are_refused_alike(dtype, data, tmp_path_factory):
    info = np.iinfo(dtype)
    wrong = data.draw(st.integers(info.min, -1) if info.min else st.integers(256, info.max))
    images = np.zeros((2, 3, 3), dtype)
    images[1, 1, 1] = wrong
    folder = tmp_path_factory.mktemp("refused")
    for make in (
        lambda: montage(images, saveto=folder / "a.png"),
        lambda: build_gif(images, saveto=folder / "a.gif"),
    ):
        with pytest.raises(ValueError, match=r"must be integers from 0 to 255, .* got u?int"):
            make()
    assert list(folder.iterdir()) == []
    np.testing.assert_array_equal(montage(images, padding=0)[1, 4], wrong)  # unwritten: any range


@given(n=st.integers(0, 3), length=st.integers(1, 4), columns=st.integers(0, 4), dtype=FLOATS)
def test_codes_are_rows_of_one_length(n, length, columns, dtype):
    array = np.zeros((n, columns), dtype)
    if n and columns == length:
        assert validate.codes(array, "z", length) is array
        assert validate.codes(array.astype(int), "z", length).dtype == np.float64
    else:
        with pytest.raises(ValueError, match=rf"^z must have shape \[n, {length}\]"):
            validate.codes(array, "z", length)
