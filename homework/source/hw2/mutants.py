"""Wrong answers that students give to hw2, and right ones that look different."""

# name: (answer's grade_id, change, part of the message that says why)
# a change is a list of (old, new) in the solution, or the whole cell's new text
MUTANTS = {
    "pixels not normalised": ("prepare", [(" / 255", "")], "the pixels still go from 0 to 255"),
    "whole-number division": (
        "prepare",
        [(".astype(np.float32) / 255", " // 255 * np.float32(1)")],
        "whole-number division",
    ),
    "divided by the number of grey levels": ("prepare", [("/ 255", "/ 256")], "255, stands for 1"),
    "divided by the largest of these": (
        "prepare",
        [("/ 255", "/ pixels.max()")],
        "even if no pixel is that bright",
    ),
    "validation pictures in the training part": (
        "prepare",
        [("rows[n_valid:]", "rows")],
        "those for validation must not be among them",
    ),
    "off by one in the split": (
        "prepare",
        [("rows[n_valid:]", "rows[n_valid + 1 :]")],
        "the length of the first part is 2, expected 3",
    ),
    "the parts swapped": (
        "prepare",
        [("rows[n_valid:], rows[:n_valid]", "rows[:n_valid], rows[n_valid:]")],
        "the one to train on comes first",
    ),
    "the last pictures for validation": (
        "prepare",
        [("rows[n_valid:], rows[:n_valid]", "rows[:-n_valid], rows[-n_valid:]")],
        "not the last",
    ),
    "pictures not flattened": (
        "prepare",
        [("pixels.reshape(len(pixels), -1)", "pixels")],
        "has shape [3, 2, 3], expected [3, 6]",
    ),
    "double precision": ("prepare", [(".astype(np.float32)", "")], "float64, expected float32"),
    "softmax over the wrong axis": ("softmax", [("axis=1", "axis=0")], "down the columns"),
    "each column's largest score subtracted": (
        "softmax",
        [("scores.max(axis=1, keepdims=True)", "scores.max(axis=0)")],
        "take that of each row",
    ),
    "large scores cut off": (
        "softmax",
        [("scores - scores.max(axis=1, keepdims=True)", "np.clip(scores, -500, 500)")],
        "scores that are cut off become equal",
    ),
    "softmax over everything": (
        "softmax",
        [("powers.sum(axis=1, keepdims=True)", "powers.sum()")],
        "one sum over everything",
    ),
    "the exponential forgotten": (
        "softmax",
        "def softmax(scores):\n    return scores / scores.sum(axis=1, keepdims=True)\n",
        "exponential is missing",
    ),
    "not divided by the sum": (
        "softmax",
        [(" / powers.sum(axis=1, keepdims=True)", "")],
        "not divided by the sum yet",
    ),
    "one sum over all rows": (
        "softmax",
        "def softmax(scores):\n    return np.exp(scores) / np.exp(scores).sum()\n",
        "one sum over all rows",
    ),
    "powers alone": (
        "softmax",
        "def softmax(scores):\n    return np.exp(scores)\n",
        "those are the powers",
    ),
    "naive softmax": (
        "softmax",
        "def softmax(scores):\n"
        "    with np.errstate(all='ignore'):\n"
        "        powers = np.exp(scores)\n"
        "        return powers / powers.sum(axis=1, keepdims=True)\n",
        "too large for a float",
    ),
    "one maximum for the whole batch": (
        "softmax",
        "def softmax(scores):\n"
        "    powers = np.exp(scores - scores.max())\n"
        "    with np.errstate(all='ignore'):\n"
        "        return powers / powers.sum(axis=1, keepdims=True)\n",
        "another row has larger ones",
    ),
    "TensorFlow's softmax, as it comes": (
        "softmax",
        "def softmax(scores):\n    return tf.nn.softmax(scores)\n",
        "a library's softmax does it all",
    ),
    "TensorFlow's softmax, of floats": (
        "softmax",
        "def softmax(scores):\n    return tf.nn.softmax(tf.cast(scores, tf.float64)).numpy()\n",
        "a library's softmax does it all",
    ),
    "SciPy's softmax by another name": (
        "softmax",
        "from scipy.special import softmax as rows_of\n\n\n"
        "def over_rows(scores):\n    return rows_of(scores, axis=1)\n\n\n"
        "def softmax(scores):\n    return over_rows(np.asarray(scores, float))\n",
        "a library's softmax does it all",
    ),
    "TensorFlow's cross-entropy, as it comes": (
        "cross-entropy",
        "def cross_entropy(scores, labels):\n"
        "    return tf.reduce_mean(\n"
        "        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)\n"
        "    )\n",
        "a library's cross-entropy does it all",
    ),
    "TensorFlow's cross-entropy, of floats": (
        "cross-entropy",
        "def cross_entropy(scores, labels):\n"
        "    scores = tf.cast(scores, tf.float64)\n"
        "    return tf.reduce_mean(\n"
        "        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=scores)\n"
        "    )\n",
        "a library's cross-entropy does it all",
    ),
    "base 2": (
        "cross-entropy",
        [("return np.mean(", "return np.log2(np.e) * np.mean(")],
        "base 2",
    ),
    "probabilities for costs": (
        "cross-entropy",
        [
            (
                "np.mean(log_sum - scores[np.arange(len(labels)), labels])",
                "np.mean(np.exp(scores[np.arange(len(labels)), labels] - log_sum))",
            )
        ],
        "the mean probability of the true bins",
    ),
    "sum for mean": ("cross-entropy", [("np.mean", "np.sum")], "the mean is missing"),
    "neither mean nor sum": ("cross-entropy", [("np.mean(", "(")], "mean over an axis missing"),
    "minus forgotten": ("cross-entropy", [("np.mean(", "-np.mean(")], "minus is missing"),
    "softmax twice": (
        "cross-entropy",
        "def cross_entropy(scores, labels):\n"
        "    for _ in range(2):\n"
        "        powers = np.exp(scores - scores.max(axis=1, keepdims=True))\n"
        "        scores = powers / powers.sum(axis=1, keepdims=True)\n"
        "    return -np.mean(np.log(scores[np.arange(len(labels)), labels]))\n",
        "softmax is applied twice",
    ),
    "log of zero": (
        "cross-entropy",
        "def cross_entropy(scores, labels):\n"
        "    powers = np.exp(scores - scores.max(axis=1, keepdims=True))\n"
        "    p = powers / powers.sum(axis=1, keepdims=True)\n"
        "    with np.errstate(all='ignore'):\n"
        "        return -np.mean(np.log(p[np.arange(len(labels)), labels]))\n",
        "log(0)",
    ),
    "the logarithm of the mean": (
        "cross-entropy",
        "def cross_entropy(scores, labels):\n"
        "    powers = np.exp(scores - scores.max(axis=1, keepdims=True))\n"
        "    p = powers / powers.sum(axis=1, keepdims=True)\n"
        "    with np.errstate(all='ignore'):\n"
        "        return -np.log(np.mean(p[np.arange(len(labels)), labels]))\n",
        "the logarithm of each piece first",
    ),
    "clipped probabilities": (
        "cross-entropy",
        "def cross_entropy(scores, labels):\n"
        "    powers = np.exp(scores - scores.max(axis=1, keepdims=True))\n"
        "    p = powers / powers.sum(axis=1, keepdims=True)\n"
        "    return -np.mean(np.log(np.clip(p[np.arange(len(labels)), labels], 1e-10, 1)))\n",
        "clipped before the logarithm",
    ),
    "maximum never added again": (
        "cross-entropy",
        [("top[:, 0] + np.log", "np.log")],
        "has to be added again",
    ),
    "all labels' columns": (
        "cross-entropy",
        [("log_sum - scores[np.arange(len(labels)), labels]", "log_sum - scores[:, labels]")],
        "one number a row",
    ),
    "base ten": (
        "cross-entropy",
        [("return np.mean(", "return np.log10(np.e) * np.mean(")],
        "base 10",
    ),
    "gradient summed, not averaged": (
        "gradients",
        [("error / len(labels)", "error")],
        "mean over the pieces is missing",
    ),
    "gradient averaged twice": (
        "gradients",
        [("error.sum(axis=0)", "error.mean(axis=0)")],
        "twice",
    ),
    "gradient uphill": (
        "gradients",
        [("X.T @ error, error.sum(axis=0)", "-X.T @ error, -error.sum(axis=0)")],
        "label minus p",
    ),
    "transpose forgotten": ("gradients", [("X.T @ error", "X @ error")], "matmul"),
    "gradient transposed": ("gradients", [("X.T @ error", "error.T @ X")], "transposed"),
    "gradients swapped": (
        "gradients",
        [("X.T @ error, error.sum(axis=0)", "error.sum(axis=0), X.T @ error")],
        "that of W comes first",
    ),
    "labels not one-hot": (
        "gradients",
        [("error[np.arange(len(labels)), labels] -= 1", "error = error - labels")],
        "broadcast",
    ),
    "labels left out": (
        "gradients",
        [("error[np.arange(len(labels)), labels] -= 1", "pass")],
        "labels are not subtracted",
    ),
    "one number for the bias": (
        "gradients",
        [("error.sum(axis=0)", "error.sum()")],
        "the gradient of b has shape []",
    ),
    "averaged twice in W": (
        "gradients",
        [("X.T @ error,", "X.T @ error / len(labels),")],
        "the gradient of W: you divide by the number of pieces twice",
    ),
    "bias summed, not averaged": (
        "gradients",
        [("error.sum(axis=0)", "len(labels) * error.sum(axis=0)")],
        "the gradient of b: the mean over the pieces is missing",
    ),
    "a generator of batches": (
        "batches",
        "def shuffled_batches(n, size, seed):\n"
        "    order = np.random.default_rng(seed).permutation(n)\n"
        "    for start in range(0, n, size):\n"
        "        yield order[start : start + size]\n",
        "return a list, not a generator",
    ),
    "not cut": (
        "batches",
        "def shuffled_batches(n, size, seed):\n"
        "    return np.random.default_rng(seed).permutation(n)\n",
        "no list of arrays",
    ),
    "last batch dropped": (
        "batches",
        [("range(0, n, size)", "range(0, n - size + 1, size)")],
        "the last batch is missing",
    ),
    "drawn with replacement": (
        "batches",
        [("permutation(n)", "integers(0, n, n)")],
        "some pieces come twice",
    ),
    "not shuffled": (
        "batches",
        [("np.random.default_rng(seed).permutation(n)", "np.arange(n)")],
        "shuffle.",
    ),
    "cut first, then shuffled": (
        "batches",
        "def shuffled_batches(n, size, seed):\n"
        "    parts = [np.arange(n)[start : start + size] for start in range(0, n, size)]\n"
        "    rng = np.random.default_rng(seed)\n"
        "    full = [parts[i] for i in rng.permutation(n // size)]\n"
        "    return full + parts[n // size :]\n",
        "shuffle first, then cut",
    ),
    "each batch shuffled in itself": (
        "batches",
        "def shuffled_batches(n, size, seed):\n"
        "    rng = np.random.default_rng(seed)\n"
        "    starts = range(0, n, size)\n"
        "    return [rng.permutation(np.arange(n)[start : start + size]) for start in starts]\n",
        "shuffle first, then cut",
    ),
    "seed not used": ("batches", [("default_rng(seed)", "default_rng(0)")], "seed is not used"),
    "seed forgotten": (
        "batches",
        [("default_rng(seed)", "default_rng()")],
        "the same seed gives another order",
    ),
    "counts from one": ("batches", [(".permutation(n)", ".permutation(n) + 1")], "the sorted list"),
    "the rate forgotten": (
        "train",
        [("rate * dW", "dW"), ("rate * db", "db")],
        "the rate is not used",
    ),
    "the bias uphill": (
        "train",
        [("b.assign_sub", "b.assign_add")],
        "b after the step: it climbs",
    ),
    "training uphill": ("train", [("assign_sub", "assign_add")], "it climbs"),
    "bias left out of the step": (
        "train",
        [("b.assign_sub(rate * db)", "pass")],
        "b after the step: it has not moved",
    ),
    "weights not changed in place": (
        "train",
        [("W.assign_sub(rate * dW)", "V = W - rate * dW")],
        "W.assign_sub",
    ),
    "loss summed over the batch": (
        "train",
        [("tf.reduce_mean", "tf.reduce_sum")],
        "mean over the batch is missing",
    ),
    "loss fed with probabilities": (
        "train",
        [("scores = X[indices] @ W + b", "scores = tf.nn.softmax(X[indices] @ W + b)")],
        "softmax is applied twice",
    ),
    "all pieces at every step": (
        "train",
        [("X[indices]", "X"), ("labels[indices]", "labels")],
        "take those of the batch",
    ),
    "loss measured after the step": (
        "train",
        [
            (
                "losses.append(float(loss))",
                "loss = tf.nn.sparse_softmax_cross_entropy_with_logits(\n"
                "            labels[indices], X[indices] @ W + b\n"
                "        )\n"
                "        losses.append(float(tf.reduce_mean(loss)))",
            )
        ],
        "the loss after the step",
    ),
    "gradient not reset": (
        "train",
        [
            ("losses = []", "losses, dW, db = [], 0.0, 0.0"),
            (
                "dW, db = tape.gradient(loss, [W, b])",
                "dW, db = (a + g for a, g in zip((dW, db), tape.gradient(loss, [W, b])))",
            ),
        ],
        "gradients of earlier batches are added up",
    ),
    "returns after the first batch": (
        "train",
        [("    return losses", "        return losses")],
        "the list of losses of two batches",
    ),
    "reshape without transpose": (
        "weight-images",
        [(".T.reshape", ".reshape")],
        "the bins are mixed up",
    ),
    "pictures filled column by column": (
        "weight-images",
        [("-1, height, width)", "-1, width, height).transpose(0, 2, 1)")],
        "its pixels stand row by row",
    ),
    "height and width swapped": (
        "weight-images",
        [("-1, height, width", "-1, width, height")],
        "shape",
    ),
    "rows and columns swapped": (
        "confusion",
        [("(truth, said)", "(said, truth)")],
        "yours are swapped",
    ),
    "each pair counted once": (
        "confusion",
        [("np.add.at(table, (truth, said), 1)", "table[truth, said] += 1")],
        "counted once",
    ),
    "shares for counts": (
        "confusion",
        [("return table", "return table / table.sum(axis=1, keepdims=True).clip(1)")],
        "expected counts",
    ),
    "a table of floats": (
        "confusion",
        [("(classes, classes), int)", "(classes, classes))")],
        "in whole numbers",
    ),
    "size from the data": (
        "confusion",
        [("(classes, classes)", "(max(truth) + 1, max(said) + 1)")],
        "bins, has shape [1, 2], expected [4, 4]",
    ),
    "right answers among the mistakes": (
        "worst",
        [("np.flatnonzero(said != truth)", "np.arange(len(p))")],
        "right answers are among them",
    ),
    "the true bin's probability": (
        "worst",
        [("np.argsort(-sure[wrong])", "np.argsort(p[wrong, truth[wrong]])")],
        "the least probability of the true bin",
    ),
    "least sure first": ("worst", [("-sure[wrong]", "sure[wrong]")], "least sure"),
    "not sorted": (
        "worst",
        [("wrong[np.argsort(-sure[wrong])][:n]", "wrong[:n]")],
        "not the surest",
    ),
    "cut before right answers are left out": (
        "worst",
        "def worst(p, truth, n):\n"
        "    first = np.argsort(-p.max(axis=1))[:n]\n"
        "    return first[p.argmax(axis=1)[first] != truth[first]]\n",
        "has shape [1], expected [2]",
    ),
    "places among the wrong answers": (
        "worst",
        [("wrong[np.argsort(-sure[wrong])][:n]", "np.argsort(-sure[wrong])[:n]")],
        "not indices of pieces",
    ),
    "surest last": ("worst", [("[:n]", "[:n][::-1]")], "the other way round"),
}

# name: {grade_id: change}
VARIANTS = {
    "by the lessons alone": {
        "prepare": "def prepare(pixels, n_valid):\n"
        "    n = pixels.shape[0]\n"
        '    flat = np.true_divide(pixels.reshape((n, -1)), 255.0, dtype="float32")\n'
        "    valid, training = np.split(flat, [n_valid])\n"
        "    return training, valid\n",
        "softmax": "def softmax(scores):\n"
        "    shifted = np.array(scores, dtype=float)\n"
        "    shifted -= np.amax(shifted, axis=1)[:, np.newaxis]\n"
        "    exponentials = np.exp(shifted)\n"
        "    return (exponentials.T / exponentials.sum(axis=1)).T\n",
        "cross-entropy": "def cross_entropy(scores, labels):\n"
        "    total = 0.0\n"
        "    for row, label in zip(np.asarray(scores, float), labels):\n"
        "        row = row - row.max()\n"
        "        total += np.log(np.exp(row).sum()) - row[label]\n"
        "    return total / len(labels)\n",
        "gradients": "def gradients(X, p, labels):\n"
        "    n, classes = p.shape\n"
        "    one_hot = np.zeros((n, classes))\n"
        "    for i, label in enumerate(labels):\n"
        "        one_hot[i, label] = 1\n"
        "    delta = p - one_hot\n"
        "    return np.dot(X.T, delta) / n, delta.mean(0)\n",
        "batches": "def shuffled_batches(n, size, seed):\n"
        "    rng = np.random.default_rng(seed)\n"
        "    order = np.arange(n)\n"
        "    rng.shuffle(order)\n"
        "    batches = []\n"
        "    while len(order):\n"
        "        batches.append(order[:size])\n"
        "        order = order[size:]\n"
        "    return batches\n",
        "train": "def train(X, labels, W, b, batches, rate):\n"
        "    @tf.function(reduce_retracing=True)\n"
        "    def loss_of(x, y):\n"
        "        return tf.reduce_mean(\n"
        "            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, "
        "logits=tf.matmul(x, W) + b)\n"
        "        )\n"
        "\n"
        "    found = []\n"
        "    for indices in batches:\n"
        "        x = tf.gather(X, indices)\n"
        "        y = tf.gather(labels, indices)\n"
        "        with tf.GradientTape() as tape:\n"
        "            loss = loss_of(x, y)\n"
        "        for variable, slope in zip((W, b), tape.gradient(loss, (W, b))):\n"
        "            variable.assign_add(-rate * slope)\n"
        "        found.append(loss.numpy())\n"
        "    return found\n",
        "weight-images": "def weight_images(W, height, width):\n"
        "    classes = np.shape(W)[1]\n"
        "    return np.stack([np.asarray(W)[:, k].reshape(height, width) for k in "
        "range(classes)])\n",
        "confusion": "def confusion(truth, said, classes):\n"
        "    return np.bincount(np.asarray(truth) * classes + said, "
        "minlength=classes**2).reshape(classes, -1)\n",
        "worst": "def worst(p, truth, n):\n"
        "    chosen = np.argmax(p, axis=1)\n"
        "    confidence = np.where(chosen == truth, -1.0, np.max(p, axis=1))\n"
        "    order = np.argsort(confidence)[::-1]\n"
        "    return order[: min(n, int(np.sum(chosen != truth)))]\n",
    },
    "softmax, loss and gradient in TensorFlow's own steps": {
        "softmax": "def softmax(scores):\n"
        "    scores = tf.cast(scores, tf.float64)\n"
        "    e = tf.exp(scores - tf.reduce_max(scores, axis=-1, keepdims=True))\n"
        "    return e / tf.reduce_sum(e, axis=-1, keepdims=True)\n",
        "cross-entropy": "def cross_entropy(scores, labels):\n"
        "    scores = tf.cast(scores, tf.float64)\n"
        "    true = tf.gather(scores, labels, batch_dims=1)\n"
        "    return tf.reduce_mean(tf.reduce_logsumexp(scores, axis=1) - true)\n",
        "gradients": "def gradients(X, p, labels):\n"
        "    error = (p - tf.one_hot(labels, p.shape[1], dtype=p.dtype)) / len(p)\n"
        "    return tf.matmul(X, error, transpose_a=True), tf.reduce_sum(error, axis=0)\n",
    },
    "loops over the pieces": {
        "prepare": "def prepare(pixels, n_valid):\n"
        "    rows = np.array([image.ravel() for image in pixels], dtype='float32')\n"
        "    rows /= 255.0\n"
        "    return [rows[n_valid:], rows[:n_valid]]\n",
        "gradients": "def gradients(X, p, labels):\n"
        "    dW, db = np.zeros((X.shape[1], p.shape[1])), np.zeros(p.shape[1])\n"
        "    for x, row, label in zip(X, p, labels):\n"
        "        slope = row - (np.arange(len(row)) == label)\n"
        "        dW += np.outer(x, slope) / len(X)\n"
        "        db += slope / len(X)\n"
        "    return dW, db\n",
        "confusion": "def confusion(truth, said, classes):\n"
        "    table = [[0] * classes for _ in range(classes)]\n"
        "    for i, j in zip(truth, said):\n"
        "        table[i][j] += 1\n"
        "    return table\n",
        "worst": "def worst(p, truth, n):\n"
        "    wrong = [(-p[i].max(), i) for i in range(len(p)) if np.argmax(p[i]) != truth[i]]\n"
        "    return [i for _, i in sorted(wrong)[:n]]\n",
    },
    "one-hot labels and log-sum-exp by SciPy": {
        "cross-entropy": "from scipy.special import logsumexp\n\n\n"
        "def cross_entropy(scores, labels):\n"
        "    hot = np.eye(scores.shape[1])[labels]\n"
        "    return float(np.mean(logsumexp(scores, axis=1) - np.sum(hot * scores, axis=1)))\n",
        "confusion": "def confusion(truth, said, classes):\n"
        "    return np.eye(classes, dtype=int)[truth].T @ np.eye(classes, dtype=int)[said]\n",
    },
    "batches by the old random numbers, split at once": {
        "batches": "def shuffled_batches(n, size, seed):\n"
        "    order = np.random.RandomState(seed).permutation(n)\n"
        "    return np.split(order, range(size, n, size))\n",
        "weight-images": "def weight_images(W, height, width):\n"
        "    return np.moveaxis(np.reshape(W, (height, width, -1)), -1, 0)\n",
    },
    "training with the gradient by hand": {
        "train": "def train(X, labels, W, b, batches, rate):\n"
        "    losses = []\n"
        "    for part in batches:\n"
        "        x, hot = X[part], np.eye(b.shape[0], dtype=np.float32)[labels[part]]\n"
        "        s = x @ W.numpy() + b.numpy()\n"
        "        s = s - s.max(axis=1, keepdims=True)\n"
        "        log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))\n"
        "        losses.append(-(hot * log_p).sum(axis=1).mean())\n"
        "        error = (np.exp(log_p) - hot) / len(x)\n"
        "        W.assign(W - rate * (x.T @ error))\n"
        "        b.assign(b - rate * error.sum(axis=0))\n"
        "    return np.array(losses)\n",
    },
    "training by an optimiser of Keras": {
        "train": "import keras\n\n\n"
        "def train(X, labels, W, b, batches, rate):\n"
        "    descent = keras.optimizers.SGD(rate)\n"
        "    losses = []\n"
        "    for part in batches:\n"
        "        with tf.GradientTape() as tape:\n"
        "            scores = tf.matmul(X[part], W) + b\n"
        "            each = tf.keras.losses.sparse_categorical_crossentropy(\n"
        "                labels[part], scores, from_logits=True\n"
        "            )\n"
        "            loss = tf.reduce_mean(each)\n"
        "        losses.append(loss.numpy())\n"
        "        descent.apply_gradients(zip(tape.gradient(loss, [W, b]), [W, b]))\n"
        "    return losses\n",
    },
}
