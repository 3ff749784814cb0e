"""TensorBoard in a real browser, on the logs of lesson 06: ``make browser`` runs this."""

import functools
import http.server
import os
import subprocess
import sys
import threading
import time
import urllib.request

import nbformat
import pytest
from IPython.display import HTML
from nbclient import NotebookClient
from tensorboard import program
from test_browser import PICTURES, browser, free_port, page  # noqa: F401
from test_notebooks import run

from libs.datasets import ROOT
from libs.notebook import OUT

pytestmark = pytest.mark.browser
LESSON = ROOT / "notebooks" / "06-classifiers.ipynb"
# what only its data brings to each page, and how many of it at least
PAGES = {
    "scalars": ("tf-scalar-card svg", 1),
    "images": ("tf-image-loader img", 1),
    "graphs": ("tf-graph-scene g.node", 3),
    "histograms": ("vz-histogram-timeseries path", 4),
    "projector": ("text=Points: 1000", 1),
}


@pytest.fixture(scope="module")
def logs():
    """The lesson's logs; the lesson is run if it has not been."""
    folder = OUT / "lesson-06-logs"
    if not (folder / "projector_config.pbtxt").is_file():
        lesson = nbformat.read(LESSON, as_version=4)
        place = {"metadata": {"path": LESSON.parent}}
        NotebookClient(lesson, timeout=1200, kernel_name="python3", resources=place).execute()
    return folder


@pytest.fixture(scope="module")
def address(logs, tmp_path_factory):
    """TensorBoard, started from the command line as the lesson says."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs)]
    log = tmp_path_factory.mktemp("tensorboard") / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [*command, "--port", url.rpartition(":")[2]],
            stdout=file,
            stderr=file,
            env=os.environ | {"no_proxy": "127.0.0.1"},
        )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{url}/data/environment", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.5)
        else:
            pytest.fail("TensorBoard does not answer:\n" + log.read_text())
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_the_logs(page, address, name):  # noqa: F811
    selector, least = PAGES[name]
    page.goto(f"{address}/#{name}")
    for _ in range(120):  # the projector is a page of its own in a frame
        if any(frame.locator(selector).count() >= least for frame in page.frames):
            break
        page.wait_for_timeout(500)
    else:
        pytest.fail(f"nothing to see on {name}")
    page.wait_for_timeout(3000)  # pictures fade in
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"tensorboard-{name}.png")


def test_the_frame_in_the_notebook_shows_the_logs(page, logs, tmp_path):  # noqa: F811
    lesson = nbformat.read(LESSON, as_version=4)
    (source,) = (cell.source for cell in lesson.cells if "program.TensorBoard()" in cell.source)
    shown = run(source, {"logs": logs, "program": program, "HTML": HTML})
    (tmp_path / "notebook.html").write_text(shown.data, encoding="utf-8")
    # a page as JupyterLab serves it: browsers forbid pages of other hosts to look in here
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://localhost:{server.server_port}/notebook.html")
        try:
            page.frame_locator("iframe").locator("card-view").first.wait_for()
            page.wait_for_timeout(3000)
        finally:
            page.screenshot(path=PICTURES / "tensorboard-in-the-notebook.png")
            server.shutdown()
