"""Bring the lessons' texts to who translates them, and what they wrote to the site.

    python -m tools.translation de 05-variational-autoencoders   # begin with a lesson
    python -m tools.translation de                               # after lessons have changed

A lesson's paragraphs and its quiz stand in ``docs/locale/de/LC_MESSAGES/NN-title.po``, as gettext's
programs (Poedit, Weblate) read them; code, formulas on lines of their own and what cells wrote stay
as they are. What widgets and quizzes say by themselves stands in ``docs/locale/front.pot``, and
translated in ``docs/locale/de/front.po``. ``make site`` makes a second site, ``build/site/de``.
"""

import argparse
import io
import json
import re
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import nbformat
from babel.core import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from libs import ROOT
from libs.files import replacing
from tools.workspace import without_way

LOCALE = ROOT / "docs" / "locale"
# what stands between two texts: code, formulas, the links to Colab and Binder, empty lines, and
# what begins an item or a row
_BETWEEN = re.compile(
    r"(?ms)(^```.*?^```$|^\$\$.*?\$\$$|^> \[Open in .*?\)$\n> · \[Open in .*?\)$|^</?details>$"
    r"|\n(?:>?[ ]*\n)+|\n(?=\||- |\d+\. ))"
)
_MARK = re.compile(r"(?s)(<!-- evidence [^>]*-->)(.*?)(<!-- / -->)")
# what a translation has to keep: formulas, code, where links lead, tags and marks
_KEPT = re.compile(r"\$[^$]+\$|`[^`]+`|\]\([^)]*\)|<[^>]+>")
_INDEX = """# Deep learning, one digit at a time

These lessons are translated. <a hreflang="en" href="../index.html">The whole course</a> is in
English.

{lessons}
"""


def without_numbers(text: str) -> str:
    """Return a text without what `evidence` writes into it."""
    return _MARK.sub(r"\1\3", text)


def _key(text: str) -> str:
    """Return what a paragraph is found by: its words, however its lines break."""
    return " ".join(without_numbers(text).split())


def paragraphs(source: str) -> list[str]:
    """Return the texts of a cell of Markdown, as they are given to who translates."""
    texts = map(str.strip, _BETWEEN.split(source)[::2])
    return [without_numbers(text) for text in texts if _says(text)]


def _says(text: str) -> bool:
    """Return whether a text holds a letter beside its marks."""
    return re.search(r"[^\W\d_]", without_numbers(re.sub(r"<[^>]*>", "", text))) is not None


def lesson_paragraphs(lesson: str) -> list[str]:
    """Return the texts of a lesson, and of its quiz; of "front" those of widgets and quizzes."""
    if lesson == "front":
        return [message.id for message in read_catalogue(LOCALE / "front.pot") if message.id]
    notebook = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)
    cells = (without_way(cell.source) for cell in notebook.cells if cell.cell_type == "markdown")
    own = [text for source in cells for text in paragraphs(source)]
    return [*own, *filter(_says, quiz_texts(questions(lesson)))]


def questions(lesson: str) -> list[dict]:
    """Return the questions of a lesson's quiz, none if it has no quiz."""
    path = ROOT / "notebooks" / "quiz" / f"{lesson.partition('-')[0]}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else []


def quiz_texts(asked: list[dict]) -> list[str]:
    """Return the texts of a quiz: questions, answers and what is said of them."""
    parts = [part for question in asked for part in (question, *question["answers"])]
    keys = ("question", "answer", "feedback")
    return [part[key] for part in parts for key in keys if key in part]


def catalogue_path(language: str, lesson: str) -> Path:
    """Return where a lesson's translation lies, or that of "front"."""
    folder = LOCALE / language
    return folder / "front.po" if lesson == "front" else folder / "LC_MESSAGES" / f"{lesson}.po"


def languages() -> list[str]:
    """Return the languages that something is translated into."""
    return sorted(path.parent.name for path in LOCALE.glob("*/LC_MESSAGES"))


def lessons_in(language: str) -> list[str]:
    """Return the lessons that are translated into a language."""
    return sorted(path.stem for path in catalogue_path(language, "").parent.glob("*.po"))


def read_catalogue(path: Path) -> Catalog:
    """Return a translation as it is stored."""
    return read_po(io.BytesIO(path.read_bytes()))


class Translator:
    """A lesson's translation into a language.

    Parameters
    ----------
    language : str
        Its code, such as ``"de"``.
    lesson : str
        The lesson's name, its file's without ending; "front" is what widgets and quizzes say.
    """

    def __init__(self, language: str, lesson: str) -> None:
        self.language = language
        path = catalogue_path(language, lesson)  # none yet: all stays English
        self.known = {
            _key(message.id): message.string
            for message in (read_catalogue(path) if path.is_file() else ())
            if message.id and message.string and not message.fuzzy
        }
        self.headings: dict[str, str] = {}  # in English, by what they are called here

    def cell(self, source: str) -> str:
        """Return a cell of Markdown in the language; what has no translation stays."""
        pieces = _BETWEEN.split(source)
        pieces[::2] = map(self._text, pieces[::2])
        return "".join(pieces)

    def _text(self, text: str) -> str:
        """Return a text in the language, with its numbers and the space round it."""
        written = partial(in_numbers, language=self.language)
        core = text.strip()
        if not _says(core):  # such as a row of numbers
            return written(text)
        if not (said := self.known.get(_key(core))):
            return text
        numbers = {match[1]: match[2] for match in _MARK.finditer(core)}
        said = _MARK.sub(lambda m: f"{m[1]}{written(numbers.get(m[1], ''))}{m[3]}", said)
        if core.startswith("#"):
            self.headings[said.lstrip("# ")] = core.lstrip("# ")
        return text.replace(core, said)

    def plain(self, text: str) -> str:
        """Return a text without marks, such as a quiz's, in the language; else as it is."""
        return self.known.get(_key(text), text)

    def quiz(self, asked: list[dict]) -> list[dict]:
        """Return the questions of a quiz in the language."""
        keys = {"question", "answer", "feedback"}

        def said(part: dict) -> dict:
            return {key: self.plain(v) if key in keys else v for key, v in part.items()}

        return [said(one) | {"answers": list(map(said, one["answers"]))} for one in asked]

    def front(self, page: str) -> str:
        """Return a script or a page with what widgets and quizzes say in the language.

        A text is found anywhere; a lone word, without even a full stop, only where it is all of a
        string or of an element.
        """
        for text in sorted(self.known, key=len, reverse=True):
            said = self.known[text]
            for left, right in ('""', "><", ("&quot;", "&quot;")):
                page = page.replace(f"{left}{text}{right}", f"{left}{said}{right}")
            if not text.isalpha():
                page = page.replace(text, said)
        return page


def in_numbers(text: str, language: str) -> str:
    """Return numbers with the signs that a language writes into them.

    Examples
    --------
    >>> in_numbers("1,000 at 92.5 %", "de")
    '1.000 at 92,5 %'
    """
    signs = Locale.parse(language).number_symbols["latn"]
    replaced = {",": signs["group"], ".": signs["decimal"]}
    return re.sub(r"(?<=\d)[.,](?=\d)", lambda m: replaced[m[0]], text)


def faults(source: str, translation: str) -> list[str]:
    """Return what a translation lacks, or has more, of the parts that it must keep."""

    def kept(text: str) -> Counter:
        parts = _KEPT.findall(" ".join(text.split()))
        return Counter(part.replace("{,}", ".") for part in parts)

    def numbers(text: str) -> Counter:
        return Counter(re.sub(r"\D", "", n) for n in re.findall(r"\d[\d.,]*", _KEPT.sub("", text)))

    found = []
    for of in (kept, numbers):
        before, after = of(source), of(translation)
        found += [f"lacks {part}" for part in before - after]
        found += [f"has more {part}" for part in after - before]
    return found


def update(language: str, lesson: str) -> Catalog:
    """Bring a lesson's catalogue to the lesson's texts; return it.

    What changed a little keeps its translation, marked fuzzy, which the site doesn't show; what is
    gone stays at the file's end.
    """
    path = catalogue_path(language, lesson)
    template = Catalog()
    for text in lesson_paragraphs(lesson):
        template.add(text)
    catalogue = Catalog(language, header_comment=f"# {lesson}, for who reads {language}.")
    now = {_key(message.id): message.id for message in template if message.id}
    for message in read_catalogue(path) if path.is_file() else ():
        if message.id:  # lines that break elsewhere are no change
            text = now.get(_key(message.id), message.id)
            catalogue.add(text, message.string, flags=message.flags)
    catalogue.update(template)
    catalogue.fuzzy = False
    path.parent.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()
    write_po(written, catalogue, width=100)
    with replacing(path) as file:  # no dates: what has not changed is the same file
        file.write(
            re.sub(rb'(?m)^"(?:PO|Rep|Last|Language-Team|Proj).*\n', b"", written.getvalue())
        )
    index = LOCALE / language / "index.md"
    if not index.is_file():
        index.write_text(_INDEX, "utf-8")
    return catalogue


def missing(language: str, lesson: str) -> list[str]:
    """Return the texts of a lesson that have no translation, or one of what stood there before."""
    known = Translator(language, lesson).known
    return [text for text in lesson_paragraphs(lesson) if _key(text) not in known]


def main() -> int:
    """Bring catalogues up to date, and say what is to be translated."""
    parser = argparse.ArgumentParser(prog="python -m tools.translation", description=__doc__)
    parser.add_argument("language", help="a code, such as de")
    parser.add_argument("lessons", nargs="*", help="names such as 00-start-here; else all begun")
    asked = parser.parse_args()
    try:
        Locale.parse(asked.language)
    except (UnknownLocaleError, ValueError):
        parser.error(f"{asked.language!r} is no language's code. Take one such as de or pt_BR.")
    for lesson in asked.lessons:
        if not (ROOT / "notebooks" / f"{lesson}.ipynb").is_file():
            parser.error(f"there is no notebooks/{lesson}.ipynb. Name it without its ending.")
    for lesson in ["front", *(asked.lessons or lessons_in(asked.language))]:
        update(asked.language, lesson)
        left = len(missing(asked.language, lesson))
        path = catalogue_path(asked.language, lesson).relative_to(ROOT)
        print(f"{path}: {left} of {len(lesson_paragraphs(lesson))} texts are to be translated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
