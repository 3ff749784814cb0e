"""JupyterLab in a real browser: each lesson opened, run through its menu, and looked at.

``make browser`` runs these. Screenshots land in ``notebooks/out/browser`` for the maintainer.
"""

import base64
import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import numpy as np
import pytest
from PIL import Image

from libs.datasets import ROOT
from libs.notebook import OUT
from libs.widgets import RECORDED

pytestmark = pytest.mark.browser
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))
PICTURES = OUT / "browser"
WITH_PAD = ("00", "07")  # lessons with a pad to draw digits on


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Copies of the notebooks, in a folder with spaces in its name."""
    home = tmp_path_factory.mktemp("home of a user")
    shutil.copytree(
        ROOT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns("out", ".*")
    )
    return home


@contextlib.contextmanager
def serving(program, folder, home, *options):
    """Start a Jupyter server without a window or the user's settings; yield its URL.

    Parameters
    ----------
    program : str
        Its module.
    folder : pathlib.Path
        What it serves.
    home : pathlib.Path
        For its settings and its log.
    *options : str
        Of its command line.
    """
    port = free_port()
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    options += ("--no-browser", f"--port={port}", "--IdentityProvider.token=", "--allow-root")
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", program, *options],
            env=environment,
            stdout=log,
            stderr=log,
            cwd=folder,
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
            pytest.fail("the server does not answer:\n" + (home / "log").read_text())
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def lab(home):
    """JupyterLab on the copies, as `make lab` starts it but for the window."""
    # every cell is laid out, also those outside the window
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    with serving("jupyterlab", home, home, "--LabApp.expose_app_in_browser=True") as url:
        yield url


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

    # a live widget shows its own pictures in place of the stored one
    shown = [
        output
        for outputs in cells
        for output in outputs
        if "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
    ]
    expected = str(shown).count("<img ")
    assert expected > 0
    loaded = page.evaluate(
        """() => [...document.querySelectorAll('.jp-OutputArea-output img')]
            .filter(image => !image.closest('.jupyter-widgets'))
            .filter(image => image.naturalWidth > 20 && image.alt.length >= 15).length"""
    )
    assert loaded == expected, "a figure is not drawn, or has no alternative text"
    if path.name[:2] in WITH_PAD:
        check_pad(page, path)
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


def check_pad(page, path):
    """Draw ten digits with the mouse, stroke by stroke as a hand would; most must be read."""
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
    photograph(page, f"digit-pad-{path.name[:2]}")
    assert right >= 9


# --- the explorer ---------------------------------------------------------------------------------

EXPLORER = """
from libs.autoencoder import Autoencoder
from libs.datasets import MNIST
from libs.notebook import start
from libs.validate import pixels
from libs.widgets import LatentExplorer

start()
data = MNIST()
model = Autoencoder(code=2, tied=False, variational=True)
model.fit(data.train.images[:10_000], epochs=3, verbose=0)
codes, labels = model.encode(data.test.images[:2000]), data.test.labels[:2000].argmax(axis=1)
explorer = LatentExplorer(model.decode, codes, labels, low=-4, high=4)
explorer
"""


@pytest.fixture
def explorer(page, lab, home):
    """A notebook with a small autoencoder in a LatentExplorer, run."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(EXPLORER.strip())],
        metadata=nbformat.read(LESSONS[0], 4).metadata,
    )
    nbformat.write(notebook, home / "notebooks" / "explorer.ipynb")
    open_lesson(page, lab, home / "notebooks" / "explorer.ipynb")
    run_all(page)
    widget = page.locator(".latent-explorer").first
    widget.locator(".latent-explorer-seen").wait_for()
    widget.scroll_into_view_if_needed()
    return widget


def kernel_says(page, code):
    """Run code in the notebook's kernel; return what it prints, read as JSON."""
    return json.loads(
        page.evaluate(
            """async code => {
                const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const request = kernel.requestExecute({code});
                let text = '';
                request.onIOPub = message => { text += message.content.text ?? ''; };
                await request.done;
                return text;
            }""",
            code,
        )
    )


def check_shown(page, explorer):
    """Check that the page shows what the decoder makes of the marker's place; return the place."""
    page.wait_for_timeout(500)  # the last move arrives
    code, fields, expected = kernel_says(
        page,
        "import json\n"
        "print(json.dumps([explorer.code.tolist(), [f.value for f in explorer._fields],"
        "pixels(model.decode(explorer.code[None])[0, ..., 0], 'image').tolist()]))",
    )
    src = explorer.locator(".latent-explorer-seen").get_attribute("src")
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(src.split(",")[1]))))
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_allclose(fields, code, atol=0.0051)
    typed = [float(explorer.get_by_label(name, exact=True).input_value()) for name in "xy"]
    np.testing.assert_allclose(typed, fields)
    place = explorer.locator(".latent-explorer-code").inner_text()
    assert place.replace("−", "-") == "({:.2f}, {:.2f})".format(*code)
    return np.array(code)


def test_the_explorers_picture_follows_the_mouse(page, explorer, record_property):
    canvas = explorer.locator("canvas").first
    page.evaluate(
        """() => {
            const view = document.querySelector('.latent-explorer');
            let moved = 0;
            window.waits = [];
            view.querySelector('canvas').addEventListener(
                'mousemove', () => { moved = performance.now(); }, true);
            new MutationObserver(async () => {
                const since = moved;
                await view.querySelector('.latent-explorer-seen').decode();
                window.waits.push(performance.now() - since);
            }).observe(view.querySelector('.latent-explorer-view'),
                       {childList: true, subtree: true});
        }"""
    )
    box = canvas.bounding_box()
    seen = set()
    start = check_shown(page, explorer)
    np.testing.assert_array_equal(start, [0, 0])

    page.mouse.move(box["x"] + 230, box["y"] + 200)
    page.wait_for_timeout(300)
    assert page.evaluate("() => waits.length") == 0  # the button is not down
    page.mouse.down()
    for k in range(40):  # a spiral
        angle, radius = k / 5, 10 + 3 * k
        x, y = 230 + radius * np.cos(angle), 200 + radius * np.sin(angle)
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.wait_for_timeout(100)
        seen.add(explorer.locator(".latent-explorer-seen").get_attribute("src"))
    waits = np.array(page.evaluate("() => waits"))
    first = check_shown(page, explorer)
    assert len(seen) > 20
    assert np.abs(first).max() > 1

    for k in range(100):  # faster than any answer
        page.mouse.move(box["x"] + 100 + 2 * k, box["y"] + 300 - 2 * k)
    page.mouse.up()
    moved = check_shown(page, explorer)
    assert (moved != first).all()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    np.testing.assert_array_equal(check_shown(page, explorer), moved)

    record_property("milliseconds from move to picture", round(float(np.median(waits))))
    print(
        f"{len(waits)} moves, to the new picture: median {np.median(waits):.0f} ms, "
        f"nine in ten within {np.quantile(waits, 0.9):.0f} ms"
    )
    assert np.median(waits) < 500  # lenient: tests share the machine
    photograph(page, "latent-explorer")


def test_the_explorer_is_reached_and_moved_by_keyboard(page, explorer):
    page.locator(".jp-InputPrompt").first.click()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.matches('.latent-explorer-canvas')"):
            break
    else:
        pytest.fail("Tab does not get to the plane")
    steps = {"ArrowRight": (0.1, 0), "ArrowUp": (0, 0.1), "Shift+ArrowLeft": (-0.5, 0)}
    expected = np.zeros(2)
    for key, step in steps.items():
        before = explorer.locator(".latent-explorer-seen").get_attribute("src")
        page.keyboard.press(key)
        expected += step
        np.testing.assert_allclose(check_shown(page, explorer), expected, atol=1e-6)
        assert explorer.locator(".latent-explorer-seen").get_attribute("src") != before

    page.keyboard.press("Tab")  # the canvas lets go of the keyboard
    page.wait_for_function("() => !document.activeElement.matches('canvas')")
    for axis, name in enumerate("xy"):
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.labels[0].innerText") == name
        for key, step in (("ArrowUp", 0.1), ("ArrowDown", -0.1), ("ArrowDown", -0.1)):
            page.keyboard.press(key)
            expected[axis] += step
            np.testing.assert_allclose(check_shown(page, explorer), expected, atol=1e-6)
    assert page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex") == 0


def test_the_explorer_survives_a_reload_and_a_narrow_window(page, explorer):
    inked = """canvas => canvas.getContext('2d')
        .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0)"""
    canvas = explorer.locator("canvas").first
    page.wait_for_timeout(500)
    assert canvas.evaluate(inked)
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    page.reload()
    canvas.wait_for()
    page.wait_for_timeout(2000)
    assert canvas.evaluate(inked)  # the marker is there again

    page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
    page.set_viewport_size({"width": 420, "height": 1000})
    page.wait_for_timeout(1000)
    canvas.scroll_into_view_if_needed()
    plane = canvas.bounding_box()
    picture = explorer.locator(".latent-explorer-map").bounding_box()
    assert plane["width"] < 400
    assert plane == pytest.approx(picture, abs=1.5)  # the canvas lies on its picture
    page.mouse.click(plane["x"] + plane["width"] * 0.8, plane["y"] + plane["height"] * 0.2)
    code = check_shown(page, explorer)
    assert (code > 1).all()
    page.screenshot(path=PICTURES / "latent-explorer-narrow.png")
