"""What learners get wrong in lesson 07: of each exercise answers, and what the check must say."""

_PLACES = """
def places(n, k, stride=1, padding="valid"):
    if padding == "same":
        return {same}
    return {valid}
"""
_RIGHT = {"same": "-(-n // stride)", "valid": "(n - k) // stride + 1"}
_COUNT = """
def count_convolution(k, n_in, n_out, side):
    weights = {weights}
    return {end}
"""
_COUNTED = {"weights": "k * k * n_in * n_out", "end": "weights + n_out, weights * side * side"}
_SUSPECTS = """
def suspects(probabilities, labels, n):
    own = {own}
    {end}
"""
_OWN = {"own": "probabilities[np.arange(len(labels)), labels]"}

WRONG = {
    "places": [
        # the last place not counted
        (
            _PLACES.format(**_RIGHT | {"valid": "(n - k) // stride"}),
            "kernel of 5, an image of 28 are 23, expected 24",
        ),
        # the first place not counted among those of a stride
        (
            _PLACES.format(**_RIGHT | {"valid": "(n - k + 1) // stride"}),
            "an image of 13, stride 3 are 3, expected 4",
        ),
        # a number with a fraction
        (
            _PLACES.format(**_RIGHT | {"valid": "(n - k) / stride + 1"}),
            "an image of 28, stride 2 are 12.5, expected 12",
        ),
        # the stride left out
        (
            _PLACES.format(**_RIGHT | {"valid": "n - k + 1"}),
            "an image of 28, stride 2 are 24, expected 12: 2 times as much",
        ),
        # rounded down
        (
            _PLACES.format(**_RIGHT | {"same": "n // stride"}),
            "an image of 7, stride 2, padded are 3, expected 4",
        ),
        # as large as the image, whatever the stride
        (
            _PLACES.format(**_RIGHT | {"same": "n"}),
            "an image of 28, stride 2, padded are 28, expected 14",
        ),
        (
            "\ndef places(n, k, stride=1, padding='valid'):\n    side = (n - k) // stride + 1\n",
            "is a return missing",
        ),
    ],
    "count_convolution": [
        # biases forgotten
        (
            _COUNT.format(**_COUNTED | {"end": "weights, weights * side * side"}),
            "parameters of .* 800, expected 832",
        ),
        # a bias for each place
        (
            _COUNT.format(
                **_COUNTED | {"end": "weights + n_out * side * side, weights * side * side"}
            ),
            "parameters of .* 7072, expected 832",
        ),
        # kernels as deep as one channel
        (_COUNT.format(**_COUNTED | {"weights": "k * k * n_out"}), "3 × 3, of 2 channels"),
        # one multiplication for each number of the result
        (
            _COUNT.format(**_COUNTED | {"end": "weights + n_out, side * side * n_out"}),
            "multiplications of .* 6272, expected 156800",
        ),
        # one row of the result
        (
            _COUNT.format(**_COUNTED | {"end": "weights + n_out, weights * side"}),
            "multiplications of .* expected 156800",
        ),
        # one of two results
        (
            _COUNT.format(**_COUNTED | {"end": "weights + n_out"}),
            "returns 1 and not 2 results: parameters, multiplications",
        ),
        ("\ndef count_convolution(k, n_in, n_out, side):\n    k * k * n_in\n", "a return missing"),
    ],
    "suspects": [
        # the surest first
        (
            _SUSPECTS.format(**_OWN, end="return np.argsort(-own)[:n]"),
            "of 6 images, 2 classes differ",
        ),
        # the least sure answers, whatever the label
        (
            _SUSPECTS.format(own="probabilities.max(axis=1)", end="return np.argsort(own)[:n]"),
            "of 6 images, 2 classes differ",
        ),
        # the probabilities, not the places
        (
            _SUSPECTS.format(**_OWN, end="return np.sort(own)[:n]"),
            "of 6 images, 2 classes differ",
        ),
        # all of them
        (
            _SUSPECTS.format(**_OWN, end="return np.argsort(own)"),
            r"have shape \[6\], expected \[2\]",
        ),
        # the most suspicious last
        (
            _SUSPECTS.format(**_OWN, end="return np.argsort(own)[:n][::-1]"),
            "the right numbers, in another order",
        ),
        # a column of each label, for each image
        (
            _SUSPECTS.format(own="probabilities[:, labels]", end="return np.argsort(own)[:n]"),
            r"have shape \[2, 6\], expected \[2\]",
        ),
        (_SUSPECTS.format(**_OWN, end="np.argsort(own)[:n]"), "is a return missing"),
    ],
}
