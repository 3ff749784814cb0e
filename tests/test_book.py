"""The book: two chapters of it are printed, and the file is read as a reader's program does."""

import re
import subprocess
import sys

import pytest

from libs import ROOT
from tools import book

pytestmark = pytest.mark.browser
NAMES = ["notebooks/02-neural-networks-by-hand", "how-we-know"]


@pytest.fixture(scope="module")
def printed(made_site, tmp_path_factory):
    """Print two chapters; return the file."""
    from pypdf import PdfReader

    target = tmp_path_factory.mktemp("a folder [1]") / "book.pdf"
    # a process of its own: in this one another test's browser may be open
    code = "import sys, pathlib, tools.book as b; "
    code += "print(b.make_book(sys.argv[2:], pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(target), *NAMES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = int(done.stdout.split()[-1])
    assert [path.name for path in target.parent.iterdir()] == ["book.pdf"]
    read = PdfReader(target)
    assert pages == len(read.pages) > 10
    return read


def tagged(node, kind):
    """Yield all elements of a kind below one of a tagged file's."""
    children = node.get("/K", [])
    for child in children if isinstance(children, list) else [children]:
        child = child.get_object()
        if isinstance(child, dict):
            if child.get("/S") == kind:
                yield child
            yield from tagged(child, kind)


def outline(entries):
    """Yield the titles of an outline, all levels."""
    for entry in entries:
        yield from outline(entry) if isinstance(entry, list) else [entry.title]


def test_a_book_is_for_who_hears_it_and_for_who_leafs_through_it(printed):
    root = printed.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert printed.metadata.title == "Deep learning, one digit at a time"
    titles = list(outline(printed.outline))
    assert {"Contents", "02 · Neural networks by hand", "One neuron", book.ASIDE} <= set(titles)
    pictures = list(tagged(root["/StructTreeRoot"], "/Figure"))
    chapter = book.article(NAMES[0])
    texts = {picture["alt"] for picture in chapter.find_all("img")}
    assert len(texts) > 5
    assert texts <= {picture.get("/Alt") for picture in pictures}


def test_contents_say_where_each_chapter_begins(printed):
    contents = dict(re.findall(r"(.+) (\d+)\n", printed.pages[1].extract_text() + "\n"))
    for title in ("02 · Neural networks by hand", "One neuron", book.ASIDE, "How we know"):
        text = printed.pages[int(contents[title]) - 1].extract_text()
        assert text.startswith(f"{contents[title]}\n")  # the page's own number
        assert title in text


def test_what_is_folded_stands_at_the_end_of_its_chapter(printed):
    pages = [page.extract_text() for page in printed.pages]
    start = next(n for n, text in enumerate(pages) if n > 2 and f"\n{book.ASIDE}" in f"\n{text}")
    before, after = "\n".join(pages[2:start]), "\n".join(pages[start:])
    assert "Hint 1" not in before
    assert after.count("Hint 1") == after.count("Hint 2") >= 3
    assert "question 1" in after
    # what answers a prediction is shown, without a word on what nobody said
    assert "You had not committed" not in before + after
    assert "best single layer" in before
    assert "Code of the figure" not in before + after
    assert "replace the dots" not in before  # a check of what can't be filled in on paper


def test_links_lead_inside_the_book_or_to_the_web(made_site, tmp_path):
    pages = book.BeautifulSoup(
        book.write_book(NAMES, tmp_path, {}).read_text("utf-8"), "html.parser"
    )
    places = {tag["id"] for tag in pages.find_all(id=True)}
    links = {link["href"] for link in pages.find_all("a", href=True)}
    assert len(links) > 50
    lost = {link for link in links if not link.startswith("https://") and link[1:] not in places}
    assert lost == set()
    assert all(tag["src"].startswith("file:") for tag in pages.select("[src]"))
    assert pages.select('[src$=".gif"], script') == []


def test_every_page_of_the_course_is_in_the_book(made_site):
    names = book.chapters()
    for folder, kind in (("notebooks", "*.ipynb"), ("homework/source", "*/*.ipynb")):
        for path in (ROOT / folder).glob(kind):
            assert f"{folder.partition('/')[0]}/{path.stem}" in names
    assert len(set(names)) == len(names)


def test_without_chromium_a_book_says_what_to_do(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["make book"])
    monkeypatch.setattr(book, "make_site", lambda: pytest.fail("the site is made for nothing"))
    assert book.main() == 1
    told = capsys.readouterr().err
    assert "no Chromium here" in told
    assert "apt-get install chromium" in told
    assert "Traceback" not in told
