"""Homework: tests in the student's notebook, and what marks them (``python -m grader``).

``hostile`` runs in the sandbox, beside students' code, which sees that, ``shared``, ``check`` and
nothing else of the grader. All the rest is trusted: it imports nothing that is hostile, and takes
from there JSON and raw arrays alone. ``tests/test_grader_boundary.py`` holds both to that.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class GraderError(Exception):
    """A command can't do what it is asked to; the message, a line, says why and what to do."""
