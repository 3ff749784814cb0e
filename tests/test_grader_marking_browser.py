"""The page of ``python -m grader mark`` in a real browser, by keyboard alone.

``make browser`` runs this.
"""

import subprocess
import sys

import pytest
from grader_mini import enter_kept, write_course
from hostile_pages import OTHERS
from in_browser import PICTURES, load_axe

from grader.course import Course
from grader.gradebook import Book
from grader.history import told
from grader.trusted.renderer import Renderer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:Object of type"),  # nbgrader's, see grader.gradebook
]
COMMENT = "Say **why** it is so."


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Four answers in words, one of them a stranger's."""
    course = Course(write_course(tmp_path_factory.mktemp("course")))
    with Renderer() as one:
        for student in ("ada", "bob", "eve"):
            enter_kept(course, student, one, f"Because I am **{student}**: $x^2$.")
        enter_kept(course, "mallory", one, "\n\n".join(OTHERS), (), OTHERS)
    return course


@pytest.fixture(scope="module")
def serve(course):
    """A function that starts the command as somebody and returns its process and address."""
    started = []

    def start(reader):
        command = [sys.executable, "-m", "grader", "--course", str(course.root), "mark", "hw0"]
        process = subprocess.Popen([*command, "--as", reader], stdout=subprocess.PIPE, text=True)
        started.append(process)
        process.stdout.readline()
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_question_is_marked_by_keyboard_alone(browser, course, serve):
    process, url = serve("anna")
    context = browser.new_context(viewport={"width": 1366, "height": 800})
    page = context.new_page()
    page.set_default_timeout(15_000)
    events = []
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("dialog", lambda dialog: (events.append(dialog.message), dialog.accept()))
    page.on("request", lambda r: None if r.url.startswith((url, "data:")) else events.append(r.url))

    def progress():
        return page.locator(".progress").inner_text()

    def after(key):
        """Press a key that leads to another page."""
        with page.expect_navigation():
            page.keyboard.press(key)

    page.goto(url)
    after("Enter")  # "Go on with words" has the focus
    assert progress() == "0 of 4 read"
    first = page.url
    after("n")
    assert page.url != first
    after("p")
    assert page.url == first
    page.keyboard.press("/")
    page.keyboard.type(COMMENT)  # its letters are no commands here
    page.keyboard.press("Escape")
    page.keyboard.press("+")
    page.keyboard.type("3.5")
    after("Enter")
    assert progress() == "1 of 4 read"
    assert "3.5 of 5, kept." in page.locator(".told").inner_text()

    page.keyboard.press("a")  # the comment that was kept
    assert page.locator("#comment").input_value() == COMMENT
    page.keyboard.type("9")
    after("Enter")
    assert page.locator("#problem").inner_text().startswith("'9' is no mark for words")
    assert page.locator("#comment").input_value() == COMMENT
    page.keyboard.type("2")
    after("Enter")
    assert progress() == "2 of 4 read"
    after("?")
    assert progress() == "2 of 4 read, 1 not sure"

    # somebody else is faster
    _, theirs = serve("ben")
    other = context.new_page()
    other.goto(f"{theirs}q/words/{page.url.rpartition('/')[2].partition('?')[0]}")
    other.keyboard.type("1")
    with other.expect_navigation():
        other.keyboard.press("Enter")
    page.keyboard.type("4")
    after("Enter")
    assert "There stands now: 1 of 5; last ben" in page.locator("#problem").inner_text()
    assert page.locator("#points").input_value() == "4"
    after("Enter")
    assert "3 of 4 read" in page.locator("h1").inner_text()
    assert events == []

    # the grader is killed: what is typed stays, what was kept is kept
    page.goto(first)
    page.keyboard.type("5")
    process.kill()
    process.wait()
    page.keyboard.press("Enter")
    page.get_by_text("The grader does not run any more").wait_for()
    assert page.locator("#points").input_value() == "5"
    context.close()
    with Book(course) as book:
        given = sorted(cells["words"] for cells in book.given("hw0").values() if cells)
    assert given == [2.0, 3.5, 4.0]
    assert {line["as"] for line in told(course, "hw0")} == {"anna", "ben"}


# the words of tables that go on in the next line
BROKEN = """() => [...document.querySelectorAll('th, td')].flatMap(cell => {
    const text = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT).nextNode();
    return [...(text?.data ?? '').matchAll(/[^\\s-]+/g)].filter(word => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return new Set([...range.getClientRects()].map(r => r.top)).size > 1;
    }).map(word => word[0]);
})"""


@pytest.mark.parametrize("width", [390, 1366])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_page(browser, serve, scheme, width):
    _, url = serve("cleo")
    # axe is a script, which the page's policy would not let run
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    PICTURES.mkdir(parents=True, exist_ok=True)
    paths = ("", "q/words/ada", "q/double-test/ada", "q/double-test", "unsure", "q/nothing")
    for number, path in enumerate(paths):
        page.goto(url + path)
        page.screenshot(path=PICTURES / f"marking-{number}-{scheme}-{width}.png", full_page=True)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.evaluate(BROKEN) == [], path
        load_axe(page)
        found = page.evaluate(
            "async () => (await axe.run()).violations.map(v => [v.id, v.nodes.map(n => n.html)])"
        )
        assert found == [], path
    context.close()


def test_no_text_of_a_stranger_runs_on_the_page(browser, serve):
    _, url = serve("dora")
    context = browser.new_context()
    page, events = context.new_page(), []
    context.on("dialog", lambda dialog: (events.append(dialog.message), dialog.dismiss()))
    context.on("page", lambda other: events.append(f"opened {other.url}"))
    allowed = (url, "data:image/")
    context.on(
        "request", lambda r: None if r.url.startswith(allowed) else events.append(f"asked {r.url}")
    )
    page.goto(f"{url}q/words/mallory")
    assert "Left out here" in page.locator(".work").inner_text()
    clicked = page.evaluate(
        """() => {
            const all = [...document.querySelectorAll('.work *')];
            all.filter(e => e.tagName !== 'A' || !e.href).forEach(e => {
                e.click?.(); e.dispatchEvent(new MouseEvent('mouseover')); });
            return all.length;
        }"""
    )
    assert clicked >= 40
    page.wait_for_timeout(300)
    assert events == []
    # the second wall: as if the sanitiser had a hole
    page.evaluate(
        """() => {
            document.addEventListener('securitypolicyviolation', () => window.refused = 1);
            document.querySelector('.work').innerHTML +=
                '<img src="https://example.org/x.png"><img src="x" onerror="alert(1)">';
        }"""
    )
    page.wait_for_function("() => window.refused === 1")
    assert [e for e in events if not e.startswith("asked")] == []
    context.close()
