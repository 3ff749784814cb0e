"""Whose each file of an export is, as Moodle, Canvas and people lay out what was handed in.

Below what the LMS or the instructor named, a path is the student's choice and says nothing. So the
layout is decided once for an archive, and a file that does not fit is left out and told.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

# Moodle's mod/assign/classes/downloader.php and, before 4.0, locallib.php: a name, in which no _
# is left, then a number that is new for each assignment, a plug-in, and with "in folders" a folder.
# A group has its own number; those in no group share "Default group", which has none
_MOODLE = re.compile(
    r"(?P<name>[^_]+)(?:_(?P<id>\d+))?_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<file>.*))?",
    re.DOTALL,
)
# Canvas' lib/content_zipper.rb: a name, LATE, a number that stays (or anon_ and letters, without a
# name), then the upload's number and the file's name, or text.html, or link.html
_CANVAS = re.compile(
    r"(?:(?!LATE_|anon_)(?P<name>.+?)_)?(?P<late>LATE_)?(?:(?P<id>\d+)|anon_(?P<anon>[A-Za-z0-9]+))_"
    r"(?:(?P<upload>\d+)_(?P<file>.+)|(?:text|link)\.html)",
    re.DOTALL,
)
_DEPTH = 4  # folders that people put around an LMS's export


class Entry(NamedTuple):
    """A file of an export.

    Attributes
    ----------
    path : tuple of str
    when : float
        When it was last changed, 0 if that is not known.
    place : int
        In the export.
    read : callable
        Returns at most so many bytes.
    problem : str
        Why it must not be read; may be empty.
    """

    path: tuple
    when: float
    place: int
    read: Callable[[int], bytes]
    problem: str = ""


@dataclass(frozen=True)
class Owner:
    """Who handed in, as the export calls them.

    Attributes
    ----------
    layout : {"moodle", "canvas", "folders", "files"}
    lms : str
        Their number, or the folder's name.
    name : str
        May be empty.
    lasting : bool
        Another assignment's export has the same number for them.
    """

    layout: str
    lms: str
    name: str = ""
    lasting: bool = True


class Part(NamedTuple):
    """A file with its owner; file is what the owner called it, upload Canvas' number of it."""

    entry: Entry
    owner: Owner
    file: str
    upload: int = 0
    late: bool = False


def junk(path: tuple) -> bool:
    """Return whether a file is what Jupyter, macOS or Windows keep beside files."""
    last = path[-1].lower()
    return (
        "__MACOSX" in path
        or any(part.startswith(".") for part in path)
        or last in ("thumbs.db", "desktop.ini")
        or re.search(r"-checkpoint(\d*|-copy\d*)\.ipynb", last) is not None
    )


def parts(name: str) -> tuple:
    """Return a path's parts, none of which leads out of a folder."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return tuple(part for part in name.split("/") if part.strip() not in ("", ".", ".."))


def sort(entries: list[Entry], assignment: str) -> tuple[list[Part], list[Entry]]:
    """Decide on the layout; return each file with its owner, and files that are nobody's."""
    entries = [entry for entry in entries if entry.path]
    for depth in range(_DEPTH):
        if found := _moodle(entries, depth) or _canvas(entries, depth):
            break
    else:
        found = _folders(entries) or _files(entries, assignment)
    whose = {id(part.entry) for part in found}
    return found, [entry for entry in entries if id(entry) not in whose]


def _moodle(entries: list[Entry], depth: int) -> list[Part]:
    deep = [e for e in entries if len(e.path) > depth]
    matches = [_MOODLE.fullmatch(e.path[depth]) for e in deep]
    pairs = list(zip(deep, matches, strict=True))
    if not any(matches):
        return []
    # farther in, students name folders, too: there, each folder must be Moodle's
    theirs = {e.path[:depth] for e, m in pairs if m}
    strays = [e.path for e, m in pairs if not m]
    if depth and any(len(p) > depth + 1 or p[:depth] not in theirs for p in strays):
        return []
    names = {(m["id"], m["name"]) for m in matches if m}
    blind = len({name for _, name in names}) == 1 < len(names)  # "Participant", in any language
    found = []
    for entry, match in pairs:
        if match:
            name = "" if blind or match["name"].lower() == "participant" else match["name"]
            owner = Owner("moodle", match["id"] or match["name"], name.strip(), False)
            file = entry.path[-1] if len(entry.path) > depth + 1 else match["file"] or match["kind"]
            if match["kind"] == "onlinetext":
                file = f"{file} (typed in Moodle)"
            found.append(Part(entry, owner, file))
        elif not depth and len(entry.path) > 1:  # a folder that the instructor put beside Moodle's
            found.append(Part(entry, Owner("folders", entry.path[0]), entry.path[-1]))
    return found


def _canvas(entries: list[Entry], depth: int) -> list[Part]:
    flat = [e for e in entries if len(e.path) == depth + 1]
    matches = [(e, m) for e in flat if (m := _CANVAS.fullmatch(e.path[-1]))]
    if any(len(e.path) > depth + 1 for e in entries) or 2 * len(matches) <= len(flat):
        return []
    # its numbers are of one person, of one upload: else people named their files like that
    names = {(m["id"], m["name"]) for _, m in matches if m["id"]}
    uploads = [m["upload"] for _, m in matches if m["upload"]]
    if len({number for number, _ in names}) < len(names) or len({*uploads}) < len(uploads):
        return []
    found = []
    for entry, match in matches:
        lasting = match["id"] is not None
        owner = Owner("canvas", match["id"] or match["anon"], match["name"] or "", lasting)
        file = match["file"] or f"{entry.path[-1].rpartition('_')[2]} (typed in Canvas)"
        found.append(Part(entry, owner, file, int(match["upload"] or 0), bool(match["late"])))
    return found


def _folders(entries: list[Entry]) -> list[Part]:
    depth = 0
    deep = [e for e in entries if len(e.path) > 1]
    while len({e.path[depth] for e in deep}) == 1 and not [e for e in entries if e not in deep]:
        # one folder around all, or a class of one? Their folders are called by the students
        within = {e.path[depth + 1] for e in deep if len(e.path) > depth + 2}
        files = any(len(e.path) == depth + 2 for e in deep)
        if files or len(within) < 2 or depth == _DEPTH:
            break
        depth += 1
    return [Part(e, Owner("folders", e.path[depth]), e.path[-1]) for e in deep]


def _files(entries: list[Entry], assignment: str) -> list[Part]:
    """Take files that lie side by side by their names, unless it is the assignment's."""
    found = []
    for entry in entries:
        stem = entry.path[-1].partition(".")[0].strip()
        if stem and not re.match(rf"({re.escape(assignment)}|untitled)(\W|\d|$)", stem, re.I):
            found.append(Part(entry, Owner("files", stem), entry.path[-1]))
    return found
