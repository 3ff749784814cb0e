"""From a bare clone to JupyterLab answering: seconds and megabytes, pip beside uv.

Both install the same lock from one package index, with nothing cached: the one in
``PIP_INDEX_URL``, or each tool's own default.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

from tqdm import tqdm

from benchmarks import row

ROOT = Path(__file__).resolve().parent.parent
_BIN = "Scripts" if os.name == "nt" else "bin"
_UNITS = {"bytes": 1e-6, "B": 1e-6, "kB": 1e-3, "KB": 1e-3, "MB": 1.0, "GB": 1e3}
_PATIENCE = 300  # seconds that JupyterLab may take to answer


def _environment(log: Path) -> dict[str, str]:
    """Return an environment in which nothing is cached, preset, or inherited from ours."""
    drop = ("VIRTUAL_ENV", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX")
    environment = {k: v for k, v in os.environ.items() if k not in drop}
    environment |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_LOG": str(log),
        "UV_NO_CACHE": "1",
        "UV_NO_CONFIG": "1",
        "UV_LINK_MODE": "copy",
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    if "PIP_INDEX_URL" in environment:
        environment["UV_DEFAULT_INDEX"] = environment["PIP_INDEX_URL"]
    return environment


def _run(*command, cwd: Path, environment: dict[str, str]) -> None:
    """Run a command quietly; if it fails, raise with what it wrote."""
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _clone(folder: Path, environment: dict[str, str]) -> None:
    # a URL: from a path, git would link files instead of fetching them
    _run("git", "clone", "--quiet", ROOT.as_uri(), folder, cwd=ROOT, environment=environment)


def _with_pip(folder: Path, environment: dict[str, str]) -> None:
    """Install as ``make lab`` does."""
    # the Python that ours was made from: a virtual environment's own can't be copied
    _run(sys._base_executable, "install.py", cwd=folder, environment=environment)


def _with_uv(folder: Path, environment: dict[str, str]) -> None:
    """Do with uv what install.py does with pip."""
    uv = [Path(sys.executable).with_name("uv"), "--quiet"]
    python = folder / ".venv" / _BIN / "python"
    kernel = ["install", "--sys-prefix", "--name=python3"]
    for command in (
        [*uv, "venv", "--python", sys._base_executable],
        [*uv, "pip", "install", "--require-hashes", "--requirement=requirements.txt"],
        [*uv, "pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."],
        [python, "-m", "ipykernel", *kernel],
    ):
        _run(*command, cwd=folder, environment=environment)


def _start(folder: Path, environment: dict[str, str]) -> None:
    """Start JupyterLab, wait until it answers, stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [folder / ".venv" / _BIN / "python", "-m", "jupyterlab", "--no-browser"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            patience = time.monotonic() + _PATIENCE
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5).close()
                    return
                except (URLError, TimeoutError, ConnectionError):
                    if server.poll() is not None or time.monotonic() > patience:
                        log.seek(0)
                        raise RuntimeError(f"JupyterLab did not answer:\n{log.read()}") from None
                    time.sleep(0.1)
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _measure(install) -> tuple[dict[str, float], float, list[float]]:
    """Clone, install, start, delete; return seconds by step, megabytes cloned and of each wheel."""
    seconds = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder, log = Path(temporary) / "course", Path(temporary) / "pip.log"
        environment = _environment(log)
        for step in (_clone, install, _start):
            start = time.perf_counter()
            step(folder, environment)
            seconds[step.__name__] = time.perf_counter() - start
        pack = sum(p.stat().st_size for p in (folder / ".git").rglob("*.pack")) / 1e6
        return seconds, pack, _megabytes(log.read_text(encoding="utf-8")) if log.exists() else []


def _megabytes(log: str) -> list[float]:
    """Return the sizes that pip says it downloaded: ``Downloading NAME (12.3 MB)``."""
    found = re.findall(r"\bDownloading \S+ \(([\d.]+) (\w+)\)", log)
    return [float(size) * _UNITS[unit] for size, unit in found]


def rows() -> list[dict]:
    """Measure one installation with pip, as the course does it, and one with uv."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        raise RuntimeError("install needs git and a clone of the repository")
    with tqdm(total=2, desc="pip", leave=False) as bar:
        pip, pack, wheels = _measure(_with_pip)
        bar.update()
        bar.set_description("uv")
        uv, *_ = _measure(_with_uv)
        bar.update()
    names = {
        "clone to JupyterLab answering (once)": (sum(pip.values()), sum(uv.values())),
        "of that, installing": (pip["_with_pip"], uv["_with_uv"]),
        "of that, starting JupyterLab the first time": (pip["_start"], uv["_start"]),
    }
    found = [row(what, ours, "the same with uv", peer) for what, (ours, peer) in names.items()]
    if wheels:  # none where pip's index is a folder
        what = f"downloaded: the clone ({pack:.0f} MB) and {len(wheels)} packages"
        found.append(row(what, pack + sum(wheels), "TensorFlow alone", max(wheels), unit="MB"))
    return found
