"""Wrong answers that students give to hw1, and right ones that look different."""

# name: (answer's grade_id, change, part of the message that says why)
# a change is a list of (old, new) in the solution, or the whole cell's new text
MUTANTS = {
    "one mean for all pixels": (
        "standardise",
        [("images.mean(axis=0)", "images.mean()"), ("images.std(axis=0)", "images.std()")],
        "one mean over everything",
    ),
    "mean over the wrong axis": (
        "standardise",
        [("images.mean(axis=0)", "images.mean(axis=1, keepdims=True)")],
        "the top row of the images",
    ),
    "division by the deviation forgotten": (
        "standardise",
        [(" / np.where(same, 1, spread)", "")],
        "division by the standard deviation is missing",
    ),
    "zero divided by zero": (
        "standardise",
        "def standardise(images):\n"
        "    spread = np.maximum(images.std(axis=0), 0)\n"
        "    with np.errstate(all='ignore'):\n"
        "        return (images - images.mean(axis=0)) / spread\n",
        "the bottom row (its left pixel never changes) holds NaN",
    ),
    "a deviation compared with zero": (
        "standardise",
        "def standardise(images):\n"
        "    spread = images.std(axis=0)\n"
        "    return (images - images.mean(axis=0)) / np.where(spread == 0, 1, spread)\n",
        "rounding leaves a deviation near 0",
    ),
    "the root of the squared distance": (
        "distances",
        [(".sum(axis=2)", ".sum(axis=2) ** 0.5")],
        "leave out the square root",
    ),
    "transposed distances": (
        "distances",
        [("a[:, None, :] - b[None, :, :]", "b[:, None, :] - a[None, :, :]")],
        "transposed",
    ),
    "sum over the wrong axis": (
        "distances",
        [(".sum(axis=2)", ".sum(axis=1)")],
        "over the points of b",
    ),
    "pixels wrap around": (
        "distances",
        "def distances(a, b):\n    return ((a[:, None] - b[None]) ** 2).sum(axis=2)\n",
        "uint8",
    ),
    "half the square": (
        "gradient",
        [("np.mean(error**2)", "np.mean(error**2) / 2")],
        "half of it",
    ),
    "y minus the prediction": (
        "gradient",
        [("X @ w + b - y", "y - X @ w - b")],
        "it points downhill",
    ),
    "sum for mean": (
        "gradient",
        [
            ("np.mean(error**2)", "np.sum(error**2)"),
            ("/ len(y)", ""),
            ("np.mean(error)", "np.sum(error)"),
        ],
        "mean over the points is missing",
    ),
    "factor two forgotten": (
        "gradient",
        [("2 * X.T", "X.T"), ("2 * np.mean", "np.mean")],
        "factor 2",
    ),
    "a tape": (
        "gradient",
        "def loss_and_gradient(w, b, X, y):\n"
        "    w, b = tf.Variable(w), tf.Variable(float(b), dtype=tf.float64)\n"
        "    with tf.GradientTape() as tape:\n"
        "        loss = tf.reduce_mean((tf.linalg.matvec(X, w) + b - y) ** 2)\n"
        "    return loss, *tape.gradient(loss, [w, b])\n",
        "derived by hand",
    ),
    "bias left out": ("gradient", [("X @ w + b - y", "X @ w - y")], "bias b is left out"),
    "transpose forgotten": ("gradient", [("X.T @ error", "X @ error")], "matmul"),
    "a sum for the mean in w alone": (
        "gradient",
        [("/ len(y)", "")],
        "the mean over the points is missing in the gradient of w",
    ),
    "one slope for all weights": (
        "gradient",
        [("2 * X.T @ error / len(y)", "2 * np.mean(X.T @ error)")],
        "the gradient of w has shape [], expected [2]",
    ),
    "gradients swapped": (
        "gradient",
        [
            (
                "2 * X.T @ error / len(y), 2 * np.mean(error)",
                "2 * np.mean(error), 2 * X.T @ error / len(y)",
            )
        ],
        "the two gradients are swapped",
    ),
    "whole-number division": ("gradient", [("/ len(y)", "// len(y)")], "the gradient of w"),
    "uphill": (
        "descend",
        [("w.assign_sub", "w.assign_add"), ("b.assign_sub", "b.assign_add")],
        "w climbs: subtract",
    ),
    "bias never moves": ("descend", [("b.assign_sub(rate * db)", "pass")], "b does not move"),
    "gradient not reset": (
        "descend",
        "def descend(X, y, rate, steps):\n"
        "    X, y = tf.cast(X, tf.float32), tf.cast(y, tf.float32)\n"
        "    w, b = tf.Variable(tf.zeros(X.shape[1])), tf.Variable(0.0)\n"
        "    losses, sum_w, sum_b = [], 0.0, 0.0\n"
        "    for _ in range(steps):\n"
        "        with tf.GradientTape() as tape:\n"
        "            loss = tf.reduce_mean((tf.linalg.matvec(X, w) + b - y) ** 2)\n"
        "        dw, db = tape.gradient(loss, [w, b])\n"
        "        sum_w, sum_b = sum_w + dw, sum_b + db\n"
        "        w.assign_sub(rate * sum_w)\n"
        "        b.assign_sub(rate * sum_b)\n"
        "        losses.append(float(loss))\n"
        "    return w, b, losses\n",
        "w after 20 steps",
    ),
    "loss measured after the step": (
        "descend",
        [
            (
                "        losses.append(float(loss))",
                "        losses.append(\n"
                "            float(tf.reduce_mean((tf.linalg.matvec(X, w) + b - y) ** 2))\n"
                "        )",
            )
        ],
        "measure it before",
    ),
    "every prediction against every y": (
        "descend",
        [("tf.linalg.matvec(X, w) + b - y", "X @ w[:, None] + b - y")],
        "each prediction against each y",
    ),
    "the equations solved": (
        "descend",
        "def descend(X, y, rate, steps):\n"
        "    ones = np.ones((len(y), 1))\n"
        "    *w, b = np.linalg.lstsq(np.hstack([X, ones]), y, rcond=None)[0]\n"
        "    return np.array(w), b, [0.0] * steps\n",
        "w after 20 steps",
    ),
    "the root at once": (
        "square-root",
        "def square_root(A, rate, steps):\n"
        "    values, vectors = np.linalg.eigh(A)\n"
        "    return vectors * values**0.5 @ vectors.T\n",
        "X after 15 steps",
    ),
    "zero everywhere": (
        "standardise",
        "def standardise(images):\n    return np.zeros(images.shape)\n",
        "the one changing pixel",
    ),
    "one step too many": ("descend", [("range(steps)", "range(steps + 1)")], "after one step"),
    "the rate of one leap": ("rate", [("1 / 3", "1 / 6")], "twice as far"),
    "the derivative of the wrong bowl": ("rate", [("1 / 3", "2 / 3")], "derivative of 3w² is 6w"),
    "any rate": ("rate", [("1 / 3", "1 / 10")], "largest_rate"),
    "root of each number": ("square-root", [("X @ X - A", "X * X - A")], "matrix product"),
    "a step that is not kept": (
        "square-root",
        [("X.assign_sub(rate * tape.gradient(loss, X))", "X - rate * tape.gradient(loss, X)")],
        "X has not moved",
    ),
    "uphill to the root": ("square-root", [("assign_sub", "assign_add")], "uphill"),
    "starts from zero": (
        "square-root",
        [("tf.eye(A.shape[0])", "tf.zeros(A.shape)")],
        "start from the identity",
    ),
    "the mean of the squares": (
        "square-root",
        [("tf.reduce_sum", "tf.reduce_mean")],
        "not their mean",
    ),
    # what somebody tries who wants the points without the answer
    "a loop over all pairs": (
        "distances",
        "def distances(a, b):\n"
        "    return np.array([[sum((float(p) - float(q)) ** 2 for p, q in zip(x, y)) for y in b] "
        "for x in a])\n",
        "does a loop never end?",
    ),
    "each weight moved a little": (
        "gradient",
        "def loss_and_gradient(w, b, X, y):\n"
        "    def loss(w, b):\n"
        "        return np.mean((X @ w + b - y) ** 2)\n\n"
        "    def slope(i):\n"
        "        h = np.where(np.arange(len(w)) == i, 0.01, 0)\n"
        "        return loss(w + h, b) - loss(w - h, b)\n\n"
        "    slopes = [slope(i) for i in range(len(w))]\n"
        "    return loss(w, b), np.array(slopes) * 50, (loss(w, b + 1) - loss(w, b - 1)) / 2\n",
        "does a loop never end?",
    ),
    "an endless loop": (
        "square-root",
        [("for _ in range(steps):", "while True:")],
        "does a loop never end?",
    ),
}

# name: {grade_id: change}
VARIANTS = {
    "by the lessons alone": {
        "standardise": "def standardise(images):\n"
        '    x = np.array(images, dtype="float64")\n'
        "    middle = x.mean(0, keepdims=True)\n"
        "    x -= middle\n"
        "    constant = np.ptp(images, axis=0) == 0\n"
        "    x[:, constant] = 0.0\n"
        "    sigma = np.sqrt((x**2).mean(axis=0))\n"
        "    sigma[constant] = 1.0\n"
        "    return x / sigma\n",
        "distances": "def distances(a, b):\n"
        '    a = a.astype(np.int64) if a.dtype.kind in "ui" else a\n'
        '    b = b.astype(np.int64) if b.dtype.kind in "ui" else b\n'
        "    difference = np.expand_dims(a, 1) - np.expand_dims(b, 0)\n"
        '    return np.einsum("nmd,nmd->nm", difference, difference)\n',
        "gradient": "def loss_and_gradient(w, b, X, y):\n"
        "    n = X.shape[0]\n"
        "    residual = np.dot(X, w) + b - y\n"
        "    loss = np.sum(np.square(residual)) / n\n"
        "    grad_w = 2.0 / n * np.dot(residual, X)\n"
        "    grad_b = 2.0 / n * residual.sum()\n"
        "    return loss, grad_w, grad_b\n",
        "descend": "def descend(X, y, rate, steps):\n"
        "    X = tf.constant(X, dtype=tf.float32)\n"
        "    y = tf.reshape(tf.constant(y, dtype=tf.float32), (-1, 1))\n"
        "    w = tf.Variable(tf.zeros((X.shape[1], 1)))\n"
        "    b = tf.Variable(tf.zeros(()))\n"
        "    history = []\n"
        "    for step in range(steps):\n"
        "        with tf.GradientTape() as tape:\n"
        "            predicted = tf.matmul(X, w) + b\n"
        "            loss = tf.reduce_mean(tf.square(predicted - y))\n"
        '        grads = tape.gradient(loss, {"w": w, "b": b})\n'
        '        w.assign(w - rate * grads["w"])\n'
        '        b.assign(b - rate * grads["b"])\n'
        "        history.append(loss.numpy())\n"
        "    return tf.squeeze(w, axis=1), b, history\n",
        "rate": "largest_rate = 2 / 6  # |1 - 6 rate| < 1\n",
        "square-root": "def square_root(A, rate, steps):\n"
        "    A = np.asarray(A, dtype=float)\n"
        "    X = np.identity(A.shape[0])\n"
        "    for _ in range(steps):\n"
        "        E = X.dot(X) - A\n"
        "        X = X - 2 * rate * (np.dot(E, X.T) + np.dot(X.T, E))\n"
        "    return X\n",
    },
    "standardise by TensorFlow": {
        "standardise": "def standardise(images):\n"
        "    low, high = images.min(axis=0), images.max(axis=0)\n"
        "    scaled = tf.math.divide_no_nan(tf.cast(images - low, tf.float64), high - low)\n"
        "    mean, variance = tf.nn.moments(scaled, axes=0)\n"
        "    return tf.math.divide_no_nan(scaled - mean, variance**0.5)\n"
    },
    "distances by a matrix product": {
        "distances": "def distances(a, b):\n"
        "    a, b = np.float64(a), np.float64(b)\n"
        "    return (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T\n"
    },
    "gradient as a list, with a helper": {
        "gradient": "def predict(w, b, X):\n"
        "    return np.dot(X, w) + b\n\n\n"
        "def loss_and_gradient(w, b, X, y):\n"
        "    e = predict(w, b, X) - y\n"
        "    return [(e @ e) / e.size, (2 / e.size) * (e @ X), 2 * e.sum() / e.size]\n"
    },
    "descent in NumPy": {
        "descend": "def descend(X, y, rate, steps):\n"
        "    w, b, losses = np.zeros(X.shape[1], np.float32), np.float32(0), []\n"
        "    while len(losses) < steps:\n"
        "        e = X @ w + b - y\n"
        "        losses += [np.mean(e**2)]\n"
        "        w, b = w - rate * 2 * X.T @ e / len(y), b - rate * 2 * e.mean()\n"
        "    return w, b, np.array(losses)\n"
    },
    "root in one graph, rate as a rounded number": {
        "square-root": "@tf.function\n"
        "def square_root(A, rate, steps):\n"
        "    A = tf.cast(A, tf.float32)\n"
        "    X = tf.eye(A.shape[0])\n"
        "    for _ in tf.range(steps):\n"
        "        E = X @ X - A\n"
        "        X = X - rate * 2 * (E @ X + X @ E)\n"
        "    return X\n",
        "rate": "largest_rate = 0.333\n",
    },
}
