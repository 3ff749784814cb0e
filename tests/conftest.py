"""Before any test: the environment every test and every kernel starts in."""

import os
from pathlib import Path

# TensorFlow's C++ log, also in processes that tests start
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# the environment's own kernel, before one of the same name in the user's folder
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"

import pytest
from hypothesis import settings

from libs.datasets import ROOT

# no time limits: what is slow is measured in benchmarks/, beside its peers
settings.register_profile("course", deadline=None, print_blob=True)
settings.load_profile("course")

NOT_OURS = {".git", ".venv", "out", "__pycache__", "libs.egg-info"}


def repository_files() -> dict[str, tuple[int, int]]:
    """Return size and time of each file that notebooks must leave alone."""
    found = {}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            n
            for n in folders
            if n not in NOT_OURS
            and not n.endswith("_cache")
            and not n.startswith((".hypothesis", ".ipynb"))
        ]
        for path in (Path(folder) / name for name in files):
            found[str(path)] = (path.stat().st_size, path.stat().st_mtime_ns)
    return found


def pytest_sessionstart(session):
    session.config.files_at_start = repository_files()


@pytest.fixture
def files_at_start(request):
    """What :func:`repository_files` returned before the first test."""
    return request.config.files_at_start


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items):
    """Mark what proves the homework; test what the notebooks left behind after the notebooks."""
    for item in items:
        if item.path.name.startswith(("test_grader_", "test_homework")):
            item.add_marker("homework")
    items.sort(key=lambda item: item.name == "test_the_run_wrote_nothing_outside_its_folder")
