"""The term of homework/TERM.md, command by command as the page has them.

``python tests/term.py 300 FOLDER`` goes through it with 300 students and says how long each command
took. It can be stopped, and goes on where it was when it is started again with the same folder.
"""

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import nbformat

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from grader import ROOT
from grader.course import Course
from grader.history import told
from grader.submission import grade_id

PAGE = ROOT / "homework" / "TERM.md"
SIZE = "300"  # the page's


def steps(text: str, size: int) -> list[list[str]]:
    """Return what the page tells to do: a command, a change, or people who mark at once."""
    found = []
    for language, block in re.findall(r"^```(sh|diff)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        lines = block.replace(f" {SIZE} ", f" {size} ").splitlines()
        if language == "diff":
            found.append([block])
            continue
        for reads, some in groupby(lines, _is_reading):
            some = list(some)
            found += [some] if reads else [[line] for line in some]
    return found


def _is_reading(line: str) -> bool:
    return " grader mark " in line and "--share" not in line


def prepare(folder: Path, source: Path) -> Path:
    """Make a course with three assignments and nothing else; return its folder."""
    root = folder / "course"
    for name in ("hw1", "hw2", "hw3"):
        shutil.copytree(source / name, root / "homework" / "source" / name)
    shutil.copy(ROOT / "homework" / "nbgrader_config.py", root / "homework")
    return root


def do(step: list[str], root: Path, run: Callable[[list[str], Path], str]) -> str:
    """Do a step; return what was said."""
    if step[0].startswith("---"):
        return correct(step[0], root)
    if _is_reading(step[0]):
        with ThreadPoolExecutor(len(step)) as people:
            return "".join(people.map(lambda line: read(shlex.split(line)[3:], root), step))
    words = shlex.split(step[0])
    if words[0] == "mkdir":
        (root / words[-1]).mkdir(parents=True)
        return ""
    assert words[:3] == ["python", "-m", "grader"], step
    return run(words[3:], root)


def correct(diff: str, root: Path) -> str:
    """Change a cell of a source notebook as a person would."""
    first, *lines = diff.splitlines()
    path = root / first.removeprefix("--- ")
    old, new = ("\n".join(line[1:] for line in lines if line[0] in kinds) for kinds in ("-", "+"))
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (cell for cell in notebook.cells if old in cell.source)
    cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, path)
    return f"{path}: {grade_id(cell)}"


def command(words: list[str], root: Path) -> str:
    """Run a command of the grader as it is typed."""
    line = [sys.executable, "-m", "grader", *words]
    done = subprocess.run(line, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}"
    return done.stdout


def read(words: list[str], root: Path) -> str:
    """Open ``mark``'s pages, mark all that they show, and stop the command."""
    name = words[1]
    cells = Course(root / "homework").assignment(name).of_kind("manual")
    started = subprocess.Popen(
        [sys.executable, "-m", "grader", *words], cwd=root, stdout=subprocess.PIPE, text=True
    )
    try:
        started.stdout.readline()
        url = started.stdout.readline().strip()
        for cell in cells:
            answer = urllib.request.urlopen(f"{url}q/{cell}")
            while version := re.search(r'name="version" value="(\w+)"', answer.read().decode()):
                place = answer.url.partition("?")[0]
                points = f"{1 + sum(map(ord, place.rpartition('/')[2])) % 3 / 2}"
                form = urllib.parse.urlencode({"points": points, "version": version[1]})
                answer = urllib.request.urlopen(place, form.encode())
    finally:
        started.terminate()
        said, _ = started.communicate(timeout=60)
    return said


def looked_at(done: list[dict], root: Path, size: int) -> None:
    """Raise unless the term came out as the page says."""
    homework, everyone = root / "homework", {f"s{1001 + number}" for number in range(size)}
    course = Course(homework)

    def one(part: str) -> str:
        return next(step["said"] for step in done if part in f"{step['line']}\n")

    assert one("roster people.csv").startswith(f"{size} people in ")
    assert one("-m grader roster\n").count(f": {size} handed in, 0 of") == 3
    for name in ("hw1", "hw2", "hw3"):
        assert one(f"collect {name}").count(": new") == size
        assert f" marked now, {size} in all." in one(f"grade {name} --workers")
    # five read, each their own part, and all is read
    readers = {line["as"] for line in told(course, "hw1") if line.get("as")}
    assert readers <= {"anna", "ben", "cleo", "dan", "eva"}
    assert len(readers) >= min(5, size // 2)
    assert re.search(r"hw1: words: (\d+) of \1 read", one("--as anna"))
    # the corrected test gives more to some, less to nobody, and takes nothing from a person's mark
    dry, again = one("--dry-run"), one("grade hw1 --again --workers")
    changes = re.findall(r"^hw1: (s\d+: \S+ → \S+: rate-test 0 → 1)$", again, re.MULTILINE)
    assert changes
    assert len(changes) == len(re.findall(" → .* → ", again))
    assert sorted(changes) == sorted(re.findall(r"^hw1: (s\d+: .* → .*)$", dry, re.MULTILINE))
    assert f"hw1: {len(changes)} of {size} would change." in dry
    assert f"hw1: what the dry run found counts for {size} of {size}" in again
    assert "hidden" not in again
    # the dropped question counts nowhere, what is read stays read
    assert "worst-test counts not at all" in one("weigh hw2")
    with (homework / "export" / "hw2-questions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = sum(
        cell.metadata.nbgrader["points"]
        for name, cell in course.assignment("hw2").of_kind("test", "manual").items()
        if name != "worst-test"
    )
    assert {float(row["of"]) for row in rows} == {whole}
    assert {row["to mark by hand"] for row in rows} == {""}
    # the backup was everything, and who was forgotten is in nothing
    with zipfile.ZipFile(root / "term.zip") as archive:
        students = {n.split("/")[1] for n in archive.namelist() if n.startswith("submitted/")}
    assert students == everyone
    totals = {}
    for folder in (homework, root / "../rehearsal"):
        with (folder / "export" / "total.csv").open(newline="") as file:
            totals[folder] = {row["student"]: row for row in csv.DictReader(file)}
    here, there = totals.values()
    assert there.keys() == everyone
    assert here == {who: row for who, row in there.items() if who != "s1003"}
    assert not any("s1003" in str(path) for path in homework.rglob("*"))
    page = (homework / "feedback/s1002/hw1/hw1.html").read_text("utf-8")
    assert "for you 2030-03-05 22:59:00 UTC" in page


def handed_back(line: str, root: Path, size: int) -> None:
    """Look into a zip for an LMS as soon as it is made."""
    words = shlex.split(line)
    name, lms = words[4], words[-1]
    with (
        zipfile.ZipFile(root / f"homework/export/{name}-feedback-{lms}.zip") as archive,
        zipfile.ZipFile(root / "class.zip") as came,
    ):
        if lms == "canvas":
            assert sorted(archive.namelist()) == sorted(came.namelist())
        else:
            folders = {member.split("/")[0] for member in archive.namelist()}
            assert len(folders) == size
            assert folders == {f"{member.split('/')[0]}_" for member in came.namelist()}


def go_through(
    folder: Path, size: int, run: Callable[[list[str], Path], str] = command
) -> Iterator[dict]:
    """Do what is not done yet of the term, in a course that :func:`prepare` made.

    Yields
    ------
    dict
        Of each step that is done its ``line``, its ``seconds`` and what it ``said``.
    """
    kept, root = folder / "done.json", folder / "course"
    done = json.loads(kept.read_text()) if kept.exists() else []
    yield from done
    for step in steps(PAGE.read_text("utf-8"), size)[len(done) :]:
        began, line = time.monotonic(), "\n".join(step)
        said = do(step, root, run)
        if " --zip " in line:
            handed_back(line, root, size)
        done.append({"line": line, "seconds": time.monotonic() - began, "said": said})
        kept.write_text(json.dumps(done))
        yield done[-1]
    looked_at(done, root, size)


def main() -> None:
    """Go through the term with this course's assignments."""
    size, folder = int(sys.argv[1]), Path(sys.argv[2]).resolve()
    if not (folder / "course").exists():
        prepare(folder, ROOT / "homework" / "source")
    seconds = 0
    for step in go_through(folder, size):
        seconds += step["seconds"]
        print(f"{step['seconds']:7.1f} s  {step['line'].splitlines()[0]}", flush=True)
    print(f"{seconds:7.1f} s in all")


if __name__ == "__main__":
    main()
