"""Add up so many bytes of float32 numbers over all workers, 60 times, and tell how long each took.

Lesson 11 measures by it what an all-reduce between processes costs.
"""

import sys
import time

import tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()


@tf.function
def add(parts):
    """Return the sum of all workers' parts."""
    return strategy.reduce("SUM", strategy.run(lambda: parts), axis=None)


parts = tf.ones([int(sys.argv[1]) // 4])
for _ in range(60):
    began = time.perf_counter()
    add(parts).numpy()
    print("step", time.perf_counter() - began)
