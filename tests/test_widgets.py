"""The pad and the explorer: what a page asks, the answers, and what a notebook stores."""

import base64
import io
import json
import re
import time

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import layers
from matplotlib.colors import to_rgb
from PIL import Image

from libs import ROOT
from libs.datasets import MNIST
from libs.validate import pixels
from libs.widgets import COLOURS, RECORDED, DigitPad, LatentExplorer
from libs.widgets import _like_mnist as like_mnist


def always_three(images):
    """Be 82 % sure of a 3, whatever the image."""
    answer = np.full((len(images), 10), 0.02, np.float32)
    answer[:, 3] = 0.82
    return answer


@pytest.fixture
def pad():
    return DigitPad(always_three)


def centre(image):
    """Return the centre of mass, (row, column), in pixels from 0."""
    places = np.arange(28)
    return np.array([image.sum(1) @ places, image.sum(0) @ places]) / image.sum()


# --- the picture that the network sees ------------------------------------------------------------

# ink that is not so faint that an average over 20 pixels loses it
drawings = arrays(
    np.uint8,
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    elements=st.just(0) | st.integers(50, 255),
)


@given(drawings)
def test_any_drawing_becomes_a_picture(drawing):
    image = like_mnist(drawing)
    assert image.shape == (28, 28)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    assert image.any() == drawing.any()
    if not image.any():
        return
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert rows[-1] - rows[0] < 20
    assert columns[-1] - columns[0] < 20
    at_edge = rows[0] == 0 or columns[0] == 0 or rows[-1] == 27 or columns[-1] == 27
    assert at_edge or np.abs(centre(image) - 14).max() < 0.51


@given(
    arrays(np.uint8, (30, 20)),
    *(st.integers(0, 30) for _ in range(4)),
)
def test_where_it_is_drawn_does_not_matter(ink, top, left, bottom, right):
    moved = np.pad(ink, ((top, bottom), (left, right)))
    np.testing.assert_array_equal(like_mnist(moved), like_mnist(ink))


@given(st.integers(2, 8), st.integers(0, 9))
def test_size_does_not_matter(times, digit):
    pad = DigitPad(always_three)
    pad.draw(RECORDED[digit])
    larger = np.kron(pad.drawing, np.ones((times, times), np.uint8))
    np.testing.assert_allclose(like_mnist(larger), pad.image, atol=0.1)


@pytest.mark.parametrize("shape", [(280, 10), (10, 280), (300, 300), (3, 7), (20, 20), (1, 1)])
def test_the_longer_side_is_20_pixels_and_the_shape_stays(shape):
    image = like_mnist(np.full(shape, 255, np.uint8))
    size = np.array([image.any(1).sum(), image.any(0).sum()])
    assert size.max() == 20
    np.testing.assert_allclose(size, 20 * np.array(shape) / max(shape), atol=0.5)
    assert image.max() == 1


def test_edges_come_out_gray(pad):
    pad.draw(RECORDED[0])
    ink = pad.image[pad.image > 0]
    assert 0.2 < (ink < 1).mean() < 0.8
    assert ink.max() == 1


def test_pictures_of_mnist_stay_almost_as_they_are():
    for image in MNIST().test.images[:50].reshape(-1, 28, 28):
        pixels = np.rint(255 * image).astype(np.uint8)
        np.testing.assert_allclose(like_mnist(pixels), image, atol=1e-6)


def test_lopsided_ink_stays_in_the_picture():
    drawing = np.zeros((200, 200), np.uint8)
    drawing[:40, :40] = 255
    drawing[199, 199] = 255
    image = like_mnist(drawing)
    assert image[:4, 10:].sum() == 0  # nothing came round on the other side
    assert image.sum() == pytest.approx(4 * 4 + 0.01, abs=0.01)


# --- drawing from code ----------------------------------------------------------------------------


def test_a_blank_pad(pad):
    assert pad.probabilities is None
    assert pad.image.shape == (28, 28)
    assert not pad.image.any()
    assert repr(pad) == "DigitPad: Nothing is drawn yet."
    pad.draw([])
    pad.draw([[], []])
    assert pad.probabilities is None


def test_draw_and_clear(pad):
    pad.draw(RECORDED[3])
    assert pad.image.max() == 1
    assert pad.probabilities.argmax() == 3
    assert repr(pad) == "DigitPad: It reads a 3."
    pad.clear()
    assert pad.probabilities is None
    assert not pad.drawing.any()


def test_draw_adds_to_what_is_there(pad):
    first, second = RECORDED[4]
    pad.draw([first])
    half = pad.drawing.sum()
    pad.draw([second])
    assert pad.drawing.sum() > half
    both = DigitPad(always_three)
    both.draw([first, second])
    np.testing.assert_array_equal(pad.drawing, both.drawing)


def test_a_dot(pad):
    pad.draw([[(0.5, 0.5)]])
    assert pad.drawing[140, 140]
    assert pad.probabilities is not None


@pytest.mark.parametrize(
    "strokes",
    [
        3,
        [3],
        "a 3",
        None,
        [[(1, 2, 3)]],
        [(10, 20), (30, 40)],
        [[(1, 2), (3,)]],
        [[(np.nan, 1)]],
        [[(0, 1.01)]],
        [[(-0.1, 0)]],
        [[(10, 20), (30, 40)]],
    ],
)
def test_what_are_no_strokes(pad, strokes):
    with pytest.raises(ValueError, match="strokes must be a list of strokes"):
        pad.draw(strokes)
    assert pad.probabilities is None


# --- predict --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predict", "words"),
    [
        (lambda images: np.ones(10) / 10, r"for \[1, 784\] it returned \[10\]"),
        (lambda images: np.ones((1, 11)) / 11, r"it returned \[1, 11\]"),
        (lambda images: np.arange(10.0)[None], "Is a softmax missing"),
        (lambda images: np.full((1, 10), np.nan), "sum nan"),
    ],
)
def test_a_wrong_predict_is_told_at_once(predict, words):
    with pytest.raises(ValueError, match=words):
        DigitPad(predict)


def test_predict_gets_what_the_network_sees():
    seen = []

    def predict(images):
        seen.append(images)
        return always_three(images)

    pad = DigitPad(predict)
    pad.draw(RECORDED[7])
    assert seen[-1].shape == (1, 784)
    assert seen[-1].dtype == np.float32
    np.testing.assert_array_equal(seen[-1][0], pad.image.ravel())


# --- the pen: what a page sends -------------------------------------------------------------------


def send(widget, **state):
    """Set what a page sets: its state, as it comes through JSON."""
    widget.set_state(json.loads(json.dumps(state)))


def test_the_network_gets_of_recorded_digits_what_it_always_got(pad):
    """The pictures are of the pad before it had a page of its own."""
    expected = np.asarray(Image.open(ROOT / "tests" / "recorded.png")).reshape(28, 10, 28)
    for digit, strokes in RECORDED.items():
        send(pad, strokes=strokes)
        np.testing.assert_allclose(255 * pad.image, expected[:, digit], atol=0.51)


def test_a_page_draws_what_code_draws(pad):
    send(pad, strokes=RECORDED[4])
    from_code = DigitPad(always_three)
    from_code.draw(RECORDED[4])
    np.testing.assert_array_equal(pad.drawing, from_code.drawing)
    np.testing.assert_array_equal(pad.image, from_code.image)
    assert pad.answer["seen"] == from_code.answer["seen"]


def test_each_question_of_a_page_gets_an_answer(pad):
    numbers = []
    pad.observe(lambda change: numbers.append(change.new["number"]), "answer")
    for _ in range(3):
        send(pad, strokes=RECORDED[4])  # the same again, too
    assert len(set(numbers)) == 3


def test_an_error_while_drawing_is_told_to_the_page():
    broken = []

    def predict(images):
        if broken:
            raise RuntimeError("<no> memory")
        return always_three(images)

    pad = DigitPad(predict)
    broken.append(True)
    send(pad, strokes=[[(0.5, 0.5)]])
    assert pad.answer["error"] == "RuntimeError: <no> memory"
    with pytest.raises(RuntimeError):
        pad.draw(RECORDED[3])  # in a cell it is raised
    broken.clear()
    send(pad, strokes=[[(0.5, 0.5), (0.6, 0.6)]])
    assert "error" not in pad.answer
    assert pad.probabilities.argmax() == 3


# --- what is shown --------------------------------------------------------------------------------


def test_a_page_is_told_what_the_network_sees_and_says(pad):
    pad.draw(RECORDED[3])
    np.testing.assert_array_equal(pad.answer["seen"], np.rint(255 * pad.image).ravel())
    np.testing.assert_allclose(pad.answer["probabilities"], pad.probabilities)
    pad.clear()
    assert pad.answer["probabilities"] is None
    assert not any(pad.answer["seen"])


def test_a_notebook_stores_a_still_picture(pad):
    pad.draw(RECORDED[3])
    bundle = pad._repr_mimebundle_()
    view = "application/vnd.jupyter.widget-view+json"
    assert bundle[view]["model_id"] == pad.model_id
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == "DigitPad: It reads a 3."
    assert bundle["text/html"].startswith('<img src="data:image/webp;base64,')
    alt = re.search('alt="([^"]*)"', bundle["text/html"])[1]
    assert alt.endswith("It reads a 3.")
    assert "82" not in alt
    # the same picture in the same words every time
    assert pad._repr_mimebundle_()["text/html"] == bundle["text/html"]


def test_a_blank_pad_has_a_still_picture_too(pad):
    assert "Nothing is drawn yet." in pad._repr_mimebundle_()["text/html"]


# --- a network reads it ---------------------------------------------------------------------------


def test_a_network_trained_for_seconds_reads_recorded_digits(record_property):
    keras.utils.set_random_seed(0)
    data = MNIST()
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 5, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", steps_per_execution=50)
    model.fit(data.train.images[:20_000], data.train.labels[:20_000], batch_size=100, verbose=0)
    pad = DigitPad(model)
    read, seconds = [], []
    for digit, strokes in RECORDED.items():
        pad.clear()
        started = time.perf_counter()
        pad.draw(strokes)
        seconds.append(time.perf_counter() - started)
        read.append(int(pad.probabilities.argmax()) == digit)
    record_property("milliseconds from stroke to bars", round(1000 * float(np.median(seconds))))
    print(f"{sum(read)} of 10 read, {1000 * np.median(seconds):.0f} ms from stroke to bars")
    assert sum(read) >= 7


# --- the explorer: decoders -----------------------------------------------------------------------


def blob(codes):
    """Decode to a spot of light that stands where the code says, ``[n, 28, 28]``."""
    x, y = np.asarray(codes, np.float32).T[:, :, None, None]
    down, right = np.mgrid[3:-3:28j, -3:3:28j]
    return np.exp(-((right - x) ** 2) - (down - y) ** 2)


CODES = np.random.default_rng(0).normal(size=(300, 2))
LABELS = np.arange(300) % 10


def explore(decode=blob, codes=CODES, labels=LABELS):
    return LatentExplorer(decode, codes, labels)


@pytest.fixture
def explorer():
    return explore()


def drag(explorer, x, y):
    """Drag the marker to a place of the plane, as a page does."""
    send(explorer, place=[x, y])


DECODERS = {
    "no channel": blob,
    "one channel": lambda codes: blob(codes)[..., None],
    "uint8": lambda codes: np.uint8(255 * blob(codes)),
    "float64": lambda codes: blob(codes).astype(np.float64),
    "a tensor": lambda codes: keras.ops.convert_to_tensor(blob(codes)),
    "flat": lambda codes: blob(codes).reshape(len(codes), -1),
}


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_of_every_kind(name):
    decode = DECODERS[name]
    explorer = explore(decode)
    drag(explorer, 1, -2)
    expected = np.asarray(decode(explorer.code[None])).reshape(28, 28)
    np.testing.assert_array_equal(explorer.image, expected)
    assert explorer.image.dtype == expected.dtype
    answer = explorer.answer
    assert (answer["place"], answer["height"], answer["width"]) == ([1, -2], 28, 28)
    np.testing.assert_array_equal(answer["seen"], pixels(expected, "image").ravel())


def test_a_keras_model_is_a_decoder():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(784, "sigmoid"), layers.Reshape((28, 28, 1))]
    )
    explorer = explore(model)
    drag(explorer, 2, 1)
    np.testing.assert_allclose(
        explorer.image, model(np.float32([[2, 1]])).numpy()[0, ..., 0], atol=1e-6
    )


def test_the_decoder_gets_one_code_of_float32():
    seen = []

    def decode(codes):
        seen.append(codes)
        return blob(codes)

    drag(explore(decode), 0.1, 3)
    assert all(codes.shape == (1, 2) and codes.dtype == np.float32 for codes in seen)
    np.testing.assert_allclose(seen[-1], [[0.1, 3]], atol=1e-6)


def needs_twenty(codes):
    raise RuntimeError(f"20 numbers expected, got {codes.shape[1]}")


@pytest.mark.parametrize(
    ("decode", "error", "words"),
    [
        (lambda c: np.ones((1, 99)), ValueError, r"28 × 28 pixels .* returned \[1, 99\]"),
        (lambda c: np.ones((1, 28, 28, 3)), ValueError, r"returned \[1, 28, 28, 3\]"),
        (lambda c: np.ones((2, 14, 28)), ValueError, "must return one image"),
        (lambda c: np.ones(784), ValueError, r"returned \[784\]"),
        (lambda c: 1.2 * np.ones((1, 784)), ValueError, r"must lie in \[0, 1\], got 1\.2"),
        (lambda c: np.full((1, 784), np.nan), ValueError, "got nan"),
        (lambda c: np.full((1, 784), "a"), TypeError, "what decode returns"),
        (needs_twenty, ValueError, r"(?s)RuntimeError: 20 numbers expected, got 2\n.*np\.pad"),
    ],
)
def test_a_wrong_decoder_is_told_at_once(decode, error, words):
    with pytest.raises(error, match=words):
        explore(decode)


def test_a_decoder_of_longer_codes_as_the_error_says():
    def decode(codes):
        return blob(codes[:, :2]) if codes.shape[1] == 20 else needs_twenty(codes)

    explorer = explore(lambda codes: decode(np.pad(codes, ((0, 0), (0, 18)))))
    np.testing.assert_array_equal(explorer.image, blob(np.zeros((1, 2)))[0])


# --- the explorer: the plane ----------------------------------------------------------------------


@pytest.mark.slow
@given(place=st.tuples(*[st.floats(-9, 9)] * 2))
def test_the_code_stays_in_the_plane(place):
    explorer = explore()
    assert (explorer.code == 0).all()
    drag(explorer, *place)  # from far outside to far outside
    np.testing.assert_allclose(explorer.code, np.clip(place, -3, 3), atol=1e-4)
    np.testing.assert_array_equal(explorer.image, blob(explorer.code[None])[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"codes": np.zeros((4, 3))}, r"codes must have shape \[n, 2\], .* got \[4, 3\]"),
        ({"codes": np.full((4, 2), np.nan)}, "codes must be finite"),
        ({"labels": np.zeros(3)}, r"300 numbers from 0 to 9.*got shape \[3\]"),
        ({"labels": np.eye(300)}, r"labels\.argmax\(axis=1\)"),
        ({"labels": np.arange(300)}, "numbers from 0 to 9"),
        ({"labels": LABELS + 0.5}, "numbers from 0 to 9"),
    ],
)
def test_what_is_no_plane(options, words):
    with pytest.raises(ValueError, match=words):
        explore(**options)


# --- the explorer: what its page gets -------------------------------------------------------------


def test_an_error_while_dragging_is_told_to_the_page():
    broken = []

    def decode(codes):
        return np.full((1, 784), np.nan) if broken else blob(codes)

    explorer = explore(decode)
    broken.append(True)
    drag(explorer, 1, 1)
    assert "got nan" in explorer.answer["error"]
    broken.clear()
    drag(explorer, 1, 2)
    assert explorer.answer["place"] == [1, 2]


def test_the_page_knows_where_in_its_picture_the_plane_lies(explorer):
    figure, plane = explorer._map(), explorer.plane
    box = figure.axes[0].get_position()
    np.testing.assert_allclose([plane["left"], 1 - plane["top"]], [box.x0, box.y1])
    np.testing.assert_allclose(plane["side"], [box.width, box.height])
    webp = base64.b64decode(plane["src"].removeprefix("data:image/webp;base64,"))
    np.testing.assert_allclose(Image.open(io.BytesIO(webp)).size, 2 * figure.bbox.size)


# --- the explorer: what is shown ------------------------------------------------------------------


def test_a_notebook_stores_a_still_of_the_explorer(explorer):
    drag(explorer, 1, -2)
    bundle = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == "LatentExplorer: the marker is at (1.00, −2.00)."
    assert bundle["text/html"].startswith('<img src="data:image/webp;base64,')
    assert "A marker is at (1.00, −2.00)" in bundle["text/html"]
    assert explorer._repr_mimebundle_()["text/html"] == bundle["text/html"]


def test_codes_and_labels_are_drawn():
    labels = LABELS % 4 * 3
    explorer = explore(labels=labels)
    (axes,) = explorer._map().axes
    drawn = axes.collections[0]
    np.testing.assert_allclose(drawn.get_offsets(), CODES)
    names = [int(text.get_text()) for text in axes.get_legend().get_texts()]
    assert names == [0, 3, 6, 9]
    colours = drawn.get_facecolors()[:, :3]
    for name, handle in zip(names, axes.get_legend().legend_handles, strict=True):
        assert (np.abs(colours[labels == name] - to_rgb(handle.get_color())) < 1e-6).all()
    assert "300 dots in the colours of 4 classes" in explorer._says()
    assert len(set(COLOURS)) == 10


def test_the_legend_lies_inside_the_picture(explorer):
    figure = explorer._map()
    (axes,) = figure.axes
    figure.draw_without_rendering()
    legend = axes.get_legend().get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.x1
    assert legend.y0 >= 0
    assert axes.yaxis.label.get_window_extent().x0 >= 0
