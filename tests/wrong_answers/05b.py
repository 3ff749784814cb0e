"""What learners get wrong in lesson 05b: of each exercise answers, and what the check must say."""

_WAY = "\ndef way(start, stop, steps):\n    return {}\n"
_ACTIVE = "\ndef active_units(means):\n    return {}\n"

WRONG = {
    "way": [
        # the last one is missing
        (_WAY.format("np.linspace(start, stop, steps, endpoint=False)"), "in 2 steps differs"),
        # the first one is missing
        (_WAY.format("np.linspace(start, stop, steps + 1)[1:]"), "in 2 steps (differs|holds)"),
        # one more than asked for
        (_WAY.format("np.linspace(start, stop, steps + 1)"), r"has shape \[3, 2\], expected \[2"),
        # back to front
        (
            _WAY.format("np.linspace(stop, start, steps)"),
            "in 2 steps holds the right numbers, in another order",
        ),
        # dimensions first
        (_WAY.format("np.linspace(start, stop, steps).T"), "transposed"),
        # two numbers only
        (
            _WAY.format(
                "np.stack([np.linspace(start[0], stop[0], steps),"
                " np.linspace(start[1], stop[1], steps)], axis=1)"
            ),
            r"in 4D has shape \[3, 2\], expected \[3, 4\]",
        ),
        # no return
        (
            _WAY.format("np.linspace(start, stop, steps)").replace("return", "line ="),
            "returns nothing: is a return missing",
        ),
    ],
    "active_units": [
        # which, not how many
        (
            _ACTIVE.format("np.var(means, axis=0) > 0.01"),
            r"(has|have) shape \[4\], expected one number",
        ),
        # over the dimensions
        (_ACTIVE.format("(np.var(means, axis=1) > 0.01).sum()"), "(is|are) 4, expected 2"),
        # the standard deviation
        (_ACTIVE.format("(np.std(means, axis=0) > 0.01).sum()"), "(is|are) 3, expected 2"),
        # far from 0, not moving
        (_ACTIVE.format("(np.abs(means).mean(axis=0) > 0.01).sum()"), "(is|are) 4, expected 2"),
        # those that are not
        (
            _ACTIVE.format("(np.var(means, axis=0) <= 0.01).sum()"),
            "of equal images (is|are) 5, expected 0",
        ),
    ],
}
