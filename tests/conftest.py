"""Before any test: the environment every test and every kernel starts in."""

import os

# TensorFlow's C++ log, also in processes that tests start
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# the environment's own kernel, before one of the same name in the user's folder
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"

import libs  # noqa: F401 — first, so that TensorFlow starts quietly
