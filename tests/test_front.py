"""The pages of `libs/front` in a browser, on a plain page: without JupyterLab and its kernel."""

import functools
import html
import itertools
import json
import re
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from in_browser import PICTURES, load_axe

from libs import ROOT, dashboard
from libs.dashboard import Dashboard
from libs.datasets import MNIST
from libs.notebook import Quiz
from libs.widgets import RECORDED

pytestmark = pytest.mark.browser
FRONT = ROOT / "libs" / "front"
THEMES = {"light": "background: #fff; color: #222", "dark": "background: #111; color: #ddd"}
PAD = """
window.asked = [];
mount(document.querySelector("main"), {
  recorded: RECORDED,
  predict: async (strokes) => {
    asked.push(strokes);
    if (window.broken) throw new Error("no <network>");
    const seen = Array(784).fill(strokes.length);
    return { seen, probabilities: strokes.length
      ? [...Array(10).keys()].map((k) => (k === strokes.length ? 0.82 : 0.02)) : null };
  },
});
""".replace("RECORDED", json.dumps(list(RECORDED.values())))
EXPLORER = """
window.asked = [];
mount(document.querySelector("main"), {
  plane: { src: "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
    alt: "A plane", left: 0.1, top: 0.1, side: [0.8, 0.8], low: -3, high: 3 },
  decode: async (code) => {
    asked.push(code);
    return { seen: Array(12).fill(100), height: 3, width: 4 };
  },
});
"""
PREDICT = """
window.asked = [];
window.form = mount(document.querySelector("main"), {
  question: QUESTION, commit: (value) => asked.push(value),
});
"""
QUESTIONS = {
    "number": {"text": "How many per cent?", "unit": "%"},
    "choice": {"text": "Which is it?", "unit": "", "choices": ["85", "92 & more", "97"]},
    "curve": {
        "text": "How does the loss fall?",
        "unit": "",
        "places": [0, 0.25, 0.5, 0.75, 1],
        "low": 0,
        "high": 4,
        "labels": ["p", "loss"],
    },
}
QUIZ = [
    {
        "question": "Is it A & <b>?",
        "type": "multiple_choice",
        "answers": [
            {"answer": "A", "correct": True, "feedback": "It is A."},
            {"answer": "B", "correct": False, "feedback": "It is not B."},
            {"answer": "C", "correct": False, "feedback": "It is not C."},
        ],
    },
    {
        "question": "Which are vowels?",
        "type": "many_choice",
        "answers": [
            {"answer": "a", "correct": True, "feedback": "An a is."},
            {"answer": "b", "correct": False, "feedback": "A b is not."},
            {"answer": "e", "correct": True, "feedback": "An e is."},
        ],
    },
    {
        "question": "How many?",
        "type": "numeric",
        "precision": 3,
        "answers": [
            {"type": "value", "value": 1812, "correct": True, "feedback": "As many."},
            {"type": "range", "range": [-0.2, -0.1], "feedback": "A range."},
            {"type": "default", "feedback": "Count."},
        ],
    },
]


@pytest.fixture
def show(browser):
    """Show a page 390 pixels wide, as a phone does; it may not complain."""
    complaints, contexts = [], []

    def page_of(body, theme="light", **options):
        options = {"viewport": {"width": 390, "height": 1200}, **options}
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_content(
            f'<!doctype html><html lang="en"><title>A page</title><body style="{THEMES[theme]}">'
            f"<main><h1>A page</h1>{body}</main>"
        )
        return page

    yield page_of
    for context in contexts:
        context.close()
    assert complaints == []


def front(name, script):
    """Return a page of the front, mounted by a script."""
    style, module = ((FRONT / f"{name}.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return f'<style>{style}</style><script type="module">{module}{script}</script>'


def prediction(kind):
    return front("predict", PREDICT.replace("QUESTION", json.dumps(QUESTIONS[kind])))


def pages():
    return {
        **{kind: prediction(kind) for kind in QUESTIONS},
        "pad": front("pad", PAD),
        "explorer": front("explorer", EXPLORER),
        "quiz": Quiz("99", json.loads(json.dumps(QUIZ)))._repr_html_(),
        "dashboard": a_film()._repr_html_(),
    }


@functools.cache
def a_film():
    """Return the film of a training in which ever fewer of 1,000 digits are misread."""
    digits, looks = MNIST().valid, itertools.count()
    valid = SimpleNamespace(images=digits.images[:1000], labels=digits.labels[:1000])

    def predict(images):
        p, k = np.full((len(images), 10), 0.02), next(looks)
        right = valid.labels.argmax(axis=1)
        wrong = np.arange(1000) % (2 + k) == 0
        p[np.arange(1000), np.where(wrong, (right + 1) % 10, right)] = 0.82
        return p

    quick = mock.patch.multiple(dashboard, _PAUSE=0, _LOOKING=1e9, _SENDING=1e9)
    with quick, Dashboard(valid, predict, total=400, title="One layer") as board:
        for step in range(1, 41):
            board.update(10 * step, np.float32(2 / (1 + step)), 1 - 1 / (1 + step))
    return board.picture


def asked(page):
    """Return what was asked, once all of it has been."""
    page.wait_for_timeout(200)
    return page.evaluate("() => asked")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["pad", "explorer", "quiz", "dashboard", *QUESTIONS])
def test_axe_finds_nothing_and_it_fits_a_phone(show, name, theme):
    page = show(pages()[name], theme)
    if name == "dashboard":
        page.get_by_role("slider").wait_for()
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"film-{theme}.png")
    else:
        page.get_by_role("status").first.wait_for(state="attached")
    if name == "quiz":
        page.get_by_label("A", exact=True).check()
        page.get_by_role("button").first.click()
        page.get_by_text("Right.").wait_for()
    load_axe(page)
    found = page.evaluate("() => axe.run()")
    assert len(found["passes"]) > 15
    assert [(one["id"], one["nodes"]) for one in found["violations"]] == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_a_digit_is_drawn_by_keyboard(show):
    page = show(pages()["pad"])
    page.keyboard.press("Tab")
    canvas = page.get_by_role("application", name="Draw a digit here")
    assert canvas.evaluate("canvas => document.activeElement === canvas")
    told = "e => document.getElementById(e.getAttribute('aria-describedby')).innerText"
    assert re.search("(?s)arrow keys.*Space.*Escape", canvas.evaluate(told))
    ring = "() => getComputedStyle(document.querySelector('.digit-pad-square')).outlineStyle"
    assert page.evaluate(ring) == "solid"
    where, says = page.locator(".digit-pad-where"), page.locator(".digit-pad-says")
    assert page.locator(".digit-pad-pen").is_visible()
    page.keyboard.press("Shift+ArrowUp")
    assert asked(page) == []  # the pen is up
    assert where.inner_text() == "Pen up, 50 across, 34 down."
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    line = [[0.5, 0.34], [0.5, 0.38], [0.54, 0.38]]
    assert asked(page)[-1] == [line]
    assert where.inner_text() == "Pen down, 54 across, 38 down."
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Space")
    assert asked(page)[-1] == [line, [[0.54, 0.54]]]
    assert says.inner_text() == "It reads a 2."
    assert says.get_attribute("role") == where.get_attribute("role") == "status"
    for key in ("Escape", "Delete", "Backspace"):
        page.keyboard.press("Space")
        page.keyboard.press(key)
        assert asked(page)[-1] == []
        assert says.inner_text() == "Nothing is drawn yet."
    for name in ("Clear", "Draw one for me"):
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.innerText") == name
    assert not page.locator(".digit-pad-pen").is_visible()
    page.keyboard.press("Enter")
    assert asked(page)[-1] == RECORDED[0]


def test_the_first_stroke_takes_the_place_of_a_drawing_not_by_hand(show):
    page = show(pages()["pad"])
    box = page.locator("canvas").first.bounding_box()

    def stroke(*points):
        page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
        page.mouse.down()
        for x, y in points[1:]:
            page.mouse.move(box["x"] + x, box["y"] + y, steps=20)
        page.mouse.up()
        return asked(page)[-1]

    page.get_by_role("button", name="Draw one for me").click()
    assert len(asked(page)[-1]) == len(RECORDED[0])
    (first,) = stroke((28, 28), (84, 56))
    assert (first[0], first[-1]) == ([0.1, 0.1], [0.3, 0.2])
    assert len(stroke((140, 140), (140, 200))) == 2  # of the same digit
    assert len(asked(page)) < 30, "one question for many moves"
    page.get_by_role("button", name="Draw one for me").click()
    (edge,) = stroke((100, 250), (100, 300), (250, 200))
    assert {x for x, _ in edge} == {round(100 / 280, 4)}, "a line along the edge"
    page.evaluate("() => { window.broken = true; }")
    stroke((28, 28), (84, 56))
    assert page.get_by_role("alert").inner_text() == "Error: no <network>"
    page.evaluate("() => { window.broken = false; }")
    stroke((28, 28), (84, 56))
    assert page.get_by_role("alert").inner_text() == ""


def test_finger_and_pen_draw(show):
    page = show(pages()["pad"], has_touch=True)
    box = page.locator("canvas").first.bounding_box()
    hand = page.context.new_cdp_session(page)

    def at(x, y):
        return {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}

    for kind, y in (("touchStart", 0.2), ("touchMove", 0.5), ("touchMove", 0.8)):
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at(0.3, y)]})
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    (line,) = asked(page)[-1]
    assert line == [pytest.approx([0.3, y], abs=0.01) for y in (0.2, 0.5, 0.8)]
    pen = {"pointerType": "pen", "button": "left", "buttons": 1, "clickCount": 1}
    for kind, x in (("Pressed", 0.6), ("Moved", 0.7), ("Moved", 0.8), ("Released", 0.8)):
        hand.send("Input.dispatchMouseEvent", {"type": f"mouse{kind}", **at(x, 0.5), **pen})
    assert len(asked(page)[-1]) == 2


def test_the_learner_is_told_when_nothing_answers(show):
    page = show(front("pad", 'mount(document.querySelector("main"), { predict() {} });'))
    assert not page.get_by_role("button", name="Draw one for me").is_visible()
    page.locator("canvas").first.click()
    page.get_by_text("run this cell again").wait_for()


def test_the_marker_moves_by_mouse_keyboard_and_number(show):
    page = show(pages()["explorer"])
    plane = page.get_by_role("application", name="The latent plane")
    says = page.get_by_role("status")
    box = plane.bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.up()
    page.mouse.move(box["x"], box["y"])
    assert asked(page)[-1] == pytest.approx([1.5, 3], abs=0.02)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert asked(page)[-1] == pytest.approx([1, 2.9], abs=0.02)
    for name in "xy":
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.labels[0].innerText.trim()") == name
        for typed, value in (("-1.5", -1.5), ("99", 3), ("-", 3), ("0", 0)):
            page.keyboard.press("Control+A")
            page.keyboard.press("Delete")
            page.keyboard.type(typed)
            assert asked(page)[-1]["xy".index(name)] == value
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert asked(page)[-1] == [0, 0.2]
    assert says.inner_text() == "Decoded from (0.00, 0.20)"


def test_a_quiz_is_answered_by_keyboard_alone(show):
    page = show(pages()["quiz"])
    says = page.get_by_role("status")
    name_of = "() => document.activeElement.labels[0].innerText.trim()"

    def checked(k):
        page.keyboard.press("Enter")
        page.wait_for_timeout(150)
        return says.nth(k).inner_text()

    page.locator("form").first.wait_for()
    assert page.get_by_role("group", name="1. Is it A & <b>?").count() == 1
    page.keyboard.press("Tab")
    assert checked(0) == "Not yet. Choose an answer first."
    for _ in range(3):
        page.keyboard.press("ArrowDown")
        ring = "() => getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(ring) == "solid"
        name = page.evaluate(name_of)
        said = "Right. It is A." if name == "A" else f"Not yet. It is not {name}."
        assert checked(0) == said
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.innerText") == "Check"
    ticked = []
    for _ in range(3):
        page.keyboard.press("Tab")
        name = page.evaluate(name_of)
        page.keyboard.press("Space")
        if name == "b":
            assert checked(1) == "Not yet. A b is not."
            page.keyboard.press("Space")
        else:
            ticked.append(name)
            all_ = " ".join(f"An {vowel} is." for vowel in ticked)
            said = f"Right. {all_}" if len(ticked) == 2 else f"Not yet. {all_} But there are more."
            assert checked(1) == said
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(name_of) == "Your number:"
    for typed, said in (
        ("1812", "Right. As many."),
        ("1,812", "Right. As many."),
        ("1 812.4", "Right. As many."),
        ("3624/2", "Right. As many."),
        ("−0,15", "Not yet. A range."),
        ("-.1", "Not yet. Count."),
        ("", "Not yet. Type a number, such as 0.25."),
        ("many", "Not yet. Type a number, such as 0.25."),
        ("1/0", "Not yet. Type a number, such as 0.25."),
        ("7", "Not yet. Count."),
    ):
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        page.keyboard.type(typed)
        assert checked(2) == said, typed


def test_a_quiz_is_text_where_no_script_runs(show):
    page = show(pages()["quiz"], java_script_enabled=False)
    assert page.get_by_text("Which are vowels?").is_visible()
    assert page.locator("ul li").all_inner_texts().count("b") == 1
    assert not page.get_by_text("As many.").is_visible()
    page.locator("summary").last.click()
    assert page.get_by_text("As many.").is_visible()


def test_every_lessons_quiz_stands_in_its_page_and_two_of_them_in_one(show):
    paths = sorted((ROOT / "notebooks" / "quiz").glob("*.json"))
    quizzes = [Quiz(path.stem, json.loads(path.read_text("utf-8"))) for path in paths]
    page = show("".join(quiz._repr_html_() for quiz in [*quizzes, quizzes[0]]))
    page.locator(".quiz form").first.wait_for()
    expected = sum(len(quiz.questions) for quiz in [*quizzes, quizzes[0]])
    assert page.locator(".quiz form").count() == expected
    shown = [page.locator(".quiz").nth(k).get_by_role("radio").first for k in (0, -1)]
    for choice in shown:
        choice.check()
    assert all(choice.is_checked() for choice in shown)


# --- the dashboard --------------------------------------------------------------------------------


def test_a_film_is_scrubbed_by_keyboard(show):
    """The slider has a name, tells the step, and shows what was misread then; curves end there."""
    page = show(pages()["dashboard"])
    slider = page.get_by_role("slider", name="Back in time")
    slider.wait_for()
    assert page.locator(".dashboard img").count() == 0  # the still gave way
    wrong, wall = page.locator(".dashboard-wrong"), page.locator(".dashboard-wall")
    value = "slider => slider.getAttribute('aria-valuetext')"
    assert slider.evaluate(value) == "step 400, 24 misread"
    assert wrong.inner_text().startswith("24 of 1,000 held-out digits misread")
    assert page.locator(".dashboard-tile").count() == 24
    page.keyboard.press("Tab")
    assert slider.evaluate("slider => document.activeElement === slider")
    page.keyboard.press("Home")
    assert slider.evaluate(value) == "step 0, 500 misread"
    assert wrong.inner_text().startswith("500 of 1,000")
    assert page.locator(".dashboard-tile").count() == 48
    page.keyboard.press("ArrowRight")
    assert slider.evaluate(value) == "step 10, 334 misread"
    assert "step 10 of 400" in page.locator(".dashboard-state").inner_text()
    named = page.get_by_role("img", name=re.compile("Loss up to step 10: training 1, held-out"))
    assert named.count() == 1
    read = wall.get_attribute("aria-label").removeprefix("Misread digits: ").split(", ")
    assert len(read) == 48
    assert all(int(b) == (int(a) + 1) % 10 for a, b in (one.split(" as ") for one in read))
    page.keyboard.press("End")
    assert slider.evaluate(value) == "step 400, 24 misread"


def test_a_film_has_dots_where_held_out_digits_were_read_and_says_of_how_many(show):
    film = json.loads(html.unescape(re.search('data-film="([^"]*)"', a_film()._repr_html_())[1]))
    curves = film["curves"] | {"held-out": [[0, 200, 400], [2.3, 0.5, None], [0.1, 0.9, 0.95]]}
    part = film | {"curves": curves, "of": 5000}
    page = show(front("dashboard", f"mount(document.querySelector('main'), {json.dumps(part)});"))
    page.get_by_role("slider").wait_for()
    says = "24 of 1,000 held-out digits misread (is → read as); it looks at 1,000 of 5,000"
    assert page.locator(".dashboard-wrong").inner_text() == says
    charts = page.locator(".dashboard-chart")  # all are drawn pale, and once more up to the step
    assert [charts.nth(k).locator("circle").count() for k in (0, 1)] == [4, 6]
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    assert [charts.nth(k).locator("circle").count() for k in (0, 1)] == [3, 4]
    page = show(pages()["dashboard"])  # of 1,000 it looks at all
    page.get_by_role("slider").wait_for()
    assert "looks at" not in page.locator(".dashboard-wrong").inner_text()


@pytest.mark.parametrize("width", [390, 900, 1366])
def test_a_film_is_at_most_500_pixels_high(show, width):
    page = show(pages()["dashboard"], viewport={"width": width, "height": 900})
    page.get_by_role("slider").wait_for()
    box = page.locator(".dashboard").bounding_box()
    assert 200 < box["height"] <= 500
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    assert page.locator(".dashboard").bounding_box() == box  # nothing jumps
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.screenshot(path=PICTURES / f"film-{width}.png")


def test_a_film_without_scripts_is_a_picture_with_its_text(show):
    page = show(pages()["dashboard"], java_script_enabled=False)
    still = page.get_by_role("img", name=re.compile("Training dashboard of One layer"))
    assert still.is_visible()
    assert page.get_by_role("slider").count() == 0


def test_the_live_view_goes_on_where_the_slider_was_left(show):
    """New states of a training arrive while the learner looks back."""
    film = json.loads(html.unescape(re.search('data-film="([^"]*)"', a_film()._repr_html_())[1]))
    early = film | {"frames": film["frames"][:5], "step": 40, "seconds": 1, "done": False}
    empty = film | {"frames": [], "step": 0, "curves": {"training": [[], [], []]}, "done": False}
    script = f"window.next = mount(document.querySelector('main'), {json.dumps(empty)});"
    page = show(front("dashboard", script))
    state = page.locator(".dashboard-state")
    assert state.inner_text().startswith("step 0 of 400")
    page.evaluate("film => next(film)", early)
    assert state.inner_text().startswith("step 40 of 400")
    assert state.inner_text().endswith("about 9 s left")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert state.inner_text().startswith("step 20 of 400")
    page.evaluate("film => next(film)", film)
    assert state.inner_text().startswith("step 20 of 400")
    page.keyboard.press("End")
    assert state.inner_text().startswith("step 400 of 400")


def test_a_curve_that_broke_off_and_one_that_is_flat_are_drawn(show):
    film = json.loads(html.unescape(re.search('data-film="([^"]*)"', a_film()._repr_html_())[1]))
    odd_losses = [[None] * 3, [0, 0, 0], [1, None, 1e98], [-5, -5, -5], [1e-30, 2e-30, None]]
    for loss in [*odd_losses, [0, 5e-324, 1e-323], [-1e98, 1e98, 0], [1e20, 1e20 + 2e4, 1e20]]:
        curves = {"training": [[1, 2, 3], loss, [None] * 3], "held-out": [[], [], []]}
        odd = film | {"curves": curves, "broken": "The training loss is nan at step 2."}
        page = show(
            front("dashboard", f"mount(document.querySelector('main'), {json.dumps(odd)});")
        )
        page.get_by_text("The training loss is nan").wait_for()
        drawn = page.locator(".dashboard-chart").first.inner_html()
        assert "NaN" not in drawn
        assert "Infinity" not in drawn


def status(page, text):
    page.get_by_role("status").get_by_text(text, exact=True).wait_for()


def test_a_number_is_predicted_by_keyboard(show):
    page = show(prediction("number"))
    page.keyboard.press("Tab")
    name = page.evaluate("() => document.activeElement.labels[0].innerText")
    assert name.split() == ["Your", "number:", "%"]
    for typed in ("", "many", "1/2"):
        page.keyboard.press("Control+A")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        status(page, "Type a number first, such as 0.25.")
    for typed, value in (("92 %", 92), ("−0,5", -0.5), ("1,812", 1812), ("1e3", 1000)):
        page.keyboard.press("Control+A")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        said = f"{value}".replace("-", "−")
        status(page, f"Committed: {said} %. You may change it until the answer.")
        assert asked(page)[-1] == value
    page.evaluate("() => form.close()")
    status(page, "Answered below. You said 1000 %.")
    assert page.get_by_label("Your number").is_disabled()
    assert not page.get_by_role("button").is_visible()


def test_a_choice_is_predicted_by_keyboard(show):
    page = show(prediction("choice"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    status(page, "Choose one first.")
    page.keyboard.press("ArrowDown")
    assert asked(page) == []  # chosen is not committed
    page.keyboard.press("Enter")
    status(page, "Committed: 92 & more. You may change it until the answer.")
    assert asked(page) == ["92 & more"]
    assert page.get_by_role("group", name="Predict first. Which is it?").count() == 1


def test_a_curve_is_sketched_by_keyboard_and_by_pointer(show):
    page = show(prediction("curve"))
    page.get_by_role("button").click()
    status(page, "Draw your curve first.")
    page.keyboard.press("Shift+Tab")
    name = "() => document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(name) == "loss at p 0"
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(name) == "loss at p 0.25"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert asked(page)[-1] == [4, 1.9, 2, 2, 2]
    box = page.locator(".predict-frame").bounding_box()
    page.mouse.move(box["x"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"], box["y"] + box["height"])  # past three places at once
    page.mouse.up()
    page.get_by_role("button").click()
    assert [round(y, 1) for y in asked(page)[-1]] == [2, 1.5, 1, 0.5, 0]
    page.evaluate("() => form.close()")
    page.locator(".predict-sketch").click()
    assert page.get_by_role("slider").first.get_attribute("aria-valuenow") == "2"
