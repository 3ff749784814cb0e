"""What learners get wrong in lesson 01c: its exercise's answers, and what the check must say."""

_TODAY = """
@tf.function(input_signature=[tf.TensorSpec([], tf.{dtype})] * {count})
def today(a, b):
    {line}
"""
_RIGHT = {"dtype": "float32", "count": 2, "line": "return 0.75 * a + 0.25 * b"}

WRONG = {
    "today": [
        # nothing makes it a graph
        ("\ndef today(a, b):\n    return 0.75 * a + 0.25 * b\n", "it is a plain function"),
        # a trace for each number
        (
            "\n@tf.function\ndef today(a, b):\n    return 0.75 * a + 0.25 * b\n",
            "of 10 and -2 raises ValueError: it has been traced 2 times: give it a signature",
        ),
        # the weights exchanged
        (
            _TODAY.format(**_RIGHT | {"line": "return 0.25 * a + 0.75 * b"}),
            "today of 2 and 6 is 5, expected 3",
        ),
        # a plain sum
        (_TODAY.format(**_RIGHT | {"line": "return a + b"}), "today of 2 and 6 is 8, expected 3"),
        # whole numbers
        (_TODAY.format(**_RIGHT | {"dtype": "int32"}), "today of 2 and 6 raises"),
        # printed, as then
        (_TODAY.format(**_RIGHT | {"line": "tf.print(0.75 * a + 0.25 * b)"}), "a return missing"),
        # a session in it
        (
            "\n@tf.function\ndef today(a, b):\n    with tf.compat.v1.Session() as session:\n"
            "        return session.run(0.75 * a + 0.25 * b)\n",
            "today of 2 and 6 raises",
        ),
    ],
}
