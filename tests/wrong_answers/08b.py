"""What learners get wrong in lesson 08b: of each exercise answers, and what the check must say."""

_DEAD = "\ndef dead_filters(maps):\n    return {}\n"
_STRONG = "\ndef strongest(activations, k):\n    return {}\n"
_ALIKE = """
def correlations(maps, others):
    a = {a}
    b = others - others.mean(axis=1, keepdims=True)
    squares = np.square(a).sum(axis=1) * np.square(b).sum(axis=1)
    {result}
"""
_RIGHT = {
    "a": "maps - maps.mean(axis=1, keepdims=True)",
    "result": "return (a * b).sum(axis=1) / np.sqrt(squares)",
}

WRONG = {
    "dead_filters": [
        # how many, not which
        (
            _DEAD.format("np.sum(maps.max(axis=(0, 1, 2)) == 0)"),
            r"(has|have) shape \[\], expected \[2\]",
        ),
        # true and false
        (
            _DEAD.format("maps.max(axis=(0, 1, 2)) == 0"),
            r"(has|have) shape \[4\], expected \[2\]",
        ),
        # the sum over images only
        (
            _DEAD.format("np.flatnonzero(maps.max(axis=0) == 0)"),
            r"expected \[2\]",
        ),
        # silent on the mean
        (
            _DEAD.format("np.flatnonzero(maps.mean(axis=(0, 1, 2)) < 0.01)"),
            r"(has|have) shape \[2\], expected \[1\]",
        ),
        # those that fire
        (
            _DEAD.format("np.flatnonzero(maps.max(axis=(0, 1, 2)))"),
            "(is|are) 1 too small, everywhere",
        ),
        # silent somewhere
        (_DEAD.format("np.flatnonzero(maps.min(axis=(0, 1, 2)) == 0)"), r"(has|have) shape \[4\]"),
        # all that np.nonzero gives
        (_DEAD.format("np.nonzero(maps.max(axis=(0, 1, 2)) == 0)"), r"(has|have) shape \[1, 2\]"),
    ],
    "strongest": [
        # the weakest
        (_STRONG.format("np.argsort(activations, axis=0)[:k]"), "with k = 1"),
        # the strongest, but last
        (
            _STRONG.format("np.argsort(activations, axis=0)[-k:]"),
            "with k = 3 (differs|holds the right numbers, in another order)",
        ),
        # of each image the units
        (
            _STRONG.format("np.argsort(-activations, axis=1)[:k]"),
            "with k = 1 (is|differs|holds)",
        ),
        # the activations themselves
        (_STRONG.format("-np.sort(-activations, axis=0)[:k]"), "with k = 1"),
        # a row for each unit
        (_STRONG.format("np.argsort(-activations, axis=0)[:k].T"), "transposed"),
        # all of them
        (
            _STRONG.format("np.argsort(-activations, axis=0)"),
            r"has shape \[4, 3\], expected \[1, 3\]",
        ),
        # no return
        (
            _STRONG.format("np.argsort(-activations, axis=0)[:k]").replace("return", "best ="),
            "returns nothing: is a return missing",
        ),
    ],
    "correlations": [
        # brightness counts
        (_ALIKE.format(**_RIGHT | {"a": "maps"}), "of three pairs differ in"),
        # the mean of all
        (
            _ALIKE.format(
                **_RIGHT | {"result": "return np.mean((a * b).sum(axis=1) / squares**0.5)"}
            ),
            r"have shape \[\], expected \[3\]",
        ),
        # not divided
        (_ALIKE.format(**_RIGHT | {"result": "return (a * b).sum(axis=1)"}), "differ in"),
        # without the root
        (
            _ALIKE.format(**_RIGHT | {"result": "return (a * b).sum(axis=1) / squares"}),
            "differ in",
        ),
        # each with each
        (
            _ALIKE.format(**_RIGHT | {"result": "return np.corrcoef(maps, others)"}),
            r"have shape \[6, 6\], expected \[3\]",
        ),
        # no return
        (_ALIKE.format(**_RIGHT | {"result": "pass"}), "returns nothing: is a return missing"),
    ],
}
