"""What learners get wrong in lesson 11b, and what its checks say of it."""

_BYTES = """
def my_bytes(weights, n, stage):
    {body}
"""
_ADAM = """
def my_share_of_adam(weights, gradient, share, state, t, rate):
    g, m, v = gradient[share], state["m"], state["v"]
    {m}
    {v}
    step = {step}
    {end}
"""
_RIGHT = {
    "m": "m[:] = 0.9 * m + 0.1 * g",
    "v": "v[:] = 0.999 * v + 0.001 * g**2",
    "step": "np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7)",
    "end": "return weights[share] - rate * step",
}
_BUBBLE = """
def my_bubble(stages, micro):
    {body}
"""
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
    "my_bytes": [
        # everything is divided
        (_BYTES.format(body="return 16 * weights / n"), "stage 0 is 4,?000, expected 16,?000"),
        # only the stage's own part is divided
        (
            _BYTES.format(body="return weights * (16 - [0, 12, 2, 2][stage] * (1 - 1 / n))"),
            "stage 2 is 14,?500, expected 5,?500",
        ),
        # all workers together
        (
            _BYTES.format(body="return n * weights * 16 if stage == 0 else weights * 16"),
            "four workers, stage 0 is 64,?000, expected 16,?000",
        ),
        (_BYTES.format(body="16 * weights"), "is a return missing"),
    ],
    "my_share_of_adam": [
        # the state is not changed in place
        (_ADAM.format(**_RIGHT | {"m": "m = 0.9 * m + 0.1 * g"}), "state's m .* is 0, everywhere"),
        # all weights come back
        (
            _ADAM.format(
                **_RIGHT | {"end": "weights = weights.copy(); weights[share] -= rate * step"}
            )
            + "    return weights\n",
            r"shape \[7\] comes back, expected \[3\]",
        ),
        # weights are changed
        (
            _ADAM.format(**_RIGHT | {"end": "weights[share] -= rate * step"})
            + "    return weights[share]\n",
            "it changes weights, which the other workers read",
        ),
        # no correction of the first steps
        (_ADAM.format(**_RIGHT | {"step": "m / (np.sqrt(v) + 1e-7)"}), "differ"),
        # the gradient's square is missing
        (_ADAM.format(**_RIGHT | {"v": "v[:] = 0.999 * v + 0.001 * g"}), "state's v .* differs"),
        (_ADAM.format(**_RIGHT | {"end": "weights[share] - rate * step"}), "is a return missing"),
    ],
    "my_bubble": [
        # idle over busy time
        (_BUBBLE.format(body="return (stages - 1) / micro"), "is 3, expected 0.75"),
        # the busy share
        (_BUBBLE.format(body="return micro / (micro + stages - 1)"), "is 1, expected 0"),
        # one too many
        (_BUBBLE.format(body="return (stages - 1) / (micro + stages)"), "expected 0.75"),
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
