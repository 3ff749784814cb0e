"""What the browser's tests share: servers, JupyterLab's notebooks, screenshots.

Screenshots land in ``notebooks/out/browser`` for the maintainer.
"""

import contextlib
import importlib.resources
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from libs.notebook import OUT

PICTURES = OUT / "browser"


def load_axe(page):
    """Let a page have axe, which finds what people can't use."""
    source = importlib.resources.files("axe_playwright_python") / "axe.min.js"
    page.evaluate(source.read_text("utf-8"))


def serious_faults(page):
    """Return what axe finds serious or critical on a page opened as a file, with up to 3 places."""
    from axe_playwright_python.sync_playwright import Axe

    # `preload` reads style sheets by a request that such a page may not make
    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response
    return [
        (fault["id"], [node["html"][:200] for node in fault["nodes"][:3]])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(arguments, log, answers, **options):
    """Start a server of this Python's; yield its URL when it answers.

    Parameters
    ----------
    arguments : list of str
        Of ``python -m``; ``{port}`` in one of them becomes a free port.
    log : pathlib.Path
        Where it writes.
    answers : str
        A path that it answers once it is ready.
    **options
        Of :class:`subprocess.Popen`.
    """
    port = free_port()
    command = [sys.executable, "-m", *(part.replace("{port}", str(port)) for part in arguments)]
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, **options)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(url + answers, timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.5)
        else:
            pytest.fail("the server does not answer:\n" + log.read_text())
        yield url
    finally:
        server.terminate()
        server.wait(30)


def jupyter(program, folder, home, *options):
    """Start a Jupyter server on a folder, without a window or the user's settings."""
    options += ("--no-browser", "--port={port}", "--IdentityProvider.token=", "--allow-root")
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    return serving([program, *options], home / "log", "/api", env=environment, cwd=folder)


def open_notebook(page, lab, name):
    """Open a notebook of the lab's folder; return the name of its kernel."""
    page.goto(f"{lab}/lab/tree/notebooks/{name}?reset")
    page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext")
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
    )
    return page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.kernelDisplayName")


def run_all(page):
    """Run all cells through the menu; return the outputs of each code cell, none an error."""
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
    cells = page.evaluate(
        """() => [...jupyterapp.shell.currentWidget.content.model.cells]
            .filter(cell => cell.type === 'code').map(cell => cell.outputs.toJSON())"""
    )
    for output in (output for outputs in cells for output in outputs):
        assert output["output_type"] != "error", output
        assert output.get("name") != "stderr", output
    return cells


def wait_for_figures(page, expected):
    """Wait until outputs show so many pictures, all with an alternative text, but for widgets."""
    seen = """() => [...document.querySelectorAll('.jp-OutputArea-output img')]
        .filter(image => !image.closest('.jupyter-widgets'))
        .map(image => image.naturalWidth > 20 && image.alt.length >= 15)"""
    for _ in range(60):
        found = page.evaluate(seen)
        if found == [True] * expected:
            return
        page.wait_for_timeout(500)
    pytest.fail(f"of {len(found)} figures {sum(found)} are drawn and have a text, not {expected}")


def photograph(page, name):
    """Keep a picture of the whole notebook."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    height = page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer').scrollHeight")
    page.set_viewport_size({"width": 1200, "height": min(height + 200, 16_000)})
    page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0; }")
    page.wait_for_timeout(1000)  # the page lays itself out anew
    page.screenshot(path=PICTURES / f"{name}.png")
