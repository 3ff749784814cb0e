"""What the tests of README, commands, locks and workflows share."""

import importlib.util
import re

from libs import NOTICES, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEST = "python -m pytest --nbval tests notebooks"


def read(name) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def load_installer():
    """Import install.py, which is a program of no package."""
    spec = importlib.util.spec_from_file_location("installer", ROOT / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def targets() -> dict[str, tuple[str, str]]:
    """Return what each target needs, and its help."""
    found = re.findall(r"^([a-z]+):([^#=\n]*)(?:## *(.*))?$", read("Makefile"), re.MULTILINE)
    return {name: (needs, text) for name, needs, text in found}


def complaints(stderr: str) -> list[str]:
    """Return what an error stream says, less TensorFlow's notices: 2.20 writes them any time."""
    return [line for line in stderr.splitlines() if not NOTICES.search(line)]
