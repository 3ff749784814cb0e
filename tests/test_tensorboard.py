"""TensorBoard in a real browser, on logs as lesson 06b writes them: ``make browser`` runs this."""

import functools
import http.server
import os
import re
import shutil
import threading
import time

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from in_browser import PICTURES, serving
from IPython.display import HTML
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins import projector
from test_notebooks import run

from libs import ROOT
from libs.datasets import MNIST, Dataset
from libs.utils import montage

pytestmark = pytest.mark.browser
LESSON = ROOT / "notebooks" / "06b-tensorboard.ipynb"
# what only its data brings to each page, and how many of it at least
PAGES = {
    "scalars": ("tf-scalar-card svg", 1),
    "images": ("tf-image-loader img", 1),
    "graphs": ("tf-graph-scene g.node", 3),
    "histograms": ("vz-histogram-timeseries path", 4),
    "projector": ("text=Points: 1000", 1),
}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """What the lesson's cells about logs leave, run on few images and a small network."""
    data = MNIST()
    data.train, data.valid = (
        Dataset(part.images[:2000], part.labels[:2000]).train for part in (data.train, data.valid)
    )
    names = {
        **{"out": tmp_path_factory.mktemp("out"), "data": data, "montage": montage},
        **{"keras": keras, "np": np, "tf": tf, "time": time, "shutil": shutil, "HTML": HTML},
        **{"program": program, "projector": projector, "EventAccumulator": EventAccumulator},
        "claim": lambda *measured, **bounds: None,  # the lesson claims it of its own network
        "truth": data.valid.labels.argmax(axis=1),
        "model": keras.Sequential(
            [
                keras.Input((784,)),
                keras.layers.Dense(16, activation="relu", name="hidden"),
                keras.layers.Dense(10),
            ]
        ),
    }
    cells = [c.source for c in nbformat.read(LESSON, as_version=4).cells if c.cell_type == "code"]
    (first,) = (k for k, source in enumerate(cells) if "lesson-06b-logs" in source)
    (last,) = (k for k, source in enumerate(cells) if "program.TensorBoard()" in source)
    for source in cells[first : last + 1]:
        if re.search(r"\b(logs|board|pictures)\b", source):
            names["shown"] = run(source, names)
    return names


@pytest.fixture(scope="module")
def address(lesson, tmp_path_factory):
    """TensorBoard, started from the command line as the lesson says."""
    command = ["tensorboard.main", "--logdir", str(lesson["logs"]), "--port={port}"]
    log = tmp_path_factory.mktemp("tensorboard") / "log"
    environment = os.environ | {"no_proxy": "127.0.0.1"}
    with serving(command, log, "/data/environment", env=environment) as url:
        yield url


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(60_000)
    yield page
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_the_logs(page, address, name):
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


def test_the_frame_in_the_notebook_shows_the_logs(page, lesson, tmp_path):
    (tmp_path / "notebook.html").write_text(lesson["shown"].data, encoding="utf-8")
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
