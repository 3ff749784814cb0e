"""Make the course's environment: ``.venv`` with everything the lock pins, and its kernel.

Needs only Python's standard library. Running it again does nothing unless the lock changed.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST, NEWEST = (3, 11), (3, 13)
#: measured, and a margin for what pip writes meanwhile
GIGABYTES = {"course": 4, "grading": 1, "dev": 1, "gpu": 8}


def check_machine() -> None:
    """Stop with one clear line if this machine can't hold the course."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        stop(
            f"Python 3.11, 3.12 or 3.13 is needed, this is {platform.python_version()}. "
            f"Name another one: make lab PYTHON=python3.12"
        )
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        stop(
            "TensorFlow 2.21 has no build for Intel Macs, and this Python is an Intel one. "
            "On Apple silicon get a native one; else use the Colab or Binder link in the README."
        )
    if sys.maxsize < 2**32:
        stop("a 64-bit Python is needed, this is a 32-bit one.")
    if not os.access(ROOT, os.W_OK):
        stop(f"{ROOT} can't be written. Clone the course into a folder of your own.")


def check_disk(part: str) -> None:
    """Stop with one clear line if there is no room for a part of the environment."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES[part]:
        stop(f"{GIGABYTES[part]} GB of free disk space are needed, {free:.1f} GB are free.")


def stop(why: str) -> None:
    """End with a message and exit status 1."""
    sys.exit(f"install: {why}")


def run(*command: str, failed: str) -> None:
    """Run a command of the environment; stop with one line if it fails."""
    try:
        subprocess.run(command, cwd=ROOT, check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        stop(f"{failed} ({error})")


def pip(*arguments: str) -> None:
    """Run pip in the environment."""
    run(
        str(PYTHON),
        "-m",
        "pip",
        "--disable-pip-version-check",
        *arguments,
        failed="pip could not install. Is there a network? What went wrong stands above",
    )


def make_venv() -> None:
    """Make ``.venv`` unless it is there and works."""
    if PYTHON.exists():
        # a moved or copied folder, or a Python that is gone, leaves a .venv that only looks right
        probe = subprocess.run(
            [str(PYTHON), "-c", "import sys, pip; print(sys.prefix)"],
            capture_output=True,
            text=True,
            check=False,
        )
        if probe.returncode == 0 and Path(probe.stdout.strip()).resolve() == VENV.resolve():
            return
    try:
        import ensurepip  # noqa: F401 — Debian and Ubuntu ship Python without it
        import venv  # noqa: F401
    except ImportError:
        stop("Python's venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv")
    check_disk("course")
    print("install: making .venv", flush=True)
    run(sys.executable, "-m", "venv", "--clear", str(VENV), failed="could not make .venv")


def install(part: str, *locks: str) -> bool:
    """Install lock files, and note their hash; do nothing if that is the hash noted before."""
    content = b"".join((ROOT / lock).read_bytes() for lock in locks)
    digest = hashlib.sha256(content).hexdigest()
    stamp = VENV / f".{part}.sha256"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return False
    check_disk(part)
    print(f"install: installing {', '.join(locks)}", flush=True)
    stamp.unlink(missing_ok=True)
    pip("install", "--quiet", "--require-hashes", *(f"--requirement={lock}" for lock in locks))
    stamp.write_text(digest, encoding="utf-8")
    return True


def finish() -> None:
    """Install the ``libs`` package, register the environment's own kernel, quieten JupyterLab."""
    pip("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", ".")
    kernel = ["--sys-prefix", "--name=python3", "--display-name=Python 3 (course)"]
    run(
        str(PYTHON),
        "-m",
        "ipykernel",
        "install",
        *kernel,
        "--env",
        "TF_CPP_MIN_LOG_LEVEL",
        "3",
        failed="could not register the kernel",
    )
    settings = VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}  # the learner may be offline
    settings.write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": quiet}), encoding="utf-8"
    )


def switch_off_nbgrader() -> None:
    """Hide nbgrader's buttons, which are for a hub; Validate blocks the server while it runs."""
    parts = ("assignment-list", "course-list", "create-assignment", "formgrader", "menu")
    off = {f"@jupyter/nbgrader:{part}": True for part in (*parts, "validate-assignment")}
    page = VENV / "etc" / "jupyter" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(json.dumps({"disabledExtensions": off}, indent=1), encoding="utf-8")


def main() -> None:
    """Make the environment."""
    parser = argparse.ArgumentParser(prog="install.py", description=__doc__)
    extra = parser.add_mutually_exclusive_group()
    extra.add_argument("--grading", action="store_true", help="add what grades the homework")
    extra.add_argument("--dev", action="store_true", help="add the maintainers' tools")
    extra.add_argument("--gpu", action="store_true", help="put in TensorFlow with CUDA (Linux)")
    arguments = parser.parse_args()
    check_machine()
    make_venv()
    changed = install("course", "requirements.txt")
    if changed:
        finish()
    if arguments.grading and install("grading", "requirements/grading.txt"):
        switch_off_nbgrader()
    if arguments.dev:
        install("dev", "requirements/dev.txt")
    stamp = VENV / ".gpu.sha256"
    if arguments.gpu or stamp.exists():
        if sys.platform != "linux":
            stop("TensorFlow has CUDA builds for Linux only; on Windows use WSL 2.")
        if changed or not stamp.exists():
            # with and without CUDA share their files: neither may lie over the other
            stamp.unlink(missing_ok=True)
            pip("uninstall", "--quiet", "--yes", "tensorflow-cpu", "tensorflow")
        install("gpu", "requirements/gpu.txt")


if __name__ == "__main__":
    main()
