"""``python -m grader collect``: take in what students handed in."""

import csv
import io
import json
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from grader.assignment import NOTEBOOK_BYTES
from grader.course import Course, CourseError, Submission, digest, write

# how Moodle and Canvas name what they export
_MOODLE = re.compile(r"(?P<name>[^/]+)_(?P<id>\d+)_assignsubmission_file_?")
_CANVAS = re.compile(r"(?P<name>[^_/]+)_(?:LATE_)?(?P<id>\d+)_\d+_(?P<file>.+)")
_ID = re.compile(r"[^\w@.\-]+")
ENTRIES, ARCHIVE_BYTES = 20_000, 4 << 30


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
        raise CourseError(f"{source} is not there.")
    ids = _roster(roster) if roster else {}
    students: dict[str, list[Found]] = {}
    names = {}
    for found in _archive(source) if source.is_file() else _folder(source):
        student = ids.get(found.student) or ids.get(found.name) or found.student
        student = _ID.sub("-", student).strip(".-")[:100] or "nobody"
        names[student] = found.name
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
            about = {"name": names[student], "file": files[-1].file}
            write(path.parent / "collected.json", json.dumps(about, ensure_ascii=False))
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
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        content = Submission("", path).read()
        yield from _files(str(path.relative_to(folder)), content)


def _archive(path: Path):
    """Yield the files of a zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name, content in _entries(archive, ARCHIVE_BYTES):
                yield from _files(name, content)
    except zipfile.BadZipFile as error:
        raise CourseError(f"{path} is not a zip archive ({error}).") from None


def _entries(archive: zipfile.ZipFile, limit: int):
    """Yield each plain file of an archive, whatever its header says about sizes."""
    for number, entry in enumerate(archive.infolist()):
        link = stat.S_ISLNK(entry.external_attr >> 16)
        if entry.is_dir() or link or entry.flag_bits & 1:
            continue
        if number >= ENTRIES or limit <= 0:
            raise CourseError("the archive holds too much to be an export.")
        try:
            with archive.open(entry) as file:
                content = file.read(NOTEBOOK_BYTES + 1)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError) as error:
            content = f"damaged: {error}".encode()
        limit -= len(content)
        yield entry.filename, content


def _files(name: str, content: bytes):
    """Yield a file with its student, and what is in it if it is a student's zip."""
    parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".", "..")]
    if not parts or parts[0] == "__MACOSX" or parts[-1].startswith("."):
        return
    file, student, who = parts[-1], "", ""
    for part in parts[:-1]:
        if match := _MOODLE.match(part):
            student, who = match["id"], match["name"]
    if not student and (match := _CANVAS.fullmatch(file)):
        student, who, file = match["id"], match["name"], match["file"]
    if not student:
        student = parts[0] if len(parts) > 1 else Path(file).stem
    if file.lower().endswith(".zip"):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                inner = list(_entries(archive, 10 * NOTEBOOK_BYTES))
        except (zipfile.BadZipFile, CourseError):
            inner = []
        for inside, data in inner:
            yield Found(student, who, f"{file}: {inside.split('/')[-1]}", data)
    yield Found(student, who, file, content)


def _roster(path: Path) -> dict[str, str]:
    """Return the course's own id by what the LMS calls a student."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or "id" not in rows[0]:
        raise CourseError(f"{path} needs the columns id and name, or id and lms.")
    return {row[k]: row["id"] for row in rows for k in ("name", "lms") if row.get(k)}
