"""What notebooks start with and show, and the tool that runs and stores them."""

import copy
import importlib.util
import io
import json
import random
import re
import subprocess
import sys

import keras
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

from libs import ROOT, notebook
from libs.notebook import OUT, Picture, Quiz, quiz, show, start
from tools.run_notebooks import only_claims, tidy


def python(program):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )


@pytest.fixture
def shell():
    """IPython around the test, so that what is displayed can be caught."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_tensorflow_starts_quietly():
    done = python("import libs, tensorflow as tf; print(tf.constant(3) + 4)")
    assert "7" in done.stdout
    assert done.stderr == ""


def test_tensorflow_comes_with_what_needs_it():
    """A grader's worker, a tool and a kernel that need numbers alone start ten times as fast."""
    found = "import sys; print({'keras', 'tensorflow'} & {*sys.modules})"
    assert python(f"import libs.check, libs.claims, libs.files; {found}").stdout == "set()\n"
    assert "tensorflow" in python(f"import libs.datasets; {found}").stdout


def test_other_words_on_the_error_stream_still_arrive():
    done = python(
        "import os, sys, types\n"
        "class Loud:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'tensorflow.python':\n"
        "            os.write(2, b'oneDNN custom operations are on\\nhelp!\\n')\n"
        "sys.meta_path.insert(0, Loud()); import libs, tensorflow"
    )
    assert done.stderr == "help!\n"


def test_start_seeds_everything():
    def draw():
        assert start(seed=5).resolve() == OUT
        legacy = np.random.rand()  # noqa: NPY002
        return random.random(), legacy, float(keras.random.normal(()))

    assert draw() == draw()
    assert OUT.is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids most of these names")
@pytest.mark.parametrize(
    "name", ["course [2026]", "is this it?", "50%", "[a-z]", "a*b", "back\\slash", "{a,b}", "$HOME"]
)
def test_tensorflow_reads_what_a_lesson_writes_wherever_the_course_lies(
    name, tmp_path, monkeypatch
):
    (tmp_path / name / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / name / "notebooks")
    monkeypatch.setattr("libs.ROOT", tmp_path / name)
    spec = importlib.util.spec_from_file_location("again", ROOT / "libs" / "notebook.py")
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    out = again.start()
    assert out.resolve() == tmp_path / name / "notebooks" / "out"
    module = tf.Module()
    module.number = tf.Variable(7.0)
    tf.saved_model.save(module, str(out / "saved"))
    assert tf.saved_model.load(str(out / "saved")).number.numpy() == 7
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(module=module), str(out / "kept"), 3)
    manager.save()
    module.number.assign(0)
    assert manager.restore_or_initialize()
    assert module.number.numpy() == 7


@pytest.mark.usefixtures("shell")
def test_a_shown_figure_has_its_text_and_is_closed():
    figure, _ = plt.subplots()
    with capture_output() as captured:
        show(figure, alt='A <b> & "c"')
    output = captured.outputs[0]
    assert 'alt="A &lt;b&gt; &amp; &quot;c&quot;"' in output.data["text/html"]
    assert output.data["text/plain"] == 'Figure: A <b> & "c"'
    assert output.metadata == {"image/png": {"alt": 'A <b> & "c"'}}
    assert not plt.fignum_exists(figure.number)


def draw_colours():
    """Draw what needs more than 256 colours: a map, thin lines, letters."""
    figure, axes = plt.subplots(figsize=(6.3, 3))
    shown = axes.imshow(np.linspace(0, 1, 900).reshape(30, 30), cmap="viridis")
    figure.colorbar(shown)
    axes.plot(range(30), color="C3")
    axes.set_title("Many colours")
    return figure


def test_a_figure_travels_sharp_to_a_page_and_as_png_to_the_rest():
    figure = draw_colours()
    picture = Picture(figure, alt="A map of colours.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160)
    plt.close(figure)
    drawn = Image.open(buffer).convert("RGB")
    page, paper = Image.open(io.BytesIO(picture.sharp)), Image.open(io.BytesIO(picture.png))
    assert (page.format, paper.format, paper.mode) == ("WEBP", "PNG", "P")
    assert page.size == drawn.size  # two pixels for each of the page's
    assert (
        f'width="{drawn.width // 2}" style="max-width: max(100%, 560px)"' in picture._repr_html_()
    )
    assert abs(2 * paper.width - drawn.width) <= 1
    # no eye sees a difference of a few of 255 levels
    assert len(drawn.getcolors(1 << 24)) > 256
    off = np.abs(np.subtract(page.convert("RGB"), drawn, dtype=np.int16))
    assert off.max() <= 24
    assert off.mean() <= 3
    assert page.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert len(picture.sharp) < len(buffer.getvalue()) / 2


def test_a_figure_s_sharp_file_is_made_when_asked_for(monkeypatch):
    made, encode = [], notebook.encode
    monkeypatch.setattr(
        notebook,
        "encode",
        lambda image, kind, *few, **o: made.append(kind) or encode(image, kind, *few, **o),
    )
    figure = draw_colours()
    picture = Picture(figure, alt="A map of colours.")
    plt.close(figure)
    assert made == ["png"]
    picture._repr_html_()
    assert made == ["png", "webp"]


def test_a_figure_is_drawn_as_savefig_would_and_stays_as_it_was():
    figure, other = draw_colours(), draw_colours()
    before = figure.dpi
    drawn = Picture(figure, alt="A map of colours.")._rgb
    assert figure.dpi == before
    buffer = io.BytesIO()
    other.savefig(buffer, format="png", dpi=160)
    plt.close("all")
    np.testing.assert_array_equal(drawn, Image.open(buffer).convert("RGB"))


def test_a_figure_without_text_is_refused():
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match="alt is empty"):
        Picture(figure, alt=" ")
    plt.close(figure)


@pytest.mark.usefixtures("shell")
def test_a_quiz_is_the_same_every_time_and_needs_no_network():
    def shown():
        with capture_output() as captured:
            quiz("01")
        (output,) = captured.outputs
        assert output.data["text/plain"].startswith("Quiz 01: ")
        return output.data["text/html"]

    state = random.getstate()
    assert shown() == shown()
    assert random.getstate() == state  # the notebook's own random numbers stay as they were
    assert not re.search(r"https?:|src=|import\b", shown())


QUESTIONS = [
    {
        "question": "Is 1 < 2 & 3?",
        "type": "multiple_choice",
        "answers": [
            {"answer": "<b>Yes</b>", "correct": True, "feedback": "So it is."},
            {"answer": "No", "correct": False, "feedback": "It is."},
            {"answer": "Never", "correct": False, "feedback": "It is, always."},
        ],
    },
    {
        "question": "How many are 2 and 2?",
        "type": "numeric",
        "answers": [
            {"type": "value", "value": 4, "correct": True, "feedback": "Yes."},
            {"type": "default", "feedback": "Count."},
        ],
    },
]


def test_a_quiz_is_text_with_folded_answers_where_no_script_runs():
    page = Quiz("99", copy.deepcopy(QUESTIONS))._repr_html_()
    plain = page[page.index("<ol>") : page.index("</ol>")]
    assert "<p>Is 1 &lt; 2 &amp; 3?</p>" in plain
    assert all(f"<li>{text}</li>" in plain for text in ("&lt;b&gt;Yes&lt;/b&gt;", "No", "Never"))
    assert (
        "<details><summary>Answer</summary><p>&lt;b&gt;Yes&lt;/b&gt;</p><p>So it is.</p>" in plain
    )
    assert "<details><summary>Answer</summary><p>4</p><p>Yes.</p></details>" in plain
    assert "Count." not in plain


def test_the_right_choice_stands_everywhere():
    places = []
    for path in sorted((ROOT / "notebooks" / "quiz").glob("*.json")):
        for question in Quiz(path.stem, json.loads(path.read_text("utf-8"))).questions:
            if question["type"] == "multiple_choice":
                right = [answer["correct"] for answer in question["answers"]]
                places.append(right.index(True))
    assert set(places) >= {0, 1, 2, 3}
    assert max(np.bincount(places)) < 0.5 * len(places)


def test_a_quiz_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"no quiz '99'; there are .*01"):
        quiz("99")


def write(path, *sources):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    notebook.metadata.course = {"title": "a try"}
    notebook.metadata.widgets = {"much": "state"}
    nbformat.write(notebook, path)
    return path.read_bytes()


def run_tool(*paths):
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "run_notebooks.py", *paths],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_running_stores_outputs_as_a_reader_sees_them(tmp_path):
    path = tmp_path / "a.ipynb"
    write(
        path,
        "import sys\nfrom tqdm import tqdm\nfor _ in tqdm(range(3), file=sys.stdout): pass",
        "import ipywidgets\nipywidgets.IntSlider()",
        "import os; os.environ['TF_CPP_MIN_LOG_LEVEL']",
    )
    done = run_tool(path)
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(path, as_version=4)
    bar, slider, level = (cell.outputs for cell in notebook.cells)
    assert bar[0].text.count("\r") == 0
    assert bar[0].text.count("%|") == 1
    assert set(slider[0].data) == {"text/plain"}
    assert level[0].data["text/plain"] == "'3'"  # the environment's own kernel
    assert set(notebook.metadata) == {"course", "kernelspec", "language_info"}
    assert notebook.metadata.course == {"title": "a try"}
    assert all(cell.metadata == {} for cell in notebook.cells)
    names = [cell.id for cell in notebook.cells]
    assert run_tool(path).returncode == 0
    assert [cell.id for cell in nbformat.read(path, as_version=4).cells] == names


def test_cells_that_only_claim_are_folded_and_others_are_not():
    claims = ["claim('a', 1, 2)", "for k in b:\n    c = k + 1\n    claim('d', c, 2)"]
    others = ["b = [1]", "claim('a', 1, 2)\nprint(1)", "e = 2\nclaim('e', e, 2)", "e"]
    sources = [others[0], claims[0], others[1], claims[1], *others[2:]]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    notebook.cells[2].metadata["tags"] = ["claims"]  # it claimed alone once
    tidy(notebook)
    folded = {"tags": ["claims"], "jupyter": {"source_hidden": True}}
    assert [cell.metadata for cell in notebook.cells] == [{}, folded, {}, folded, {}, {}]


@pytest.mark.parametrize(
    ("later", "folded"),
    [
        ("print(c)", False),
        ("c += 1", False),
        ("def f(): return c", False),
        ("c = c + 1", False),
        ("c = 1\nprint(c)", True),
        ("for c in [1]: print(c)", True),
        ("[c for c in [1]]", True),
        ("lambda c: c", True),
        ("print(k)", True),  # it belonged to the comprehension alone
    ],
)
def test_a_claim_is_folded_though_a_later_cell_makes_its_names_anew(later, folded):
    sources = ["c = max(k for k in b)\nclaim('a', c, 2)", later]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    assert only_claims(cells) == [folded, False]


@pytest.mark.slow
def test_a_notebook_that_fails_is_left_as_it_was(tmp_path):
    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    before = write(bad, "1 / 0")
    write(good, "print('ran')")
    done = run_tool(bad, good)
    assert done.returncode == 1
    assert "FAILED bad.ipynb" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert bad.read_bytes() == before
    assert nbformat.read(good, as_version=4).cells[0].outputs[0].text == "ran\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.ipynb", "good.ipynb"]
