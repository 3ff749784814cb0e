"""The frame of benchmarks/records, with a stand-in for a training: no network learns here."""

import json
import os
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import records
from benchmarks.records import Results, Wrong, __main__, board, one, profile
from benchmarks.records.recipes import _far, _fast, r997

ROOT = Path(__file__).resolve().parent.parent
STAND_IN = '''"""A stand-in that always says 7."""

import sys

import numpy as np

assert "tensorflow" not in sys.modules

MARK = 0.99


def train(images, labels, seed):
    """Learn nothing."""
    return lambda part: np.full(len(part), 7)
'''
IMAGES = np.zeros((20, 28, 28), np.uint8)
LABELS = np.arange(20) % 2


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two records of 99 % and a reference; trainings are numbers."""
    (tmp_path / "recipes").mkdir()
    for name in ("ours", "older", "reference"):
        text = STAND_IN if name != "reference" else STAND_IN.replace("MARK = 0.99\n", "")
        (tmp_path / "recipes" / f"{name}.py").write_text(text, "utf-8")
    monkeypatch.setattr(records, "RECIPES", tmp_path / "recipes")
    monkeypatch.setattr(records, "RESULTS", tmp_path / "results")
    trained = []

    def train(name, seed, kind):
        trained.append((name, seed, kind))
        seconds = {"reference": 20.0, "ours": 1.0, "older": 2.0}[name] + seed / 1000
        about = {"date": "2026-11-27", "commit": "none", "machine": "", "versions": {}}
        return {"accuracy": 0.9905 + seed / 1e5, "seconds": seconds, "circumstances": about}

    monkeypatch.setattr(__main__, "train", train)
    return types.SimpleNamespace(path=tmp_path, trained=trained)


def test_a_seed_is_measured_in_a_process_of_its_own_without_tensorflow(tmp_path):
    tree = tmp_path / "benchmarks" / "records"
    shutil.copytree(ROOT / "benchmarks" / "records", tree)
    shutil.copy(ROOT / "benchmarks" / "__init__.py", tree.parent)
    (tree / "recipes" / "stand_in.py").write_text(STAND_IN, "utf-8")
    (tmp_path / "MNIST_data").symlink_to(ROOT / "MNIST_data")
    command = [sys.executable, "-m", "benchmarks.records.one", "stand_in", "1", "validation"]
    away = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, env=away
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert 0.08 < found["accuracy"] < 0.13
    assert found["seconds"] < 0.5
    assert found["circumstances"]["versions"]["numpy"] == np.__version__


def test_the_clock_covers_tracing_and_stands_still_while_a_peer_is_asked():
    def read(part):
        time.sleep(0.01)  # ten parts a look
        return np.zeros(len(part))

    def slow(images, labels, seed):
        time.sleep(0.2)  # as tracing would
        return read

    def asked(images, labels, seed, look):
        time.sleep(0.05)
        assert not look(read)
        return read

    known = IMAGES, LABELS
    found = one.timed(types.SimpleNamespace(train=slow, MARK=0.99), 1, known, known)
    assert 0.2 <= found["seconds"] < 0.29
    assert found["accuracy"] == 0.5
    twice = types.SimpleNamespace(train=slow, MARK=0.99, LOOKS=9)
    assert one.timed(twice, 1, known, known)["seconds"] >= 0.3
    found = one.timed(types.SimpleNamespace(train=asked), 1, known, known)
    assert 0.05 <= found["seconds"] < 0.14
    assert found["looks"][0][1] == 0.5


def test_validation_holds_out_another_sixth_each_seed_and_never_reads_the_test_set(monkeypatch):
    def digits(part):
        assert part == "train"
        return np.arange(60)[:, None, None] + np.zeros((1, 28, 28), int), np.arange(60)

    monkeypatch.setattr(one, "digits", digits)
    held = [set(one.split(seed, "validation")[3].tolist()) for seed in range(6)]
    assert set.union(*held) == set(range(60))
    assert sum(map(len, held)) == 60
    assert not held[1] & set(one.split(1, "validation")[1].tolist())


def test_a_stopped_run_goes_on_with_the_seeds_that_are_missing(folder, monkeypatch, capsys):
    whole = __main__.train

    def stopped(name, seed, kind):
        if seed == 3:
            raise KeyboardInterrupt
        return whole(name, seed, kind)

    monkeypatch.setattr(__main__, "train", stopped)
    with pytest.raises(SystemExit):
        __main__.main(["run", "ours", "--seeds", "4"])
    assert list(Results("ours").seeds["validation"]) == [1, 2]
    assert "kept" in capsys.readouterr().err
    monkeypatch.setattr(__main__, "train", whole)
    folder.trained.clear()
    assert __main__.main(["run", "ours", "--seeds", "4"]) == 0
    ran = [seed for name, seed, kind in folder.trained if name == "ours"]
    assert ran == [3, 4]
    results = Results("ours")
    assert list(results.seeds["validation"]) == [1, 2, 3, 4]
    assert ("reference", 0, "validation") in folder.trained  # another sitting
    assert not results.seeds["test"]
    assert "30 seeds are needed" in capsys.readouterr().out


def test_a_run_says_whether_the_mark_is_reached_and_the_standing_record_beaten(folder, capsys):
    __main__.main(["run", "older", "--test"])
    assert "reaches 99.00% and is the first" in capsys.readouterr().out
    __main__.main(["run", "ours", "--test"])
    said = capsys.readouterr().out
    assert "99.066% ± 0.002%" in said
    assert "beats older" in said
    __main__.main(["run", "older", "--test"])
    assert "doesn't beat ours" in capsys.readouterr().out
    assert {kind for *_, kind in folder.trained} == {"test"}
    assert len(folder.trained) == 62  # the third call found nothing to do


def test_a_mean_below_the_mark_is_missed(folder):
    results = Results("ours")
    results.sittings = [{"reference": 20.0}]
    runs = {s: {"accuracy": 0.9899, "seconds": 1.0, "sitting": 0} for s in range(1, 31)}
    results.seeds["test"] = runs
    assert "MISSES 99.00%" in records.verdict(results, "test")
    assert not records.reached(results, "test")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace('"sitting": 0', '"sitting": 9'),
        lambda text: text.replace('"seconds"', '"secs"'),
        lambda text: text.replace('"accuracy": 0.', '"accuracy": "x0.'),
    ],
)
def test_damaged_results_are_named_and_left_alone(folder, damage, capsys):
    __main__.main(["run", "ours", "--seeds", "2"])
    path = Results("ours").path
    path.write_text(damaged := damage(path.read_text("utf-8")), "utf-8")
    with pytest.raises(SystemExit) as ended:
        __main__.main(["run", "ours", "--seeds", "3"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "damaged" in said
    assert str(path) in said
    assert path.read_text("utf-8") == damaged


def test_a_changed_recipe_is_a_new_record(folder):
    __main__.main(["run", "ours", "--seeds", "1"])
    with (folder.path / "recipes" / "ours.py").open("a", encoding="utf-8") as file:
        file.write("# faster\n")
    with pytest.raises(Wrong, match="new name"):
        Results("ours")


def test_a_recipe_changes_with_what_it_shares_and_with_what_that_shares(folder):
    recipes = folder.path / "recipes"
    (recipes / "_near.py").write_text("A = 1\n", "utf-8")
    (recipes / "_wide.py").write_text("from . import _near\n", "utf-8")
    before = records.digest("ours")
    assert records.digest("older") == before
    (recipes / "ours.py").write_text(STAND_IN + "# as _wide does\n", "utf-8")
    digests = {before, records.digest("ours")}
    (recipes / "_near.py").write_text("A = 2\n", "utf-8")
    digests.add(records.digest("ours"))
    assert len(digests) == 3
    assert records.digest("older") == before


def test_a_profile_is_kept_for_each_record_and_told_in_a_table(folder, monkeypatch, capsys):
    monkeypatch.setattr(board, "PROFILE", folder.path / "profile.json")
    row = {"making": 0.1, "tracing": 0.2, "steps": 2.0, "reading": 0, "count": 100}
    row |= {"operations": 3e11, "peak": {"bfloat16": 6e11, "float32": 3e11}}
    asked = []

    def alone(module, name):
        asked.append((module, name))
        return {"record": name} | row

    monkeypatch.setattr(__main__, "alone", alone)
    __main__.main(["run", "ours", "--seeds", "1"])
    assert __main__.main(["profile"]) == 0
    assert asked == [("profile", "ours")]  # the other was never measured
    assert "| `ours` | 0.10 | 0.20 | 2.00 | 20.0 | 0.00 | 300 | 150 | 25% | 50% |" in (
        capsys.readouterr().out
    )
    assert __main__.main(["profile", "older"]) == 0
    assert [row["record"] for row in board.profiled()] == ["older", "ours"]


def test_the_board_says_which_of_a_peers_seeds_arrived(folder, monkeypatch):
    __main__.run("ours", 2, "test")
    text = STAND_IN.replace("MARK = 0.99\n", "")
    (folder.path / "recipes" / "peer.py").write_text(text, "utf-8")
    paths = {1: [[4.0, 0.98], [8.0, 0.991]], 2: [[4.0, 0.991], [8.0, 0.993]], 3: [[4.0, 0.990]]}
    peer = Results("peer")
    peer.sittings = [{"reference": 20.0}]
    for seed, looks in paths.items():
        peer.seeds["test"][seed] = {"accuracy": 0.99, "seconds": 8.0, "sitting": 0, "looks": looks}
    peer.keep()
    ours, row = board.table(board.measured()).splitlines()[2:]
    assert "| – |  |  |" in ours
    assert "| 5.3 ± 1.3 | 1 of 3 |" in row  # 8, 4 and 4 s to 99 %; one to 99.3 %


def test_a_steps_operations_are_counted_from_the_weights():
    weights = [(5, 5, 1, 16), (3, 3, 16, 32), (3, 3, 32, 64), (576, 128), (16,), (128, 10)]
    network = types.SimpleNamespace(trained=[tf.zeros(shape) for shape in weights])
    first, second, third = 24 * 24 * 400, 10 * 10 * 4608, 3 * 3 * 18432
    dense = 576 * 128 + 1280
    assert profile.flops(network) == 4 * first + 6 * (second + third + dense)


def test_images_of_the_long_records_are_made_up_one_by_one():
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 8:20, 10:18] = 1
    tf.random.set_seed(1)
    made = _far.warped(tf.constant(np.repeat(image, 64, axis=0))).numpy()
    assert made.shape == (64, 28, 28, 1)
    assert len({one.tobytes() for one in made}) == 64
    mass = made.sum(axis=(1, 2, 3)) / image.sum()
    assert 0.7 < mass.min() < 0.9 < 1.1 < mass.max() < 1.3  # a tenth each way, on two sides
    places = made.sum(axis=(1, 3)) @ np.arange(28) / made.sum(axis=(1, 2, 3)) - 13.5
    assert 1 < abs(places).max() < 2.2


def test_nine_looks_are_averaged_as_probabilities():
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).astype(np.uint8)

    def logits(shown):  # of a network that looks at ten pixels
        return 4 * shown[:, 5:15, 7, 0]

    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    moved = np.stack([np.roll(images, move, (1, 2)) for move in moves])[:, :, 5:15, 7] / 255
    p = np.exp(4 * moved)
    expected = np.mean(p / p.sum(axis=2, keepdims=True), axis=0).argmax(1)
    assert np.array_equal(_far.nine([logits])(images), expected)
    assert (expected != moved[4].argmax(1)).any()  # one look would say something else
    assert len(moves) == _far.LOOKS

    def other(shown):  # surer, and of other pixels
        return 9 * shown[:, 5:15, 9, 0]

    more = np.stack([np.roll(images, move, (1, 2)) for move in moves])[:, :, 5:15, 9] / 255
    q = np.exp(9 * more)
    both = (p / p.sum(axis=2, keepdims=True) + q / q.sum(axis=2, keepdims=True)).mean(axis=0)
    assert np.array_equal(_far.nine([logits, other])(images), both.argmax(1))
    assert (both.argmax(1) != expected).any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nobody"], "no recipe is called 'nobody'. There are: older, ours, reference"),
        (["run", "ours", "--seeds", "0"], "--seeds must be 1 or more, got 0"),
        (["run", "ours", "--seeds", "many"], "invalid int value: 'many'"),
        (["check", "ours"], "ours has no two seeds of it"),
        (["board"], "nothing has been measured"),
    ],
)
def test_what_is_asked_wrongly_is_answered(folder, arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        __main__.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_check_fails_where_a_record_lies(folder, capsys):
    __main__.main(["run", "ours"])
    assert __main__.main(["check"]) == 0
    for column, factor in (("seconds", 0.7), ("accuracy", 1.002)):
        results = Results("ours")
        for seed in results.seeds["validation"].values():
            seed[column] *= factor
        results.keep()
        assert __main__.main(["check", "ours"]) == 1
        said = capsys.readouterr().out
        assert ("ratio" if column == "seconds" else "accuracy") in said.splitlines()[-1]
        for seed in results.seeds["validation"].values():
            seed[column] /= factor
        results.keep()


@pytest.mark.parametrize("asked", [["check"], ["check", "older"]])
def test_check_never_passes_for_want_of_seeds(folder, asked, capsys):
    __main__.main(["run", "ours", "--test"])
    with pytest.raises(SystemExit) as stop:
        __main__.main(asked)
    assert stop.value.code == 2
    assert "nothing to check on validation data" in capsys.readouterr().err
    assert __main__.main(["check", "--test"]) == 0
    assert "ours: as stated" in capsys.readouterr().out


def test_a_profile_counts_the_steps_of_all_of_a_recipes_networks(monkeypatch):
    how = {"filters": (4, 4, 4), "hidden": 8, "steps": 2, "batch": 32}

    def train(images, labels, seed):
        return _far.train(images[:64], labels[:64], seed, members=2, **how)

    monkeypatch.setattr(profile, "peak", lambda dtype: 1e9)
    monkeypatch.setattr(r997, "train", train)
    found = profile.measure("r997")
    network = _fast.Network((4, 4, 4), 5, 8, np.random.default_rng(0))
    assert found["count"] == 4
    assert found["operations"] == 2 * 2 * 32 * profile.flops(network)
    assert min(found[part] for part in ("making", "tracing", "steps", "reading")) > 0


def test_every_recipe_and_result_in_the_repository_is_whole():
    for name in records.names():
        assert records.title(name)
        assert records.mark(name) in (None, *records.SEEDS)
        Results(name)


def test_the_page_holds_what_was_measured():
    text = board.README.read_text("utf-8")
    rows = board.measured()
    assert board.ideas() in text
    assert board.profile() in text
    assert board.table(rows) in text
    assert board.words(rows) in text
    assert board.PICTURE.is_file()
