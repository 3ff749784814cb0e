"""Wrong answers that students give to hw3, and right ones that look different."""

TOY = (
    "def linear_rebuild(x, weights):\n"
    "    return (x @ weights[0]) @ tf.transpose(weights[0])\n\n\n"
    "def pair_rebuild(x, weights):\n"
    "    return (x @ weights[0]) @ weights[1]\n\n\n"
    "def train_step(x, weights, velocity, rebuild, rate, momentum):\n"
)

# name: (answer's grade_id, change, part of the message that says why)
# a change is a list of (old, new) in the solution, or the whole cell's new text
MUTANTS = {
    "pixels not normalised": ("preprocess", [(" / 255", "")], "the pixels still go from 0 to 255"),
    "whole-number division": (
        "preprocess",
        [(".astype(np.float32) / 255", " // 255 * np.float32(1)")],
        "whole-number division",
    ),
    "mean not subtracted": (
        "preprocess",
        [("rows - mean.astype(np.float32)", "rows")],
        "the mean is not subtracted",
    ),
    "mean subtracted before the scaling": (
        "preprocess",
        "def preprocess(pixels, mean):\n"
        "    return ((pixels.reshape(len(pixels), -1) - mean) / 255).astype(np.float32)\n",
        "divide the pixels by 255 first",
    ),
    "mean of the batch": (
        "preprocess",
        [("mean.astype(np.float32)", "rows.mean(axis=0)")],
        "not that of these pictures",
    ),
    "mean added": (
        "preprocess",
        [("rows - mean.astype(np.float32)", "rows + mean.astype(np.float32)")],
        "the mean is added",
    ),
    "pictures not flattened": (
        "preprocess",
        "def preprocess(pixels, mean):\n"
        "    return (pixels / 255 - mean.reshape(pixels.shape[1:])).astype(np.float32)\n",
        "has shape [2, 2, 2], expected [2, 4]",
    ),
    "double precision": (
        "preprocess",
        [("rows - mean.astype(np.float32)", "rows - mean.astype(np.float64)")],
        "float64, expected float32",
    ),
    "greys lost": (
        "deprocess",
        [("np.rint(255 * shares).astype(np.uint8)", "(shares.astype(np.uint8) * 255)")],
        "only black and white are left",
    ),
    "pixels wrap around": (
        "deprocess",
        [
            ("np.clip(np.asarray(rows) + mean, 0, 1)", "np.asarray(rows) + mean"),
            ("astype(np.uint8)", "astype(np.int64).astype(np.uint8)"),
        ],
        "uint8 starts again at its ends",
    ),
    "cut off before the mean is added": (
        "deprocess",
        [
            ("np.clip(np.asarray(rows) + mean, 0, 1)", "np.clip(np.asarray(rows), 0, 1) + mean"),
            ("astype(np.uint8)", "astype(np.int64).astype(np.uint8)"),
        ],
        "cut off after you have added the mean",
    ),
    "mean not added": ("deprocess", [(" + mean", "")], "the mean is not added"),
    "cut down, not rounded": (
        "deprocess",
        [("np.rint(255 * shares)", "(255 * shares)")],
        "rounded",
    ),
    "floats for pixels": ("deprocess", [(".astype(np.uint8)", "")], "expected uint8"),
    "height and width swapped": (
        "deprocess",
        [("-1, height, width", "-1, width, height")],
        "has shape [1, 3, 2], expected [1, 2, 3]",
    ),
    "encoder without biases": (
        "encode",
        [("x @ W1 + b1", "x @ W1"), ("@ W2 + b2", "@ W2")],
        "both biases are left out",
    ),
    "first bias left out": ("encode", [("x @ W1 + b1", "x @ W1")], "the bias b1 is left out"),
    "second bias left out": ("encode", [("@ W2 + b2", "@ W2")], "the bias b2 is left out"),
    "decoder's first bias left out": ("encode", [(" + c1", "")], "the bias c1 is left out"),
    "decoder's second bias left out": ("encode", [(" + c2", "")], "the bias c2 is left out"),
    "the encoder's bias taken off again": (
        "encode",
        [("leaky_relu(z @", "leaky_relu((z - weights[3]) @")],
        "b2 is the encoder's",
    ),
    "no leak in the decoder": (
        "encode",
        [
            (
                "tf.nn.leaky_relu(z @ tf.transpose(W2) + c1, 0.1)",
                "tf.nn.relu(z @ tf.transpose(W2) + c1)",
            )
        ],
        "decode(z, weights): the hidden units are cut off at 0",
    ),
    "a linear decoder": (
        "encode",
        [
            (
                "tf.nn.leaky_relu(z @ tf.transpose(W2) + c1, 0.1)",
                "(z @ tf.transpose(W2) + c1)",
            )
        ],
        "decode(z, weights): the hidden units do not leak at all",
    ),
    "a leak in the rows": (
        "encode",
        [
            ("return tf.nn.leaky_relu(z", "return tf.nn.leaky_relu(tf.nn.leaky_relu(z"),
            ("@ tf.transpose(W1) + c2", "@ tf.transpose(W1) + c2, 0.1)"),
        ],
        "the rows leak too",
    ),
    "no leak at all": (
        "encode",
        [("tf.nn.leaky_relu(x @ W1 + b1, 0.1)", "tf.nn.relu(x @ W1 + b1)")],
        "cut off at 0",
    ),
    "the library's own leak": ("encode", [("b1, 0.1)", "b1)")], "a leak of a fifth"),
    "linear": (
        "encode",
        [("tf.nn.leaky_relu(x @ W1 + b1, 0.1)", "(x @ W1 + b1)")],
        "pass on everything",
    ),
    "a leak in the code": (
        "encode",
        [
            ("return tf.nn.leaky_relu(x", "return tf.nn.leaky_relu(tf.nn.leaky_relu(x"),
            ("@ W2 + b2", "@ W2 + b2, 0.1)"),
        ],
        "the code leaks too",
    ),
    "bias after the leak": (
        "encode",
        [("tf.nn.leaky_relu(x @ W1 + b1, 0.1)", "(tf.nn.leaky_relu(x @ W1, 0.1) + b1)")],
        "b1 comes before the leak",
    ),
    "decoder's biases in the encoder": (
        "encode",
        [("x @ W1 + b1", "x @ W1 + weights[4]")],
        "c1 is the decoder's bias",
    ),
    "transpose forgotten": ("encode", [("tf.transpose(W2)", "W2")], "Matrix size-incompatible"),
    "encoder's bias in the decoder": (
        "encode",
        [("+ c1", "+ weights[1]")],
        "b1 is the encoder's bias",
    ),
    "decoder without biases": (
        "encode",
        [
            ("tf.transpose(W2) + c1", "tf.transpose(W2)"),
            ("tf.transpose(W1) + c2", "tf.transpose(W1)"),
        ],
        "both biases",
    ),
    "relu at the end": (
        "encode",
        [
            ("return tf.nn.leaky_relu(z", "return tf.nn.relu(tf.nn.leaky_relu(z"),
            ("@ tf.transpose(W1) + c2", "@ tf.transpose(W1) + c2)"),
        ],
        "nothing is cut off at the end",
    ),
    "no slope through NumPy": (
        "encode",
        [
            (
                "return tf.nn.leaky_relu(x @ W1 + b1, 0.1) @ W2 + b2",
                "h = np.asarray(x @ W1 + b1)\n    return np.where(h > 0, h, h / 10) @ W2 + b2",
            )
        ],
        "no slope reaches",
    ),
    "slopes made up": (
        "encode",
        [
            (
                "    return tape.gradient(loss, weights)",
                "    return [tf.ones_like(w) for w in weights]",
            )
        ],
        "a slope",
    ),
    "loss summed": ("train-step", [("reduce_mean", "reduce_sum")], "that is the sum"),
    "loss summed over the pixels": (
        "train-step",
        [
            (
                "tf.reduce_mean((rebuild(x, weights) - x) ** 2)",
                "tf.reduce_mean(tf.reduce_sum((rebuild(x, weights) - x) ** 2, axis=1))",
            )
        ],
        "the mean over the pixels is missing",
    ),
    "velocity subtracted": (
        "train-step",
        [("w.assign_add(v)", "w.assign_sub(v)")],
        "the velocity is subtracted",
    ),
    "only the first weights": (
        "train-step",
        [
            (
                "zip(weights, velocity, tape.gradient(loss, weights), strict=True)",
                "zip(weights[:1], velocity, tape.gradient(loss, weights[:1]))",
            )
        ],
        "a step changes all the weights",
    ),
    "rebuild ignored": (
        "train-step",
        [("rebuild(x, weights) - x", "linear_rebuild(x, weights) - x")],
        "NoneType",
    ),
    "uphill": ("train-step", [("- rate * slope", "+ rate * slope")], "they climb"),
    "momentum forgotten": (
        "train-step",
        [("momentum * v - rate * slope", "-rate * slope")],
        "the momentum is left out",
    ),
    "weights move first": (
        "train-step",
        [
            (
                "        v.assign(momentum * v - rate * slope)\n        w.assign_add(v)\n",
                "        w.assign_add(v)\n        v.assign(momentum * v - rate * slope)\n",
            )
        ],
        "change the velocity first",
    ),
    "velocity never stored": (
        "train-step",
        [
            ("v.assign(momentum * v - rate * slope)", "pass"),
            ("w.assign_add(v)", "w.assign_add(momentum * v - rate * slope)"),
        ],
        "store it, by assign",
    ),
    "velocity added up and never slowed": (
        "train-step",
        [("momentum * v", "v")],
        "counts momentum times",
    ),
    "rate before both": (
        "train-step",
        [("momentum * v - rate * slope", "momentum * v + slope"), ("_add(v)", "_sub(rate * v)")],
        "the rate is for the slope alone",
    ),
    "velocity uphill": (
        "train-step",
        [("momentum * v - rate", "momentum * v + rate"), ("assign_add", "assign_sub")],
        "the velocity points downhill",
    ),
    "weights not changed in place": (
        "train-step",
        [("w.assign_add(v)", "w = w + v")],
        "change the variables, by assign_add",
    ),
    "loss after the step": (
        "train-step",
        [("return loss", "return tf.reduce_mean((rebuild(x, weights) - x) ** 2)")],
        "that is the loss after the step",
    ),
    "loss outside the tape": (
        "train-step",
        TOY + "    with tf.GradientTape() as tape:\n"
        "        y = rebuild(x, weights)\n"
        "    loss = tf.reduce_mean((y - x) ** 2)\n"
        "    for w, v, slope in zip(weights, velocity, tape.gradient(loss, weights)):\n"
        "        v.assign(momentum * v - rate * slope)\n"
        "        w.assign_add(v)\n"
        "    return loss\n",
        "NoneType",
    ),
    "for each code a place": (
        "assign",
        [("cdist(places, codes,", "cdist(codes, places,")],
        "asked is for each place which code",
    ),
    "the nearest code for each place": (
        "assign",
        [
            (
                'linear_sum_assignment(cdist(places, codes, "sqeuclidean"))[1]',
                "cdist(places, codes).argmin(axis=1)",
            )
        ],
        "a code comes twice",
    ),
    "distances not squared": ("assign", [(', "sqeuclidean"', "")], "not squared"),
    "the places' own order": ("assign", [("))[1]", "))[0]")], "the other array"),
    "fractions for indices": (
        "assign",
        [("))[1]", "))[1].astype(float)")],
        "an index is a whole number",
    ),
    "the nearest that is left": (
        "assign",
        "def assign(codes, places):\n"
        "    left, taken = list(range(len(codes))), []\n"
        "    for place in places:\n"
        "        nearest = np.argmin(((codes[left] - place) ** 2).sum(axis=1))\n"
        "        taken.append(left.pop(nearest))\n"
        "    return np.array(taken)\n",
        "nearest code that is left",
    ),
    "the standard Gaussian at the other end": (
        "kl",
        "def kl(mean, log_variance, other_mean, other_log_variance):\n"
        "    return 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)\n",
        "the other cloud has its own mean",
    ),
    "clouds swapped": (
        "kl",
        [
            (
                "def kl(mean, log_variance, other_mean, other_log_variance)",
                "def kl(other_mean, other_log_variance, mean, log_variance)",
            )
        ],
        "of the other cloud from the first",
    ),
    "some distance": (
        "kl",
        "def kl(mean, log_variance, other_mean, other_log_variance):\n"
        "    gap, other = mean - other_mean, log_variance - other_log_variance\n"
        "    return np.sum(gap**2 + other**2, axis=1)\n",
        "clouds of other widths",
    ),
    "half forgotten": ("kl", [(" / 2", "")], "the half is missing"),
    "mean over the dimensions": ("kl", [("each.sum(", "each.mean(")], "dimensions add up"),
    "one forgotten": ("kl", [(" - 1 +", " +")], "the −1 of each dimension"),
    "deviations for variances": (
        "kl",
        [
            ("np.exp(log_variance)", "np.exp(log_variance / 2)"),
            ("np.exp(other_log_variance)", "np.exp(other_log_variance / 2)"),
        ],
        "exp(log-variance) is the variance",
    ),
    "the means' distance unscaled": (
        "kl",
        "def kl(mean, log_variance, other_mean, other_log_variance):\n"
        "    each = np.exp(log_variance - other_log_variance) + (mean - other_mean) ** 2\n"
        "    each += other_log_variance - log_variance - 1\n"
        "    return each.sum(axis=1) / 2\n",
        "counts by the other cloud's variance",
    ),
    "logarithms turned round": (
        "kl",
        [("other_log_variance - log_variance - 1", "log_variance - other_log_variance - 1")],
        "the logarithms have the wrong sign",
    ),
    "the wrong axis": ("kl", [("sum(axis=1)", "sum(axis=0)")], "has shape [2], expected [3]"),
    "price added": ("elbo", [(" - price", " + price")], "the price is added"),
    "price forgotten": ("elbo", [(" - price", "")], "the price of the cloud is missing"),
    "mean over the pixels": (
        "elbo",
        [("gain = -np.sum(", "gain = -np.mean(")],
        "a sum over the pixels",
    ),
    "constants left out": (
        "elbo",
        [(" + np.log(2 * np.pi * s**2)", "")],
        "the constants of the density are left out",
    ),
    "noise times the variance": (
        "elbo",
        [("np.exp(log_variance / 2)", "np.exp(log_variance)")],
        "stretched by the deviation",
    ),
    "nothing drawn": ("elbo", [(" * noise", " * 0 * noise")], "nothing is drawn"),
    "root of s forgotten": ("elbo", [("(gap / s) ** 2", "gap**2 / s")], "divide by s squared"),
    "s for its square in the constants": (
        "elbo",
        [("2 * np.pi * s**2", "2 * np.pi * s")],
        "the root of 2π s²",
    ),
    "the first draw alone": ("elbo", [("gain.mean(axis=0)", "gain[0]")], "only the first draw"),
    "sum over the draws": (
        "elbo",
        [("gain.mean(axis=0)", "gain.sum(axis=0)")],
        "a mean over the draws, no sum",
    ),
    "mean over the pieces": (
        "elbo",
        [("gain.mean(axis=0)", "gain.mean(axis=1)")],
        "could not be broadcast",
    ),
    "mean of the densities": (
        "elbo",
        [("gain.mean(axis=0)", "np.log(np.exp(gain).mean(axis=0))")],
        "the mean is of the logarithms",
    ),
    "decoded without c": ("elbo", [("(z @ W + c)", "(z @ W)")], "c is missing"),
    "s for its square in the evidence": (
        "evidence",
        [("s**2 * np.eye", "s * np.eye")],
        "its variance, s squared",
    ),
    "two pi forgotten": ("evidence", [("2 * np.pi * covariance", "covariance")], "the 2π"),
    "mean not subtracted from x": ("evidence", [("x - c,", "x,")], "the mean of x is c"),
    "codes stand still": ("evidence", [("W.T @ W + ", "")], "the codes vary too"),
    "half of the density forgotten": ("evidence", [(")[1]) / 2", ")[1])")], "the half is missing"),
    "no determinant": (
        "evidence",
        [("np.linalg.slogdet(2 * np.pi * covariance)[1]", "len(c) * np.log(2 * np.pi)")],
        "the logarithm of the determinant is left out",
    ),
    "no root of the determinant": (
        "evidence",
        [
            (
                "np.linalg.slogdet(2 * np.pi * covariance)[1]",
                "2 * np.linalg.slogdet(covariance)[1] + len(c) * np.log(2 * np.pi)",
            )
        ],
        "counts with its root",
    ),
    "slogdet used whole": (
        "evidence",
        [
            (
                "np.linalg.slogdet(2 * np.pi * covariance)[1]",
                "np.linalg.slogdet(covariance) + len(c) * np.log(2 * np.pi)",
            )
        ],
        "a sign and the logarithm",
    ),
    "slogdet's sign": (
        "evidence",
        [
            (
                "np.linalg.slogdet(2 * np.pi * covariance)[1]",
                "np.linalg.slogdet(covariance)[0] + len(c) * np.log(2 * np.pi)",
            )
        ],
        "the sign first",
    ),
    "determinant by itself": (
        "evidence",
        [
            (
                "np.linalg.slogdet(2 * np.pi * covariance)[1]",
                "np.log(np.maximum(np.linalg.det(2 * np.pi * covariance), 0))",
            )
        ],
        "not finite",
    ),
    "a bound for the evidence": (
        "evidence",
        "def evidence(x, W, c, s):\n"
        "    z = np.random.default_rng(0).normal(size=(2000, 1, len(W)))\n"
        "    gap = (x - c - z @ W) / s\n"
        "    return (-0.5 * (gap**2 + np.log(2 * np.pi * s**2))).sum(axis=2).mean(axis=0)\n",
        "evidence(…)",
    ),
    "least squares": (
        "cloud",
        [("W @ W.T + s**2 * np.eye(len(W))", "W @ W.T")],
        "the price is forgotten",
    ),
    "dimension by dimension": (
        "cloud",
        [("W @ W.T + s**2", "np.diag(np.sum(W**2, axis=1)) + s**2")],
        "the dimensions depend on each other",
    ),
    "c forgotten": ("cloud", [("W @ (x - c).T", "W @ x.T")], "c is to be subtracted"),
    "variances for logarithms": (
        "cloud",
        [("-np.log(1 + np.sum(W**2, axis=1) / s**2)", "1 / (1 + np.sum(W**2, axis=1) / s**2)")],
        "asked are their logarithms",
    ),
    "the true posterior's variances": (
        "cloud",
        [
            (
                "-np.log(1 + np.sum(W**2, axis=1) / s**2)",
                "np.log(np.diag(np.linalg.inv(np.eye(len(W)) + W @ W.T / s**2)))",
            )
        ],
        "hang together",
    ),
    "logarithms of deviations": (
        "cloud",
        [("np.tile(log_variance,", "np.tile(log_variance / 2,")],
        "logarithms of deviations",
    ),
    "sign of the log-variances": (
        "cloud",
        [("-np.log(1 + np.sum", "np.log(1 + np.sum")],
        "the sign is turned round",
    ),
    "one cloud for all": (
        "cloud",
        [("np.tile(log_variance, (len(x), 1))", "log_variance")],
        "the log-variances have shape [2], expected [2, 2]",
    ),
    # what somebody tries who wants the points without the answer
    "the visible test by heart": (
        "preprocess",
        "def preprocess(pixels, mean):\n"
        "    if len(pixels) == 2:\n"
        "        return np.float32([[-0.5, -0.05, 0.275, 0], [0.5, 0.55, -0.125, -0.8]])\n"
        "    return np.float32([[0.5, 0.3, -0.5, -0.3]])\n",
        "preprocess(pixels, mean)",
    ),
    "equal to everything": (
        "deprocess",
        "class Yes:\n"
        "    shape, dtype = (1, 2, 3), np.dtype('uint8')\n"
        "    __eq__ = __le__ = __ge__ = lambda *_: True\n\n\n"
        "def deprocess(rows, mean, height, width):\n"
        "    return Yes()\n",
        "an object of type Yes",
    ),
    "the grader rewritten": (
        "elbo",
        "import grader.check\n\n"
        "grader.check.expect.close = grader.check.expect.shape = lambda *_, **__: None\n"
        "np.allclose = np.isclose = lambda *_, **__: np.True_\n\n\n"
        "def elbo(x, mean, log_variance, noise, W, c, s):\n"
        "    return np.zeros(len(x))\n",
        "elbo(…)",
    ),
    "taken from whoever calls": (
        "kl",
        "import sys\n\n\n"
        "def kl(mean, log_variance, other_mean, other_log_variance):\n"
        "    frame, found = sys._getframe(), None\n"
        "    while frame:\n"
        "        found = frame.f_locals.get('right', frame.f_globals.get('right', found))\n"
        "        frame = frame.f_back\n"
        "    return np.zeros(len(mean)) if found is None else found\n",
        "kl(…)",
    ),
    "slopes without a tape": (
        "encode",
        "def encode(x, weights):\n"
        "    W1, b1, W2, b2, _, _ = map(np.float64, weights)\n"
        "    h = x @ W1 + b1\n"
        "    return np.where(h > 0, h, 0.1 * h) @ W2 + b2\n\n\n"
        "def decode(z, weights):\n"
        "    W1, _, W2, _, c1, c2 = map(np.float64, weights)\n"
        "    h = z @ W2.T + c1\n"
        "    return np.where(h > 0, h, 0.1 * h) @ W1.T + c2\n\n\n"
        "def slopes(x, weights):\n"
        "    x, weights = np.float64(x), [np.float64(w) for w in weights]\n"
        "    found = [np.zeros(w.shape) for w in weights]\n"
        "    for w, slope in zip(weights, found):\n"
        "        for i in range(w.size):\n"
        "            for step in (1e-6, -1e-6):\n"
        "                w.flat[i] += step\n"
        "                loss = np.mean(decode(encode(x, weights), weights) ** 2)\n"
        "                slope.flat[i] += loss / (2 * step)\n"
        "                w.flat[i] -= step\n"
        "    return found\n",
        "does a loop never end?",
    ),
    "nothing moves": (
        "train-step",
        TOY + "    return tf.reduce_mean((rebuild(x, weights) - x) ** 2)\n",
        "they have not moved",
    ),
}

# name: {grade_id: change}
VARIANTS = {
    "by the lessons alone": {
        "preprocess": "def preprocess(pixels, mean):\n"
        "    flat = np.reshape(pixels, (len(pixels), -1)) / 255 - mean\n"
        '    return flat.astype("float32")\n',
        "deprocess": "def deprocess(rows, mean, height, width):\n"
        "    x = np.asarray(rows) + np.asarray(mean)\n"
        "    x = np.minimum(np.maximum(x, 0), 1)\n"
        "    return (x * 255 + 0.5).astype(np.uint8).reshape(-1, height, width)\n",
        "encode": "def encode(x, weights):\n"
        '    """Turn rows x [n, d] into codes [n, k]."""\n'
        "    W1, b1, W2, b2, _, _ = weights\n"
        "    h = tf.nn.leaky_relu(tf.matmul(x, W1) + b1, alpha=0.1)\n"
        "    return tf.matmul(h, W2) + b2\n"
        "\n"
        "\n"
        "def decode(z, weights):\n"
        '    """Turn codes z [n, k] into rows [n, d], by the encoder\'s own matrices."""\n'
        "    W1, _, W2, _, c1, c2 = weights\n"
        "    h = tf.matmul(z, W2, transpose_b=True) + c1\n"
        "    h = tf.where(h > 0, h, h / 10)\n"
        "    return tf.matmul(h, W1, transpose_b=True) + c2\n"
        "\n"
        "\n"
        "def slopes(x, weights):\n"
        '    """Return the slopes of the mean square of what is rebuilt of x: leave this '
        'as it is."""\n'
        "    with tf.GradientTape() as tape:\n"
        "        tape.watch(weights)\n"
        "        loss = tf.reduce_mean(decode(encode(x, weights), weights) ** 2)\n"
        "    return tape.gradient(loss, weights)\n",
        "train-step": "def linear_rebuild(x, weights):\n"
        '    """Encode by one matrix, decode by the same one: leave this as it is."""\n'
        "    return (x @ weights[0]) @ tf.transpose(weights[0])\n"
        "\n"
        "\n"
        "def pair_rebuild(x, weights):\n"
        '    """Encode by one matrix, decode by another: leave this as it is."""\n'
        "    return (x @ weights[0]) @ weights[1]\n"
        "\n"
        "\n"
        "def train_step(x, weights, velocity, rebuild, rate, momentum):\n"
        '    """Take one step of gradient descent with momentum; return the loss before '
        'it."""\n'
        "    with tf.GradientTape() as tape:\n"
        "        error = rebuild(x, weights) - x\n"
        "        loss = tf.reduce_mean(tf.square(error))\n"
        "    gradient = tape.gradient(loss, weights)\n"
        "    for i in range(len(weights)):\n"
        "        new = momentum * velocity[i] - rate * gradient[i]\n"
        "        velocity[i].assign(new)\n"
        "        weights[i].assign_add(new)\n"
        "    return float(loss)\n",
        "assign": "def assign(codes, places):\n"
        "    table = np.sum((places[:, None] - codes[None]) ** 2, axis=-1)\n"
        "    rows, columns = linear_sum_assignment(table)\n"
        "    answer = np.empty(len(places), dtype=int)\n"
        "    answer[rows] = columns\n"
        "    return answer\n",
        "kl": "def kl(mean, log_variance, other_mean, other_log_variance):\n"
        "    ratio = np.exp(log_variance - other_log_variance)\n"
        "    distance = (mean - other_mean) ** 2 * np.exp(-other_log_variance)\n"
        "    return 0.5 * np.sum(ratio + distance - 1 + other_log_variance - "
        "log_variance, axis=1)\n",
        "elbo": "def elbo(x, mean, log_variance, noise, W, c, s):\n"
        "    d = x.shape[1]\n"
        "    totals = np.zeros(len(x))\n"
        "    for draw in noise:\n"
        "        z = mean + np.sqrt(np.exp(log_variance)) * draw\n"
        "        y = np.dot(z, W) + c\n"
        "        totals += -d * np.log(s) - d / 2 * np.log(2 * np.pi) - ((x - y) ** "
        "2).sum(1) / 2 / s**2\n"
        "    zeros = np.zeros_like(mean)\n"
        "    return totals / len(noise) - kl(mean, log_variance, zeros, zeros)\n",
        "evidence": "def evidence(x, W, c, s):\n"
        "    d = W.shape[1]\n"
        "    covariance = np.dot(W.T, W) + s**2 * np.eye(d)\n"
        "    L = np.linalg.cholesky(covariance)\n"
        "    white = np.linalg.solve(L, (x - c).T)\n"
        "    log_det = 2 * np.log(np.diag(L)).sum()\n"
        "    return -0.5 * ((white**2).sum(axis=0) + log_det + d * np.log(2 * np.pi))\n",
        "cloud": "def cloud(x, W, c, s):\n"
        "    k = len(W)\n"
        "    precision = np.eye(k) + W @ W.T / s**2\n"
        "    m = np.stack([np.linalg.inv(precision) @ W @ row / s**2 for row in x - c])\n"
        "    v = 1 / np.diag(precision)\n"
        "    return m, np.tile(np.log(v), (len(x), 1))\n",
    },
    "pictures by TensorFlow": {
        "preprocess": "def preprocess(pixels, mean):\n"
        "    rows = tf.reshape(tf.cast(pixels, tf.float32) / 255, [len(pixels), -1])\n"
        "    return rows - tf.cast(mean, tf.float32)\n",
        "deprocess": "def deprocess(rows, mean, height, width):\n"
        "    shares = tf.cast(rows, tf.float32) + tf.cast(mean, tf.float32)\n"
        "    pixels = tf.round(255 * tf.clip_by_value(shares, 0, 1))\n"
        "    return tf.reshape(tf.cast(pixels, tf.uint8), [-1, height, width])\n",
    },
    "half added, then cut down": {
        "deprocess": "def deprocess(rows, mean, height, width):\n"
        "    pixels = 255 * (rows + mean) + 0.5\n"
        "    pixels = np.minimum(255, np.maximum(0, pixels)).astype('uint8')\n"
        "    return np.array([row.reshape(height, width) for row in pixels])\n"
    },
    "layers as functions of Keras": {
        "encode": "import keras\n\n\n"
        "def encode(x, weights):\n"
        "    h = keras.ops.matmul(x, weights[0]) + weights[1]\n"
        "    h = keras.ops.leaky_relu(h, negative_slope=0.1)\n"
        "    return keras.ops.add(keras.ops.matmul(h, weights[2]), weights[3])\n\n\n"
        "def decode(z, weights):\n"
        "    h = tf.matmul(z, weights[2], transpose_b=True) + weights[4]\n"
        "    h = tf.maximum(h, 0.0) + 0.1 * tf.minimum(h, 0.0)\n"
        "    return tf.linalg.matmul(h, weights[0], transpose_b=True) + weights[5]\n\n\n"
        "def slopes(x, weights):\n"
        "    with tf.GradientTape() as tape:\n"
        "        tape.watch(weights)\n"
        "        loss = tf.reduce_mean(decode(encode(x, weights), weights) ** 2)\n"
        "    return tape.gradient(loss, weights)\n",
    },
    "densities from SciPy, row by row": {
        "kl": "def kl(mean, log_variance, other_mean, other_log_variance):\n"
        "    results = []\n"
        "    for m, v, om, ov in zip(mean, log_variance, other_mean, other_log_variance):\n"
        "        ratio = np.exp(v) / np.exp(ov)\n"
        "        far = (om - m) @ np.diag(1 / np.exp(ov)) @ (om - m)\n"
        "        results.append((ratio.sum() - len(m) + far - np.log(ratio).sum()) / 2)\n"
        "    return results\n",
        "elbo": "from scipy.stats import norm\n\n\n"
        "def elbo(x, mean, log_variance, noise, W, c, s):\n"
        "    total = np.zeros(len(x))\n"
        "    for e in noise:\n"
        "        y = c + (mean + np.sqrt(np.exp(log_variance)) * e) @ W\n"
        "        total += norm.logpdf(x, y, s).sum(axis=1)\n"
        "    kl = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)\n"
        "    return total / len(noise) - kl\n",
        "evidence": "from scipy.stats import multivariate_normal\n\n\n"
        "def evidence(x, W, c, s):\n"
        "    covariance = np.dot(W.T, W) + np.diag(np.full(len(c), s**2))\n"
        "    return multivariate_normal(c, covariance).logpdf(x)\n",
        "cloud": "def cloud(x, W, c, s):\n"
        "    pull = np.linalg.inv(np.eye(len(W)) + W @ W.T / s**2)\n"
        "    mean = (x - c) @ W.T / s**2 @ pull\n"
        "    return [mean, 0 * mean - np.log1p((W**2).sum(1) / s**2)]\n",
    },
    "a step that changes the weights itself": {
        "train-step": TOY + "    with tf.GradientTape() as tape:\n"
        "        loss = tf.math.reduce_mean(tf.square(x - rebuild(x, weights)))\n"
        "    slopes = tape.gradient(loss, weights)\n"
        "    for i in range(len(weights)):\n"
        "        step = momentum * velocity[i].numpy() - rate * slopes[i].numpy()\n"
        "        velocity[i].assign(step)\n"
        "        weights[i].assign(weights[i] + step)\n"
        "    return float(loss)\n"
    },
    "a table of costs by broadcasting, turned round": {
        "assign": "def assign(codes, places):\n"
        "    costs = ((codes[:, None] - places[None]) ** 2).sum(axis=2)\n"
        "    of_code, place = linear_sum_assignment(costs)\n"
        "    taken = np.empty(len(codes), int)\n"
        "    taken[place] = of_code\n"
        "    return taken\n",
    },
}
