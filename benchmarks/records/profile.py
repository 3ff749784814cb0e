"""Where a record's seconds are: ``python -m benchmarks.records.profile NAME`` trains it once more.

It tells apart making the network, tracing, the steps (with the graph's own preparations) and, of
a recipe with `LOOKS`, reading; and how near the steps come to this machine's best rate in one
large matrix product. Only multiplications and additions of layers count: forward, weights'
gradients and, but for the first layer, images' gradients.
"""

import importlib
import inspect
import json
import sys
import time

import numpy as np

from benchmarks.records import one


def flops(network) -> int:
    """Return operations that a training step takes for an image, of a `_fast.Network`."""
    count, side, layer = 0, 28, 0
    for weight in network.trained:
        shape = weight.shape.as_list()
        if len(shape) == 4:
            side = side - shape[0] + 1
            # two passes for the first layer: nobody asks for its images' gradient
            count += 2 * (3 if layer else 2) * side * side * int(np.prod(shape))
            side, layer = (side // 2 if layer < 2 else side), layer + 1
        elif len(shape) == 2:
            count += 6 * int(np.prod(shape))
    return count


def peak(dtype, size: int = 2048, times: int = 10) -> float:
    """Return operations a second of the fastest of some products of two square matrices."""
    import tensorflow as tf

    square = tf.cast(tf.random.normal([size, size]), dtype)
    product = tf.function(lambda: tf.reduce_sum(square @ square), autograph=False)
    product()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        product().numpy()
        took.append(time.perf_counter() - began)
    return 2 * size**3 / min(took)


def measure(name: str) -> dict:
    """Train a record on validation's images, seed 1; return where its seconds went."""
    recipe = importlib.import_module(f"benchmarks.records.recipes.{name}")
    import tensorflow as tf

    from benchmarks.records.recipes import _fast

    stamps, networks, fits = [], [], []
    whole, called, shared = tf.while_loop, _fast.Network.__call__, recipe.train.__globals__
    # what trains one network; the long recipes may train several, one after the other
    module, name_of = (shared["_far"], "fitted") if "_far" in shared else (shared["_fast"], "train")
    trained = getattr(module, name_of)

    def loop(*arguments, **more):
        stamps.append(time.perf_counter())
        made = whole(*arguments, **more)
        stamps.append(time.perf_counter())
        return made

    def call(network, *arguments, **more):
        networks.append(network)
        return called(network, *arguments, **more)

    def train(*arguments, **more):
        bound = inspect.signature(trained).bind(*arguments, **more)
        bound.apply_defaults()
        began = time.perf_counter()
        made = trained(*arguments, **more)
        fits.append((bound.arguments, began, *stamps[-2:], time.perf_counter()))
        return made

    x, y, unseen, _ = one.split(1, "validation")
    tf.while_loop, _fast.Network.__call__ = loop, call
    setattr(module, name_of, train)
    try:
        read = recipe.train(x, y, 1)
        ended = time.perf_counter()
    finally:
        tf.while_loop, _fast.Network.__call__ = whole, called
        setattr(module, name_of, trained)
    for part in np.split(unseen, 10) if getattr(recipe, "LOOKS", 1) > 1 else ():
        np.asarray(read(part))
    done = time.perf_counter()
    each = flops(networks[0])
    return {
        "record": name,
        "making": round(sum(traces - began for _, began, traces, *_ in fits), 3),
        "tracing": round(sum(traced - traces for *_, traces, traced, _ in fits), 3),
        "steps": round(sum(over - traced for *_, traced, over in fits), 3),
        "reading": round(done - ended, 3) if getattr(recipe, "LOOKS", 1) > 1 else 0,
        "count": sum(asked["steps"] for asked, *_ in fits),
        "operations": sum(each * asked["steps"] * asked["batch"] for asked, *_ in fits),
        "peak": {"bfloat16": peak(tf.bfloat16), "float32": peak(tf.float32)},
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
