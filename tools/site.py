"""Make the course's site from the stored notebooks: ``make site``. Nothing is run.

Pages are written to ``build/site``; open ``build/site/index.html``, no server is needed. What a
reader of pages has no use for is left out (claims), folded (set-up, plotting), or hidden until
asked for (what answers a prediction).
"""

import argparse
import ast
import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from grader.trusted.latex import mathml

ROOT = Path(__file__).resolve().parent.parent
PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"
LESSONS = "[0-9][0-9]*-*.ipynb"
FRONT, ALIVE = ROOT / "libs" / "front", ROOT / "docs" / "alive"
LIVE = {"DigitPad(": "pad", "LatentExplorer(": "explorer"}
_PICTURE = re.compile(r'(src|srcset)="data:image/(png|gif|webp);base64,([^"]+)"')


def slug(heading: str) -> str:
    """Return what JupyterLab calls a heading, as links in the notebooks do."""
    return heading.replace(" ", "-")


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
    lines = source.splitlines()
    found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and _proves(node)]
    for node in sorted(found, key=lambda node: node.lineno, reverse=True):
        first = node.lineno - 1
        while first and lines[first - 1].strip().startswith("#"):
            first -= 1
        lines[first : node.end_lineno] = [""] * (node.end_lineno - first)
    # a line that was empty before stays so, once
    return re.sub(r"\n{3,}", "\n\n\n", "\n".join(lines)).strip()


def as_page(lesson: str, notebook, folder: Path) -> None:
    """Change a notebook to what a page shows of it; write its pictures into a folder."""
    make_alive(lesson, notebook.cells)
    asked = False  # a prediction, whose answer the next output is
    for cell in notebook.cells:
        tags = cell.metadata.setdefault("tags", [])
        if cell.cell_type == "markdown":
            asked = asked or "**Predict first.**" in cell.source
            cell.source = cell.source.replace("](../docs/", "](../")  # pages of docs/ lie above
            continue
        cell.source = without_claims(cell.source)
        if not cell.source or cell.get("id") == "setup":
            tags.append("remove-cell")
        elif "setup" in tags or cell.metadata.get("jupyter", {}).get("source_hidden"):
            tags.append("hide-input")
        # a server of the author's machine, such as TensorBoard, is nowhere else
        cell.outputs = [o for o in cell.outputs if "//localhost" not in json.dumps(o)]
        shown = [output for output in cell.outputs if output.output_type != "error"]
        if (asked or ".answer(" in cell.source) and shown and "remove-cell" not in tags:
            tags.append("hide-output")
            asked = False
        for output in shown:
            if page := output.get("data", {}).get("text/html"):
                output.data["text/html"] = _PICTURE.sub(lambda m: _stored(m, folder), page)


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
    text = re.sub(r"(?m)^export ", "", "\n".join(scripts))
    (folder / "alive.js").write_text(f"(() => {{\n{text}\n}})();\n", "utf-8")
    for path in ALIVE.glob("*.json"):
        network = f"courseAlive.networks[{json.dumps(path.stem)}] = {path.read_text('utf-8')};\n"
        (folder / f"{path.stem}.js").write_text(network, "utf-8")


def _stored(match: re.Match, folder: Path) -> str:
    """Write a picture that a page holds into a file of its own; return the link to it."""
    attribute, kind, encoded = match.groups()
    content = base64.b64decode(encoded)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    lazy = 'loading="lazy" ' if attribute == "src" else ""
    return f'{lazy}{attribute}="../_static/pictures/{name}"'


def the_map() -> str:
    """Return the table of lessons in README."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = re.search(r"(?m)^\| \| Lesson \|.*(?:\n\|.*)+", text)[0].replace("](docs/", "](")
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


def write_pages() -> None:
    """Write what Sphinx reads."""
    for folder in (PAGES, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES)
    pictures = PAGES / "_static" / "pictures"
    (PAGES / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        as_page(path.stem, notebook, pictures)
        nbformat.write(notebook, PAGES / "notebooks" / path.name)
    shutil.copytree(ROOT / "notebooks" / "scale", PAGES / "notebooks" / "scale")
    (PAGES / "homework").mkdir()
    for path in sorted((ROOT / "homework" / "source").glob("*/*.ipynb")):
        text = assignment(path)
        (PAGES / "homework" / f"{path.stem}.md").write_text(text + "\n", "utf-8")
    script = f"window.courseTerms = {json.dumps(terms(), ensure_ascii=False)};\n"
    (PAGES / "_static" / "terms.js").write_text(script, "utf-8")
    style = PAGES / "_static" / "course.css"
    styles = [style, *(FRONT / f"{name}.css" for name in LIVE.values())]
    style.write_text("\n".join(path.read_text("utf-8") for path in styles), "utf-8")
    write_alive(PAGES / "_static" / "alive")
    shutil.rmtree(PAGES / "alive")
    for path in PAGES.glob("*.md"):  # here notebooks lie beside them, in the repository above
        text = path.read_text("utf-8").replace("](../notebooks/", "](notebooks/")
        path.write_text(text.replace("{map}", the_map()), "utf-8")


def draw_icons() -> None:
    """Put the icons that pages use into them, in place of the theme's script of 1.5 MB."""
    script = SITE / "_static" / "scripts" / "fontawesome.js"
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

    for page in SITE.rglob("*.html"):
        text = re.sub(r"<script[^>]*fontawesome\.js[^>]*></script>", "", page.read_text("utf-8"))
        text = re.sub(r"<link[^>]*fontawesome\.js[^>]*>", "", text)
        page.write_text(re.sub(r'<i class="([^"]*\bfa-[^"]*)"([^>]*)></i>', drawn, text), "utf-8")
    script.unlink()


def make_site() -> int:
    """Write the pages and have Sphinx make the site; return its exit status."""
    write_pages()
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "--jobs", "auto"]
    done = subprocess.run([*command, PAGES, SITE], cwd=ROOT, check=False)
    if done.returncode == 0:
        draw_icons()
    return done.returncode


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
