"""Before any test and any notebook: the environment that they and their kernels start in.

Also who runs which file, and what a run may not leave behind.
"""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

# the environment's own kernel, before one of the same name in the user's folders
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
os.environ.pop("JUPYTER_PATH", None)
os.environ.pop("TF_CONFIG", None)  # left over: no test is a cluster's worker
# how this run shall look and go is not for those that its tests start, and read
for name in ("CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "PYTEST_ADDOPTS", "PY_COLORS"):
    os.environ.pop(name, None)
os.environ["COURSE_PROOF"] = "1"  # a lesson's claim that does not hold fails (libs/claims.py)

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
MOST_WORKERS = 4  # more would end no sooner: the longest lesson takes a quarter of the whole
WORKER_GB = 3  # a worker, a notebook's kernel, a grader: TensorFlow in each
# of test files, about, on two cores; a notebook's are in its metadata
MINUTES = {
    "test_homework.py": 15,
    "test_homework_readme.py": 1.5,
    "test_grader_attacks.py": 2.5,
    "test_grader_term_page.py": 1.5,
    "test_homework_ci.py": 0.5,
    "test_grader_attacks_ordinary.py": 2,
    "test_grader_scale.py": 1.5,
    "test_grader_kill.py": 1,
    "test_grader_anywhere.py": 1,
    "test_grader_watch.py": 0.5,
    "test_grader_cli.py": 1,
    "test_grader_shown.py": 1,
    "test_grader_class.py": 0.5,
    "test_grader_book.py": 0.5,
    "test_checkpoints.py": 1,
    "test_scale.py": 1.5,
    "test_scale_cluster.py": 1,
    "test_install.py": 1,
    "test_conftest.py": 0.5,
    "test_browser.py": 8,
    "test_site.py": 5,
    "test_front.py": 1,
}
FILES, CHANGED = pytest.StashKey(), pytest.StashKey()
NOT_OURS = {".git", ".venv", ".versions", "build", "out", "work", "__pycache__", "libs.egg-info"}


def pytest_configure():
    """Refuse a Python that proves nothing; hear Ctrl+C."""
    if sys.flags.optimize:
        raise pytest.UsageError(
            "Python skips every assert, so nothing would be proved. Unset the environment variable "
            "PYTHONOPTIMIZE, and leave out -O."
        )
    # behind `&` Ctrl+C is ignored, also by what is started here, and some tests press it
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def repository_files(root: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of each file that notebooks must leave alone."""
    found = {}
    for folder, folders, files in os.walk(root):
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


def is_small(config) -> bool:
    """Tell whether this is a run of one file, or of what ``-k`` picks."""
    one_file = len(config.args) == 1 and not Path(config.args[0]).is_dir()
    return one_file or bool(config.option.keyword)


def pytest_xdist_auto_num_workers(config):
    """Return how many workers share the files: one a core, if memory lets them; 0 is none.

    A small run stays in this process: a worker starts TensorFlow anew.
    """
    if is_small(config):
        return 0
    from libs.machine import _free_memory  # here, for it takes TensorFlow along

    workers = min(CORES, int(_free_memory() / WORKER_GB), MOST_WORKERS)
    return workers if workers > 1 else 0


def pytest_sessionstart(session):
    """Remember the files that are here before the first test."""
    session.config.stash[FILES] = repository_files(session.config.rootpath)


def pytest_sessionfinish(session):
    """Fail if anything but ``notebooks/out`` was written, once the last worker has ended.

    Not after a small run, beside which one goes on writing.
    """
    if hasattr(session.config, "workerinput") or is_small(session.config):
        return
    before = session.config.stash[FILES]
    now = repository_files(session.config.rootpath)
    session.config.stash[CHANGED] = sorted(
        path for path in before.keys() | now.keys() if before.get(path) != now.get(path)
    )
    if session.config.stash[CHANGED] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """Say what the run changed."""
    if changed := config.stash.get(CHANGED, []):
        terminalreporter.section("FAILED: files changed outside notebooks/out", red=True)
        terminalreporter.line("\n".join(changed))


def minutes(path: Path) -> float:
    """Return about how long a file takes, so that none of the long ones starts last."""
    if path.suffix == ".ipynb":
        metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
        return metadata.get("course", {}).get("minutes", 0)
    return MINUTES.get(path.name, 0)


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items):
    """Mark what proves the homework; put the longest files first."""
    for item in items:
        if item.path.name.startswith(("test_grader_", "test_homework")):
            item.add_marker("homework")
    takes = {path: minutes(path) for path in {item.path for item in items}}
    items.sort(key=lambda item: -takes[item.path])
