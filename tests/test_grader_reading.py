"""A notebook is read whatever a laptop, a browser or another program did to it."""

import json

import pytest
from grader_mini import RIGHT, submission, write_course

from grader.assignment import Assignment
from grader.commands.pack import _compare
from grader.submission import NOTEBOOK_BYTES, SubmissionError, read_notebook, same


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    root = write_course(tmp_path_factory.mktemp("reading") / "course")
    return Assignment(root / "source" / "hw0")


@pytest.fixture
def handed_in(assignment):
    return json.loads(submission(assignment, RIGHT))


def answers(assignment, content: bytes) -> tuple[dict, set, list]:
    """Return the answers as they will be graded, those that are none, and the notes."""
    merged = assignment.merge(content)
    steps = [s for s in merged.steps if s.kind in ("answer", "manual")]
    return {s.name: s.cell.source for s in steps}, merged.unanswered, merged.notes


def cell(notebook: dict, name: str) -> dict:
    return next(c for c in notebook["cells"] if named(c) == name)


def named(one: dict) -> str:
    return one["metadata"].get("nbgrader", {}).get("grade_id", "")


def written(notebook: dict) -> bytes:
    return json.dumps(notebook).encode()


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")


@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-32-be", "cp1252"])
def test_any_encoding_is_read(encoding, assignment, handed_in):
    cell(handed_in, "words")["source"] = "Größer als vorher."
    content = json.dumps(handed_in, ensure_ascii=False).encode(encoding)
    found, unanswered, notes = answers(assignment, content)
    assert (found, unanswered, notes) == (RIGHT | {"words": "Größer als vorher."}, set(), [])


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\x85"])
@pytest.mark.parametrize("answered", [True, False])
def test_ends_of_lines_change_nothing(newline, answered, assignment):
    notebook = json.loads(submission(assignment, RIGHT if answered else {}))
    for one in notebook["cells"]:
        one["source"] = "".join(one["source"]).replace("\n", newline)
    content = written(notebook)
    found, unanswered, notes = answers(assignment, content)
    assert notes == []
    assert unanswered == (set() if answered else {*RIGHT})
    assert "\r" not in found["double"]
    read = read_notebook(content)
    about = read.metadata.homework
    missing, changed = _compare(read, about["released"], about["answers"])
    assert (missing, changed) == ([] if answered else about["answers"], [])


def test_spaces_at_the_ends_of_lines_are_no_answer(assignment):
    assert same("a  \nb\n\n", "a\nb \t")
    notebook = json.loads(submission(assignment))
    for one in notebook["cells"]:
        one["source"] = "".join(one["source"]).replace("\n", "  \n") + "\n\n"
    _, unanswered, notes = answers(assignment, written(notebook))
    assert (unanswered, notes) == ({*RIGHT}, [])


def as_format_3(notebook: dict) -> dict:
    cells = []
    for one in notebook["cells"]:
        old = {"cell_type": one["cell_type"], "metadata": one["metadata"], "language": "python"}
        old["input" if one["cell_type"] == "code" else "source"] = one["source"]
        cells.append(old)
    cells.insert(0, {"cell_type": "heading", "level": 2, "metadata": {}, "source": "Title"})
    sheets = [{"cells": cells, "metadata": {}}]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": sheets}


def test_format_3_and_old_minors_are_read(assignment, handed_in):
    assert answers(assignment, written(as_format_3(handed_in)))[:2] == (RIGHT, set())
    first = read_notebook(written(as_format_3(handed_in))).cells[0]
    assert (first.cell_type, first.source) == ("markdown", "## Title")
    for minor in (0, 2, 4):
        old = json.loads(written(handed_in)) | {"nbformat_minor": minor}
        for one in old["cells"]:
            del one["id"]
        assert answers(assignment, written(old)) == (RIGHT, set(), [])


@pytest.mark.parametrize("lost", [("metadata",), ("id",), ("metadata", "id")])
def test_lost_names_are_found_again(lost, assignment, handed_in):
    handed_in["metadata"] = {}
    for one in handed_in["cells"]:
        for what in lost:
            one[what] = {} if what == "metadata" else ""
    handed_in["cells"].insert(2, {"cell_type": "code", "source": "1 + 1", "metadata": {}})
    found, unanswered, notes = answers(assignment, written(handed_in))
    assert (found, unanswered, notes) == (RIGHT, set(), [])


def test_an_answer_written_into_a_new_cell_is_found(assignment):
    notebook = json.loads(submission(assignment))
    notebook["cells"] = [one for one in notebook["cells"] if named(one) not in RIGHT]
    at = {"double": 2, "answer": 5, "words": 7}  # the first cell says what may be imported
    for name, place in at.items():
        kind = "markdown" if name == "words" else "code"
        new = {"cell_type": kind, "source": RIGHT[name], "metadata": {}}
        notebook["cells"].insert(place, new)
    assert answers(assignment, written(notebook))[:2] == (RIGHT, set())


def test_words_below_the_untouched_answer_are_read_by_a_person(assignment):
    notebook = json.loads(submission(assignment, {"double": RIGHT["double"]}))
    notebook["cells"].append({"cell_type": "markdown", "source": "Because.", "metadata": {}})
    found, unanswered, notes = answers(assignment, written(notebook))
    assert (found["words"], unanswered) == ("Because.", {"answer"})
    assert notes == ["What you wrote below the answer words was taken for it."]


@pytest.mark.parametrize("became", ["raw", "code", "markdown", "html"])
def test_an_answer_in_words_is_read_whatever_its_cell_became(became, assignment, handed_in):
    cell(handed_in, "words")["cell_type"] = became
    found, unanswered, notes = answers(assignment, written(handed_in))
    assert (found, unanswered) == (RIGHT, set())
    assert bool(notes) == (became != "markdown")
    read = read_notebook(written(handed_in))
    assert _compare(read, read.metadata.homework["released"], ["words"])[0] == []


@pytest.mark.parametrize("became", ["raw", "markdown"])
def test_code_that_is_no_code_cell_any_more_is_run_and_pack_says_so(became, assignment, handed_in):
    cell(handed_in, "double")["cell_type"] = became
    found, unanswered, (note,) = answers(assignment, written(handed_in))
    assert (found, unanswered) == (RIGHT, set())
    assert note == f"The answer double had become a {became} cell; its text was used."
    read = read_notebook(written(handed_in))
    about = read.metadata.homework
    assert (
        "The answer double is no code cell any more: make it one again."
        in _compare(read, about["released"], about["answers"])[1]
    )


def test_a_copy_as_it_was_released_does_not_undo_the_answer(assignment, handed_in):
    stub = next(c for c in assignment.released.cells if c.get("id") == "double")
    handed_in["cells"].append(json.loads(json.dumps(stub)))
    assert answers(assignment, written(handed_in)) == (RIGHT, set(), [])


def test_tests_are_folded_and_who_unfolds_one_has_changed_nothing(assignment, handed_in):
    tests = [one for one in handed_in["cells"] if named(one) in assignment.of_kind("test")]
    others = [one for one in handed_in["cells"] if one not in tests]
    assert [one["metadata"].pop("jupyter") for one in tests] == [{"source_hidden": True}] * 2
    assert not any("jupyter" in one["metadata"] for one in others)
    tests[0]["metadata"]["collapsed"] = True
    assert answers(assignment, written(handed_in)) == (RIGHT, set(), [])
    read = read_notebook(written(handed_in))
    about = read.metadata.homework
    assert not any(_compare(read, about["released"], about["answers"]))


def test_huge_outputs_are_left_out_then_the_rest_is_judged(assignment, handed_in):
    picture = {"output_type": "display_data", "data": {"image/png": 'iVBO\\"]}' * 5_000_000}}
    cell(handed_in, "imports")["outputs"] = [picture]
    handed_in["metadata"]["widgets"] = {"state": {"a": ["outputs", "]"]}}
    cell(handed_in, "double")["source"] += '\n# "outputs": ['
    content = written(handed_in)
    assert len(content) > NOTEBOOK_BYTES
    found, unanswered, notes = answers(assignment, content)
    assert unanswered == set()
    assert notes == []
    assert found["double"].endswith('\n# "outputs": [')


@pytest.mark.parametrize(
    "content", [b"[[]," * 9_000_000, b'{"cells":' + b"[" * (31 << 20), b'"' * (31 << 20)]
)
def test_what_keeps_a_reader_busy_is_refused_in_time(content):
    with pytest.raises(SubmissionError):
        read_notebook(content)
