"""Marking by question: one answer after the other, marks that nobody overwrites, and by whom."""

import html
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import nbformat
import pytest
from grader_mini import RIGHT, enter_kept, hand_in, submission, write_course
from hostile_pages import OTHERS, addresses, links
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port

from grader.__main__ import main
from grader.commands import mark as mark_module
from grader.commands.export import export
from grader.commands.forget import forget
from grader.commands.mark import application
from grader.course import Course, CourseError
from grader.gradebook import Book
from grader.history import told
from grader.marking import Changed, Marking, Refused, shared_out
from grader.trusted.renderer import Renderer
from grader.trusted.sanitise import as_markdown

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook
QUESTION = "## In words\n\nWhy is $a_b < c$? *How it is read:* 5 points for any reason."
TOKEN = "a-secret"


@pytest.fixture(scope="module")
def renderer():
    with Renderer() as one:
        yield one


def with_a_question(root):
    """Put the question's text before the answer in words, as authors write it."""
    path = root / "source" / "hw0" / "hw0.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(-1, nbformat.v4.new_markdown_cell(QUESTION, id="question"))
    nbformat.write(notebook, path)
    return root


@pytest.fixture(scope="module")
def graded(tmp_path_factory, renderer):
    course = Course(with_a_question(write_course(tmp_path_factory.mktemp("graded") / "course")))
    for student in ("ada", "bob", "eve"):
        enter_kept(course, student, renderer, f"Because I am **{student}**.")
    return course.root


@pytest.fixture
def course(graded, tmp_path):
    """Ada, bob and eve are graded; all have answered in words, and nobody has read it."""
    shutil.copytree(graded, tmp_path / "course")
    return Course(tmp_path / "course")


@pytest.fixture
def open_marking(course):
    """A function that opens the marking as somebody, as their command would."""
    books = []

    def open_as(reader="anna"):
        books.append(Book(course))
        return Marking(course, books[-1], "hw0", reader)

    yield open_as
    for book in books:
        book.__exit__()


def held(marking, student="ada", cell="words"):
    return marking.answers()[cell][student]


def give(marking, points, student="ada", cell="words", comment="", unsure=False):
    version = held(marking, student, cell).version
    marking.give(cell, student, points, comment, version, unsure)


# --- marks ------------------------------------------------------------------------------------


def test_a_mark_is_in_the_grade_book_at_once_and_the_history_says_whose(course, open_marking):
    anna = open_marking()
    assert held(anna).held.unread
    give(anna, "3,5", comment="Say **why**.\r\n\x00")
    questions, *_ = export(course, "hw0")
    assert "8.5" in questions.read_text()  # 5 by the tests
    with Book(course) as book:
        found = book.gradebook.find_grade("words", "hw0", "hw0", "ada")
        assert (found.manual_score, found.needs_manual_grade) == (3.5, False)
        comment = book.gradebook.find_comment("words", "hw0", "hw0", "ada")
        assert comment.manual_comment == "Say **why**."
    (line,) = told(course, "hw0")
    assert (line["as"], line["student"], line["why"]) == ("anna", "ada", "by hand")
    assert line["changed"] == {"words": [None, 3.5]}
    assert line["who"]  # the account
    (shown,) = anna.history("words", "ada")
    assert (shown["who"], shown["what"]) == ("anna", "3.5, with a comment")


NO_MARKS = """nan NaN inf -inf 1e999 -1 -0.001 5.001 6 1_0 0x1 1e0 4.. 4,5,1 +4 2/5 two ½ ."""


def test_what_is_no_mark_changes_nothing(open_marking):
    anna = open_marking()
    before = held(anna)
    for points in [*NO_MARKS.split(), "", " ", "9" * 400, "4 4", "1\n2", "\u0663\u0663"]:
        with pytest.raises(Refused, match="for words: give a number from 0 to 5") as refused:
            give(anna, points, comment="a comment")
        assert len(str(refused.value)) < 200
    assert held(anna) == before
    assert told(anna.course, "hw0") == []


@pytest.mark.parametrize(("points", "mark"), [("0", 0), ("5", 5), (" 2.25 ", 2.25), (",5", 0.5)])
def test_a_mark_may_be_anything_up_to_the_most(points, mark, open_marking):
    anna = open_marking()
    give(anna, points)
    assert held(anna).held.manual == mark


def test_a_comment_without_end_is_refused(open_marking):
    with pytest.raises(Refused, match=r"30,000 characters; 20,000 is the most"):
        give(open_marking(), "4", comment="x" * 30_000)


def test_the_second_of_two_sees_the_first_s_mark_and_overwrites_nothing(open_marking):
    anna, ben = open_marking("anna"), open_marking("ben")
    seen = held(ben).version
    give(anna, "4", comment="Good.")
    with pytest.raises(Changed, match="Nothing is written over"):
        ben.give("words", "ada", "1", "Bad.", seen)
    assert (held(ben).held.manual, held(ben).held.comment) == (4, "Good.")
    give(ben, "1")  # now that it was seen
    assert [line["what"] for line in anna.history("words", "ada")] == [
        "4, with a comment",
        "4 → 1, with a comment",
    ]


@pytest.mark.parametrize("what", ["mark", "comment", "read"])
def test_formgrader_s_mark_between_two_looks_is_not_overwritten(what, course, open_marking):
    """It knows no turns: it may write between the look at the version and the writing."""
    anna = open_marking()
    before = held(anna)
    with sqlite3.connect(course.root / "gradebook.db") as database:
        column = {"mark": "manual_score = 2", "read": "needs_manual_grade = 0"}.get(what)
        sql = (
            f"UPDATE grade SET {column} WHERE id = ?"
            if column
            else "UPDATE comment SET manual_comment = 'theirs' WHERE id = ?"
        )
        row = before.held.comment_row if what == "comment" else before.held.grade
        assert database.execute(sql, (row,)).rowcount == 1
    database.close()
    now = held(anna)
    assert now.version != before.version
    assert not anna.book.give(before.held, 5.0, False, "mine")
    assert held(anna) == now


def test_another_answer_handed_in_meanwhile_is_seen_first(course, open_marking, renderer):
    anna = open_marking()
    seen = held(anna).version
    enter_kept(course, "ada", renderer, "Something else.")
    with pytest.raises(Changed):
        anna.give("words", "ada", "4", "", seen)


def test_a_mark_is_taken_back_whole(open_marking):
    anna = open_marking()
    before = held(anna).version
    give(anna, "4")
    anna.take_back("words", "ada", held(anna).version)
    assert held(anna).held.unread
    assert held(anna).version == before
    assert anna.history("words", "ada")[-1]["what"].endswith("taken back")


def test_who_disagrees_with_a_test_says_so_and_may_agree_again(open_marking, course):
    anna = open_marking()
    give(anna, "2", cell="double-test", comment="By hand.")
    assert held(anna, cell="double-test").held.manual == 2
    with Book(course) as book:  # the comment stands with the answer
        assert book.gradebook.find_comment("double", "hw0", "hw0", "ada").manual_comment
    anna.take_back("double-test", "ada", held(anna, cell="double-test").version)
    assert held(anna, cell="double-test").held.manual is None
    assert not held(anna, cell="double-test").held.unread
    assert list(anna.questions) == ["words", "double-test", "answer-test"]


def test_a_course_that_is_graded_meanwhile_loses_nothing(course, open_marking, renderer):
    anna = open_marking()
    give(anna, "4")
    enter_kept(course, "zoe", renderer)
    assert "zoe" in anna.queue("words", anna.answers()["words"])
    forget(course, "bob", really=True)
    assert set(anna.answers()["words"]) == {"ada", "eve", "zoe"}
    assert held(anna).held.manual == 4


# --- whose turn -------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 60), unique=True, max_size=40),
    st.lists(st.sampled_from("abcdefg"), unique=True, min_size=1),
    st.dictionaries(st.integers(0, 60), st.sampled_from("abcdefgxyz")),
)
def test_shares_are_fair_and_stay_where_they_can(students, names, before):
    shares = shared_out(students, names, before)
    assert sorted(shares) == sorted(students)
    parts = [list(shares.values()).count(name) for name in names]
    assert max(parts) - min(parts) <= 1
    assert shared_out(students, names, shares) == shares


def test_each_reads_their_own_part_and_who_comes_late_is_somebody_s(course, open_marking, renderer):
    anna, ben = open_marking("anna"), open_marking("ben")
    assert sorted(anna.share(["anna", "ben"]).values()) == [1, 2]
    for student in ("zoe", "yan"):
        enter_kept(course, student, renderer)
    parts = [m.queue("words", m.answers()["words"]) for m in (anna, ben)]
    assert sorted(parts[0] + parts[1]) == ["ada", "bob", "eve", "yan", "zoe"]
    assert {len(part) for part in parts} == {2, 3}
    anna.everyone = True
    assert len(anna.queue("words", anna.answers()["words"])) == 5
    assert anna.share(["anna", "ben", "cleo"]).keys() == {"anna", "ben", "cleo"}
    ben.everyone = False
    assert len(ben.queue("words", ben.answers()["words"])) in (1, 2)


@pytest.mark.parametrize("names", [["anna", "anna"], [" "], ["x" * 61], ["a\x00b"], ["anna", ""]])
def test_names_that_are_none_share_nothing(names, open_marking):
    anna = open_marking()
    with pytest.raises(CourseError, match=r"is no name of a person|names anna twice"):
        anna.share(names)
    assert anna.names() == []


def test_who_is_not_sure_goes_on_and_it_stays_unread(course, open_marking):
    anna = open_marking()
    first = anna.following("words")
    give(anna, "", first, comment="A riddle.", unsure=True)
    others = [anna.following("words")]
    assert others[0] not in ("", first)
    give(anna, "2", others[0], unsure=True)  # a mark that is not the last word
    assert held(anna, others[0]).held.unread
    others.append(anna.following("words", others[0]))
    give(anna, "3", others[1])
    assert anna.following("words") == ""
    assert anna.unsure() == {"words": {first: "anna", others[0]: "anna"}}
    give(open_marking("ben"), "1", first)
    assert anna.unsure() == {"words": {others[0]: "anna"}}
    forget(course, others[0], really=True)
    assert others[0] not in (course.root / "records/.marking/hw0.json").read_text()


def test_comments_are_kept_for_a_question_in_the_order_they_came(open_marking):
    anna = open_marking()
    for text in ("Say why.", "Shorter.", "Say why.", "  ", "Shorter.\r\n"):
        anna.keep_comment("words", text)
    assert open_marking("ben").comments("words") == ["Say why.", "Shorter."]
    assert anna.comments("double-test") == []
    anna.drop_comment("words", "Say why.")
    assert anna.comments("words") == ["Shorter."]
    for number in range(19):
        anna.keep_comment("words", str(number))
    with pytest.raises(Refused, match=r"The mark is kept; .* Remove one"):
        anna.keep_comment("words", "one more")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"": 1, "ada": 2}', '{"": {"names": 4}}', "\0"]
)
def test_what_is_kept_beside_the_grade_book_may_be_broken(content, open_marking):
    anna = open_marking()
    anna.share(["anna"])
    (anna.course.root / "records/.marking/hw0.json").write_text(content)
    assert anna.names() == []
    assert anna.unsure() == {}
    assert anna.comments("words") == []
    give(anna, "4", unsure=True)
    assert anna.unsure() == {"words": {"ada": "anna"}}


# --- the page ---------------------------------------------------------------------------------


@pytest.fixture
def ask(open_marking, renderer):
    """A function that asks the page, and returns status, text and headers."""
    loop, sockets = IOLoop(make_current=False), []

    def asked(path, form=None, reader="anna", token=TOKEN, **headers):
        return loop.run_sync(lambda: fetch(reader, path, form, token, headers))

    servers = {}

    async def fetch(reader, path, form, token, headers):
        if reader not in servers:
            socket, port = bind_unused_port()
            marking = open_marking(reader)
            server = HTTPServer(application(marking, renderer, TOKEN))
            server.add_sockets([socket])
            sockets.append(server)
            servers[reader] = f"http://127.0.0.1:{port}"
        body = None if form is None else urllib.parse.urlencode(form)
        found = await AsyncHTTPClient().fetch(
            f"{servers[reader]}/{token}/{path}",
            raise_error=False,
            follow_redirects=False,
            method="GET" if form is None else "POST",
            body=body,
            headers=headers,
        )
        return found.code, found.body.decode(), found.headers

    yield asked
    for server in sockets:
        server.stop()
    loop.close(all_fds=True)


def version(page):
    return re.search(r'name="version" value="(\w+)"', page)[1]


def text_of(page):
    page = re.sub(r"(?s)<(script|style).*?</\1>", "", page)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_page_leads_from_answer_to_answer(ask, course):
    assert "0 of 3" in text_of(ask("")[1])
    code, _, headers = ask("q/words")
    assert code == 303
    seen = []
    for number in range(3):
        path = headers["Location"].removeprefix(f"/{TOKEN}/")
        _, page, _ = ask(path)
        text = text_of(page)
        student = path.partition("?")[0].rpartition("/")[2]
        seen.append(student)
        assert f"{number} of 3 read" in text
        assert f"Because I am {student} ." in text
        assert "5 points for any reason" in text  # the question
        assert "<math" in page  # its formula
        assert text.count("In words") == 1  # but not once more among what the student wrote
        assert "Model answer Because." in text
        form = {"points": number, "version": version(page), "comment": "<i>", "do": "save"}
        code, _, headers = ask(f"q/words/{student}", form | {"keep": "1" * (number == 1)})
        assert code == 303
    assert sorted(seen) == ["ada", "bob", "eve"]
    assert headers["Location"] == f"/{TOKEN}/q/words?kept={seen[2]}"
    assert "All of these are read" in text_of(ask("q/words")[1])
    assert "anna 3" in text_of(ask("")[1])
    _, page, _ = ask(f"q/words/{seen[0]}")
    assert 'data-key="a" data-text="&lt;i&gt;"' in page
    assert "Read by anna" in text_of(page)
    assert f"{seen[0]}: 0 of 5, kept." in text_of(ask(f"q/words/{seen[1]}?kept={seen[0]}")[1])


def test_two_browsers_meet_and_the_second_chooses(ask):
    _, page, _ = ask("q/words/ada", reader="ben")
    form = {"points": "1", "version": version(page), "comment": "Bad.", "do": "save"}
    _, page, _ = ask("q/words/ada")
    assert (
        ask("q/words/ada", {"points": "4", "version": version(page), "comment": "Good."})[0] == 303
    )
    code, page, _ = ask("q/words/ada", form, reader="ben")
    assert code == 409
    text = text_of(page)
    assert "There stands now: 4 of 5 ; last anna," in text
    assert "Its comment: Good." in text
    assert 'value="1"' in page  # nothing typed is lost
    assert "Bad.</textarea>" in page
    code, _, _ = ask("q/words/ada", form | {"version": version(page)}, reader="ben")
    assert code == 303
    assert "4 → 1" in text_of(ask("q/words/ada")[1])


def test_what_was_typed_stays_when_it_is_refused(ask, course):
    _, page, _ = ask("q/words/ada")
    form = {"points": "7", "version": version(page), "comment": "A <b>long</b> one\n"}
    code, page, _ = ask("q/words/ada", form)
    assert code == 400
    assert "'7' is no mark for words: give a number from 0 to 5." in text_of(page)
    assert "A &lt;b&gt;long&lt;/b&gt; one" in page


def test_a_grade_book_that_is_locked_is_said_and_nothing_typed_is_lost(ask, course):
    _, page, _ = ask("q/words/ada")
    database = sqlite3.connect(course.root / "gradebook.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    try:
        form = {"points": "4", "version": version(page), "comment": "typed"}
        code, page, _ = ask("q/words/ada", form)
    finally:
        database.execute("ROLLBACK")
        database.close()
    assert code == 503
    assert "Another program has it open" in text_of(page)
    assert "typed</textarea>" in page
    code, _, _ = ask("q/words/ada", form | {"version": version(page)})
    assert code == 303  # the page's own form, once the book is free again


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("q/nothing", "hw0 has no question 'nothing'"),
        ("q/words/nobody", "'nobody' has no answer to words"),
        ("q/words/..%2F..", "has no answer"),
        ("q/words/%3Cscript%3E", "has no answer"),
        ("page/nobody", "nobody who is graded"),
        ("elsewhere", "There is nothing here."),
    ],
)
def test_an_address_that_leads_nowhere_is_said(path, says, ask):
    code, page, _ = ask(path)
    assert code == 404
    assert says in text_of(page)
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("token", "headers", "code"),
    [
        ("another", {}, 404),
        ("", {}, 404),
        (TOKEN + "x", {}, 404),
        (TOKEN, {"Host": "evil.example"}, 403),
        (TOKEN, {"Host": "127.0.0.1.evil.example:80"}, 403),
        (TOKEN, {"Host": "localhost:1"}, 200),
        (TOKEN, {}, 200),
    ],
)
def test_nobody_else_comes_in(token, headers, code, ask):
    found, page, _ = ask("q/words/ada", token=token, **headers)
    assert found == code
    assert ("ada" in page) == (code == 200)
    if code == 200:
        form = {"points": "4", "version": version(page), "comment": ""}
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
            assert ask("q/words/ada", form, Origin=origin)[0] == 403
    else:
        assert ask("q/words/ada", {"points": "4"}, token=token, **headers)[0] == code


def test_no_text_of_a_stranger_s_reaches_the_page_as_it_is(ask, course, renderer):
    """A second time after it was kept: as if a notebook had been changed on disk."""
    texts = [text for n, address in enumerate(addresses()) if n % 9 == 0 for text in links(address)]
    enter_kept(course, "mal", renderer, "\n\n".join([*OTHERS, *texts[:300]]))
    path = course.root / "autograded" / "mal" / "hw0" / "hw0.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][-1]["source"] = "\n\n".join(OTHERS)
    for attempt in (False, True):
        if attempt:
            path.write_text(json.dumps(notebook))
        code, page, headers = ask("q/words/mal")
        assert code == 200
        policy = headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]+)'; ", policy)[1]
        assert page.count("<script") == page.count(f'<script nonce="{nonce}">') == 1
        assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", "")
        assert policy.startswith("default-src 'none'; ")
        work = page[page.index('<section class="work"') : page.index('<section class="side"')]
        assert not re.search(r"<[^>]*\son\w+\s*=", work)
        assert not re.search(r"(?i)<(script|iframe|object|embed|form|input|base|meta|link)", work)
        for link in re.findall(r'<a href="([^"]*)"', work):
            assert re.match(rf"https?://|mailto:|/{TOKEN}/page/", link), link
        for link in re.findall(r'<img[^>]*src="([^"]*)"', work):
            assert link.startswith("data:image/")
        assert nonce not in ask("q/words/mal")[1]
        assert "Left out here" in work
    for name, value in (("Referrer-Policy", "same-origin"), ("Cache-Control", "no-store")):
        assert headers[name] == value


def test_a_notebook_that_is_lost_stops_nobody(ask, course):
    path = course.root / "autograded" / "ada" / "hw0" / "hw0.ipynb"
    path.write_text("{}")
    code, page, _ = ask("q/words/ada")
    assert code == 200
    assert "python -m grader grade hw0 --student ada --again" in text_of(page)
    path.unlink()
    assert ask("q/words/ada")[0] == 200
    assert ask("q/words/bob")[0] == 200
    assert ask("page/ada")[0] == 503


def test_the_whole_notebook_is_shown_as_feedback_would_be(ask):
    code, page, headers = ask("page/ada")
    assert code == 200
    assert "not read yet" in text_of(page)
    assert "sandbox" in headers["Content-Security-Policy"]


# --- the command ------------------------------------------------------------------------------


def run(monkeypatch, capsys, course, *arguments):
    monkeypatch.setattr(sys, "argv", ["grader", "--course", str(course.root), *arguments])
    capsys.readouterr()
    return main(), *capsys.readouterr()


def test_the_command_says_what_it_lacks(course, monkeypatch, capsys, tmp_path):
    async def serve(*_):
        pytest.fail("it serves")

    monkeypatch.setattr(mark_module, "_serve", serve)
    code, _, said = run(monkeypatch, capsys, course, "mark", "hw9")
    assert (code, said.count("\n")) == (1, 1)
    assert "There is no assignment 'hw9'. There are: hw0." in said
    code, _, said = run(monkeypatch, capsys, course, "mark", "hw0", "--as", " ")
    assert (code, "is no name of a person" in said) == (1, True)
    empty = Course(write_course(tmp_path / "empty"))
    code, _, said = run(monkeypatch, capsys, empty, "mark", "hw0")
    assert code == 1
    assert "hw0: nothing to mark: nobody is graded yet, nobody handed it in." in said
    assert "python -m grader grade hw0" in said
    hand_in(empty.root, "ada", submission(empty.assignment("hw0"), RIGHT))
    assert "handed it in" not in run(monkeypatch, capsys, empty, "mark", "hw0")[2]
    code, said, _ = run(monkeypatch, capsys, course, "mark", "hw0", "--share", "anna", "ben")
    assert code == 0
    assert sorted(said.splitlines()) in (
        ["hw0: anna reads 1", "hw0: ben reads 2"],
        ["hw0: anna reads 2", "hw0: ben reads 1"],
    )
    code, _, said = run(monkeypatch, capsys, course, "mark", "hw0", "--as", "cleo")
    assert code == 1
    assert "hw0 is shared out to anna, ben; cleo is none of them." in said


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_whatever_ends_the_command_the_mark_is_kept(end, course):
    command = [sys.executable, "-m", "grader", "--course", course.root, "mark", "hw0"]
    process = subprocess.Popen(
        [*map(str, command), "--as", "Zoë"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        # tests that run in a shell's background ignore Ctrl+C, and would pass that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout.readline().startswith("hw0: as Zoë, everybody's answers.")
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", url)
        page = urllib.request.urlopen(f"{url}q/words/ada").read().decode()
        form = {"points": "4.5", "version": version(page), "comment": ""}
        urllib.request.urlopen(f"{url}q/words/ada", urllib.parse.urlencode(form).encode())
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url.rpartition("/")[0][:-1] + "/")
    finally:
        process.send_signal(end)
        said, complained = process.communicate(timeout=30)
    if end == signal.SIGINT:
        assert (process.returncode, complained) == (0, "")
        assert said == "hw0: words: 1 of 3 read\n"
        assert "4.5" in (course.root / "records/.by_hand/hw0.json").read_text()
    with Book(course) as book:
        assert book.given("hw0")["ada"] == {"words": 4.5}
    assert [line["as"] for line in told(course, "hw0")] == ["Zoë"]


def test_the_released_texts_are_known_again_however_they_are_kept(renderer):
    """What the page leaves out is found by how it looks, once it is kept."""
    once = as_markdown(renderer.ask("markdown", QUESTION, {}, seconds=60))
    assert once == as_markdown(renderer.ask("markdown", QUESTION, {}, seconds=60))
