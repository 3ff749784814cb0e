"""What is shown to a person: sanitised, in bounded time, and as the student saw it."""

import base64
import html
import io
import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import nbformat
import pytest
from grader_mini import RIGHT, at_once, enter_kept, hand_in, submission, write_course
from hostile_pages import OTHERS, REPEATS, SCHEMES, STRANGE, addresses, links
from hypothesis import example, given
from hypothesis import strategies as st
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.markdown import markdown2html
from nbconvert.filters.strings import strip_files_prefix
from PIL import Image

from grader.commands import feedback as feedback_module
from grader.commands import grade as grade_module
from grader.commands.feedback import feedback
from grader.commands.grade import grade
from grader.course import Course, CourseError
from grader.gradebook import Book
from grader.hostile.kernel import PICTURES_LIMIT, Outputs
from grader.shared.screen import Screen, Style, cut
from grader.trusted import renderer as renderer_module
from grader.trusted import sanitise
from grader.trusted.renderer import NotShown, Renderer, _markdown, _output, presentable
from grader.trusted.sanitise import as_markdown, safe_html, safe_outputs, safe_svg
from libs import ROOT

# --- what a page may hold -----------------------------------------------------------------------


class Page(HTMLParser):
    """Reads a page, and complains of what may not stand on it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.addresses, self.texts = set(), set(), [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        self.addresses += [(tag, value or "") for name, value in attrs if name in ("href", "src")]
        styles = [value for name, value in attrs if name == "style"]
        assert not [s for s in styles if re.search(r"url|position|expression|@", s)], styles
        classes = {c for name, value in attrs if name == "class" for c in value.split()}
        assert classes <= {"highlight", *sanitise._CLASSES["span"]}, classes

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        pytest.fail(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_safe(page: str) -> Page:
    read = Page(page)
    assert read.tags <= sanitise._TAGS
    for tag, name in read.attributes:
        allowed = sanitise._ATTRIBUTES["*"] | sanitise._ATTRIBUTES.get(tag, set())
        assert name in allowed | {"class"} | ({"rel", "target"} if tag == "a" else set())
    for tag, address in read.addresses:
        if tag == "a":
            assert re.match(r"(https?://[\w-]+\.[a-z]+[/?#]?|mailto:)", address), address
            assert "localhost" not in address.partition("?")[0]
        else:
            assert re.match(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,", address), address
    return read


def test_no_address_but_the_web_s_survives_in_any_disguise():
    for address in addresses():
        for text in links(address):
            assert_safe(_markdown(text, {}))


@pytest.mark.parametrize("text", OTHERS)
def test_nothing_that_runs_survives(text):
    assert_safe(_markdown(text, {}))
    assert_safe(_output("text/html", text, ""))
    assert_safe(_output("text/markdown", text, ""))
    assert_safe(_output("text/latex", text, ""))
    assert_safe(_output("image/svg+xml", text, ""))


def test_what_harms_nobody_stays():
    text = (
        "# Why\n\nIt **falls** *since* `lr` is [small](https://example.org/a?b=1&c=2#d), "
        "$a_b < c$, ask <mailto:me@example.org>.\n\n| a | b |\n|--:|---|\n| 1 | 2 |\n\n"
        "1. one\n2. two\n\n> said\n\n```python\ndef f(): pass\n```\n\n"
        "<details><summary>more</summary>x</details> <sub>2</sub>"
    )
    page = _markdown(text, {})
    read = assert_safe(page)
    assert {"h1", "strong", "em", "code", "a", "table", "ol", "blockquote", "details"} <= read.tags
    assert ("a", "https://example.org/a?b=1&c=2#d") in read.addresses
    assert "$a_b < c$" in "".join(read.texts)
    assert 'class="k"' in page
    assert "Left out" not in page


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<script>x</script>", "<script>"),
        ("[a](javascript:x)", "a link to something else"),
        ("[a](/lab)", "the link /lab"),
        ("![a](https://example.org/a.png)", "the picture"),
        ("<img src='https://example.org/a.png'>", "a picture (https://example.org/a.png)"),
        ("![a](attachment:lost.png)", "the pasted picture lost.png"),
        ("<svg><rect/></svg>", "<svg>"),
    ],
)
def test_a_line_says_what_is_left_out(text, line):
    shown = html.unescape(re.sub(r"<(?!script|svg)[^>]+>", "", _markdown(text, {})))
    assert "Left out here: " in shown
    assert line in shown


_TABLE = """: < > </ /> <a href= <img src= " ' ` [ ]( ) ![ <b <p> </p> <table> <td> <svg> <math>
<style> <!-- --> <![CDATA[ ]]> & &# ; $ $$ \\ onload= style= class=score id=words https://a.b
data:image/png;base64,"""
FRAGMENTS = sorted({*_TABLE.split()})
PIECES = st.lists(
    st.one_of(
        st.sampled_from([*OTHERS, *SCHEMES, *STRANGE, *FRAGMENTS, "\n", "  "]), st.text(max_size=5)
    ),
    max_size=25,
).map("".join)


@given(PIECES)
@example("<div>$$\\begin{a}\\[ x [b](files/c) \u2424 </div>\n\n```\n<b>")
def test_any_text_is_safe_and_stays_as_it_is_when_it_is_laid_out_again(text):
    page = _markdown(text, {})
    assert_safe(page)
    assert_safe(safe_html(text))
    kept = as_markdown(page)
    again = strip_files_prefix(markdown2html(kept))  # formgrader's way
    assert again.strip() == kept
    texts = "".join(Page(again).texts), "".join(Page(f"<div>{page}</div>").texts)
    texts = texts[0], sanitise._CONTROL.sub("\ufffd", texts[1])
    assert texts[0].rstrip() == texts[1].rstrip()


# --- in bounded time ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def renderer():
    with Renderer() as one:
        yield one


@pytest.mark.parametrize("grow", [safe_html, as_markdown, sanitise._text, sanitise.plain])
def test_time_grows_with_the_length_and_no_faster(grow):
    def seconds(text):
        began = time.process_time()
        try:
            grow(text)
        except ValueError:
            assert grow is safe_html  # nested too deeply
        return time.process_time() - began

    for repeat in REPEATS:
        short, long = (repeat * (size // len(repeat)) for size in (10_000, 80_000))
        # a square would take 64 times as long
        assert min(seconds(long) for _ in range(2)) < 0.1 + 24 * min(
            seconds(short) for _ in range(3)
        ), repeat


def test_a_megabyte_of_anything_is_shown_or_said_in_bounded_time(renderer, monkeypatch):
    monkeypatch.setattr(renderer_module, "PIECE_SECONDS", 1)
    monkeypatch.setattr(renderer_module, "NOTEBOOK_SECONDS", 10)
    cells = []
    for repeat in REPEATS:
        text = repeat * (1_000_000 // len(repeat))
        sent = [{"output_type": "stream", "name": "stdout", "text": text}]
        sent += [{"output_type": "display_data", "data": {"text/html": text[:200_000]}}]
        cells.append(nbformat.v4.new_markdown_cell(text))
        cells.append(nbformat.v4.new_code_cell(text, outputs=safe_outputs(sent)))
    began = time.monotonic()
    presentable(cells, renderer)
    # the last piece, the processes that start again
    assert time.monotonic() - began < 60
    for cell in cells:
        assert len(cell.source) < 20 * renderer_module.MARKDOWN
        if cell.cell_type == "markdown":
            assert_safe(cell.source)
            assert strip_files_prefix(markdown2html(cell.source)).strip() == cell.source
        for output in cell.get("outputs", ()):
            ansi2html(output.get("text", ""))
            assert_safe(output.get("data", {}).get("text/html", ""))
    after = nbformat.v4.new_markdown_cell("**next**")
    presentable([after], renderer)
    assert "<strong>next</strong>" in after.source


def test_what_takes_too_long_is_shown_as_it_was_typed(renderer, monkeypatch):
    monkeypatch.setattr(renderer_module, "PIECE_SECONDS", 0.6)
    cell = nbformat.v4.new_markdown_cell("\\begin{a}<b>" * 4000)
    presentable([cell], renderer)
    assert "Shown as it was typed: it takes longer than 1 s to lay out" in cell.source
    assert "&lt;b&gt;" in cell.source
    assert "characters are left out here" not in cell.source


def test_a_renderer_that_died_is_replaced():
    with Renderer() as one:
        assert "<em>a</em>" in one.ask("markdown", "*a*", {}, seconds=60)
        one._process.kill()
        with pytest.raises(NotShown, match="memory"):
            one.ask("markdown", "*a*", {}, seconds=60)
        assert "<em>a</em>" in one.ask("markdown", "*a*", {}, seconds=60)
        with pytest.raises(NotShown, match="nested"):
            one.ask("markdown", "<div>" * 1000, {}, seconds=60)


# --- as the student saw it ----------------------------------------------------------------------


def on_screen(*texts: str, limit: int = 10_000) -> str:
    screen = Screen(limit)
    for text in texts:
        screen.write(text)
    return screen.text()


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("abc\x08\x08X\n", "aXc\n"),
        (" 10%\r 20%\r100%\n", "100%\n"),
        ("long text\rshort", "shorttext"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("working\r\x1b[Kdone", "done"),
        ("working\x1b[2K\rdone", "done   "),
        ("\x08\x08a", "a"),
        ("\x1b]0;title\x07a\x1b]8;;https://a.b\x1b\\b", "ab"),
        ("\x1b[2Aa\x1b[10;3Hb\x1b[?25lc\x1bD", "abcD"),
        ("\x1b[1;31mred\x1b[0m plain", "\x1b[0;1;31mred\x1b[0m plain"),
        ("\x1b[31mold\r\x1b[32mn", "\x1b[0;32mn\x1b[0;31mld\x1b[0m"),
    ],
)
def test_a_screen_shows_what_a_terminal_would(printed, seen):
    assert on_screen(printed) == seen
    assert on_screen(*printed) == seen  # in pieces of one character
    assert on_screen(seen) == seen


CODES = "38 48 38;5 48;5 38;2;1;2 48;2;1 38;5;256 38;2;1;2;999 38;9;1 ; ;;38 1; ?25 -1 38:5:1 1e9 ٣"


@pytest.mark.parametrize(
    "code", [*CODES.split(), "0;38;;", "48;48;48", "9" * 5000, "38;5;" + "9" * 40]
)
def test_no_code_of_a_colour_stops_a_page(code):
    for sent in ([f"\x1b[{code}mx\x1b[0m"], [f"\x1b[{code}", "mx"]):
        outputs = safe_outputs([{"output_type": "stream", "name": "stdout", "text": "".join(sent)}])
        outputs += safe_outputs(
            [{"output_type": "execute_result", "data": {"text/plain": "".join(sent)}}]
        )
        for text in (outputs[0].text, outputs[1].data["text/plain"]):
            assert "x" in re.sub(r"<[^>]+>", "", ansi2html(text))
        error = sanitise.error_output(f"ValueError: {''.join(sent)}")
        assert "x" in ansi2html(error.traceback[0]) + ansi2html(error.evalue)


@given(
    st.lists(
        st.sampled_from(
            ["\x1b[", "m", ";", "38", "48", "5", "2", "7", "1", "0", "x", "\n", "\r", "\x08"]
        )
    )
)
def test_any_codes_give_a_page_and_the_same_one_again(pieces):
    text = "".join(pieces)
    seen = sanitise._text(text)
    assert sanitise._text(seen) == seen == sanitise._NOT_TEXT.sub("\ufffd", on_screen(*text))
    ansi2html(seen)


@given(st.lists(st.integers(0, 300), max_size=8))
def test_a_style_s_code_leads_to_it(numbers):
    style = Style().then(numbers)
    assert Style(ink="31", bold=True).then([int(n) for n in style.code()[2:-1].split(";")]) == style


def test_the_end_of_a_long_output_is_kept_beside_its_start():
    outputs = Outputs()
    for number in range(200_000):
        outputs.stream("stdout", f"line {number}\n")
    (item,) = outputs.items
    (shown,) = safe_outputs(outputs.items)
    for text in (item["text"], shown.text):
        assert text.startswith("line 0\nline 1\n")
        assert text.endswith("line 199998\nline 199999\n")
        assert "characters are left out here …\n" in text
        assert len(text) < 45_000
    assert cut("abcdefgh", 4) == "ab\n… 4 characters are left out here …\ngh"


def test_a_progress_bar_is_one_line_and_what_follows_it_is_there():
    outputs, bar = Outputs(), "━" * 20
    for step in range(1, 2001):
        text = f"\x1b[1m{step}/2000\x1b[0m \x1b[32m{bar}\x1b[0m 1s 2ms/step - loss: 0.5"
        outputs.stream("stdout", "\x08" * 60 + "\r" + text)
    outputs.stream("stdout", "\nTHE RESULT\n")
    (shown,) = safe_outputs(outputs.items)
    assert html.unescape(re.sub(r"<[^>]+>", "", ansi2html(shown.text))).splitlines() == [
        f"2000/2000 {bar} 1s 2ms/step - loss: 0.5",
        "THE RESULT",
    ]


def test_what_is_cleared_or_changed_is_shown_as_it_was_last():
    outputs = Outputs()
    for step in range(5):
        outputs.clear(wait=True)
        outputs.show("display_data", {"text/plain": f"step {step}"})
    assert [item["data"]["text/plain"] for item in outputs.items] == ["step 4"]
    outputs.show("display_data", {"text/plain": "first"}, "bar")
    outputs.show("display_data", {"text/plain": "second"}, "bar", update=True)
    assert [item["data"]["text/plain"] for item in outputs.items] == ["step 4", "second"]


def test_a_line_stands_for_outputs_and_pictures_that_are_left_out():
    outputs = Outputs()
    for number in range(200):
        outputs.stream("stdout", f"{number}")
        outputs.stream("stderr", "!")
    shown = safe_outputs(outputs.items)
    assert shown[0].text == "0"
    assert shown[-2].text == "199"
    assert [o.text for o in shown if "outputs are left out here" in o.get("text", "")]
    big = Outputs()
    big.show("display_data", {"image/png": "A" * (PICTURES_LIMIT + 1), "text/plain": "<Figure>"})
    assert big.items[0]["data"] == {"text/plain": "<Figure>\n… left out: a picture of 8.4 MB …"}
    _, last = safe_outputs(
        [{"output_type": "stream", "name": "stdout", "text": "a" * 100}] * 2, room=150
    )
    assert "more output is left out" in last.text


FIGURE = """
class Picture:
    __module__, png = "libs.notebook", b"PNG"

    def _repr_html_(self):
        print("made, and thrown away")


display(Picture())
"""


def test_of_the_course_s_figures_only_what_is_kept_is_made():
    program = "import json, sys; from grader.hostile.kernel import Kernel; out = sys.stdout; "
    program += f"request = dict(do='run', source={FIGURE!r}, label='cell:0'); "
    program += "json.dump(Kernel(None).answer(request, [])[0], out)"
    line = [sys.executable, "-c", program]
    said = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (output,) = json.loads(said)["outputs"]
    assert output["data"].keys() == {"text/plain", "image/png"}
    assert base64.b64decode(output["data"]["image/png"]) == b"PNG"


def test_a_drawing_is_a_picture(renderer):
    import matplotlib
    from matplotlib.figure import Figure

    figure, file = Figure(), io.StringIO()
    axes = figure.subplots()
    axes.plot([1, 2, 3], label="a < b")
    axes.imshow([[0.0, 1.0]], extent=(0, 1, 0, 1))
    axes.legend()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    outputs = Outputs()
    outputs.show("display_data", {"text/plain": "<Figure>", "image/svg+xml": file.getvalue()})
    cell = nbformat.v4.new_code_cell("plot()", outputs=safe_outputs(outputs.items))
    assert "text/html" not in cell.outputs[0].data  # not before it is sanitised
    presentable([cell], renderer)
    ((_, address),) = Page(cell.outputs[0].data["text/html"]).addresses
    drawn = base64.b64decode(address.partition(",")[2]).decode()
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    for part in (
        "<path",
        "a &lt; b",
        'href="#',
        "stroke-linejoin",
        'href="data:image/png',
        "clip-path",
    ):
        assert part in drawn


DRAWN = (
    "<script>alert(1)</script>",
    "<rect onload='alert(1)'/>",
    "<a href='javascript:x'><text>a</text></a>",
    "<image href='https://example.org/a.png'/>",
    "<use href='https://example.org/a.svg#b'/>",
    "<rect style='fill:url(https://example.org/a)'/>",
    "<rect fill='url(//example.org/a#b)'/>",
    "<style>@import 'https://example.org'</style>",
    "<foreignObject><p>a</p></foreignObject>",
    "<set attributeName='href' to='javascript:x'/>",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
    "<image href='data:image/svg+xml;base64,PHN2Zy8+'/>",
    "<rect style='fill:u\\72l(//example.org)'/>",
)


@pytest.mark.parametrize("inside", DRAWN)
def test_a_drawing_holds_shapes_and_texts_only(inside):
    drawn = safe_svg(f"<svg width='9' height='9'><g>{inside}<path d='M 0 0'/></g></svg>")
    if drawn:
        assert "<path" in drawn
    for harm in (
        "script",
        "onload",
        "example.org",
        "import",
        "foreign",
        "<set",
        "ENTITY",
        "svg+xml;",
        "<a",
    ):
        assert harm not in drawn.partition(">")[2]


def png(size=(3, 2)) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_pasted_pictures_and_other_outputs_are_shown(tmp_path, renderer):
    course = Course(write_course(tmp_path))
    assignment = course.assignment("hw0")
    notebook = json.loads(submission(assignment, RIGHT))
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "words":
            cell["source"] = "See ![my sketch](attachment:sketch.png)"
            lines = [png()[:20], png()[20:]]  # as some editors write it
            cell["attachments"] = {"sketch.png": {"image/png": lines, "text/html": "<script>"}}
    extra = {"cell_type": "markdown", "metadata": {}, "source": "![b](attachment:b.png)", "id": "b"}
    notebook["cells"].append(extra | {"attachments": {"b.png": {"image/png": png()}, "c": 3}})
    steps = assignment.merge(json.dumps(notebook).encode()).steps
    cells = [step.cell for step in steps]
    presentable(cells, renderer)
    pages = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert len([p for p in pages if f'src="data:image/png;base64,{png()}"' in p]) == 2
    assert 'alt="my sketch"' in "".join(pages)
    assert not [cell for cell in cells if "attachments" in cell]
    for kind in ("JPEG", "GIF"):
        file = io.BytesIO()
        Image.new("L", (3, 2)).save(file, kind)
        content = base64.b64encode(file.getvalue()).decode()
        assert "<img src=" in _output(f"image/{kind.lower()}", content, "a")
        assert "Left out here: image/" in _output(f"image/{kind.lower()}", png(), "a")
    table = "<table border='1' class='dataframe'><tr><td>1</td></tr></table><style>x</style>"
    assert "<td>1</td>" in _output("text/html", table, "   0\n0  1")


# --- one student's failure is nobody else's ------------------------------------------------------


@pytest.fixture(scope="module")
def three(tmp_path_factory, renderer):
    course = Course(write_course(tmp_path_factory.mktemp("course")))
    for student in ("ada", "bob", "eve"):
        enter_kept(course, student, renderer, f"I am *{student}*.")
    return course


def test_feedback_names_whose_page_could_not_be_made_and_makes_the_others(three, monkeypatch):
    pages = {page.parts[-3]: page for page in feedback(three, "hw0")}
    assert sorted(pages) == ["ada", "bob", "eve"]
    for student, page in pages.items():
        assert f"I am <em>{student}</em>." in page.read_text()
        page.unlink()
    broken = three.root / "autograded" / "bob" / "hw0" / "hw0.ipynb"
    whole = broken.read_text()
    for content in (whole[:200], None):
        broken.unlink() if content is None else broken.write_text(content)
        with pytest.raises(CourseError, match=r"feedback for bob could not be made: .+2 others"):
            feedback(three, "hw0")
        assert [pages[who].exists() for who in ("ada", "bob", "eve")] == [True, False, True]
    broken.write_text(whole)

    ask = Renderer.ask

    def slow(self, what, path, *rest, seconds):
        return ask(self, what, path, *rest, seconds=0 if "bob" in path else seconds)

    monkeypatch.setattr(Renderer, "ask", slow)
    with pytest.raises(CourseError, match="bob could not be made: it takes longer than"):
        feedback(three, "hw0")
    monkeypatch.undo()
    monkeypatch.setattr(feedback_module, "Book", Forgets)
    with pytest.raises(CourseError, match="bob could not be made: it is not in the grade book"):
        feedback(three, "hw0")
    assert not list(three.root.rglob(".*.html*"))


class Forgets(Book):
    """A grade book in which one student is missing."""

    def penalise(self, name, student):
        super().penalise(name, "nobody" if student == "bob" else student)


def test_feedback_lets_nothing_run_and_asks_for_nothing(three):
    page = feedback(three, "hw0", ["ada"])[0].read_text()
    assert page.count("Content-Security-Policy") == 1
    (policy,) = re.findall(r'content="(default-src [^"]+)"', page)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "<script" not in page


def test_a_keeping_that_fails_is_named_and_the_others_are_kept(tmp_path, monkeypatch):
    course = Course(write_course(tmp_path))
    for student in ("ada", "bob", "eve"):
        hand_in(tmp_path, student, submission(course.assignment("hw0"), RIGHT))

    real = grade_module.presentable

    def failing(cells, renderer):
        if next(failing.calls) == 1:
            raise ValueError("odd")
        real(cells, renderer)

    failing.calls = iter(range(9))
    monkeypatch.setattr(grade_module, "presentable", failing)
    monkeypatch.setattr(grade_module, "local_pool", at_once)
    with pytest.raises(CourseError, match=r"^(ada|bob|eve) could not be kept: ValueError: odd$"):
        grade(course, "hw0", unsafe=True)
    assert len(course.records("hw0")) == 2
    assert len(grade(course, "hw0", unsafe=True)) == 1  # the same command goes on where it stopped
