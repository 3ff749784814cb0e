"""Marks one submission: its cells run in a sandbox, its tests here."""

import builtins
import hashlib
import io
import time
import tomllib
from contextlib import ExitStack, chdir, contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from types import CodeType

import grader
from grader import check
from grader.assignment import Assignment, Step, blocks
from grader.markers import answer_of
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
            ["libs", *assignment.imports(), "grader.hostile.kernel", "grader.check"],
            [assignment.folder, *assignment.hidden, *secret],
            assignment.data,
            assignment.memory,
            setup=[cell.source for cell in assignment.of_kind("setup").values()],
        )
        self.sandbox.launch()
        self.trusted = {"__name__": "__main__"}
        try:
            import libs  # noqa: F401 — TensorFlow, while the sandbox imports it, too

            with chdir(assignment.folder), redirect_stdout(io.StringIO()):
                for name, cell in assignment.of_kind("setup").items():
                    exec(_compiled(cell.source, name), self.trusted)
            self.sandbox.start()
        except BaseException:
            self.sandbox.stop()
            raise
        self.tests = {
            name: _compiled(cell.source, name) for name, cell in assignment.of_kind("test").items()
        }

    def mark(self, content: bytes, tests_only: bool = False) -> tuple[dict, list]:
        """Mark a submission.

        Parameters
        ----------
        content : bytes
            The submitted file.
        tests_only : bool
            Leave out given cells, which no test needs.

        Returns
        -------
        record : dict
            What was found; goes to JSON.
        cells : list of nbformat.NotebookNode
            The notebook with its outputs; the tests' are their findings.
        """
        began = time.monotonic()
        record = {
            "assignment": self.assignment.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "source_sha256": self.assignment.sha256,
            "grader": version(),
            "notes": [],
            "tests": {},
            "manual": {},
            "unanswered": [],
        }
        try:
            merged = self.assignment.merge(content)
        except Exception as error:
            why = str(error) if isinstance(error, SubmissionError) else type(error).__name__
            record["notes"].append(f"{why} Nothing could be graded.")
            merged = self.assignment.merge(
                b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}'
            )
            merged.notes = []
        record["notes"] += merged.notes
        record["unanswered"] = sorted(merged.unanswered)
        if tests_only:
            merged.steps = [step for step in merged.steps if step.kind != "given"]
        run = Run(self, merged.steps, record)
        try:
            with run:
                for index in range(len(merged.steps)):
                    run.step(index)
        except NoSandbox:
            raise
        except Exception as error:  # a submission that finds a fault in here stops nobody else
            problem = f"The grader failed ({type(error).__name__}): please tell your instructor."
            record["notes"].append(problem)
            for step in merged.steps:
                if step.kind == "test" and step.name not in record["tests"]:
                    run.note(step, [], AssertionError(problem))
        for name in self.assignment.of_kind("manual"):
            record["manual"][name] = "empty" if name in merged.unanswered else "to be read"
        record["score"] = sum(t["score"] for t in record["tests"].values())
        record["points"] = sum(t["points"] for t in record["tests"].values())
        record["seconds"] = round(time.monotonic() - began, 2)
        return record, [step.cell for step in merged.steps]

    def close(self) -> None:
        """End the sandbox."""
        self.sandbox.stop()


class Run:
    """One submission on its way."""

    def __init__(self, marker: Marker, steps: list[Step], record: dict) -> None:
        self.marker, self.steps, self.record = marker, steps, record
        self.sources = {f"cell:{i}": s.cell.source for i, s in enumerate(steps)}
        self.skip, self.deaths, self.failed = set(), 0, {}
        self.until, self.room, self.process = 0.0, OUTPUTS, None

    def __enter__(self) -> "Run":
        self.process = self._new()
        self.until = time.monotonic() + self.marker.assignment.total_seconds
        return self

    def __exit__(self, *_) -> None:
        self.process.session.end()

    def _new(self) -> Process:
        process = Process(self.marker.sandbox.session(), self.sources)
        process.left = lambda: self.until - time.monotonic()
        return process

    def step(self, index: int) -> None:
        """Run a cell, or a test cell's tests."""
        step = self.steps[index]
        if step.kind == "test":
            self._revive(index)
            self._test(index)
        elif step.cell.cell_type == "code":
            self._revive(index)
            step.cell.outputs = self._cell(index)

    def _revive(self, index: int) -> None:
        """After the process died, start another and bring it to where the last one was."""
        while self.process.dead and self.deaths < DEATHS:
            self.deaths += 1
            self.process.session.end()
            self.process = self._new()
            for earlier in range(index):
                step = self.steps[earlier]
                if step.cell.cell_type == "code" and step.kind != "test" and not self.process.dead:
                    self._cell(earlier)

    def _cell(self, index: int) -> list:
        """Run a cell in the sandbox; return its outputs."""
        step = self.steps[index]
        if index in self.skip or self.process.dead:
            return [error_output(self.failed.get(step.name) or "not run: Python had stopped")]
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
            outputs = safe_outputs(reply.get("outputs"), self.room)
            self.room -= size(outputs)
            if reply.get("error") is None:
                return outputs
            why, _ = self.process.describe(reply["error"])
            self.failed[step.name] = why
            return [*outputs, error_output(why)]
        self.failed[step.name] = why
        return [error_output(why)]

    def _test(self, index: int) -> None:
        """Run a test cell here, on proxies for the student's names."""
        step, marker = self.steps[index], self.marker
        code = marker.tests[step.name]
        space = dict(marker.trusted)
        wanted = sorted(n for n in names(code) if n not in space and not hasattr(builtins, n))

        @contextmanager
        def limit(seconds: float):
            if self.process.dead:
                self._revive(index)
                space.update(self.process.names(wanted))
            with self.process.limit(seconds):
                yield

        space.update(self.process.names(wanted))
        problem = None
        with ExitStack() as stack:
            found = stack.enter_context(check.record(limit)).findings
            stack.enter_context(redirect_stdout(io.StringIO()))
            stack.enter_context(chdir(marker.assignment.folder))
            try:
                exec(code, space)
            except Exception as error:  # outside of a block: the answer does not even fit
                problem = error
        self.note(step, found, problem)

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
        for number, block in enumerate(expected):
            if number < len(found):
                got = found[number]
                share, message, error = got.share, got.message, got.error
            else:
                share, message, error = 0.0, "not reached.", problem
                if problem is not None:
                    message = check.explain(problem)
            if number >= shown and isinstance(error, Failure):
                message = error.quiet
            findings.append(
                {
                    "name": block.name,
                    "points": block.points,
                    "score": round(block.points * share, 6),
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


def names(code: CodeType) -> set[str]:
    """Return every global name that code uses."""
    found = set(code.co_names)
    for part in code.co_consts:
        if isinstance(part, CodeType):
            found |= names(part)
    return found
