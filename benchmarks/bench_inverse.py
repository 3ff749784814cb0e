"""Lesson 01's matrix inverse: the loop in one graph call beside one call a step.

The loss is ``Σ|XA − I|`` for a 10 × 10 integer matrix ``A``; Adagrad goes down it from ``X = 0``.
"""

import libs  # noqa: F401 — starts TensorFlow quietly

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks import race, row

_STEPS = 100_000
_FEW = 2_000  # steps of the contestants that take one call each, then scaled to _STEPS
_RATE, _START = 0.01, 0.1  # Adagrad's learning rate, and what its sums of squares start from

_A = np.random.default_rng(0).integers(-5, 6, (10, 10)).astype(np.float32)


def step(X, squares):
    """Take one step of Adagrad; return the new ``X`` and sums of squared gradients."""
    with tf.GradientTape() as tape:
        tape.watch(X)
        loss = tf.reduce_sum(tf.abs(X @ _A - tf.eye(10)))
    gradient = tape.gradient(loss, X)
    squares = squares + gradient**2
    return X - _RATE * gradient / tf.sqrt(squares), squares


def in_one_call(steps):
    """Take all steps in a loop; traced, it becomes a loop inside the graph."""
    X, squares = tf.zeros((10, 10)), tf.fill((10, 10), _START)
    for _ in tf.range(steps):
        X, squares = step(X, squares)
    return X


def a_call_a_step(one_step, steps: int) -> np.ndarray:
    """Call a traced step from a loop in Python."""
    X, squares = tf.zeros((10, 10)), tf.fill((10, 10), _START)
    for _ in range(steps):
        X, squares = one_step(X, squares)
    return X.numpy()


def a_session_run_a_step(steps: int) -> np.ndarray:
    """Do what TensorFlow 1 programs did: build a graph, then run its update step by step."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        X = v1.Variable(tf.zeros((10, 10)))
        loss = tf.reduce_sum(tf.abs(X @ _A - tf.eye(10)))
        update = v1.train.AdagradOptimizer(_RATE, _START).minimize(loss)
        session.run(v1.global_variables_initializer())
        for _ in range(steps):
            session.run(update)
        return session.run(X)


def rows() -> list[dict]:
    """Measure 100,000 steps; where a step is a call, 2,000 of them, scaled."""
    tf.get_logger().setLevel("ERROR")  # TensorFlow 1's optimiser warns of its own age
    xla = tf.function(in_one_call, jit_compile=True)
    graph = tf.function(in_one_call)
    one_step = tf.function(step)
    few = tf.constant(_FEW)
    expected = xla(few).numpy()
    for got in (graph(few).numpy(), a_call_a_step(one_step, _FEW), a_session_run_a_step(_FEW)):
        np.testing.assert_allclose(got, expected, atol=0.05)
    steps = tf.constant(_STEPS)
    call, session = "a tf.function call a step", "a tf.compat.v1 session.run a step"
    seconds = race(
        {
            "XLA": lambda: xla(steps).numpy(),
            "graph": lambda: graph(steps).numpy(),
            call: lambda: a_call_a_step(one_step, _FEW),
            session: lambda: a_session_run_a_step(_FEW),
        }
    )
    whats = {
        "XLA": "inverse, 100,000 steps in one call, XLA",
        "graph": "inverse, 100,000 steps in one call, graph",
    }
    return [
        row(what, seconds[ours], f"{peer} ({_FEW:,}, scaled)", seconds[peer] * _STEPS / _FEW)
        for ours, what in whats.items()
        for peer in (call, session)
    ]
