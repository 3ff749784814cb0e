"""Whose answers share what few others wrote, and the page that shows it."""

import ast
import json
import re
from html.parser import HTMLParser

import pytest
from grader_mini import RIGHT, SETUP, hand_in, submission, write_course
from hypothesis import example, given
from hypothesis import strategies as st

from grader import ROOT
from grader.assignment import Assignment
from grader.commands import similar as module
from grader.commands.prove import read_mutants
from grader.commands.similar import similar
from grader.course import Course, CourseError
from grader.files import OutOfTime, write
from grader.markers import SOLUTION

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
STUB = '''def fit(x, y, steps):
    """Return the slope of a line through zero, by so many steps."""
    ### BEGIN SOLUTION
    return (x * y).sum() / (x * x).sum()
    ### END SOLUTION'''
CELLS = [
    ("setup", "imports", SETUP, 0),
    ("answer", "fit", STUB, 0),
    ("test", "fit-test", 'with test("one"):\n    expect.true(True, "")', 1),
    ("manual", "words", "### BEGIN SOLUTION\nBecause.\n### END SOLUTION", 5),
]
ADA = """def fit(x, y, steps):
    # begin in the middle
    slope, rate = 0.5, 0.01
    for step in range(steps):
        error = slope * x - y
        gradient = 2 * (error * x).mean()
        if abs(gradient) < 1e-9:  # nothing left to do
            break
        slope = slope - rate * gradient
    return slope"""
#: the same, with all that is easily changed
COPY = '''# My own work!
def fit(xs, ys, n):
    """I sat long over this one."""
    w, eta = 0.5, 0.01

    for k in range(n):
        difference = w*xs - ys
        # two times, because of the square
        d = 2 * (difference*xs).mean()
        if abs(d) < 1e-9:
            break
        w = w - eta * d
    return w  # that is it'''
BEN = """def fit(x, y, steps):
    weights = [0.0]
    while len(weights) <= steps:
        last = weights[-1]
        slopes = [2 * (last * a - b) * a for a, b in zip(x, y)]
        weights.append(last - 0.05 * sum(slopes) / len(slopes))
    return weights[-1]"""
CLEO = """def fit(x, y, steps):
    x, y = np.asarray(x, float), np.asarray(y, float)
    top, bottom = np.dot(x, y), np.dot(x, x)
    if bottom == 0:
        raise ValueError("all points are at zero")
    return top / bottom"""


def disguised(code: str) -> str:
    """Return code with other names for what it makes, other spaces, and comments."""
    tree, names = ast.parse(code), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    for name in names:
        code = re.sub(rf"(?<![.\w]){name}\b", f"my_{name}", code)
    return "# all mine\n" + code.replace(" = ", "  =  ").replace("\n", "  # so\n\n", 1)


@pytest.fixture
def course(tmp_path):
    return Course(write_course(tmp_path / "course", CELLS))


def page_of(course, answers: dict, **words) -> tuple[str, list[str]]:
    """Hand in a class's answers; return the page and what was said."""
    assignment = course.assignment("hw0")
    for student, code in answers.items():
        said = words.get(student, f"{student} thinks of a number.")
        hand_in(course.root, student, submission(assignment, {"fit": code, "words": said}))
    path, lines = similar(course, "hw0")
    return path.read_text("utf-8"), lines


def marked(page: str) -> list[str]:
    """Return the passages that few have, as they stand."""
    return re.findall(r'<mark data-have="[^"]*">([^<]*)</mark>', page)


def test_a_copy_with_other_names_and_comments_is_found_and_honest_work_is_not(course):
    page, lines = page_of(course, {"ada": ADA, "ben": BEN, "cleo": CLEO, "eve": COPY})
    assert lines == ["hw0: 4 compared; 1 pair to look at"]
    assert "ada and eve" in page
    assert 'data-have="2 of 4"' in page
    assert "ben" not in page
    mine, theirs = marked(page)
    assert mine == ADA[ADA.index("slope, rate") :].replace("<", "&lt;")
    assert theirs == COPY[COPY.index("w, eta") :].replace("<", "&lt;")


@pytest.mark.parametrize("name", ["hw1", "hw2", "hw3", "hw4", "hw5"])
def test_of_the_course_s_own_answers_the_copies_are_found_and_other_ways_are_not(name):
    assignment = Assignment(ROOT / "homework" / "source" / name)
    released = module._released(assignment)["code"]
    _, variants, _ = read_mutants(assignment)

    def answer(text):
        found = module._Answer(text.strip(), module._fingerprint(text.strip(), "code"))
        found.own = found.print.hashes - released
        return found

    for cell, source in assignment.of_kind("answer").items():
        text = SOLUTION.unmarked(source.source)
        people = {"one": {cell: answer(text)}, "copy": {cell: answer(disguised(text))}}
        found = module._pairs(people)
        # what has two lines or less is not compared
        assert bool(found) == (len(people["one"][cell].own) >= module.LEAST), cell
    for what, changes in variants.items():
        for cell, change in changes.items():
            if isinstance(change, str):
                text = SOLUTION.unmarked(assignment.cells[cell].source)
                pair = {"one": {cell: answer(text)}, "other": {cell: answer(change)}}
                assert not module._pairs(pair), f"{what}: {cell}"


def test_what_a_third_of_the_class_wrote_counts_nothing_and_is_shown_as_common(course):
    crowd = {f"s{n}": ADA for n in range(5)} | {f"t{n}": f"{BEN}\n\nfit_{n} = 1" for n in range(8)}
    page, lines = page_of(course, crowd)
    assert lines == ["hw0: 13 compared; 0 pairs to look at"]
    assert "No two people share much" in page
    extra = (
        "\nMIDDLE = [n**2 for n in (3, 1, 4, 1, 5, 9, 2, 6, 5) if n > 1 or n == -7]\nfit(MIDDLE)"
    )
    page, _ = page_of(course, crowd | {"s0": ADA + extra, "s1": ADA + extra})
    assert "s0 and s1" in page
    assert 'class="common" data-have="5 of 13, common"' in page
    assert 'data-have="2 of 13"' in page
    assert [text.endswith("fit(MIDDLE)") for text in marked(page)] == [True, True]


def test_in_a_small_class_a_pair_is_not_common(course):
    _, lines = page_of(course, {"ada": ADA, "eve": COPY, "ben": BEN})
    assert lines == ["hw0: 3 compared; 1 pair to look at"]


def test_the_rarest_comes_first_and_others_who_have_it_are_named(course):
    many = {f"s{n:02}": f"{n}\n{BEN}" for n in range(20)}
    five = {f"s{n:02}": CLEO for n in range(5)}
    page, lines = page_of(course, many | {"ada": ADA, "eve": COPY} | five)
    assert lines[0].endswith("11 pairs to look at")
    assert page.index("ada and eve") < page.index("s00 and s01")
    assert "9 more pairs of people wrote just these two answers" in page
    assert page.count('<section aria-labelledby="pair-') == 2  # one of ten alike is enough
    page, _ = page_of(course, {"dan": ADA})
    assert "A marked passage is also in the work of dan." in page
    assert 'data-have="3 of 23"' in page


def test_what_the_release_holds_is_nobody_s(course):
    assignment = course.assignment("hw0")
    stub = assignment.stubs["fit"].source
    given = "\n".join(cell.source for cell in assignment.released.cells if cell.cell_type == "code")
    _, lines = page_of(course, {"ada": f"{stub}\n# {given}\n{given}", "ben": f"{given}\n{stub}"})
    assert lines == ["hw0: 2 compared; 0 pairs to look at"]


def test_words_are_compared_too(course):
    text = "A step that is too long lands on the other side of the valley, and higher than before."
    same = {"ada": f"I tried it. {text}", "eve": f"Surely:\n\n  {text}\n", "ben": "It is too long."}
    page, _ = page_of(course, {"ada": ADA, "ben": BEN, "eve": CLEO}, **same)
    assert "ada and eve" in page
    assert "fit by" not in page
    assert {text in passage for passage in marked(page)} == {True}


def test_of_one_person_there_is_nothing_to_compare(course):
    for count in range(2):
        with pytest.raises(CourseError, match=f"nothing to compare: {count} submission"):
            similar(course, "hw0")
        hand_in(course.root, "ada", submission(course.assignment("hw0"), RIGHT))
    assert not (course.root / "export").exists()


# --- hostile work ---------------------------------------------------------------------------------


class Page(HTMLParser):
    """Reads the page; complains of whatever could run, load or hide."""

    TAGS = (
        *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "div"),
        *("h1", "h2", "h3", "h4", "small", "p", "ul", "ol", "li", "a", "pre", "mark"),
    )

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert tag in self.TAGS, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("src", "style", "action", "formaction"), name
            assert name != "href" or re.fullmatch(r"#pair-\d+", value), value

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        pytest.fail(f"a comment: {data}")


HOSTILE = """</mark></pre><script>alert(1)</script><img src=x onerror=alert(1)>
def fit(x, y, steps):
    a = "</style><!-- -->" + '\\u202e' + "&lt;script&gt;" {{ 7 * 7 }} {% raw %}
    b = [f"{x!r:>{y}}" for x in range(10) if x % 3 == 1 or y[x] ** 2 < 81 and not steps]
    return a + b + ["\u202eniatpac", "\0", "\x1b[31m", "\ud800"]"""


def test_hostile_work_is_shown_as_text(course):
    write(
        course.collected_path("hw0", "ada"),
        json.dumps({"name": "<script>alert(2)</script>{{ 7 * 7 }}", "layout": "canvas"}),
    )
    page, _ = page_of(course, {"ada": HOSTILE, "eve": HOSTILE, "ben": BEN})
    read = Page(page)
    assert "<script>alert(1)</script>" in read.text
    assert "<script>alert(2)</script>{{ 7 * 7 }} (ada)" in read.text
    assert "49" not in read.text
    assert not re.search("[\0\x1b\u202e]", page)
    assert "default-src 'none'" in page


def test_files_that_can_t_be_read_stop_nobody(course, monkeypatch):
    assignment = course.assignment("hw0")
    bad = {
        "binary": b"\x00\xff\x89PNG" * 1000,
        "empty": b"",
        "deep": b"[" * 200_000,
        "many": json.dumps({"nbformat": 4, "cells": [{}] * 5000}).encode(),
        "odd": b'{"nbformat": 4, "cells": {"a": 1}, "metadata": 3}',
    }
    for student, content in bad.items():
        hand_in(course.root, student, content)
    (course.root / "submitted" / "missing" / "hw0").mkdir(parents=True)
    for student, code in {"huge": "x = (" * 500_000, "slow": "x = '''" + "\\" * 999_999}.items():
        hand_in(course.root, student, submission(assignment, {"fit": code}))
    page, lines = page_of(course, {"ada": ADA, "eve": COPY})
    read = Page(page)
    assert "ada and eve" in read.text
    for student in (*bad, "missing"):
        assert f"{student}: " in read.text
        assert any(line.startswith(f"hw0: {student}: left out: ") for line in lines), student
    assert lines[0] == "hw0: 4 compared; 1 pair to look at"


@pytest.mark.parametrize("error", [OutOfTime("late"), RecursionError("deep"), MemoryError()])
def test_who_takes_too_long_or_breaks_a_library_is_left_out(course, monkeypatch, error):
    whole = module._fingerprint

    def breaks(text, what):
        if "unlucky" in text:
            raise error
        return whole(text, what)

    monkeypatch.setattr(module, "_fingerprint", breaks)
    page, lines = page_of(course, {"ada": ADA, "eve": COPY, "ben": "unlucky = 1"})
    assert "ada and eve" in page
    assert len([line for line in lines if "ben: left out" in line]) == 1


LINES = (
    *(
        "class A:\n",
        "    def f(self):\n",
        "        return x + y\n",
        "# c\n",
        "\n",
        "'s' ",
        "é",
        "@d\n",
    ),
    *('"""t\n', "x = f(y)\n", "\t", "  ", "0x1f ", "…", "async ", "f'{x}' ", "\\\n"),
)


@given(st.lists(st.sampled_from(LINES)).map("".join))
@example("class Net(Model):\n    class Inner:\n        pass\n# end")
@example("")
def test_no_text_is_lost_by_marks(text):
    text = text.strip()
    answer = module._Answer(text, module._fingerprint(text, "code"))
    answer.own = answer.print.hashes
    who = {piece: {"a", "b"} for piece in sorted(answer.own)[::2]}
    parts = module._marked(answer, who, "abcdefgh")
    assert "".join(part["text"] for part in parts) == text
    if len(answer.own) and len(who) == len(answer.own):
        assert any(part["few"] for part in parts)


def test_a_class_is_marked_from_its_name_on():
    text = "class Net:\n    " + "\n    ".join(f"def f{n}(a):  # {n}\n        return a + {n}"
                                               for n in range(6))  # fmt: skip
    answer = module._Answer(text, module._fingerprint(text, "code"))
    who = {piece: {"a", "b"} for piece in answer.print.hashes}
    (whole,) = module._marked(answer, who, "abcdefgh")
    assert whole["text"] == text
    assert whole["have"] == 2
