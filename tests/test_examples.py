"""The examples in the docstrings of libs say what really comes out."""

import doctest
import importlib
import pkgutil

import pytest

import libs


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(libs.__path__)])
def test_the_examples_are_true(name):
    assert doctest.testmod(importlib.import_module(f"libs.{name}")).failed == 0
