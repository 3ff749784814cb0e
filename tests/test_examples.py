"""The examples in docstrings say what really comes out, and leave nothing behind."""

import doctest
import importlib
import pkgutil
import tempfile

import pytest

import libs

MODULES = [f"libs.{module.name}" for module in pkgutil.iter_modules(libs.__path__)]


@pytest.mark.parametrize("name", [*MODULES, "scale.workers"])
def test_the_examples_are_true(name, tmp_path, monkeypatch):
    here, scratch = tmp_path / "here", tmp_path / "scratch"
    here.mkdir()
    scratch.mkdir()
    monkeypatch.chdir(here)  # where an example may write
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert doctest.testmod(importlib.import_module(name)).failed == 0
    assert list(scratch.iterdir()) == []
