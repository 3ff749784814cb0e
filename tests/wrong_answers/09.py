"""What learners get wrong in lesson 09: of each exercise answers, and what the check must say."""

_WRITE = "\ndef write_whole(path, pieces):\n    {}\n"
_BACK = "\ndef there_and_back(weights):\n    {}\n"
_SCALE = "scale = np.abs(weights).max() / 127\n    return "

WRONG = {
    "write_whole": [
        # into the file itself
        (
            _WRITE.format(
                'with path.open("w") as file:\n'
                "        for piece in pieces:\n"
                "            file.write(piece)\n"
                "    return path"
            ),
            "file after a writing that broke off .* is 'second ', expected 'first note'",
        ),
        # all at once, into the file itself: a reader sees it change
        (
            _WRITE.format('path.write_text("".join(pieces))\n    return path'),
            "file that a reader had opened before .* is 'third note', expected 'first note'",
        ),
        # never renamed
        (
            _WRITE.format(
                'part = path.with_suffix(".part")\n'
                '    part.write_text("".join(pieces))\n'
                "    return part"
            ),
            "file after the first writing .* is 'no file', expected",
        ),
        # copied over the old one
        (
            _WRITE.format(
                'part = path.with_suffix(".part")\n'
                '    part.write_text("".join(pieces))\n'
                "    path.write_text(part.read_text())\n"
                "    return path"
            ),
            "file that a reader had opened before .* is 'third note', expected 'first note'",
        ),
        # the old one is deleted first
        (
            _WRITE.format(
                "path.unlink(missing_ok=True)\n"
                '    path.write_text("".join(pieces))\n'
                "    return path"
            ),
            "file after a writing that broke off .* is 'no file', expected",
        ),
    ],
    "there_and_back": [
        # cut off, not rounded
        (_BACK.format(f"{_SCALE}scale * (weights / scale).astype(int)"), "differs in"),
        # 128
        (
            _BACK.format(
                "scale = np.abs(weights).max() / 128\n    return scale * np.rint(weights / scale)"
            ),
            "differs in",
        ),
        # never scaled back
        (_BACK.format(f"{_SCALE}np.rint(weights / scale)"), "is 500 times what is expected"),
        # the largest, not the largest size
        (
            _BACK.format(
                "scale = weights.max() / 127\n    return scale * np.rint(weights / scale)"
            ),
            "differs in",
        ),
        # a scale for each row
        (
            _BACK.format(
                "scale = np.abs(weights).max(axis=1, keepdims=True) / 127\n"
                "    return scale * np.rint(weights / scale)"
            ),
            "differs in",
        ),
        # not rounded at all
        (_BACK.format(f"{_SCALE}scale * (weights / scale)"), "differs in"),
        # rounded before it is scaled
        (_BACK.format(f"{_SCALE}scale * np.rint(weights) / scale"), "is 0, everywhere"),
        (_BACK.format(f"{_SCALE}None"), "returns nothing"),
    ],
}
