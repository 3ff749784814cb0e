"""Homework: tests in the student's notebook, and what marks them (``python -m grader``).

``hostile`` runs in the sandbox, beside students' code. Of the course's folder that code sees this
file, ``check``, ``hostile``, ``shared``, ``libs``, the two data sets, the assignment's own data and
``.venv``, and nothing else. All the rest of the grader is trusted: it imports nothing that is
hostile, and takes from there JSON and raw arrays alone. ``tests/test_grader_boundary.py`` looks at
the imports, ``tests/test_grader_attacks.py`` at what is seen and taken.
"""

import sys
from pathlib import Path

# nbformat's jsonschema would import it to check a kind of address that no notebook's schema has: a
# second, in each command and each worker
sys.modules.setdefault("rfc3987_syntax", None)
ROOT = Path(__file__).resolve().parent.parent


class GraderError(Exception):
    """A command can't do what it is asked to; the message, a line, says why and what to do."""


class AssignmentError(GraderError):
    """An assignment's source breaks a rule; the message says which."""
