"""Homework: tests in the student's notebook, and what marks them (``python -m grader``)."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
__version__ = "1.0"


class GraderError(Exception):
    """A command can't do what it is asked to; the message, a line, says why and what to do."""
