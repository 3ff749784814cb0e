"""What every notebook starts with, and how it shows figures and quizzes."""

import base64
import html
import io
import json
import os
import random
from pathlib import Path

import keras
import matplotlib.pyplot as plt
from IPython.display import display
from jupyterquiz import display_quiz
from matplotlib.figure import Figure

from libs import ROOT, SEED
from libs.settings import reads_utf8, writable

_WORK = (ROOT / "work").resolve()
#: Where notebooks write: ``out`` in ``work``, for a learner's copies, else in ``notebooks``.
OUT = writable((_WORK if Path.cwd().is_relative_to(_WORK) else ROOT / "notebooks") / "out")


def start(seed: int = SEED) -> Path:
    """Begin a notebook: set the figures' style, seed Python, NumPy, TensorFlow and Keras.

    Returns the folder for everything the notebook writes, relative to its own: TensorFlow takes a
    path as a pattern, and the course may lie in ``course [2026]``.
    """
    plt.rcdefaults()
    plt.style.use(Path(__file__).with_name("course.mplstyle"))
    keras.utils.set_random_seed(seed)
    OUT.mkdir(exist_ok=True)
    return OUT if os.name == "nt" else Path(os.path.relpath(OUT))  # Windows: two drives, no [ ]


def img(picture: bytes, alt: str, **attributes: object) -> str:
    """Return the HTML of a PNG or GIF file's content, with alternative text.

    More attributes may be given; an underscore at their end keeps clear of Python's words.

    >>> img(b"GIF89a", "Less < more", class_="big")
    '<img src="data:image/gif;base64,R0lGODlh" alt="Less &lt; more" class="big">'
    """
    kind = "gif" if picture.startswith(b"GIF") else "png"
    source = f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
    values = {"src": source, "alt": alt, **attributes}
    written = (f'{name.rstrip("_")}="{html.escape(str(v))}"' for name, v in values.items())
    return f"<img {' '.join(written)}>"


class Picture:
    """A figure as a notebook shows and stores it: ``png`` (bytes), with its text in ``alt``."""

    def __init__(self, figure: Figure, alt: str, dpi: int = 80) -> None:
        if not alt.strip():
            raise ValueError("alt is empty. Say in a sentence what the figure shows.")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi)
        self.png = buffer.getvalue()
        self.alt = alt

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_html_(self) -> str:
        return img(self.png, self.alt)


def show(figure: Figure, alt: str) -> None:
    """Show a figure with alternative text, and close it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to show.
    alt : str
        One or two sentences for readers who can't see it: what is drawn and what to notice.
        No trained numbers, which differ from machine to machine. ValueError if it is empty.
    """
    display(Picture(figure, alt))
    plt.close(figure)


def quiz(name: str) -> None:
    """Show the quiz of a lesson, with feedback on each answer, offline.

    ``name`` is a file in ``notebooks/quiz`` without its ending, such as ``"03"``; if there is
    none, FileNotFoundError names those there are.
    """
    path = ROOT / "notebooks" / "quiz" / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json")))
        raise FileNotFoundError(f"there is no quiz {name!r}; there are {known}.")
    # jupyterquiz draws the name of its page element at random: keep stored outputs the same,
    # and the notebook's own random numbers as they were
    state = random.getstate()
    random.seed(name)
    # it opens a file as the locale has it
    questions = str(path) if reads_utf8() else json.loads(path.read_text("utf-8"))
    display_quiz(questions, colors={"--jq-multiple-choice-bg": "#004b76"})
    random.setstate(state)
