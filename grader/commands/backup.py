"""``python -m grader backup`` and ``restore``: a course's work as one file, here or elsewhere."""

import json
import os
import shutil
import sqlite3
import time
import zipfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url

from grader.course import Course, CourseError
from grader.files import FULL
from grader.gradebook import Book

# what can't be made again from the repository or from these
FOLDERS = ("source", "submitted", "collected", "earlier", "records", "autograded")
NOT = (("records", ".locks"), ("records", ".tried"))  # what counts here and now
FILES = ("roster.csv", "weights.json", "deadlines.json", "nbgrader_config.py")
_BOOK, _ABOUT = "gradebook.db", "backup.json"


def _sqlite(course: Course) -> Path | None:
    url = make_url(course.database)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def backup(course: Course, path: Path | None = None) -> tuple[Path, list[str]]:
    """Write a zip of all that a term has made.

    Parameters
    ----------
    course : grader.course.Course
    path : pathlib.Path, optional
        Of the zip; by default beside the course, with the time in its name.

    Returns
    -------
    path : pathlib.Path
    lines : list of str
        What is not in it.

    Raises
    ------
    grader.course.CourseError
        There is such a file already.
    """
    now = time.strftime("%Y-%m-%d-%H%M%S")
    path = path or course.root.parent / f"{course.root.name}-{now}.zip"
    if path.exists():
        raise CourseError(f"{path} is there already. Name another file.")
    lines, names = [], []
    with Book(course) as book:  # as of now: also what people marked since the last command
        for name in course.assignments():
            book.keep_by_hand(name)
    part = path.with_name(f".{os.getpid()}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for folder in FOLDERS:
                for file in sorted((course.root / folder).rglob("*")):
                    if not file.is_file() or file.is_symlink():
                        continue
                    inside = file.relative_to(course.root)
                    if inside.parts[:2] not in NOT:
                        names.append(inside.as_posix())
                        archive.write(file, names[-1])
            for file in filter(Path.is_file, (course.root / name for name in FILES)):
                names.append(file.name)
                archive.write(file, file.name)
            database = _sqlite(course)
            if database and database.is_file():
                with TemporaryDirectory() as folder:
                    copy = Path(folder) / _BOOK
                    source, target = sqlite3.connect(database), sqlite3.connect(copy)
                    source.backup(target)  # whole, whoever writes to it meanwhile
                    source.close()
                    target.close()
                    archive.write(copy, _BOOK)
                    names.append(_BOOK)
            elif not database:
                lines.append(
                    "the grade book is a server's: back it up there; marks are in records, too"
                )
            archive.writestr(_ABOUT, json.dumps({"made": now, "files": len(names)}))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path, [f"{len(names)} files", *lines]


def restore(course: Course, path: Path) -> list[str]:
    """Put a backup into a course that has no term's work yet.

    Parameters
    ----------
    course : grader.course.Course
    path : pathlib.Path
        What :func:`backup` wrote.

    Returns
    -------
    list of str
        What was put back.

    Raises
    ------
    grader.course.CourseError
        It is no backup, damaged, or would write over work.
    """
    work = [n for n in (*FOLDERS[1:], _BOOK) if (course.root / n).exists()]
    if work:
        raise CourseError(
            f"{course.root} has work already ({', '.join(work)}). Back it up and move these away, "
            "or restore into another course: --course FOLDER"
        )
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise CourseError(f"{path} does not exist.") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise CourseError(f"{path} is no zip that can be read ({error}).") from None
    with archive, TemporaryDirectory(dir=course.root, prefix=".restore") as folder:
        try:
            about = json.loads(archive.read(_ABOUT))
            files = [info for info in archive.infolist() if info.filename != _ABOUT]
            if len(files) != about["files"]:
                raise CourseError(f"{path} is not whole: {len(files)} of {about['files']} files.")
            for info in files:
                first = PurePosixPath(info.filename).parts[0]
                if first not in (*FOLDERS, *FILES, _BOOK) or ".." in info.filename.split("/"):
                    raise CourseError(f"{path} holds {info.filename!r}, which no backup has.")
                archive.extract(info, folder)
        except CourseError:
            raise
        except (KeyError, ValueError, TypeError):
            raise CourseError(f"{path} is a zip, but no backup of a course.") from None
        except Exception as error:  # what zipfile and its decompressors raise is no one kind
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            raise CourseError(f"{path} is damaged ({error}). Nothing is put back.") from None
        for name in (*FOLDERS, *FILES, _BOOK):
            there, new = course.root / name, Path(folder) / name
            if new.is_dir():
                shutil.copytree(new, there, dirs_exist_ok=True)
            elif new.exists():
                shutil.copyfile(new, there)
    return [f"{len(files)} files of {about.get('made', 'an unknown day')} put into {course.root}"]
