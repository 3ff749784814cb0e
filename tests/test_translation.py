"""Lessons in another language: what a translation keeps, and what tells that it is old."""

import re

import nbformat
import pytest

from libs import ROOT
from tools import site, translation

NAMES = [
    (code, lesson) for code in translation.languages() for lesson in translation.lessons_in(code)
]
SOURCE = """# 05 · Title

Learn `x` from [**codes**](glossary.ipynb#code),
where $a = 1.5$.

```python
x = 1  # never translated

y = 2
```

$$a

b$$

<details><summary>Hint 1</summary>

1,000 steps get <!-- evidence 05.best range -->92.6 to 92.9 %<!-- / -->.

</details>

| Rate | Here |
| --- | --- |
| 0.5 | 1,000 |
| the same | <!-- evidence 05.best -->0.918 ± 0.001<!-- / --> |
"""
GERMAN = {
    "# 05 · Title": "# 05 · Titel",
    "Learn `x` from [**codes**](glossary.ipynb#code),\nwhere $a = 1.5$.": (
        "Lern `x` aus [**Codes**](glossary.ipynb#code), wobei $a = 1{,}5$."
    ),
    "<details><summary>Hint 1</summary>": "<details><summary>Hinweis 1</summary>",
    "1,000 steps get <!-- evidence 05.best range --><!-- / -->.": (
        "1.000 Schritte erreichen <!-- evidence 05.best range --><!-- / -->."
    ),
    "| Rate | Here |": "| Rate | Hier |",
    "| the same | <!-- evidence 05.best --><!-- / --> |": (
        "| ebenso | <!-- evidence 05.best --><!-- / --> |"
    ),
}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Return what writes a lesson of one cell in a course of its own."""
    monkeypatch.setattr(translation, "ROOT", tmp_path)
    monkeypatch.setattr(translation, "LOCALE", tmp_path / "docs" / "locale")
    (tmp_path / "notebooks").mkdir()

    def write(source):
        cells = [nbformat.v4.new_markdown_cell(source), nbformat.v4.new_code_cell("'# no text'")]
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbformat.write(notebook, tmp_path / "notebooks" / "05-title.ipynb")

    write(SOURCE)
    return write


def translate():
    """Write the German texts into the catalogue, as an editor of such files does."""
    translation.update("de", "05-title")
    path = translation.catalogue_path("de", "05-title")
    catalogue = translation.read_catalogue(path)
    for message in catalogue:
        if message.id:
            message.string = GERMAN[message.id]
    with path.open("wb") as file:
        translation.write_po(file, catalogue)


def test_a_cell_is_translated_and_code_formulas_and_numbers_stay(course):
    translate()
    said = translation.Translator("de", "05-title").cell(SOURCE)
    for english, german in GERMAN.items():
        if "evidence" not in english:
            assert german in said
    for kept in ("x = 1  # never translated\n\ny = 2\n```\n", "$$a\n\nb$$", "\n</details>\n"):
        assert kept in said
    assert "1.000 Schritte erreichen <!-- evidence 05.best range -->92,6" in said
    assert "| ebenso | <!-- evidence 05.best -->0,918 ± 0,001<!-- / --> |" in said
    assert "| --- | --- |\n| 0,5 | 1.000 |\n" in said


def test_what_has_changed_is_shown_as_it_stands_and_told(course):
    translate()
    course(SOURCE.replace("Learn `x` from", "Learn `x` at last from"))
    assert len(translation.missing("de", "05-title")) == 1
    translation.update("de", "05-title")
    text = translation.catalogue_path("de", "05-title").read_text("utf-8")
    assert text.count("#, fuzzy") == 1  # its old translation is there to be mended
    assert "Lern `x` aus" in text
    said = translation.Translator("de", "05-title").cell("Learn `x` at last from")
    assert said == "Learn `x` at last from"
    assert len(translation.missing("de", "05-title")) == 1


def test_other_line_breaks_and_other_numbers_of_trainings_are_no_change(course):
    translate()
    course(SOURCE.replace("0.918 ± 0.001", "0.921 ± 0.002").replace(",\nwhere", ", where"))
    assert translation.missing("de", "05-title") == []
    translation.update("de", "05-title")
    assert translation.missing("de", "05-title") == []
    assert "fuzzy" not in translation.catalogue_path("de", "05-title").read_text("utf-8")


def test_updating_twice_writes_the_same_file(course):
    translate()
    translation.update("de", "05-title")
    before = translation.catalogue_path("de", "05-title").read_bytes()
    translation.update("de", "05-title")
    assert translation.catalogue_path("de", "05-title").read_bytes() == before


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_cell_without_a_translation_stays_as_it_is(path, course):
    translation.update("en", "05-title")  # with no text of another lesson's
    translator = translation.Translator("en", "05-title")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            assert translator.cell(cell.source) == cell.source
            for text in translation.paragraphs(cell.source):
                assert "```" not in text
                assert "$$" not in text


@pytest.mark.parametrize(
    ("german", "fault"),
    [
        ("Lern `y` mit $a$ aus [b](c.ipynb#d), 10.", "lacks `x`"),
        ("Lern `x` mit $b$ aus [b](c.ipynb#d), 10.", "lacks $a$"),
        ("Lern `x` mit $a$ aus [b](c.ipynb#e), 10.", "lacks ](c.ipynb#d)"),
        ("Lern `x` mit $a$ aus [b](c.ipynb#d), 11.", "lacks 10"),
        ("Lern `x` mit $a$ aus [b](c.ipynb#d), 10.<br>", "has more <br>"),
    ],
)
def test_a_translation_that_lost_something_is_found(german, fault):
    english = "Learn `x` with $a$ from [b](c.ipynb#d), 10."
    assert fault in translation.faults(english, german)
    assert translation.faults(english, "Lern `x` mit $a$ aus [b](c.ipynb#d), 10.") == []


@pytest.mark.parametrize(("language", "lesson"), NAMES)
def test_translations_keep_formulas_code_links_and_numbers(language, lesson):
    path = translation.catalogue_path(language, lesson)
    found = {
        message.id: faults
        for message in translation.read_catalogue(path)
        if message.id and message.string
        if (faults := translation.faults(message.id, message.string))
    }
    assert found == {}


@pytest.mark.parametrize(("language", "lesson"), NAMES)
def test_translations_are_of_the_lessons_as_they_stand(language, lesson):
    """Some may lag behind: who mends a sentence need not speak all languages. The site tells."""
    texts, left = translation.lesson_paragraphs(lesson), translation.missing(language, lesson)
    assert len(left) <= 0.15 * len(texts), (
        f"{len(left)} of {len(texts)} texts of {lesson} have changed since they were translated. "
        f"Run python -m tools.translation {language}, and translate what is empty or fuzzy in "
        f"{translation.catalogue_path(language, lesson)}, beginning with {left[:3]}"
    )


@pytest.mark.parametrize("language", translation.languages())
def test_what_widgets_say_is_translated_as_they_say_it_today(language):
    """Each text of front.pot stands in what makes pages, and has its translation."""
    folders = (ROOT / "libs" / "front", ROOT / "docs" / "_static", ROOT / "docs" / "alive")
    sources = [path.read_text("utf-8") for folder in folders for path in folder.glob("*.js")]
    sources += [(ROOT / name).read_text("utf-8") for name in ("libs/gif.py", "libs/notebook.py")]
    sources.append((ROOT / "tools" / "site.py").read_text("utf-8"))
    texts = translation.lesson_paragraphs("front")
    assert len(texts) > 40
    assert [t for t in texts if t not in "\n".join(sources)] == []
    assert translation.missing(language, "front") == []
    for message in translation.read_catalogue(translation.catalogue_path(language, "front")):
        # what a script fills in stays; what ends a string would end the script
        filled = [re.findall(r"\w+\(|\.\w+", text) for text in (message.id, message.string)]
        assert "${" not in message.id or set(filled[0]) <= set(filled[1]), message.id
        if '"' not in message.id:
            assert not re.search(r'["`\\]', message.string), message.id


def test_a_quiz_and_what_a_widget_says_are_translated(course):
    course(SOURCE)
    front = translation.Translator.__new__(translation.Translator)
    front.known = {"Check": "Prüfen", "Right.": "Richtig.", "It": "Es"}
    script = 'say("Check"); say("It"); say("Right. " + Check + It);'
    assert front.front(script) == 'say("Prüfen"); say("Es"); say("Richtig. " + Check + It);'
    front.known = {"Is it?": "Ist es?", "Yes": "Ja"}
    asked = [
        {"question": "Is it?", "type": "numeric", "answers": [{"value": 1, "feedback": "Yes"}]}
    ]
    said = [{"question": "Ist es?", "type": "numeric", "answers": [{"value": 1, "feedback": "Ja"}]}]
    assert front.quiz(asked) == said


def test_links_to_pages_that_are_not_translated_lead_to_english_ones():
    source = "[a](glossary.ipynb#x-y), [**b**](../how-we-know.md), [c](03-c.ipynb#S), [d](#e), "
    source += "[f](https://g.h), ![i](j.png)"
    assert site.lead_to_english(source, ["03-c"]) == (
        '<a hreflang="en" href="../../notebooks/glossary.html#x-y">a</a>, '
        '<a hreflang="en" href="../../how-we-know.html">**b**</a>, '
        "[c](03-c.ipynb#S), [d](#e), [f](https://g.h), ![i](j.png)"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["klingon"], "'klingon' is no language's code"),
        (["de", "99-no"], "no notebooks/99-no.ipynb"),
    ],
)
def test_a_wrong_name_is_told(arguments, says, monkeypatch, capsys, course):
    monkeypatch.setattr("sys.argv", ["translation", *arguments])
    with pytest.raises(SystemExit):
        translation.main()
    assert says in capsys.readouterr().err
    assert not translation.LOCALE.exists()
