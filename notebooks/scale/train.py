"""Train one network together with all the workers that TF_CONFIG names.

    python train.py --steps 100 --folder run

Without TF_CONFIG it trains alone. With it, start the same command once for every worker: each
takes its share of every batch, and the gradients are added up between them. Lesson 11 explains it.
"""

from libs import SEED
from libs.checkpoints import Checkpoints
from libs.datasets import MNIST

import argparse
import functools

import keras
import numpy as np
import tensorflow as tf

BATCH = 200  # images of a step, of all workers together
LOST = 3  # exit status if another worker is gone: start all of them again


def network() -> keras.Model:
    """Return 784-100-10 with its first weights, the same in every process."""
    keras.utils.set_random_seed(SEED)
    hidden = keras.layers.Dense(100, "relu")
    return keras.Sequential([keras.Input((784,)), hidden, keras.layers.Dense(10)])


@functools.cache
def shuffled(epoch: int, images: int) -> np.ndarray:
    """Return the order of the images in an epoch."""
    return np.random.default_rng([SEED, epoch]).permutation(images)


def batch(step: int, images: int) -> np.ndarray:
    """Return which images a step takes: it depends on nothing else, so nothing need be saved."""
    epoch, place = divmod(step, images // BATCH)
    return shuffled(epoch, images)[place * BATCH : (place + 1) * BATCH]


def losses_of(labels, scores):
    """Return the cross-entropy of each image."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)


def is_chief(resolver) -> bool:
    """Tell whether this process does what only one should do.

    That is the task "chief" where the cluster has one, else worker 0; alone it is the only one.
    """
    role = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type or role) == role and not resolver.task_id


def main(steps: int, every: int, folder: str) -> None:
    """Train up to step ``steps``, from the newest checkpoint in ``folder`` if there is one."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    chief = is_chief(strategy.cluster_resolver)

    with strategy.scope():  # variables made here are kept equal on all workers
        model, optimizer = network(), keras.optimizers.SGD(0.1, momentum=0.9)
        weights = model.trainable_variables
        optimizer.build(weights)
    checkpoints = Checkpoints(tf.train.Checkpoint(model=model, optimizer=optimizer), folder)
    first = checkpoints.restore() or 0  # the newest that is whole
    print(f"starts at step {first}, one of {strategy.num_replicas_in_sync}")

    data = MNIST()
    images, labels = data.train.images, data.train.labels.argmax(axis=1)

    def share(step, context):
        """Return the part of a step's batch that one device takes: of n devices, every n-th."""
        rows = batch(step, len(images))
        rows = rows[context.replica_id_in_sync_group :: context.num_replicas_in_sync]
        return tf.constant(images[rows]), tf.constant(labels[rows])

    def train_on_share(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(losses_of(y, model(x, training=True))) / BATCH
        gradients = tape.gradient(loss, weights)
        optimizer.apply(gradients, weights)  # first adds up the gradients of all workers
        return loss

    @tf.function
    def train(x, y):
        return strategy.reduce("SUM", strategy.run(train_on_share, (x, y)), axis=None)

    for step in range(first, steps):
        mine = functools.partial(share, step)
        x, y = strategy.experimental_distribute_values_from_function(mine)
        print(f"step {step} loss {float(train(x, y)):.9g}")
        if chief and (step + 1) % every == 0:
            checkpoints.save(step + 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--every", type=int, default=25, help="steps between checkpoints")
    parser.add_argument("--folder", required=True, help="where all workers find checkpoints")
    try:
        main(**vars(parser.parse_args()))
    except tf.errors.OpError as error:  # somebody died: nobody can add up gradients any more
        print(f"lost a worker: {type(error).__name__}")
        raise SystemExit(LOST) from None
