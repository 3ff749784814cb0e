"""What learners get wrong in lesson 02b: of each exercise answers, and what the check must say."""

_SWISH = """
def swish_slope(z):
    s = sigmoid(z)
    return {}
"""
_STEP = """
def momentum_step(w, v, slope, rate, momentum):
    {}
    return {}
"""

WRONG = {
    "swish_slope": [
        # the function itself
        (_SWISH.format("z * s"), r"swish_slope at 0 is 0, expected 0\.5"),
        # half of the product rule, then the other
        (_SWISH.format("s"), "swish_slope of five numbers differs in 4 of 5"),
        (_SWISH.format("z * s * (1 - s)"), r"swish_slope at 0 is 0, expected 0\.5"),
        # without 1 − s
        (_SWISH.format("s + z * s"), "swish_slope of five numbers differs"),
        # the product of both slopes
        (_SWISH.format("s * (1 - s)"), r"swish_slope at 0 is 0\.25, expected 0\.5"),
        # the sum of the slopes
        (_SWISH.format("1 + s * (1 - s)"), r"swish_slope at 0 is 1\.25, expected 0\.5"),
        (
            "\ndef swish_slope(z):\n    s = sigmoid(z)\n    s + z * s * (1 - s)\n",
            "is a return missing",
        ),
        # one number only
        (
            "\nimport math\n\ndef swish_slope(z):\n    s = 1 / (1 + math.exp(-z))\n"
            "    return s + z * s * (1 - s)\n",
            "swish_slope of five numbers raises TypeError",
        ),
    ],
    "momentum_step": [
        # uphill
        (
            _STEP.format("v = momentum * v + rate * slope", "w + v, v"),
            "weights of momentum_step from rest have the wrong sign",
        ),
        # by the old velocity
        (
            _STEP.format("new = momentum * v - rate * slope", "w + v, new"),
            "weights of momentum_step from rest are 0, everywhere",
        ),
        # no memory
        (
            _STEP.format("v = -rate * slope", "w + v, v"),
            "weights of momentum_step on flat ground differ",
        ),
        # all of the memory
        (
            _STEP.format("v = v - rate * slope", "w + v, v"),
            "weights of momentum_step on flat ground differ",
        ),
        # the other way round
        (
            _STEP.format("v = momentum * v - rate * slope", "v, w + v"),
            "in another order: velocity, weights, not weights, velocity",
        ),
        # the weights alone
        (_STEP.format("v = momentum * v - rate * slope", "w + v"), "1 and not 2 results: weights"),
        # the rate forgotten
        (
            _STEP.format("v = momentum * v - slope", "w + v, v"),
            "weights of momentum_step from rest are 10 times",
        ),
        # the velocity in place
        (
            _STEP.format("v *= momentum\n    v -= rate * slope", "w + v, v"),
            "momentum_step from rest changes argument 2 in place",
        ),
        (_STEP.format("v = momentum * v - rate * slope", "None"), "is a return missing"),
    ],
}
