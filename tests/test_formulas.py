"""Formulas as MathML, on the site and in feedback: no mark of LaTeX is seen."""

import html
import re

import nbformat
import pytest

from grader.trusted.formulas import with_formulas
from grader.trusted.latex import mathml
from libs import ROOT

# what stands in an environment, and how many rows and entries it has
TWO = r"a &= b \\ c &= d"
FOUR = r"a &= b & c &= d \\ e &= f & g &= h"
DRAWN = {
    **dict.fromkeys(("aligned", "align", "align*", "split", "flalign", "flalign*"), (TWO, 2, 4)),
    **dict.fromkeys(("alignedat}{2", "alignat}{2", "alignat*}{2"), (FOUR, 2, 8)),
    **dict.fromkeys(("gathered", "gather", "gather*", "multline", "multline*"), (r"a \\ b", 2, 2)),
    **dict.fromkeys(("eqnarray", "eqnarray*"), (r"a &=& b \\ c &=& d", 2, 6)),
    **dict.fromkeys(("cases", "dcases", "rcases", "smallmatrix"), (r"a & b \\ c & d", 2, 4)),
    **dict.fromkeys([f"{k}matrix" for k in ("", *"pbBvV")], (r"a & b \\ c & d", 2, 4)),
    **dict.fromkeys(("array}{cc", "array}{c|c"), (r"a & b \\ \hline c & d", 2, 4)),
    **dict.fromkeys(("equation", "equation*"), (r"a = b \label{eq:one} \tag{1}", 0, 0)),
    "align": (r"a &= b \nonumber \\[4pt] c &= d \notag", 2, 4),
}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOTEBOOKS += sorted((ROOT / "homework" / "source").glob("*/*.ipynb"))


def seen(drawn):
    """Return the words of MathML, as a reader sees them."""
    return html.unescape(re.sub(r"<[^>]+>", " ", drawn))


@pytest.mark.parametrize("kind", DRAWN)
def test_rows_of_an_environment_are_rows(kind):
    inside, rows, entries = DRAWN[kind]
    name = kind.partition("}")[0]
    formula = rf"\begin{{{kind}}} {inside} \end{{{name}}}"
    drawn = mathml(formula, display=True)
    assert (drawn.count("<mtr"), drawn.count("<mtd")) == (rows, entries)
    assert not re.search(r"[&\\]|\bpt\b|eq:|\d", seen(drawn))
    # the same in a student's feedback, with dollars and without
    for typed in (f"$${formula}$$", formula):
        shown = with_formulas(f"<p>{html.escape(typed, quote=False)}</p>")
        assert shown.count("<mtr") == rows
        assert "begin" not in shown


def test_rows_without_an_environment_and_signs_in_words_are_drawn():
    assert mathml(r"a \\ b", display=True).count("<mtr") == 2
    assert seen(mathml(r"\text{A \& B}", display=False)).split() == ["A", "&", "B"]
    assert seen(mathml(r"a \& b \backslash c", display=False)).split() == ["a", "&", "b", "\\", "c"]


def test_a_decimal_comma_is_part_of_its_number():
    assert "<mn>12,75</mn>" in mathml(r"x \approx 12{,}75", display=False)


@pytest.mark.parametrize(
    ("formula", "mark"),
    [(r"a & b", "&"), (r"\begin{tikz} a & b \end{tikz}", "&"), (r"\unheardof{x}", r"\unheardof")],
)
def test_what_would_show_a_mark_is_refused(formula, mark):
    with pytest.raises(ValueError, match=re.escape(f"{mark} would be seen in the formula")):
        mathml(formula, display=True)
    page = f"<p>$${html.escape(formula)}$$ and $x^2$</p>"
    assert with_formulas(page).count("<math") == 1  # it stays as it was typed
    assert html.escape(formula) in with_formulas(page)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_formula_of_the_course_is_drawn(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell in cells:
        if cell.cell_type != "markdown":
            continue
        text = re.sub(r"(?ms)^```.*?^```$|`[^`]+`", "", cell.source)
        for display, inline in re.findall(r"(?s)\$\$(.+?)\$\$|\$([^$]+)\$", text):
            drawn = mathml(display or inline, display=bool(display))
            assert not re.search(r"&(?!\w+;|#)|\\[a-z]", seen(drawn)), display or inline
