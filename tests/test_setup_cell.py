"""The cell that every lesson starts with: here, on Colab, and under a kernel without the course."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from packaging.utils import canonicalize_name
from project import WORKFLOWS

from libs import ROOT
from tools import colab, pretend_colab, setup_cell, workspace
from tools.translation import lesson_paragraphs

LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]*-*.ipynb"))
GOOGLE = "calls = []\n\ndef enable_custom_widget_manager():\n    calls.append(1)\n"
PIP = """
import json, os, sys
with open(os.environ["PIP_CALLS"], "a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
for word in sys.argv:
    if word.startswith("--constraint="):
        print(json.dumps(open(word.partition("=")[2]).read()), file=open(os.environ["PIN"], "w"))
print("ERROR: no network", file=sys.stderr)
sys.exit(int(os.environ.get("PIP_FAILS", 0)))
"""


# --- one text, one address ----------------------------------------------------------------------


def test_every_lesson_has_the_cell_and_every_link_the_address():
    lessons = {path: json.dumps(json.loads(path.read_text("utf-8"))) for path in LESSONS}
    for path, text in lessons.items():
        assert text == json.dumps(setup_cell.with_setup(json.loads(text), path.name)), path.name
    for path in (ROOT / "README.md", *WORKFLOWS):
        text = path.read_text("utf-8")
        assert text == setup_cell.addressed(text, LESSONS[0].name), "run python tools/setup_cell.py"
    assert setup_cell.CELL["metadata"] == {"jupyter": {"source_hidden": True}, "tags": ["setup"]}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """What the tool reads and writes, in a folder of its own, under another address."""
    root = tmp_path_factory.mktemp("copy")
    hidden = shutil.ignore_patterns("out", ".*", "0[2-9]*", "01[a-z]*", "1*")
    shutil.copytree(ROOT / "notebooks", root / "notebooks", ignore=hidden)
    shutil.copytree(ROOT / ".github" / "workflows", root / ".github" / "workflows")
    (root / "tools").mkdir()
    for name in ("tools/setup_cell.py", "tools/workspace.py", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    return root


def write(root, address=setup_cell.ADDRESS, site=setup_cell.SITE):
    """Run the tool with addresses in pyproject.toml; return the files that it wrote."""
    project = (root / "pyproject.toml").read_text("utf-8")
    addresses = f'Repository = "{address}"\n' + f'Documentation = "{site}"\n' * bool(site)
    project = re.sub(r"(?m)^Repository = .*\n(Documentation = .*\n)?", addresses, project)
    (root / "pyproject.toml").write_text(project, "utf-8")
    command = [sys.executable, "tools/setup_cell.py"]
    return set(subprocess.check_output(command, cwd=root, text=True).split())


COPY = "https://github.com/a-school/dl.2027"


def test_another_address_is_written_everywhere_and_only_once(copied):
    lessons = {f"notebooks/{path.name}" for path in LESSONS[:2]}
    workflows = {f".github/workflows/{name}.yml" for name in ("gpu", "nightly", "site")}
    assert write(copied) == set()
    there = "https://a-school.example/dl"
    assert write(copied, COPY, there) == {"README.md", *lessons, *workflows}
    for path in [p for p in copied.rglob("*") if p.is_file()]:
        assert setup_cell.NAME.encode() not in path.read_bytes(), path
    readme = (copied / "README.md").read_text("utf-8")
    for name in ("README.md", *lessons):
        text = (copied / name).read_text("utf-8")
        lesson = LESSONS[0].name if name == "README.md" else name.removeprefix("notebooks/")
        assert f"github/a-school/dl.2027/blob/main/notebooks/{lesson})" in text
        assert f"gh/a-school/dl.2027/main?labpath=notebooks/{lesson})" in text
        page = f"{there}/notebooks/{lesson.removesuffix('.ipynb')}.html"
        assert text.count(page) == text.count("<summary>Hint 1</summary>")
    assert f"git clone {COPY}\ncd dl.2027\n" in readme
    for name in workflows:
        asked = re.findall("github.repository == .*", (copied / name).read_text("utf-8"))
        assert set(asked) == {"github.repository == 'a-school/dl.2027'"}
    for end in ("", "/", ".git", ".git/"):
        assert write(copied, COPY + end, f"{there}/") == set(), end
    # without a site no line leads there, and nothing else changes
    before = {name: (copied / name).read_text("utf-8") for name in lessons}
    assert write(copied, COPY, "") == lessons
    for name, text in before.items():
        now = (copied / name).read_text("utf-8")
        assert there not in now
        assert now == re.sub(r'    "\*Not folded\? .*\n    "\\n",\n', "", text)
    assert write(copied, COPY, there) == lessons


def test_who_reads_where_nothing_folds_is_led_to_the_site_and_nobody_else(tmp_path):
    lesson = "03-logistic-regression"
    stored = ROOT / "notebooks" / f"{lesson}.ipynb"
    cells = json.loads(stored.read_text("utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    folds = [text for text in texts if "<summary>Solution</summary>" in text]
    assert len(folds) >= 3
    assert folds == [setup_cell.with_way(text, stored.name) for text in folds]
    for text in folds:
        assert f"[the site]({setup_cell.SITE}/notebooks/{lesson}.html)" in text.splitlines()[0]
    copy = workspace.unrun(workspace.read(stored)).decode()  # work/'s, and the site's to take along
    assert setup_cell.SITE not in copy
    assert copy.count("<summary>Solution</summary>") == len(folds)
    for text in (*lesson_paragraphs(lesson), *map(workspace.without_way, texts)):
        assert setup_cell.SITE not in text


def test_a_copied_lesson_links_to_itself(copied):
    write(copied, COPY)
    made = copied / "notebooks" / "02-a-lesson-of-mine.ipynb"
    shutil.copy(copied / "notebooks" / LESSONS[1].name, made)
    try:
        assert write(copied, COPY) == {"notebooks/02-a-lesson-of-mine.ipynb"}
        links = re.findall(r"https://(?:colab|mybinder)[^\s)]+", made.read_text("utf-8"))
        assert len(links) == 2
        assert all(link.endswith("notebooks/02-a-lesson-of-mine.ipynb") for link in links)
    finally:
        made.unlink()


def test_a_lesson_without_the_cell_gets_it_and_its_runs_are_counted_anew():
    code = {"cell_type": "code", "metadata": {}, "execution_count": 1}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
        code
        | {"source": "1", "outputs": [{"output_type": "execute_result", "execution_count": 1}]},
        code | {"source": " ", "outputs": [], "execution_count": None},
        code | {"source": "2", "outputs": [], "execution_count": 2},
    ]
    made = setup_cell.with_setup({"cells": cells}, "01.ipynb")["cells"]
    assert [cell.get("execution_count") for cell in made] == [None, 1, 2, None, 3]
    assert made[2]["outputs"][0]["execution_count"] == 2
    assert made == setup_cell.with_setup({"cells": made}, "01.ipynb")["cells"]


def test_it_can_be_read_by_any_python_that_a_kernel_may_have():
    compile(setup_cell.SOURCE, "<cell>", "exec")
    lines = setup_cell.SOURCE.splitlines()
    assert len(lines) <= 24
    assert lines[0].startswith("# "), "all that is seen of it while it is folded"


# --- here ---------------------------------------------------------------------------------------


def test_here_it_says_ready_at_once_and_imports_nothing():
    look = "import sys\nprint(sorted({'tensorflow', 'libs'} & {*sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{setup_cell.SOURCE}\n{look}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "Ready.\n[]\n"
    assert done.stderr == ""


# --- other kernels ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another Python: it has everything that this one has, but not the course."""
    folder = tmp_path_factory.mktemp("other")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    place = Path(subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip())  # fmt: skip
    (place / "other.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    return python, place


def run(python, folder, sources, monkeypatch, **environment):
    """Run cells on a kernel of this Python that starts in ``folder``; return their outputs."""
    spec = folder / "jupyter" / "kernels" / "other" / "kernel.json"
    spec.parent.mkdir(parents=True, exist_ok=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": argv, "display_name": "Other", "language": "python", "env": environment}
    spec.write_text(json.dumps(kernel), "utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    place = {"metadata": {"path": folder}}
    options = {"kernel_name": "other", "timeout": 120, "allow_errors": True, "resources": place}
    NotebookClient(notebook, **options).execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.parametrize("lesson", ["00-start-here", "03-logistic-regression"])
def test_a_kernel_without_the_course_says_which_to_choose(lesson, other, tmp_path, monkeypatch):
    notebook = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"][:4]
    first, *later = run(other[0], tmp_path, sources, monkeypatch)
    advice = first[0].data["text/markdown"]
    assert "doesn't have the course" in advice
    for what in ("Kernel*, *Change Kernel*, *Python 3 (course)", ".venv", "make lab", "install.py"):
        assert what in advice
    waits = "This lesson waits for a kernel that has the course.\n"
    for outputs in (first[1:], *later):  # no traceback, in no cell
        assert "".join(output.get("text", "") for output in outputs) == waits


def test_a_mistake_of_the_learner_s_is_still_told_there(other, tmp_path, monkeypatch):
    _, (error,) = run(other[0], tmp_path, [setup_cell.SOURCE, "1 / 0"], monkeypatch)
    assert error.ename == "ZeroDivisionError"


def test_the_course_in_the_working_folder_alone_is_not_enough(other, tmp_path, monkeypatch):
    """A kernel that starts in the course's folder finds libs there, but not what libs need."""
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "__init__.py").touch()
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    python = bare / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    names = "from types import SimpleNamespace\ndisplay = lambda data, raw: print(data)\n"
    names += "get_ipython = lambda: SimpleNamespace(set_custom_exc=print)\n"
    done = subprocess.run(
        [python, "-c", f"{names}{setup_cell.SOURCE}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "doesn't have the course" in done.stdout
    assert "Ready" not in done.stdout


# --- Colab --------------------------------------------------------------------------------------


@pytest.fixture
def content(other, tmp_path, monkeypatch):
    """A folder as Colab's kernel starts in, google.colab, and a public repository on this disk."""
    python, place = other
    (place / "google" / "colab").mkdir(parents=True, exist_ok=True)
    (place / "google" / "colab" / "__init__.py").touch()
    (place / "google" / "colab" / "output.py").write_text(GOOGLE, "utf-8")
    (place / "pip").mkdir(exist_ok=True)
    (place / "pip" / "__init__.py").touch()
    (place / "pip" / "__main__.py").write_text(PIP, "utf-8")
    upstream = tmp_path / "upstream"
    hidden = shutil.ignore_patterns("__pycache__", "out", ".*", "*.ipynb")
    for name in ("libs", "tools", "notebooks"):
        shutil.copytree(ROOT / name, upstream / name, ignore=hidden)
    for name in ("requirements.in", "requirements.txt"):
        lacks = {"requirements.in": "colab-lacks", "requirements.txt": "colab-lacks==3.2 \\"}[name]
        (upstream / name).write_text(f"{lacks}\n{(ROOT / name).read_text('utf-8')}", "utf-8")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *identity, *words], cwd=upstream, check=True)
    folder = tmp_path / "content"
    folder.mkdir()
    settings = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{upstream.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": setup_cell.ADDRESS,
        "PIP_CALLS": str(tmp_path / "calls"),
        "PIN": str(tmp_path / "pins"),
    }
    yield lambda *sources, **more: run(python, folder, sources, monkeypatch, **settings, **more)
    shutil.rmtree(place / "google")
    shutil.rmtree(place / "pip")


LOOK = """
import importlib.util, json, os, sys
from google.colab import output
json.dumps([os.getcwd(), importlib.util.find_spec("libs").origin, os.environ["PYTHONPATH"],
            len(output.calls)])
"""


def test_on_colab_it_fetches_the_course_and_what_is_missing(content, tmp_path):
    ready, again, look = content(setup_cell.SOURCE, setup_cell.SOURCE, LOOK)
    assert [output.get("text") for output in ready] == ["Ready.\n"]
    assert ready == again
    cwd, origin, path, widgets = json.loads(look[0].data["text/plain"].strip("'"))
    clone = tmp_path / "content" / setup_cell.FOLDER
    assert Path(cwd) == clone / "notebooks"  # so that programs beside the lesson are found
    assert Path(origin) == clone / "libs" / "__init__.py"
    assert path == str(clone)  # for what a lesson starts
    assert widgets == 1
    (call,) = map(json.loads, (tmp_path / "calls").read_text("utf-8").splitlines())
    assert call[-1] == "colab-lacks<=3.2"
    assert "--only-binary=:all:" in call
    pins = json.loads((tmp_path / "pins").read_text("utf-8")).split()
    assert any(re.fullmatch(r"tensorflow(-cpu)?==.*", pin) for pin in pins), "Colab's own stays"
    assert any(pin.startswith("numpy==") for pin in pins)


def test_a_restarted_kernel_clones_nothing_and_is_ready(content, tmp_path):
    content(setup_cell.SOURCE)
    (tmp_path / "content" / setup_cell.FOLDER / "mine.txt").write_text("kept")
    (ready,) = content(setup_cell.SOURCE)
    assert [output.get("text") for output in ready] == ["Ready.\n"]
    assert (tmp_path / "content" / setup_cell.FOLDER / "mine.txt").exists()


def test_a_pip_that_fails_is_told_in_two_lines_and_tried_again(content):
    source = setup_cell.SOURCE
    (failed,) = content(source, PIP_FAILS="1")
    (error,) = [output for output in failed if output.output_type == "error"]
    assert error.traceback == [
        "pip could not install colab-lacks<=3.2:\nERROR: no network\nRun this cell again."
    ]
    (ready,) = content(source)
    assert [output.get("text") for output in ready] == ["Ready.\n"]


def test_what_colab_lacks_is_named_with_the_locks_versions():
    has = {canonicalize_name(one.split("==")[0]) for one in pretend_colab.PACKAGES.split()}
    found = {one.split("<=")[0]: one.split("<=")[1] for one in colab.missing(has)}
    assert {"anywidget", "ai-edge-litert", "tf2onnx", "onnxruntime"} <= set(found)
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    assert all(f"\n{name}=={version} " in f"\n{lock}" for name, version in found.items())
    # neither TensorFlow and what belongs to it, nor what proves the course, nor the workbench
    assert not [n for n in found if re.match("tensor|keras|numpy|jupyterlab|pytest|nbval|hypo", n)]
    assert (
        colab.missing(
            {canonicalize_name(one.name) for one in colab.requirements("requirements.in")}
        )
        == []
    )
