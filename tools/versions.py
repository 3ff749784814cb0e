"""Try the course on other versions: ``make versions`` tests each, and writes a table.

Each row of the table in CONTRIBUTING.md has an environment of its own in ``.versions`` (ignored
by git). Nothing here touches ``.venv``. A file of tests or a notebook is run in a process of its
own and its result kept, so what is interrupted goes on where it stopped when it is called again:
with the files that have no result, that changed since, or that failed. ``--afresh`` begins anew.
"""

import argparse
import datetime
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import psutil

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".versions"
PAGE = ROOT / "CONTRIBUTING.md"
SOURCES = ("requirements.in", "requirements/grading.in")
BEGIN, END = "<!-- versions: written by make versions -->", "<!-- versions end -->"
HEAD = "| | Tried on | Python | TensorFlow | Keras | NumPy | Files | Passed | Failed | Skipped |"
WORKER_GB, MOST_WORKERS = 3, 4  # as in conftest.py: TensorFlow in each
# Homework is graded with the lock, whatever its students work with; the last three are about the
# lock, the Pythons it is for, and machines that are not this one.
CHOSEN = "not homework and not browser and not network"
LEFT_OUT = (
    "test_grader_*",
    "test_homework*",
    "test_install.py",
    "test_locks.py",
    "test_browser.py",
)
_NOT_KERAS = 'keras ; sys_platform == "never"'  # how uv leaves a package out


@dataclass(frozen=True)
class Environment:
    """What one row of the table is tried on.

    Attributes
    ----------
    what : str
        The row's heading.
    pythons : tuple of str
        The Python to take; the first one that is on this machine.
    overrides : tuple of str
        Requirements put in place of those in ``requirements.in``; none means the lock itself.
    """

    what: str
    pythons: tuple[str, ...]
    overrides: tuple[str, ...] = ()


ENVIRONMENTS = {
    "lock": Environment("the lock", ("3.11",)),
    # what google.colab brings, from its published list of packages
    "colab": Environment(
        "Colab's",
        ("3.13",),
        # TensorBoard 2.20 imports pkg_resources, which newer setuptools lack
        ("tensorflow-cpu==2.20.*", "keras==3.13.2", "numpy==2.1.*", "setuptools<81"),
    ),
    # a release candidate of TensorFlow asks for keras-nightly, which must not lie beside keras
    "next": Environment("the next", ("3.14", "3.13"), ("tensorflow-cpu>=2.22.0rc0", _NOT_KERAS)),
}


class Lacking(Exception):
    """Why an environment can't be had, in words; ``elsewhere`` says that another machine may."""

    def __init__(self, why: str, elsewhere: bool = False):
        super().__init__(why)
        self.elsewhere = elsewhere


def stop(why: str) -> None:
    """End with a message and exit status 1."""
    sys.exit(f"versions: {why}")


def run(*command: object, **options) -> subprocess.CompletedProcess:
    """Run a command in the course's folder; say in its own words why it failed, if it does."""
    options = {"stdout": subprocess.PIPE, **options}
    command = [*map(str, command)]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        print(done.stderr, file=sys.stderr, flush=True)
        words = " ".join(command[1:3])
        said = textwrap.shorten(done.stderr, 300, placeholder=" …") or "it said nothing"
        raise Lacking(f"`{Path(command[0]).name} {words}` failed: {said}")
    return done


# --- the environment ------------------------------------------------------------------------------


def find_python(versions: tuple[str, ...], uv: str) -> str:
    """Return the path of the first of some versions of Python that is on this machine."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in versions:
        found = subprocess.run(
            [uv, "python", "find", "--no-project", "--no-python-downloads", version],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if found.returncode == 0:
            return found.stdout.strip()
        # pyenv's own commands, which uv meets first, refuse a version that is not switched on
        if there := sorted(pyenv.glob(f"{version}.*/bin/python")):
            return str(there[-1])
    raise Lacking(f"there is no Python {' or '.join(versions)} here", elsewhere=True)


def wanted(name: str, environment: Environment) -> str:
    """Return what an environment is made of: the text of its requirements."""
    if not environment.overrides:
        files = [file.replace(".in", ".txt") for file in SOURCES]
        return "\n".join((ROOT / file).read_text("utf-8") for file in files)
    lines = [line for file in SOURCES for line in (ROOT / file).read_text("utf-8").splitlines()]
    # without the lines that hold grading.in to the lock
    free = [line for line in lines if not line.startswith("-c ")]
    return "\n".join([*free, *(f"# in place of the above: {one}" for one in environment.overrides)])


def make(name: str, environment: Environment, uv: str) -> Path:
    """Make an environment, unless it is there; return its Python."""
    venv, made = FOLDER / name, FOLDER / f"{name}.made"
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    asked = wanted(name, environment)
    if python.exists() and made.exists() and made.read_text("utf-8") == asked:
        return python
    print(f"versions: {name}: installing", flush=True)
    made.unlink(missing_ok=True)
    for old in (venv, FOLDER / f"{name}.results"):
        shutil.rmtree(old, ignore_errors=True)
    base = find_python(environment.pythons, uv)
    run(uv, "venv", "--quiet", "--no-project", "--python", base, venv)
    install = [uv, "pip", "install", "--quiet", "--python", python]
    if environment.overrides:
        source, overrides = FOLDER / f"{name}.in", FOLDER / f"{name}.overrides"
        source.write_text(asked + "\n", encoding="utf-8")
        overrides.write_text("\n".join(environment.overrides) + "\n", encoding="utf-8")
        locks = [source]
        options = ["--override", overrides, "--prerelease", "if-necessary-or-explicit"]
    else:
        locks = [file.replace(".in", ".txt") for file in SOURCES]
        options = ["--require-hashes"]
    run(*install, *options, *(f"--requirement={file}" for file in locks))
    # not `--editable`: it would ask for the versions of Python that the course is tested with
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    Path(packages.stdout.strip(), "course.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    run(python, "-m", "ipykernel", "install", "--sys-prefix", "--name=python3")
    made.write_text(asked, encoding="utf-8")
    return python


# --- the tests ------------------------------------------------------------------------------------


def files() -> list[Path]:
    """Return what is run: notebooks, the longest first, then the files of tests."""
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    tests = sorted((ROOT / "tests").glob("test_*.py"))
    left_out = {path for pattern in LEFT_OUT for path in (ROOT / "tests").glob(pattern)}
    return sorted(notebooks, key=lambda path: -minutes(path)) + [
        path for path in tests if path not in left_out
    ]


def minutes(notebook: Path) -> float:
    """Return about how long a lesson takes, as its metadata say."""
    return json.loads(notebook.read_text("utf-8"))["metadata"].get("course", {}).get("minutes", 0)


@functools.cache
def depends_on(kind: str) -> str:
    """Return a digest of what a notebook's or a test's result depends on, but for its own file.

    For a notebook that is the course's code; a test may read whatever there is.
    """
    names = ["libs", "notebooks/quiz", "notebooks/scale", "conftest.py", "pyproject.toml"]
    names += ["tests/nbval_sanitize.cfg"]
    if kind == ".py":
        names += ["notebooks", "tests", "tools", "docs", "evidence", "benchmarks", "grader"]
        names += ["homework/source", "README.md", "install.py", "Makefile"]
    found = {ROOT / name for name in names if (ROOT / name).is_file()}
    for name in names:
        found.update(path for path in (ROOT / name).rglob("*") if path.is_file())
    whole = hashlib.sha256()
    for path in sorted(found):
        if not {"out", "__pycache__", ".ipynb_checkpoints"} & {*path.parts}:
            whole.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()


def digest(path: Path) -> str:
    """Return a digest of a file and of what its result depends on."""
    return hashlib.sha256(depends_on(path.suffix).encode() + path.read_bytes()).hexdigest()


def test_file(path: Path, python: Path, folder: Path, running: set) -> dict:
    """Run a file's tests, or a notebook; return how many ended how, and the names of the failed."""
    report, log = folder / f"{path.name}.xml", folder / f"{path.name}.log"
    report.unlink(missing_ok=True)
    state = digest(path)
    command = [str(python), "-m", "pytest", "--nbval", "-q", "-m", CHOSEN, f"--junitxml={report}"]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [*command, str(path.relative_to(ROOT))],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl+C is ours alone: an interrupted file has no result
        )
        running.add(process)
        status = process.wait()
        running.discard(process)
    counts, failed = Counter(), []
    # 5 is "there is none", for every test of the file may be left out
    if status not in (0, 1, 5) and not report.exists():
        failed.append(f"{path.name}: pytest ended with {status}, and without a report")
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        bad = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        counts["skipped" if skipped else "passed"] += not bad
        if bad:
            failed.append(f"{path.name}: {case.get('name', '')}")
    date = datetime.date.today().isoformat()
    return {"digest": state, "date": date, "failed": failed, **counts}


def test(name: str, python: Path, results: dict[str, dict]) -> None:
    """Run the files without a good result, side by side; put all results where they are asked."""
    folder = FOLDER / f"{name}.results"
    folder.mkdir(exist_ok=True)
    todo, chosen = [], files()
    for path in chosen:
        with suppress(OSError, ValueError):
            kept = json.loads((folder / f"{path.name}.json").read_text("utf-8"))
            if kept["digest"] == digest(path):
                results[path.name] = kept
        if path.name not in results or results[path.name]["failed"]:
            todo.append(path)
    print(f"versions: {name}: {len(todo)} of {len(chosen)} files to run; logs are in {folder}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    fit = int(psutil.virtual_memory().available / 1e9 / WORKER_GB)
    running = set()
    with ThreadPoolExecutor(max(1, min(cores or 1, fit, MOST_WORKERS))) as pool:
        jobs = {pool.submit(test_file, path, python, folder, running): path for path in todo}
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                path, result = jobs[job], job.result()
                results[path.name] = result
                (folder / f"{path.name}.json").write_text(json.dumps(result), encoding="utf-8")
                print(f"versions: {name}: {done} of {len(todo)}: {path.name}: {say(result)}")
                print("".join(f"  {what}\n" for what in result["failed"]), end="", flush=True)
        except KeyboardInterrupt:
            # a second one would leave the processes running, and the row unwritten
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            pool.shutdown(wait=False, cancel_futures=True)
            for process in [*running]:
                process.kill()
            raise


def say(result: dict) -> str:
    """Say how many tests ended how."""
    counts = {"passed": result.get("passed", 0), "failed": len(result["failed"])}
    counts["skipped"] = result.get("skipped", 0)
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "none for this row"


# --- the table ------------------------------------------------------------------------------------


def row(environment: Environment, python: Path, results: dict[str, dict], number: int) -> str:
    """Return a row of the table."""
    ask = (
        "import importlib.metadata as m, json, platform, sys\n"
        "found = {d.metadata['Name'].lower().replace('_', '-'): d.version"
        " for d in m.distributions()}\n"
        "print(json.dumps({'python': platform.python_version(), **found}))"
    )
    found = json.loads(run(python, "-c", ask).stdout)
    tensorflow = found.get("tensorflow-cpu") or found.get("tensorflow")
    keras = found.get("keras") or found["keras-nightly"]
    # the oldest result's: nothing in the row is older than it says
    cells = [environment.what, min(result["date"] for result in results.values()), found["python"]]
    cells += [tensorflow, keras, found["numpy"]]
    cells += [str(number) if len(results) == number else f"{len(results)} of {number}"]
    counts = [sum(result.get("passed", 0) for result in results.values())]
    counts += [sum(len(result["failed"]) for result in results.values())]
    counts += [sum(result.get("skipped", 0) for result in results.values())]
    return f"| {' | '.join(cells + [f'{count:,}' for count in counts])} |"


def reason(environment: Environment, why: Lacking) -> str:
    """Return the row of an environment that can't be had."""
    text = re.sub(r"\s+", " ", str(why)).replace("|", "/")
    blank = " |" * (HEAD.count("|") - 4)
    return (
        f"| {environment.what} | {datetime.date.today().isoformat()} | not tried: {text} |{blank}"
    )


def table() -> tuple[str, dict[str, str], str]:
    """Return what stands before the table in CONTRIBUTING.md, its rows, and what stands after."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    lines, _, after = rest.partition(END)
    if not rest:
        stop(f"{PAGE.name} has no line {BEGIN!r}.")
    rows = {line.split("|")[1].strip(): line for line in lines.splitlines()[3:] if line.strip()}
    return before, rows, after


def write(rows: dict[str, str]) -> None:
    """Put rows into the table in CONTRIBUTING.md; those of other environments stay."""
    before, old, after = table()
    lines = [HEAD, re.sub(r"[^|]+", " --- ", HEAD.replace("| |", "|-|", 1))]
    for name, environment in ENVIRONMENTS.items():
        line = rows.get(name) or old.get(environment.what)
        lines += [line] if line else []
    text = f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}"
    PAGE.write_text(text, encoding="utf-8")


def try_one(name: str, uv: str) -> bool:
    """Try an environment and write its row; tell whether all of it passed."""
    environment = ENVIRONMENTS[name]
    try:
        python = make(name, environment, uv)
    except Lacking as why:
        print(f"versions: {name}: not tried: {why}", flush=True)
        # what was tried on another machine stays true
        if not (why.elsewhere and environment.what in table()[1]):
            write({name: reason(environment, why)})
        return False
    results, number = {}, len(files())
    try:
        test(name, python, results)
    finally:  # what was run is noted, also where it was interrupted
        if results:
            write({name: row(environment, python, results, number)})
    return not any(result["failed"] for result in results.values())


def main() -> int:
    """Try the environments that are named, or all; return 1 if one is not had, or a test failed."""
    parser = argparse.ArgumentParser(prog="tools/versions.py", description=__doc__)
    parser.add_argument(
        "name", nargs="*", help=f"{', '.join(ENVIRONMENTS)}; all of them if none is named"
    )
    parser.add_argument(
        "--afresh", action="store_true", help="install again what is newest, and keep no result"
    )
    arguments = parser.parse_args()
    names = arguments.name or list(ENVIRONMENTS)
    if unknown := set(names) - set(ENVIRONMENTS):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(ENVIRONMENTS)}.")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        stop("uv is missing: make versions installs it.")
    FOLDER.mkdir(exist_ok=True)
    # ended from outside is interrupted, too; behind `&` SIGINT is ignored, also by what tests ask
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    good = True
    for name in names:
        if arguments.afresh:
            (FOLDER / f"{name}.made").unlink(missing_ok=True)
        try:
            good &= try_one(name, uv)
        except KeyboardInterrupt:
            sys.exit(f"versions: {name}: interrupted; the same command goes on from here.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
