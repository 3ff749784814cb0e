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
_CONFIGURATION = """
def my_configuration(hosts, port, environment):
    cluster = {{"worker": {addresses}}}
    task = {{"type": {type}, "index": {index}}}
    return {result}
"""
_HOST = {"addresses": '[f"{host}:{port}" for host in hosts]', "type": '"worker"'}
_HOST |= {"index": 'int(environment["SLURM_PROCID"])'}
_HOST |= {"result": '{"cluster": cluster, "task": task}'}

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
    "my_configuration": [
        (
            _CONFIGURATION.format(**_HOST | {"index": 'environment["SLURM_PROCID"]'}),
            r"""task's index of .* on node3 is "'2'", expected '2'""",
        ),
        (
            _CONFIGURATION.format(**_HOST | {"addresses": "hosts"}),
            "addresses of .* on node3 (is|are) 'node1 node2 node3 node4', expected",
        ),
        # counted from 1
        (
            _CONFIGURATION.format(**_HOST | {"index": 'int(environment["SLURM_PROCID"]) + 1'}),
            "task's index of .* on node3 is '3', expected '2'",
        ),
        # one host only
        (
            _CONFIGURATION.format(
                **_HOST | {"addresses": '[f"{hosts[int(environment["SLURM_PROCID"])]}:{port}"]'}
            ).replace('environment["SLURM_PROCID"])]', "environment['SLURM_PROCID'])]"),
            "addresses of .* on node3 (is|are) 'node3:2222', expected",
        ),
        # JSON already
        (
            _CONFIGURATION.format(
                **_HOST | {"result": '__import__("json").dumps({"cluster": cluster, "task": task})'}
            ),
            "a string comes back, expected a dictionary",
        ),
        # the environment of this machine
        (
            _CONFIGURATION.format(
                **_HOST | {"index": 'int(__import__("os").environ["SLURM_PROCID"])'}
            ),
            "raises KeyError: 'SLURM_PROCID'",
        ),
        # no task
        (_CONFIGURATION.format(**_HOST | {"result": '{"cluster": cluster}'}), "raises KeyError"),
    ],
}
