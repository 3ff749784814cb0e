"""Before any test and any notebook: the environment that they and their kernels start in."""

import os
import sys

import pytest

# the environment's own kernel, before one of the same name in the user's folders
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
os.environ.pop("JUPYTER_PATH", None)
os.environ.pop("TF_CONFIG", None)  # left over: no test is a cluster's worker


def pytest_configure():
    """Refuse a Python that proves nothing."""
    if sys.flags.optimize:
        raise pytest.UsageError(
            "Python skips every assert, so nothing would be proved. Unset the environment variable "
            "PYTHONOPTIMIZE, and leave out -O."
        )
