"""Formulas as MathML: what feedback and the course's site have in common.

The converter draws some of LaTeX's environments and writes the marks of the others' rows as text.
Those are told it by names that it knows; what would still show such a mark is refused.
"""

import re

_ROWS = ("\\begin{align*}", "\\end{align*}")
_MIDDLE = ("\\begin{matrix}", "\\end{matrix}")
_BRACE = ("\\left.\\begin{matrix}", "\\end{matrix}\\right\\}")
_KNOWN_AS = {
    **dict.fromkeys(("align", "aligned", "alignat", "alignedat", "flalign", "eqnarray"), _ROWS),
    **dict.fromkeys(("gather", "gathered", "multline"), _MIDDLE),
    "dcases": ("\\begin{cases}", "\\end{cases}"),
    "drcases": _BRACE,
    "rcases": _BRACE,
    "subarray": ("\\begin{array}", "\\end{array}"),
    "equation": ("", ""),
}
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{(" + "|".join(_KNOWN_AS) + r")\*?\}")
_COLUMNS = re.compile(r"(\\begin\{(?:alignat|alignedat)\*?\})\s*\{\d*\}")
# numbers of equations, which JupyterLab doesn't write either, and how far rows are apart
_UNSEEN = re.compile(r"\\(?:label|tag\*?)\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![a-zA-Z])")
_APART = re.compile(r"(\\\\)\*?(?:\[-?[\d.]+ ?[a-z]{2}\])?")
# a decimal comma, which LaTeX writes as {,}
_COMMA = re.compile(r"<mn>(\d+)</mn><mrow><mo[^>]*>(?:,|&#x0002C;)</mo></mrow><mn>(\d+)</mn>")
_SHOWN = re.compile(r">\s*(?:&|&amp;|\\[^<]*)\s*<")


def mathml(formula: str, display: bool) -> str:
    """Return a formula as MathML.

    Parameters
    ----------
    formula : str
        In LaTeX, without what stands around it.
    display : bool
        On a line of its own.

    Raises
    ------
    ValueError
        If it would show a mark of LaTeX, such as an ``&`` or a command.
    """
    from latex2mathml.converter import convert  # which an environment from before lacks

    text = _APART.sub(r"\1", _UNSEEN.sub("", _COLUMNS.sub(r"\1", formula)))
    if "\\\\" in text and "\\begin" not in text and "\\substack" not in text:
        text = f"\\begin{{gathered}}{text}\\end{{gathered}}"
    text = _ENVIRONMENT.sub(lambda match: _KNOWN_AS[match[2]][match[1] == "end"], text)
    drawn = convert(text, display="block" if display else "inline")
    drawn = re.sub(r"\\&(?!#)", "&amp;", drawn)  # within \text
    drawn = _COMMA.sub(r"<mn>\1,\2</mn>", drawn)
    if shown := _SHOWN.search(drawn):
        mark = shown[0][1:-1].strip().replace("&amp;", "&")
        raise ValueError(
            f"{mark} would be seen in the formula {formula.strip()!r}. Write it another way; "
            "tests/test_formulas.py lists the environments that are drawn."
        )
    return drawn
