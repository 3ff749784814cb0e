"""What surrounds the lessons: README, commands, locks, workflows, data files, the installer."""

import ast
import builtins
import hashlib
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from libs import datasets, machine
from libs.datasets import ROOT

MARKDOWN = MarkdownIt().enable("table")
FOLDERS = [p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")]
PAGES = sorted(
    {*ROOT.glob("*.md")}
    | {page for folder in FOLDERS for page in folder.rglob("*.md") if "out" not in page.parts}
)
LOCKS = {
    "requirements.in": "requirements.txt",
    "requirements/dev.in": "requirements/dev.txt",
    "requirements/gpu.in": "requirements/gpu.txt",
}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEST = "python -m pytest --nbval tests notebooks"
# the machines that the course promises to run on
MACHINES = {
    "Linux, x86": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "Linux, ARM": {"sys_platform": "linux", "platform_machine": "aarch64"},
    "Apple silicon": {"sys_platform": "darwin", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "platform_machine": "AMD64"},
}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
each_lock = pytest.mark.parametrize("source", LOCKS)
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)


def read(name) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# --- README and the other pages ---------------------------------------------------------------


def tokens(page):
    return [t for block in MARKDOWN.parse(read(page)) for t in block.children or []]


def anchors(page):
    """Return the names that the headings of a page can be linked by, as GitHub makes them."""
    blocks = MARKDOWN.parse(read(page))
    headings = [b.content for a, b in itertools.pairwise(blocks) if "heading" in a.type]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_of_a_page_resolve_and_its_pictures_have_alternative_text(page):
    for token in tokens(page):
        if token.type == "image":
            assert token.content.strip(), "a picture without alternative text"
        link = token.attrs.get("href") or token.attrs.get("src")
        if not link or link.startswith(("https://", "mailto:")):
            continue
        assert not link.startswith("http:"), f"{link} is not encrypted"
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@each_page
def test_commands_that_a_page_names_exist(page):
    text = read(page)
    named = set(re.findall(r"(?:`|^|\s)make ([a-z]+)", text, re.MULTILINE))
    # in running prose "make" is a verb
    named &= {n for n in named if re.search(rf"(`|^\s*|\d )make {n}\b", text, re.MULTILINE)}
    assert named <= set(targets()), f"no such target: {sorted(named - set(targets()))}"
    for option in re.findall(r"install\.py (--\w+)", text):
        assert f'"{option}"' in read("install.py"), f"install.py has no {option}"
    for file in re.findall(r"`((?:tools|docs|libs|tests|benchmarks|requirements)/[\w./-]+)`", text):
        assert (ROOT / file).exists(), f"{file} is not there"


def test_readme_shows_a_small_moving_picture():
    picture = ROOT / "docs" / "readme.gif"
    assert "](docs/readme.gif)" in read("README.md")
    assert picture.stat().st_size < 2_000_000
    with Image.open(picture) as image:
        assert image.n_frames > 10


def test_readme_maps_the_lessons_that_there_are():
    rows = {
        number: (cell, int(minutes))
        for number, cell, minutes in re.findall(
            r"^\| (\d\d) \| (.+?) \| (\d+) \|", read("README.md"), re.MULTILINE
        )
    }
    assert list(rows) == [f"{number:02}" for number in range(11)]
    lessons = {p.name[:2]: p for p in sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))}
    for number, (cell, minutes) in rows.items():
        if number not in lessons:
            assert cell.endswith("(to come)"), f"lesson {number} is not there yet: say so"
            continue
        course = json.loads(read(lessons[number]))["metadata"]["course"]
        assert cell == f"[{course['title']}](notebooks/{lessons[number].name})"
        assert minutes == course["minutes"], f"lesson {number} takes {course['minutes']} minutes"


def test_readme_tells_the_commands_that_are_run():
    readme = read("README.md")
    assert "make lab" in readme
    assert "make test" in readme
    assert f".venv\\Scripts\\{TEST}" in readme
    assert f"$(BIN)/{TEST}" in read("Makefile")


# --- Makefile ---------------------------------------------------------------------------------


def targets() -> dict[str, tuple[str, str]]:
    """Return what each target needs, and its help."""
    found = re.findall(r"^([a-z]+):([^#=\n]*)(?:## *(.*))?$", read("Makefile"), re.MULTILINE)
    return {name: (needs, text) for name, needs, text in found}


def test_every_target_has_help_but_those_that_only_others_need():
    needed = {name for needs, _ in targets().values() for name in needs.split()}
    for name, (_, text) in targets().items():
        assert text or name in needed, f"make {name} has no help"


@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="no make here")
def test_make_help_lists_the_commands_and_each_knows_what_to_do():
    def make(*arguments):
        done = subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    listed = make("help")
    for name, (_, text) in targets().items():
        assert make("--dry-run", name).strip(), f"make {name} does nothing"
        if text:
            assert re.search(rf"^{name} +{re.escape(text)}$", listed, re.MULTILINE)


# --- what is installed ------------------------------------------------------------------------


def direct(source):
    """Return the requirements of a hand-written file, each with its reason."""
    found = []
    for line in read(source).splitlines():
        if line.strip() and not line.startswith(("#", "-c ")):
            requirement, _, reason = line.partition("  #")
            found.append((Requirement(requirement), reason.strip()))
    return found


def locked(lock):
    """Return the requirements of a lock, each with its hashes."""
    logical = re.sub(r" *\\\n *", " ", read(lock))
    entries = []
    for line in logical.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement, *hashes = re.split(r" --hash=", line)
            entries.append((Requirement(requirement), hashes))
    return entries


@each_lock
def test_every_direct_dependency_has_its_reason(source):
    assert direct(source)
    for requirement, reason in direct(source):
        assert len(reason) > 5, f"{source}: why {requirement.name}?"


@each_lock
def test_a_lock_pins_everything_with_hashes_and_names_no_address(source):
    lock = LOCKS[source]
    assert "://" not in read(lock)
    assert "--index" not in read(lock)
    assert "--find-links" not in read(lock)
    for requirement, hashes in locked(lock):
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), f"{requirement} is not pinned"
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes)


@each_lock
def test_a_lock_holds_every_direct_dependency(source):
    pins = {(canonicalize_name(r.name), next(iter(r.specifier)).version)
            for r, _ in locked(LOCKS[source])}  # fmt: skip
    for requirement, _ in direct(source):
        name = canonicalize_name(requirement.name)
        versions = [version for known, version in pins if known == name]
        assert versions, f"{name} is not in {LOCKS[source]}: make lock"
        for version in versions:
            assert requirement.specifier.contains(version, prereleases=True), "make lock"


def test_the_locks_agree():
    def pins(lock):
        return {(canonicalize_name(r.name), str(r.specifier)) for r, _ in locked(lock)}

    course = pins("requirements.txt")
    names = {name for name, _ in course}
    for lock in ("requirements/dev.txt", "requirements/gpu.txt"):
        others = {pin for pin in pins(lock) if pin[0] in names}
        assert others <= course, f"{lock} is not of one piece with the course's: make lock"


@pytest.mark.parametrize("where", MACHINES)
def test_each_machine_gets_one_tensorflow(where):
    environment = default_environment() | MACHINES[where]
    got = [
        requirement.name
        for requirement, _ in locked("requirements.txt")
        if requirement.name.startswith("tensorflow")
        and (requirement.marker is None or requirement.marker.evaluate(environment))
    ]
    assert got == ["tensorflow-cpu" if where == "Linux, x86" else "tensorflow"]


def test_every_place_names_the_same_pythons():
    installer = load_installer()
    oldest, newest = installer.OLDEST, installer.NEWEST
    assert (oldest, newest) == machine._PYTHON
    pythons = [f"3.{minor}" for minor in range(oldest[1], newest[1] + 1)]
    wanted = tomllib.loads(read("pyproject.toml"))["project"]["requires-python"]
    assert wanted == f">={pythons[0]},<3.{newest[1] + 1}"
    sentence = f"Python {', '.join(pythons[:-1])} or {pythons[-1]}"
    for name in ("README.md", "install.py"):
        assert set(re.findall(r"Python 3\.\d+, [\d., ]+ or [\d.]+\d", read(name))) == {sentence}
    for path in WORKFLOWS:
        used = re.findall(r"python(?:-version)?: \"([\d.]+)\"", read(path))
        assert used, f"{path.name} names no Python"
        assert set(used) <= set(pythons), path.name
    assert f"--python-version {pythons[0]}" in read("Makefile"), "the lock is for the oldest"


def test_conda_installs_the_lock():
    environment = yaml.safe_load(read("environment.yml"))
    python, pip, lock = environment["dependencies"]
    assert re.fullmatch(r"python=3\.1[1-3]", python)
    assert pip == "pip"
    assert lock == {"pip": ["-r requirements.txt"]}
    assert f"conda activate {environment['name']}\n" in read("README.md")
    # pip refuses a folder in one go with hashes, so the package comes after
    package = "python -m pip install --no-deps --no-build-isolation --editable ."
    assert package in read("README.md")
    assert package in read("environment.yml")
    assert package.removeprefix("python -m pip install") in read("postBuild")


# --- what runs elsewhere ----------------------------------------------------------------------


def workflow(path):
    content = yaml.safe_load(read(path))
    return content.pop(True), content  # YAML reads the key `on` as true


def commands(content):
    return [step["run"] for job in content["jobs"].values() for step in job["steps"]
            if "run" in step]  # fmt: skip


@each_workflow
def test_a_workflow_runs_the_readme_s_test_command(path):
    _, content = workflow(path)
    lines = [line.strip() for run in commands(content) for line in run.splitlines()]
    tests = [line for line in lines if "pytest" in line or line.startswith("make test")]
    assert tests
    for line in tests:
        assert re.sub(r"^\.venv[/\\](bin|Scripts)[/\\]", "", line) == TEST or re.fullmatch(
            r"make test( PYTHON=python)?", line
        ), line
    made = {name for line in lines for name in re.findall(r"^make (\w+)", line)}
    assert made <= set(targets())


@each_workflow
def test_a_workflow_is_careful(path):
    _, content = workflow(path)
    assert content["permissions"] == {"contents": "read"}
    assert "concurrency" in content
    for name, job in content["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        for step in job["steps"]:
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@(v\d+|[0-9a-f]{40})", step.get("uses", "a/b@v1"))
            # what a stranger wrote, such as a branch's name, is not for the shell
            assert "${{ github.event" not in step.get("run", "")
            assert "${{ github.head_ref" not in step.get("run", "")


def test_the_workflows_cover_every_push_a_gpu_and_every_night():
    when, cpu = workflow(ROOT / ".github/workflows/cpu.yml")
    assert when == {"push": None, "pull_request": None}
    machines = [m["system"] for m in cpu["jobs"]["test"]["strategy"]["matrix"]["include"]]
    assert {m.split("-")[0] for m in machines} == {"ubuntu", "macos", "windows"}
    assert {"make lint PYTHON=python", "make browser PYTHON=python"} <= set(commands(cpu))
    _, gpu = workflow(ROOT / ".github/workflows/gpu.yml")
    assert "gpu" in gpu["jobs"]["test"]["runs-on"]
    when, nightly = workflow(ROOT / ".github/workflows/nightly.yml")
    assert when["schedule"]
    strategy = nightly["jobs"]["test"]["strategy"]
    assert strategy["fail-fast"] is False
    assert any("tf-nightly" in one["packages"] for one in strategy["matrix"]["include"])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such bit")
@pytest.mark.parametrize("name", [".ci/run", "postBuild"])
def test_a_program_can_be_run(name):
    assert os.access(ROOT / name, os.X_OK)
    assert read(name).startswith("#!")


def test_the_gate_calls_the_readme_s_command():
    assert re.search(r"^for target in test lint browser; do$", read(".ci/run"), re.MULTILINE)


# --- data and licences ------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ["MNIST", "FashionMNIST"])
def test_the_note_beside_the_data_files_is_right(dataset):
    folder = ROOT / f"{dataset}_data"
    note = read(folder / "README.md")
    assert {p.name for p in folder.glob("*.gz")} == set(datasets._FILES[dataset])
    for name, sha256 in datasets._FILES[dataset].items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256, f"{name} is not the published file"
        assert f"{sha256}  {name}\n" in note
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        assert f"{md5}  {name}\n" in note
        assert re.search(rf"`{name}` .* {len(content):,} \|", note)
    assert "## Origin and licence" in note
    assert "## Citation" in note


def test_code_text_and_data_have_their_licences():
    assert read("LICENSE").startswith("MIT License\n")
    assert tomllib.loads(read("pyproject.toml"))["project"]["license"] == "MIT"
    assert "creativecommons.org/licenses/by/4.0/" in read("LICENSE-TEXT.md")
    assert "creativecommons.org/licenses/by-sa/3.0/" in read("MNIST_data/README.md")
    assert "Copyright © 2017 Zalando SE" in read("FashionMNIST_data/README.md")


# --- the installer ----------------------------------------------------------------------------


class Pretend:
    """A module but for some of its attributes."""

    def __init__(self, module, **attributes):
        self._module = module
        self.__dict__.update(attributes)

    def __getattr__(self, name):
        return getattr(self._module, name)


def load_installer():
    spec = importlib.util.spec_from_file_location("installer", ROOT / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installer(tmp_path, monkeypatch):
    """The installer, of a folder with nothing in it, on a machine where all is well."""
    module = load_installer()
    module.ROOT = tmp_path
    module.VENV = tmp_path / ".venv"
    module.PYTHON = module.VENV / module.PYTHON.relative_to(ROOT / ".venv")
    module.sys = Pretend(sys, version_info=(3, 12, 1), platform="linux")
    monkeypatch.setattr(sys, "argv", ["install.py"])  # argparse looks there
    module.platform = Pretend(module.platform, machine=lambda: "x86_64")
    module.shutil = Pretend(shutil, disk_usage=lambda path: shutil._ntuple_diskusage(2, 1, 1e12))
    module.subprocess = Pretend(subprocess, run=lambda *a, **k: pytest.fail(f"it ran {a}"))
    return module


def stopped(run) -> str:
    """Return the one line with which the installer stops, with exit status 1."""
    with pytest.raises(SystemExit) as stop:
        run()
    message = stop.value.code  # a text is printed on the error stream, and the status is 1
    assert isinstance(message, str)
    assert message.startswith("install: ")
    assert "\n" not in message
    return message


def test_the_installer_accepts_a_machine_where_all_is_well(installer):
    installer.check_machine()
    installer.check_disk("course")


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 6), (3, 10, 0), (3, 14, 0), (4, 0, 0)])
def test_a_wrong_python_is_named(installer, version):
    installer.sys.version_info = version
    assert "Python 3.11, 3.12 or 3.13 is needed" in stopped(installer.main)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9), (3, 13, 2)])
def test_the_right_pythons_are_taken(installer, version):
    installer.sys.version_info = version
    installer.check_machine()


def test_a_32_bit_python_is_named(installer):
    installer.sys.maxsize = 2**31 - 1
    assert "64-bit" in stopped(installer.main)


def test_an_intel_mac_is_named(installer):
    installer.sys.platform = "darwin"
    assert "Intel" in stopped(installer.main)
    installer.platform.machine = lambda: "arm64"
    installer.check_machine()


def test_a_folder_that_can_t_be_written_is_named(installer, tmp_path):
    installer.os = Pretend(os, access=lambda path, mode: False)
    assert str(tmp_path) in stopped(installer.main)


def test_a_full_disk_is_named_before_anything_is_made(installer, tmp_path):
    installer.shutil.disk_usage = lambda path: shutil._ntuple_diskusage(10, 9.5e9, 0.5e9)
    message = stopped(installer.main)
    assert "4 GB of free disk space" in message
    assert "0.5 GB" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_venv_module_is_named_with_what_to_install(installer, module, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name == module:
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "apt install python3-venv" in stopped(installer.main)


def test_a_pip_that_fails_is_one_line_after_pip_s_own(installer):
    def fails(command, **options):
        raise subprocess.CalledProcessError(1, command)

    installer.subprocess.run = fails
    assert "network" in stopped(lambda: installer.pip("install", "something"))


def test_a_gpu_is_for_linux(installer, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["install.py", "--gpu"])
    installer.sys.platform = "win32"
    installer.make_venv = lambda: None
    installer.install = lambda part, *locks: False
    assert "WSL" in stopped(installer.main)


def test_a_lock_is_installed_once(installer, tmp_path):
    ran = []
    installer.subprocess.run = lambda command, **options: ran.append(command)
    installer.VENV.mkdir()
    (tmp_path / "requirements.txt").write_text("one==1\n", encoding="utf-8")
    assert installer.install("course", "requirements.txt")
    assert not installer.install("course", "requirements.txt")
    (tmp_path / "requirements.txt").write_text("one==2\n", encoding="utf-8")
    assert installer.install("course", "requirements.txt")
    assert len(ran) == 2
    assert all("--require-hashes" in command for command in ran)


def test_an_install_that_was_cut_off_is_done_again(installer, tmp_path):
    def fails(command, **options):
        raise subprocess.CalledProcessError(1, command)

    installer.VENV.mkdir()
    (tmp_path / "requirements.txt").write_text("one==1\n", encoding="utf-8")
    installer.subprocess.run = fails
    stopped(lambda: installer.install("course", "requirements.txt"))
    installer.subprocess.run = lambda command, **options: None
    assert installer.install("course", "requirements.txt")


def test_old_pythons_can_read_the_installer_far_enough_to_hear_no():
    ast.parse(read("install.py"), feature_version=(3, 7))


def test_the_message_is_all_there_is_and_the_status_is_1():
    program = (
        "import runpy, sys; sys.version_info = (3, 9, 6, 'final', 0); sys.argv = ['install.py'];"
        "runpy.run_path('install.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("install: Python 3.11, 3.12 or 3.13 is needed")


def test_the_pages_are_found():
    assert {Path("README.md"), Path("CONTRIBUTING.md")} <= {p.relative_to(ROOT) for p in PAGES}
