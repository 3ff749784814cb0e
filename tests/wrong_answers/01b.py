"""What learners get wrong in lesson 01b: of each exercise answers, and what the check must say."""

_ADAGRAD = """
def my_adagrad(A, X, M):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.abs(X @ A - tf.eye(len(A))))
    G = tape.gradient(loss, X)
    M.assign_add(G**2)
    X.assign_sub(0.01 * G / tf.sqrt(M))
"""
_NEWTON = """
def newton_schulz(A, steps):
    X = A.T / np.linalg.norm(A, 2) ** 2
    for _ in range(steps):
        X = X @ (2 * np.eye(len(A)) - A @ X)
    return X
"""

WRONG = {
    "my_adagrad": [
        # no root
        (_ADAGRAD.replace("tf.sqrt(M)", "M"), "change of X of my_adagrad after 1 step differs"),
        # the old memory
        (
            _ADAGRAD.replace("    M.assign_add(G**2)\n", "") + "    M.assign_add(G**2)\n",
            "change of X of my_adagrad after 1 step",
        ),
        # not squared
        (_ADAGRAD.replace("G**2", "G"), "change of X of my_adagrad after 1 step"),
        # uphill
        (_ADAGRAD.replace("X.assign_sub", "X.assign_add"), "change of X .* has the wrong sign"),
        # a memory of one step only
        (
            _ADAGRAD.replace("M.assign_add(G**2)", "M.assign(G**2)"),
            "change of (X|M) of my_adagrad after 1 step",
        ),
        # plain descent, nothing remembered
        (
            _ADAGRAD.replace("    M.assign_add(G**2)\n", "").replace(" / tf.sqrt(M)", ""),
            "change of X of my_adagrad after 1 step",
        ),
        # the factors exchanged, X and A
        (_ADAGRAD.replace("X @ A", "A @ X"), "change of X of my_adagrad after 3 steps differs"),
        # the mean
        (_ADAGRAD.replace("reduce_sum", "reduce_mean"), "change of X of my_adagrad after 1 step"),
        # a new tensor; the variable stays
        (
            _ADAGRAD.replace(
                "X.assign_sub(0.01 * G / tf.sqrt(M))", "X = X - 0.01 * G / tf.sqrt(M)"
            ),
            "change of X of my_adagrad after 1 step is 0, everywhere",
        ),
        # NumPy, which a graph can't run
        (_ADAGRAD.replace("tf.sqrt(M)", "np.sqrt(M.numpy())"), "after 1 step raises"),
    ],
    "newton_schulz": [
        # entry by entry
        (_NEWTON.replace("X @ (", "X * ("), "newton_schulz after 1 step from another matrix"),
        # the identity forgotten to be doubled
        (_NEWTON.replace("2 * np.eye", "np.eye"), "newton_schulz after 1 step differs"),
        # the factors of the product exchanged in place
        (
            _NEWTON.replace("A.T / ", "A / "),
            "newton_schulz after 1 step from another matrix differs",
        ),
        # the norm, not its square
        (
            _NEWTON.replace(" ** 2", ""),
            r"newton_schulz before a step is 2 times what is expected, everywhere\.$",
        ),
        # Frobenius' norm, NumPy's own choice
        (_NEWTON.replace("(A, 2)", "(A)"), "newton_schulz before a step is 0.7619 times"),
        # one step, whatever is asked
        (_NEWTON.replace("    return X", "        return X"), "before a step returns nothing"),
        # the start, always
        (_NEWTON.replace("X = X @", "Y = X @"), "newton_schulz after 1 step differs"),
        (_NEWTON.replace("    return X\n", ""), "is a return missing"),
    ],
}
