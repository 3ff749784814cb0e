"""What learners get wrong in lesson 04b: of each exercise answers, and what the check must say."""

_REBUILD = """
def rebuild_linear(images, centre, components):
    codes = {codes}
    return {result}
"""
_LINEAR = {
    "codes": "(images - centre) @ components",
    "result": "centre + codes @ components.T",
}
_NEAREST = """
def nearest(points, centres):
    squares = np.square(points[:, None] - centres).sum(axis={axis})
    return {result}
"""

WRONG = {
    "rebuild_linear": [
        # the centre is not added again
        (_REBUILD.format(**_LINEAR | {"result": "codes @ components.T"}), "is 2 too small"),
        # the centre is not subtracted
        (_REBUILD.format(**_LINEAR | {"codes": "images @ components"}), "of one number differs"),
        # only the codes
        (
            _REBUILD.format(**_LINEAR | {"result": "codes"}),
            r"has shape \[2, 1\], expected \[2, 2\]",
        ),
        # not transposed
        (
            _REBUILD.format(**_LINEAR | {"result": "centre + codes @ components"}),
            "of one number raises ValueError",
        ),
        # a mean of the images in place of the centre that was given
        (
            _REBUILD.format(
                codes="(images - images.mean(axis=0)) @ components",
                result="images.mean(axis=0) + codes @ components.T",
            ),
            "of one number differs",
        ),
        # no return
        (_REBUILD.format(**_LINEAR).replace("return", "x ="), "returns nothing: is a return"),
    ],
    "nearest": [
        # the largest product, which favours long centres
        (
            "\ndef nearest(points, centres):\n    return (points @ centres.T).argmax(axis=1)\n",
            "3 centres differs in 1 of 4 places",
        ),
        # the farthest
        (_NEAREST.format(axis=2, result="squares.argmax(axis=1)"), "differs in 4 of 4 places"),
        # of each centre its nearest point
        (_NEAREST.format(axis=2, result="squares.argmin(axis=0)"), r"has shape \[3\]"),
        # the distance, not whose
        (_NEAREST.format(axis=2, result="squares.min(axis=1)"), "differs in"),
        # no square: what lies below comes out nearest
        (
            "\ndef nearest(points, centres):\n"
            "    return (points[:, None] - centres).sum(axis=2).argmin(axis=1)\n",
            "differs in",
        ),
    ],
}
