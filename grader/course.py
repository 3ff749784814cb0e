"""A course on disk: nbgrader's folders, and the records of what was graded."""

import contextlib
import json
import math
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from grader import GraderError
from grader.assignment import Assignment
from grader.files import read_plain
from grader.submission import FILE_BYTES

MOST_BYTES = 200  # of an id: a file's name may have 255, and ours have endings
RECORD_BYTES = 64 << 20


def is_id(name: str) -> bool:
    """Return whether a folder's name can be a student's id, in any script."""
    return (
        0 < len(name) <= 100
        and len(name.encode(errors="replace")) <= MOST_BYTES
        and name[0] not in ".-"
        and all(c.isalnum() or c in "_@.-" or unicodedata.category(c)[0] == "M" for c in name)
    )


_RECORD = {
    **{"student": str, "assignment": str, "sha256": str, "submitted": str, "grader": str},
    **{"tests": dict, "manual": dict, "notes": list, "unanswered": list, "entered": bool},
    **{"score": int | float, "points": int | float},
}


def _whole(record) -> bool:
    """Return whether a record has all that is read of it."""
    if not isinstance(record, dict):
        return False
    marks = [record, *record["tests"].values()] if isinstance(record.get("tests"), dict) else []
    return all(isinstance(record.get(key), kind) for key, kind in _RECORD.items()) and all(
        isinstance(mark, dict)
        and isinstance(mark.get("score"), int | float)
        and math.isfinite(mark["score"])
        for mark in marks
    )


def number(value, most: float) -> float:
    """Return a number from 0 to the most it may be.

    Raises
    ------
    ValueError
        It is none.
    """
    if isinstance(value, bool) or not 0 <= float(value) <= most:  # NaN is none, either
        raise ValueError(value)
    return float(value)


class CourseError(GraderError):
    """A command can't do what it is asked to; the message says why."""


@dataclass
class Submission:
    """A student's file.

    Attributes
    ----------
    student : str
    path : pathlib.Path
        May be missing.
    """

    student: str
    path: Path

    def read(self) -> bytes:
        """Return the file's content, b"" if it is not a plain file of a decent size."""
        return read_plain(self.path, FILE_BYTES) or b""


class Course:
    """A course's folders.

    Parameters
    ----------
    root : pathlib.Path
        Holds source, release, submitted, autograded, feedback, records.
    database : str, optional
        A database's URL; by default ``gradebook.db`` in the root.
    """

    def __init__(self, root: Path, database: str | None = None) -> None:
        self.root = Path(root).resolve()
        if not (self.root / "source").is_dir():
            raise CourseError(
                f"{self.root} has no folder named source. Name the course: --course FOLDER"
            )
        self.config = Config()
        if (settings := self.root / "nbgrader_config.py").exists():
            try:
                self.config = PyFileConfigLoader(str(settings)).load_config()
            except (SystemExit, Exception) as error:  # the file is a program
                why = f"{type(error).__name__}: {error}"
                raise CourseError(f"{settings} can't be read: {why}") from None
        url = database or os.environ.get("GRADEBOOK") or self.config.CourseDirectory.get("db_url")
        path = str(self.root / "gradebook.db")  # may hold what means something else in a URL
        self.database = url or URL.create("sqlite", database=path).render_as_string()

    def source(self, name: str) -> Path:
        """Return the folder of an assignment's source."""
        if not (self.root / "source" / name).is_dir() or not is_id(name):
            there = ", ".join(self.assignments()) or "none"
            raise CourseError(f"There is no assignment {name!r}. There are: {there}.")
        return self.root / "source" / name

    def assignment(self, name: str) -> Assignment:
        """Return an assignment of this course."""
        return Assignment(self.source(name))

    def assignments(self) -> list[str]:
        """Return the names of all assignments."""
        folders = sorted((self.root / "source").iterdir())
        return [f.name for f in folders if (f / f"{f.name}.ipynb").is_file()]

    def submissions(self, name: str) -> list[Submission]:
        """Return who handed in something for an assignment."""
        found = sorted((self.root / "submitted").glob(f"*/{name}"))
        return [
            Submission(folder.parent.name, folder / f"{name}.ipynb")
            for folder in found
            if not self._odd(folder)
        ]

    def passed_over(self, name: str) -> list[str]:
        """Return a line for each folder in ``submitted`` that can't be a student's."""
        found = sorted((self.root / "submitted").glob(f"*/{name}"))
        return [
            f"passed over: {str(folder.relative_to(self.root))!a}, {why}"
            for folder in found
            if (why := self._odd(folder))
        ]

    @staticmethod
    def _odd(folder: Path) -> str:
        if folder.is_symlink() or folder.parent.is_symlink():
            return "a link"
        if not is_id(folder.parent.name):
            return "its name is no id (letters, digits, _ @ . -, at most 100): rename it"
        return ""

    def settings(self, file: str, read: Callable[[dict], dict]) -> dict:
        """Return what a file of settings says; {} if there is none.

        Parameters
        ----------
        file : str
            In the course's folder, JSON.
        read : callable
            Takes what is in it by assignment, and returns what is wanted of it; fails where that
            is not what it should be.

        Raises
        ------
        CourseError
            The file is damaged: no mark may change in silence.
        """
        path = self.root / file
        if not path.exists():
            return {}
        try:
            return read(json.loads(read_plain(path, RECORD_BYTES) or b""))
        except (ValueError, AttributeError, TypeError, KeyError, OverflowError, RecursionError):
            raise CourseError(f"{path} is damaged. Put a backup back, or delete it.") from None

    def collected_path(self, name: str, student: str) -> Path:
        """Return where it stands how a student handed in an assignment."""
        return self.root / "collected" / name / f"{student}.json"

    def collected(self, name: str, student: str) -> dict:
        """Return how a student handed in; {} if ``collect`` does not know."""
        with contextlib.suppress(ValueError, RecursionError):
            about = json.loads(read_plain(self.collected_path(name, student), RECORD_BYTES) or b"")
            return about if isinstance(about, dict) else {}
        return {}

    def who(self, name: str, student: str) -> tuple[str, str]:
        """Return a student's name and number as the LMS gave them; '' and the id if it did not."""
        about = self.collected(name, student)
        return str(about.get("name", "")), str(about.get("lms", student))

    def record_path(self, name: str, student: str) -> Path:
        """Return where the record of a submission stands."""
        return self.root / "records" / name / f"{student}.json"

    def record(self, name: str, student: str) -> dict | None:
        """Return the record of a submission, None if it is not graded."""
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(read_plain(self.record_path(name, student), RECORD_BYTES) or b"")
            # half of one counts for none: who is graded again loses nothing
            if _whole(record) and (record["student"], record["assignment"]) == (student, name):
                return record
        return None

    def records(self, name: str) -> list[dict]:
        """Return all records of an assignment."""
        paths = sorted((self.root / "records" / name).glob("*.json"))
        return [record for path in paths if (record := self.record(name, path.stem))]
