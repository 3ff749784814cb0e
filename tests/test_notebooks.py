"""Every notebook, now and later, keeps the rules that a program can judge (CONTRIBUTING.md)."""

import ast
import builtins
import contextlib
import html
import io
import json
import linecache
import re
import runpy
import signal
import time
from urllib.parse import unquote

import nbformat
import pytest
from markdown_it import MarkdownIt

from libs import ROOT
from libs.check import Verdict
from libs.notebook import Quiz
from tools.counts import LIMITS, counts
from tools.run_notebooks import only_claims
from tools.setup_cell import NAME, SOURCE

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if re.match(r"\d\d[a-z]?-", path.name)]
MARKDOWN = MarkdownIt("commonmark").enable("table")
WRONG_ANSWERS = ROOT / "tests" / "wrong_answers"
#: The most bytes of a notebook (1.5 MB), for who opens it on a phone or over a slow line.
LARGEST = 1_500_000


def number(name):
    """Return a lesson's number: 03, or 01b of an optional one, which belongs to 01."""
    return name.split("-")[0]


def cells(path, kind="code"):
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def tags(cell):
    return cell.metadata.get("tags", [])


def count_words(markdown):
    """Return how many words of a markdown cell are read: no code, formulas, tags or addresses."""
    prose = re.sub(r"```.*?```|\$\$.*?\$\$|<[^>]+>", " ", markdown, flags=re.DOTALL)
    prose = re.sub(r"\]\([^)\s]*\)", "]", prose)  # where a link leads is not read
    return len(re.findall(r"\w[\w'’-]*", prose))


def texts(output):
    """Return every text of an output but embedded pictures and the quiz's program."""
    data = output.get("data", {})
    parts = [output.get("text", "")]
    parts += [str(data[mime]) for mime in data if not re.search("image/|javascript", mime)]
    return re.sub(r"data:image/\w+;base64,[\w+/=]+", "", "\n".join(parts))


each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def test_there_are_lessons():
    assert LESSONS
    numbers = [number(path.stem) for path in LESSONS]
    main = [name for name in numbers if name.isdigit()]
    assert main == [f"{n:02}" for n in range(len(main))]
    assert {name[:2] for name in numbers} == {*main}
    assert len({*numbers}) == len(numbers)


@each_notebook
def test_it_is_valid_and_its_metadata_is_complete_and_minimal(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"course", "kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}
    course = notebook.metadata.course
    assert set(course) == {"title", "minutes", "prerequisites", "reproduces"}
    assert course["title"]
    # a page that runs nothing, such as the glossary, takes no time
    assert (0 < course["minutes"] <= 30) if cells(path) else (course["minutes"] == 0)
    assert all(isinstance(sentence, str) for sentence in course["reproduces"])
    for lesson in course["prerequisites"]:
        assert (path.parent / f"{lesson}.ipynb").is_file(), f"no lesson {lesson}"
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}
        for output in cell.get("outputs", []):
            assert set(output.get("metadata", [])) <= {"image/png"}  # see the figures' test


@each_notebook
def test_its_outputs_are_of_one_clean_run(path):
    code = cells(path)
    counts = [cell.execution_count for cell in code if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1))
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error" or "raises-exception" in tags(cell), cell.source
            assert output.get("name") != "stderr", output.get("text")
            assert not re.search(r"\bWarning\b|\bWARNING\b", texts(output)), texts(output)
            assert "\r" not in output.get("text", "")


@each_notebook
def test_it_names_no_path_of_one_machine(path):
    somewhere = re.compile(
        r"(?<![\w.:/~$<])/(?:home|Users|root|tmp|work|mnt|var|opt|private)/|\b[A-Z]:\\"
    )
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for text in [cell.source, *map(texts, cell.get("outputs", []))]:
            assert not somewhere.search(text), somewhere.search(text)


def anchors(path):
    """Return the names that headings of a notebook can be linked by, as JupyterLab makes them."""
    headings = [
        line.lstrip("#").strip()
        for cell in cells(path, "markdown")
        for line in cell.source.splitlines()
        if re.match(r"#{1,6} ", line)
    ]
    return {heading.replace(" ", "-") for heading in headings}


@each_notebook
def test_its_links_resolve_and_its_pictures_have_alternative_text(path):
    for cell in cells(path, "markdown"):
        assert not re.search(r"\b(TODO|FIXME|TBD)\b", cell.source)
        tokens = [t for block in MARKDOWN.parse(cell.source) for t in block.children or []]
        assert all(t.content.strip() for t in tokens if t.type == "image"), cell.source
        links = [
            t.attrs["src" if t.type == "image" else "href"]
            for t in tokens
            if t.type in ("image", "link_open")
        ]
        links += re.findall(r'(?:href|src)="([^"]+)"', cell.source)
        for link in links:
            if link.startswith(("https://", "mailto:", "data:")):
                continue
            assert not link.startswith("http:"), f"{link} is not encrypted"
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file) if file else path
            assert target.exists(), f"{link} leads nowhere"
            assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@each_notebook
def test_every_figure_in_its_outputs_has_alternative_text(path):
    for cell in cells(path):
        for output in cell.outputs:
            data = output.get("data", {})
            pictures = re.findall(r"<img\b[^>]*>", data.get("text/html", ""))
            for picture in pictures:
                alt = re.search(r'alt="([^"]*)"', picture)
                assert alt, f"no alternative text:\n{cell.source}"
                assert len(alt[1]) >= 15, f"alternative text too short:\n{cell.source}"
            bare = [mime for mime in data if mime.startswith("image/")]
            assert not bare or pictures, f"show it with libs.notebook.show:\n{cell.source}"
            if not pictures:
                continue
            # it travels: as PNG for what shows no HTML, its text beside it in metadata and words
            assert bare == ["image/png"], f"make it by libs.notebook or libs.gif:\n{cell.source}"
            alt = html.unescape(re.search(r'alt="([^"]*)"', pictures[0])[1])
            assert output.metadata["image/png"] == {"alt": alt}
            live = re.match("DigitPad|LatentExplorer", data["text/plain"])  # says what it reads
            assert live or alt in data["text/plain"]


@each_notebook
def test_cells_that_only_claim_are_folded_and_tagged(path):
    """So the site can leave them out; ``make notebooks`` does it."""
    listed = nbformat.read(path, as_version=4).cells
    for cell, claims in zip(listed, only_claims(listed), strict=True):
        assert ("claims" in tags(cell)) == claims, f"run make notebooks:\n{cell.source}"
        assert not claims or cell.metadata.get("jupyter") == {"source_hidden": True}, cell.source


def claims(cell):
    """Return what the claims of a cell are about: of each, its second argument."""
    calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    return [call.args[1] for call in calls if getattr(call.func, "id", "") == "claim"]


@each_notebook
def test_nothing_is_asserted_that_would_stop_a_learner(path):
    """Claims converse; an assert would end the lesson. Checks of exercises catch their own."""
    for cell in cells(path):
        if "check" in tags(cell):
            continue
        for node in ast.walk(ast.parse(cell.source)):
            name = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
            stops = ("np.testing.", "tf.debugging.assert", "AssertionError")
            bare = isinstance(node, ast.Assert) or name.startswith(stops)
            assert not bare, f"claim it (libs.claims):\n{cell.source}"


@each_notebook
def test_what_is_not_compared_is_claimed(path):
    """After each cell whose output nbval ignores, and in its section, a claim follows."""
    pending = None
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and re.match(r"#{1,2} ", cell.source):
            assert pending is None, f"no claim after:\n{pending}"
        if cell.cell_type != "code":
            continue
        if "nbval-ignore-output" in tags(cell):
            pending = cell.source
        elif any(not isinstance(about, ast.Constant) for about in claims(cell)):
            pending = None
    assert pending is None, f"no claim after:\n{pending}"


@each_notebook
def test_it_is_written_to_be_read(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert len(lines) <= 24, f"{len(lines)} lines:\n{cell.source}"
            for output in cell.outputs:
                assert texts(output).count("\n") <= 60 or "text/html" in output.get("data", {})
        else:
            is_table = cell.source.count("|") > 12
            count = count_words(cell.source)
            assert count <= 160 or is_table, f"{count} words:\n{cell.source}"


def test_all_of_a_lesson_is_counted(tmp_path):
    """Formulas, the address of a link, and the setup cell as well."""
    words = nbformat.v4.new_markdown_cell("# A title\n\n$$a + b$$ and [a link](to.ipynb#A)")
    code = [nbformat.v4.new_code_cell(source) for source in ("x = 1\n\ny = 2", "# note\nx")]
    nbformat.write(nbformat.v4.new_notebook(cells=[words, *code]), tmp_path / "a.ipynb")
    assert counts(tmp_path / "a.ipynb") == {"cells": 3, "words": 9, "lines of code": 4}


@each_lesson
def test_it_is_one_sitting(path):
    """``python -m tools.counts`` prints the numbers."""
    over = {what: n for what, n in counts(path).items() if n > LIMITS[what]}
    assert not over, f"more than {LIMITS}"


@each_lesson
def test_its_stored_quiz_is_the_one_it_asks_today(path):
    """nbval says so as well, but in minutes: the script of all quizzes is stored with each."""
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    name = number(path.name)
    questions = json.loads((path.parent / "quiz" / f"{name}.json").read_text("utf-8"))
    stored = code[-1].outputs[0].data["text/html"]
    assert stored == Quiz(name, questions)._repr_html_(), "run `make notebooks` for this lesson"


@each_lesson
def test_its_stored_dashboards_look_and_work_as_today_s(path):
    """They run in a page: what was mended in their script is mended there only when stored anew."""
    js, css = (
        (ROOT / "libs/front" / f"dashboard.{kind}").read_text("utf-8") for kind in ("js", "css")
    )
    begin, end = (
        f'<style>{css}</style>\n<div class="dashboard"',
        f'<script type="module">{js}</script>',
    )
    outputs = [o for cell in cells(path) for o in cell.outputs]
    pages = [o.data.get("text/html", "") for o in outputs if "data" in o]
    for page in (page for page in pages if 'class="dashboard"' in page):
        today = page.startswith(begin), page.endswith(end)
        assert today == (True, True), "run `make notebooks` for this lesson"


@each_lesson
def test_three_predictions_at_least_are_answered(path):
    cells = nbformat.read(path, as_version=4).cells
    answered = sum(cell.source.count(".answer(") for cell in cells if cell.cell_type == "code")
    assert answered >= 3


@each_notebook
def test_it_is_soon_there(path):
    """Its pictures are what is large: fewer frames, fewer pixels, less noise in them."""
    size = path.stat().st_size
    assert size <= LARGEST, f"{size:,} bytes, more than {LARGEST:,}"


@each_lesson
def test_it_begins_and_ends_like_a_lesson(path):
    notebook = nbformat.read(path, as_version=4)
    name, course = number(path.name), notebook.metadata.course
    opening = notebook.cells[0].source
    assert opening.startswith(f"# {name} · {course['title']}\n")
    minutes = "1 minute" if course["minutes"] == 1 else f"{course['minutes']} minutes"
    assert f"> **Runs in** about {minutes} on a laptop CPU.\n" in opening
    setup, first = cells(path)[:2]
    assert setup.source == SOURCE, "run python tools/setup_cell.py"
    assert "setup" in tags(first)
    assert first.source.lstrip().startswith("from libs"), "libs first: it starts TensorFlow quietly"
    assert "start()" in first.source
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for section in ("What we learned", "Where next", "Further reading", "Quiz"):
        assert re.search(rf"^## {section}", prose, re.MULTILINE), f"no section {section}"
    for link in (
        f"https://colab.research.google.com/github/{NAME}/blob/main/notebooks/{path.name}",
        f"https://mybinder.org/v2/gh/{NAME}/main?labpath=notebooks/{path.name}",
    ):
        assert f"]({link})" in opening, "run python tools/setup_cell.py"
    last = [cell for cell in notebook.cells if cell.cell_type == "code"][-1]
    assert f'quiz("{name}")' in last.source


def metadata(lesson):
    return nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4).metadata.course


def before(lessons):
    """Return lessons and what must be done before them."""
    return {*lessons}.union(*(before(metadata(lesson)["prerequisites"]) for lesson in lessons))


@each_lesson
def test_its_opening_box_names_what_it_needs(path):
    """Its metadata may name lessons besides that those need in turn, and the box need not."""
    box = cells(path, "markdown")[0].source.partition("**You need**")[2].partition("**Runs in**")[0]
    links = re.findall(r"\[([^\]]+)\]\((\d\d[a-z]?-[\w-]+)\.ipynb\)", box)
    for text, lesson in links:
        assert text == f"{number(lesson)} · {metadata(lesson)['title']}"
    named, needed = [lesson for _, lesson in links], metadata(path.stem)["prerequisites"]
    assert {*named} <= {*needed}
    assert before(named) == before(needed)


def test_the_map_and_the_table_of_lesson_00_say_what_the_lessons_say():
    courses = {path.stem: metadata(path.stem) for path in LESSONS}
    (table,) = [
        cell for cell in cells(LESSONS[0], "markdown") if "| Minutes to run |" in cell.source
    ]
    rows = [
        line.split(" | ")[:2]
        for line in table.source.splitlines()
        if re.match(r"\| \W?\d\d[a-z]? ", line)
    ]
    named = {stem: f"{number(stem)} {course['title']}" for stem, course in courses.items()}
    assert rows == [
        [f"| [{named[stem]}]({stem}.ipynb)" if stem != LESSONS[0].stem else f"| {named[stem]}",
         str(course["minutes"])]
        for stem, course in courses.items()
    ]  # fmt: skip
    (drawn,) = [cell.source for cell in cells(LESSONS[0]) if cell.source.startswith("lessons = [")]
    (lessons,) = (ast.literal_eval(node.value) for node in ast.parse(drawn).body)
    arrows = [(a, b) for b, *_, first in lessons for a in first.split()]
    for (name, words, *_), (stem, course) in zip(lessons, courses.items(), strict=True):
        assert name == number(stem)
        assert course["title"].lower().endswith(words.replace("\n", " ").lower())
    # who follows the arrows has done all that a lesson needs on coming to it
    for stem, course in courses.items():
        done, new = set(), {number(stem)}
        while new := {a for a, b in arrows if b in new} - done:
            done |= new
        needed = {number(lesson) for lesson in course["prerequisites"]}
        assert needed <= done, f"{stem} needs {sorted(needed - done)}, which lie on no arrow to it"
        assert number(stem) not in done


@each_lesson
def test_every_answer_of_its_quiz_has_feedback(path):
    questions = json.loads((path.parent / "quiz" / f"{number(path.name)}.json").read_text("utf-8"))
    assert len(questions) >= 3
    for question in questions:
        assert question["question"].strip()
        answers = question["answers"]
        assert all(answer.get("feedback", "").strip() for answer in answers), question
        right = [answer for answer in answers if answer.get("correct")]
        assert right, question
        if question["type"] == "multiple_choice":
            assert len(right) == 1
            assert len(answers) >= 3


@each_notebook
def test_no_compared_cell_hides_its_output_with_a_semicolon(path):
    """Nbval runs cells without their history, and then IPython does not see the semicolon."""
    for cell in cells(path):
        hides = cell.source.rstrip().endswith(";")
        assert not hides or "nbval-ignore-output" in tags(cell), cell.source


def exercises(path):
    """Yield (exercise, check, solution) of a notebook."""
    listed = nbformat.read(path, as_version=4).cells
    for i, cell in enumerate(listed):
        if "exercise" not in tags(cell):
            continue
        check, help_ = listed[i + 1], listed[i + 2]
        assert "check" in tags(check), f"no check after:\n{cell.source}"
        assert help_.cell_type == "markdown"
        assert help_.source.count("<details>") == help_.source.count("</details>") == 3
        for part in ("Hint 1", "Hint 2", "Solution"):
            assert f"<summary>{part}</summary>" in help_.source, f"no {part} after:\n{check.source}"
        solution = help_.source.split("<summary>Solution</summary>")[1]
        yield cell.source, check.source, re.search(r"```python\n(.*?)```", solution, re.DOTALL)[1]


def name_of(exercise):
    """Return what an exercise defines first, by which its wrong answers are stored."""
    first = ast.parse(exercise).body[0]
    return first.name if isinstance(first, ast.FunctionDef) else ast.unparse(first.targets[0])


def wrong_answers(path):
    """Return what learners get wrong in a lesson: of each exercise (source, what is said of it)."""
    file = WRONG_ANSWERS / f"{number(path.stem)}.py"
    return runpy.run_path(str(file))["WRONG"] if file.exists() else {}


def set_up(path, folder, monkeypatch):
    """Run the cells that exercises may need; return the names that they make."""
    # the lesson itself may run at the same time, and begins by emptying its folder
    monkeypatch.setattr("libs.notebook.OUT", folder)
    names = {"__name__": "notebook"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells(path):
            if {"setup", "exercise", "check"} & set(tags(cell)):  # a set-up may ask what passed
                run(cell.source, names)
    return names


def run(source, names):
    """Run a cell's source; return the value of its last line, as a notebook would show it."""
    file = f"<cell {hash(source)}>"  # AutoGraph reads a function's source
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec"), names)
    return eval(compile(ast.Expression(last.value), file, "eval"), names) if last else None


def swapped(solution):
    """Return a solution that gives its results in reverse; None if it gives but one."""
    tree = ast.parse(solution)
    pairs = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    pairs = [value for value in pairs if isinstance(value, ast.Tuple)]
    for value in pairs:
        value.elts.reverse()
    return ast.unparse(tree) if pairs else None


def endless(solution):
    """Return a solution whose functions wait, longer than tests let them; None if it has none."""
    tree = ast.parse(solution)
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for function in found:
        function.body = ast.parse("while WAIT():\n    pass\nraise TimeoutError").body
    return ast.unparse(tree) if found else None


def within(seconds, monkeypatch):
    """Shorten the time limit of checks; return what tells, for ten times as long, to wait on."""
    setitimer, began = signal.setitimer, []
    monkeypatch.setattr(
        signal, "setitimer", lambda which, s, *again: setitimer(which, min(s, seconds), *again)
    )

    def wait():
        began.append(time.monotonic())
        return began[-1] - began[0] < 10 * seconds

    return wait


@each_lesson
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no timer")
def test_none_of_its_checks_waits_for_ever(path, tmp_path, monkeypatch):
    names = set_up(path, tmp_path, monkeypatch)
    for _, check, solution in exercises(path):
        # a limit that ends TensorFlow's own tracing, as on a busy machine, is told in its words
        for seconds in (0.2, 5) if (source := endless(solution)) else ():
            here = dict(names)
            with monkeypatch.context() as patch:
                # some checks give a function names of its own
                patch.setattr(builtins, "WAIT", within(seconds, patch), raising=False)
                run(source, here)
                verdict = run(check, here)
            if verdict.state == "wrong" and "is still not done after" in verdict.message:
                break
        else:
            assert not source, f"{verdict!r}\n{check}"


@each_lesson
def test_its_exercises_can_be_solved_and_are_checked(path, tmp_path, monkeypatch):
    """Unfilled, the check says so; solved, it says right; and it names what learners get wrong."""
    found = list(exercises(path))
    assert found, "no exercise"
    wrong = wrong_answers(path)
    assert set(wrong) <= {name_of(exercise) for exercise, *_ in found}
    names = set_up(path, tmp_path, monkeypatch)
    for exercise, check, solution in found:
        answers = [(exercise, "empty", ""), (solution, "right", "")]
        for source, says in wrong.get(name_of(exercise), []):
            answers.append((source, "empty" if "dots are left" in says else "wrong", says))
        if (turned := swapped(solution)) and "check_function(" in check:
            answers.append((turned, "wrong", "in another order: "))
        for source, state, says in answers:
            here = dict(names)
            run(source, here)
            verdict = run(check, here)
            assert isinstance(verdict, Verdict), f"ends without a verdict:\n{check}"
            assert verdict.state == state, f"{verdict!r}\n{source}\n{check}"
            assert re.search(says, verdict.message), f"{verdict!r} does not say {says}:\n{source}"


def sections(path):
    """Return the code of each section, by heading; an exercise ends none."""
    found, open_ones = {}, []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            for _, heading in open_ones:
                found[heading].append(cell.source)
            continue
        prose = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
        for marks, heading in re.findall(r"^(#+) (.+)$", prose, flags=re.MULTILINE):
            if not heading.startswith("Try it:"):
                open_ones = [one for one in open_ones if len(one[0]) < len(marks)]
                open_ones.append((marks, heading))
                found.setdefault(heading, [])
    return found


def systems(text):
    """Return ARCHITECTURE's systems: (what, lesson, section, file, anchor, code)."""
    table = text.split("## Where each system runs")[1].split("\n## ")[0]
    cell = r"\| (.+) \| \[(\w+), \*(.+)\*\]\(notebooks/([^)#]+)#([^)]+)\) \| `(.+)` \|"
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    found = [re.fullmatch(cell, row) for row in rows]
    assert all(found), [row for row, match in zip(rows, found, strict=True) if not match]
    return [match.groups() for match in found]


def missing(text, folder):
    """Return what is wrong with ARCHITECTURE's table of systems."""
    wrong = []
    for what, lesson, section, file, anchor, code in systems(text):
        path = folder / file
        if number(file) != lesson or not path.is_file():
            wrong.append(f"{what}: no notebook {file} of lesson {lesson}")
        elif anchor != section.replace(" ", "-") or section not in sections(path):
            wrong.append(f"{what}: {file} has no section {section!r}")
        elif not any(code in source for source in sections(path)[section]):
            wrong.append(f"{what}: no cell of {file}, {section!r}, has {code}")
    return wrong


def test_every_system_runs_where_the_table_says():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert missing(text, ROOT / "notebooks") == []
    lessons = {lesson[:2] for _, lesson, *_ in systems(text)}
    assert lessons == {number(path.stem)[:2] for path in LESSONS} - {"00"}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[03, *The trap*]", "[04, *The trap*]", "no notebook 03-logistic-regression.ipynb of"),
        ("*The trap*", "*The tramp*", "no section 'The tramp'"),
        (
            "`naive_loss`",
            "`naive_los_`",
            "no cell of 03-logistic-regression.ipynb, 'The trap', has",
        ),
        ("ipynb#The-trap", "ipynb#The-data", "no section 'The trap'"),
    ],
)
def test_a_system_that_is_gone_is_missed(old, new, complaint):
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert old in text
    (found,) = missing(text.replace(old, new), ROOT / "notebooks")
    assert complaint in found


@each_lesson
def test_its_checks_name_what_learners_get_wrong(path):
    """Each exercise has three wrong answers or more; those that have none yet are listed."""
    wrong = wrong_answers(path)
    for exercise, *_ in exercises(path):
        answers = wrong.get(name_of(exercise), [])
        assert len(answers) >= 3, f"{len(answers)} wrong answers to {name_of(exercise)}"
        assert all(says for _, says in answers), f"{name_of(exercise)}: what must the check say?"
