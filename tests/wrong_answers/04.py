"""What learners get wrong in lesson 04: of each exercise answers, and what the check must say."""

_ENCODER = """
def my_encoder(x, weights):
    for W in weights:
        {}
    return x
"""
_DECODER = """
def my_decoder(codes, weights):
    for W in {}:
        codes = {}
    return codes
"""
_NETWORK = """
def my_network(steps):
    W = tf.Variable(tf.random.stateless_normal([784, {units}], [1, 2], stddev=0.05))
    def encode(x):
        return x @ W
    def decode(z):
        return {made}
    return {result}
"""
_PLAIN = {
    "units": 64,
    "made": "z @ tf.transpose(W)",
    "result": "encode, decode, [W], np.full(steps, 0.001)",
}
_STEP = """
def my_denoising_step(rebuild, variables, optimizer, x, kept):
    with tf.GradientTape() as tape:
        loss = tf.reduce_{mean}(tf.square({error}))
    {move}
"""
_DENOISE = {
    "mean": "mean",
    "error": "rebuild(x * kept) - x",
    "move": "optimizer.apply(tape.gradient(loss, variables), variables)\n    return loss",
}

WRONG = {
    "my_encoder": [
        # no ReLU at all
        (_ENCODER.format("x = x @ W"), r"result of my_encoder .* differs in 3 of 9 places"),
        # none after the last layer
        (
            "\ndef my_encoder(x, weights):\n    for W in weights[:-1]:\n"
            "        x = tf.nn.relu(x @ W)\n    return x @ weights[-1]\n",
            "result of my_encoder with one matrix differs",
        ),
        # always the image
        (
            _ENCODER.format("h = tf.nn.relu(x @ W)").replace("return x", "return h"),
            "with two matrices raises",
        ),
        # back after the first layer
        (
            _ENCODER.format("x = tf.nn.relu(x @ W)").replace("    return x", "        return x"),
            r"with two matrices has shape \[3, 3\], expected \[3, 2\]",
        ),
        # NumPy, where no gradient gets through
        (
            _ENCODER.format("x = np.maximum(x @ W.numpy(), 0)"),
            "number of matrices that a gradient reaches of my_encoder",
        ),
        # nothing comes back
        (
            _ENCODER.format("x = tf.nn.relu(x @ W)").replace("    return x\n", ""),
            "is None, expected numbers: is a return missing",
        ),
        # a sigmoid in place of the ReLU
        (_ENCODER.format("x = tf.sigmoid(x @ W)"), "differs in 9 of 9 places"),
    ],
    "my_decoder": [
        # first to last
        (
            _DECODER.format("weights", "tf.nn.relu(codes @ tf.transpose(W))"),
            "with two matrices raises",
        ),
        # not transposed
        (_DECODER.format("reversed(weights)", "tf.nn.relu(codes @ W)"), "with one matrix raises"),
        # no ReLU
        (
            _DECODER.format("reversed(weights)", "codes @ tf.transpose(W)"),
            "result of my_decoder with one matrix differs",
        ),
        # the encoder's list turned round for good
        (
            _DECODER.format("reversed(weights)", "tf.nn.relu(codes @ tf.transpose(W))")
            .replace("    for", "    weights.reverse()\n    for")
            .replace("reversed(weights)", "weights"),
            "order of the list of my_decoder with two matrices is .changed., expected .kept.",
        ),
        # transposed only where it doesn't fit otherwise
        (
            "\ndef my_decoder(codes, weights):\n    for W in reversed(weights):\n"
            "        if W.shape[0] != codes.shape[1]:\n            W = tf.transpose(W)\n"
            "        codes = tf.nn.relu(codes @ W)\n    return codes\n",
            "with two matrices, one square differs",
        ),
    ],
    "my_network": [
        # the matrix alone: what PCA can do in so few steps
        (_NETWORK.format(**_PLAIN), r"Your network's error is 0\.\d+; to beat"),
        # a code that is no bottleneck
        (_NETWORK.format(**_PLAIN | {"units": 128}), r"shape \(2, 128\): more than 64 numbers"),
        # a decoder that stops halfway
        (_NETWORK.format(**_PLAIN | {"made": "z"}), r"decode makes \[2, 64\] .* not \[2, 784\]"),
        # one rate for all steps
        (
            _NETWORK.format(**_PLAIN | {"result": "encode, decode, [W], 0.001"}),
            r"rates have shape \[\], expected \[550\]",
        ),
        # codes and images in place of functions
        (
            _NETWORK.format(**_PLAIN | {"result": "[W], np.full(steps, 0.001)"}),
            "must return encode, decode, variables and rates",
        ),
        # no return
        ("\ndef my_network(steps):\n    rates = np.full(steps, 0.001)\n", "Is a return missing"),
        # nothing to train
        (
            _NETWORK.format(**_PLAIN | {"result": "encode, decode, [], np.full(steps, 0.001)"}),
            "no variables to train",
        ),
    ],
    "my_denoising_step": [
        # a number, which no graph can return
        (
            _STEP.format(**_DENOISE).replace("return loss", "return float(loss)"),
            "must stay a tensor",
        ),
        # holes in the target, too
        (
            _STEP.format(**_DENOISE | {"error": "rebuild(x * kept) - x * kept"}),
            "change of my_denoising_step after 1 step differs",
        ),
        # no holes
        (
            _STEP.format(**_DENOISE | {"error": "rebuild(x) - x"}),
            "change of my_denoising_step after 1 step differs",
        ),
        # the masked image as the target of the clean one
        (
            _STEP.format(**_DENOISE | {"error": "rebuild(x) - x * kept"}),
            "change of my_denoising_step after 1 step differs",
        ),
        # a sum
        (
            _STEP.format(**_DENOISE | {"mean": "sum"}),
            "change of my_denoising_step after 1 step is 6 times what is expected",
        ),
        # no step
        (
            _STEP.format(**_DENOISE | {"move": "return loss"}),
            "change of my_denoising_step after 1 step is 0, everywhere",
        ),
        # no loss
        (
            _STEP.format(**_DENOISE).replace("    return loss", ""),
            "loss of my_denoising_step after 1 step is None.* is a return missing",
        ),
        # uphill
        (
            _STEP.format(**_DENOISE).replace(
                "tape.gradient(loss, variables), variables",
                "[-g for g in tape.gradient(loss, variables)], variables",
            ),
            "change of my_denoising_step after 1 step has the wrong sign",
        ),
        # plain gradient descent, whatever the optimiser is
        (
            _STEP.format(
                **_DENOISE
                | {
                    "move": "for w, g in zip(variables, tape.gradient(loss, variables)):\n"
                    "        w.assign_sub(0.1 * g)\n    return loss"
                }
            ),
            "change of my_denoising_step after 3 steps differs in 4 of 4",
        ),
        # only where pixels are lost
        (
            _STEP.format(**_DENOISE | {"error": "(rebuild(x * kept) - x) * (1 - kept)"}),
            "change of my_denoising_step after 1 step differs",
        ),
    ],
}
