"""Before any test of ours: Hypothesis, what tests may lack, the browser."""

import shutil
import subprocess
import sys

import pytest
from hypothesis import settings

from libs import ROOT

# no time limits: what is slow is measured in benchmarks/, beside its peers
settings.register_profile("course", deadline=None, print_blob=True)
settings.load_profile("course")

pytest.register_assert_rewrite("hostile_class")  # its asserts are tests
pytest_plugins = ["needs"]


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


@pytest.fixture(scope="session")
def made_site(testrun_uid):
    """Make the site, once for all that share a run; return its folder."""
    import fcntl

    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    with (folder / "site-of-run").open("a+") as of_run:
        fcntl.flock(of_run, fcntl.LOCK_EX)
        of_run.seek(0)
        if of_run.read() != testrun_uid:
            command = [sys.executable, "tools/site.py"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
            of_run.truncate(0)
            of_run.write(testrun_uid)
    return folder / "site"
