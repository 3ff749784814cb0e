"""What learners get wrong in lesson 11: of each exercise answers, and what the check must say."""

_SHARE = """
def my_share(W, x, labels, whole):
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, x @ W)
        loss = {loss}
    {result}
"""
_SUM = {"loss": "tf.reduce_sum(losses) / whole", "result": "return loss, tape.gradient(loss, W)"}
_RING = """
def my_ring(arrays):
    held, n, states = {held}, len(arrays), []
    for step in range({steps}):
        sent = held.copy()
        for worker in range(n):
            chunk, after = {chunk} % n, {after} % n
            if {adds}:
                held[after, chunk] += sent[worker, chunk]
            else:
                held[after, chunk] = sent[worker, chunk]
        states.append({state})
    return states
"""
_GOES = {"held": "np.array(arrays)", "steps": "2 * (n - 1)", "chunk": "(worker - step)"}
_GOES |= {"after": "(worker + 1)", "adds": "step < n - 1", "state": "held.copy()"}
_MESSAGES = """
def my_messages(sizes, ready):
    return {}
"""

WRONG = {
    "my_share": [
        # a mean over the share
        (
            _SHARE.format(**_SUM | {"loss": "tf.reduce_mean(losses)"}),
            "loss of .* with shares of 3 and 2 is .*, expected 1.54813",
        ),
        # divided by the share
        (
            _SHARE.format(**_SUM | {"loss": "tf.reduce_sum(losses) / len(x)"}),
            "loss of .* with shares of 3 and 2 is .*, expected 1.54813",
        ),
        # a sum
        (
            _SHARE.format(**_SUM | {"loss": "tf.reduce_sum(losses)"}),
            "with one worker that has all is .*: 5 times as much",
        ),
        # divided twice
        (
            _SHARE.format(**_SUM | {"loss": "tf.reduce_mean(losses) / whole"}),
            "with one worker that has all is .*: one part in 5",
        ),
        # weighted, right but for an empty share
        (
            _SHARE.format(**_SUM | {"loss": "tf.reduce_mean(losses) * len(x) / whole"}),
            "with an empty share holds NaN",
        ),
        # one of the two
        (
            _SHARE.format(**_SUM | {"result": "return loss"}),
            "return two things, the loss and its gradient",
        ),
        (_SHARE.format(**_SUM | {"result": "tape.gradient(loss, W)"}), "returns nothing"),
        # the gradient is divided once more
        (
            _SHARE.format(**_SUM | {"result": "return loss, tape.gradient(loss, W) / whole"}),
            "gradient of .* is 0.2 times what is expected, everywhere",
        ),
        # the gradient of the unscaled losses
        (
            _SHARE.format(**_SUM | {"result": "return loss, tape.gradient(losses, W)"}),
            "gradient of .* is 5 times what is expected, everywhere",
        ),
    ],
    "my_ring": [
        # half of it
        (
            _RING.format(**_GOES | {"steps": "n - 1"}),
            "number of steps of my_ring with 2 workers is 1, expected 2",
        ),
        # a step for each worker in each half
        (
            _RING.format(**_GOES | {"steps": "2 * n"}),
            "number of steps of my_ring with 2 workers is 4, expected 2",
        ),
        # always added
        (
            _RING.format(**_GOES | {"adds": "True"}),
            "array at the end of my_ring with 2 workers",
        ),
        # never added
        (
            _RING.format(**_GOES | {"adds": "False"}),
            "array at the end of my_ring with 2 workers",
        ),
        # the same chunk, again and again
        (
            _RING.format(**_GOES | {"chunk": "worker"}),
            "array at the end of my_ring with 2 workers",
        ),
        # the other way round
        (
            _RING.format(**_GOES | {"after": "(worker - 1)", "chunk": "(worker + step)"}),
            "chunks that aren't from the worker before of my_ring with 3 workers",
        ),
        # one array, many times
        (_RING.format(**_GOES | {"state": "held"}), "one array, many times"),
        # everything to everybody
        (
            "\ndef my_ring(arrays):\n    n = len(arrays)\n"
            "    total = np.broadcast_to(arrays.sum(axis=0), arrays.shape)\n"
            "    return [arrays] * (2 * n - 3) + [total]\n",
            "most chunks that one worker gets in a step of my_ring .* (is|are) 2, expected 1",
        ),
        # only the end
        (
            "\ndef my_ring(arrays):\n    return arrays.sum(axis=0)\n",
            r"it returns shape \[2, 2\], expected \[steps, n, n, 2\]",
        ),
    ],
    "my_messages": [
        # one message after all is done
        (_MESSAGES.format("[12]"), "take 100.0% of one message's time; to beat"),
        # as soon as each is ready
        (_MESSAGES.format("[1] * 12"), r"take 9\d\.\d% of one message's time"),
        (_MESSAGES.format("[6, 6]"), r"take 8\d\.\d% of one message's time"),
        # of 5 MB each: close
        (
            _MESSAGES.format("counts").replace(
                "    return",
                "    counts, held = [0], 0.0\n"
                "    for size in sizes:\n"
                "        if held >= 5:\n"
                "            counts, held = [*counts, 0], 0.0\n"
                "        counts[-1], held = counts[-1] + 1, held + size\n"
                "    return",
            ),
            r"take 82\.\d% of one message's time",
        ),
        # one way for all networks, whatever their layers: the best of the 2,048
        (_MESSAGES.format("[1, 2, 3, 6]"), r"take 78\.9% of one message's time"),
        # what was best of those when layers came from large to small
        (_MESSAGES.format("[1, 4, 7]"), r"take \d\d\.\d% of one message's time"),
        # dots where it is hard
        (_MESSAGES.format("[1, 4, 7] if 1 < sizes[0] < 1.2 else ..."), "some dots are left"),
        (_MESSAGES.format("... if 1 < sizes[0] < 1.2 else [1, 4, 7]"), "some dots are left"),
        (_MESSAGES.format("[1, 4, ...]"), "some dots are left"),
        # the last layer is left out
        (_MESSAGES.format("[6, 5]"), r"add up to 12, got \[6, 5\], 11"),
        # nothing is an easy message
        (_MESSAGES.format("[12, 0]"), "at least 1 and add up to 12"),
        # layers in place of counts
        (_MESSAGES.format("list(range(12))"), "at least 1 and add up to 12"),
        # halves, which are no whole numbers
        (_MESSAGES.format("[len(sizes) / 2] * 2"), r"returns \[6.0, 6.0\], .* whole numbers"),
        # one number
        (_MESSAGES.format("6"), "returns 6, expected a list"),
        # no return
        ("\ndef my_messages(sizes, ready):\n    [6, 6]\n", "is a return missing"),
    ],
}
