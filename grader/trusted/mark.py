"""Marks one submission: its cells run in a sandbox, its tests here."""

import ast
import builtins
import dis
import hashlib
import inspect
import io
import re
import time
import tomllib
from collections.abc import Collection
from contextlib import ExitStack, chdir, contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from types import CodeType, SimpleNamespace

import grader
from grader import check
from grader.assignment import Assignment, Step, blocks
from grader.markers import HIDDEN_TESTS, answer_of
from grader.shared.wire import WireError
from grader.submission import SubmissionError
from grader.trusted.proxies import Failure, Process
from grader.trusted.sandbox import NoSandbox, ProcessDied, Sandbox, TimedOut
from grader.trusted.sanitise import (
    error_output,
    findings_output,
    readable,
    safe_outputs,
    size,
)

DEATHS = 3  # a submission's process is started again that often
_EMPTY = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}'
OUTPUTS = 30 << 20  # characters that all outputs of a submission may have


@cache
def version() -> str:
    """Return the course's version, as pyproject.toml has it, and a hash of the grader's code."""
    project = tomllib.loads((grader.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    code = b"".join(p.read_bytes() for p in sorted(Path(grader.__file__).parent.rglob("*.py")))
    return f"{project['version']}+{hashlib.sha256(code).hexdigest()[:12]}"


def _compiled(source: str, name: str):
    """Return a cell's code, with what it asserts even if this Python is to leave that out."""
    return compile(source, name, "exec", optimize=0)


class Marker:
    """Marks submissions of an assignment, one after the other.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    secret : list of pathlib.Path
        Folders that students' code must not see.
    sandbox : callable
        Makes what sessions come from; another one only for the instructor's own files.
    """

    def __init__(self, assignment: Assignment, secret=(), sandbox=Sandbox) -> None:
        self.assignment = assignment
        self.sandbox = sandbox(
            [*assignment.imports(), "grader.hostile.kernel", "grader.check"],
            [assignment.folder, *assignment.hidden, *secret],
            assignment.data,
            assignment.memory,
            setup=[cell.source for cell in assignment.of_kind("setup").values()],
        )
        self.sandbox.launch()
        self.trusted = {"__name__": "__main__"}
        try:
            import libs  # noqa: F401 — first, for it sets the user's own settings aside

            with chdir(assignment.folder), redirect_stdout(io.StringIO()):
                for name, cell in assignment.of_kind("setup").items():
                    exec(_compiled(cell.source, name), self.trusted)
            self.sandbox.start()
        except BaseException:
            self.sandbox.stop()
            raise
        self.tests = {name: Test(name, c.source) for name, c in assignment.of_kind("test").items()}

    def mark(self, content: bytes, tests_only: bool | Collection = False) -> tuple[dict, list]:
        """Mark a submission.

        Once more if the sandbox ended meanwhile: the system ended all of it, as it does with a
        user's scopes when that user logs out, and no submission is to blame for that.

        Parameters
        ----------
        content : bytes
            The submitted file.
        tests_only : bool or collection of str
            Leave out given cells, which no test needs, and all tests but these.

        Returns
        -------
        record : dict
            What was found; goes to JSON.
        cells : list of nbformat.NotebookNode
            The notebook with its outputs; the tests' are their findings.
        """
        self.sandbox.start()
        launch = self.sandbox.launches
        found = self._mark(content, tests_only)
        return found if self.sandbox.lives(launch) else self._mark(content, tests_only)

    def _mark(self, content: bytes, tests_only: bool | Collection) -> tuple[dict, list]:
        began = time.monotonic()
        record, merged = _begun(self.assignment, content)
        if tests_only:
            merged.steps = [
                step
                for step in merged.steps
                if step.kind != "given"
                and (tests_only is True or step.kind != "test" or step.name in tests_only)
            ]
        run = Run(self, merged.steps, record)
        try:
            with run:
                run.all()
        except NoSandbox:
            raise
        except Exception as error:  # a submission that finds a fault in here stops nobody else
            problem = f"The grader failed ({type(error).__name__}): please tell your instructor."
            record["notes"].append(problem)
            for step in merged.steps:
                if step.kind == "test" and step.name not in record["tests"]:
                    run.note(step, [], AssertionError(problem))
        _sum_up(record, self.assignment)
        record["seconds"] = round(time.monotonic() - began, 2)
        return record, [step.cell for step in merged.steps]

    def close(self) -> None:
        """End the sandbox."""
        self.sandbox.stop()


class Test:
    """A test cell's code.

    Attributes
    ----------
    visible, hidden : code
    reads : set of str
        Names that it reads and never binds itself: whatever it binds is never the student's.
    later : set of str
        Names that the hidden part may need of the visible one.
    texts : Texts
    """

    def __init__(self, name: str, source: str) -> None:
        self.visible = _compiled(HIDDEN_TESTS.without(source), name)
        self.hidden = _compiled("".join(HIDDEN_TESTS.bodies(source)), name)
        (reads, binds), (more, others) = names(self.visible), names(self.hidden)
        self.reads = {n for n in (reads | more) - binds - others if not hasattr(builtins, n)}
        helpers = [c for c in self.visible.co_consts if isinstance(c, CodeType)]
        self.later = more.union(*(names(helper)[0] for helper in helpers))
        self.texts = Texts(source)


class Texts:
    """What a cell's author has written as text: ``sentence in Texts(source)``.

    Also an f-string counts, if what stands in its gaps is another of the cell's texts.
    """

    def __init__(self, source: str) -> None:
        self.whole, self.gapped = set(), []
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.whole.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(str(p.value)) if isinstance(p, ast.Constant) else "(.{1,80}?)"
                    for p in node.values
                ]
                self.gapped.append(re.compile("".join(parts)))

    def __contains__(self, text: str) -> bool:
        if text in self.whole:
            return True
        found = (gapped.fullmatch(text) for gapped in self.gapped if len(text) < 400)
        return any(match and self.whole.issuperset(match.groups()) for match in found)


def _begun(assignment: Assignment, content: bytes) -> tuple:
    """Return a record without marks, and the notebook with the student's answers."""
    record = {
        "assignment": assignment.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "source_sha256": assignment.sha256,
        "grader": version(),
        "notes": [],
        "tests": {},
        "manual": {},
        "unanswered": [],
    }
    try:
        merged = assignment.merge(content)
    except Exception as error:
        why = str(error) if isinstance(error, SubmissionError) else type(error).__name__
        record["ungraded"] = f"{why} Nothing could be graded."
        record["notes"].append(record["ungraded"])
        merged = assignment.merge(_EMPTY)
        merged.notes = []
    record["notes"] += merged.notes
    # by these it is told whether what a person read is still what stands there
    record["answers"] = {
        step.name: hashlib.sha256(step.cell.source.encode(errors="replace")).hexdigest()[:16]
        for step in merged.steps
        if step.kind in ("answer", "manual")
    }
    record["unanswered"] = sorted(merged.unanswered)
    return record, merged


def _sum_up(record: dict, assignment: Assignment) -> None:
    """Put what all tests give into a record, and what a person has to read."""
    for name in assignment.of_kind("manual"):
        record["manual"][name] = "empty" if name in record["unanswered"] else "to be read"
    record["score"] = sum(t["score"] for t in record["tests"].values())
    record["points"] = sum(t["points"] for t in record["tests"].values())


def unmarked(assignment: Assignment, content: bytes, why: str, read: bool = True) -> tuple:
    """Return what :meth:`Marker.mark` does for a submission that can't be marked.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    content : bytes
        The submitted file.
    why : str
    read : bool
        Show the student's answers; else the file is not looked into.
    """
    record, merged = _begun(assignment, content if read else _EMPTY)
    record["sha256"] = hashlib.sha256(content).hexdigest()
    text = f"This submission could not be marked: {why}. A person has to look at it."
    record["unmarked"] = why
    if read:
        record["notes"].insert(0, text)
    else:
        record["notes"], record["unanswered"] = [text], []
    tests = {n: Test(n, cell.source) for n, cell in assignment.of_kind("test").items()}
    run = Run(SimpleNamespace(assignment=assignment, tests=tests), merged.steps, record)
    for step in merged.steps:
        if step.kind == "test":
            run.note(step, [], check.StudentError(f"could not be marked: {why}"))
    _sum_up(record, assignment)
    record["seconds"] = 0
    return record, [step.cell for step in merged.steps]


class Run:
    """One submission on its way.

    Its cells run first, all of them, then the visible tests, then the hidden ones, each with the
    student's names as they stood where the test does: so nothing of the student's that is shown
    can come from after a hidden test has called a function.
    """

    def __init__(self, marker: Marker, steps: list[Step], record: dict) -> None:
        self.marker, self.steps, self.record = marker, steps, record
        self.sources = {f"cell:{i}": s.cell.source for i, s in enumerate(steps)}
        self.given = {
            f"cell:{i}": s.name for i, s in enumerate(steps) if s.kind in ("setup", "given")
        }
        self.skip, self.deaths, self.failed = set(), 0, {}
        self.spaces, self.found, self.problems = {}, {}, {}
        self.until, self.room, self.process = 0.0, OUTPUTS, None

    def __enter__(self) -> "Run":
        self.process = self._new()
        self.until = time.monotonic() + self.marker.assignment.total_seconds
        return self

    def __exit__(self, *_) -> None:
        self.process.session.end()

    def _new(self) -> Process:
        process = Process(self.marker.sandbox.session(), self.sources, self.given)
        process.left = lambda: self.until - time.monotonic()
        return process

    def all(self) -> None:
        """Run the cells, then the tests; note what was found."""
        for index in range(len(self.steps)):
            self._revive(index)
            self._advance(index, keep=True)
        tests = [i for i, step in enumerate(self.steps) if step.kind == "test"]
        # whatever the cells used up, tests have their share
        share = self.marker.assignment.total_seconds / 2
        self.until = max(self.until, time.monotonic() + share)
        for hidden in (False, True):
            self.deaths = 0
            for index in tests:
                self._test(index, hidden)
        for index in tests:
            name = self.steps[index].name
            self.note(self.steps[index], self.found.get(name, []), self.problems.get(name))

    def _advance(self, index: int, keep: bool = False) -> None:
        """Run a cell; where a test stands, let the process remember its names."""
        step = self.steps[index]
        if step.kind == "test":
            self.process.keep(step.name)
        elif step.cell.cell_type == "code":
            outputs = self._cell(index)
            if keep:
                step.cell.outputs = outputs

    def _revive(self, index: int) -> None:
        """After the process died, start another and bring it to where the last one was."""
        while self.process.dead and self.deaths < DEATHS:
            self.deaths += 1
            self.process.session.end()
            self.process = self._new()
            for earlier in range(index):
                if not self.process.dead:
                    self._advance(earlier)

    def _cell(self, index: int) -> list:
        """Run a cell in the sandbox; return its outputs."""
        step = self.steps[index]
        if index in self.skip or self.process.dead:
            why = f"not run: before it, Python {self.process.dead or 'stopped'}"
            return [error_output(self.failed.get(step.name) or why)]
        request = {"do": "run", "source": step.cell.source, "label": f"cell:{index}"}
        request["setup"] = step.kind == "setup"
        try:
            reply, _ = self.process.ask(request, (), self.marker.assignment.cell_seconds)
        except ProcessDied as error:
            self.skip.add(index)  # once is enough
            why = f"While running this cell, Python {error}."
        except WireError as error:
            why = f"Your process {error}."
        except TimedOut as error:
            why = f"{error}"
        else:
            if (
                not {"outputs", "error"} & reply.keys()
            ):  # an answer to nothing: the next ones would be wrong, too
                self.process.stop("sent a malformed answer")
                self.skip.add(index)
                return [error_output("Your process sent a malformed answer.")]
            outputs = safe_outputs(reply.get("outputs"), self.room)
            self.room -= size(outputs)
            if reply.get("error") is None:
                return outputs
            why, _ = self.process.describe(reply["error"])
            self.failed[step.name] = why
            return [*outputs, error_output(why)]
        self.failed[step.name] = why
        return [error_output(why)]

    def _test(self, index: int, hidden: bool) -> None:
        """Run a part of a test cell here, on proxies for the student's names."""
        marker, name = self.marker, self.steps[index].name
        test = marker.tests[name]
        if hidden and name in self.problems:
            return
        space = self.spaces.setdefault(name, dict(marker.trusted))
        wanted = sorted(test.reads - marker.trusted.keys())

        def fetch():
            self._revive(len(self.steps))
            space.update(self.process.names(wanted, name))

        @contextmanager
        def limit(seconds: float):
            if self.process.dead:
                fetch()
            with self.process.limit(seconds):
                yield

        fetch()
        with ExitStack() as stack:
            found = stack.enter_context(check.record(limit)).findings
            stack.enter_context(redirect_stdout(io.StringIO()))
            stack.enter_context(chdir(marker.assignment.folder))
            try:
                exec(test.hidden if hidden else test.visible, space)
            except Exception as error:  # outside of a block: the answer does not even fit
                self.problems[name] = error
        self.found.setdefault(name, []).extend(found)
        for own in space.keys() - test.later - marker.trusted.keys():
            del space[own]  # what an answer returned may be large

    def note(self, step: Step, found: list, problem: Exception | None) -> None:
        """Put a test cell's findings into the record and its outputs.

        Parameters
        ----------
        step : grader.assignment.Step
        found : list of grader.check.Finding
        problem : Exception or None
            Why there are fewer findings than tests.
        """
        cell = self.marker.assignment.cells[step.name]
        expected = blocks(cell.source)
        shown = len(blocks(step.cell.source))
        answer = answer_of(step.name)
        findings = []
        texts = self.marker.tests[step.name].texts
        for number, block in enumerate(expected):
            if number < len(found):
                got = found[number]
                share, message, error = got.share, got.message, got.error
            else:
                share, message, error = 0.0, "not reached.", problem
                if problem is not None:
                    message = check.explain(problem)
            if number >= shown and error is not None:
                message = quiet(error, texts)
            findings.append(
                {
                    "name": block.name,
                    "points": block.points,
                    "score": round(block.points * share, 6),
                    "share": round(share, 6),
                    "message": readable(message, 1000),
                    "hidden": number >= shown,
                }
            )
        self.record["tests"][step.name] = {
            "points": float(cell.metadata.nbgrader["points"]),
            "score": sum(f["score"] for f in findings),
            "stopped": self.failed.get(answer, ""),
            "findings": findings,
        }
        step.cell.outputs = findings_output(self.record["tests"][step.name])


def quiet(error: Exception, texts: Texts) -> str:
    """Say why a hidden test failed, by the words of its author alone.

    What an answer returns or raises can hold what it was called with, so nothing of it is said.

    Parameters
    ----------
    error : Exception
    texts : Texts
        Of the test's cell.
    """
    match error:
        case Failure():
            return error.quiet
        case check.Mismatch():
            what = error.what if error.what in texts else "the answer"
            sentence = error.kind.removeprefix(": ").removesuffix(".")
            known = not error.kind.startswith(": ") or sentence in texts
            return check.joined(what, error.kind if known else " is not what is expected.")
        case AssertionError():
            return str(error) if str(error) in texts else "this does not hold."
        case NameError() if error.name:
            return f"{error.name} is not defined."
        case check.StudentError():
            return str(error)
    return f"{type(error).__name__}: does your answer return what is asked for?"


def names(code: CodeType) -> tuple[set[str], set[str]]:
    """Return the global names that a cell's code reads, and those that it binds anywhere."""
    reads, binds, parts = set(), set(), [code]
    while parts:
        part = parts.pop()
        parts += [c for c in part.co_consts if isinstance(c, CodeType)]
        # a class's body: what it binds is its own
        own = binds if part is code else set()
        seen = set()
        for step in dis.get_instructions(part):
            if step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                binds.add(step.argval)
            elif step.opname in ("STORE_NAME", "DELETE_NAME"):
                own.add(step.argval)
            elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"):
                seen.add(step.argval)
        reads |= seen if own is binds or part.co_flags & inspect.CO_OPTIMIZED else seen - own
    return {name for name in reads if not name.startswith("__")}, binds
