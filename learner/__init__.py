"""What a learner did, and what to repeat: kept in ``work`` alone, and loaded there alone.

``store`` needs only Python's standard library, for `make lab`; ``kernel`` is what a lesson's own
kernel tells it. Neither a proof nor the grader's sandbox has them.
"""
