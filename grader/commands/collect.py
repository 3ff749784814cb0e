"""``python -m grader collect``: take in what students handed in."""

import contextlib
import errno
import io
import os
import re
import stat
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from grader.assignment import Assignment
from grader.course import Course, CourseError, Submission
from grader.files import FULL, OutOfTime, deadline, digest, read_plain, write
from grader.layouts import Entry, Owner, Part, junk, parts, sort
from grader.people import People, Roster, Unknown
from grader.submission import FILE_BYTES, SubmissionError, name_cells, read_notebook
from grader.trusted.sanitise import readable

# a student's: files in a zip, zips in a zip, bytes, seconds
ENTRIES, DEPTH, STUDENT_BYTES, STUDENT_SECONDS = 1000, 3, 256 << 20, 30
NOT_TAKEN, NOT_PLAIN = "not taken", "a link, or no plain file"
# other archives, by how they begin
_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}
_LIKELY = re.compile(r"\.ipynb\b|\.(7z|rar|tar|t?gz|t?bz2|t?xz)$", re.IGNORECASE)
_OBJECT = re.compile(rb"[\0\s]*(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\0\s]*\{")
EXPORT_BYTES = 2 << 30
_REASON = re.compile(r"\((?!typed in)[a-zA-Z][^()]*\)$")  # why a file was refused
_COPY = re.compile(r"(?:[ _-]*\((\d+)\)|-(\d+))(?:\.ipynb.*)?$", re.IGNORECASE)


@dataclass
class Candidate:
    """A notebook that a student may mean.

    Attributes
    ----------
    content : bytes
    file : str
        What it was called.
    age : tuple
        The larger the newer.
    rank : int
        3 with answers, 2 as it was released, 1 another notebook, 0 none.
    answers : int
        How many it has.
    problem : str
    sha256 : str
    handed : str
        When it was handed in, if the platform says so.
    """

    content: bytes
    file: str
    age: tuple
    rank: int = 0
    answers: int = 0
    problem: str = ""
    sha256: str = ""
    handed: str = ""


@dataclass
class Student:
    """What one of them handed in."""

    owner: Owner
    files: list[Part] = field(default_factory=list)


def collect(course: Course, assignment: str, source: Path, roster: Path | None = None) -> list[str]:
    """Put submissions where ``grade`` finds them.

    Of a student's notebooks the newest is taken that is the assignment's and has an answer: by
    Canvas' number of the upload, or when Brightspace or Blackboard says that it was handed in;
    else by the time at which it was last changed, as the zip it
    lies in says; else by its place in Moodle's zip, which is in the order of uploads; else by the
    number that a browser added, as in ``hw1 (2).ipynb``; else the one with more answers.

    Parameters
    ----------
    course : grader.course.Course
    assignment : str
        Its name.
    source : pathlib.Path
        A zip that an LMS exported, or a folder.
    roster : pathlib.Path, optional
        CSV with the columns ``id`` and ``name`` or ``lms``: the course's own ids; else the one
        that the command ``roster`` kept, if there is one.

    Returns
    -------
    list of str
        A line for each student: new, unchanged, or what is wrong; then who is missing.
    """
    whole = course.assignment(assignment)
    kept = course.root / "roster.csv"  # from `python -m grader roster`
    roster = roster or (kept if kept.exists() else None)
    people, listed = People(course), Roster(roster, assignment) if roster else None
    with _opened(source) as (entries, lines):
        found, strays = sort(entries, assignment)
        _no_export_in_it(source, found)
        if not found:
            raise CourseError(
                f"{source} does not say whose its files are. Give an LMS's zip as it came, or a "
                "folder with a folder for each student, called by the student's id."
            )
        students: dict[Owner, Student] = {}
        for part in found:
            students.setdefault(part.owner, Student(part.owner)).files.append(part)
        ids = people.identify(assignment, students, listed)
        doubled = _join(students, ids)
        unmatched = []
        for owner, who in tqdm(sorted(ids.items(), key=_order), desc=assignment, unit="student"):
            if isinstance(who, Unknown):
                lines.append(f"{readable(owner.name or owner.lms, 100)}: {NOT_TAKEN}, {who}")
                continue
            note = ""
            if listed and not listed.find(owner):
                unmatched.append(who)
            elif listed:
                who, note = people.settle(who, owner, assignment, listed)
            try:
                line = _take(course, whole, people, who, students[owner])
            except OutOfTime as error:
                line = f"{NOT_TAKEN}, it {error}"
            except OSError as error:
                if error.errno in FULL:
                    raise
                line = f"{NOT_TAKEN}, {error.strerror or error}"
            except Exception as error:  # one student's file stops nobody else
                line = f"{NOT_TAKEN}, {type(error).__name__}: {readable(str(error), 200)}"
            lines += [", ".join(filter(None, [f"{who}: {line}", note]))] if line else []
    lines += [f"left out, nobody's: {readable('/'.join(e.path), 200)}" for e in strays]
    lines += doubled
    if listed:
        there = {s.student for s in course.submissions(assignment)}
        there = set().union(*(people.listed(student, listed) for student in there))
        if absent := sorted({*listed.ids.values()} - there):
            lines.append(f"in the roster, without a submission: {', '.join(absent)}")
        if unmatched:
            lines.append(f"not in the roster: {', '.join(sorted(unmatched))}")
            if listed.guessed:
                lines.append(
                    f"{roster.name} is not UTF-8, and was read as Western European. If its names "
                    "look wrong, save it as CSV UTF-8."
                )
        lines += listed.notes
    return lines


def _no_export_in_it(source: Path, found: list[Part]) -> None:
    """Refuse an export that was packed once more: one student would have the whole class's work."""
    if len(found) != 1 or found[0].owner.layout not in ("folders", "files"):
        return
    inside = []
    with contextlib.suppress(Exception):  # what zipfile raises is no one kind
        content = found[0].entry.read(EXPORT_BYTES)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside, _ = sort(list(_zip_entries(archive)), "")
    if inside and inside[0].owner.layout not in ("folders", "files"):
        name = "/".join(found[0].entry.path)
        raise CourseError(f"{source} holds {name}, an LMS's export. Unpack it, and give that.")


def _order(item) -> tuple:
    owner, who = item
    return isinstance(who, Unknown), str(who), owner.lms


def _join(students: dict, ids: dict) -> list[str]:
    """Put together what one person handed in under two names; return a line for each."""
    first, lines = {}, []
    for owner, who in list(ids.items()):
        if isinstance(who, Unknown):
            continue
        if who in first:
            students[first[who]].files += students.pop(owner).files
            del ids[owner]
            lines.append(f"twice: {who}, as {first[who].lms} and {readable(owner.lms, 100)}")
        else:
            first[who] = owner
    return lines


def _take(
    course: Course, assignment: Assignment, people: People, who: str, student: Student
) -> str:
    """Take in what a student handed in; return what there is to say."""
    refused, candidates = [], []
    with deadline(STUDENT_SECONDS):
        for candidate in _candidates(student, refused):
            _judge(candidate, assignment)
            # only the best is kept: contents are large
            candidates.append(candidate)
            best = max(candidates, key=_worth)
            for other in candidates:
                if other is not best:
                    other.content = b""
    if not candidates and not refused:
        return f"nothing taken: {_named(student.files)} is {NOT_PLAIN}"
    if candidates:
        chosen = max(candidates, key=_worth)
        rivals = {c.sha256 for c in candidates if c.rank == chosen.rank}
        problem = chosen.problem
        if len(rivals) > 1 and chosen.rank:
            problem = f"{len(rivals)} notebooks, the newest is used: {chosen.file}"
        aside = [c.problem for c in candidates if not c.rank and c.age > chosen.age]
        aside += [file for file in refused if _REASON.search(file)]
        if aside:
            problem = ", ".join(filter(None, [problem, f"left aside: {', '.join(aside)}"]))[:300]
    else:
        # graded all the same: nothing, with this reason
        last = max(student.files, key=lambda part: part.upload)
        chosen = Candidate(b"", _named(student.files), (), handed=last.handed)
        problem = f"no notebook among: {', '.join(refused)}"[:300]
    path = course.root / "submitted" / who / assignment.name / f"{assignment.name}.ipynb"
    late, state = any(part.late for part in student.files), "new"
    if path.exists() or path.is_symlink():
        before = Submission(who, path).read()
        state = "unchanged" if digest(before) == digest(chosen.content) else "handed in again"
        if state != "unchanged" and chosen.rank < 3:
            earlier = Candidate(before, "", ())
            _judge(earlier, assignment)
            if earlier.rank > chosen.rank:  # the only copy of an answer may be ours
                return f"kept as it was, for what came now has no answer: {problem or chosen.file}"
    if state != "unchanged":
        if state == "handed in again" and before:  # each is kept; the newest counts
            now = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
            kept = course.root / "earlier" / assignment.name / who / f"{now}-{digest(before)[:12]}"
            write(kept.with_name(f"{kept.name}.ipynb"), before)
        write(path, chosen.content)
    stamp = path.with_name("timestamp.txt")
    if chosen.handed and (state != "unchanged" or not stamp.exists()):
        write(stamp, f"{readable(chosen.handed, 60)}\n")
    elif state == "handed in again":  # that was when the other was
        stamp.unlink(missing_ok=True)
    owner = student.owner
    about = {"name": readable(owner.name, 100), "lms": owner.lms, "layout": owner.layout}
    people.note(
        assignment.name, who, about | {"file": chosen.file, "late": late} | _original(student)
    )
    return ", ".join(filter(None, [state, problem, "late, says Canvas" if late else ""]))


def _original(student: Student) -> dict:
    """Return what Canvas called a student's newest upload: it takes feedback under that name."""
    uploads = [part for part in student.files if part.upload]
    if not uploads:
        return {}
    newest = max(uploads, key=lambda part: part.upload)
    return {"original": readable(newest.entry.path[-1], 250)}


def settle(assignment: Assignment, submission: Submission) -> str:
    """Put the notebook that a student means where ``grade`` finds it.

    nbgrader's exchange takes a folder as it is, in which students rename the notebook, or go on in
    a copy. The one that has the assignment's name stays if it has an answer; else the best of the
    others is taken, as of those that :func:`collect` finds, and it is kept under another name.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    submission : grader.course.Submission

    Returns
    -------
    str
        What was done; empty if nothing was.
    """
    path, owner = submission.path, Owner("folders", submission.student)
    ours = [(path.name,), ("timestamp.txt",)]
    with deadline(STUDENT_SECONDS):
        entries = [e for e in _folder_entries(path.parent, []) if e.path not in ours]
        beside = [Part(e, owner, e.path[-1]) for e in entries if not junk(e.path)]
        if not beside:
            return ""
        own = Candidate(submission.read(), path.name, ())
        _judge(own, assignment)
        others = [] if own.rank == 3 else list(_candidates(Student(owner, beside), []))
        for candidate in others:
            _judge(candidate, assignment)
    best = max(others, key=_worth, default=own)
    if best.rank <= max(own.rank, 1):
        return ""
    if os.path.lexists(path):
        path.replace(path.with_name(f"{path.stem}-without-an-answer{path.suffix}"))
    write(path, best.content)
    return f"{best.file} is taken for {path.name}"


def _worth(candidate: Candidate) -> tuple:
    return candidate.rank, candidate.age, candidate.answers, candidate.sha256


def _judge(candidate: Candidate, assignment: Assignment) -> None:
    """Say whether a notebook is the assignment's, and how much of it is answered."""
    candidate.sha256 = digest(candidate.content)
    try:
        notebook = read_notebook(candidate.content)
    except SubmissionError as error:
        candidate.problem = f"{candidate.file}: {error}"
        return
    named = notebook.metadata.homework.get("name")
    known = any(name_cells(notebook.cells, assignment.released.cells))
    if named != assignment.name and (named or not known):
        candidate.rank, what = 1, f"is not the notebook of {assignment.name}"
        candidate.problem = f"{candidate.file} {what}"
        return
    merged = assignment.merge(candidate.content)
    candidate.answers = len(assignment.of_kind("answer", "manual")) - len(merged.unanswered)
    own = any(step.kind == "extra" for step in merged.steps)
    candidate.rank = 3 if candidate.answers or own else 2


def _candidates(student: Student, refused: list[str]):
    """Yield a student's notebooks; say of what else there is why it is none."""
    room = [STUDENT_BYTES]
    for part in student.files:
        at = part.entry.place if part.owner.layout == "moodle" else 0
        # a browser's number counts only within one place
        for candidate in _within(
            part.entry, readable(part.file, 100), (part.upload,), at, room, refused, 0
        ):
            candidate.handed = part.handed
            yield candidate


def _within(entry, file, upload, at, room, refused, depth):
    if entry.problem:
        if entry.problem != NOT_PLAIN:
            refused.append(f"{file} ({entry.problem})")
        return
    zipped = file.lower().endswith(".zip")
    most = min(FILE_BYTES, room[0])
    try:
        if not zipped and not _LIKELY.search(file.rpartition(": ")[2]):
            start = entry.read(64) if most > 0 else b""
            if not _OBJECT.match(start):  # known by what is in it, whatever it is called
                refused.append(file)
                return
        content = b"" if most <= 0 else entry.read(most)
    except Exception as error:  # what zipfile and its decompressors raise is no one kind
        refused.append(f"{file} (damaged: {readable(str(error), 60)})")
        return
    room[0] -= len(content)
    if most <= 0 or len(content) > most:
        refused.append(f"{file} (left out: too much)")
    elif content[:2] == b"PK":
        yield from _unpack(content, file, upload, at, room, refused, depth)
    elif kind := archive_kind(content):
        refused.append(f"{file} ({kind}: ask for a zip or the notebook)")
    else:
        copy = _COPY.search(file)
        number = int((copy[1] or copy[2])[:9]) if copy else 0
        candidate = Candidate(content, file, (*upload, entry.when, at, number))
        if b'"cells"' in content.replace(b"\0", b"") or (".ipynb" in file.lower() and not zipped):
            yield candidate
        else:
            refused.append(f"{file} (a damaged zip)" if zipped else file)


def _unpack(content, file, upload, at, room, refused, depth):
    """Yield the notebooks in a student's zip, and in zips in it."""
    if depth == DEPTH:
        refused.append(f"{file} (a zip in a zip in a zip)")
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception as error:  # what zipfile and its decompressors raise is no one kind
        refused.append(f"{file} (a damaged zip: {readable(str(error), 60)})")
        return
    for entry in list(_zip_entries(archive))[:ENTRIES]:
        if not entry.path or junk(entry.path):
            continue
        name = readable(f"{file}: {entry.path[-1]}", 200)
        yield from _within(entry, name, upload, at, room, refused, depth + 1)


def archive_kind(content: bytes) -> str:
    """Return what kind of archive, other than zip, a file is; '' if none."""
    if content[257:262] == b"ustar":
        return "a tar archive"
    kinds = [kind for start, kind in _ARCHIVES.items() if content.startswith(start)]
    return f"a {kinds[0]} archive" if kinds else ""


def _named(files: list[Part]) -> str:
    return ", ".join(readable(part.file, 100) for part in files)[:100]


@contextlib.contextmanager
def _opened(source: Path):
    """Yield the files of a folder or zip, and lines on what of it can't be read."""
    if not source.exists():
        raise CourseError(f"{source} does not exist.")
    if source.is_dir():
        lines = []
        yield list(_folder_entries(source, lines)), lines
        return
    if not source.is_file():
        raise CourseError(f"{source} is neither a folder nor a zip.")
    with source.open("rb") as file:
        kind = archive_kind(file.read(512))
    if kind:
        raise CourseError(f"{source} is {kind}, not a zip archive. Unpack it, give the folder.")
    try:
        archive = zipfile.ZipFile(source)
    except Exception as error:
        why = f"{source} is not a zip archive ({error})."
        with source.open("rb") as file:
            if file.read(4) == b"PK\3\4":
                why = f"{source} is cut off or damaged ({error}). Download it once more."
        raise CourseError(why) from None
    with archive:
        yield list(_zip_entries(archive)), []


def _folder_entries(folder: Path, lines: list[str]):
    """Yield the files of a folder; links are not followed."""

    def unread(error: OSError) -> None:
        lines.append(f"can't be read: {str(error.filename)!a}, {error.strerror}")

    place = 0
    for where, folders, files in os.walk(folder, onerror=unread):
        folders.sort()
        for name in sorted([*files, *(f for f in folders if Path(where, f).is_symlink())]):
            path = Path(where, name)
            place += 1
            try:
                about = path.lstat()
            except OSError as error:
                unread(error)
                continue
            problem = "" if stat.S_ISREG(about.st_mode) else NOT_PLAIN
            named = parts(os.path.relpath(path, folder))
            yield Entry(named, about.st_mtime, place, _reader(path), problem)


def _reader(path: Path):
    def read(most: int) -> bytes:
        if (content := read_plain(path, most)) is None:
            raise PermissionError(errno.EACCES, f"{path.name} can't be read")
        return content

    return read


def _zip_entries(archive: zipfile.ZipFile):
    """Yield the files of a zip."""
    for place, info in enumerate(archive.infolist()):
        if info.is_dir():
            continue
        name = info.filename
        if not info.flag_bits & 0x800:  # rubyzip and others write UTF-8 and don't say so
            with contextlib.suppress(UnicodeError):
                name = name.encode("cp437").decode()
        problem = NOT_PLAIN if stat.S_ISLNK(info.external_attr >> 16) else ""
        problem = "encrypted" if info.flag_bits & 1 and not problem else problem
        when = 0.0
        if info.date_time[0] > 1980:  # what has no time says 1980
            with contextlib.suppress(ValueError, OverflowError):
                when = time.mktime((*info.date_time, 0, 0, -1))
        yield Entry(parts(name), when, place, _zip_reader(archive, info), problem)


def _zip_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo):
    def read(most: int) -> bytes:
        with archive.open(info) as file:  # whatever its header says about sizes
            return file.read(most + 1)

    return read
