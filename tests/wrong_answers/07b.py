"""What learners get wrong in lesson 07b, and what its checks say of it."""

_LOOKS = """
def my_looks(read, images):
    moves = [(down, right) for down in {steps} for right in {steps}]
    {end}
"""
_NINE = "[read(np.roll(images, by, axis=(1, 2))) for by in moves]"
_AROUND = "(-1, 0, 1)"
_SUSPECTS = """
def suspects(probabilities, labels, n):
    own = {own}
    {end}
"""
_OWN = {"own": "probabilities[np.arange(len(labels)), labels]"}

WRONG = {
    "my_looks": [
        # a sum in place of a mean
        (_LOOKS.format(steps=_AROUND, end=f"return np.sum({_NINE}, axis=0)"), "9 times what is"),
        # four moves
        (_LOOKS.format(steps="(0, 1)", end=f"return np.mean({_NINE}, axis=0)"), "differs in"),
        # a mean over the images, too
        (_LOOKS.format(steps=_AROUND, end=f"return np.mean({_NINE}, axis=(0, 1))"), "has shape"),
        # all nine
        (_LOOKS.format(steps=_AROUND, end=f"return np.array({_NINE})"), "is a sum or mean"),
        # the images are averaged, not the answers
        (
            _LOOKS.format(
                steps=_AROUND,
                end="return read(np.mean([np.roll(images, b, (1, 2)) for b in moves], axis=0))",
            ),
            "differs in",
        ),
        (_LOOKS.format(steps=_AROUND, end=f"np.mean({_NINE}, axis=0)"), "is a return missing"),
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
