"""``python -m grader collect``: take in what students handed in."""

import contextlib
import csv
import io
import itertools
import json
import re
import stat
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from grader.course import Course, CourseError, Submission
from grader.files import digest, write
from grader.submission import NOTEBOOK_BYTES
from grader.trusted.sanitise import readable

# how Moodle and Canvas name what they export
_MOODLE = re.compile(r"(?P<name>[^/]+)_(?P<id>\d+)_assignsubmission_file_?")
_CANVAS = re.compile(r"(?P<name>[^_/]+)_(?:LATE_)?(?P<id>\d+)_\d+_(?P<file>.+)")
_ID = re.compile(r"[^\w@.\-]+")
ENTRIES, STUDENT_BYTES = 1000, 64 << 20


@dataclass
class Found:
    """A student's file in an export.

    Attributes
    ----------
    student, name : str
        The id, and the name if the export tells.
    file : str
        What the file was called.
    content : bytes
    """

    student: str
    name: str
    file: str
    content: bytes


def collect(course: Course, assignment: str, source: Path, roster: Path | None = None) -> list[str]:
    """Put submissions where ``grade`` finds them.

    Parameters
    ----------
    course : grader.course.Course
    assignment : str
        Its name.
    source : pathlib.Path
        A zip that an LMS exported, or a folder.
    roster : pathlib.Path, optional
        CSV with the columns ``id`` and ``name`` or ``lms``: the course's own ids.

    Returns
    -------
    list of str
        A line for each student: new, unchanged, or what is wrong.
    """
    course.assignment(assignment)
    if not source.exists():
        raise CourseError(f"{source} does not exist.")
    ids = _roster(roster) if roster else {}
    students: dict[str, list[Found]] = {}
    for found in _archive(source) if source.is_file() else _folder(source):
        student = ids.get(found.student) or ids.get(found.name) or found.student
        student = _ID.sub("-", student).strip(".-")[:100] or "nobody"
        students.setdefault(student, []).append(found)
    lines = []
    for student, files in tqdm(sorted(students.items()), desc=assignment, unit="student"):
        content, problem = _choose(assignment, files)
        path = course.root / "submitted" / student / assignment / f"{assignment}.ipynb"
        state = "new"
        if path.exists():
            same = digest(Submission(student, path).read()) == digest(content)
            state = "unchanged" if same else "handed in again"
        if state != "unchanged":
            write(path, content)
            last = files[-1]
            origin = {"name": last.name, "lms": last.student, "file": last.file}
            write(path.parent / "collected.json", json.dumps(origin, ensure_ascii=False))
        lines.append(f"{student}: {state}{f', {problem}' if problem else ''}")
    return lines


def _choose(assignment: str, files: list[Found]) -> tuple[bytes, str]:
    """Return a student's notebook, and what is wrong if that is not plain."""
    notebooks = [f for f in files if f.file.lower().endswith(".ipynb")]
    right = [f for f in notebooks if _is(assignment, f.content)]
    chosen = right or notebooks
    if not chosen:
        # graded all the same: nothing, with this reason
        named = ", ".join(f.file for f in files)[:100]
        return b"", f"no notebook among: {named}"
    problem = "" if right else f"{chosen[-1].file} is not the notebook of {assignment}"
    if len({digest(f.content) for f in chosen}) > 1:
        problem = f"{len(chosen)} notebooks, the last is used: {chosen[-1].file}"
    return chosen[-1].content, problem


def _is(assignment: str, content: bytes) -> bool:
    """Return whether a notebook says that it is this assignment's."""
    try:
        return json.loads(content)["metadata"]["homework"]["name"] == assignment
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _folder(folder: Path):
    """Yield the files of a folder: STUDENT/…, or as an LMS names them."""
    spent = Counter()
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        yield from _files(str(path.relative_to(folder)), Submission("", path).read, spent)


def _archive(path: Path):
    """Yield the files of a zip."""
    spent = Counter()
    try:
        with zipfile.ZipFile(path) as archive:
            for name, read in _entries(archive):
                yield from _files(name, read, spent)
    except zipfile.BadZipFile as error:
        raise CourseError(f"{path} is not a zip archive ({error}).") from None


def _entries(archive: zipfile.ZipFile):
    """Yield the name of each plain file of an archive, and a function that reads it."""
    for entry in archive.infolist():
        if not entry.is_dir() and not stat.S_ISLNK(entry.external_attr >> 16):
            yield entry.filename, partial(_read, archive, entry)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return a file's content, whatever its header says about sizes."""
    try:
        with archive.open(entry) as file:
            return file.read(NOTEBOOK_BYTES + 1)
    except Exception as error:  # what zipfile and its decompressors raise is no one kind
        return f"damaged: {error}".encode(errors="replace")


def _files(name: str, read, spent: Counter):
    """Yield a file with its student, and what is in it if it is a student's zip.

    Below its first name, which the LMS or the instructor gave, a path is the student's choice.
    """
    parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".", "..")]
    if not parts or parts[0] == "__MACOSX" or parts[-1].startswith("."):
        return
    file, who = parts[-1], ""
    if match := _MOODLE.match(parts[0]):
        student, who = match["id"], match["name"]
        file = file[match.end() :] if len(parts) == 1 else file
    elif len(parts) == 1 and (match := _CANVAS.fullmatch(file)):
        student, who, file = match["id"], match["name"], match["file"]
    else:
        student = parts[0] if len(parts) > 1 else Path(file).stem
    who, file = readable(who, 100), readable(file, 100)

    def found(file: str, read) -> Found:
        content = b""
        if file.lower().endswith((".ipynb", ".zip")):
            content = b"left out: this student handed in too much"
            if spent[student] <= STUDENT_BYTES:
                content = read()
                spent[student] += len(content)
        return Found(student, who, file, content)

    whole = found(file, read)
    if file.lower().endswith(".zip"):
        with contextlib.suppress(Exception):  # as in _read
            archive = zipfile.ZipFile(io.BytesIO(whole.content))
            for member, read_member in itertools.islice(_entries(archive), ENTRIES):
                yield found(readable(f"{file}: {member.split('/')[-1]}", 200), read_member)
    yield whole


def _roster(path: Path) -> dict[str, str]:
    """Return the course's own id by what the LMS calls a student."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or "id" not in rows[0]:
        raise CourseError(f"{path} needs the columns id and name, or id and lms.")
    return {row[k]: row["id"] for row in rows for k in ("name", "lms") if row.get(k)}
