"""What this machine has for the course, and what to do about what it lacks."""

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
        if not self.problems:
            return "Your machine is ready."
        if len(self.problems) == 1:
            return "One problem to solve first."
        return f"{len(self.problems)} problems to solve first."

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
        head = "".join(
            f'<th scope="col" {left}>{name}</th>' for name in ("", "What", "Found", "What to do")
        )
        rows = []
        for line in self.lines:
            sign, colour = _SIGNS[line.state]
            rows.append(
                f'<tr><td {left}><b style="color:{colour}">{sign}</b> {line.state}</td>'
                f'<th scope="row" {left}>{html.escape(line.what)}</th>'
                f"<td {left}>{html.escape(line.found)}</td>"
                f"<td {left}>{html.escape(line.advice)}</td></tr>"
            )
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
            f"<p><b>{self.verdict}</b></p>"
        )


def report() -> Report:
    """Look at everything the course needs: versions, processor, memory, disk, data files.

    Returns
    -------
    Report
        Shows itself as a table; ``.problems`` lists what must be mended first.

    Examples
    --------
    >>> report().lines[0].what
    'Python'
    """
    return Report(
        [
            _python(),
            _library("TensorFlow", tf.__version__),
            _keras(),
            _kernel(),
            _processor(),
            _gpu(),
            _memory(),
            _disk(),
            _data("MNIST"),
            _data("FashionMNIST"),
            *settings.FOUND,
        ]
    )


def _stated(file: str, pattern: str) -> tuple[int, int]:
    """Return a version that a file of the course states."""
    first, second = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.M).groups()
    return int(first), int(second)


def _python() -> Line:
    version = platform.python_version()
    oldest = _stated("pyproject.toml", r"^requires-python.*>=(\d+)\.(\d+)")
    below = _stated("pyproject.toml", r"^requires-python.*<(\d+)\.(\d+)")
    tested = f"{oldest[0]}.{oldest[1]} to {below[0]}.{below[1] - 1}"
    if sys.version_info[:2] < oldest:
        return Line("problem", "Python", version, f"Use {tested}, and run make lab again.")
    if sys.version_info[:2] >= below:
        return Line("note", "Python", version, f"The course is tested with {tested}.")
    return Line("ok", "Python", version)


def _library(name: str, version: str) -> Line:
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    tested = _stated("requirements.in", rf"^{name.lower()}==(\d+)\.(\d+)")
    wanted = ".".join(map(str, tested))
    if found < _OLDEST[name]:
        return Line("problem", name, version, f"{wanted} is needed: run make lab again.")
    if found != tested:
        return Line("note", name, version, f"The course is tested with {wanted}.")
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
        return Line("problem", "Keras", "TensorFlow uses another Keras, of version 2", how)
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
        return Line(
            "problem",
            "Kernel",
            f"another Python ({here})",
            "Menu Kernel, Change Kernel, Python 3 (course). Not there? Start with make lab.",
        )
    else:
        return Line("note", "Kernel", "not made by make lab", "Fine, if the other lines are.")
    if type(get_ipython()).__name__ != "ZMQInteractiveShell":
        return Line("note", "Kernel", where, "Not in a notebook: no live views here.")
    return Line("ok", "Kernel", where)


def _processor() -> Line:
    try:
        cores = len(os.sched_getaffinity(0))  # those that this process may use
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    text = f"{cores} core{'s' if cores > 1 else ''}, {platform.machine()}, {platform.system()}"
    return Line("ok", "Processor", text)


def _gpu() -> Line:
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    if names:
        return Line("ok", "GPU", ", ".join(names))
    return Line(
        "note", "GPU", "none", "None is needed. Linux with an NVIDIA card: make gpu switches it on."
    )


def _free_memory() -> float:
    """Return how many gigabytes may still be used, in a container those of the container."""
    free = psutil.virtual_memory().available
    for folder, limit, used, cache in (
        (_CGROUP, "memory.max", "memory.current", "inactive_file"),
        (
            _CGROUP / "memory",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ):
        try:
            left = int((folder / limit).read_text(encoding="utf-8")) - int(
                (folder / used).read_text(encoding="utf-8")
            )
            # files that were read count as used, but make room when room is needed
            stat = dict(
                line.split()
                for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
            )
            free = min(free, left + int(stat.get(cache, 0)))
        except (OSError, ValueError):  # no container, or one without a limit ("max")
            continue
    return free / 1e9


def _memory() -> Line:
    free = _free_memory()
    text = f"{max(free, 0):.1f} GB free"
    if free >= _MEMORY:
        return Line("ok", "Memory", text)
    return Line(
        "problem",
        "Memory",
        text,
        f"{_MEMORY:.0f} GB is needed: close other programs, and other notebooks with menu "
        "Kernel, Shut Down All Kernels.",
    )


def _disk() -> Line:
    free = shutil.disk_usage(ROOT).free / 1e9
    text = f"{free:.0f} GB free" if free >= 10 else f"{free:.1f} GB free"
    if free >= _DISK:
        return Line("ok", "Disk", text)
    return Line("problem", "Disk", text, f"{_DISK} GB is needed: empty the bin, or work/out.")


def _data(dataset: str) -> Line:
    wrong = verify(dataset)
    if wrong:
        found = "; ".join(f"{path.name} is {what}" for path, what in wrong.items())
        return Line("problem", f"{dataset} data", found, repair_hint(next(iter(wrong)), dataset))
    return Line("ok", f"{dataset} data", "4 files, SHA-256 right")
