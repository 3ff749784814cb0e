"""The glossary holds every term that a lesson sets in bold, once, and each leads to the other.

Bold in a lesson means a new term, where it is defined: it links to its entry, and the entry links
back to that section. Only lead-ins are bold without being terms: "**Predict first.**" and the like.

The glossary's lines are short, some 65 characters: JupyterLab guesses from their number how high a
cell will be, and a link into a long page lands at its entry only if the guess is good.
"""

import itertools
import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

from libs import ROOT

NOTEBOOKS = ROOT / "notebooks"
GLOSSARY = "glossary.ipynb"
MARKDOWN = MarkdownIt("commonmark").enable("table")
LEAD_INS = {"You will learn", "You need", "Runs in"}  # the box that opens each lesson


def prose(path) -> list[str]:
    """Return the sources of a notebook's markdown cells."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def anchor(heading) -> str:
    """Return what a heading can be linked by, as JupyterLab and nbconvert make it."""
    return heading.replace(" ", "-")


def letter(name) -> str:
    return name[0].upper()


def place(name) -> str:
    """Return what entries are sorted by: hyphens count as spaces, capitals don't count."""
    return name.casefold().replace("-", " ")


@dataclass
class Bold:
    """A term in bold: what it says, the section that it stands in, where it links to."""

    text: str
    lesson: str
    section: str
    link: str


def bold_terms(lesson, sources) -> list[Bold]:
    """Return what is bold in a lesson, but for lead-ins."""
    found, section, wider = [], "", ""
    for source in sources:
        if section.startswith("Try-it:"):  # an exercise ends with its cells
            section = wider
        for before, block in itertools.pairwise(MARKDOWN.parse(source)):
            if before.type == "heading_open":
                wider, section = section, anchor(block.content)
            link, inside, text = "", None, ""
            for i, token in enumerate(block.children or []):
                if token.type == "link_open":
                    link = unquote(token.attrs["href"])
                elif token.type == "link_close":
                    link = ""
                elif token.type == "strong_open":
                    inside, text = i, ""
                elif token.type == "strong_close":
                    opens = not any(t.content for t in block.children[:inside])
                    sentence = opens and text.endswith((".", ":", "?"))
                    if not sentence and text not in LEAD_INS:
                        found.append(Bold(text, lesson, section, link))
                    inside = None
                elif inside is not None:
                    text += token.content or " "
    return found


@dataclass
class Entry:
    """An entry of the glossary: its name, its letter's heading, its text, its links."""

    name: str
    under: str
    paragraphs: list[str] = field(default_factory=list)
    links: list[list[str]] = field(default_factory=list)  # of each paragraph


def entries(sources) -> list[Entry]:
    found, under, name = [], "", None
    for block, inline in itertools.pairwise(MARKDOWN.parse("\n\n".join(sources))):
        if block.type == "heading_open" and block.tag == "h2":
            under, name = inline.content, None
        elif block.type == "heading_open" and block.tag == "h3":
            name = inline.content
            found.append(Entry(name, under))
        elif inline.type == "inline" and name and block.type != "heading_open":
            opens = [t for t in inline.children if t.type == "link_open"]
            found[-1].paragraphs.append(inline.content)
            found[-1].links.append([unquote(t.attrs["href"]) for t in opens])
    return found


def related(text, name) -> bool:
    """Tell whether a word of the bold text and one of the entry's name begin alike."""
    words, names = (re.findall(r"\w+", t.casefold()) for t in (text, name))
    pairs = itertools.product(words, names)
    return any(a.startswith(b[:4]) or b.startswith(a[:4]) for a, b in pairs)


def sentences(text) -> list[str]:
    """Return the sentences of an entry's text, but for a last "See …" or "Compare …"."""
    text = re.sub(r"\]\([^)]*\)", "]", text)
    # stops in code and formulas end nothing, nor do those of abbreviations; a decimal has no space
    text = re.sub(r"(`+|\$+).+?\1", "code", text, flags=re.DOTALL)
    text = re.sub(r"\b(?:e\.g|i\.e|cf|vs|etc(?=\.\s+[a-z]))\.", "abbreviation", text)
    found = re.split(r"(?<=[.!?])[)\]\"'”’*_]*\s+", text.strip())
    return found[:-1] if re.match(r"(See|Compare)\b", found[-1]) else found


def complaints(lessons, glossary) -> list[str]:
    """Return what is wrong with the terms of lessons and a glossary: sources by name, sources."""
    wrong = []
    listed = entries(glossary)
    known = {anchor(entry.name): entry for entry in listed}
    defined = {name: [] for name in known}
    for lesson, sources in lessons.items():
        for source in sources:
            if re.search(r"<(b|strong)\b", source):
                wrong.append(f"{lesson}: bold by HTML in {source!r}")
        for bold in bold_terms(lesson, sources):
            file, _, target = bold.link.partition("#")
            if file != GLOSSARY or target not in known:
                wrong.append(f"{lesson}: **{bold.text}** does not link to an entry")
            elif not related(bold.text, known[target].name):
                wrong.append(f"{lesson}: **{bold.text}** links to {target}")
            else:
                defined[target].append(bold)

    for name, bolds in defined.items():
        entry = known[name]
        if len(bolds) != 1:
            at = [f"{bold.lesson}, {bold.section}" for bold in bolds]
            wrong.append(f"{name}: bold {len(at)} times, not once: {at}")
        *body, last = entry.paragraphs or [""]
        words = re.findall(r"\w+", re.sub(r"\]\([^)]*\)", "]", " ".join(body)))
        if not 5 <= len(words) <= 80:
            wrong.append(f"{name}: an entry of {len(words)} words")
        count = len(sentences(" ".join(body)))
        if count > 2:
            wrong.append(f"{name}: {count} sentences, not one or two")
        back = entry.links[-1] if entry.links else []
        if not last.startswith("→ ") or len(back) != 1:
            wrong.append(f"{name}: does not end with one link to its lesson")
        elif bolds and back != [f"{bolds[0].lesson}#{bolds[0].section}"]:
            wrong.append(f"{name}: leads to {back[0]}, defined in {bolds[0]}")
        elif not last.startswith(f"→ [lesson {back[0].split('-')[0]}, "):
            wrong.append(f"{name}: names another lesson than it leads to")
        for link in itertools.chain(*entry.links[:-1]):
            if link.startswith("#") and (link[1:] not in known or link == f"#{name}"):
                wrong.append(f"{name}: {link} is no other entry")

    names = [entry.name for entry in listed]
    if names != sorted(names, key=place) or len(set(names)) < len(names):
        wrong.append("entries are not in alphabetical order, each once")
    letters = list(dict.fromkeys(map(letter, names)))
    wrong += [f"{e.name} stands under {e.under}" for e in listed if e.under != letter(e.name)]
    if re.findall(r"\[(\w)\]\(#(\w)\)", glossary[0]) != [(a, a) for a in letters]:
        wrong.append("the bar of letters on top is not that of the entries")
    return wrong


LESSONS = {path.name: prose(path) for path in sorted(NOTEBOOKS.glob("[0-9][0-9]*-*.ipynb"))}
ENTRIES = prose(NOTEBOOKS / GLOSSARY)


def test_every_term_in_bold_has_its_entry_and_every_entry_its_term():
    assert complaints(LESSONS, ENTRIES) == []


def test_every_lesson_defines_terms():
    for lesson, sources in LESSONS.items():
        assert bold_terms(lesson, sources), lesson


def test_what_is_a_term_and_what_a_lead_in():
    source = (
        "## Here\n\n**Predict first.** A **term** and a\n**second\nterm**, *not this*.\n\n"
        "- **third**: listed.\n\n> **You need** nothing.\n\n| **head** | b |\n| --- | --- |\n\n"
        "An end **like this.**"
    )
    found = [bold.text for bold in bold_terms("x", [source])]
    assert found == ["term", "second term", "third", "head", "like this."]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A cat.", 1),
        ("A cat that is 1.5 m long, e.g. mine, i.e. a big one, etc. and so on.", 1),
        ("What `a. B.` and $x = 1.\\; Y. Z$ say.", 1),
        ("A [cat](b.html#It-is.-So). Two\ncats.", 2),
        ("The cat $x$. `None` is no cat.", 2),
        ("Written in C. It is short.", 2),
        ("A cat. (Some say dog.) A third.", 3),
        ("Is it a cat? Yes! It *is.* A fourth, etc. A fifth.", 5),
        ("A cat. A second. See [dog](#dog).", 2),
        ("A cat. Compare [dog](#dog). A third.", 3),
        ("A cat. A second. Seen from here, a third.", 3),
        ("A cat. A second. Compare [dog](#dog). See [owl](#owl).", 3),
    ],
)
def test_sentences_are_counted(text, count):
    assert len(sentences(text)) == count


# --- each of these faults is found ----------------------------------------------------------------

LESSON = ["# 00 · A\n", "## First part\n\nA [**big cat**](glossary.ipynb#big-cat) meets"]
LESSON += [
    "## Next\n\n**So.** Two [**dogs**](glossary.ipynb#dog), seen by a [dog](glossary.ipynb#dog)."
]
BOOK = [
    "# Glossary\n\n[B](#B) · [D](#D)",
    "## B",
    "### big cat\n\nIt is no [dog](#dog) at all.\n\n→ [lesson 00, *x*](00-a.ipynb#First-part)",
    "## D",
    "### dog\n\nIt is no [cat](#big-cat) at all.\n\n→ [lesson 00, *y*](00-a.ipynb#Next)",
]  # fmt: skip


def test_a_small_right_glossary_is_right():
    assert complaints({"00-a.ipynb": LESSON}, BOOK) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[**dogs**](glossary.ipynb#dog)", "**dogs**", "**dogs** does not link"),
        ("[**dogs**](glossary.ipynb#dog)", "[**dogs**](glossary.ipynb#owl)", "does not link"),
        ("[**dogs**](glossary.ipynb#dog)", "[**owls**](glossary.ipynb#dog)", "**owls** links to"),
        ("[**dogs**](glossary.ipynb#dog)", "<b>dogs</b>", "bold by HTML"),
        ("[**dogs**](glossary.ipynb#dog)", "dogs", "dog: bold 0 times"),
        ("by a [dog]", "by a [**dog**]", "dog: bold 2 times"),
        ("It is no [cat](#big-cat) at all.\n\n", "", "dog: an entry of 0 words"),
        (
            "at all.\n\n→ [lesson 00, *y*]",
            "at all. No. Not it.\n\n→ [lesson 00, *y*]",
            "dog: 3 sent",
        ),
        ("[cat](#big-cat)", "[cat](#cat)", "#cat is no other entry"),
        ("[cat](#big-cat)", "[cat](#dog)", "#dog is no other entry"),
        ("\n\n→ [lesson 00, *y*](00-a.ipynb#Next)", "", "does not end with one link"),
        ("00-a.ipynb#Next", "00-a.ipynb#First-part", "dog: leads to 00-a.ipynb#First-part"),
        ("00-a.ipynb#Next", "00-a.ipynb", "dog: leads to 00-a.ipynb"),
        ("lesson 00, *y*", "lesson 01, *y*", "dog: names another lesson"),
        ("### dog", "### ant", "alphabetical"),
        ("## D", "## E", "dog stands under E"),
        ("[D](#D)", "[D](#E)", "the bar of letters"),
    ],
)
def test_a_fault_is_found(old, new, complaint):
    lesson, book = ([source.replace(old, new) for source in part] for part in (LESSON, BOOK))
    assert (lesson, book) != (LESSON, BOOK)
    assert any(complaint in found for found in complaints({"00-a.ipynb": lesson}, book))
