"""nbgrader's settings, for the grader, for formgrader and for a hub's exchange."""

import os
import sys
from pathlib import Path

from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback, NbGraderException
from sqlalchemy.engine import URL

c = get_config()  # noqa: F821 — nbgrader defines it
c.CourseDirectory.course_id = "deep-learning"
# the grader's own, for formgrader, too: a folder's name may hold what means something else in a URL
book = URL.create("sqlite", database=str(Path(__file__).resolve().with_name("gradebook.db")))
c.CourseDirectory.db_url = os.environ.get("GRADEBOOK") or book.render_as_string()

# what a late submission loses: "none" or "zero", all of it; README.md shows a rule of your own
c.LateSubmissionPlugin.penalty_method = "none"


def _instead(command: str):
    """Return a function that says what to use instead."""

    def refuse(self) -> None:
        message = f"not from here. In the course's folder: {command}"
        self.log.error(message)  # the terminal shows this, formgrader the exception
        raise NbGraderException(f"\n\n{message}")

    return refuse


# nbgrader would run students' code with your rights, and release notebooks that don't run unfilled
Autograde.start = _instead("python -m grader grade hw1")
GenerateAssignment.start = _instead("python -m grader release hw1")
GenerateFeedback.start = _instead("python -m grader feedback hw1")  # would write over our pages

if "nbgrader.server_extensions.formgrader.formgrader" in sys.modules:  # this is its server
    from grader.trusted.formgrader import protect

    protect()
