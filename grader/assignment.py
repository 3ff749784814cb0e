"""An assignment: its source notebook, its students' version, and a submission merged into it."""

import ast
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
    NbGraderPreprocessor,
)
from nbgrader.utils import is_grade
from traitlets.config import Config

from grader import ROOT
from grader.check import test
from grader.markers import HIDDEN_TESTS, SOLUTION

_STUB = Config(
    ClearSolutions={"code_stub": {"python": "..."}, "text_stub": "*Write your answer here.*"}
)
NOTEBOOK_BYTES, CELLS = 30 << 20, 1000


class AssignmentError(Exception):
    """An assignment's source breaks a rule; the message says which."""


class SubmissionError(Exception):
    """A submission can't be graded at all; the message says why, for the student."""


@dataclass
class Step:
    """A cell on its way through grading.

    Attributes
    ----------
    kind : {"setup", "given", "answer", "test", "manual", "extra", "text"}
    name : str
        The grade_id; of a student's own cell, its place in the submission.
    cell : nbformat.NotebookNode
        What runs, and takes the outputs.
    """

    kind: str
    name: str
    cell: nbformat.NotebookNode


@dataclass
class Merged:
    """A submission put into the order of its source.

    Attributes
    ----------
    steps : list of Step
    notes : list of str
        What was unusual, for the student.
    unanswered : set of str
        Names of answers left as they were released, or missing.
    """

    steps: list
    notes: list = field(default_factory=list)
    unanswered: set = field(default_factory=set)


class AnnounceHiddenTests(NbGraderPreprocessor):
    """Put a line in the place of hidden tests, that says how many there are."""

    def preprocess_cell(self, cell, resources, index):
        """Replace the region."""
        if is_grade(cell) and cell.cell_type == "code":
            hidden = hidden_blocks(cell.source)
            if hidden:
                line = f"test.later({len(hidden)}, points={sum(b.points for b in hidden):g})"
                cell.source = HIDDEN_TESTS.without(cell.source).rstrip() + "\n" + line
        return cell, resources


def kind(cell) -> str:
    """Return which of :class:`Step`'s kinds a source's cell is."""
    metadata = cell.metadata.get("nbgrader", {})
    if metadata.get("grade"):
        return "manual" if metadata.get("solution") else "test"
    if metadata.get("solution"):
        return "answer"
    if cell.cell_type == "code" and metadata.get("grade_id"):
        return "setup" if "setup" in cell.metadata.get("tags", []) else "given"
    return "text" if cell.cell_type != "code" else "extra"


def grade_id(cell) -> str:
    """Return nbgrader's name of a cell, or ''."""
    metadata = cell.metadata.get("nbgrader")
    name = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def blocks(source: str) -> list[test]:
    """Return each ``test(…)`` of a test cell's ``with`` blocks, unentered, in order."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.With):
            call = node.items[0].context_expr
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "test":
                arguments = [ast.literal_eval(a) for a in call.args]
                found.append(
                    test(*arguments, **{k.arg: ast.literal_eval(k.value) for k in call.keywords})
                )
    return found


def hidden_blocks(source: str) -> list[test]:
    """Return each ``test(…)`` of a test cell's hidden regions, as :func:`blocks` does."""
    return blocks("".join(HIDDEN_TESTS.bodies(source)))


class Assignment:
    """An assignment.

    Parameters
    ----------
    folder : pathlib.Path
        Of its source: ``homework/source/hw1``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = Path(folder), Path(folder).name
        path = self.folder / f"{self.name}.ipynb"
        if not path.is_file():
            raise AssignmentError(f"{path} is missing.")
        content = path.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.source = nbformat.reads(content.decode(), as_version=4)
        metadata = self.source.metadata.get("homework", {})
        self.title, self.minutes = metadata.get("title", self.name), metadata.get("minutes", 60)
        self.cell_seconds = metadata.get("cell_seconds", 60)
        self.total_seconds = metadata.get("total_seconds", 600)
        self.memory = metadata.get("memory_gb", 4)
        self.hidden = [ROOT / name for name in metadata.get("hide", [])]
        self.data = self.folder / "data" if (self.folder / "data").is_dir() else None
        self.cells = {grade_id(c): c for c in self.source.cells if grade_id(c)}
        self.released = self.release()
        self.stubs = {grade_id(c): c for c in self.released.cells if grade_id(c)}

    def __reduce__(self):
        return Assignment, (self.folder,)

    def of_kind(self, *kinds: str) -> dict:
        """Return the source's cells of some kinds, by name, in order."""
        return {name: cell for name, cell in self.cells.items() if kind(cell) in kinds}

    def imports(self) -> list[str]:
        """Return the modules that the setup cells import."""
        found = []
        for cell in self.of_kind("setup").values():
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found.append(node.module)
                elif isinstance(node, ast.Import):
                    found += [alias.name for alias in node.names]
        return found

    def release(self) -> nbformat.NotebookNode:
        """Return the students' version.

        Raises
        ------
        AssignmentError
            The source breaks a rule.
        """
        notebook = nbformat.from_dict(self.source)
        for cell in notebook.cells:
            for region in (SOLUTION, HIDDEN_TESTS):
                if problem := region.problem(cell.source):
                    raise AssignmentError(f"{self.name}, cell {grade_id(cell)}: {problem}.")
        steps = [LockCells, ClearSolutions, ClearOutput, CheckCellMetadata, AnnounceHiddenTests]
        steps += [ClearHiddenTests, ComputeChecksums]
        try:
            for step in steps:
                notebook, _ = step(config=_STUB).preprocess(notebook, {})
        except Exception as error:
            raise AssignmentError(f"{self.name}: {error}") from None
        for cell in notebook.cells:
            if cell.cell_type == "code":
                # "x = ..." needs no second row of dots
                cell.source = re.sub(r"^(.*= \.\.\..*)\n\s*\.\.\.$", r"\1", cell.source, flags=re.M)
        notebook, _ = ComputeChecksums().preprocess(notebook, {})
        # what `pack` needs to know without the source
        own = {"name": self.name, "answers": list(self.of_kind("answer", "manual"))}
        notebook.metadata.homework = {**notebook.metadata.get("homework", {}), **own}
        return notebook

    def merge(self, content: bytes) -> Merged:
        """Put a submission into the order of its source, with locked cells as they were.

        Parameters
        ----------
        content : bytes
            The submitted file.

        Raises
        ------
        SubmissionError
            It is no notebook.
        """
        notebook = read_notebook(content)
        ids = {c.id: name for name, c in self.stubs.items() if c.get("id")}
        own, at = {name: [] for name in self.cells}, ""
        extra = {name: [] for name in ["", *self.cells]}
        merged = Merged([])
        for place, cell in enumerate(notebook.cells, 1):
            name = grade_id(cell) or ids.get(cell.get("id"), "")
            if name in self.cells:
                at = name
                own[name].append(cell)
            else:
                what = "extra" if cell.cell_type == "code" else "text"
                extra[at].append(Step(what, f"your-{place}", clean(cell)))
        merged.steps += extra[""]
        for name in self.cells:
            merged.steps += self._steps(name, own[name], merged) + extra[name]
        return merged

    def _steps(self, name: str, theirs: list, merged: Merged) -> list[Step]:
        """Return what stands in one place: the source's cell, or the student's."""
        stub, what = self.stubs[name], kind(self.cells[name])
        texts = [cell.source for cell in theirs if cell.cell_type == stub.cell_type]
        if what not in ("answer", "manual"):
            if not theirs:
                merged.notes.append(f"The cell {name} was missing; it was put back.")
            elif any(text.strip() != stub.source.strip() for text in texts) or not texts:
                merged.notes.append(f"The cell {name} was changed; it was put back as it was.")
            return [Step(what, name, nbformat.from_dict(stub))]
        if not texts:
            merged.notes.append(f"The answer {name} is missing: its cell is not in your notebook.")
            merged.unanswered.add(name)
            texts = [stub.source]
        if len(texts) > 1:
            merged.notes.append(f"The answer {name} is there {len(texts)} times; all were used.")
        if all(text.strip() == stub.source.strip() for text in texts):
            merged.unanswered.add(name)
        if what == "manual":
            texts = ["\n\n".join(texts)]  # the grade book knows one cell of a name
        steps = []
        for number, text in enumerate(texts):
            cell = nbformat.from_dict(stub)
            cell.source = text
            if number < len(texts) - 1:
                del cell.metadata["nbgrader"]
            steps.append(Step(what, name, cell))
        return steps


def read_notebook(content: bytes) -> nbformat.NotebookNode:
    """Read a submitted notebook, trusting nothing; outputs are left out.

    Raises
    ------
    SubmissionError
        It is none, or too large.
    """
    if len(content) > NOTEBOOK_BYTES:
        raise SubmissionError(f"The notebook is larger than {NOTEBOOK_BYTES >> 20} MB.")
    try:
        parsed = json.loads(content.decode())
    except (ValueError, RecursionError):
        raise SubmissionError("The file is no Jupyter notebook: it is not JSON.") from None
    # not nbformat's reader: it takes minutes over a hundred thousand cells
    cells = parsed.get("cells") if isinstance(parsed, dict) else None
    if not isinstance(cells, list) or parsed.get("nbformat") != 4:
        raise SubmissionError("The file is no Jupyter notebook of format 4.")
    if len(cells) > CELLS:
        raise SubmissionError(f"The notebook has more than {CELLS} cells.")
    metadata = _dict(_dict(parsed.get("metadata")).get("homework"))
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"homework": metadata}}
    notebook["cells"] = [cell for cell in map(_cell, cells) if cell]
    return nbformat.from_dict(notebook)  # new_notebook would mend and complain


def _cell(parsed) -> nbformat.NotebookNode | None:
    """Return what of a cell is used, None if it is malformed."""
    parsed = _dict(parsed)
    source, named = parsed.get("source"), parsed.get("id")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or parsed.get("cell_type") not in ("code", "markdown", "raw"):
        return None
    cell = {
        "cell_type": parsed["cell_type"],
        # half a character can be said in JSON, but not written to a file
        "source": source.encode(errors="replace").decode(),
        "metadata": {},
        "id": named if isinstance(named, str) else "",
    }
    metadata = _dict(_dict(parsed.get("metadata")).get("nbgrader"))
    if metadata := {k: v for k, v in metadata.items() if isinstance(v, str | int | float)}:
        cell["metadata"]["nbgrader"] = metadata
    if cell["cell_type"] == "code":
        cell |= {"outputs": [], "execution_count": None}
    return nbformat.from_dict(cell)


def _dict(parsed) -> dict:
    return parsed if isinstance(parsed, dict) else {}


def clean(cell) -> nbformat.NotebookNode:
    """Return a student's own cell: its text and nothing else."""
    if cell.cell_type == "code":
        return nbformat.v4.new_code_cell(cell.source)
    return nbformat.v4.new_markdown_cell(cell.source)  # a raw cell could be HTML
