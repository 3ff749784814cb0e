"""What learners get wrong in lesson 07: of each exercise answers, and what the check must say."""

_SLIDE = """
def my_slide(image, kernel):
    k, (h, w) = len(kernel), image.shape
    result = np.zeros({shape})
    for r in range({rows}):
        for c in range({columns}):
            result[r, c] = {sum}
    {end}
"""
_SLID = {"shape": "(h - k + 1, w - k + 1)", "rows": "h - k + 1", "columns": "w - k + 1"}
_SLID |= {"sum": "(image[r : r + k, c : c + k] * kernel).sum()", "end": "return result"}
_CONVOLVE = "\ndef my_convolve(image, kernel, stride=1, pad=0):\n    {}\n"
_LAYER = """
def my_layer(image, kernels, biases, stride=1, pad=0):
    maps = []
    for o in range(kernels.shape[3]):
        total = {begin}
        for i in range(kernels.shape[2]):
            total = total + {add}
        maps.append(total)
    {end}
"""
_ADDED = {"begin": "biases[o]", "end": "return np.stack(maps, axis=-1)"}
_ADDED |= {"add": "convolve(image[..., i], kernels[:, :, i, o], stride, pad)"}
_NORM = """
def my_norm(maps, scale, shift, tiny=1e-3):
    mean, variance = maps.mean(axis={axes}), maps.var(axis={axes})
    {end}
"""
_END = "return scale * (maps - mean) / np.sqrt(variance + tiny) + shift"
_KEPT = "{0}, keepdims=True"
_RECIPE = "\ndef my_recipe():\n    return {}\n"

WRONG = {
    "my_slide": [
        # turned round, as mathematicians do
        (
            _SLIDE.format(
                **_SLID | {"sum": "(image[r : r + k, c : c + k] * kernel[::-1, ::-1]).sum()"}
            ),
            "of the picture above differ",
        ),
        # the last place left out
        (
            _SLIDE.format(
                **_SLID | {"shape": "(h - k, w - k)", "rows": "h - k", "columns": "w - k"}
            ),
            r"ha[sv]e? shape \[1, 2\], expected \[2, 3\]",
        ),
        # taken for square
        (
            _SLIDE.format(**_SLID | {"shape": "(h - k + 1, h - k + 1)", "columns": "h - k + 1"}),
            r"ha[sv]e? shape \[2, 2\], expected \[2, 3\]",
        ),
        # a matrix product
        (
            _SLIDE.format(**_SLID | {"sum": "(image[r : r + k, c : c + k] @ kernel).sum()"}),
            "of the picture above differ",
        ),
        # a mean
        (
            _SLIDE.format(**_SLID | {"sum": "(image[r : r + k, c : c + k] * kernel).mean()"}),
            "0.25 times what is expected",
        ),
        # no return
        (_SLIDE.format(**_SLID | {"end": ""}), "is a return missing"),
    ],
    "my_convolve": [
        # the padding forgotten
        (
            _CONVOLVE.format("return slide(image, kernel)[::stride, ::stride]"),
            r"with one zero on each side have shape \[1, 2\]|with one zero on each side has shape",
        ),
        # the stride forgotten
        (
            _CONVOLVE.format("return slide(np.pad(image, pad), kernel)"),
            "stride 2, padded ha[sv]e? shape",
        ),
        # rows only
        (
            _CONVOLVE.format("return slide(np.pad(image, pad), kernel)[::stride]"),
            "stride 2, padded ha[sv]e? shape",
        ),
        # the image thinned out, not the result
        (
            _CONVOLVE.format("return slide(np.pad(image, pad)[::stride, ::stride], kernel)"),
            "stride 2, padded ha[sv]e? shape",
        ),
        # padded after sliding
        (
            _CONVOLVE.format("return np.pad(slide(image, kernel), pad)[::stride, ::stride]"),
            "with one zero on each side differs?",
        ),
        (
            _CONVOLVE.format("slide(np.pad(image, pad), kernel)[::stride, ::stride]"),
            "is a return missing",
        ),
    ],
    "my_layer": [
        # a bias for each map that is read
        (
            _LAYER.format(**_ADDED | {"begin": "0", "add": _ADDED["add"] + " + biases[o]"}),
            "of 2 maps, 3 kernels differs?",
        ),
        # none at all
        (_LAYER.format(**_ADDED | {"begin": "0"}), "of one map, 3 kernels differs?"),
        # the kernels' last two axes swapped
        (
            _LAYER.format(
                **_ADDED | {"add": "convolve(image[..., i], kernels[:, :, o, i], stride, pad)"}
            ),
            "raises IndexError",
        ),
        # channels first
        (
            _LAYER.format(**_ADDED | {"end": "return np.stack(maps)"}),
            r"ha[sv]e? shape \[3, 2, 3\]",
        ),
        # stride and padding not passed on
        (
            _LAYER.format(**_ADDED | {"add": "convolve(image[..., i], kernels[:, :, i, o])"}),
            "with stride 2 and padding",
        ),
        (_LAYER.format(**_ADDED | {"end": ""}), "is a return missing"),
    ],
    "my_norm": [
        # each place by itself, as lesson 06's units
        (_NORM.format(axes="0", end=_END), "with scale 1, shift 0 differs?"),
        # each image by itself
        (
            _NORM.format(axes=_KEPT.format("(1, 2)"), end=_END),
            "with scale 1, shift 0 differs?",
        ),
        # all channels together
        (_NORM.format(axes="None", end=_END), "with scale 1, shift 0 differs?"),
        # the channels of a place
        (_NORM.format(axes=_KEPT.format("3"), end=_END), "with scale 1, shift 0 differs?"),
        # the root missing
        (
            _NORM.format(
                axes="(0, 1, 2)", end="return scale * (maps - mean) / (variance + tiny) + shift"
            ),
            "with scale 1, shift 0 differs?",
        ),
        # shifted, then scaled
        (
            _NORM.format(
                axes="(0, 1, 2)",
                end="return scale * ((maps - mean) / np.sqrt(variance + tiny) + shift)",
            ),
            "with a scale and a shift",
        ),
        (_NORM.format(axes="(0, 1, 2)", end=_END[7:]), "is a return missing"),
    ],
    "my_recipe": [
        # only the model
        (_RECIPE.format("small('convolutional')"), "a model, then the rates"),
        # too large
        (_RECIPE.format("small('dense'), np.full(550, 0.003)"), "at most 10,000 are allowed"),
        # one rate
        (
            _RECIPE.format("small('convolutional'), 0.003"),
            r"the rates have shape \[\], expected \[550\]",
        ),
        # it learns, but too little
        (
            _RECIPE.format("small('convolutional'), np.full(550, 0.003)"),
            r"reads 9\d\.\d+% of the validation images; to beat: 98\.30%",
        ),
        # one score
        (
            _RECIPE.format("keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()]), [0.1]"),
            "can't be measured",
        ),
    ],
}
