"""List what the lessons claim and how we know it, measure it again, put it into prose.

python -m evidence                every claim: its numbers, seeds, date, whether it is fresh
python -m evidence run 03         run the seeds that are missing or stale
python -m evidence run 03 --test  the same, and evaluate what was chosen on the test data
python -m evidence run 07 --long  what is in no cell, such as recipes of minutes; reads test data
python -m evidence write          put the numbers into the lessons and docs/how-we-know.md
"""

import argparse
import json
import subprocess
import sys

import nbformat
from tqdm import tqdm

import evidence
from libs import ROOT
from libs.files import replacing


def show() -> int:
    """Print a line for each claim; return 1 if one is not fresh."""
    good = True
    for lesson in evidence.lessons():
        for name in lesson.claims:
            runs, state = lesson.results[lesson.kind(name)], lesson.state(name)
            count = len(lesson.values(name))
            numbers = lesson.text(name) if count else "–"
            span = f"[{lesson.text(name, 'range')}]" if numbers != "–" else ""
            last = max((f"{run['date']} {run['commit']}" for run in runs.values()), default="")
            about = f"{lesson.number}.{name}"
            print(f"{about:26} {numbers:18} {span:22} {count} seeds  {last:20} {state}")
            good &= state == "fresh"
    return 0 if good else 1


def run(number: str, count: int, kind: str) -> int:
    """Run the seeds of a lesson that are missing or stale; return 1 if one failed."""
    lesson, failed = evidence.Lesson(number), []
    if not lesson.names(kind):
        raise ValueError(f"lesson {number} claims nothing on {kind} data.")
    with lesson.alone():
        seeds = evidence.SEEDS[:count]
        if kind == "long":
            seeds = sorted({seed for name in lesson.names(kind) for seed in lesson.seeds(name)})
        todo = [seed for seed in seeds if lesson.stale(kind, seed)]
        for seed in tqdm(todo, unit="seed", desc=f"{number}, {kind}"):
            command = [sys.executable, "-m", "evidence.run", number, str(seed), kind]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                failed.append(f"seed {seed} failed:\n{done.stderr[-3000:]}")
            else:
                for made, entry in json.loads(done.stdout.splitlines()[-1]).items():
                    lesson.keep(made, seed, entry)
    print(*failed or [f"lesson {number}: {len(todo)} seeds run, now python -m evidence write"])
    return 1 if failed else 0


def write() -> int:
    """Bring the numbers in all lessons, and the page, up to date; name what changed."""
    for path in sorted(evidence.NOTEBOOKS.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before = [cell.source for cell in notebook.cells]
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = evidence.filled(cell.source)
        if before != [cell.source for cell in notebook.cells]:
            _replace(path, nbformat.writes(notebook) + "\n")
    if not evidence.PAGE.is_file() or evidence.PAGE.read_text("utf-8") != evidence.page():
        _replace(evidence.PAGE, evidence.page())
    return 0


def _replace(path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
    print(f"written: {path.name}")


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return its exit status."""
    usage = "python -m evidence"
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=usage, description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command")
    running = commands.add_parser("run", help="run the seeds that are missing or stale")
    running.add_argument("lessons", nargs="*", help="numbers, such as 03; none for all")
    running.add_argument("--seeds", type=int, default=evidence.ENOUGH, metavar="N")
    either = running.add_mutually_exclusive_group()
    either.add_argument("--test", action="store_true", help="read the test data")
    either.add_argument("--long", action="store_true", help="evaluate what is in no cell")
    commands.add_parser("write", help="put the numbers into prose")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "run":
            kind = "test" if asked.test else "long" if asked.long else "validation"
            every = [lesson.number for lesson in evidence.lessons() if lesson.names(kind)]
            return max(run(number, asked.seeds, kind) for number in asked.lessons or every)
        return write() if asked.command else show()
    except ValueError as error:
        parser.exit(2, f"{usage}: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
