"""``make versions``: what it keeps, goes on with and says where a row can't be had."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import versions

PAGE = f"before\n\n{versions.BEGIN}\n{versions.END}\nafter\n"
ROW = "| Colab's | 2026-01-01 | 3.13.0 | 2.20.0 | 3.13.2 | 2.1.3 | 61 | 1 | 0 | 0 |"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two files of tests and a page, and no environment but this."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "CONTRIBUTING.md").write_text(PAGE, "utf-8")
    # these hold no notebook, and pytest starts faster without its plug-ins
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").touch()
    option = "def pytest_addoption(parser):\n    parser.addoption('--nbval', action='store_true')\n"
    (tmp_path / "conftest.py").write_text(option, "utf-8")
    (tmp_path / "tests" / "test_good.py").write_text("def test_it():\n    pass\n", "utf-8")
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    monkeypatch.setattr(versions, "FOLDER", tmp_path / ".versions")
    monkeypatch.setattr(versions, "PAGE", tmp_path / "CONTRIBUTING.md")
    monkeypatch.setattr(versions, "make", lambda *_: Path(sys.executable))
    versions.FOLDER.mkdir()
    versions.depends_on.cache_clear()
    yield tmp_path
    versions.depends_on.cache_clear()


def rows():
    """Return the table's rows, each as its cells from the files on, by heading."""
    found = versions.table()[1]
    return {name: [cell.strip() for cell in line.split("|")[7:-1]] for name, line in found.items()}


def test_what_failed_or_changed_is_run_again_and_nothing_else(course, capsys):
    bad = course / "tests" / "test_bad.py"
    bad.write_text("import os\n\ndef test_it():\n    os.abort()\n", "utf-8")
    assert not versions.try_one("lock", "uv")
    assert rows() == {"the lock": ["2", "1", "1", "0"]}  # a crash fails, and ends nothing else
    assert "test_bad.py: pytest ended with -6" in capsys.readouterr().out
    bad.write_text("import pytest\n\n@pytest.mark.skip\ndef test_it():\n    pass\n", "utf-8")
    versions.depends_on.cache_clear()
    good = course / ".versions" / "lock.results" / "test_good.py.json"
    before = good.stat().st_mtime_ns
    assert versions.try_one("lock", "uv")
    assert rows() == {"the lock": ["2", "1", "0", "1"]}
    assert good.stat().st_mtime_ns > before  # for a test may read another's file
    before = good.stat().st_mtime_ns
    assert versions.try_one("lock", "uv")
    assert "0 of 2 files to run" in capsys.readouterr().out
    assert good.stat().st_mtime_ns == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_is_interrupted_notes_what_was_run_and_goes_on(course, how):
    slow = course / "tests" / "test_slow.py"
    text = "import pathlib, time\n\ndef test_it():\n    pathlib.Path('began').touch()\n"
    slow.write_text(f"{text}    time.sleep(600)\n", "utf-8")
    program = f"""
import sys
from pathlib import Path
from tools import versions
versions.ROOT, versions.FOLDER = Path({str(course)!r}), Path({str(versions.FOLDER)!r})
versions.PAGE = versions.ROOT / "CONTRIBUTING.md"
versions.MOST_WORKERS = 1
versions.make = lambda *_: Path(sys.executable)
versions.shutil.which = lambda *_, **__: "uv"  # a maintainer's, not called here
sys.argv = ["versions", "lock", "colab"]
sys.exit(versions.main())
"""
    root = Path(__file__).resolve().parent.parent
    # started behind `&`: what it starts must hear an interrupt all the same
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=root,
        stderr=-1,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    ends = time.monotonic() + 60
    while not (course / "began").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    for _ in range(2):  # as `timeout` sends it, and impatient people
        process.send_signal(how)
        time.sleep(0.05)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "versions: lock: interrupted; the same command goes on from here." in said
    assert "Traceback" not in said
    assert rows() == {"the lock": ["1 of 2", "1", "0", "0"]}
    slow.write_text(text, "utf-8")
    assert versions.try_one("lock", "uv")
    assert rows() == {"the lock": ["2", "2", "0", "0"]}


def test_an_environment_that_cannot_be_had_is_in_the_table_with_its_reason(course, monkeypatch):
    versions.write({"colab": ROW})

    def unsolved(*_):
        raise versions.Lacking("no wheel of h5py | for\nPython 3.14")

    monkeypatch.setattr(versions, "make", unsolved)
    assert not versions.try_one("next", "uv")
    assert not versions.try_one("colab", "uv")
    lines = versions.PAGE.read_text("utf-8").splitlines()
    assert lines[0] == "before"
    assert lines[-1] == "after"
    found = [line for line in lines if "not tried: no wheel of h5py / for Python 3.14" in line]
    assert [line.split("|")[1].strip() for line in found] == ["Colab's", "the next"]
    assert {line.count("|") for line in [*found, ROW]} == {versions.HEAD.count("|")}


def test_a_missing_python_is_no_news_of_what_was_tried_elsewhere(course, monkeypatch):
    def absent(*_):
        raise versions.Lacking("there is no Python 3.13 here", elsewhere=True)

    versions.write({"colab": ROW})
    monkeypatch.setattr(versions, "make", absent)
    assert not versions.try_one("colab", "uv")
    assert not versions.try_one("next", "uv")
    assert versions.table()[1]["Colab's"] == ROW
    assert "not tried: there is no Python 3.13 here" in versions.table()[1]["the next"]


def test_a_command_that_fails_says_why():
    program = "import sys; sys.exit('no wheel of numpy')"
    with pytest.raises(versions.Lacking, match=r"`python\S* -c .* failed: no wheel of numpy"):
        versions.run(sys.executable, "-c", program)


@pytest.mark.skipif(os.name == "nt", reason="pyenv's commands are shell scripts")
def test_pyenvs_python_is_found_although_its_command_refuses(tmp_path, monkeypatch):
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho 'Failed to inspect Python' >&2\nexit 2\n", "utf-8")
    uv.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    there = tmp_path / "versions" / "3.13.0" / "bin" / "python"
    with pytest.raises(versions.Lacking, match=r"no Python 3\.14 or 3\.13 here"):
        versions.find_python(("3.14", "3.13"), str(uv))
    there.parent.mkdir(parents=True)
    there.touch()
    assert versions.find_python(("3.14", "3.13"), str(uv)) == str(there)
