"""JupyterLab in a real browser: each lesson opened, run through its menu, and looked at.

``make browser`` runs these. Screenshots land in ``notebooks/out/browser`` for the maintainer.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from libs.datasets import ROOT
from libs.notebook import OUT
from libs.widgets import RECORDED

pytestmark = pytest.mark.browser
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))
PICTURES = OUT / "browser"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on copies of the notebooks, as `make lab` starts it but for the window."""
    home = tmp_path_factory.mktemp("home of a user")
    shutil.copytree(
        ROOT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns("out", ".*")
    )
    port = free_port()
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    # every cell is laid out, also those outside the window
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    options = [
        "--no-browser",
        "--LabApp.expose_app_in_browser=True",
        f"--port={port}",
        "--IdentityProvider.token=",
        "--allow-root",
    ]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=environment,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{url}/api", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (home / "log").read_text()
                time.sleep(0.5)
        else:
            pytest.fail("JupyterLab does not answer:\n" + (home / "log").read_text())
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "no Chromium here: install it, on Debian with apt-get install chromium"
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=switches)
        yield started
        started.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(60_000)
    yield page
    page.close()


def open_lesson(page, lab, path):
    page.goto(f"{lab}/lab/tree/notebooks/{path.name}?reset")
    page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext")
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
    )
    return page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.kernelDisplayName")


def run_all(page):
    """Run all cells through the menu; return the outputs of each code cell."""
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
    page.wait_for_function(
        """() => {
            const panel = jupyterapp.shell.currentWidget;
            const code = [...panel.content.model.cells].filter(
                cell => cell.type === 'code' && cell.sharedModel.getSource().trim());
            return code.every(cell => cell.executionState === 'idle' && cell.executionCount)
                && panel.sessionContext.session.kernel.status === 'idle';
        }""",
        timeout=10 * 60_000,
        polling=500,
    )
    return page.evaluate(
        """() => [...jupyterapp.shell.currentWidget.content.model.cells]
            .filter(cell => cell.type === 'code').map(cell => cell.outputs.toJSON())"""
    )


def photograph(page, name):
    """Keep a picture of the whole notebook."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    height = page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer').scrollHeight")
    page.set_viewport_size({"width": 1200, "height": min(height + 200, 16_000)})
    page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0; }")
    page.wait_for_timeout(1000)  # the page lays itself out anew
    page.screenshot(path=PICTURES / f"{name}.png")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_in_jupyterlab(page, lab, path):
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    assert open_lesson(page, lab, path) == "Python 3 (course)"
    cells = run_all(page)
    for outputs in cells:
        for output in outputs:
            assert output["output_type"] != "error", output
            assert output.get("name") != "stderr", output

    expected = sum(str(outputs).count("<img ") for outputs in cells)
    assert expected > 0
    loaded = page.evaluate(
        """() => [...document.querySelectorAll('.jp-OutputArea-output img')]
            .filter(image => image.naturalWidth > 20 && image.alt.length >= 15).length"""
    )
    assert loaded == expected, "a figure is not drawn, or has no alternative text"
    photograph(page, path.stem)

    quiz = page.locator(".Quiz").first
    quiz.scroll_into_view_if_needed()
    quiz.locator(".MCButton, input").first.click()
    quiz.locator(".Feedback").get_by_text(re.compile(r"\S")).wait_for()
    # jupyterquiz asks JupyterLab's MathJax for a version, which it does not tell: no formulas in
    # quizzes, and no harm otherwise
    assert [text for text in complaints if "reading '0'" not in text] == []


def test_a_lesson_is_readable_before_it_is_run(page, lab):
    """A fresh clone shows its stored figures, though JupyterLab does not trust it yet."""
    open_lesson(page, lab, LESSONS[-1])
    page.locator(".jp-OutputArea-output img").first.wait_for()
    assert page.evaluate(
        """() => [...document.querySelectorAll('.jp-OutputArea-output img')]
            .every(image => image.naturalWidth > 20 && image.alt)"""
    )


def test_the_pad_reads_digits_drawn_with_the_mouse(page, lab):
    """Ten digits, stroke by stroke as a hand would, each followed by the Clear button."""
    open_lesson(page, lab, LESSONS[0])
    run_all(page)
    pad = page.locator(".digit-pad").first
    canvas = pad.locator(".digit-pad-canvas canvas, canvas.digit-pad-canvas").first
    canvas.scroll_into_view_if_needed()
    right = 0
    for digit, strokes in RECORDED.items():
        pad.locator(".digit-pad-clear").click()
        pad.locator(".digit-pad-says").get_by_text("Nothing is drawn yet").wait_for()
        box = canvas.bounding_box()
        for stroke in strokes:
            points = [
                (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke
            ]
            page.mouse.move(*points[0])
            page.mouse.down()
            for point in points[1:]:
                page.mouse.move(*point)
            page.mouse.up()
        page.wait_for_timeout(1000)  # the last points arrive, and the bars settle
        right += pad.locator(".digit-pad-top").get_attribute("data-digit") == str(digit)
    photograph(page, "digit-pad")
    assert right >= 9
