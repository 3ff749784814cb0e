"""Formulas in sanitised pages: as MathML, which browsers draw without a network.

What a formula becomes is sanitised once more, for what makes MathML writes a student's text as it
is. A formula that can't be drawn stays as it was typed.
"""

import html
import re
from html.parser import HTMLParser

from grader.trusted import latex
from grader.trusted.sanitise import words

FORMULAS, LENGTH = 400, 2000  # of a piece of a page; characters of one
_ENVIRONMENTS = (
    "equation|(?:fl)?align|align(?:ed)?at|aligned|gather(?:ed)?|multline|eqnarray|[dr]?cases|drcases"
    "|[pbBvV]?matrix|smallmatrix|(?:sub)?array|split"
)
_FORMULA = re.compile(
    rf"\$\$(?P<display>.{{1,{LENGTH}}}?)\$\$"
    rf"|\\\[(?P<bracket>.{{1,{LENGTH}}}?)\\\]"
    rf"|\\\((?P<round>.{{1,{LENGTH}}}?)\\\)"
    rf"|(?P<whole>\\begin\{{(?P<kind>(?:{_ENVIRONMENTS})\*?)\}}.{{1,{LENGTH}}}?\\end\{{(?P=kind)\}})"
    # a price is none: no space within the dollars, no digit after them
    rf"|(?<![\\$\w])\$(?!\s)(?P<inline>[^$]{{1,{LENGTH}}}?)(?<![\s\\])\$(?![\d$])",
    re.DOTALL,
)
_TAGS = words(
    "math mrow mi mo mn mtext ms mspace mfrac msqrt mroot msub msup msubsup munder mover "
    "munderover mmultiscripts mprescripts mtable mtr mtd mstyle mpadded mphantom menclose"
)
_ATTRIBUTES = words(
    "display mathvariant stretchy fence separator form lspace rspace largeop movablelimits "
    "symmetric maxsize minsize accent accentunder displaystyle scriptlevel linethickness width "
    "height depth columnalign rowalign columnspacing rowspacing columnlines rowlines notation"
)
_VERBATIM = ("pre", "code", "script", "style")


def mathml(formula: str, display: bool) -> str:
    """Return a formula as MathML, '' if it can't be drawn.

    Parameters
    ----------
    formula : str
        In LaTeX, without what stands around it.
    display : bool
        On a line of its own.
    """
    import nh3

    try:
        return nh3.clean(
            latex.mathml(formula, display),
            tags=_TAGS,
            clean_content_tags={"script", "style"},
            attributes={"*": _ATTRIBUTES},
            link_rel=None,
        )
    except Exception:  # whatever a student's formula makes the libraries raise
        return ""


class _Page(HTMLParser):
    """Writes a sanitised piece of a page again, with other formulas and headings."""

    def __init__(self, top: int, level: list[int]) -> None:
        super().__init__()
        self.out, self.verbatim, self.room = [], 0, FORMULAS
        self.top, self.level, self.headings = top, level, []

    def handle_starttag(self, tag, attrs) -> None:
        self.verbatim += tag in _VERBATIM
        text = self.get_starttag_text()
        if re.fullmatch("h[1-6]", tag):
            level = min(int(tag[1]) + self.top, self.level[0] + 1, 6)  # none is skipped
            self.level[0] = level
            self.headings.append(level)
            text = f"<h{level}{text[3:]}"
        self.out.append(text)

    def handle_startendtag(self, tag, attrs) -> None:
        self.out.append(self.get_starttag_text())

    def handle_endtag(self, tag) -> None:
        self.verbatim = max(0, self.verbatim - (tag in _VERBATIM))
        if re.fullmatch("h[1-6]", tag) and self.headings:
            tag = f"h{self.headings.pop()}"
        self.out.append(f"</{tag}>")

    def handle_data(self, data) -> None:
        if self.cdata_elem:
            self.out.append(data)
            return
        if self.verbatim:
            self.out.append(html.escape(data, quote=False))
            return
        at = 0
        for match in _FORMULA.finditer(data):
            self.room -= 1
            if self.room < 0:
                break
            parts = match.groupdict()
            display = parts["inline"] is None and parts["round"] is None
            text = next(v for k, v in parts.items() if v is not None and k != "kind")
            if not (drawn := mathml(text, display)):
                continue
            if display:  # wider than a phone: it scrolls, also by keyboard
                drawn = f'<span class="formula" tabindex="0" role="group">{drawn}</span>'
            self.out += [html.escape(data[at : match.start()], quote=False), drawn]
            at = match.end()
        self.out.append(html.escape(data[at:], quote=False))

    def handle_comment(self, data) -> None:
        self.out.append(f"<!--{data}-->")


def with_formulas(page: str, top: int = 0, level: list[int] | None = None) -> str:
    """Return a sanitised piece of a page with its formulas drawn.

    Parameters
    ----------
    page : str
    top : int
        By how many levels its headings are lower.
    level : list of int, optional
        The last heading's level; is kept up to date from piece to piece.
    """
    reader = _Page(top, level or [6])
    reader.feed(page)
    reader.close()
    return "".join(reader.out)
