"""What learners get wrong in lesson 05: of each exercise answers, and what the check must say."""

_DRAW = "\ndef draw_codes(mean, log_variance, noise):\n    return {}\n"
_KL = "\ndef kl_divergence(mean, log_variance):\n    return {}\n"
_ELBO = """
def my_elbo(x, encode, decode, noise):
    mean, log_variance = encode(x)
    scores = decode({codes})
    gain = tf.reduce_{sum}(x * scores - tf.math.softplus(scores), axis=1)
    kl = 0.5 * tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)
    {result}
"""
_BOTH = {
    "codes": "mean + tf.exp(log_variance / 2) * noise",
    "sum": "sum",
    "result": "return gain, kl",
}
_CLIMB = """
def my_climb(elbo, variables, optimizer, x, noise):
    with tf.GradientTape() as tape:
        gain, kl = elbo(x, noise)
        loss = tf.reduce_{mean}({loss})
    {move}
"""
_UP = {
    "mean": "mean",
    "loss": "kl - gain",
    "move": "optimizer.apply(tape.gradient(loss, variables), variables)\n    return -loss",
}
_RECIPE = "\ndef my_recipe(steps):\n    return {}\n"

WRONG = {
    "draw_codes": [
        # stretched by the variance
        (
            _DRAW.format("mean + np.exp(log_variance) * noise"),
            "variance 4 (is|are) 2 times what is expected",
        ),
        # by the log-variance
        (
            _DRAW.format("mean + log_variance * noise"),
            "variance 4 (is|are) 0.6931 times what is expected",
        ),
        # by the root of the log-variance
        (
            _DRAW.format("mean + np.sqrt(np.abs(log_variance)) * noise"),
            "variance 4 (is|are) 0.5887 times",
        ),
        # the mean stretched, too
        (_DRAW.format("(mean + noise) * np.exp(log_variance / 2)"), "without noise differs"),
        # noise of its own
        (
            _DRAW.format("mean + np.exp(log_variance / 2) * np.random.normal(size=mean.shape)"),
            "without noise differs",
        ),
        # no noise
        (_DRAW.format("mean"), "variance 4 (is|are) 0, everywhere"),
    ],
    "kl_divergence": [
        # no sum over the dimensions
        (
            _KL.format("0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance)"),
            r"has shape \[4, 3\], expected \[4\]: is a sum or mean over an axis missing",
        ),
        # no half
        (
            _KL.format("(np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)"),
            "is 2 times what is expected",
        ),
        # no −1
        (
            _KL.format("0.5 * (np.exp(log_variance) + mean**2 - log_variance).sum(axis=1)"),
            "is 1.5 too large, everywhere",
        ),
        # −1 for each of the first case's three dimensions
        (
            _KL.format("0.5 * (np.exp(log_variance) + mean**2 - log_variance).sum(axis=1) - 1.5"),
            "of the prior itself, 1 dimension differs in 2 of 2 places.* -1, expected 0",
        ),
        # a mean over the dimensions
        (
            _KL.format("0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).mean(axis=1)"),
            "a mean where a sum belongs",
        ),
        # the wrong way round
        (
            _KL.format("-0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)"),
            "has the wrong sign",
        ),
        # the log-variance taken for the variance
        (
            _KL.format("0.5 * (log_variance + mean**2 - 1 - np.log(log_variance)).sum(axis=1)"),
            "holds ∞|holds NaN",
        ),
    ],
    "my_elbo": [
        # the logarithm as the formula says
        (
            _ELBO.format(**_BOTH).replace(
                "tf.math.softplus(scores)", "tf.math.log(1 + tf.exp(scores))"
            ),
            "of large scores, d=1 holds",
        ),
        # a part from NumPy, which cuts one of the slope's ways
        (
            _ELBO.format(**_BOTH | {"codes": "draw_codes(mean, log_variance, noise)"}).replace(
                "draw_codes", "(lambda m, v, e: m + np.exp(v / 2) * e)"
            ),
            "NotImplementedError|NumPy|numpy",
        ),
        # −1 for each of the first case's two dimensions
        (
            _ELBO.format(**_BOTH).replace(
                "mean**2 - 1 - log_variance, axis=1)", "mean**2 - log_variance, axis=1) - 1"
            ),
            r"KL of my_elbo of large scores, d=1 is 0.5 too small, everywhere",
        ),
        # a mean over pixels
        (
            _ELBO.format(**_BOTH | {"sum": "mean"}),
            "log-likelihood of my_elbo without noise is 0.3333 times .* a mean where a sum",
        ),
        # the variance in place of the deviation
        (
            _ELBO.format(**_BOTH | {"codes": "mean + tf.exp(log_variance) * noise"}),
            "log-likelihood of my_elbo with noise differs",
        ),
        # no draw
        (
            _ELBO.format(**_BOTH | {"codes": "mean"}),
            "log-likelihood of my_elbo with noise differs",
        ),
        # the bound in one number
        (
            _ELBO.format(**_BOTH | {"result": "return gain - kl"}),
            "returns 1 and not 2 results: log-likelihood, KL",
        ),
        # the other way round
        (
            _ELBO.format(**_BOTH | {"result": "return kl, gain"}),
            "in another order: KL, log-likelihood, not log-likelihood, KL",
        ),
        # a loss in place of the likelihood
        (
            _ELBO.format(**_BOTH | {"result": "return -gain, kl"}),
            "log-likelihood of my_elbo without noise has the wrong sign",
        ),
        # averaged over the batch
        (
            _ELBO.format(**_BOTH | {"result": "return tf.reduce_mean(gain), tf.reduce_mean(kl)"}),
            r"log-likelihood of my_elbo without noise has shape \[\]",
        ),
        # numbers that the tape can't see through
        (
            _ELBO.format(**_BOTH | {"codes": "tf.stop_gradient(mean)"}),
            "log-likelihood of my_elbo with noise differs",
        ),
        (
            _ELBO.format(
                **_BOTH | {"result": "return tf.constant(gain.numpy()), tf.constant(kl.numpy())"}
            ),
            "raises ValueError: a matrix gets no gradient",
        ),
        # no return
        (_ELBO.format(**_BOTH | {"result": ""}), "returns nothing: is a return missing"),
    ],
    "my_climb": [
        # a rate of its own
        (
            _CLIMB.format(
                **_UP
                | {
                    "move": "for v, s in zip(variables, tape.gradient(loss, variables)):\n"
                    "        v.assign_sub(0.1 * s)\n    return -loss"
                }
            ),
            "after 3 steps at half the rate",
        ),
        # down
        (
            _CLIMB.format(**_UP | {"loss": "gain - kl"}),
            "change of my_climb after 1 step has the wrong sign",
        ),
        # the likelihood alone: the decoder's matrix moves alike, at first
        (
            _CLIMB.format(**_UP | {"loss": "-gain"}),
            "bound of my_climb after 1 step is",
        ),
        # the KL added
        (
            _CLIMB.format(**_UP | {"loss": "-kl - gain"}),
            "bound of my_climb after 1 step is",
        ),
        # a sum
        (
            _CLIMB.format(**_UP | {"mean": "sum"}),
            "change of my_climb after 1 step is 2 times what is expected",
        ),
        # no step
        (
            _CLIMB.format(**_UP | {"move": "return -loss"}),
            "change of my_climb after 1 step is 0, everywhere",
        ),
        # the loss in place of the bound
        (
            _CLIMB.format(**_UP).replace("return -loss", "return loss"),
            "bound of my_climb after 1 step has the wrong sign",
        ),
        # no return
        (
            _CLIMB.format(**_UP).replace("    return -loss", ""),
            "bound of my_climb after 1 step is None.* is a return missing",
        ),
    ],
    "my_recipe": [
        # the lesson's
        (
            _RECIPE.format("(512, 256), warm_cosine(steps)"),
            r"bound is −?-?1\d\d\.\d\d nats; to beat",
        ),
        # one hidden layer, at twice the rate: better, and not enough
        (
            _RECIPE.format("(512,), warm_cosine(steps, peak=0.004)"),
            r"bound is −?-?11[01]\.\d\d nats",
        ),
        # at three times the rate: close
        (_RECIPE.format("(512,), warm_cosine(steps, peak=0.006)"), r"bound is −?-?109\.\d\d nats"),
        # only one of the two
        (_RECIPE.format("warm_cosine(steps)"), "must return widths, then rates"),
        # one rate
        (_RECIPE.format("(512,), 0.002"), r"rates have shape \[\], expected \[1100\]"),
        # a number in place of a list of widths
        (_RECIPE.format("512, warm_cosine(steps)"), "must return widths, then rates"),
        # layers in place of widths
        (_RECIPE.format("(0.5, 2.0), warm_cosine(steps)"), "expected whole numbers from 1"),
        # no return
        ("\ndef my_recipe(steps):\n    warm_cosine(steps)\n", "Is a return missing"),
    ],
}
