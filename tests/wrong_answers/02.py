"""What learners get wrong in lesson 02: of each exercise answers, and what the check must say."""

_FORWARD = """
def my_forward(x, network):
    activations = {first}
    for W, b, curve in zip(*network):
        {layer}
    return {result}
"""
_LAYER = "activations.append(CURVES[curve][0](activations[-1] @ W + b))"
_ALL = {"first": "[x]", "layer": _LAYER, "result": "activations"}
_LAYER_BACK = """
def my_layer_back(slope, W, before, after, curve):
    delta = slope * CURVES[curve][1](after)
    return before.T @ delta, delta.sum(axis=0), delta @ W.T
"""
_BACKWARD = """
def my_backward(activations, y, network):
    weights, _, curves = network
    by_weights, by_biases = [], []
    slope = (activations[-1] - y) / len(y)
    for k in reversed(range(len(weights))):
        dW, db, slope = layer_back(
            slope, weights[k], activations[k], activations[k + 1], curves[k]
        )
        by_weights.insert(0, dW)
        by_biases.insert(0, db)
    return by_weights + by_biases
"""
_SPIRALS = "\ndef my_spirals():\n    return {}\n"

WRONG = {
    "my_forward": [
        # the pre-activations
        (
            _FORWARD.format(**_ALL | {"layer": "activations.append(activations[-1] @ W + b)"}),
            "A_1 of my_forward of one layer, tanh differs",
        ),
        # no bias
        (
            _FORWARD.format(**_ALL).replace(" + b))", "))"),
            "A_1 of my_forward of one layer, tanh differs",
        ),
        # every layer reads the inputs
        (
            _FORWARD.format(**_ALL).replace("activations[-1] @", "x @"),
            "of two layers, ReLU and sigmoid raises Value",
        ),
        # the inputs are left out
        (
            _FORWARD.format(**_ALL | {"result": "activations[1:]"}),
            "returns 1 and not 2 results: A_0, A_1",
        ),
        # only the last
        (_FORWARD.format(**_ALL | {"result": "activations[-1]"}), "1 and not 2 results: A_0, A_1"),
        # a sigmoid, whatever the network says
        (_FORWARD.format(**_ALL).replace("CURVES[curve][0]", "sigmoid"), "A_1 of .* differs"),
        # after the first turn
        (
            "\ndef my_forward(x, network):\n    activations = [x]\n"
            f"    for W, b, curve in zip(*network):\n        {_LAYER}\n"
            "        return activations\n",
            "of two layers, ReLU and sigmoid returns 2 and not 3 results",
        ),
        (_FORWARD.format(**_ALL | {"result": "None"}), "returns nothing: is a return missing"),
        # the slope in place of the function
        (_FORWARD.format(**_ALL).replace("[curve][0]", "[curve][1]"), "A_1 of .* differs"),
    ],
    "my_layer_back": [
        # without the activation function's slope
        (
            _LAYER_BACK.replace("slope * CURVES[curve][1](after)", "slope"),
            r"dW of .* at a fifth is 6.25 times what is expected, everywhere\.$",
        ),
        # half of it
        (
            _LAYER_BACK.replace("CURVES[curve][1](after)", "after"),
            r"dW of .* at a fifth is 1.25 times what is expected, everywhere\.$",
        ),
        # of the wrong layer
        (_LAYER_BACK.replace("(after)", "(before)"), "raises ValueError"),
        # of the activation, as if it were the pre-activation
        (
            _LAYER_BACK.replace(
                "CURVES[curve][1](after)", "CURVES[curve][1](CURVES[curve][0](after))"
            ),
            r"dW of .* at a fifth is 1\.5\d* times",
        ),
        # a mean, though the slope has it already
        (
            _LAYER_BACK.replace("delta.sum(axis=0)", "delta.mean(axis=0)"),
            "db of .* is 0.2 times .* divided twice",
        ),
        # divided by the batch once more
        (
            _LAYER_BACK.replace("before.T @ delta,", "before.T @ delta / len(before),"),
            "dW of .* is 0.2 times .* divided twice",
        ),
        # no sum at all
        (
            _LAYER_BACK.replace("delta.sum(axis=0)", "delta"),
            r"db of .* has shape \[5, 3\], expected \[3\]: is a sum",
        ),
        # what came in
        (
            _LAYER_BACK.replace("delta @ W.T", "slope"),
            r"slope by before of .* has shape \[5, 3\], expected \[5, 2\]",
        ),
        # transposed
        (_LAYER_BACK.replace("before.T @ delta", "delta.T @ before"), "dW of .* it is transposed"),
        (_LAYER_BACK.replace("delta @ W.T", "delta @ W"), "raises ValueError"),
        # the delta of the layer before: one step too far
        (
            _LAYER_BACK.replace("delta @ W.T", "delta @ W.T * CURVES[curve][1](before)"),
            "slope by before of .* differs",
        ),
        # two of three
        # as the formulas of single neurons read, right for one input
        (
            _LAYER_BACK.replace("before.T @ delta", "(before * delta).sum(axis=0, keepdims=True)"),
            "raises ValueError",
        ),
        (
            _LAYER_BACK.replace("delta @ W.T", "(W * delta).sum(axis=1, keepdims=True)"),
            "raises ValueError",
        ),
        # the slope of one function, whatever the layer's
        (_LAYER_BACK.replace("CURVES[curve][1](after)", "after * (1 - after)"), "with ReLU"),
        (_LAYER_BACK.replace(", delta @ W.T", ""), "returns 2 and not 3 results: dW, db, slope"),
        (_LAYER_BACK.replace("    return ", "    dW = "), "returns nothing: is a return missing"),
    ],
    "my_backward": [
        # the sum over the samples
        (
            _BACKWARD.replace(" / len(y)", ""),
            "W_1 of my_backward of one layer is 5 times .* a sum where a mean belongs",
        ),
        # the wrong way round
        # as many answers as numbers
        (_BACKWARD.replace(" / len(y)", " / y.size"), "W_1 of .* of one layer is 0.5 times"),
        (_BACKWARD.replace("activations[-1] - y", "y - activations[-1]"), "has the wrong sign"),
        # empties the network on its way
        (
            _BACKWARD.replace(
                "by_weights + by_biases", "by_weights + by_biases + weights[:0]"
            ).replace("    return", "    weights.pop()\n    return"),
            "takes something out of network",
        ),
        # the loss without its half
        (
            _BACKWARD.replace("(activations[-1] - y)", "2 * (activations[-1] - y)"),
            r"is 2 times what is expected, everywhere\.$",
        ),
        # the output in place of its error
        (_BACKWARD.replace("(activations[-1] - y)", "activations[-1]"), "W_1 of .* differs"),
        # as found, the last layer first
        (
            _BACKWARD.replace(".insert(0, ", ".append("),
            r"W_3 of my_backward of three layers has shape \[2, 2\], expected \[2, 1\]",
        ),
        # never to the layer before
        (
            _BACKWARD.replace("dW, db, slope = ", "dW, db, _ = "),
            r"W_2 of my_backward of three layers|of three layers raises ValueError",
        ),
        # the first layer first
        (_BACKWARD.replace("reversed(range(len(weights)))", "range(len(weights))"), "three layers"),
        # the wrong activations
        (
            _BACKWARD.replace(
                "activations[k], activations[k + 1]", "activations[k], activations[k]"
            ),
            "W_1 of my_backward of one layer|of one layer raises ValueError",
        ),
        # the weights' slopes alone
        (
            _BACKWARD.replace("by_weights + by_biases", "by_weights"),
            "1 and not 2 results: W_1, b_1",
        ),
        (_BACKWARD.replace("    return by_weights + by_biases", ""), "is a return missing"),
        # the error written into the answers
        (
            _BACKWARD.replace(
                "slope = (activations[-1] - y) / len(y)",
                "slope = activations[-1]\n    slope -= y\n    slope /= len(y)",
            ),
            "changes argument|W_1 of .* differs",
        ),
    ],
    "my_spirals": [
        # a larger network than the lesson's
        (
            _SPIRALS.format('[2, 20, 16, 1], ["sigmoid"] * 3, 4.0, 3.0, 0.95'),
            "has 413 numbers, and may have 337",
        ),
        # the lesson's network, as it was trained
        (_SPIRALS.format('[2, 16, 16, 1], ["sigmoid"] * 3, 4.0, 3.0, 0.95'), r"on 6\d\.\d\d% "),
        # two names exchanged, and nothing else
        (
            _SPIRALS.format('[2, 16, 16, 1], ["tanh", "tanh", "sigmoid"], 4.0, 3.0, 0.95'),
            r"on 9[2-5]\.\d\d% ",
        ),
        # the right functions, without momentum
        (
            _SPIRALS.format('[2, 16, 16, 1], ["tanh", "tanh", "sigmoid"], 2.5, 20.0, 0'),
            r"on 6\d\.\d\d% ",
        ),
        # a ball that nothing brakes
        (
            _SPIRALS.format('[2, 16, 16, 1], ["tanh", "tanh", "sigmoid"], 2.0, 1.0, 1.0'),
            "the momentum is 1.0, not from 0",
        ),
        # no function for the last layer
        (_SPIRALS.format('[2, 10, 4, 1], ["tanh"] * 2, 2.0, 1.0, 0.95'), "3 layers have 2 func"),
        # one name for all
        (_SPIRALS.format('[2, 16, 16, 1], "tanh", 2.0, 1.0, 0.95'), "3 layers have 4 functions"),
        # the ends
        (_SPIRALS.format('[2, 16, 2], ["tanh"] * 2, 2.0, 1.0, 0.95'), "leads not from 2 inputs"),
        # the sizes alone
        (_SPIRALS.format("[2, 10, 4, 1]"), "five things"),
        (_SPIRALS.format("None"), "Is a return missing"),
        # a name that the table doesn't have
        (
            _SPIRALS.format('[2, 10, 4, 1], ["tanh", "tanh", "softmax"], 2.0, 1.0, 0.95'),
            "softmax.* not all of",
        ),
    ],
}
