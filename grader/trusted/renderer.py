"""A process that lays out what students wrote, and is ended when that takes too long.

Parsers of Markdown, of colours and of pages were not made for hostile texts: some take hours over
a megabyte of brackets, and hold on to the process meanwhile. So they run here, on one piece at a
time, each with its seconds and all with a limit of memory. What can't be laid out is shown as it
was typed, with a line that says why.
"""

import functools
import html
import math
import multiprocessing
import re
import signal
import time
from pathlib import Path

import nbformat

from grader.shared.screen import cut
from grader.trusted.formulas import with_formulas
from grader.trusted.sandbox import ending
from grader.trusted.sanitise import (
    as_markdown,
    left_out,
    picture,
    plain,
    readable,
    safe_html,
)

START_SECONDS = 120  # to import nbconvert, on a busy machine
PIECE_SECONDS, NOTEBOOK_SECONDS, PAGE_SECONDS = 6, 30, 60
MARKDOWN, CODE = 50_000, 50_000  # characters of a cell that are shown
TEXTS = 2_000_000  # of all of a notebook's cells and their printed outputs
BYTES = 3 << 30
# characters of a text whose page is kept for the next student, and how many are: most of what a
# class hands in is the assignment's own
SHORT, KEPT = 8_000, 500


class NotShown(Exception):
    """Something could not be laid out; the message says why."""


class Renderer:
    """The process. It starts at once, and again after it had to be ended.

    Use it in a ``with`` statement.
    """

    def __init__(self) -> None:
        self._start()

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_) -> None:
        self._end()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._ready = False

    def _end(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()

    def ask(self, what: str, *arguments, seconds: float):
        """Let the process do something; return what it returns.

        Parameters
        ----------
        what : str
            Of :data:`WORK`.
        *arguments
            For it.
        seconds : float
            It may take.

        Raises
        ------
        NotShown
            It took longer, needed too much memory, or failed.
        """
        try:
            if not self._ready:
                if not self._connection.poll(START_SECONDS):
                    raise EOFError
                self._ready = self._connection.recv()
            self._connection.send((what, arguments, seconds))
            if not self._connection.poll(seconds):
                self._again()
                raise NotShown(f"it takes longer than {seconds:.0f} s to lay out")
            done, result = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(1)
            code = self._process.exitcode
            self._again()
            why = "needs too much memory" if code in (None, 1, -9) else f"stopped: {ending(code)}"
            raise NotShown(f"laying it out {why}") from None
        if not done:
            raise NotShown(result)
        return result

    def _again(self) -> None:
        self._end()
        self._start()


def presentable(cells: list, renderer: Renderer) -> None:
    """Make of a marked notebook's cells what can be shown to a person, in place.

    Markdown becomes a sanitised page, which nbconvert passes on as it is; outputs keep text,
    pictures and sanitised pages; code too long, or too slow to colour, becomes comments. No cell
    takes longer than some seconds, nor all of them.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
    renderer : Renderer
    """
    until, room = time.monotonic() + NOTEBOOK_SECONDS, TEXTS
    for cell in cells:
        cell.source = cut(cell.source, min(MARKDOWN if cell.cell_type != "code" else CODE, room))
        outputs = cell.get("outputs", [])
        for output in outputs:
            for holder, key in ((output, "text"), (output.get("data", {}), "text/plain")):
                if key in holder:
                    holder[key] = cut(holder[key], max(room, 200))
                    room -= len(holder[key])
        room = max(room - len(cell.source), 200)
        seconds = min(PIECE_SECONDS, until - time.monotonic())
        why = f"the notebook as a whole takes longer than {NOTEBOOK_SECONDS} s to lay out"
        try:
            if seconds < 0.5:
                raise NotShown(why)
            if cell.cell_type == "code":
                renderer.ask("code", cell.source, seconds=seconds)
            else:
                attachments = cell.get("attachments", {})
                page = renderer.ask("markdown", cell.source, attachments, seconds=seconds)
        except NotShown as error:
            if cell.cell_type == "code":
                lines = [f"# Shown as comments: {error}.", *cell.source.splitlines()]
                cell.source = "\n# ".join(lines)
            else:
                page = plain(cell.source, str(error))
        if cell.cell_type != "code":
            cell.source = as_markdown(page)
            cell.pop("attachments", None)
        for output in outputs:
            unsafe = output.get("metadata", {}).pop("unsafe", None)
            seconds = min(PIECE_SECONDS, until - time.monotonic())
            if not unsafe:
                continue
            text = output.data.get("text/plain", "")
            ((kind, content),) = unsafe.items()
            try:
                if seconds < 0.5:
                    raise NotShown(why)
                output.data["text/html"] = renderer.ask(
                    "output", kind, content, text, seconds=seconds
                )
            except NotShown as error:
                page = left_out([f"{kind}, because {error}"])
                output.data["text/html"] = page + f"<pre>{html.escape(text)}</pre>"


def _serve(connection) -> None:
    """Do what is asked, in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that asks
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        soft = BYTES if hard == resource.RLIM_INFINITY else min(hard, BYTES)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    except ImportError:  # Windows
        pass
    _pages()
    connection.send(True)
    while True:
        try:
            what, arguments, seconds = connection.recv()
        except EOFError:
            return
        if hasattr(signal, "alarm"):  # if nobody is left to end it, the system does
            signal.alarm(math.ceil(seconds) + 10)
        try:
            reply = True, WORK[what](*arguments)
        except Exception as error:
            text = readable(f"{error}")
            reply = (
                False,
                text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}",
            )
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        connection.send(reply)


def _remembered(lay_out):
    """Let a function of texts and numbers keep what it returned last; it must depend on no more."""
    kept = functools.lru_cache(KEPT)(lay_out)

    @functools.wraps(lay_out)
    def page(text: str, *rest):
        return (kept if len(text) <= SHORT else lay_out)(text, *rest)

    return page


def _markdown(text: str, attachments: dict) -> str:
    """Return the sanitised page of a text in Markdown."""
    return _without_pasted(text) if not attachments else _laid_out(text, attachments)


@_remembered
def _without_pasted(text: str) -> str:
    return _laid_out(text, {})


def _laid_out(text: str, attachments: dict) -> str:
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Pictures(IPythonRenderer):
        """Shows pasted pictures; of others it says where they lie."""

        def image(self, text: str, url: str, title: str | None = None) -> str:
            """Lay out a picture."""
            alt = html.escape(text or "A picture")
            if url.startswith("attachment:"):
                forms = attachments.get(url.removeprefix("attachment:"), {})
                for kind, encoded in forms.items():
                    if address := picture(kind, encoded):
                        return f'<img src="{address}" alt="{alt}">'
                return left_out([f"the pasted picture {url.removeprefix('attachment:')}"])
            if url.startswith("data:"):
                return f'<img src="{html.escape(url)}" alt="{alt}">'
            return f'<em>Left out here: the picture <a href="{html.escape(url)}">{alt}</a>.</em>'

    layout = Pictures(escape=False, exclude_anchor_links=True)
    return safe_html(MarkdownWithMath(renderer=layout).render(text))


@_remembered
def _coloured(text: str) -> str:
    """Return code as a piece of a page."""
    from nbconvert.filters.highlight import Highlight2HTML

    return Highlight2HTML(pygments_lexer="ipython3")(text)


def _code(text: str) -> None:
    """Colour code, to see whether that takes long."""
    _coloured(text)


@_remembered
def _drawn(page: str, level: int) -> tuple[str, int]:
    """Return a sanitised piece of a page with its formulas, and its last heading's level."""
    last = [level]
    return with_formulas(page, 2, last), last[0]


def _under(level: list[int], page: str) -> str:
    """Return a piece of a page with its formulas; keep the last heading's level up to date."""
    drawn, level[0] = _drawn(page, level[0])
    return drawn


def _output(kind: str, content: str, text: str) -> str:
    """Return the sanitised page of an output.

    Parameters
    ----------
    kind : str
        Its form.
    content : str
        In that form.
    text : str
        Its text; describes a picture.
    """
    if kind == "text/markdown":
        return _markdown(content, {})
    if kind == "text/latex":
        return f"<div>{html.escape(content)}</div>"
    if kind == "text/html":
        return safe_html(content)
    if address := picture(kind, content):
        return f'<img src="{address}" alt="{html.escape(text or "A figure")}">'
    return left_out([f"{kind} that can't be shown"]) + f"<pre>{html.escape(text)}</pre>"


_FOLDER = Path(__file__).resolve().parent


@functools.cache
def _pages():
    """Return the templates of feedback pages; what they put into a page is escaped or sanitised."""
    from jinja2 import DictLoader, Environment, pass_context
    from markupsafe import Markup
    from nbconvert.filters.ansi import ansi2html

    names = ("feedback", "summary", "cell", "answer")
    texts = {n: (_FOLDER / f"{n}.html.j2").read_text(encoding="utf-8") for n in names}
    pages = Environment(
        loader=DictLoader(texts), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )

    @pass_context
    def words(context, text: str):
        return Markup(_under(context["level"], _markdown(text, {})))

    @pass_context
    def rich(context, page: str):
        return Markup(_under(context["level"], page))

    pages.filters |= {
        "ansi": lambda text: Markup(ansi2html(text)),
        "code": lambda text: Markup(_coloured(text)),
        "words": words,
        "rich": rich,
    }
    return pages


def _feedback(path: str, about: dict, as_notebook: bool = False) -> str:
    """Return what a student gets back: a page, or a notebook.

    Parameters
    ----------
    path : str
        Of the graded notebook.
    about : dict
        What the templates say of its marks; see :mod:`grader.commands.feedback`.
    as_notebook : bool
    """
    from markupsafe import Markup

    notebook = nbformat.read(path, as_version=4)
    pages = _pages()
    summary = pages.get_template("summary")
    if as_notebook:
        text = re.sub("</?a\\b[^>]*>|^\\s+", "", summary.render(about=about), flags=re.MULTILINE)
        cells = [nbformat.v4.new_markdown_cell(text.replace("\n\n", "\n"))]
        for cell in notebook.cells:
            cells.append(cell)
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if comment := about["comments"].get(name):
                text = as_markdown(f"<b>Comment:</b> {_markdown(comment, {})}")
                cells.append(nbformat.v4.new_markdown_cell(text))
        notebook.cells = cells
        return nbformat.writes(notebook)
    return pages.get_template("feedback").render(
        level=[2],  # headings go on below the page's own
        about=about,
        cells=notebook.cells,
        rows={row["cell"]: row for row in about["rows"]},
        style=Markup((_FOLDER / "feedback.css").read_text(encoding="utf-8")),
    )


def _answer(path: str, names: list[str], released: list[tuple[str, dict]]) -> str:
    """Return a piece of a graded notebook: some cells, and what the student put around them.

    Parameters
    ----------
    path : str
        Of the graded notebook.
    names : list of str
        Of the cells.
    released : list of tuple of str and dict
        The texts of the assignment itself, with their pasted pictures; they are left out, and end
        what belongs to a cell.
    """
    cells = nbformat.read(path, as_version=4).cells
    own = {as_markdown(_markdown(*text)) for text in released}
    named = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in cells]
    ends = [bool(name) or cell.source in own for name, cell in zip(named, cells, strict=True)]
    shown = set()
    for at in (at for at, name in enumerate(named) if name in names):
        first, last = at, at + 1
        while first and not ends[first - 1]:
            first -= 1
        while last < len(cells) and not ends[last]:
            last += 1
        shown |= set(range(first, last))
    page = _pages().get_template("answer")
    return page.render(level=[2], cells=[cells[at] for at in sorted(shown)])


def _text(text: str, attachments: dict, code: bool) -> str:
    """Return a text of the assignment's as a piece of a page."""
    if code:
        return str(_pages().filters["code"](text))
    return with_formulas(_markdown(text, attachments), 2, [2])


WORK = {
    "markdown": _markdown,
    "code": _code,
    "output": _output,
    "feedback": _feedback,
    "answer": _answer,
    "text": _text,
}
