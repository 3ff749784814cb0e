"""Files are replaced whole or not at all."""

import errno
import os
import subprocess
import sys

import pytest

from libs.files import replacing


def test_an_error_keeps_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.write("text where bytes belong")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_killed_process_keeps_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    program = (
        "import os, signal, sys; from libs.files import replacing\n"
        "with replacing(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode != 0
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("mask", [0o077, 0o027, 0o022, 0o000])
def test_a_file_is_as_readable_as_the_users_others(tmp_path, mask):
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "a") as file:
            file.write(b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_file_system_without_modes_is_fine(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("chmod", "fchmod", "lchmod"):
        monkeypatch.setattr(os, name, refuse, raising=False)
    with replacing(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["course [2026]", "is this it", "50%", "{a}", "käse ☃", "x" * 255])
def test_names_may_be_odd_and_long(tmp_path, name):
    with replacing(tmp_path / name / name) as file:
        file.write(b"new")
    assert [path.name for path in (tmp_path / name).iterdir()] == [name]
