"""Time a step of train.py, and its pieces alone, in turns and on all workers at once.

    python pieces.py shards

Lesson 11 adds the pieces up. Each line says what was timed, and the median of its seconds.
"""

import runpy
import sys
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import keras
import tensorflow as tf

TURNS = 40
script = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("train.py"))))
strategy, alone = tf.distribute.MultiWorkerMirroredStrategy(), tf.distribute.get_strategy()


def step_of(some):
    """Return a step of train.py by the workers of a strategy."""
    with some.scope():
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
        return script.step_of(some, script.network(), optimizer)


@tf.function
def add(parts):
    """Return the sum of all workers' parts."""
    return strategy.reduce("SUM", strategy.run(lambda: parts), axis=None)


step, compute, go = step_of(strategy), step_of(alone), tf.constant(0.0)
arriving = iter(
    strategy.distribute_datasets_from_function(
        lambda context: script.batches(Path(sys.argv[1]), 0, context)
    )
)
mine = [strategy.experimental_local_results(part)[0] for part in next(arriving)]
gradients, losses = tf.ones([script.network().count_params()]), tf.ones([2])
calls = {
    "a batch arrives": lambda: next(arriving),
    "compute": lambda: compute(*mine, go).numpy(),
    "gradients add up": lambda: add(gradients).numpy(),
    "losses add up": lambda: add(losses).numpy(),
    "a step": lambda: step(*next(arriving), go).numpy(),
}
seconds = {name: [] for name in calls}
for _ in range(TURNS + 1):
    for name, call in calls.items():
        began = time.perf_counter()
        call()
        seconds[name].append(time.perf_counter() - began)
for name, spent in seconds.items():
    print(f"{name}: {median(spent[1:])}")  # the first call traces
