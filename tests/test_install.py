"""The installer, on machines of every kind: some as stand-ins, a small course for real."""

import ast
import base64
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from project import load_installer, read

from libs import ROOT

REAL = sys._base_executable
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
posix = pytest.mark.skipif(os.name == "nt", reason="stand-ins are shell scripts")
SUPPORTED = load_installer().supported()


class Pretend:
    """A module but for some of its attributes."""

    def __init__(self, module, **attributes):
        self._module = module
        self.__dict__.update(attributes)

    def __getattr__(self, name):
        return getattr(self._module, name)


# --- stand-ins --------------------------------------------------------------------------------


def script(path, text) -> str:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def claim(path, **claims) -> str:
    """Write a Python that runs nothing, but says of itself what it is told to."""
    found = {"path": str(path), "prefix": "/usr", "name": "CPython", "version": SUPPORTED[0],
             "bits": 64, "free-threaded": False, "platform": "linux-x86_64", "venv": True,
             "packages": "/usr"}  # fmt: skip
    return script(path, f"echo {shlex.quote(json.dumps(found | claims))}")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The installer on a machine with nothing but a Python 3.14."""
    installer = load_installer()
    bare = tmp_path / "bin"
    claim(bare / "python3", version="3.14")
    installer.sys = Pretend(sys, _base_executable=str(bare / "python3"))
    installer.FOLDERS = ()
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("PATH", str(bare))
    monkeypatch.setenv("HOME", str(home))
    for name in ("PYENV_ROOT", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    return installer


def stopped(run, *arguments) -> str:
    """Return the one line with which the installer stops."""
    with pytest.raises(Exception) as stop:  # noqa: PT011 — of a module that is loaded anew
        run(*arguments)
    assert type(stop.value).__name__ == "Stop"
    assert "\n" not in str(stop.value)
    return str(stop.value)


# --- which Python -----------------------------------------------------------------------------


def test_this_python_is_taken_if_the_course_runs_on_it():
    assert load_installer().find_python() == REAL


UNFIT = {
    "this is 2.7": {"version": "2.7"},
    "this is 3.9": {"version": "3.9"},
    "this is 3.14": {"version": "3.14"},
    "this is PyPy": {"name": "PyPy"},
    "64-bit; this one is 32-bit": {"bits": 32},
    "not a free-threaded build": {"free-threaded": True},
    "this one is for macosx-x86_64": {"platform": "macosx-x86_64"},
    "with its venv module, which this one lacks": {"venv": False},
}


@posix
@pytest.mark.parametrize("why", UNFIT)
def test_an_unfit_python_is_passed_over_and_said_why(machine, tmp_path, capsys, why):
    newest, next_one = SUPPORTED[:2]
    claim(tmp_path / "bin" / "python3", **UNFIT[why])
    claim(tmp_path / "bin" / f"python{newest}", **UNFIT[why])
    good = claim(tmp_path / "bin" / f"python{next_one}", version=next_one)
    assert machine.find_python() == good
    assert capsys.readouterr().out == (
        f"install: the course needs {machine.sentence()} ({why}); using {good}\n"
    )


@posix
@pytest.mark.parametrize("program", ["exit 127", "echo Python was not found", "kill $$"])
def test_a_python_that_does_not_run_is_passed_over(machine, tmp_path, program):
    script(tmp_path / "bin" / f"python{SUPPORTED[0]}", program)  # as pyenv's and Windows' are
    good = claim(tmp_path / "bin" / f"python{SUPPORTED[-1]}", version=SUPPORTED[-1])
    assert machine.find_python() == good


@posix
@pytest.mark.parametrize("where", ["PATH", "pyenv", "PYENV_ROOT", "Homebrew", "conda", "active"])
def test_a_python_is_found_wherever_it_is(machine, tmp_path, monkeypatch, where):
    version = SUPPORTED[1]
    home = tmp_path / "home"
    places = {
        "PATH": tmp_path / "bin" / f"python{version}",
        "pyenv": home / ".pyenv" / "versions" / f"{version}.4" / "bin" / "python",
        "PYENV_ROOT": tmp_path / "[py]" / "versions" / f"{version}.4" / "bin" / "python",
        "Homebrew": tmp_path / "opt" / f"python@{version}" / "bin" / f"python{version}",
        "conda": tmp_path / "my envs" / "one" / "bin" / "python",
        "active": tmp_path / "active" / "bin" / "python",
    }
    claim(places[where], version=version)
    if where == "PYENV_ROOT":
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "[py]"))
    if where == "Homebrew":
        machine.FOLDERS = (f"{tmp_path}/opt/python@{{}}/bin",)
    if where == "active":
        monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "active"))
    if where == "conda":
        (home / ".conda").mkdir()
        listed = f"/gone\n{tmp_path}/my envs/one\n"
        (home / ".conda" / "environments.txt").write_text(listed, encoding="utf-8")
    assert machine.find_python() == str(places[where])


@posix
def test_uv_fetches_a_python_where_there_is_none(machine, tmp_path, capsys):
    fetched = claim(tmp_path / "fetched" / "python3")
    log = tmp_path / "log"
    script(tmp_path / "bin" / "uv",
           f'echo "$@" $UV_PYTHON_PREFERENCE >>{log}\n[ $2 = install ] || echo {fetched}'
           )  # fmt: skip
    assert machine.find_python() == fetched
    newest = SUPPORTED[0]
    assert log.read_text().splitlines() == [
        f"python install {newest} only-managed",
        f"python find {newest} only-managed",
    ]
    assert capsys.readouterr().out == (
        f"install: the course needs {machine.sentence()} (this is 3.14); "
        f"uv is downloading Python {newest}\n"
    )


@posix
def test_a_uv_without_a_network_is_one_line(machine, tmp_path):
    script(
        tmp_path / "bin" / "uv",
        'echo "error: Failed\n  cause: Request failed\n  cause: dns error\n" >&2; exit 1',
    )
    message = stopped(machine.find_python)
    assert message.startswith("no suitable Python: ")
    assert "(this is 3.14), and uv could not download one (dns error)" in message
    assert f"PYTHON=python{SUPPORTED[0]}" in message


@posix
def test_a_fetched_python_that_does_not_run_is_named(machine, tmp_path):
    script(tmp_path / "bin" / "uv", "echo /no/such/python")
    assert "/no/such/python, does not run" in stopped(machine.find_python)


@posix
def test_a_python_without_venv_has_debian_s_package_named(machine, tmp_path):
    claim(tmp_path / "bin" / "python3", venv=False)
    assert "sudo apt install python3-venv" in stopped(machine.find_python)


# --- the machine ------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ("macosx-x86_64", "no build for Intel Macs"),
        ("win-arm64", "no build for this Python (win-arm64)"),
        ("linux-riscv64", "no build for this machine (linux-riscv64)"),
    ],
)
def test_a_machine_without_tensorflow_is_told_so(machine, tmp_path, platform, words):
    claim(tmp_path / "bin" / "python3", platform=platform)
    script(tmp_path / "bin" / "uv", "exit 1")
    assert words in stopped(machine.find_python)
    assert "Colab or Binder" in stopped(machine.find_python)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' C library")
@pytest.mark.parametrize("libc", ["", "glibc 2.17", "musl 1.2", None])
def test_an_old_or_another_c_library_is_named(machine, libc):
    def confstr(name):
        if libc is None:
            raise ValueError("unrecognized configuration name")
        return libc

    machine.os = Pretend(os, confstr=confstr)
    assert f"no build for this machine ({libc or 'Linux without glibc'})" in stopped(
        machine.check_folder
    )


@pytest.mark.parametrize("folder", ["ROOT", "VENV"])
def test_a_folder_that_can_t_be_written_is_named(machine, folder, tmp_path):
    machine.VENV = tmp_path
    machine.os = Pretend(os, access=lambda path, mode: path != getattr(machine, folder))
    assert f"{getattr(machine, folder)} can't be written" in stopped(machine.check_folder)


@posix
def test_a_folder_whose_name_breaks_path_is_named(machine, tmp_path):
    machine.ROOT = tmp_path / "a:b"
    assert "rename the folder whose name contains ':'" in stopped(machine.check_folder)


def test_a_full_disk_is_named(machine):
    machine.shutil = Pretend(
        shutil, disk_usage=lambda path: shutil._ntuple_diskusage(10, 9.5e9, 0.5e9)
    )
    message = stopped(machine.check_room, "course")
    assert "4 GB of free disk space is needed; 0.5 GB is free" in message


def test_a_gpu_is_for_linux(machine, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["install.py", "--gpu"])
    machine.sys = Pretend(sys, platform="win32")
    with pytest.raises(SystemExit, match=r"^install: .*WSL 2"):
        machine.main()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device"), "install: [Errno 28] No space left on device"),
        (KeyboardInterrupt(), "install: interrupted. Run it again to continue."),
    ],
)
def test_whatever_happens_it_ends_with_one_line(machine, monkeypatch, error, line):
    def fails(parts):
        raise error

    monkeypatch.setattr(sys, "argv", ["install.py"])
    machine.make = fails
    with pytest.raises(SystemExit) as stop:
        machine.main()
    assert stop.value.code == line  # printed on the error stream; the status is 1


# --- Pythons that start it --------------------------------------------------------------------


def test_old_pythons_can_read_it():
    ast.parse(read("install.py"), feature_version=(3, 8))


@posix
@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13", "3.14"])
def test_any_python_starts_it(version):
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for python in filter(None, reversed(found)):
        done = subprocess.run([python, "install.py", "--help"], cwd=ROOT, capture_output=True)
        if done.returncode != 127:  # pyenv's stand-in for one that is not there
            assert b"--grading" in done.stdout
            assert not done.stderr
            return
    pytest.skip(f"no Python {version} here")


# --- a small course, installed for real ---------------------------------------------------------

BACKEND = '''"""Builds the small course's own package, and nothing else."""
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "libs-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("libs.pth", "")
        wheel.writestr("libs-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: libs\\nVersion: 1\\n")
        wheel.writestr("libs-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("libs-1.dist-info/RECORD", "")
    return name
'''  # noqa: E501
KERNEL = """import pathlib, sys
assert sys.argv[1:3] == ["install", "--sys-prefix"]
kernel = pathlib.Path(sys.prefix, "share", "jupyter", "kernels", "python3", "kernel.json")
kernel.parent.mkdir(parents=True, exist_ok=True)
kernel.write_text('{"argv": ["python"], "env": {}}')
"""
UV = """import os, sys
def main():
    if sys.argv[1:3] == ["python", "find"]:
        print(os.environ["FETCHED"])
"""


def wheel(folder, name, files, scripts="") -> str:
    """Write a package; return its line in a lock."""
    info = f"{name}-1.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{scripts}\n",
    }
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        rows = []
        for file, text in files.items():
            archive.writestr(file, text)
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            rows.append(f"{file},sha256={sha256.decode().rstrip('=')},{len(text.encode())}")
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}==1 \\\n    --hash=sha256:{digest}\n"


@pytest.fixture
def course(tmp_path):
    """A course of two packages in a folder with a name to stumble over, and no network."""
    # longer than a script's first line may be, too, but where paths must be short
    root = tmp_path / f"course [2026] 50% ü{' long' * (0 if os.name == 'nt' else 25)}"
    (root / "requirements").mkdir(parents=True)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    shutil.copy(ROOT / "install.py", root)
    pythons = re.search(r"^requires-python = .*", read("pyproject.toml"), re.M).group()
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "libs"\nversion = "1"\n{pythons}\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        encoding="utf-8",
    )
    (root / "backend.py").write_text(BACKEND, encoding="utf-8")
    kernel = wheel(
        wheels, "ipykernel", {"ipykernel/__init__.py": "", "ipykernel/__main__.py": KERNEL}
    )
    lesson = wheel(
        wheels, "lesson", {"lesson.py": "def main():\n    print(42)\n"}, "lesson = lesson:main"
    )
    (root / "requirements.txt").write_text(kernel + lesson, encoding="utf-8")
    grading = wheel(wheels, "marks", {"marks.py": ""})
    (root / "requirements" / "grading.txt").write_text(grading, encoding="utf-8")
    uv = wheel(wheels, "uv", {"uv.py": UV}, "uv = uv:main")
    (root / "requirements" / "dev.txt").write_text(kernel + uv + grading, encoding="utf-8")
    return root


def environment(course, **more):
    """Return an environment in which pip finds the small course's packages, and no others."""
    keep = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "LANG")
    found = {name: os.environ[name] for name in keep if name in os.environ}
    wheels = str(course.parent / "wheels")
    found |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels}
    return found | {"HOME": str(course.parent), **more}


def install(course, *arguments, python=REAL, **more):
    return subprocess.run(
        [python, "install.py", *arguments],
        cwd=course,
        env=environment(course, **more),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def python_of(course):
    return course / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def works(course):
    """Return whether everything of the small course is there and runs."""
    scripts = python_of(course).parent
    done = [
        subprocess.run(command, env=environment(course), capture_output=True, text=True).stdout
        for command in (
            [scripts / "lesson"],
            [python_of(course), "-c", "import lesson, ipykernel; lesson.main()"],
        )
    ]
    return done == ["42\n", "42\n"] and next(course.glob(".venv/**/kernel.json")) is not None


@pytest.mark.slow
def test_a_course_is_installed_once_and_mended_when_it_must_be(course):
    first = install(course)
    assert first.returncode == 0, first.stderr
    assert re.fullmatch(
        r"install: making \.venv\ninstall: installing requirements\.txt\n"
        r"install: done, after \d+ s\n",
        first.stdout,
    ), first.stdout
    assert works(course)
    again = install(course)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    # finished, it may be read-only, and of somebody without a home
    if os.name != "nt":
        folders = [course, course / ".venv"]
        for folder in folders:
            folder.chmod(0o555)
        again = install(course, HOME="/no/such/home")
        for folder in folders:
            folder.chmod(0o755)
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    grading = install(course, "--grading")
    assert "installing requirements/grading.txt" in grading.stdout
    assert "installing requirements.txt" not in grading.stdout
    page = course / ".venv" / "etc" / "jupyter" / "labconfig" / "page_config.json"
    assert json.loads(page.read_text())["disabledExtensions"]["@jupyter/nbgrader:formgrader"]

    # a package that was cut off while it was unpacked
    info = next((course / ".venv").rglob("lesson-1.dist-info"))
    (info / "INSTALLER").unlink()
    (info.parent / "lesson.py").unlink()
    (course / ".venv" / ".course.sha256").unlink()
    assert install(course).returncode == 0
    assert works(course)

    # a folder that was moved
    moved = course.rename(course.with_name("moved"))
    mended = install(moved)
    assert "install: making .venv again: the existing one can't be used" in mended.stdout
    assert works(moved)


SETTINGS = {
    "PIP_USER": "1",
    "PIP_TARGET": "elsewhere",
    "PIP_PREFIX": "elsewhere",
    "PIP_ROOT": "elsewhere",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_NO_BINARY": ":all:",
    "PIP_DRY_RUN": "1",
    "PIP_NO_DEPS": "1",
    "PIP_QUIET": "3",
    "PIP_CONSTRAINT": "no-such-file",
    "PIP_IGNORE_INSTALLED": "1",
    "PYTHONPATH": "elsewhere",
    "PYTHONSTARTUP": "no-such-file",
    "PYTHONOPTIMIZE": "2",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUSERBASE": "elsewhere",
    "PYTHONDONTWRITEBYTECODE": "1",
    "VIRTUAL_ENV": "/no/such/environment",
    "CONDA_PREFIX": "/no/such/environment",
    "CONDA_DEFAULT_ENV": "base",
    "CONDA_PYTHON_EXE": "/no/such/python",
}
CONFIGURED = """[global]
user = true
no-binary = :all:
target = elsewhere
require-virtualenv = true
[install]
prefix = elsewhere
[list]
format = json
"""


@pytest.mark.slow
def test_a_user_s_settings_do_not_lead_pip_astray(course):
    file = course.parent / "pip.conf"
    file.write_text(CONFIGURED, encoding="utf-8")
    done = install(course, **SETTINGS, PIP_CONFIG_FILE=str(file))
    assert done.returncode == 0, done.stderr
    assert works(course)
    assert not list(course.parent.rglob("elsewhere"))


@pytest.mark.parametrize("name", [None, *SETTINGS])
def test_what_says_how_to_reach_packages_is_kept_and_nothing_else(
    machine, monkeypatch, tmp_path, name
):
    for variable in [v for v in os.environ if v.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    file = tmp_path / "pip.conf"
    reach = "quiet = 3\nproxy = http://proxy:3128\n[install]\nretries = 9"
    file.write_text(CONFIGURED.replace("[install]", reach), encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror/simple")
    if name:
        monkeypatch.setenv(name, SETTINGS[name])
    found = machine.pip_environment(sys.executable)
    kept = {k: v for k, v in found.items() if k.startswith("PIP_")}
    assert (
        kept.items()
        >= {
            "PIP_INDEX_URL": "https://mirror/simple",
            "PIP_PROXY": "http://proxy:3128",
            "PIP_RETRIES": "9",
            "PIP_CONFIG_FILE": os.devnull,
        }.items()
    )
    assert not {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_NO_BINARY", name} & kept.keys()
    assert [k for k in found if k.startswith("PYTHON")] == ["PYTHONUTF8"]


@posix
@pytest.mark.slow
def test_an_unsupported_python_alone_lets_uv_come_and_fetch_another(course):
    # 3.14's part is played by this one, which says that it isn't what it is
    program = (
        "import runpy, sys; sys.argv = ['install.py']; sys.path[:0] = ['']; import install\n"
        "claims = iter(['3.14']); real = install.probe\n"
        "def probe(*command):\n"
        "    found = real(*command)\n"
        "    return {**found, 'version': next(claims, found['version'])} if found else None\n"
        "install.probe = probe; install.FOLDERS = (); install.main()"
    )
    done = subprocess.run(
        [REAL, "-B", "-c", program],
        cwd=course,
        env=environment(course, PATH="/no/such/folder", FETCHED=REAL),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("(this is 3.14); downloading uv, which can download one")
    assert any(f"uv is downloading Python {SUPPORTED[0]}" in line for line in lines)
    assert works(course)


@posix
def test_pip_s_words_are_passed_on_where_they_tell_of_a_wait(machine, tmp_path, capsys):
    large = "Downloading tensorflow-2-cp313-win_amd64.whl (274.3 MB)"
    names = ", ".join(f"p{n}" for n in range(150))
    said = [
        *("Collecting numpy==2 (from -r requirements.txt (line 7))", f"  {large}"),
        *("  Downloading six-1-py3-none-any.whl (11 kB)", "  Downloading h5py-3.whl (5.1 MB)"),
        *("  Downloading cuda-12.whl (1.2 GB)", f"Installing collected packages: {names}"),
    ]
    machine.PYTHON = script(tmp_path / "python", f"[ $3 = config ] || echo '{chr(10).join(said)}'")
    machine.pip("install", failed="")
    told = [line.partition(" s  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        large,
        "Downloading cuda-12.whl (1.2 GB)",
        "Unpacking 150 packages, which takes a minute or two",
    ]


@pytest.mark.slow
def test_two_at_the_same_time_take_turns(course):
    def start():
        return subprocess.Popen(
            [REAL, "install.py"], cwd=course, env=environment(course), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    outputs = []
    for one in [start(), start()]:
        out, errors = one.communicate()
        assert one.returncode == 0, errors
        outputs.append(out)
    assert works(course)
    assert "".join(outputs).count("install: installing requirements.txt") == 1


@posix
@pytest.mark.slow
def test_an_interrupted_installation_goes_on_the_next_time(course):
    with subprocess.Popen(
        [REAL, "install.py"], cwd=course, env=environment(course), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        for line in process.stdout:
            if "installing requirements.txt" in line:
                break
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl+C does
        errors = process.stderr.read()
    assert process.returncode == 1
    # what pip has to say about it may stand above
    assert errors.endswith("install: interrupted. Run it again to continue.\n")
    assert install(course).returncode == 0
    assert works(course)


@posix
@pytest.mark.parametrize("left", ["nothing", "another system's", "another Python's", "half of it"])
def test_what_is_left_of_another_environment_does_not_count(machine, tmp_path, left):
    machine.VENV = venv = tmp_path / ".venv"
    machine.PYTHON = venv / "bin" / "python"
    if left == "another system's":
        (venv / "Scripts").mkdir(parents=True)
        (venv / "Scripts" / "python.exe").write_bytes(b"MZ")
    elif left == "another Python's":
        claim(venv / "bin" / "python", version="3.9", prefix=str(venv))
    elif left == "half of it":
        (venv / "bin").mkdir(parents=True)
        (venv / "bin" / "python").symlink_to(REAL)
    assert machine.packages() is None


@posix
@pytest.mark.slow
def test_half_an_environment_is_replaced(course):
    (course / ".venv" / "bin").mkdir(parents=True)
    (course / ".venv" / "bin" / "python").symlink_to(REAL)
    (course / ".venv" / ".course.sha256").write_text("stale")
    done = install(course)
    assert done.returncode == 0, done.stderr
    assert "making .venv again" in done.stdout
    assert works(course)


def test_a_file_named_venv_is_one_line(course):
    (course / ".venv").write_text("")
    done = install(course)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("install: could not make .venv")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_no_network_is_one_line_after_pip_s_own(course):
    (course / "requirements.txt").write_text("gone==1 --hash=sha256:" + "0" * 64, encoding="utf-8")
    done = install(course)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("install: pip could not install the packages; see the error above")
    assert "Traceback" not in done.stderr


def test_who_is_sent_to_a_panel_of_nbgrader_s_is_told_how_to_turn_it_on(tmp_path, monkeypatch):
    installer = load_installer()
    monkeypatch.setattr(installer, "VENV", tmp_path)
    installer.switch_off_nbgrader()
    page = json.loads((tmp_path / "etc/jupyter/labconfig/page_config.json").read_text())
    text = (ROOT / "homework" / "AUTHORING.md").read_text("utf-8")
    for panel in re.findall(r"\*([A-Z]\w+ [A-Z]\w+)\* panel", text):
        plugin = f"@jupyter/nbgrader:{panel.lower().replace(' ', '-')}"
        assert page["disabledExtensions"][plugin]
        assert f"jupyter labextension enable {plugin}" in text
