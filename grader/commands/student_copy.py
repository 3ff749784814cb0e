"""``python -m grader student-copy``: the course as students may have it, without its answers."""

import json
import re
import runpy
import shutil
import tempfile
from pathlib import Path

from grader import ROOT
from grader.course import Course, CourseError
from grader.markers import HIDDEN_TESTS, SOLUTION

# named one by one: a teacher's folder also holds a class' work, its history, and files of their own
FOLDERS = (
    *(".ci", ".github", "docs", "evidence", "grader", "learner", "libs", "notebooks"),
    "requirements",
    *("tests", "tools", "MNIST_data", "FashionMNIST_data"),
)
FILES = (
    *(".gitattributes", ".gitignore", "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE"),
    *("LICENSE-TEXT.md", "Makefile", "README.md", "conftest.py", "environment.yml", "install.py"),
    *("postBuild", "pyproject.toml", "requirements.in", "requirements.txt"),
)
# what proves homework and grader needs homework/source
_PROOFS = re.compile(r"tests/(test_grader_(?!boundary)|test_homework)")
_ELSEWHERE = re.compile(rb"^(from|import) benchmarks\b", re.MULTILINE)  # which is left out
_MADE = {"out", "__pycache__"}  # by running it
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)[^)]*\)")
_SHORT = 40  # what is shorter also stands elsewhere by chance


def student_copy(course: Course, folder: Path) -> list[str]:
    """Write the course without ``homework``, the grader's tests and its history.

    Parameters
    ----------
    course : grader.course.Course
        Whose solutions, hidden tests and wrong answers must not be in it.
    folder : pathlib.Path
        A new one, or an empty one.

    Returns
    -------
    list of str
        What was left out although it is in one of the course's folders, and how many files there
        are.

    Raises
    ------
    grader.course.CourseError
        The folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CourseError(f"{folder} is there and not empty. Name a new folder.")
    known, lines, files = secrets(course), [], {}
    for path in _paths():
        inside = path.relative_to(ROOT).as_posix()
        content = path.read_bytes()
        if whose := _holds(path, content, known):
            lines.append(f"left out: {inside} holds {whose}")
        else:
            files[inside] = content
    folder.parent.mkdir(parents=True, exist_ok=True)
    # beside it first: half a copy would look like a whole one
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".copy") as part:
        for inside, content in files.items():
            there = Path(part) / inside
            there.parent.mkdir(parents=True, exist_ok=True)
            if there.suffix == ".md":
                content = _linked(inside, content.decode(), files).encode()
            there.write_bytes(content)
            shutil.copymode(ROOT / inside, there)
        folder.mkdir(exist_ok=True)
        for path in sorted(Path(part).iterdir()):
            path.rename(folder / path.name)
    return [*lines, f"{len(files)} files in {folder}"]


def _paths() -> list[Path]:
    """Return the files to copy; never what a link leads to."""
    found = [ROOT / name for name in FILES]
    for name in FOLDERS:
        for path in sorted((ROOT / name).rglob("*")):
            inside = path.relative_to(ROOT)
            made = any(p in _MADE or p.startswith(".") for p in inside.parts[1:-1])
            if not made and not path.name.startswith(".") and path.suffix != ".part":
                found.append(path)
    return [
        path
        for path in found
        if path.is_file()
        and not any(p.is_symlink() for p in (path, *path.parents) if p.is_relative_to(ROOT))
        and not _PROOFS.match(path.relative_to(ROOT).as_posix())
        and not (path.match("tests/*.py") and _ELSEWHERE.search(path.read_bytes()))
    ]


def secrets(course: Course) -> dict[str, str]:
    """Return what no student may read: whose it is, by its text without spaces.

    Parameters
    ----------
    course : grader.course.Course
    """
    found = {}
    for name in course.assignments():
        assignment = course.assignment(name)
        for cell, written in assignment.cells.items():
            for region, what in ((SOLUTION, "a solution"), (HIDDEN_TESTS, "a hidden test")):
                for body in region.bodies(written.source):
                    found[_bare(body)] = f"{what} of {name}, {cell}"
        path = assignment.folder / "mutants.py"
        space = runpy.run_path(str(path)) if path.is_file() else {}
        changes = [(of, new) for of, new, _ in space.get("MUTANTS", {}).values()]
        changes += [change for v in space.get("VARIANTS", {}).values() for change in v.items()]
        for cell, change in changes:
            texts = [change] if isinstance(change, str) else [new for _, new in change]
            found |= {_bare(text): f"an answer of {name}, {cell}" for text in texts}
    return {text: whose for text, whose in found.items() if len(text) >= _SHORT}


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _holds(path: Path, content: bytes, known: dict[str, str]) -> str:
    """Say whose secret a file holds, '' if none."""
    if path.suffix not in (".ipynb", ".py", ".md", ".json", ".txt", ".toml", ".js", ".html"):
        return ""
    text = content.decode(errors="replace")
    if path.suffix == ".ipynb":
        try:
            cells = json.loads(text)["cells"]
            text = "\n".join("".join(cell["source"]) for cell in cells)
        except (ValueError, KeyError, TypeError):
            return "no notebook that can be read"
        if SOLUTION.bodies(text) or HIDDEN_TESTS.bodies(text):
            return "an assignment's source"
    text = _bare(text)
    found = {whose for secret, whose in known.items() if secret in text}
    # one short answer alone may be what a lesson teaches
    return min(found) if len(found) > 1 or any("hidden" in whose for whose in found) else ""


def _linked(inside: str, text: str, files: dict) -> str:
    """Return a page without the links that would lead to what is left out."""
    there = {Path(*Path(f).parts[:n]).as_posix() for f in files for n in range(1, f.count("/") + 2)}

    def kept(match: re.Match) -> str:
        if match[2].startswith(("http", "mailto:")):
            return match[0]
        leads = (ROOT / inside).parent / match[2]
        within = leads.resolve().is_relative_to(ROOT.resolve())
        target = leads.resolve().relative_to(ROOT.resolve()).as_posix() if within else ""
        return match[0] if target in there else match[1]

    return _LINK.sub(kept, text)
