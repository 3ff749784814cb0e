"""Wrong answers that students give to hw3, and right ones that look different."""

TOY = (
    "def linear_rebuild(x, weights):\n"
    "    return (x @ weights[0]) @ tf.transpose(weights[0])\n\n\n"
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
        [(" + b1", ""), (" + b2", "")],
        "both biases are left out",
    ),
    "first bias left out": ("encode", [(" + b1", "")], "the bias b1 is left out"),
    "relu forgotten": ("encode", [("tf.nn.relu(x @ W1 + b1)", "(x @ W1 + b1)")], "relu is missing"),
    "relu on the code": (
        "encode",
        [("tf.nn.relu(x @ W1 + b1) @ W2 + b2", "tf.nn.relu(tf.nn.relu(x @ W1 + b1) @ W2 + b2)")],
        "the code is cut off at 0",
    ),
    "bias after the relu": (
        "encode",
        [("tf.nn.relu(x @ W1 + b1)", "(tf.nn.relu(x @ W1) + b1)")],
        "b1 comes inside the relu",
    ),
    "decoder's biases in the encoder": (
        "encode",
        [("x @ W1 + b1", "x @ W1 + weights[4]")],
        "c1 is the decoder's bias",
    ),
    "transpose forgotten": ("decode", [("tf.transpose(W2)", "W2")], "Matrix size-incompatible"),
    "encoder's bias in the decoder": (
        "decode",
        [("+ c1", "+ weights[1]")],
        "b1 is the encoder's bias",
    ),
    "decoder without biases": ("decode", [(" + c1", ""), (" + c2", "")], "both biases"),
    "relu at the end": (
        "decode",
        [
            ("return tf.nn.relu(z", "return tf.nn.relu(tf.nn.relu(z"),
            ("@ tf.transpose(W1) + c2", "@ tf.transpose(W1) + c2)"),
        ],
        "no relu at the end",
    ),
    "no relu in the decoder": ("decode", [("tf.nn.relu", "")], "relu is missing"),
    "sum for mean": ("errors", [("reduce_mean", "reduce_sum")], "the mean is missing"),
    "one number for all images": ("errors", [(", axis=1", "")], "each has its own"),
    "wrong axis": ("errors", [("axis=1", "axis=0")], "mean over the pixels, axis 1"),
    "absolute difference": (
        "errors",
        [("(rebuilt - x) ** 2", "abs(rebuilt - x)")],
        "absolute difference",
    ),
    "averaged before the square": (
        "errors",
        "def errors(x, rebuilt):\n    return tf.reduce_mean(rebuilt - x, axis=1) ** 2\n",
        "square first",
    ),
    "loss summed": ("train-step", [("reduce_mean", "reduce_sum")], "that is the sum"),
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
        "change the variables themselves",
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
    "upside down": ("plane", [("high[1], low[1], n", "low[1], high[1], n")], "y points up"),
    "column by column": (
        "plane",
        [("np.meshgrid(x, y)", 'np.meshgrid(x, y, indexing="ij")')],
        "column by column",
    ),
    "x and y swapped": (
        "plane",
        [("[columns.ravel(), rows.ravel()]", "[rows.ravel(), columns.ravel()]")],
        "x and y are swapped",
    ),
    "far end left out": (
        "plane",
        [
            ("high[0], n)", "high[0], n, endpoint=False)"),
            ("low[1], n)", "low[1], n, endpoint=False)"),
        ],
        "the far end is missing",
    ),
    "off by one": (
        "plane",
        [("high[0], n)", "high[0], n + 1)"), ("low[1], n)", "low[1], n + 1)")],
        "has shape [16, 2], expected [9, 2]",
    ),
    "colours count alike": (
        "square",
        [("picture[..., :3] @ np.array([0.299, 0.587, 0.114])", "picture[..., :3].mean(axis=2)")],
        "three colours count alike",
    ),
    "red and blue swapped": (
        "square",
        [("[0.299, 0.587, 0.114]", "[0.114, 0.587, 0.299]")],
        "red and blue are swapped",
    ),
    "cut out at the corner": (
        "square",
        [("(grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2", "0, 0")],
        "not in the middle",
    ),
    "largest square, multiple or not": (
        "square",
        [
            (
                "(grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2",
                "(grey.shape[0] - min(grey.shape)) // 2, (grey.shape[1] - min(grey.shape)) // 2",
            )
        ],
        "is a multiple of size",
    ),
    "single pixels picked": (
        "square",
        [("blocks.mean(axis=(1, 3))", "blocks[:, 0, :, 0]")],
        "single pixels are picked",
    ),
    "means cut down, not rounded": (
        "square",
        [("np.rint(blocks.mean(axis=(1, 3)))", "blocks.mean(axis=(1, 3))")],
        "cut down, not rounded",
    ),
    "opacity not expected": ("square", [("picture[..., :3]", "picture")], "ValueError in line"),
    "grey not expected": (
        "square",
        [("picture if picture.ndim == 2 else picture", "picture")],
        "IndexError",
    ),
    "odd rests the other way round": (
        "square",
        [("(grey.shape[1] - side) // 2", "(grey.shape[1] - side + 1) // 2")],
        "17 by 9 pixels with opacity",
    ),
}

# name: {grade_id: change}
VARIANTS = {
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
        "    hidden = keras.ops.relu(keras.ops.matmul(x, weights[0]) + weights[1])\n"
        "    return keras.ops.add(keras.ops.matmul(hidden, weights[2]), weights[3])\n",
        "decode": "def decode(z, weights):\n"
        "    hidden = tf.matmul(z, weights[2], transpose_b=True) + weights[4]\n"
        "    hidden = tf.maximum(hidden, 0.0)\n"
        "    return tf.linalg.matmul(hidden, weights[0], transpose_b=True) + weights[5]\n",
    },
    "errors in NumPy, image by image": {
        "errors": "def errors(x, rebuilt):\n"
        "    return [float(np.mean(np.square(a - b))) for a, b in zip(x, rebuilt)]\n"
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
        "plane": "def plane(low, high, n):\n"
        "    codes = []\n"
        "    for i in range(n):\n"
        "        for j in range(n):\n"
        "            x = low[0] + (high[0] - low[0]) * j / (n - 1)\n"
        "            codes.append((x, high[1] - (high[1] - low[1]) * i / (n - 1)))\n"
        "    return codes\n",
    },
    "block by block": {
        "square": "def square(picture, size):\n"
        "    grey = np.asarray(picture, dtype=float)\n"
        "    if grey.ndim == 3:\n"
        "        grey = 0.299 * grey[:, :, 0] + 0.587 * grey[:, :, 1] + 0.114 * grey[:, :, 2]\n"
        "    h, w = grey.shape\n"
        "    k = min(h // size, w // size)\n"
        "    top, left = (h - k * size) // 2, (w - k * size) // 2\n"
        "    small = np.zeros((size, size), np.uint8)\n"
        "    for i in range(size):\n"
        "        for j in range(size):\n"
        "            y, x = top + i * k, left + j * k\n"
        "            small[i, j] = round(grey[y : y + k, x : x + k].mean())\n"
        "    return small\n"
    },
}
