"""Sphinx's settings for the site. `make site` copies the pages beside this file, then runs it."""

import json
import sys
import tomllib
from pathlib import Path

from docutils.nodes import SkipNode

HERE = Path(__file__).resolve().parent
ROOT = next(folder for folder in HERE.parents if (folder / "pyproject.toml").is_file())
sys.path.insert(0, str(ROOT))

from grader.trusted.latex import mathml  # noqa: E402, the folder must be known first
from tools import site  # noqa: E402

_project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

project = "Deep learning, one digit at a time"
author = site.AUTHOR
copyright = site.COPYRIGHT
version = _project["version"]
language = "en"
extensions = ["myst_nb"]
exclude_patterns = ["_build"]

# --- notebooks: what is stored is shown, nothing is run
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "gfm"  # tables, which what was predicted is shown in
# of outputs that answer a prediction; what folded code says, tools/site.py writes
nb_code_prompt_show = "Show {type}"
nb_code_prompt_hide = "Hide {type}"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 4
myst_heading_slug_func = "tools.site.slug"

# --- the look
html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_js_files = [(f"{name}.js", {"defer": "defer"}) for name in ("course", "progress")]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "repository_url": _project["urls"]["Repository"],
    "use_repository_button": True,
    "use_download_button": False,
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # a second field to search with, in a bar above each page
}
html_context = {"default_mode": "auto"}
pygments_style = "a11y-high-contrast-light"


# --- formulas: MathML, which browsers draw by themselves
def _inline(writer, node) -> None:
    drawn = mathml(node.astext(), display=False)
    # no line ends between it and a comma, which the word joiner at its end says
    writer.body.append(f'<span class="in-line">{drawn}</span>&#8288;')
    raise SkipNode


def _block(writer, node) -> None:
    writer.body.append(f'<div class="formula">{mathml(node.astext(), display=True)}</div>\n')
    raise SkipNode


def setup(app) -> None:
    """Tell Sphinx of the renderer, and what a translated page's headings are in English."""
    if (headings := HERE / "headings.json").is_file():
        site.HEADINGS.update(json.loads(headings.read_text("utf-8")))
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))


html_math_renderer = "mathml"
