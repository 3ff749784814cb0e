"""The installer, on machines of every kind."""

import ast
import builtins
import os
import shutil
import subprocess
import sys

import pytest
from project import load_installer, read

from libs import ROOT


class Pretend:
    """A module but for some of its attributes."""

    def __init__(self, module, **attributes):
        self._module = module
        self.__dict__.update(attributes)

    def __getattr__(self, name):
        return getattr(self._module, name)


@pytest.fixture
def installer(tmp_path, monkeypatch):
    """The installer, of a folder with nothing in it, on a machine where all is well."""
    module = load_installer()
    module.ROOT = tmp_path
    module.VENV = tmp_path / ".venv"
    module.PYTHON = module.VENV / module.PYTHON.relative_to(ROOT / ".venv")
    module.sys = Pretend(sys, version_info=(3, 12, 1), platform="linux")
    monkeypatch.setattr(sys, "argv", ["install.py"])  # argparse looks there
    module.platform = Pretend(module.platform, machine=lambda: "x86_64")
    module.shutil = Pretend(shutil, disk_usage=lambda path: shutil._ntuple_diskusage(2, 1, 1e12))
    module.subprocess = Pretend(subprocess, run=lambda *a, **k: pytest.fail(f"it ran {a}"))
    return module


def stopped(run) -> str:
    """Return the one line with which the installer stops, with exit status 1."""
    with pytest.raises(SystemExit) as stop:
        run()
    message = stop.value.code  # a text is printed on the error stream, and the status is 1
    assert isinstance(message, str)
    assert message.startswith("install: ")
    assert "\n" not in message
    return message


def test_the_installer_accepts_a_machine_where_all_is_well(installer):
    installer.check_machine()
    installer.check_disk("course")


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 6), (3, 10, 0), (3, 14, 0), (4, 0, 0)])
def test_a_wrong_python_is_named(installer, version):
    installer.sys.version_info = version
    assert "Python 3.11, 3.12 or 3.13 is needed" in stopped(installer.main)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9), (3, 13, 2)])
def test_the_right_pythons_are_taken(installer, version):
    installer.sys.version_info = version
    installer.check_machine()


def test_a_32_bit_python_is_named(installer):
    installer.sys.maxsize = 2**31 - 1
    assert "64-bit" in stopped(installer.main)


def test_an_intel_mac_is_named(installer):
    installer.sys.platform = "darwin"
    assert "Intel" in stopped(installer.main)
    installer.platform.machine = lambda: "arm64"
    installer.check_machine()


def test_a_folder_that_can_t_be_written_is_named(installer, tmp_path):
    installer.os = Pretend(os, access=lambda path, mode: False)
    assert str(tmp_path) in stopped(installer.main)


def test_a_full_disk_is_named_before_anything_is_made(installer, tmp_path):
    installer.shutil.disk_usage = lambda path: shutil._ntuple_diskusage(10, 9.5e9, 0.5e9)
    message = stopped(installer.main)
    assert "4 GB of free disk space" in message
    assert "0.5 GB" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_venv_module_is_named_with_what_to_install(installer, module, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name == module:
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "apt install python3-venv" in stopped(installer.main)


def test_a_pip_that_fails_is_one_line_after_pip_s_own(installer):
    def fails(command, **options):
        raise subprocess.CalledProcessError(1, command)

    installer.subprocess.run = fails
    assert "network" in stopped(lambda: installer.pip("install", "something"))


def test_a_gpu_is_for_linux(installer, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["install.py", "--gpu"])
    installer.sys.platform = "win32"
    installer.make_venv = lambda: None
    installer.install = lambda part, *locks: False
    assert "WSL" in stopped(installer.main)


def test_a_lock_is_installed_once(installer, tmp_path):
    ran = []
    installer.subprocess.run = lambda command, **options: ran.append(command)
    installer.VENV.mkdir()
    (tmp_path / "requirements.txt").write_text("one==1\n", encoding="utf-8")
    assert installer.install("course", "requirements.txt")
    assert not installer.install("course", "requirements.txt")
    (tmp_path / "requirements.txt").write_text("one==2\n", encoding="utf-8")
    assert installer.install("course", "requirements.txt")
    assert len(ran) == 2
    assert all("--require-hashes" in command for command in ran)


def test_an_install_that_was_cut_off_is_done_again(installer, tmp_path):
    def fails(command, **options):
        raise subprocess.CalledProcessError(1, command)

    installer.VENV.mkdir()
    (tmp_path / "requirements.txt").write_text("one==1\n", encoding="utf-8")
    installer.subprocess.run = fails
    stopped(lambda: installer.install("course", "requirements.txt"))
    installer.subprocess.run = lambda command, **options: None
    assert installer.install("course", "requirements.txt")


def test_old_pythons_can_read_the_installer_far_enough_to_hear_no():
    ast.parse(read("install.py"), feature_version=(3, 7))


def test_the_message_is_all_there_is_and_the_status_is_1():
    program = (
        "import runpy, sys; sys.version_info = (3, 9, 6, 'final', 0); sys.argv = ['install.py'];"
        "runpy.run_path('install.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("install: Python 3.11, 3.12 or 3.13 is needed")
