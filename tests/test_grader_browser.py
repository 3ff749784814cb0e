"""Formgrader and feedback in a real browser: a class looked at, marked by hand, and given back.

``make browser`` runs this.
"""

import re
import shutil

import pytest
from in_browser import PICTURES, jupyter

from grader.commands.feedback import feedback
from grader.commands.grade import grade
from grader.course import Course
from grader.files import write
from libs import ROOT
from tools.make_class import make_class

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
    assert f"(Score: {total} / 25.0)" in text
    assert "Say why the loss falls." in text
    assert "standardise (Score: " in text
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
