"""Check style, unit tests and the notebooks you changed, in two minutes plus the notebooks' own.

Changed is what differs from where this branch left ``main``, committed or not; in a clone without
``main``, what is not committed. The last lines say what was not checked.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = ("slow", "homework", "browser", "network")
EXERCISES = "tests/test_notebooks.py::test_its_exercises_can_be_solved_and_are_checked"


def git(*arguments: str) -> list[str] | None:
    """Return the lines that git prints; None if it fails, or is not there."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, check=True, encoding="utf-8"
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.splitlines()


def changed_notebooks() -> tuple[str, list[str]]:
    """Return what was compared with, and the notebooks that differ from it."""
    for branch in ("main", "origin/main"):
        if base := git("merge-base", "HEAD", branch):
            break
    else:
        branch = "the last commit"
        base = git("rev-parse", "HEAD")
    if not base:
        return "nothing, as git has no commit here", []
    changed = git("diff", "--name-only", "--diff-filter=d", "-z", base[0], "--", "notebooks")
    added = git("ls-files", "--others", "--exclude-standard", "-z", "--", "notebooks")
    if changed is None or added is None:
        return "nothing, as git can't compare here: see what `git diff` says", []
    names = {name for line in changed + added for name in line.split("\0")}
    names = {name for name in names if name.endswith(".ipynb")}
    return branch, sorted(names)


def unchanged(notebooks: list[str]) -> list[str]:
    """Return the names of the notebooks that are not among these."""
    there = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    return [name for name in there if f"notebooks/{name}.ipynb" not in notebooks]


def main() -> int:
    """Run all three; return the exit status."""
    base, notebooks = changed_notebooks()
    marks = " and ".join(f"not {mark}" for mark in LEFT_OUT)
    ruff = [sys.executable, "-m", "ruff"]
    pytest = [sys.executable, "-m", "pytest", "-q", "--nbval", "-m", marks, "tests", *notebooks]
    # a third of the time of all the rest, and what they try stands in the notebooks
    pytest += [f"--deselect={EXERCISES}[{name}]" for name in unchanged(notebooks)]
    commands = {
        "style": [*ruff, "check"],
        "format": [*ruff, "format", "--check"],
        "tests": pytest,
    }
    failed = [what for what, line in commands.items() if subprocess.run(line, cwd=ROOT).returncode]
    run = ", ".join(Path(name).stem for name in notebooks) or "none"
    print(f"quick: notebooks run (they differ from {base}): {run}")
    others = "other notebooks and their exercises"
    print(f"quick: not checked: {others}, and tests marked {', '.join(LEFT_OUT)}: make test")
    print(f"quick: {'FAILED: ' + ', '.join(failed) if failed else 'passed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
