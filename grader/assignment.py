"""An assignment: its source notebook, its students' version, and a submission merged into it."""

import ast
import re
from collections import ChainMap
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

from grader import ROOT, AssignmentError, hand_in
from grader.check import test
from grader.files import digest
from grader.imports import rule
from grader.markers import HIDDEN_TESTS
from grader.stored import FILE, frozen, read_source
from grader.submission import (
    clean,
    grade_id,
    kind,
    name_cells,
    packs,
    read_notebook,
    same,
    unpacked,
)

_STUB = Config(
    ClearSolutions={"code_stub": {"python": "..."}, "text_stub": "*Write your answer here.*"}
)


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

    Attributes
    ----------
    written : nbformat.NotebookNode
        The source as its author wrote it.
    source : nbformat.NotebookNode
        The same with its stored numbers put in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = Path(folder), Path(folder).name
        content, self.written = read_source(self.folder)
        self.source = frozen(self.folder, self.written)
        if self.source is not self.written:
            content += (self.folder / FILE).read_bytes()
        self.sha256 = digest(content)
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
        for cell in notebook.cells:
            if kind(cell) == "test":  # it names mistakes, which nobody should read before a try
                cell.metadata["jupyter"] = {"source_hidden": True}
        self._tell(notebook)
        last = nbformat.v4.new_code_cell(hand_in.cell(self.name), id="hand-in")
        if notebook.nbformat_minor < 5:
            del last["id"]
        notebook.cells.append(last)
        # what `pack` needs to know without the source
        own = {"name": self.name, "answers": list(self.of_kind("answer", "manual"))}
        own["released"] = {
            grade_id(cell): digest(cell.source.strip().encode())
            for cell in notebook.cells
            if grade_id(cell)
        }
        notebook.metadata.homework = {**notebook.metadata.get("homework", {}), **own}
        return notebook

    def _tell(self, notebook: nbformat.NotebookNode) -> None:
        """Say what may be imported, in the text above the first setup cell, so that it is true."""
        cells, told = notebook.cells, rule(self.imports())
        first = next((i for i, cell in enumerate(cells) if kind(cell) == "setup"), 0)
        above = [c for c in cells[:first] if c.cell_type == "markdown" and not grade_id(c)]
        if above:
            above[-1].source += f"\n\n{told}"
            return
        cell = nbformat.v4.new_markdown_cell(told, id="what-you-may-import")
        if notebook.nbformat_minor < 5:
            del cell["id"]
        cells.insert(first, cell)

    def merge(self, content: bytes) -> Merged:
        """Put a submission into the order of its source, with locked cells as they were.

        Parameters
        ----------
        content : bytes
            The submitted file.

        Raises
        ------
        SubmissionError
            It is not a notebook.
        """
        notebook = read_notebook(content)
        names = name_cells(notebook.cells, self.released.cells)
        texts = {cell.source.strip() for cell in self.released.cells}
        own, at = {name: [] for name in self.cells}, ""
        below = {name: [] for name in self.cells}  # what they wrote below a cell, in words
        extra = {name: [] for name in ["", *self.cells]}
        merged = Merged([])
        for place, (name, cell) in enumerate(zip(names, notebook.cells, strict=True), 1):
            if cell.cell_type == "code":
                if not name and packs(cell.source):
                    continue
                cell.source = unpacked(cell.source)
            if name in self.cells:
                at = name
                own[name].append(cell)
            else:
                what = "extra" if cell.cell_type == "code" else "text"
                extra[at].append(Step(what, f"your-{place}", clean(cell)))
                if at and what == "text" and cell.source.strip() not in {*texts, ""}:
                    below[at].append(cell.source)
        merged.steps += extra[""]
        for name in self.cells:
            merged.steps += self._steps(name, own[name], below[name], merged)
            merged.steps += extra[name]
        return merged

    def _steps(self, name: str, theirs: list, below: list[str], merged: Merged) -> list[Step]:
        """Return what stands in one place: the source's cell, or the student's."""
        stub, what = self.stubs[name], kind(self.cells[name])
        fit = [cell for cell in theirs if cell.cell_type == stub.cell_type]
        if what not in ("answer", "manual"):
            if not theirs:
                merged.notes.append(f"The cell {name} was missing; it was put back.")
            elif not fit or not all(same(cell.source, stub.source) for cell in fit):
                merged.notes.append(f"The cell {name} was changed; it was put back as it was.")
            return [Step(what, name, nbformat.from_dict(stub))]
        # an answer in words is read by a person, whatever its cell became
        chosen = theirs if what == "manual" or not fit else fit
        for became in sorted({c.cell_type for c in chosen} - {stub.cell_type}):
            text = f"The answer {name} had become a {became} cell; its text was used."
            merged.notes.append(text)
        texts = [cell.source for cell in chosen]
        if not texts:
            merged.notes.append(f"The answer {name} is missing: its cell is not in your notebook.")
        filled = [text for text in texts if not same(text, stub.source)]
        if what == "manual" and not any(text.strip() for text in filled) and below:
            merged.notes.append(f"What you wrote below the answer {name} was taken for it.")
            filled = below
        if not filled:
            merged.unanswered.add(name)
        texts = filled or [stub.source]  # a copy of the cell as it was would undo the answer
        if len(texts) > 1:
            merged.notes.append(
                f"The answer {name} appears {len(texts)} times; all were used, in order."
            )
        if what == "manual":
            texts = ["\n\n".join(texts)]  # the grade book knows one cell of a name
        steps = []
        for number, text in enumerate(texts):
            cell = nbformat.from_dict(stub)
            cell.source = text
            if what == "manual" and cell.cell_type == "markdown":
                pasted = [one.attachments for one in theirs if "attachments" in one]
                cell.attachments = nbformat.from_dict(dict(ChainMap(*pasted)))
            if number < len(texts) - 1:
                del cell.metadata["nbgrader"]
            steps.append(Step(what, name, cell))
        return steps
