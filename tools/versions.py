"""Try the course on other versions: ``make versions`` tests each, and writes a table.

Each row of the table in CONTRIBUTING.md has an environment of its own in ``.versions`` (ignored
by git), rebuilt each time it is tried. Nothing here touches ``.venv``.
"""

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".versions"
PAGE = ROOT / "CONTRIBUTING.md"
SOURCES = ("requirements.in", "requirements/grading.in")
BEGIN, END = "<!-- versions: written by make versions -->", "<!-- versions end -->"
HEAD = "| | Tried on | Python | TensorFlow | Keras | NumPy | Passed | Failed | Skipped |"
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


def stop(why: str) -> None:
    """End with a message and exit status 1."""
    sys.exit(f"versions: {why}")


def run(*command: object, **options) -> subprocess.CompletedProcess:
    """Run a command in the course's folder; stop if it fails."""
    done = subprocess.run([*map(str, command)], cwd=ROOT, check=False, **options)
    if done.returncode:
        stop(f"`{' '.join(map(str, command))}` failed; see the error above.")
    return done


def find_python(versions: tuple[str, ...], uv: str) -> str:
    """Return the path of the first of some versions of Python that is on this machine."""
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
    stop(f"there is no Python {' or '.join(versions)} here. Install one, then try again.")


def make(name: str, environment: Environment, uv: str) -> Path:
    """Make an environment; return its Python."""
    venv = FOLDER / name
    shutil.rmtree(venv, ignore_errors=True)
    base = find_python(environment.pythons, uv)
    run(uv, "venv", "--quiet", "--no-project", "--python", base, venv)
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [uv, "pip", "install", "--quiet", "--python", python]
    if environment.overrides:
        # without the lines that hold grading.in to the lock
        lines = [line for file in SOURCES for line in (ROOT / file).read_text("utf-8").splitlines()]
        wanted, overrides = FOLDER / f"{name}.in", FOLDER / f"{name}.overrides"
        free = (line for line in lines if not line.startswith("-c "))
        wanted.write_text("\n".join(free) + "\n", encoding="utf-8")
        overrides.write_text("\n".join(environment.overrides) + "\n", encoding="utf-8")
        locks = [wanted]
        options = ["--override", overrides, "--prerelease", "if-necessary-or-explicit"]
    else:
        locks = [file.replace(".in", ".txt") for file in SOURCES]
        options = ["--require-hashes"]
    run(*install, *options, *(f"--requirement={file}" for file in locks))
    # not `--editable`: it would ask for the versions of Python that the course is tested with
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", stdout=-1, text=True
    )
    Path(packages.stdout.strip(), "course.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    run(python, "-m", "ipykernel", "install", "--sys-prefix", "--name=python3", stdout=-3)
    return python


def test(name: str, python: Path) -> tuple[Counter, list[str]]:
    """Run the tests and notebooks; return how many ended how, and the names of the failed."""
    report, log = FOLDER / f"{name}.xml", FOLDER / f"{name}.log"
    report.unlink(missing_ok=True)
    # homework is graded with the lock, whatever its students work with
    chosen = "not homework and not browser and not network"
    command = [str(python), "-m", "pytest", "--nbval", "tests", "notebooks", "-q", "-m", chosen]
    # these are about the lock and the versions of Python that it is for
    command += [f"--ignore=tests/test_{what}.py" for what in ("install", "locks")]
    print(f"versions: {name}: testing; the log is {log.relative_to(ROOT)}", flush=True)
    with log.open("w", encoding="utf-8") as file:
        options = {"cwd": ROOT, "stdout": file, "stderr": subprocess.STDOUT, "check": False}
        subprocess.run([*command, f"--junitxml={report}"], **options)
    if not report.exists():
        stop(f"{name}: pytest did not finish; see {log.relative_to(ROOT)}.")
    counts, failed = Counter(), []
    for case in ElementTree.parse(report).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        counts["failed" if bad else "skipped" if skipped else "passed"] += 1
        if bad:
            place = case.get("classname", "").rpartition(".")[2] or case.get("file", "")
            failed.append(f"{place} {case.get('name', '')}".strip())
    return counts, failed


def row(environment: Environment, python: Path, counts: Counter) -> str:
    """Return a row of the table."""
    ask = (
        "import importlib.metadata as m, json, platform, sys\n"
        "found = {d.metadata['Name'].lower().replace('_', '-'): d.version"
        " for d in m.distributions()}\n"
        "print(json.dumps({'python': platform.python_version(), **found}))"
    )
    found = json.loads(run(python, "-c", ask, stdout=-1, text=True).stdout)
    tensorflow = found.get("tensorflow-cpu") or found.get("tensorflow")
    keras = found.get("keras") or found["keras-nightly"]
    cells = [environment.what, datetime.date.today().isoformat(), found["python"], tensorflow]
    cells += [keras, found["numpy"], *(f"{counts[k]:,}" for k in ("passed", "failed", "skipped"))]
    return f"| {' | '.join(cells)} |"


def write(rows: dict[str, str]) -> None:
    """Put rows into the table in CONTRIBUTING.md; those of other environments stay."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    if not rest:
        stop(f"{PAGE.name} has no line {BEGIN!r}.")
    old = {line.split("|")[1].strip(): line for line in table.splitlines()[3:] if line.strip()}
    lines = [HEAD, re.sub(r"[^|]+", " --- ", HEAD.replace("| |", "|-|", 1))]
    for name, environment in ENVIRONMENTS.items():
        line = rows.get(name) or old.get(environment.what)
        lines += [line] if line else []
    PAGE.write_text(f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}", encoding="utf-8")


def main() -> int:
    """Try the environments that are named, or all; return 1 if a test failed."""
    parser = argparse.ArgumentParser(prog="tools/versions.py", description=__doc__)
    parser.add_argument(
        "name", nargs="*", help=f"{', '.join(ENVIRONMENTS)}; all of them if none is named"
    )
    names = parser.parse_args().name or list(ENVIRONMENTS)
    if unknown := set(names) - set(ENVIRONMENTS):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(ENVIRONMENTS)}.")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        stop("uv is missing: make versions installs it.")
    FOLDER.mkdir(exist_ok=True)
    status = 0
    for name in names:
        environment = ENVIRONMENTS[name]
        print(f"versions: {name}: installing", flush=True)
        python = make(name, environment, uv)
        counts, failed = test(name, python)
        write({name: row(environment, python, counts)})
        print(f"versions: {name}: {dict(counts)}")
        print("".join(f"  {what}\n" for what in failed), end="", flush=True)
        status |= bool(failed)
    return status


if __name__ == "__main__":
    sys.exit(main())
