"""What every notebook starts with, and how it shows figures and quizzes."""

import base64
import html
import importlib
import io
import json
import os
import random
import sys
from pathlib import Path

import keras
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from libs import ROOT, SEED
from libs.settings import writable

_FRONT = Path(__file__).with_name("front")
_WORK = (ROOT / "work").resolve()
_MINE = Path.cwd().is_relative_to(_WORK)
#: Where notebooks write: ``out`` in ``work``, for a learner's copies, else in ``notebooks``.
OUT = writable((_WORK if _MINE else ROOT / "notebooks") / "out")
#: The file of a learner's progress; None where stored outputs are made or proved.
KEPT = _WORK / "progress.json" if _MINE and os.environ.get("COURSE_PROOF") != "1" else None
#: How wide a picture may be: as its page, but not so small that no label can be read; it scrolls.
FITS = "max-width: max(100%, 560px)"


def start(seed: int = SEED) -> Path:
    """Begin a notebook: set the figures' style, seed Python, NumPy, TensorFlow and Keras.

    Returns the folder for everything the notebook writes, relative to its own: TensorFlow takes a
    path as a pattern, and the course may lie in ``course [2026]``.
    """
    plt.rcdefaults()
    plt.style.use(Path(__file__).with_name("course.mplstyle"))
    keras.utils.set_random_seed(seed)
    OUT.mkdir(exist_ok=True)
    if KEPT:
        learner().begin()
    return OUT if os.name == "nt" else Path(os.path.relpath(OUT))  # Windows: two drives, no [ ]


def address(picture: bytes) -> str:
    """Return a PNG, GIF or WebP file's content as an address that holds it."""
    kind = {b"GIF8": "gif", b"RIFF": "webp"}.get(picture[:4], "png")
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def img(picture: bytes, alt: str, **attributes: object) -> str:
    """Return a picture's HTML with alternative text; ``class_`` and others are its attributes.

    >>> img(b"GIF89a", "Less < more", class_="big")
    '<img src="data:image/gif;base64,R0lGODlh" alt="Less &lt; more" class="big">'
    """
    values = {"src": address(picture), "alt": alt, **attributes}
    written = (f'{name.rstrip("_")}="{html.escape(str(v))}"' for name, v in values.items())
    return f"<img {' '.join(written)}>"


class Picture:
    """A figure as a notebook shows and stores it, with its text in ``alt``.

    Pages get ``sharp``, a WebP file of 256 colours, twice as fine as they show it and made when
    asked for; what reads no HTML gets ``png``, half as fine, in 128 colours: small files.
    """

    def __init__(self, figure: Figure, alt: str, dpi: int = 80) -> None:
        if not alt.strip():
            raise ValueError("alt is empty. Say in a sentence what the figure shows.")
        agg, before = FigureCanvasAgg(figure), figure.dpi
        figure.set_dpi(2 * dpi)
        agg.draw()  # once: savefig draws twice, where axes make room for each other
        self._rgb = Image.frombytes("RGB", agg.get_width_height(), agg.buffer_rgba(), "raw", "RGBX")
        figure.set_dpi(before)
        self.png = encode(self._rgb.reduce(2), "png", 128, compress_level=7, dpi=(dpi, dpi))
        self.alt, self.width = alt, self._rgb.width // 2

    sharp = property(lambda self: encode(self._rgb, "webp", lossless=True))

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_html_(self) -> str:
        return img(self.sharp, self.alt, width=self.width, style=FITS)

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return self.png, {"alt": self.alt}


def encode(image: Image.Image, kind: str, colours: int = 256, **options: object) -> bytes:
    """Return an RGB image as a file of a kind, in few colours: those most unlike each other."""
    buffer = io.BytesIO()
    few = image.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    (few.convert("RGB") if kind == "webp" else few).save(buffer, kind, **options)
    return buffer.getvalue()


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


class Quiz:
    """Questions with feedback on each answer, offline; where no script runs, they are plain text.

    A question is a dict of ``question``, ``type`` and ``answers``. Those of types
    ``"multiple_choice"`` and ``"many_choice"`` hold ``answer``, ``correct`` and ``feedback``; they
    are shuffled, always alike. Those of type ``"numeric"`` hold, in place of ``answer``, a
    ``type``: ``"value"`` and ``"range"`` (from, up to) with what they name, and ``"default"`` for
    all else. Such a question may name a ``precision``, the significant digits that count.
    """

    def __init__(self, name: str, questions: list[dict]) -> None:
        self.name = name
        for question in questions:
            if question["type"] != "numeric":
                random.Random(name + question["question"]).shuffle(question["answers"])
        self.questions = questions

    def __repr__(self) -> str:
        return f"Quiz {self.name}: {len(self.questions)} questions"

    def _repr_html_(self) -> str:
        script, style = ((_FRONT / f"quiz.{kind}").read_text("utf-8") for kind in ("js", "css"))
        questions = html.escape(json.dumps(self.questions, ensure_ascii=False))
        page = f'<style>{style}</style>\n<div class="quiz" data-questions="{questions}">\n'
        page += f"<ol>{''.join(map(_as_text, self.questions))}</ol></div>\n"
        return f'{page}<script type="module">{script}</script>'


def _as_text(question: dict) -> str:
    """Return a question as HTML that needs no script, its answer folded."""
    answers = question["answers"]
    choices = "".join(f"<li>{html.escape(a['answer'])}</li>" for a in answers if "answer" in a)
    said = [(a.get("answer", a.get("value")), a["feedback"]) for a in answers if a.get("correct")]
    right = "".join(f"<p>{html.escape(str(part))}</p>" for pair in said for part in pair if part)
    return (
        f"<li><p>{html.escape(question['question'])}</p>{f'<ul>{choices}</ul>' if choices else ''}"
        f"<details><summary>Answer</summary>{right}</details></li>\n"
    )


def quiz(name: str) -> None:
    """Show the quiz of a lesson.

    ``name`` is a file in ``notebooks/quiz`` without its ending, such as ``"03"``; if there is
    none, FileNotFoundError names those there are.
    """
    path = ROOT / "notebooks" / "quiz" / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json")))
        raise FileNotFoundError(f"there is no quiz {name!r}; there are {known}.")
    asked = Quiz(name, json.loads(path.read_text("utf-8")))
    display(learner().ask(asked) if KEPT else asked)


def learner():
    """Return what keeps progress; ask only where ``KEPT`` names its file."""
    sys.path += [str(ROOT)] * (str(ROOT) not in sys.path)
    return importlib.import_module("learner.kernel")
