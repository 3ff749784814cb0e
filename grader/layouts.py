"""Whose each file of an export is, as Moodle, Canvas and people lay out what was handed in.

Below what the LMS or the instructor named, a path is the student's choice and says nothing. So the
layout is decided once for an archive, and a file that does not fit is left out and told.
"""

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

# Moodle's mod/assign/classes/downloader.php and, before 4.0, locallib.php: a name, in which no _
# is left, then a number that is new for each assignment, a plug-in, and with "in folders" a folder.
# A group has its own number; those in no group share "Default group", which has none. Before 4.0
# each of a group was named, with the group and a hyphen before the name
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
_GROUP = re.compile(r"(.*?)-(\D+)", re.DOTALL)  # Lab-1-Jane Doe: no name has a number
_DEPTH = 4  # folders that people put around an LMS's export
_KEPT = "a checkpoint, or a system's own file"


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
    whole : str
        The name with the group that may stand before it; else empty.
    """

    layout: str
    lms: str
    name: str = ""
    lasting: bool = True
    whole: str = ""

    @property
    def names(self) -> tuple:
        """What they may be called, the surest first."""
        return tuple(filter(None, (self.whole, self.name)))


class Part(NamedTuple):
    """A file with its owner; file is what the owner called it, upload Canvas' number of it."""

    entry: Entry
    owner: Owner
    file: str
    upload: int = 0
    late: bool = False


def junk(path: tuple) -> bool:
    """Return whether a file is what Jupyter, macOS or Windows keep beside files."""
    checkpoint = re.search(r"-checkpoint(\d*|-copy\d*)\.ipynb", path[-1], re.IGNORECASE)
    return checkpoint is not None or any(map(_systems, path))


def _systems(part: str) -> bool:
    return part.startswith(".") or part.lower() in ("__macosx", "thumbs.db", "desktop.ini")


def parts(name: str) -> tuple:
    """Return a path's parts, none of which leads out of a folder."""
    found = [part for part in name.replace("\\", "/").split("/") if part.strip(" .")]
    return tuple(found[1:] if found and re.fullmatch("[A-Za-z]:", found[0]) else found)


def sort(entries: list[Entry], assignment: str) -> tuple[list[Part], list[Entry]]:
    """Decide on the layout; return each file with its owner, and files that are nobody's.

    What systems keep beside files is left out, unless somebody handed in nothing else.
    """
    entries = _composed([entry for entry in entries if entry.path])
    clean = [entry for entry in entries if not junk(entry.path)]
    layout = _layout(clean, assignment)
    found = layout(clean)
    whose, owners = {id(part.entry) for part in found}, {part.owner for part in found}
    beside = [e for e in entries if not _systems(e.path[0])]
    for part in layout(beside) if len(beside) > len(clean) else []:
        if part.owner not in owners:
            found.append(part._replace(entry=part.entry._replace(problem=_KEPT)))
    return found, [entry for entry in clean if id(entry) not in whose]


def _composed(entries: list[Entry]) -> list[Entry]:
    """Write names as most systems do, unless two of an archive differ in that alone."""
    forms = defaultdict(set)
    for entry in entries:
        for part in entry.path:
            forms[unicodedata.normalize("NFC", part)].add(part)
    one = {next(iter(all_of)): form for form, all_of in forms.items() if len(all_of) == 1}
    return [e._replace(path=tuple(one.get(part, part) for part in e.path)) for e in entries]


def _layout(entries: list[Entry], assignment: str) -> Callable[[list[Entry]], list[Part]]:
    for depth in range(_DEPTH):
        for layout in (_moodle, _canvas):
            if layout(entries, depth):
                return functools.partial(layout, depth=depth)
    if any(len(entry.path) > 1 for entry in entries):
        return functools.partial(_folders, depth=_around(entries))
    return functools.partial(_files, assignment=assignment)


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
    alone = _without_groups([name for number, name in names if number])
    people = {(number, alone.get(name, name).strip()) for number, name in names}
    blind = len({name for _, name in people}) == 1 < len(people)  # "Participant", in any language
    found = []
    for entry, match in pairs:
        if match:
            name = alone.get(match["name"], match["name"]).strip()
            name = "" if blind or name.lower() == "participant" else name
            whole = match["name"].strip() if name and match["name"] in alone else ""
            owner = Owner("moodle", match["id"] or match["name"], name, False, whole)
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


def _without_groups(names: list[str]) -> dict[str, str]:
    """Return names without the group before them: all have one, and two have the same."""
    split = {name: _GROUP.fullmatch(name) for name in names}
    if not all(split.values()) or len({m[1] for m in split.values()}) == len(names):
        return {}
    return {name: match[2] for name, match in split.items()}


def _around(entries: list[Entry]) -> int:
    """Return how many folders lie around the students' own."""
    depth = 0
    deep = [e for e in entries if len(e.path) > 1]
    while len({e.path[depth] for e in deep}) == 1 and len(deep) == len(entries):
        # one folder around all, or a class of one? Their folders are called by the students
        within = {e.path[depth + 1] for e in deep if len(e.path) > depth + 2}
        files = any(len(e.path) == depth + 2 for e in deep)
        if files or len(within) < 2 or depth == _DEPTH:
            break
        depth += 1
    return depth


def _folders(entries: list[Entry], depth: int) -> list[Part]:
    deep = [e for e in entries if len(e.path) > depth + 1]
    return [Part(e, Owner("folders", e.path[depth]), e.path[-1]) for e in deep]


def _files(entries: list[Entry], assignment: str) -> list[Part]:
    """Take files that lie side by side by their names, unless it is the assignment's."""
    found = []
    for entry in entries:
        stem = re.split(r"-checkpoint|\.", entry.path[-1], maxsplit=1)[0].strip()
        if (
            len(entry.path) == 1
            and stem
            and not re.match(rf"({re.escape(assignment)}|untitled)(\W|\d|$)", stem, re.I)
        ):
            found.append(Part(entry, Owner("files", stem), entry.path[-1]))
    return found
