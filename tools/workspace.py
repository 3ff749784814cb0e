"""The learner's copies of the lessons, in ``work/``: make and update them, open them, start afresh.

    python tools/workspace.py              bring the copies up to date, open them in JupyterLab
    python tools/workspace.py copy         only bring them up to date
    python tools/workspace.py fresh 03     start lesson 03 afresh; yours is kept beside it
    python tools/workspace.py progress     show what you have done, and what is to repeat today
    python tools/workspace.py progress course-progress.json    take in what the site saved, first

A copy is *edited* if the text of its cells differs from what it was copied from; outputs, empty
cells and what JupyterLab saves with it don't count. A copy that is not edited is updated when its
lesson changes; an edited one is kept, and you are told.

Needs only Python's standard library, except for ``open``, which starts JupyterLab.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import runpy
import sys
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "notebooks"
WORK = ROOT / "work"
STATE = ".copied.json"  # in WORK: what each copy was copied from, as a digest by name
START = "00-start-here.ipynb"
COMMANDS = ("open", "copy", "fresh", "progress")


class WorkspaceError(Exception):
    """What stops the command, and what to do, in a line."""


def names() -> list[str]:
    """Return what is copied: the notebooks, and the programs that they show and run."""
    programs = [path for path in LESSONS.glob("scale/*.*") if path.is_file()]
    found = [*LESSONS.glob("*.ipynb"), *programs]
    return sorted(path.relative_to(LESSONS).as_posix() for path in found)


def read(path: Path) -> dict | str:
    """Return a notebook, or the text of another file; raise ValueError if it is neither."""
    text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    if path.suffix != ".ipynb":
        return text
    notebook = json.loads(text)
    try:
        for cell in notebook["cells"]:
            text = source(cell)
            if cell["cell_type"] == "markdown" and without_way(text) != text:
                cell["source"] = without_way(text)
    except (TypeError, KeyError):
        raise ValueError("not a notebook in the current format") from None
    return notebook


def without_way(text: str) -> str:
    """Return a cell's text without the line that leads to the site (``tools/setup_cell.py``).

    It is for who reads a lesson where nothing folds, not for copies, pages and translations.
    """
    return re.sub(r"\A\*Not folded\? .*\n+", "", text)


def source(cell: dict) -> str:
    """Return a cell's text, which a notebook holds whole or by lines."""
    text = cell["source"]
    return (text if isinstance(text, str) else "".join(text)).strip()


def digest(content: dict | str) -> str:
    """Return a digest of what a learner would change: the text of the cells, in their order."""
    if isinstance(content, dict):
        cells = [(cell["cell_type"], source(cell)) for cell in content["cells"]]
        content = json.dumps([cell for cell in cells if cell[1]])
    return hashlib.sha256(content.strip().encode()).hexdigest()


def unrun(content: dict | str) -> bytes:
    """Return what a fresh copy holds: no outputs, no numbers of runs."""
    if isinstance(content, str):
        return content.encode()
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def write(path: Path, content: bytes) -> None:
    """Put a file in its place, whole or not at all; through a link, where that leads."""
    path = path.resolve()
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def read_state() -> dict[str, str]:
    """Return what each copy was copied from; nothing if that is not known."""
    try:
        state = json.loads((WORK / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def check_folder() -> None:
    """Raise WorkspaceError if ``work`` is something else than a folder of the learner's own."""
    if WORK.exists() and not WORK.is_dir():
        raise WorkspaceError(
            f"{WORK} is a file. Rename it: the course needs that name for a folder."
        )
    if WORK.exists() and WORK.samefile(LESSONS):
        raise WorkspaceError(f"{WORK} leads to the lessons themselves. Delete that link.")


def copy() -> list[str]:
    """Bring the copies up to date; return what the learner should know, a line each."""
    check_folder()
    before = read_state()
    state, new, updated, kept, unread = dict(before), [], [], [], []
    for name in names():
        path = WORK / name
        try:
            lesson = read(LESSONS / name)
        except ValueError as error:  # a conflict of git's, say
            unread.append(f"notebooks/{name} can't be read ({error}): git status says more.")
            continue
        now = digest(lesson)
        try:
            mine = digest(read(path))
        except FileNotFoundError:
            mine = None
        except (ValueError, OSError) as error:
            unread.append(f"work/{name} can't be read ({error}). {advice(name)}")
            continue
        if mine is None or (mine == before.get(name) and mine != now):
            write(path, unrun(lesson))
            (new if mine is None else updated).append(name)
        elif mine != now:
            if before.get(name) != now:
                kept.append(name)
            continue
        state[name] = now
    gone, theirs = leave(state)
    if state != before:
        write(WORK / STATE, json.dumps(state, indent=1).encode())

    lines = [f"{listed(new)}: copied into work/, yours to change."] if new else []
    lines += [f"{listed(updated)}: updated, as you had changed nothing there."] if updated else []
    lines += [f"{listed(gone)}: no longer in the course, so your copy was removed."] if gone else []
    if kept:
        lines.append(
            f"{listed(kept)}: there is a new version; you edited your copy, so it was kept."
        )
        lines.append(advice(kept[0]))
    if theirs:
        lines.append(
            f"{listed(theirs)}: no longer in the course; you edited your copy, so it was kept."
        )
    return lines + unread


def leave(state: dict[str, str]) -> tuple[list[str], list[str]]:
    """Remove copies of what is no longer in the course; return these, and those kept as edited."""
    gone, theirs = [], []
    for name in sorted(set(state) - set(names())):
        path = WORK / name
        try:
            edited = digest(read(path)) != state[name]
        except FileNotFoundError:
            del state[name]
            continue
        except (ValueError, OSError):
            edited = True
        if edited:
            theirs.append(name)
        else:
            path.unlink(missing_ok=True)
            del state[name]
            gone.append(name)
    return gone, theirs


def fresh(lesson: str) -> list[str]:
    """Replace a copy by a fresh one, keep the old one beside it; return what to print."""
    check_folder()
    name = find(lesson)
    path = WORK / name
    try:
        content = read(LESSONS / name)
    except ValueError as error:
        raise WorkspaceError(f"notebooks/{name} can't be read ({error}).") from None
    lines = [f"work/{name} is fresh. If it is open: menu File, Reload Notebook from Disk."]
    if path.exists():
        old = path.read_bytes()
        if old != unrun(content):
            kept = keep(path, old).relative_to(WORK).as_posix()
            lines.append(f"Your old copy is work/{kept}.")
    write(path, unrun(content))
    write(WORK / STATE, json.dumps(read_state() | {name: digest(content)}, indent=1).encode())
    return lines


def keep(path: Path, content: bytes) -> Path:
    """Write a copy's content beside it, under a name that says when and that nothing else has."""
    now = datetime.now()
    for shape in ("%Y-%m-%d %H.%M", "%Y-%m-%d %H.%M.%S", "%Y-%m-%d %H.%M.%S.%f"):
        beside = path.with_name(f"{path.stem} ({now.strftime(shape)}){path.suffix}")
        try:
            with beside.open("xb") as file:
                file.write(content)
        except FileExistsError:
            continue
        return beside
    raise WorkspaceError(f"{beside} already exists. Try again.")


def find(lesson: str) -> str:
    """Return the name meant by ``3``, ``03``, ``01b``, or by itself with or without its ending."""
    found = [
        name
        for name in names()
        if lesson in (name, Path(name).stem)
        or name.split("-")[0] == lesson.zfill(2 + lesson[-1:].isalpha())
    ]
    if len(found) != 1:
        stems = ", ".join(Path(name).stem for name in names())
        raise WorkspaceError(f"there is no lesson {lesson!r}. There are: {stems}.")
    return found[0]


def listed(found: list[str]) -> str:
    """Return names without endings; of many only how many."""
    if len(found) > 3:
        return f"{len(found)} files"
    return ", ".join(Path(name).stem for name in found)


def advice(name: str) -> str:
    """Say how to get the new version of a file."""
    number = name.split("-")[0]
    lesson = number if number[:2].isdigit() else Path(name).stem
    return f"To get the new version and keep yours beside it: {command(lesson)}"


def command(lesson: str) -> str:
    """Return the command that starts a lesson afresh: make's, if make started this one."""
    if os.environ.get("MAKELEVEL"):
        return f"make fresh LESSON={lesson}"
    return f"python {Path('tools', 'workspace.py')} fresh {lesson}"


def lessons() -> dict[str, dict]:
    """Return by number each lesson's title, file, checks' cells, and quiz's questions."""
    found = {}
    for path in sorted(LESSONS.glob("[0-9][0-9]*-*.ipynb")):
        with contextlib.suppress(ValueError, OSError, LookupError):  # `copy` says so
            cells = read(path)["cells"]
            number = path.name.split("-")[0]
            quiz = json.loads((LESSONS / "quiz" / f"{number}.json").read_text(encoding="utf-8"))
            tagged = [c for c in cells if "check" in c.get("metadata", {}).get("tags", ())]
            found[number] = {
                "title": source(cells[0]).splitlines()[0].lstrip("# "),
                "file": path.name,
                "checks": [cell.get("id") for cell in tagged],
                "questions": [question["question"] for question in quiz],
            }
    return found


def done(all_lessons: dict) -> tuple[dict, list[str]]:
    """Return what the learner has done, and that in a line: nothing of it leaves this machine."""
    store = SimpleNamespace(**runpy.run_path(str(ROOT / "learner" / "store.py")))
    progress, told = store.keep(path=WORK / store.FILE.name)
    begun = {lesson for kind in store.KINDS for lesson in progress[kind]} & set(all_lessons)
    due = [
        text
        for lesson, text in store.due(progress, date.today())
        if text in all_lessons.get(lesson, {"questions": ()})["questions"]
    ]
    many = f"{len(due)} question{'s' * (len(due) != 1)} to repeat today"
    line = f"{len(begun)} of {len(all_lessons)} lessons begun; {many}."
    return progress, [told] * bool(told) + [line] * bool(begun)


def overview() -> list[str]:
    """Return the map of what is done, a line for each lesson that was begun."""
    all_lessons = lessons()
    progress, lines = done(all_lessons)
    for number, lesson in all_lessons.items():
        parts = []
        for kind, known in (("exercises", lesson["checks"]), ("questions", lesson["questions"])):
            entries = progress[kind].get(number, {})
            # a question lies in the second box, or higher, once it was answered right
            right = sum(
                entry[1] >= 1 + (kind == "questions") for entry in map(entries.get, known) if entry
            )
            parts += [f"{right} of {len(known)} {kind}"] * bool(entries)
        guesses = progress["predictions"].get(number, {}).values()
        if guesses:
            parts.append(f"{sum(hit for _, hit in guesses)} of {len(guesses)} predictions right")
        if parts:
            lines.append(f"{number:3} {lesson['title']}: {', '.join(parts)}")
    return lines or ["nothing yet: a check, a quiz or a prediction in a lesson begins it."]


def take_in(name: str) -> list[str]:
    """Put another file's progress, such as the site's, to what is here."""
    store = SimpleNamespace(**runpy.run_path(str(ROOT / "learner" / "store.py")))
    try:
        other = store.read(Path(name).read_bytes())
    except OSError as error:
        raise WorkspaceError(f"{name} can't be read: {error.strerror}.") from None
    except store.ProgressError as error:
        raise WorkspaceError(f"{name} {error}. Nothing was changed.") from None
    _, told = store.keep(lambda mine: store.merge(mine, other), WORK / store.FILE.name)
    return [*([told] if told else []), f"{name}: taken in."]


def open_lab(options: list[str]) -> None:
    """Open JupyterLab on the copies; return when it ends."""
    # the environment's own kernel, before one of the same name in the user's folder
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    if getattr(os, "geteuid", lambda: 1)() == 0:
        options = ["--allow-root", *options]  # in a container, say
    try:
        from jupyterlab.labapp import main as lab
    except ImportError:
        sys.exit(
            "work: this Python has no JupyterLab. Start with make lab; without make: python "
            "install.py, then .venv\\Scripts\\python tools\\workspace.py"
        )
    lab([f"--ServerApp.root_dir={WORK}", f"--LabApp.default_url=/lab/tree/{START}", *options])


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=COMMANDS, default="open")
    parser.add_argument("lesson", nargs="?", help="for fresh: 03, or glossary; progress: a file")
    arguments, options = parser.parse_known_args()
    try:
        for line in do(arguments, options):
            print(f"work: {line}", flush=True)
    except WorkspaceError as error:
        sys.exit(f"work: {error}")
    except OSError as error:
        where = error.filename2 or error.filename or WORK
        where = WORK if str(where).endswith(".part") else where
        sys.exit(
            f"work: {where} can't be read or written: {error.strerror}. "
            "The copies need a folder that you may write to, with room in it."
        )
    if arguments.command == "open":
        open_lab(options)


def do(arguments: argparse.Namespace, options: list[str]) -> list[str]:
    """Make, update or replace copies; return what to print."""
    if arguments.command == "fresh" and not arguments.lesson:
        raise WorkspaceError(f"which lesson? For example: {command('03')}")
    if arguments.lesson and arguments.command not in ("fresh", "progress"):
        raise WorkspaceError(f"{arguments.command} takes no lesson. See --help.")
    if options and arguments.command != "open":
        raise WorkspaceError(f"{arguments.command} takes no {options[0]}. See --help.")
    if arguments.command == "progress":
        check_folder()
        return [*(take_in(arguments.lesson) if arguments.lesson else []), *overview()]
    if arguments.command == "fresh":
        return fresh(arguments.lesson)
    lines = copy()
    # what was done is no reason not to begin
    with contextlib.suppress(OSError):
        lines += done(lessons())[1] if arguments.command == "open" else []
    return lines


if __name__ == "__main__":
    main()
