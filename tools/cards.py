"""Make a deck for Anki of the glossary, ``build/cards.apkg``: ``make cards``.

A card asks for a term's meaning, and another one for the term. A deck that is imported again
renews its cards, and keeps what a learner has learned of them.
"""

import argparse
import re
import sys
from pathlib import Path

import genanki

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.site import ROOT, terms

CARDS = ROOT / "build" / "cards.apkg"
NAME = "Deep learning, one digit at a time"
MODEL, DECK = 1_748_203_911, 1_748_203_912  # by these Anki knows them again: never change them
STYLE = """.card { font: 20px/1.5 sans-serif; max-width: 34em; margin: auto; text-align: left; }
h1 { font-size: 1.3em; }"""


def hidden(term: str, meaning: str) -> str:
    """Return a meaning in which dots stand for the term, for the card that asks for it."""
    return re.sub(rf"(?<![\w<&]){re.escape(term)}(?![\w>;])", "…", meaning, flags=re.IGNORECASE)


def make_cards(target: Path) -> int:
    """Write the deck; return how many terms it has."""
    kinds = [
        {"name": "What is it?", "qfmt": "<h1>{{Term}}</h1>", "afmt": "{{FrontSide}}{{Meaning}}"},
        {"name": "What is it called?", "qfmt": "{{Asked}}", "afmt": "<h1>{{Term}}</h1>{{Meaning}}"},
    ]
    fields = [{"name": name} for name in ("Term", "Meaning", "Asked")]
    model = genanki.Model(MODEL, NAME, fields=fields, templates=kinds, css=STYLE)
    deck = genanki.Deck(DECK, NAME)
    entries = terms()
    for place, meaning in entries.items():
        term = place.replace("-", " ")
        asked, guid = hidden(term, meaning), genanki.guid_for(NAME, place)
        deck.add_note(genanki.Note(model, [term, meaning, asked], guid=guid, tags=["glossary"]))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    genanki.Package(deck).write_to_file(part)
    part.replace(target)
    return len(entries)


def main() -> int:
    """Make the deck, and say where it is."""
    parser = argparse.ArgumentParser(prog="make cards", description=__doc__)
    parser.parse_args()
    print(f"{make_cards(CARDS)} terms, two cards each: {CARDS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
