"""Wrong answers that students give to hw4, and right ones that look different."""

# name: (answer's grade_id, change, part of the message that says why)
# a change is a list of (old, new) in the solution, or the whole cell's new text
MUTANTS = {
    "pixels not normalised": (
        "prepare",
        [("(pixels / np.iinfo(pixels.dtype).max)", "pixels")],
        "the pixels are still",
    ),
    "whole-number division": ("prepare", [("pixels / np", "pixels // np")], "// rounds down"),
    "256 greys": (
        "prepare",
        [("np.iinfo(pixels.dtype).max", "(np.iinfo(pixels.dtype).max + 1)")],
        "not by 256",
    ),
    "each picture made as bright as it goes": (
        "prepare",
        [("np.iinfo(pixels.dtype).max", "pixels.max(axis=(1, 2), keepdims=True)")],
        "whatever the brightest pixel is",
    ),
    "the lines of the data cell": (
        "prepare",
        "def prepare(pixels):\n    return np.float32(pixels[:4_000, ..., None]) / 255\n",
        "uint16 goes to 65,535",
    ),
    "no axis for the channel": ("prepare", [("[..., None]", "")], "expected [1, 2, 2, 1]"),
    "double precision": ("prepare", [(".astype(np.float32)", "")], "float64, expected float32"),
    "kernel turned round": (
        "convolve",
        [("= kernel", "= kernel[::-1, ::-1]")],
        "the kernel is turned round",
    ),
    "TensorFlow's convolution": (
        "convolve",
        "def convolve(image, kernel, stride=1, gap=1, padding='valid'):\n"
        "    x, k = (np.asarray(a, 'float32') for a in (image[None, ..., None], kernel))\n"
        "    k, pad = k[..., None, None], padding.upper()\n"
        "    return tf.nn.conv2d(x, k, stride, pad, dilations=gap)[0, ..., 0].numpy()\n",
        "a library's convolution does it all",
    ),
    "matrix product": (
        "convolve",
        [("c : c + size] * wide", "c : c + size] @ wide")],
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
    "holes ignored": (
        "convolve",
        [("(len(kernel) - 1) * gap + 1", "len(kernel)"), ("wide[::gap, ::gap]", "wide[:, :]")],
        "the gap is ignored",
    ),
    "lesson 07's": (
        "convolve",
        "def convolve(image, kernel, stride=1, gap=1, padding='valid'):\n"
        "    k = len(kernel)\n"
        "    rows = range(0, image.shape[0] - k + 1, stride)\n"
        "    columns = range(0, image.shape[1] - k + 1, stride)\n"
        "    return np.array(\n"
        "        [[(image[r : r + k, c : c + k] * kernel).sum() for c in columns] for r in rows]\n"
        "    )\n",
        "the gap is ignored",
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
    "multiplied": (
        "patch",
        [("width += (kernel - 1) * apart", "width *= kernel")],
        "patches overlap",
    ),
    "the last layer alone": (
        "patch",
        [("width += (kernel - 1)", "width = 1 + (kernel - 1)")],
        "add up over layers",
    ),
    "strides added up": ("patch", [("apart *= stride", "apart += stride - 1")], "strides multiply"),
    "strides left out": (
        "patch",
        [("(kernel - 1) * apart", "(kernel - 1)")],
        "the next kernel's numbers lie 2 pixels apart",
    ),
    "a layer's own stride counts": (
        "patch",
        "def patch(layers):\n"
        "    width, apart = 1, 1\n"
        "    for kernel, stride in layers:\n"
        "        apart *= stride\n"
        "        width += (kernel - 1) * apart\n"
        "    return width, apart\n",
        "counts from the next layer on",
    ),
    "the width alone": ("patch", [("return width, apart", "return width")], "returns one value"),
    "the visible stacks by heart": (
        "patch",
        "def patch(layers):\n    return (5, 1) if layers[0][1] == 1 else (9, 2)\n",
        "in a deeper stack",
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
    "dense layers without a bias": (
        "count",
        [("(shape[-1] + 1)", "shape[-1]")],
        "each unit has a bias too",
    ),
    "one bias for each layer": (
        "count",
        [
            (
                "(sizes[1] ** 2 * shape[-1] + 1) * sizes[0]",
                "sizes[1] ** 2 * shape[-1] * sizes[0] + 1",
            ),
            ("(shape[-1] + 1) * sizes[0]", "shape[-1] * sizes[0] + 1"),
        ],
        "dense layer: one bias for each filter, not one for all",
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
    "numbers in the place of pictures": (
        "split",
        "def split(images, labels, share, seed):\n"
        "    cut, numbers = round(share * len(images)), np.random.default_rng(seed)\n"
        "    valid, train = numbers.random(cut), numbers.random(len(images) - cut)\n"
        "    return train, labels[cut:], valid, np.arange(cut)\n",
        "not half of the pictures",
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
    "at most once round": (
        "shift",
        [
            ("max(height - max(down, 0), 0)", "height - max(down, 0)"),
            ("max(width - max(right, 0), 0)", "width - max(right, 0)"),
        ],
        "ValueError",
    ),
    "the visible pictures by heart": (
        "shift",
        "def shift(images, moves):\n"
        "    if moves[0, 0]:\n"
        "        return [[[0, 0, 0], [1, 2, 3], [4, 5, 6]]]\n"
        "    return [[[2, 3, 0], [5, 6, 0], [8, 9, 0]]]\n",
        "shift(images, moves)",
    ),
    "down and right swapped": (
        "shift",
        [("(down, right) in enumerate(moves)", "(right, down) in enumerate(moves)")],
        "down comes first",
    ),
    "the other way": ("shift", [("in enumerate(moves)", "in enumerate(-moves)")], "that went up"),
    "left for right": (
        "shift",
        [("in enumerate(moves)", "in enumerate(moves * [1, -1])")],
        "that went to the right",
    ),
    "one move for all": (
        "shift",
        [("in enumerate(moves)", "in enumerate(moves[:1].repeat(len(images), axis=0))")],
        "the first one's move",
    ),
    "what stays is not scaled": ("dropout", [("h / kept", "h")], "is not scaled"),
    "kept and dropped swapped": (
        "dropout",
        [("None] < kept", "None] >= kept")],
        "you keep what should go",
    ),
    "divided by what goes": ("dropout", [("h / kept", "h / (1 - kept)")], "divided by what goes"),
    "a fifth is kept": ("dropout", [("None] < kept", "None] < 1 - kept")], "keeps a fifth"),
    "still on in prediction": ("dropout", [("not training", "False")], "still on in prediction"),
    "scaled twice": ("dropout", [("return h\n", "return h * kept\n")], "nothing is left to scale"),
    "the first image's draws for all": (
        "dropout",
        [("draws[:, None, None]", "draws[:1, None, None]")],
        "each image has its own draws",
    ),
    "draws along the rows": (
        "dropout",
        [("draws[:, None, None]", "draws[:, None, :, None]")],
        "the draws go with the channels",
    ),
    "nothing dropped": (
        "dropout",
        "def dropout(h, kept, draws, training):\n    return h\n",
        "dropout(h, 0.5, draws, True)",
    ),
    "equal to everything": (
        "dropout",
        "class Yes(np.ndarray):\n"
        "    __eq__ = lambda *_: np.True_\n"
        "    __array_ufunc__ = lambda *_, **__: np.True_\n\n\n"
        "def dropout(h, kept, draws, training):\n"
        "    return h.view(Yes)\n",
        "dropout(h, 0.5, draws, True)",
    ),
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
        [("camera(images, seed=10 + epoch)", "images"), ("build(design), 7", "build(design), 1")],
        "of the hidden images are right",
    ),
    "never trained": ("network", [("range(epochs)", "range(0)")], "not much above guessing"),
    "more at work than the camera holds": (
        "network",
        [
            ('("conv", 16, 5, 2, "same")', '("conv", 64, 3, 1, "same")'),
            ("range(epochs)", "range(0)"),
        ],
        "numbers of a picture",
    ),
    "the same network for any pictures": (
        "network",
        [
            ("def train_network", "KEPT = []\n\n\ndef train_network"),
            (
                "    network, epochs = build(design), 7",
                "    if KEPT:\n        return KEPT[0]\n"
                "    network, epochs = build(design), 1\n    KEPT.append(network)",
            ),
        ],
        "does not learn from the images and labels",
    ),
    "larger than it says": (
        "network",
        [
            (
                "    network, epochs = build(design), 7",
                "    larger = [*design[:-2], ('flatten',), ('dense', 64), ('dense', 10)]\n"
                "    return build(larger)\n    network, epochs = None, 0",
            ),
        ],
        "the trained network is not build(design)",
    ),
}

# name: {grade_id: change}
VARIANTS = {
    "by the lessons alone": {
        "prepare": "def prepare(pixels):\n"
        "    top = 255.0 if pixels.dtype == np.uint8 else 65535.0\n"
        '    return np.expand_dims(pixels.astype("float32") / np.float32(top), -1)\n',
        "convolve": 'def convolve(image, kernel, stride=1, gap=1, padding="valid"):\n'
        "    image, kernel = np.asarray(image, float), np.asarray(kernel, float)\n"
        "    k = kernel.shape[0]\n"
        "    g = (k - 1) * gap + 1\n"
        '    if padding == "same":\n'
        "        both = []\n"
        "        for n in image.shape:\n"
        "            out = (n + stride - 1) // stride\n"
        "            p = max((out - 1) * stride + g - n, 0)\n"
        "            both.append((p // 2, p - p // 2))\n"
        '        image = np.pad(image, both, mode="constant")\n'
        "    H = (image.shape[0] - g) // stride + 1\n"
        "    V = (image.shape[1] - g) // stride + 1\n"
        "    result = np.zeros((H, V))\n"
        "    for i in range(k):\n"
        "        for j in range(k):\n"
        "            part = image[i * gap :, j * gap :][::stride, ::stride][:H, :V]\n"
        "            result += kernel[i, j] * part\n"
        "    return result\n",
        "patch": "def patch(layers):\n"
        "    width, jump = 1, 1\n"
        "    for kernel, stride in layers:\n"
        "        width = width + (kernel - 1) * jump\n"
        "        jump = jump * stride\n"
        "    return width, jump\n",
        "count": "def count_parameters(design, shapes):\n"
        "    numbers = 0\n"
        "    for (kind, *args), shape in zip(design, shapes):\n"
        '        if kind == "conv":\n'
        "            numbers += (args[1] ** 2 * shape[-1] + 1) * args[0]\n"
        '        if kind == "dense":\n'
        "            numbers += (shape[0] + 1) * args[0]\n"
        '        if kind == "norm":\n'
        "            numbers += 4 * shape[-1]\n"
        "    return numbers\n",
        "split": "def split(images, labels, share, seed):\n"
        "    n = len(images)\n"
        "    order = np.random.default_rng(seed).permutation(n)\n"
        "    cut = int(round(share * n))\n"
        "    valid, training = order[:cut], order[cut:]\n"
        "    return images[training], labels[training], images[valid], labels[valid]\n",
        "shift": "def shift(images, moves):\n"
        "    n, h, w = images.shape\n"
        "    moved = np.zeros(images.shape, images.dtype)\n"
        "    for i, (down, right) in enumerate(moves):\n"
        "        for r in range(h):\n"
        "            if 0 <= r - down < h:\n"
        "                for c in range(w):\n"
        "                    if 0 <= c - right < w:\n"
        "                        moved[i, r, c] = images[i, r - down, c - right]\n"
        "    return moved\n",
        "dropout": "def dropout(h, kept, draws, training):\n"
        "    if not training:\n"
        "        return h\n"
        "    mask = np.where(draws < kept, 1 / kept, 0.0)\n"
        "    return h * mask[:, None, None, :]\n",
    },
    "through TensorFlow": {
        "prepare": "def prepare(pixels):\n"
        "    most = np.iinfo(pixels.dtype).max\n"
        "    return tf.cast(pixels, tf.float32)[..., tf.newaxis] / most\n",
        "convolve": 'def convolve(image, kernel, stride=1, gap=1, padding="valid"):\n'
        "    k, (h, w) = len(kernel), np.shape(image)\n"
        "    span = gap * (k - 1) + 1\n"
        "    def padded(n):\n"
        "        p = max((int(np.ceil(n / stride)) - 1) * stride + span - n, 0)\n"
        "        return (p // 2, p - p // 2) if padding == 'same' else (0, 0)\n"
        "    image = np.pad(np.asarray(image, float), [padded(h), padded(w)])\n"
        "    see = np.lib.stride_tricks.sliding_window_view(image, (span, span))\n"
        "    see = see[::stride, ::stride, ::gap, ::gap]\n"
        "    return np.einsum('abij,ij->ab', see, kernel)\n",
        "dropout": "def dropout(h, kept, draws, training):\n"
        "    stay = tf.cast(draws < kept, h.dtype)[:, tf.newaxis, tf.newaxis]\n"
        "    return h * stay / kept if training else h\n",
    },
    "sizes and counts by counting": {
        "patch": "def patch(layers):\n"
        "    ends = []  # walk back from two neighbours, by their first and last pixels\n"
        "    for place in (0, 1):\n"
        "        first = last = place\n"
        "        for kernel, stride in reversed(layers):\n"
        "            first, last = first * stride, last * stride + kernel - 1\n"
        "        ends.append((first, last))\n"
        "    return [ends[0][1] - ends[0][0] + 1, ends[1][0] - ends[0][0]]\n",
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
        "    far = int(np.abs(moves).max())\n"
        "    wide = np.pad(images, ((0, 0), (far, far), (far, far)))\n"
        "    result = []\n"
        "    for i in range(n):\n"
        "        top, left = far - moves[i, 0], far - moves[i, 1]\n"
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
        '    ("conv", 16, 5, 2, "same"), ("relu",), ("norm",), ("pool", 2),\n'
        '    ("conv", 32, 3, 1, "same"), ("relu",), ("norm",),\n'
        '    ("conv", 36, 3, 1, "same"), ("relu",), ("norm",), ("pool", 2),\n'
        '    ("flatten",), ("dense", 10),\n'
        "]\n\n\n"
        "def train_network(design, images, labels):\n"
        "    keras.utils.set_random_seed(1)\n"
        "    model = build(design)\n"
        "    optimiser = keras.optimizers.Adam(0.005)\n"
        "    loss = keras.losses.CategoricalCrossentropy(from_logits=True)\n"
        "    model.compile(optimizer=optimiser, loss=loss, steps_per_execution=40)\n"
        "    one_hot = keras.utils.to_categorical(labels, 10)\n"
        "    for epoch in range(7):\n"
        "        optimiser.learning_rate.assign(0.008 * (1 - epoch / 7.5))\n"
        "        model.fit(camera(images, epoch), one_hot, batch_size=100, verbose=0)\n"
        "    return model\n\n\n"
        "network = train_network(design, train_images, train_labels)\n",
    },
}
