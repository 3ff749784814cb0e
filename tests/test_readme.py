"""What surrounds the lessons: README and other pages, make's commands, data files, licences."""

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from PIL import Image
from project import TEST, read, targets
from test_notebooks import anchors as anchors_of_notebook

from libs import ROOT, data_files

MARKDOWN = MarkdownIt().enable("table")
FOLDERS = [p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")]
PAGES = sorted(
    {*ROOT.glob("*.md")}
    | {page for folder in FOLDERS for page in folder.rglob("*.md") if "out" not in page.parts}
)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def test_the_pages_are_found():
    assert {Path("README.md"), Path("CONTRIBUTING.md")} <= {p.relative_to(ROOT) for p in PAGES}


def tokens(page):
    return [t for block in MARKDOWN.parse(read(page)) for t in block.children or []]


def anchors(page):
    """Return the names that the headings of a page can be linked by, as GitHub makes them."""
    if page.suffix == ".ipynb":
        return anchors_of_notebook(page)
    blocks = MARKDOWN.parse(read(page))
    headings = [b.content for a, b in itertools.pairwise(blocks) if "heading" in a.type]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_of_a_page_resolve_and_its_pictures_have_alternative_text(page):
    for token in tokens(page):
        if token.type == "image":
            assert token.content.strip(), "a picture without alternative text"
        link = token.attrs.get("href") or token.attrs.get("src")
        # on the site's first page `{address}` is the repository's
        if not link or link.startswith(("https://", "mailto:", "%7Baddress%7D")):
            continue
        assert not link.startswith("http:"), f"{link} is not encrypted"
        file, _, anchor = unquote(link).partition("#")
        target = page.parent / file if file else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@each_page
def test_commands_that_a_page_names_exist(page):
    text = read(page)
    named = set(re.findall(r"(?:`|^|\s)make ([a-z]+)", text, re.MULTILINE))
    # in running prose "make" is a verb
    named &= {n for n in named if re.search(rf"(`|^\s*|\d )make {n}\b", text, re.MULTILINE)}
    assert named <= set(targets()), f"no such target: {sorted(named - set(targets()))}"
    for option in re.findall(r"install\.py (--\w+)", text):
        assert f'"{option}"' in read("install.py"), f"install.py has no {option}"
    for file in re.findall(r"`((?:tools|docs|libs|tests|benchmarks|requirements)/[\w./-]+)`", text):
        assert (ROOT / file).exists(), f"{file} is not there"


def test_readme_shows_a_small_moving_picture():
    picture = ROOT / "docs" / "readme.gif"
    assert "](docs/readme.gif)" in read("README.md")
    assert picture.stat().st_size < 2_000_000
    with Image.open(picture) as image:
        assert image.n_frames > 10


def test_readme_maps_the_lessons_that_there_are():
    rows = {
        number: (cell, int(minutes))
        for number, cell, minutes in re.findall(
            r"^\| (\d\d[a-z]?) \| (.+?) \| (\d+) \|", read("README.md"), re.MULTILINE
        )
    }
    paths = sorted((ROOT / "notebooks").glob("[0-9][0-9]*-*.ipynb"))
    lessons = {path.name.split("-")[0]: path for path in paths}
    assert list(rows) == list(lessons)
    for number, (cell, minutes) in rows.items():
        course = json.loads(read(lessons[number]))["metadata"]["course"]
        assert cell == f"[{course['title']}](notebooks/{lessons[number].name})"
        assert minutes == course["minutes"], f"lesson {number} takes {course['minutes']} minutes"


def test_readme_tells_the_commands_that_are_run():
    readme = read("README.md")
    assert "make lab" in readme
    assert "make test" in readme
    assert f".venv\\Scripts\\{TEST}" in readme
    assert f"$(BIN)/{TEST}" in read("Makefile")


# --- Makefile ----------------------------------------------------------------------------------


def test_every_target_has_help():
    for name, (_, text) in targets().items():
        assert text, f"make {name} has no help"


@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="no make here")
def test_make_help_lists_the_commands_and_each_knows_what_to_do():
    def make(*arguments):
        done = subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    listed = make("help")
    assert re.findall(r"^\w+$", listed, re.MULTILINE) == ["Learn", "Teach", "Maintain"]
    for name, (_, text) in targets().items():
        assert make("--dry-run", name).strip(), f"make {name} does nothing"
        assert re.search(rf"^  {name} +{re.escape(text)}$", listed, re.MULTILINE)


@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="no make here")
@pytest.mark.parametrize("name", ["python3", "python"])
def test_make_takes_the_python_there_is_and_keeps_strange_variables_from_it(tmp_path, name):
    python = tmp_path / name
    python.write_text('#!/bin/sh\necho "$0 $@"\nenv\n', encoding="utf-8")
    python.chmod(0o755)
    for program in ("env", "id", "sed", "sh"):
        (tmp_path / program).symlink_to(shutil.which(program))
    names = ("HOME", "PATH", "PLATLIBDIR", "SAFEPATH", "STARTUP")
    strange = {f"PYTHON{name}": "/gone" for name in names}
    done = subprocess.run(
        [shutil.which("make"), "--no-print-directory", "env"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), **strange},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{python} install.py\n")
    assert "/gone" not in done.stdout


# --- data and licences -------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ["MNIST", "FashionMNIST"])
def test_the_note_beside_the_data_files_is_right(dataset):
    folder = ROOT / f"{dataset}_data"
    note = read(folder / "README.md")
    assert {p.name for p in folder.glob("*.gz")} == set(data_files.FILES[dataset])
    for name, sha256 in data_files.FILES[dataset].items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256, f"{name} is not the published file"
        assert f"{sha256}  {name}\n" in note
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        assert f"{md5}  {name}\n" in note
        assert re.search(rf"`{name}` .* {len(content):,} \|", note)
    assert "## Origin and licence" in note
    assert "## Citation" in note


def test_code_text_and_data_have_their_licences():
    assert read("LICENSE").startswith("MIT License\n")
    assert tomllib.loads(read("pyproject.toml"))["project"]["license"] == "MIT"
    assert "creativecommons.org/licenses/by/4.0/" in read("LICENSE-TEXT.md")
    assert "creativecommons.org/licenses/by-sa/3.0/" in read("MNIST_data/README.md")
    assert "Copyright © 2017 Zalando SE" in read("FashionMNIST_data/README.md")
