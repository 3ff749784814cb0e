"""The deck of cards: read back as Anki reads it."""

import re
import sqlite3
import zipfile

import nbformat
import pytest

from libs import ROOT

pytestmark = pytest.mark.browser  # with the maintainers' tools


def notes(path):
    """Return the notes of a deck, [id, fields] each, and how many cards it has."""
    with zipfile.ZipFile(path) as file:
        file.extract("collection.anki2", path.parent)
    book = sqlite3.connect(path.parent / "collection.anki2")
    rows = book.execute("select guid, flds from notes order by guid").fetchall()
    cards = book.execute("select count(*) from cards").fetchone()[0]
    book.close()
    return [(guid, fields.split("\x1f")) for guid, fields in rows], cards


def test_the_deck_asks_for_each_term_of_the_glossary(tmp_path):
    from tools.cards import make_cards

    (tmp_path / "again").mkdir()
    count = make_cards(tmp_path / "cards.apkg")
    assert [path.name for path in tmp_path.glob("*.*")] == ["cards.apkg"]
    read, cards = notes(tmp_path / "cards.apkg")
    glossary = nbformat.read(ROOT / "notebooks" / "glossary.ipynb", as_version=4)
    text = "\n\n".join(cell.source for cell in glossary.cells)
    headings = re.findall(r"(?m)^### (.+)$", text)
    assert len(read) == count == len(headings) > 100
    assert cards == 2 * count
    assert {fields[0].casefold() for _, fields in read} == {
        name.replace("-", " ").casefold() for name in headings
    }
    for _, (term, meaning, asked) in read:
        assert len(meaning) > 20, term
        assert len(asked) > 20, term
        assert "](" not in meaning, term
        assert "→" not in meaning.partition("<math")[0], term
        plain = re.sub(r"<[^>]+>", " ", asked)
        assert not re.search(rf"(?i)(?<!\w){re.escape(term)}(?!\w)", plain), term
    # who imports it again keeps what was learned
    make_cards(tmp_path / "again" / "cards.apkg")
    assert [guid for guid, _ in notes(tmp_path / "again" / "cards.apkg")[0]] == [g for g, _ in read]
