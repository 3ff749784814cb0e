"""``python -m grader feedback``: what students get back."""

import html
import re
from pathlib import Path

from nbgrader.api import MissingEntry
from tqdm import tqdm

from grader.commands.grade import tell_put_back
from grader.course import Course, CourseError
from grader.files import write
from grader.gradebook import Book
from grader.markers import answer_of
from grader.trusted.renderer import PAGE_SECONDS, NotShown, Renderer

_TEST_LINK = re.compile(r'(<a href="#([\w-]+)">)Test cell<')
_MATHJAX = "https://cdnjs.cloudflare.com/ajax/libs/mathjax/"
# no script but MathJax's, which evaluates its own settings; nothing is asked for from elsewhere
_POLICY = (
    f"default-src 'none'; script-src {_MATHJAX} 'unsafe-eval'; style-src 'unsafe-inline'; "
    f"img-src data:; font-src {_MATHJAX}; base-uri 'none'; form-action 'none'"
)
_HEAD = f"""<head>
<meta http-equiv="Content-Security-Policy" content="{_POLICY}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />"""
# the template is for a wide window, and knows no long words
_STYLE = """<style>
.container { width: 100%; max-width: 75em; }
div#notebook-container { padding: 0; box-shadow: none; }
div.cell, div.inner_cell, div.output_area, div.output_subarea { min-width: 0; }
div.output_area, div.cell { display: block; }
div.output_subarea, div.rendered_html, div.input_area { max-width: 100%; overflow-x: auto; }
div.rendered_html, li { overflow-wrap: anywhere; }
div.nbgrader_cell .panel-heading { height: auto; min-height: 37px; }
div.nbgrader_cell .panel-heading a { color: #fff; text-decoration: underline; }
span.nbgrader-label + .pull-right { color: inherit; }
img { max-width: 100%; height: auto; }
@media (max-width: 600px) { div.prompt { display: none; } .panel-body { padding: 4px; } }
</style>
</head>"""


def feedback(course: Course, name: str, students=()) -> list[Path]:
    """Write a page for each graded student, with nbgrader's template.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.
    students : sequence of str
        Only these; all if empty.

    Returns
    -------
    list of pathlib.Path
        The pages.

    Raises
    ------
    grader.course.CourseError
        Some could not be made; it says whose and why, and the others are written.
    """
    pages, failed = [], []
    records = [
        record
        for record in course.records(name)
        if record["entered"] and (not students or record["student"] in students)
    ]
    if not records:
        return []
    with Renderer() as renderer, Book(course) as book:
        book.add_assignment(course.assignment(name))
        tell_put_back(name, book.put_back(name, records))
        for record in tqdm(records, desc=name, unit="student"):
            student = record["student"]
            try:
                book.penalise(name, student)  # the due date may be new
                page = _page(course, record, renderer)
            except MissingEntry:
                command = f"python -m grader grade {name} --student {student} --again"
                failed.append((student, f"it is not in the grade book; run {command}"))
                continue
            except NotShown as error:
                failed.append((student, str(error)))
                continue
            pages.append(course.root / "feedback" / student / name / f"{name}.html")
            write(pages[-1], page)
    if failed:
        why = "; ".join(f"feedback for {who} could not be made: {what}" for who, what in failed)
        raise CourseError(f"{why}. {len(pages)} others are written.")
    return pages


def _page(course: Course, record: dict, renderer: Renderer) -> str:
    """Return a student's page."""
    name, student = record["assignment"], record["student"]
    path = course.root / "autograded" / student / name / f"{name}.ipynb"
    resources = {"notebook": name, "assignment": name, "student": student}
    resources["db_url"] = course.database
    summary = _summary(record)
    page = renderer.ask("feedback", str(path), summary, resources, seconds=PAGE_SECONDS)
    # nbgrader's list calls each of them a test cell
    page = _TEST_LINK.sub(lambda link: f"{link[1]}{answer_of(link[2])}<", page)
    page = page.replace("<html>", '<html lang="en">', 1).replace("<head>", _HEAD, 1)
    return page.replace("</head>", _STYLE, 1)


def _summary(record: dict) -> str:
    """Say what was marked, and what was unusual."""
    lines = [f"Tests: <b>{record['score']:g} of {record['points']:g} points</b>."]
    waiting = [n for n, state in record["manual"].items() if state != "empty"]
    if waiting:
        names = html.escape(", ".join(waiting))
        lines.append(f"Marked by hand, not included in this total: {names}.")
    lines += map(html.escape, record["notes"])
    lines.append(f"The marked file's SHA-256 begins {record['sha256'][:12]}.")
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"
