"""Wrong answers that students give to hw4, and right ones that look different."""

# name: (answer's grade_id, change, part of the message that says why)
# a change is a list of (old, new) in the solution, or the whole cell's new text
MUTANTS = {
    "pixels not normalised": ("prepare", [("pixels / 255", "pixels")], "the pixels are still"),
    "whole-number division": ("prepare", [("pixels / 255", "pixels // 255")], "// rounds down"),
    "each picture made as bright as it goes": (
        "prepare",
        [("pixels / 255", "pixels / pixels.max(axis=(1, 2), keepdims=True)")],
        "whatever the brightest pixel is",
    ),
    "no axis for the channel": ("prepare", [("[..., None]", "")], "expected [1, 2, 2, 1]"),
    "double precision": ("prepare", [(".astype(np.float32)", "")], "float64, expected float32"),
    "kernel turned round": (
        "convolve",
        [("* kernel)", "* kernel[::-1, ::-1])")],
        "the kernel is turned round",
    ),
    "matrix product": (
        "convolve",
        [("c : c + size] * kernel", "c : c + size] @ kernel")],
        "not as matrices",
    ),
    "padding ignored": (
        "convolve",
        [('padding == "same"', "False")],
        'padding="same" is ignored',
    ),
    "stride ignored": (
        "convolve",
        [("size + 1, stride)", "size + 1)")],
        "the stride is ignored",
    ),
    "last place forgotten": (
        "convolve",
        [("- size + 1, stride", "- size, stride")],
        "expected [2, 2]",
    ),
    "zeros the same on all sides": (
        "convolve",
        [("(more // 2, more - more // 2)", "(size // 2, size // 2)")],
        "half of p, rounded down",
    ),
    "the larger half of the zeros above": (
        "convolve",
        [("(more // 2, more - more // 2)", "(more - more // 2, more // 2)")],
        "half of p, rounded down",
    ),
    "off by one": ("output-size", [("// stride + 1", "// stride")], "the first place counts too"),
    "same ignored": (
        "output-size",
        [('padding == "same"', "False")],
        "'same' is ignored",
    ),
    "rounded down with zeros": (
        "output-size",
        [("-(-length // stride)", "length // stride")],
        "round up",
    ),
    "not a whole number": (
        "output-size",
        "def output_size(length, kernel, stride, padding):\n"
        '    kernel = 1 if padding == "same" else kernel\n'
        "    return np.floor((length - kernel) / stride) + 1\n",
        "divide with //",
    ),
    "bias left out": (
        "count",
        [("shape[-1] + 1) * sizes[0]", "shape[-1]) * sizes[0]")],
        "bias too",
    ),
    "one bias for all filters": (
        "count",
        [
            (
                "(sizes[1] ** 2 * shape[-1] + 1) * sizes[0]",
                "sizes[1] ** 2 * shape[-1] * sizes[0] + 1",
            )
        ],
        "not one for all",
    ),
    "kernel counted along one side": (
        "count",
        [("sizes[1] ** 2", "sizes[1]")],
        "nine weights",
    ),
    "channels left out": ("count", [("** 2 * shape[-1]", "** 2")], "reads all eight channels"),
    "normalisation left out": (
        "count",
        [("4 * shape[-1]", "0")],
        "batch normalisation is left out",
    ),
    "only what is learned": ("count", [("4 * shape", "2 * shape")], "means and variances as well"),
    "share cut down": ("split", [("round(", "int(")], "round it"),
    "parts swapped": (
        "split",
        [("order[:cut], order[cut:]", "order[cut:], order[:cut]")],
        "the small part is for validation",
    ),
    "off by one in the split": (
        "split",
        [("order[cut:]", "order[cut - 1 :]")],
        "a picture is in both parts",
    ),
    "train data in the validation part": (
        "split",
        [("order[:cut], order[cut:]", "order[:cut], order[: len(order) - cut]")],
        "a picture is in both parts",
    ),
    "labels keep their order": (
        "split",
        [("labels[train]", "labels[cut:]"), ("labels[valid]", "labels[:cut]")],
        "lost their labels",
    ),
    "not shuffled": (
        "split",
        [("np.random.default_rng(seed).permutation(len(images))", "np.arange(len(images))")],
        "shuffle before you cut",
    ),
    "seed ignored": ("split", [("default_rng(seed)", "default_rng()")], "two different cuts"),
    "always the same seed": ("split", [("default_rng(seed)", "default_rng(0)")], "two seeds"),
    "what leaves comes in again": (
        "shift",
        "def shift(images, moves):\n"
        "    for i, move in enumerate(moves):\n"
        "        images[i] = np.roll(images[i], move, axis=(0, 1))\n"
        "    return images\n",
        "comes in",
    ),
    "down and right swapped": (
        "shift",
        [("(down, right) in enumerate(moves)", "(right, down) in enumerate(moves)")],
        "down comes first",
    ),
    "the other way": ("shift", [("in enumerate(moves)", "in enumerate(-moves)")], "that went up"),
    "one move for all": (
        "shift",
        [("in enumerate(moves)", "in enumerate(moves[:1].repeat(len(images), axis=0))")],
        "the first one's move",
    ),
    "what stays is not scaled": ("dropout", [("h / kept", "h")], "not divided by kept"),
    "kept and dropped swapped": (
        "dropout",
        [("draws < kept", "draws >= kept")],
        "you keep what should go",
    ),
    "divided by what goes": ("dropout", [("h / kept", "h / (1 - kept)")], "divided by what goes"),
    "a fifth is kept": ("dropout", [("draws < kept", "draws < 1 - kept")], "keeps a fifth"),
    "still on in prediction": ("dropout", [("not training", "False")], "still on in prediction"),
    "scaled twice": ("dropout", [("return h\n", "return h * kept\n")], "nothing is left to scale"),
    "over the budget": (
        "network",
        [
            ('("dense", 10)', '("dense", 64), ("relu",), ("dense", 10)'),
            ("range(epochs)", "range(0)"),  # the training would change nothing
        ],
        "over the budget",
    ),
    "trained on the neat pictures": (
        "network",
        [("camera(images, seed=10 + epoch)", "images")],
        "of the hidden images are right",
    ),
    "never trained": ("network", [("range(epochs)", "range(0)")], "not much above guessing"),
}

# name: {grade_id: change}
VARIANTS = {
    "through TensorFlow": {
        "prepare": "def prepare(pixels):\n"
        "    return tf.cast(pixels, tf.float32)[..., tf.newaxis] / 255\n",
        "convolve": 'def convolve(image, kernel, stride=1, padding="valid"):\n'
        "    image = tf.cast(image, tf.float32)[None, :, :, None]\n"
        "    kernel = tf.cast(kernel, tf.float32)[:, :, None, None]\n"
        "    return tf.nn.conv2d(image, kernel, stride, padding.upper())[0, :, :, 0]\n",
        "dropout": "def dropout(h, kept, draws, training):\n"
        "    return tf.where(draws < kept, h / kept, tf.zeros_like(h)) if training else h\n",
    },
    "sizes and counts by counting": {
        "output-size": "def output_size(length, kernel, stride, padding):\n"
        '    places = length if padding == "same" else length - kernel + 1\n'
        "    return (places + stride - 1) // stride\n",
        "count": "def count_parameters(design, shapes):\n"
        "    total = 0\n"
        "    for layer, shape in zip(design, shapes):\n"
        '        if layer[0] == "conv":\n'
        "            _, filters, size, _, _ = layer\n"
        "            total += np.zeros((size, size, shape[2], filters)).size + filters\n"
        '        if layer[0] == "dense":\n'
        "            total += shape[0] * layer[1] + layer[1]\n"
        '        if layer[0] == "norm":\n'
        "            total += shape[-1] + shape[-1] + shape[-1] + shape[-1]\n"
        "    return total\n",
    },
    "a padded window, and a shuffle in place": {
        "shift": "def shift(images, moves):\n"
        "    n, h, w = images.shape\n"
        "    wide = np.pad(images, ((0, 0), (h, h), (w, w)))\n"
        "    result = []\n"
        "    for i in range(n):\n"
        "        top, left = h - moves[i, 0], w - moves[i, 1]\n"
        "        result.append(wide[i, top : top + h, left : left + w])\n"
        "    return np.stack(result)\n",
        "split": "def split(images, labels, share, seed):\n"
        "    order = list(range(len(images)))\n"
        "    np.random.RandomState(seed).shuffle(order)\n"
        "    cut = len(images) - int(np.rint(share * len(images)))\n"
        "    train, valid = order[:cut], order[cut:]\n"
        "    return [images[train], labels[train], images[valid], labels[valid]]\n",
    },
    "a network written with Keras' own names": {
        "network": "design = [\n"
        '    ("conv", 16, 3, 2, "same"), ("norm",), ("relu",),\n'
        '    ("conv", 24, 3, 1, "same"), ("relu",), ("norm",), ("pool", 2),\n'
        '    ("conv", 32, 3, 1, "same"), ("relu",), ("norm",), ("pool", 2),\n'
        '    ("flatten",), ("dense", 10),\n'
        "]\n\n\n"
        "def train_network(design, images, labels):\n"
        "    model = build(design)\n"
        "    optimiser = keras.optimizers.Adam(0.005)\n"
        "    loss = keras.losses.CategoricalCrossentropy(from_logits=True)\n"
        "    model.compile(optimizer=optimiser, loss=loss, steps_per_execution=40)\n"
        "    one_hot = keras.utils.to_categorical(labels, 10)\n"
        "    for epoch in range(5):\n"
        "        optimiser.learning_rate.assign(0.006 * (1 - epoch / 5))\n"
        "        model.fit(camera(images, epoch), one_hot, batch_size=64, verbose=0)\n"
        "    return model\n\n\n"
        "network = train_network(design, train_images, train_labels)\n",
    },
}
