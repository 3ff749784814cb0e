"""What learners get wrong in lesson 08: of each exercise answers, and what the check must say."""

_SLOPE = """
def my_slope(model, images, labels):
    with tf.GradientTape() as tape:
        {watch}
        {loss}
    {result}
"""
_TAPE = {
    "watch": "tape.watch(images)",
    "loss": "losses = tf.nn.softmax_cross_entropy_with_logits(labels, model(images))",
    "result": "return tape.gradient(losses, images)",
}
_IDEAL = """
def my_ideal(slope, start, l1, l2, steps):
    x = start
    for _ in range(steps):
        x = {}
    return x
"""
_ATTACK = """
def my_attack(slope, images, bound, size, steps):
    x = images
    for _ in range(steps):
        x = {step}
        x = tf.clip_by_value({pull})
        x = tf.clip_by_value(x, 0.0, 1.0)
    return x
"""
_MOVE = {"step": "x - size * tf.sign(slope(x))", "pull": "x, images - bound, images + bound"}
_WRITE = "\ndef my_digits(slope):\n    {}\n"

WRONG = {
    "my_slope": [
        # the mean of all losses
        (
            _SLOPE.format(
                **_TAPE | {"result": "return tape.gradient(losses, images) / len(images)"}
            ),
            "is 0.5 times what is expected, everywhere",
        ),
        # of the first score, not of the loss
        (_SLOPE.format(**_TAPE | {"loss": "losses = model(images)"}), "differs in"),
        # the tape does not watch
        (_SLOPE.format(**_TAPE | {"watch": "pass"}), "does the tape not watch them"),
        # the labels' place and the scores' exchanged
        (
            _SLOPE.format(
                **_TAPE
                | {
                    "loss": "losses = tf.nn.softmax_cross_entropy_with_logits("
                    "model(images), labels)"
                }
            ),
            "differs in",
        ),
        # uphill and down
        (
            _SLOPE.format(**_TAPE | {"result": "return -tape.gradient(losses, images)"}),
            "has the wrong sign",
        ),
        # the loss, not its slope
        (
            _SLOPE.format(**_TAPE | {"result": "return losses"}),
            r"has shape \[2\], expected \[2, 4\]",
        ),
        # softmax twice
        (
            _SLOPE.format(
                **_TAPE
                | {
                    "loss": "losses = tf.nn.softmax_cross_entropy_with_logits("
                    "labels, tf.nn.softmax(model(images)))"
                }
            ),
            "differs in",
        ),
        # no return
        (_SLOPE.format(**_TAPE | {"result": "tape.gradient(losses, images)"}), "a return missing"),
    ],
    "my_ideal": [
        # uphill
        (
            _IDEAL.format("x + 0.1 * (slope(x) + l1 * tf.sign(x) + 2 * l2 * x)"),
            "after 1 step without penalty differs in",
        ),
        # the penalties only
        (_IDEAL.format("x - 0.1 * (l1 * tf.sign(x) + 2 * l2 * x)"), "after 1 step without penalty"),
        # the square's slope without its 2
        (
            _IDEAL.format("x - 0.1 * (slope(x) + l1 * tf.sign(x) + l2 * x)"),
            "after 2 steps with L2 of 0.25 differs in",
        ),
        # the size in place of the sign
        (
            _IDEAL.format("x - 0.1 * (slope(x) + l1 * tf.abs(x) + 2 * l2 * x)"),
            "after 2 steps with L1 of 0.3 differs in",
        ),
        # the penalty itself in place of its slope
        (
            _IDEAL.format("x - 0.1 * (slope(x) + l1 * tf.abs(x) + l2 * x**2)"),
            "after 2 steps with L1 of 0.3 differs in",
        ),
        # the slope at the start, always
        (
            _IDEAL.format("x - 0.1 * (slope(start) + l1 * tf.sign(x) + 2 * l2 * x)"),
            "after 3 steps without penalty differs in",
        ),
        # penalties that grow the image
        (
            _IDEAL.format("x - 0.1 * (slope(x) - l1 * tf.sign(x) - 2 * l2 * x)"),
            "after 2 steps with L1 of 0.3 differs in",
        ),
        # the step is not 0.1
        (
            _IDEAL.format("x - (slope(x) + l1 * tf.sign(x) + 2 * l2 * x)"),
            "after 1 step without penalty differs in",
        ),
        # no return
        (
            _IDEAL.format("x - 0.1 * slope(x)").replace("    return x", "    x"),
            "returns nothing: is a return missing",
        ),
    ],
    "my_attack": [
        # away from the wish
        (
            _ATTACK.format(**_MOVE | {"step": "x + size * tf.sign(slope(x))"}),
            "after one step differs in",
        ),
        # the slope itself
        (_ATTACK.format(**_MOVE | {"step": "x - size * slope(x)"}), "after one step differs in"),
        # the direction of the first step, always
        (
            _ATTACK.format(**_MOVE | {"step": "x - size * tf.sign(slope(images))"}),
            "after three steps (differs|holds)",
        ),
        # pulled back to where the step began, so the bound is never met
        (
            _ATTACK.format(**_MOVE | {"pull": "x, x - bound, x + bound"}),
            "at the bound differs in",
        ),
        # one large step
        (
            _ATTACK.format(**_MOVE | {"step": "images - bound * tf.sign(slope(images))"}),
            "after one step differs in",
        ),
        # it leaves black and white
        (
            _ATTACK.format(**_MOVE).replace("x = tf.clip_by_value(x, 0.0, 1.0)", "pass"),
            "after one step differs in .*: -0.05, expected 0",
        ),
        # the bound is held at the end only
        (
            _ATTACK.format(**_MOVE | {"pull": "x, -9.0, 9.0"}).replace(
                "return x", "return tf.clip_by_value(x, images - bound, images + bound)"
            ),
            "at the bound differs in",
        ),
        # black and white are held at the end only
        (
            _ATTACK.format(**_MOVE)
            .replace("x = tf.clip_by_value(x, 0.0, 1.0)", "pass")
            .replace("return x", "return tf.clip_by_value(x, 0.0, 1.0)"),
            "near black and white differs in",
        ),
        # the change is returned
        (
            _ATTACK.format(**_MOVE).replace("    return x", "    return x - images"),
            "after one step differs in",
        ),
        # no return
        (
            _ATTACK.format(**_MOVE).replace("    return x", "    x"),
            "returns nothing: is a return missing",
        ),
    ],
    "my_digits": [
        # blank paper
        (_WRITE.format("return np.zeros([10, 784])"), "an image of one shade"),
        # plain descent, without anything else
        (
            _WRITE.format(
                "x = np.zeros([10, 784])\n    for _ in range(120):\n"
                "        x = x - 0.1 * np.array(slope(x))\n    return x"
            ),
            "to beat: 0.32",
        ),
        # noise
        (
            _WRITE.format("return np.random.default_rng(0).random([10, 784])"),
            "Not read as what it should be",
        ),
        # as pictures
        (_WRITE.format("return np.ones([10, 28, 28])"), r"it makes \[10, 28, 28\]"),
        # no return
        (_WRITE.format("x = slope(np.zeros([10, 784]))"), "Is a return missing"),
        # it fails
        (_WRITE.format("return slope"), "can't be measured: TypeError"),
        # not numbers
        (_WRITE.format("return np.full([10, 784], np.nan)"), "it holds NaN"),
    ],
}
