"""``python -m grader prove``: show that an assignment and its tests are right."""

import ast
import re
import runpy
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import psutil
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from tqdm import tqdm
from traitlets.config import Config

from grader.assignment import Assignment, AssignmentError, blocks, hidden_blocks
from grader.commands.lazy import lazy
from grader.course import Course
from grader.markers import HIDDEN_TESTS, SOLUTION, STORED, answer_of
from grader.pool import Task, WorkerPool
from grader.stored import differences
from grader.submission import grade_id, kind, packs
from grader.trusted.mark import names as names_of
from grader.trusted.sandbox import find_bubblewrap

VISIBLE_SECONDS, NOTEBOOK_SECONDS = 2.0, 120.0
LINES = 42  # that students see of a test cell, which they are to read
MUTANTS, VARIANTS = 2, 1  # of each answer that tests mark, at the least


def prove(assignment: Assignment, course: Course, pool: WorkerPool) -> list[str]:
    """Try everything that an assignment promises.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    course : grader.course.Course
        Students' code must not see it.
    pool : grader.pool.WorkerPool

    Returns
    -------
    list of str
        What is wrong; empty if nothing is.

    Raises
    ------
    grader.trusted.sandbox.NoSandbox
        This machine can't prove anything.
    """
    find_bubblewrap()
    problems = [*rules(assignment), *leaks(assignment)]
    problems += differences(assignment.folder, assignment.written)
    mutants, variants, wrong = read_mutants(assignment)
    problems += wrong
    task = Task.of(assignment, [course.root])
    pool.prepare(task)
    whole = {"the source": assignment.source, "the release": assignment.released}
    parts = {f"mutant “{n}”": changed(assignment, {m[0]: m[1]}) for n, m in mutants.items()}
    first = {which: f"mutant “{n}”" for n, (which, *_) in reversed(mutants.items())}
    changes = {f"mutant “{n}”": {m[0]} for n, m in mutants.items()}
    parts |= {f"variant “{n}”": changed(assignment, v) for n, v in variants.items()}
    changes |= {f"variant “{n}”": {*v} for n, v in variants.items()}
    # what reads nothing of an answer can't lose points by it; the first of each mistakes shows it
    tests = {
        name: name in first.values() or reached(assignment, parts[name], which)
        for name, which in changes.items()
    }
    with (
        tqdm(total=len(whole) + len(parts), desc=assignment.name, unit="try") as bar,
        TemporaryDirectory(dir="/tmp") as folder,  # a socket's path is short, TMPDIR's may not be
        ThreadPoolExecutor(1) as thread,
    ):

        def mark(tries: dict, only: bool | dict) -> dict:
            contents = [(name, nbformat.writes(tried).encode()) for name, tried in tries.items()]
            results = {}
            for name, result in pool.mark(task, contents, only):
                results[name] = result
                bar.update()
            return results

        # most of a submission's time goes into its given cells' figures and trainings, which tests
        # don't need; a kernel runs the students' version meanwhile
        marking = thread.submit(lambda: mark(whole, False) | mark(parts, tests))
        for solved in (False, True):
            problems += in_place(assignment, Path(folder), solved)
        pasted, left_out = lazy(assignment)
        problems += pasted
        for note in left_out:
            tqdm.write(f"{assignment.name}: the lazy student left out {note}")
        results = marking.result()
    for name in whole:
        problems += [f"{name} stops: {why}" for why in stops(results[name][1])]
    if won := _won(results["the release"][0]):
        problems.append(f"the released version, not filled in, earns points: {won}")
    empty = {"the source": set()}  # answers that were not filled in
    empty |= {f"variant “{n}”": slow(assignment) - set(v) for n, v in variants.items()}
    for name, answers in empty.items():
        if lost := _lost(results[name][0], answers):
            problems.append(f"{name} loses points: {lost}")
    for name, (which, _, says) in mutants.items():
        record = results[f"mutant “{name}”"][0]
        problems += judge_mutant(assignment, name, record, which, says)
    return problems + untold(assignment, [results[f"mutant “{name}”"][0] for name in mutants])


def mistakes(source: str) -> list[tuple[str, str, str]]:
    """Return the mistakes that a test cell names: a block's name, of what, and the sentence."""
    found = []
    for block in ast.parse(source).body:
        if not isinstance(block, ast.With) or not blocks(ast.unparse(block)):
            continue
        (one,), known = blocks(ast.unparse(block)), {}
        nodes = [n for n in ast.walk(block) if isinstance(n, ast.Assign | ast.Call)]
        for node in sorted(nodes, key=lambda n: (n.lineno, n.col_offset)):
            if isinstance(node, ast.Assign):
                known[ast.unparse(node.targets[0])] = node.value
            elif ast.unparse(node.func) == "expect.close":
                named = {k.arg: k.value for k in node.keywords}
                table = named.get("mistakes") or [*node.args, None, None, None][4]
                table = known.get(table.id) if isinstance(table, ast.Name) else table
                what = node.args[2] if len(node.args) > 2 else named["what"]
                what = what.value if isinstance(what, ast.Constant) else ""
                for key in table.keys if isinstance(table, ast.Dict) else ():
                    found.append((one.name, what, ast.literal_eval(key)))
    return found


def untold(assignment: Assignment, records: list[dict]) -> list[str]:
    """Return each mistake that tests name and none of the mutants' records tells.

    Such a sentence may wait for numbers that nobody's answer gives.
    """
    told = {}
    for record in records:
        for name, result in record["tests"].items():
            for f in result["findings"]:
                told.setdefault((name, f["name"]), []).append(f["message"])
    return [
        f"{name}, {block}: no mutant is told “{sentence}”: does an answer give these numbers?"
        for name, cell in assignment.of_kind("test").items()
        for block, what, sentence in mistakes(cell.source)
        if not any(f"{what}: {sentence}." in m for m in told.get((name, block), ()))
    ]


def slow(assignment: Assignment) -> set[str]:
    """Return the answers that are tagged as slow."""
    answers = assignment.of_kind("answer").items()
    return {name for name, cell in answers if "slow" in cell.metadata.get("tags", [])}


def stops(cells: list) -> list[str]:
    """Return why cells of a graded notebook stopped, if any did."""
    return [
        output.traceback[0]
        for cell in cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def rules(assignment: Assignment) -> list[str]:
    """Return which of AUTHORING.md's rules the source breaks."""
    problems, answers = [], assignment.of_kind("answer")
    tested = {answer_of(name) for name in assignment.of_kind("test")}
    names = [grade_id(cell) for cell in assignment.source.cells if grade_id(cell)]
    for name in {n for n in names if names.count(n) > 1}:
        problems.append(f"two cells are called {name}")
    for cell in assignment.source.cells:
        if kind(cell) == "extra":
            problems.append(f"a code cell has no grade_id: {cell.source[:40]!r}")
        if kind(cell) == "answer" and not SOLUTION.bodies(cell.source):
            problems.append(f"{grade_id(cell)} has no solution region")
    problems += [f"{name} has no test cell" for name in answers if name not in tested]
    problems += [f"{name}-test tests no answer" for name in tested if name not in answers]
    problems += [f"there is no {path} to hide" for path in assignment.hidden if not path.is_file()]
    if not any(kind(c) == "setup" for c in assignment.source.cells):
        problems.append("there is no setup cell")
    hidden, theirs = set(), {}
    for name, cell in answers.items():
        _, binds = names_of(compile(SOLUTION.unmarked(cell.source), name, "exec"))
        theirs |= dict.fromkeys(binds, name)
    for name, cell in assignment.of_kind("test").items():
        _, binds = names_of(compile(cell.source, name, "exec"))
        for word in sorted(binds & theirs.keys()):
            problems.append(f"{name} defines {word}, which the answer {theirs[word]} must define")
        if any(
            isinstance(n, ast.alias) and n.name == "*" for n in ast.walk(ast.parse(cell.source))
        ):
            problems.append(f"{name} imports *: nobody can tell which names are its own")
        if (lines := assignment.stubs[name].source.count("\n") + 1) > LINES:
            problems.append(f"students see {lines} lines of {name}, of {LINES} they may")
        found = blocks(cell.source)
        worth, points = sum(b.points for b in found), cell.metadata.nbgrader["points"]
        if worth != points:
            problems.append(f"the blocks of {name} are worth {worth:g} points, the cell {points:g}")
        if not blocks(HIDDEN_TESTS.without(cell.source)):
            problems.append(f"{name} has no visible test")
        if hidden_blocks(cell.source):
            hidden.add(answer_of(name))
    problems += [f"{name} has no hidden test" for name in answers if name not in hidden]
    return problems


def leaks(assignment: Assignment) -> list[str]:
    """Return each line of a solution or a hidden test that a released file holds."""
    secret = set()
    for cell in assignment.written.cells:
        for part in (b for r in (SOLUTION, HIDDEN_TESTS, STORED) for b in r.bodies(cell.source)):
            secret |= {line.strip() for line in part.splitlines()}
    public = {
        line.strip()
        for cell in assignment.source.cells
        for line in HIDDEN_TESTS.without(SOLUTION.without(cell.source)).splitlines()
    }
    # a closing bracket is no secret; nor is what stands in a visible cell too
    secret = {line for line in secret - public if len(re.sub(r"\W", "", line)) > 6}
    files = {f"{assignment.name}.ipynb": "\n".join(c.source for c in assignment.released.cells)}
    files["metadata and outputs"] = str([{**c, "source": ""} for c in assignment.released.cells])
    for path in sorted(assignment.data.rglob("*")) if assignment.data else []:
        if path.is_file():
            files[path.name] = path.read_bytes().decode(errors="replace")
    return [
        f"the released {name} contains a line of a solution or a hidden test: {line}"
        for name, text in files.items()
        for line in sorted(secret)
        if line in (text if len(line) > 24 else [part.strip() for part in text.splitlines()])
    ]


def in_place(assignment: Assignment, folder: Path, solved: bool) -> list[str]:
    """Run the students' version in a kernel, filled or not; return what is wrong with that.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    folder : pathlib.Path
        For what the kernel needs.
    solved : bool
        Fill in the answers.
    """
    notebook = nbformat.from_dict(assignment.released)
    for cell in notebook.cells:
        if packs(cell.source):
            cell.source = ""
    if solved:
        for cell in notebook.cells:
            if kind(cell) == "answer":
                cell.source = assignment.cells[grade_id(cell)].source
    # takes a moment, which is not the time of the first test that compares something
    notebook.cells.insert(0, new_code_cell("import libs.check as _", id="first"))
    what = "filled in" if solved else "not filled in"
    began, took = {}, {}

    def now() -> tuple[float, float]:
        used = psutil.Process(client.km.provisioner.pid).cpu_times()
        return time.monotonic(), used.user + used.system

    def note(cell_index: int, **_) -> None:
        # where others use the machine too, a cell takes longer than it works
        took[cell_index] = min(b - a for a, b in zip(began[cell_index], now(), strict=True))

    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(assignment.folder)}},
        config=Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"}),
        on_cell_start=lambda cell_index, **_: began.update({cell_index: now()}),
        on_cell_executed=note,
    )
    try:
        client.execute()
    except Exception as error:
        return [f"{what}, the students' version stops with an error: {str(error).strip()[-300:]}"]
    problems = []
    if solved and sum(took.values()) > NOTEBOOK_SECONDS:
        seconds = sum(took.values())
        problems.append(
            f"filled in, it takes {seconds:.0f} s; the limit is {NOTEBOOK_SECONDS:.0f} s"
        )
    for index, cell in enumerate(notebook.cells):
        text = [str(o.get("data", {}).get("text/plain", "")) for o in cell.get("outputs", [])]
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                text_end = output.text.strip()[-200:]
                problems.append(f"{what}, {grade_id(cell)} writes to stderr: {text_end}")
        if kind(cell) == "test":
            marks = [t for t in text if t[:1] in "✓✗◐" and t]
            if len(marks) != len(blocks(cell.source)):
                problems.append(
                    f"{what}, {grade_id(cell)} shows {len(marks)} results, not one for each block"
                )
            if any(m.startswith("✓") != solved for m in marks):
                problems.append(f"{what}, {grade_id(cell)} shows {' '.join(marks)}")
            if solved and took[index] > VISIBLE_SECONDS:
                problems.append(f"the visible tests of {grade_id(cell)} take {took[index]:.1f} s")
    return problems


def read_mutants(assignment: Assignment) -> tuple[dict, dict, list[str]]:
    """Return the assignment's mutants and variants, and what is wrong with the file."""
    path = assignment.folder / "mutants.py"
    if not path.is_file():
        return {}, {}, ["mutants.py is missing"]
    try:
        space = runpy.run_path(str(path))
        mutants = {str(what): (of, how, says) for what, (of, how, says) in space["MUTANTS"].items()}
        variants = {str(what): dict(how) for what, how in space["VARIANTS"].items()}
    except KeyError as error:
        raise AssignmentError(
            f"{assignment.name}: mutants.py defines no {error.args[0]}."
        ) from None
    except Exception as error:  # the file is a program
        why = f"{type(error).__name__}: {error}"
        raise AssignmentError(f"{assignment.name}: mutants.py can't be read: {why}") from None
    answers = assignment.of_kind("answer")
    counts = Counter(of for of, _, _ in mutants.values())
    counts_of_variants = Counter(of for how in variants.values() for of in how)
    for name in [*counts, *counts_of_variants]:
        if name not in answers:
            there = ", ".join(answers)
            raise AssignmentError(
                f"{assignment.name}: mutants.py changes {name!r}, which is no answer: {there}."
            )
    problems = []
    for name in answers:
        for what, count, least in (
            ("mutant", counts[name], MUTANTS),
            ("variant", counts_of_variants[name], VARIANTS),
        ):
            if count < least:
                needed = f"{least} {what}{'s are' if least > 1 else ' is'}"
                problems.append(f"mutants.py has {count} of {name}; at least {needed} needed")
    return mutants, variants, problems


def changed(assignment: Assignment, changes: dict, slow_too: bool = False) -> nbformat.NotebookNode:
    """Return the solved notebook with some answers changed; other slow ones left empty or not."""
    notebook = nbformat.from_dict(assignment.source)
    cells = {grade_id(cell): cell for cell in notebook.cells}
    for name in set() if slow_too else slow(assignment) - set(changes):
        cells[name].source = assignment.stubs[name].source
    for name, change in changes.items():
        if isinstance(change, str):
            cells[name].source = change
            continue
        for old, new in change:
            if old not in cells[name].source:
                raise AssignmentError(
                    f"{assignment.name}: mutants.py would change {old!r}, which is not in {name}."
                )
            cells[name].source = cells[name].source.replace(old, new)
    return notebook


def reached(assignment: Assignment, notebook: nbformat.NotebookNode, which: set) -> set[str]:
    """Return the tests that read what some answers define, or what others make of it.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    notebook : nbformat.NotebookNode
        With these answers in it.
    which : set of str
        The answers' names.
    """
    answers, theirs = {}, set()
    for cell in notebook.cells:
        if kind(cell) == "answer":
            source = SOLUTION.unmarked(cell.source)
            try:
                answers[grade_id(cell)] = names_of(compile(source, "answer", "exec"))
            except SyntaxError:
                answers[grade_id(cell)] = set(), set()
    for name in which:
        before = compile(SOLUTION.unmarked(assignment.cells[name].source), "answer", "exec")
        theirs |= answers[name][1] | names_of(before)[1]
    while more := set().union(*(b for r, b in answers.values() if r & theirs)) - theirs:
        theirs |= more
    tests = assignment.of_kind("test").items()
    reads = {name: names_of(compile(cell.source, name, "exec"))[0] for name, cell in tests}
    return {name for name, read in reads.items() if read & theirs or answer_of(name) in which}


def judge_mutant(
    assignment: Assignment, name: str, record: dict, which: str, says: str
) -> list[str]:
    """Return what is wrong with how a mutant was marked."""
    own = [r for test, r in record["tests"].items() if answer_of(test) == which]
    messages = [m for r in own for m in (r["stopped"], *(f["message"] for f in r["findings"]))]
    problems = []
    if elsewhere := _lost(record, {which, *slow(assignment)}):
        problems.append(f"mutant “{name}” changes {which} and loses points elsewhere: {elsewhere}")
    if all(result["score"] == result["points"] for result in own):
        problems.append(f"mutant “{name}” loses no point of {which}: no test notices it")
    elif not any(says in message for message in messages):
        found = [m for m in messages if m]
        problems.append(f"mutant “{name}”: no message contains {says!r}; there are {found}")
    return problems


def _lost(record: dict, but: set) -> str:
    """Say where points were lost, but for some answers."""
    lost = []
    for test, result in record["tests"].items():
        if answer_of(test) in but or result["score"] == result["points"]:
            continue
        lost += [result["stopped"]] if result["stopped"] else []
        lost += [
            f"{f['name']} ({f['message']})" for f in result["findings"] if f["score"] < f["points"]
        ]
    return "; ".join(lost)


def _won(record: dict) -> str:
    findings = [f for t in record["tests"].values() for f in t["findings"]]
    return "; ".join(f["name"] for f in findings if f["score"])
