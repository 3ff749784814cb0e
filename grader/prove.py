"""``python -m grader prove``: show that an assignment and its tests are right."""

import re
import runpy
import time

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

from grader.assignment import Assignment, blocks, grade_id, kind
from grader.course import Course
from grader.grade import mark_all

VISIBLE_SECONDS, NOTEBOOK_SECONDS, MUTANTS, VARIANTS = 2.0, 120.0, 12, 3
_SOLUTION = re.compile(r"^ *### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION", re.M | re.S)
_HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n(.*?)^### END HIDDEN TESTS", re.M | re.S)


def prove(assignment: Assignment, course: Course, workers: int = 1) -> list[str]:
    """Try everything that an assignment promises.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    course : grader.course.Course
        Students' code must not see it.
    workers : int
        Submissions that are marked at the same time.

    Returns
    -------
    list of str
        What is wrong; empty if nothing is.
    """
    problems = [*rules(assignment), *leaks(assignment)]
    problems += in_place(assignment, solved=False)
    problems += in_place(assignment, solved=True)
    mutants, variants, wrong = read_mutants(assignment)
    problems += wrong
    tries = {"the source": assignment.source, "the release": assignment.released}
    tries |= {f"mutant {n!r}": changed(assignment, {m[0]: m[1]}) for n, m in mutants.items()}
    tries |= {f"variant {n!r}": changed(assignment, v) for n, v in variants.items()}
    contents = {name: nbformat.writes(nb).encode() for name, nb in tries.items()}
    results = mark_all(assignment, [course.root], contents.items(), workers)
    records = {}
    for name, (record, _) in tqdm(results, total=len(tries), desc=assignment.name, unit="try"):
        records[name] = record
    for name, record in records.items():
        if name == "the release":
            if record["score"]:
                problems.append(f"the release scores {record['score']:g}: {_won(record)}")
        elif name.startswith("mutant"):
            which, _, says = mutants[name.split("'", 1)[1][:-1]]
            problems += judge_mutant(assignment, name, record, which, says)
        elif record["score"] != record["points"]:
            problems.append(f"{name} scores {record['score']:g}: {_lost(record)}")
    return problems


def rules(assignment: Assignment) -> list[str]:
    """Return which of AUTHORING.md's rules the source breaks."""
    problems, answers = [], assignment.of_kind("answer")
    tested = {assignment.answer_of(name) for name in assignment.of_kind("test")}
    names = [grade_id(cell) for cell in assignment.source.cells if grade_id(cell)]
    for name in {n for n in names if names.count(n) > 1}:
        problems.append(f"two cells are called {name}")
    for cell in assignment.source.cells:
        if kind(cell) == "extra":
            problems.append(f"a code cell has no grade_id: {cell.source[:40]!r}")
        if kind(cell) == "answer" and not _SOLUTION.search(cell.source):
            problems.append(f"{grade_id(cell)} has no solution region")
    problems += [f"{name} has no test cell" for name in answers if name not in tested]
    problems += [f"{name}-test tests no answer" for name in tested if name not in answers]
    if not any(kind(c) == "setup" for c in assignment.source.cells):
        problems.append("there is no setup cell")
    hidden = set()
    for name, cell in assignment.of_kind("test").items():
        found = blocks(cell.source)
        worth, said = sum(b.points for b in found), cell.metadata.nbgrader["points"]
        if worth != said:
            problems.append(f"the blocks of {name} are worth {worth:g} points, the cell {said:g}")
        if not blocks(_HIDDEN.sub("", cell.source)):
            problems.append(f"{name} has no visible test")
        if blocks("".join(_HIDDEN.findall(cell.source))):
            hidden.add(assignment.answer_of(name))
        elif "HIDDEN" in cell.source:
            problems.append(f"the hidden tests of {name} are not one region that is not indented")
    problems += [f"{name} has no hidden test" for name in answers if name not in hidden]
    return problems


def leaks(assignment: Assignment) -> list[str]:
    """Return each line of a solution or a hidden test that a released file holds."""
    secret = set()
    for cell in assignment.source.cells:
        for part in [*_SOLUTION.findall(cell.source), *_HIDDEN.findall(cell.source)]:
            secret |= {line.strip() for line in part.splitlines()}
    public = {
        line.strip()
        for cell in assignment.source.cells
        for line in _HIDDEN.sub("", _SOLUTION.sub("", cell.source)).splitlines()
    }
    # a closing bracket is no secret; nor is what stands in a visible cell too
    secret = {line for line in secret - public if len(re.sub(r"\W", "", line)) > 6}
    files = {f"{assignment.name}.ipynb": "\n".join(c.source for c in assignment.released.cells)}
    files["metadata and outputs"] = str([{**c, "source": ""} for c in assignment.released.cells])
    for path in sorted(assignment.data.rglob("*")) if assignment.data else []:
        if path.is_file():
            files[path.name] = path.read_bytes().decode(errors="replace")
    return [
        f"the released {name} holds a secret line: {line}"
        for name, text in files.items()
        for line in sorted(secret)
        if line in (text if len(line) > 24 else [part.strip() for part in text.splitlines()])
    ]


def in_place(assignment: Assignment, solved: bool) -> list[str]:
    """Run the students' version in a kernel, filled or not; return what is wrong with that."""
    notebook = nbformat.from_dict(assignment.released)
    if solved:
        for cell in notebook.cells:
            if kind(cell) == "answer":
                cell.source = assignment.cells[grade_id(cell)].source
    what = "solved" if solved else "unfilled"
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(assignment.folder)}},
    )
    began = time.monotonic()
    try:
        client.execute()
    except Exception as error:
        return [f"{what}, the students' version stops: {str(error).strip()[-300:]}"]
    seconds, problems = time.monotonic() - began, []
    if solved and seconds > NOTEBOOK_SECONDS:
        problems.append(f"solved, it takes {seconds:.0f} s, more than {NOTEBOOK_SECONDS:.0f}")
    for cell in notebook.cells:
        text = [str(o.get("data", {}).get("text/plain", "")) for o in cell.get("outputs", [])]
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                problems.append(f"{what}, {grade_id(cell)} writes: {output.text.strip()[-200:]}")
        if kind(cell) == "test":
            marks = [t for t in text if t[:1] in "✓✗◐" and t]
            if len(marks) != len(blocks(cell.source)):
                problems.append(f"{what}, {grade_id(cell)} shows {len(marks)} findings")
            if any(m.startswith("✓") != solved for m in marks):
                problems.append(f"{what}, {grade_id(cell)} shows {' '.join(marks)}")
            took = cell_seconds(cell)
            if solved and took > VISIBLE_SECONDS:
                problems.append(f"the visible tests of {grade_id(cell)} take {took:.1f} s")
    return problems


def cell_seconds(cell) -> float:
    """Return how long a cell ran, by the kernel's own time stamps."""
    from dateutil.parser import isoparse

    times = cell.metadata.get("execution", {})
    if not {"iopub.execute_input", "shell.execute_reply"} <= set(times):
        return 0.0
    span = isoparse(times["shell.execute_reply"]) - isoparse(times["iopub.execute_input"])
    return span.total_seconds()


def read_mutants(assignment: Assignment) -> tuple[dict, dict, list[str]]:
    """Return the assignment's mutants and variants, and what is wrong with the file."""
    path = assignment.folder / "mutants.py"
    if not path.is_file():
        return {}, {}, ["mutants.py is missing"]
    space = runpy.run_path(str(path))
    mutants, variants = space.get("MUTANTS", {}), space.get("VARIANTS", {})
    problems = []
    if len(mutants) < MUTANTS:
        problems.append(f"mutants.py has {len(mutants)} mutants, at least {MUTANTS} are needed")
    if len(variants) < VARIANTS:
        problems.append(f"mutants.py has {len(variants)} variants, at least {VARIANTS} are needed")
    return mutants, variants, problems


def changed(assignment: Assignment, changes: dict) -> nbformat.NotebookNode:
    """Return the solved notebook with some answers changed."""
    notebook = nbformat.from_dict(assignment.source)
    for name, change in changes.items():
        (cell,) = [c for c in notebook.cells if grade_id(c) == name]
        if isinstance(change, str):
            cell.source = change
            continue
        for old, new in change:
            if old not in cell.source:
                raise ValueError(f"{assignment.name}: {name} holds no {old!r} to change")
            cell.source = cell.source.replace(old, new)
    return notebook


def judge_mutant(
    assignment: Assignment, name: str, record: dict, which: str, says: str
) -> list[str]:
    """Return what is wrong with how a mutant was marked."""
    problems, messages, lost = [], [], False
    for test, result in record["tests"].items():
        if assignment.answer_of(test) == which:
            lost = lost or result["score"] < result["points"]
            messages += [result["stopped"], *(f["message"] for f in result["findings"])]
        elif result["score"] < result["points"]:
            problems.append(f"{name} changes {which} and loses points in {test}: {_lost(record)}")
    if not lost:
        problems.append(f"{name} keeps every point of {which}")
    elif not any(says in message for message in messages):
        problems.append(f"{name}: no message holds {says!r}: {[m for m in messages if m]}")
    return problems


def _lost(record: dict) -> str:
    findings = [f for t in record["tests"].values() for f in [*t["findings"]]]
    lost = [f"{f['name']}: {f['message']}" for f in findings if f["score"] < f["points"]]
    return "; ".join([*lost, *(t["stopped"] for t in record["tests"].values() if t["stopped"])])


def _won(record: dict) -> str:
    findings = [f for t in record["tests"].values() for f in t["findings"]]
    return "; ".join(f["name"] for f in findings if f["score"])
