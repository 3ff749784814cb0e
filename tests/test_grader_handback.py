"""What students get back: the page, its sums, its formulas, and the zips that an LMS takes."""

import datetime
import html
import io
import json
import re
import zipfile

import nbformat
import pytest
from grader_mini import enter_kept, write_course
from nbgrader.exchange.default import ExchangeReleaseFeedback
from traitlets.config import Config

from grader.assignment import Assignment
from grader.commands.collect import collect
from grader.commands.export import export
from grader.commands.feedback import feedback
from grader.course import Course
from grader.files import write
from grader.gradebook import Book
from grader.trusted import renderer as laying_out
from grader.trusted.formulas import mathml, with_formulas
from grader.trusted.mark import unmarked
from grader.trusted.renderer import Renderer

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, see gradebook


@pytest.fixture(scope="module")
def renderer():
    with Renderer() as one:
        yield one


@pytest.fixture(scope="module")
def course(tmp_path_factory, renderer):
    """Two students; ada's words are read and commented, a test of hers is set by a person."""
    course = Course(write_course(tmp_path_factory.mktemp("course"), title="Mini & more"))
    words = "# Why\n\nSince $a_b < c$:\n\n$$\\sum_i x_i$$\n\n`$code$` costs $5 and $6."
    enter_kept(course, "ada", renderer, words)
    enter_kept(course, "bob", renderer)
    for student, name in (("ada", "Ada <b>Love"), ("bob", "")):
        about = {"name": name, "lms": "77", "layout": "moodle"}
        write(course.collected_path("hw0", student), json.dumps(about))
    with Book(course) as book:
        find, where = book.gradebook.find_grade, ("hw0", "hw0", "ada")
        for cell, mark in (("words", 3.5), ("answer-test", 0.25)):
            grade = find(cell, *where)
            grade.manual_score, grade.needs_manual_grade = mark, False
        book.gradebook.find_comment("words", *where).manual_comment = "Say **why** $x^2$."
        book.gradebook.db.commit()
    return course


def text(page: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def pages(course) -> dict[str, str]:
    return {path.parts[-3]: path.read_text("utf-8") for path in feedback(course, "hw0")}


def test_the_page_says_whose_it_is_and_what_was_lost_before_all_else(course):
    ada = pages(course)["ada"]
    assert '<html lang="en">' in ada
    assert 'name="viewport"' in ada
    said = text(ada)
    assert said.index("Ada <b>Love") < said.index("Mini & more (hw0)") < said.index("7.75 of 10")
    lost = said[said.index("What was lost") : said.index("All marks")]
    # the most first
    assert re.search(r"words : −1\.5 \(3\.5 of 5\) .* answer : −0\.75 \(0\.25 of 1\) ", lost)
    assert "double" not in lost
    assert "Comment Say why" in said


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("The file is not JSON.", {"ungraded": "The file is not JSON."}),
        ("This submission could not be marked: too slow.", {"unmarked": "too slow"}),
    ],
)
def test_why_nothing_was_graded_stands_before_what_is_lost(why, more, course):
    path = course.record_path("hw0", "ada")
    kept = path.read_text("utf-8")
    write(path, json.dumps(json.loads(kept) | {"notes": [why, "A cell was missing."], **more}))
    try:
        said = text(pages(course)["ada"])
    finally:
        write(path, kept)
    assert said.count(why) == 1
    assert said.index(why) < said.index("What was lost") < said.index("A cell was missing.")


def test_a_record_names_why_nothing_was_graded(course):
    record, _ = unmarked(Assignment(course.root / "source" / "hw0"), b"{", "too slow")
    assert record["ungraded"].endswith("Nothing could be graded.")
    assert record["ungraded"] in record["notes"]
    assert record["notes"][0] != record["ungraded"]  # that it could not be marked stands first


def test_every_sum_of_a_page_is_the_exported_one(course):
    questions, *_ = export(course, "hw0")
    for student, page in pages(course).items():
        (row,) = [r for r in _table(questions) if r["student"] == student]
        total, of = float(row["score"]), float(row["of"])
        assert f"{total:g} of {of:g} points" in text(page)
        cells = re.findall(r"<tr><th scope=\"row\">.*?</th><td>(.*?)</td><td>(.*?)</td>", page)
        *rows, (last, last_of) = cells
        earned = [0.0 if score == "not read yet" else float(score) for score, _ in rows]
        assert sum(earned) == float(last) == total
        assert sum(float(points) for _, points in rows) == float(last_of) == of


def _table(path) -> list[dict]:
    import csv

    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_nobody_has_read_is_said_and_never_called_lost(course):
    found = pages(course)
    said = text(found["bob"])
    assert "5 of 10 points, not all read yet" in said
    assert "Not read yet: words." in said
    assert "What was lost" not in said
    assert "Your answer: words 0 of 5 points, not read yet" in said
    assert "not read yet" not in text(found["ada"])


def test_lateness_is_in_the_sum(course, monkeypatch):
    penalise = Book.penalise

    def late(self, name, student):
        penalise(self, name, student)
        graded = self.gradebook.find_submission_notebook(name, name, student)
        graded.late_submission_penalty = 1.5
        self.gradebook.db.commit()

    monkeypatch.setattr(Book, "penalise", late)
    said = text(pages(course)["ada"])
    assert "6.25 of 10 points" in said
    assert "Handed in late: 1.5 taken off." in said
    assert "Late −1.5" in said
    assert "Total 6.25 10" in said


def test_formulas_are_drawn_without_a_network_and_nothing_runs(course):
    page = pages(course)["ada"]
    assert "script" not in page.lower()
    assert page.count("<math") == 3  # two in the answer, one in the comment
    assert "<code>$code$</code> costs $5 and $6." in page
    assert set(re.findall(r"https?://[^\"' <]+", page)) == set()
    (policy,) = re.findall(r'content="(default-src [^"]+)"', page)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


HOSTILE = (
    r"\text{<script>alert(1)</script>}",
    r"\text{<img src=x onerror=alert(1)>}",
    r"\text{</mtext></math><iframe src=https://a.b>}",
    r"\text{<annotation-xml encoding='text/html'><form><input>}",
    r"\href{javascript:alert(1)}{x}",
    r"\style{background:url(https://a.b)}{x}",
    r"\class{a}{x}",
    r"\color{red;background:url(x)}x",
    "\\text{\x00\ud800}",
)


@pytest.mark.parametrize("formula", HOSTILE)
def test_no_formula_writes_more_than_a_formula(formula):
    for display in (True, False):
        drawn = mathml(formula, display)
        assert not re.search(
            r"<(?!/?m[a-z]+[ >])|href|src|style=|\bon\w+=|class|url\(", re.sub(r"&lt;", "", drawn)
        ), drawn
    page = with_formulas(f"<p>${html.escape(formula)}$</p>")
    assert not re.search(r"<(script|img|iframe|form|input|annotation)", page)


@pytest.mark.parametrize("formula", [r"\bad{", "^" * 1900, "{" * 900, r"\frac" * 300, "x_x_x"])
def test_a_formula_that_can_t_be_drawn_stays_as_it_was_typed(formula):
    page = f"<p>before ${formula}$ after</p>"
    assert with_formulas(page) == page


@pytest.mark.parametrize(
    ("typed", "formulas"),
    [
        ("$a$ and $b$", 2),
        (r"\(a\) and \[b\]", 2),
        (r"\begin{align}a&=b\\c&=d\end{align}", 1),
        ("it costs $5, not $6", 0),
        (r"an escaped \$a$ dollar", 0),
        ("<pre>$a$</pre><code>$b$</code>", 0),
        ("$a$ " * 900, 400),  # a page has room for so many
    ],
)
def test_what_is_a_formula(typed, formulas):
    drawn = with_formulas(typed.replace("&", "&amp;"))
    assert drawn.count("<math") == formulas


def test_headings_go_on_below_the_page_s_and_skip_none():
    level = [2]
    first = with_formulas("<h1>a</h1><h4>b</h4>", 2, level)
    assert first == "<h3>a</h3><h4>b</h4>"
    assert with_formulas("<h6 title='x'>c</h6>", 2, level) == "<h5 title='x'>c</h5>"


def test_what_a_class_shares_is_laid_out_once(course, monkeypatch):
    laid_out, lay_out = [], laying_out._laid_out

    def counted(text, attachments):
        laid_out.append(text)
        return lay_out(text, attachments)

    monkeypatch.setattr(laying_out, "_laid_out", counted)
    shared, long = f"Shared by a class {id(laid_out)}.", f"{id(laid_out)} " * laying_out.SHORT
    picture = {"a.png": {"image/png": "AAAA"}}
    for _ in range(2):
        laying_out._markdown(shared, {})
        laying_out._markdown(long, {})  # a large one would fill the memory
        laying_out._markdown(shared, picture)  # which the text alone does not tell
    assert laid_out == [shared, long, shared, long, shared]


def test_a_page_is_the_same_whatever_was_laid_out_before(course):
    def page(words, comment):
        path = course.root / "autograded" / "ada" / "hw0" / "hw0.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[-1].source = words
        (course.root / "page.ipynb").write_text(nbformat.writes(notebook), "utf-8")
        about = {"assignment": "hw0", "rows": [], "comments": {"words": comment}}
        return one.ask("feedback", str(course.root / "page.ipynb"), about, seconds=60)

    texts = [("# A\n\n$x$", "## B"), ("#### C", "## B"), ("A price: $5", "# A\n\n$x$")]
    with Renderer() as one:
        together = [page(*both) for both in texts * 2]
    alone = []
    for both in texts:
        with Renderer() as one:
            alone.append(page(*both))
    assert together == alone * 2
    assert len(set(alone)) == 3
    # a comment's heading goes on from the one before it, whatever that is in another's page
    assert re.findall("<(h[3-6])[^>]*>(?:A|B|C)<", "".join(alone)) == ["h3", "h4", "h3", "h4", "h3"]


# --- hand-back into an LMS ------------------------------------------------------------------------

LAYOUTS = {
    "moodle": {
        "ada": "Ada Love_3001_assignsubmission_file_/hw0.ipynb",
        "bob": "Bob Half-Way_3002_assignsubmission_file_/hw0.ipynb",
    },
    "canvas": {
        "ada": "loveada_501_9001_hw0-1.ipynb",
        "bob": "halfwaybob_LATE_502_9002_hw0 (2).zip",
    },
}


def exported(course, lms: str) -> bytes:
    content = (course.root / "submitted" / "ada" / "hw0" / "hw0.ipynb").read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in LAYOUTS[lms].values():
            inside = io.BytesIO()
            with zipfile.ZipFile(inside, "w") as packed:
                packed.writestr("hw0.ipynb", content)
            file.writestr(name, inside.getvalue() if name.endswith(".zip") else content)
    return archive.getvalue()


@pytest.mark.parametrize("lms", LAYOUTS)
def test_a_zip_goes_back_to_where_the_work_came_from(lms, course, renderer, tmp_path, capsys):
    fresh = Course(write_course(tmp_path / "course"))
    (tmp_path / "export.zip").write_bytes(exported(course, lms))
    lines = collect(fresh, "hw0", tmp_path / "export.zip")
    assert sum(": new" in line for line in lines) == 2
    for path in fresh.root.glob("collected/hw0/*.json"):
        enter_kept(fresh, path.stem, renderer)
    enter_kept(fresh, "stranger", renderer)  # put there by hand
    *made, archive = feedback(fresh, "hw0", zipped=lms)
    assert len(made) == 3
    told = capsys.readouterr().out
    assert f"not in the zip, because {lms.capitalize()} has not said" in told
    assert ": stranger." in told
    with zipfile.ZipFile(archive) as file:
        names = file.namelist()
        contents = {name: file.read(name) for name in names}
    if lms == "moodle":
        expected = {name.rpartition("/")[0] + "/hw0.html" for name in LAYOUTS[lms].values()}
        assert {*names} == expected
        for content in contents.values():
            assert b"<html lang" in content
        return
    assert {*names} == {*LAYOUTS[lms].values()}
    notebook = nbformat.reads(contents[LAYOUTS[lms]["ada"]].decode(), as_version=4)
    nbformat.validate(notebook)
    assert "5 of 10 points" in notebook.cells[0].source
    with zipfile.ZipFile(io.BytesIO(contents[LAYOUTS[lms]["bob"]])) as file:
        assert file.namelist() == ["hw0.html"]
        assert b"halfwaybob" in file.read("hw0.html")


def test_a_zip_that_is_stopped_leaves_the_last_one_whole(course, monkeypatch):
    *_, archive = feedback(course, "hw0", zipped="moodle")
    before = archive.read_bytes()

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Renderer, "ask", stopped)
    with pytest.raises(KeyboardInterrupt):
        feedback(course, "hw0", zipped="moodle")
    assert archive.read_bytes() == before
    assert [path.name for path in archive.parent.glob("*.zip")] == [archive.name]
    assert not list(archive.parent.glob(".*.part"))


def test_a_hub_releases_the_pages(renderer, tmp_path):
    course = Course(write_course(tmp_path / "course"))
    enter_kept(course, "ada", renderer)
    folder = course.root / "submitted" / "ada" / "hw0"
    now = datetime.datetime.now(datetime.UTC)
    (folder / "timestamp.txt").write_text(f"{now:%Y-%m-%d %H:%M:%S.%f} UTC")
    (folder / "submission_secret.txt").write_text("secret")
    feedback(course, "hw0")
    config = Config()
    config.Exchange.root = config.ExchangeReleaseFeedback.root = str(tmp_path / "exchange")
    config.CourseDirectory.root = str(course.root)
    config.CourseDirectory.course_id = "deep-learning"
    config.CourseDirectory.assignment_id = "hw0"
    (tmp_path / "exchange").mkdir(mode=0o777)
    from nbgrader.coursedir import CourseDirectory

    exchange = ExchangeReleaseFeedback(coursedir=CourseDirectory(config=config), config=config)
    exchange.src_path = exchange.dest_path = None
    exchange.init_src()
    exchange.init_dest()
    exchange.copy_files()
    assert len(list((tmp_path / "exchange").rglob("*.html"))) == 1
