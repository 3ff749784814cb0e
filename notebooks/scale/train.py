"""Train one network together with all the workers that TF_CONFIG names.

    python train.py --data shards --write
    python train.py --data shards --folder run --steps 100

Without TF_CONFIG it trains alone. With it, start the second command once for every worker: each
reads its own files, takes its share of every batch, and the gradients are added up between them.
launch.py makes TF_CONFIG of what a scheduler says. Lessons 11 and 11b explain both.
"""

from libs import SEED
from libs.checkpoints import Checkpoints
from libs.datasets import MNIST

import argparse
import faulthandler
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

BATCH = 200  # images of a step, of all workers together
FILES = 8  # the images are spread over; the number of workers must divide it
RECORD = 784 + 1  # bytes: an image's pixels and its label
LOST = 3  # exit status if another worker is gone: start all of them again
LEFT = 128 + signal.SIGTERM  # and if one was told to go: what was done is saved


def network() -> keras.Model:
    """Return 784-100-10 with its first weights, the same in every process."""
    keras.utils.set_random_seed(SEED)
    hidden = keras.layers.Dense(100, "relu")
    return keras.Sequential([keras.Input((784,)), hidden, keras.layers.Dense(10)])


def write_shards(folder: Path, images: np.ndarray, digits: np.ndarray) -> None:
    """Spread images in [0, 1] and their digits over TFRecord files, image i into file i % FILES."""
    folder.mkdir(parents=True, exist_ok=True)
    records = np.column_stack([np.rint(255 * images), digits]).astype(np.uint8)
    for number in range(FILES):
        part = folder / f"{number}.part"  # under its own name only when it is whole
        with tf.io.TFRecordWriter(str(part)) as file:
            for record in records[number::FILES]:
                file.write(record.tobytes())
        part.replace(folder / f"images-{number}-of-{FILES}.tfrecord")


def records_of(file: Path) -> int:
    """Return how many records a file holds, each of which has a length and two checksums."""
    records, rest = divmod(file.stat().st_size, RECORD + 8 + 4 + 4)
    if rest:
        raise ValueError(f"{file} is torn: it ends within a record. Write the files again.")
    return records


def batches(folder: Path, first: int, context: tf.distribute.InputContext) -> tf.data.Dataset:
    """Return one reader's part of each batch from step ``first`` on; it never ends.

    Of n readers each opens every n-th file. A batch takes as many images from each file, so it
    holds the same images however many readers there are. Their order depends on nothing but the
    epoch, so nothing need be saved.
    """
    files, readers = sorted(Path(folder).glob("*.tfrecord")), context.num_input_pipelines
    if len(files) != FILES:
        advice = "train.py --write writes them."
        raise ValueError(f"{folder} has {len(files)} files of records, expected {FILES}: {advice}")
    if FILES % readers:
        raise ValueError(f"{readers} workers can't share {FILES} files: take 1, 2, 4 or 8.")
    in_epoch = min(map(records_of, files)) // (BATCH // FILES)  # steps
    if not in_epoch:
        raise ValueError(f"{folder} has less than one batch of {BATCH} images.")
    mine = [str(file) for file in files[context.input_pipeline_id :: readers]]

    def read(file, epoch):
        records = tf.data.TFRecordDataset(file)
        mixed = records.shuffle(10_000, seed=epoch, reshuffle_each_iteration=False)
        return mixed.take(in_epoch * (BATCH // FILES))

    def epoch_of(number):
        names, some = tf.data.Dataset.from_tensor_slices(mine), BATCH // FILES
        return names.interleave(lambda file: read(file, number), len(mine), some)

    def decoded(records):
        values = tf.reshape(tf.io.decode_raw(records, tf.uint8), [-1, RECORD])
        return tf.cast(values[:, :-1], tf.float32) / 255, tf.cast(values[:, -1], tf.int32)

    tf.random.set_seed(SEED)  # the other half of each shuffle's seed
    epoch, done = divmod(first, in_epoch)
    records = tf.data.Dataset.range(epoch, sys.maxsize).flat_map(epoch_of)
    left = records.skip(done * (BATCH // FILES) * len(mine))
    each = context.get_per_replica_batch_size(BATCH)
    # TensorFlow can't know that it never ends, and would have all workers agree before each step
    # on whether somebody has a batch left: one more all-reduce
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    ready = left.batch(each, drop_remainder=True).map(decoded).prefetch(tf.data.AUTOTUNE)
    return ready.apply(endless)


def losses_of(labels, scores):
    """Return the cross-entropy of each image."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)


def is_chief(resolver) -> bool:
    """Tell whether this process does what only one should do.

    That is the task "chief" where the cluster has one, else worker 0; alone it is the only one.
    """
    role = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type or role) == role and not resolver.task_id


def step_of(strategy, model, optimizer):
    """Return a function that takes a step together with all workers."""
    weights = model.trainable_variables
    optimizer.build(weights)

    def train_on_share(x, y, go):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(losses_of(y, model(x, training=True))) / BATCH
        gradients = tape.gradient(loss, weights)
        optimizer.apply(gradients, weights)  # first adds up the gradients of all workers
        return tf.stack([loss, go])

    @tf.function
    def train(x, y, go):
        return strategy.reduce("SUM", strategy.run(train_on_share, (x, y, go)), axis=None)

    return train


def main(steps: int, every: int, folder: str, data: str, patience: float) -> None:
    """Train up to step ``steps``, from the newest checkpoint in ``folder`` if there is one."""
    # ends this process, hung or not, and says where it was; a start may take ten times a step
    faulthandler.dump_traceback_later(10 * patience, exit=True)

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    chief, told_to_go = is_chief(strategy.cluster_resolver), []
    # only now, for the strategy sets a handler of its own
    signal.signal(signal.SIGTERM, lambda *_: told_to_go.append(True))
    with strategy.scope():  # variables made here are kept equal on all workers
        model, optimizer = network(), keras.optimizers.SGD(0.1, momentum=0.9)
        train = step_of(strategy, model, optimizer)
    checkpoints = Checkpoints(tf.train.Checkpoint(model=model, optimizer=optimizer), folder)
    first = checkpoints.restore() or 0  # the newest that is whole
    print(f"starts at step {first}, one of {strategy.num_replicas_in_sync}")

    shares = strategy.distribute_datasets_from_function(
        lambda context: batches(Path(data), first, context)
    )
    arriving = iter(shares)
    for step in range(first, steps):
        # a sum, so all workers learn in the same step that one of them was told to go
        loss, go = train(*next(arriving), tf.constant(float(bool(told_to_go)))).numpy()
        faulthandler.dump_traceback_later(patience, exit=True)
        print(f"step {step} loss {loss:.9g}")
        if chief and (go or (step + 1) % every == 0):
            checkpoints.save(step + 1)
        if go and step + 1 < steps:
            print(f"leaves after step {step}")
            raise SystemExit(LEFT)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of the files of records")
    parser.add_argument("--write", action="store_true", help="write MNIST there, and end")
    parser.add_argument("--folder", help="where all workers find checkpoints")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--every", type=int, default=25, help="steps between checkpoints")
    parser.add_argument("--patience", type=float, default=300, help="most seconds of a step")
    options = vars(parser.parse_args())
    if options.pop("write"):
        mnist = MNIST().train
        write_shards(Path(options["data"]), mnist.images, mnist.labels.argmax(axis=1))
    elif not options["folder"]:
        parser.error("--folder is missing")
    else:
        try:
            main(**options)
        except tf.errors.OpError as error:  # somebody died: nobody can add up gradients any more
            print(f"lost a worker: {type(error).__name__}")
            raise SystemExit(LOST) from None
