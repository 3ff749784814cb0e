"""The reference: the tutorial's 6-12-24 network with Keras' fit, to about 99 %.

Görner's *TensorFlow without a PhD* (2016): convolutions of 6, 12 and 24 filters (sides 6, 5, 4;
strides 1, 2, 2), 200 units, dropout 0.25, Adam from 0.003 falling, batches of 100, here 3,000.
Every row of the board says how much of this training's seconds it took.
"""

import libs  # noqa: F401 — starts TensorFlow quietly

# isort: split
import keras

from benchmarks.bench_classifier import Falling, published

STEPS, BATCH = 3000, 100


def train(images, labels, seed, look):
    """Train; return a function from uint8 images to digits."""
    keras.utils.set_random_seed(seed)
    x = images.reshape(-1, 784).astype("float32") / 255
    model = published()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(Falling()), loss)
    epochs = round(STEPS * BATCH / len(images))
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: look(reader(model)))
    model.fit(x, labels, BATCH, epochs=epochs, verbose=0, callbacks=[watch])
    return reader(model)


def reader(model):
    """Return a function from uint8 images to digits."""
    return lambda part: model(part.reshape(-1, 784).astype("float32") / 255).numpy().argmax(1)
