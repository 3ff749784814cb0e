"""Measure what lesson 05 asserts, over several seeds.

``python -m benchmarks.lesson_05_seeds`` trains the lesson's two variational autoencoders on the
55,000 training images, once per seed, and prints the evidence lower bound of each in nats: on the
5,000 validation images, on the 10,000 test images (the loss itself, one draw an image), and on the
first 1,000 test images by importance sampling. Beside them stands the number of active latent
dimensions. The lesson's thresholds lie below the smallest bounds.
"""

from libs.datasets import MNIST

# isort: split
import argparse
import itertools
import time

import keras
import numpy as np
import tensorflow as tf

HIDDEN = (512, 256)
EPOCHS = 15
PEAK = 2e-3  # of the learning rate
SUBSET, SAMPLES = 1_000, 200  # test images and draws for importance sampling


def new_layers(widths, seed: int) -> list:
    """Return ``(W, b)`` for each layer, Glorot-uniform weights and zero biases."""
    layers = []
    for i, (n, m) in enumerate(itertools.pairwise(widths)):
        limit = (6 / (n + m)) ** 0.5
        W = tf.random.stateless_uniform([n, m], [seed, i], -limit, limit)
        layers.append((tf.Variable(W), tf.Variable(tf.zeros([m]))))
    return layers


def forward(x, layers):
    for W, b in layers[:-1]:
        x = tf.nn.relu(x @ W + b)
    W, b = layers[-1]
    return x @ W + b


def log_likelihood(images, scores):
    """Return the log-likelihood of pixels as Bernoulli probabilities, nats, ``[..., n]``."""
    return tf.reduce_sum(images * scores - tf.math.softplus(scores), axis=-1)


def terms(images, model, seed):
    """Return the likelihood of one draw and the KL divergence, nats, each ``[n]``."""
    encoder, decoder = model
    mean, log_variance = tf.split(forward(images, encoder), 2, axis=1)
    noise = tf.random.stateless_normal(tf.shape(mean), seed)
    z = mean + tf.exp(log_variance / 2) * noise
    kl = 0.5 * tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)
    return log_likelihood(images, forward(z, decoder)), kl


def train(code: int, images, seed: int):
    """Train a model for ``EPOCHS`` epochs, each in one call; return it."""
    model = (
        new_layers((784, *HIDDEN, 2 * code), seed),
        new_layers((code, *HIDDEN[::-1], 784), 1_000 + seed),
    )
    weights = [variable for layers in model for pair in layers for variable in pair]
    steps = EPOCHS * len(images) // 100
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=PEAK, warmup_steps=steps // 10
    )
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(weights)

    @tf.function(jit_compile=True)
    def epoch(images, order, seed):
        for i in tf.range(order.shape[0]):
            with tf.GradientTape() as tape:
                likelihood, kl = terms(tf.gather(images, order[i]), model, [seed, i])
                loss = tf.reduce_mean(kl - likelihood)
            optimizer.apply(tape.gradient(loss, weights), weights)

    rng = np.random.default_rng(seed)
    for i in range(EPOCHS):
        order = rng.permutation(len(images)).reshape(-1, 100)
        epoch(images, tf.constant(order, tf.int32), tf.constant(1_000 * seed + i))
    return model


def importance_bound(images, model, seed: int) -> float:
    """Return the mean over images of the log of the mean importance weight, in nats."""
    encoder, decoder = model

    @tf.function(jit_compile=True)
    def bound(images, seed):
        mean, log_variance = tf.split(forward(images, encoder), 2, axis=1)
        noise = tf.random.stateless_normal([SAMPLES, *mean.shape], seed)
        z = mean + tf.exp(log_variance / 2) * noise
        log_ratio = 0.5 * tf.reduce_sum(noise**2 + log_variance - z**2, axis=2)
        scores = forward(tf.reshape(z, [-1, z.shape[2]]), decoder)
        scores = tf.reshape(scores, [SAMPLES, *images.shape])
        log_weights = log_likelihood(images, scores) + log_ratio
        return tf.reduce_logsumexp(log_weights, axis=0) - np.log(SAMPLES)

    batches = tf.split(images, len(images) // 100)
    return np.mean([bound(batch, tf.constant([seed, i])) for i, batch in enumerate(batches)])


def measure(code: int, data, seed: int) -> dict:
    began = time.perf_counter()
    model = train(code, tf.constant(data.train.images), seed)
    found = {"seconds": time.perf_counter() - began}
    for name, part in (("validation", data.valid), ("test", data.test)):
        likelihood, kl = terms(part.images, model, [seed, 0])
        found[name] = float(tf.reduce_mean(likelihood - kl))
        found[f"{name} KL"] = float(tf.reduce_mean(kl))
    some = tf.constant(data.test.images[:SUBSET])
    likelihood, kl = terms(some, model, [seed, 1])
    found["subset"] = float(tf.reduce_mean(likelihood - kl))
    found["subset, importance"] = float(importance_bound(some, model, seed))
    means = forward(data.valid.images, model[0])[:, :code]
    found["active"] = int((np.var(means, axis=0) > 0.01).sum())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 42])
    seeds = parser.parse_args().seeds
    data = MNIST()
    for code in (2, 20):
        found = []
        for seed in seeds:
            found.append(measure(code, data, seed))
            numbers = ", ".join(f"{name} {number:.2f}" for name, number in found[-1].items())
            print(f"{code:2} dimensions, seed {seed}: {numbers}", flush=True)
        for name in found[0]:
            numbers = [f[name] for f in found]
            spread = f"{np.mean(numbers):8.2f} ({min(numbers):.2f} to {max(numbers):.2f})"
            print(f"{code:2} dimensions, {name:18} {spread}", flush=True)


if __name__ == "__main__":
    main()
