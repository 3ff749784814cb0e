"""What lesson 11b hands to a cluster: SLURM's file, Kubernetes' manifest, and others' launchers.

Ray and the old Keras are no packages of the course. Whoever installs them tries them here:
``pip install "ray[train]" tf-keras``, then ``pytest tests/test_scale_cluster.py``.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from scale import launch, train
from scale.workers import Workers

HERE = Path(launch.__file__).parent
SBATCH = HERE / "train.sbatch"
STEPS = 30
#: What sbatch's manual page lists, as far as anybody may want it here.
OPTIONS = {"job-name", "nodes", "ntasks-per-node", "cpus-per-task", "mem", "time", "signal"}
OPTIONS |= {"requeue", "open-mode", "partition", "account", "output", "gres"}


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load((HERE / "jobset.yaml").read_text("utf-8"))


def job_of(manifest):
    (job,) = manifest["spec"]["replicatedJobs"]
    return job


def pod_of(manifest):
    return job_of(manifest)["template"]["spec"]["template"]["spec"]


def schema():
    """Return the JobSet's model, which Kubeflow makes from the schema that a cluster checks by."""
    models = pytest.importorskip("kubeflow_trainer_api.models", reason="make dev installs it")
    return models.JobsetV1alpha2JobSet


def test_the_manifest_follows_its_schema(manifest):
    """What the schema doesn't know is dropped on the way there and back."""
    assert schema().from_dict(manifest).to_dict() == manifest


@pytest.mark.parametrize("wrong", ["unknown key", "wrong type", "missing"])
def test_the_schema_finds_what_is_wrong(manifest, wrong):
    broken = json.loads(json.dumps(manifest))
    job = job_of(broken)["template"]["spec"]
    if wrong == "unknown key":
        job["paralellism"] = job.pop("parallelism")
    elif wrong == "wrong type":
        job["parallelism"] = "four"
    else:
        del pod_of(broken)["containers"][0]["name"]
    model = schema()
    try:
        back = model.from_dict(broken).to_dict()
    except ValueError:  # pydantic's, which names the field
        return
    assert back != broken


def test_the_manifest_names_all_its_workers_and_starts_them_all_again(manifest):
    job, pod = job_of(manifest)["template"]["spec"], pod_of(manifest)
    (worker,) = pod["containers"]
    count, (variable,), (port,) = job["parallelism"], worker["env"], worker["ports"]
    name = f"{manifest['metadata']['name']}-{job_of(manifest)['name']}-0"
    hosts = [
        f"{name}-{i}.{manifest['metadata']['name']}:{port['containerPort']}" for i in range(count)
    ]
    assert job["completions"] == count
    assert train.FILES % count == 0
    for index in range(count):
        environment = {variable["name"]: variable["value"], "JOB_COMPLETION_INDEX": str(index)}
        config = json.loads(launch.tf_config(environment))
        assert config["cluster"]["worker"] == hosts
        assert config["task"] == {"type": "worker", "index": index}
    assert (job["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert manifest["spec"]["failurePolicy"]["maxRestarts"] > 0
    assert [(HERE / script).exists() for script in worker["command"][1:]] == [True, True]
    for option in worker["args"][::2]:
        assert f'"{option}"' in Path(train.__file__).read_text("utf-8"), option


# --- SLURM, with stand-ins for its commands

SRUN = """#!{python}
import os, subprocess, sys
command = sys.argv[next(i for i, a in enumerate(sys.argv) if i and a[:2] != "--") :]
assert command[0] == "python", command
print("srun", *command[1:], flush=True)
common = os.environ | {{"SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_TASKS_PER_NODE": "2"}}
tasks = [
    subprocess.Popen([sys.executable, *command[1:]], env=common | {{"SLURM_PROCID": str(index)}})
    for index in range(2)
]
sys.exit(max(abs(task.wait()) for task in tasks))
"""
SCONTROL = '#!/bin/bash\necho "scontrol $*"\n'


def sbatch(folder, **environment):
    """Run SLURM's file as its batch script would be, with two workers here."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name, text in (("srun", SRUN.format(python=sys.executable)), ("scontrol", SCONTROL)):
        (tools / name).write_text(text, "utf-8")
        (tools / name).chmod(0o755)
    variables = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    variables |= {"SHARED": str(folder), "SLURM_JOB_ID": str(os.getpid() % 500)} | environment
    return subprocess.run(
        ["bash", SBATCH], cwd=HERE, env=variables, capture_output=True, text=True, timeout=180
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return a folder with a few files of records, as all hosts of a cluster would see it."""
    folder, rng = tmp_path_factory.mktemp("shared"), np.random.default_rng(0)
    train.write_shards(folder / "shards", rng.random((400, 784)), rng.integers(0, 10, 400))
    return folder


needs_bash = pytest.mark.skipif(sys.platform == "win32", reason="SLURM runs on Linux")


def test_slurms_options_exist():
    options = re.findall(r"^#SBATCH --([\w-]+)", SBATCH.read_text("utf-8"), re.MULTILINE)
    assert "signal" in options
    assert "requeue" in options
    assert set(options) <= OPTIONS


@needs_bash
@pytest.mark.slow
def test_slurms_file_trains_and_goes_on(shared):
    run = sbatch(shared, STEPS=str(STEPS))
    assert run.returncode == 0, run.stderr
    assert "scontrol" not in run.stdout
    assert run.stdout.count(f"step {STEPS - 1} loss") == 2
    again = sbatch(shared, STEPS=str(STEPS + 5))
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("starts at step 25, one of 2") == 2


@needs_bash
@pytest.mark.slow
@pytest.mark.parametrize(("restarts", "again"), [("0", True), ("3", False)])
def test_what_ends_with_an_error_is_put_into_the_queue_again_a_few_times(tmp_path, restarts, again):
    run = sbatch(tmp_path, SLURM_RESTART_COUNT=restarts)  # without files of records
    assert run.returncode != 0
    assert "files of records" in run.stderr
    assert ("scontrol requeue" in run.stdout) == again


# --- others' packages, where they are installed

OLD_KERAS = """
import os
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import numpy as np, tensorflow as tf, tf_keras as keras
strategy = tf.distribute.MultiWorkerMirroredStrategy()
rng = np.random.default_rng(0)
x, y = rng.normal(size=(64, 8)).astype("float32"), rng.integers(0, 3, 64)
with strategy.scope():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
data, options = tf.data.Dataset.from_tensor_slices((x, y)).batch(32), tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
before = model.get_weights()[0].copy()
model.fit(data.with_options(options), verbose=0)
after = model.get_weights()[0]
print(strategy.num_replicas_in_sync, not np.array_equal(before, after), float(after.sum()))
"""


def test_fit_of_the_old_keras_trains_on_two_workers(tmp_path):
    if not importlib.util.find_spec("tf_keras"):
        pytest.skip("tf-keras is no package of the course: pip install tf-keras")
    script = tmp_path / "script.py"
    script.write_text(OLD_KERAS, "utf-8")
    with Workers(script) as workers:
        first, second = [line.text for line in workers]
    assert first == second
    assert first.startswith("2 True ")


def test_ray_trains_with_two_workers(shared, tmp_path):
    if not importlib.util.find_spec("ray"):
        pytest.skip('Ray is no package of the course: pip install "ray[train]"')
    command = [sys.executable, HERE / "ray_workers.py", "--workers", "2"]
    command += ["--data", shared / "shards", "--folder", tmp_path / "run", "--steps", str(STEPS)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "run" / "ckpt-25.index").exists()
    assert "one of 2" in run.stdout + run.stderr
