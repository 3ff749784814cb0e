"""An ordinary user, for tests of the superuser's: most graders are one, and sandboxes differ."""

import os
import sys
from pathlib import Path

import pytest
from needs import lack

from grader import ROOT

USER = 54321  # nobody's: no file, no process, no home of anybody's
_BECOME = (
    "import os, sys; os.setgroups([]); os.setresgid(*[{0}] * 3); os.setresuid(*[{0}] * 3); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def superuser() -> bool:
    """Return whether this process is the superuser's."""
    return os.name != "nt" and os.geteuid() == 0


# for tests that hold for both; where this user is an ordinary one there is one of them
USERS = ["this user"]
if superuser():
    USERS.append(pytest.param("an ordinary user", marks=pytest.mark.ordinary))


def users() -> list[str]:
    """Return who can make a sandbox here."""
    return ["this user"] + ["an ordinary user"] * (superuser() and not lack("ordinary"))


def begin(user: str, folder: Path | None = None) -> list[str]:
    """Return what a command of one of USERS begins with, and give a folder to that user."""
    if user == "this user":
        return []
    for path in [folder, *folder.rglob("*")] if folder else []:
        os.chown(path, USER, USER, follow_symlinks=False)
    return as_ordinary_user(folder)


def as_ordinary_user(folder: Path | None = None) -> list[str]:
    """Return what a superuser's command begins with that an ordinary user is to run.

    The course, Python and a folder to write to may lie in one that only the superuser may enter:
    of that the command sees nothing but them.
    """
    from grader.trusted.sandbox import find_bubblewrap

    line = [find_bubblewrap(), "--die-with-parent", "--dev-bind", "/", "/"]
    needed = [Path(path).resolve() for path in (ROOT, sys.prefix, sys.base_prefix)]
    needed += [folder.resolve()] if folder else []
    covered = set()
    for path in needed:
        closed = [p for p in reversed(path.parents) if not p.stat().st_mode & 0o001]
        if closed and closed[0] not in covered:
            covered.add(closed[0])
            line += ["--perms", "0755", "--tmpfs", str(closed[0])]
    for path in needed:
        if folders := [f for f in covered if path.is_relative_to(f)]:
            for parent in reversed(path.parents):
                if parent.is_relative_to(folders[0]) and parent != folders[0]:
                    line += ["--perms", "0755", "--dir", str(parent)]
            line += ["--bind" if path == folder else "--ro-bind", str(path), str(path)]
    line += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*line, sys.executable, "-c", _BECOME.format(USER)]
