"""Slides of the lessons: one idea each, gone through by keyboard, from a file."""

import pytest
from in_browser import serious_faults

from tools import slides

pytestmark = pytest.mark.browser
LESSON = "03-logistic-regression"


@pytest.fixture(scope="module")
def made(made_site):
    """Make the slides; return their paths by lesson."""
    return {path.stem: path for path in slides.write_slides()}


@pytest.fixture
def opened(browser, made):
    """Open a lesson's slides; they may neither complain nor ask for anything from elsewhere."""
    complaints, contexts = [], []

    def page_of(lesson, **options):
        contexts.append(browser.new_context(viewport={"width": 1366, "height": 768}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        page.on("request", lambda r: r.url[:5] in ("file:", "data:") or complaints.append(r.url))
        page.goto(made[lesson].as_uri())
        page.wait_for_function("location.hash === '#1'")
        return page

    yield page_of
    for context in contexts:
        context.close()
    assert complaints == []


def test_every_lesson_has_slides_of_one_idea(made):
    for lesson, path in made.items():
        soup = slides.BeautifulSoup(path.read_text("utf-8"), "html.parser")
        page = soup.select(".slide")
        assert len(page) >= 12, lesson
        for slide in page:
            assert len(slide.find_all(["h1", "h2", "h3", "h4"])) in (1, 2), lesson  # and its part's
            text = slide.get_text(" ", strip=True)
            assert len(text) > 15, (lesson, slide["id"])
        folder = path.parent
        links = [a["href"] for a in soup.find_all("a", href=True) if "://" not in a["href"]]
        lost = {link for link in links if not (folder / link.partition("#")[0]).is_file()}
        assert lost == set(), lesson


def test_nothing_of_a_lesson_is_lost(made, made_site):
    """All text and pictures of the page stand on some slide, in their order."""
    for lesson, path in made.items():
        page, shown = (
            slides.BeautifulSoup(file.read_text("utf-8"), "html.parser")
            for file in (made_site / "notebooks" / path.name, path)
        )
        for tag in page.select("article .tag_check, article .languages"):
            tag.decompose()
        kinds = "article p:not(details p), article img, article .formula"
        for kind in kinds.split(", "):
            before, after = (
                [tag.get("src", tag.get_text()) for tag in soup.select(kind)]
                for soup in (page, shown)
            )
            assert before == after, (lesson, kind)


def test_keys_go_from_slide_to_slide(opened):
    page = opened(LESSON)
    said = page.locator("nav [role=status]")
    total = page.locator(".slide").count()
    ways = {"ArrowRight": 2, "PageDown": 3, " ": 4, "ArrowLeft": 3, "PageUp": 2}
    for key, number in {**ways, "End": total, "ArrowDown": total, "Home": 1}.items():
        page.keyboard.press(key)
        page.wait_for_function(f"location.hash === '#{number}'")
        assert said.inner_text() == f"{number} / {total}"
        page.wait_for_function(
            "n => Math.abs(document.getElementById(n).getBoundingClientRect().top) < 5",
            arg=str(number),
        )
        assert page.evaluate("document.activeElement.id") == str(number)
    page.get_by_role("button", name="Next slide").click()
    page.wait_for_function("location.hash === '#2'")
    # a key in something that has a use for it stays there
    solution = page.get_by_text("Solution", exact=True).first
    where = solution.evaluate("tag => tag.closest('.slide').id")
    page.goto(f"{page.url.partition('#')[0]}#{where}")
    page.reload()
    solution.focus()
    page.keyboard.press(" ")
    assert solution.evaluate("tag => tag.parentElement.open")
    assert page.evaluate("location.hash") == f"#{where}"


@pytest.mark.parametrize("width", [1366, 360])
def test_slides_are_for_everyone(opened, width):
    page = opened(LESSON)
    page.set_viewport_size({"width": width, "height": 768})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # what folds is closed: no solution, no answer of a quiz, no answer to a prediction is seen
    assert page.locator("details[open]").count() == 0
    if width > 1000:  # nearly all fit the window
        heights = page.evaluate("[...document.querySelectorAll('.slide')].map(s => s.offsetHeight)")
        assert sum(height <= 768 for height in heights) >= 0.9 * len(heights)
    assert serious_faults(page) == []
