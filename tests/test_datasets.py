"""Data sets: the published ones, a learner's own arrays, batches, and what is wrong with them."""

import hashlib

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.datasets import MNIST, Dataset, FashionMNIST, Split, _sizes


@pytest.fixture(scope="module")
def mnist():
    return MNIST()


# --- the published sets -----------------------------------------------------------------------


def test_mnist_has_the_standard_partition(mnist):
    assert mnist.X.shape == (70_000, 784)
    assert mnist.X.dtype == np.float32
    assert (mnist.X.min(), mnist.X.max()) == (0, 1)
    assert mnist.Y.shape == (70_000, 10)
    assert [len(part) for part in (mnist.train, mnist.valid, mnist.test)] == [55_000, 5_000, 10_000]
    # file order: validation is the first 5,000 of the 60,000
    assert np.shares_memory(mnist.valid.images, mnist.X[:5_000])
    assert np.shares_memory(mnist.train.images, mnist.X[5_000:60_000])
    assert np.shares_memory(mnist.test.images, mnist.X[60_000:])


def test_mnist_is_the_real_one(mnist):
    counts = np.bincount(mnist.test.labels.argmax(axis=1)).tolist()
    assert counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.valid.labels[:10].argmax(axis=1).tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].argmax(axis=1).tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    pixels = np.rint(mnist.X * 255).astype(np.uint8)
    assert np.array_equal(mnist.X, pixels / np.float32(255))
    # the mean and deviation that are quoted for the 60,000 everywhere
    assert pixels[:60_000].mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert pixels[:60_000].std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_fashion_mnist_is_balanced_and_named():
    fashion = FashionMNIST(one_hot=False)
    assert fashion.Y.dtype == np.int32
    assert np.bincount(fashion.test.labels).tolist() == [1000] * 10
    assert fashion.class_names[fashion.valid.labels[0]] == "Ankle boot"


def test_a_split_of_mnist_is_disjoint_and_complete(mnist):
    cut = MNIST(one_hot=False, split=[0.8, 0.1, 0.1], seed=3)
    assert [len(part) for part in (cut.train, cut.valid, cut.test)] == [56_000, 7_000, 7_000]

    def digests(X):
        return sorted(hashlib.md5(row.tobytes()).digest() for row in X)

    assert digests(cut.X) == digests(mnist.X)
    assert np.array_equal(
        cut.X, np.concatenate([cut.train.images, cut.valid.images, cut.test.images])
    )
    again = MNIST(one_hot=False, split=[0.8, 0.1, 0.1], seed=3)
    assert np.array_equal(cut.Y, again.Y)
    other = MNIST(one_hot=False, split=[0.8, 0.1, 0.1], seed=4)
    assert not np.array_equal(cut.Y, other.Y)


def test_mean_and_deviation_are_those_of_numpy(mnist):
    part, exact = mnist.valid, mnist.valid.images.astype(np.float64)
    np.testing.assert_allclose(part.mean(), exact.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(part.std(), exact.std(axis=0), atol=1e-6)
    assert mnist.train.mean().shape == mnist.train.std().shape == (784,)


# --- batches ------------------------------------------------------------------------------------


@given(n=st.integers(1, 60), batch_size=st.integers(1, 80))
def test_an_epoch_holds_each_sample_exactly_once(n, batch_size):
    data = Dataset(np.linspace(0, 1, n)[:, None], np.arange(n))
    batches = list(data.train.next_batch(batch_size))
    assert sorted(np.concatenate([labels for _, labels in batches]).tolist()) == list(range(n))
    assert all(len(images) == batch_size for images, _ in batches[:-1])
    assert 1 <= len(batches[-1][0]) <= batch_size
    for images, labels in batches:
        np.testing.assert_array_equal(images, data.train.images[labels])


def test_each_epoch_has_a_new_order_that_the_seed_repeats():
    def epochs(seed):
        data = Dataset(np.zeros((50, 1)), np.arange(50), seed=seed)
        return [np.concatenate([y for _, y in data.train.next_batch(7)]).tolist() for _ in range(3)]

    first, second, third = epochs(1)
    assert first != second != third != first
    assert epochs(1) == [first, second, third]
    assert epochs(2)[0] != first


def test_the_parts_of_a_set_have_orders_of_their_own():
    data = MNIST(one_hot=False, split=[0.4, 0.4, 0.2])
    first, second = (part._rng.permutation(90).tolist() for part in (data.train, data.valid))
    assert first != second


@pytest.mark.parametrize("with_labels", [True, False])
def test_as_tf_gives_the_same_batches(with_labels):
    def make():
        return Split(np.linspace(0, 1, 23)[:, None], np.arange(23) if with_labels else None, 0)

    pipeline = make().as_tf(5)
    assert len(pipeline) == 5
    own = make()
    for _ in range(2):  # two epochs, two orders
        expected = list(own.next_batch(5))
        for got, (images, labels) in zip(pipeline, expected, strict=True):
            np.testing.assert_array_equal(got[0] if with_labels else got, images)
            if with_labels:
                np.testing.assert_array_equal(got[1], labels)


@pytest.mark.parametrize("batch_size", [0, -3, 2.5, True])
def test_a_bad_batch_size_is_named_at_once(batch_size):
    data = Dataset(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(ValueError, match=r"batch_size must be a whole number of at least 1, got"):
        data.train.next_batch(batch_size)
    with pytest.raises(ValueError, match=r"batch_size"):
        data.train.as_tf(batch_size)


def test_an_empty_part_gives_no_batches_and_no_mean():
    part = Split(np.zeros((0, 1)), None, 0)
    assert list(part.next_batch()) == []
    with pytest.raises(ValueError, match="empty"):
        part.mean()


# --- a learner's own arrays -----------------------------------------------------------------------


@given(
    X=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6),
        elements=st.floats(0, 1, width=32),
    )
)
def test_samples_are_flattened(X):
    Y = np.arange(len(X))
    part = Dataset(X, Y).train
    assert part.images.dtype == np.float32
    np.testing.assert_array_equal(part.images, X.reshape(len(X), -1).astype(np.float32))
    assert part.labels is Y


@given(
    n=st.integers(1, 200),
    shares=st.lists(st.integers(0, 10), min_size=3, max_size=3).filter(any),
)
def test_a_split_loses_nothing(n, shares):
    split = [share / sum(shares) for share in shares]
    sizes = _sizes(split, n)
    assert sum(sizes) == n
    for size, share in zip(sizes, split, strict=True):
        assert size >= 0
        assert abs(size - share * n) <= 1


@pytest.mark.parametrize(
    ("split", "got"),
    [
        ([0.8, 0.1, 0.2], "0.2"),
        ([1.2, -0.1, -0.1], "-0.1"),
        ([0.5, 0.5], "0.5"),
        ([float("nan"), 0.5, 0.5], "nan"),
        (0.8, "0.8"),
    ],
)
def test_a_bad_split_is_named(split, got):
    with pytest.raises(ValueError, match=r"split must be three shares .* sum to 1") as error:
        MNIST(split=split)
    assert got in str(error.value)


@pytest.mark.parametrize(
    ("X", "Y", "error", "message"),
    [
        (np.zeros((0, 4)), [], ValueError, r"X is empty: its shape is \[0, 4\]"),
        (np.zeros(5), range(5), ValueError, r"X must have shape \[n, \.\.\.\]"),
        (np.array([[0, np.nan]]), [1], ValueError, r"got nan at index \[0, 1\]"),
        (np.array([[0.5], [np.inf]]), [0, 1], ValueError, r"got inf at index \[1, 0\]"),
        (np.array([[0, 255.0]]), [1], ValueError, r"X must lie in \[0, 1\], got 0 to 255"),
        (np.array([[0, 255]]), [1], TypeError, r"X must be float .* got int64"),
        (np.array([["a"]]), [1], TypeError, r"X must be float"),
        (np.zeros((3, 1)), [0, 1], ValueError, r"3 samples and 2 labels"),
        (np.zeros((3, 1)), 1, ValueError, r"3 samples and a single value"),
    ],
)
def test_bad_arrays_are_named(X, Y, error, message):
    with pytest.raises(error, match=message):
        Dataset(X, Y)
