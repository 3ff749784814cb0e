"""What answers may import: told to students, and where something else was."""

import ast
import contextlib
import functools
import re
import sys

from grader import ROOT

_PART = "# What the lessons teach with"  # of requirements.in
_CALLED = {"tensorflow-cpu": "tensorflow", "pillow": "PIL"}  # all others as their package
_OURS = {"libs", "grader"}
_MISSING = re.compile(r"No module named '?([\w.]+)'?")


@functools.cache
def packages() -> tuple[str, ...]:
    """Return the names by which the lessons' packages are imported, in the order of the lock."""
    text = (ROOT / "requirements.in").read_text(encoding="utf-8")
    lines = text.partition(f"{_PART}\n")[2].partition("\n\n")[0].splitlines()
    named = [re.match(r"[\w.-]+", line)[0] for line in lines]
    modules = [_CALLED.get(name, name.replace("-", "_")) for name in named]
    return tuple(dict.fromkeys(name for name in modules if "." not in name))  # no help of another


def rule(more=()) -> str:
    """Return what students read of it, in Markdown.

    Parameters
    ----------
    more : iterable of str
        Modules that the assignment itself imports.
    """
    others = [name for name in dict.fromkeys(map(_top, more)) if not _may(name)]
    names = [f"`{name}`" for name in (*packages(), *others)]
    return (
        "> **What you may import:** Python's own modules, the course's `libs`, "
        f"{', '.join(names[:-1])} and {names[-1]}. Nothing else is there when your homework is "
        "graded, nor are a network and files of your own."
    )


def foreign(source: str, given: str = "") -> list[str]:
    """Return the modules that a cell imports and may not; [] if it is not Python.

    Parameters
    ----------
    source : str
    given : str
        Another: what it imports is there.
    """
    there = {_top(name) for name in foreign(given)} if given else set()
    found = []
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found.append("." * node.level + (node.module or ""))
    return [name for name in dict.fromkeys(found) if not _may(name) and _top(name) not in there]


def why(kind: str, message: str) -> str:
    """Return what to add to an error of an import that may not be; '' if it is another.

    Parameters
    ----------
    kind : str
        The exception's name.
    message : str
    """
    found = _MISSING.match(message) if kind == "ModuleNotFoundError" else None
    if not found or _may(found[1]):
        return ""
    return (
        f". Where homework is graded there are only Python's own modules, libs, "
        f"{', '.join(packages())}; do without {found[1]}."
    )


def _may(module: str) -> bool:
    top = _top(module)
    return top in sys.stdlib_module_names or top in _OURS or top in packages()


def _top(module: str) -> str:
    return module.partition(".")[0]
