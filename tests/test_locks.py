"""What is installed: the locks, and the versions that every place names."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from project import WORKFLOWS, load_installer, read

from libs import ROOT
from tools.versions import ENVIRONMENTS

LOCKS = {
    "requirements.in": "requirements.txt",
    "requirements/grading.in": "requirements/grading.txt",
    "requirements/dev.in": "requirements/dev.txt",
    "requirements/gpu.in": "requirements/gpu.txt",
}
# the machines that the course promises to run on
MACHINES = {
    "Linux, x86": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "Linux, ARM": {"sys_platform": "linux", "platform_machine": "aarch64"},
    "Apple silicon": {"sys_platform": "darwin", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "platform_machine": "AMD64"},
}
# the same for uv: its platform, and what it asks the environment
WHEELS = {
    "Linux, x86": ("x86_64-manylinux_2_28", {}),
    "Linux, ARM": ("aarch64-manylinux_2_28", {}),
    "macOS 13": ("aarch64-apple-darwin", {"MACOSX_DEPLOYMENT_TARGET": "13.0"}),
    "macOS 14": ("aarch64-apple-darwin", {"MACOSX_DEPLOYMENT_TARGET": "14.0"}),
    "Windows": ("x86_64-pc-windows-msvc", {}),
}
#: what runs in a learner's environment, where nothing of requirements/ is installed
LEARNED = [
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    *sorted((ROOT / "homework" / "source").rglob("*.ipynb")),
    *sorted((ROOT / "libs").glob("*.py")),
    ROOT / "grader" / "check.py",
]
# the lock's own source, a note on Keras' past, what Colab has, and tables of what was tried
WHERE_VERSIONS_ARE_DATA = (
    *("requirements.in", "tests/nbval_sanitize.cfg", "tests/test_machine.py"),
    *("tools/versions.py", "CONTRIBUTING.md", "docs/how-we-know.md"),
)
PYTHONS = load_installer().supported()  # the newest first
each_lock = pytest.mark.parametrize("source", LOCKS)


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


def imported(path) -> set[str]:
    """Return the packages that a module or a notebook imports."""
    code = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(code)["cells"] if cell["cell_type"] == "code"]
        code = "\n".join("".join(cell["source"]) for cell in cells)
        code = re.sub(r"^( *)[%!].*$", r"\1pass", code, flags=re.MULTILINE)
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found


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
    wanted = [(canonicalize_name(r.name), r.specifier) for r, _ in direct(source)]
    pins = [(canonicalize_name(r.name), next(iter(r.specifier)).version)
            for r, _ in locked(LOCKS[source])]  # fmt: skip

    def meets(version, specifier):
        return specifier.contains(version, prereleases=True)

    for name, specifier in wanted:
        assert any(n == name and meets(v, specifier) for n, v in pins), f"{name}: make lock"
    for name, version in pins:  # one for each machine, as there are lines with that name
        asked = [specifier for n, specifier in wanted if n == name]
        assert not asked or any(meets(version, s) for s in asked), f"{name}: make lock"


def test_the_locks_agree():
    def pins(lock):
        return {(canonicalize_name(r.name), str(r.specifier)) for r, _ in locked(lock)}

    course = pins("requirements.txt")
    names = {name for name, _ in course}
    for lock in set(LOCKS.values()) - {"requirements.txt"}:
        others = {pin for pin in pins(lock) if pin[0] in names}
        assert others <= course, f"{lock} is not of one piece with the course's: make lock"


@pytest.mark.network
@pytest.mark.parametrize("python", [PYTHONS[-1], PYTHONS[0]])
@pytest.mark.parametrize("machine", WHEELS)
def test_every_lock_has_its_wheels(machine, python, tmp_path):
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv, "uv is missing: make dev"
    platform, system = WHEELS[machine]
    locks = [*LOCKS.values()] if machine == "Linux, x86" else [*LOCKS.values()][:3]
    command = [uv, "pip", "install", "--dry-run", "--require-hashes", "--only-binary", ":all:"]
    command += ["--target", tmp_path, "--python-platform", platform, "--python-version", python]
    for lock in locks:
        done = subprocess.run(
            [*command, "--requirement", ROOT / lock],
            env=os.environ | system,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        if "Failed to fetch" in done.stderr:
            pytest.skip("the package index does not answer")
        assert done.returncode == 0, f"{lock}: {done.stderr}"


def test_lessons_and_homework_import_only_what_a_learner_has():
    pins = {canonicalize_name(requirement.name) for requirement, _ in locked("requirements.txt")}
    homes = packages_distributions()
    ours = {"benchmarks", "evidence", "grader", "learner", "libs", "tools"}
    for path in LEARNED:
        for name in imported(path) - set(sys.stdlib_module_names) - ours:
            beside = (path.parent / f"{name}.py").exists() or (path.parent / name).exists()
            names = {canonicalize_name(home) for home in homes.get(name, [])}
            assert beside or names & pins, f"{path.name} imports {name}, of {names or 'nowhere'}"


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
    pythons, sentence = PYTHONS, load_installer().sentence()
    pyproject = tomllib.loads(read("pyproject.toml"))
    wanted = SpecifierSet(pyproject["project"]["requires-python"])
    assert "target-version" not in pyproject["tool"]["ruff"], "ruff goes by requires-python"
    assert pythons == [f"3.{n}" for n in range(30, 0, -1) if wanted.contains(f"3.{n}")]
    found = re.findall(r"Python 3\.\d+, [\d., ]+ or [\d.]+\d", read("README.md"))
    assert set(found) == {sentence}
    for path in WORKFLOWS:
        used = re.findall(r"python(?:-version)?: \"([\d.]+)\"", read(path))
        assert used, f"{path.name} names no Python"
        # and those of make versions, for the workflow that runs it
        tried = {each for row in ENVIRONMENTS.values() for each in row.pythons}
        more = tried if "make versions" in read(path) else set()
        assert set(used) <= {*pythons, *more}, path.name
    assert set(re.findall(r"python=(3\.\d+)", read("environment.yml"))) <= set(pythons)
    if shutil.which("make"):
        lock = subprocess.run(["make", "-n", "lock"], cwd=ROOT, capture_output=True, text=True)
        assert f"--python-version {pythons[-1]}" in lock.stdout, "the lock is for the oldest"


def test_versions_are_written_in_one_place():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if files.returncode:
        pytest.skip("no git here")
    series = {
        str(requirement.specifier).strip("=*.")
        for requirement, _ in direct("requirements.in")
        if requirement.name in ("tensorflow", "tensorflow-cpu", "keras")
    }
    assert len(series) == 2, series
    number = re.compile(rf"(?<![\d.])({'|'.join(map(re.escape, series))})(?!\d)")
    code = (".py", ".md", ".in", ".yml", ".toml", ".cfg", "Makefile", "postBuild", "run")
    for name in filter(lambda name: name.endswith(code), files.stdout.split("\0")):
        if name not in WHERE_VERSIONS_ARE_DATA:
            assert not (found := number.search(read(name))), f"{name} names {found.group()}"


def test_conda_installs_the_lock():
    environment = yaml.safe_load(read("environment.yml"))
    python, pip, lock = environment["dependencies"]
    assert re.fullmatch(r"python=3\.\d+", python)
    assert pip == "pip"
    assert lock == {"pip": ["-r requirements.txt"]}
    assert f"conda activate {environment['name']}\n" in read("README.md")
    # pip refuses a folder in one go with hashes, so the package comes after
    package = "python -m pip install --no-deps --no-build-isolation --editable ."
    assert package in read("README.md")
    assert package in read("environment.yml")
    assert package.removeprefix("python -m pip install") in read("postBuild")


@pytest.mark.parametrize("package", ["grader", "libs"])
def test_a_package_brings_every_file_it_has(package):
    tool = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]
    patterns = tool.get("package-data", {}).get(package, [])
    files = [path for path in (ROOT / package).rglob("*") if path.is_file()]
    others = {path for path in files if path.suffix not in (".py", ".pyc") and path.name[0] != "."}
    assert others == {path for one in patterns for path in (ROOT / package).glob(one)}
    for one in patterns:
        assert [*(ROOT / package).glob(one)], f"no file is {one}"
