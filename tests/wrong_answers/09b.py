"""What learners get wrong in lesson 09b: of each exercise answers, and what the check must say."""

_NEEDED = "\ndef my_needed(reads, wanted):\n    {}\n"
_WALK = """found, ahead = set(), [wanted]
    while ahead:
        if (i := ahead.pop()) not in found:
            found.add(i)
            ahead += reads[i]
    """
_BACK = "\ndef there_and_back(weights):\n    {}\n"
_SCALE = "scale = np.abs(weights).max() / 127\n    return "
_PACK = """
import zlib


def my_pack(weights):
    {pack}


def my_unpack(content, shapes):
    {unpack}
"""
_STEPS = """scales = np.float32([np.abs(w).max() / {top} for w in weights])
    steps = [np.rint(w / s).astype(np.int8) for w, s in zip(weights, scales, strict=True)]
    return scales.tobytes() + zlib.compress(b"".join(s.tobytes() for s in steps), 9)"""
_ARRAYS = """scales = np.frombuffer(content[: 4 * len(shapes)], np.float32)
    steps = np.frombuffer(zlib.decompress(content[4 * len(shapes) :]), np.int8)
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    parts = zip(np.split(steps, ends), scales, shapes, strict=True)
    {}"""
_RESULT = "return [(part * scale).reshape(shape) for part, scale, shape in parts]"
_RIGHT = {"pack": _STEPS.format(top=7), "unpack": _ARRAYS.format(_RESULT)}

WRONG = {
    "my_needed": [
        # only what is read at once
        (
            _NEEDED.format("return sorted([wanted, *reads[wanted]])"),
            r"in a chain .*shape \[2\], expected \[3\]",
        ),
        # without itself
        (
            _NEEDED.format(_WALK + "return sorted(found - {wanted})"),
            r"in a chain .*shape \[2\], expected \[3\]",
        ),
        # each as often as it is met
        (
            _NEEDED.format(
                "def walk(i):\n"
                "        return [i] + [k for j in reads[i] for k in walk(j)]\n"
                "    return sorted(walk(wanted))"
            ),
            r"where two ways meet .*shape \[5\], expected \[4\]",
        ),
        # each once, but round and round
        (
            _NEEDED.format(
                "def walk(i):\n"
                "        return {i}.union(*(walk(j) for j in reads[i]))\n"
                "    return sorted(walk(wanted))"
            ),
            "with a loop raises RecursionError",
        ),
        # with the arrows
        (
            _NEEDED.format(
                "found = {wanted}\n"
                "    for _ in reads:\n"
                "        found |= {i for i, read in enumerate(reads) if found & {*read}}\n"
                "    return sorted(found)"
            ),
            r"in a chain .*shape \[1\], expected \[3\]",
        ),
        # all that stand before it
        (
            _NEEDED.format("return list(range(wanted + 1))"),
            r"in a graph in no order .*shape \[3\], expected \[5\]",
        ),
        # in the order in which they are met
        (
            _NEEDED.format(
                "found = [wanted]\n"
                "    for i in found:\n"
                "        found += [j for j in reads[i] if j not in found]\n"
                "    return found"
            ),
            "in a chain .*the right numbers, in another order",
        ),
        # one pass over the list
        (
            _NEEDED.format(
                "found = {wanted}\n"
                "    for i in reversed(range(len(reads))):\n"
                "        found |= {*reads[i]} if i in found else set()\n"
                "    return sorted(found)"
            ),
            r"in a graph in no order .*shape \[\d\], expected \[5\]",
        ),
        (_NEEDED.format(_WALK + "sorted(found)"), "is a return missing"),
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
    "my_pack": [
        # as they are
        (
            _PACK.format(
                pack='return b"".join(np.float32(w).tobytes() for w in weights)',
                unpack="parts = np.frombuffer(content, np.float32)\n"
                "    ends = np.cumsum([np.prod(s) for s in shapes])[:-1]\n"
                "    return [p.reshape(s) for p, s in zip(np.split(parts, ends), shapes)]",
            ),
            r"407,080 bytes \(to beat: 50,000\), accuracy falls by 0.00%",
        ),
        # 8 bits
        (
            _PACK.format(**_RIGHT | {"pack": _STEPS.format(top=127)}),
            r"[89]\d,\d+ bytes \(to beat: 50,000\)",
        ),
        # too few steps
        (
            _PACK.format(**_RIGHT | {"pack": _STEPS.format(top=1)}),
            r"bytes \(to beat: 50,000\), accuracy falls by [1-9].* \(at most 0.5%\)",
        ),
        # flat
        (
            _PACK.format(
                **_RIGHT | {"unpack": _ARRAYS.format("return [p * s for p, s, shape in parts]")}
            ),
            r"my_unpack returns arrays of shapes \[\(100352,\)",
        ),
        # nothing comes back
        (
            _PACK.format(**_RIGHT | {"unpack": _ARRAYS.format("list(parts)")}),
            "my_unpack returns nothing: is a return missing",
        ),
        # arrays in place of bytes
        (
            _PACK.format(**_RIGHT | {"pack": "return [np.float16(w) for w in weights]"}),
            "my_pack returns a list, expected bytes",
        ),
        # torn on the way
        (
            _PACK.format(**_RIGHT | {"pack": _STEPS.format(top=7) + "[:-100]"}),
            "can't be measured: error: Error -5",
        ),
        # weights kept at home
        (
            _PACK.format(pack='return b""', unpack="return [np.zeros(s) for s in shapes]"),
            r"0 bytes .* accuracy falls by [78]\d",
        ),
    ],
}
