"""A small assignment and a small class, for the grader's tests."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grader.assignment import grade_id

SETUP = """import numpy as np

from grader.check import expect, filled, test

NUMBERS = np.arange(4.0)"""
DOUBLE = '''def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION'''
DOUBLE_TEST = """with test("two numbers"):
    expect.close(double(NUMBERS[:2]), [0, 2], "double([0, 1])")
### BEGIN HIDDEN TESTS
with test("other numbers", points=3, seconds=3):
    secret_numbers = np.array([3.25, -7.75])
    expect.close(double(secret_numbers), 2 * secret_numbers, "double(x)")
### END HIDDEN TESTS"""
ANSWER = """answer = ...
### BEGIN SOLUTION
answer = 42
### END SOLUTION"""
ANSWER_TEST = """with test("the answer"):
    expect.equal(answer, 42, "answer")"""
MODEL = '''def line():
    """Return a Keras model of one input and one output."""
    ### BEGIN SOLUTION
    import keras

    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    ### END SOLUTION'''
MODEL_TEST = """with test("its parameters"):
    expect.equal(line().count_params(), 2, "the number of parameters")
### BEGIN HIDDEN TESTS
with test("what it predicts"):
    model = line()
    w, b = model.get_weights()
    expect.close(model.predict(np.ones((3, 1))), np.ones((3, 1)) @ w + b, "the prediction")
### END HIDDEN TESTS"""
CELLS = [
    ("setup", "imports", SETUP, 0),
    ("answer", "double", DOUBLE, 0),
    ("test", "double-test", DOUBLE_TEST, 4),
    ("given", "shown", "if filled(double(1)):\n    print('twice one is', double(1))", 0),
    ("answer", "answer", ANSWER, 0),
    ("test", "answer-test", ANSWER_TEST, 1),
    ("manual", "words", "### BEGIN SOLUTION\nBecause.\n### END SOLUTION", 5),
]
MODEL_CELLS = [("answer", "line", MODEL, 0), ("test", "line-test", MODEL_TEST, 2)]
#                    grade  solution locked
KINDS = {
    "setup": (False, False, True),
    "given": (False, False, True),
    "answer": (False, True, False),
    "test": (True, False, True),
    "manual": (True, True, False),
}


def write_course(root: Path, cells=CELLS, **about) -> Path:
    """Write a course with one assignment, hw0; return its root."""
    notebook = new_notebook(metadata={"homework": {"title": "Mini", "cell_seconds": 4, **about}})
    for kind, name, source, points in cells:
        cell = (new_markdown_cell if kind == "manual" else new_code_cell)(source, id=name)
        flags = dict(zip(("grade", "solution", "locked"), KINDS[kind], strict=True))
        cell.metadata["nbgrader"] = {**flags, "grade_id": name, "schema_version": 3, "task": False}
        if points:
            cell.metadata["nbgrader"]["points"] = points
        if kind == "setup":
            cell.metadata["tags"] = ["setup"]
        notebook.cells.append(cell)
    folder = root / "source" / "hw0"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "hw0.ipynb")
    return root


def submission(assignment, answers: dict | None = None, extra: str = "", at: int = 1) -> bytes:
    """Return a submission: the release with some answers, and a cell of the student's own."""
    notebook = nbformat.from_dict(assignment.released)
    for cell in notebook.cells:
        if grade_id(cell) in (answers or {}):
            cell.source = answers[grade_id(cell)]
    if extra:
        notebook.cells.insert(at, new_code_cell(extra))
    return nbformat.writes(notebook).encode()


RIGHT = {
    "double": "def double(x):\n    return x + x",
    "answer": "answer = 42",
    "words": "Because it is so.",
}
