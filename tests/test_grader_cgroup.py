"""Control groups: the kernel's own limits for each student's processes, where systemd gives them.

The tests marked so run the real thing, where there is one; elsewhere they are skipped, which is
said. The others run everywhere: whatever systemd says, grading goes on as without it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from grader_mini import RIGHT, marking, submission
from needs import FOR_WANT_OF
from test_grader_watch import ATTACKS

from grader import ROOT
from grader.trusted import cgroup, sandbox
from grader.trusted.sandbox import PROCESSES, ProcessDied, Sandbox
from grader.trusted.watch import Watch

pytestmark = pytest.mark.sandbox
MEMORY, SECONDS = 0.5, 120
BY_THE_SYSTEM = "used more than 0.5 GB of memory (the system ended it)"
# attacks of test_grader_watch.py that take as much by the kernel's count; what they open and what
# connections might hold is guessed there, and counted here
IN_EARNEST = [
    name
    for name, (_, said) in ATTACKS.items()
    if "more than" in said and name != "connections that nobody accepts"
]
HONEST = [name for name in ATTACKS if name.startswith("honest")]
# what stands on the PATH in systemd-run's place
UNFIT = {
    "not there": None,
    "refuses": "echo 'Failed to connect to bus: No medium found' >&2; exit 1",
    "hangs": "exec sleep 600",
    "starts it where it was": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "takes no such option": "echo \"systemd-run: unrecognized option '--collect'\" >&2; exit 1",
}


@pytest.fixture
def systemd(monkeypatch, tmp_path):
    """Return a function that puts a program in systemd-run's place, on a machine of its own."""
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups" / "cgroup.controllers").touch()
    monkeypatch.setattr(cgroup, "MOUNT", tmp_path / "groups")
    monkeypatch.setattr(cgroup, "ANSWER_SECONDS", 2)
    program = sandbox.find_bubblewrap()  # before PATH is another

    def place(script: str | None) -> str:
        folder = tmp_path / "bin"
        folder.mkdir()
        if script is not None:
            (folder / "systemd-run").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            (folder / "systemd-run").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if script else "/nowhere")
        return program

    return place


def runs(box: Sandbox, source: str, seconds: float = SECONDS) -> str:
    """Run a cell in a session of its own; return what was printed, or how that ended."""
    with box.session() as session:
        try:
            request = {"do": "run", "source": source, "label": "cell:0"}
            return str(session.request(request, (), seconds)[0])
        except ProcessDied as error:
            return str(error)


@pytest.mark.parametrize("name", UNFIT)
def test_without_a_group_everything_is_as_it_was(name, systemd):
    program = systemd(UNFIT[name])
    assert cgroup.scope() == ("", [])
    with Sandbox(["grader.hostile.kernel"], program=program) as box:
        assert "DONE" in runs(box, "print('DONE')")
        assert not box.scoped
        assert box.launches == 1


@pytest.mark.parametrize("name", [name for name in UNFIT if name != "hangs"])
def test_where_scopes_are_no_longer_given_a_sandbox_starts_without(name, systemd, monkeypatch):
    """As when a user logs out while a class is graded."""
    program = systemd(UNFIT[name] or "exit 127")
    monkeypatch.setattr(cgroup, "_works", lambda path: True)
    with Sandbox(["grader.hostile.kernel"], program=program) as box:
        assert "DONE" in runs(box, "print('DONE')")


def test_a_machine_with_the_first_version_of_groups_is_asked_nothing(systemd, tmp_path):
    asked = tmp_path / "asked"
    systemd(f"touch '{asked}'; exit 1")
    (tmp_path / "groups" / "cgroup.controllers").unlink()
    assert cgroup.scope() == ("", [])
    assert not asked.exists()


def test_a_group_that_holds_other_processes_is_left_alone():
    with pytest.raises(FileNotFoundError, match="is not in grader-"):
        cgroup.Scope("grader-0.scope", os.getpid())


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n", ""),
        ("low 0\nhigh 0\nmax 7\noom 1\noom_kill 12\noom_group_kill 1\n", BY_THE_SYSTEM),
        ("", ""),
        (None, ""),
    ],
)
def test_the_kernel_s_count_is_read(events, said, tmp_path):
    if events is not None:
        (tmp_path / "memory.events").write_text(events)
    assert cgroup.Part(tmp_path, MEMORY).excess() == said


def test_what_the_kernel_ended_is_told_as_that(tmp_path, monkeypatch):
    """Whichever of a student's processes it was; nobody else notices."""
    events = tmp_path / "memory.events"
    events.write_text("oom_kill 0\n")
    monkeypatch.setattr(Sandbox, "_part", lambda *_: cgroup.Part(tmp_path, MEMORY))
    with Sandbox(["grader.hostile.kernel"]) as box:
        box.start()
        threading.Timer(1, events.write_text, ["oom_kill 1\n"]).start()
        assert BY_THE_SYSTEM in runs(box, "import time\ntime.sleep(600)")
        events.write_text("oom_kill 0\n")
        assert "DONE" in runs(box, "print('DONE')")
        assert box.launches == 1


def test_a_sandbox_that_the_system_ends_is_nobody_s_mistake(tmp_path):
    slow = {**RIGHT, "answer": "import time\ntime.sleep(1)\nanswer = 42"}
    with marking(tmp_path) as marker:
        content, ended = submission(marker.assignment, slow), []

        def end():
            while not ended:
                time.sleep(0.5)
                marker.sandbox.process.send_signal(signal.SIGTERM)
                ended.append(True)

        thread = threading.Thread(target=end)
        thread.start()
        record, _ = marker.mark(content)
        thread.join()
        assert record["score"] == record["points"] == 5
        assert marker.sandbox.launches == 2
        marker.mark(content)
        assert marker.sandbox.launches == 2


# from here on: the real thing


@pytest.fixture
def real():
    """Skip, and say so, where there is no control group to be had."""
    if not cgroup.scope()[0]:
        pytest.skip(
            f"{FOR_WANT_OF}a control group: no systemd gives this user one of the second version"
        )


@pytest.fixture
def unwatched(real, monkeypatch):
    """Yield a sandbox that only the kernel watches."""
    monkeypatch.setattr(Watch, "excess", lambda self: "")
    monkeypatch.setattr(cgroup, "MORE_BYTES", 0)
    with Sandbox(["numpy", "grader.hostile.kernel"], memory=MEMORY) as box:
        box.start()
        assert box._scope
        yield box
        assert "DONE" in runs(box, "print('DONE')")
        assert box.launches == 1, "what forks for the others was ended, too"


@pytest.mark.parametrize("name", IN_EARNEST)
def test_the_kernel_alone_stops_what_takes_too_much(name, unwatched):
    assert BY_THE_SYSTEM in runs(unwatched, ATTACKS[name][0])


@pytest.mark.parametrize("name", HONEST)
def test_the_kernel_lets_honest_work_be(name, unwatched):
    assert "DONE" in runs(unwatched, ATTACKS[name][0])


def test_the_kernel_alone_limits_how_many_processes_there_are(unwatched, monkeypatch):
    monkeypatch.setattr(cgroup, "MORE_TASKS", 50 - PROCESSES)
    fork = "import os, time\nmade = 0\ntry:\n    while True:\n        if os.fork() == 0:\n"
    fork += "            time.sleep(600)\n        made += 1\nexcept OSError as error:\n"
    fork += "    print('made', made, type(error).__name__)"
    said = runs(unwatched, fork)
    assert "BlockingIOError" in said
    assert 30 < int(said.split("made ")[1].split()[0]) < 50


def test_a_limit_is_a_submission_s_and_leaves_nothing(real):
    with Sandbox(["grader.hostile.kernel"], memory=MEMORY) as box:
        for number in (1, 2, 3):
            with box.session() as session:
                part = session.part.place
                assert part.name == f"part-{number}"
                kept = int((part / "memory.max").read_text()), (part / "pids.max").read_text()
                assert kept == ((1 << 30), f"{PROCESSES + cgroup.MORE_TASKS}\n")
                assert (part / "cgroup.procs").read_text().split() != []
                # what forks, and what it has, is in another part
                assert int((part / "memory.current").read_text()) < 100 << 20
        place = part.parent
        assert len([*place.glob("part-*")]) == 1  # swept when the next one begins
    until = time.monotonic() + 10
    while place.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not place.exists()


def test_a_grader_that_is_killed_leaves_no_scope(real):
    program = "from grader.trusted.sandbox import Sandbox\nbox = Sandbox([])\nbox.start()\n"
    program += "session = box.session()\nprint(session.part.place, flush=True)\ninput()"
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", program], text=True, cwd=ROOT, **pipes) as grader:
        place = Path(grader.stdout.readline().strip()).parent
        assert place.exists()
        grader.kill()
    until = time.monotonic() + 10
    while place.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not place.exists()


def test_the_watch_comes_first_and_names_the_reason(real):
    with Sandbox(["numpy", "grader.hostile.kernel"], memory=MEMORY) as box:
        said = runs(box, ATTACKS["children"][0])
        assert box._scope
    assert "more than 0.5 GB of memory" in said
    assert "the system" not in said


def test_a_scope_that_systemd_stops_costs_nobody_a_mark(real, tmp_path):
    """As all of a user's scopes are when that user logs out."""
    slow = {**RIGHT, "answer": "import time\ntime.sleep(2)\nanswer = 42"}
    with marking(tmp_path) as marker:
        line = ["systemctl", *([] if os.geteuid() == 0 else ["--user"]), "stop"]
        unit = marker.sandbox._scope.place.name
        timer = threading.Timer(1, subprocess.run, [[*line, unit]])
        timer.start()
        record, _ = marker.mark(submission(marker.assignment, slow))
        timer.join()
    assert record["score"] == record["points"] == 5
    assert marker.sandbox.launches == 2
