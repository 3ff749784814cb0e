"""The pad: pictures like MNIST's, the pen, the network's answers, and what a notebook stores."""

import asyncio
import re
import time

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import layers

from libs.datasets import MNIST
from libs.widgets import RECORDED, SIDE, DigitPad, like_mnist


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


# --- like_mnist -----------------------------------------------------------------------------------

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
    arrays(np.float32, (30, 20), elements=st.floats(0, 1, width=32)),
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
    image = like_mnist(np.ones(shape))
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
        np.testing.assert_allclose(like_mnist(image), image, atol=1e-6)


def test_lopsided_ink_stays_in_the_picture():
    drawing = np.zeros((200, 200))
    drawing[:40, :40] = 1
    drawing[199, 199] = 1
    image = like_mnist(drawing)
    assert image[:4, 10:].sum() == 0  # nothing came round on the other side
    assert image.sum() == pytest.approx(4 * 4 + 0.01, abs=0.01)


@pytest.mark.parametrize(
    ("drawing", "error", "words"),
    [
        (np.zeros((2, 2, 3)), ValueError, r"shape \[height, width\], got \[2, 2, 3\]"),
        (np.zeros((0, 5)), ValueError, r"got \[0, 5\]"),
        (np.full((4, 4), np.nan), ValueError, "nan"),
        (np.full((4, 4), 255.0), ValueError, "got 255 to 255"),
        (np.zeros((4, 4), np.int64), TypeError, "int64"),
    ],
)
def test_what_is_no_drawing(drawing, error, words):
    with pytest.raises(error, match=words):
        like_mnist(drawing)


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


def test_pixels_and_shares_are_the_same():
    in_pixels, in_shares = DigitPad(always_three), DigitPad(always_three)
    in_shares.draw(RECORDED[5])
    in_pixels.draw([[(x * SIDE, y * SIDE) for x, y in stroke] for stroke in RECORDED[5]])
    np.testing.assert_array_equal(in_pixels.drawing, in_shares.drawing)


def test_draw_adds_to_what_is_there(pad):
    first, second = RECORDED[4]
    pad.draw([first])
    half = pad.drawing.sum()
    pad.draw([second])
    assert pad.drawing.sum() > half
    both = DigitPad(always_three)
    both.draw([first, second])
    np.testing.assert_array_equal(pad.drawing, both.drawing)


def test_a_dot_and_ink_outside_the_canvas(pad):
    pad.draw([[(140, 140)]])
    assert pad.drawing.any()
    pad.clear()
    pad.draw([[(-50, 140), (400, 140)]])
    assert pad.drawing[140].all()
    pad.clear()
    pad.draw([[(-500, -500), (-400, -500)]])
    assert pad.probabilities is None


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
        [[(0, 1e300)]],
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


# --- the pen: what a browser sends ----------------------------------------------------------------


def send(pad, event, *points):
    """Send the canvas an event as a browser does."""
    if event.startswith("touch"):
        content = {"event": event, "touches": [{"x": x, "y": y} for x, y in points]}
    else:
        content = {"event": event, "x": points[0][0], "y": points[0][1]}
    pad._canvas._handle_frontend_event(None, content, [])


@pytest.mark.parametrize(
    ("down", "move", "up"),
    [("mouse_down", "mouse_move", "mouse_up"), ("touch_start", "touch_move", "touch_end")],
)
def test_mouse_and_finger_draw_what_code_draws(pad, down, move, up):
    send(pad, move, (5, 5))  # the pen is not down yet
    for stroke in RECORDED[4]:
        points = [(x * SIDE, y * SIDE) for x, y in stroke]
        send(pad, down, points[0])
        for point in points[1:]:
            send(pad, move, point)
        send(pad, up, points[-1])
    send(pad, move, (5, 5))
    from_code = DigitPad(always_three)
    from_code.draw(RECORDED[4])
    np.testing.assert_array_equal(pad.drawing, from_code.drawing)
    np.testing.assert_array_equal(pad.image, from_code.image)


def test_leaving_the_canvas_lifts_the_pen(pad):
    send(pad, "mouse_down", (100, 100))
    send(pad, "mouse_out", (0, 100))
    send(pad, "mouse_move", (200, 200))
    assert not pad.drawing[150:].any()


def test_many_points_are_read_once():
    asked = []

    def predict(images):
        asked.append(time.perf_counter())
        return always_three(images)

    async def draw():
        pad = DigitPad(predict)
        asked.clear()
        send(pad, "mouse_down", (50, 50))
        for x in range(51, 151):
            send(pad, "mouse_move", (x, x))
        assert not asked
        started = time.perf_counter()
        while not asked:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        return pad, asked[0] - started

    pad, waited = asyncio.run(draw())
    assert len(asked) == 1
    assert waited < 0.1
    assert pad.drawing[150, 150]


def test_an_error_while_drawing_is_shown_beside_the_canvas():
    broken = []

    def predict(images):
        if broken:
            raise RuntimeError("<no> memory")
        return always_three(images)

    pad = DigitPad(predict)
    broken.append(True)
    send(pad, "mouse_down", (100, 100))
    assert "RuntimeError: &lt;no&gt; memory" in pad._view.value
    assert 'role="alert"' in pad._view.value
    broken.clear()
    send(pad, "mouse_move", (120, 120))
    assert "It reads a 3." in pad._view.value


def test_buttons_and_keys(pad):
    for digit in (0, 1):
        pad._show.click()
        expected = DigitPad(always_three)
        expected.draw(RECORDED[digit])
        np.testing.assert_array_equal(pad.image, expected.image)
    pad._clear.click()
    assert pad.probabilities is None
    pad.draw(RECORDED[0])
    content = {"key": "Delete", "shift_key": False, "ctrl_key": False, "meta_key": False}
    pad._canvas._handle_frontend_event(None, {"event": "key_down", **content}, [])
    assert pad.probabilities is None


@pytest.mark.parametrize(
    ("key", "shift", "moved"),
    [("Tab", False, "focus clear"), ("Tab", True, "blur canvas"), ("Escape", False, "blur canvas")],
)
def test_the_keyboard_gets_out_of_the_canvas(pad, monkeypatch, key, shift, moved):
    moves = []
    monkeypatch.setattr(type(pad._clear), "focus", lambda self: moves.append("focus clear"))
    monkeypatch.setattr(type(pad._canvas), "blur", lambda self: moves.append("blur canvas"))
    content = {"key": key, "shift_key": shift, "ctrl_key": False, "meta_key": False}
    pad._canvas._handle_frontend_event(None, {"event": "key_down", **content}, [])
    assert moves == [moved]


# --- what is shown --------------------------------------------------------------------------------


def test_bars_and_picture_beside_the_canvas(pad):
    pad.draw(RECORDED[3])
    bars = re.findall(r'data-digit="(\d)" data-p="([\d.]+)"', pad._view.value)
    assert [int(digit) for digit, _ in bars] == list(range(10))
    np.testing.assert_allclose([float(p) for _, p in bars], pad.probabilities, atol=1e-4)
    assert 'alt="The drawing in 28 by 28 pixels"' in pad._view.value


def test_a_notebook_stores_a_still_picture(pad):
    pad.draw(RECORDED[3])
    bundle = pad._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == "DigitPad: It reads a 3."
    assert bundle["text/html"].startswith('<img src="data:image/png;base64,')
    alt = re.search('alt="(.*)"', bundle["text/html"])[1]
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
