"""Marks follow from answers alone, and what hidden tests hold stays hidden."""

import contextlib
import re
from dataclasses import dataclass

import pytest
from grader_mini import CELLS, marking, submission

from grader.trusted.mark import Marker, Texts, names

pytestmark = pytest.mark.sandbox

# blocks that share what they made, and one whose value is a helper's; one answer never ends
SHARED_TEST = """def wanted_for(x):
    return 2 * x
with test("first", seconds=1):
    numbers = NUMBERS[1:]
    wanted = wanted_for(numbers)
    expect.close(double(numbers), wanted, "double(numbers)")
with test("again", seconds=1):
    expect.close(double(numbers), wanted, "double(numbers)")
with test("a helper", seconds=1):
    expect.close(double(numbers), wanted_for(numbers), "double(numbers)")
### BEGIN HIDDEN TESTS
with test("when graded", seconds=1):
    expect.close(double(numbers), wanted, "double(numbers)")
### END HIDDEN TESTS"""
SECRET_TEST = """with test("two numbers"):
    expect.close(double(NUMBERS[:2]), [0, 2], "double([0, 1])")
### BEGIN HIDDEN TESTS
with test("a number"):
    expect.close(double(SECRET), 2 * SECRET, "double(x)")
with test("numbers"):
    x = np.arange(1, SECRET)
    expect.close(double(x), 2 * x, "double(x)")
with test("text"):
    expect.equal(double(SECRET), f"{2 * SECRET}", f"double({SECRET})")
with test("in the author's words"):
    got = double(SECRET)
    expect.true(got == 2 * SECRET, f"{got} is not twice {SECRET}")
with test("what goes wrong in here"):
    expect.true(float(double(SECRET)) > 1e9, "double(x) is small")
with test("a shape", points=4):
    expect.shape(double(x), (SECRET, 1), "double(x)")
    expect.between(double(SECRET), 1e9, 1e9, "double(x)")
    expect.dtype(double(x), "int8", "double(x)")
### END HIDDEN TESTS"""
HALF = "def half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION"
LATER = [
    ("answer", "half", HALF, 0),
    ("test", "half-test", 'with test("half"):\n    expect.equal(half(4), 2, "half(4)")', 1),
]
LOG = "import numpy as np\nseen = []\n"


def cells(test: str, points: float) -> list:
    """Return the small course's cells with another test of double, then one more exercise."""
    changed = [(k, n, test if n == "double-test" else s, p) for k, n, s, p in CELLS]
    return [(k, n, s, points if n == "double-test" else p) for k, n, s, p in changed] + LATER


@dataclass
class Students:
    """What students of a small course get."""

    marker: Marker

    def mark(self, double: str, extra: str = "", at: int = 99, half: str = "") -> tuple[dict, str]:
        """Return a record, and all that a student is shown."""
        answers = {"double": double, **({"half": half} if half else {})}
        content = submission(self.marker.assignment, answers, extra, at)
        record, graded = self.marker.mark(content)
        shown = f"{record['notes']}{[c.get('outputs') for c in graded]}"
        return record, re.sub(r"0x[0-9a-f]+", "0x", shown)  # addresses are drawn at random


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Students of a course whose test makes names of its own."""
    with marking(tmp_path_factory.mktemp("shared"), cells(SHARED_TEST, 4)) as marker:
        yield Students(marker)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Students of two courses that differ in what their hidden tests call functions with."""
    with contextlib.ExitStack() as stack:
        made = []
        for secret in (17, 23):
            test = SECRET_TEST.replace("SECRET", str(secret))
            folder = tmp_path_factory.mktemp("secret")
            made.append(Students(stack.enter_context(marking(folder, cells(test, 10)))))
        yield made


OWN_NAMES = "numbers = wanted = np.zeros(3)\ndef wanted_for(x):\n    return x * 0\n"


@pytest.mark.parametrize(
    "double",
    [
        "def double(x):\n    return np.zeros(3)",
        "import os\ndef double(x):\n    if np.any(x):\n        os._exit(0)\n    return x",
        "import os\ndef double(x):\n    return np.zeros(3) if not np.any(x) else os.kill(1, 9)",
        "import time\ndef double(x):\n    while np.any(x):\n        time.sleep(1)\n    return x",
        "def double(x):\n    raise SystemExit if np.any(x) else x",
    ],
)
def test_a_test_s_own_names_are_never_the_student_s(shared, double):
    record, _ = shared.mark(OWN_NAMES + double)
    assert record["tests"]["double-test"]["score"] == 0


def test_each_death_costs_one_test(shared):
    # a given cell has called it twice by then; each process counts from the start
    first = "import os\ncalls = []\ndef double(x):\n    calls.append(x)\n"
    record, _ = shared.mark(f"{first}    return 2 * x if len(calls) != 4 else os._exit(0)")
    scores = [f["score"] for f in record["tests"]["double-test"]["findings"]]
    assert scores == [1, 0, 1, 0]


BINDS = {
    "own = 1": {"own"},
    "own, *rest = a": {"own", "rest"},
    "own += 1": {"own"},
    "own: a = a": {"own"},
    "for own in a:\n    pass": {"own"},
    "with a as own:\n    pass": {"own"},
    "def own():\n    return a": {"own"},
    "class own:\n    inner = a\n    inner": {"own"},
    "import own": {"own"},
    "import a.own as other": {"other"},
    "from os import path as own": {"own"},
    "(own := a)": {"own"},
    "[own for own in a]": set(),
    "[(own := i) for i in a]": {"own"},
    "try:\n    a\nexcept a as own:\n    pass": {"own"},
    "match a:\n    case [own, *rest]:\n        pass": {"own", "rest"},
    "match a:\n    case {'k': own, **rest}:\n        pass": {"own", "rest"},
    "def f():\n    global own\n    own = a": {"f", "own"},
    "def f():\n    global own\n    def own(): pass": {"f", "own"},
    "del own": {"own"},
    "f = lambda own: own + a": {"f"},
    "a.attribute = a[own_index]": set(),
}


@pytest.mark.parametrize("source", BINDS)
def test_what_a_test_binds_is_its_own(source):
    reads, binds = names(compile(source, "cell", "exec"))
    assert binds == BINDS[source]
    assert reads - binds <= {"a", "own_index"}
    assert "attribute" not in reads


# each would tell the two courses apart, if it could say what it was called with
LEAKS = {
    "a later cell prints": (f"{LOG}def double(x):\n    seen.append(x)\n    return 0", "seen, x"),
    "it prints itself": ("def double(x):\n    print(x)\n    return 0", ""),
    "to the error stream": (
        "import sys\ndef double(x):\n    print(x, file=sys.stderr)\n    return 0",
        "",
    ),
    "a cell displays": (
        f"{LOG}def double(x):\n    display(x)\n    seen.append(x)\n    return 0",
        "display(seen)",
    ),
    "it warns": ("import warnings\ndef double(x):\n    warnings.warn(str(x))\n    return 0", ""),
    "through a file": (
        "import tempfile as t\ndef double(x):\n    open(t.gettempdir() + '/x', 'a').write(str(x))\n"
        "    return 0",
        "import os, tempfile\nx = tempfile.gettempdir() + '/x'\n"
        "print(open(x).read() if os.path.exists(x) else '')",
    ),
    "through a thread": (
        f"{LOG}import threading, time\ndef double(x):\n    seen.append(x)\n    return 0",
        "def later():\n    for _ in range(100):\n        time.sleep(0.01)\n        print(seen)\n"
        "threading.Thread(target=later).start()",
    ),
    "by an error's text": ("def double(x):\n    raise ValueError(f'it is {x}')", ""),
    "by an error's name": (
        "import numpy as np\ndef double(x):\n    raise type(f'N{np.size(x)}_{np.sum(x)}', "
        "(Exception,), {})",
        "",
    ),
    "by an error's line": (
        "import numpy as np\ndef double(x):\n    n = int(np.sum(x))\n"
        + "".join(f"    if n == {n}:\n        raise ValueError\n" for n in range(300)),
        "",
    ),
    "by a value": ("def double(x):\n    return x", ""),
    "by a text": ("def double(x):\n    return f'it is {x}'", ""),
    "by a name's kind": ("def double(x):\n    return [str(x), x]", ""),
    "by a shape": (
        "import numpy as np\ndef double(x):\n    return np.zeros((int(np.sum(x)) % 1000, 2))",
        "",
    ),
    "by a factor": ("def double(x):\n    return 2 * x * (x if np.size(x) < 2 else x.size)", ""),
    "by an offset": ("def double(x):\n    return 2 * x + (x if np.size(x) < 2 else x.size)", ""),
    "by a length": ("import numpy as np\ndef double(x):\n    return [1] * int(np.max(x))", ""),
    "by a key": ("import numpy as np\ndef double(x):\n    return {f'{np.max(x)}': 1}", ""),
    "by an object's name": (
        "import numpy as np\ndef double(x):\n    return type(f'N{np.max(x)}', (), {})()",
        "",
    ),
    "by a function's name": (
        "import numpy as np\ndef double(x):\n    def f(): pass\n"
        "    f.__name__ = f'{np.max(x)}'\n    return f",
        "",
    ),
    "by how it dies": (
        "import os, numpy as np\ndef double(x):\n    os._exit(int(np.max(x)) % 256)",
        "",
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_what_hidden_tests_call_functions_with_reaches_nobody(two, name):
    double, extra = LEAKS[name]
    shown = [students.mark(double, extra)[1] for students in two]
    assert shown[0] == shown[1]
    assert not re.search(r"\b(17|34|23|46)\b", shown[0])


def test_a_later_exercise_s_visible_test_tells_nothing(two):
    double = f"{LOG}def double(x):\n    seen.append(str(x))\n    return 0"
    half = "def half(x):\n    return ' '.join(seen)"
    shown = [students.mark(double, "", half=half)[1] for students in two]
    assert shown[0] == shown[1]


def test_a_sandbox_holds_no_library_that_the_setup_does_not_import(shared):
    """TensorFlow's seconds are paid by who uses it."""
    _, shown = shared.mark("import sys\nprint('tensorflow' in sys.modules)")
    assert "'text': 'False" in shown


def test_names_are_those_of_the_test_s_place(two):
    """A later cell may use an answer's helper's name again, as it may in a notebook."""
    double = (
        "factor = 2\ndef helper(x):\n    return factor * x\ndef double(x):\n    return helper(x)"
    )
    later = "factor = 'other'\ndef helper(a, b, c):\n    return None\ndouble = None"
    record, _ = two[0].mark(double, later)
    findings = {f["name"]: f["score"] for f in record["tests"]["double-test"]["findings"]}
    assert findings["two numbers"] == findings["a number"] == findings["numbers"] == 1


def test_cells_that_use_up_all_time_leave_tests_theirs(tmp_path):
    answers = {"double": "def double(x):\n    return 2 * x"}
    slow = "import time\ntime.sleep(8)"
    with marking(tmp_path, total_seconds=2, cell_seconds=9) as marker:
        record, cells = marker.mark(submission(marker.assignment, answers, slow, 99))
    assert "still not done" in str(cells[-1].outputs)
    assert record["tests"]["double-test"]["score"] == 4


def test_a_hidden_test_names_the_mistake_in_its_author_s_words(tmp_path):
    test = SECRET_TEST.replace(
        '2 * SECRET, "double(x)")',
        '2 * SECRET, "double(x)", mistakes={"that is half": SECRET / 2, f"{SECRET}": SECRET})',
    )
    said = []
    with marking(tmp_path, cells(test.replace("SECRET", "17"), 10)) as marker:
        for text in ("x / 2", "x", "-2 * x", "None", "y"):
            record, _ = Students(marker).mark(f"def double(x):\n    return {text}")
            said.append(record["tests"]["double-test"]["findings"][1]["message"])
    assert said == [
        "double(x): that is half.",
        "double(x) is not what is expected.",
        "double(x) has the wrong sign.",
        "double(x) is not filled in yet, or without a return.",
        "double raises NameError",
    ]


def test_an_author_s_words_may_have_gaps_for_other_words_of_theirs():
    texts = Texts("for name in ('W', 'b'):\n    expect.true(got, f'no slope reaches {name}{1}.')")
    assert "no slope reaches b" in Texts("a = 'b', f'no slope reaches {name}'")
    assert "no slope reaches 17" not in Texts("a = 'b', f'no slope reaches {name}'")
    assert "no slope reaches" not in texts
    assert "W" in texts
