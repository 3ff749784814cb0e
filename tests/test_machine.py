"""The report on the machine: what it finds wrong, and what it says to do."""

import shutil
import sys

import keras
import psutil
import pytest
import tensorflow as tf

from libs import ROOT, data_files, machine
from libs.machine import report


def line(what):
    """Return the report's line of that name."""
    return next(one for one in report().lines if one.what == what)


@pytest.fixture(autouse=True)
def _any_environment(monkeypatch):
    """Whichever Python runs these tests is the right one, also beside the course's own."""
    monkeypatch.setenv("CONDA_PREFIX", sys.prefix)


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """A copy of the data, in which files can be broken."""
    for dataset in ("MNIST", "FashionMNIST"):
        shutil.copytree(ROOT / f"{dataset}_data", tmp_path / f"{dataset}_data")
    monkeypatch.setattr(data_files, "ROOT", tmp_path)
    return tmp_path


def test_a_good_machine_has_no_problem(data_folder):
    assert report().problems == []
    assert report().verdict == "Your machine is ready."


def test_it_looks_at_everything():
    whats = [one.what for one in report().lines]
    assert whats[:10] == [
        "Python",
        "TensorFlow",
        "Keras",
        "Kernel",
        "Processor",
        "GPU",
        "Memory",
        "Disk",
        "MNIST data",
        "FashionMNIST data",
    ]


def test_a_missing_file(data_folder):
    (data_folder / "MNIST_data" / "t10k-labels-idx1-ubyte.gz").unlink()
    found = report()
    assert len(found.problems) == 1
    assert "MNIST data: t10k-labels-idx1-ubyte.gz is missing" in found.problems[0]
    assert "python -m libs.data_files" in found.problems[0]
    assert found.verdict == "One problem to solve first."


def test_a_flipped_byte(data_folder):
    path = data_folder / "FashionMNIST_data" / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    (problem,) = report().problems
    assert "FashionMNIST data: train-images-idx3-ubyte.gz is damaged" in problem


def test_several_files_and_one_advice(data_folder):
    for path in (data_folder / "MNIST_data").glob("*.gz"):
        path.write_bytes(b"<html>Not found</html>")
    (problem,) = report().problems
    assert problem.count("is damaged") == 4
    assert problem.count("python -m libs.data_files") == 1


def test_in_the_repository_git_mends(monkeypatch):
    wrong = {"t10k-labels-idx1-ubyte.gz": "another digest"}
    monkeypatch.setitem(data_files.FILES, "MNIST", wrong)
    (problem,) = report().problems
    how = "checkout -- MNIST_data/" if (ROOT / ".git").exists() else "python -m libs.data_files"
    assert how in problem


def test_low_memory(monkeypatch):
    memory = psutil.virtual_memory()._replace(available=300e6)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert line("Memory").state == "problem"
    assert line("Memory").found == "0.3 GB free"
    assert "Shut Down All Kernels" in line("Memory").advice


@pytest.mark.parametrize(
    ("limit", "used", "files", "found"),
    [
        (2_000_000_000, 1_500_000_000, 0, "0.5 GB free"),
        (2_000_000_000, 1_900_000_000, 1_700_000_000, "1.8 GB free"),
        ("max", 1_500_000_000, 0, "8.0 GB free"),
    ],
)
def test_memory_in_a_container(tmp_path, monkeypatch, limit, used, files, found):
    memory = psutil.virtual_memory()._replace(available=8e9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    (tmp_path / "memory.stat").write_text(f"anon 7\ninactive_file {files}\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert line("Memory").found == found


def test_a_full_disk(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 1e8))
    assert line("Disk").state == "problem"
    assert line("Disk").found == "0.1 GB free"


def test_no_gpu_is_a_note(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    found = line("GPU")
    assert (found.state, found.found) == ("note", "none")


def test_a_gpu_is_named(monkeypatch):
    gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [gpu])
    details = {"device_name": "A <fast> card"}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    assert line("GPU").state == "ok"
    assert "A &lt;fast&gt; card" in report()._repr_html_()


@pytest.mark.parametrize("name", ["TensorFlow", "Keras"])
def test_versions_of_libraries(monkeypatch, name):
    """The one that the course states, others that may well work, those that don't."""
    library = {"TensorFlow": tf, "Keras": keras}[name]
    major, minor = machine._stated("requirements.in", f"{name.lower()}==")
    states = {
        f"{major}.{minor}.7": "ok",
        f"{major}.{minor + 1}.0-dev20261101": "note",
        f"{major}.{minor + 1}.0rc0": "note",
        f"{major}.{minor - 1}.1": "note",
        "2.9.1": "problem",
    }
    for version, state in states.items():
        monkeypatch.setattr(library, "__version__", version)
        monkeypatch.setattr(machine.tf.keras, "__version__", keras.__version__)
        found = line(name)
        assert found.state == state, version
        assert (f"{major}.{minor}" in found.advice) == (state != "ok")


def test_another_backend_of_keras(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert line("Keras").state == "problem"
    assert line("Keras").found.endswith(" on jax")
    assert "import from libs before Keras" in line("Keras").advice


def test_keras_2_under_tensorflow(monkeypatch):
    monkeypatch.setattr(tf.keras, "__version__", "2.20.1")
    assert line("Keras").state == "problem"
    assert "import from libs before TensorFlow" in line("Keras").advice


@pytest.mark.parametrize(("version", "state"), [((3, 10), "problem"), ((3, 99), "note")])
def test_other_pythons(monkeypatch, version, state):
    monkeypatch.setattr("sys.version_info", (*version, 0, "final", 0))
    monkeypatch.setattr("platform.python_version", lambda: ".".join(map(str, version)))
    assert line("Python").state == state
    oldest = machine._stated("pyproject.toml", "requires-python.*>=")
    assert ".".join(map(str, oldest)) in line("Python").advice


def test_another_python_than_the_environments(tmp_path, monkeypatch):
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert machine._kernel().state == "problem"
    assert "Change Kernel" in machine._kernel().advice
    monkeypatch.setenv("CONDA_PREFIX", str(machine.sys.prefix))
    assert machine._kernel().state != "problem"


def test_how_it_reads(data_folder):
    (data_folder / "MNIST_data" / "t10k-labels-idx1-ubyte.gz").unlink()
    text = repr(report())
    assert "✗ MNIST data" in text
    assert "→ When online, repair it with: python -m libs.data_files" in text
    page = report()._repr_html_()
    assert page.count("<tr>") == 1 + len(report().lines)
    assert "One problem to solve first." in page
