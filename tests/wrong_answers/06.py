"""What learners get wrong in lesson 06: of each exercise answers, and what the check must say."""

_ADAM = """
def my_adam(w, m, v, g, t, rate):
    m = {m}
    v = {v}
    pace = {pace}
    {end}
"""
_RIGHT = {
    "m": "0.9 * m + 0.1 * g",
    "v": "0.999 * v + 0.001 * g**2",
    "pace": "rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)",
    "end": "return m, v, w - pace * m / (np.sqrt(v) + 1e-7)",
}
_DROP = "\ndef drop(values, chance, kept):\n    {}\n"
_NORM = """
def normalise(values, scale, shift, tiny=1e-3):
    centred = values - values.mean(axis={axis})
    {end}
"""
_RECIPE = """
def my_recipe():
    network = keras.Sequential([keras.Input((784,)), layers.Dense(10)])
    return {}
"""

WRONG = {
    "my_adam": [
        # the two shares taken for each other
        (_ADAM.format(**_RIGHT | {"m": "0.999 * m + 0.001 * g"}), "m of .* is 0.01 times"),
        # the gradient itself in place of its square
        (_ADAM.format(**_RIGHT | {"v": "0.999 * v + 0.001 * g"}), "v of my_adam after 1 step"),
        # the old mean forgotten
        (_ADAM.format(**_RIGHT | {"m": "0.1 * g"}), "m of my_adam after 50 steps"),
        # means that begin at 0, not made up for
        (_ADAM.format(**_RIGHT | {"pace": "rate"}), "w of my_adam after 1 step differs"),
        # made up for as if it were always the first step
        (
            _ADAM.format(**_RIGHT | {"pace": "rate * np.sqrt(1 - 0.999) / (1 - 0.9)"}),
            "m of my_adam after 50 steps differs",
        ),
        # no root
        (
            _ADAM.format(**_RIGHT | {"end": "return m, v, w - pace * m / (v + 1e-7)"}),
            "w of my_adam after 1 step",
        ),
        # nothing that saves a weight without a slope
        (
            _ADAM.format(**_RIGHT | {"end": "return m, v, w - pace * m / np.sqrt(v)"}),
            "w of my_adam after 1 step holds NaN",
        ),
        # uphill
        (
            _ADAM.format(**_RIGHT | {"end": "return m, v, w + pace * m / (np.sqrt(v) + 1e-7)"}),
            "w of my_adam after 1 step",
        ),
        # the step in place of the weights
        (
            _ADAM.format(**_RIGHT | {"end": "return m, v, pace * m / (np.sqrt(v) + 1e-7)"}),
            "w of my_adam after 1 step",
        ),
        # one result of three
        (
            _ADAM.format(**_RIGHT | {"end": "return w - pace * m / (np.sqrt(v) + 1e-7)"}),
            "returns 1 and not 3 results: m, v, w",
        ),
        # in another order
        (
            _ADAM.format(**_RIGHT | {"end": "return w - pace * m / (np.sqrt(v) + 1e-7), m, v"}),
            "in another order: w, m, v, not m, v, w",
        ),
        # no return
        (_ADAM.format(**_RIGHT | {"end": "w = w - pace * m / (np.sqrt(v) + 1e-7)"}), "a return"),
    ],
    "drop": [
        (_DROP.format("return tf.where(chance < kept, values, 0.0)"), "is 0.75 times"),
        (_DROP.format("return tf.where(chance > kept, values / kept, 0.0)"), "differs in"),
        (_DROP.format("return tf.where(chance < kept, values / (1 - kept), 0.0)"), "is 3 times"),
        (_DROP.format("return tf.where(chance < kept, values * kept, 0.0)"), "is 0.5625 times"),
        # NumPy's way: true and false as numbers, or an operation that no graph knows
        (_DROP.format("return values * (chance < kept) / kept"), "raises"),
        (_DROP.format("return np.where(chance < kept, values / kept, 0)"), "raises NotImpl"),
        # chances of its own
        (_DROP.format("return tf.nn.dropout(values, 0.25, seed=1)"), "differs in"),
        # what is kept, without its place
        (
            _DROP.format("return values[chance < kept] / kept"),
            r"has shape \[3\], expected \[2, 3\]",
        ),
        (_DROP.format("kept_values = tf.where(chance < kept, values / kept, 0.0)"), "a return"),
    ],
    "normalise": [
        # over the units of an image
        (
            _NORM.format(
                axis="1, keepdims=True",
                end="return scale * centred / np.sqrt(values.var(axis=1, keepdims=True) + tiny)"
                " + shift",
            ),
            "with scale 1, shift 0 differs",
        ),
        # one mean for all
        (
            _NORM.format(
                axis="None", end="return scale * centred / np.sqrt(values.var() + tiny) + shift"
            ),
            "with scale 1, shift 0 differs",
        ),
        # the variance, not its root
        (
            _NORM.format(
                axis=0, end="return scale * centred / (values.var(axis=0) + tiny) + shift"
            ),
            "with scale 1, shift 0 differs",
        ),
        # nothing that saves a constant unit
        (
            _NORM.format(axis=0, end="return scale * centred / values.std(axis=0) + shift"),
            "holds NaN",
        ),
        # another variance
        (
            _NORM.format(
                axis=0,
                end="return scale * centred / np.sqrt(values.var(axis=0, ddof=1) + tiny) + shift",
            ),
            "is 0.866 times what is expected",
        ),
        # shifted before it is scaled
        (
            _NORM.format(
                axis=0,
                end="return scale * (centred / np.sqrt(values.var(axis=0) + tiny) + shift)",
            ),
            "with a scale and a shift differs",
        ),
        # neither
        (
            _NORM.format(axis=0, end="return centred / np.sqrt(values.var(axis=0) + tiny)"),
            "with a scale and a shift differs",
        ),
        (_NORM.format(axis=0, end="centred / np.sqrt(values.var(axis=0) + tiny)"), "a return"),
    ],
    "my_recipe": [
        # a single layer
        (_RECIPE.format("network, np.linspace(0.003, 0, 2_000)"), r"reads 9\d\.\d+% .* to beat"),
        # the network alone
        (_RECIPE.format("network"), "it must return a model, then the rates"),
        # one rate for all steps
        (_RECIPE.format("network, 0.003"), r"rates have shape \[\], expected \[2000\]"),
        # the other way round
        (_RECIPE.format("np.linspace(0.003, 0, 2_000), network"), "the first is no Keras model"),
        # what add gives back
        (
            _RECIPE.format("network.add(layers.Dense(10)), np.linspace(0.003, 0, 2_000)"),
            "the first is no Keras model",
        ),
        # no return
        ("\ndef my_recipe():\n    np.linspace(0.003, 0, 2_000)\n", "Is a return missing"),
    ],
}
