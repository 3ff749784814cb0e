"""Checkpoints: a killed training goes on bit by bit the same, and torn files are passed over."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.checkpoints import CheckpointError, Checkpoints, verify

pytestmark = pytest.mark.slow
KILLS = 20

# A training with everything that can be forgotten: Adam's averages, dropout's random state, a
# generator of noise, an order of samples that changes each epoch, steps inside an epoch. The
# ballast makes the checkpoint large, so that writing it takes long enough to be hit.
TRAINING = """
    import hashlib, os, random, signal, sys, time
    from pathlib import Path

    import numpy as np
    import libs, keras, tensorflow as tf
    from libs.checkpoints import Checkpoints

    STEPS, EPOCH, BALLAST = 160, 16, 2_000_000

    def begin():
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(16, activation="relu"),
                                  keras.layers.Dropout(0.3), keras.layers.Dense(1)])
        optimizer = keras.optimizers.Adam(0.01)
        optimizer.build(model.trainable_variables)
        return tf.train.Checkpoint(
            model=model, optimizer=optimizer, coins=model.layers[1].seed_generator.state,
            noise=tf.random.Generator.from_seed(2), step=tf.Variable(0),
            losses=tf.Variable(tf.zeros(STEPS)), ballast=tf.Variable(tf.zeros(BALLAST)),
        )

    def take_step(state):
        step = int(state.step)
        epoch, position = divmod(step, EPOCH)
        order = np.random.default_rng([3, epoch]).permutation(8 * EPOCH)
        x = np.random.default_rng(4).normal(size=(8 * EPOCH, 6)).astype("float32")
        x = x[order[8 * position : 8 * position + 8]]
        y = x[:, :1] * x[:, 1:2]
        x += state.noise.normal(x.shape, stddev=0.1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((state.model(x, training=True) - y) ** 2)
        weights = state.model.trainable_variables
        state.optimizer.apply(tape.gradient(loss, weights), weights)
        state.losses.scatter_nd_update([[step]], [loss])
        state.ballast.assign(tf.fill([BALLAST], loss))
        state.step.assign_add(1)

    def train(folder):
        state = begin()
        keeper = Checkpoints(state, folder)
        keeper.restore()
        while int(state.step) < STEPS:
            take_step(state)
            keeper.save(int(state.step))
        return state

    def report(state):
        weights = [state.ballast, *state.model.weights, *state.optimizer.variables]
        bits = [state.losses.numpy().tobytes(), *(w.numpy().tobytes() for w in weights)]
        return [hashlib.sha256(part).hexdigest() for part in bits]
"""

# Importing TensorFlow takes seconds, so it is imported once, and every life is a fork of that:
# of a process that has not used TensorFlow yet, or its threads would be missing in the fork.
LIVES = """
    import contextlib, json, warnings

    END_OF_TABLE = 0xDB4775248B80FB57.to_bytes(8, "little")

    def live(folder, result=None):
        process = os.fork()
        if process == 0:
            try:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    state = train(folder)
                    if result:
                        words = [str(one.message) for one in said]
                        result.write_text(json.dumps([report(state), words]))
                os._exit(0)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
        return process

    def finished(folder):
        # TensorFlow opens an index under its final name: whole once it has the end of a table
        names = set()
        for path in folder.glob("*.index"):
            with contextlib.suppress(FileNotFoundError):  # an old one, deleted meanwhile
                if path.read_bytes().endswith(END_OF_TABLE):
                    names.add(path.name)
        return names

    def writing(folder):
        # TensorFlow writes into a folder beside the checkpoint
        return next(iter(folder.glob("*_temp")), None) if folder.exists() else None

    def kill(process, folder, rng, while_writing):
        before = finished(folder)
        if not while_writing:
            while finished(folder) == before:  # it has begun, and got somewhere
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.15))
        else:
            for _ in range(rng.randrange(1, 4)):  # not only at the first checkpoint
                here = finished(folder)
                while finished(folder) == here:
                    time.sleep(0.001)
            while not writing(folder):
                pass
            time.sleep(rng.uniform(0, 0.002))
        os.kill(process, signal.SIGKILL)
        return os.WTERMSIG(os.waitpid(process, 0)[1])
"""


def run(program, *arguments):
    """Run a program and all that it forks; return what it prints as JSON at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=300)
    finally:
        with contextlib.suppress(ProcessLookupError):  # the usual case: all have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == 0, errors[-3000:]
    return json.loads(output.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="forks a process that holds TensorFlow")
def test_killed_twenty_times_it_ends_bit_by_bit_like_a_run_never_stopped(tmp_path):
    program = TRAINING + LIVES + MAIN
    found = run(program, tmp_path, KILLS)
    assert found["signals"] == [9] * KILLS
    # half of the kills are aimed at a checkpoint being written: most leave its scraps behind
    assert len(found["scraps"]) == KILLS // 2
    assert sum(found["scraps"]) >= KILLS // 4
    assert found["steps"] == sorted(found["steps"]), "a kill lost a finished checkpoint"
    assert found["steps"][-1] < found["total"], "it was done before the last kill"
    assert found["revived"] == found["never stopped"], "not bit-identical"
    assert not list((tmp_path / "killed").glob("*_temp*")), "scraps were left"


MAIN = """
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(os.urandom(8))
    reference = live(folder / "whole", folder / "whole.json")
    found = {"signals": [], "scraps": [], "steps": [], "total": STEPS}
    for number in range(kills):
        aimed = number % 2 == 1
        process = live(folder / "killed")
        found["signals"].append(kill(process, folder / "killed", rng, aimed))
        if aimed:
            found["scraps"].append(writing(folder / "killed") is not None)
        newest = max(finished(folder / "killed"), key=lambda name: int(name[5:-6]))
        found["steps"].append(int(newest[5:-6]))
    last = live(folder / "killed", folder / "killed.json")
    for process in (last, reference):
        assert os.waitpid(process, 0)[1] == 0
    for name, key in (("killed", "revived"), ("whole", "never stopped")):
        found[key], said = json.loads((folder / f"{name}.json").read_text())
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A folder with ckpt-10, ckpt-20 and ckpt-30; their number is the variable's value."""
    folder = tmp_path_factory.mktemp("three")
    state = state_of(0)
    keeper = Checkpoints(state, folder)
    for step in (10, 20, 30):
        state.number.assign(step)
        keeper.save(step)
    return folder


def state_of(number, size=300):
    values = tf.reshape(tf.range(size * 10, dtype=tf.float32), (size, 10))
    return tf.train.Checkpoint(number=tf.Variable(number), values=tf.Variable(values))


DATA, INDEX = "ckpt-30.data-00000-of-00001", "ckpt-30.index"
TEARS = {
    "half of the data": lambda f: os.truncate(f / DATA, (f / DATA).stat().st_size // 2),
    "a byte too few": lambda f: os.truncate(f / DATA, (f / DATA).stat().st_size - 1),
    "empty data": lambda f: os.truncate(f / DATA, 0),
    "no data": lambda f: (f / DATA).unlink(),
    "no index": lambda f: (f / INDEX).unlink(),
    "empty index": lambda f: os.truncate(f / INDEX, 0),
    "half of the index": lambda f: os.truncate(f / INDEX, (f / INDEX).stat().st_size // 2),
    "garbage for an index": lambda f: (f / INDEX).write_bytes(b"\xff garbage" * 50),
}


@pytest.mark.parametrize("tear", TEARS.values(), ids=TEARS)
def test_a_torn_newest_checkpoint_is_passed_over_and_it_says_so(three, tmp_path, tear):
    folder = shutil.copytree(three, tmp_path / "torn")
    tear(folder)
    state = state_of(0)
    keeper = Checkpoints(state, folder)
    with pytest.warns(UserWarning, match=r"ckpt-30 skipped \(.+\); went back to ckpt-20"):
        assert keeper.restore() == 20
    assert state.number.numpy() == 20
    # it goes on, and what was torn doesn't come back
    keeper.save(25)
    assert keeper.steps == [10, 20, 25]
    assert not list(folder.glob("ckpt-30*"))
    assert Checkpoints(state_of(0), folder).restore() == 25


@settings(max_examples=60)
@given(st.data())
def test_no_flipped_bit_of_the_numbers_goes_unseen(three, tmp_path_factory, data):
    folder = shutil.copytree(three, tmp_path_factory.mktemp("flipped") / "copy")
    content = bytearray((folder / DATA).read_bytes())
    place = data.draw(st.integers(0, len(content) * 8 - 1))
    content[place // 8] ^= 1 << place % 8
    (folder / DATA).write_bytes(content)
    assert verify(folder / "ckpt-30") is not None
    shutil.rmtree(folder)


def test_two_torn_ones_are_both_named(three, tmp_path):
    folder = shutil.copytree(three, tmp_path / "torn")
    for name in (DATA, DATA.replace("30", "20")):
        os.truncate(folder / name, 5)
    with pytest.warns(UserWarning, match="went back to ckpt-10") as said:
        assert Checkpoints(state_of(0), folder).restore() == 10
    assert [str(one.message)[:7] for one in said] == ["ckpt-30", "ckpt-20"]


def test_if_none_is_whole_it_does_not_begin_anew_in_silence(three, tmp_path):
    folder = shutil.copytree(three, tmp_path / "torn")
    for path in folder.glob("*.data*"):
        os.truncate(path, 5)
    with pytest.raises(CheckpointError, match=r"ckpt-30: .*ckpt-10: .*Move the folder away"):
        Checkpoints(state_of(0), folder).restore()


def test_a_first_checkpoint_never_finished_is_no_loss(three, tmp_path):
    folder = shutil.copytree(three, tmp_path / "torn")
    for path in [*folder.glob("*.index"), *folder.glob("ckpt-[12]0*")]:
        path.unlink(missing_ok=True)
    with pytest.warns(UserWarning, match="started from the beginning"):
        assert Checkpoints(state_of(0), folder).restore() is None


def test_without_a_folder_there_is_nothing_to_restore(tmp_path):
    keeper = Checkpoints(state_of(0), tmp_path / "nowhere")
    assert keeper.restore() is None
    assert keeper.steps == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe\x00", b"model_checkpoint_path: 7", b"x: {"])
def test_what_the_manager_wrote_is_read_whatever_its_text_file_says(tmp_path, garbage):
    state = state_of(0)
    manager = tf.train.CheckpointManager(state, str(tmp_path), max_to_keep=3)
    for step in (10, 20):
        state.number.assign(step)
        manager.save(checkpoint_number=step)
    (tmp_path / "checkpoint").write_bytes(garbage)
    again = state_of(0)
    assert Checkpoints(again, tmp_path).restore() == 20
    assert again.number.numpy() == 20


def test_the_manager_reads_what_it_wrote(three):
    state = state_of(0)
    state.restore(str(three / "ckpt-20")).assert_consumed()
    assert state.number.numpy() == 20


def test_it_keeps_the_newest_ones(tmp_path):
    keeper = Checkpoints(state_of(0), tmp_path)
    for step in (5, 10, 20, 100):
        keeper.save(step)
        assert (tmp_path / f"ckpt-{step}.index").is_file()
    assert keeper.steps == [10, 20, 100]
    assert len(list(tmp_path.iterdir())) == 6


def test_another_training_is_not_overwritten(three, tmp_path):
    folder = shutil.copytree(three, tmp_path / "copy")
    with pytest.raises(ValueError, match=r"holds ckpt-30, which is later than step 5"):
        Checkpoints(state_of(0), folder).save(5)
    assert Checkpoints(state_of(0), folder).steps == [10, 20, 30]


def test_a_checkpoint_of_the_same_step_is_replaced(three, tmp_path):
    folder = shutil.copytree(three, tmp_path / "copy")
    Checkpoints(state_of(77), folder).save(30)
    state = state_of(0)
    assert Checkpoints(state, folder).restore() == 30
    assert state.number.numpy() == 77


def test_another_models_checkpoint_is_refused(three):
    with pytest.raises(ValueError, match="shape"):
        Checkpoints(state_of(0, size=301), three).restore()
    with pytest.raises(AssertionError):
        Checkpoints(tf.train.Checkpoint(number=tf.Variable(0)), three).restore()
    more = state_of(0)
    more.extra = tf.Variable(np.zeros(3))
    with pytest.raises(AssertionError):
        Checkpoints(more, three).restore()


ODD_NAMES = [
    *(
        "course [2026]",
        "is this it?",
        "50%",
        "run [1]",
        "[a-z]",
        "[!a]",
        "[",
        "]",
        "*",
        "a*b",
    ),
    *("back\\slash", "\\", "{a,b}", "$HOME", "~", "#1", "käse ☃", " lead", "a'b\"c", "%20", "-x"),
]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids most of these names")
@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("relative", [True, False])
def test_the_folder_may_have_any_name(tmp_path, monkeypatch, name, relative):
    monkeypatch.chdir(tmp_path)
    folder = Path(name) / "inside" if relative else tmp_path / name / "inside"
    for number, step in ((7, 10), (8, 20)):
        Checkpoints(state_of(number, size=3), folder).save(step)
    state = state_of(0, size=3)
    assert Checkpoints(state, folder).restore() == 20
    assert state.number.numpy() == 8
    os.truncate(folder / "ckpt-20.data-00000-of-00001", 5)
    with pytest.warns(UserWarning, match=r"went back to ckpt-10") as warned:
        assert Checkpoints(state, folder).restore() == 10
    assert state.number.numpy() == 7
    # the reason names the file, and no folder that this machine alone has
    assert str(tmp_path) not in str(warned[0].message)
    assert tempfile.gettempdir() not in str(warned[0].message)
    assert {path.name for path in tmp_path.iterdir()} == {name}
