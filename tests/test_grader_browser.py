"""Formgrader and feedback in a real browser: a class looked at, marked by hand, and given back.

``make browser`` runs this.
"""

import json
import re
import shutil

import pytest
from grader_mini import enter_kept, write_course
from hostile_pages import OTHERS, addresses
from in_browser import PICTURES, jupyter, load_axe

from grader.commands.feedback import feedback
from grader.commands.grade import grade
from grader.commands.report import report
from grader.commands.sample import make_class
from grader.course import Course
from grader.files import write
from grader.gradebook import Book
from grader.trusted import renderer
from grader.trusted.sanitise import safe_outputs
from libs import ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.sandbox,
    pytest.mark.filterwarnings("ignore:Object of type"),  # nbgrader's, see grader.gradebook
]
RIGHT, WRONG = "1001", "1002"
COMMENT = "Say **why** the loss falls."


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with a graded class of two, one of them with mistakes."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "homework" / "source" / "hw1", root / "source" / "hw1")
    shutil.copy(ROOT / "homework" / "nbgrader_config.py", root)
    course = Course(root)
    for student, (_, content) in make_class(course.assignment("hw1"), 2).items():
        write(root / "submitted" / student / "hw1" / "hw1.ipynb", content)
    grade(course, "hw1")
    return course


@pytest.fixture(scope="module")
def server(course):
    """Formgrader on it, as `make formgrader` starts it but for the window."""
    options = ("notebook", course.root, course.root.parent)
    with jupyter(*options, "--JupyterNotebookApp.default_url=/formgrader") as url:
        yield url


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(30_000)
    # formulas' MathJax is all that lies elsewhere; the test must not wait for it
    page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
    yield page
    page.close()


def photograph(page, name):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(300)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def test_a_class_is_marked_by_hand_and_given_back(page, server, course):
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(server)
    row = page.locator("tr", has=page.get_by_role("link", name="hw1", exact=True))
    assert row.locator(".num-submissions").inner_text() == "2"
    photograph(page, "formgrader-assignments")

    page.goto(f"{server}/formgrader/gradebook/hw1/hw1")
    page.get_by_role("link", name="Submission #2").wait_for()
    needs = page.locator("tbody tr:visible .needs-manual-grade .glyphicon-ok")
    assert needs.count() == 2
    photograph(page, "formgrader-class")

    record = course.record("hw1", WRONG)
    lost = [f for t in record["tests"].values() for f in t["findings"] if not f["score"]]
    assert lost
    page.get_by_role("link", name=re.compile("Submission #")).first.wait_for()
    page.goto(server + submission(page, WRONG))
    page.locator("#words.score, input.score").first.wait_for()
    text = page.locator("body").inner_text()
    for finding in lost:
        assert finding["message"] in text
    for name, result in record["tests"].items():
        box = page.locator(f"input.score#{name}[placeholder]")  # once the grade has arrived
        shown = box.get_attribute("placeholder")
        assert float(shown) == result["score"]
    drawn = page.evaluate("() => [...document.images].filter(i => i.naturalWidth > 100).length")
    assert drawn >= 2, "students' figures are not shown"
    assert page.locator("img:not([alt])").count() == 0

    (words,) = course.assignment("hw1").of_kind("manual")
    page.locator(f"input.score#{words}").fill("2")
    page.locator(f"textarea#{words}-comment").fill(COMMENT)
    page.locator(f"input.score#{words}").focus()
    page.locator(".comment-saved:visible").first.wait_for()
    photograph(page, "formgrader-submission")

    page.reload()
    page.wait_for_function(f"() => document.querySelector('textarea#{words}-comment').value")
    assert page.locator(f"textarea#{words}-comment").input_value() == COMMENT
    assert page.locator(f"input.score#{words}").input_value() == "2"
    assert [c for c in complaints if "MathJax" not in c] == []

    first, second = feedback(course, "hw1")
    total = record["score"] + 2
    page.goto(second.as_uri())
    text = page.locator("body").inner_text()
    assert f"{total:g} of 25 points" in text
    assert "Say why the loss falls." in text
    assert "Tests of standardise" in text
    for finding in lost:
        assert finding["message"] in text
    photograph(page, "feedback")
    page.goto(first.as_uri())
    assert "Say why" not in page.locator("body").inner_text()
    assert "✗" not in page.locator("body").inner_text()


def submission(page, student) -> str:
    """Return the path of a student's submission, from the list of the class."""
    links = page.get_by_role("link", name=re.compile("Submission #"))
    for index in range(links.count()):
        row = page.locator("tbody tr").nth(index)
        if student in (row.text_content() or ""):
            return links.nth(index).get_attribute("href")
    pytest.fail(f"{student} is not listed")


def test_formgrader_can_t_run_students_code(page, server, course):
    page.goto(f"{server}/formgrader/manage_submissions/hw1")
    page.locator("td.autograde a").first.click()
    modal = page.locator(".modal-body")
    modal.get_by_text("python -m grader grade hw1").first.wait_for()
    photograph(page, "formgrader-refuses")
    assert (course.root / "autograded" / RIGHT / "hw1" / "hw1.ipynb").is_file()


# --- what strangers write, read by the instructor ------------------------------------------------

STREAM = {"output_type": "stream", "name": "stdout"}
PRINTED = "".join(f"\x1b[{code}mcolour {code}\n" for code in ("38", "48;5", "38;2;1", "1;31", "0"))
BAR = "".join(f"\r{n}/200 {'━' * (n // 10)}" for n in range(1, 201)) + "\nTHE RESULT\n"
DRAWING = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='240' height='60' onload='alert(1)'>"
    "<script>alert(1)</script><rect width='240' height='60' fill='#2a6f97'/></svg>"
)


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """A course with what strangers wrote, kept as `grade` keeps it."""
    root = write_course(tmp_path_factory.mktemp("strangers"))
    shutil.copy(ROOT / "homework" / "nbgrader_config.py", root)
    course = Course(root)
    forms = ("[click](<{}>)", '<a href="{}">click</a>')
    texts = [form.format(address) for address in addresses() for form in forms]
    cells = ["\n\n".join(texts[n : n + 300]) for n in range(0, len(texts), 300)]
    outputs = safe_outputs(
        [
            {**STREAM, "text": PRINTED + BAR + "line\n" * 20_000 + "THE END\n"},
            *(
                {"output_type": "display_data", "data": {kind: text, "text/plain": "<Figure>"}}
                for kind, text in (
                    ("image/svg+xml", DRAWING),
                    ("text/html", "<b>bold</b>" + OTHERS[0] + OTHERS[3]),
                    ("text/markdown", "**strong** [click](javascript:alert(1))"),
                    ("application/javascript", "alert(1)"),
                )
            ),
        ]
    )
    with pytest.MonkeyPatch.context() as patch, renderer.Renderer() as one:
        patch.setattr(renderer, "NOTEBOOK_SECONDS", 300)  # the machine may be busy
        patch.setattr(renderer, "PIECE_SECONDS", 60)
        enter_kept(course, "eve", one, "Words.\n\n" + "\n\n".join(texts[:30]), outputs, cells)
        enter_kept(course, "mallory", one, "\n\n".join(OTHERS), (), OTHERS)
    return course


@pytest.fixture(scope="module")
def their_server(strangers):
    with jupyter("notebook", strangers.root, strangers.root.parent) as url:
        yield url


@pytest.fixture
def watched(page):
    """The page, and what ran on it or opened from it."""
    page.events = []
    page.context.on("dialog", lambda dialog: (page.events.append(dialog.message), dialog.dismiss()))
    page.context.on("page", lambda other: page.events.append(f"opened {other.url}"))
    page.context.on(
        "request", lambda r: r.method != "GET" and page.events.append(f"{r.method} {r.url}")
    )
    return page


def open_submission(page, server, student):
    page.goto(f"{server}/formgrader/gradebook/hw0/hw0")
    page.get_by_role("link", name=re.compile("Submission #")).first.wait_for()
    answer = page.goto(server + submission(page, student))
    page.locator("input.score").first.wait_for()
    assert answer.ok
    return answer


def click_everything(page, least):
    """Click each link and picture, by script, and the first ones by mouse."""
    clicked = page.evaluate(
        """() => {
            const all = [...document.querySelectorAll(
                '#notebook .rendered_html *, #notebook .rendered_html')];
            all.filter(e => e.tagName !== 'A' || !/^(https|mailto):/.test(e.href || ''))
                .forEach(e => { e.click?.(); e.dispatchEvent(new MouseEvent('mouseover')); });
            return all.length;
        }"""
    )
    assert clicked >= least
    for link in page.locator("#notebook .rendered_html a").all()[:20]:
        if link.get_attribute("href") is None and link.is_visible():
            link.click(force=True, timeout=5000)
    page.wait_for_timeout(500)


def kernels(page, server) -> list:
    return page.request.get(f"{server}/api/kernels").json()


@pytest.mark.parametrize(("student", "least"), [("eve", 2000), ("mallory", 40)])
def test_no_text_of_a_stranger_runs_in_formgrader_or_in_feedback(
    watched, their_server, strangers, student, least
):
    open_submission(watched, their_server, student)
    before = list(watched.events)
    click_everything(watched, least)
    assert watched.events == before == []
    assert watched.url.startswith(f"{their_server}/formgrader/submissions/")
    assert kernels(watched, their_server) == []
    assert not watched.evaluate("() => document.querySelectorAll('#notebook script').length")
    (path,) = feedback(strangers, "hw0", [student])
    watched.goto(path.as_uri())
    click_everything(watched, least)
    assert watched.events == []
    assert watched.url == path.as_uri()


def test_the_policy_alone_keeps_formgrader_and_feedback_from_running_anything(
    watched, their_server, strangers
):
    """As if the sanitiser had a hole: the text stands in the page as it was typed."""
    path = strangers.root / "autograded" / "mallory" / "hw0" / "hw0.ipynb"
    kept = path.read_text()
    notebook = json.loads(kept)
    harm = "".join(
        text
        for text in OTHERS
        if text.startswith(("<script>", "<img", "<svg><s", "<details", "<iframe", "<object"))
    )
    harm += "".join(
        f'<p><a href="javascript:{c}alert(1)">click</a></p>' for c in ("", "\xa0", "\t")
    )
    raw = {"output_type": "display_data", "metadata": {}, "data": {"text/html": harm}}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [raw]
    path.write_text(json.dumps(notebook))
    violations = "document.addEventListener('securitypolicyviolation', () => window.refused = 1)"
    watched.add_init_script(violations)
    try:
        answer = open_submission(watched, their_server, "mallory")
        assert (
            "'unsafe-inline'" not in answer.headers["content-security-policy"].partition("style")[0]
        )
        click_everything(watched, 10)
        assert watched.evaluate("() => window.refused") == 1
        (page,) = feedback(strangers, "hw0", ["mallory"])
        watched.goto(page.as_uri())
        assert "alert(5)" in page.read_text()
        click_everything(watched, 10)
        assert watched.evaluate("() => window.refused") == 1
    finally:
        path.write_text(kept)
    assert watched.events == []
    assert kernels(watched, their_server) == []


@pytest.mark.parametrize("width", [1200, 390])
def test_the_marker_and_the_student_see_what_was_on_the_screen(
    watched, their_server, strangers, width
):
    (path,) = feedback(strangers, "hw0", ["eve"])
    watched.set_viewport_size({"width": width, "height": 800})
    for where in ("formgrader", "feedback"):
        if where == "formgrader":
            open_submission(watched, their_server, "eve")
        else:
            watched.goto(path.as_uri())
        PICTURES.mkdir(parents=True, exist_ok=True)
        watched.screenshot(path=PICTURES / f"{where}-strangers-{width}.png")
        text = watched.locator("body").inner_text()
        for line in (
            "colour 48;5",
            "THE RESULT",
            "THE END",
            "characters are left out here",
            "strong",
        ):
            assert line in text
        assert "199/200" not in text
        assert "�" not in watched.locator(".output_stdout").first.inner_text()
        assert watched.locator('img[src^="data:image/svg"]').evaluate("i => i.naturalWidth") == 240
        if where == "feedback":
            assert watched.evaluate("() => document.documentElement.scrollWidth") <= width
            assert watched.locator("html[lang=en]").count() == 1


# --- what students and the class are given --------------------------------------------------------


@pytest.fixture(scope="module")
def given_back(tmp_path_factory):
    """A feedback page with a formula, a comment and lost points, and the class report."""
    course = Course(write_course(tmp_path_factory.mktemp("given")))
    words = "# Why\n\nSince $a_b < c$:\n\n$$\\sum_{i=1}^{N} x_i + " + "y + " * 60 + "z$$"
    figure = {"text/plain": "    a  b\n0   1  2", "text/html": "<table><tr><td>1</td></tr></table>"}
    outputs = safe_outputs([{"output_type": "display_data", "data": figure}])
    with renderer.Renderer() as one:
        for student in ("ada", "bob"):
            enter_kept(course, student, one, words, outputs)
    with Book(course) as book:
        where = ("hw0", "hw0", "ada")
        for cell, mark in (("words", 3.0), ("double-test", 1.5)):
            grade = book.gradebook.find_grade(cell, *where)
            grade.manual_score, grade.needs_manual_grade = mark, False
        book.gradebook.find_comment("words", *where).manual_comment = "Say **why** $x^2$."
        book.gradebook.db.commit()
    from grader.commands.similar import similar  # its package is new: other tests do without

    return [*feedback(course, "hw0"), report(course, "hw0")[0], similar(course, "hw0")[0]]


@pytest.mark.parametrize("width", [390, 1366])
def test_what_is_given_back_can_be_read_by_everybody(browser, given_back, width):
    # axe is a script, which the pages' policy would not let run
    context = browser.new_context(viewport={"width": width, "height": 800}, bypass_csp=True)
    asked = []
    context.on("request", lambda r: r.url.startswith("http") and asked.append(r.url))
    for path in given_back:
        page = context.new_page()
        page.goto(path.as_uri())
        photograph(page, f"given-back-{path.stem}-{width}")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        load_axe(page)
        found = page.evaluate("async () => (await axe.run()).violations.map(v => [v.id, v.help])")
        assert found == [], path
        if path.parent.parent.name == "ada":
            heights = "() => [...document.querySelectorAll('math')].map(m => m.clientHeight)"
            assert min(page.evaluate(heights)) > 5
    assert asked == []
    context.close()
