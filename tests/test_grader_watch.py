"""What a student's processes take together is counted, whoever grades and however they hide."""

import json
import os
import re
import subprocess
import sys

import pytest
from ordinary import USERS, begin, users

from grader import ROOT

pytestmark = pytest.mark.sandbox
MEMORY, SECONDS = 0.5, 40
MUCH = "more than 0.5 GB of memory"
EAT = """import ctypes, os, time
libc = ctypes.CDLL(None)
def eat():
    kept = b'x' * 200_000_000
    time.sleep(600)
def family():
    for _ in range(4):
        if os.fork() == 0:
            eat()
    time.sleep(600)
"""
# what a student's cell does, and what is then said of the process or seen of the cell
ATTACKS = {
    "children": (EAT + "family()", MUCH),
    "a zombie among them": (EAT + "if os.fork() == 0:\n    os._exit(0)\nfamily()", MUCH),
    "a process that can't be looked into": (EAT + "libc.prctl(4, 0, 0, 0, 0)\nfamily()", MUCH),
    "a program that nobody may read": (
        EAT + "import subprocess\nwith open('/home/student/own', 'wb') as f:\n"
        "    f.write(open('/bin/sleep', 'rb').read())\nos.chmod('/home/student/own', 0o111)\n"
        "subprocess.Popen(['/home/student/own', '600'])\nfamily()",
        MUCH,
    ),
    "first threads that have ended": (
        EAT + "import threading\nfor _ in range(4):\n    if os.fork() == 0:\n"
        "        threading.Thread(target=eat).start()\n        libc.syscall(60, 0)\n"
        "        libc.syscall(93, 0)\ntime.sleep(600)",
        MUCH,
    ),
    "names that look like other fields": (
        EAT + "libc.prctl(15, b'x) Z 1\\nState:\\tZ', 0, 0, 0)\nfamily()",
        MUCH,
    ),
    "processes that fork and end": (
        EAT
        + "kept = bytearray(150_000_000)\nfor i in range(0, len(kept), 4096):\n    kept[i] = 1\n"
        "for _ in range(4):\n    if os.fork() == 0:\n"
        "        for i in range(0, len(kept), 4096):\n            kept[i] = 2\n"
        "        while True:\n            try:\n                if os.fork():\n"
        "                    os._exit(0)\n"
        "            except OSError:\n                pass\n"  # too many that have ended: again
        "time.sleep(600)",
        MUCH,
    ),
    "files in memory": (
        EAT + "for folder in ('/home/student', '/dev/shm'):\n    for name in 'ab':\n"
        "        with open(f'{folder}/{name}', 'wb') as f:\n"
        "            f.write(b'x' * 150_000_000)\n"
        "time.sleep(600)",
        MUCH,
    ),
    "files that are deleted but open": (
        EAT + "kept = []\nfor folder in ('/home/student', '/dev/shm'):\n    for name in 'ab':\n"
        "        kept.append(open(f'{folder}/{name}', 'wb'))\n        os.unlink(kept[-1].name)\n"
        "        kept[-1].write(b'x' * 150_000_000)\ntime.sleep(600)",
        MUCH,
    ),
    "connections that nobody accepts": (
        EAT
        + "import socket\nkept = []\nfor n in range(200):\n    s = socket.socket(socket.AF_UNIX)\n"
        "    s.bind(f'/home/student/{n}')\n    s.listen(4096)\n    kept.append(s)\n    try:\n"
        "        while True:\n            c = socket.socket(socket.AF_UNIX)\n"
        "            c.setblocking(False)\n            c.connect(f'/home/student/{n}')\n"
        "            c.send(b'x' * 99_999)\n            c.close()\n"
        "    except OSError:\n        pass\n"
        "time.sleep(600)",
        MUCH,
    ),
    "page tables": (
        EAT + "libc.mmap.restype = ctypes.c_void_p\nlibc.mmap.argtypes = [ctypes.c_void_p, "
        "ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]\nlength = 1 << 38\n"
        "start = libc.mmap(None, length, 1, 0x4022, -1, 0)\n"
        "for place in range(start, start + length, 1 << 21):\n    ctypes.string_at(place, 1)\n"
        "time.sleep(600)",
        MUCH,
    ),
    # what is forbidden
    "shared memory without a file": ("import mmap\nmmap.mmap(-1, 1 << 20)", "PermissionError"),
    "shared memory of a device": ("open('/dev/zero', 'r+b')", "PermissionError"),
    "threads with files of their own": (
        "import ctypes\nprint('unshare', ctypes.CDLL(None).unshare(0x400))",
        "unshare -1",
    ),
    "pages given to a pipe": (
        "import ctypes, os\nread, write = os.pipe()\nbuffer = ctypes.create_string_buffer(4096)\n"
        "vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 4096)\n"
        "print('vmsplice', ctypes.CDLL(None).vmsplice(write, vector, 1, 0))",
        "vmsplice -1",
    ),
    "other kinds of sockets": ("import socket\nsocket.socket(38, 5)", "PermissionError"),
    "queues of messages": (
        "import ctypes\nprint('queue', ctypes.CDLL('librt.so.1').mq_open(b'/x', 66, 0o600, None))",
        "queue -1",
    ),
    "timers without end": (
        "import ctypes\nlibc, made = ctypes.CDLL(None), 0\nplace = ctypes.c_void_p()\n"
        "while made < 9999 and libc.timer_create(1, None, ctypes.byref(place)) == 0:\n"
        "    made += 1\nprint('few', made < 2000)",
        "few True",
    ),
    "watchers without end": (
        "import ctypes, os\nlibc, made = ctypes.CDLL(None), 0\nnumber = libc.inotify_init()\n"
        "os.chdir('/home/student')\nfor i in range(6000):\n    open(f'{i}', 'w').close()\n"
        "    made += libc.inotify_add_watch(number, str(i).encode(), 2) > 0\n"
        "print('few', made < 5000)",
        "few True",
    ),
    "asks that others be ended first": (
        "open('/proc/self/oom_score_adj', 'w').write('-1000')",
        "Read-only file system",
    ),
    "leaves a core": (
        "import resource\nprint('core', resource.getrlimit(resource.RLIMIT_CORE))",
        r"core \((1|0), (1|0)\)",
    ),
    # and what is not
    "honest: processes that work": (
        "import multiprocessing, subprocess\nwith multiprocessing.Pool(2) as pool:\n"
        "    print(pool.map(abs, [-1, 2]))\nfor _ in range(60):\n    subprocess.run(['true'])\n"
        "print('DONE')",
        "DONE",
    ),
    "honest: forks that share what they have": (
        "import os, time\nkept = bytearray(200_000_000)\nfor i in range(0, len(kept), 4096):\n"
        "    kept[i] = 1\nfor _ in range(4):\n    if os.fork() == 0:\n        time.sleep(2)\n"
        "        os._exit(0)\ntime.sleep(2)\nprint('DONE')",
        "DONE",
    ),
    "honest: a large process that starts programs": (
        "import subprocess\nkept = bytearray(300_000_000)\nfor i in range(0, len(kept), 4096):\n"
        "    kept[i] = 1\nfor _ in range(300):\n    subprocess.run(['true'])\nprint('DONE')",
        "DONE",
    ),
    "honest: forks that end": (
        "import os\nkept = bytearray(200_000_000)\nfor i in range(0, len(kept), 4096):\n"
        "    kept[i] = 1\nfor _ in range(20):\n    if os.fork() == 0:\n        os._exit(0)\n"
        "    os.fork() or os._exit(0)\n    os.wait(), os.wait()\nprint('DONE')",
        "DONE",
    ),
    "honest: a file that is mapped": (
        "import time\nimport numpy as np\nx = np.memmap('x', 'u1', 'w+', shape=200_000_000)\n"
        "x[:] = 1\ntime.sleep(1)\nprint('DONE')",
        "DONE",
    ),
}
RUN = """
import json, sys
from grader.trusted.sandbox import ProcessDied, Sandbox, TimedOut
memory, seconds, attacks = json.load(sys.stdin)
with Sandbox(["numpy", "grader.hostile.kernel"], memory=memory) as sandbox:
    for name, source in attacks.items():
        with sandbox.session() as session:
            try:
                request = {"do": "run", "source": source, "label": "cell:0"}
                said = str(session.request(request, (), seconds)[0])
            except (ProcessDied, TimedOut) as error:
                said = str(error)
        print(json.dumps([name, said]), flush=True)
"""


@pytest.fixture(scope="module")
def said():
    """What came of each attack, by this user and by an ordinary one, at the same time."""
    sent = json.dumps([MEMORY, SECONDS, {name: attack for name, (attack, _) in ATTACKS.items()}])
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    options["env"] = {**os.environ, "HOME": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    started = {
        user: subprocess.Popen(
            [*begin(user), sys.executable, "-c", RUN], text=True, cwd=ROOT, **options
        )
        for user in users()
    }
    found = {}
    for process in started.values():
        process.stdin.write(sent)
        process.stdin.close()
    for user, process in started.items():
        found[user] = dict(map(json.loads, process.stdout))
        assert process.wait() == 0, process.stderr.read()[-2000:]
    return found


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", ATTACKS)
def test_what_processes_take_is_counted(said, name, user):

    assert re.search(ATTACKS[name][1], said[user][name]), said[user][name]
