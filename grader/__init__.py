"""Homework: tests in the student's notebook, and what marks them (``python -m grader``)."""
