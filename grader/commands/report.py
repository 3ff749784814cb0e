"""``python -m grader report``: what a class knows, as a page to show, and as JSON."""

import io
import json
import re
import statistics
import tokenize
from collections import Counter, defaultdict
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbgrader.api import MissingEntry

from grader.commands.grade import tell_put_back
from grader.course import Course, CourseError
from grader.files import read_plain, write
from grader.gradebook import Book
from grader.markers import answer_of
from grader.marks import Marks, marks
from grader.submission import FILE_BYTES, grade_id

_FOLDER = Path(__file__).resolve().parent.parent / "trusted"
BINS, MESSAGES, EXAMPLES, EXAMPLE_LINES = 10, 12, 2, 30
HARD, WEAK = 0.6, 0.15  # below this facility an exercise was hard; what a share of the class shares
ENOUGH = 5  # people, to say how an exercise tells them apart
_NUMBER = re.compile(r"-?\d[\d.,]*(?:e[+-]?\d+)?", re.IGNORECASE)


def report(course: Course, name: str) -> list[Path]:
    """Write what a class knows of an assignment.

    Parameters
    ----------
    course : grader.course.Course
    name : str
        The assignment's.

    Returns
    -------
    list of pathlib.Path
        ``NAME-report.html``, self-contained and without a name, and ``NAME-report.json``.

    Raises
    ------
    grader.course.CourseError
        Nobody is graded yet.
    """
    assignment = course.assignment(name)
    cells, records = list(assignment.of_kind("test", "manual")), course.records(name)
    worth = {}
    with Book(course) as book:
        book.add_assignment(assignment)
        tell_put_back(name, book.put_back(name, records))
        for record in records:
            try:
                worth[record["student"]] = marks(book, cells, name, record["student"])
            except MissingEntry:
                print(f"{name}: left out, for it is not in the grade book: {record['student']}")
    records = [record for record in records if record["student"] in worth]
    if not records:
        raise CourseError(f"{name}: nobody is graded yet. Run: python -m grader grade {name}")
    found = {
        "assignment": name,
        "title": assignment.title,
        **_class(course, name, records, worth),
        "exercises": _exercises(cells, records, worth),
        "tests": _tests(records),
        "messages": _messages(course, name, records),
    }
    found["again"] = _again(found)
    paths = [course.root / "export" / f"{name}-report.{kind}" for kind in ("html", "json")]
    write(paths[0], _page(found))
    write(paths[1], json.dumps(found, ensure_ascii=False, indent=1))
    return paths


def _class(course: Course, name: str, records: list[dict], worth: dict[str, Marks]) -> dict:
    """Return what there is to say of all."""
    points = max(w.points for w in worth.values())
    scores = [worth[record["student"]].score for record in records]
    bins = [0] * BINS
    for score in scores:
        bins[min(int(score / points * BINS), BINS - 1) if points else 0] += 1
    late = [
        record["student"]
        for record in records
        if worth[record["student"]].penalty or course.collected(name, record["student"]).get("late")
    ]
    seconds = [float(record.get("seconds", 0)) for record in records]
    return {
        "handed_in": len(course.submissions(name)),
        "graded": len(records),
        "unread": sum(bool(worth[record["student"]].unread) for record in records),
        "late": len(late),
        "unmarked": sum("unmarked" in record for record in records),
        "points": points,
        "mean": round(statistics.fmean(scores), 2),
        "median": round(statistics.median(scores), 2),
        "deviation": round(statistics.pstdev(scores), 2),
        "lowest": round(min(scores), 2),
        "highest": round(max(scores), 2),
        "seconds": round(statistics.median(seconds), 1),
        "bins": bins,
    }


def _exercises(cells: list[str], records: list[dict], worth: dict[str, Marks]) -> list[dict]:
    """Return each exercise's facility and discrimination.

    The facility is the mean share of its points; the discrimination is the correlation of that
    share with what the same people earned in all other exercises.
    """
    whole = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    unread = Counter()
    for student, one in worth.items():
        for cell in cells:
            if mark := one.cells.get(cell):
                if mark.unread:
                    unread[answer_of(cell)] += 1
                    continue
                pair = whole[answer_of(cell)][student]
                pair[0] += mark.score
                pair[1] += mark.points
    empty = Counter(answer for record in records for answer in record["unanswered"])
    exercises = []
    for answer in dict.fromkeys(map(answer_of, cells)):
        people = {s: pair for s, pair in whole[answer].items() if pair[1]}
        shares = [score / points for score, points in people.values()]
        rest = [
            sum(p[s][0] for other, p in whole.items() if other != answer and s in p) for s in people
        ]
        points = max((points for _, points in people.values()), default=0.0)
        exercises.append(
            {
                "exercise": answer,
                "points": points,
                "facility": round(statistics.fmean(shares), 3) if shares else None,
                "discrimination": _correlation(shares, rest),
                "full": sum(share > 1 - 1e-9 for share in shares),
                "nothing": sum(share < 1e-9 for share in shares),
                "unanswered": empty[answer],
                "unread": unread[answer],
                "people": len(shares),
            }
        )
    return exercises


def _correlation(shares: list[float], rest: list[float]) -> float | None:
    """Return a correlation, None where few people, or all alike, tell nothing."""
    if len(shares) < ENOUGH or len({*shares}) < 2 or len({*rest}) < 2:
        return None
    return round(statistics.correlation(shares, rest), 2)


def _tests(records: list[dict]) -> list[dict]:
    """Return how often each test failed, the most first."""
    tried, failed = Counter(), Counter()
    for record in records:
        for cell, result in record["tests"].items():
            for found in result["findings"]:
                key = answer_of(cell), found["name"], found["hidden"]
                tried[key] += 1
                failed[key] += found["score"] < found["points"]
    return [
        {"exercise": e, "test": t, "hidden": hidden, "failed": failed[e, t, hidden], "of": count}
        for (e, t, hidden), count in sorted(tried.items(), key=lambda item: -failed[item[0]])
        if failed[e, t, hidden]
    ]


def _messages(course: Course, name: str, records: list[dict]) -> list[dict]:
    """Return the commonest messages, each with people's code that earned it."""
    people, says = defaultdict(list), {}
    for record in records:
        here, names = {}, {record["student"], *course.who(name, record["student"])}
        for cell, result in record["tests"].items():
            answer = answer_of(cell)
            if answer in record["unanswered"]:
                continue  # an empty answer is no mistake to talk about
            texts = [result["stopped"]] if result["stopped"] else []
            texts += [f["message"] for f in result["findings"] if f["score"] < f["points"]]
            for text in filter(None, texts):
                text = _unnamed(text, names)  # it may quote what they wrote
                # people who make one mistake get other numbers
                here.setdefault((answer, _NUMBER.sub("#", text)), text)
        for key, text in here.items():
            people[key].append(record["student"])
            says.setdefault(key, text)
    common = sorted(people.items(), key=lambda item: (-len(item[1]), item[0]))[:MESSAGES]
    return [
        {
            "exercise": answer,
            "message": says[answer, alike],
            "people": len(students),
            # of one person alone everybody would know whose it is
            "examples": _examples(course, name, answer, students) if len(students) > 1 else [],
        }
        for (answer, alike), students in common
    ]


def _examples(course: Course, name: str, answer: str, students: list[str]) -> list[str]:
    """Return some people's code without what could say whose it is, the shortest first."""
    found = set()
    for student in students[:20]:
        path = course.root / "autograded" / student / name / f"{name}.ipynb"
        try:
            content = (read_plain(path, FILE_BYTES) or b"").decode()
            notebook = nbformat.reads(content, as_version=4)
        except Exception:  # a notebook that is damaged gives no example
            continue
        names = {student, *course.who(name, student)}
        for cell in notebook.cells:
            if grade_id(cell) == answer and cell.cell_type == "code":
                found.add(anonymous(cell.source, names))
    return sorted(filter(None, found), key=len)[:EXAMPLES]


def anonymous(source: str, names: set[str]) -> str:
    """Return code without comments, docstrings and names of people; '' if it is not Python.

    Parameters
    ----------
    source : str
    names : set of str
        Of the person who wrote it.
    """
    lines, last = source.splitlines(keepends=True), tokenize.NEWLINE
    cuts = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            statement = last in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
            if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and statement):
                cuts.append((token.start, token.end))
            if token.type not in (tokenize.NL, tokenize.COMMENT):
                last = token.type
    except (tokenize.TokenError, SyntaxError):
        return ""
    for (first, left), (end, right) in reversed(cuts):
        lines[first - 1 : end] = [lines[first - 1][:left] + lines[end - 1][right:]]
    text = "\n".join(line.rstrip() for line in "".join(lines).splitlines() if line.strip())
    text = _unnamed(text, names)
    kept = text.splitlines()
    return "\n".join([*kept[:EXAMPLE_LINES], *["…"] * (len(kept) > EXAMPLE_LINES)])


def _unnamed(text: str, names: set[str]) -> str:
    """Return a text without the words of some names."""
    words = {word for name in names for word in re.split(r"[\W_]+", str(name)) if len(word) > 2}
    for word in sorted(words, key=len, reverse=True):
        # as a whole word, or one of a name with _ in it: "ann" is no part of "channel"
        text = re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", "…", text, flags=re.IGNORECASE)
    return text


def _again(found: dict) -> list[str]:
    """Return what to teach again, in sentences."""
    lines, graded = [], found["graded"]
    for exercise in sorted(found["exercises"], key=lambda e: e["facility"] or 0):
        if exercise["facility"] is not None and exercise["facility"] < HARD:
            lines.append(
                f"{exercise['exercise']}: the class earned {exercise['facility']:.0%} of its "
                f"points; {exercise['nothing']} of {exercise['people']} earned none."
            )
        discrimination = exercise["discrimination"]
        if discrimination is not None and discrimination < 0:
            lines.append(
                f"{exercise['exercise']}: those who did well elsewhere did worse here "
                f"({discrimination:+.2f}): look at the question and its tests."
            )
    for message in found["messages"]:
        if message["people"] > 1 and message["people"] >= WEAK * graded:
            lines.append(
                f"{message['exercise']}: {message['people']} of {graded} made one mistake: "
                f"{message['message']}"
            )
    return lines


def _page(found: dict) -> str:
    """Return the page."""
    pages = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters["percent"] = lambda share: "–" if share is None else f"{share:.0%}"
    return pages.get_template("report.html.j2").render(
        found=found,
        tallest=max(found["bins"]) or 1,
        style=Markup((_FOLDER / "feedback.css").read_text(encoding="utf-8")),
    )
