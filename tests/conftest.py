"""Before any test: who runs which file, and what no test may leave behind."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from libs import ROOT
from libs.machine import _free_memory

# no time limits: what is slow is measured in benchmarks/, beside its peers
settings.register_profile("course", deadline=None, print_blob=True)
settings.load_profile("course")

pytest_plugins = ["needs"]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
MOST_WORKERS = 4  # more would end no sooner: the longest lesson takes a quarter of the whole
WORKER_GB = 3  # a worker, a notebook's kernel, a grader: TensorFlow in each
# of slow test files, about, on two cores; a notebook's are in its metadata
MINUTES = {
    "test_homework.py": 4,
    "test_homework_readme.py": 2,
    "test_grader_attacks.py": 2,
    "test_grader_scale.py": 1.5,
    "test_grader_kill.py": 1,
    "test_checkpoints.py": 1,
    "test_scale.py": 1,
    "test_install.py": 1,
    "test_conftest.py": 0.5,
}
FILES, CHANGED = pytest.StashKey(), pytest.StashKey()
NOT_OURS = {".git", ".venv", ".versions", "out", "work", "__pycache__", "libs.egg-info"}


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


def pytest_xdist_auto_num_workers(config):
    """Return how many workers share the files: one a core, if memory lets them; 0 is none.

    One file, or what ``-k`` picks, is run in this process: a worker starts TensorFlow anew.
    """
    if config.option.keyword or (len(config.args) == 1 and not Path(config.args[0]).is_dir()):
        return 0
    workers = min(CORES, int(_free_memory() / WORKER_GB), MOST_WORKERS)
    return workers if workers > 1 else 0


def pytest_sessionstart(session):
    session.config.stash[FILES] = repository_files()


def pytest_sessionfinish(session):
    """Fail if anything but ``notebooks/out`` was written, once the last worker has ended."""
    if hasattr(session.config, "workerinput"):
        return
    before, now = session.config.stash[FILES], repository_files()
    session.config.stash[CHANGED] = sorted(
        path for path in before.keys() | now.keys() if before.get(path) != now.get(path)
    )
    if session.config.stash[CHANGED] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if changed := config.stash.get(CHANGED, []):
        terminalreporter.section("FAILED: files changed outside notebooks/out", red=True)
        terminalreporter.line("\n".join(changed))


def minutes(path: Path) -> float:
    """Return about how long a file takes, so that none of the long ones starts last."""
    if path.suffix == ".ipynb":
        return json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["minutes"]
    return MINUTES.get(path.name, 0)


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items):
    """Mark what proves the homework and what is slow; the longest files first."""
    for item in items:
        if item.path.name in MINUTES:
            item.add_marker("slow")
        if item.path.name.startswith(("test_grader_", "test_homework")):
            item.add_marker("homework")
    takes = {path: minutes(path) for path in {item.path for item in items}}
    items.sort(key=lambda item: -takes[item.path])


@pytest.fixture(scope="session")
def browser():
    """Chromium, for the tests marked so."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "no Chromium here: install it, on Debian with apt-get install chromium"
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=switches)
        yield started
        started.close()
