"""Run lessons as Colab would: in its packages, outside the course, from the setup cell on.

    python -m tools.pretend_colab                   the setup and the imports of every lesson
    python -m tools.pretend_colab --whole 00 09     whole lessons

Builds an environment in ``.versions/pretend-colab`` with the versions below, once; needs a Python
3.13 and the network. What is cloned is this repository's last commit. Not part of the gate.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tools.setup_cell import ADDRESS

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".versions" / "pretend-colab"
#: Of Colab's published list of packages (googlecolab/backend-info), what this course meets; the
#: processor's TensorFlow in place of CUDA's.
PACKAGES = """
tensorflow-cpu==2.20.0 keras==3.13.2 numpy==2.1.3 tensorboard==2.20.0 protobuf==5.29.6
h5py==3.16.0 ml_dtypes==0.5.4 flatbuffers==25.12.19 absl-py==1.4.0 matplotlib==3.10.0
matplotlib-inline==0.2.2 scipy==1.16.3 pillow==11.3.0 imageio==2.37.3 networkx==3.6.1
sympy==1.14.0 tqdm==4.67.3 requests==2.32.4 psutil==5.9.5 pooch==1.9.0 filelock==3.29.0
ipykernel==6.17.1 ipython==7.34.0 ipywidgets==7.7.1 jupyter_client==7.4.9 traitlets==5.7.1
tornado==6.5.1 pyzmq==26.2.1 nbformat==5.10.4 nbclient==0.10.4 setuptools==75.2.0 pip==24.1.2
"""
#: What stands in for Google's own package, which is not on the index.
GOOGLE = "def enable_custom_widget_manager():\n    pass\n"


def build(folder: Path = FOLDER) -> Path:
    """Make the environment, or bring it back to how it was made.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.

    Returns
    -------
    pathlib.Path
        Its Python.
    """
    python = folder / "bin" / "python"
    made = folder / "made.json"
    uv = [sys.executable, "-m", "uv"]
    if made.exists() and (was := json.loads(made.read_text("utf-8")))["asked"] == PACKAGES:
        added = [one.split("==")[0] for one in versions(python) - set(was["got"])]
        if added:
            subprocess.run([*uv, "pip", "uninstall", "--quiet", "-p", python, *added], check=True)
        return python
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python=3.13", folder], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "-p", python, *PACKAGES.split()], check=True)
    package = next(folder.glob("lib/python*/site-packages")) / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "output.py").write_text(GOOGLE, "utf-8")
    made.write_text(json.dumps({"asked": PACKAGES, "got": sorted(versions(python))}), "utf-8")
    return python


def versions(python: Path) -> set[str]:
    """Return what is installed there, each with its version."""
    command = [python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    return set(subprocess.check_output(command, text=True).split())


def run(
    lesson: Path, python: Path, content: Path, whole: bool = False
) -> tuple[list[str], list[str]]:
    """Run a lesson outside the course, as Colab would.

    Parameters
    ----------
    lesson : pathlib.Path
        The notebook; it is left as it is.
    python : pathlib.Path
        Of the environment.
    content : pathlib.Path
        The folder that the kernel starts in; what it clones stays there.
    whole : bool
        All of it, not the setup and the imports alone.

    Returns
    -------
    wrong, notes : list of str
        What failed, and what TensorFlow's C++ runtime wrote to the error stream, by cell, counted
        from 0 as the file does.
    """
    kernel = {
        "argv": [
            str(python),
            "-Xfrozen_modules=off",
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        "display_name": "Colab",
        "language": "python",
        "env": {
            "GIT_CONFIG_COUNT": "1",  # this repository in place of the public one
            "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
            "GIT_CONFIG_VALUE_0": ADDRESS,
        },
    }
    spec = content / "jupyter" / "kernels" / "colab" / "kernel.json"
    spec.parent.mkdir(parents=True, exist_ok=True)
    spec.write_text(json.dumps(kernel), "utf-8")
    os.environ["JUPYTER_PATH"] = str(content / "jupyter")
    notebook = nbformat.read(lesson, as_version=4)
    code = [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for number in code:
        notebook.cells[number].outputs = []
    if not whole:
        notebook.cells = notebook.cells[: code[1] + 1]
    NotebookClient(
        notebook,
        kernel_name="colab",
        timeout=1200,
        allow_errors=True,
        resources={"metadata": {"path": content}},
    ).execute()
    wrong, notes = [], []
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                wrong.append(f"cell {number}: {output.ename}: {output.evalue[:300]}")
            elif output.get("name") == "stderr":
                notes.append(f"cell {number} notes: {output.text.strip()[:100]}")
    if "Ready." not in str(notebook.cells[code[0]].outputs):
        wrong.insert(0, "the setup cell did not say that it is ready")
    return wrong, notes


def main() -> int:
    """Run lessons; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lessons", nargs="*", help="e.g. 03; by default all of them")
    parser.add_argument("--whole", action="store_true", help="all cells")
    arguments = parser.parse_args()
    python = build()
    before = versions(python)
    failed = False
    for lesson in sorted((ROOT / "notebooks").glob("[0-9][0-9]*-*.ipynb")):
        if arguments.lessons and lesson.name.split("-")[0] not in arguments.lessons:
            continue
        with tempfile.TemporaryDirectory() as folder:
            wrong, notes = run(lesson, python, Path(folder), arguments.whole)
        failed |= bool(wrong)
        print(
            "\n  ".join([f"{lesson.name}: {'FAILED' if wrong else 'ok'}", *wrong, *notes]),
            flush=True,
        )
    after = versions(python)
    print(f"added: {', '.join(sorted(after - before)) or 'nothing'}")
    print(f"changed or removed: {', '.join(sorted(before - after)) or 'nothing'}")
    return int(failed or not before <= after)


if __name__ == "__main__":
    sys.exit(main())
