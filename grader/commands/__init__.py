"""The commands, one a file: ``python -m grader --help``."""
