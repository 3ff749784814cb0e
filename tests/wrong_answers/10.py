"""What learners get wrong in lesson 10: of each exercise answers, and what the check must say."""

_WATCH = """
def my_fastest(ways, rounds, clock=time.perf_counter):
    seconds = {{name: [] for name in ways}}
    {first}
    {loops}
            began = {clock}()
            {call}
            seconds[name].append({spent})
    {result}
"""
_FIRST = "for way in ways.values():\n        way()"
_TURNS = "for _ in range(rounds):\n        for name, way in ways.items():"
_RIGHT = {"first": _FIRST, "loops": _TURNS, "clock": "clock", "call": "way()"}
_RIGHT |= {"spent": "clock() - began"}
_RIGHT |= {"result": "return {name: min(spent) for name, spent in seconds.items()}"}
_PIPE = "\ndef my_pipeline(records, unpack, batch):\n    {}\n"
_LINE = "\ndef my_line(sizes, times):\n    {}\n"
_ROWS = "rows = np.stack([1 / times, sizes / times], axis=1)\n    "
_RATES = "\ndef my_rates(batch, steps, warm):\n    {}\n"
_RISING = "np.minimum(1, np.arange(1, steps + 1) / max(warm, 1))"
_CHOICE = "\ndef my_choice(measure, n, calls):\n    {}\n"
_THREE = "rounds = [[measure(k) for k in range(n)] for _ in range(calls // n)]\n    "

WRONG = {
    "my_fastest": [
        # one way after the other
        (
            _WATCH.format(
                **_RIGHT
                | {"loops": "for name, way in ways.items():\n        for _ in range(rounds):"}
            ),
            r"order of the calls of my_fastest .* is 'abaaabbb', expected 'abababab'",
        ),
        # nothing uncounted
        (_WATCH.format(**_RIGHT | {"first": ""}), "order of the calls .* is 'ababab', expected"),
        # the mean
        (
            _WATCH.format(
                **_RIGHT
                | {"result": "return {name: np.mean(spent) for name, spent in seconds.items()}"}
            ),
            "seconds of a of my_fastest .* (is|are) 3, expected 2",
        ),
        # the sum
        (
            _WATCH.format(
                **_RIGHT
                | {"result": "return {name: sum(spent) for name, spent in seconds.items()}"}
            ),
            "seconds of a of my_fastest .* (is|are) 9, expected 2",
        ),
        # the slowest
        (
            _WATCH.format(
                **_RIGHT
                | {"result": "return {name: max(spent) for name, spent in seconds.items()}"}
            ),
            "seconds of a of my_fastest .* (is|are) 4, expected 2: 2 times as much",
        ),
        # the wrong way round
        (
            _WATCH.format(**_RIGHT | {"spent": "began - clock()"}),
            "seconds of a of my_fastest .* expected 2",
        ),
        # a clock of its own
        (
            _WATCH.format(**_RIGHT | {"clock": "time.perf_counter"}),
            "seconds of a of my_fastest .* expected 2",
        ),
        # the ways are never called in the rounds
        (_WATCH.format(**_RIGHT | {"call": "way"}), "order of the calls .* is 'ab', expected"),
        # no return
        (_WATCH.format(**_RIGHT | {"result": ""}), "returns nothing: is a return missing"),
    ],
    "my_pipeline": [
        (
            _PIPE.format("return records.map(unpack).batch(batch).cache()"),
            "calls of unpack of .* 'for a record, once', expected 'for a batch, once",
        ),
        (
            _PIPE.format("return records.batch(batch).map(unpack)"),
            "calls of unpack of .* 'for a batch, each epoch', expected",
        ),
        # the cache before the work
        (
            _PIPE.format("return records.batch(batch).cache().map(unpack)"),
            "calls of unpack of .* 'for a batch, each epoch', expected",
        ),
        # the short batch left out
        (
            _PIPE.format(
                "return records.batch(batch, drop_remainder=True).map(unpack).cache()",
            ),
            r"batches of .* (is|are) '\[0, 10, 20\] \[30, 40, 50\]', expected",
        ),
        # another order
        (
            _PIPE.format("return records.shuffle(7, seed=1).batch(batch).map(unpack).cache()"),
            "batches of my_pipeline of 7 .*expected",
        ),
        # called once, with the dataset
        (_PIPE.format("return unpack(records)"), "raises TypeError"),
        # a method's answer is thrown away
        (
            _PIPE.format("records.batch(batch).map(unpack).cache()\n    return records"),
            "batches of my_pipeline .*expected",
        ),
        # a list
        (
            _PIPE.format("return list(records.batch(batch).map(unpack))"),
            "a list comes back, expected a tf.data.Dataset",
        ),
        (_PIPE.format("records = records.batch(batch).map(unpack).cache()"), "returns nothing"),
    ],
    "my_line": [
        # the same milliseconds everywhere
        (
            _LINE.format("each, fixed = np.polyfit(sizes, times, 1)\n    return fixed, each"),
            "fixed of my_line of times beside a line is 2.2943, expected 2.05002",
        ),
        # the other way round
        (
            _LINE.format(
                f"{_ROWS}fixed, each = np.linalg.lstsq(rows, np.ones(len(times)))[0]\n"
                "    return each, fixed"
            ),
            "in another order: each, fixed, not fixed, each",
        ),
        # through the origin
        (
            _LINE.format("return 0.0, np.mean(times / sizes)"),
            "fixed of my_line of times on a line is 0, expected 2",
        ),
        # through the first and the last
        (
            _LINE.format(
                "each = (times[-1] - times[0]) / (sizes[-1] - sizes[0])\n"
                "    return times[0] - each * sizes[0], each"
            ),
            "fixed of my_line of times beside a line is 2.47.*, expected 2.05002",
        ),
        # the columns are divided, the right side isn't
        (
            _LINE.format(
                f"{_ROWS}fixed, each = np.linalg.lstsq(rows, times)[0]\n    return fixed, each"
            ),
            "fixed of my_line of times on a line is",
        ),
        # all that lstsq returns
        (
            _LINE.format(f"{_ROWS}return np.linalg.lstsq(rows, np.ones(len(times)))"),
            "returns 4 and not 2 results: fixed, each",
        ),
        (_LINE.format(f"{_ROWS}np.linalg.lstsq(rows, np.ones(len(times)))"), "returns nothing"),
    ],
    "my_rates": [
        # the rate as it was
        (
            _RATES.format(f"return 0.03 * {_RISING}"),
            "16 times the batch, no warm-up (is|are) 0.0625",
        ),
        # by the root
        (
            _RATES.format(f"return 0.03 * np.sqrt(batch / 50) * {_RISING}"),
            "for 16 times the batch, no warm-up (is|are) 0.25 times",
        ),
        # from 0
        (
            _RATES.format(
                "rising = np.arange(steps) / max(warm, 1)\n"
                "    return 0.03 * batch / 50 * np.minimum(1, rising)"
            ),
            "for the batch of 50, no warm-up differs? in 1 of 4 places",
        ),
        # no warm-up
        (
            _RATES.format("return np.full(steps, 0.03 * batch / 50)"),
            "warmed up differs? in 3 of 6 places",
        ),
        # it never ends
        (
            _RATES.format("return 0.03 * batch / 50 * np.arange(1, steps + 1) / max(warm, 1)"),
            "for the batch of 50, no warm-up differs?",
        ),
        # divided by 0
        (
            _RATES.format(
                "return [0.03 * batch / 50 * min(1, (i + 1) / warm) for i in range(steps)]"
            ),
            "no warm-up raises ZeroDivisionError",
        ),
        # the warm-up on top of the steps
        (
            _RATES.format(
                "full = 0.03 * batch / 50\n"
                "    return [full * (i + 1) / warm for i in range(warm)] + [full] * steps"
            ),
            r"warmed up (has|have) shape \[10\], expected \[6\]",
        ),
        # one number
        (_RATES.format("return 0.03 * batch / 50"), r"(has|have) shape \[\], expected \[4\]"),
    ],
    "my_choice": [
        # the lesson's stopwatch
        (
            _CHOICE.format(f"{_THREE}return np.argmin(np.min(rounds, axis=0))"),
            r"takes 5\.\d% longer than the quickest; to beat: 3\.5%",
        ),
        # the mean, the median
        (_CHOICE.format(f"{_THREE}return np.argmin(np.mean(rounds, axis=0))"), r"takes 9\.\d%"),
        (_CHOICE.format(f"{_THREE}return np.argmin(np.median(rounds, axis=0))"), r"takes 11\.\d%"),
        # one way after the other
        (
            _CHOICE.format(
                "return np.argmin([min(measure(k) for _ in range(calls // n)) for k in range(n)])"
            ),
            r"takes 7\.\d%",
        ),
        # the slowest, the first, the seconds in place of the way
        (_CHOICE.format(f"{_THREE}return np.argmax(np.min(rounds, axis=0))"), r"takes \d\d\d\.\d%"),
        (_CHOICE.format("return 0"), r"takes \d\d\d?\.\d%"),
        (_CHOICE.format(f"{_THREE}return np.min(rounds)"), r"takes \d\d\d?\.\d%"),
        # one call too many
        (
            _CHOICE.format(
                "return np.argmin([min(measure(k) for _ in range(4)) for k in range(n)])",
            ),
            "can't be judged: RuntimeError: you have 96 calls, and made one more",
        ),
        # counted from 1
        (_CHOICE.format("return np.argmin([measure(k) for k in range(1, n + 1)])"), "IndexError"),
        # an answer only where it is plain
        (
            _CHOICE.format(
                f"{_THREE}least = np.sort(np.min(rounds, axis=0))\n    "
                "return np.argmin(np.min(rounds, axis=0)) if least[0] < 0.6 * least[1] else ..."
            ),
            "some dots are left",
        ),
        # the name, nothing
        (_CHOICE.format("return 'the quickest'"), "can't be judged: ValueError"),
        (
            _CHOICE.format(f"{_THREE}np.argmin(np.min(rounds, axis=0))"),
            "can't be judged: TypeError: .*is a return missing",
        ),
    ],
}
