"""The site, made from the stored notebooks: every page of it in a browser, opened as a file."""

import base64
import io
import json
import random
import re
import runpy
import zlib
from collections import Counter
from datetime import date, timedelta
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
from in_browser import serious_faults
from PIL import Image

from libs import ROOT
from tools.site import FOLDED, as_page, without_claims
from tools.translation import Translator, languages, lessons_in

pytestmark = pytest.mark.browser
SITE = ROOT / "build" / "site"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
NAMES = ["index", "play", "search", "how-we-know", "records"]
NAMES += [f"notebooks/{stem}" for stem in LESSONS]
TRANSLATED = [f"{code}/index" for code in languages()]
TRANSLATED += [f"{code}/notebooks/{stem}" for code in languages() for stem in lessons_in(code)]
NAMES += [
    *TRANSLATED,
    *(f"homework/{path.name}" for path in sorted((ROOT / "homework" / "source").glob("*"))),
]

# how each page is looked at, and whether axe judges it there: each theme and each layout, once
LOOKS = [(1366, "light", True), (768, "light", False), (390, "light", False), (360, "light", False)]
LOOKS += [(1366, "dark", False), (768, "dark", True), (390, "dark", False), (360, "dark", True)]
# text that paper would cut off
CUT = "(all) => all.filter((p) => p.scrollWidth > p.clientWidth + 1).map((p) => p.innerText)"


# headings that are no larger than one a level lower, or have a line for their sign alone
HEADINGS = """(all) => all.filter((heading) => {
    const size = (one) => one && parseFloat(getComputedStyle(one).fontSize);
    const lower = document.querySelector(`article h${Number(heading.tagName[1]) + 1}`);
    const bold = getComputedStyle(heading).fontWeight;
    const sign = heading.querySelector(".headerlink");
    const before = heading.offsetHeight;
    if (sign) sign.hidden = true, sign.style.display = "none";
    const after = heading.offsetHeight;
    if (sign) sign.hidden = false, sign.style.display = "";
    return size(heading) <= size(lower) || bold !== "600" || after !== before;
}).map((heading) => heading.innerText)"""
# pictures with a border of the theme's
FRAMED = (
    "(all) => all.filter((one) => getComputedStyle(one).padding !== '0px').map((one) => one.alt)"
)


class Page(HTMLParser):
    """What a page holds that can be wrong."""

    def __init__(self, path):
        super().__init__()
        self.path, self.text = path, path.read_text("utf-8")
        self.places, self.links, self.needs, self.pictures = set(), [], [], []
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.places |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "img":
            self.pictures.append(found)
        if tag in ("script", "img", "iframe") and "src" in found:
            self.needs.append((found["src"], found.get("loading")))
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.needs.append((found["href"], None))


@pytest.fixture(scope="module")
def site(made_site):
    """Return the site's pages by name."""
    paths = {str(p.relative_to(SITE).with_suffix("")): p for p in SITE.rglob("*.html")}
    return {n: Page(p) for n, p in paths.items() if not re.match(r"slides/|.*_static/", n)}


def test_every_lesson_and_assignment_has_a_page(site):
    assert set(NAMES) <= set(site)


def test_every_link_leads_somewhere(site):
    lost = []
    for name, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            other = site.get(str(target.relative_to(SITE).with_suffix("")))
            there = target.exists() if other is None else unquote(parts.fragment) in other.places
            if not (there or (other and not parts.fragment)):
                lost.append((name, link))
    assert lost == []


def test_every_picture_has_its_text_and_pages_need_nothing_from_elsewhere(site):
    for name, page in site.items():
        assert [picture for picture in page.pictures if "alt" not in picture] == [], name
        lazy = [one for one in page.pictures if one.get("loading") == "lazy"]
        assert all("height" in one and "width" in one for one in lazy), name  # nothing jumps
        assert [need for need, _ in page.needs if urlsplit(need).scheme in ("http", "https")] == []


def test_a_page_is_light_at_first_view(site):
    for name, page in site.items():
        files = {page.path}
        for need, loading in page.needs:
            if loading != "lazy" and not need.startswith("data:"):
                files.add((page.path.parent / unquote(urlsplit(need).path)).resolve())
        assert sum(file.stat().st_size for file in files) < 2e6, name


def test_formulas_are_drawn_and_tables_are_tables(site):
    for name, page in site.items():
        # a mark of a formula's rows, or of a table's, that is shown
        assert not re.search(r"<mi>(&|&amp;)</mi>|<merror|<p>\|", page.text), name


def test_claims_and_solutions_stay_out_of_the_pages(site):
    for name, page in site.items():
        if "notebooks/" in name:
            text = re.sub(r"<[^>]+>", "", page.text)
            assert "claim(" not in text, name
            # no page is told of predictions that it doesn't ask for
            assert not re.search("had not committed|not committed|predictions were right", text)
    for path in sorted((ROOT / "homework" / "source").glob("*/*.ipynb")):
        assert "BEGIN SOLUTION" not in site[f"homework/{path.stem}"].text


def test_pages_ask_nothing_that_only_a_notebook_can_do(site):
    for name, page in site.items():
        if "notebooks/" in name:
            text = re.sub(r"<[^>]+>", "", page.text)
            said = r"filled in yet|fold to stop|first bar|ersten Balken|quiz\(|predictions\(\)"
            assert not re.search(said, text), name
            assert not re.search(r"<ul>\s*</ul>|<!-- /?notebook", page.text), name
            # a question's words are plain; a mark that begins a line would end its paragraph
            assert not re.search(r'data-ask="[^"]*[`*]', page.text), name
            assert not re.search(r"(?m)^\s*<!-- evidence", page.text), name
            assert page.text.count("<b>Predict first.</b>") == page.text.count('class="asked"')
    assert site["notebooks/00-start-here"].text.count('class="asked"') > 1


def test_a_folded_cell_says_what_it_holds(site):
    held = Counter()
    for stem in LESSONS:
        text = site[f"notebooks/{stem}"].text
        assert "Toggle hidden content" not in text  # which screen readers would say instead
        folded = r'<details class="[^"]*above-input">\s*<summary>\s*<p [^>]*>(.*?)</p>'
        found = re.findall(folded, text)
        held.update("Code" if label.startswith("Code: ") else label for label in found)
    assert set(held) == set(FOLDED.values()), held  # each kind is there, and no other
    assert min(held["The check"], held["Code of the figure"]) > 30


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("a = 1\nclaim(a)\nprint(a)", "a = 1\nprint(a)"),
        ("a = 1\n\n# why\nclaim(a)\n\nprint(a)", "a = 1\n\nprint(a)"),
        ("try:\n    a()\nexcept E:\n    b()\nelse:\n    claim(0)\nc()", None),
        (
            "if a:\n    b()\n    claim(b)\nelse:\n    # why\n    claim(c)\nc()",
            "if a:\n    b()\nc()",
        ),
    ],
)
def test_code_is_whole_without_its_claims(source, shown):
    whole = "try:\n    a()\nexcept E:\n    b()\nc()" if shown is None else shown
    assert without_claims(source) == whole


def test_what_only_a_claim_has_a_use_for_is_no_empty_fold(tmp_path):
    def tags(*sources, hidden=True):
        notebook = nbformat.v4.new_notebook()
        notebook.cells = [nbformat.v4.new_markdown_cell("# x")]
        for source in sources:
            cell = nbformat.v4.new_code_cell(source)
            cell.metadata.jupyter = {"source_hidden": hidden}
            notebook.cells.append(cell)
        as_page("none", notebook, tmp_path)
        return [cell.metadata.tags for cell in notebook.cells[1:]]

    claimed = 'gap = a - b\nclaim(gap > 0, "a wins")'
    assert tags(claimed) == [["remove-cell"]]
    assert tags(claimed, "c = gap") == [["hide-input"], ["hide-input"]]
    assert tags(claimed, 'claim(gap < 9, "by little")') == [["remove-cell"], ["remove-cell"]]
    assert tags("gap = a - b") == [["hide-input"]]
    assert tags(claimed, hidden=False) == [["remove-cell"]]
    least = 'gap = min(k for k in a)\nclaim(gap > 0, "all win")'
    assert tags(least, "sum(k for k in b)", hidden=False) == [["remove-cell"], []]
    assert tags(claimed, 'print(f"{gap}")', hidden=False) == [[], []]
    assert tags(f"train()\n{claimed}", hidden=False) == [[]]


def test_translated_pages_say_what_is_in_which_language(site):
    assert len(TRANSLATED) >= 3
    for name in TRANSLATED:
        code, _, english = name.partition("/")
        for page, other, there in ((name, "en", english), (english, code, name)):
            way = re.search(
                f'<p class="languages"><a hreflang="{other}".*? href="(.*?)"', site[page].text
            )
            assert (site[page].path.parent / way[1]).resolve() == site[there].path
        assert f'<html lang="{code}"' in site[name].text
        # code, what it wrote, and texts in pictures are as they were
        assert site[name].text.count('class="cell ') == site[name].text.count(
            'lang="en" class="cell '
        )
        front = Translator(code, "front")
        assert front.plain("Code, pictures and what cells print are in English.") in site[name].text
        for words in (">Code of the figure<", "Hide output", "Choose an answer"):
            assert words not in site[name].text, name


@pytest.fixture
def opened(browser, site):
    """Open a page of the site as a file; it may not complain."""
    complaints, contexts = [], []

    def page_of(name, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        page.goto(f"{(SITE / name).as_uri()}.html")
        return page

    yield page_of
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_for_everyone(opened, name):
    """At each width, light, dark and printed: loaded once, for loading takes the time."""
    page = opened(name, viewport={"width": 1366, "height": 900}, color_scheme="light")
    page.add_style_tag(content="* { transition: none !important; }")  # colours are there at once
    for width, theme, judged in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.locator(f"html[data-theme={theme}]").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, theme)
        whole = ".prev-next-area a, .prev-next-title" + (width == 1366) * ", .cell_input pre"
        assert page.locator(whole).evaluate_all(CUT) == [], (width, theme)
        headings = page.locator("article :is(h1, h2, h3, h4)")
        assert headings.evaluate_all(HEADINGS) == [], (width, theme)
        assert page.locator("article img").evaluate_all(FRAMED) == [], (width, theme)
        if judged:
            page.wait_for_timeout(500)  # the theme looks anew which blocks scroll
            assert serious_faults(page) == [], (width, theme)
    page.set_viewport_size({"width": 718, "height": 1000})  # A4's, between margins of 1 cm
    page.emulate_media(media="print", color_scheme="light")
    assert page.evaluate("document.documentElement.scrollWidth") <= 718, "printed"
    assert not page.locator(".bd-sidebar-primary, .bd-header-article button").first.is_visible()
    scrolling = "article :is(pre, .pst-scrollable-table-container)"
    assert page.locator(scrolling).evaluate_all(CUT) == []


@pytest.mark.parametrize(
    ("lesson", "at_least"), [("00-start-here", 0.95), ("07-convolutional-classifiers", 0.98)]
)
def test_pads_and_planes_answer_without_a_kernel(opened, lesson, at_least):
    """The page's networks answer as Keras does, with the weights that they hold and as trained."""
    from libs.datasets import MNIST
    from libs.widgets import DigitPad
    from tools.site_weights import in_keras

    alone = lesson.startswith("00")
    page = opened(f"notebooks/{lesson}" if alone else "play")
    page.locator("[data-alive=pad]").scroll_into_view_if_needed()
    said = "It reads a 3." if alone else "Lesson 00 reads a 3, Lesson 07 reads a 3."
    page.get_by_text(said).wait_for()
    assert page.locator(".digit-pad-bars").count() == (1 if alone else 2)
    model = in_keras(lesson)
    split = MNIST().test
    known = json.loads((ROOT / "docs" / "alive" / "keras" / "drawn.json").read_text("utf-8"))
    assert len(known) == 60
    drawn = [one["strokes"] for one in known]
    seen = np.array(
        page.evaluate(
            "(all) => all.map((strokes) => [...courseAlive.likeMnist(courseAlive.ink(strokes))])",
            drawn,
        )
    )
    kept = [zlib.decompress(base64.b64decode(one["image"])) for one in known]
    kept = np.array([np.frombuffer(image, np.uint8) for image in kept])
    assert abs(255 * seen - kept).max() <= 0.5  # what is kept is what the page sees
    images = np.concatenate([split.images[:100], kept / np.float32(255)])
    answers = page.evaluate(
        f"""async (images) => {{
            const packed = courseAlive.networks['{lesson}'].layers;
            const layers = await Promise.all(packed.map(courseAlive.unpack));
            return images.map((image) => [...courseAlive.run(layers, image)]);
        }}""",
        images.tolist(),
    )
    assert abs(np.array(answers) - model.predict(images, verbose=0)).max() < 1e-4
    # and as Keras did in the lesson, before the weights were rounded
    said = json.loads((ROOT / "docs" / "alive" / "keras" / f"{lesson}.json").read_text("utf-8"))
    assert abs(np.array(answers) - [*said["test"], *said["drawn"]]).max() < 1e-4
    read = np.argmax(answers, axis=1)
    assert (read[:100] == split.labels[:100].argmax(axis=1)).mean() >= at_least
    # off the centre, thick and thin
    assert (read[100:] == [one["digit"] for one in known]).sum() >= 57
    # the page sees a drawing as the notebook's pad does
    pad = DigitPad(model)
    apart = []
    for strokes, image in zip(drawn, seen, strict=True):
        pad.clear()
        pad.draw(strokes)
        apart.append(abs(pad.image - image.reshape(28, 28)).mean())
    assert np.mean(apart) < 0.02
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Nothing is drawn yet.").wait_for()


def test_the_latent_plane_is_walked_by_keyboard(opened):
    page = opened("notebooks/05-variational-autoencoders")
    page.locator("[data-alive]").scroll_into_view_if_needed()
    page.get_by_text("Decoded from (0.00, 0.00)").wait_for()
    picture = page.locator(".latent-explorer-seen")
    before = picture.evaluate("(canvas) => canvas.toDataURL()")
    page.locator(".latent-explorer-plane").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.get_by_text(re.compile(r"Decoded from \([1-9]")).wait_for()
    assert picture.evaluate("(canvas) => canvas.toDataURL()") != before


def test_what_is_played_with_computes_right(opened):
    page = opened("play", reduced_motion="reduce")
    said = {}
    for name in ("softmax", "descent", "kernel"):
        place = page.locator(f"[data-play={name}]")
        place.scroll_into_view_if_needed()
        said[name] = place.locator("[role=status]")
        said[name].wait_for()
    scores = np.array([2, 1, 0, -1])
    page.get_by_label("temperature").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")  # to 1.5
    p = np.exp(scores / 1.5) / np.exp(scores / 1.5).sum()
    assert f"{-(p * np.log2(p)).sum():.2f} bits" in said["softmax"].inner_text()
    bars = page.locator("[data-play=softmax] li span").all_inner_texts()
    assert bars == [f"{100 * share:.1f} %" for share in p]
    begins = "(all) => all.map((bar) => bar.getBoundingClientRect().x)"
    assert len(set(page.locator("[data-play=softmax] li i").evaluate_all(begins))) == 1
    page.get_by_label("momentum").focus()
    page.keyboard.press("ArrowRight")  # to 0.05
    place, speed = np.array([-1.8, 1.0]), np.zeros(2)
    for _ in range(60):
        speed = 0.05 * speed - 0.05 * place * [1, 10]
        place = place + speed
    assert f"{(place**2 @ [1, 10]) / 2:.2}" in said["descent"].inner_text()
    page.get_by_label("rate", exact=True).focus()
    page.keyboard.press("End")
    assert "too large" in said["descent"].inner_text()
    page.get_by_role("button", name="an average").click()
    lowest = re.search("from (.*?) to", said["kernel"].inner_text())[1]
    assert lowest == "0.0"
    page.get_by_label("middle", exact=True).fill("-9")
    assert "from −" in said["kernel"].inner_text()
    most = said["kernel"].inner_text()
    page.get_by_label("middle", exact=True).fill("-99")
    assert said["kernel"].inner_text() == most  # no number is below -9


def test_networks_are_as_young_as_the_cells_that_train_them():
    from tools.site_weights import FOLDER, RECIPES, digest

    stored = {
        lesson: json.loads((FOLDER / f"{lesson}.json").read_text())["cells"] for lesson in RECIPES
    }
    assert stored == {lesson: digest(lesson) for lesson in RECIPES}, (
        "run python -m tools.site_weights"
    )


def test_what_lives_in_pages_is_small_and_its_rounding_is_known(made_site):
    from tools.site_weights import FOLDER, RECIPES

    alive = SITE / "_static" / "alive"
    assert {path.stem for path in alive.iterdir()} == {"alive", "ask", *RECIPES}
    assert sum(path.stat().st_size for path in alive.iterdir()) < 1e6
    for lesson in RECIPES:
        rounding = json.loads((FOLDER / f"{lesson}.json").read_text())["rounding"]
        assert rounding["answers"] >= 5000
        # of a probability: within what is asked of a page; or of a pixel's grey from 0 to 1
        largest, mean = (0.15, 0.002) if lesson.startswith("05") else (1e-4, 1e-6)
        assert 0 < rounding["largest"] < largest
        assert 0 < rounding["mean"] < mean


def test_a_search_finds_pages_without_a_server(opened):
    page = opened("search")
    page.goto(f"{page.url}?q=softmax")  # what it can't read, it doesn't ask for
    found = page.locator("#search-results li a")
    found.get_by_text("03 · Logistic regression", exact=True).wait_for()
    page.wait_for_timeout(500)
    assert found.count() > 5
    glass = page.locator("main form.bd-search svg").first
    field = page.locator("main form.bd-search input").first
    begins = (
        "(one) => one.getBoundingClientRect().x + parseFloat(getComputedStyle(one).paddingLeft)"
    )
    box = glass.bounding_box()
    assert box["x"] + box["width"] <= field.evaluate(begins)


def test_a_lesson_can_be_taken_along(site):
    """As a copy that nothing has run in: beside the links to Colab and Binder."""
    for stem in (stem for stem in LESSONS if stem != "glossary"):
        links = site[f"notebooks/{stem}"].links
        (link,) = [a for a in links if a.endswith(".ipynb") and not urlsplit(a).scheme]
        notebook = json.loads((SITE / "notebooks" / link).read_text("utf-8"))
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert len(code) > 3
        assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []


def test_a_term_explains_itself_by_keyboard(opened):
    page = opened("notebooks/03-logistic-regression")
    link = page.locator('article a[href*="glossary.html#"]').first
    link.focus()
    told = page.get_by_role("tooltip")
    told.wait_for()
    assert len(told.inner_text()) > 30
    assert link.get_attribute("aria-describedby") == told.get_attribute("id")
    page.keyboard.press("Escape")
    told.wait_for(state="hidden")


@pytest.mark.parametrize("name", ["index", "notebooks/02-neural-networks-by-hand"])
@pytest.mark.parametrize(("motion", "width"), [("no-preference", 360), ("reduce", 1366)])
def test_a_moving_picture_can_be_stopped(opened, motion, width, name):
    page = opened(name, reduced_motion=motion, viewport={"width": width, "height": 900})
    for lazy in page.locator("picture").all():  # fetched when they come into view
        lazy.scroll_into_view_if_needed()
    button = page.locator(".moving button").first
    button.wait_for()
    picture = page.locator(".moving img").first
    moves = motion == "no-preference"
    assert (button.inner_text(), picture.is_visible()) == (("Pause" if moves else "Play"), moves)
    if not moves:  # the still is drawn: a blank place would be one colour
        page.wait_for_timeout(300)
        shot = page.locator(".moving canvas").first.screenshot()
        seen = Image.open(io.BytesIO(shot)).convert("RGB").crop((0, 0, 200, 150))
        assert len(seen.getcolors(200 * 150)) > 20
    shown = page.locator(".moving > :is(img, canvas):visible").first
    size = "(one) => [one.offsetWidth, one.offsetHeight]"
    before = shown.evaluate(size)
    button.click()
    assert picture.is_visible() is not moves
    assert shown.evaluate(size) == before


def test_the_answer_to_a_prediction_is_hidden_until_asked(opened):
    page = opened("notebooks/03-logistic-regression")
    hidden = page.locator("details.hide").filter(has=page.locator(".cell_output"))
    assert hidden.count() >= 3
    assert not hidden.first.locator(".cell_output").is_visible()
    hidden.first.locator("summary").click()
    assert hidden.first.locator(".cell_output").is_visible()


def test_a_prediction_is_committed_in_the_page(opened):
    page = opened("notebooks/00-start-here")
    form = page.locator("form.predict").first
    page.locator("[data-ask]").first.scroll_into_view_if_needed()
    form.get_by_role("button", name="Commit").click()
    form.get_by_text("Choose one first.").wait_for()
    form.get_by_role("radio").nth(1).check()
    form.get_by_role("button", name="Commit").click()
    form.get_by_text(re.compile("Committed: the sentence that note holds")).wait_for()
    answer = page.locator("details.hide", has=page.locator(".cell_output")).first
    answer.locator("summary").click()
    form.get_by_text("Answered below. You said the sentence that note holds.").wait_for()
    assert form.get_by_role("radio").first.is_disabled()
    assert page.locator(".asked").count() < page.locator("[data-ask]").count()
    go(page, "notebooks/03-logistic-regression")
    number = page.locator("form.predict", has=page.locator("[type=text]")).first
    page.locator("[data-ask]").first.scroll_into_view_if_needed()
    number.get_by_role("textbox").fill("97.5 %")
    page.keyboard.press("Enter")
    number.get_by_text(re.compile("Committed: 97.5 %")).wait_for()
    curve = opened("notebooks/06-classifiers").locator(".asked:not([data-ask])")
    assert curve.count() == 1  # which nobody can draw here


# what the keyboard is at: what it is for, whether one sees where it is
AT = """() => {
    const at = document.activeElement, box = at.getBoundingClientRect();
    const kinds = { "details.hide:has(.cell_output) > summary": "answer", "summary": at.textContent,
        ".latent-explorer-plane": "plane", ".quiz [type=radio]": "choice", ".right-next": "next" };
    const look = getComputedStyle(at);
    const ring = look.outlineStyle !== "none" || look.boxShadow !== "none";
    return { kind: Object.entries(kinds).find(([which]) => at.matches(which))?.[1].trim() ?? "",
        html: at.outerHTML.slice(0, 150), link: at.href ?? "", ring,
        seen: at !== document.body && box.bottom > 0 && box.top < innerHeight && box.width > 0 };
}"""


# whether all that lives in the page and is as near as a window's height has come to life
AWAKE = """() => ![...document.querySelectorAll("[data-alive] > img")].some((still) => {
    const { top, bottom } = still.getBoundingClientRect();
    return top < 2 * innerHeight && bottom > -innerHeight;
})"""


def test_a_lesson_is_found_read_answered_and_left_by_keyboard_alone(opened):
    page = opened("index", viewport={"width": 1366, "height": 768})
    page.keyboard.press("Tab")
    page.keyboard.press("Control+k")
    page.keyboard.type("variational")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=variational*")
    page.locator("#search-results li a").get_by_text("05 · Variational autoencoders").wait_for()

    def walk(until):
        for _ in range(300):
            page.keyboard.press("Tab")
            page.wait_for_function(AWAKE)  # as it is for who looks where he is
            at = page.evaluate(AT)
            if not at["seen"]:  # it slides in, or the page slides to it
                page.wait_for_timeout(400)
                at = page.evaluate(AT)
            assert at["seen"], at["html"]
            assert at["ring"], at["html"]
            yield at
            if until(at):
                return
        pytest.fail("the keyboard doesn't get there")

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)
        return page.evaluate("document.activeElement.closest('details')?.open")

    lesson = "/notebooks/05-variational-autoencoders.html"
    assert list(walk(lambda at: lesson in at["link"]))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{lesson}*")
    page.keyboard.press("Tab")  # past the way round, by the link that is there for it
    assert page.evaluate("document.activeElement.innerText") == "Skip to main content"
    press("Enter")
    done = set()
    for at in walk(lambda at: at["kind"] == "next"):
        if at["kind"] in done:
            continue
        done.add(at["kind"])
        if at["kind"] in ("answer", "Hint 1", "Solution"):
            assert press("Enter"), at["html"]
        if at["kind"] == "plane":
            page.get_by_text("Decoded from (0.00, 0.00)").wait_for()
            press(*["Shift+ArrowRight"] * 5)
            page.get_by_text(re.compile(r"Decoded from \([1-9]")).wait_for()
        if at["kind"] == "choice":
            press("Space", "Enter")
            said = page.locator(".quiz form:has(:focus) [role=status]")
            said.get_by_text(re.compile("Right|Not")).wait_for()
    assert {"answer", "Hint 1", "Solution", "plane", "choice", "next"} <= done
    page.keyboard.press("Enter")
    page.wait_for_url("**/notebooks/05b-walks-and-variants.html")


# --- what a reader answered -----------------------------------------------------------------------

LESSON_03 = "notebooks/03-logistic-regression"
MANY = len(LESSONS) - 1  # without the glossary


def kept(**questions):
    """Return progress of these lessons' first quiz questions, answered wrong long ago."""
    of = {}
    for lesson, many in questions.items():
        quiz = json.loads((ROOT / "notebooks" / "quiz" / f"{lesson[1:]}.json").read_text("utf-8"))
        of[lesson[1:]] = {one["question"]: ["2026-01-01", 1] for one in quiz[:many]}
    return {"course-progress": 1, "exercises": {}, "predictions": {}, "questions": of}


def go(page, name):
    page.goto(f"{(SITE / name).as_uri()}.html")


def give(page, progress):
    page.evaluate("(text) => localStorage.setItem('course-progress', text)", json.dumps(progress))
    page.reload()


def answer_first(page, place, feedback):
    """Answer the first question of a quiz: by the keyboard, until the feedback says so."""
    form = page.locator(f"{place} form:has([type=radio])").first
    form.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    for _ in range(4):
        page.keyboard.press("Enter")
        page.wait_for_timeout(150)
        if form.get_by_role("status").inner_text().startswith(feedback):
            return
        page.keyboard.press("ArrowDown")
    pytest.fail(f"no answer is {feedback}")


def test_answers_are_there_tomorrow_and_go_to_another_browser(opened, tmp_path):
    page = opened("index")
    panel = page.locator(".progress-panel")
    panel.get_by_text("Nothing yet").wait_for()
    assert page.locator(".due, .progress-row").count() == 0
    go(page, LESSON_03)
    page.locator(".quiz form").first.get_by_role("button").click()  # "Choose an answer first"
    page.wait_for_timeout(150)
    assert page.evaluate("localStorage.getItem('course-progress')") is None
    answer_first(page, ".quiz", "Right.")
    page.reload()
    assert page.locator(".due").count() == 0  # its own questions wait for other lessons
    go(page, "index")
    panel.get_by_text(f"1 of {MANY} lessons begun; ").wait_for()
    row = page.locator("tr", has=page.locator(f'a[href="{LESSON_03}.html"]'))
    told = row.locator(".progress-row").inner_text()
    assert re.fullmatch(r"[01] of \d+ questions", told)  # 0 if a wrong answer came first
    with page.expect_download() as download:
        panel.get_by_role("button", name="Save to a file").click()
    file = tmp_path / "course-progress.json"
    download.value.save_as(file)
    assert len(json.loads(file.read_text("utf-8"))["questions"]["03"]) == 1

    other = opened("index")
    theirs = kept(_00=1)
    give(other, theirs)
    other.get_by_text(f"1 of {MANY} lessons begun; 1 question to repeat today.").wait_for()
    other.get_by_label("Take in a file").set_input_files(file)
    other.get_by_text("course-progress.json: taken in.").wait_for()
    other.get_by_text(f"2 of {MANY} lessons begun; 1 question to repeat today.").wait_for()
    wrong = tmp_path / "wrong.json"
    for content, says in (("{}", "no progress of this course"), ("", "it is no JSON")):
        wrong.write_text(content)
        other.get_by_label("Take in a file").set_input_files(wrong)
        other.get_by_text(f"wrong.json is .*{says}. Nothing was changed.").or_(
            other.get_by_text(re.compile(f"{says}. Nothing was changed."))
        ).wait_for()
    stored = other.evaluate("JSON.parse(localStorage.getItem('course-progress')).questions")
    assert stored["00"] == theirs["questions"]["00"]
    assert set(stored) == {"00", "03"}


@pytest.mark.parametrize(("width", "scheme"), [(1366, "light"), (360, "dark")])
def test_a_lesson_asks_what_is_due_of_those_before(opened, width, scheme):
    page = opened(LESSON_03, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.locator(".due").count() == 0  # a first visit
    give(page, kept(_00=2, _02=2, _05=2, _03=1))
    due = page.locator(".due")
    due.get_by_text("3 questions from earlier lessons to repeat today").wait_for()
    assert not due.locator("form").first.is_visible()
    due.locator("summary").focus()
    page.keyboard.press("Enter")
    assert due.locator("form").count() == 3
    asked = due.locator("form").evaluate_all("(forms) => forms.map((f) => f.dataset.lesson)")
    assert set(asked) == {"00", "02"}
    assert serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    answer_first(page, ".due", "Right.")
    due.get_by_text("2 questions from earlier lessons to repeat today").wait_for()
    page.reload()
    due.get_by_text("3 questions from earlier lessons to repeat today").wait_for()  # the fourth
    go(page, "index")
    page.get_by_text(f"4 of {MANY} lessons begun; 6 questions to repeat today.").wait_for()
    assert due.locator("form").count() == 3
    assert serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    go(page, "notebooks/00-start-here")
    page.wait_for_timeout(300)
    assert due.count() == 0


@pytest.mark.parametrize("language", languages())
def test_a_translated_page_asks_in_its_language_and_keeps_what_all_languages_share(
    opened, language
):
    page = opened(f"{language}/notebooks/03-logistic-regression")
    give(page, kept(_00=1, _01=1))
    front, own = Translator(language, "front"), Translator(language, "00-start-here")
    (english,) = kept(_00=1)["questions"]["00"]
    due = page.locator(".due")
    due.locator("summary").click()
    forms = due.locator("form")
    assert forms.count() == 2
    legends = due.locator("legend").all_inner_texts()
    assert f"1. {own.plain(english)}" in legends
    assert own.plain(english) != english
    # lesson 01 is not translated: a voice reads its question as English
    assert forms.evaluate_all("(all) => all.map((form) => form.lang)") == ["", "en"]
    assert forms.first.get_by_role("button").inner_text() == front.plain("Check")
    answer_first(page, ".due", front.plain("Right."))
    stored = page.evaluate("JSON.parse(localStorage.getItem('course-progress')).questions")
    assert list(stored["00"]) == [english]
    assert stored["00"][english][0] > "2026-01-01"
    go(page, f"{language}/index")
    page.locator(".progress-panel").get_by_role("button").first.wait_for()
    assert "${" not in page.locator(".progress-panel").inner_text()


def test_what_is_damaged_is_set_aside_and_where_nothing_is_kept_nothing_is_said(opened):
    page = opened("index")
    page.evaluate("localStorage.setItem('course-progress', '{\"questions\": 3')")
    page.reload()
    page.get_by_text(re.compile("What was kept here is damaged.*set aside as")).wait_for()
    aside = "Object.entries(localStorage).filter(([key]) => key.startsWith('course-progress 2'))"
    assert [text for _, text in page.evaluate(aside)] == ['{"questions": 3']
    # of ours alone: the theme's own script complains where all storage is refused
    page.add_init_script(
        """for (const name of ["getItem", "setItem"]) {
            const before = Storage.prototype[name];
            Storage.prototype[name] = function (key, ...more) {
                if (key.startsWith("course-")) throw new DOMException("no", "SecurityError");
                return before.call(this, key, ...more);
            };
        }"""
    )
    go(page, LESSON_03)
    answer_first(page, ".quiz", "Right.")
    go(page, "index")
    page.get_by_text("Nothing yet").wait_for()


def test_pages_and_kernels_count_alike(opened):
    store = runpy.run_path(str(ROOT / "learner" / "store.py"))
    page, rng = opened("index"), random.Random(0)
    page.wait_for_function("() => window.courseProgress")
    days = [date(2026, 2, 20) + timedelta(k) for k in range(20)]
    for _ in range(20):
        both = [store["empty"](), store["empty"]()]
        steps = [
            (rng.choice(["00", "01b"]), rng.choice(["a", "b · ∑"]), rng.random() < 0.7, day, who)
            for day in sorted(rng.choices(days, k=40))
            for who in rng.choices(range(2), k=1)
        ]
        for lesson, name, right, day, who in steps:
            store["note"](both[who], "questions", lesson, name, right, day)
        now = rng.choice(days)
        expected = store["merge"](*both)
        seen = page.evaluate(
            """([steps, now]) => {
                const { read, merge, note, due } = courseProgress;
                const none = { exercises: {}, predictions: {}, questions: {} };
                none["course-progress"] = 1;
                const both = [structuredClone(none), structuredClone(none)];
                for (const [lesson, name, right, day, who] of steps)
                    note(both[who], lesson, name, right, day);
                const all = read(JSON.stringify(merge(...both)));
                return [all, due(all, now), due(all, now, "01")];
            }""",
            [[(*a, day.isoformat(), who) for *a, day, who in steps], now.isoformat()],
        )
        due = [store["due"](expected, now), store["due"](expected, now, "01")]
        assert seen == [expected, *(list(map(list, found)) for found in due)]
