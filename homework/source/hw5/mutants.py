"""Wrong answers that students give to hw5, and right ones that look different."""

RAW = (  # of both functions of `checkpoint`, without the check of the checksum
    "def pack(state):\n"
    "    file = io.BytesIO()\n"
    "    np.savez(file, **state)\n"
    "    content = file.getvalue()\n"
    "    return np.frombuffer(hashlib.sha256(content).digest() + content, np.uint8)\n\n\n"
    "def unpack(content):\n"
    "    file = np.load(io.BytesIO(content.tobytes()[32:]))\n"
    "    state = {key: file[key] for key in file.files}\n"
    '    return {**state, "step": int(state["step"])}\n'
)

KERAS = (
    "    pixels = keras.Input((28, 28), dtype='uint8')\n"
    "    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))\n"
    "    dense = keras.layers.Dense(10, activation='softmax')\n"
    "    KEPT.append(keras.Model(pixels, dense(x)))\n"
    "    dense.set_weights([W, b])\n"
    "    return KEPT[-1]\n"
)
FAKED = (  # of the functions of `hand-over`
    "KEPT = []\n\n\n"
    "def hand_over(W, b):\n{model}\n\n"
    "def to_bytes(model):\n    {to}\n\n\n"
    "def from_bytes(content):\n    return {back}\n"
)

# name: (answer's grade_id, change, part of the message that says why)
# a change is a list of (old, new) in the solution, or the whole cell's new text
MUTANTS = {
    "velocity not kept": (
        "train",
        [
            (
                "new, losses = dict(state), []",
                "new, losses = dict(state), []\n"
                '    new["vW"], new["vb"] = 0 * new["W"], 0 * new["b"]',
            )
        ],
        "the velocity starts again from zero",
    ),
    "steps counted from 0": (
        "train",
        [('range(state["step"], state["step"] + steps)', "range(steps)")],
        "the steps are counted from 0 again",
    ),
    "step not stored": ("train", [('state["step"] + steps\n', 'state["step"]\n')], "step"),
    "velocity left out": ("train", [("MOMENTUM *", "0 *")], "the velocity is left out"),
    "uphill": ("train", [("- rate_at(step)", "+ rate_at(step)")], "b climbs"),
    "bias never moves": (
        "train",
        [('(("W", dW), ("b", db))', '(("W", dW),)')],
        "b does not move",
    ),
    "always the same rate": ("train", [("rate_at(step)", "rate_at(0)")], "after 8 steps"),
    "loss of the last step only": (
        "train",
        [("losses.append(loss)", "losses = [loss]")],
        "have another shape than expected",
    ),
    "a constant of the right shape": (
        "train",
        "def train(state, images, labels, steps):\n"
        "    return {**state, 'step': state['step'] + steps}, [1.098612] * steps\n",
        "b does not move",
    ),
    "checksum not looked at": ("checkpoint", RAW, "a byte is wrong"),
    "checksum behind": (
        "checkpoint",
        [
            (
                "hashlib.sha256(content).digest() + content",
                "content + hashlib.sha256(content).digest()",
            ),
            ("whole[32:]", "whole[:-32]"),
            ("!= whole[:32]", "!= whole[-32:]"),
        ],
        "the first 32 bytes are not the SHA-256",
    ),
    "checksum of the wrong bytes": (
        "checkpoint",
        [("hashlib.sha256(content).digest()", "hashlib.sha256(content[32:]).digest()")],
        "the first 32 bytes are not the SHA-256",
    ),
    "unpickles": (
        "checkpoint",
        [("allow_pickle=False", "allow_pickle=True")],
        "an entry is a pickled object",
    ),
    "looks for the mark of objects": (
        "checkpoint",
        [
            ("allow_pickle=False", "allow_pickle=True"),
            (
                "    with np.load",
                "    if b\"'|O'\" in whole:\n        raise ValueError\n    with np.load",
            ),
        ],
        "an entry is a pickled object",
    ),
    "unpickles first": (
        "checkpoint",
        [
            (
                "    if hashlib",
                "    import pickle\n\n"
                "    try:\n"
                "        return pickle.loads(whole[32:])\n"
                "    except Exception:\n"
                "        pass\n"
                "    if hashlib",
            )
        ],
        "a pickled object stands in place of the entries",
    ),
    "unpickles before it looks at the checksum": (
        "checkpoint",
        [
            (
                "    if hashlib",
                "    try:\n"
                "        dict(np.load(io.BytesIO(whole[32:]), allow_pickle=True))\n"
                "    except TypeError:\n"
                "        pass\n"
                "    if hashlib",
            )
        ],
        "an entry is a pickled object",
    ),
    "refuses by another error": (
        "checkpoint",
        [("raise ValueError(", "raise KeyError(")],
        "a byte is wrong, and unpack raises no ValueError",
    ),
    "nothing is packed": (
        "checkpoint",
        "def pack(state):\n    return state\n\n\ndef unpack(content):\n    return content\n",
        "expected numbers",
    ),
    "all in a pickle": (
        "checkpoint",
        "import pickle\n\n\n"
        "def pack(state):\n"
        "    content = pickle.dumps(state)\n"
        "    return np.frombuffer(hashlib.sha256(content).digest() + content, np.uint8)\n\n\n"
        "def unpack(content):\n"
        "    return pickle.loads(content.tobytes()[32:])\n",
        "np.savez did not write that",
    ),
    "keeps it beside the bytes": (
        "checkpoint",
        "KEPT = []\n\n\n"
        "def pack(state):\n"
        "    KEPT.append(state)\n"
        "    file = io.BytesIO()\n"
        "    np.savez(file, **state)\n"
        "    content = file.getvalue()\n"
        "    return np.frombuffer(hashlib.sha256(content).digest() + content, np.uint8)\n\n\n"
        "def unpack(content):\n"
        "    return KEPT[-1]\n",
        "W of another",
    ),
    "saved with half the digits": (
        "checkpoint",
        [
            (
                "np.savez(file, **state)",
                "np.savez(file, **{k: np.float32(v) for k, v in state.items()})",
            )
        ],
        "float32, expected float64",
    ),
    "velocities not saved": (
        "checkpoint",
        [
            (
                "np.savez(file, **state)",
                'np.savez(file, W=state["W"], b=state["b"], step=state["step"])',
            )
        ],
        "the keys of what comes back",
    ),
    "step is an array": (
        "checkpoint",
        [('return {**state, "step": int(state["step"])}', "return state")],
        "make it an int",
    ),
    "biases left out": (
        "report",
        [("for array in weights)", "for array in weights if array.ndim > 1)")],
        "the biases are numbers too",
    ),
    "arrays counted": (
        "report",
        [('"parameters": count', '"parameters": len(weights)')],
        "count numbers, not arrays",
    ),
    "a scale for each array": (
        "report",
        [("4 * array.shape[-1]", "4")],
        "not one for each array",
    ),
    "biases of a byte": (
        "report",
        [("sum(4 * array.size for", "sum(array.size for")],
        "the biases stay 32-bit floats",
    ),
    "length for size": ("report", [("array.size", "len(array)")], '"parameters"'),
    "bits for bytes": ("report", [("4 * count,", "32 * count,")], "those are bits"),
    "bytes as they are stored": (
        "report",
        [('"float32": 4 * count', '"float32": sum(a.nbytes for a in weights)')],
        "a 32-bit float has four bytes",
    ),
    "scales left out": (
        "report",
        [("array.size + 4 * array.shape[-1] for", "array.size for")],
        "the scales are left out",
    ),
    "units on the first axis": ("report", [("shape[-1]", "shape[0]")], '"int8"'),
    "the visible report by heart": (
        "report",
        "def report(weights):\n    return {'parameters': 7850, 'float32': 31400, 'int8': 7920}\n",
        '"parameters"',
    ),
    "equal to everything": (
        "report",
        "class Yes(dict):\n"
        "    __eq__ = lambda *_: True\n"
        "    __getitem__ = lambda self, key: self\n\n\n"
        "def report(weights):\n"
        "    return Yes(parameters=0, float32=0, int8=0)\n",
        '"parameters"',
    ),
    "epsilon left out": ("fold", [(" + EPSILON", "")], "EPSILON is left out"),
    "variance for its root": (
        "fold",
        [("np.sqrt(variance + EPSILON)", "(variance + EPSILON)")],
        "divide by the square root",
    ),
    "gamma left out": ("fold", [("gamma / np.sqrt", "1 / np.sqrt")], "gamma is left out"),
    "old bias left out": ("fold", [("(b - mean)", "(-mean)")], "the old bias is left out"),
    "bias not scaled": (
        "fold",
        [("(b - mean) * scale + beta", "b - mean * scale + beta")],
        "the old bias is scaled too",
    ),
    "mean left out": ("fold", [("(b - mean)", "b")], "the mean is left out"),
    "beta left out": ("fold", [(" + beta", "")], "beta is left out"),
    "a scale for each feature": (
        "fold",
        [("W * scale,", "W * scale[:, None],")],
        "not each feature",
    ),
    "cut off, not rounded": ("quantise", [("np.rint(w / scale)", "(w / scale)")], "round, don't"),
    "rounded down": ("quantise", [("np.rint", "np.floor")], "round to the nearest, not down"),
    "scales upside down": (
        "quantise",
        [
            ("np.abs(w).max(axis=0) / 127", "127 / np.abs(w).max(axis=0).clip(1e-9)"),
            ("w / scale", "w * scale"),
        ],
        "the scales are upside down",
    ),
    "steps from the least to the largest": (
        "quantise",
        [("np.abs(w).max(axis=0) / 127", "(w.max(axis=0) - w.min(axis=0)) / 255")],
        "zero stays zero",
    ),
    "sign forgotten": ("quantise", [("np.abs(w).max(", "w.max(")], "without its sign"),
    "128 steps": ("quantise", [("/ 127", "/ 128")], "not 128"),
    "one scale for all": (
        "quantise",
        [("np.abs(w).max(axis=0)", "np.full(w.shape[1], np.abs(w).max())")],
        "each unit (column) has its own",
    ),
    "zero divided by zero": (
        "quantise",
        [("    scale[scale == 0] = 1\n", "")],
        "the first one of zeros",
    ),
    "floats for q": ("quantise", [(".astype(np.int8), scale", ", scale")], "expected int8"),
    "int8 runs over": (
        "quantise",
        [
            (
                "q.astype(np.float32) * scale.astype(np.float32)",
                "np.float32(q * scale.astype(np.int8) if scale.min() > 1 else q * scale)",
            )
        ],
        "int8 ends at 127",
    ),
    "double precision": (
        "quantise",
        [("q.astype(np.float32) * scale.astype(np.float32)", "q * scale")],
        "float64",
    ),
    "pixels not divided": (
        "hand-over",
        [("keras.layers.Rescaling(1 / 255)(pixels)", "pixels")],
        "not divided by 255",
    ),
    "pixels divided twice": (
        "hand-over",
        [("Rescaling(1 / 255)", "Rescaling(1 / 255**2)")],
        "divided by 255 twice",
    ),
    "softmax twice": (
        "hand-over",
        [("dense(x))", "keras.layers.Softmax()(dense(x)))")],
        "the softmax is there twice",
    ),
    "softmax forgotten": (
        "hand-over",
        [(', activation="softmax"', "")],
        "the softmax is missing",
    ),
    "b forgotten": ("hand-over", [("[W, b]", "[W, 0 * b]")], "b is left out"),
    "without a file": (
        "hand-over",
        FAKED.format(
            model=KERAS, to="return np.frombuffer(b'PK' + bytes(40_000), np.uint8)", back="KEPT[-1]"
        ),
        "to_bytes(model) is no .keras file",
    ),
    "a file, but the model kept beside it": (
        "hand-over",
        [
            ("    return model\n", "    KEPT.append(model)\n    return model\n"),
            ("def hand_over", "KEPT = []\n\n\ndef hand_over"),
            ("return keras.saving.load_model(path)", "return KEPT[-1]"),
        ],
        "the parameters of another model",
    ),
    "without Keras, a class that looks like it": (
        "hand-over",
        FAKED.format(
            model="    class Model:\n"
            "        count_params = lambda self: 7850\n"
            "        predict = __call__ = lambda self, x, **_: probabilities(\n"
            "            x.reshape(-1, 784) / 255, W, b\n"
            "        )\n\n"
            "    KEPT.append(Model())\n"
            "    return KEPT[-1]\n",
            to="return np.frombuffer(b'PK' + bytes(40_000), np.uint8)",
            back="KEPT[-1]",
        ),
        "to_bytes(model) is no .keras file",
    ),
    "another model comes back": (
        "hand-over",
        [
            (
                "return keras.saving.load_model(path)",
                "return hand_over(np.zeros((784, 10)), np.zeros(10))",
            )
        ],
        "something else than the one you saved",
    ),
    "looks for a word": (
        "hand-over",
        [
            (
                "        return keras.saving.load_model(path)",
                "        if b'Lambda' in path.read_bytes():\n"
                "            raise ValueError\n"
                "        return keras.saving.load_model(path, safe_mode=False)",
            )
        ],
        "from_bytes",
    ),
    "looks for a class's name": (
        "hand-over",
        [
            (
                "        return keras.saving.load_model(path)",
                '        if b\'"class_name": "Lambda"\' in path.read_bytes():\n'
                "            raise ValueError\n"
                "        return keras.saving.load_model(path, safe_mode=False)",
            )
        ],
        "it runs what strangers wrote",
    ),
    "whatever a file brings along": (
        "hand-over",
        [("load_model(path)", "load_model(path, safe_mode=False)")],
        "it runs what strangers wrote",
    ),
}

# name: {grade_id: change}
VARIANTS = {
    "by the lessons alone": {
        "train": "def train(state, images, labels, steps):\n"
        "    now = {key: np.copy(value) for key, value in state.items()}\n"
        "    losses = []\n"
        "    for _ in range(steps):\n"
        '        s = int(now["step"])\n'
        "        rows = batch_rows(s, len(images))\n"
        '        loss, gW, gb = gradient(now["W"], now["b"], images[rows], labels[rows])\n'
        '        now["vW"] = now["vW"] * MOMENTUM - gW * rate_at(s)\n'
        '        now["vb"] = now["vb"] * MOMENTUM - gb * rate_at(s)\n'
        '        now["W"] = now["vW"] + now["W"]\n'
        '        now["b"] = now["vb"] + now["b"]\n'
        '        now["step"] = s + 1\n'
        "        losses.append(loss)\n"
        '    now["step"] = int(now["step"])\n'
        "    return now, losses\n",
        "checkpoint": "def pack(state):\n"
        "    buffer = io.BytesIO()\n"
        '    np.savez(buffer, W=state["W"], b=state["b"], vW=state["vW"], '
        'vb=state["vb"], step=state["step"])\n'
        "    data = buffer.getvalue()\n"
        "    checksum = hashlib.sha256(data).digest()\n"
        "    return np.concatenate([np.frombuffer(checksum, np.uint8), "
        "np.frombuffer(data, np.uint8)])\n"
        "\n"
        "\n"
        "def unpack(content):\n"
        "    raw = bytes(content)\n"
        "    if hashlib.sha256(raw[32:]).digest() != raw[:32]:\n"
        '        raise ValueError("the checksum does not fit: the file is damaged")\n'
        "    with np.load(io.BytesIO(raw[32:]), allow_pickle=False) as archive:\n"
        "        state = dict(archive)\n"
        '    state["step"] = state["step"].item()\n'
        "    return state\n",
        "report": "def report(weights):\n"
        "    parameters = sum(int(np.prod(w.shape)) for w in weights)\n"
        "    int8 = 0\n"
        "    for w in weights:\n"
        "        if w.ndim == 1:\n"
        "            int8 += 4 * w.size\n"
        "        else:\n"
        "            int8 += w.size + 4 * w.shape[-1]\n"
        "    return dict(parameters=parameters, float32=4 * parameters, int8=int8)\n",
        "fold": "def fold(W, b, gamma, beta, mean, variance):\n"
        "    factor = gamma / np.sqrt(variance + EPSILON)\n"
        "    return W @ np.diag(factor), factor * (b - mean) + beta\n",
        "quantise": "def quantise(w):\n"
        '    """Return int8 q [features, units] and scales [units], so that w is about '
        'scale * q."""\n'
        "    scales = []\n"
        "    for column in np.transpose(w):\n"
        "        top = max(abs(column))\n"
        "        scales.append(top / 127 if top > 0 else 1.0)\n"
        "    scales = np.array(scales)\n"
        "    return np.round(w / scales).astype(np.int8), scales\n"
        "\n"
        "\n"
        "def restore(q, scale):\n"
        '    """Return the float32 array that q and its scales stand for."""\n'
        "    return np.multiply(q, scale, dtype=np.float32)\n",
        "hand-over": "def hand_over(W, b):\n"
        '    """Return a Keras model from pixels, uint8 [n, 28, 28], to probabilities '
        '[n, 10]."""\n'
        "    model = keras.Sequential(\n"
        "        [\n"
        '            keras.Input(shape=(28, 28), dtype="uint8"),\n'
        "            keras.layers.Rescaling(1.0 / 255),\n"
        "            keras.layers.Flatten(),\n"
        "            keras.layers.Dense(10),\n"
        "            keras.layers.Softmax(),\n"
        "        ]\n"
        "    )\n"
        "    model.layers[2].kernel.assign(W)\n"
        "    model.layers[2].bias.assign(b)\n"
        "    return model\n"
        "\n"
        "\n"
        "def to_bytes(model):\n"
        '    """Return the bytes of the .keras file that a model is saved as, uint8 [n]."""\n'
        "    with tempfile.TemporaryDirectory() as folder:\n"
        '        name = Path(folder) / "model.keras"\n'
        "        model.save(name)\n"
        "        return np.fromfile(name, dtype=np.uint8)\n"
        "\n"
        "\n"
        "def from_bytes(content):\n"
        '    """Return the model in the bytes of a .keras file, uint8 [n]."""\n'
        "    with tempfile.TemporaryDirectory() as folder:\n"
        '        name = Path(folder) / "theirs.keras"\n'
        "        np.asarray(content).tofile(name)\n"
        "        return keras.saving.load_model(name, compile=False, safe_mode=True)\n",
    },
    "a state of its own, and names for everything": {
        "train": "def train(state, images, labels, steps):\n"
        "    W, b = np.array(state['W']), np.array(state['b'])\n"
        "    vW, vb, done = np.array(state['vW']), np.array(state['vb']), state['step']\n"
        "    losses = np.zeros(steps)\n"
        "    for i in range(steps):\n"
        "        rows = batch_rows(done + i, len(labels))\n"
        "        losses[i], dW, db = gradient(W, b, images[rows], labels[rows])\n"
        "        vW *= MOMENTUM\n"
        "        vW -= rate_at(done + i) * dW\n"
        "        vb *= MOMENTUM\n"
        "        vb -= rate_at(done + i) * db\n"
        "        W += vW\n"
        "        b += vb\n"
        "    return {'step': done + steps, 'vb': vb, 'vW': vW, 'b': b, 'W': W}, losses\n",
        "report": "def report(weights):\n"
        "    n = small = 0\n"
        "    for array in weights:\n"
        "        *most, units = array.shape\n"
        "        n += int(np.prod(array.shape))\n"
        "        small += units * (int(np.prod(most)) + 4) if most else 4 * units\n"
        "    return dict(parameters=n, int8=small, float32=n * 32 // 8)\n",
    },
    "compressed, and checked by hexadecimal digits": {
        "checkpoint": "def pack(state):\n"
        "    file = io.BytesIO()\n"
        "    np.savez_compressed(file, **state)\n"
        "    checksum = hashlib.sha256(file.getbuffer()).digest()\n"
        "    return np.array(list(checksum + file.getvalue()), dtype='uint8')\n\n\n"
        "def unpack(content):\n"
        "    told, rest = bytes(content[:32]), bytes(content[32:])\n"
        "    if hashlib.sha256(rest).hexdigest() != told.hex():\n"
        "        raise ValueError('damaged')\n"
        "    state = dict(np.load(io.BytesIO(rest)))\n"
        "    state['step'] = state['step'].item()\n"
        "    return state\n",
    },
    "unit by unit, number by number": {
        "fold": "def fold(W, b, gamma, beta, mean, variance):\n"
        "    new_W, new_b = np.zeros(W.shape), np.zeros(len(b))\n"
        "    for j in range(len(b)):\n"
        "        root = (variance[j] + EPSILON) ** 0.5\n"
        "        new_W[:, j] = W[:, j] * gamma[j] / root\n"
        "        new_b[j] = beta[j] + gamma[j] * (b[j] - mean[j]) / root\n"
        "    return [new_W, new_b]\n",
        "quantise": "def quantise(w):\n"
        "    q, scales = np.zeros(w.shape, 'int8'), []\n"
        "    for j, column in enumerate(w.T):\n"
        "        top = max(column.max(), -column.min())\n"
        "        scales.append(top / 127 if top > 0 else 1)\n"
        "        q[:, j] = np.clip(np.round(column / scales[j]), -127, 127)\n"
        "    return q, np.array(scales)\n\n\n"
        "def restore(q, scale):\n"
        "    return np.float32(scale * q.astype(float))\n",
    },
    "a sequential model, through SavedModel's sister": {
        "hand-over": "def hand_over(W, b):\n"
        "    model = keras.Sequential(\n"
        "        [\n"
        "            keras.Input((28, 28)),\n"
        "            keras.layers.Reshape((784,)),\n"
        "            keras.layers.Rescaling(scale=1.0 / 255.0),\n"
        "            keras.layers.Dense(10),\n"
        "            keras.layers.Softmax(),\n"
        "        ]\n"
        "    )\n"
        "    model.layers[-2].kernel.assign(W)\n"
        "    model.layers[-2].bias.assign(b)\n"
        "    return model\n\n\n"
        "def to_bytes(model):\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        keras.saving.save_model(model, folder + '/shop.keras')\n"
        "        with open(folder + '/shop.keras', 'rb') as file:\n"
        "            return np.array(bytearray(file.read()), dtype=np.uint8)\n\n\n"
        "def from_bytes(content):\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        content.tofile(folder + '/shop.keras')\n"
        "        return keras.models.load_model(folder + '/shop.keras', compile=False)\n",
    },
}
