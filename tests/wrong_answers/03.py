"""What learners get wrong in lesson 03: of each exercise answers, and what the check must say."""

_LOSSES = """
def my_losses(scores, labels):
    {}
"""
_SUMS = "m = scores.max(axis=1)\n    sums = m + np.log(np.exp(scores - m[:, None]).sum(axis=1))"
_RIGHT = "scores[np.arange(len(labels)), labels]"
_GRADIENT = """
def my_gradient(W, b, x, labels):
    scores = x @ W + b
    powers = np.exp(scores - scores.max(axis={axis}, keepdims=True))
    p = powers / powers.sum(axis={axis}, keepdims=True)
    slope = {slope}
    return {result}
"""
_STEP = """
def my_step(W, b, x, labels, rate):
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, x @ W + b)
        loss = tf.reduce_{mean}(losses)
    dW, db = tape.gradient(loss, [W, b])
    {move}
"""
_EPOCH = """
def my_epoch(W, b, images, labels, order, batch, rate):
    losses = []
    for begin in range(0, {end}, batch):
        rows = {rows}
        losses.append(train_step(W, b, images[rows], labels[rows], rate))
    {result}
"""
_MEAN = {
    "axis": 1,
    "slope": "(p - np.eye(len(b))[labels]) / len(x)",
    "result": "x.T @ slope, slope.sum(axis=0)",
}
_MOVE = "W.assign_sub(rate * dW)\n    b.assign_sub(rate * db)\n    return loss"
_ALL = {"end": "len(order)", "rows": "order[begin : begin + batch]", "result": "return losses"}
_RECIPE = "\ndef my_recipe():\n    return {}\n"

WRONG = {
    "my_losses": [
        # exponentials, fraction, logarithm
        (
            _LOSSES.format(
                "p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)\n"
                "    return -np.log(p[np.arange(len(labels)), labels])"
            ),
            "of rows of very different size holds NaN",
        ),
        # the largest of the whole batch
        (
            _LOSSES.format(
                "m = scores.max()\n    sums = m + np.log(np.exp(scores - m).sum(axis=1))\n"
                f"    return sums - {_RIGHT}"
            ),
            "of rows of very different size holds ∞",
        ),
        # one number for all
        (
            _LOSSES.format(f"{_SUMS}\n    return np.mean(sums - {_RIGHT})"),
            r"has shape \[\], expected \[3\]: is it one part, or a sum or mean",
        ),
        # [n, 1] less [n]; its mean would be right
        (
            _LOSSES.format(
                "m = scores.max(axis=1, keepdims=True)\n"
                "    sums = m + np.log(np.exp(scores - m).sum(axis=1, keepdims=True))\n"
                f"    return sums - {_RIGHT}"
            ),
            r"has shape \[3, 3\], expected \[3\]: a sum or difference of \[n, 1\] with \[n\]",
        ),
        # the same by a sum of [n] and a largest score of [n, 1]
        (
            _LOSSES.format(
                "m = scores.max(axis=1, keepdims=True)\n"
                "    sums = m + np.log(np.exp(scores - m).sum(axis=1))\n"
                f"    return sums - {_RIGHT}"
            ),
            r"\[n, 1\] with \[n\]",
        ),
        # all kept as a column
        (
            _LOSSES.format(f"{_SUMS}\n    return (sums - {_RIGHT})[:, None]"),
            "an axis of length 1 too many",
        ),
        # the wrong way round
        (
            _LOSSES.format(f"{_SUMS}\n    return {_RIGHT} - sums"),
            "has the wrong sign",
        ),
        # the largest score not added again
        (
            _LOSSES.format(f"{_SUMS.replace('m + ', '')}\n    return sums - {_RIGHT}"),
            "of 3 images differs in",
        ),
        # no return
        (
            _LOSSES.format(f"{_SUMS}\n    losses = sums - {_RIGHT}"),
            "returns nothing: is a return missing",
        ),
        # all rows for each label
        (
            _LOSSES.format(f"{_SUMS}\n    return sums - scores[labels]"),
            "raises (Index|Value)Error",
        ),
        # half of the cure: stable probabilities, then a logarithm
        (
            _LOSSES.format(
                "s = scores - scores.max(axis=1, keepdims=True)\n"
                "    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)\n"
                "    return -np.log(p[np.arange(len(labels)), labels])"
            ),
            "of a p too small to write holds ∞",
        ),
        # the other half: something small in the logarithm
        (
            _LOSSES.format(
                "p = tf.nn.softmax(scores).numpy()[np.arange(len(labels)), labels]\n"
                "    return -np.log(p + 1e-9)"
            ),
            "too small to write differs in 1 of 3 places; .* 20.7233, expected 1000.69",
        ),
        # the logarithm to base 2
        (
            _LOSSES.format(f"{_SUMS}\n    return (sums - {_RIGHT}) / np.log(2)"),
            "log2 in place of log",
        ),
    ],
    "my_gradient": [
        (
            _GRADIENT.format(**_MEAN | {"slope": "p - np.eye(len(b))[labels]"}),
            "a sum where a mean belongs",
        ),
        (
            _GRADIENT.format(**_MEAN | {"slope": "(np.eye(len(b))[labels] - p) / len(x)"}),
            "dW of .* has the wrong sign",
        ),
        (_GRADIENT.format(**_MEAN | {"result": "x.T @ slope"}), "and not 2 results: dW, db"),
        (
            _GRADIENT.format(**_MEAN | {"result": "slope.T @ x, slope.sum(axis=0)"}),
            r"dW of .* has shape \[4, 3\], expected \[3, 4\]: it is transposed",
        ),
        (
            _GRADIENT.format(**_MEAN | {"result": "x.T @ slope, slope"}),
            r"db of .* has shape \[5, 4\], expected \[4\]: is a sum or mean",
        ),
        (_GRADIENT.format(**_MEAN | {"axis": 0}), "dW of .* differs in"),
        (
            _GRADIENT.format(**_MEAN).replace(" - scores.max(axis=1, keepdims=True)", ""),
            "holds NaN",
        ),
        # over the wrong axis
        (
            _GRADIENT.format(**_MEAN | {"result": "x.T @ slope, slope.sum(axis=1)"}),
            r"db of .* has shape \[5\], expected \[4\]",
        ),
        # a mean for one of them, and twice for the other
        (
            _GRADIENT.format(**_MEAN | {"result": "x.T @ slope, len(x) * slope.sum(axis=0)"}),
            "db of .* is 5 times .* a sum where a mean belongs",
        ),
        (
            _GRADIENT.format(**_MEAN | {"result": "x.T @ slope, slope.mean(axis=0)"}),
            "db of .* is 0.2 times .* divided twice",
        ),
        # for the classes of the first cases only
        (
            _GRADIENT.format(**_MEAN | {"slope": "(p - np.eye(4)[labels]) / len(x)"}),
            "2 pixels, 3 classes raises ValueError",
        ),
        # the largest score of the whole batch
        (
            _GRADIENT.format(**_MEAN).replace("scores.max(axis=1, keepdims=True)", "scores.max()"),
            "of a row of small and one of large scores.* holds NaN",
        ),
    ],
    "my_step": [
        (
            _STEP.format(
                mean="mean", move="W = W - rate * dW\n    b = b - rate * db\n    return loss"
            ),
            "change of W of my_step after 1 step .* is 0, everywhere",
        ),
        (
            _STEP.format(mean="mean", move=_MOVE.replace("assign_sub", "assign_add")),
            "change of W of my_step .* has the wrong sign",
        ),
        (
            _STEP.format(mean="mean", move=_MOVE.replace("b.assign_sub(rate * db)", "")),
            "change of b of my_step .* is 0, everywhere",
        ),
        (
            _STEP.format(mean="sum", move=_MOVE),
            "change of W of .* is 5 times .* a sum where a mean belongs",
        ),
        (
            _STEP.format(mean="mean", move=_MOVE.replace("rate * ", "")),
            "at a rate of 0.1 is 10 times what is expected",
        ),
        # a rate of its own, that of the first case
        (
            _STEP.format(mean="mean", move=_MOVE.replace("rate", "0.1")),
            "after 3 steps at a rate of 0.2 differs",
        ),
        (
            _STEP.format(mean="mean", move=_MOVE.replace("    return loss", "")),
            "loss of my_step after 1 step .* is None.* is a return missing",
        ),
        # the variables in place of the loss
        (
            _STEP.format(mean="mean", move=_MOVE.replace("return loss", "return W, b")),
            "loss of my_step .* is a tuple that can't be read",
        ),
        # the step in place of the weights
        (
            _STEP.format(mean="mean", move=_MOVE.replace("assign_sub", "assign")),
            "change of W of my_step .* differs",
        ),
        # softmax before a loss that takes logits
        (
            _STEP.format(mean="mean", move=_MOVE).replace("x @ W + b", "tf.nn.softmax(x @ W + b)"),
            "change of W of my_step .* differs",
        ),
    ],
    "my_epoch": [
        # the short batch left out
        (
            _EPOCH.format(**_ALL | {"end": "len(order) - batch + 1"}),
            r"losses of .* have shape \[1\]",
        ),
        # the order left out
        (
            _EPOCH.format(**_ALL | {"rows": "range(begin, min(begin + batch, 7))"}),
            "losses of .* hold the right numbers, in another order",
        ),
        # an order of its own
        (
            _EPOCH.format(
                **_ALL | {"rows": "np.random.default_rng(0).permutation(7)[begin : begin + batch]"}
            ),
            "losses of .* hold the right numbers, in another order",
        ),
        # labels in the old order
        (
            _EPOCH.format(**_ALL).replace("labels[rows]", "labels[begin : begin + batch]"),
            "losses of .* differ",
        ),
        # what was given, shuffled for good
        (
            _EPOCH.format(**_ALL | {"rows": "slice(begin, begin + batch)"}).replace(
                "losses = []",
                "losses = []\n    images[:], labels[:] = images[order], labels[order]",
            ),
            "changes argument 3 in place",
        ),
        # back after the first batch
        (
            _EPOCH.format(**_ALL | {"result": "    return losses[-1]"}),
            r"losses of .* have shape \[\], expected \[7\]: is it one part",
        ),
        # the same batch again and again
        (_EPOCH.format(**_ALL | {"rows": "order[:batch]"}), "losses of .* differ"),
        (
            _EPOCH.format(**_ALL | {"result": "return np.mean(losses)"}),
            r"losses of .* have shape \[\]",
        ),
        (_EPOCH.format(**_ALL | {"result": ""}), "losses of .* are None.* is a return missing"),
        # one image a step
        (_EPOCH.format(**_ALL).replace(", batch):", "):"), r"losses of .* have shape \[5\]"),
        # as many steps as there are images, whatever the order holds
        (
            _EPOCH.format(**_ALL | {"end": "len(images)"}),
            r"with 5 of 7 images in batches of 3 and 2 have shape \[3\], expected \[2\]",
        ),
    ],
    "my_recipe": [
        # the rate as published
        (
            _RECIPE.format("(lambda images: images), np.full(1_000, 0.5)"),
            r"reads 9[12]\.\d+% .* to beat: 93\.6",
        ),
        # a better schedule alone
        (_RECIPE.format("(lambda images: images), np.linspace(3, 0, 1_000)"), r"reads 92\.\d+% "),
        # and stronger strokes
        (_RECIPE.format("np.sqrt, np.linspace(1.5, 0, 1_000)"), r"reads 92\.\d+% .* to beat"),
        # one of the two
        (_RECIPE.format("np.linspace(1.5, 0, 1_000)"), "must return a function, then the rates"),
        # the other way round
        (
            _RECIPE.format("np.linspace(1.5, 0, 1_000), np.sqrt"),
            "must return a function, then the rates",
        ),
        # nothing
        ("\ndef my_recipe():\n    np.sqrt\n", "Is a return missing"),
        # one rate for all steps
        (_RECIPE.format("np.sqrt, 0.5"), r"rates have shape \[\], expected \[1000\]"),
        # half of the pixels
        (
            _RECIPE.format("(lambda images: images[:, ::2]), np.full(1_000, 0.5)"),
            r"\[55000, 392\] of images \[55000, 784\]",
        ),
        # 0/0 where no image has ink
        (
            _RECIPE.format("(lambda x: np.where(x > 0, x, np.nan)), np.full(1_000, 0.5)"),
            "NaN or ∞ of some pixels",
        ),
    ],
}
