"""Start a script as the worker that a scheduler says it is.

    srun python launch.py train.py --data shards --folder run

Whatever starts the processes of a cluster tells each its number and where the others are, in
environment variables of its own. This makes TF_CONFIG of them, which TensorFlow's strategies read,
and then runs the script as if it had been started itself. Known are

- TF_CONFIG, of Kubeflow's and other operators: it stays as it is;
- SLURM_PROCID and other variables of SLURM's srun;
- RANK, WORLD_SIZE, LOCAL_WORLD_SIZE and MASTER_PORT, of torchrun and the like, on one machine;
- RANK or JOB_COMPLETION_INDEX (Kubernetes' indexed jobs) and HOSTS, "a:2222,b:2222", on several.
"""

import json
import os
import re
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path


class Unclear(ValueError):
    """The environment does not say which worker this is, or contradicts itself."""


def number(environment: Mapping[str, str], name: str, below: int = sys.maxsize) -> int:
    """Return a whole number, at least 0, that the environment holds under a name."""
    if name not in environment:
        raise Unclear(f"{name} is not set, which the other variables ask for.")
    if not environment[name].strip().isdecimal():
        raise Unclear(f"{name} is {environment[name]!r}, expected a whole number.")
    if (value := int(environment[name])) >= below:
        raise Unclear(f"{name} is {value}, expected less than {below}, the number of workers.")
    return value


def slurms_addresses(environment: Mapping[str, str]) -> list[str]:
    """Return an address for each process of srun, in their order.

    TensorFlow's ``SlurmClusterResolver`` sorts hosts by their letters, node10 before node9, which
    gives workers each other's addresses, and fails on hosts without a GPU. Its parsers are right.
    """
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as slurm

    if missing := {"SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE"} - set(environment):
        raise Unclear(f"{', '.join(sorted(missing))} not set: start it by srun.")
    try:
        hosts = slurm.expand_hostlist(environment["SLURM_STEP_NODELIST"])
        tasks = slurm.expand_tasks_per_node(environment["SLURM_STEP_TASKS_PER_NODE"])
    except ValueError as error:
        raise Unclear(f"SLURM's list can't be read: {error}") from None
    if len(hosts) != len(tasks):
        raise Unclear(f"SLURM names {len(hosts)} hosts, but the tasks of {len(tasks)}.")
    # jobs that share a host have other ports
    first = 20_000 + 16 * (number(environment, "SLURM_JOB_ID") % 500)
    return [f"{h}:{first + i}" for h, n in zip(hosts, tasks, strict=True) for i in range(n)]


def tf_config(environment: Mapping[str, str]) -> str:
    """Return the value of TF_CONFIG that says what a scheduler's variables say.

    Raises Unclear, a ValueError, if they don't say which worker this is, or contradict themselves.

    Examples
    --------
    >>> print(tf_config({"RANK": "1", "HOSTS": "a:2222,b:2222"}))
    {"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}
    """
    if "TF_CONFIG" in environment:
        return environment["TF_CONFIG"]
    if "SLURM_PROCID" in environment and "SLURM_STEP_NODELIST" in environment:
        which, addresses = "SLURM_PROCID", slurms_addresses(environment)
    elif which := next((n for n in ("RANK", "JOB_COMPLETION_INDEX") if n in environment), ""):
        if "HOSTS" in environment:
            addresses = [host.strip() for host in environment["HOSTS"].split(",")]
        else:
            count, here = number(environment, "WORLD_SIZE"), environment.get("LOCAL_WORLD_SIZE")
            if here != str(count):
                raise Unclear(
                    f"of {count} workers {here or 'an unknown number'} run on this machine, and "
                    f"nothing says where the others are. Set HOSTS to all addresses, a:2222,b:2222."
                )
            first = number(environment, "MASTER_PORT") + 1
            addresses = [f"127.0.0.1:{first + index}" for index in range(count)]
    else:
        raise Unclear("none of TF_CONFIG, SLURM_PROCID, RANK, JOB_COMPLETION_INDEX is set.")
    if wrong := [a for a in addresses if not re.fullmatch(r"[^:\s]+:\d+", a)]:
        raise Unclear(f"{wrong[0]!r} is no address, expected host:port.")
    if len(set(addresses)) < len(addresses):
        raise Unclear(f"two workers have one address: {', '.join(addresses)}.")
    if (count := environment.get("WORLD_SIZE")) not in (None, str(len(addresses))):
        raise Unclear(f"WORLD_SIZE is {count}, but there are {len(addresses)} addresses.")
    task = {"type": "worker", "index": number(environment, which, len(addresses))}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit("usage: launch.py script.py [its arguments]")
    try:
        os.environ["TF_CONFIG"] = tf_config(os.environ)
    except Unclear as error:
        raise SystemExit(f"launch.py: which worker is this? {error}") from None
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
