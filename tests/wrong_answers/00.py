"""What learners get wrong in lesson 00: of each exercise answers, and what the check must say."""

_GUESS = "\ndef best_guess(probabilities):\n    {}\n"
_SHARE = "\ndef share_right(answers, digits):\n    {}\n"
_RULE = "\ndef zero_or_one(image):\n    {}\n"

WRONG = {
    "pixels": [
        # what the lesson asks to try first
        ("\npixels = 28 + 28\n", "the number of pixels is 56, expected 784"),
        # both sides, one after the other
        ("\npixels = 28, 28\n", r"has shape \[2\], expected one number"),
        # as text
        ('\npixels = "784"\n', "is '784', expected a number"),
        # a power too many
        ("\npixels = 28**3\n", "21952, expected 784: 28 times as much"),
        # one side
        ("\npixels = 28\n", "is 28, expected 784: one part in 28"),
    ],
    "best_guess": [
        # the largest number in place of its place
        (_GUESS.format("return probabilities.max()"), "of a sure network is 0.9, expected 3"),
        # counted from 1
        (_GUESS.format("return probabilities.argmax() + 1"), "of a sure network is 4, expected 3"),
        # the least likely
        (_GUESS.format("return probabilities.argmin()"), "of a sure network is 0, expected 3"),
        # places in order
        (
            _GUESS.format("return probabilities.argsort()"),
            r"of a sure network has shape \[10\], expected one number",
        ),
        # more than a half
        (
            _GUESS.format("return int(np.flatnonzero(probabilities > 0.5)[0])"),
            "of an unsure network raises IndexError",
        ),
        # a fifth
        (
            _GUESS.format("return int(np.flatnonzero(probabilities > 0.2)[0])"),
            "of a network that hardly knows raises IndexError",
        ),
        # the two answers, by how sure it is
        (
            _GUESS.format("return 3 if probabilities.max() > 0.5 else 9"),
            "of a network that hardly knows is 9, expected 0",
        ),
        # a list's way
        (
            _GUESS.format("return probabilities.index(max(probabilities))"),
            "raises AttributeError",
        ),
        (_GUESS.format("probabilities.argmax()"), "is a return missing"),
    ],
    "share_right": [
        # how many
        (
            _SHARE.format("return np.sum(answers == digits)"),
            "is 3, expected 0.75: is it a sum where a mean belongs",
        ),
        # the share that is wrong
        (_SHARE.format("return np.mean(answers != digits)"), "is 0.25, expected 0.75"),
        # in per cent
        (_SHARE.format("return 100 * np.mean(answers == digits)"), "75, .*100 times as much"),
        # each by itself
        (
            _SHARE.format("return answers == digits"),
            r"has shape \[4\], expected one number: is a sum or mean",
        ),
        # all or nothing
        (
            _SHARE.format("return np.mean(np.all(answers == digits))"),
            "of 4 answers, 3 of them right is 0, expected 0.75",
        ),
        # always four
        (
            _SHARE.format("return np.sum(answers == digits) / 4"),
            "of 5 answers, 1 right is 0.25, expected 0.2",
        ),
        (_SHARE.format("share = np.mean(answers == digits)"), "is a return missing"),
    ],
    "zero_or_one": [
        # more ink, a zero
        (
            _RULE.format("return 0 if image.sum() > 100 else 1"),
            r"reads 94\.24% .* to beat: 98\.50%",
        ),
        # the wrong way round
        (_RULE.format("return 0 if image[14, 14] > 0.5 else 1"), r"reads 0\.96% "),
        # too strict
        (_RULE.format("return 1 if image[14, 14] == 1 else 0"), r"reads \d\d\.\d\d% .* to beat"),
        # only one of both
        (_RULE.format("if image[14, 14] > 0.5:\n        return 1"), "returns nothing for some"),
        # the pixel itself
        (_RULE.format("return image[14, 14]"), "expected 0 or 1"),
        # a whole row
        (
            _RULE.format("return 1 if image[14] > 0.5 else 0"),
            "can't be tried: ValueError: The truth value",
        ),
        # a word
        (_RULE.format('return "one"'), "it answers 'one', expected 0 or 1"),
    ],
}
