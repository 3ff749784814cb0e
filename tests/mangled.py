"""A class as strangers' machines and platforms leave it, taken the whole way.

``python tests/mangled.py hw1 300`` collects, grades, feeds back and exports a class in a temporary
course (or in a new FOLDER, named last, which stays), says how long each step took, and fails if
anybody is missing or twice in one of them, or has another mark in one than in another.
"""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from grader import ROOT
from grader.assignment import Assignment
from grader.commands.collect import collect
from grader.commands.export import export
from grader.commands.feedback import feedback
from grader.commands.grade import grade
from grader.commands.report import report
from grader.commands.roster import roster
from grader.commands.sample import make_class
from grader.commands.total import total
from grader.course import Course


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip whose files are a minute newer each than the one before."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(files.items()):
            when = (2030, 1, 1 + number // 1440, number // 60 % 24, number % 60, 0)
            archive.writestr(zipfile.ZipInfo(name, when), content)
    return stream.getvalue()


def encrypted(files: dict[str, bytes]) -> bytes:
    """Return a zip that says it is encrypted."""
    content = bytearray(zipped(files))
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + flags] |= 1
    return bytes(content)


def changed(content: bytes, change: Callable[[dict], object]) -> bytes:
    """Return a notebook in which something was done to the whole."""
    notebook = json.loads(content)
    change(notebook)
    return json.dumps(notebook).encode()


def newlines(new: str):
    def change(notebook: dict) -> None:
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"]).replace("\n", new)

    return change


def lose(notebook: dict) -> None:
    notebook |= {"metadata": {}, "nbformat_minor": 2}
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)


def retype(notebook: dict) -> None:
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "markdown" and marks.get("solution"):
            cell["cell_type"] = "raw"


def fill(notebook: dict) -> None:
    text = {"output_type": "stream", "name": "stdout", "text": ["x" * 79 + "\n"] * 20_000}
    for cell in notebook["cells"][:1]:
        cell["outputs"] = [text]


def old_format(notebook: dict) -> None:
    cells = notebook.pop("cells")
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
    notebook |= {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}


def own(source: str, kind: str = "code"):
    """Add code at the end; or words at the start, for below a question they would answer it."""
    cell = {"cell_type": kind, "metadata": {}, "source": source}
    code = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return lambda notebook: notebook["cells"].insert(999 if code else 0, cell | code)


def emptied(content: bytes) -> bytes:
    return changed(content, lambda notebook: notebook.update(cells=notebook["cells"][:1]))


def to(change: Callable[[dict], object]):
    """Hand in the notebook with something done to it."""
    return lambda content, file: {file: changed(content, change)}


# what laptops, browsers and students do to a file: the files that are handed in instead; a path
# with a slash is in a folder where the platform keeps folders
MANGLED = {
    "nothing": lambda content, file: {file: content},
    "packed": lambda content, file: {"hw.zip": zipped({file: content, "receipt.json": b"{}"})},
    "packed twice": lambda content, file: {"a.zip": zipped({"b.zip": zipped({file: content})})},
    "a byte order mark": lambda content, file: {file: b"\xef\xbb\xbf" + content},
    "UTF-16": lambda content, file: {file: content.decode().encode("utf-16")},
    "UTF-16 without a mark": lambda content, file: {file: content.decode().encode("utf-16-le")},
    "Windows' ends of lines": to(newlines("\r\n")),
    "old Macs' ends of lines": to(newlines("\r")),
    "called a text": lambda content, file: {f"{file}.txt": content},
    "called a zip": lambda content, file: {"hw.zip": content},
    "a browser's copy": lambda content, file: {file.replace(".", " (1)."): content},
    "metadata lost": to(lose),
    "format 3": to(old_format),
    "words in a raw cell": to(retype),
    "much output": to(fill),
    "an older one too": lambda content, file: {
        "hw.zip": zipped({"b.ipynb": emptied(content), "a.ipynb": content})
    },
    "checkpoints": lambda content, file: {
        "hw.zip": zipped(
            {
                f"hw/{file}": content,
                "hw/.ipynb_checkpoints/x-checkpoint.ipynb": emptied(content),
                f"__MACOSX/hw/._{file}": b"\0\5\x16\7",
            }
        )
    },
    "a picture beside it": lambda content, file: {file: content, "plot.png": b"\x89PNG"},
    "an endless loop": to(own("while True:\n    pass")),
    "a dead process": to(own("import os\nos._exit(1)")),
    "a program's colours": to(own("print('\\x1b[38m \\x1b[999;1m')")),
    "a slow parse": to(own("a-" * 40_000, "markdown")),
    "a link with a script": to(own("[a](javascript:\u00a0alert(1))", "markdown")),
    "half a character": to(own("x = '\ud800'")),
}
# what nobody can grade: it is graded with nothing, and the reason
LOST = {
    "an empty file": lambda content, file: {file: b""},
    "half of it": lambda content, file: {file: content[: len(content) // 2]},
    "nested too deeply": lambda content, file: {file: b"[" * 100_000},
    "a web page": lambda content, file: {file: b"<!DOCTYPE html><title>Log in</title>"},
    "a PDF": lambda content, file: {"hw.pdf": b"%PDF-1.7"},
    "a RAR archive": lambda content, file: {"hw.rar": b"Rar!\x1a\7\1\0"},
    "an encrypted zip": lambda content, file: {"hw.zip": encrypted({file: content})},
    "a checkpoint": lambda content, file: {file.replace(".", "-checkpoint."): content},
    "a hidden file": lambda content, file: {f".{file}": content},
}
KINDS = MANGLED | LOST


@dataclass
class Stranger:
    """A student.

    Attributes
    ----------
    id : str
        As the roster has it.
    name : str
        As the platform writes it.
    lms : str
        The platform's number.
    kind : str
        One of KINDS.
    content : bytes
        The notebook before anything was done to it.
    """

    id: str
    name: str
    lms: str
    kind: str
    content: bytes


def moodle(stranger: Stranger, file: str, content: bytes, upload: int) -> str:
    return f"{stranger.name}_{stranger.lms}_assignsubmission_file/{file}"


def moodle_flat(stranger: Stranger, file: str, content: bytes, upload: int) -> str:
    return f"{stranger.name}_{stranger.lms}_assignsubmission_file_{file}"


def canvas(stranger: Stranger, file: str, content: bytes, upload: int) -> str:
    family, _, first = stranger.name.rpartition(" ")
    late = "LATE_" * (upload % 3 == 0)
    return (
        f"{family}{first}_{late}{stranger.lms}_{upload}_{file}".replace(" ", "")
        .lower()
        .replace("late_", "LATE_")
    )


def canvas_anonymous(stranger: Stranger, file: str, content: bytes, upload: int) -> str:
    return f"anon_{stranger.lms}_{upload}_{file}"


def brightspace(stranger: Stranger, file: str, content: bytes, upload: int) -> str:
    at = f"{upload // 60 % 12 or 12}{upload % 60:02} AM"
    return f"{stranger.lms}-4711 - {stranger.name} - Jan {upload // 1440 + 1}, 2030 {at}/{file}"


def blackboard(stranger: Stranger, file: str, content: bytes, upload: int) -> str:
    at = f"2030-01-{upload // 1440 + 1:02}-{upload // 60 % 24:02}-{upload % 60:02}-00"
    return f"Homework_{stranger.lms}_attempt_{at}_{file}"


def sakai(stranger: Stranger, file: str, content: bytes, upload: int) -> str:
    return f"Homework/{stranger.name},({stranger.lms})/Submission attachment(s)/{file}"


def folders(stranger: Stranger, file: str, content: bytes, upload: int) -> str:
    return f"{stranger.lms}/{file}"


PLATFORMS = {
    "moodle.zip": (moodle, 7_000),
    "moodle-flat.zip": (moodle_flat, 8_000),
    "canvas.zip": (canvas, 100_000),
    "canvas-anonymous.zip": (canvas_anonymous, None),
    "brightspace.zip": (brightspace, 300_000),
    "blackboard.zip": (blackboard, None),
    "sakai.zip": (sakai, None),
    "folders": (folders, None),
}


def strangers(assignment: Assignment, size: int) -> dict[str, list[Stranger]]:
    """Return a class by the platform that each uses; every kind comes with every platform."""
    found = {platform: [] for platform in PLATFORMS}
    made = make_class(assignment, size)
    for number, (student, (_, content)) in enumerate(made.items()):
        place = (number + number // len(KINDS)) % len(PLATFORMS)
        platform, (_, first) = list(PLATFORMS.items())[place]
        name = f"Zoë Student{student}" if number not in (0, len(PLATFORMS)) else "Zoë Ávila"
        name = unicodedata.normalize("NFD" if number % 4 == 0 else "NFC", name)
        lms = str(first + number) if first else f"aB{student}"
        kind = list(KINDS)[number % len(KINDS)]
        found[platform].append(Stranger(f"s{student}", name, lms, kind, content))
    return found


def write_class(folder: Path, assignment: Assignment, size: int) -> dict[str, Stranger]:
    """Write exports and a roster to a folder; return the class by id."""
    everyone = {}
    for platform, who in strangers(assignment, size).items():
        named, files, upload = PLATFORMS[platform][0], {}, 1000
        for stranger in who:
            everyone[stranger.id] = stranger
            handed_in = KINDS[stranger.kind](stranger.content, f"{assignment.name}.ipynb")
            # which keep what was handed in first
            if platform.startswith(("canvas", "brightspace", "blackboard")):
                handed_in = {f"old-{assignment.name}.ipynb": emptied(stranger.content)} | handed_in
            for file, content in handed_in.items():
                upload += 1
                files[named(stranger, file, content, upload)] = content
        if platform.endswith(".zip"):
            (folder / platform).write_bytes(zipped(files))
            continue
        for place, content in files.items():
            path = folder / platform / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if hasattr(os, "mkfifo"):
            os.mkfifo(folder / platform / who[0].lms / "a-pipe")
    rows = "".join(f"{s.id};{s.name};{s.lms}\r\n" for s in everyone.values())
    (folder / "roster.csv").write_bytes(f"id;name;lms\r\n{rows}".encode("utf-16"))
    return everyone


def once(found, everyone: dict, step: str) -> None:
    """Raise unless everybody is there, once."""
    found = list(found)
    if sorted(found) != sorted(everyone):
        missing, more = set(everyone) - set(found), set(found) - set(everyone)
        doubled = {who for who in found if found.count(who) > 1}
        raise AssertionError(f"{step}: missing {missing}, too many {more}, doubled {doubled}")


def taken_in(course: Course, name: str, folder: Path, everyone: dict) -> None:
    """Collect all exports, twice; look at whose answers stand for whom."""
    for again in (False, True):
        lines = []
        for platform in PLATFORMS:
            lines += collect(course, name, folder / platform, folder / "roster.csv")
        told = [line.split(": ")[0] for line in lines]
        known = [who for who in told if who in everyone]
        once(known, everyone, "collect")
        rest = {who for who in told if who not in everyone}
        assert rest <= {"in the roster, without a submission"}, rest
        if again:
            changed_now = [line for line in lines if ": new" in line or ": handed in again" in line]
            assert changed_now == [], changed_now
    once((s.student for s in course.submissions(name)), everyone, "submitted")
    assignment = course.assignment(name)
    for submission in course.submissions(name):
        stranger = everyone[submission.student]
        if stranger.kind in MANGLED:
            here, there = (
                [(s.name, s.cell.source) for s in merged.steps if s.kind in ("answer", "manual")]
                for merged in map(assignment.merge, (submission.read(), stranger.content))
            )
            assert here == there, stranger


def graded(course: Course, name: str, everyone: dict, workers: int) -> None:
    """Grade those who are handed in; look at who has a mark, a page and a row."""
    grade(course, name, workers=workers)
    handed_back(course, name, everyone)


def handed_back(course: Course, name: str, everyone: dict) -> None:
    """Write all that goes out, and look for everybody in it, with the same mark everywhere."""
    records = {record["student"]: record for record in course.records(name)}
    once((record["student"] for record in course.records(name)), everyone, "records")
    marked(course.assignment(name), records, everyone)
    pages = feedback(course, name, zipped="moodle")
    shown = {page.parent.parent.name: page.read_text("utf-8") for page in pages[:-1]}
    once((page.parent.parent.name for page in pages[:-1]), everyone, "feedback")
    totals = {
        who: float(re.search(r'"marks-title">([\d.]+) of [\d.]+ points', page)[1])
        for who, page in shown.items()
    }
    for who, page in shown.items():
        named = re.search(r'class="who">(.*)</p>', page)[1]
        assert named == who or named.endswith(f" ({who})"), (who, named)
    # a mark by tests alone: nobody has read an answer yet, and nobody is late
    assert totals == {who: round(record["score"], 2) for who, record in records.items()}
    with zipfile.ZipFile(pages[-1]) as archive:
        numbers = [member.split("_")[1] for member in archive.namelist()]
    by_moodle = {s.lms: s.id for s in everyone.values() if course_of(course, name, s) == "moodle"}
    once(map(by_moodle.get, numbers), set(by_moodle.values()), "Moodle's zip")
    questions, for_moodle, for_canvas = export(course, name)
    lms = {stranger.lms: stranger.id for stranger in everyone.values()}
    for path, column, grade_of, ids in (
        (questions, "student", "score", {who: who for who in everyone}),
        (for_moodle, "Identifier", "Grade", {f"Participant {n}": who for n, who in lms.items()}),
        (for_canvas, "ID", name, lms),
    ):
        rows = table(path)
        found = [(ids.get(row[column], row[column]), float(row[grade_of])) for row in rows]
        once((who for who, _ in found), everyone, path.name)
        assert {who: round(score, 2) for who, score in found} == totals, path.name
    told = json.loads(report(course, name)[1].read_text("utf-8"))
    assert (told["handed_in"], told["graded"], sum(told["bins"])) == (len(everyone),) * 3
    lines = roster(course, course.root.parent / "roster.csv")
    assert lines[0].startswith(f"{len(everyone)} people"), lines
    assert lines[-1] == f"{name}: {len(everyone)} handed in, 0 of the roster did not"
    (path, *_), _ = total(course, [name])
    once((row["student"] for row in table(path)), everyone, path.name)


def course_of(course: Course, name: str, stranger: Stranger) -> str:
    """Return the platform that somebody's work came through, as ``collect`` has it."""
    return course.collected(name, stranger.id).get("layout", "")


def table(path: Path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def marked(assignment: Assignment, records: dict[str, dict], everyone: dict) -> None:
    """Raise unless each record has every mark or says why not, and like answers have like marks."""
    tests, read, alike = assignment.of_kind("test"), assignment.of_kind("manual"), {}
    for who, record in records.items():
        kind = everyone[who].kind
        assert record["entered"], who
        assert record["tests"].keys() == tests.keys(), who
        assert record["manual"].keys() == read.keys(), who
        for test in record["tests"].values():
            lost = [f["message"] for f in test["findings"] if f["score"] < f["points"]]
            assert test["score"] == test["points"] or test["stopped"] or all(lost), (who, test)
        # a platform that has no folders writes something before a dot, and nothing is hidden
        if kind in set(LOST) - {"a hidden file"}:
            assert record["score"] == 0, record
            assert record["notes"], (who, kind)
        assert "unmarked" not in record, (who, record["unmarked"])
        scores = {test: found["score"] for test, found in record["tests"].items()}
        same = alike.setdefault(json.dumps(record["answers"], sort_keys=True), (scores, who))
        assert same[0] == scores, f"{same[1]} and {who} answered alike: {same[0]}, {scores}"


def main() -> None:
    """Take a class of an assignment of this course the whole way."""
    name, size = sys.argv[1], int(sys.argv[2])
    kept = [*sys.argv[3:], None][0]
    with contextlib.nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "course"
        shutil.copytree(ROOT / "homework" / "source" / name, root / "source" / name)
        shutil.copy(ROOT / "homework" / "nbgrader_config.py", root)
        course, start, used = Course(root), time.monotonic(), 0.0

        def lap(what: str) -> None:
            nonlocal start, used
            spent = sum(os.times()[:4])  # of this process and what it has waited for
            print(f"{what}: {time.monotonic() - start:.0f} s, {spent - used:.0f} s of processor")
            sys.stdout.flush()
            start, used = time.monotonic(), spent

        lap("started")
        everyone = write_class(Path(folder), course.assignment(name), size)
        lap(f"{size} made, of {len(KINDS)} kinds, on {len(PLATFORMS)} platforms")
        taken_in(course, name, Path(folder), everyone)
        lap("collected, twice")
        command = [sys.executable, "-m", "grader", "--course", root, "grade", name]
        subprocess.run([*command, "--workers", "2"], check=True, cwd=ROOT)
        lap("graded")
        handed_back(course, name, everyone)
        lap("fed back, exported, reported, totalled: nobody is missing or twice")


if __name__ == "__main__":
    main()
