"""Benchmarks are run by hand, ``make bench``: here, only what would let one crash at its end."""

import ast
import contextlib
import importlib
import io
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from benchmarks.__main__ import NAMES
from grader.markers import SOLUTION
from grader.submission import kind

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_can_be_called(name):
    try:
        module = importlib.import_module(f"benchmarks.bench_{name}")
    except ModuleNotFoundError as error:
        if error.name in {*sys.stdlib_module_names, "benchmarks", "grader", "libs", "tools"}:
            raise
        pytest.skip(f"{error.name} is one of the maintainers' packages: make dev")
    assert callable(module.rows)


def test_what_is_taken_from_lesson_02_trains():
    from benchmarks import bench_training

    names = bench_training.lesson_02()
    x, y = names["spirals"](20, seed=42)
    network = names["new_network"]([2, 4, 1], seed=42)
    losses, _ = names["train"](network, x, y, 30, rate=1, momentum=0.9)
    assert losses[-1] < losses[0]


def test_what_nbgrader_is_given_yields_the_solutions_points(tmp_path):
    from benchmarks import bench_grader

    source = tmp_path / "hw1" / "hw1.ipynb"
    shutil.copytree(ROOT / "homework" / "source" / "hw1", source.parent)
    bench_grader._for_nbgrader(source)
    names, earned, possible = {"__name__": "__main__"}, 0, 0
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in nbformat.read(source, as_version=4).cells:
            tree = ast.parse(SOLUTION.unmarked(cell.source)) if cell.cell_type == "code" else None
            if kind(cell) in ("setup", "answer") and tree:
                exec(compile(tree, "<cell>", "exec"), names)
            elif kind(cell) == "test":
                score = tree.body.pop()
                exec(compile(tree, "<cell>", "exec"), names)
                earned += eval(compile(ast.Expression(score.value), "<cell>", "eval"), names)
                possible += cell.metadata.nbgrader.points
    assert earned == possible > 0
