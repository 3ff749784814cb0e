"""Make a book of the course's site, ``build/book.pdf``: ``make book``. Nothing is run.

Chromium prints it: with an outline, tags for screen readers, and each picture's text. What is
folded on a page stands at its chapter's end (hints, solutions, a quiz's answers) or is left out
(code that sets up, plots or checks); a moving picture shows its first frame.
"""

import argparse
import html
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.site import ROOT, SITE, make_site

BOOK = ROOT / "build" / "book.pdf"
LEFT_OUT = "script, style, button, .headerlink, .tag_check, details.above-input"
ASIDE = "Hints, solutions, answers"


class NoBrowser(Exception):
    """There is no Chromium here to print with."""


def find_browser() -> str:
    """Return the path of Chromium or Chrome; NoBrowser says what to do if there is neither."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise NoBrowser(
        "no Chromium here to print with, neither `chromium` nor `google-chrome` on the PATH. "
        "Install it (on Debian: apt-get install chromium) and run this again."
    )


def read(page: Path) -> BeautifulSoup:
    """Return a page of the site, parsed."""
    return BeautifulSoup(page.read_text("utf-8"), "html.parser")


def chapters() -> list[str]:
    """Return the names of the site's pages, in the order in which they are read."""
    names, page = [], SITE / "index.html"
    while page:
        names.append(page.relative_to(SITE).with_suffix("").as_posix())
        after = read(page).find("link", rel="next")
        page = after and (page.parent / unquote(after["href"])).resolve()
    names.remove("play")  # there is nothing to play with on paper
    return names


def article(name: str) -> Tag:
    """Return what a page says, without what stands round it, with addresses that hold anywhere."""
    page = SITE / f"{name}.html"
    found = read(page).find("article")
    for way in found.select(".languages"):  # to a page that is not here
        way.decompose()
    for tag in found.select("[src]"):
        del tag["loading"]
        tag["src"] = (page.parent / unquote(urlsplit(tag["src"]).path)).resolve().as_uri()
    return found


def as_chapter(name: str, inside: Sequence[str], stills: Path) -> Tag:
    """Return a page as a chapter of a book that has the pages ``inside``.

    Still pictures of moving ones are written into the folder ``stills``.
    """
    chapter = article(name)
    chapter.name, chapter.attrs = "section", {"class": "chapter", "id": _place(name)}
    for tag in chapter.select(LEFT_OUT):
        tag.decompose()
    for picture in chapter.select('picture > img, img[src$=".gif"]'):
        if picture.parent.name == "picture":
            picture.parent.replace_with(picture)
        source = Path(unquote(urlsplit(picture["src"]).path))
        still = stills / f"{source.stem}.png"
        Image.open(source).convert("RGB").save(still, optimize=True)
        picture["src"] = still.as_uri()
        picture.insert_after(_made("<p class='caption'>The first frame of an animation.</p>"))
    for tag in chapter.find_all(id=True):
        tag["id"] = _place(name, tag["id"])
    for link in chapter.find_all("a", href=True):
        _lead(link, name, inside)
    _unfold(chapter, name)
    return chapter


def _place(name: str, place: str = "") -> str:
    """Return how a place on a page is called in the book."""
    return f"{name}.{place}" if place else name


def _lead(link: Tag, name: str, inside: Sequence[str]) -> None:
    """Have a link of a page lead to its place in the book; what is not in there is no link."""
    parts = urlsplit(link["href"])
    if parts.scheme:
        return
    page = (SITE / name).parent / unquote(parts.path)
    other = name if not parts.path else page.resolve().relative_to(SITE).with_suffix("").as_posix()
    if other in inside:
        link["href"] = f"#{_place(other, unquote(parts.fragment))}"
    else:
        link.unwrap()


def _made(text: str) -> Tag:
    """Return an element, from HTML."""
    return BeautifulSoup(text, "html.parser").find()


def _unfold(chapter: Tag, name: str) -> None:
    """Unfold what is asked for by a prediction, and put the rest of what folds at the end."""
    aside = _made(f"<section class='aside'><h2>{ASIDE}</h2></section>")
    aside["id"] = _place(name, "folded")
    about = None
    for fold in chapter.find_all("details"):
        title = fold.summary.extract().get_text(" ", strip=True)
        if "below-input" in fold.get("class", ()) or fold.has_attr("open"):
            fold.unwrap()
            continue
        question = fold.find_parent("li")
        heading = fold.find_previous(["h1", "h2", "h3"]).get_text(" ", strip=True)
        if question:
            heading += f", question {len(question.find_previous_siblings('li')) + 1}"
        fold.name, fold.attrs = "div", {}
        fold.insert(0, _made(f"<p><b>{html.escape(title)}</b></p>"))
        if heading != about:
            number = len(aside.find_all("h3")) + 1
            there, here = _place(name, f"folded-{number}"), _place(name, f"unfolded-{number}")
            way = f"<p class='way' id='{here}'><a href='#{there}'>→ {ASIDE.lower()}</a></p>"
            fold.insert_before(_made(way))
            top = _made(f"<h3 id='{there}'><a href='#{here}'></a></h3>")
            top.a.string = about = heading
            aside.append(top)
        aside.append(fold.extract())
    if about:
        chapter.append(aside)


def write_book(names: Sequence[str], folder: Path, pages: dict[str, int]) -> Path:
    """Write what is printed, one page of HTML, into a folder; return its path.

    Parameters
    ----------
    names : sequence of str
        Pages of the site, such as ``"notebooks/glossary"``.
    folder : pathlib.Path
        Where; the still pictures lie there, too.
    pages : dict
        On which page of the book each place is, where that is known.
    """
    parts = [as_chapter(name, names, folder) for name in names]
    contents = []
    for part in parts:
        title = part.find("h1")
        lines = [
            (part["id"], title),
            *((h.parent["id"], h) for h in part.select("section > h2") if len(h.text) > 2),
        ]  # the glossary's letters say nothing here
        for place, heading in lines:
            words, level = html.escape(heading.get_text(" ", strip=True)), heading.name
            number = pages.get(place, "")
            contents.append(
                f"<li class='{level}'><a href='#{html.escape(place)}'>{words}</a> {number}</li>"
            )
    of_site = read(SITE / "index.html")
    title = of_site.find("title").get_text().partition(" — ")[2] or of_site.find("title").get_text()
    styles = [SITE / "_static" / "pygments.css", SITE / "_static" / "book.css"]
    links = "".join(f'<link rel="stylesheet" href="{path.as_uri()}">' for path in styles)
    language = of_site.find("html")["lang"]
    page = folder / "book.html"
    page.write_text(
        f'<!DOCTYPE html>\n<html lang="{language}" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title>{links}</head><body>\n"
        f"<header><p class='title'>{html.escape(title)}</p></header>\n"
        f"<nav><h1 id='contents'>Contents</h1><ul>{''.join(contents)}</ul></nav>\n"
        + "\n".join(map(str, parts))
        + "\n</body></html>\n",
        "utf-8",
    )
    return page


def make_book(names: Sequence[str], target: Path) -> int:
    """Print pages of the site as a book; return how many pages it has."""
    from playwright.sync_api import sync_playwright
    from pypdf import PdfReader

    program = find_browser()
    folder = target.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    part = target.with_suffix(".part")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=switches)
        page = browser.new_page()
        page.set_default_timeout(600_000)
        places = {}
        for step in ("find out where chapters begin", "print"):
            _tell(f"{len(names)} chapters: Chromium lays them out to {step} …")
            page.goto(write_book(names, folder, places).as_uri())
            page.pdf(path=part, tagged=True, outline=True, prefer_css_page_size=True)
            book = PdfReader(part)
            places = {
                place.removeprefix("/"): book.get_destination_page_number(there) + 1
                for place, there in book.named_destinations.items()
            }
        browser.close()
    part.replace(target)
    shutil.rmtree(folder)
    return len(book.pages)


def _tell(words: str) -> None:
    """Say what goes on, at once."""
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)


def main() -> int:
    """Make the site, then the book of all of it."""
    parser = argparse.ArgumentParser(prog="make book", description=__doc__)
    parser.parse_args()
    try:
        find_browser()
    except NoBrowser as error:
        print(f"make book: {error}", file=sys.stderr)
        return 1
    _tell("The site is made …")
    if failed := make_site():
        return failed
    pages = make_book(chapters(), BOOK)
    size = BOOK.stat().st_size / 1e6
    _tell(f"The book is made: {BOOK.relative_to(ROOT)}, {pages} pages, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
