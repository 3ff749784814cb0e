"""The dashboard: what it records, shows and costs, in loops, in ``fit`` and in a real kernel."""

import io
import itertools
import subprocess
import sys
from types import SimpleNamespace

import hypothesis.extra.numpy as hnp
import keras
import matplotlib
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
IMAGES = RNG.random((40, 784), dtype=np.float32)
LABELS = np.arange(40) % 3
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
SCORES = RNG.normal(size=(40, 3))
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)


def split(images=IMAGES, labels=LABELS):
    return SimpleNamespace(images=images, labels=labels)


def board(valid=None, predict=lambda images: PROBABILITIES, **options):
    return Dashboard(split() if valid is None else valid, predict, **options)


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
        b.update(3, loss=loss)
        loss.assign(9.0)  # its value then, not now
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


@pytest.mark.parametrize("labels", [LABELS, ONE_HOT, LABELS.astype(np.float64)])
def test_validation_agrees_with_keras(labels):
    b = board(split(labels=labels), lambda images: tf.constant(PROBABILITIES))
    loss = keras.losses.SparseCategoricalCrossentropy()(LABELS, PROBABILITIES)
    assert b.history["valid_loss"][0] == pytest.approx(float(loss), rel=1e-4)
    assert b.history["valid_accuracy"][0] == np.mean(PROBABILITIES.argmax(axis=1) == LABELS)


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
    images = np.repeat(np.arange(n, dtype=np.float32)[:, None] / n, 784, axis=1)
    b = board(split(images, np.arange(n) * 3 // n), predict)
    assert len(seen[0]) == 1000
    assert seen[0][[0, -1], 0] * n == pytest.approx([0, n - 1])
    # one class in three is the first: a sorted set must not look as if it held one class only
    assert b.history["valid_accuracy"][0] == pytest.approx(1 / 3, abs=0.01)


def test_valid_is_a_split():
    valid = Dataset(np.tile(IMAGES, (3, 1)), np.tile(np.eye(3)[LABELS], (3, 1))).train
    with board(valid, lambda images: np.eye(3)[np.zeros(len(images), int)]) as b:
        b.update(1, loss=0)
    share = np.mean(valid.labels[:, 0])
    assert b.history["valid_accuracy"].tolist() == pytest.approx([share, share])


# ---------------------------------------------------------------- what is shown


@given(predicted=hnp.arrays(np.int64, st.integers(1, 100), elements=st.integers(-1, 2)))
@settings(max_examples=20)
def test_mistakes_come_first_and_on_red(predicted):
    labels = np.arange(len(predicted)) % 3
    wall = dashboard_view._gallery(np.zeros((len(predicted), 784)), predicted, labels)
    corners = wall[1::42, 1::29].reshape(-1, 3)[: min(len(predicted), 48)]
    red = (corners == dashboard_view._PINK).all(axis=1)
    assert red.tolist() == sorted(predicted != labels, reverse=True)[:48]
    assert wall.shape[0] <= dashboard_view._HIGH
    assert wall.shape[1] <= 1000 - dashboard_view._LEFT[2]


def test_a_picture_is_a_png_with_alternative_text():
    with board(title="softmax", total=100) as b:
        for step in range(1, 100):
            b.update(step, 1 / step, 0.5, batch=IMAGES, parameters={"W": ONE_HOT, "b": ONE_HOT[0]})
    assert pixels(b.picture).shape == (500, 1000, 3)
    assert "softmax" in b.picture.alt
    assert not any(character.isdigit() for character in b.picture.alt)
    html = b.picture._repr_html_()
    assert html.startswith("<img ")
    assert 'width="1000" height="500"' in html
    assert f'alt="{b.picture.alt}"' in html
    assert repr(b.picture).startswith("Figure: Training dashboard")


@pytest.mark.filterwarnings("error")
def test_the_style_of_the_lessons_leaves_the_layout_as_it_is():
    with matplotlib.rc_context(fname=ROOT / "libs" / "course.mplstyle"):
        assert pixels(board().picture).shape == (500, 1000, 3)


def test_the_kept_bitmap_leaves_nothing_of_the_frame_before(monkeypatch):
    monkeypatch.setattr(dashboard, "_SHARE", 1e-9)  # nothing is due by itself

    def drawn(*parts):
        b = board(total=1000)
        steps = itertools.count(1)
        for part in parts:
            for _ in range(part):
                step = next(steps)
                b.update(step, loss=2 + np.sin(step), accuracy=0.5, batch=IMAGES * (step % 2))
            b._draw()
        return pixels(b.picture)

    # the same axis limits twice: the second frame comes from the kept bitmap
    chart = np.s_[60:250, 364:620]  # the loss
    np.testing.assert_array_equal(drawn(300, 400)[chart], drawn(700)[chart])


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
        [-3.0, -2.0],
    ],
)
def test_broken_losses_are_drawn_and_named(losses):
    with board() as b:
        for step, loss in enumerate(losses, 1):
            b.update(step, loss=loss, parameters={"W": np.full((2, 2), loss)})
    np.testing.assert_array_equal(b.history["loss"], losses)
    warning = b._view._moving["warning"].get_text()
    broken = [step for step, loss in enumerate(losses, 1) if not np.isfinite(loss)][:1]
    assert warning == "".join(f"training loss {losses[n - 1]} at step {n}" for n in broken)


@pytest.mark.filterwarnings("error")
def test_a_model_that_broke_down_is_all_wrong():
    state = SimpleNamespace(scores=PROBABILITIES)
    b = board(predict=lambda images: state.scores)
    state.scores = np.full_like(PROBABILITIES, np.nan)
    b.update(7, loss=np.nan)
    b.finish()
    assert b.history["valid_accuracy"][-1] == 0
    assert np.isnan(b.history["valid_loss"][-1])
    warning = b._view._moving["warning"].get_text()
    assert "training loss nan at step 7" in warning
    assert "validation loss nan at step 7" in warning


# ---------------------------------------------------------------- what it costs


def live(monkeypatch):
    """Make the dashboard believe in a page; return the list of what the page gets."""
    shown = []
    page = SimpleNamespace(update=shown.append)
    monkeypatch.setattr(dashboard, "_live", lambda: True)
    monkeypatch.setattr(
        dashboard, "display", lambda picture, display_id: shown.append(picture) or page
    )
    return shown


class Clock:
    """Time that passes only where the test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@given(
    step_time=st.floats(1e-4, 3),
    drawing=st.floats(1e-3, 1),
    jitter=st.lists(st.floats(0.5, 3), min_size=1, max_size=7),
    pause=st.floats(0, 100),
)
@settings(max_examples=40)
def test_the_dashboard_keeps_its_budget(step_time, drawing, jitter, pause):
    clock, spent, shown = Clock(), [], []
    factors = itertools.cycle(jitter)

    def predict(images):
        spent.append(drawing * next(factors))
        clock.now += spent[-1]
        return PROBABILITIES

    page = SimpleNamespace(update=lambda picture: shown.append(clock.now))
    frame = b"a picture"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashboard, "perf_counter", clock)
        patch.setattr(dashboard, "_live", lambda: True)
        patch.setattr(dashboard, "display", lambda picture, display_id: page)
        for name in ("draw_curves", "draw_spreads", "draw_images", "frame"):
            patch.setattr(dashboard_view.View, name, lambda *known: frame)
        b = board(predict=predict)
        opened, steps = clock.now, 600
        for step in range(1, steps):
            clock.now += pause if step == steps // 2 else step_time
            b.update(step, loss=0)
        took = clock.now - opened
        assert shown[0] == pytest.approx(opened + step_time + spent[1])  # at the first step
        # each picture is paid for by the time after it, as if it had cost no more than the one
        # before; the first, which draws the axes, and the last may still owe
        share = dashboard._SHARE
        assert sum(spent[2:-1]) <= share * took * max(jitter) / min(jitter) + 1e-6
        # and the share is used: where there is time, there are pictures
        rest = max(jitter) * drawing / share
        assert len(shown) >= (took - pause) // (rest + max(jitter) * drawing + 2 * step_time)
        # a long pause earns no burst
        assert (np.diff(shown)[1:] >= min(jitter) * drawing / share).all()


def test_one_slow_picture_does_not_stop_the_others(monkeypatch):
    clock, shown = Clock(), live(monkeypatch)
    monkeypatch.setattr(dashboard, "perf_counter", clock)
    slow = iter([0.0, 3.0, 0.05, 9.0])  # a first start; a busy machine

    def predict(images):
        clock.now += next(slow, 0.05)
        return PROBABILITIES

    b = board(predict=predict)
    for step in range(1, 1000):
        clock.now += 0.01
        b.update(step, loss=0)
    assert len(shown) >= 9  # in ten seconds of training


def test_nothing_is_read_until_a_picture_is_due(monkeypatch):
    class Weights:
        shape, reads = (4, 784), 0

        def __array__(self, dtype=None, copy=None):
            self.reads += 1
            return np.ones(self.shape)

        def __getitem__(self, index):
            return self

    weights, batch = Weights(), Weights()
    monkeypatch.setattr(dashboard, "_SHARE", 1e-9)
    b = board()
    for step in range(1, 1000):
        b.update(step, loss=1.5, batch=batch, parameters={"W": weights})
    assert weights.reads == 1  # at the first step
    assert batch.reads == 0
    b.finish()
    assert weights.reads == 2
    assert batch.reads == 1


# ---------------------------------------------------------------- beginning and end


def test_the_first_picture_stands_before_the_first_step(monkeypatch):
    shown = live(monkeypatch)
    b = board()
    assert shown == [b.picture]
    assert pixels(b.picture).std() > 0
    assert b.history["valid_steps"].tolist() == [0]
    assert b.history["loss"].tolist() == []


def test_finish_does_its_work_once(monkeypatch):
    shown = live(monkeypatch)
    b = board()
    b.update(1, loss=1.0)
    b.finish()
    count = len(shown)
    assert shown[-1] is b.picture
    b.finish()
    assert len(shown) == count
    with pytest.raises(ValueError, match=r"dashboard is finished"):
        b.update(2, loss=1.0)


def test_an_interrupted_block_shows_the_last_state(monkeypatch):
    shown = live(monkeypatch)
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
    assert shown[-1] is b.picture
    assert b.history["steps"].tolist() == [1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"valid": split(IMAGES[:0], LABELS[:0])}, ValueError, r"valid must hold .*got \[0, 784\]"),
        ({"valid": split(IMAGES[:, :6])}, ValueError, r"784 pixels.*got \[40, 6\]"),
        ({"valid": split(labels=None)}, TypeError, r"with images and labels"),
        ({"valid": IMAGES}, TypeError, r"valid must be a Split .* got ndarray"),
        ({"valid": split(labels=LABELS + 1)}, ValueError, r"labels up to 3, got \[40, 3\]"),
        ({"predict": PROBABILITIES}, TypeError, r"predict must be a function, got ndarray"),
        ({"predict": lambda x: None}, TypeError, r"what predict returns must be"),
        ({"predict": lambda x: SCORES}, ValueError, r"probabilities.*tf\.nn\.softmax"),
        ({"predict": lambda x: SCORES[:5]}, ValueError, r"\[40, classes\].*got \[5, 3\]"),
        ({"predict": lambda x: SCORES[:, 0]}, ValueError, r"got \[40\]"),
        ({"total": 0}, ValueError, r"total must be a whole number of at least 1"),
        ({"total": 10.5}, ValueError, r"total must be a whole number .*got 10.5"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        board(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"step": 5}, ValueError, r"step must grow .* got 5 after 5"),
        ({"step": 4}, ValueError, r"step must grow .* go on counting"),
        ({"step": 6.5}, ValueError, r"step must be a whole number .*got 6.5"),
        ({"loss": np.ones(3)}, TypeError, r"loss must be one number, got ndarray.*mean"),
        ({"accuracy": tf.ones((2, 2))}, TypeError, r"accuracy must be one number"),
        ({"loss": "small"}, TypeError, r"must be one number, got str"),
        ({"batch": np.ones((3, 5))}, ValueError, r"batch must hold images of 784.*\[3, 5\]"),
        ({"batch": (1, 2)}, ValueError, r"batch must hold images"),
        ({"parameters": [1, 2]}, TypeError, r"parameters must be a dict"),
    ],
)
def test_wrong_updates_are_named(arguments, error, message):
    b = board()
    b.update(5, loss=1.0)
    with pytest.raises(error, match=message):
        b.update(**({"step": 6, "loss": 0.5} | arguments))
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
def test_callback_agrees_with_what_fit_reports(steps_per_execution, one_hot):
    labels = ONE_HOT if one_hot else LABELS
    network = model(
        f"{'' if one_hot else 'sparse_'}categorical_crossentropy",
        steps_per_execution=steps_per_execution,
    )
    watch = DashboardCallback(split(labels=labels), split())
    x, y = np.tile(IMAGES, (5, 1))[:192], np.tile(labels, (5, 1) if one_hot else 5)[:192]
    logs = network.fit(x, y, batch_size=8, epochs=3, callbacks=[watch], verbose=0).history
    history = watch.board.history
    steps = history["steps"]
    assert steps[-1] == 3 * 24
    assert len(steps) == 3 * (24 if steps_per_execution == 1 else 3)  # after 10, 20 and 24 steps
    # the points of an epoch, weighted with the steps they stand for, give the epoch's mean
    for name in ("loss", "accuracy"):
        sums = np.diff(np.concatenate([[0], steps])) * history[name]
        np.testing.assert_allclose(sums.reshape(3, -1).sum(axis=1) / 24, logs[name], rtol=1e-5)
    expected = network.evaluate(IMAGES, labels, verbose=0)
    got = history["valid_loss"][-1], history["valid_accuracy"][-1]
    assert got == pytest.approx(expected, rel=1e-4)
    assert all(len(rows) > 0 for rows in watch.board._spreads.values())


@pytest.mark.filterwarnings("ignore:.*(ran out of data|shuffle=True)")
def test_callback_without_accuracy_with_logits_and_unknown_length():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network = model(loss, last=None, metrics=())
    data = tf.data.Dataset.from_generator(
        lambda: ((IMAGES[i : i + 8], LABELS[i : i + 8]) for i in range(0, 40, 8)),
        output_signature=(tf.TensorSpec((None, 784)), tf.TensorSpec((None,), tf.int64)),
    )
    watch = DashboardCallback(split(), split())
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
    watch = DashboardCallback(split(), split())
    network.fit(IMAGES * 1e6, LABELS, epochs=3, callbacks=[watch], verbose=0)
    assert len(watch.board.history["steps"]) >= 3


def test_callback_changes_no_weight():
    weights = []
    for callbacks in ([], [DashboardCallback(split(), split())]):
        keras.utils.set_random_seed(1)
        network = keras.Sequential(
            [keras.Input((784,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
        )
        network.compile("adam", "sparse_categorical_crossentropy")
        network.fit(IMAGES, LABELS, batch_size=4, epochs=2, callbacks=callbacks, verbose=0)
        weights.append(network.get_weights()[0])
    np.testing.assert_array_equal(*weights)


# ---------------------------------------------------------------- in a kernel, and without one

SETUP = """
import numpy as np
from types import SimpleNamespace
from libs.dashboard import Dashboard
images = np.random.default_rng(0).random((50, 784), dtype=np.float32)
valid = SimpleNamespace(images=images, labels=np.arange(50) % 10)
predict = lambda x: np.full((len(x), 10), 0.1)
"""
LOOP = """
import time
began = time.perf_counter()
with Dashboard(valid, predict, title="a loop") as board:
    step = 0
    while time.perf_counter() < began + 60 and updates < 4:
        step += 1
        time.sleep(0.01)
        board.update(step, loss=1 / step, batch=images, parameters={"W": images})
"""
COUNT = """
import libs.dashboard_view
updates = 0
class Counting(libs.dashboard_view.Frame):
    def _repr_html_(self):
        global updates
        updates += 1
        return super()._repr_html_()
libs.dashboard_view.Frame = Counting
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
