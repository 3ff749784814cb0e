"""What the setup cell runs on Colab, once it has cloned the course there.

Colab's own packages stay as they are: TensorFlow, Keras and NumPy are of one piece there with CUDA
and with each other, and a changed one would ask for a restart of the runtime. So what is missing is
installed under a constraint for everything that is there, each package in the lock's version or, if
that doesn't go with Colab's, in the newest before it that does.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
#: What Colab brings under another name, or does itself.
COLABS_OWN = {"tensorflow", "tensorflow-cpu", "keras", "jupyterlab"}


def requirements(file: str) -> list[Requirement]:
    """Return what lessons need for this machine, of a requirements file or a lock."""
    lines = (ROOT / file).read_text("utf-8").partition("# What proves the course")[0].splitlines()
    named = [line.split("  #")[0].rstrip("\\ ") for line in lines if line and line[0] not in " #"]
    found = [Requirement(line) for line in named]
    return [one for one in found if one.marker is None or one.marker.evaluate()]


def missing(installed: set[str]) -> list[str]:
    """Return what lessons need and is not installed, as pip's requirements.

    Parameters
    ----------
    installed : set of str
        Canonical names.
    """
    locked = {
        canonicalize_name(one.name): str(one.specifier) for one in requirements("requirements.txt")
    }
    needed = [canonicalize_name(one.name) for one in requirements("requirements.in")]
    return [
        f"{name}{locked[name].replace('==', '<=')}"
        for name in needed
        if name not in installed | COLABS_OWN
    ]


def get_ready() -> None:
    """Install what is missing, put the course on the path, and turn on its widgets."""
    installed = {canonicalize_name(one.name): one.version for one in metadata.distributions()}
    packages = missing(set(installed))
    if packages:
        with tempfile.TemporaryDirectory() as folder:
            constraints = Path(folder, "installed.txt")
            constraints.write_text("\n".join(f"{n}=={v}" for n, v in installed.items()), "utf-8")
            options = [
                "--quiet",
                "--no-color",
                "--only-binary=:all:",
                "--disable-pip-version-check",
            ]
            command = [sys.executable, "-m", "pip", "install", *options]
            done = subprocess.run(
                [*command, f"--constraint={constraints}", *packages],
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            error = ImportError(
                f"pip could not install {', '.join(packages)}:\n{done.stderr.strip()}\n"
                "Run this cell again."
            )
            error._render_traceback_ = lambda: [str(error)]  # all there is to say
            raise error
        importlib.invalidate_caches()
    # for this kernel, and for the programs that lessons start
    sys.path.insert(0, str(ROOT))
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.chdir(ROOT / "notebooks")

    from google.colab import output

    output.enable_custom_widget_manager()
