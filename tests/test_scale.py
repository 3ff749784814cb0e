"""Several worker processes train like one, survive a killed one, and leave nothing behind."""

import contextlib
import json
import os
import socket
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from scale import workers as module
from scale.workers import Workers, tf_config

from libs import ROOT

pytestmark = pytest.mark.slow
TRAIN = ROOT / "notebooks" / "scale" / "train.py"
STEPS, EVERY, KILLED_AT = 24, 8, 13
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


def processes():
    """Return the pids of this process's workers, and the addresses they were given."""
    config, pids = None, []
    for child in children():
        with contextlib.suppress(psutil.Error):
            config = child.environ().get("TF_CONFIG", config)
            pids.append(child.pid)
    return pids, json.loads(config)["cluster"]["worker"]


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


def train(folder, steps=STEPS, kill=None, count=2):
    """Run train.py; return each worker's losses by step, the exit statuses and the other lines."""
    losses, notes, found = [{} for _ in range(count)], [], None
    arguments = ["--steps", steps, "--every", EVERY, "--folder", folder]
    with Workers(TRAIN, arguments, count) as workers:
        for line in workers:
            words = line.text.split()
            if words[0] != "step":
                notes.append(line.text)
                continue
            losses[line.worker][int(words[1])] = np.float32(words[3])
            if found is None:
                found = processes()
            if kill is not None and line.worker == kill and int(words[1]) == KILLED_AT:
                workers.kill(kill)
        codes = workers.codes
    assert all(note.startswith(("starts at step", "lost a worker: ")) for note in notes), notes
    assert gone(*found)
    return losses, codes, notes


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Losses of two workers that nobody disturbs."""
    losses, codes, notes = train(tmp_path_factory.mktemp("whole"))
    assert codes == [0, 0]
    assert notes == ["starts at step 0, one of 2"] * 2
    assert losses[0] == losses[1]
    assert list(losses[0]) == list(range(STEPS))
    return losses[0]


def test_two_workers_train_like_one(whole, tmp_path):
    (alone,), codes, _ = train(tmp_path, count=1)
    assert codes == [0]
    np.testing.assert_allclose(list(whole.values()), list(alone.values()), rtol=0, atol=1e-5)
    assert whole[STEPS - 1] < 0.5 * whole[0]


@pytest.mark.parametrize("victim", [0, 1])
def test_after_a_kill_training_resumes_to_the_same_bits(whole, victim, tmp_path):
    before, codes, notes = train(tmp_path, kill=victim)
    survivor = 1 - victim
    assert codes[survivor] == 3
    assert codes[victim] < 0
    assert notes[-1].startswith("lost a worker: ")
    after, codes, notes = train(tmp_path)
    assert codes == [0, 0]
    assert notes == [f"starts at step {EVERY}, one of 2"] * 2
    assert after[0] == after[1] == {s: whole[s] for s in range(EVERY, STEPS)}
    assert all(whole[step] == loss for one in before for step, loss in one.items())
    assert not [path for path in Path(tmp_path).iterdir() if "temp" in path.name]


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


def test_fit_of_keras_does_not_train_on_several_workers(tmp_path):
    """Lesson 11 says so. If this fails, Keras has learned it: mend the lesson."""
    with Workers(script(tmp_path, FIT)) as workers:
        assert [line.text for line in workers] == ["ValueError True"] * 2


# --- the notebook that started them is interrupted, or dies

CELL = """
import json, psutil
from scale.workers import Workers
with Workers({script!r}, ["--steps", 10**6, "--folder", {folder!r}]) as workers:
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


def test_workers_end_with_the_cell_and_with_the_kernel(tmp_path):
    cell = CELL.format(script=str(TRAIN), folder=str(tmp_path))
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
