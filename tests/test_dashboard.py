"""The dashboard: what it records, shows and costs, in loops, in ``fit`` and in a real kernel."""

import io
import itertools
import subprocess
import sys
from types import SimpleNamespace

import hypothesis.extra.numpy as hnp
import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient
from PIL import Image

from libs import ROOT, dashboard, dashboard_view
from libs.dashboard import Dashboard, DashboardCallback
from libs.datasets import Dataset

RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 6), dtype=np.float32)
LABELS = np.arange(40) % 3
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
SCORES = RNG.normal(size=(40, 3))
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)


def board(valid=(IMAGES, LABELS), predict=lambda images: PROBABILITIES, **options):
    return Dashboard(valid, predict, **({"image_shape": (2, 3)} | options))


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"))


# ---------------------------------------------------------------- what is recorded


def test_history_holds_what_was_given_whatever_its_type():
    loss = tf.Variable(0.0)
    array = np.zeros(())
    with board() as b:
        b.update(1, loss=0.5, accuracy=0.25)
        b.update(np.int64(2), loss=np.float32(0.75), accuracy=tf.constant(0.5))
        loss.assign(2.0)
        b.update(3, loss=loss)  # a variable: its value now, not at the end
        loss.assign(9.0)
        array[()] = 3.0
        b.update(10, loss=array, accuracy=tf.constant([1.0]))
        array[()] = 9.0
        b.update(11, loss=keras.Variable(4.0))
    history = b.history
    assert history["steps"].tolist() == [1, 2, 3, 10, 11]
    assert history["steps"].dtype.kind == "i"
    assert history["loss"].tolist() == [0.5, 0.75, 2, 3, 4]
    np.testing.assert_array_equal(history["accuracy"], [0.25, 0.5, np.nan, 1, np.nan])
    assert history["valid_steps"][[0, -1]].tolist() == [0, 11]
    assert (np.diff(history["valid_steps"]) > 0).all()


@given(n=st.integers(1, 400), limit=st.integers(2, 20).map(lambda half: 2 * half))
def test_long_trainings_are_thinned_out_evenly(n, limit):
    series = dashboard._Series(3, limit)
    for step in range(1, n + 1):
        series.add((step, tf.constant(float(step)) if step % 7 == 0 else step, None))
    rows = series.array()
    steps = rows[:, 0]
    assert len(steps) <= limit + 1
    assert len(steps) >= min(n, limit // 2)
    assert steps[0] == 1
    assert steps[-1] == n
    np.testing.assert_array_equal(rows[:, 1], steps)
    gaps = np.diff(steps)
    assert len(gaps) < 2 or (gaps[:-1] == gaps[0]).all()


@pytest.mark.parametrize("labels", [LABELS, ONE_HOT, LABELS[:, None], LABELS.astype(np.float64)])
@pytest.mark.parametrize("from_logits", [False, True])
def test_validation_agrees_with_keras(labels, from_logits):
    scores = 20 * SCORES if from_logits else PROBABILITIES
    b = board((IMAGES, labels), lambda images: tf.constant(scores), from_logits=from_logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)(LABELS, scores)
    assert b.history["valid_loss"][0] == pytest.approx(float(loss), rel=1e-4)
    assert b.history["valid_accuracy"][0] == np.mean(scores.argmax(axis=1) == LABELS)


def test_a_mistake_made_with_certainty_costs_what_it_costs_in_keras():
    wrong = np.eye(3)[(LABELS + 1) % 3]
    history = board(predict=lambda images: wrong).history
    assert history["valid_loss"][0] == pytest.approx(-np.log(1e-7))
    assert history["valid_accuracy"][0] == 0


def test_a_thousand_held_out_images_are_spread_over_all_of_them():
    seen = []

    def predict(images):
        seen.append(images)
        return np.full((len(images), 3), 1 / 3)

    n = 2500
    images = np.arange(n, dtype=np.float32).reshape(n, 1) / n
    b = board((images, np.arange(n) * 3 // n), predict, image_shape=(1, 1))
    assert len(seen[0]) == 1000
    assert seen[0][[0, -1], 0] * n == pytest.approx([0, n - 1])
    # one class in three is the first: a sorted set must not look as if it held one class only
    assert b.history["valid_accuracy"][0] == pytest.approx(1 / 3, abs=0.01)


def test_valid_may_be_a_split():
    data = Dataset(np.tile(IMAGES, (3, 1)), np.tile(LABELS, 3), split=[0.5, 0.5, 0], one_hot=True)
    with board(data.valid, lambda images: np.eye(3)[np.zeros(len(images), int)]) as b:
        b.update(1)
    share = np.mean(data.valid.labels[:, 0])
    assert b.history["valid_accuracy"].tolist() == pytest.approx([share, share])


# ---------------------------------------------------------------- what is shown


def mistakes_first(b, labels, said):
    """Return (label, wrong) of the images in the gallery, from their pixels."""
    gallery = b._held_out.gallery(350, 262)
    h, w = b._held_out._pixels.shape[1:3]
    step_y, step_x = h + b._held_out._captions.height + 1, w + 1
    columns = (gallery.shape[1]) // step_x
    tiles = [
        gallery[y : y + step_y - 1, x : x + step_x - 1]
        for y in range(0, gallery.shape[0] - step_y + 2, step_y)
        for x in range(0, columns * step_x, step_x)
    ]
    return [bool((tile[0, 0] == dashboard_view._RED_TINT).all()) for tile in tiles[: len(labels)]]


@given(said=hnp.arrays(np.int64, 40, elements=st.integers(0, 2)))
@settings(max_examples=20)
def test_mistakes_come_first_and_on_red(said):
    b = board(predict=lambda images: np.eye(3)[said])
    wrong = mistakes_first(b, LABELS, said)
    assert wrong == sorted((said != LABELS).tolist(), reverse=True)
    assert b.history["valid_accuracy"][0] == pytest.approx(np.mean(said == LABELS))


@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3])),
    n=st.integers(1, 120),
    names=st.lists(st.text(max_size=20), min_size=2, max_size=4),
    dtype=st.sampled_from([np.uint8, np.float32, np.float64]),
    scale=st.sampled_from([1, 255, -3]),
)
@settings(max_examples=40)
def test_images_of_any_size_fit_their_panels(shape, n, names, dtype, scale):
    images = (np.linspace(0, 1, n * np.prod(shape)).reshape(n, *shape) * abs(scale)).astype(dtype)
    images = images if scale > 0 or dtype == np.uint8 else -images
    uniform = np.full((n, len(names)), 1 / len(names))
    held_out = dashboard_view.HeldOut(
        (images, np.zeros(n, int)), lambda x: uniform, shape, names, False
    )
    held_out.measure()
    gallery = held_out.gallery(350, 262)
    batch = dashboard_view._fitted(held_out.batch_pixels(images), 350, 262)
    for picture in (gallery, batch):
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert picture.shape[0] <= 262
        assert picture.shape[1] <= 350


def test_a_picture_is_a_png_with_alternative_text():
    with board(title="softmax", total=100) as b:
        for step in range(1, 100):
            b.update(step, 1 / step, 0.5, batch=IMAGES, parameters={"W": ONE_HOT, "b": ONE_HOT[0]})
    assert pixels(b.picture).shape == (684, 1000, 3)
    assert "softmax" in b.picture.alt
    assert not any(character.isdigit() for character in b.picture.alt)
    html = b.picture._repr_html_()
    assert html.startswith('<img width="1000" height="684" ')
    assert f'alt="{b.picture.alt}"' in html
    assert repr(b.picture).startswith("Figure: Training dashboard")


def test_the_kept_bitmap_leaves_nothing_of_the_frame_before(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(dashboard, "perf_counter", clock)

    def slow(images):  # so that nothing is due by itself
        clock.now += 1.0
        return PROBABILITIES

    def drawn(*parts):
        b = board(predict=slow, total=1000)
        steps = itertools.count(1)
        for part in parts:
            for _ in range(part):
                step = next(steps)
                b.update(step, loss=np.sin(step), accuracy=0.5, batch=IMAGES * (step % 2))
            b._measure()
            b._draw()
        return pixels(b.picture)

    # the same axis limits twice: the second frame comes from the kept bitmap
    b_twice, b_once = drawn(300, 400), drawn(700)
    chart = np.s_[60:, 364:640]  # the loss
    np.testing.assert_array_equal(b_twice[chart], b_once[chart])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "losses",
    [
        [1.0, np.nan, np.nan],
        [np.nan],
        [1.0, np.inf, 2.0],
        [-np.inf, 1.0],
        [1e-30, 1e308, -1e308],
        [5e-324],
        [0.0, 0.0],
        [None, None],
        [-3.0, -2.0],
    ],
)
def test_odd_losses_are_drawn_and_said(losses):
    with board() as b:
        for step, loss in enumerate(losses, 1):
            b.update(step, loss=loss, parameters={"W": np.full((2, 2), loss or 0.0)})
    np.testing.assert_array_equal(b.history["loss"], np.array(losses, float))
    said = b._view._artists["loss warning"].get_text()
    odd = [s for s, x in enumerate(losses, 1) if x is not None and not np.isfinite(x)]
    assert (f"at step {odd[0]}" in said) if odd else said == ""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("from_logits", [False, True])
def test_a_model_that_broke_down_is_all_wrong(from_logits):
    scores = SCORES if from_logits else PROBABILITIES
    state = SimpleNamespace(scores=scores)
    b = board(predict=lambda images: state.scores, from_logits=from_logits)
    state.scores = np.full_like(scores, np.nan)
    b.update(7, loss=np.nan)
    b.finish()
    assert b.history["valid_accuracy"][-1] == 0
    assert np.isnan(b.history["valid_loss"][-1])
    said = b._view._artists["loss warning"].get_text()
    assert "training loss NaN at step 7" in said
    assert "validation loss NaN at step 7" in said


# ---------------------------------------------------------------- what it costs


class Clock:
    """Time that passes only where the test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Page:
    """Stands for the notebook page; remembers when it got a picture."""

    def __init__(self, clock):
        self.clock, self.times = clock, []

    def update(self, picture):
        self.times.append(self.clock.now)


def test_the_page_keeps_room_of_the_pictures_shape(monkeypatch):
    shown = []
    page = SimpleNamespace(update=shown.append)
    monkeypatch.setattr(dashboard, "_live", lambda: True)
    monkeypatch.setattr(dashboard, "display", lambda blank, display_id: shown.append(blank) or page)
    with board() as b:
        b.update(1, loss=1.0)
    blank, picture = shown[0], shown[-1]
    assert picture is b.picture
    assert blank.alt == picture.alt
    (h, w, _), (height, width, _) = pixels(blank).shape, pixels(picture).shape
    assert h / w == height / width


@given(
    step_time=st.floats(1e-4, 3),
    measuring=st.floats(1e-4, 1),
    drawing=st.floats(1e-3, 1),
    jitter=st.lists(st.floats(0.5, 3), min_size=1, max_size=7),
    pause=st.floats(0, 100),
)
@settings(max_examples=40)
def test_the_dashboard_keeps_its_budget(step_time, measuring, drawing, jitter, pause):
    clock, spent = Clock(), []
    factors = itertools.cycle(jitter)

    def take(seconds):
        spent.append(seconds * next(factors))
        clock.now += spent[-1]

    def predict(images):
        take(measuring)
        return PROBABILITIES

    def draw(self, **known):
        take(drawing)
        return np.zeros((2, 2, 3), np.uint8)

    page = Page(clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashboard, "perf_counter", clock)
        patch.setattr(dashboard, "_live", lambda: True)
        patch.setattr(dashboard, "display", lambda picture, display_id: page)
        patch.setattr(dashboard_view.View, "draw", draw)
        opened = clock.now
        b = board(predict=predict)
        b.update(1)
        training = 0.0
        steps = 600
        for step in range(2, steps):
            duration = pause if step == steps // 2 else step_time
            training += duration
            clock.now += duration
            b.update(step)
        redraws = len(page.times)
        b.finish()
    assert clock.now - opened == pytest.approx(training + sum(spent))
    # the constructor and the end cost what they cost, and any one time may turn out slower than
    # the ones before; everything else is a share of the time
    once = max(jitter) * (5 * measuring + 3 * drawing)
    assert sum(spent) <= 0.06 * (clock.now - opened) + once
    # and the budget is used: where there is time, there are pictures
    worst = max(jitter) * (measuring + drawing)
    if training - pause > 200 * worst + 10:  # the first drawing is expected to take 0.1 s
        assert redraws >= 3
    # a long pause earns no burst of redraws (the second comes by what the first should have cost)
    gaps = np.diff(page.times[1:redraws])
    assert (gaps >= 10 * drawing * min(jitter)).all()


def test_nothing_is_read_until_a_picture_is_due(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(dashboard, "perf_counter", clock)

    class Weights:
        shape, reads = (4, 6), 0

        def __array__(self, dtype=None, copy=None):
            self.reads += 1
            return np.ones(self.shape)

        def __getitem__(self, index):
            return self

    def slow(images):
        clock.now += 1.0
        return PROBABILITIES

    weights, batch = Weights(), Weights()
    reads = []
    original = dashboard._read
    monkeypatch.setattr(dashboard, "_read", lambda v: reads.append(v) or original(v))
    b = board(predict=slow)
    reads.clear()
    tensor = tf.constant(1.5)
    for step in range(1, 1000):
        b.update(step, loss=tensor, batch=batch, parameters={"W": weights})
    assert weights.reads == 1  # at the first step, where the bands begin
    assert batch.reads == 0
    assert not any(value is tensor for value in reads)
    b.finish()
    assert weights.reads == 2
    assert batch.reads == 1
    assert (b.history["loss"] == 1.5).all()


# ---------------------------------------------------------------- beginning and end


def test_finish_does_its_work_once(monkeypatch):
    shown = []
    monkeypatch.setattr(dashboard, "get_ipython", SimpleNamespace)
    monkeypatch.setattr(dashboard, "display", shown.append)
    b = board()
    b.update(1, loss=1.0)
    b.finish()
    picture = b.picture
    b.finish()
    assert shown == [picture]
    assert b.picture is picture
    with pytest.raises(ValueError, match=r"comes after finish"):
        b.update(2)


def test_an_interrupted_block_shows_the_last_state(monkeypatch):
    shown = []
    monkeypatch.setattr(dashboard, "get_ipython", SimpleNamespace)
    monkeypatch.setattr(dashboard, "display", shown.append)
    state = SimpleNamespace(broken=False)

    def predict(images):
        if state.broken:
            raise RuntimeError("broken")
        return PROBABILITIES

    b = board(predict=predict)

    def cell():
        with b:
            b.update(1, loss=1.0)
            state.broken = True
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cell()
    assert shown == [b.picture]
    assert b.history["steps"].tolist() == [1]


def test_a_dashboard_without_updates_shows_the_untrained_model():
    b = board()
    b.finish()
    assert pixels(b.picture).std() > 0
    assert b.history["valid_steps"].tolist() == [0]
    assert b.history["loss"].tolist() == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"image_shape": (28, 28)}, ValueError, r"image_shape .* needs 784 features .*\[40, 6\]"),
        ({"image_shape": (2,)}, ValueError, r"image_shape must be \(height, width\)"),
        ({"image_shape": 28}, ValueError, r"image_shape must be .* got 28"),
        ({"image_shape": (1, 3, 2)}, ValueError, r"image_shape must be"),
        ({"valid": (IMAGES[:0], LABELS[:0])}, ValueError, r"valid is empty"),
        ({"valid": (IMAGES, LABELS[:-1])}, ValueError, r"labels of valid must be \[40\] .*\[39\]"),
        ({"valid": (IMAGES, None)}, ValueError, r"valid has no labels"),
        ({"valid": IMAGES}, TypeError, r"valid must be a Split or a pair"),
        ({"valid": (LABELS, LABELS)}, TypeError, r"images of valid must be numbers"),
        ({"valid": (IMAGES, LABELS + 0.5)}, TypeError, r"labels of valid must be whole"),
        ({"valid": (IMAGES, LABELS + 1)}, ValueError, r"must be 0 to 2.* got 1 to 3"),
        ({"valid": (IMAGES, ONE_HOT[:, :2])}, ValueError, r"returns 3 classes, .* have 2"),
        ({"predict": PROBABILITIES}, TypeError, r"predict must be a function .* got ndarray"),
        ({"predict": lambda x: None}, TypeError, r"predict must return an array"),
        ({"predict": lambda x: SCORES}, ValueError, r"probabilities.*from_logits=True"),
        ({"predict": lambda x: SCORES[:5]}, ValueError, r"\[40, classes\].*got \[5, 3\]"),
        ({"predict": lambda x: SCORES[:, 0]}, ValueError, r"got \[40\]"),
        ({"class_names": ["a", "b"]}, ValueError, r"class_names has 2 names, .* 3 classes"),
        ({"total": 0}, ValueError, r"total must be at least 1"),
        ({"total": 10.5}, TypeError, r"total must be a whole number, got 10.5"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        board(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"step": 5}, ValueError, r"step must grow .* got 5 after 5"),
        ({"step": 4}, ValueError, r"step must grow .* count on"),
        ({"step": 6.5}, TypeError, r"step must be a whole number, got 6.5"),
        ({"loss": np.ones(3)}, ValueError, r"one number each, got an array \[3\].*mean"),
        ({"accuracy": tf.ones((2, 2))}, ValueError, r"one number each, got an array \[2, 2\]"),
        ({"loss": "small"}, TypeError, r"must be numbers, got str"),
        ({"batch": np.ones((3, 5))}, ValueError, r"batch must be images of 6 features.*\[3, 5\]"),
        ({"batch": (1, 2)}, ValueError, r"batch must be images"),
        ({"parameters": [1, 2]}, TypeError, r"parameters must be a dict"),
    ],
)
def test_wrong_updates_are_named(arguments, error, message):
    b = board()
    b.update(5, loss=1.0)
    with pytest.raises(error, match=message):
        b.update(**({"step": 6} | arguments))
    b.update(7, loss=2.0)  # goes on as if nothing had happened
    assert b.history["steps"].tolist() == [5, 7]


def test_update_inside_a_traced_function_is_refused():
    b = board()

    @tf.function
    def step(x):
        b.update(1, loss=tf.reduce_mean(x))

    with pytest.raises(TypeError, match=r"inside a tf.function"):
        step(tf.ones(3))


# ---------------------------------------------------------------- Keras


def model(loss, last="softmax", metrics=("accuracy",), **options):
    network = keras.Sequential([keras.layers.Dense(5, "relu"), keras.layers.Dense(3, last)])
    network.compile("sgd", loss, metrics=list(metrics), **options)
    return network


@pytest.mark.parametrize("steps_per_execution", [1, 10])
@pytest.mark.parametrize("one_hot", [True, False])
def test_callback_agrees_with_what_fit_reports(monkeypatch, steps_per_execution, one_hot):
    # on a clock that stands still nothing costs anything: all is due at every step
    monkeypatch.setattr(dashboard, "perf_counter", Clock())
    labels = ONE_HOT if one_hot else LABELS
    network = model(
        f"{'' if one_hot else 'sparse_'}categorical_crossentropy",
        steps_per_execution=steps_per_execution,
    )
    watch = DashboardCallback((IMAGES, labels), image_shape=(2, 3), train=IMAGES)
    x, y = np.tile(IMAGES, (5, 1))[:192], np.tile(labels, (5, 1) if one_hot else 5)[:192]
    logs = network.fit(x, y, batch_size=8, epochs=3, callbacks=[watch], verbose=0).history
    history = watch.board.history
    steps = history["steps"]
    assert steps[-1] == 3 * 24
    points = 24 if steps_per_execution == 1 else 3  # after 10, 20 and 24 steps
    assert len(steps) == 3 * points
    # the points of an epoch, weighted with the steps they stand for, give the epoch's mean
    for name in ("loss", "accuracy"):
        sums = np.diff(np.concatenate([[0], steps])) * history[name]
        np.testing.assert_allclose(sums.reshape(3, -1).sum(axis=1) / 24, logs[name], rtol=1e-5)
    expected = network.evaluate(IMAGES, labels, verbose=0)
    got = history["valid_loss"][-1], history["valid_accuracy"][-1]
    assert got == pytest.approx(expected, rel=1e-4)
    assert watch.board._counts == {"weights": 6 * 5 + 5 * 3, "biases": 5 + 3}
    assert watch.board.picture is not None


@pytest.mark.filterwarnings("ignore:.*(ran out of data|shuffle=True)")
@pytest.mark.parametrize("clock", ["stands still", "goes"])
def test_callback_without_accuracy_with_logits_and_unknown_length(monkeypatch, clock):
    if clock == "stands still":  # all is due at every step
        monkeypatch.setattr(dashboard, "perf_counter", Clock())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network = model(loss, last=None, metrics=())
    data = tf.data.Dataset.from_generator(
        lambda: ((IMAGES[i : i + 8], LABELS[i : i + 8]) for i in range(0, 40, 8)),
        output_signature=(tf.TensorSpec((None, 6)), tf.TensorSpec((None,), tf.int64)),
    )
    watch = DashboardCallback((IMAGES, LABELS), image_shape=(2, 3))
    for epochs in (2, 3):  # the second fit opens a new board
        network.fit(data, epochs=epochs, callbacks=[watch], verbose=0)
        history = watch.board.history
        assert history["steps"][-1] == 5 * epochs
        assert np.isnan(history["accuracy"]).all()
        assert np.isfinite(history["loss"]).all()
        expected = network.evaluate(IMAGES, LABELS, verbose=0)
        assert history["valid_loss"][-1] == pytest.approx(expected, rel=1e-4)


def test_callback_stands_a_training_that_diverges():
    network = model("sparse_categorical_crossentropy")
    network.optimizer.learning_rate = 1e30
    watch = DashboardCallback((IMAGES, LABELS), image_shape=(2, 3))
    network.fit(IMAGES * 1e6, LABELS, epochs=3, callbacks=[watch], verbose=0)
    assert len(watch.board.history["steps"]) >= 3


def test_callback_changes_no_weight():
    weights = []
    for callbacks in ([], [DashboardCallback((IMAGES, LABELS), image_shape=(2, 3))]):
        keras.utils.set_random_seed(1)
        network = keras.Sequential(
            [keras.Input((6,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
        )
        network.compile("adam", "sparse_categorical_crossentropy")
        network.fit(IMAGES, LABELS, batch_size=4, epochs=2, callbacks=callbacks, verbose=0)
        weights.append(network.get_weights()[0])
    np.testing.assert_array_equal(*weights)


def test_callback_refuses_what_is_not_images():
    with pytest.raises(TypeError, match=r"train must be a Split or an array"):
        DashboardCallback((IMAGES, LABELS), train=[1, 2])


# ---------------------------------------------------------------- in a kernel, and without one

SETUP = """
import numpy as np
from libs.dashboard import Dashboard
images = np.random.default_rng(0).random((50, 784), dtype=np.float32)
valid = images, np.arange(50) % 10
predict = lambda x: np.full((len(x), 10), 0.1)
"""
LOOP = """
import time
began = time.perf_counter()
with Dashboard(valid, predict, title="a loop") as board:
    step = 0
    while time.perf_counter() < began + 60 and updates < 3:
        step += 1
        time.sleep(0.01)
        board.update(step, loss=1 / step, batch=images, parameters={"W": images})
"""
COUNT = """
import libs.dashboard
updates = 0
class Counting(libs.dashboard.Drawing):
    def _repr_html_(self):
        global updates
        updates += 1
        return super()._repr_html_()
libs.dashboard.Drawing = Counting
libs.dashboard._BUDGET = 0.9  # not to wait
"""


def test_one_picture_per_cell_in_a_real_kernel():
    """A cell that redraws several times ends with one output, interrupted or not."""
    cells = [SETUP + COUNT, LOOP, "updates = 0", LOOP + "    1 / 0"]
    cells += ["board = Dashboard(valid, predict); board.finish()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(ROOT)}},
    ).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert outputs[0] == outputs[2] == []
    kinds = [[output.output_type for output in cell] for cell in outputs]
    assert kinds == [[], ["display_data"], [], ["display_data", "error"], ["display_data"]]
    for cell in (outputs[1], outputs[3], outputs[4]):
        html = cell[0].data["text/html"]
        assert html.startswith("<img ")
        assert 'alt="Training dashboard' in html
        assert len(html) > 10_000  # the picture, not the blank that keeps its place
        assert cell[0].data["text/plain"].startswith("Figure: Training dashboard")


def test_a_plain_script_prints_nothing():
    code = SETUP + "board = Dashboard(valid, predict)\nboard.update(1, loss=1.0)\nboard.finish()"
    code += "\nassert board.picture.png[1:4] == b'PNG'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
