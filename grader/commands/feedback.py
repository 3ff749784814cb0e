"""``python -m grader feedback``: what students get back."""

import re
from pathlib import Path

import nbformat
import nbgrader
from nbconvert import HTMLExporter
from nbgrader.preprocessors import GetGrades
from tqdm import tqdm
from traitlets.config import Config

from grader.commands.grade import tell_put_back
from grader.course import Course
from grader.files import write
from grader.gradebook import Book
from grader.markers import answer_of
from grader.trusted.sanitise import safe_markdown

_TEST_LINK = re.compile(r'(<a href="#([\w-]+)">)Test cell<')


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
    """
    templates = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
    config = Config(
        HTMLExporter={
            "template_name": "feedback",
            "extra_template_basedirs": [str(templates)],
            "extra_template_paths": [
                str(templates.parent / "static" / "node_modules" / "bootstrap" / "dist" / "css")
            ],
        }
    )
    exporter = HTMLExporter(config=config, preprocessors=[GetGrades])
    pages = []
    records = [
        record
        for record in course.records(name)
        if record["entered"] and (not students or record["student"] in students)
    ]
    with Book(course) as book:
        book.add_assignment(course.assignment(name))
        tell_put_back(name, book.put_back(name, records))
        for record in records:
            book.penalise(name, record["student"])  # the due date may be new
    for record in tqdm(records, desc=name, unit="student"):
        student = record["student"]
        path = course.root / "autograded" / student / name / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(_summary(record)))
        resources = {"notebook": name, "assignment": name, "student": student}
        resources["db_url"] = course.database
        page, _ = exporter.from_notebook_node(notebook, {"nbgrader": resources})
        # nbgrader's list calls each of them a test cell
        page = _TEST_LINK.sub(lambda link: f"{link[1]}{answer_of(link[2])}<", page)
        pages.append(course.root / "feedback" / student / name / f"{name}.html")
        write(pages[-1], page)
    return pages


def _summary(record: dict) -> str:
    """Say what was marked, and what was unusual."""
    lines = [f"Tests: **{record['score']:g} of {record['points']:g} points**."]
    waiting = [n for n, state in record["manual"].items() if state != "empty"]
    if waiting:
        lines.append(f"Marked by hand, not included in this total: {', '.join(waiting)}.")
    lines += map(safe_markdown, record["notes"])
    lines.append(f"The marked file's SHA-256 begins {record['sha256'][:12]}.")
    return "\n".join(f"- {line}" for line in lines)
