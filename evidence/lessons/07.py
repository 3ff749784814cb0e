"""Lesson 07's two published networks, trained as long as published, in the lesson's own names.

Four minutes a seed for both, on two quiet cores.
"""

from functools import cache


@cache
def whole(norm):
    """Return the accuracy on validation and on test images after all 10,000 steps."""
    keras.utils.set_random_seed(SEED)
    model, adam = six_twelve(norm=norm), optimizers.Adam(Rates(published_rates))
    run = model, cross_entropy, adam, train_x, data.train.labels
    Trainer(*run, seed=SEED).train(steps=10_000, view=False)
    test_x = data.test.images.reshape(-1, 28, 28, 1)
    sets = (valid_x, data.valid.labels), (test_x, data.test.labels)
    return [measure(model, images, labels)[1] for images, labels in sets]
