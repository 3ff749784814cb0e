"""The learner's copies: a real repository, cloned, worked in, pulled, and copied again."""

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import unquote

import pytest

from libs import ROOT

TOOL = Path("tools", "workspace.py")
LESSON = "03-logistic-regression.ipynb"
NOW = r"\(\d{4}-\d\d-\d\d \d\d\.\d\d(\.\d\d(\.\d+)?)?\)"


def notebook(*cells) -> dict:
    """Return a notebook that was run; a text with # is code, one without is prose."""
    made = []
    for number, text in enumerate(cells):
        cell = {"id": f"c{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
        if "#" in text:
            output = {"output_type": "stream", "name": "stdout", "text": ["seen\n"]}
            cell |= {"cell_type": "code", "execution_count": number + 1, "outputs": [output]}
        else:
            cell |= {"cell_type": "markdown"}
        made.append(cell)
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def git(folder, *arguments):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


class Course:
    """A repository of three lessons, and a learner's clone of it."""

    def __init__(self, folder):
        self.upstream, self.clone = folder / "upstream", folder / "a clone [2026], 50%"
        self.work = self.clone / "work"
        save(self.upstream / "notebooks" / LESSON, notebook("One", "1 # sum", "2 # last"))
        save(self.upstream / "notebooks" / "00-start-here.ipynb", notebook("Start", "0 # zero"))
        save(self.upstream / "notebooks" / "glossary.ipynb", notebook("Words"))
        program = self.upstream / "notebooks" / "scale" / "train.py"
        program.parent.mkdir()
        program.write_text("print('old')\n", encoding="utf-8")
        (self.upstream / "tools").mkdir()
        shutil.copy(ROOT / TOOL, self.upstream / TOOL)
        (self.upstream / "learner").mkdir()
        shutil.copy(ROOT / "learner" / "store.py", self.upstream / "learner")
        (self.upstream / ".gitignore").write_text("/work\n", encoding="utf-8")
        git(self.upstream, "init", "--quiet", "--initial-branch=main")
        self.publish()
        git(folder, "clone", "--quiet", str(self.upstream), str(self.clone))

    def publish(self):
        git(self.upstream, "add", "--all")
        git(self.upstream, "commit", "--quiet", "--message=next")

    def change(self, name=LESSON, to=None):
        """Give a lesson another version upstream, and pull it; without one, take it away."""
        path = self.upstream / "notebooks" / name
        if to is None:
            path.unlink()
        elif isinstance(to, str):
            path.write_text(to, encoding="utf-8")
        else:
            save(path, to)
        self.publish()
        git(self.clone, "pull", "--quiet", "--ff-only")

    def run(self, *arguments, status=0, make=False):
        """Run the tool as a learner would; return what it says."""
        environment = {k: v for k, v in os.environ.items() if k != "MAKELEVEL"}
        done = subprocess.run(
            [sys.executable, str(TOOL), *arguments],
            cwd=self.clone,
            env=environment | ({"MAKELEVEL": "1"} if make else {}),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        assert done.returncode == status, said
        # nothing half-written, nothing in git's way, the lessons as they were
        assert not list(self.clone.rglob("*.part"))
        assert not subprocess.check_output(["git", "status", "--porcelain"], cwd=self.clone)
        return said

    def cells(self, name=LESSON):
        cells = json.loads((self.work / name).read_text("utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells]

    def edit(self, change, name=LESSON):
        """Let a learner change the copy of a lesson: ``change`` alters it in place."""
        content = json.loads((self.work / name).read_text("utf-8"))
        change(content)
        save(self.work / name, content)


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path)


NEW = notebook("One, better", "1 # sum", "3 # last")


def test_the_first_time_everything_is_copied_unrun_and_said_once(course):
    said = course.run("copy")
    assert said == "work: 4 files: copied into work/, yours to change.\n"
    assert course.run("copy") == ""
    copied = json.loads((course.work / LESSON).read_text("utf-8"))
    assert [cell.get("outputs", []) for cell in copied["cells"]] == [[], [], []]
    assert [cell.get("execution_count") for cell in copied["cells"]] == [None, None, None]
    assert (course.work / "scale" / "train.py").read_text() == "print('old')\n"


# --- what a learner may do to a copy, and whether that is a touch --------------------------------


def ran(content):
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 7
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["2\n"]}]


def saved_by_another_program(content):
    content["metadata"] = {"kernelspec": {"name": "python3"}, "widgets": {}, "vscode": {}}
    content["nbformat_minor"] = 4
    for cell in content["cells"]:
        del cell["id"]
        cell["metadata"] = {"collapsed": True, "trusted": True, "scrolled": True}
        cell["source"] = "".join(cell["source"])


def went_past_the_end(content):  # Shift+Enter in the last cell makes one more
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    content["cells"].append(empty | {"source": "\n"})


def solved(content):
    content["cells"][1]["source"] = ["1 + 1 # sum"]


def wrote_a_note(content):
    content["cells"].insert(1, {"cell_type": "markdown", "metadata": {}, "source": "mine"})


def deleted_a_cell(content):
    del content["cells"][2]


def moved_a_cell(content):
    content["cells"].reverse()


def made_text_of_code(content):
    content["cells"][1]["cell_type"] = "markdown"


UNTOUCHED = [ran, saved_by_another_program, went_past_the_end]
TOUCHED = [solved, wrote_a_note, deleted_a_cell, moved_a_cell, made_text_of_code]
name_of = pytest.mark.parametrize


@name_of("change", [lambda content: None, *UNTOUCHED], ids=lambda f: f.__name__)
def test_a_copy_that_is_not_touched_is_left_and_then_renewed(course, change):
    course.run("copy")
    course.edit(change)
    before = (course.work / LESSON).read_bytes()
    assert course.run("copy") == ""
    assert (course.work / LESSON).read_bytes() == before  # outputs stay while nothing is new
    course.change(to=NEW)
    assert (
        course.run("copy")
        == "work: 03-logistic-regression: updated, as you had changed nothing there.\n"
    )
    assert course.cells() == ["One, better", "1 # sum", "3 # last"]
    assert course.run("copy") == ""


@name_of("change", TOUCHED, ids=lambda f: f.__name__)
def test_a_copy_that_is_touched_stays_and_so_it_is_said(course, change):
    course.run("copy")
    course.edit(change)
    before = (course.work / LESSON).read_bytes()
    assert course.run("copy") == ""  # nothing new, nothing to say
    course.change(to=NEW)
    for _ in range(2):  # as long as it is so
        said = course.run("copy")
        assert said.count("\n") == 2
        assert "03-logistic-regression: there is a new version; you edited your copy" in said
        assert f"python {TOOL} fresh 03" in said
        assert (course.work / LESSON).read_bytes() == before
    assert "make fresh LESSON=03" in course.run("copy", make=True)


def test_a_touch_taken_back_is_no_touch(course):
    course.run("copy")
    course.edit(solved)
    course.edit(lambda content: content["cells"][1].update(source="1 # sum"))
    course.change(to=NEW)
    assert "updated" in course.run("copy")


def test_who_already_has_the_new_text_is_told_nothing(course):
    course.run("copy")
    save(course.work / LESSON, NEW)
    course.change(to=NEW)
    assert course.run("copy") == ""
    course.change(to=notebook("Another"))
    assert "updated" in course.run("copy")


def test_outputs_alone_are_no_new_version(course):
    course.run("copy")
    again = notebook("One", "1 # sum", "2 # last")
    again["cells"][1]["outputs"] = []
    course.change(to=again)
    assert course.run("copy") == ""


def test_a_program_is_renewed_or_kept_like_a_lesson(course):
    course.run("copy")
    course.change("scale/train.py", to="print('new')\n")
    assert course.run("copy") == "work: train: updated, as you had changed nothing there.\n"
    mine = course.work / "scale" / "train.py"
    mine.write_bytes(b"print('new')\r\n")  # another editor's line ends
    course.change("scale/train.py", to="print('newer')\n")
    assert "updated" in course.run("copy")
    mine.write_text("print('mine')\n", encoding="utf-8")
    course.change("scale/train.py", to="print('newest')\n")
    assert "fresh train" in course.run("copy")
    assert mine.read_text("utf-8") == "print('mine')\n"
    course.run("fresh", "train")
    assert mine.read_text("utf-8") == "print('newest')\n"


# --- renamed, deleted, added --------------------------------------------------------------------


@name_of("touch", [None, solved])
def test_a_deleted_copy_comes_back_and_a_renamed_one_is_the_learner_s(course, touch):
    course.run("copy")
    if touch:
        course.edit(touch)
    mine = (course.work / LESSON).rename(course.work / "my 03.ipynb")
    before = mine.read_bytes()
    assert (
        course.run("copy") == "work: 03-logistic-regression: copied into work/, yours to change.\n"
    )
    course.change(to=NEW)
    assert "updated" in course.run("copy")
    course.change(to=None)
    course.run("copy")
    assert mine.read_bytes() == before


def test_what_the_course_gives_up_goes_if_untouched_and_stays_if_touched(course):
    course.run("copy")
    course.change("glossary.ipynb", to=None)
    assert (
        course.run("copy") == "work: glossary: no longer in the course, so your copy was removed.\n"
    )
    assert not (course.work / "glossary.ipynb").exists()
    course.edit(solved)
    course.change(to=None)
    assert "you edited your copy, so it was kept" in course.run("copy")
    assert course.cells()[1] == "1 + 1 # sum"
    (course.work / LESSON).rename(course.work / "mine.ipynb")
    assert course.run("copy") == ""
    course.change(to=NEW)  # and comes back
    assert "copied" in course.run("copy")


def test_a_new_lesson_does_not_overwrite_a_notebook_of_the_same_name(course):
    course.run("copy")
    save(course.work / "04-mine.ipynb", notebook("mine"))
    course.change("04-mine.ipynb", to=notebook("theirs"))
    assert "you edited your copy, so it was kept" in course.run("copy")
    assert course.cells("04-mine.ipynb") == ["mine"]


def test_a_learner_s_own_files_are_let_alone(course):
    course.run("copy")
    own = ["notes.ipynb", ".ipynb_checkpoints/03-logistic-regression-checkpoint.ipynb", "out/x.gif"]
    for name in own:
        (course.work / name).parent.mkdir(exist_ok=True)
        (course.work / name).write_bytes(b"own")
    course.change(to=NEW)
    course.change("glossary.ipynb", to=None)
    course.run("copy")
    course.run("fresh", "3")
    assert all((course.work / name).read_bytes() == b"own" for name in own)


# --- odd files and folders ----------------------------------------------------------------------

BROKEN = {
    "cut short": b'{"cells": [',
    "empty": b"",
    "no UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "an older format": b'{"worksheets": []}',
    "cells of nothing": b'{"cells": [null]}',
    "no text": b'{"cells": [{"cell_type": "code", "source": null}]}',
}


@name_of("content", BROKEN.values(), ids=BROKEN)
def test_a_copy_that_can_t_be_read_stays_and_can_be_replaced(course, content):
    course.run("copy")
    (course.work / LESSON).write_bytes(content)
    course.change(to=NEW)
    said = course.run("copy")
    assert f"work/{LESSON} can't be read" in said
    assert "fresh 03" in said
    assert (course.work / LESSON).read_bytes() == content
    course.run("fresh", "03")
    assert course.cells()[0] == "One, better"
    (old,) = course.work.glob("03-logistic-regression (*).ipynb")
    assert old.read_bytes() == content


def test_a_byte_order_mark_is_no_touch(course):
    course.run("copy")
    path = course.work / LESSON
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    course.change(to=NEW)
    assert "updated" in course.run("copy")


@name_of("state", [None, b"", b"{", b"[]", b"\xff", b'{"03-logistic-regression.ipynb": 3}'])
def test_without_its_notes_it_keeps_what_differs(course, state):
    """What a copy was made from is then not known: better keep too much."""
    course.run("copy")
    notes = course.work / ".copied.json"
    notes.unlink() if state is None else notes.write_bytes(state)
    course.change(to=NEW)
    assert "you edited your copy, so it was kept" in course.run("copy")
    assert course.cells()[0] == "One"
    course.run("fresh", "03")
    course.change(to=notebook("Third"))
    assert "updated" in course.run("copy")


def test_a_lesson_in_conflict_is_named_and_the_others_go_on(course):
    course.run("copy")
    save(course.upstream / "notebooks" / "glossary.ipynb", notebook("Words, better"))
    course.change(to="<<<<<<< HEAD\n{}")
    said = course.run("copy")
    assert f"notebooks/{LESSON} can't be read" in said
    assert "glossary: updated" in said
    assert course.cells() == ["One", "1 # sum", "2 # last"]
    assert "can't be read" in course.run("fresh", "03", status=1)


def test_folders_and_links_in_the_way(course, tmp_path):
    course.work.write_text("a file of this name")
    assert "is a file" in course.run("copy", status=1)
    course.work.unlink()
    course.run("copy")
    (course.work / LESSON).unlink()
    (course.work / LESSON).mkdir()
    assert f"work/{LESSON} can't be read" in course.run("copy")


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed(course, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    course.work.symlink_to(elsewhere)
    assert "copied" in course.run("copy")  # the folder is made where the link leads
    (elsewhere / LESSON).rename(tmp_path / "cloud.ipynb")
    (elsewhere / LESSON).symlink_to(tmp_path / "cloud.ipynb")
    course.change(to=NEW)
    assert "updated" in course.run("copy")
    assert (elsewhere / LESSON).is_symlink()
    assert "better" in (tmp_path / "cloud.ipynb").read_text("utf-8")
    course.work.unlink()
    course.work.symlink_to(course.clone / "notebooks")
    assert "the lessons themselves" in course.run("copy", status=1)
    assert "the lessons themselves" in course.run("fresh", "03", status=1)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write")
def test_a_course_that_can_t_be_written_is_named(course):
    course.clone.chmod(0o555)
    try:
        assert (
            "can't be read or written: Permission denied. The copies need a folder"
            in course.run("copy", status=1)
        )
    finally:
        course.clone.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_a_copy_can_be_written_though_the_lesson_can_t(course):
    (course.clone / "notebooks" / LESSON).chmod(0o444)
    course.run("copy")
    assert (course.work / LESSON).stat().st_mode & 0o600 == 0o600


def test_two_at_once_do_no_harm(course):
    course.run("copy")
    for round_ in range(3):
        course.change(to=notebook(f"Round {round_}"))
        at_once(course, "copy")
        assert course.cells() == [f"Round {round_}"]
        assert course.run("copy") == ""
    course.edit(lambda content: content["cells"][0].update(source="precious"))
    at_once(course, "fresh", "03")
    kept = [path.read_text("utf-8") for path in course.work.glob("03-logistic-regression (*")]
    assert any("precious" in text for text in kept)
    assert course.cells() == ["Round 2"]


def at_once(course, *arguments):
    """Run the tool four times at the same time."""
    command = [sys.executable, str(TOOL), *arguments]
    crew = [subprocess.Popen(command, cwd=course.clone) for _ in range(4)]
    assert [one.wait(60) for one in crew] == [0] * 4


# --- afresh -------------------------------------------------------------------------------------


@name_of("called", ["3", "03", "03-logistic-regression", LESSON])
def test_afresh_keeps_the_old_one_beside(course, called):
    course.run("copy")
    course.edit(solved)
    mine = (course.work / LESSON).read_bytes()
    said = course.run("fresh", called)
    assert said.count("\n") == 2
    assert course.cells() == ["One", "1 # sum", "2 # last"]
    (old,) = course.work.glob("03-logistic-regression (*).ipynb")
    assert re.fullmatch(rf"03-logistic-regression {NOW}\.ipynb", old.name)
    assert old.name in said
    assert old.read_bytes() == mine
    for _ in range(3):  # within a minute, within a second
        course.edit(solved)
        course.run("fresh", called)
    assert len(list(course.work.glob("03-logistic-regression (*"))) == 4
    course.change(to=NEW)
    assert "updated" in course.run("copy")


def test_afresh_of_what_is_fresh_keeps_nothing_and_of_what_is_missing_makes_it(course):
    course.run("fresh", "03")
    assert course.cells()[0] == "One"
    course.run("fresh", "03")
    assert [path.name for path in course.work.glob("*.ipynb")] == [LESSON]


@name_of("called", ["3b", "03b", "03b-more"])
def test_afresh_of_an_optional_lesson(course, called):
    course.change("03b-more.ipynb", to=notebook("More", "3 # more"))
    course.run("copy")
    course.edit(lambda page: page["cells"].pop(), "03b-more.ipynb")
    course.run("fresh", called)
    assert course.cells("03b-more.ipynb") == ["More", "3 # more"]


@name_of(
    ("arguments", "said"),
    [
        (["fresh"], "which lesson?"),
        (["fresh", "77"], "There are: 00-start-here, 03-logistic-regression, glossary, train"),
        (["fresh", ""], "which lesson?"),
        (["fresh", "../tools/workspace"], "there is no lesson"),
        (["copy", "03"], "copy takes no lesson"),
        (["copy", "--port=1"], "copy takes no --port=1"),
    ],
)
def test_a_wrong_command_is_named_in_a_line(course, arguments, said):
    message = course.run(*arguments, status=1)
    assert said in message
    assert message.startswith("work: ")
    assert message.count("\n") == 1


# --- progress -----------------------------------------------------------------------------------


def with_quizzes(course):
    """Give both lessons a check and a quiz."""
    for name in ("00-start-here.ipynb", LESSON):
        page = notebook(f"# Lesson {name[:2]}", "1 # sum", "2 # check")
        page["cells"][2]["metadata"]["tags"] = ["check"]
        save(course.upstream / "notebooks" / "quiz" / f"{name[:2]}.json", [{"question": "Why?"}])
        course.change(name, page)


def progress(**kinds):
    empty = {"course-progress": 1, "exercises": {}, "predictions": {}, "questions": {}}
    return json.dumps(empty | kinds)


def test_progress_is_a_map_of_what_was_begun(course):
    with_quizzes(course)
    assert "nothing yet" in course.run("progress")
    file = course.work / "progress.json"
    gone = ["2026-01-01", 1]
    file.write_text(
        progress(
            exercises={"03": {"c2": gone, "c9": gone}},
            predictions={"03": {"A?": gone, "B?": ["2026-01-01", 0]}},
            questions={"00": {"Why?": gone, "Not asked any more?": gone}, "11": {"Why?": gone}},
        )
    )
    before = file.read_bytes()
    assert course.run("progress").splitlines() == [
        "work: 2 of 2 lessons begun; 1 question to repeat today.",
        "work: 00  Lesson 00: 0 of 1 questions",
        "work: 03  Lesson 03: 1 of 1 exercises, 1 of 2 predictions right",
    ]
    assert file.read_bytes() == before


def test_the_site_s_file_is_taken_in_and_another_changes_nothing(course):
    with_quizzes(course)
    theirs = course.clone.parent / "course-progress.json"
    theirs.write_text(progress(questions={"00": {"Why?": ["2026-02-02", 2]}}))
    for _ in range(2):
        said = course.run("progress", str(theirs))
        assert f"{theirs}: taken in." in said
        assert "00  Lesson 00: 1 of 1 questions" in said
    file = course.work / "progress.json"
    before = file.read_bytes()
    for content, why in (
        ("{", "is damaged: it is no JSON"),
        ("[]", "is no progress of this course"),
    ):
        theirs.write_text(content)
        said = course.run("progress", str(theirs), status=1)
        assert said == f"work: {theirs} {why}. Nothing was changed.\n"
    said = course.run("progress", "no such file", status=1)
    assert said.startswith("work: no such file can't be read")
    assert file.read_bytes() == before
    file.write_text("{")
    said = course.run("progress")
    assert "progress.json is damaged: it is no JSON. It was kept as progress (" in said


# --- this course --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The copies of this course's own lessons."""
    folder = tmp_path_factory.mktemp("course")
    hidden = shutil.ignore_patterns("out", ".*")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=hidden)
    (folder / "tools").mkdir()
    shutil.copy(ROOT / TOOL, folder / TOOL)
    subprocess.run([sys.executable, str(folder / TOOL), "copy"], check=True, capture_output=True)
    return folder / "work"


def test_whatever_lessons_link_to_is_beside_the_copies(here):
    links = set()
    for path in here.glob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                text = re.sub(r"```.*?```", "", "".join(cell["source"]), flags=re.DOTALL)
                links |= set(re.findall(r"\]\(([^)\s]+)\)", text))
    local = {unquote(link).split("#")[0] for link in links if not re.match(r"\w+:|#", link)}
    assert "glossary.ipynb" in local
    assert "scale/train.py" in local
    assert not [file for file in local if not (here / file).is_file()]


@name_of(("cwd", "writes_in"), [("work", "work"), ("work/a", "work"), (".", "notebooks")])
def test_lessons_write_beside_the_copies(cwd, writes_in, tmp_path, monkeypatch):
    """What a learner makes is not mixed with what the course's own runs make."""
    (tmp_path / "work" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / cwd)
    monkeypatch.setattr("libs.ROOT", tmp_path)
    spec = importlib.util.spec_from_file_location("again", ROOT / "libs" / "notebook.py")
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert tmp_path / writes_in / "out" == again.OUT


def test_a_python_without_jupyterlab_is_told_how_to_start(course):
    broken = course.upstream.parent / "without" / "jupyterlab.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('jupyterlab')")
    done = subprocess.run(
        [sys.executable, str(TOOL)],
        cwd=course.clone,
        env=os.environ | {"PYTHONPATH": str(broken.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("work: this Python has no JupyterLab. Start with make lab")


@pytest.mark.slow
def test_jupyterlab_opens_on_the_first_lesson_and_shows_the_copies(course):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--IdentityProvider.token="]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(course.upstream), "no_proxy": "*"}
    lab = subprocess.Popen(
        [sys.executable, str(TOOL), *options],
        cwd=course.clone,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(url, timeout=30) as page:
                    assert page.url == f"{url}/lab/tree/00-start-here.ipynb"
                break
            except OSError:
                assert lab.poll() is None, "JupyterLab has ended"
                time.sleep(0.25)
        else:
            pytest.fail("JupyterLab does not answer")
        with urllib.request.urlopen(f"{url}/api/contents", timeout=30) as answer:
            shown = {file["name"] for file in json.load(answer)["content"]}
        assert shown == {"00-start-here.ipynb", LESSON, "glossary.ipynb", "scale"}
    finally:
        lab.terminate()
        lab.wait(30)


def test_copying_is_quick_and_imports_nothing_of_the_course():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import runpy; runpy.run_path({str(TOOL)!r})"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    outside = modules - set(sys.stdlib_module_names) - {"", "imported package", "site"}
    assert not {name for name in outside if re.match(r"tensorflow|keras|numpy|libs", name)}
