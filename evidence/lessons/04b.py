"""Lesson 04's two published autoencoders, and the same with one change after the other.

Five epochs in batches of 100 over all 70,000 images, as published: an hour for two seeds of every
row, on two quiet cores.
"""

from functools import cache

SHAPES = {
    "dense": [(784, 512), (512, 256), (256, 128), (128, 64)],
    "conv": [(4, 4, 1, 16), (4, 4, 16, 16), (4, 4, 16, 16)],
}
START = {"output": "relu", "he": False, "biases": False, "one_cycle": False, "linear_code": False}
# each keeps what the ones before it changed
CHANGES = [
    {},
    {"output": "linear"},
    {"he": True},
    {"biases": True},
    {"one_cycle": True},
    {"output": "sigmoid"},  # and pixels as they are
    {"linear_code": True},
]


class Tied:
    """An autoencoder whose decoder uses the encoder's kernels, transposed; strides are 2."""

    def __init__(self, shapes, output, he, biases, linear_code):
        rng = np.random.default_rng(SEED)
        deviations = [np.sqrt(2 / np.prod(shape[:-1])) if he else 0.02 for shape in shapes]
        self.kernels = [
            tf.Variable(rng.standard_normal(shape, np.float32) * np.float32(deviation))
            for deviation, shape in zip(deviations, shapes, strict=True)
        ]
        self.down = [tf.Variable(tf.zeros(shape[-1])) for shape in shapes]
        self.up = [tf.Variable(tf.zeros(shape[-2])) for shape in shapes]
        self.variables = self.kernels + (self.down + self.up if biases else [])
        self.convolves = len(shapes[0]) == 4
        self.output = getattr(tf.nn, output, tf.identity)
        self.linear_code = linear_code

    def rebuild(self, x):
        """Encode images and decode them."""
        for i, (W, b) in enumerate(zip(self.kernels, self.down, strict=True)):
            x = (tf.nn.conv2d(x, W, 2, "SAME") if self.convolves else x @ W) + b
            if not (self.linear_code and i == len(self.kernels) - 1):
                x = tf.nn.relu(x)
        layers = list(zip(self.kernels, self.up, strict=True))[::-1]
        for i, (W, b) in enumerate(layers):
            if self.convolves:
                side = (7, 14, 28)[i]
                shape = [tf.shape(x)[0], side, side, W.shape[2]]
                x = tf.nn.conv2d_transpose(x, W, shape, 2, "SAME") + b
            else:
                x = tf.matmul(x, W, transpose_b=True) + b
            x = self.output(x) if i == len(layers) - 1 else tf.nn.relu(x)
        return x


def descend(model, images, rates):
    """Train by Adam, an epoch a call."""
    keras.utils.clear_session()  # lets go of the graphs before, and of the images in them
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.variables)
    images = tf.constant(images)

    # XLA slows convolutions down on a CPU
    @tf.function(jit_compile=not model.convolves)
    def epoch(order, rates):
        for i in tf.range(tf.shape(order)[0]):
            x = tf.gather(images, order[i])
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model.rebuild(x) - x))
            optimizer.learning_rate.assign(rates[i])
            optimizer.apply(tape.gradient(loss, model.variables), model.variables)

    rng = np.random.default_rng(SEED)
    for part in np.split(rates, 5):
        order = rng.permutation(len(images)).reshape(-1, 100)
        epoch(tf.constant(order, tf.int32), tf.constant(part))


@cache
def errors(kind, count, n=70_000):
    """Return each image's error after training on the first n, with so many of the changes."""
    options = dict(START)
    for change in CHANGES[: count + 1]:
        options |= change
    steps, one_cycle = n // 20, options.pop("one_cycle")
    images = data.X if options["output"] == "sigmoid" else data.X - data.X.mean(axis=0)
    images = images.reshape(-1, 28, 28, 1) if kind == "conv" else images
    model = Tied(SHAPES[kind], **options)
    rates = np.full(steps, 0.001, np.float32)
    if one_cycle:
        peak = {"dense": 0.003, "conv": 0.01}[kind]
        rates = np.interp(np.arange(steps), [0, 0.2 * steps, steps], [0, peak, 0])
    descend(model, images[:n], rates.astype(np.float32))
    found = []
    for start in range(0, len(images), 1000):
        part = images[start : start + 1000]
        wrong = tf.square(model.rebuild(part) - part)
        found.append(tf.reduce_mean(wrong, axis=range(1, wrong.ndim)).numpy())
    return np.concatenate(found)
