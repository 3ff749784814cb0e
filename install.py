"""Make the course's environment: ``.venv`` with everything the lock pins, and its kernel.

Needs only Python's standard library: any Python from 3.8 on starts it, and it looks for one that
the course runs on. Running it again does nothing unless what it is made from changed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCKS = {
    "course": "requirements.txt",
    "grading": "requirements/grading.txt",
    "dev": "requirements/dev.txt",
    "gpu": "requirements/gpu.txt",
}
#: measured, and a margin for what pip writes meanwhile
GIGABYTES = {"course": 4, "grading": 1, "dev": 1, "gpu": 8}
#: where TensorFlow has builds
BUILDS = ("linux-x86_64", "linux-aarch64", "macosx-arm64", "win-amd64")
#: where a Python may be that is not on PATH
FOLDERS = (
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/python@{}/bin",
    "/Library/Frameworks/Python.framework/Versions/{}/bin",
    "/usr/local/bin",
    "/usr/local/opt/python@{}/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/usr/bin",
)
GLIBC = (2, 28)  # the oldest that the lock's wheels run on
#: what a user's settings of pip may say: how to reach packages, never what to install or where
REACH = {
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "proxy"),
    *("cert", "client-cert", "keyring-provider", "timeout", "default-timeout", "retries"),
    *("use-feature", "use-deprecated", "cache-dir", "no-cache-dir", "log", "no-color"),
}

# what a Python says of itself
PROBE = """
import json, platform, sys, sysconfig
try:
    import ensurepip, venv
    venv = True
except ImportError:
    venv = False
where = sysconfig.get_platform()
if sys.platform == "darwin":  # a universal build is what it runs as
    where = "macosx-" + platform.machine()
print(json.dumps({
    "path": sys.executable,
    "prefix": sys.prefix,
    "name": platform.python_implementation(),
    "version": "%d.%d" % sys.version_info[:2],
    "bits": 64 if sys.maxsize > 2**32 else 32,
    "free-threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "platform": where,
    "venv": venv,
    "packages": sysconfig.get_path("purelib"),
}))
"""


class Stop(Exception):
    """Why the installation can't go on, in one line."""


def supported() -> list[str]:
    """Return the Pythons that the course runs on, the newest first, as pyproject.toml has them."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest, after = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', text, re.M).groups()
    return [f"3.{minor}" for minor in reversed(range(int(oldest), int(after)))]


def sentence() -> str:
    """Return the supported Pythons in words."""
    *others, last = reversed(supported())
    return f"Python {', '.join(others)} or {last}"


def environment(**more: str) -> dict[str, str]:
    """Return this environment without what leads a Python astray."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "__PYVENV"))}
    return {**kept, **more}


# --- the Python ---------------------------------------------------------------------------------


def probe(*command: str) -> dict | None:
    """Return what a Python says of itself, None if it does not run."""
    try:
        done = subprocess.run(
            [*command, "-I", "-c", PROBE],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout.decode())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def fault(found: dict | None) -> str:
    """Return why the course can't run on a Python, or nothing."""
    if not found:
        return "this one does not run"
    if found["name"] != "CPython":
        return f"this is {found['name']}"
    if found["version"] not in supported():
        return f"this is {found['version']}"
    if found["bits"] != 64:
        return "64-bit; this one is 32-bit"
    if found["free-threaded"]:
        return "not a free-threaded build"
    if found["platform"] not in BUILDS:
        return f"this one is for {found['platform']}"
    return "" if found["venv"] else "with its venv module, which this one lacks"


def others() -> Iterator[list[str]]:
    """Yield the commands that may start another Python, the newest first."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 — Path raises where there is no home
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    python = "python.exe" if os.name == "nt" else "bin/python"
    for version in supported():
        yield [f"python{version}"]
        if os.name == "nt":
            yield ["py", f"-{version}"]
        for versions in (pyenv / "versions", pyenv / "pyenv-win" / "versions"):
            yield from ([str(path)] for path in sorted(versions.glob(f"{version}.*/{python}")))
        yield from ([f"{folder.format(version)}/python{version}"] for folder in FOLDERS)
    # conda keeps a list of its environments, and names the one that is active
    conda = [os.environ.get("CONDA_PREFIX", "")]
    with contextlib.suppress(OSError, UnicodeDecodeError):
        conda += (home / ".conda" / "environments.txt").read_text(encoding="utf-8").splitlines()
    yield from ([str(Path(folder, python))] for folder in conda if folder)


def find_python() -> str:
    """Return the path of a Python that the course runs on: this, another, or a downloaded one."""
    # a virtual environment, ours say, may be about to go: take what it was made from
    this = getattr(sys, "_base_executable", None) or sys.executable
    mine = probe(this)
    if not fault(mine):
        return this
    needed = f"the course needs {sentence()} ({fault(mine)})"
    for command in others():
        found = probe(*command) if shutil.which(command[0]) else None
        if not fault(found):
            print(f"install: {needed}; using {found['path']}", flush=True)
            return found["path"]
    if mine and mine["platform"] not in BUILDS:
        raise Stop(no_build(mine["platform"]))
    return fetch_python(this, needed, has_venv=bool(mine and mine["venv"]))


def no_build(platform: str) -> str:
    """Return what to tell someone for whose machine TensorFlow isn't built."""
    if platform == "macosx-x86_64":
        return (
            "TensorFlow has no build for Intel Macs, and this Python is an Intel one. "
            "On Apple silicon, install a native one; otherwise use the Colab or Binder link in the "
            "README."
        )
    if platform.startswith("win"):
        return (
            f"TensorFlow has no build for this Python ({platform}). Get the 64-bit one for Intel "
            f"and AMD from python.org, or use the Colab or Binder link in the README."
        )
    return (
        f"TensorFlow has no build for this machine ({platform}). "
        f"Use the Colab or Binder link in the README."
    )


def fetch_python(this: str, needed: str, has_venv: bool) -> str:
    """Let uv download a Python; return its path."""
    newest = supported()[0]
    advice = f"Install one, then name it: make lab PYTHON=python{newest}"
    lacking = f"no suitable Python: {needed}"
    with tempfile.TemporaryDirectory() as temporary:
        uv = shutil.which("uv")
        if not uv and not has_venv:
            raise Stop(f"{lacking}. On Debian or Ubuntu: sudo apt install python3-venv. {advice}")
        if not uv:
            print(f"install: {needed}; downloading uv, which can download one", flush=True)
            uv = fetch_uv(
                this,
                Path(temporary),
                f"{lacking}, and uv could not be downloaded either ({{}}). "
                f"Are you online? {advice}",
            )
        print(f"install: {needed}; uv is downloading Python {newest}", flush=True)
        own = environment(UV_PYTHON_PREFERENCE="only-managed", NO_COLOR="1")
        failed = f"{lacking}, and uv could not download one ({{}}). {advice}"
        # in a folder where no .python-version or pyproject.toml has a say
        quietly([uv, "python", "install", newest], own, temporary, failed)
        path = quietly([uv, "python", "find", newest], own, temporary, failed).strip()
    if fault(probe(path)):
        raise Stop(f"{lacking}, and the one that uv downloaded, {path}, does not run. {advice}")
    return path


def fetch_uv(this: str, folder: Path, failed: str) -> str:
    """Install uv into a folder of its own, the one that dev.txt pins; return its path."""
    lock = (ROOT / LOCKS["dev"]).read_text(encoding="utf-8")
    pinned = folder / "uv.txt"
    pinned.write_text(re.search(r"^uv==(?:.*\\\n)*.*", lock, re.M).group(), encoding="utf-8")
    quietly([this, "-m", "venv", str(folder / "uv")], environment(), str(folder), failed)
    home = folder / "uv" / PYTHON.parent.name
    python = str(home / PYTHON.name)
    command = [python, "-m", "pip", "install", "--retries=1", "--require-hashes", "-r", str(pinned)]
    quietly(command, pip_environment(python), str(folder), failed)
    return str(home / "uv")


def quietly(command: list[str], env: dict[str, str], folder: str, failed: str) -> str:
    """Run a command; return what it writes, or stop with its last words as the cause."""
    done = subprocess.run(
        command, env=env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        error = done.stderr.decode(errors="replace").split("cause:")[-1].split("ERROR:")[-1]
        raise Stop(failed.format(" ".join(error.split())[-200:] or "no reason given"))
    return done.stdout.decode(errors="surrogateescape")


# --- the environment ----------------------------------------------------------------------------


def run(*command: str, failed: str) -> None:
    """Run a command; stop with one line if it fails."""
    try:
        subprocess.run(command, cwd=ROOT, env=environment(), check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        raise Stop(f"{failed} ({error})" if isinstance(error, OSError) else failed) from None


def pip_environment(python: str) -> dict[str, str]:
    """Return an environment in which pip's settings say how to reach packages, and nothing else.

    Variables and files of a user may send packages elsewhere (``user``, ``target``), or build
    them from source (``no-binary``).
    """
    plain = dict.fromkeys(("USER", "GLOBAL", "SITE", "QUIET", "VERBOSE"), "0")
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"],
        # what is set for installing must not decide what is listed
        env=environment(PYTHONUTF8="1", **{f"PIP_{name}": zero for name, zero in plain.items()}),
        stdout=subprocess.PIPE,
        check=False,
    )
    if listed.returncode:
        raise Stop("pip can't read its own settings; see the error above.")
    settings = {}
    # the general come first, then those of a command, then variables
    for line in sorted(
        listed.stdout.decode(errors="replace").splitlines(),
        key=lambda line: (line.startswith(":env:"), not line.startswith("global.")),
    ):
        where, _, value = line.partition("=")
        section, _, key = where.rpartition(".")
        if key in REACH and section in ("global", "install", ":env:"):
            settings["PIP_" + key.upper().replace("-", "_")] = ast.literal_eval(value)
    kept = {k: v for k, v in environment().items() if not k.upper().startswith("PIP_")}
    kept.update(settings, PIP_CONFIG_FILE=os.devnull, PYTHONUTF8="1")
    if shutil.disk_usage(tempfile.gettempdir()).free < 2e9:
        kept["TMPDIR"] = str(ROOT)  # a small /tmp in memory can't hold TensorFlow
    return kept


def pip(*arguments: str, failed: str) -> None:
    """Run pip in the environment; tell of what is large."""
    start = time.monotonic()
    process = subprocess.Popen(
        [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        cwd=ROOT,
        env=pip_environment(str(PYTHON)),
        stdout=subprocess.PIPE,
    )
    with process:
        for line in process.stdout:
            text = line.decode(errors="replace").strip()
            count = text.count(",") + 1
            if text.startswith("Installing collected packages") and count > 9:
                text = f"Unpacking {count} packages, which takes a minute or two"
            elif not re.match(r"Downloading \S+ \((\d{2,}(\.\d+)? M|.* G)B\)", text):
                continue
            print(f"install: {time.monotonic() - start:3.0f} s  {text}", flush=True)
    if process.returncode:
        raise Stop(failed)


def packages() -> Path | None:
    """Return the folder of ``.venv``'s packages, None if ``.venv`` is not there or does not run."""
    # a moved or copied folder, or a Python that is gone, leaves a .venv that only looks right
    found = probe(str(PYTHON)) if PYTHON.exists() else None
    if not found or fault({**found, "venv": True}) or not (VENV / "pyvenv.cfg").exists():
        return None
    folder = Path(found["packages"])
    notes = (VENV / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    made = re.search(r"^command = .* -m venv (?:--\S+ )*(.*)$", notes, re.M)
    places = [found["prefix"], *(made.groups() if made else ())]
    is_ours = all(Path(place).resolve() == VENV.resolve() for place in places)
    return folder if is_ours and (folder / "pip" / "__main__.py").exists() else None


def make_venv() -> None:
    """Make ``.venv``."""
    python = find_python()
    check_room("course")
    again = " again: the existing one can't be used" if VENV.exists() else ""
    print(f"install: making .venv{again}", flush=True)
    run(python, "-m", "venv", "--clear", str(VENV),
        failed="could not make .venv; see the error above")  # fmt: skip


def check_folder() -> None:
    """Stop with one clear line if nothing can be installed here."""
    if os.pathsep in str(ROOT):
        raise Stop(
            f"no environment can be made in {ROOT}: rename the folder whose name contains "
            f"'{os.pathsep}'."
        )
    for folder in (ROOT, VENV):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise Stop(f"{folder} can't be written to. Clone the course into a folder of your own.")
    if sys.platform == "linux":
        try:
            libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
        except (ValueError, OSError):  # Alpine's has no such name
            libc = ""
        if tuple(map(int, re.findall(r"\d+", libc)[:2])) < GLIBC:
            raise Stop(no_build(libc or "Linux without glibc"))


def check_room(part: str) -> None:
    """Stop with one clear line if there is no room for a part of the environment."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES[part]:
        raise Stop(f"{GIGABYTES[part]} GB of free disk space is needed; {free:.1f} GB is free.")


def digest(part: str) -> str:
    """Return what stands for everything that decides what is installed."""
    files = (LOCKS[part], "pyproject.toml", "install.py")
    return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in files)).hexdigest()


def stamp(part: str) -> Path:
    """Return the file that notes what of a part is installed."""
    return VENV / f".{part}.sha256"


def is_current(part: str) -> bool:
    """Return whether a part is installed as its lock has it."""
    return stamp(part).exists() and stamp(part).read_text(encoding="utf-8") == digest(part)


def install(part: str) -> None:
    """Install a part."""
    check_room(part)
    print(f"install: installing {LOCKS[part]}", flush=True)
    stamp(part).unlink(missing_ok=True)
    # pip takes a package for installed even if it was cut off in the middle of it
    for package in packages().glob("*.dist-info"):
        if not (package / "INSTALLER").exists():
            shutil.rmtree(package)
    pip(
        "install",
        "--require-hashes",
        "--only-binary=:all:",
        f"--requirement={LOCKS[part]}",
        failed="pip could not install the packages; see the error above. Are you online?",
    )
    if part == "course":
        finish()
    elif part == "grading":
        switch_off_nbgrader()
    stamp(part).write_text(digest(part), encoding="utf-8")


def finish() -> None:
    """Install the ``libs`` package, register the environment's own kernel, quieten JupyterLab."""
    pip(
        *("install", "--no-deps", "--no-build-isolation", "--editable", "."),
        failed="pip could not install the course's own package; see the error above",
    )
    kernel = ["--sys-prefix", "--name=python3", "--display-name=Python 3 (course)"]
    kernel += ["--env", "TF_CPP_MIN_LOG_LEVEL", "3"]
    command = [str(PYTHON), "-m", "ipykernel", "install", *kernel]
    run(*command, failed="could not register the kernel")
    path = VENV / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    # what the user set for Python and IPython, PYTHONOPTIMIZE say, is for the user's own work
    spec["argv"][1:1] = ["-E", "-s", "-X", "utf8"]
    spec["argv"].append("--IPKernelApp.exec_PYTHONSTARTUP=False")
    spec["env"]["IPYTHONDIR"] = str(VENV / "share" / "ipython")
    path.write_text(json.dumps(spec, indent=1), encoding="utf-8")
    settings = VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    chosen = {
        # the learner may be offline
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
        # what was drawn is there tomorrow, when the kernel is gone
        "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
    }
    settings.write_text(json.dumps(chosen), encoding="utf-8")


def switch_off_nbgrader() -> None:
    """Hide nbgrader's buttons, which are for a hub; Validate blocks the server while it runs."""
    parts = ("assignment-list", "course-list", "create-assignment", "formgrader", "menu")
    off = {f"@jupyter/nbgrader:{part}": True for part in (*parts, "validate-assignment")}
    page = VENV / "etc" / "jupyter" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(json.dumps({"disabledExtensions": off}, indent=1), encoding="utf-8")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other installation runs in this folder."""
    with (ROOT / ".venv.lock").open("ab") as file:
        try:
            take(file.fileno())
        except BlockingIOError:
            print("install: waiting for another installation in this folder", flush=True)
            while True:
                try:
                    take(file.fileno())
                    break
                except BlockingIOError:
                    time.sleep(0.5)
        except OSError:
            pass  # a file system without locks
        yield


def take(descriptor: int) -> None:
    """Lock a file; raise BlockingIOError if another process has it."""
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def make(parts: list[str]) -> None:
    """Make the environment, with these parts of it."""
    if packages() and all(map(is_current, parts)):
        return
    check_folder()
    start = time.monotonic()
    with alone():
        if not packages():
            make_venv()
        course = is_current("course")
        for part in parts:
            if part == "gpu" and (not course or not is_current(part)):
                # with and without CUDA share their files: neither may lie over the other
                stamp(part).unlink(missing_ok=True)
                pip("uninstall", "--yes", "tensorflow-cpu", "tensorflow",
                    failed="pip could not uninstall TensorFlow")  # fmt: skip
            if not is_current(part):
                install(part)
    print(f"install: done, after {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    """Read the command, and make the environment."""
    parser = argparse.ArgumentParser(prog="install.py", description=__doc__)
    extra = parser.add_mutually_exclusive_group()
    extra.add_argument("--grading", action="store_true", help="also install what grades homework")
    extra.add_argument("--dev", action="store_true", help="also install the maintainers' tools")
    extra.add_argument("--gpu", action="store_true", help="install TensorFlow with CUDA (Linux)")
    arguments = parser.parse_args()
    parts = ["course", *(part for part in ("grading", "dev") if getattr(arguments, part))]
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may hold any character
        if arguments.gpu and sys.platform != "linux":
            raise Stop("TensorFlow has CUDA builds for Linux only; on Windows use WSL 2.")
        if arguments.gpu or stamp("gpu").exists():
            parts.append("gpu")
        make(parts)
    except (Stop, OSError) as error:
        sys.exit(f"install: {error}")
    except KeyboardInterrupt:
        sys.exit("install: interrupted. Run it again to continue.")


if __name__ == "__main__":
    main()
