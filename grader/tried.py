"""What a dry run found, kept until the same is to be marked in earnest.

It stands beside a hash of all that decides it, so what has changed since is marked anew: the
submission, the source with its stored numbers and limits, the assignment's data, the grader,
``libs``, Python and its packages, the machine. It counts once, and no longer than a day.
"""

import hashlib
import json
import platform
import sys
import time
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

import nbformat

from grader import ROOT
from grader.assignment import Assignment
from grader.course import Course, Submission
from grader.files import digest, write
from grader.trusted.mark import version

SECONDS = 24 * 3600  # that long a result may count


class Tried:
    """Results of one assignment's dry run, a file for each student.

    They are as trusted as the records beside them, which students' code can't see either.

    Parameters
    ----------
    course : grader.course.Course
    assignment : grader.assignment.Assignment
    sandbox : callable
        What marks; see :class:`grader.trusted.mark.Marker`.
    """

    def __init__(self, course: Course, assignment: Assignment, sandbox) -> None:
        self.folder = course.root / "records" / ".tried" / assignment.name
        parts = [assignment.sha256, version(), sandbox.__qualname__, *_surroundings(assignment)]
        self._state = digest(json.dumps(parts).encode())

    def keep(self, student: str, record: dict, cells: list) -> None:
        """Keep a result, but for one that could not be marked: to that, again is another try."""
        if record.get("unmarked"):
            self.drop(student)
            return
        found = {"record": record, "cells": cells}
        content = f"{self._key(record['sha256'])}\n{json.dumps(found)}"
        write(self._path(student), content)

    def known(self, submissions: Iterable[Submission]) -> set[str]:
        """Return for whom of these there is a result that still holds."""
        return {s.student for s in submissions if self._holds(s)}

    def _holds(self, submission: Submission) -> bool:
        try:
            path = self._path(submission.student)
            age = time.time() - path.stat().st_mtime
            with path.open("rb") as file:
                key = file.readline(100).decode().rstrip("\n")
        except (OSError, ValueError):
            return False
        return 0 <= age < SECONDS and key == self._key(digest(submission.read()))

    def take(self, submission: Submission) -> tuple[dict, list] | None:
        """Return a result, as :meth:`grader.trusted.mark.Marker.mark` does, and forget it.

        None if there is none that holds.
        """
        if not self._holds(submission):
            return None
        content = self._path(submission.student).read_bytes().partition(b"\n")[2]
        self.drop(submission.student)
        try:
            found = json.loads(content)
            return found["record"], [nbformat.from_dict(cell) for cell in found["cells"]]
        except (ValueError, KeyError, TypeError):  # damaged: it is marked anew
            return None

    def drop(self, student: str) -> None:
        """Forget a result."""
        self._path(student).unlink(missing_ok=True)

    def _path(self, student: str) -> Path:
        return self.folder / f"{student}.json"

    def _key(self, sha256: str) -> str:
        return digest(f"{self._state} {sha256}".encode())


def _surroundings(assignment: Assignment) -> list:
    """Return what decides a result beside submission, source and grader."""
    hashes = []
    for folder in filter(None, (ROOT / "libs", assignment.data)):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                with path.open("rb") as file:
                    hashes.append([str(path), hashlib.file_digest(file, "sha256").hexdigest()])
    packages = sorted(f"{d.metadata['Name']} {d.version}" for d in distributions())
    return [sys.version, platform.platform(), platform.node(), packages, hashes]
