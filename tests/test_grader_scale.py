"""Many graders at work: Dask's workers on one class, and graders that share a PostgreSQL."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import dask
import psutil
import pytest
from grader_mini import RIGHT, submission, write_course
from needs import postgresql
from sqlalchemy import create_engine, text

from grader.assignment import Assignment
from grader.commands.grade import grade
from grader.course import Course, CourseError
from grader.gradebook import Book, Locks
from grader.trusted.mark import Marker
from grader.trusted.sandbox import find_bubblewrap
from libs import ROOT

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.filterwarnings("ignore:Object of type"),  # nbgrader's, see grader.gradebook
]
CLASS = 8


def make_course(root: Path, seconds: float) -> Course:
    """Write a course with a class whose answers are right, wrong and missing, and take a while."""
    write_course(root)
    assignment = Assignment(root / "source" / "hw0")
    for number in range(CLASS):
        answers = {"answer": f"import time\ntime.sleep({seconds})\nanswer = {40 + number % 3}"}
        if number % 2:
            answers["double"] = RIGHT["double"]
        folder = root / "submitted" / f"student-{number}" / "hw0"
        folder.mkdir(parents=True)
        (folder / "hw0.ipynb").write_bytes(submission(assignment, answers))
    return Course(root)


def scores(course: Course) -> dict:
    """Return what the records say of each student."""
    return {r["student"]: {n: t["score"] for n, t in r["tests"].items()} for r in all_of(course)}


def all_of(course: Course) -> list[dict]:
    records = course.records("hw0")
    assert all(r["entered"] for r in records)
    return records


def book_scores(course: Course) -> dict:
    """Return what the grade book says of each student."""
    with Book(course) as book:
        return {s.student.id: s.score for s in book.gradebook.assignment_submissions("hw0")}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The class's marks, from one process and one sandbox."""
    course = make_course(tmp_path_factory.mktemp("alone"), 0)
    marker = Marker(course.assignment("hw0"), [course.root])
    try:
        records = {s.student: marker.mark(s.read())[0] for s in course.submissions("hw0")}
    finally:
        marker.close()
    found = {s: {n: t["score"] for n, t in r["tests"].items()} for s, r in records.items()}
    assert {sum(marks.values()) for marks in found.values()} == {0, 1, 4, 5}
    return found


# --- Dask -------------------------------------------------------------------------------------


@pytest.fixture
def cluster():
    from distributed import LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 2, "processes": True}
    with LocalCluster(**options, dashboard_address=None) as cluster:
        yield cluster


def test_dask_marks_each_once_as_one_process_would_though_a_worker_dies(
    tmp_path, cluster, expected, monkeypatch
):
    course = make_course(tmp_path, 1)
    entered, used = Counter(), set()
    enter = Book.enter

    def count(book, record, before=None):
        entered[record["student"]] += 1
        enter(book, record, before)

    monkeypatch.setattr(Book, "enter", count)
    killed = threading.Thread(target=kill_one_midway, args=(cluster, course, used), daemon=True)
    killed.start()
    done = grade(course, "hw0", scheduler=cluster.scheduler_address)
    killed.join(5)
    assert used, "no worker was killed"
    assert set(done) == set(expected)
    assert entered == dict.fromkeys(expected, 1)
    assert scores(course) == expected
    assert book_scores(course) == {s: sum(marks.values()) for s, marks in expected.items()}
    assert grade(course, "hw0", scheduler=cluster.scheduler_address) == {}


def kill_one_midway(cluster, course: Course, used: set) -> None:
    """Kill the process of a worker when two submissions are marked."""
    while len(list((course.root / "records").glob("*/*.json"))) < 2:
        time.sleep(0.05)
    victim = next(iter(cluster.workers.values())).pid
    psutil.Process(victim).kill()
    used.add(victim)


def test_without_dask_the_command_says_what_to_install(tmp_path, monkeypatch):
    course = make_course(tmp_path, 0)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CourseError, match="pip install distributed"):
        grade(course, "hw0", scheduler="tcp://127.0.0.1:8786")
    assert course.records("hw0") == []


def test_a_scheduler_that_does_not_answer_is_named(tmp_path):
    course = make_course(tmp_path, 0)
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(CourseError, match="No Dask scheduler answers at tcp"),
    ):
        grade(course, "hw0", scheduler="tcp://127.0.0.1:9")


# --- one PostgreSQL ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server():
    """The URL of a PostgreSQL of its own, on a socket in a temporary folder."""
    programs, folder = postgresql(), Path(tempfile.mkdtemp(prefix="pg"))
    line = []
    if os.geteuid() == 0:  # which PostgreSQL refuses
        line = [find_bubblewrap(), "--die-with-parent", "--unshare-user", "--unshare-pid"]
        line += ["--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/"]
    options = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    data = ["-D", folder / "data"]
    create = [programs / "initdb", *data, "-U", "grader", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*line, *create], check=True, **options)
    started = subprocess.Popen(
        [*line, programs / "postgres", *data, "-k", folder, "-h", "", "-F"],
        # tests that run in a shell's background ignore Ctrl+C, and would pass that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )
    url = f"postgresql+psycopg2://grader@/postgres?host={folder}"
    try:
        for _ in range(600):
            with contextlib.suppress(Exception):
                create_engine(url).connect().close()
                break
            time.sleep(0.1)
        yield url
    finally:
        started.send_signal(signal.SIGINT)  # at once, whoever is connected
        started.wait(60)
        shutil.rmtree(folder)


@pytest.fixture
def database(server, request):
    """The URL of an empty database."""
    name = re.sub(r"\W", "", request.node.name)[:60].lower()
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


def grader(course: Course, database: str) -> subprocess.Popen:
    """Start another grader."""
    command = [sys.executable, "-m", "grader", "--course", course.root, "--database", database]
    command += ["grade", "hw0", "--workers", "1"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.postgresql
def test_two_graders_on_one_postgresql_share_a_class(tmp_path, database, expected):
    course = Course(make_course(tmp_path, 0.5).root, database)
    locks = Locks(course)
    with locks.turn():  # neither may open the grade book, which is empty, before both want to
        graders = [grader(course, database) for _ in range(2)]
        counted = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        until = time.monotonic() + 300
        while locks.connection.execute(counted).scalar_one() < 3:
            assert time.monotonic() < until, [g.poll() for g in graders]
            time.sleep(0.1)
    locks.close()
    said = [g.communicate(timeout=300) for g in graders]
    assert [g.returncode for g in graders] == [0, 0], said
    marked = [int(re.search(r"hw0: (\d+) marked now", out)[1]) for out, _ in said]
    assert sum(marked) == CLASS
    assert min(marked) > 0
    assert scores(course) == expected
    assert book_scores(course) == {s: sum(marks.values()) for s, marks in expected.items()}


HOLD = """
import sys, time
from grader.gradebook import Locks
from grader.course import Course
locks = Locks(Course(sys.argv[1], sys.argv[2]))
assert locks.claim("hw0/student-1")
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    "where", [pytest.param("postgresql", marks=pytest.mark.postgresql), "sqlite"]
)
def test_what_a_grader_holds_is_free_once_it_is_killed(tmp_path, where, request):
    (tmp_path / "source").mkdir()
    database = request.getfixturevalue("database") if where == "postgresql" else None
    course = Course(tmp_path, database)
    command = [sys.executable, "-c", HOLD, course.root, course.database]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            locks = Locks(course)
            assert not locks.claim("hw0/student-1")
            assert locks.claim("hw0/student-2")
        finally:
            other.kill()
    until = time.monotonic() + 30
    while not locks.claim("hw0/student-1"):
        assert time.monotonic() < until
        time.sleep(0.05)
    locks.close()


def test_a_grade_book_that_can_not_be_opened_is_told(tmp_path):
    (tmp_path / "source").mkdir()
    course = Course(tmp_path, f"postgresql+psycopg2://grader:secret@/none?host={tmp_path}")
    with pytest.raises(CourseError, match="grade book can't be used") as caught:
        Book(course)
    assert "secret" not in str(caught.value)
    with pytest.raises(CourseError, match=r"named postgresql\+psycopg2://"):
        Book(Course(tmp_path, "postgresql://grader@localhost/none"))
