"""Make slides of the lessons from the course's site, in ``build/site/slides``: ``make slides``.

One idea a slide: a piece of text and the cells that follow it, a question of the quiz. Arrow keys,
Page Up and Down go from one to the next. Nothing is run, and nothing is needed but the folder.
"""

import argparse
import html
import sys
from pathlib import Path

from bs4 import BeautifulSoup, Tag

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.site import LESSONS, ROOT, SITE, make_site

SLIDES = SITE / "slides"


def ideas(section: Tag, heading: Tag | None = None) -> list[list[Tag]]:
    """Return the ideas of a section and of those in it: each is a list of elements.

    An idea begins with a heading or with text after a cell. One that has no heading of its own is
    given a copy of the section's, marked as going on.
    """
    found, now, after_cell = [], [], False
    for child in section.find_all(True, recursive=False):
        classes = child.get("class", ())
        if child.name == "section":
            inside = ideas(child, heading)
            if all(tag is heading or not tag.get_text(strip=True) for tag in now) and inside:
                inside[0][:0], now = now, []  # a heading right above another
            found += [now, *inside] if now else inside
            now, after_cell = [], False
        elif child.name in ("h1", "h2", "h3", "h4"):
            heading, now, after_cell = child, [*now, child], False
        elif quiz := child.select("div.quiz > ol > li"):
            found += (
                [] if all(tag is heading or not tag.get_text(strip=True) for tag in now) else [now]
            )
            found += [[_again(heading), question] for question in quiz]
            now, after_cell = [], False
        elif "tag_check" in classes:  # nothing is filled in here
            continue
        else:
            is_cell = "cell" in classes or child.name == "details"
            if after_cell and not is_cell:
                found, now = [*found, now], [_again(heading)]
            now.append(child)
            after_cell = is_cell
    # places without anything to see, to which links lead, and headings that sections follow
    found += [now] if now else []
    return [idea for idea in found if any(tag.get_text(strip=True) or tag.img for tag in idea)]


def _again(heading: Tag) -> Tag:
    """Return a heading as it stands over a slide that goes on."""
    again = BeautifulSoup(str(heading), "html.parser").find()
    again["class"] = "goes-on"
    return again


def as_slides(page: Path) -> str:
    """Return a page of the site as one of slides, which lies in a folder beside the page's."""
    soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    article = soup.find("article")
    # a quiz becomes slides of its questions; code that sets up and plots is for who reads
    quiz = ".quiz > script, div:has(> .quiz) > script"
    for tag in article.select(f".headerlink, details.above-input, {quiz}"):
        tag.decompose()
    for link in article.select("a[href]"):
        address = link["href"]
        if address.startswith("#"):
            link["href"] = f"../{page.parent.name}/{page.name}{address}"
        elif "://" not in address and not address.startswith("../"):
            link["href"] = f"../{page.parent.name}/{address}"
    slides = ideas(article.find("section"))
    title = article.find("h1").get_text(" ", strip=True)
    parts = []
    for number, idea in enumerate(slides, 1):
        for tag in idea:
            for place in [tag, *tag.find_all(id=True)]:
                place.attrs.pop("id", None)
            if tag.name == "li":
                tag.name = "div"
        inside = "\n".join(map(str, idea))
        label = f"Slide {number} of {len(slides)}"
        parts.append(
            f'<section class="slide" id="{number}" tabindex="-1" aria-label="{label}">'
            f'<div class="slide-inside">{inside}</div></section>'
        )
    styles = "".join(str(link) for link in soup.select('link[rel="stylesheet"]'))
    back = f"../{page.parent.name}/{page.name}"
    return (
        f'<!DOCTYPE html>\n<html lang="{soup.html["lang"]}" data-theme="light">'
        f'<head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'{styles}<link rel="stylesheet" href="../_static/slides.css">'
        '<script defer src="../_static/course.js"></script>'
        '<script defer src="../_static/slides.js"></script></head><body>\n'
        '<main class="bd-content"><article class="bd-article">\n' + "\n".join(parts) + "\n"
        f'</article></main>\n<nav aria-label="Slides"><a href="{back}">Read</a> '
        '<button type="button" data-by="-1" aria-label="Slide before">←</button> '
        f'<span role="status">1 / {len(slides)}</span> '
        '<button type="button" data-by="1" aria-label="Next slide">→</button></nav>\n'
        "</body></html>\n"
    )


def write_slides() -> list[Path]:
    """Write the slides of each lesson beside the site's pages; return their paths."""
    SLIDES.mkdir(exist_ok=True)
    written = []
    for lesson in sorted((ROOT / "notebooks").glob(LESSONS)):
        path = SLIDES / f"{lesson.stem}.html"
        path.write_text(as_slides(SITE / "notebooks" / path.name), "utf-8")
        written.append(path)
    return written


def main() -> int:
    """Make the site and its slides."""
    parser = argparse.ArgumentParser(prog="make slides", description=__doc__)
    parser.parse_args()
    if failed := make_site():
        return failed
    for path in write_slides():
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
