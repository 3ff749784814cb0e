"""What this machine has for the course, and what to do about what it lacks."""

import contextlib
import html
import os
import platform
import re
import shutil
import sys
from pathlib import Path

import keras
import psutil
import tensorflow as tf
from IPython import get_ipython

from libs import ROOT, settings
from libs.data_files import repair_hint, verify
from libs.settings import Line

#: Older ones are known not to work: TensorFlow 2.16 is the first that brings Keras 3.
_OLDEST = {"TensorFlow": (2, 16), "Keras": (3, 0)}
_MEMORY, _DISK = 1.0, 0.5  # gigabytes a lesson needs on top of what is running now
_CGROUP = Path("/sys/fs/cgroup")  # where Linux keeps the limits of a container
_SIGNS = {"ok": ("✓", "#006b4b"), "note": ("i", "#444444"), "problem": ("✗", "#9c3a00")}


class Report:
    """A table of what was found, which a notebook shows.

    Attributes
    ----------
    lines : list of Line
        All that was looked at.
    problems : list of str
        What was found and what to do about it, one for each problem; empty if all is well.
    """

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.problems = [
            f"{line.what}: {line.found}. {line.advice}" for line in lines if line.state == "problem"
        ]

    @property
    def verdict(self) -> str:
        """All of it in one sentence."""
        n = len(self.problems)
        many = f"{'One problem' if n == 1 else f'{n} problems'} to solve first."
        return many if n else "Your machine is ready."

    def __repr__(self) -> str:
        wide = max(len(line.what) for line in self.lines)
        rows = []
        for line in self.lines:
            rows.append(f"{_SIGNS[line.state][0]} {line.what:{wide}}  {line.found}")
            if line.advice:
                rows.append(f"  {'':{wide}}  → {line.advice}")
        return "\n".join([*rows, self.verdict])

    def _repr_html_(self) -> str:
        left = 'style="text-align:left"'
        names = ("", "What", "Found", "What to do")
        head = "".join(f'<th scope="col" {left}>{name}</th>' for name in names)
        rows = ""
        for line in self.lines:
            sign, colour = _SIGNS[line.state]
            what, *rest = map(html.escape, (line.what, line.found, line.advice))
            rows += f'<tr><td {left}><b style="color:{colour}">{sign}</b> {line.state}</td>'
            rows += f'<th scope="row" {left}>{what}</th>'
            rows += "".join(f"<td {left}>{text}</td>" for text in rest) + "</tr>"
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f"{table}<p><b>{self.verdict}</b></p>"


def report() -> Report:
    """Look at everything the course needs: versions, processor, memory, disk, data files.

    The report shows itself as a table; its ``problems`` must be solved first.

    Examples
    --------
    >>> report().lines[0].what
    'Python'
    """
    lines = [_python(), _library("TensorFlow", tf.__version__), _keras(), _kernel(), _processor()]
    lines += [_gpu(), _memory(), _disk(), _data("MNIST"), _data("FashionMNIST")]
    return Report(lines + settings.FOUND)


def _stated(file: str, pattern: str) -> tuple[int, int]:
    """Return a version that a file of the course states."""
    found = re.search(rf"^{pattern}(\d+)\.(\d+)", (ROOT / file).read_text("utf-8"), re.M)
    return int(found[1]), int(found[2])


def _python() -> Line:
    oldest = _stated("pyproject.toml", "requires-python.*>=")
    major, minor = _stated("pyproject.toml", "requires-python.*<")
    tested = f"{oldest[0]}.{oldest[1]} to {major}.{minor - 1}"
    known = oldest <= sys.version_info[:2] < (major, minor)
    return _version("Python", platform.python_version(), oldest, known, tested)


def _library(name: str, version: str) -> Line:
    tested = _stated("requirements.in", f"{name.lower()}==")
    known = tested == tuple(map(int, re.findall(r"\d+", version)[:2]))
    return _version(name, version, _OLDEST[name], known, f"{tested[0]}.{tested[1]}")


def _version(name: str, version: str, oldest: tuple, known: bool, tested: str) -> Line:
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < oldest:
        return Line("problem", name, version, f"{tested} is needed: run make lab again.")
    if not known:
        return Line("note", name, version, f"The course is tested with {tested}.")
    return Line("ok", name, version)


def _keras() -> Line:
    if (backend := keras.backend.backend()) != "tensorflow":
        how = "Restart the kernel, and import from libs before Keras."
        return Line("problem", "Keras", f"{keras.__version__} on {backend}", how)
    try:
        legacy = tf.keras.__version__ != keras.__version__
    except ImportError:
        legacy = True
    if legacy:
        how = "Restart the kernel, and import from libs before TensorFlow."
        return Line("problem", "Keras", "TensorFlow uses Keras 2 instead", how)
    return _library("Keras", keras.__version__)


def _kernel() -> Line:
    """Say whether this Python is the one that the course's packages were installed for."""
    own = (ROOT / ".venv").resolve()
    here = Path(sys.prefix).resolve()
    if here == own:
        where = "the course's own (.venv)"
    elif os.environ.get("CONDA_PREFIX") and Path(os.environ["CONDA_PREFIX"]).resolve() == here:
        where = "the active conda environment"
    elif own.exists():
        how = "Menu Kernel, Change Kernel, Python 3 (course). Not there? Start with make lab."
        return Line("problem", "Kernel", f"another Python ({here})", how)
    else:
        return Line("note", "Kernel", "not made by make lab", "Fine, if the other lines are.")
    if type(get_ipython()).__name__ != "ZMQInteractiveShell":
        return Line("note", "Kernel", where, "Not in a notebook: no live views here.")
    return Line("ok", "Kernel", where)


def _processor() -> Line:
    # those that this process may use; macOS and Windows don't say
    cores = len(getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0))
    text = f"{cores} core{'s' if cores > 1 else ''}, {platform.machine()}, {platform.system()}"
    return Line("ok", "Processor", text)


def _gpu() -> Line:
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    if names:
        return Line("ok", "GPU", ", ".join(names))
    how = "None is needed. Linux with an NVIDIA card: make gpu switches it on."
    return Line("note", "GPU", "none", how)


def _free_memory() -> float:
    """Return how many gigabytes may still be used, in a container those of the container."""
    free = psutil.virtual_memory().available
    files = (_CGROUP / name for name in ("memory.max", "memory.current", "memory.stat"))
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        limit, used, stat = (file.read_text("utf-8") for file in files)
        # files that were read count as used, but make room when room is needed
        cached = re.search(r"^inactive_file (\d+)", stat, re.M)
        free = min(free, int(limit) - int(used) + int(cached[1]))
    return max(free, 0) / 1e9


def _memory() -> Line:
    free = _free_memory()
    advice = f"{_MEMORY:.0f} GB is needed: close other programs, and other notebooks with menu "
    advice += "Kernel, Shut Down All Kernels."
    return _enough("Memory", f"{free:.1f} GB free", free >= _MEMORY, advice)


def _disk() -> Line:
    free = shutil.disk_usage(ROOT).free / 1e9
    advice = f"{_DISK} GB is needed: empty the bin, or work/out."
    return _enough("Disk", f"{free:.{int(free < 10)}f} GB free", free >= _DISK, advice)


def _enough(what: str, found: str, enough: bool, advice: str) -> Line:
    return Line("ok", what, found) if enough else Line("problem", what, found, advice)


def _data(dataset: str) -> Line:
    wrong = verify(dataset)
    if wrong:
        found = "; ".join(f"{path.name} is {what}" for path, what in wrong.items())
        return Line("problem", f"{dataset} data", found, repair_hint(next(iter(wrong)), dataset))
    return Line("ok", f"{dataset} data", "4 files, SHA-256 right")
