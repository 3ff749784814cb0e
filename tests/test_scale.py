"""Several worker processes train like one, whatever befalls them, and leave nothing behind."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tensorflow as tf
from forked import starting
from jupyter_client.manager import start_new_kernel
from scale import launch
from scale import train as trainer
from scale import workers as module
from scale.workers import Workers, tf_config

from libs import ROOT
from libs.datasets import MNIST

pytestmark = pytest.mark.slow
TRAIN = ROOT / "notebooks" / "scale" / "train.py"
STEPS, EVERY, KILLED_AT, IN_EPOCH = 24, 8, 13, 10  # steps
PATIENCE = 60  # seconds for what takes a moment, on a machine that has other things to do


def script(tmp_path, source):
    path = tmp_path / "script.py"
    path.write_text(source, encoding="utf-8")
    return path


def listening(address):
    """Tell whether somebody answers at an address."""
    host, _, port = address.rpartition(":")
    with socket.socket() as one:
        return one.connect_ex((host, int(port))) == 0


def children():
    """Return this process's workers; other tests may have left it other children."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if module.__file__ in child.cmdline():
                found.append(child)
    return found


def gone(pids, addresses):
    """Wait until no such process runs and nobody answers at these addresses."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        alive = [
            pid
            for pid in pids
            if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        ]
        if not alive and not any(map(listening, addresses)):
            return True
        time.sleep(0.1)
    return False


# --- processes, without TensorFlow


def test_each_worker_knows_the_others_and_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://nowhere.example:1")
    source = (
        "import os, sys\n"
        "print(os.environ['TF_CONFIG'])\n"
        "print(sys.argv[1:], os.environ['CUDA_VISIBLE_DEVICES'], os.environ.get('HTTP_PROXY'))\n"
        "sys.exit(f'no {5}') if '\"index\": 1' in os.environ['TF_CONFIG'] else None\n"
    )
    with Workers(script(tmp_path, source), ["--rate", 0.1], count=3) as workers:
        lines = list(workers)
        assert workers.codes == [0, 1, 0]
    addresses = json.loads(lines[0].text)["cluster"]["worker"]
    for index in range(3):
        config, rest = [line.text for line in lines if line.worker == index]
        assert json.loads(config) == {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        assert rest == "['--rate', '0.1'] -1 None"
    assert len(set(addresses)) == 3
    assert all(address.startswith("127.0.0.1:") for address in addresses)
    assert all(line.seconds > 0 for line in lines)


@pytest.mark.parametrize("exception", [KeyboardInterrupt, ValueError, None])
def test_the_end_of_the_block_is_the_end_of_the_workers(tmp_path, exception):
    # one that would not go if it were asked politely
    source = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\n"
        "time.sleep(1000)\n"
    )
    expected = pytest.raises(exception) if exception else contextlib.nullcontext()
    with expected, Workers(script(tmp_path, source)) as workers:
        assert next(iter(workers)).text == "up"
        pids = [process.pid for process in children()]
        assert len(pids) == 2
        if exception:
            raise exception
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_an_interruption_while_starting_leaves_nothing(tmp_path, monkeypatch):
    started, real = [], module.subprocess.Popen

    def popen(*arguments, **options):
        if started:
            raise KeyboardInterrupt
        started.append(real(*arguments, **options))
        return started[0]

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    with pytest.raises(KeyboardInterrupt), Workers(script(tmp_path, "input()")):
        pass
    assert started[0].poll() is not None


def test_one_is_killed_and_the_other_goes_on(tmp_path):
    source = (
        "import os, time\n"
        "print('up', flush=True)\n"
        "time.sleep(1000 if '\"index\": 1' in os.environ['TF_CONFIG'] else 1)\n"
        "print('done')\n"
    )
    with Workers(script(tmp_path, source)) as workers:
        texts = []
        for line in workers:
            texts.append((line.worker, line.text))
            if len(texts) == 2:
                workers.kill(1)
        assert workers.codes[0] == 0
        assert workers.codes[1] != 0
    assert sorted(texts) == [(0, "done"), (0, "up"), (1, "up")]


def test_ports_are_free_and_none_that_the_system_hands_out():
    with socket.socket() as mine:
        mine.bind(("", 20_007))
        ports = module._free_ports(3000)
    assert len(set(ports)) == 3000
    assert 20_007 not in ports
    handed_out = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if handed_out.exists():
        assert max(ports) < int(handed_out.read_text().split()[0])


def test_it_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no script .*none\.py"):
        Workers(tmp_path / "none.py")
    with pytest.raises(IndexError, match="no worker 2 among 2"):
        tf_config(["a:1", "b:1"], 2)


# --- training, with TensorFlow


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Return a folder with two thousand images in files of records."""
    folder, mnist = tmp_path_factory.mktemp("shards"), MNIST().train
    some = slice(0, IN_EPOCH * trainer.BATCH)
    trainer.write_shards(folder, mnist.images[some], mnist.labels[some].argmax(axis=1))
    return folder


@contextlib.contextmanager
def started(fork):
    """Note the processes that workers are: forks, or started with an import of TensorFlow each."""
    with pytest.MonkeyPatch.context() as patch:
        noted = []
        patch.setattr(module, "subprocess", starting(noted, fork))
        yield noted


@pytest.fixture
def forks():
    """Let workers be forks."""
    with started(fork=True):
        yield


def train(
    folder, shards, kill=None, count=2, act=Workers.kill, wrapped=None, patience=PATIENCE, fork=True
):
    """Run train.py; return each worker's losses by step, the exit statuses and the other lines.

    ``wrapped`` is a script that is run in its place, with its path as the first argument.
    """
    losses, notes = [{} for _ in range(count)], []
    arguments = ["--steps", STEPS, "--every", EVERY, "--folder", folder, "--data", shards]
    arguments += ["--patience", patience]
    if wrapped:
        arguments.insert(0, TRAIN)
    with started(fork) as found, Workers(wrapped or TRAIN, arguments, count) as workers:
        for line in workers:
            words = line.text.split()
            if words[0] != "step":
                notes.append(line.text)
                continue
            losses[line.worker][int(words[1])] = np.float32(words[3])
            if kill is not None and line.worker == kill and int(words[1]) == KILLED_AT:
                act(workers, kill)
        codes = workers.codes
    known = "starts at step", "lost a worker: ", "leaves after step"
    assert all(note.startswith(known) for note in notes), notes
    assert len(found) == count
    addresses = json.loads(found[0][1]["TF_CONFIG"])["cluster"]["worker"]
    assert gone([pid for pid, _ in found], addresses)
    return losses, codes, notes


@pytest.fixture(scope="module")
def whole(tmp_path_factory, shards):
    """Losses of two workers that nobody disturbs."""
    losses, codes, notes = train(tmp_path_factory.mktemp("whole"), shards, fork=False)
    assert codes == [0, 0]
    assert notes == ["starts at step 0, one of 2"] * 2
    assert losses[0] == losses[1]
    assert list(losses[0]) == list(range(STEPS))
    return losses[0]


def test_two_workers_train_like_one(whole, shards, tmp_path):
    (alone,), codes, _ = train(tmp_path, shards, count=1)
    assert codes == [0]
    np.testing.assert_allclose(list(whole.values()), list(alone.values()), rtol=0, atol=1e-5)
    assert whole[STEPS - 1] < 0.5 * whole[0]


def resumes(whole, folder, shards, step):
    """Start two workers again; they go on from a step to the losses of the undisturbed ones."""
    after, codes, notes = train(folder, shards)
    assert codes == [0, 0]
    assert notes == [f"starts at step {step}, one of 2"] * 2
    assert after[0] == after[1] == {s: whole[s] for s in range(step, STEPS)}


@pytest.mark.parametrize("victim", [0, 1])
def test_after_a_kill_training_resumes_to_the_same_bits(whole, shards, victim, tmp_path):
    before, codes, notes = train(tmp_path, shards, kill=victim)
    survivor = 1 - victim
    assert codes[survivor] == 3
    assert codes[victim] < 0
    assert notes[-1].startswith("lost a worker: ")
    resumes(whole, tmp_path, shards, EVERY)
    assert all(whole[step] == loss for one in before for step, loss in one.items())
    assert not [path for path in Path(tmp_path).iterdir() if "temp" in path.name]


#: Runs another script, each of whose steps takes a moment and may do something besides.
SLOWLY = """
import builtins, ctypes, json, os, runpy, sys, time
from libs.checkpoints import Checkpoints
worker = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
def print_(text, real=print):
    real(text)
    time.sleep(0.1 if text.startswith("step") else 0)
    {besides}
builtins.print = print_
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("told", [0, 1])
def test_a_worker_that_is_told_to_go_takes_the_others_along_and_nothing_is_lost(
    whole, shards, told, tmp_path
):
    wrapper = script(tmp_path, SLOWLY.format(besides="pass"))
    folder = tmp_path / "run"
    before, codes, notes = train(folder, shards, told, act=Workers.terminate, wrapped=wrapper)
    assert codes == [trainer.LEFT] * 2
    (last,) = {note for note in notes if note.startswith("leaves")}  # both in the same step
    step = int(last.split()[-1])
    assert step == max(before[0]) == max(before[1]) >= KILLED_AT
    resumes(whole, folder, shards, step + 1)


SLOW_SAVE = """save = Checkpoints.save
    if text.startswith("step 13 "):
        Checkpoints.save = lambda *arguments: (time.sleep(12), save(*arguments))"""


def test_a_chief_that_takes_long_to_save_is_not_stopped_by_the_others_leaving(
    whole, shards, tmp_path
):
    wrapper = script(tmp_path, SLOWLY.format(besides=SLOW_SAVE))
    folder = tmp_path / "run"
    before, codes, _ = train(folder, shards, 1, act=Workers.terminate, wrapped=wrapper)
    assert codes == [trainer.LEFT] * 2
    resumes(whole, folder, shards, max(before[0]) + 1)


HANGS = {
    "asleep": "time.sleep(10**6)",
    "without a word to Python": "ctypes.PyDLL(None).sleep(10**6)",  # keeps Python's lock
}


@pytest.mark.parametrize(("kind", "worker"), [("asleep", 1), ("without a word to Python", 0)])
def test_a_worker_that_hangs_is_noticed_within_the_stated_time(
    whole, shards, kind, worker, tmp_path
):
    hang = f"worker == {worker} and text.startswith('step {KILLED_AT} ') and {HANGS[kind]}"
    source = SLOWLY.format(besides=hang)
    began, patience, folder = time.monotonic(), 5, tmp_path / "run"
    before, codes, _ = train(folder, shards, wrapped=script(tmp_path, source), patience=patience)
    assert time.monotonic() - began < 10 * patience + PATIENCE
    assert codes[worker] == 1  # ended by its own watchdog
    assert codes[1 - worker] in (1, trainer.LOST)  # or because the other was gone
    assert max(before[worker]) == KILLED_AT
    resumes(whole, folder, shards, EVERY)


# --- files of records


def read(folder, readers=1, reader=0, first=0, steps=2 * IN_EPOCH, devices=1):
    """Return the images, with their labels, of each of a reader's parts of batches."""
    context = tf.distribute.InputContext(readers, reader, readers * devices)
    parts = trainer.batches(folder, first, context).take(steps).as_numpy_iterator()
    return [np.column_stack(part) for part in parts]


def sorted_rows(*parts):
    return sorted(np.concatenate(parts).tolist())


@pytest.mark.parametrize("readers", [2, 8])
def test_together_readers_read_what_one_reads(shards, readers):
    alone = read(shards)
    apart = [read(shards, readers, reader) for reader in range(readers)]
    for step, rows in enumerate(alone):
        assert sorted_rows(*(parts[step] for parts in apart)) == sorted_rows(rows)
    assert {len(part) for parts in apart for part in parts} == {trainer.BATCH // readers}


def test_an_epoch_has_each_image_once_and_the_next_one_another_order(shards):
    parts, mnist = read(shards), MNIST().train
    some = slice(0, IN_EPOCH * trainer.BATCH)
    everything = np.column_stack([mnist.images[some], mnist.labels[some].argmax(axis=1)])
    first, second = parts[:IN_EPOCH], parts[IN_EPOCH:]
    assert sorted_rows(*first) == sorted_rows(*second) == sorted_rows(np.float32(everything))
    assert not np.array_equal(first[0], second[0])


@pytest.mark.parametrize("first", [3, IN_EPOCH, IN_EPOCH + 7])
def test_reading_goes_on_at_any_step(shards, first):
    np.testing.assert_array_equal(read(shards, first=first, steps=3), read(shards)[first:][:3])


def test_workers_need_not_agree_before_each_step_that_a_batch_is_left(shards):
    """They did, by an all-reduce more in each step, for TensorFlow saw no end."""
    endless = tf.data.experimental.INFINITE_CARDINALITY
    assert trainer.batches(shards, 0, tf.distribute.InputContext(2, 0, 2)).cardinality() == endless


def test_each_device_of_a_worker_gets_its_part(shards):
    assert {len(part) for part in read(shards, 2, devices=2)} == {trainer.BATCH // 4}


def test_reading_says_what_is_wrong_with_the_files(shards, tmp_path):
    with pytest.raises(ValueError, match=r"has 0 files of records, expected 8: .*--write"):
        read(tmp_path)
    with pytest.raises(ValueError, match="3 workers can't share 8 files"):
        read(shards, 3)
    for file in shards.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:801])
    with pytest.raises(ValueError, match="less than one batch of 200"):
        read(tmp_path)
    torn = tmp_path / "images-3-of-8.tfrecord"
    torn.write_bytes(torn.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"images-3-of-8\.tfrecord is torn"):
        read(tmp_path)


# --- roles

ROLES = """
import json, os, runpy, sys
import tensorflow as tf
config = json.loads(os.environ["TF_CONFIG"])
addresses, index = config["cluster"]["worker"], config["task"]["index"]
forms = {
    "workers": ({"worker": addresses}, {"type": "worker", "index": index}),
    "chief": (
        {"chief": addresses[:1], "worker": addresses[1:]},
        {"type": "worker", "index": index - 1} if index else {"type": "chief", "index": 0},
    ),
}
is_chief = runpy.run_path(sys.argv[1])["is_chief"]
for name, (cluster, task) in forms.items():
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    print(name, is_chief(tf.distribute.cluster_resolver.TFConfigClusterResolver()))
del os.environ["TF_CONFIG"]
print("alone", is_chief(tf.distribute.cluster_resolver.TFConfigClusterResolver()))
"""


@pytest.mark.usefixtures("forks")
def test_one_process_is_the_chief_whatever_the_roles_are_called(tmp_path):
    """Worker 0 of a cluster with a chief saved as well, into the same files: both died of it."""
    with Workers(script(tmp_path, ROLES), [TRAIN], count=3) as workers:
        lines = [(line.worker, *line.text.split()) for line in workers]
        assert workers.codes == [0, 0, 0]
    for form in ("workers", "chief"):
        assert sorted(lines_of for lines_of in lines if lines_of[1] == form) == [
            (0, form, "True"),
            (1, form, "False"),
            (2, form, "False"),
        ]
    assert [line[2] for line in lines if line[1] == "alone"] == ["True"] * 3


# --- what a scheduler says

SLURM = {
    "SLURM_JOB_ID": "123",
    "SLURM_STEP_NODELIST": "node[9-11],gpu02",
    "SLURM_STEP_TASKS_PER_NODE": "1(x4)",
}
NODES = ["node9:21968", "node10:21968", "node11:21968", "gpu02:21968"]
TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_PORT": "29500"}
HERE = ["127.0.0.1:29501", "127.0.0.1:29502"]


@pytest.mark.parametrize(
    ("environment", "addresses", "index"),
    [
        (SLURM | {"SLURM_PROCID": "1"}, NODES, 1),  # not by letters, which put node10 first
        (
            SLURM
            | {"SLURM_STEP_NODELIST": "a,b", "SLURM_STEP_TASKS_PER_NODE": "2,1"}
            | {"SLURM_PROCID": "2"},
            ["a:21968", "a:21969", "b:21968"],
            2,
        ),
        (TORCHRUN, HERE, 1),
        ({"RANK": "0", "WORLD_SIZE": "2", "HOSTS": "a:1, b:2"}, ["a:1", "b:2"], 0),
        ({"JOB_COMPLETION_INDEX": "1", "HOSTS": "a:1,b:1"}, ["a:1", "b:1"], 1),
    ],
)
def test_a_schedulers_variables_become_tf_config(environment, addresses, index):
    task = {"type": "worker", "index": index}
    found = json.loads(launch.tf_config(environment))
    assert found == {"cluster": {"worker": addresses}, "task": task}


def test_tf_config_stays_as_an_operator_set_it():
    assert launch.tf_config({"TF_CONFIG": "theirs", "RANK": "0"}) == "theirs"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "none of TF_CONFIG, SLURM_PROCID, RANK, JOB_COMPLETION_INDEX is set"),
        (SLURM | {"SLURM_PROCID": "4"}, "SLURM_PROCID is 4, expected less than 4"),
        (SLURM | {"SLURM_PROCID": "x"}, "SLURM_PROCID is 'x', expected a whole number"),
        (SLURM | {"SLURM_PROCID": "-1"}, "SLURM_PROCID is '-1', expected a whole number"),
        (
            SLURM | {"SLURM_PROCID": "0", "SLURM_STEP_TASKS_PER_NODE": "1(x3)"},
            "names 4 hosts, but the tasks of 3",
        ),
        (SLURM | {"SLURM_PROCID": "0", "SLURM_STEP_NODELIST": "a[1"}, "can't be read"),
        ({k: v for k, v in TORCHRUN.items() if k != "WORLD_SIZE"}, "WORLD_SIZE is not set"),
        (TORCHRUN | {"WORLD_SIZE": "4"}, "of 4 workers 2 run on this machine.*Set HOSTS"),
        ({"RANK": "0", "WORLD_SIZE": "3", "HOSTS": "a:1,b:1"}, "WORLD_SIZE is 3.*2 addresses"),
        ({"RANK": "0", "HOSTS": "a:1,b"}, "'b' is no address, expected host:port"),
        ({"RANK": "0", "HOSTS": "a:1,a:1"}, "two workers have one address"),
        ({"JOB_COMPLETION_INDEX": "0"}, "WORLD_SIZE is not set"),
    ],
)
def test_what_is_unclear_is_said(environment, says):
    with pytest.raises(launch.Unclear, match=says):
        launch.tf_config(environment)


#: Forgets what Workers said, and starts a script as a scheduler does, through launch.py.
SCHEDULED = """
import json, os, runpy, sys
config = json.loads(os.environ.pop("TF_CONFIG"))
addresses, index = config["cluster"]["worker"], config["task"]["index"]
{environment}
sys.argv[0] = {launch!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SCHEDULERS = {
    "slurm": """
job = os.environ["JOB"]
os.environ |= {"SLURM_JOB_ID": job, "SLURM_PROCID": str(index), "SLURM_STEP_NUM_TASKS": "2"}
os.environ |= {"SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_TASKS_PER_NODE": "2"}
""",
    "kubernetes": """
os.environ |= {"JOB_COMPLETION_INDEX": str(index), "HOSTS": ",".join(addresses)}
""",
    "chief": """
cluster = {"chief": addresses[:1], "worker": addresses[1:]}
task = {"type": "worker" if index else "chief", "index": 0}
os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
""",
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_started_by_a_scheduler_the_workers_train_the_same(
    whole, shards, scheduler, tmp_path, monkeypatch
):
    monkeypatch.setenv("JOB", str(secrets.randbelow(500)))
    source = SCHEDULED.format(environment=SCHEDULERS[scheduler], launch=launch.__file__)
    folder = tmp_path / "run"
    losses, codes, _ = train(folder, shards, wrapped=script(tmp_path, source))
    assert codes == [0, 0]
    assert losses == [whole, whole]
    assert {path.suffix for path in folder.iterdir()} == {".index", ".data-00000-of-00001"}


def test_launch_says_which_variable_is_missing(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k not in ("TF_CONFIG", "RANK")}
    command = [sys.executable, launch.__file__, str(tmp_path / "none.py")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert "launch.py: which worker is this? none of TF_CONFIG" in run.stderr


FIT = """
import keras, numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
data = tf.data.Dataset.from_tensors((np.ones((4, 3)), np.ones((4, 1))))
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
try:
    model.fit(data.with_options(options), verbose=0)
except Exception as error:
    print(type(error).__name__, "PerReplica" in str(error))
else:
    print("fits")
"""


@pytest.mark.usefixtures("forks")
def test_fit_of_keras_does_not_train_on_several_workers(tmp_path):
    """Lesson 11 says so. If this fails, Keras has learned it: mend the lesson."""
    with Workers(script(tmp_path, FIT)) as workers:
        assert [line.text for line in workers] == ["ValueError True"] * 2


# --- the notebook that started them is interrupted, or dies

CELL = """
import json, psutil
from scale.workers import Workers
arguments = ["--steps", 10**6, "--folder", {folder!r}, "--data", {data!r}]
with Workers({script!r}, arguments) as workers:
    for line in workers:
        if line.text.startswith("step 2 "):
            both = [p for p in psutil.Process().children() if "TF_CONFIG" in p.environ()]
            addresses = json.loads(both[0].environ()["TF_CONFIG"])["cluster"]["worker"]
            print("RUNS", *(p.pid for p in both), *addresses, flush=True)
"""


def runs(client, cell):
    """Run a cell until it says that its workers train; return their pids and addresses."""
    asked = client.execute(cell)
    until = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < until:
        message = client.get_iopub_msg(timeout=2 * PATIENCE)
        if message["parent_header"].get("msg_id") != asked:
            continue
        assert message["msg_type"] != "error", message["content"]["traceback"]
        if message["content"].get("text", "").startswith("RUNS"):
            words = message["content"]["text"].splitlines()[0].split()
            return [int(word) for word in words[1:3]], words[3:5]
    raise TimeoutError


def test_workers_end_with_the_cell_and_with_the_kernel(shards, tmp_path):
    cell = CELL.format(script=str(TRAIN), folder=str(tmp_path), data=str(shards))
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(ROOT / "notebooks"))
    try:
        pids, addresses = runs(client, cell)
        assert all(map(listening, addresses))
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=PATIENCE)
        while reply["msg_type"] != "execute_reply":  # a slow start asks the kernel twice who it is
            reply = client.get_shell_msg(timeout=PATIENCE)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        # when the cell is over, so are they: no waiting
        assert not any(map(psutil.pid_exists, pids))
        assert not any(map(listening, addresses))

        pids, addresses = runs(client, cell)
        os.kill(manager.provisioner.pid, 9)
        assert gone(pids, addresses)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
