"""``collect`` takes each student once, whatever an LMS, a laptop or a spreadsheet did."""

import errno
import io
import json
import os
import re
import socket
import sys
import tarfile
import time
import unicodedata
import zipfile
from pathlib import Path

import pytest
from grader_mini import RIGHT, submission, write_course
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.__main__ import main
from grader.commands import collect as collecting
from grader.commands.collect import collect, settle
from grader.commands.grade import metadata
from grader.course import Course, CourseError, is_id
from grader.layouts import Owner
from grader.people import People, clean, folded, name_key

unix = pytest.mark.skipif(os.name == "nt", reason="such files are not Windows'")


def zipped(files: dict | list, **when) -> bytes:
    """Return a zip of files; when: seconds from a fixed time by the file's first word."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            if isinstance(name, str):
                name = zipfile.ZipInfo(name, (2030, 1, 1, 12, 0, 0))
            archive.writestr(name, content)
    return stream.getvalue()


def at(name: str, minute: int) -> zipfile.ZipInfo:
    """Return a zip's entry with a time."""
    return zipfile.ZipInfo(name, (2030, 1, 1, 12, minute, 0))


class Class:
    """A course, and a folder from which it collects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.course = Course(write_course(folder / "course"))
        self.assignment = self.course.assignment("hw0")

    def by(self, who: str) -> bytes:
        """Return a notebook with one student's answer."""
        return submission(self.assignment, RIGHT | {"answer": f"answer = {who!r}"})

    def take(self, files, roster: str | bytes | None = None, name: str = "hw0") -> list[str]:
        """Collect a zip (of a dict or list) or a folder."""
        source = files
        if not isinstance(files, Path):
            source = self.folder / "export.zip"
            source.write_bytes(zipped(files))
        listed = None
        if roster is not None:
            listed = self.folder / "roster.csv"
            listed.write_bytes(roster if isinstance(roster, bytes) else roster.encode())
        lines = collect(self.course, name, source, listed)
        assert all(line.isprintable() for line in lines)
        return lines

    def kept(self, name: str = "hw0") -> dict[str, str]:
        """Return whose answer stands for whom."""
        found = {}
        for handed_in in self.course.submissions(name):
            merged = self.assignment.merge(handed_in.read() or b'{"cells":[],"nbformat":4}')
            (answer,) = [s.cell.source for s in merged.steps if s.name == "answer"]
            found[handed_in.student] = answer.removeprefix("answer = ").strip("'.")
        return found

    def released(self) -> bytes:
        return submission(self.assignment)


@pytest.fixture
def klass(tmp_path):
    return Class(tmp_path)


# --- whose is it? -----------------------------------------------------------------------------

JANE, ROE = "Jane Doe_101_assignsubmission_", "José Roe_102_assignsubmission_"
BOARD = "Homework 0_ first steps_"
RECEIPT = """\
Name: %s (%s)
Assignment: Homework 0: first steps
Date Submitted: Wednesday, 5 December 2029 23:59:59 o'clock EST
Current Mark: Needs Marking

Submission Field:
There is no student submission text data for this assignment.

Comments:
Name: Somebody Else (eve)

Files:
\tOriginal filename: hw0.ipynb
"""
SAKAI = "My hw/Doe, Jane (Jay)(jdoe)/", "My hw/Roe, José(roe@x.org)/"
UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca42"
LAYOUTS = {
    "Moodle 3": ({f"{JANE}file_/hw0.ipynb": "j", f"{ROE}file_/x.ipynb": "r"}, "101 102"),
    "Moodle 4": ({f"{JANE}file/hw0.ipynb": "j", f"{ROE}file/sub/hw0.ipynb": "r"}, "101 102"),
    "Moodle, flat": ({f"{JANE}file_hw0.ipynb": "j", f"{ROE}file_my_1_2_x.ipynb": "r"}, "101 102"),
    "Moodle, blind": (
        {f"Participant_{n}_assignsubmission_file/hw0.ipynb": w for n, w in ((7, "j"), (8, "r"))},
        "7 8",
    ),
    "Moodle, blind, in German": (
        {f"Teilnehmer_{n}_assignsubmission_file/hw0.ipynb": w for n, w in ((7, "j"), (8, "r"))},
        "7 8",
    ),
    "Moodle, groups": (
        {
            "Group A_7_assignsubmission_file/hw0.ipynb": "j",
            "Default group_assignsubmission_file/hw0.ipynb": "r",
        },
        "7 Default-group",
    ),
    "Moodle, online text": (
        {
            f"{JANE}file/hw0.ipynb": "j",
            f"{JANE}onlinetext/onlinetext.html": b"<p>see the file",
            f"{ROE}file/hw0.ipynb": "r",
        },
        "101 102",
    ),
    "Moodle, unpacked into a folder": (
        {
            "CS1-hw0-55/index.txt": b"",
            f"CS1-hw0-55/{JANE}file/hw0.ipynb": "j",
            f"CS1-hw0-55/{ROE}file/hw0.ipynb": "r",
        },
        "101 102",
    ),
    "Moodle, by groups": (
        {f"a/G1/{JANE}file/hw0.ipynb": "j", f"a/G2/{ROE}file/hw0.ipynb": "r"},
        "101 102",
    ),
    "Moodle before 4.0, in groups": (
        {
            "Lab-1-Jane Doe_101_assignsubmission_file_hw0.ipynb": "j",
            "Lab-1-José Roe_102_assignsubmission_file_hw0.ipynb": "r",
        },
        "101 102",
    ),
    "Moodle, Windows' paths": (
        {f"C:\\all\\{JANE}file\\hw0.ipynb": "j", f"C:\\all\\{ROE}file\\hw0.ipynb": "r"},
        "101 102",
    ),
    "Canvas": ({"doejane_41_900_hw0.ipynb": "j", "roejos_LATE_42_901_hw0-1.ipynb": "r"}, "41 42"),
    "Canvas, a group": ({"team_a_41_900_hw0.ipynb": "j", "b_42_901_1_2_hw0.ipynb": "r"}, "41 42"),
    "Canvas, anonymous": (
        {"anon_AbC1d_900_hw0.ipynb": "j", "LATE_anon_xYz2e_901_hw0.ipynb": "r"},
        "AbC1d xYz2e",
    ),
    "Canvas, unpacked": ({"x/d_41_900_hw0.ipynb": "j", "x/r_42_901_hw0.ipynb": "r"}, "41 42"),
    "Brightspace": (
        {
            "index.html": b"<title>hw0",
            "271836-442356 - Jane Doe - Dec 5, 2029 1149 AM/hw0.ipynb": "j",
            "271837-442356 - José Roe - Dec 5, 2029 1159 PM/deep/er/x.ipynb": "r",
        },
        "271836 271837",
    ),
    "Brightspace, flat": (
        {
            f"271836-442356 - Jane Doe - Dec 5, 2029 1149 AM - {JANE}file_hw0.ipynb": "j",
            "271837-442356 - José - Roe - Dec 5, 2029 1159 PM - my - Dec 6, 2029.ipynb": "r",
            "index.html": b"<title>hw0",
        },
        "271836 271837",
    ),
    "Brightspace, with the institution's numbers": (
        {
            "71836-42356 - N0123456 - Jane Doe- 5 décembre 2029 1149/hw0.ipynb": "j",
            "71837-42356 - A00123457 - Anna-Lee Roe - 5 décembre 2029 1150/hw0.ipynb": "r",
        },
        "N0123456 A00123457",
    ),
    "Brightspace, unpacked, in groups": (
        {
            "hw0 Download Dec 6, 2029 803 PM/index.html": b"<title>hw0",
            "hw0 Download Dec 6, 2029 803 PM/7-42 - Group 1 - Dec 5, 2029 1149 AM/hw0.ipynb": "j",
            "hw0 Download Dec 6, 2029 803 PM/8-42 - Group 2 - Dec 5, 2029 1149 AM/hw0.ipynb": "r",
        },
        "7 8",
    ),
    "Blackboard": (
        {
            f"{BOARD}jdoe_attempt_2029-12-05-11-49-00.txt": RECEIPT % ("Jane Doe", "jdoe"),
            f"{BOARD}jdoe_attempt_2029-12-05-11-49-00_hw0.ipynb": "j",
            f"{BOARD}r_roe_attempt_2029-12-05-23-59-59.txt": RECEIPT % ("José Roe", "r_roe"),
            f"{BOARD}r_roe_attempt_2029-12-05-23-59-59_x_attempt_2.ipynb": "r",
        },
        "jdoe r_roe",
    ),
    "Blackboard, without receipts": (
        {
            f"x/{BOARD}j_doe_attempt_2029-12-05-11-49-00_hw0.ipynb": "j",
            f"x/{BOARD}r_doe_attempt_2029-12-05-23-59-59_hw0.ipynb": "r",
        },
        "j_doe r_doe",
    ),
    "Sakai": (
        {
            f"{SAKAI[0]}timestamp.txt": b"2029-12-05T10:49:00.200Z",
            f"{SAKAI[0]}Submission attachment(s)/hw0.ipynb": "j",
            f"{SAKAI[0]}Feedback Attachment(s)/hw0.ipynb": "what was handed back",
            f"{SAKAI[0]}Doe, Jane (Jay)(jdoe)_submissionText.html": b"<p>see the file",
            f"{SAKAI[1]}timestamp.txt": b"20291205104900200",
            f"{SAKAI[1]}comments.txt": b"",
            f"{SAKAI[1]}Submission attachment(s)/a/hw0+1.ipynb": "r",
            "My hw/grades.csv": b"hw0,Points",
        },
        "jdoe roe@x.org",
    ),
    "Sakai, in Japanese, without the folder around": (
        {
            "土井,(jdoe)/timestamp.txt": b"20291205104900200",
            "土井,(jdoe)/提出物の添付/hw0.ipynb": "j",
            "炉,(roe)/timestamp.txt": b"20291205104900200",
            "炉,(roe)/提出物の添付/hw0.ipynb": "r",
            "炉,(roe)/フィードバックの添付/hw0.ipynb": "what was handed back",
        },
        "jdoe roe",
    ),
    "Sakai, without folders": (
        {
            "My hw/Doe, Jane(jdoe)_Submission attachment(s)_my_hw0.ipynb": "j",
            "My hw/Doe, Jane(jdoe)__submissionText.html": b"<p>see the file",
            "My hw/Roe, José(roe)_Submission attachment(s)_(x)_a_1_2_hw0.ipynb": "r",
            "My hw/grades.csv": b"",
        },
        "jdoe roe",
    ),
    "Sakai, blind": (
        {
            f"My hw/{UUID}1 Anonymous/{name}": content
            for name, content in {
                "timestamp.txt": b"2029-12-05T10:49:00Z",
                "Submission attachment(s)/hw0.ipynb": "j",
            }.items()
        }
        | {
            f"My hw/{UUID}2 Anonymous/{name}": content
            for name, content in {
                "timestamp.txt": b"2029-12-05T10:49:00Z",
                "Submission attachment(s)/hw0.ipynb": "r",
            }.items()
        },
        f"{UUID}1 {UUID}2",
    ),
    "Teams, as OneDrive keeps them": (
        {
            "Submitted files/Jane Doe/hw0/Version 1/hw0.ipynb": "j",
            "Submitted files/José Roe/hw0/Version 1/hw0.ipynb": "r",
        },
        "Jane-Doe José-Roe",
    ),
    "folders": ({"jane/hw0.ipynb": "j", "roe/deep/er/hw0.ipynb": "r"}, "jane roe"),
    "folders in a folder": ({"all/jane/hw0.ipynb": "j", "all/roe/hw0.ipynb": "r"}, "jane roe"),
    "folders of a disk": ({"C:\\jane\\hw0.ipynb": "j", "C:\\roe\\hw0.ipynb": "r"}, "jane roe"),
    "nbgrader's": ({"jane/hw0/hw0.ipynb": "j", "roe/hw0/hw0.ipynb": "r"}, "jane roe"),
    "files": ({"jane.ipynb": "j", "roe.ipynb": "r"}, "jane roe"),
    "files as Canvas' but no": (
        {"jane_2030_01_hw0.ipynb": "j", "roe_2030_01_hw0.ipynb": "r"},
        "jane_2030_01_hw0 roe_2030_01_hw0",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("as_folder", [False, True])
def test_each_student_is_taken_once(layout, as_folder, klass):
    files, ids = LAYOUTS[layout]
    told = {k for k, v in files.items() if isinstance(v, str) and ".txt" not in k}
    files = {k: klass.by(v) if k in told else v for k, v in files.items()}
    if as_folder:
        for name, content in files.items():
            path = klass.folder / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        lines = klass.take(klass.folder / "in")
    else:
        lines = klass.take(files)
    left_out = [line for line in lines if line.startswith("left out") and "index.txt" not in line]
    assert left_out == []
    jane, roe = ids.split()
    assert klass.kept() == {jane: "j", roe: "r"}


def uploads(form: str, who: str, minute: int, file: str, content: bytes) -> dict:
    """Return one of several uploads of a person, as a platform lays it out."""
    name = {"jdoe": "Jane Doe", "roe": "José Roe"}[who]
    if form == "Blackboard":
        head = f"hw0_{who}_attempt_2029-12-05-10-{minute:02}-00"
        told = f"Name: {name} ({who})\nAssignment: hw0\nDate Submitted: Wednesday, December 5, 2029"
        return {f"{head}_{file}": content, f"{head}.txt": f"{told} 10:{minute:02}:00 AM EST\n"}
    place = f"{ {'jdoe': 11, 'roe': 12}[who] }-42 - {name} - Dec 5, 2029 10{minute:02} AM"
    return {f"{place}{'/' if form == 'Brightspace' else ' - '}{file}": content}


UPLOADS = ["Brightspace", "Brightspace, flat", "Blackboard"]


@pytest.mark.parametrize("form", UPLOADS)
@pytest.mark.parametrize("roster", [None, "id,name,login\nj1,Jane Doe,JDoe\nr1,José  ROE,roe\n"])
def test_several_uploads_are_one_student_s_and_the_newest_counts(form, roster, klass):
    new, old = klass.by("new"), klass.by("old")
    files = {
        **uploads(form, "jdoe", 30, "a.ipynb", new),
        **uploads(form, "jdoe", 9, "z.ipynb", old),
        **uploads(form, "roe", 9, "hw0.ipynb", klass.by("r")),
        **uploads(form, "jdoe", 45, "empty.ipynb", klass.released()),
        **uploads(form, "jdoe", 20, "hw0 (3).ipynb", old),
    }
    lines = klass.take(files, roster)
    ids = ("j1", "r1") if roster else (("jdoe", "roe") if form == "Blackboard" else ("11", "12"))
    assert klass.kept() == dict(zip(ids, ("new", "r"), strict=True))
    assert lines == [f"{ids[0]}: new, 2 notebooks, the newest is used: a.ipynb", f"{ids[1]}: new"]
    assert klass.take(files, roster) == [
        f"{ids[0]}: unchanged, 2 notebooks, the newest is used: a.ipynb",
        f"{ids[1]}: unchanged",
    ]


def handed_in(klass: Class, who: str) -> str:
    """Return when grade takes something to have been handed in."""
    (found,) = [s for s in klass.course.submissions("hw0") if s.student == who]
    about = metadata(found)
    return about["submitted"] or f"? {about.get('unread_time', '')}"


def test_when_it_was_handed_in_counts_as_the_platform_says_it(klass, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        board = uploads("Blackboard", "jdoe", 5, "a.ipynb", klass.by("j"))
        board |= {"hw0_roe_attempt_2029-12-05-10-05-00_x.ipynb": klass.by("r")}
        klass.take(board)
        assert handed_in(klass, "jdoe") == "2029-12-05 15:05:00 UTC"  # its receipt has a zone
        assert handed_in(klass, "roe") == "2029-12-05 09:05:00 UTC"  # this machine's
        klass.take(
            {
                "11-42 - Jane - Jul 5, 2029 1205 AM/a.ipynb": klass.by("j"),
                "12-42 - José - 5 décembre 2029 1005/a.ipynb": klass.by("r"),
            }
        )
        assert handed_in(klass, "11") == "2029-07-04 22:05:00 UTC"
        assert handed_in(klass, "12") == "? 5 décembre 2029 1005"
    finally:
        monkeypatch.undo()
        time.tzset()
    sakai = {
        f"hw/{who}/{name}": content
        for who, (name, content) in {
            "A,(a)": ("timestamp.txt", "2029-12-05T10:49:00.200Z"),
            "B,(b)": ("timestamp.txt", "20291205104900200"),
        }.items()
    } | {f"hw/{w},({w.lower()})/Submission attachment(s)/a.ipynb": klass.by(w) for w in "AB"}
    klass.take(sakai)
    assert handed_in(klass, "a") == "2029-12-05 10:49:00.200000 UTC"
    assert handed_in(klass, "b") == "2029-12-05 10:49:00 UTC"
    table = '"Display ID","ID","Grade","When"\n"Jay","x1","","2029-12-05T10:49:00Z","On time"\n'
    flat = {f"hw/{w}({w})_Submission attachment(s)_a.ipynb": klass.by(w) for w in ("x1", "x2")}
    klass.take(flat | {"hw/grades.csv": table})
    klass.take({"ann/hw0.ipynb": klass.by("ann")})
    assert handed_in(klass, "x1") == "2029-12-05 10:49:00 UTC"
    assert handed_in(klass, "ann") == "? "


def test_a_time_stands_beside_what_was_handed_in_then(klass):
    for minute, who, when in ((5, "one", "10:05"), (30, "one", "10:05"), (40, "two", "10:40")):
        klass.take(uploads("Blackboard", "jdoe", minute, "a.ipynb", klass.by(who)))
        assert handed_in(klass, "jdoe") == f"2029-12-05 {int(when[:2]) + 5}{when[2:]}:00 UTC"
    klass.take({"jdoe/hw0.ipynb": klass.by("three")})  # a mail
    assert klass.kept() == {"jdoe": "three"}
    assert handed_in(klass, "jdoe") == "? "


def test_who_gave_a_platform_no_notebook_is_told(klass):
    files = {
        "hw0_a_attempt_2029-12-05-10-05-00.txt": "Name: A (a)\n\nSubmission Field:\nsee my mail",
        "hw0_b_attempt_2029-12-05-10-05-00.txt": "Name: B (b)\n",
        "hw0_b_attempt_2029-12-05-10-05-00_hw0.pdf": b"%PDF",
    }
    assert klass.take(files) == [
        "a: new, no notebook among: hw0_a_attempt_2029-12-05-10-05-00.txt (typed in Blackboard)",
        "b: new, no notebook among: hw0.pdf",
    ]
    sakai = {
        "hw/C,(c)/timestamp.txt": "2029-12-05T10:49:00Z",
        "hw/D,(d)/timestamp.txt": "2029-12-05T10:49:00Z",
        "hw/D,(d)/Submission attachment(s)/hw0.ipynb": klass.by("d"),
    }
    assert klass.take(sakai) == [
        "c: new, no notebook among: timestamp.txt, and nothing else",
        "d: new",
    ]


def test_what_one_student_writes_does_not_change_the_layout_for_all(klass):
    evil = klass.by("evil")
    names = [
        "9-42 - Jane Doe - Dec 5, 2029 1149 AM",
        "hw0_jane_attempt_2029-12-05-10-05-00_hw0.ipynb",
        "Submission attachment(s)",
    ]
    for name in names:
        files = {f"eve/{name}/hw0.ipynb": evil, f"eve/{name}": evil, "eve/timestamp.txt": "x"}
        files |= {f"eve/{name}/timestamp.txt": "x", "eve/A,(a)/timestamp.txt": "x"}
        klass.take([*files.items(), ("jane/hw0.ipynb", klass.by("good"))])
        assert klass.kept() == {"eve": "evil", "jane": "good"}
    brightspace = {
        f"1-42 - Eve - Dec 5, 2029 1149 AM - {JANE}file_hw0.ipynb": evil,
        "1-42 - Eve - Dec 5, 2029 1149 AM - 2-42 - Jane - Dec 6, 2029 1149 AM - x.ipynb": evil,
        "2-42 - Jane - Dec 5, 2029 1149 AM - hw0.ipynb": klass.by("good"),
    }
    klass.take(brightspace)
    assert klass.kept() == {"eve": "evil", "jane": "good", "1": "evil", "2": "good"}


@pytest.mark.parametrize("depth", ["", "x/"])
def test_a_file_s_name_never_names_a_student(depth, klass):
    evil, good = klass.by("evil"), klass.by("good")
    moodle = {
        f"{depth}{JANE}file/hw0.ipynb": good,
        f"{depth}{ROE}file/{JANE}file/hw0.ipynb": evil,
        f"{depth}{ROE}file/{JANE}file_hw0.ipynb": evil,
        f"{depth}{ROE}file/a.zip": zipped({f"{JANE}file/hw0.ipynb": evil}),
    }
    klass.take(moodle)
    assert klass.kept() == {"101": "good", "102": "evil"}


def test_nor_in_canvas_or_in_folders(klass, tmp_path):
    evil, good = klass.by("evil"), klass.by("good")
    klass.take({"a_1_5_hw0.ipynb": good, "b_2_6_a_1_7_hw0.ipynb": evil})
    assert klass.kept() == {"1": "good", "2": "evil"}
    (tmp_path / "other").mkdir()
    other = Class(tmp_path / "other")
    names = ("jane_1_9_hw0.ipynb", f"{JANE}file/hw0.ipynb", f"{JANE}file_hw0.ipynb", "jane.ipynb")
    lines = other.take(
        {"jane/hw0.ipynb": good, "hw0.ipynb": evil, **{f"eve/{name}": evil for name in names}}
    )
    assert other.kept() == {"jane": "good", "eve": "evil"}
    assert "left out, nobody's: hw0.ipynb" in lines


def test_names_that_differ_in_unicode_s_form_alone_are_two(klass):
    klass.take([("é/hw0.ipynb", klass.by("1")), ("e\u0301/hw0.ipynb", klass.by("2"))])
    assert sorted(klass.kept().values()) == ["1", "2"]
    klass.take([("ö/hw0.ipynb", klass.by("old"))])
    assert klass.take([("o\u0308/hw0.ipynb", klass.by("new"))]) == ["ö: handed in again"]


@pytest.mark.parametrize("wrap", [lambda c: {"all.zip": c}, lambda c: {"x/hw0 (1).zip": c}])
@pytest.mark.parametrize("layout", ["Moodle 4", "Moodle, flat", "Canvas"])
def test_an_export_that_was_packed_again_is_no_student_s(layout, wrap, klass):
    inner = {name: klass.by(who) for name, who in LAYOUTS[layout][0].items()}
    with pytest.raises(CourseError, match=r"holds .*\.zip, an LMS's export. Unpack it, and give"):
        klass.take(wrap(zipped(inner)))
    assert klass.kept() == {}
    assert klass.take({"jane.zip": zipped({"hw0.ipynb": klass.by("j")})}) == ["jane: new"]


HIDDEN = (".hw0.ipynb", ".ipynb_checkpoints/hw0-checkpoint.ipynb", "hw0-checkpoint.ipynb")


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize(
    "folder", ["{}/", "all/{}/", "{}_{}_assignsubmission_file/", "x/{}_{}_assignsubmission_file/"]
)
def test_who_handed_in_nothing_but_a_checkpoint_is_told(folder, name, klass):
    files = {f"{folder.format('eve', 1)}{name}": klass.by("x"), "__MACOSX/._x": b""}
    for number, who in enumerate(("roe", "zoe"), 2):
        files[f"{folder.format(who, number)}hw0.ipynb"] = klass.by("r")
    lines = klass.take(files)
    assert len(lines) == len(klass.kept()) == 3
    assert (
        f"no notebook among: {Path(name).name} (a checkpoint, or a system's own file)" in lines[0]
    )
    assert sorted(klass.kept().values()) == ["", "r", "r"]


def test_nor_is_who_gave_canvas_a_checkpoint_lost(klass):
    klass.take({"d_1_5_hw0-checkpoint.ipynb": klass.by("d"), "e_2_6_hw0.ipynb": klass.by("e")})
    assert klass.kept() == {"1": "", "2": "e"}


def test_paths_that_lead_nowhere_are_nobody_s(klass):
    klass.take(dict.fromkeys(("..", "/", ".", "...", "C:", "a/.."), b"") | {"j/a": klass.by("j")})
    assert klass.kept() == {"j": "j"}


@pytest.mark.parametrize("files", [{}, {"hw0.ipynb": b"{}", "hw0 (1).ipynb": b"{}"}])
def test_an_export_that_names_nobody_is_refused(files, klass):
    with pytest.raises(CourseError, match="does not say whose its files are"):
        klass.take(files)


# --- which of them? ---------------------------------------------------------------------------


def test_what_systems_keep_beside_files_is_never_taken(klass):
    new, old = klass.by("new"), klass.by("old")
    inner = [
        (at("hw0/hw0.ipynb", 1), new),
        (at("hw0/.ipynb_checkpoints/hw0-checkpoint.ipynb", 9), old),
        (at("__MACOSX/hw0/._hw0.ipynb", 9), b"\0\5\x16\7" * 20),
        (at("hw0/hw0-checkpoint.ipynb", 9), old),
        (at("release/hw0.ipynb", 9), klass.released()),
        (at("hw0/.DS_Store", 9), b"x"),
    ]
    klass.take({f"{JANE}file/a.zip": zipped({"b.zip": zipped(inner)}), f"{ROE}file/b.zip": b"PK"})
    assert klass.kept()["101"] == "new"


@pytest.mark.parametrize("names", [("a.ipynb", "b.ipynb"), ("b.ipynb", "a.ipynb")])
def test_the_newest_is_taken_by_its_time_not_its_name(names, klass):
    new, old = klass.by("new"), klass.by("old")
    for order in (0, 1):
        files = [(at(f"jane/{names[0]}", 2), new), (at(f"jane/{names[1]}", 1), old)]
        (line,) = klass.take(files[:: 1 - 2 * order])
        assert klass.kept() == {"jane": "new"}
        assert f"2 notebooks, the newest is used: {names[0]}" in line


def test_in_canvas_the_last_upload_in_moodle_s_zip_the_last_place(klass):
    new, old = klass.by("new"), klass.by("old")
    klass.take([("d_1_999_hw0-1.ipynb", old), ("d_1_1000_hw0.ipynb", new), ("e_2_5_a.ipynb", new)])
    assert klass.kept() == {"1": "new", "2": "new"}
    klass.take([(f"{JANE}file/b.ipynb", old), (f"{JANE}file/a.ipynb", new)])
    assert klass.kept()["101"] == "new"


def test_of_the_same_time_the_browser_s_number_then_the_answers_decide(klass):
    new, old = klass.by("new"), klass.by("old")
    klass.take([("jane/hw0 (10).ipynb", new), ("jane/hw0 (9).ipynb", old), ("jane/hw0.ipynb", old)])
    assert klass.kept() == {"jane": "new"}
    less = submission(klass.assignment, {"answer": "answer = 'less'"})
    klass.take([("roe/b.ipynb", less), ("roe/a.ipynb", new), ("roe/c.ipynb", less)])
    assert klass.kept()["roe"] == "new"


NAMES = (
    "hw0.ipynb.txt",
    "hw0.ipynb.json",
    "hw0.json",
    "hw0.ipynb (1)",
    "hw0",
    "HW0.IPYNB",
    "x.txt",
    "hw0.ipnyb",
    "hw0.zip",
    "hw0.ipynb.zip",
    "hw0.docx",
    "hw0.ipynb.bak",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_notebook_is_known_by_what_is_in_it(name, encoding, klass):
    other = json.dumps({"cells": [], "metadata": {"homework": {"name": "hw9"}}, "nbformat": 4})
    klass.take(
        {
            f"jane/{name}": klass.by("j").decode().encode(encoding),
            "jane/hw9.ipynb": other,
            "jane/receipt.json": b"{}",
            "jane/notes.txt": b"none",
        }
    )
    assert klass.kept() == {"jane": "j"}


def test_a_notebook_that_lost_its_metadata_is_known_by_its_cells(klass):
    bare = json.loads(klass.by("j")) | {"metadata": {}}
    (line,) = klass.take({"jane/hw0.ipynb": json.dumps(bare), "jane/other.ipynb": b"{}"})
    assert line == "jane: new"
    assert klass.kept() == {"jane": "j"}


def test_what_came_empty_does_not_replace_an_answer(klass):
    klass.take({"jane/hw0.ipynb": klass.by("j")})
    for later in (klass.released(), b"", b"{}"):
        (line,) = klass.take({"jane/hw0.ipynb": later})
        assert line.startswith("jane: kept as it was, for what came now has no answer: ")
        assert klass.kept() == {"jane": "j"}
    assert klass.take({"jane/hw0.ipynb": klass.by("jj")}) == ["jane: handed in again"]


def test_a_newer_file_that_can_not_be_used_is_told(klass):
    for newer, says in {
        "hw0.zip": "hw0.zip (a damaged zip)",
        "hw0.rar": "hw0.rar (a RAR archive: ask for a zip or the notebook)",
        "hw0-1.ipynb": "hw0-1.ipynb: The file is not a Jupyter notebook: it is not JSON.",
    }.items():
        content = b"Rar!\x1a\7\1\0" if "rar" in newer else b"half of"
        (line,) = klass.take({"d_1_5_hw0.ipynb": klass.by("d"), f"d_1_6_{newer}": content})
        assert line.endswith(f", left aside: {says}"), line
        assert klass.kept() == {"1": "d"}


def test_other_archives_are_told(klass):
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("hw0.ipynb"), io.BytesIO())
    secret = bytearray(zipped({"hw0.ipynb": klass.by("x")}))
    for mark in (b"PK\3\4", b"PK\1\2"):
        secret[secret.index(mark) + (6 if mark == b"PK\3\4" else 8)] |= 1
    files = {
        "a/hw0.rar": b"Rar!\x1a\7\1\0",
        "b/hw0.7z": b"7z\xbc\xaf\x27\x1c",
        "c/hw0.tar": tarred.getvalue(),
        "d/hw0.zip": b"Rar!\x1a\7\1\0",
        "e/hw0.zip": bytes(secret),
        "f/hw0.zip": b"PK\3\4 and no more",
        "g/hw0.ipynb": zipped({"hw0.ipynb": klass.by("zipped")}),
        "h/essay.pdf": b"%PDF",
    }
    lines = {line[0]: line for line in klass.take(files)}
    for who, says in {
        **{"a": "RAR", "b": "7-Zip", "c": "tar", "d": "RAR", "e": "encrypted", "f": "damaged"},
        "h": "no notebook among: essay.pdf",
    }.items():
        assert says in lines[who], lines[who]
    assert klass.kept()["g"] == "zipped"
    assert len(klass.kept()) == len(files)
    (klass.folder / "class.tar").write_bytes(tarred.getvalue())
    with pytest.raises(CourseError, match=r"class\.tar is a tar archive, not a zip archive"):
        klass.take(klass.folder / "class.tar")
    (klass.folder / "cut.zip").write_bytes(zipped({"a/hw0.ipynb": klass.by("x")})[:-40])
    with pytest.raises(
        CourseError, match=r"cut\.zip is cut off or damaged .*Download it once more"
    ):
        klass.take(klass.folder / "cut.zip")


def test_names_in_a_zip_may_be_utf_8_that_does_not_say_so(klass):
    files = {"Zoë/hw0.ipynb": klass.by("z"), "राम/hw0.ipynb": klass.by("r")}
    content = bytearray(zipped(files))
    for mark, flag in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.find(mark)
        while place >= 0:
            content[place + flag + 1] &= ~8
            place = content.find(mark, place + 1)
    (klass.folder / "mac.zip").write_bytes(content)
    klass.take(klass.folder / "mac.zip")
    assert klass.kept() == {"Zoë": "z", "राम": "r"}


# --- ids --------------------------------------------------------------------------------------

TEXT = st.text(min_size=1, max_size=120).filter(lambda t: "/" not in t and "\\" not in t)
ALIKE = st.sampled_from(
    ["a b", "a-b", "A-B", "a--b", "a.b", "a-b.", " a-b", "ａ-b", "é", "e\u0301"]
)
WORSE = st.sampled_from(
    ["con", "NUL.txt", "राम", "रीम", "漢" * 100, "漢" * 101, "..", "-", "ﬁ", "fi"]
)


@given(st.lists(TEXT | ALIKE | WORSE, unique=True, max_size=12))
@settings(max_examples=300, deadline=None)
def test_ids_are_safe_and_no_two_are_merged(names):
    course = Course.__new__(Course)
    course.root = Path("/nowhere")
    owners = [Owner("folders", name) for name in names]
    ids = People(course).identify("hw0", owners, None)
    assert set(ids) == set(owners)
    for student in ids.values():
        assert is_id(student)
        assert len(f"{student}.json".encode()) <= 255
        assert student == student.rstrip(". ")
        assert student.partition(".")[0].lower() not in ("con", "nul", "aux", "prn", "com1")
    assert len({folded(student) for student in ids.values()}) == len(names)
    assert ids == People(course).identify("hw0", owners[::-1], None)


@given(TEXT)
def test_a_clean_id_stays_as_it_is(text):
    assert clean(clean(text)) == clean(text)
    assert name_key(unicodedata.normalize("NFD", text)) == name_key(text)


def test_ids_that_were_given_stay_whatever_comes_later(klass):
    klass.take({"Ann Lee/hw0.ipynb": klass.by("1"), "bob/hw0.ipynb": klass.by("b")})
    klass.take({"Ann-Lee/hw0.ipynb": klass.by("2"), "ANN LEE/hw0.ipynb": klass.by("3")})
    assert sorted(klass.kept().values()) == ["1", "2", "3", "b"]
    assert klass.kept()["Ann-Lee"] == "1"
    before = klass.kept()
    for name in ("Ann Lee", "Ann-Lee", "ANN LEE"):
        (line,) = klass.take({f"{name}/hw0.ipynb": klass.by(f"{name} again")})
        assert line.endswith(": handed in again")
    assert {*klass.kept()} == {*before}


def test_names_of_a_hundred_chinese_letters_fit(klass):
    long = ["漢" * 100, "漢" * 99 + "字"]
    klass.take({f"{name}/hw0.ipynb": klass.by(name[-1]) for name in long})
    assert sorted(klass.kept().values()) == ["字", "漢"]
    moodle = {
        f"{n}_{i}_assignsubmission_file/hw0.ipynb": klass.by(str(i)) for i, n in enumerate(long)
    }
    klass.take(moodle)
    assert {"0", "1"} <= {*klass.kept()}


def test_folders_that_can_be_nobody_s_are_told(klass, monkeypatch, capsys):
    for name in ("Ann Lee", "x" * 150, "राम", "ok"):
        (klass.course.root / "submitted" / name / "hw0").mkdir(parents=True)
    assert [s.student for s in klass.course.submissions("hw0")] == ["ok", "राम"]
    told = klass.course.passed_over("hw0")
    assert len(told) == 2
    assert "Ann Lee" in told[0]


# --- one identity for the term ------------------------------------------------------------------


def second(klass: Class) -> None:
    """Give the course a second assignment, hw1."""
    folder = klass.course.root / "source"
    (folder / "hw1").mkdir()
    text = (folder / "hw0" / "hw0.ipynb").read_text()
    (folder / "hw1" / "hw1.ipynb").write_text(text)


def moodle(**people) -> dict:
    return {
        f"{n.replace('_', ' ')}_{i}_assignsubmission_file/a.ipynb": b"{}" for n, i in people.items()
    }


ROSTER = "id,name\njane,Jane Doe\njohn,John Roe\n"


@pytest.mark.parametrize("roster", [None, ROSTER, "id,lms\njane,101\njohn,102\n"])
def test_moodle_s_number_changes_the_person_stays(roster, klass):
    second(klass)
    klass.take(moodle(Jane_Doe=101, John_Roe=102), roster)
    klass.take(moodle(Jane_Doe=102, John_Roe=101), roster, "hw1")
    jane, john = ("jane", "john") if roster else ("101", "102")
    ids = [{s.student for s in klass.course.submissions(name)} for name in ("hw0", "hw1")]
    assert ids == [{jane, john}, {jane, john}]
    assert klass.course.who("hw0", jane) == ("Jane Doe", "101")
    assert klass.course.who("hw1", jane) == ("Jane Doe", "102")


def test_a_number_that_another_has_had_is_not_a_person(klass):
    second(klass)
    klass.take(moodle(Jane_Doe=101))
    klass.take(moodle(John_Roe=101), None, "hw1")
    (john,) = klass.course.submissions("hw1")
    assert john.student != "101"
    assert klass.course.who("hw1", john.student) == ("John Roe", "101")


def test_canvas_numbers_last(klass):
    second(klass)
    klass.take({"doejane_41_900_a.ipynb": klass.by("j"), "roe_42_901_a.ipynb": klass.by("r")})
    klass.take({"smithjane_41_950_a.ipynb": b"{}", "roe_42_951_a.ipynb": b"{}"}, None, "hw1")
    assert {s.student for s in klass.course.submissions("hw1")} == {"41", "42"}


def test_a_roster_that_comes_later_doubles_nobody(klass):
    second(klass)
    files = {name: klass.by("x") for name in moodle(Jane_Doe=101, John_Roe=102)}
    klass.take(files)
    record = {"student": "102", "sha256": "", "tests": {}, "entered": True}
    path = klass.course.record_path("hw0", "102")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))
    lines = sorted(klass.take(files, ROSTER))
    assert lines[0].startswith("102: unchanged, ")
    assert lines[0].endswith("stays 102, under which marks stand; the roster's id is john")
    assert lines[1].startswith("jane: unchanged, ")
    assert lines[1].endswith(", was 101")
    assert len(lines) == 2
    assert {*klass.kept()} == {"jane", "102"}
    klass.take(moodle(Jane_Doe=205, John_Roe=206), ROSTER, "hw1")
    assert {s.student for s in klass.course.submissions("hw1")} == {"jane", "102"}


def in_teams(number: int, content: bytes) -> dict:
    """Return what Moodle before 4.0 exported of groups; some names have a hyphen of their own."""
    names = ("Lab-1-Jane Doe", "Lab-1-Jean-Luc Picard", "Default group-Zoë Li")
    return {
        f"{name}_{number + i}_assignsubmission_file_hw0.ipynb": content
        for i, name in enumerate(names)
    }


ALONE = {"Jane Doe": 1, "Jean-Luc Picard": 2, "Zoë Li": 3}


@pytest.mark.parametrize(
    "roster", [None, "id,name\njane,Jane Doe\nluc,Jean-Luc Picard\nzoe,Zoë Li\n"]
)
def test_who_was_in_a_group_is_the_same_alone(roster, klass):
    second(klass)
    klass.take(in_teams(101, klass.by("x")), roster)
    assert {*klass.kept()} == ({"jane", "luc", "zoe"} if roster else {"101", "102", "103"})
    alone = {f"{name}_{200 + n}_assignsubmission_file/a.ipynb": b"{}" for name, n in ALONE.items()}
    klass.take(alone, roster, "hw1")
    assert {s.student for s in klass.course.submissions("hw1")} == {*klass.kept()}
    assert klass.course.who("hw0", "jane" if roster else "101") == ("Jane Doe", "101")


def test_a_name_with_a_hyphen_is_no_group(klass):
    files = moodle(Anne__Marie_Curie=1, Jean__Luc_Picard=2)
    files = {name.replace("  ", "-"): klass.by(name[:4]) for name in files}
    klass.take(files, "id,name\nmc,Marie Curie\n")
    assert klass.kept() == {"1": "Anne", "2": "Jean"}
    # of a few who all have one, the whole name decides, if it is known
    files = moodle(Anne__Marie_Curie=1, Anne__Sophie_Roe=2)
    files = {name.replace("  ", "-"): klass.by(name[:11]) for name in files}
    lines = klass.take(
        files, "id,name\nmc,Marie Curie\namc,Anne-Marie Curie\nasr,Anne-Sophie Roe\n"
    )
    assert {line.split(":")[0] for line in lines} >= {"amc", "asr"}
    assert "mc" not in klass.kept()


TWINS = "id,name,lms\nj1,Jane Doe,{}\nj2,Jane Doe,{}\nbob,Bob,\n"


def test_namesakes_are_refused_until_told_apart(klass):
    files = {f"Jane Doe_{n}_assignsubmission_file/a.ipynb": klass.by(str(n)) for n in (101, 102)}
    files |= {"Bob_103_assignsubmission_file/a.ipynb": klass.by("bob")}
    for roster in (TWINS.format("", ""), "id,name\nj1,Jane Doe\nbob,Bob\n"):
        lines = klass.take(files, roster)
        refused = [line for line in lines if ": not taken, more than one person is called" in line]
        assert len(refused) == 2
        assert {*klass.kept()} == {"bob"}
    klass.take(files, TWINS.format(101, 102))
    assert klass.kept() == {"bob": "bob", "j1": "101", "j2": "102"}
    second(klass)
    lines = klass.take(moodle(Jane_Doe=205), None, "hw1")
    assert (
        "Jane Doe: not taken, more than one person is called Jane Doe (known: j1, j2)" in lines[0]
    )
    assert klass.course.submissions("hw1") == []


def test_without_a_roster_their_numbers_tell_them_apart(klass):
    files = {f"Jane Doe_{n}_assignsubmission_file/a.ipynb": klass.by(str(n)) for n in (101, 102)}
    files["Bob_103_assignsubmission_file/a.ipynb"] = klass.by("bob")
    klass.take(files)
    assert klass.kept() == {"101": "101", "102": "102", "103": "bob"}
    assert all("unchanged" in line for line in klass.take(files))


# --- a roster -----------------------------------------------------------------------------------

ZOE = "Zoë O'Ávila"
TABLES = {
    "UTF-8": f"id,name\nzoe,{ZOE}\n".encode(),
    "Excel's UTF-8": f"id;name\r\nzoe;{ZOE}\r\n".encode("utf-8-sig"),
    "Excel's Unicode text": f"id\tname\r\nzoe\t{ZOE}\r\n".encode("utf-16"),
    "without a mark": f"id\tname\nzoe\t{ZOE}\n".encode("utf-16-le"),
    "Excel's CSV": f"id;name\r\nzoe;{ZOE}\r\n".encode("cp1252"),
    "old Macs": f"id,name\rzoe,{ZOE}\r".encode(),
    "sep=": f"sep=;\nid;name\nzoe;{ZOE}\n".encode(),
    "spaces": f' ID , "name" \n zoe ,  {ZOE}  \n\n , \n'.encode(),
    "more columns": f"name,section,id,email\n{ZOE},A,zoe\n".encode(),
    "decomposed": unicodedata.normalize("NFD", f"id,name\nzoe,{ZOE}\n").encode(),
    "family first": f'id,name\nzoe,"{ZOE.split()[1]}, {ZOE.split()[0]}"\n'.encode(),
    "nothing that is seen": f"\u200bid,name\u200b\nzoe\u200b,\u202a{ZOE}\u202c\n".encode(),
    "separators in its head": f'id;name;"a,b,c,d"\nzoe;{ZOE};x\n'.encode(),
    "Excel's formula": f'id,name\n="zoe",="{ZOE}"\n'.encode(),
    "another case": f"id,name\nzoe,{ZOE.upper()}\n".encode(),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "folder", ["Zoë OÁvila_101_assignsubmission_file/a.ipynb", "oávilazoë_41_9_a.ipynb"]
)
def test_a_roster_as_any_spreadsheet_writes_it(table, form, folder, klass):
    lines = klass.take({unicodedata.normalize(form, folder): klass.by("z")}, TABLES[table])
    assert lines == ["zoe: new"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (b"", "its first line has: nothing"),
        (b"who\nada\n", "needs the columns id and name, or id and lms; its first line has: who."),
        (b"id\nada\n", "needs the columns id and name"),
        (b"id,name\n,Ada\n", "line 2: the id is missing"),
        (b"id,name\nada,Ada\nADA,Bob\n", "line 3: 'ADA' and 'ada' would be one id"),
        (b"id,lms\nada,7\nbob,7\n", "the LMS's 7 is ada and bob. Whose is it?"),
        (b"PK\3\4...", "is a spreadsheet's own file. Save it as CSV."),
        (b"id,name,name\nada,Ada,\n", "has more than one column name. Leave one."),
        (b'id,name\nada,"Ada\nbob,Bob\n', "as CSV (a quotation mark is never closed)"),
        (None, "does not exist"),
    ],
)
def test_what_is_wrong_with_a_roster_is_one_line(table, says, klass):
    (klass.folder / "export.zip").write_bytes(zipped({"ada/hw0.ipynb": klass.by("a")}))
    path = klass.folder / "list.csv"
    if table is not None:
        path.write_bytes(table)
    with pytest.raises(CourseError) as caught:
        collect(klass.course, "hw0", klass.folder / "export.zip", path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (klass.course.root / "submitted").exists()


@pytest.mark.parametrize("lms", ["{}", "{}.0", "Participant {}", "Teilnehmer/in {}", '="{}"'])
def test_an_lms_s_number_counts_however_a_table_has_it(lms, klass):
    files = {f"{JANE}file/a.ipynb": klass.by("j"), f"{ROE}file/a.ipynb": klass.by("r")}
    klass.take(files, f"id,lms\njane,{lms.format(101)}\njose,{lms.format(102)}\n")
    assert klass.kept() == {"jane": "j", "jose": "r"}


def test_folders_that_end_in_numbers_are_their_whole_names(klass):
    files = {f"{name}/a.ipynb": klass.by(name) for name in ("Lab 1", "Room 1")}
    klass.take(files, "id,lms\na,Lab 1\nb,Room 1\n")
    assert klass.kept() == {"a": "Lab 1", "b": "Room 1"}


def test_a_roster_in_an_encoding_that_was_guessed_is_told_with_who_is_not_in_it(klass):
    roster = "id;name\nivan;Иван Петров\n".encode("cp1251")
    lines = klass.take(moodle(Иван_Петров=101), roster)
    assert lines[-1].startswith("roster.csv is not UTF-8, and was read as Western European.")
    assert "not in the roster: 101" in lines


def test_who_is_absent_unmatched_or_twice_is_listed(klass):
    roster = "id,name,lms\nada,Ada L,1\nbob,Bob,2\neve,Eve,3\nada,Ada Love,9\n"
    files = {
        f"{n}_{i}_assignsubmission_file/a.ipynb": klass.by(n)
        for n, i in (("Ada L", 1), ("Ada Love", 9), ("Bob", 2), ("Max", 4))
    }
    lines = klass.take(files, roster)
    assert [line for line in lines if line.split(":")[0] in ("ada", "bob", "4")] != []
    for line in (
        "twice in the roster: ada, lines 2 and 5",
        "in the roster, without a submission: eve",
        "not in the roster: 4",
        "twice: ada, as 1 and 9",
    ):
        assert line in lines


# --- a hub --------------------------------------------------------------------------------------


def hub(klass: Class, **students) -> None:
    """Put folders where nbgrader's exchange does, as students left them."""
    for student, files in students.items():
        folder = klass.course.root / "submitted" / student / "hw0"
        for name, content in {"timestamp.txt": "2030-03-02 09:00:00 UTC", **files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_a_notebook_that_was_renamed_on_a_hub_is_found(klass):
    released, old = klass.released(), klass.by("old")
    hub(
        klass,
        as_it_was={"hw0.ipynb": klass.by("own"), "hw0-Copy1.ipynb": old},
        renamed={"my homework.ipynb": klass.by("renamed"), "data.csv": "1,2"},
        copied={"hw0.ipynb": released, "hw0-Copy1.ipynb": klass.by("copied")},
        deeper={"hw0/hw0.ipynb": klass.by("deeper")},
        broken={"hw0.ipynb": "half of", "saved.ipynb": klass.by("saved")},
        checkpoint={".ipynb_checkpoints/hw0-checkpoint.ipynb": old},
        unanswered={"hw0.ipynb": released, "other.ipynb": b"{}"},
    )
    told = {s.student: settle(klass.assignment, s) for s in klass.course.submissions("hw0")}
    assert klass.kept() == {
        **{"as_it_was": "own", "renamed": "renamed", "copied": "copied", "deeper": "deeper"},
        **{"broken": "saved", "checkpoint": "", "unanswered": ""},
    }
    assert told["renamed"] == "my homework.ipynb is taken for hw0.ipynb"
    assert [who for who, line in told.items() if not line] == [
        "as_it_was",
        "checkpoint",
        "unanswered",
    ]
    broken = klass.course.root / "submitted/broken/hw0/hw0-without-an-answer.ipynb"
    assert broken.read_text() == "half of", "nothing is lost"
    assert not any(settle(klass.assignment, s) for s in klass.course.submissions("hw0"))


# --- files that are none, and machines ----------------------------------------------------------


@unix
def test_pipes_sockets_links_and_loops_stop_nobody(klass):
    folder = klass.folder / "in"
    for name in ("pipe", "link", "loop", "hard", "good", "socket", "dir"):
        (folder / name).mkdir(parents=True)
    os.mkfifo(folder / "pipe" / "hw0.ipynb")
    (folder / "link" / "hw0.ipynb").symlink_to(klass.course.root / "source/hw0/hw0.ipynb")
    (folder / "loop" / "deep").symlink_to(folder)
    (folder / "good" / "hw0.ipynb").write_bytes(klass.by("good"))
    os.link(folder / "good" / "hw0.ipynb", folder / "hard" / "hw0.ipynb")
    (folder / "dir" / "hw0.ipynb").mkdir()
    here = Path.cwd()
    os.chdir(folder / "socket")
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("hw0.ipynb")
            lines = klass.take(folder)
    finally:
        os.chdir(here)
    assert klass.kept() == {"good": "good", "hard": "good"}
    for who in ("pipe", "link", "loop", "socket"):
        assert any(line.startswith(f"{who}: nothing taken: ") for line in lines), (who, lines)


def test_what_a_student_writes_into_the_export_is_not_believed(klass):
    lie = json.dumps({"name": "Someone else", "lms": "666"})
    klass.take({f"{JANE}file/collected.json": lie, f"{JANE}file/hw0.ipynb": klass.by("j")})
    (klass.course.root / "submitted/101/hw0/collected.json").write_text(lie)
    assert klass.course.who("hw0", "101") == ("Jane Doe", "101")
    assert not list((klass.course.root / "submitted").rglob("*.json.*"))


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="Windows has no timer")
def test_a_file_that_takes_too_long_stops_nobody(klass, monkeypatch):
    monkeypatch.setattr(collecting, "STUDENT_SECONDS", 0.5)
    judge = collecting._judge

    def slow(candidate, assignment):
        if b"slow" in candidate.content:
            try:
                time.sleep(60)
            except Exception:  # as code does that goes on whatever happens
                time.sleep(60)
        judge(candidate, assignment)

    monkeypatch.setattr(collecting, "_judge", slow)
    lines = klass.take({f"{w}/hw0.ipynb": klass.by(w) for w in ("ada", "slow", "zoe")})
    assert lines == ["ada: new", "slow: not taken, it takes longer than 0.5 s", "zoe: new"]
    assert klass.kept() == {"ada": "ada", "zoe": "zoe"}


def test_one_student_s_fault_stops_nobody(klass, monkeypatch, capsys):
    judge = collecting._judge

    def faulty(candidate, assignment):
        if b"bad" in candidate.content:
            raise MemoryError("too much")
        judge(candidate, assignment)

    monkeypatch.setattr(collecting, "_judge", faulty)
    files = {f"{w}/hw0.ipynb": klass.by(w) for w in ("ada", "bad", "zoe")}
    assert klass.take(files) == ["ada: new", "bad: not taken, MemoryError: too much", "zoe: new"]
    line = ["grader", "--course", klass.course.root, "collect", "hw0", "--from"]
    monkeypatch.setattr(sys, "argv", [*map(str, line), str(klass.folder / "export.zip")])
    assert main() == 1, "somebody is missing"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    number, klass, monkeypatch, capsys
):
    klass.take({"ada/hw0.ipynb": klass.by("ada")})
    (klass.folder / "new.zip").write_bytes(
        zipped({f"{w}/hw0.ipynb": klass.by(f"{w} again") for w in ("ada", "bob")})
    )

    def full(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    line = ["grader", "--course", klass.course.root, "collect", "hw0", "--from"]
    monkeypatch.setattr(sys, "argv", [*map(str, line), str(klass.folder / "new.zip")])
    assert main() == 1
    *_, last = capsys.readouterr().err.strip().splitlines()
    path = klass.course.root / "submitted" / "ada" / "hw0" / "hw0.ipynb"
    # what was there before would be kept first, so nothing is written over
    first = re.escape(str(klass.course.root / "earlier" / "hw0" / "ada"))
    why = re.escape(os.strerror(number))
    assert re.fullmatch(rf"grader: {first}/[\w-]+\.ipynb: {why}\.", last)
    assert klass.kept() == {"ada": "ada"}
    assert not (klass.course.root / "earlier").exists()
    assert [p.name for p in path.parent.iterdir()] == ["hw0.ipynb"]


@unix
def test_a_file_that_may_not_be_that_large_is_one_line(klass):
    import resource
    import subprocess

    big = json.loads(klass.by("big"))
    big["cells"][0]["outputs"] = ["x" * 200_000]
    (klass.folder / "x.zip").write_bytes(
        zipped({"ada/hw0.ipynb": klass.by("ada"), "big/hw0.ipynb": json.dumps(big)})
    )
    command = [sys.executable, "-m", "grader", "--course", klass.course.root, "collect", "hw0"]
    done = subprocess.run(
        [*command, "--from", klass.folder / "x.zip"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        cwd=Path(collecting.__file__).parents[2],
    )
    assert (done.returncode, done.stdout) == (1, "ada: new\nbig: not taken, File too large\n")
    assert "Traceback" not in done.stderr
    assert klass.kept() == {"ada": "ada"}
