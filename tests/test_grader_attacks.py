"""Hostile submissions: none scores more than its honest part, changes a mark, lives on, or hides why.

Each answers one question honestly (1 point), and tries for the 4 points of ``double``.
"""

import json
import time

import nbformat
import psutil
import pytest
from grader_mini import RIGHT, submission, write_course
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from grader.assignment import Assignment, grade_id
from grader.mark import Marker

HONEST, SECONDS = 1.0, 40.0
LOOP = "def double(x):\n    while True:\n        pass"

# name: (what the cell double holds, a cell of the student's own)
CODE = {
    "prints a forged result": ("print('✓ two numbers (1 of 1 point)')", ""),
    "writes to the grader's connection": (
        "import os, struct\nfor fd in range(3, 20):\n    try:\n"
        "        os.write(fd, struct.pack('>II', 30, 0) + b'{\"result\": {\"list\": [0, 2]}}' * 9)\n"
        "    except OSError:\n        pass",
        "",
    ),
    "writes garbage to the connection": (
        "import os\nfor fd in range(3, 20):\n    try:\n        os.write(fd, os.urandom(99))\n"
        "    except OSError:\n        pass",
        "",
    ),
    "closes the connection": ("import os\nos.closerange(3, 99)", ""),
    "patches NumPy": (
        "import numpy as np\nnp.isclose = np.allclose = lambda *a, **k: True\n"
        "np.asarray = lambda *a, **k: None\ndef double(x):\n    return x",
        "",
    ),
    "patches the tests": (
        "import grader.check as c\nc.test.__exit__ = lambda *a: True\n"
        "c.expect.close = lambda *a, **k: None\nc._record = None",
        "",
    ),
    "patches libs.check": (
        "import libs.check, grader.check\n"
        "grader.check.check_value = lambda *a: libs.check.Verdict('right', '')",
        "",
    ),
    "an input transformer": (
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])",
        "",
    ),
    "an AST transformer": (
        "import ast\nclass T(ast.NodeTransformer):\n    def visit_With(self, n):\n"
        "        return ast.Pass()\nget_ipython().ast_transformers.append(T())",
        "",
    ),
    "an event hook": (
        "get_ipython().events.register('post_run_cell', lambda *a: __import__('os')._exit(0))",
        "",
    ),
    "an import hook": (
        "import sys, builtins\nbuiltins.__import__ = lambda *a, **k: sys",
        "",
    ),
    "looks for frames": (
        "import sys\ndef double(x):\n    frame = sys._getframe()\n    found = []\n"
        "    while frame:\n        found += [v for v in frame.f_locals.values()]\n"
        "        frame = frame.f_back\n    return found[0]",
        "",
    ),
    "a trace function": (
        "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)",
        "",
    ),
    "searches its memory": (
        "import gc\ndef double(x):\n"
        "    return [o for o in gc.get_objects() if 'secret_numbers' in str(o)[:500]][:1]",
        "",
    ),
    "an object equal to everything": (
        "class Yes:\n    def __eq__(self, other): return True\n"
        "    def __getattr__(self, name): return Yes()\n    def __call__(self, *a): return 0\n"
        "    def __array__(self, *a, **k): raise SystemExit\n"
        "def double(x):\n    return Yes()",
        "",
    ),
    "an array that is not one": (
        "import numpy as np\nclass A(np.ndarray):\n    shape = property(lambda s: (2,))\n"
        "    def tobytes(self): return b'x' * 10\n"
        "def double(x):\n    return np.zeros(3).view(A)",
        "",
    ),
    "an array of objects": (
        "import numpy as np\ndef double(x):\n    return np.array([print, print], dtype=object)",
        "",
    ),
    "a list in itself": ("def double(x):\n    a = []\n    a.append(a)\n    return a", ""),
    "a huge result": (
        "import numpy as np\ndef double(x):\n    return np.zeros(60_000_000)",
        "",
    ),
    "a million parts": ("def double(x):\n    return [0.0] * 2_000_000", ""),
    "NaN": ("def double(x):\n    return float('nan')", ""),
    "exits": ("import os\nos._exit(0)", ""),
    "exits when called": ("def double(x):\n    __import__('os')._exit(0)", ""),
    "SystemExit": ("import sys\nsys.exit(0)", ""),
    "kills itself": ("import os\nos.kill(os.getpid(), 9)", ""),
    "kills everyone": ("import os\nos.kill(-1, 9)\nos.kill(0, 9)", ""),
    "segfaults": ("import ctypes\nctypes.string_at(0)", ""),
    "stops itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", ""),
    "an endless loop": ("while True:\n    pass", ""),
    "an endless loop when called": (LOOP, ""),
    "a loop that can't be interrupted": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "",
    ),
    "ignores signals": (
        "import signal, time\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except OSError: pass\ntime.sleep(1000)",
        "",
    ),
    "endless output": ("while True:\n    print('x' * 10000)", ""),
    "endless recursion": ("def double(x):\n    return double(x)", ""),
    "eats memory": ("a = []\nwhile True:\n    a.append(bytearray(10_000_000))", ""),
    "eats memory in children": (
        "import os\nfor i in range(8):\n    if os.fork() == 0:\n        a = bytearray(700_000_000)\n"
        "        __import__('time').sleep(60)",
        "",
    ),
    "a fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", ""),
    "a thread bomb": (
        "import threading, time\nwhile True:\n    try: threading.Thread(target=time.sleep, "
        "args=(99,)).start()\n    except RuntimeError: break",
        "",
    ),
    "fills the disk": (
        "for i in range(100):\n    with open(f'/tmp/{i}', 'wb') as f:\n"
        "        f.write(b'x' * 100_000_000)",
        "",
    ),
    "a daemon": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.execvp('sleep', ['sleep', '98765'])\n    os._exit(0)\nos.wait()",
        "",
    ),
    "the network": (
        "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=2)",
        "",
    ),
    "the machine's own network": (
        "import socket\nsocket.create_connection(('127.0.0.1', 22), 2)",
        "",
    ),
    "a new name space": (
        "import ctypes, os\nr = ctypes.CDLL(None).unshare(0x10000000)\n"
        "assert r == 0, 'no user name space'\nprint('ESCAPED')",
        "",
    ),
    "mounts": (
        "import ctypes\nr = ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None)\n"
        "assert r == 0, 'no mount'\nprint('ESCAPED')",
        "",
    ),
    "a second answer below": ("def double(x):\n    return x", "double = print"),
}
# what must not be found in what these print
SNOOPS = {
    "reads the source": "import glob\nprint(glob.glob('/**/source/**', recursive=True)[:5])",
    "reads the tests": "import subprocess\nprint(subprocess.run("
    '"grep -rls secret_numbers / --include=*.ipynb --include=*.py --include=*.json 2>/dev/null",'
    " shell=True, capture_output=True, text=True, timeout=3).stdout)",
    "reads the environment": "import os, glob\nprint(dict(os.environ))\n"
    "for p in glob.glob('/proc/*/environ'):\n    print(open(p, 'rb').read())",
    "reads other students": "import glob\nprint(glob.glob('/**/submitted/**', recursive=True)[:5])",
    "reads the grade book": "import glob\nprint(glob.glob('/**/gradebook.db', recursive=True))",
    "other processes": "import glob\nprint([open(p).read() for p in glob.glob('/proc/[0-9]*/cmdline')])",
    "inherited files": "import os\nfor f in os.listdir('/proc/self/fd'):\n"
    "    try: print(os.readlink('/proc/self/fd/' + f))\n    except OSError: pass",
}


@pytest.fixture(scope="module")
def marker(tmp_path_factory, monkeypatch_module):
    monkeypatch_module.setenv("GRADER_TEST_SECRET", "opensesame")
    root = write_course(tmp_path_factory.mktemp("course"), total_seconds=25, memory_gb=2)
    (root / "submitted" / "other" / "hw0").mkdir(parents=True)
    (root / "gradebook.db").write_text("")
    marker = Marker(Assignment(root / "source" / "hw0"), [root])
    yield marker
    marker.close()


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def honest(marker):
    return marker.mark(submission(marker.assignment, RIGHT))[0]


def attack(marker, content: bytes, score: float = HONEST) -> tuple[dict, str]:
    """Mark a hostile submission; demand what holds for every one; return what was shown."""
    began = time.monotonic()
    record, cells = marker.mark(content)
    assert time.monotonic() - began < SECONDS
    assert record["score"] <= score
    for result in record["tests"].values():
        for found in result["findings"]:
            assert found["score"] == found["points"] or found["message"] or result["stopped"]
    shown = json.dumps([cell.get("outputs", []) for cell in cells], ensure_ascii=False)
    assert "secret_numbers" not in json.dumps(record)
    return record, shown


@pytest.mark.parametrize("name", CODE)
def test_hostile_code(marker, honest, name):
    answer, extra = CODE[name]
    notebook = submission(marker.assignment, {**RIGHT, "double": answer}, extra, at=3)
    record, shown = attack(marker, notebook)
    assert "ESCAPED" not in shown
    # whatever it did to its own process, what was honest counts
    if name not in ("writes to the grader's connection", "an import hook", "an event hook"):
        assert record["tests"]["answer-test"]["score"] <= HONEST


@pytest.mark.parametrize("name", SNOOPS)
def test_snooping(marker, name):
    record, shown = attack(marker, submission(marker.assignment, RIGHT, SNOOPS[name]), 5)
    for secret in ("hw0", "opensesame", "gradebook", "other", "secret_numbers"):
        assert secret not in shown.replace("other numbers", "")


def test_nothing_lives_on(marker, honest):
    for process in psutil.process_iter(["cmdline"]):
        assert "98765" not in (process.info["cmdline"] or [])


def edited(marker, change) -> bytes:
    """Return a submission that answers one question, with its cells changed."""
    notebook = nbformat.reads(
        submission(marker.assignment, {"answer": RIGHT["answer"]}).decode(), as_version=4
    )
    notebook.cells = change(notebook.cells)
    return nbformat.writes(notebook).encode()


def forged(cells):
    for cell in cells:
        about = cell.metadata.get("nbgrader")
        if about:
            about.update(points=1000, locked=False, checksum="0")
            if about["grade_id"] == "double-test":
                cell.source = "pass"
    return cells


def deleted(cells):
    return [cell for cell in cells if grade_id(cell) != "double-test"]


def duplicated(cells):
    (own,) = [c for c in cells if grade_id(c) == "double-test"]
    return [*cells, nbformat.from_dict({**own, "source": "pass", "id": "again"})]


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


def emptied(cells):
    return []


def unnamed(cells):
    for cell in cells:
        cell.metadata.pop("nbgrader", None)
        cell["id"] = f"x{id(cell)}"
    return cells


@pytest.mark.parametrize(
    "change", [forged, deleted, duplicated, swapped, turned, emptied, unnamed, lambda c: c[::-1]]
)
def test_hostile_cells(marker, change):
    attack(marker, edited(marker, change))


def malformed(marker):
    good = json.loads(edited(marker, list))
    yield b""
    yield b"\x00\xff" * 1000
    yield b"[" * 100_000
    yield b"{}"
    yield json.dumps({**good, "nbformat": 99}).encode()
    yield json.dumps({**good, "cells": 3}).encode()
    yield json.dumps({**good, "cells": [None, 3, {"cell_type": []}]}).encode()
    yield json.dumps({**good, "metadata": []}).encode()
    yield json.dumps({**good, "cells": good["cells"] * 400}).encode()
    yield b'{"cells": [' + b" " * (31 << 20) + b"]}"
    yield json.dumps(
        {**good, "metadata": {"kernelspec": {"name": "bash", "language": "R"}}}
    ).encode()
    weird = [{"cell_type": "code", "source": {"a": 1}, "metadata": [], "outputs": {}}]
    yield json.dumps({**good, "cells": [*weird, *good["cells"]]}).encode()
    for cell in good["cells"]:
        cell["metadata"] = {"nbgrader": {"grade_id": ["double"], "points": {}}}
    yield json.dumps(good).encode()


@pytest.mark.parametrize("number", range(13))
def test_malformed_notebooks(marker, number):
    record, _ = attack(marker, list(malformed(marker))[number])
    assert record["notes"] or record["score"]


def test_hidden_inputs_do_not_leak_through_messages(marker):
    snoop = "def double(x):\n    raise ValueError(f'LEAK {list(x)}')"
    record, shown = attack(marker, submission(marker.assignment, {"double": snoop}))
    visible, hidden = record["tests"]["double-test"]["findings"]
    assert "LEAK" in visible["message"]
    assert "ValueError in line 2" in hidden["message"]
    assert "7.75" not in shown


def test_outputs_can_not_run_in_a_browser(marker):
    shows = (
        "from IPython.display import HTML, Javascript, Image, display\n"
        "display(HTML('<script>alert(1)</script>'), Javascript('alert(2)'))\n"
        "display({'text/html': '<b>3</b>', 'image/png': 'PHNjcmlwdD4=', 'image/svg+xml': '<svg/>'},"
        " raw=True)\nraise ValueError('<script>alert(4)</script>')"
    )
    notebook = nbformat.reads(submission(marker.assignment, {}, shows).decode(), as_version=4)
    notebook.cells.insert(0, new_raw_cell("<script>", metadata={"raw_mimetype": "text/html"}))
    notebook.cells.append(new_code_cell("1", metadata={"tags": ["raises-exception"]}))
    _, cells = marker.mark(nbformat.writes(notebook).encode())
    for cell in cells:
        assert cell.cell_type in ("code", "markdown")
        for output in cell.get("outputs", []):
            if "nbgrader" not in cell.metadata:
                assert set(output.get("data", {})) <= {"text/plain", "image/png"}
                assert "PHN" not in str(output)
            assert "<script>" not in output.get("data", {}).get("text/html", "")


def test_no_other_mark_has_changed(marker, honest):
    again = marker.mark(submission(marker.assignment, RIGHT))[0]
    assert honest["score"] == again["score"] == 5
    assert honest["tests"] == again["tests"]
