"""Homework: tests in the student's notebook, and what marks them (``python -m grader``)."""

__version__ = "1.0"
