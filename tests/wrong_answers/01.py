"""What learners get wrong in lesson 01: of each exercise answers, and what the check must say."""

_HALVES = "\ndef top_halves(flat):\n    {}\n"
_INK = """
def ink(images):
    return tf.reduce_sum(images, axis={axis})


graph_ink = {graph}
"""
_TRACED = "tf.function(ink, input_signature=[tf.TensorSpec([None, 784], tf.float32)])"
_DESCENT = """
def my_descent(function, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = function(x)
        x.assign_sub(rate * tape.gradient(loss, x))
    return x
"""
_TRAINING = """
@tf.function
def my_training(x, y, rate, steps):
    line = tf.zeros([2])
    for _ in tf.range(steps):
        with tf.GradientTape() as tape:
            tape.watch(line)
            loss = tf.reduce_mean((line[0] * x + line[1] - y) ** 2)
        line = line - rate * tape.gradient(loss, line)
    return line
"""
_RULE = "\ndef my_rule(p, gradient, memory):\n    {}\n"

WRONG = {
    "top_halves": [
        # the whole images
        (
            _HALVES.format("return tf.reshape(flat, [-1, 28, 28, 1])"),
            r"ha(s|ve) shape \[2, 28, 28, 1\], expected \[2, 14, 28, 1\]",
        ),
        # the left halves
        (
            _HALVES.format("return tf.reshape(flat, [-1, 28, 28, 1])[:, :, :14]"),
            r"ha(s|ve) shape \[2, 28, 14, 1\]",
        ),
        # the lower halves
        (
            _HALVES.format("return tf.reshape(flat, [-1, 28, 28, 1])[:, 14:]"),
            "is 392 too large, everywhere",
        ),
        # no channel
        (
            _HALVES.format("return tf.reshape(flat, [-1, 28, 28])[:, :14]"),
            "an axis of length 1 too many or too few",
        ),
        # the first images, not the first rows
        (
            _HALVES.format("return tf.reshape(flat, [-1, 28, 28, 1])[:14]"),
            r"ha(s|ve) shape \[2, 28, 28, 1\]",
        ),
        # two halves of each image in place of one
        (
            _HALVES.format("return tf.reshape(flat, [-1, 14, 28, 1])"),
            r"ha(s|ve) shape \[4, 14, 28, 1\]",
        ),
        # every other row
        (_HALVES.format("return tf.reshape(flat, [-1, 28, 28, 1])[:, ::2]"), "differs in"),
        # for two images only
        (
            _HALVES.format("return tf.reshape(flat, [2, 28, 28, 1])[:, :14]"),
            "of one image raises InvalidArgumentError",
        ),
        (_HALVES.format("tf.reshape(flat, [-1, 28, 28, 1])[:, :14]"), "is a return missing"),
    ],
    "ink": [
        # the function itself
        (_INK.format(axis=1, graph="ink"), "it is a function, expected a tf.function"),
        # no signature
        (_INK.format(axis=1, graph="tf.function(ink)"), "each number of images is traced anew"),
        # one length for all
        (_INK.format(axis=1, graph=_TRACED.replace("None", "1")), "raises TypeError"),
        # another type
        (_INK.format(axis=1, graph=_TRACED.replace("32", "64")), "raises TypeError"),
        # images and pixels exchanged
        (
            _INK.format(axis=1, graph=_TRACED.replace("None, 784", "784, None")),
            "raises TypeError",
        ),
        # down instead of across
        (_INK.format(axis=0, graph=_TRACED), "graph_ink for 1, 4 and 20 images is 0, everywhere"),
        # one pixel, for all are equal in a blank image
        (
            _INK.format(
                axis=1, graph=_TRACED.replace("ink,", "lambda images: images[:, 0] * 784,")
            ),
            "is 0, everywhere",
        ),
        # a result in place of a function
        (
            _INK.format(axis=1, graph="tf.function(ink)(tf.ones([1, 784]))"),
            "it is a EagerTensor, expected a tf.function",
        ),
    ],
    "my_descent": [
        # uphill
        (
            _DESCENT.replace("assign_sub", "assign_add"),
            "my_descent after 1 step down a bowl differs in 2 of 2",
        ),
        # the slope in place of the place
        (_DESCENT.replace("x.assign_sub(rate * ", "x.assign(rate * "), "differs in 2 of 2"),
        # one step, whatever is asked
        (
            _DESCENT.replace("    return x", "        return x"),
            "my_descent after 3 steps down a bowl differs",
        ),
        # no rate
        (_DESCENT.replace("rate * ", ""), "differs in 2 of 2 .* -2, expected 3.4"),
        # a variable turned into a tensor: the second tape doesn't watch it
        (
            _DESCENT.replace(
                "x.assign_sub(rate * tape.gradient(loss, x))",
                "x = x - rate * tape.gradient(loss, x)",
            ),
            "after 3 steps down a bowl raises",
        ),
        # a constant
        (_DESCENT.replace("tf.Variable", "tf.constant"), "after 1 step down a bowl raises"),
        # one tape for all steps
        (
            """
def my_descent(function, start, rate, steps):
    x = tf.Variable(start)
    with tf.GradientTape() as tape:
        loss = function(x)
    for _ in range(steps):
        x.assign_sub(rate * tape.gradient(loss, x))
    return x
""",
            "after 3 steps down a bowl raises RuntimeError",
        ),
        # an array
        (
            _DESCENT.replace("tf.Variable(start)", "start").replace("x.assign_sub(", "x = x - ("),
            "A tape knows tensors and variables",
        ),
        # the formula of the bowl alone
        (
            """
def my_descent(function, start, rate, steps):
    bottom = np.float32([1, -2])
    return bottom + (start - bottom) * (1 - 2 * rate) ** steps
""",
            "down x³ − 2x",
        ),
        # the loss
        (_DESCENT.replace("return x", "return loss"), "one part|ha(s|ve) shape"),
        (_DESCENT.replace("    return x\n", ""), "is a return missing"),
    ],
    "my_training": [
        # a plain function
        (_TRAINING.replace("@tf.function\n", ""), "it is a plain function: put @tf.function above"),
        # a sum
        (_TRAINING.replace("reduce_mean", "reduce_sum"), r"after 1 step .* 5 times .* a sum where"),
        # uphill
        (_TRAINING.replace("line - rate", "line + rate"), r"\[w, b\] after 1 step .* wrong sign"),
        # nobody watches
        (
            _TRAINING.replace("            tape.watch(line)\n", ""),
            "None values not supported.*Does the tape watch",
        ),
        # a hundred steps, whatever is asked
        (
            _TRAINING.replace("tf.range(steps)", "tf.range(100)"),
            r"\[w, b\] after 0 steps .* differ",
        ),
        # a variable inside
        (
            _TRAINING.replace("tf.zeros([2])", "tf.Variable(tf.zeros([2]))"),
            "raises (ValueError|NotImplementedError|TypeError)",
        ),
        # a variable outside, that goes on where it was
        (
            "\nline = tf.Variable(tf.zeros([2]))\n"
            + _TRAINING.replace("    line = tf.zeros([2])\n", "")
            .replace(
                "line = line - rate * tape.gradient(loss, line)",
                "line.assign_sub(rate * tape.gradient(loss, line))",
            )
            .replace("return line", "return line.value()"),
            r"\[w, b\] after 3 steps .* differ",
        ),
        # a loop in Python, called from the graph
        (
            """
@tf.function
def my_training(x, y, rate, steps):
    def loop(x, y, rate, steps):
        w, b = 0.0, 0.0
        for _ in range(steps):
            error = w * x + b - y
            w, b = w - rate * 2 * np.mean(error * x), b - rate * 2 * np.mean(error)
        return np.float32([w, b])

    return tf.numpy_function(loop, [x, y, rate, steps], tf.float32)
""",
            "runs in Python, not in the graph",
        ),
        # w and b exchanged
        (_TRAINING.replace("return line", "return line[::-1]"), "in another order"),
        # a trace for each rate
        (
            _TRAINING.replace("@tf.function\ndef my_training", "def _train")
            + "\n\nclass my_training:\n    n = 0\n\n    def __call__(self, *args):\n"
            "        self.n += 1\n        return tf.function(_train)(*args)\n\n"
            "    def get_concrete_function(self, *args):\n"
            "        return tf.function(_train).get_concrete_function(*args)\n\n"
            "    def experimental_get_tracing_count(self):\n        return self.n\n\n\n"
            "my_training = my_training()\n",
            "count of traces of my_training .* is 4, expected 1",
        ),
        (_TRAINING.replace("    return line\n", ""), "is a return missing"),
    ],
    "my_rule": [
        # plain descent
        (_RULE.format("return p - 0.13 * gradient, memory"), "takes 54 steps; to beat: 30"),
        # too large a step
        (_RULE.format("return p - 0.2 * gradient, memory"), "stand still, or explode"),
        # too much momentum
        (
            _RULE.format("memory = 0.9 * memory - 0.15 * gradient\n    return p + memory, memory"),
            "takes 89 steps",
        ),
        # uphill
        (
            _RULE.format("memory = 0.6 * memory + 0.15 * gradient\n    return p + memory, memory"),
            "stand still, or explode",
        ),
        # the numbers alone
        (_RULE.format("return p - 0.13 * gradient"), "must return p and memory, both"),
        (_RULE.format("memory = 0.6 * memory - 0.15 * gradient"), "Is a return missing"),
    ],
}
