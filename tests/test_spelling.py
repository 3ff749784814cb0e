"""British English: what a reader's eye meets in code, lessons and pages."""

import re

import pytest

from libs import ROOT

# matplotlib's own name, as a whole string, stays; pictures inside pages are no words
NOT_PROSE = re.compile(r"base64,[A-Za-z0-9+/=]+|\"image/png\": \".*?\"|(\\?[\"'])gray\1")
FOLDERS = (
    "libs",
    "grader",
    "notebooks",
    "homework/source",
    "tests",
    "benchmarks",
    "evidence",
    "tools",
    "docs",
)
KINDS = (".py", ".md", ".ipynb", ".json", ".css", ".js")


@pytest.mark.parametrize("folder", FOLDERS)
def test_grey_is_spelt_grey(folder):
    found = []
    for path in sorted((ROOT / folder).rglob("*")):
        inside = path.relative_to(ROOT)
        if path.suffix not in KINDS or "out" in inside.parts or path.name == "test_spelling.py":
            continue
        text = NOT_PROSE.sub("", path.read_text("utf-8"))
        found += [
            f"{inside}: {line.strip()[:120]}"
            for line in text.splitlines()
            if re.search(r"\bgray", line, re.IGNORECASE)
        ]
    assert found == []
