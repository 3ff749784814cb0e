"""Text files are read and written as UTF-8, whatever the machine's locale is."""

import ast
import re
import subprocess

import pytest

from libs import ROOT

# what opens a file as text, in the locale's encoding, unless it is told otherwise
OPENERS = ("open", "fdopen", "read_text", "write_text")
# whose method open opens something else
OTHERS = ("os", "webbrowser", "Image", "archive", "gzip", "tarfile")


def sources() -> list[str]:
    """Return the course's programs, without their tests."""
    line = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", ":!tests"]
    listed = subprocess.run(line, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    if listed.returncode:  # a copy without history
        found = [path.relative_to(ROOT) for path in ROOT.rglob("*.py")]
        return [p.as_posix() for p in found if p.parts[0] in ("grader", "learner", "libs", "tools")]
    return [path for path in listed.stdout.splitlines() if (ROOT / path).exists()]


def without_encoding(source: str) -> list[int]:
    """Return the lines that open a text file without an encoding."""
    found = []
    for node in ast.walk(ast.parse(source)):
        called = node.func if isinstance(node, ast.Call) else None
        method = isinstance(called, ast.Attribute)
        name = called.attr if method else getattr(called, "id", None)
        if name not in OPENERS:
            continue
        if name == "open" and method and ast.unparse(called.value) in OTHERS:
            continue
        given = [keyword.arg for keyword in node.keywords]
        if "utf-8" in [a.value for a in node.args if isinstance(a, ast.Constant)]:
            continue
        arguments = [a.value for a in ast.walk(node) if isinstance(a, ast.Constant)]
        binary = any(isinstance(a, str) and re.fullmatch("[rwxa]?[+]?b[+]?", a) for a in arguments)
        if not (binary or "encoding" in given):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", sources())
def test_every_text_file_is_utf_8(path):
    lines = without_encoding((ROOT / path).read_text(encoding="utf-8"))
    assert not lines, f'{path}: give open, read_text or write_text an encoding="utf-8"'


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("open(path)", [1]),
        ("with path.open('w') as file: pass", [1]),
        ("path.read_text()\npath.write_text(text)", [1, 2]),
        ("os.fdopen(descriptor)", [1]),
        ("open(path, 'rb'); path.open(mode='wb'); os.open(path, flags)", []),
        ("open(path, encoding='utf-8'); path.write_text(text, encoding='utf-8')", []),
        ("path.read_text('utf-8'); path.write_text(text, 'utf-8')", []),
    ],
)
def test_what_has_no_encoding_is_found(source, lines):
    assert without_encoding(source) == lines
