"""The dashboard: what it records, shows and costs, in loops, in ``fit`` and in a real kernel."""

import base64
import html
import io
import itertools
import json
import re
import subprocess
import sys
from types import SimpleNamespace

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

from libs import ROOT, dashboard
from libs.dashboard import Dashboard
from libs.datasets import MNIST, Dataset

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


def film(picture):
    """Return what the page of a picture is given."""
    page = re.search('data-film="([^"]*)"', picture._repr_html_())[1]
    return json.loads(html.unescape(page))


def sheet(address):
    """Return the digits of a sheet, ``[n, 28, 28]``."""
    png = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    page = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    return page.reshape(len(page) // 28, 28, 10, 28).swapaxes(1, 2).reshape(-1, 28, 28)


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


def test_an_update_may_hold_the_losses_of_many_steps():
    with board() as b:
        b.update(3, loss=np.float32([3, 2, 1]))
        b.update(5, loss=tf.constant([0.5]))
        b.update(8, loss=np.array([0.25, 0.125]))
    assert b.history["steps"].tolist() == [1, 2, 3, 5, 7, 8]
    assert b.history["loss"].tolist() == [3, 2, 1, 0.5, 0.25, 0.125]


# ---------------------------------------------------------------- what is shown


@given(st.lists(st.integers(-1, 2), min_size=1, max_size=100), st.integers(1, 300))
@settings(max_examples=20, deadline=None)
def test_the_film_tells_which_digits_were_wrong_and_as_what_they_were_read(read, looks):
    """Each frame names the first mistakes of its time, by their place on the sheet."""
    labels = np.arange(len(read)) % 3
    images = RNG.random((len(read), 784), dtype=np.float32)
    turned = itertools.cycle([np.array(read), labels])

    def predict(images):
        p = np.eye(3)[classes := next(turned)]
        p[classes < 0] = np.nan
        return p

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashboard, "_PAUSE", 0)
        patch.setattr(dashboard, "_LOOKING", 1e9)
        patch.setattr(dashboard, "_SENDING", 1e9)
        with board(split(images, labels), predict) as b:
            for step in range(1, looks):
                b.update(step, loss=0.0)
    shown = film(b.picture)
    assert 1 <= len(shown["frames"]) <= dashboard._FRAMES + 1
    assert shown["frames"][0][0] == 0
    assert shown["frames"][-1][0] == looks - 1
    pages = sheet(shown["sheet"]) if shown["truth"] else []
    wrong = np.flatnonzero(np.array(read) != labels)
    for step, _, count, pairs in shown["frames"]:
        if count == 0 and pairs == []:  # all were right then
            continue
        assert count == len(wrong), step
        assert pairs[1::2] == np.array(read)[wrong][:48].tolist()
        assert np.array(shown["truth"])[pairs[::2]].tolist() == labels[wrong][:48].tolist()
        for place, i in zip(pairs[::2], wrong, strict=False):
            off = np.abs(pages[place] / 255 - images[i].reshape(28, 28))
            assert off.max() < 0.2  # few greys


def test_a_film_is_small_and_its_text_holds_no_numbers():
    images = MNIST().valid.images[:1000]
    scores = RNG.random((200, 1000, 10))
    looks = iter(scores / scores.sum(axis=2, keepdims=True))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_PAUSE", 0), ("_LOOKING", 1e9), ("_SENDING", 1e9)):
            patch.setattr(dashboard, name, value)
        with board(split(images, np.arange(1000) % 10), lambda _: next(looks), title="so<f't") as b:
            for step in range(1, 150):
                b.update(step, 1 / step, 0.5)
            for step in range(1, 20):
                b.update(150 + 1000 * step, np.full(1000, 1 / step))
    picture = b.picture
    page = picture._repr_html_()
    assert len(page) < 250_000
    assert 50 < len(film(picture)["frames"]) <= 101
    assert max(len(column) for column in film(picture)["curves"]["training"]) <= 301
    assert film(picture)["title"] == "so<f't"
    assert "so<f't" in picture.alt
    assert not any(character.isdigit() for character in picture.alt)
    assert f'alt="{html.escape(picture.alt)}"' in page  # where no script runs
    assert Image.open(io.BytesIO(picture.png)).size[0] > 500
    assert repr(picture).startswith("Figure: Training dashboard")


@given(st.lists(st.floats(-10, 10), max_size=1000))
@settings(max_examples=30)
def test_a_thinned_curve_keeps_its_ends_and_its_mean(losses):
    rows = np.column_stack([np.arange(1, len(losses) + 1), losses, np.zeros(len(losses))])
    columns = dashboard._thinned(rows)
    assert [len(column) for column in columns] == [len(columns[0])] * 3
    assert len(columns[0]) <= dashboard._POINTS + 1
    if len(losses) <= dashboard._POINTS:
        np.testing.assert_allclose(np.reshape(columns, (3, -1)).T, rows, rtol=1e-3, atol=1e-3)
    every = len(losses) // dashboard._POINTS + 1
    parts = [np.mean(losses[i : i + every]) for i in range(0, len(losses), every)]
    np.testing.assert_allclose(columns[1], parts, rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("error")
def test_the_style_of_the_lessons_fits():
    with matplotlib.rc_context(fname=ROOT / "libs" / "course.mplstyle"):
        assert b"PNG" in board().picture.png[:4]


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
            b.update(step, loss=loss)
    np.testing.assert_array_equal(b.history["loss"], losses)
    broken = [step for step, loss in enumerate(losses, 1) if not np.isfinite(loss)][:1]
    expected = "".join(f"The training loss is {losses[n - 1]} at step {n}." for n in broken)
    shown = film(b.picture)  # JSON as pages read it, without NaN
    assert shown["broken"] == expected
    finite = [loss if abs(loss) < 1e99 else None for loss in losses]  # no axis is longer
    assert shown["curves"]["training"][1] == finite


@pytest.mark.filterwarnings("error")
def test_a_long_training_that_broke_down_is_drawn_without_a_word():
    with board() as b:
        b.update(2000, loss=np.tile([1.0, np.inf, -np.inf, 1e308, np.nan], 400))
    assert film(b.picture)["curves"]["training"][1].count(None) > 100


@pytest.mark.filterwarnings("error")
def test_a_model_that_broke_down_is_all_wrong():
    state = SimpleNamespace(scores=PROBABILITIES)
    b = board(predict=lambda images: state.scores)
    state.scores = np.full_like(PROBABILITIES, np.nan)
    b.update(7, loss=np.nan)
    b.finish()
    assert b.history["valid_accuracy"][-1] == 0
    assert np.isnan(b.history["valid_loss"][-1])
    shown = film(b.picture)
    assert "training loss is nan at step 7" in shown["broken"]
    assert "held-out loss is nan at step 7" in shown["broken"]
    assert set(shown["frames"][-1][3][1::2]) == {-1}


def test_without_held_out_images_the_loss_is_shown():
    with Dashboard(title="a loop") as b:
        for step in range(1, 4):
            b.update(step, 1 / step)
    shown = film(b.picture)
    assert shown["held"] == 0
    assert shown["frames"][-1][0] == 3
    assert shown["curves"]["training"][1] == [1, 0.5, 0.33333]
    assert b.picture.alt == "Training dashboard of a loop: the loss over the steps."


@pytest.mark.parametrize("losses", [[1.0, 0.5], [np.nan, np.nan]])
def test_the_still_picture_is_full_and_names_no_curve_that_is_not_there(losses):
    with Dashboard() as alone, board() as beside:
        for step, loss in enumerate(losses, 1):
            alone.update(step, loss)
            beside.update(step, loss, accuracy=0.5)
    stills = alone._still(), beside._still()
    assert [len(still.axes) for still in stills] == [1, 3]
    widths = [still.axes[0].get_position().width for still in stills]
    assert widths[0] > 0.9 > 0.35 > widths[1]
    names = [[t.get_text() for t in still.axes[0].get_legend().get_texts()] for still in stills]
    assert names == [["training"], ["training", "held-out"]]


def test_held_out_images_have_dots_where_they_were_read_and_hardly_a_line(monkeypatch):
    monkeypatch.setattr(dashboard, "_LOOKING", 1e-9)  # at first and in the end
    with board() as b:
        for step in range(1, 100):
            b.update(step, 1 / step, accuracy=0.5)
    for panel in b._still().axes[:2]:
        training, held_out = panel.lines
        assert training.get_marker() in ("", "None")
        assert held_out.get_marker() == "."
        assert held_out.get_xdata().tolist() == b.history["valid_steps"].tolist()
        assert held_out.get_linewidth() < training.get_linewidth() / 2


@pytest.mark.parametrize(("count", "says"), [(40, "40"), (1000, "1,000"), (2500, r"1,000 .*2,500")])
def test_it_says_so_where_it_looks_at_a_part(count, says):
    images = np.zeros((count, 784), np.float32)
    b = board(split(images, np.arange(count) % 3), lambda images: np.full((len(images), 3), 1 / 3))
    shown = film(b.picture)
    assert (shown["held"], shown["of"]) == (min(count, 1000), count)
    # a style may put titles to the left
    title = "".join(map(b._still().axes[2].get_title, ("left", "center", "right")))
    assert re.search(rf"of {says}", title)
    assert ("(of" in title) == (count > 1000)


# ---------------------------------------------------------------- what it costs


def live(monkeypatch):
    """Make the dashboard believe in a page; return the list of what the page gets."""
    shown = []

    class Page:
        model_id = "a page"

        def __init__(self, film, sheet):
            shown.append(film)

        def __setattr__(self, name, value):
            shown.append(value)

        def close(self):
            shown.append("closed")

    monkeypatch.setattr(dashboard, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(dashboard, "_Page", Page)
    monkeypatch.setattr(
        dashboard, "display", lambda *bundle, **_: SimpleNamespace(update=shown.append)
    )
    return shown


class Clock:
    """Time that passes only where the test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@given(
    step_time=st.floats(1e-4, 0.2),
    looking=st.floats(1e-4, 3),
    jitter=st.lists(st.floats(0.5, 3), min_size=1, max_size=7),
    pause=st.floats(0, 100),
)
@settings(max_examples=40, deadline=None)
def test_the_dashboard_moves_and_keeps_its_budget(step_time, looking, jitter, pause):
    clock, spent, times = Clock(), [], []
    factors = itertools.cycle(jitter)

    def predict(images):
        spent.append(looking * next(factors))
        clock.now += spent[-1]
        return PROBABILITIES

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashboard, "perf_counter", clock)
        patch.setattr(Dashboard, "_film", lambda self, used: times.append(clock.now))
        live(patch)
        b = board(predict=predict)
        opened, steps = clock.now, 600
        for step in range(1, steps):
            clock.now += pause if step == steps // 2 else step_time
            b.update(step, loss=0)
        took = clock.now - opened
    # a picture at least every half second, however dear a look at the held-out images is
    gaps = np.diff([at for at in times if at > opened] or [opened])
    looked = max(spent)
    assert (np.sort(gaps)[: -1 if pause else None] <= 0.25 + 2 * step_time + looked + 1e-6).all()
    # each look is paid for by the time after it, as if it had cost no more than the one before;
    # the first two, which start the graph, and the last may still owe
    share = dashboard._LOOKING
    assert sum(spent[2:-1]) <= share * took * max(jitter) / min(jitter) + 1e-6
    # and the share is used: where there is time, there are looks
    rest = max(jitter) * looking / share + 0.25
    assert len(spent) >= (took - pause) // (rest + max(jitter) * looking + 2 * step_time)


def test_dear_pictures_come_less_often(monkeypatch):
    clock, shown = Clock(), live(monkeypatch)
    monkeypatch.setattr(dashboard, "perf_counter", clock)

    def film(self, used):
        clock.now += 0.1
        return {}

    monkeypatch.setattr(Dashboard, "_film", film)
    b = Dashboard()
    shown.clear()
    for step in range(1, 10_000):
        clock.now += 0.01
        b.update(step, loss=0)
    assert 17 <= len(shown) <= 20  # a tenth of a second of each five


def test_one_slow_look_does_not_stop_the_others(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(dashboard, "perf_counter", clock)
    slow = iter([0.0, 3.0, 0.05, 9.0])  # a first start; a busy machine

    def predict(images):
        clock.now += next(slow, 0.05)
        return PROBABILITIES

    b = board(predict=predict)
    for step in range(1, 1000):
        clock.now += 0.01
        b.update(step, loss=0)
    assert len(b.history["valid_steps"]) >= 9  # in ten seconds of training


# ---------------------------------------------------------------- beginning and end


def test_the_first_picture_stands_before_the_first_look(monkeypatch):
    shown = live(monkeypatch)
    waits = []
    b = board(predict=lambda images: waits.append(len(shown)) or PROBABILITIES)
    assert waits == [1]
    first, second = shown
    assert first["frames"] == []
    assert second["frames"] == b._film(b._all)["frames"]
    assert b.history["valid_steps"].tolist() == [0]
    assert b.history["loss"].tolist() == []


def test_finish_does_its_work_once(monkeypatch):
    shown = live(monkeypatch)
    b = board()
    b.update(1, loss=1.0)
    b.finish()
    count = len(shown)
    assert shown[-1] == "closed"
    assert film(shown[-2])["done"] is True
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
    assert film(shown[-2])["curves"]["training"][1] == [1.0]
    assert b.history["steps"].tolist() == [1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"valid": split(IMAGES[:0], LABELS[:0])}, ValueError, r"valid must hold .*got \[0, 784\]"),
        ({"valid": split(IMAGES[:, :6])}, ValueError, r"784 pixels.*got \[40, 6\]"),
        ({"valid": split(labels=None)}, TypeError, r"of images and labels, got SimpleNamespace"),
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
        ({"step": 5}, ValueError, "step must grow, got 5 after 5"),
        ({"step": 4}, ValueError, r"step must grow, got 4 .* go on counting"),
        ({"step": 6.5}, ValueError, r"step must be a whole number .*got 6.5"),
        ({"loss": np.ones(3)}, TypeError, r"loss must be one number, got ndarray.*mean"),
        ({"accuracy": tf.ones((2, 2))}, TypeError, r"accuracy must be one number"),
        ({"loss": "small"}, TypeError, r"must be one number, got str"),
        ({"loss": np.zeros(0)}, TypeError, r"loss must be one number"),
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
    watch = Dashboard(split(labels=labels), network)
    x, y = np.tile(IMAGES, (5, 1))[:192], np.tile(labels, (5, 1) if one_hot else 5)[:192]
    logs = network.fit(x, y, batch_size=8, epochs=3, callbacks=[watch], verbose=0).history
    history = watch.history
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
    assert watch.total == 3 * 24


@pytest.mark.filterwarnings("ignore:.*(ran out of data|shuffle=True)")
def test_callback_without_accuracy_with_logits_and_unknown_length():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network = model(loss, last=None, metrics=())
    data = tf.data.Dataset.from_generator(
        lambda: ((IMAGES[i : i + 8], LABELS[i : i + 8]) for i in range(0, 40, 8)),
        output_signature=(tf.TensorSpec((None, 784)), tf.TensorSpec((None,), tf.int64)),
    )
    for epochs in (2, 3):
        watch = Dashboard(split(), lambda images: tf.nn.softmax(network(images)))
        network.fit(data, epochs=epochs, callbacks=[watch], verbose=0)
        history = watch.history
        assert history["steps"][-1] == 5 * epochs
        assert np.isnan(history["accuracy"]).all()
        assert np.isfinite(history["loss"]).all()
        expected = network.evaluate(IMAGES, LABELS, verbose=0)
        assert history["valid_loss"][-1] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match=r"finished. Make a new"):
        network.fit(data, callbacks=[watch], verbose=0)


def test_callback_stands_a_training_that_diverges():
    network = model("sparse_categorical_crossentropy")
    network.optimizer.learning_rate = 1e30
    watch = Dashboard(split(), network)
    network.fit(IMAGES * 1e6, LABELS, epochs=3, callbacks=[watch], verbose=0)
    assert len(watch.history["steps"]) >= 3


def test_callback_changes_no_weight():
    weights = []
    for watched in (False, True):
        keras.utils.set_random_seed(1)
        network = keras.Sequential(
            [keras.Input((784,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
        )
        callbacks = [Dashboard(split(), network)] if watched else []
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
    for step in range(1, 51):
        time.sleep(0.01)
        board.update(step, loss=1 / step)
"""


@pytest.mark.slow
def test_one_film_per_cell_in_a_real_kernel():
    """A cell that redraws several times ends with one output, interrupted or not."""
    cells = [SETUP, LOOP, LOOP + "    1 / 0", "board = Dashboard(valid, predict); board.finish()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(ROOT)}},
    ).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    kinds = [[output.output_type for output in cell] for cell in outputs]
    assert kinds == [[], ["display_data"], ["display_data", "error"], ["display_data"]]
    for cell in outputs[1:]:
        data = cell[0].data
        assert "data-film=" in data["text/html"]
        assert 'alt="Training dashboard' in data["text/html"]
        assert data["image/png"]
        assert data["text/plain"].startswith("Figure: Training dashboard")
        assert "application/vnd.jupyter.widget-view+json" not in data


@pytest.mark.slow
def test_a_plain_script_prints_nothing():
    code = SETUP + "board = Dashboard(valid, predict)\nboard.update(1, loss=1.0)\nboard.finish()"
    code += "\nassert board.picture.png[1:4] == b'PNG'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
