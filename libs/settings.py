"""The user's own settings, set aside before TensorFlow, Keras and matplotlib read them.

This holds here and in child processes (but these read a matplotlibrc where they start); no file of
the user's is changed. What was found is kept in :data:`FOUND`, for lesson 00. To import this file
needs Python only; :func:`before_imports` imports matplotlib.
"""

import codecs
import contextlib
import importlib
import importlib.util
import json
import locale
import logging
import os
import site
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

_COURSE = {
    "KERAS_BACKEND": "tensorflow",
    "PYTHON_COLORS": "0",  # from 3.13 on it paints the errors that lessons read from a process
    "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow's own log; real errors are Python's exceptions
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # notebooks that share a GPU leave each other memory
}
_KERAS = {"floatx": "float32", "epsilon": 1e-07, "image_data_format": "channels_last"}
# of libraries: how they compute, draw, speak; of Python: what is skipped, run first, written
_FAMILIES = "AUTOGRAPH_ DNNL_ GRPC_TRACE GRPC_VERBOSITY KERAS_ MATPLOTLIBRC MPLBACKEND "
_FAMILIES += "NETWORKX_ NPY_ ONEDNN_ PROTOCOL_BUFFERS_ SCIPY_ TF_ TQDM_ XLA_"
_PYTHON = "_COLORS DEVMODE INSPECT IOENCODING OPTIMIZE PROFILEIMPORTTIME STARTUP TRACEMALLOC UTF8 "
_PYTHON += "VERBOSE WARNINGS"
_NAMED = "CUDA_VISIBLE_DEVICES OMP_NUM_THREADS TF_NUM_INTEROP_THREADS TF_NUM_INTRAOP_THREADS"
# the machine's, a worker's, and those of Terraform and Azure, which may be secret
_KEPT = f"{_NAMED} KERAS_HOME TF_CONFIG TF_GPU_ TF_ACC TF_BUILD TF_CLI TF_DATA_DIR TF_IN TF_LOG "
_KEPT += "TF_PLUGIN TF_REATTACH TF_REGISTRY TF_TOKEN TF_VAR_ TF_WORK"


@dataclass(frozen=True)
class Line:
    """One thing that was looked at: ``state`` is "ok", "note" or "problem"."""

    state: str
    what: str
    found: str
    advice: str = ""


#: The settings that were found.
FOUND: list[Line] = []


def _note(what: str, found: object, instead: object = None, advice: str = "Not used here") -> None:
    text = str(found)
    advice += "." if instead is None else f": the course sets {instead}."
    FOUND.append(Line("note", what, text if len(text) < 200 else f"{text[:199]}…", advice))


def before_imports(spare: Path) -> None:
    """Set aside what TensorFlow, Keras and matplotlib would read; import matplotlib.

    ``spare`` is Keras' folder, which need not exist, if the user's says otherwise than the course.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    _streams()
    mask = os.umask(0o022)
    os.umask(mask & 0o077)
    if mask & 0o700:
        _note("umask", f"{mask:03o}", advice="Not used here: the course must read what it writes")
    _packages()
    _environment(kernel=type(shell).__name__ == "ZMQInteractiveShell")
    _keras_file(spare)
    _matplotlib()
    if shell:
        _ipython(shell)


def _streams() -> None:
    """Give what is closed somewhere to write to; let nothing fail for a sign a stream lacks."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:  # the next file to be opened would get its number
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif number and hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")
    if not reads_utf8():
        _note("Locale", locale.getencoding(), advice="Fine: the course's files are all UTF-8")


def reads_utf8() -> bool:
    """Return whether a file that is opened without a word on its encoding is read as UTF-8."""
    return codecs.lookup(locale.getpreferredencoding(False)).name == "utf-8"


def _packages() -> None:
    """Let the environment's packages win over the user's of the same name."""
    users = {*os.environ.get("PYTHONPATH", "").split(os.pathsep), site.getusersitepackages()} - {""}
    own = min((sys.path.index(p) for p in site.getsitepackages() if p in sys.path), default=0)
    ahead = [p for p in sys.path[:own] if p in users and not (Path(p) / "libs").is_dir()]
    if ahead:
        sys.path[:] = [path for path in sys.path if path not in ahead] + ahead
        _note("Packages", ", ".join(ahead), advice="Searched after the course's own")


def _environment(kernel: bool) -> None:
    """Drop the variables that would change the course, set the course's own."""
    inline = "module://matplotlib_inline.backend_inline"
    rc = Path(importlib.util.find_spec("matplotlib").origin).with_name("mpl-data") / "matplotlibrc"
    course = _COURSE | {"MATPLOTLIBRC": str(rc)} | ({"MPLBACKEND": inline} if kernel else {})
    families, kept = tuple(_FAMILIES.split()), tuple(_KEPT.split())
    theirs = [name for name in os.environ if name.startswith(families) > name.startswith(kept)]
    theirs += [name for end in _PYTHON.split() if (name := f"PYTHON{end}") in os.environ]
    if kernel and "TF_CONFIG" in os.environ:
        theirs.append("TF_CONFIG")  # a notebook is nobody's worker
    for name in sorted(theirs):
        value = os.environ.pop(name)
        if value and value != course.get(name) and value.lower() != "agg":
            _note(name, value, course.get(name))
        if name in ("PYTHONWARNINGS", "PYTHONDEVMODE"):
            warnings.resetwarnings()  # and then Python's own
            for quiet in (PendingDeprecationWarning, ImportWarning, ResourceWarning):
                warnings.simplefilter("ignore", quiet)
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.filterwarnings("default", "", DeprecationWarning, "__main__")
    os.environ |= course
    for name in _NAMED.split():
        if name in os.environ:
            _note(name, os.environ[name] or "(empty)", advice="Used: the course may be slower")


def _keras_file(spare: Path) -> None:
    """Keep Keras from a ``keras.json`` that says otherwise, or that it could not read."""
    home = os.path.expanduser("~")  # noqa: PTH111 (as Keras does, which never fails)
    home = os.environ.get("KERAS_HOME") or f"{home if os.access(home, os.W_OK) else '/tmp'}/.keras"
    path = Path(os.path.expanduser(home)) / "keras.json"  # noqa: PTH111
    course = _KERAS | {"backend": _COURSE["KERAS_BACKEND"]}
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
        other = {key: theirs[key] for key in theirs if course.get(key, False) != theirs[key]}
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError, TypeError, KeyError) as error:
        other = {"not readable:": type(error).__name__}
    if other:
        found = ", ".join(f"{key} {value}" for key, value in other.items())
        _note("Keras settings", f"{found}, in {path}", ", ".join(map(str, course.values())))
        os.environ["KERAS_HOME"] = str(spare)


def _matplotlib() -> None:
    """Import matplotlib without the user's ``matplotlibrc``, or take back what it set."""
    rc = os.environ.pop("MATPLOTLIBRC")  # matplotlib's own, which would hide the user's
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel("ERROR")  # no word of odd styles, or of a home that can't hold its list of fonts
    with contextlib.chdir(Path(rc).parent):  # the working directory's file is read first
        import matplotlib.style
    log.setLevel(level)
    matplotlib.rcdefaults()
    matplotlib.use(os.environ.get("MPLBACKEND", "agg"))
    theirs = Path(matplotlib.matplotlib_fname())
    os.environ["MATPLOTLIBRC"] = rc  # for the processes that this one starts
    if not theirs.is_relative_to(Path(rc).parent):
        _note("matplotlib settings", theirs.resolve(), "a style of its own")


def _ipython(shell) -> None:
    """Take back what the user's IPython profile set; name what it ran."""
    if sys.flags.optimize:
        _note("Python's -O", "skips every assert", advice="Choose the kernel Python 3 (course)")
    for owner in (shell, shell.display_formatter.formatters["text/plain"]):
        for section in (kind.__name__ for kind in type(owner).__mro__):
            for name in filter(owner.has_trait, owner.config.get(section, {})):
                value, default = getattr(owner, name), owner.trait_defaults(name)
                if value != default:
                    setattr(owner, name, default)
                    _note(f"IPython's {name}", value, default)
    app = shell.config.get("InteractiveShellApp", ())
    ran = [name for name in ("exec_lines", "exec_files") if name in app]
    if shell.profile_dir:
        ran += [p.name for p in sorted(Path(shell.profile_dir.startup_dir).glob("*.*py"))]
    if ran:
        advice = "Ran first. Does a page look odd? Choose the kernel Python 3 (course)"
        _note("IPython's start", ", ".join(ran), advice=advice)


def writable(folder: Path) -> Path:
    """Return a folder that can be written; else one for this process only, and note it."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(there, os.W_OK):
        return folder
    spare = Path(tempfile.mkdtemp(prefix="course-"))
    _note("Folder", f"{there} can't be written", advice=f"Lessons write to {spare}")
    return spare


def after_imports() -> None:
    """Set by its functions what a Keras that is imported already has read."""
    keras = sys.modules.get("keras")
    if not hasattr(keras, "config"):
        return  # it comes later, or is Keras 2: the table says so
    for name, ours in (_KERAS | {"max_epochs": None, "max_steps_per_epoch": None}).items():
        read = getattr(keras.config, name, lambda ours=ours: ours)
        if read() != ours:
            _note(f"Keras' {name}", read(), ours)
            getattr(keras.config, f"set_{name}")(ours)
    if (policy := keras.config.dtype_policy().name) != _KERAS["floatx"]:
        _note("Keras' dtype policy", policy, _KERAS["floatx"])
        keras.config.set_dtype_policy(_KERAS["floatx"])
