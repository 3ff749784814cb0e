"""The class of hostile_class.py as an ordinary user grades it, where the tests are the superuser's.

A file of its own, so that the two classes are graded side by side.
"""

import pytest
from hostile_class import Attacked
from ordinary import superuser

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.ordinary,
    pytest.mark.skipif(not superuser(), reason="this user is one: test_grader_attacks.py is it"),
]


class TestByAnOrdinaryUser(Attacked):
    """Of a user who has nothing here."""

    user = "an ordinary user"
