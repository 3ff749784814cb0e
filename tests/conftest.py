"""Before any test: the environment every test and every kernel starts in."""

import os

# TensorFlow's C++ log, also in processes that tests start
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# the environment's own kernel, before one of the same name in the user's folder
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"

from hypothesis import settings

import libs  # noqa: F401 — first, so that TensorFlow starts quietly

# no time limits: what is slow is measured in benchmarks/, beside its peers
settings.register_profile("course", deadline=None, print_blob=True)
settings.load_profile("course")
