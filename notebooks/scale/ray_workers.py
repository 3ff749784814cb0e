"""Start train.py on the workers of a Ray cluster.

    python ray_workers.py --workers 2 --data /shared/shards --folder /shared/run

Ray finds the machines, and tells each worker's process in TF_CONFIG who it is and where the others
are. If one ends with an error, Ray starts all of them again, three times at most, and they go on
from the newest checkpoint. Folders are named in full, for Ray starts each worker in one of its own.
Ray is not among the course's packages: pip install "ray[train]"
"""

import argparse
import subprocess
import sys
from pathlib import Path

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer

AGAIN = 3  # times that all workers are started anew


def work(command):
    """Train in a process of its own: in Ray's thread it could handle no signal."""
    subprocess.run(command["arguments"], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    options, rest = parser.parse_known_args()  # the rest is train.py's
    script = Path(__file__).resolve().parent / "train.py"
    TensorflowTrainer(
        work,
        train_loop_config={"arguments": [sys.executable, str(script), *rest]},
        scaling_config=ScalingConfig(num_workers=options.workers),
        run_config=RunConfig(failure_config=FailureConfig(max_failures=AGAIN)),
    ).fit()
