"""Montages, the linear layer, masking noise, grids of the latent plane."""

import hypothesis.extra.numpy as hnp
import imageio.v3 as iio
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from libs.utils import corrupt, grid_assignment, latent_grid, linear, montage, montage_filters

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
    fill = 0.5 if images.dtype.kind == "f" else 128
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
        ([np.zeros((2, 2)), np.zeros((3, 3))], {}, ValueError, r"must all have the same shape"),
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
    shape=hnp.array_shapes(min_dims=2, max_dims=2, max_side=4),
    n_output=st.integers(2, 5),
)
def test_linear_is_a_matrix_product(shape, n_output):
    x = np.random.default_rng(0).random(shape, np.float32)
    h, W = linear(keras.ops.convert_to_tensor(x), n_output)
    np.testing.assert_allclose(h, x @ W.numpy(), atol=1e-5)  # the bias starts at zero
    limit = np.sqrt(6 / sum(W.shape))
    assert (np.abs(W.numpy()) <= limit).all()


def test_linear_builds_a_model_from_an_input():
    x = keras.Input((784,))
    hidden, W1 = linear(x, 30, name="hidden")
    logits, W2 = linear(keras.ops.relu(hidden), 10, name="logits")
    model = keras.Model(x, logits)
    assert model.count_params() == 784 * 30 + 30 + 30 * 10 + 10
    assert model.get_layer("hidden").kernel is W1
    assert tuple(W2.shape) == (30, 10)
    images = np.random.default_rng(0).random((4, 784), np.float32)
    by_hand = np.maximum(images @ W1.numpy(), 0) @ W2.numpy()
    np.testing.assert_allclose(model(images), by_hand, atol=1e-5)


@pytest.mark.parametrize("x", [np.zeros(3), keras.Input((28, 28)), keras.Input((None,))])
def test_linear_names_a_bad_input(x):
    with pytest.raises(ValueError, match=r"x must have shape \[batch, features\], got .*Flatten"):
        linear(x, 2)


@pytest.mark.parametrize("n_output", [0, -1, 2.5, True])
def test_linear_names_a_bad_number_of_units(n_output):
    with pytest.raises(ValueError, match=r"n_output must be a whole number of at least 1, got"):
        linear(np.zeros((1, 2)), n_output)


# --- corrupt --------------------------------------------------------------------------------------


@given(
    images=hnp.arrays(
        st.sampled_from(["uint8", "int64", "float32", "float64"]),
        hnp.array_shapes(max_dims=4, max_side=6),
        elements=st.integers(1, 200),
    ),
    noise=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_a_masked_pixel_is_0_and_any_other_as_it_was(images, noise, seed):
    before = images.copy()
    masked = corrupt(images, noise, seed)
    assert masked.dtype == images.dtype
    assert ((masked == 0) | (masked == images)).all()
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(masked, corrupt(images, noise, seed))
    np.testing.assert_array_equal(corrupt(images, 0), images)
    assert not corrupt(images, 1).any()


@pytest.mark.parametrize("noise", [0.1, 0.5, 0.9])
def test_that_share_of_pixels_is_masked_independently(noise):
    kept = corrupt(np.ones((500, 400), np.float32), noise)
    assert kept.mean() == pytest.approx(1 - noise, abs=0.005)  # 4.5 standard deviations or more
    neighbours = np.corrcoef(kept[:, 1:].ravel(), kept[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.01
    other = corrupt(np.ones((500, 400), np.float32), noise, seed=1)
    assert abs(np.corrcoef(kept.ravel(), other.ravel())[0, 1]) < 0.01


@pytest.mark.parametrize(
    ("images", "noise", "error", "message"),
    [
        (np.ones(3), -0.1, ValueError, r"noise must be a finite number from 0 to 1, got -0\.1"),
        (np.ones(3), 30, ValueError, r"got 30"),
        (np.ones(3), np.nan, ValueError, r"got nan"),
        (["a"], 0.5, TypeError, r"images must be float or integer"),
        (np.ones(3, bool), 0.5, TypeError, r"got bool"),
    ],
)
def test_bad_noise_is_named(images, noise, error, message):
    with pytest.raises(error, match=message):
        corrupt(images, noise)


# --- latent_grid ----------------------------------------------------------------------------------


@given(n=st.integers(1, 30))
def test_the_grid_holds_the_gaussians_quantiles(n):
    codes = latent_grid(n)
    assert codes.shape == (n * n, 2)
    assert codes.dtype == np.float32
    columns, rows = codes.reshape(n, n, 2).transpose(2, 0, 1)
    quantiles = norm.ppf((np.arange(n) + 0.5) / n)
    np.testing.assert_allclose(columns, np.tile(quantiles, (n, 1)), atol=1e-6)
    np.testing.assert_allclose(rows, np.tile(quantiles[::-1, None], (1, n)), atol=1e-6)


def test_a_montage_of_the_grid_looks_like_a_scatter_plot():
    """Each code is decoded to one pixel: x grows to the right, y to the top."""
    codes = latent_grid(7)
    for axis, picture in enumerate(codes.T):
        canvas = montage(picture.reshape(-1, 1, 1), padding=0)
        assert (np.diff(canvas, axis=1) > 0).all() == (axis == 0)
        assert (np.diff(canvas, axis=0) < 0).all() == (axis == 1)


@pytest.mark.parametrize("n", [0, -3, 2.5, True])
def test_a_bad_number_of_rows_is_named(n):
    with pytest.raises(ValueError, match="n must be a whole number of at least 1, got"):
        latent_grid(n)


# --- grid_assignment ------------------------------------------------------------------------------

# whole numbers, so that shifts and scales leave equal coordinates equal
SQUARES = st.integers(1, 6).flatmap(
    lambda side: hnp.arrays(np.float64, (side**2, 2), elements=st.integers(-50, 50))
)


def total_cost(codes, order):
    """Return the sum of squared distances, in ranks, from the points to their places."""
    side = round(len(codes) ** 0.5)
    below = (codes[:, None] > codes[None]).mean(axis=1)
    not_above = (codes[:, None] >= codes[None]).mean(axis=1)
    ranks = (below + not_above) / 2
    places = norm.cdf(latent_grid(side))  # the centres of the cells of the unit square
    return ((ranks[order] - places) ** 2).sum()


@given(codes=SQUARES, seed=st.integers(0, 9))
def test_no_other_assignment_is_better(codes, seed):
    order = grid_assignment(codes)
    n = len(codes)
    assert sorted(order) == list(range(n))
    best = total_cost(codes, order)
    rng = np.random.default_rng(seed)
    for _ in range(10):
        assert best <= total_cost(codes, rng.permutation(n)) + 1e-9
        i, j = rng.integers(n, size=2)
        swapped = order.copy()
        swapped[[i, j]] = swapped[[j, i]]
        assert best <= total_cost(codes, swapped) + 1e-9
    rows_first = np.concatenate(  # greedy: cut into rows by y, then order each row by x
        [
            row[np.argsort(codes[row, 0], kind="stable")]
            for row in np.split(np.argsort(-codes[:, 1], kind="stable"), round(n**0.5))
        ]
    )
    assert best <= total_cost(codes, rows_first) + 1e-9


@given(
    codes=SQUARES,
    scale=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    shift=st.tuples(st.integers(-99, 99), st.integers(-99, 99)),
)
def test_scale_and_place_do_not_matter(codes, scale, shift):
    moved = codes * np.array(scale) + np.array(shift)
    np.testing.assert_array_equal(grid_assignment(moved), grid_assignment(codes))
    np.testing.assert_array_equal(grid_assignment(np.arctan(codes)), grid_assignment(codes))


@given(side=st.integers(1, 12), seed=st.integers(0, 9))
def test_points_on_a_grid_stay_in_place(side, seed):
    for grid in (latent_grid(side), norm.cdf(latent_grid(side)) * [8, 1] - [3, 0]):
        np.testing.assert_array_equal(grid_assignment(grid), np.arange(side**2))
        shuffled = np.random.default_rng(seed).permutation(side**2)
        order = grid_assignment(grid[shuffled])
        np.testing.assert_array_equal(shuffled[order], np.arange(side**2))


def test_neighbours_stay_neighbours():
    """Nine hundred points in four heaps: each quarter of the square gets one."""
    rng = np.random.default_rng(0)
    heap = np.repeat(np.arange(4), 225)
    middle = np.array([[-20, 20], [20, 20], [-20, -20], [20, -20]])
    codes = middle[heap] + rng.normal(size=(900, 2))
    quarters = heap[grid_assignment(codes)].reshape(2, 15, 2, 15).transpose(0, 2, 1, 3)
    for k, quarter in enumerate(quarters.reshape(4, -1)):
        assert (quarter == k).mean() > 0.95  # some give way along the borders


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((10, 2)), r"10 points fill no .* codes\[:9\]"),
        (np.zeros((4, 3)), r"shape \[n, 2\], .* got \[4, 3\]\. .* codes\[:, \[0, 1\]\]"),
        (np.zeros((0, 2)), r"got \[0, 2\]"),
        (np.zeros(4), r"got \[4\]"),
        ([[0, 1], [2]], r"must all have the same shape"),
        (np.array([[0, 1], [np.nan, 1], [0, np.inf], [0, 0]]), r"2 of 8 numbers are NaN"),
    ],
)
def test_codes_that_fit_no_grid_are_named(codes, message):
    with pytest.raises(ValueError, match=message):
        grid_assignment(codes)
