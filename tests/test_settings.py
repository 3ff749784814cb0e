"""The user's own settings: each is set aside or named, and the course gives what it always gives.

Settings that don't touch each other share a process, since each process imports TensorFlow.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from project import complaints

from libs import ROOT

pytestmark = pytest.mark.slow  # each starts TensorFlow several times
# what lessons 04 and 07 and every figure need, as a process sees it
TASK = """
import hashlib, json, subprocess, sys
from libs.machine import report
import keras, matplotlib.pyplot as plt, numpy as np
from libs.autoencoder import Autoencoder
from libs.notebook import Picture, quiz, start
out = start()
(out / "settings.txt").write_text("written")
assert (out / "settings.txt").read_text() == "written"
layer = keras.layers.Conv2D(32, 5, strides=2, padding="same")
layer.build((None, 28, 28, 1))
images = np.random.default_rng(0).random((20, 28, 28), np.float32)
fit = Autoencoder([32], code=4).fit(images, epochs=2, verbose=False)
figure, axes = plt.subplots()
axes.plot([0, 1], label="$x^2$")
axes.legend()
picture = Picture(figure, "A line.").png
shown = []
sys.modules["libs.notebook"].display = shown.append
quiz("01")
page = shown[0]._repr_html_()
child = "import matplotlib as m; print(m.matplotlib_fname(), m.rcParams['text.usetex'])"
child = subprocess.check_output([sys.executable, "-c", child], cwd=out, text=True)
torn = subprocess.run([sys.executable, "-c", "1 / 0"], capture_output=True, text=True)
found = report()
print(found)
print(json.dumps({
    "parameters": layer.count_params(),
    "loss": [float(x) for x in fit.history["loss"]],
    "dtype": str(layer.kernel.dtype),
    "picture": hashlib.sha256(picture).hexdigest(),
    "backend": plt.get_backend(),
    "quiz": [len(page) > 1000, chr(0xC3) in page],  # the second if it was garbled
    "child": child,
    "error": torn.stderr.splitlines()[-1],
    "problems": found.problems,
    "lines": [[line.what, line.found] for line in found.lines if line.advice],
}))
"""
NOISE = ("CUDA_VISIBLE_DEVICES", "KERAS_", "MPL", "OMP_", "PYTEST", "PYTHON", "TF_", "XDG", "XLA_")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment without settings, and then with these."""
    home.mkdir(exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(NOISE)}
    return clean | {"HOME": str(home)} | more


def run(env: dict, folder: Path, before: str = "", through=()) -> dict:
    """Run the task in a folder, through a command that starts it; return what it printed."""
    command = [*through, sys.executable, "-c", f"{before}\n{TASK}"]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, check=False)
    errors = done.stderr.decode(errors="replace")
    assert done.returncode == 0, errors
    if not before:  # which imports TensorFlow its own way, with its notices
        assert complaints(errors) == []
    return json.loads(done.stdout.decode().splitlines()[-1])


def same(result: dict, usual: dict) -> None:
    """Assert that a task gave what it always gives."""
    keys = "parameters loss dtype picture backend quiz child error problems"
    for key in keys.split():
        assert result[key] == usual[key], key


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """What the task gives without any setting."""
    folder = tmp_path_factory.mktemp("usual")
    result = run(environment(folder / "home"), folder)
    assert result["parameters"] == 5 * 5 * 1 * 32 + 32
    assert result["quiz"] == [True, False]
    assert result["child"].endswith("matplotlibrc False\n")
    assert result["error"] == "ZeroDivisionError: division by zero"
    # this process imports the course as well, and what it sets is none of the user's
    assert "MATPLOTLIBRC" in os.environ
    assert "MATPLOTLIBRC" not in dict(result["lines"])
    return result


def test_variables(tmp_path, usual):
    """Each is named with its value, and changes nothing."""
    set_aside = {
        "KERAS_BACKEND": "jax",
        "KERAS_MAX_EPOCHS": "1",
        "MPLBACKEND": "TkAgg",
        "MATPLOTLIBRC": str(tmp_path / "rc"),
        "ONEDNN_VERBOSE": "2",
        "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "cpp",
        "PYTHON_COLORS": "1",
        "PYTHONDEVMODE": "1",
        "PYTHONINSPECT": "",
        "PYTHONWARNINGS": "error",
        "TF_CPP_MAX_VLOG_LEVEL": "3",
        "TF_CPP_MIN_LOG_LEVEL": "0",
        "TF_DETERMINISTIC_OPS": "1",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_USE_LEGACY_KERAS": "1",
        "TQDM_DISABLE": "1",
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
        "XLA_FLAGS": "--no_such_flag",
    }
    # Jupyter sets FORCE_COLOR, and from 3.13 on Python would colour what its processes say
    jupyter = {"FORCE_COLOR": "1"}
    used = {"OMP_NUM_THREADS": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    (tmp_path / "rc").write_text("text.usetex: True\n")
    (tmp_path / "mpl").mkdir()
    (tmp_path / "mpl" / "matplotlibrc").write_text("text.usetex: True\n")
    home = tmp_path / "home"
    settings = home / ".keras" / "keras.json"
    settings.parent.mkdir(parents=True)
    text = '{"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first"}'
    settings.write_text(text)
    secret = {"TF_VAR_password": "secret"}
    (tmp_path / "shadows" / "keras").mkdir(parents=True)
    (tmp_path / "shadows" / "keras" / "__init__.py").write_text("raise SystemError")
    shadow = {"PYTHONPATH": str(tmp_path / "shadows")}
    folder = {"MPLCONFIGDIR": str(tmp_path / "mpl")}
    env = environment(home, **set_aside, **used, **secret, **shadow, **folder, **jupyter)
    result = run(env, tmp_path, through=["sh", "-c", 'umask 777; exec "$@"', "sh"])
    same(result, usual)
    lines = dict(result["lines"])
    for name, value in (set_aside | used).items():
        assert not value or lines[name] == value
    assert "floatx float16" in lines["Keras settings"]
    assert str(settings) in lines["Keras settings"]
    assert lines["umask"] == "777"
    assert lines["Packages"] == str(tmp_path / "shadows")
    assert lines["matplotlib settings"] == str(tmp_path / "mpl" / "matplotlibrc")
    assert "secret" not in str(lines)
    assert settings.read_text() == text


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX' shell and localedef")
def test_files_that_cannot_be_read_a_closed_error_stream_and_another_locale(tmp_path, usual):
    (tmp_path / "matplotlibrc").write_bytes(b"backend: TkAgg\nfont.family: \xff\n")
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "keras.json").write_text('{"floatx": "float8", "backend": "torch"}')
    more = {"KERAS_HOME": str(tmp_path / "keras"), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    if shutil.which("localedef"):
        where = tmp_path / "de_DE.CP1252"
        subprocess.run(["localedef", "-i", "de_DE", "-f", "CP1252", where], check=False)
        more |= {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE.CP1252"}
    env = environment(tmp_path / "home", **more) | {"HOME": "/proc/none"}  # nobody can write there
    result = run(env, tmp_path, through=["sh", "-c", 'exec "$@" 2>&-', "sh"])
    same(result, usual)
    lines = dict(result["lines"])
    assert "float8" in lines["Keras settings"]
    assert lines["matplotlib settings"] == str(tmp_path / "matplotlibrc")
    assert lines["PYTHONIOENCODING"] == "ascii"
    if (tmp_path / "de_DE.CP1252" / "LC_CTYPE").exists():  # a small system has no character maps
        assert lines["Locale"] == "CP1252"


@pytest.mark.sandbox
def test_a_course_and_a_home_that_cannot_be_written(tmp_path, usual):
    from grader.trusted.sandbox import find_bubblewrap

    within = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    within += ["--ro-bind", str(ROOT), str(ROOT)]  # which may lie below /tmp
    result = run(environment(tmp_path / "home"), Path("/"), through=[find_bubblewrap(), *within])
    same(result, usual)
    lines = dict(result["lines"])
    assert lines["Folder"].startswith(str(ROOT / "notebooks"))


def test_what_was_imported_before_the_course(tmp_path, usual):
    """A start-up file may have read the settings already: they are set back by functions."""
    home = tmp_path / "home"
    before = (
        "import sys, tensorflow, keras, matplotlib.pyplot as plt\n"
        "keras.config.set_floatx('float16')\n"
        "keras.config.set_image_data_format('channels_first')\n"
        "keras.config.set_dtype_policy('mixed_float16')\n"
        "plt.style.use('dark_background'); plt.rcParams['figure.dpi'] = 300\n"
        "sys.stderr = None"
    )
    more = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
    result = run(environment(home, **more), tmp_path, before)
    same(result, usual)
    lines = dict(result["lines"])
    assert lines["Keras' floatx"] == "float16"
    assert lines["Keras' image_data_format"] == "channels_first"
    assert lines["Keras' dtype policy"] == "mixed_float16"


# --- a run that proves by assert --------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--nbval"]], ids=["pytest", "nbval"])
def test_pytest_refuses_an_optimised_python(tmp_path, options):
    env = environment(tmp_path / "home", PYTHONOPTIMIZE="1")
    command = [sys.executable, "-m", "pytest", "-n0", *options, "notebooks/glossary.ipynb"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: Python skips every assert" in done.stderr


@pytest.mark.parametrize("optimise", ["1", "2"])
def test_the_grader_refuses_an_optimised_python(tmp_path, optimise):
    env = environment(tmp_path / "home", PYTHONOPTIMIZE=optimise)
    command = [sys.executable, "-m", "grader", "prove", "hw1"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("grader: Python skips every assert: unset PYTHONOPTIMIZE")


def notebook(*cells: str) -> nbformat.NotebookNode:
    """Return a notebook of these cells."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata.kernelspec = {"name": "python3", "display_name": "x", "language": "python"}
    return made


def run_kernel(made, tmp_path, name: str, argv: list[str], **env: str) -> None:
    """Run a notebook in a kernel that was registered like this, in its folder."""
    spec = tmp_path / "share" / "kernels" / name
    spec.mkdir(parents=True)
    argv = [sys.executable, *argv, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    about = {"argv": argv, "display_name": name, "language": "python", "env": env}
    (spec / "kernel.json").write_text(json.dumps(about))
    os.environ["JUPYTER_PATH"] = str(tmp_path / "share")
    try:
        resources = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(made, kernel_name=name, resources=resources).execute()
    finally:
        del os.environ["JUPYTER_PATH"]


def test_any_kernel(tmp_path, usual):
    """Somebody's own kernel: optimised, with a profile, and left over from a cluster."""
    profile = tmp_path / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "mine.py").write_text("import keras\nkeras.config.set_floatx('float16')")
    (profile / "ipython_kernel_config.py").write_text(
        "c.InteractiveShell.ast_node_interactivity = 'all'\n"
        "c.PlainTextFormatter.float_precision = '%.1f'\n"
    )
    env = environment(tmp_path / "home", IPYTHONDIR=str(tmp_path / "ipython"))
    env |= {"PYTHONOPTIMIZE": "1", "TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]}}'}
    made = notebook(TASK, "1\n0.123")
    run_kernel(made, tmp_path, "theirs", [], **env)
    text = next(out.text for out in made.cells[0].outputs if out.get("name") == "stdout")
    result = json.loads(text.splitlines()[-1])
    assert result.pop("backend") != usual["backend"]  # a notebook's own
    same(result | {"backend": usual["backend"]}, usual)
    assert [out.data["text/plain"] for out in made.cells[1].outputs] == ["0.123"]
    lines = dict(result["lines"])
    named = {"PYTHONOPTIMIZE", "TF_CONFIG", "IPython's start", "IPython's ast_node_interactivity"}
    assert named <= lines.keys()
    assert lines["Python's -O"] == "skips every assert"
    assert lines["IPython's start"] == "mine.py"


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="not the course's own environment")
def test_the_courses_own_kernel_starts_without_the_users_settings(tmp_path):
    """It was told so when it was registered, so this needs nothing of the course."""
    (tmp_path / "start.py").write_text("import sys\nsys.exit('this was run')")
    (tmp_path / "site" / "numbers").mkdir(parents=True)
    (tmp_path / "site" / "numbers" / "__init__.py").write_text("raise SystemError")
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("mine = 1")
    env = environment(
        tmp_path / "home",
        IPYTHONDIR=str(tmp_path / "ipython"),
        PYTHONOPTIMIZE="1",
        PYTHONPATH=str(tmp_path / "site"),
        PYTHONSTARTUP=str(tmp_path / "start.py"),
        PYTHONWARNINGS="error",
    )
    first = "import numbers, sys\nprint(sys.flags.optimize, sys.warnoptions, 'mine' in dir())"
    made = notebook(first, "assert 1 > 2")
    with pytest.raises(CellExecutionError, match="AssertionError"):
        NotebookClient(made).execute(env=env)
    assert made.cells[0].outputs[0].text == "0 [] False\n"
