"""Predictions: committed before a result, answered by it, counted at the lesson's end."""

import html

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display
from traitlets import Any, Bool, Dict

from libs import notebook
from libs.check import Verdict
from libs.claims import _text
from libs.notebook import show
from libs.widgets import _FRONT, Page

_MADE: dict[str, "Prediction"] = {}  # in this kernel, by question


class Prediction(Page):
    """A question, and what a learner said before its result; :func:`predict` makes one."""

    _esm, _css = _FRONT / "predict.js", _FRONT / "predict.css"
    question = Dict().tag(sync=True)
    said = Any(None).tag(sync=True)  # what the page committed
    locked = Bool(False).tag(sync=True)  # answered
    row = None  # of the summary: what was said, what it is, whether the one is near the other

    def answer(self, value, within: float = 0) -> None:
        """Show the result beside what was said; where nothing was, say so, and the lesson goes on.

        ``value`` is a number (with the unit "%", 0.5 is 50 %), a choice, or the curve's y at each
        place; ``within`` how far off a number, or on average a curve, may be to count as right.
        """
        unit, said = self.question.get("unit", ""), self.said
        self.locked = True
        if said is not None and unit == "%":
            said = said / 100
        if "places" in self.question:
            near, said, result = self._compare(np.asarray(value, float), within)
        else:
            near = said == value if isinstance(value, str) else said is not None
            near = bool(near and (isinstance(value, str) or abs(said - value) <= within))
            said, result = (v if isinstance(v, str) else _text(v, unit, 3) for v in (said, value))
        state, before = "right" if near else "wrong", f"You said {said}, it is"
        if self.said is None:
            state, before, near = "empty", "You had not committed a prediction. It is", None
        self.row = "–" if near is None else said, result, near
        if near is not None and notebook.KEPT:
            notebook.learner().keep("predictions", self.question["text"], near)
        display(Verdict(state, f"{before} {result}."))

    def _compare(self, curve, within):
        """Draw the curve and what was sketched; return whether near, and both in words."""
        question, sketch, (x_label, y_label) = self.question, self.said, self.question["labels"]
        figure, axes = plt.subplots(figsize=(6, 3))
        axes.plot(question["places"], curve, label="result")
        if sketch is not None:
            axes.plot(question["places"], sketch, "o--", label="your sketch")
        axes.set(xlabel=x_label, ylabel=y_label, ylim=(question["low"], question["high"]))
        axes.legend()
        show(figure, alt=f"{y_label} against {x_label}: the result, and any sketch of yours.")
        if sketch is None:
            return None, "–", "the curve above"
        off = np.abs(sketch - curve).mean()
        return off <= within, "your sketch", f"the curve beside it, {off:.2g} away on average"

    def __repr__(self) -> str:
        return f"Predict first. {self.question['text']}"

    def _stored(self) -> dict:
        items = "".join(f"<li>{html.escape(c)}</li>" for c in self.question.get("choices", ()))
        return {"text/html": f"<p>{html.escape(repr(self))}</p><ul>{items}</ul>"}


def predict(question: str, choices=(), *, unit: str = "", places=(), y=(), labels=()) -> Prediction:
    """Ask for a prediction: a number, one of ``choices``, or a sketch of a curve at ``places``.

    A cell that is run again keeps what was said. Two questions of a lesson must differ.

    Parameters
    ----------
    question, choices : str, sequence of str
        Plain text. Without choices and places it asks for a number, in ``unit``.
    places, y, labels : sequences
        Of a curve: where on the x axis, the lowest and the highest y, and the names of both axes.

    Examples
    --------
    >>> guess = predict("How much is 6 · 7?")
    Predict first. How much is 6 · 7?
    >>> guess.answer(42)
    … You had not committed a prediction. It is 42.
    """
    asked = {"text": question, "unit": unit}
    if len(choices):
        asked["choices"] = [str(choice) for choice in choices]
    if len(places):
        low, high = map(float, y)
        asked |= {"places": [float(x) for x in places], "low": low, "high": high}
        asked["labels"] = list(labels)
    before = _MADE.get(question)
    said = before.said if before and before.question == asked else None
    made = Prediction(question=asked, said=said, locked=said is not None and before.locked)
    _MADE[question] = made
    display(made)
    return made


def predictions() -> Markdown:
    """Return a table of what was predicted in this kernel, and of what it was."""
    rows = [(q.replace("|", "\\|"), *made.row) for q, made in _MADE.items() if made.row]
    hits = sum(near is True for *_, near in rows)
    lines = [f"**{hits} of {len(rows)} predictions were right.**", ""]
    lines += ["| Question | You said | It is | |", "| --- | --- | --- | --- |"]
    signs = {True: "✓", False: "✗", None: "not committed"}
    lines += [f"| {q} | {said} | {result} | {signs[near]} |" for q, said, result, near in rows]
    lines += ["", notebook.learner().passed()] if notebook.KEPT else []
    return Markdown("\n".join(lines))
