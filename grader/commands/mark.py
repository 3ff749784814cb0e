"""``python -m grader mark``: read one answer after the other, on a page of this machine alone.

Whoever opens the page must know its address, which holds a number that nobody can guess; what a
student wrote reaches it as feedback shows it, sanitised, under a policy that lets no script run but
the page's own.
"""

import asyncio
import contextlib
import secrets
import signal
import string
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from grader.assignment import Assignment
from grader.commands.feedback import preview
from grader.commands.grade import tell_put_back
from grader.course import Course, CourseError
from grader.gradebook import Book
from grader.history import account, told
from grader.markers import SOLUTION
from grader.marking import Changed, Marking, NotNoted, Refused, person
from grader.submission import grade_id
from grader.trusted.renderer import PAGE_SECONDS, NotShown, Renderer

_FOLDER = Path(__file__).resolve().parent.parent / "trusted"
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# those of the page's own commands are not among them
KEYS = [key for key in string.ascii_lowercase if key not in "nps"][:20]
BODY = 1 << 20


def mark(course: Course, name: str, reader: str = "", names=()) -> list[str]:
    """Let a person read an assignment's answers and mark them, until it is stopped.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    reader : str
        Who reads; without it, whoever runs this, and sees everybody's part.
    names : sequence of str
        Share the answers out to these, and end.

    Returns
    -------
    list of str
        What was done.

    Raises
    ------
    grader.course.CourseError
        There is no such assignment, nothing to mark, or a name is none.
    """
    assignment = course.assignment(name)
    if reader:
        person(reader)
    with Book(course) as book:
        records = [record for record in course.records(name) if record["entered"]]
        if records:
            book.add_assignment(assignment)
            tell_put_back(name, book.put_back(name, records))
        marking = Marking(course, book, name, reader or account())
        if names:
            return [f"{name}: {who} reads {count}" for who, count in marking.share(names).items()]
        parts = marking.names()
        if parts and reader and marking.reader not in parts:
            raise CourseError(
                f"{name} is shared out to {', '.join(parts)}; {marking.reader} is none of them. "
                "Share it out anew, leave --as out to see all, or take one of these names."
            )
        marking.everyone = not reader
        try:
            with Renderer() as renderer, contextlib.suppress(KeyboardInterrupt):
                signal.signal(signal.SIGTERM, signal.default_int_handler)
                asyncio.run(_serve(marking, renderer))
        finally:
            book.keep_by_hand(name)
        marking.everyone = True
        rows = [_row(marking, cell) for cell, q in marking.questions.items() if not q.by_tests]
        return [
            f"{name}: {row['question'].cell}: {row['read']} of {row['of']} read" for row in rows
        ]


async def _serve(marking: Marking, renderer: Renderer) -> None:
    """Answer until somebody stops it."""
    token = secrets.token_urlsafe(24)
    (socket,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application(marking, renderer, token), max_body_size=BODY)
    server.add_sockets([socket])
    part = "everybody's answers" if marking.everyone or not marking.names() else "your part"
    print(
        f"{marking.name}: as {marking.reader}, {part}. Open this address in your browser; every "
        "mark is kept at once, Ctrl+C ends it.\n"
        f"http://127.0.0.1:{socket.getsockname()[1]}/{token}/",
        flush=True,
    )
    await asyncio.Event().wait()


def application(marking: Marking, renderer: Renderer, token: str) -> Application:
    """Return what answers a browser.

    Parameters
    ----------
    marking : grader.marking.Marking
    renderer : grader.trusted.renderer.Renderer
    token : str
        What each address begins with.
    """
    shared = {"desk": Desk(marking, renderer, f"/{token}")}
    return Application(
        [
            (f"/{token}/", Overview, shared),
            (f"/{token}/alive", Alive, shared),
            (f"/{token}/everyone", Everyone, shared),
            (f"/{token}/unsure", Unsure, shared),
            (f"/{token}/page/([^/]+)", Preview, shared),
            (f"/{token}/q/([^/]+)", Begin, shared),
            (f"/{token}/q/([^/]+)/([^/]+)", Answer, shared),
        ],
        default_handler_class=Nowhere,
        log_function=lambda handler: None,
    )


def _row(marking: Marking, cell: str, answers: dict | None = None) -> dict:
    """Return how far a question is read."""
    answers = marking.answers()[cell] if answers is None else answers
    queue = marking.queue(cell, answers)
    unsure = [who for who in marking.unsure().get(cell, {}) if who in queue]
    unread = sum(answers[who].held.unread for who in queue)
    return {
        "question": marking.questions[cell],
        "read": len(queue) - unread,
        "of": len(queue),
        "unread": unread,
        "unsure": len(unsure),
        "given": sum(answer.held.manual is not None for answer in answers.values()),
    }


class Desk:
    """What all pages share: the answers, what lays them out, and addresses.

    Parameters
    ----------
    marking : grader.marking.Marking
    renderer : grader.trusted.renderer.Renderer
    base : str
        What addresses begin with.
    """

    def __init__(self, marking: Marking, renderer: Renderer, base: str) -> None:
        self.marking, self.renderer, self.base = marking, renderer, base
        self.texts = {}
        self.pages = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        styles = ("feedback.css", "marking.css")
        self.style = Markup("\n".join((_FOLDER / n).read_text(encoding="utf-8") for n in styles))
        self.script = Markup((_FOLDER / "marking.js").read_text(encoding="utf-8"))

    def at(self, *parts: str) -> str:
        """Return an address."""
        return "/".join([self.base, *(quote(part, safe="") for part in parts)])

    def about(self, cell: str) -> dict:
        """Return the question's text and its model answer, as pieces of a page."""
        if cell not in self.texts:
            question, model = _texts(self.marking.assignment, self.marking.questions[cell].answer)
            self.texts[cell] = {
                "text": "".join(map(self._text, question)),
                "model": self._text(model),
            }
        return self.texts[cell]

    def _text(self, cell) -> str:
        code = cell.cell_type == "code"
        source = SOLUTION.unmarked(cell.source)
        try:
            attachments = dict(cell.get("attachments", {}))
            return self.renderer.ask("text", source, attachments, code, seconds=PAGE_SECONDS)
        except NotShown as error:
            return str(Markup("<p>{}</p><pre>{}</pre>").format(error, source))

    def answer(self, cell: str, student: str) -> str:
        """Return what a student answered, as a piece of a page."""
        marking, name = self.marking, self.marking.name
        path = marking.course.root / "autograded" / student / name / f"{name}.ipynb"
        cells = list(dict.fromkeys([marking.questions[cell].answer, cell]))
        released = [
            (one.source, dict(one.get("attachments", {})))
            for one in marking.assignment.released.cells
            if one.cell_type != "code" and not grade_id(one)
        ]
        try:
            return self.renderer.ask("answer", str(path), cells, released, seconds=PAGE_SECONDS)
        except NotShown as error:
            again = f"python -m grader grade {name} --student {student} --again"
            text = "This answer can't be shown: {}. It is made again by: {}"
            return str(Markup(f'<p class="problem">{text}</p>').format(error, again))


def _texts(assignment: Assignment, answer: str) -> tuple[list, object]:
    """Return the cells that ask a question, and the one that answers it."""
    cells = assignment.source.cells
    (at,) = (at for at, cell in enumerate(cells) if grade_id(cell) == answer)
    first = at
    while first and not grade_id(cells[first - 1]) and cells[first - 1].cell_type != "code":
        first -= 1
    return cells[first:at], cells[at]


class Page(RequestHandler):
    """What all pages do: let nobody else in, and say what went wrong."""

    def initialize(self, desk: Desk) -> None:
        """Take what all pages share."""
        self.desk, self.marking = desk, desk.marking

    def set_default_headers(self) -> None:
        """Set what keeps others out, on every answer."""
        self.nonce = secrets.token_urlsafe(16)
        own = f"script-src 'nonce-{self.nonce}'; connect-src 'self'; form-action 'self'"
        for key, value in {
            "Content-Security-Policy": f"{_POLICY}; {own}",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
            "Server": "grader",
        }.items():
            self.set_header(key, value)

    def prepare(self) -> None:
        """Refuse a name that another server may lead here, and another page's form."""
        host = self.request.headers.get("Host", "")
        if urlsplit(f"//{host}").hostname not in ("127.0.0.1", "localhost"):
            raise HTTPError(403)
        origin = self.request.headers.get("Origin")
        if self.request.method != "GET" and origin not in (None, f"http://{host}"):
            raise HTTPError(403)

    def show(self, view: str, status: int = 200, **what) -> None:
        """Answer with a page."""
        self.set_status(status)
        desk, marking = self.desk, self.marking
        page = desk.pages.get_template("marking.html.j2").render(
            view=view,
            marking=marking,
            at=desk.at,
            nonce=self.nonce,
            style=desk.style,
            script=desk.script,
            **what,
        )
        self.finish(page)

    def question(self, cell: str):
        """Return a question, or refuse."""
        if cell not in self.marking.questions:
            raise HTTPError(404, f"{self.marking.name} has no question {cell!r}.")
        return self.marking.questions[cell]

    def write_error(self, status_code: int, **about) -> None:
        """Say what went wrong, without a line of this program."""
        error = about.get("exc_info", (None, None))[1]
        text = "There is nothing here." if status_code == 404 else "That did not work."
        if isinstance(error, HTTPError) and error.log_message:
            text = error.log_message
        elif isinstance(error, CourseError):
            text = str(error)
        elif isinstance(error, OSError):
            text = f"{error.filename or 'A file'}: {error.strerror or error}."
        if status_code == 403:  # whoever that is learns nothing
            self.finish("No.")
        else:
            self.show("problem", status_code, text=text)

    def send_error(self, status_code: int = 500, **about) -> None:
        """Answer what went wrong; what the course or the disk says is no fault of the program's."""
        error = about.get("exc_info", (None, None))[1]
        known = isinstance(error, CourseError | OSError)
        super().send_error(503 if known else status_code, **about)

    def log_exception(self, kind, error, trace) -> None:
        """Tell the terminal, in a line where that is enough."""
        if isinstance(error, CourseError | OSError):
            print(f"grader: {error}", file=sys.stderr)
        elif not isinstance(error, HTTPError):
            super().log_exception(kind, error, trace)


class Nowhere(Page):
    """All other addresses: they tell nothing."""

    def initialize(self) -> None:
        """Take nothing."""

    def prepare(self) -> None:
        """Refuse."""
        self.set_status(404)
        self.finish("There is nothing here.")


class Alive(Page):
    """Says that this still runs."""

    def get(self) -> None:
        """Answer."""
        self.finish("yes")


class Everyone(Page):
    """Shows everybody's answers, or one's own part."""

    def post(self) -> None:
        """Change it."""
        self.marking.everyone = not self.marking.everyone
        self.redirect(self.desk.at(""), status=303)


class Overview(Page):
    """How far each question is read, and by whom."""

    def get(self) -> None:
        """Answer."""
        answers, readers = self.marking.answers(), {}
        last = {}
        for line in told(self.marking.course, self.marking.name):
            for cell in line.get("changed") or () if isinstance(line.get("as"), str) else ():
                last[cell, line.get("student")] = line["as"]
        for (cell, student), who in last.items():
            held = answers.get(cell, {}).get(student)
            if held and held.held.manual is not None:
                readers.setdefault(cell, Counter())[who] += 1
        rows = [
            {**_row(self.marking, cell, answers[cell]), "readers": readers.get(cell, Counter())}
            for cell in self.marking.questions
        ]
        for row in rows:  # formgrader, or a time before there was this page
            row["others"] = row["given"] - row["readers"].total()
        unread = [row for row in rows if row["unread"] > row["unsure"]]
        self.show("overview", rows=rows, first=unread[0]["question"] if unread else None)


class Unsure(Page):
    """The answers that somebody was not sure about."""

    def get(self) -> None:
        """Answer."""
        found = self.marking.unsure()
        rows = [
            (question, sorted(found[cell].items()))
            for cell, question in self.marking.questions.items()
            if cell in found
        ]
        self.show("unsure", rows=rows)


class Preview(Page):
    """A student's feedback as it would be now."""

    def get(self, student: str) -> None:
        """Answer."""
        marking = self.marking
        if not any(student in answers for answers in marking.answers(student).values()):
            raise HTTPError(404, f"{student!r} is nobody who is graded.")
        try:
            page = preview(
                marking.course, marking.book, marking.assignment, student, self.desk.renderer
            )
        except NotShown as error:
            raise HTTPError(503, f"This page can't be shown: {error}.") from None
        self.set_header("Content-Security-Policy", f"{_POLICY}; form-action 'none'; sandbox")
        self.finish(page)


class Begin(Page):
    """The first answer to a question that is to be read."""

    def get(self, cell: str) -> None:
        """Lead there, or say that all are read."""
        question, marking = self.question(cell), self.marking
        kept = self.get_query_argument("kept", "")
        if student := marking.following(cell):
            query = f"?kept={quote(kept, safe='')}" if kept else ""
            self.redirect(self.desk.at("q", cell, student) + query, status=303)
            return
        answers = marking.answers(question=cell)
        row = _row(marking, cell, answers[cell])
        others = [c for c in marking.questions if c != cell and marking.following(c)]
        queue = marking.queue(cell, answers[cell])
        after = marking.questions[others[0]] if others else None
        self.show("done", question=question, row=row, after=after, first=queue[0] if queue else "")


class Answer(Page):
    """One answer, with what to compare it with and what to mark it with."""

    def get(self, cell: str, student: str) -> None:
        """Show it."""
        self.question(cell)
        self.answer(cell, student, kept=self.get_query_argument("kept", ""))

    def answer(self, cell: str, student: str, status: int = 200, kept: str = "", **typed) -> None:
        """Answer with the page; ``typed`` holds what was typed, if it could not be entered."""
        marking, desk, question = self.marking, self.desk, self.question(cell)
        answers = marking.answers(question=cell)[cell]
        if student not in answers:
            raise HTTPError(404, f"{student!r} has no answer to {cell} that is graded.")
        answer, queue = answers[student], marking.queue(cell, answers)
        at = queue.index(student) if student in queue else -1
        held = answer.held
        onward = marking.following(cell, student)
        self.show(
            "answer",
            status,
            question=question,
            student=student,
            answer=answer,
            row=_row(marking, cell, answers),
            place=at + 1,
            before=queue[at - 1] if at > 0 else "",
            after=queue[at + 1] if 0 <= at < len(queue) - 1 else "",
            skip=onward if onward != student else "",
            told=self._told(cell, kept, answers),
            unsure=marking.unsure().get(cell, {}).get(student, ""),
            history=marking.history(cell, student),
            text=Markup(desk.about(cell)["text"]),
            model=Markup(desk.about(cell)["model"]),
            body=Markup(desk.answer(cell, student)),
            comments=list(zip(KEYS, marking.comments(cell), strict=False)),
            **{
                **{"points": f"{held.manual:g}" if held.manual is not None else ""},
                **{"comment": held.comment, "keep": False, "problem": "", "theirs": False},
                **typed,
            },
        )

    def _told(self, cell: str, student: str, answers: dict) -> str:
        """Return what was kept of the answer before."""
        if student not in answers:
            return ""
        manual = answers[student].held.manual
        parts = [] if manual is None else [f"{manual:g} of {self.marking.questions[cell].points:g}"]
        parts += ["not sure"] if student in self.marking.unsure().get(cell, {}) else []
        return f"{student}: {', '.join(parts) or 'as it was'}, kept."

    def post(self, cell: str, student: str) -> None:
        """Enter what was typed, then lead on."""
        self.question(cell)
        marking, field = self.marking, lambda key: self.get_body_argument(key, "", strip=False)
        points, comment, version = field("points"), field("comment"), field("version")
        typed = {"points": points, "comment": comment, "keep": bool(field("keep"))}
        do, here = field("do") or "save", self.desk.at("q", cell, student)
        try:
            if do == "drop":
                marking.drop_comment(cell, field("text"))
                self.redirect(here, status=303)
                return
            if do == "back":
                marking.take_back(cell, student, version)
                self.redirect(here, status=303)
                return
            marking.give(cell, student, points, comment, version, do == "unsure")
            if typed["keep"]:
                marking.keep_comment(cell, comment)
        except Changed as error:
            self.answer(cell, student, 409, problem=str(error), theirs=True, **typed)
            return
        except Refused as error:
            self.answer(cell, student, 400, problem=str(error), **typed)
            return
        except NotNoted as error:
            self.answer(cell, student, 503, problem=str(error))
            return
        except (CourseError, OSError) as error:  # the page itself may be out of reach as well
            self.log_exception(type(error), error, None)
            again = typed | {"here": here, "version": version, "do": do}
            self.show("problem", 503, text=str(error), again=again)
            return
        onward = marking.following(cell, student)
        after = ["q", cell, *([onward] if onward and onward != student else [])]
        self.redirect(f"{self.desk.at(*after)}?kept={quote(student, safe='')}", status=303)
