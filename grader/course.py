"""A course on disk: nbgrader's folders, and the records of what was graded."""

import contextlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from grader import GraderError
from grader.assignment import Assignment
from grader.submission import NOTEBOOK_BYTES

_STUDENT = re.compile(r"[\w@.\-]{1,100}")


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
        with contextlib.suppress(OSError):
            # a link could point at the solution, a pipe could block
            flags = os.O_RDONLY
            for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # Windows lacks the first two
                flags |= getattr(os, name, 0)
            descriptor = os.open(self.path, flags)
            with os.fdopen(descriptor, "rb") as file:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return file.read(NOTEBOOK_BYTES + 1)
        return b""


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
            self.config = PyFileConfigLoader(str(settings)).load_config()
        url = database or os.environ.get("GRADEBOOK") or self.config.CourseDirectory.get("db_url")
        path = str(self.root / "gradebook.db")  # may hold what means something else in a URL
        self.database = url or URL.create("sqlite", database=path).render_as_string()

    def source(self, name: str) -> Path:
        """Return the folder of an assignment's source."""
        if not (self.root / "source" / name).is_dir() or not _STUDENT.fullmatch(name):
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
            if _STUDENT.fullmatch(folder.parent.name) and not folder.is_symlink()
        ]

    def who(self, name: str, student: str) -> tuple[str, str]:
        """Return a student's name and number as the LMS gave them; '' and the id if it did not."""
        path = self.root / "submitted" / student / name / "collected.json"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            origin = json.loads(path.read_text(encoding="utf-8"))
            return str(origin["name"]), str(origin["lms"])
        return "", student

    def record_path(self, name: str, student: str) -> Path:
        """Return where the record of a submission stands."""
        return self.root / "records" / name / f"{student}.json"

    def record(self, name: str, student: str) -> dict | None:
        """Return the record of a submission, None if it is not graded."""
        try:
            return json.loads(self.record_path(name, student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def records(self, name: str) -> list[dict]:
        """Return all records of an assignment."""
        paths = sorted((self.root / "records" / name).glob("*.json"))
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]
