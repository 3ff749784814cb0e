"""Hostile submissions: none scores above its honest part, changes a mark, lives on or hides why.

All are handed in by one class, beside honest students, and graded as a class is. Each answers
one question honestly (1 point) and attacks in the cell that is worth 4, or beside it. What must
hold of the class is tested twice: as this user's in test_grader_attacks.py, and beside it as an
ordinary user's in test_grader_attacks_ordinary.py.
"""

import csv
import json
import re
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from grader_mini import CELLS, RIGHT, hand_in, left_behind, start_grading, submission, write_course
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell
from ordinary import begin

from grader import ROOT
from grader.assignment import Assignment
from grader.commands.export import export
from grader.commands.feedback import feedback
from grader.course import Course
from grader.submission import grade_id

TOTAL_SECONDS, SLACK = 20, 25
# code that finds the connection to the grader, and sends what it likes
FORGE = """import json, os, stat, struct
def send(said, *arrays):
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    head = struct.pack(f'>II{len(arrays)}Q', len(text), len(arrays), *map(len, arrays))
    raw(head + text + b''.join(arrays))
def raw(content):
    for fd in range(3, 30):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, content)
        except OSError:
            pass
"""
# interrupted, or, on a busy machine or where it can't be, ended
NEVER_DONE = "still not done after|did not stop after"

# name: (the cell that should define double, what the record or the notebook then says)
ANSWERS = {
    # forged results
    "prints a forged verdict": ("print('✓ two numbers (1 of 1 point)')", "double is not defined"),
    "sends an answer nobody asked for": (
        FORGE + "for _ in range(9):\n    send({'result': {'list': [0, 2]}})",
        "double is not defined|malformed",
    ),
    "sends an array of objects": (
        FORGE + "def double(x):\n"
        "    send({'result': {'array': 0, 'dtype': '|O', 'shape': [2]}}, b'x' * 16)",
        "malformed array",
    ),
    "sends an empty array of two billion rows": (
        FORGE + "def double(x):\n"
        "    send({'result': {'array': 0, 'dtype': '<f8', 'shape': [1 << 31, 0]}}, b'')",
        "malformed shape",
    ),
    "sends an array without its bytes": (
        FORGE + "def double(x):\n"
        "    send({'result': {'array': 0, 'dtype': '<f8', 'shape': [2]}}, b'')",
        "shape and size differ",
    ),
    "sends text where an array is expected": ("def double(x):\n    return '[0, 2]'", "numbers"),
    "sends an error that is no text": (
        FORGE + "send(b'{\"error\": {\"message\": ' + b'[' * 900 + b']' * 900 + b'}}')",
        "double is not defined|an exception",
    ),
    "sends JSON that is nested too deeply": (
        FORGE + "send(b'[' * 1000000)",
        "not JSON",
    ),
    "announces four gigabytes": (
        FORGE + "def double(x):\n    raw(struct.pack('>II', 4, 1) + struct.pack('>Q', 1 << 32))",
        "arrays of more than",
    ),
    "sends garbage": (FORGE + "raw(os.urandom(9999))", "Your process|While running"),
    "drips its answer": (
        FORGE + "import time\ndef double(x):\n    raw(struct.pack('>II', 999, 0))\n"
        "    while True:\n        time.sleep(0.05)\n        raw(b' ')",
        NEVER_DONE,
    ),
    "closes the connection": (
        "import os\nos.closerange(3, 99)",
        "While running this cell, Python stopped: it ended itself, as os._exit does, or closed",
    ),
    "NaN": ("def double(x):\n    return float('nan')", "has shape|NaN"),
    "a number of five thousand digits": ("def double(x):\n    return 10 ** 5000", "ValueError"),
    "a list in itself": ("def double(x):\n    a = []\n    a.append(a)\n    return a", "list"),
    "a huge array": (
        "import numpy as np\ndef double(x):\n    return np.zeros(60_000_000)",
        "larger than 256 MB",
    ),
    "half a million parts": ("def double(x):\n    return [0.0] * 500_000", "too many parts"),
    "one array meant sixty times": (
        FORGE + "def double(x):\n    one = {'array': 0, 'dtype': '<f8', 'shape': [1 << 20]}\n"
        "    send({'result': {'list': [one] * 60}}, bytes(8 << 20))",
        "meant twice",
    ),
    "eight megabytes of text": ("def double(x):\n    return 'x' * 8_000_000", "texts of more than"),
    "a long text among many": (
        "def double(x):\n    return ['x' * 500_000] + ['y'] * 50_000",
        "texts of more than",
    ),
    "three million parts": (FORGE + "send(b'[' + b'{},' * 3_000_000 + b'{}]')", "too many parts"),
    "output past Python": (
        "import os\nwhile True:\n    os.write(1, b'x' * 99_999), os.write(2, b'x' * 99_999)",
        NEVER_DONE,
    ),
    "an array of print functions": (
        "import numpy as np\ndef double(x):\n    return np.array([print, print], dtype=object)",
        "type ndarray",
    ),
    "an array that lies about its shape": (
        "import numpy as np\nclass A(np.ndarray):\n    shape = property(lambda s: (2,))\n"
        "    def tobytes(self): return b'x' * 10\n"
        "def double(x):\n    return np.zeros(3).view(A)",
        "shape and size differ|has shape",
    ),
    "an object that equals everything": (
        "class Yes:\n    def __eq__(self, other): return True\n"
        "    def __getattr__(self, name): return Yes()\n    def __call__(self, *a): return 0\n"
        "    def __array__(self, *a, **k): raise SystemExit\n"
        "def double(x):\n    return Yes()",
        "double",
    ),
    # patches
    "patches NumPy": (
        "import numpy as np\nnp.isclose = lambda a, *_, **k: np.ones(np.shape(a), bool)\n"
        "def double(x):\n    return x",
        "double",
    ),
    "patches the tests": (
        "import grader.check as c\nc.expect.close = lambda *a, **k: None\n"
        "c.test.__exit__ = lambda *a: print('✓') or True\ndouble = print",
        "double",
    ),
    "patches what compares": (
        "import libs.check\n"
        "libs.check.check_value = lambda *a: libs.check.Verdict('right', '')\ndouble = str",
        "expected numbers",
    ),
    "an input transformer": (
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['answer = 42\\n'])",
        "double is not defined",
    ),
    "an AST transformer": (
        "import ast\nclass T(ast.NodeTransformer):\n    def visit_With(self, n):\n"
        "        return ast.Pass()\nget_ipython().ast_transformers.append(T())",
        "double is not defined",
    ),
    "an event hook": (
        "get_ipython().events.register('post_run_cell', lambda *a: __import__('os')._exit(0))",
        "While running this cell, Python stopped",
    ),
    "an import hook": (
        "import sys, builtins\nbuiltins.__import__ = lambda *a, **k: sys",
        "double is not defined",
    ),
    "looks for frames": (
        "import sys\ndef double(x):\n    frame, found = sys._getframe(), {}\n"
        "    while frame:\n        found.update(frame.f_globals)\n        frame = frame.f_back\n"
        "    return found['secret_numbers'] * 2",
        "KeyError",
    ),
    "searches its memory for the test": (
        "import gc\ndef double(x):\n"
        "    return [o for o in gc.get_objects() if 'secret_numbers' in str(o)[:200]][:1]",
        "double",
    ),
    "a trace function": (
        "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)",
        "double is not defined",
    ),
    # exits and signals
    "exits": ("import os\nos._exit(3)", "running this cell, Python stopped: it ended itself, as"),
    "exits when called": (
        "def double(x):\n    __import__('os')._exit(0)",
        "while running double, Python stopped: it ended itself, as os._exit does",
    ),
    "SystemExit": ("import sys\nsys.exit(0)", "SystemExit in line 2"),
    "kills itself": ("import os\nos.kill(os.getpid(), 9)\nprint('ALIVE')", "ALIVE|stopped"),
    "kills everyone": (
        "import os\nfor n in (-1, 0, 1, os.getppid()):\n    os.kill(n, 9)\nprint('ALIVE')",
        "ALIVE|stopped",
    ),
    "segfaults": (
        "import ctypes\nctypes.string_at(0)",
        "While running this cell, Python stopped: it crashed: it used memory that is not its own, "
        "or a library gave up .signal 11, SIGSEGV.",
    ),
    "segfaults when called": (
        "import ctypes\ndef double(x):\n    return ctypes.string_at(0)",
        r"while running double, Python stopped: it crashed: .* .signal 11, SIGSEGV.",
    ),
    "gives up": (
        "import os\nos.abort()",
        "Python stopped: it crashed: .*a library gave up .signal",
    ),
    "stops itself": ("import os, signal\nos.kill(0, signal.SIGSTOP)\nprint('ON')", "ON|not done"),
    "waits for the keyboard": ("x = input()", "EOFError"),
    # time
    "an endless loop": ("while True:\n    pass", NEVER_DONE),
    "an endless loop when called": ("def double(x):\n    while True:\n        pass", NEVER_DONE),
    "a loop that can't be interrupted": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "did not stop|" + NEVER_DONE,
    ),
    "ignores signals": (
        "import signal, time\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except OSError: pass\ntime.sleep(1000)",
        "did not stop",
    ),
    "endless output": ("while True:\n    print('x' * 10000)", NEVER_DONE + "|MemoryError"),
    "endless recursion": ("def double(x):\n    return double(x)", "RecursionError"),
    # bombs
    "eats memory": (
        "a = []\nwhile True:\n    a.append(b'x' * 50_000_000)",
        "MemoryError|more than 2 GB of memory|" + NEVER_DONE,
    ),
    "memory that is no process's": (
        "import os\nfds = [os.memfd_create('x') for _ in range(99)]",
        "PermissionError",
    ),
    "sockets full of bytes": (
        "import os, socket, time\ndef fill():\n    kept = []\n    try:\n        while True:\n"
        "            kept.append(socket.socketpair())\n            kept[-1][0].setblocking(False)\n"
        "            kept[-1][0].send(b'x' * 99_999)\n    except OSError:\n        time.sleep(9)\n"
        "for i in range(9):\n    os.fork() or fill()\ntime.sleep(60)",
        "files and sockets|more than 2 GB of memory",  # their queues count
    ),
    "a fork bomb": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "not done|did not stop|more than 2 GB of memory|files and sockets|faster than",
    ),
    "a thread bomb": (
        "import threading, time\nn = 0\ntry:\n    while True:\n        threading.Thread("
        "target=time.sleep, args=(99,), daemon=True).start()\n        n += 1\n"
        "except RuntimeError:\n    print('no thread after', n < 300)",
        "no thread after True",
    ),
    "fills the disk": (
        "for i in range(9):\n    with open(f'/home/student/{i}', 'wb') as f:\n"
        "        f.write(b'x' * 200_000_000)",
        "No space left|" + NEVER_DONE,
    ),
    "a huge file": (
        "with open('/home/student/x', 'wb') as f:\n    f.write(b'x' * 400_000_000)",
        "File too large|" + NEVER_DONE,
    ),
    "a million files": (
        "import os\nfor i in range(1_000_000):\n    os.mknod(f'/home/student/{i}')",
        "No space left|" + NEVER_DONE,
    ),
    "a daemon": (
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.execvp('sleep', ['sleep', '98765'])\n    os._exit(0)\nos.wait()\nprint('LEFT')",
        "LEFT",
    ),
    # what is outside
    "the network": (
        "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=2)",
        "unreachable",
    ),
    "the machine's own network": (
        "import socket\nsocket.create_connection(('127.0.0.1', 22), 2)",
        "refused|unreachable",
    ),
    "a new name space": (
        "import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\nr = l.unshare(0x10000000)\n"
        "print('unshare', r)",
        "unshare -1",
    ),
    "mounts": (
        "import ctypes\nmount = ctypes.CDLL(None).mount\n"
        "print('mount', mount(b'n', b'/home/student', b'tmpfs', 0, None))",
        "mount -1",
    ),
    "debugs another process": (
        "import ctypes\nprint('ptrace', ctypes.CDLL(None).ptrace(16, 2, 0, 0))",
        "ptrace -1",
    ),
    "takes all cores": ("import os\nos.sched_setaffinity(0, {0})", "PermissionError"),
    "changes the grader's code": (
        "import grader.check as c\nopen(c.__file__, 'a').write('#')",
        "Read-only file system|Permission denied",
    ),
    "changes the data": (
        "import libs\n(libs.ROOT / 'MNIST_data' / 'x').write_bytes(b'')",
        "Read-only file system|Permission denied",
    ),
    "becomes the superuser": (
        "import os, subprocess\nos.setuid(0)",
        "PermissionError|OSError",
    ),
    # words
    "half a character": ("print('\\ud800 HALF')", "HALF"),
    "an error of half a character": ("raise ValueError('\\ud800 \\x1b[2J HALF')", "HALF"),
    "half a character in the source": ("x = '\ud800'\nprint('HALF')", "HALF"),
    "control characters": ("print('\\x00\\x08\\x1b]0;title\\x07 CONTROL')", "CONTROL"),
    "an exception with a hostile name": (
        "raise type('<script>alert(1)</script>', (Exception,), {})('x' * 99999)",
        "an exception",
    ),
    "an exception that fails to be told": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
        "While running|stop|E in line",
    ),
}
# a cell of the student's own, beside right answers; what must be shown, and never is
SNOOPS = {
    "files of the course": "import subprocess\nprint('SEEN', subprocess.run("
    "'timeout 4 find / ( -path /usr -o -name site-packages ) -prune "
    "-o ( -name hw0* -o -name gradebook* -o -name submitted ) -print'.split(), "
    "capture_output=True, text=True).stdout)",
    "the tests": "import subprocess\nprint('SEEN', subprocess.run("
    "'timeout 2 grep -rls secret_numbers / --include=*.ipynb --include=*.json', "
    "shell=True, capture_output=True, text=True).stdout)",
    "the grader": "import os, grader\nfor p, _, fs in os.walk(os.path.dirname(grader.__file__)):\n"
    "    print('SEEN', p, fs)",
    "the course": "import json, os, libs\nseen = []\n"
    "for folder, folders, files in os.walk(libs.ROOT):\n"
    "    own = [name for name in folders if name not in ('.venv', '__pycache__')]\n"
    "    here = files + ['.venv'] * ('.venv' in folders) if own or folders or files else ['.']\n"
    "    seen += [os.path.relpath(os.path.join(folder, name), libs.ROOT) for name in here]\n"
    "    folders[:] = own\n"
    "print('SEEN', json.dumps(seen))",
    "the environment": "import os, glob\nprint('SEEN', dict(os.environ))\n"
    "for p in glob.glob('/proc/*/environ'):\n    print(open(p, 'rb').read())",
    "other processes": "import glob\n"
    "print('SEEN', [open(p).read() for p in glob.glob('/proc/[0-9]*/cmdline')])",
    "inherited files": "import os\nprint('SEEN')\nfor f in os.listdir('/proc/self/fd'):\n"
    "    try: print(os.readlink('/proc/self/fd/' + f))\n    except OSError: pass",
    "mounts": "print('SEEN', open('/proc/self/mountinfo').read())",
    "sockets": "print('SEEN', open('/proc/net/unix').read(), open('/proc/net/tcp').read())",
    "shared memory": "print('SEEN', [m for m in open('/proc/self/maps') if ' rw-s ' in m])",
    "what others left": "import os\nfor d in ('/tmp', '/dev/shm', '/home/student'):\n"
    "    print('SEEN', os.listdir(d))\n    open(f'{d}/left-behind', 'w')",
}
SNOOPS["what others left, again"] = SNOOPS["what others left"]


def forged(cells):
    for cell in cells:
        if about := cell.metadata.get("nbgrader"):
            about.update(points=1000, locked=False, checksum="0")
            if about["grade_id"] == "double-test":
                cell.source = "pass"
    return cells


def swapped(cells):
    for cell in cells:
        if grade_id(cell) == "double-test":
            cell.metadata.nbgrader["grade_id"] = "answer-test"
    return cells


def turned(cells):
    return [
        new_markdown_cell(c.source, metadata=c.metadata) if grade_id(c) == "double-test" else c
        for c in cells
    ]


def duplicated(cells):
    (own,) = [c for c in cells if grade_id(c) == "double-test"]
    return [*cells, nbformat.from_dict({**own, "source": "pass", "id": "again"})]


def unnamed(cells):
    for cell in cells:
        cell.metadata.pop("nbgrader", None)
        cell["id"] = f"x{id(cell)}"
    return cells


def setup(cells):
    for cell in cells:
        if grade_id(cell) == "imports":
            cell.source = "class expect:\n    close = equal = lambda *a: None"
    return cells


def browser(cells):
    shows = (
        "from IPython.display import HTML, Javascript, display\n"
        "display(HTML('<script>alert(1)</script>'), Javascript('alert(2)'))\n"
        "bomb = 'iVBORw0KGgoAAAANSUhEUgD/////AP////8IAgAAAA=='\n"
        "display({'text/html': '<b>3</b>', 'image/png': 'PHNjcmlwdD4=', 'image/svg+xml': '<svg/>'},"
        " raw=True)\ndisplay({'image/png': bomb}, raw=True)\n"
        "print('<script>alert(4)</script>')\nraise ValueError('<script>alert(5)</script>')"
    )
    words = (
        "<script>alert(6)</script> [a](javascript:alert(7)) ![b](https://192.0.2.1/c.png)\n"
        "<img src=x onerror=alert(8)> &#60;script> <java&#115;cript:alert(9)>"
    )
    return [
        new_raw_cell("<script>alert(10)</script>", metadata={"raw_mimetype": "text/html"}),
        *cells,
        new_code_cell(shows, metadata={"tags": ["raises-exception"]}),
        new_markdown_cell(words),
    ]


def loud(cells):
    shows = (
        "import base64\nfrom IPython.display import display\n"
        "head = b'\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\rIHDR\\0\\0\\0\\1\\0\\0\\0\\1'\n"
        "picture = head + b'x' * 5_000_000\n"
        "display({'image/png': base64.b64encode(picture).decode()}, raw=True)"
    )
    return [*cells, *(new_code_cell(shows) for _ in range(12))]


# what is done to the cells of a submission with one honest answer: its score, what is noted
CELLS_CHANGED = {
    "forges points and a test": (forged, 1, "put back as it was"),
    "deletes a test": (lambda c: [x for x in c if grade_id(x) != "double-test"], 1, "put back"),
    "duplicates a test": (duplicated, 1, "put back"),
    "gives a test another's name": (swapped, 1, "put back"),
    "turns a test into words": (turned, 1, "put back"),
    "has no cells": (lambda c: [], 0, "missing"),
    "has no names": (unnamed, 1, ""),  # its cells are known by what is in them
    "changes the setup": (setup, 1, "put back"),
    "turns everything round": (lambda c: c[::-1], 1, ""),
    "answers twice": (
        lambda c: [*c, *(x for x in c if grade_id(x) == "answer")],
        1,
        "appears 2 times",
    ),
    "attacks a browser": (browser, 1, ""),
    "shows sixty megabytes": (loud, 1, ""),
}


def malformed(good: dict):
    """Yield files that are no proper notebook: a name, the file, what is noted."""
    yield "nothing", b"", "not JSON"
    yield "no text", b"\x00\xff" * 1000, "not JSON"
    yield "nested too deeply", b"[" * 100_000, "not JSON"
    deep = b'{"a":' * 950 + b"1" + b"}" * 950
    yield "deep metadata", json.dumps({**good, "metadata": 0}).encode()[:-2] + deep, "not JSON"
    yield "deep names", b'{"nbformat": 4, "cells": [' + deep + b"]}", "missing"
    yield "a list", b"[]", "not a Jupyter notebook"
    yield "empty", b"{}", "not a Jupyter notebook"
    yield "another format", json.dumps({**good, "nbformat": 99}).encode(), "format 4"
    yield "cells that are none", json.dumps({**good, "cells": [None, 3, {}]}).encode(), "missing"
    yield "a number of cells", json.dumps({**good, "cells": 3}).encode(), "not a Jupyter notebook"
    yield "many cells", json.dumps({**good, "cells": good["cells"] * 4000}).encode(), "1000 cells"
    yield "31 MB", b'{"cells": [' + b" " * (31 << 20) + b"]}", "larger than"
    yield "HTML", b'{"nbformat": 4, "cells": "<img src=x onerror=alert(1)>"}', "not a Jupyter"
    lists = {"metadata": {"nbgrader": {"grade_id": ["double"]}}, "id": 5, "source": "0"}
    cells = [{**c, **lists} for c in good["cells"]]
    yield "names that are lists", json.dumps({**good, "cells": cells}).encode(), "missing"


def slug(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def a_class(root: Path) -> Course:
    """Return a class of attackers and three honest students."""
    # a setup as the course's are: the sandbox holds what it imports, TensorFlow too
    first = "import libs\nimport keras\n\n"
    cells = [(k, n, f"{first}{s}" if n == "imports" else s, p) for k, n, s, p in CELLS]
    write_course(root, cells, total_seconds=TOTAL_SECONDS, memory_gb=2, cell_seconds=5)
    assignment = Assignment(root / "source" / "hw0")
    for student in ("a-honest", "m-honest", "z-honest"):
        hand_in(root, student, submission(assignment, RIGHT))
    for name, (answer, _) in ANSWERS.items():
        hand_in(root, slug(name), submission(assignment, {**RIGHT, "double": answer}))
    for name, extra in SNOOPS.items():
        hand_in(root, "snoops-" + slug(name), submission(assignment, RIGHT, extra, at=3))
    one = submission(assignment, {"answer": RIGHT["answer"]})
    for name, (change, _, _) in CELLS_CHANGED.items():
        notebook = nbformat.reads(one.decode(), as_version=4)
        notebook.cells = change(notebook.cells)
        hand_in(root, slug(name), json.dumps(notebook).encode())
    for name, content, _ in malformed(json.loads(one)):
        hand_in(root, "file-" + slug(name), content)
    notebook = json.loads(submission(assignment, RIGHT))
    notebook["metadata"] = {"kernelspec": {"name": "bash", "language": "R"}, "language_info": 3}
    hand_in(root, "another-kernel", json.dumps(notebook).encode())
    return Course(root)


def seen(course, student: str) -> tuple[dict, str]:
    """Return a student's record, and all that is shown, once what holds for all was checked."""
    record = course.record("hw0", student)
    assert record is not None, f"ungraded:\n{course.said[-2000:]}"
    assert record["entered"]
    assert record["seconds"] < TOTAL_SECONDS + SLACK
    for result in record["tests"].values():
        for found in result["findings"]:
            assert found["score"] == found["points"] or found["message"] or result["stopped"]
    path = course.root / "autograded" / student / "hw0" / "hw0.ipynb"
    assert path.stat().st_size < 45 << 20
    shown = path.read_text() + json.dumps(record, ensure_ascii=False)
    assert "secret_numbers" not in json.dumps(record).replace("secret_numbers'", "")
    assert "The grader failed" not in shown
    return record, shown


def snooped(course, name: str) -> str:
    """Return what a snoop's cell printed."""
    path = course.root / "autograded" / ("snoops-" + slug(name)) / "hw0" / "hw0.ipynb"
    (said,) = [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in nbformat.read(path, as_version=4).cells
        if cell.source == SNOOPS[name]
    ]
    assert "SEEN" in said
    return said


class Attacked:
    """What holds of the class, whoever grades it.

    Attributes
    ----------
    user : str
        One of ``ordinary.USERS``.
    """

    user = "this user"

    @pytest.fixture(scope="class")
    def course(self, request, tmp_path_factory):
        """The class, graded."""
        before = {p.pid for p in psutil.Process().children(recursive=True)}
        course = a_class(tmp_path_factory.mktemp("course"))
        grading = start_grading(
            course.root,
            begin=begin(request.cls.user, course.root),
            GRADER_TEST_SECRET="opensesame",
            HOME=str(course.root),
        )
        course.said, _ = grading.communicate(timeout=900)
        course.status = grading.returncode
        course.left = left_behind(before)
        return course

    def test_the_class_is_graded_and_nothing_lives_on(self, course):
        assert course.status == 0, course.said[-3000:]
        assert len(course.records("hw0")) == len(course.submissions("hw0"))
        assert course.left == []

    @pytest.mark.parametrize("student", ["a-honest", "m-honest", "z-honest", "another-kernel"])
    def test_the_honest_keep_their_marks(self, course, student):
        record, shown = seen(course, student)
        assert record["score"] == record["points"] == 5
        assert "twice one is 2" in shown

    @pytest.mark.parametrize("name", ANSWERS)
    def test_a_hostile_answer(self, course, name):
        record, shown = seen(course, slug(name))
        assert record["tests"]["double-test"]["score"] == 0
        assert record["score"] <= 1
        assert re.search(ANSWERS[name][1], shown), shown[-3000:]

    @pytest.mark.parametrize("name", SNOOPS)
    def test_snooping(self, course, name):
        record, _ = seen(course, "snoops-" + slug(name))
        assert record["score"] == 5
        said = snooped(course, name)
        for secret in (
            "hw0",
            "opensesame",
            "gradebook",
            "submitted",
            "z-honest",
            "rw-s",
            "left-behind",
            "trusted",
            "commands",
            "assignment.py",
        ):
            assert secret not in said

    def test_nothing_else_of_the_course_is_seen(self, course):
        """What grader/__init__.py says a student's code sees, file by file."""
        shown = ["libs", "MNIST_data", "FashionMNIST_data"]
        shown += [f"grader/{name}" for name in ("__init__.py", "check.py", "hostile", "shared")]
        files = [
            p for name in shown for p in (ROOT / name, *(ROOT / name).rglob("*")) if p.is_file()
        ]
        wanted = {str(p.relative_to(ROOT)) for p in files if p.parent.name != "__pycache__"}
        wanted |= {"notebooks/out"}  # empty, to write to
        if Path(sys.prefix).is_relative_to(ROOT):
            wanted |= {".venv"}
        said = json.loads(snooped(course, "the course").partition("SEEN ")[2])
        assert sorted(said) == sorted(wanted)

    @pytest.mark.parametrize("name", CELLS_CHANGED)
    def test_hostile_cells(self, course, name):
        _, score, note = CELLS_CHANGED[name]
        record, _ = seen(course, slug(name))
        assert record["score"] == score
        assert note in " ".join(record["notes"])

    @pytest.mark.parametrize("name", [name for name, *_ in malformed({"cells": []})])
    def test_malformed_files(self, course, name):
        record, _ = seen(course, "file-" + slug(name))
        (note,) = [note for n, _, note in malformed({"cells": []}) if n == name]
        assert record["score"] == 0
        assert note in " ".join(record["notes"])

    def test_nothing_runs_in_a_browser(self, course):
        (page,) = feedback(course, "hw0", ["attacks-a-browser"])
        record = course.record("hw0", "attacks-a-browser")
        student = page.read_text().split("<body", 1)[1]
        for number in (1, 2, 4, 5, 6, 10):
            assert f"<script>alert({number})" not in student
        for harm in (
            "<svg",
            "<b>3",
            'href="javascript:',
            '<img src="https',
            "<img src=x",
            "base64,iVBORw0KG",
        ):
            assert harm not in student
        assert "alert(4)" in student
        assert record["tests"]["double-test"]["score"] == 0

    def test_feedback_and_tables_for_everyone(self, course):
        some = [
            "half-a-character",
            "half-a-character-in-the-source",
            "control-characters",
            "file-HTML",
        ]
        pages = feedback(course, "hw0", some)
        assert len(pages) == len(some)
        bodies = [page.read_text().split("<body", 1)[1] for page in pages]
        assert not [body for body in bodies if "\x1b" in body or "<img src=x" in body]
        questions, *_ = export(course, "hw0")
        with questions.open(newline="") as file:
            rows = {row["student"]: row for row in csv.DictReader(file)}
        assert len(rows) == len(course.submissions("hw0"))
        assert float(rows["z-honest"]["double-test"]) == 4
