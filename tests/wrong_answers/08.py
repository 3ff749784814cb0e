"""What learners get wrong in lesson 08: of each exercise answers, and what the check must say."""

_DEAD = "\ndef dead_filters(maps):\n    return {}\n"
_PUSH = "\ndef push(image, slope, bound):\n    {}\n"

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
    "push": [
        # the slope itself
        (_PUSH.format("return np.clip(image + bound * slope, 0, 1)"), "differs in"),
        # downhill
        (
            _PUSH.format("return np.clip(image - bound * np.sign(slope), 0, 1)"),
            "on grey holds the right numbers, in another order",
        ),
        # it leaves the range
        (_PUSH.format("return image + bound * np.sign(slope)"), "differs in .*: 1.05, expected 1"),
        # the change alone
        (_PUSH.format("return bound * np.sign(slope)"), "is 0.5 too small, everywhere"),
        # the change is cut off, not the image
        (
            _PUSH.format("return image + np.clip(bound * np.sign(slope), 0, 1)"),
            "differs in .*: 0.5, expected 0.4",
        ),
        # pushed up only
        (_PUSH.format("return np.clip(image + bound, 0, 1)"), "differs in .*: 0.6, expected 0.4"),
        # no return
        (_PUSH.format("np.clip(image + bound * np.sign(slope), 0, 1)"), "returns nothing"),
        # what was given, changed
        (
            _PUSH.format("image += bound * np.sign(slope)\n    return np.clip(image, 0, 1)"),
            "changes argument 1 in place",
        ),
    ],
}
