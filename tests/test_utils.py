"""Montages and the linear layer."""

import hypothesis.extra.numpy as hnp
import imageio.v3 as iio
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.utils import linear, montage, montage_filters

DTYPES = st.sampled_from(["uint8", "int16", "int64", "float16", "float32", "float64"])
STACKS = st.one_of(
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=9),
    st.builds(
        lambda shape, channels: (*shape, channels),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=9),
        st.sampled_from([1, 3]),
    ),
).flatmap(lambda shape: DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, shape)))


def slow_montage(images, padding, columns, fill):
    """Make a montage the plain way, one image at a time."""
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    shape = (rows * (height + padding) + padding, columns * (width + padding) + padding)
    canvas = np.full(shape + images.shape[3:], fill, images.dtype)
    for i, image in enumerate(images):
        y = padding + (i // columns) * (height + padding)
        x = padding + (i % columns) * (width + padding)
        canvas[y : y + height, x : x + width] = image
    return canvas


@given(images=STACKS, padding=st.integers(0, 3), columns=st.none() | st.integers(1, 12))
def test_montage_loses_nothing(images, padding, columns):
    canvas = montage(images, padding, columns=columns)
    assert canvas.dtype == images.dtype
    assert canvas.ndim == (3 if images.shape[-1] == 3 and images.ndim == 4 else 2)
    n, height, width = images.shape[:3]
    columns = columns or int(np.ceil(np.sqrt(n)))
    for i in range(n):  # the inverse: cut each image out again
        y = padding + (i // columns) * (height + padding)
        x = padding + (i % columns) * (width + padding)
        cut = canvas[y : y + height, x : x + width]
        np.testing.assert_array_equal(cut.reshape(images[i].shape), images[i])


@given(images=STACKS, padding=st.integers(0, 3), columns=st.integers(1, 12))
def test_montage_equals_the_plain_double_loop(images, padding, columns):
    fill = 0.5 if images.dtype.kind == "f" else round(0.5 * np.iinfo(images.dtype).max)
    expected = slow_montage(images, padding, columns, fill)
    got = montage(images, padding, columns=columns)
    np.testing.assert_array_equal(
        got, expected.squeeze(-1) if expected.shape[2:] == (1,) else expected
    )


def test_montage_is_as_square_as_it_can_be():
    assert montage(np.zeros((100, 28, 28)), padding=0).shape == (280, 280)
    assert montage(np.zeros((5, 2, 2)), padding=0).shape == (4, 6)
    assert montage(np.zeros((1, 2, 3)), padding=1).shape == (4, 5)


def test_montage_writes_a_file_only_when_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).random((7, 5, 4, 3))
    montage(images)
    assert list(tmp_path.iterdir()) == []
    canvas = montage(images, saveto="new/grid.png")
    np.testing.assert_array_equal(iio.imread("new/grid.png"), np.rint(canvas * 255))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["grid.png"]


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "grid.png"
    montage(np.zeros((1, 2, 2)), saveto=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got 0\.5 to 7"):
        montage(np.full((1, 2, 2), 7.0), saveto=path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["grid.png"]


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        (np.zeros((3, 784)), {}, ValueError, r"got \[3, 784\]\. Flat images need \.reshape"),
        (np.zeros((3, 4, 4, 2)), {}, ValueError, r"got \[3, 4, 4, 2\]"),
        (np.zeros((0, 4, 4)), {}, ValueError, r"images is empty"),
        ([np.zeros((2, 2)), np.zeros((3, 3))], {}, ValueError, r"must all have one shape"),
        (np.array([[["a"]]]), {}, TypeError, r"images must be float or integer"),
        (np.zeros((1, 2, 2), bool), {}, TypeError, r"images must be float or integer, got bool"),
        (np.zeros((1, 2, 2)), {"padding": -1}, ValueError, r"padding .* got -1"),
        (np.zeros((1, 2, 2)), {"columns": 0}, ValueError, r"columns .* got 0"),
        (np.zeros((1, 2, 2)), {"fill": 128}, ValueError, r"fill .* got 128"),
    ],
)
def test_bad_montages_are_named(images, options, error, message):
    with pytest.raises(error, match=message):
        montage(images, **options)


@given(
    W=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=4, max_dims=4, max_side=5),
        elements=st.floats(-2, 2, width=32),
    )
)
def test_every_kernel_stands_in_its_place(W):
    canvas = montage_filters(W)
    height, width, n_in, n_out = W.shape
    columns = n_out if n_in > 1 else int(np.ceil(np.sqrt(n_out)))
    for i in range(n_in):
        for o in range(n_out):
            row, column = divmod(i * n_out + o, columns)
            y, x = 1 + row * (height + 1), 1 + column * (width + 1)
            np.testing.assert_array_equal(canvas[y : y + height, x : x + width], W[:, :, i, o])
    assert (canvas[0] == 0).all()


def test_montage_filters_takes_a_layers_kernel():
    layer = keras.layers.Conv2D(6, 5)
    layer.build((None, 28, 28, 1))
    assert montage_filters(layer.kernel).shape == (2 * 6 + 1, 3 * 6 + 1)
    with pytest.raises(ValueError, match=r"W must have shape .* layer\.kernel"):
        montage_filters(np.zeros((5, 5)))


# --- linear ---------------------------------------------------------------------------------------


@given(
    shape=hnp.array_shapes(min_dims=2, max_dims=4, max_side=4),
    n_output=st.integers(2, 5),
    activation=st.sampled_from([None, "relu", "softmax"]),
)
def test_linear_is_a_matrix_product(shape, n_output, activation):
    x = np.random.default_rng(0).random(shape, np.float32)
    h, W = linear(x, n_output, activation=activation)
    expected = x.reshape(len(x), -1) @ W.numpy()  # the bias starts at zero
    if activation:
        expected = keras.activations.get(activation)(expected)
    np.testing.assert_allclose(h, expected, atol=1e-5)
    limit = np.sqrt(6 / sum(W.shape))
    assert (np.abs(W.numpy()) <= limit).all()


def test_linear_builds_a_model_from_an_input():
    x = keras.Input((28, 28, 1))
    hidden, W1 = linear(x, 30, name="hidden", activation="relu")
    logits, W2 = linear(hidden, 10, name="logits")
    model = keras.Model(x, logits)
    assert model.count_params() == 784 * 30 + 30 + 30 * 10 + 10
    assert model.get_layer("hidden").kernel is W1
    assert tuple(W2.shape) == (30, 10)
    images = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    by_hand = np.maximum(images.reshape(4, -1) @ W1.numpy(), 0) @ W2.numpy()
    np.testing.assert_allclose(model(images), by_hand, atol=1e-5)


def test_linear_takes_lists_and_integers():
    h, W = linear([[1, 2], [3, 4]], 2)
    np.testing.assert_allclose(h, np.array([[1, 2], [3, 4]]) @ W.numpy(), rtol=1e-6)


@pytest.mark.parametrize("x", [np.zeros(3), 1.0, keras.Input((None, 3))])
def test_linear_names_a_bad_input(x):
    with pytest.raises(ValueError, match=r"x must have shape \[batch, \.\.\.\]"):
        linear(x, 2)


@pytest.mark.parametrize("n_output", [0, -1, 2.5, True])
def test_linear_names_a_bad_number_of_units(n_output):
    with pytest.raises(ValueError, match=r"n_output must be a positive whole number, got"):
        linear(np.zeros((1, 2)), n_output)
