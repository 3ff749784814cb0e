"""What a kernel tells the store, and asks of it when a lesson opens."""

import json
import os
import re
from datetime import date
from pathlib import Path

from IPython import get_ipython
from IPython.display import display
from traitlets import Bool, List, observe

from learner import store
from libs import ROOT, notebook
from libs.check import Verdict
from libs.notebook import _FRONT
from libs.widgets import Page

_TOLD = {""}  # in this kernel


class Questions(Page):
    """A quiz whose answers are kept; or questions that are ``due``, folded."""

    _esm, _css = (
        "".join((_FRONT / f"{name}.{kind}").read_text("utf-8") for name in ("quiz", "progress"))
        for kind in ("js", "css")
    )
    questions, due = List().tag(sync=True), Bool().tag(sync=True)
    answered = List().tag(sync=True)  # by the page: lesson, question, right or not, when

    @observe("answered")
    def _keep(self, change) -> None:
        lesson, question, right, _ = change.new
        keep("questions", question, right, lesson)

    def __repr__(self) -> str:
        return f"Quiz: {len(self.questions)} questions"

    def _stored(self) -> dict:
        return {"text/html": f"<ol>{''.join(map(notebook._as_text, self.questions))}</ol>"}


def _kept(how=dict) -> dict:
    """Change what is kept, and return it; a lesson goes on where that fails, and says so once."""
    progress = store.empty()
    try:
        progress, told = store.keep(how, notebook.KEPT)
    except OSError as error:
        told = f"Your progress can't be kept in {notebook.KEPT}: {error.strerror}."
    if told not in _TOLD:
        print(told)
    _TOLD.add(told)
    return progress


def _lesson() -> str:
    """Return the number of the lesson that this kernel runs, "" if the editor does not say."""
    name = os.environ.get("JPY_SESSION_NAME", "")  # JupyterLab's; the other is VS Code's
    name = getattr(get_ipython(), "user_ns", {}).get("__vsc_ipynb_file__", name)
    found = re.match(r"\d\d[a-z]?(?=-)", Path(name).name)
    return found[0] if found else ""


def keep(kind: str, name: str | None, right: bool, lesson: str = "") -> None:
    """Note what was done today, of this kernel's lesson if none is named."""
    if notebook.KEPT and name and (lesson := lesson or _lesson()):
        _kept(lambda all_: store.note(all_, kind, lesson, name, bool(right), date.today()))


def _ran(result) -> None:
    """After a cell: a check that is right is an exercise that was passed."""
    if isinstance(result.result, Verdict) and result.result.state == "right":
        keep("exercises", getattr(result.info, "cell_id", None), True)


def ask(quiz: notebook.Quiz) -> Questions:
    """Return a lesson's quiz as a page that tells what was answered."""
    return Questions(questions=[question | {"lesson": quiz.name} for question in quiz.questions])


def _known(lesson: str, text: str) -> list[dict]:
    """Return a question as its lesson asks it; none if it does not any more."""
    path = ROOT / "notebooks" / "quiz" / f"{lesson}.json"
    found = json.loads(path.read_text("utf-8")) if path.is_file() else []
    kept = [question for question in found if question["question"] == text]
    return [question | {"lesson": lesson} for question in notebook.Quiz(lesson, kept).questions]


def begin() -> None:
    """Watch the checks of a lesson; show what is due of those before, three at most."""
    if shell := get_ipython():
        shell.events.register("post_run_cell", _ran)
    due = store.due(_kept(), date.today(), _lesson())
    asked = [question for one in due for question in _known(*one)]
    if asked:
        display(Questions(questions=asked[:3], due=True))


def passed() -> str:
    """Return in Markdown how many exercises of this lesson were passed, "" if none is known."""
    found = _kept()["exercises"].get(_lesson(), ()) if notebook.KEPT else ()
    says = f"Exercises passed in this lesson: {len(found)}. `make progress` shows all lessons."
    return says if found else ""
