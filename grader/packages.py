"""The packages that only grading needs: the learner's lock lacks them."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

from grader import ROOT, GraderError

MODULES = ("nbgrader", "nh3", "sqlalchemy", "psycopg2", "distributed")


class NoPackages(GraderError):
    """What grading needs is not installed; the message says what to do."""


def missing(*more: str) -> list[str]:
    """Return which of the modules, and of some more, can't be found."""
    return [name for name in (*MODULES, *more) if importlib.util.find_spec(name) is None]


def install(*more: str) -> None:
    """Install what is missing into the course's own environment.

    Parameters
    ----------
    *more : str
        Modules that only one command needs: an environment from before is no reason to stop others.

    Raises
    ------
    NoPackages
        This is another environment, or they could not be installed.
    """
    if not (absent := missing(*more)):
        return
    lacks = f"Grading needs packages that are not installed: {', '.join(absent)}"
    if Path(sys.prefix).resolve() != ROOT / ".venv":
        lock = ROOT / "requirements" / "grading.txt"
        raise NoPackages(f'{lacks}. Install them: "{sys.executable}" -m pip install -r "{lock}"')
    print(f"grader: {lacks}. Installing them now (only needed once).", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, str(ROOT / "install.py"), "--grading"], check=False)
    importlib.invalidate_caches()
    if done.returncode or missing(*more):
        raise NoPackages(f"{lacks}. When you are online, run: python install.py --grading")
