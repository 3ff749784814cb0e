"""An epoch of batches from ``next_batch`` beside ``tf.data`` and a permuted array."""

from libs.datasets import MNIST

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks import race, row

_BATCH = 100


def rows() -> list[dict]:
    """Measure one shuffled epoch of MNIST's 55,000, images and labels, 100 at a time."""
    part = MNIST().train
    rng = np.random.default_rng(0)

    def count(batches):
        if sum(len(images) for images, _ in batches) != len(part):
            raise RuntimeError("an epoch did not hold each sample once")

    def permuted():
        order = rng.permutation(len(part))
        images, labels = part.images[order], part.labels[order]
        for start in range(0, len(part), _BATCH):
            yield images[start : start + _BATCH], labels[start : start + _BATCH]

    slices = tf.data.Dataset.from_tensor_slices((part.images, part.labels))
    shuffled = slices.shuffle(len(part)).batch(_BATCH)
    as_tf = part.as_tf(_BATCH)
    tf_data, cut = "tf.data shuffle(55000).batch(100)", "a permuted array, sliced"
    seconds = race(
        {
            "next_batch": lambda: count(part.next_batch(_BATCH)),
            "as_tf": lambda: count(as_tf),
            tf_data: lambda: count(shuffled),
            cut: lambda: count(permuted()),
        },
        9,
    )
    fastest = min((tf_data, cut), key=seconds.get)
    found = [
        row("next_batch, an epoch of 55,000", seconds["next_batch"], name, seconds[name])
        for name in (tf_data, cut)
    ]
    for result in found:
        result["bound"] = 1.2 if result["peer_name"] == fastest else None
    found.append(
        row("as_tf, the same as a tf.data set", seconds["as_tf"], tf_data, seconds[tf_data])
    )
    return found
