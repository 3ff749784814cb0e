"""Make the course's site from the stored notebooks: ``make site``. Nothing is run.

Pages are written to ``build/site``; open ``build/site/index.html``, no server is needed. What a
reader of pages has no use for is left out (claims), folded (set-up, plotting), or hidden until
asked for (what answers a prediction). What is translated (``tools/translation.py``) is a site of
its own, such as ``build/site/de``; a line at a page's top leads to the other language.
"""

import argparse
import ast
import base64
import hashlib
import html
import io
import json
import posixpath
import random
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Collection
from pathlib import Path

import nbformat
from babel.core import Locale
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from grader.trusted.latex import mathml
from tools.translation import LOCALE, Translator, languages, lessons_in, missing, quiz_texts
from tools.workspace import lessons, read, unrun, without_way

ROOT = Path(__file__).resolve().parent.parent
PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"
LESSONS = "[0-9][0-9]*-*.ipynb"
FRONT, ALIVE = ROOT / "libs" / "front", ROOT / "docs" / "alive"
RECORDS = ROOT / "benchmarks" / "records"
AUTHOR = "the authors of the course"
COPYRIGHT = "text and figures CC BY 4.0, code MIT"
LIVE = {"DigitPad(": "pad", "LatentExplorer(": "explorer"}
FOLDED = {  # what a folded cell's line says that it holds
    "imports": "Imports",
    "solution": "What the lesson goes on with: a solution",
    "check": "The check",
    "figure": "Code of the figure",
    "code": "Code",
}
ASKING = ("predict", "predict_first")  # what asks for a prediction
HEADINGS: dict[str, str] = {}  # of translated pages, in English: places keep their names
# what makes sense in a notebook alone, between two marks
_NOTEBOOK = re.compile(r"(?s)\n*<!-- notebook -->\n.*?<!-- /notebook -->")
# a check of an exercise that no one who reads can fill in
_UNFILLED = re.compile(r"\W*Not (?:all of it is )?filled in yet")
_MOVING = re.compile(r"(?s)<details open><summary>[^<]*</summary>(<picture>.*?)</details>")
_ASKED = re.compile(r"(?s)^<p>Predict first\. (.*?)</p>(.*)$")
_PICTURE = re.compile(r'(src|srcset)="data:image/(png|gif|webp);base64,([^"]+)"')


def slug(heading: str) -> str:
    """Return what JupyterLab calls a heading, as links in the notebooks do."""
    return HEADINGS.get(heading, heading).replace(" ", "-")


def _proves(node: ast.stmt) -> bool:
    """Return whether a statement does nothing but claim."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return getattr(node.value.func, "id", "") == "claim"
    if isinstance(node, ast.For | ast.If | ast.With):
        return not getattr(node, "orelse", []) and all(map(_proves, node.body))
    return isinstance(node, ast.ImportFrom) and node.module == "libs.claims"


def without_claims(source: str) -> str:
    """Return a cell's code without what it claims, and the comments that stand before claims."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic
        return source
    lines, found = source.splitlines(), []
    for node in ast.walk(tree):
        other = getattr(node, "orelse", None)
        if isinstance(node, ast.stmt) and _proves(node):
            found.append((node.lineno - 1, node.end_lineno))
        elif isinstance(other, list) and other and all(map(_proves, other)):
            before = [*node.body, *getattr(node, "handlers", [])][-1].end_lineno
            found.append((before, other[-1].end_lineno))  # nor an "else" that leads to nothing
    inside = [one for one in found if any(a <= one[0] and one[1] <= b for a, b in {*found} - {one})]
    for first, end in sorted({*found} - {*inside}, reverse=True):
        while first and lines[first - 1].strip().startswith("#"):
            first -= 1
        del lines[first:end]
        if "" in lines[max(first - 1, 0) : first] and "" in lines[first : first + 1]:
            del lines[first]  # one of the empty lines on both its sides
    return "\n".join(lines).strip()


def _used(source: str, sources: list[str]) -> bool:
    """Return whether another of some cells speaks of what this one makes."""
    nodes = list(ast.walk(ast.parse(source)))
    made = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    within = {n for each in nodes if isinstance(each, ast.comprehension) for n in ast.walk(each)}
    stored = (n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    made |= {n.id for n in stored if n not in within}
    others = (_names(other) for other in sources if other != source)
    return any((made - {"_"}) & names for names in others)


def _names(source: str) -> set[str]:
    """Return the names that a cell reads; of one with a magic all of its words."""
    try:
        nodes = ast.walk(ast.parse(source))
    except SyntaxError:
        return set(re.findall(r"\w+", source))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _only_names(source: str) -> bool:
    """Return whether a cell does nothing but give names, so that without them nothing is lost."""

    def names(node: ast.stmt) -> bool:
        if isinstance(node, ast.For | ast.If):
            return all(map(names, [*node.body, *node.orelse]))
        return isinstance(node, ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.ClassDef)

    return all(map(names, ast.parse(source).body))


def as_page(lesson: str, notebook, folder: Path) -> None:
    """Change a notebook to what a page shows of it; write its pictures into a folder."""
    make_alive(lesson, notebook.cells)
    offer(lesson, notebook.cells[0], folder.with_name("lessons"))
    sources = [without_claims(c.source) for c in notebook.cells if c.cell_type == "code"]
    asked = False  # a prediction, whose answer the next output is
    for cell in notebook.cells:
        tags = cell.metadata.setdefault("tags", [])
        if cell.cell_type == "markdown":
            asked = asked or "**Predict first.**" in cell.source
            cell.source = _NOTEBOOK.sub("", without_way(cell.source))
            cell.source = cell.source.replace("](../docs/", "](../")  # they lie above
            continue
        claimed, cell.source = cell.source, without_claims(cell.source)
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
        idle = claimed != cell.source and not cell.outputs and (hidden or _only_names(cell.source))
        if not cell.source or cell.get("id") == "setup":
            tags.append("remove-cell")
        elif _asks(cell.source) and cell.outputs:
            tags.append("remove-input")  # it is what it shows
        elif idle and not _used(cell.source, sources):
            tags.append("remove-cell")  # what only a claim had a use for
        elif "setup" in tags or hidden:
            tags.append("hide-input")
            label = holds(cell)
            cell.metadata["mystnb"] = {"code_prompt_show": label, "code_prompt_hide": label}
        # a server of the author's machine, such as TensorBoard, is nowhere else
        cell.outputs = [o for o in cell.outputs if "//localhost" not in json.dumps(o)]
        cell.outputs = [o for o in cell.outputs if not _blank(o) and not _unfilled(o)]
        shown = [output for output in cell.outputs if output.output_type != "error"]
        if (asked or ".answer(" in cell.source) and shown and "remove-cell" not in tags:
            tags.append("hide-output")
            asked = False
        for output in shown:
            if "data" in output:
                output.data.update({kind: as_read(text) for kind, text in output.data.items()})
            if page := output.get("data", {}).get("text/html"):
                if asks := _ASKED.match(page):
                    page = _with_question(asks, cell.source)
                output.data["text/html"] = _PICTURE.sub(lambda m: _stored(m, folder), page)


def holds(cell) -> str:
    """Return what a folded cell's code is for, so that one knows whether to open it."""
    source = cell.source
    if re.search(r"\bcheck_(?:function|value)\(|\bVerdict\.of\(", source):
        return FOLDED["check"]
    if re.match(r"(?:from|import) ", source):
        return FOLDED["imports"]
    if re.search(r"(?m)^def lessons_|^# the lesson goes on with", source):
        return FOLDED["solution"]
    named = re.findall(r"(?m)^(?:def|class) (\w+)", source)
    if re.search(r"\b(?:show|montage|build_gif)\(|(?m:^alt = )", source):
        return FOLDED["figure"]
    named += re.findall(r"(?m)^(\w+)(?:, \w+)* = ", source)
    named = [name for name in dict.fromkeys(named) if name != "_"][:3]
    return f"{FOLDED['code']}: {', '.join(named)}" if named else FOLDED["code"]


def as_read(shown):
    """Return what a cell shows, without a word on predictions that no one who reads can make.

    A moving picture needs no fold to stop it, for course.js gives it a button.
    """
    if not isinstance(shown, str):
        return shown
    shown = shown.replace("You had not committed a prediction. ", "").replace("<ul></ul>", "")
    shown = _MOVING.sub(r"\1", shown)
    table = re.sub(r"^\*\*0 of \d+ predictions were right\.\*\*\n+", "", shown)
    if table != shown:  # its columns: question, what was said, what is right, and whether it was
        table = re.sub(r"(?m)^\| (.*) \| [^|]* \| ([^|]*) \| [^|]*\|$", r"| \1 | \2 |", table)
    return table


def _with_question(match: re.Match, source: str) -> str:
    """Return a question as a page shows it, with what makes a form of it, but for a curve's."""
    text, choices = map(html.unescape, match.groups())
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    calls = [call for call in calls if getattr(call.func, "id", "") in ASKING]
    own = [call for call in calls if text in (getattr(first, "value", 0) for first in call.args)]
    keywords = {word.arg: word.value for word in (own or calls)[0].keywords}
    question = {"text": text, "unit": getattr(keywords.get("unit"), "value", "")}
    if said := re.findall(r"<li>(.*?)</li>", choices):
        question["choices"] = said
    form = (
        ""
        if "places" in keywords
        else f' data-ask="{html.escape(json.dumps(question, ensure_ascii=False))}"'
    )
    return f'<div class="asked"{form}><p><b>Predict first.</b> {match[1]}</p>{match[2]}</div>'


def offer(lesson: str, opening, folder: Path) -> None:
    """Put a link to the lesson's file, as no one has run it, behind that to Binder."""
    binder = re.search(r"\[Open in Binder\]\([^)]*\)", opening.source)
    if binder:
        folder.mkdir(parents=True, exist_ok=True)
        path = ROOT / "notebooks" / f"{lesson}.ipynb"
        (folder / path.name).write_bytes(unrun(read(path)))
        link = f'<a download href="../_static/lessons/{path.name}">Download</a>'
        ours = f'{binder[0]}<span class="download"> · {link}</span>'
        opening.source = opening.source.replace(binder[0], ours)


def _blank(output) -> bool:
    """Return whether an output shows nothing, as the one that Keras' summary leaves."""
    page = output.get("data", {}).get("text/html")
    return (
        page is not None
        and not re.sub(r"<[^>]*>", "", page).strip()
        and not re.search(r"<(img|svg|canvas|div)\b", page)
    )


def _unfilled(output) -> bool:
    """Return whether an output only says that an exercise has no answer yet."""
    return _UNFILLED.match(output.get("data", {}).get("text/plain", "")) is not None


def _asks(source: str) -> bool:
    """Return whether a cell does nothing but show a quiz, a question or what was predicted."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a magic
        return False
    asking = 0
    for statement in statements:
        match statement:
            case ast.Expr(ast.Call(ast.Name(name))) | ast.Assign(_, ast.Call(ast.Name(name))):
                if name not in ("quiz", "predictions", *ASKING):
                    return False
                asking += 1
            case ast.Assign(_, ast.Constant()):  # such as the question's words
                pass
            case _:
                return False
    return asking > 0


def make_alive(lesson: str, cells: list) -> None:
    """Put a live widget over a lesson's first still one, if its network is stored."""
    if not (ALIVE / f"{lesson}.json").is_file():
        return
    for cell in cells:
        stills = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        kind = next((kind for call, kind in LIVE.items() if call in cell.source), None)
        if kind and stills:
            still = stills[0].data["text/html"]  # for paper, and where no script runs
            page = f'<div data-alive="{kind}" data-network="{lesson}">{still}</div>'
            stills[0].data = {"text/html": page}
            return


def write_alive(folder: Path) -> None:
    """Write what lives in pages: one script of all modules, and one for each network.

    A page that is opened as a file may import no module, so modules become functions.
    """
    folder.mkdir()
    scripts = []
    for name in LIVE.values():
        page = (FRONT / f"{name}.js").read_text("utf-8").partition("// In a notebook")[0]
        scripts.append(f"const {name} = (() => {{\n{page}\nreturn {{ mount }};\n}})();")
    recorded = json.loads((FRONT.parent / "strokes.json").read_text("utf-8"))
    scripts.append(f"const recorded = {json.dumps(list(recorded.values()))};")
    scripts += [(ALIVE / f"{name}.js").read_text("utf-8") for name in ("alive", "play")]
    scripts.append("window.courseAlive = { unpack, run, ink, likeMnist, networks, start, play };")
    text = _as_script("\n".join(scripts))
    (folder / "alive.js").write_text(f"(() => {{\n{text}\n}})();\n", "utf-8")
    form = (FRONT / "predict.js").read_text("utf-8").partition("// In a notebook")[0]
    form += (ALIVE / "ask.js").read_text("utf-8") + "window.courseAsk = ask;"
    (folder / "ask.js").write_text(f"(() => {{\n{_as_script(form)}\n}})();\n", "utf-8")
    for path in ALIVE.glob("*.json"):
        network = f"courseAlive.networks[{json.dumps(path.stem)}] = {path.read_text('utf-8')};\n"
        (folder / f"{path.stem}.js").write_text(network, "utf-8")


def _as_script(module: str) -> str:
    """Return a module's text without its exports."""
    return re.sub(r"(?m)^export ", "", module)


def write_progress(folder: Path, translators: dict[str, Translator]) -> None:
    """Write what keeps a reader's answers, and the lessons that it knows of with their quizzes.

    ``translators`` are those of translated lessons, by their numbers. An answer is kept by the
    question's English text, so that all languages share it.
    """
    own = folder / "progress.js"
    scripts = [(FRONT / f"{name}.js").read_text("utf-8") for name in ("quiz", "progress")]
    text = "\n".join(
        [*(s.partition("// In a notebook")[0] for s in scripts), own.read_text("utf-8")]
    )
    text += "window.courseProgress = { read, merge, note, due };\n"
    own.write_text("(() => {\n" + _as_script(text) + "})();\n", "utf-8")
    known, names = lessons(), {}
    for number, lesson in known.items():
        path = ROOT / "notebooks" / "quiz" / f"{number}.json"
        lesson["questions"] = json.loads(path.read_text("utf-8"))
        for question in lesson["questions"]:
            if question["type"] != "numeric":  # as libs.notebook.Quiz
                random.Random(number + question["question"]).shuffle(question["answers"])
        if number in translators:
            said = translators[number].quiz(lesson["questions"])
            pairs = zip(said, lesson["questions"], strict=True)
            names |= {one["question"]: english["question"] for one, english in pairs}
            lesson["questions"] = said
    script = f"window.courseLessons = {json.dumps(known, ensure_ascii=False)};\n"
    script += f"window.courseNames = {json.dumps(names, ensure_ascii=False)};\n"
    (folder / "lessons.js").write_text(script, "utf-8")


def _stored(match: re.Match, folder: Path) -> str:
    """Write a picture that a page holds into a file of its own; return the link to it."""
    attribute, kind, encoded = match.groups()
    content = base64.b64decode(encoded)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    link = f'{attribute}="../_static/pictures/{name}"'
    if attribute == "srcset":
        return link
    wide, high = Image.open(io.BytesIO(content)).size  # so that its place is kept until it comes
    shown = re.search(r'\bwidth="(\d+)"', match.string[match.end() :].partition(">")[0])
    width = int(shown[1]) if shown else wide
    size = f'height="{round(high * width / wide)}"' + f' width="{wide}"' * (not shown)
    return f'loading="lazy" {size} {link}'


def the_map() -> str:
    """Return the table of lessons in README."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = re.search(r"(?m)^\| \| Lesson \|.*(?:\n\|.*)+", text)[0].replace("](docs/", "](")
    table = table.replace("](benchmarks/records/README.md)", "](records.md)")
    return f"```{{rst-class}} map\n```\n\n{table}"


def terms() -> dict[str, str]:
    """Return what the glossary says of each term, as HTML, by the place of its entry."""
    cells = nbformat.read(ROOT / "notebooks" / "glossary.ipynb", as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells)
    entries = re.findall(r"(?ms)^### (.+?)\n(.*?)(?=^#|\Z)", text)
    plain = ((name, entry.partition("→")[0]) for name, entry in entries)
    return {slug(name): _simple(entry) for name, entry in plain}


def _simple(markdown: str) -> str:
    """Return Markdown as HTML of one paragraph, without its links."""
    text = re.sub(r"\[([^]]+)]\([^)]*\)", r"\1", " ".join(markdown.split()))
    parts = re.split(r"\$([^$]+)\$", text)
    parts[1::2] = (mathml(part, display=False) for part in parts[1::2])
    for i in range(0, len(parts), 2):
        part = html.escape(parts[i], quote=False)
        part = re.sub(r"`([^`]+)`", r"<code>\1</code>", part)
        parts[i] = re.sub(r"\*+([^*]+)\*+", r"<em>\1</em>", part)
    return "".join(parts)


def assignment(path: Path) -> str:
    """Return the text of an assignment, without code, answers and tests."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(
        cell.source
        for cell in cells
        if cell.cell_type == "markdown" and not cell.metadata.get("nbgrader", {}).get("solution")
    )


def address() -> str:
    """Return the repository's address."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"][
        "Repository"
    ]


def write_frame(pages: Path, translators: dict[str, Translator] | None = None) -> None:
    """Write what any site has beside its pages: settings, style and scripts."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("locale", "alive"))
    script = f"window.courseTerms = {json.dumps(terms(), ensure_ascii=False)};\n"
    (pages / "_static" / "terms.js").write_text(script, "utf-8")
    style = pages / "_static" / "course.css"
    styles = [
        style,
        *(FRONT / f"{name}.css" for name in (*LIVE.values(), "quiz", "progress", "predict")),
    ]
    style.write_text("\n".join(path.read_text("utf-8") for path in styles), "utf-8")
    write_alive(pages / "_static" / "alive")
    write_progress(pages / "_static", translators or {})
    (pages / "notebooks").mkdir()


def write_pages() -> None:
    """Write what Sphinx reads."""
    shutil.rmtree(SITE, ignore_errors=True)
    write_frame(PAGES)
    pictures = PAGES / "_static" / "pictures"
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        as_page(path.stem, notebook, pictures)
        nbformat.write(notebook, PAGES / "notebooks" / path.name)
    shutil.copytree(ROOT / "notebooks" / "scale", PAGES / "notebooks" / "scale")
    (PAGES / "homework").mkdir()
    for path in sorted((ROOT / "homework" / "source").glob("*/*.ipynb")):
        text = assignment(path)
        (PAGES / "homework" / f"{path.stem}.md").write_text(text + "\n", "utf-8")
    shutil.copy(RECORDS / "README.md", PAGES / "records.md")
    shutil.copy(RECORDS / "board.png", PAGES)
    for path in PAGES.glob("*.md"):  # here notebooks lie beside them, in the repository above
        text = path.read_text("utf-8").replace("](../notebooks/", "](notebooks/")
        text = text.replace("{map}", the_map()).replace("{address}", address())
        path.write_text(text, "utf-8")


def write_translated(language: str, pages: Path) -> None:
    """Write what Sphinx reads of the lessons that are translated into a language."""
    HEADINGS.clear()
    lessons, titles = lessons_in(language), []
    translators = {lesson: Translator(language, lesson) for lesson in lessons}
    front = Translator(language, "front")
    write_frame(pages, {lesson.partition("-")[0]: t for lesson, t in translators.items()})
    for path in pages.glob("*.md"):
        path.unlink()
    for path in (pages / "_static").rglob("*.js"):
        if path.stem in ("alive", "course", "progress"):
            path.write_text(front.front(path.read_text("utf-8")), "utf-8")
    for lesson, translator in translators.items():
        notebook = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = translator.cell(without_way(cell.source))
        titles.append(re.search(r"(?m)^# (.+)$", notebook.cells[0].source)[1])
        HEADINGS.update(translator.headings)
        as_page(lesson, notebook, pages / "_static" / "pictures")
        for output in (o for cell in notebook.cells for o in cell.get("outputs", [])):
            if page := output.get("data", {}).get("text/html"):
                output.data["text/html"] = in_language(page, language, translator, front)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = lead_to_english(cell.source, lessons)
        nbformat.write(notebook, pages / "notebooks" / f"{lesson}.ipynb")
        if left := len(missing(language, lesson)):
            print(f"{language}: {left} texts of {lesson} are in English: none is translated as it")
            print(f"    stands now. python -m tools.translation {language} lists them in its file.")
    if left := len(missing(language, "front")):
        print(f"{language}: {left} texts of widgets and quizzes are in English.")
    (pages / "headings.json").write_text(json.dumps(HEADINGS), "utf-8")
    index = (LOCALE / language / "index.md").read_text("utf-8").replace("{address}", address())
    found = zip(titles, lessons, strict=True)
    listed = "\n".join(f"- [{title}](notebooks/{lesson}.ipynb)" for title, lesson in found)
    toctree = "```{toctree}\n:hidden:\n:glob:\n\nnotebooks/*\n```\n"
    text = f"{index.replace('{lessons}', listed)}\n{toctree}"
    (pages / "index.md").write_text(text, "utf-8")


def in_language(page: str, language: str, translator: Translator, front: Translator) -> str:
    """Return what a cell shows as HTML with its widgets and its quiz in a language."""
    tag = language.replace("_", "-")
    if found := re.search(r'(?s)data-questions="([^"]*)">(.*?)</ol>', page):
        asked = json.loads(html.unescape(found[1]))
        said = translator.quiz(asked)
        plain = found[2]  # for where no script runs
        texts = dict(zip(quiz_texts(asked), quiz_texts(said), strict=True))
        for text in sorted(texts, key=len, reverse=True):
            plain = plain.replace(f">{html.escape(text)}<", f">{html.escape(texts[text])}<")
        encoded = html.escape(json.dumps(said, ensure_ascii=False))
        page = page.replace(found[0], f'data-questions="{encoded}">{plain}</ol>')
    page = re.sub(
        r'<div (class="quiz"|class="dashboard"|data-alive)', rf'<div lang="{tag}" \1', page
    )
    return front.front(page) if f'lang="{tag}"' in page or "<summary>" in page else page


def lead_to_english(source: str, lessons: Collection[str]) -> str:
    """Have links of a translated page to pages that are not lead to the English ones.

    As HTML, for Sphinx takes a link to a page that it doesn't know for a mistake.
    """

    def led(match: re.Match) -> str:
        page, mark, place = match[2].partition("#")
        if not page or ":" in page or page.removesuffix(".ipynb") in lessons:
            return match[0]
        page = posixpath.normpath(f"../../notebooks/{page}")
        page = re.sub(r"\.(ipynb|md)$", ".html", page)
        return f'<a hreflang="en" href="{page}{mark}{place}">{match[1]}</a>'

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", led, source)


def finish_translated(language: str, folder: Path) -> None:
    """Say what is English on pages, and lead from each page to the same in the other language."""
    front = Translator(language, "front")
    known = front.plain("Code, pictures and what cells print are in English.")
    for page in (folder / "index.html", *sorted((folder / "notebooks").glob("*.html"))):
        inside = page.relative_to(folder).as_posix()
        up = "../" * inside.count("/")
        text = page.read_text("utf-8").replace('<div class="cell ', '<div lang="en" class="cell ')
        for words in (*FOLDED.values(), "Show output", "Hide output"):
            there = f'admonition-title" lang="{folder.name}">{front.plain(words)}'
            text = re.sub(f'admonition-title">{words}(?=[<:])', there, text)
        page.write_text(_with_way(text, "en", f"{up}../{inside}", known), "utf-8")
        english = SITE / inside
        text = _with_way(english.read_text("utf-8"), language, f"{up}{folder.name}/{inside}")
        english.write_text(text, "utf-8")


def _with_way(page: str, language: str, link: str, known: str = "") -> str:
    """Return a page, led by a link to the same in another language, and by what is to be known."""
    name = Locale.parse(language).display_name
    tag = language.replace("_", "-")
    way = f'<p class="languages"><a hreflang="{tag}" lang="{tag}" href="{link}">{name}</a></p>'
    way += f'\n<p class="languages">{known}</p>' * bool(known)
    return re.sub(r'(<article class="bd-article"[^>]*>)', rf"\1\n{way}", page, count=1)


def draw_icons(site: Path) -> None:
    """Put the icons that pages use into them, in place of the theme's script of 1.5 MB."""
    script = site / "_static" / "scripts" / "fontawesome.js"
    icons = dict(
        re.findall(
            r'"?([a-z0-9-]+)"?:(\[\d+,\d+,\[[^]]*\],"[0-9a-f]+",(?:"[^"]+"|\[[^]]+\])\])',
            script.read_text("utf-8"),
        )
    )

    def drawn(match: re.Match) -> str:
        """Return an icon as a drawing, with the classes by which the theme finds it."""
        classes, more = match[1], re.sub(r' aria-hidden="[^"]*"', "", match[2])
        name = next(c[3:] for c in classes.split() if c[:3] == "fa-" and c[3:] in icons)
        width, height, _, _, path = json.loads(icons[name])
        return (
            f'<svg class="svg-inline--fa {classes}" viewBox="0 0 {width} {height}"{more} '
            f'aria-hidden="true"><path fill="currentColor" d="{path}"/></svg>'
        )

    for page in site.rglob("*.html"):
        text = re.sub(r"<script[^>]*fontawesome\.js[^>]*></script>", "", page.read_text("utf-8"))
        text = re.sub(r"<link[^>]*fontawesome\.js[^>]*>", "", text)
        page.write_text(re.sub(r'<i class="([^"]*\bfa-[^"]*)"([^>]*)></i>', drawn, text), "utf-8")
    script.unlink()


def _build(pages: Path, site: Path, language: str = "en") -> int:
    """Have Sphinx make a site, named as its first page; return its exit status."""
    title = re.search(r"(?m)^# (.+)$", (pages / "index.md").read_text("utf-8"))[1]
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "--jobs", "auto"]
    front = Translator(language, "front")
    command += ["-D", f"language={language}", "-D", f"html_title={title}"]
    command += ["-D", f"author={front.plain(AUTHOR)}", "-D", f"copyright={front.plain(COPYRIGHT)}"]
    command += [pages, site]
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode == 0:
        draw_icons(site)
    return done.returncode


def make_site() -> int:
    """Write the pages; have Sphinx make the site and its translations. Return its status."""
    write_pages()
    failed = _build(PAGES, SITE)
    for language in () if failed else languages():
        failed = failed or make_translated(language)
    for page in () if failed else SITE.rglob("*.html"):
        # a folded cell is called by what its line says, which this name would speak over
        text = page.read_text("utf-8")
        page.write_text(
            text.replace('<summary aria-label="Toggle hidden content">', "<summary>"), "utf-8"
        )
    return failed


def make_translated(language: str) -> int:
    """Make the site of a language, beside the English one; return Sphinx's exit status."""
    pages, folder = PAGES.parent / f"pages-{language}", SITE / language
    write_translated(language, pages)
    if failed := _build(pages, folder, language):
        return failed
    finish_translated(language, folder)
    return 0


def main() -> int:
    """Make the site, and say where it is."""
    parser = argparse.ArgumentParser(prog="make site", description=__doc__)
    parser.parse_args()
    if failed := make_site():
        return failed
    print(f"The site is made: {(SITE / 'index.html').relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
