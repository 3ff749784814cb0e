"""Whose each file of an export is, as platforms and people lay out what was handed in.

Below what the LMS or the instructor named, a path is the student's choice and says nothing. So the
layout is decided once for an archive, and a file that does not fit is left out and told.
"""

import contextlib
import functools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from grader.times import read_local, read_time, written

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
# Brightspace: a person's number (or a group's), the folder's, the institution's own number if that
# is switched on, a name, when, with the colon left out; then a folder, or in older ones the file
_BRIGHTSPACE = re.compile(
    r"(?P<id>\d+)-\d+ - (?:(?P<own>(?=[^ ]*\d)[^ ]+) - )?(?P<name>.+?) ?- "
    r"(?P<when>(?:(?! - ).)*\b20\d\d\b(?:(?! - ).)*?\d(?:(?! - ).)*)(?: - (?P<file>.+))?",
    re.DOTALL,
)
# Blackboard's Assignment File Download: the assignment, a login, when, the file's name; and beside
# each attempt a text that begins "Name: Jane Doe (jdoe)"
_BLACKBOARD = re.compile(
    r"(?P<head>.+?)_attempt_(?P<when>20\d\d(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)", re.DOTALL
)
# Sakai's assignment/impl/.../AssignmentServiceImpl.java, zipSubmissions: a folder for each person,
# "Doe, Jane(jdoe)", or for each group, or with a number and without a name; in it timestamp.txt
# and two folders, called in the instructor's language; or, "without folders", all in one name
_SAKAI = re.compile(r"(?P<name>.*?)\s*\((?P<id>[^()]+)\)", re.DOTALL)
_SAKAI_BLIND = re.compile(r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) .+")
_SAKAI_FLAT = re.compile(r"(?P<name>.*?)\((?P<id>[^()]+)\)_(?P<kind>[^_]*)_(?P<file>.+)", re.DOTALL)
_SAKAI_FILES = "Submission attachment(s)"
_SAKAI_OWN = ("timestamp.txt", "comments.txt", "feedbackText.html", "members.txt")
_TABLE = re.compile(r"grades\.(csv|xlsx?)")
_GROUP = re.compile(r"(.*?)-(\D+)", re.DOTALL)  # Lab-1-Jane Doe: no name has a number
_TEXT_BYTES = 1 << 20  # of a receipt or a table
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
    layout : {"moodle", "canvas", "brightspace", "blackboard", "sakai", "folders", "files"}
    lms : str
        Their number or login, or the folder's name.
    name : str
        May be empty.
    lasting : bool
        Another assignment's export has the same number for them.
    whole : str
        The name with the group that may stand before it; else empty.
    own : bool
        It is the institution's, not the platform's: a roster may have it as id or login.
    """

    layout: str
    lms: str
    name: str = ""
    lasting: bool = True
    whole: str = ""
    own: bool = False

    @property
    def names(self) -> tuple:
        """What they may be called, the surest first."""
        return tuple(filter(None, (self.whole, self.name)))


class Part(NamedTuple):
    """A file with its owner.

    Attributes
    ----------
    entry : Entry
    owner : Owner
    file : str
        What the owner called it; empty if the platform wrote it.
    upload : int
        The later handed in, the larger; 0 if the platform does not say.
    late : bool
    handed : str
        When it was handed in: with a zone, or as the platform has it if that can't be read.
    """

    entry: Entry
    owner: Owner
    file: str
    upload: int = 0
    late: bool = False
    handed: str = ""


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
    whose = {id(part.entry) for part in found}
    found = [part for part in found if part.file]
    owners = {part.owner for part in found}
    beside = [e for e in entries if not _systems(e.path[0])]
    for part in layout(beside) if len(beside) > len(clean) else []:
        if part.file and part.owner not in owners:
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
        # Moodle's last: one of its names is enough, and in Brightspace's a student may write one
        for layout in (_brightspace, _blackboard, _sakai, _moodle, _canvas):
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


def _named(entries: list[Entry], depth: int, pattern: re.Pattern) -> list[tuple]:
    """Return files with what a platform's pattern finds in their names, if most have such a name.

    Farther in than the archive's own folders students name folders, too: there all must have one.
    """
    deep = [e for e in entries if len(e.path) > depth]
    names = {e.path[depth]: pattern.fullmatch(e.path[depth]) for e in deep}
    files = {e.path[depth] for e in deep if len(e.path) == depth + 1}
    ours = [name for name in names if not (name in files and _not_a_student_s(name))]
    if 2 * sum(bool(names[name]) for name in ours) <= len(ours):
        return []
    if depth and not all(names[name] for name in ours if name not in files):
        return []
    if depth and len({e.path[:depth] for e in deep}) > 1:
        theirs = {e.path[:depth] for e in deep if names[e.path[depth]]}
        if any(e.path[:depth] not in theirs for e in deep):
            return []
    return [(e, names[e.path[depth]]) for e in deep]


def _not_a_student_s(name: str) -> bool:
    return name == "index.html" or _TABLE.fullmatch(name) is not None


def _by_the_platform(entry: Entry) -> Part:
    return Part(entry, Owner("", ""), "")


def _brightspace(entries: list[Entry], depth: int) -> list[Part]:
    pairs = _named(entries, depth, _BRIGHTSPACE)
    pairs = [(e, m) for e, m in pairs if not m or m["file"] or len(e.path) > depth + 1]
    names = {m["id"]: m["name"] for _, m in pairs if m}
    blind = len({*names.values()}) == 1 < len(names)  # "Anonymous User", in any language
    found = []
    for entry, match in pairs:
        if match:
            name = "" if blind else names[match["id"]].strip()
            lms, own = match["own"] or match["id"], match["own"] is not None
            owner = Owner("brightspace", lms, name, own=own)
            when = read_local(match["when"])
            file = entry.path[-1] if len(entry.path) > depth + 1 else match["file"]
            handed = written(when) if when else match["when"]
            upload = int(when.timestamp()) if when else 0
            found.append(Part(entry, owner, file, upload, handed=handed))
        elif len(entry.path) == depth + 1 and entry.path[-1] == "index.html":
            found.append(_by_the_platform(entry))
    return found


def _blackboard(entries: list[Entry], depth: int) -> list[Part]:
    pairs = [(e, m) for e, m in _named(entries, depth, _BLACKBOARD) if m]
    told, logins = {}, {}
    for entry, match in pairs:
        if not match["file"]:
            first, *lines = _text(entry).splitlines() or [""]
            who = re.fullmatch(r"[^:]+:\s*(.*?)\s*\(([^()]+)\)\s*", first)
            if who and match["head"].endswith(f"_{who[2]}"):
                logins[match["head"]] = who[2], who[1]
            _, _, when = lines[1].partition(":") if len(lines) > 1 else ("", "", "")
            told[match["head"], match["when"]] = read_time(when.replace("o'clock ", ""))
    heads = {m["head"] for _, m in pairs}
    before = {head.removesuffix(login) for head, (login, _) in logins.items()}
    common = min(heads, default="")
    while not all(head.startswith(common) for head in heads):
        common = common[:-1]
    before.add(common[: common.rfind("_") + 1])
    with_files = {m["head"] for _, m in pairs if m["file"]}
    found = []
    for entry, match in pairs:
        head, when = match["head"], match["when"]
        # logins may have a _: without a text beside it, what all have in common is left out
        short = min((head.removeprefix(b) for b in before if head != b), key=len)
        login, name = logins.get(head, (short, ""))
        file = entry.path[-1] if len(entry.path) > depth + 1 else match["file"]
        if not file and head not in with_files:
            file = f"{entry.path[-1]} (typed in Blackboard)"
        at = told.get((head, when)) or read_local(when)
        owner, upload = Owner("blackboard", login, name, own=True), int(when.replace("-", ""))
        handed = written(at) if at else when
        found.append(Part(entry, owner, file or "", upload, handed=handed))
    return found


def _text(entry: Entry, most: int = 4000) -> str:
    """Return the beginning of a text that a platform wrote; empty if it can't be read."""
    with contextlib.suppress(Exception):  # what zipfile and its decompressors raise is no one kind
        if not entry.problem:
            return entry.read(_TEXT_BYTES)[:most].decode("utf-8-sig", "replace")
    return ""


def _sakai(entries: list[Entry], depth: int) -> list[Part]:
    pairs = _named(entries, depth, _SAKAI) or _named(entries, depth, _SAKAI_BLIND)
    inside = [e for e, m in pairs if m and len(e.path) > depth + 1]
    folders = Counter(e.path[depth + 1] for e in inside if len(e.path) > depth + 2)
    stamps = {e.path[depth]: e for e in inside if e.path[depth + 1 :] == ("timestamp.txt",)}
    known = {e.path[depth] for e in inside if e.path[depth + 1] in (_SAKAI_FILES, "timestamp.txt")}
    if 2 * len(known) <= len({e.path[depth] for e in inside}):
        return _sakai_flat(entries, depth)
    # in another language: what nearly everybody has is what they handed in
    files = (
        _SAKAI_FILES if _SAKAI_FILES in folders else "".join(n for n, _ in folders.most_common(1))
    )
    times = {folder: _sakai_time(_text(entry)) for folder, entry in stamps.items()}
    found = []
    for entry, match in pairs:
        if not match or len(entry.path) == depth + 1:
            if len(entry.path) == depth + 1 and _not_a_student_s(entry.path[-1]):
                found.append(_by_the_platform(entry))
            continue
        name = match.groupdict().get("name", "").strip(" ,")
        owner = Owner("sakai", match["id"], name, bool(name), own=bool(name))
        file = entry.path[-1]
        if len(entry.path) == depth + 2:
            file = "" if file in _SAKAI_OWN else file
            if file.endswith("_submissionText.html"):
                file = f"{file} (typed in Sakai)"
        elif entry.path[depth + 1] != files:
            file = ""  # feedback that was given
        found.append(Part(entry, owner, file, handed=times.get(entry.path[depth], "")))
    theirs = {part.owner for part in found if part.file}
    alone = [p for p in found if p.owner not in theirs and p.entry in stamps.values()]
    return found + [part._replace(file="timestamp.txt, and nothing else") for part in alone]


def _sakai_flat(entries: list[Entry], depth: int) -> list[Part]:
    pairs = _named(entries, depth, _SAKAI_FLAT)
    kinds = Counter(m["kind"] for _, m in pairs if m)
    tables = [e for e, m in pairs if not m and _TABLE.fullmatch(e.path[depth])]
    if _SAKAI_FILES not in kinds and not tables:
        return []
    times = {}
    for line in (line for table in tables for line in _text(table, _TEXT_BYTES).splitlines()):
        if when := re.search(r"20\d\d-\d\d-\d\dT[\d:.]+Z", line):
            times |= dict.fromkeys(re.split(r'"?[,;\t]"?', line.strip('"')), when[0])
    files = _SAKAI_FILES if _SAKAI_FILES in kinds else "".join(k for k, _ in kinds.most_common(1))
    found = [_by_the_platform(table) for table in tables]
    for entry, match in pairs:
        if match:
            owner = Owner("sakai", match["id"], match["name"].strip(" ,"), own=True)
            file = match["file"] if match["kind"] == files else ""
            if match["file"] == "submissionText.html":
                file = "submissionText.html (typed in Sakai)"
            handed = _sakai_time(times.get(match["id"], ""))
            found.append(Part(entry, owner, file, handed=handed))
    return found


def _sakai_time(text: str) -> str:
    """Return a time in Sakai's way: 2027-01-31T09:00:00Z, or before 12 so many digits, in UTC."""
    text = re.sub(
        r"^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\d{3}$", r"\1-\2-\3 \4:\5:\6", text.strip()
    )
    when = read_time(text)
    return written(when) if when else text[:60]


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
