"""The lazy student of ``prove``: pastes what the released file holds, and understands nothing."""

import ast
import builtins
import contextlib
import copy
import itertools
import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from tqdm import tqdm

from grader.assignment import Assignment
from grader.check import StudentError
from grader.markers import SOLUTION, answer_of
from grader.submission import grade_id, kind, packs
from grader.trusted.proxies import Process
from grader.trusted.sandbox import Sandbox

SHARE = 0.1  # of an exercise's points that pasting may earn
# seconds for a paste, and how many a process tries at once: at first, and of those that took longer
PASSES, CHUNK_SECONDS = ((0.25, 100), (10.0, 5)), 200.0
LINES, CONSTANTS, SHOWN = 12, 8, 3
NEAR = 3  # cells from an answer: there numbers are moved as well
_NOT_PASTED = ast.Starred | ast.JoinedStr | ast.FormattedValue | ast.Slice
_NOTHING = {"expect", "test", "plt", "show"}  # what these give is no answer
_MOVES = (
    lambda c: c + 1,
    lambda c: c - 1,
    lambda c: 1,
    lambda c: 0,
    lambda c: -c,
    lambda c: 2 * c,
    lambda c: c / 2,
)


class Hole(NamedTuple):
    """What an answer leaves to fill in.

    Attributes
    ----------
    name : str
        The function's, or the variable's.
    function : ast.FunctionDef or None
        As released.
    """

    name: str
    function: ast.FunctionDef | None

    @property
    def parameters(self) -> list[str]:
        """Return the names of what the function is called with."""
        if self.function is None:
            return []
        given = self.function.args
        several = [a for a in (given.vararg, given.kwarg) if a]
        return [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs, *several)]

    def filled(self, paste: "Paste") -> str:
        """Return an answer with a paste in it."""
        if self.function is None:
            return f"{paste.lines}\n{self.name} = {paste.value}"
        given = itertools.takewhile(lambda line: not _is_dots_line(line), self.function.body)
        end = f"return {paste.value}"
        body = textwrap.indent("\n".join([*map(ast.unparse, given), paste.lines, end]), "    ")
        return f"def {self.name}({ast.unparse(self.function.args)}):\n{body}\n"

    def said(self, part: int | None) -> str:
        """Return what it is called, or one part of the tuple that it returns."""
        if self.function is None:
            return self.name
        return f"{self.name}(…)" if part is None else f"part {part + 1} of {self.name}(…)"


class Paste(NamedTuple):
    """An expression of the released file.

    Attributes
    ----------
    place : str
        Where it stands.
    lines : str
        Statements that it needs.
    value : str
    """

    place: str
    lines: str
    value: str

    def __str__(self) -> str:
        text = " ".join(f"{self.lines.strip()}\n{self.value}".strip().replace("\n", "; ").split())
        return text if len(text) <= 160 else f"{text[:80]} … {text[-78:]}"


def lazy(assignment: Assignment) -> tuple[list[str], list[str]]:
    """Paste each expression of the released file into each answer, also with its numbers moved.

    Parameters
    ----------
    assignment : grader.assignment.Assignment

    Returns
    -------
    problems : list of str
        What earns more than a tenth of an exercise's points so.
    left_out : list of str
        What was not tried, and why.
    """
    problems, left_out = [], []
    setup = [cell.source for cell in assignment.of_kind("setup").values()]
    imports = ["libs", *assignment.imports(), "grader.hostile.kernel", "grader.hostile.lazy"]
    # nothing is hidden from these lines, the author's own: the hidden tests run beside them
    with Sandbox(imports, (), assignment.data, assignment.memory, setup) as sandbox:
        answers = assignment.of_kind("answer").items()
        for name, cell in tqdm(answers, f"{assignment.name}, pasting", unit="answer"):
            if "slow" in cell.metadata.get("tags", []):
                left_out.append(f"{name}: it is slow")
                continue
            tests = [c for n, c in assignment.of_kind("test").items() if answer_of(n) == name]
            points = sum(cell.metadata.nbgrader["points"] for cell in tests)
            trial = Trial(sandbox, assignment, name, [cell.source for cell in tests])
            for hole in holes(assignment, name):
                pasted = pastes(assignment, name, hole)
                best = {}  # the cell's paste that earns most, the shortest of these: others hold it
                for number, part, won, passed in trial.run(hole, pasted):
                    if won > SHARE * points + 1e-9:
                        paste = pasted[number]
                        entry = (-won, len(str(paste)), str(paste), ", ".join(passed))
                        key = paste.place, part
                        best[key] = min(entry, best.get(key, entry))
                shown = sorted(best.items(), key=lambda item: item[1])[:SHOWN]
                for (place, part), (won, _, text, passed) in shown:
                    problems.append(
                        f"{place} gives away {hole.said(part)}: `{text}` pasted there earns "
                        f"{-won:g} of {points:g} points ({passed})"
                    )
            trial.end()
            if trial.solved < points:
                text = f"beside its tests its solution earns only {trial.solved:g} points"
                left_out.append(f"{name}: {text}")
            left_out += trial.left_out
    return problems, left_out


class Trial:
    """A process in which answers to one exercise are tried, beside the solution of all others.

    Attributes
    ----------
    solved : float
        What the solution earns there.
    left_out : list of str
        What was not tried, and why.
    """

    def __init__(self, sandbox: Sandbox, assignment: Assignment, name: str, tests: list) -> None:
        self.sandbox, self.assignment, self.name, self.tests = sandbox, assignment, name, tests
        self.process, self.attempts, self.left_out, self.solved = None, None, [], 0.0

    def run(self, hole: Hole, pasted: list) -> list:
        """Return which pastes earn points above none, as :func:`attempts` does."""
        found, late = [], [*range(len(pasted))]
        for seconds, size in PASSES:
            tried, late = late, []
            for start in range(0, len(tried), size):
                numbers = tried[start : start + size]
                earned, longer = self._tried(hole, pasted, numbers, seconds)
                found, late = found + earned, late + longer
        if late:
            text = f"{len(late)} of {len(pasted)} pastes into {hole.name} that take too long"
            self.left_out.append(f"{self.name}: {text}, such as `{pasted[late[0]]}`")
        return found

    def _tried(self, hole: Hole, pasted: list, numbers: list[int], seconds: float) -> tuple:
        """Return which of some pastes earn anything, and which take too long."""
        chunk = [(pasted[number].lines, hole.filled(pasted[number])) for number in numbers]
        try:
            if self.process is None:
                self._start()
            with self.process.limit(CHUNK_SECONDS):
                told = self.attempts(self.tests, hole.name, chunk, seconds)
        except StudentError as error:  # one of them ends the process, or never ends
            self.end()
            if len(numbers) == 1:
                self.left_out.append(f"{self.name}: `{pasted[numbers[0]]}`, {error}")
                return [], []
        else:
            self.solved, earned, late = told
            return [(numbers[n], *rest) for n, *rest in earned], [numbers[n] for n in late]
        half = len(numbers) // 2
        parts = (
            self._tried(hole, pasted, some, seconds) for some in (numbers[:half], numbers[half:])
        )
        (earned, late), (more, later) = parts
        return earned + more, late + later

    def _start(self) -> None:
        self.process = Process(self.sandbox.session(), {})
        for name, cell in self.assignment.of_kind("setup", "answer").items():
            if "slow" in cell.metadata.get("tags", []):
                continue
            source, setup = SOLUTION.unmarked(cell.source), kind(cell) == "setup"
            request = {"do": "run", "source": source, "label": name, "setup": setup}
            self.process.ask(request, (), self.assignment.cell_seconds)
        source = (
            "from functools import partial as _partial\n"
            "from grader.hostile.lazy import attempts as _attempts\n"
            "_attempts = _partial(_attempts, globals())"
        )
        self.process.ask({"do": "run", "source": source, "label": "lazy"})
        self.attempts = self.process.names(["_attempts"])["_attempts"]

    def end(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.session.end()
        self.process = None


def holes(assignment: Assignment, name: str) -> list[Hole]:
    """Return what an answer's cell leaves to fill in."""
    found = []
    for node in ast.parse(assignment.stubs[name].source).body:
        if isinstance(node, ast.FunctionDef) and any(map(_is_dots_line, node.body)):
            found.append(Hole(node.name, node))
        elif isinstance(node, ast.Assign) and _is_dots(node.value):
            found += [Hole(t.id, None) for t in node.targets if isinstance(t, ast.Name)]
    return found


def pastes(assignment: Assignment, name: str, hole: Hole) -> list[Paste]:
    """Return what may be pasted into a hole: the nearest first, then with its numbers moved.

    Parameters
    ----------
    assignment : grader.assignment.Assignment
    name : str
        The answer's.
    hole : Hole
    """
    known = {*dir(builtins), *_defined(assignment), *hole.parameters} - {hole.name, *_NOTHING}
    if hole.function is not None:
        known |= _bound(ast.Module(hole.function.body, []))
    seen, near, moved, far_off = set(), [], [], []
    for far, place, tree in _trees(assignment, name):
        for renamed in ({}, *_calls(tree, hole)):
            put = _Put(renamed).visit(copy.deepcopy(tree)) if renamed else tree
            for value, before in _expressions(put.body, []):
                guesses = hole.parameters if far <= NEAR else []
                for lines, fitted in _fitted(value, before, hole.parameters, known, guesses):
                    whole = ast.Module([*lines, ast.Expr(fitted)], [])
                    paste = _paste(place, whole)
                    if paste[1:] in seen:
                        continue
                    seen.add(paste[1:])
                    rank = far, len(paste.lines) + len(paste.value)
                    (near if far <= NEAR else far_off).append((rank, paste))
                    loaded, guessed = _loaded(whole), fitted is not value
                    # a function that heeds no argument is wrong whatever it returns
                    heeds = loaded & {*hole.parameters} if hole.parameters else not loaded
                    moves = not guessed and not isinstance(value, ast.Dict)
                    if heeds and moves and far <= NEAR:
                        moved += [(rank, other) for other in _moved(place, whole)]
    for group in (near, moved, far_off):
        group.sort(key=lambda entry: entry[0])
    return [paste for _, paste in (*near, *moved, *far_off)]


def _paste(place: str, whole: ast.Module) -> Paste:
    *lines, value = map(ast.unparse, whole.body)
    return Paste(place, "\n".join(lines), value)


def _trees(assignment: Assignment, name: str) -> Iterator[tuple[int, str, ast.Module]]:
    """Yield the released code, cell by cell and text by text, and how far it is from an answer."""
    cells = assignment.released.cells
    own = next(i for i, cell in enumerate(cells) if grade_id(cell) == name)
    for place, cell in enumerate(cells):
        sources = [] if packs(cell.source) else [cell.source]
        if cell.cell_type == "markdown":
            fenced = re.findall(r"^```.*\n([\s\S]*?)^```", cell.source, re.M)
            sources = [*fenced, *re.findall(r"`([^`\n]+)`", cell.source)]
        for source in sources:
            with contextlib.suppress(SyntaxError, ValueError):
                yield abs(place - own), grade_id(cell) or "the text", ast.parse(source)


def _expressions(body: list, before: list) -> Iterator[tuple[ast.expr, list]]:
    """Yield expressions, each with the statements before it that define something."""
    for statement in body:
        inner = [n for n in ast.iter_child_nodes(statement) if not isinstance(n, ast.stmt)]
        for node in (n for child in inner for n in ast.walk(child)):
            if isinstance(node, ast.expr) and not isinstance(node, _NOT_PASTED):
                text = isinstance(node, ast.Constant) and not _is_number(node)
                text |= any(isinstance(n, ast.Slice) for n in ast.iter_child_nodes(node))  # [:, 0]
                if not text and not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
                    yield node, before
        for part in ("body", "orelse", "handlers", "finalbody"):
            held = getattr(statement, part, [])
            held = [s for h in held for s in (h.body if isinstance(h, ast.excepthandler) else [h])]
            # what stands in a function or a loop means something there alone
            alone = isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.For | ast.While)
            yield from _expressions(held, list(before) if alone else before)
        if not isinstance(statement, ast.With | ast.If | ast.Try) and _made(statement):
            before.append(statement)


def _fitted(value, before, parameters, known, guesses) -> Iterator[tuple[list, ast.expr]]:
    """Yield an expression in names that an answer has: with lines that make them, or renamed."""
    unknown = _free(value) - known
    if unknown & _NOTHING:
        return
    lines = _lines(unknown, before, parameters, known)
    if lines is not None and len(lines) <= LINES:
        yield lines, value
    if 0 < len(unknown) <= min(2, len(guesses)):
        for chosen in itertools.permutations(guesses, len(unknown)):
            names = dict(zip(sorted(unknown), chosen, strict=True))
            yield [], _Put(names).visit(copy.deepcopy(value))


def _lines(wanted: set, before: list, parameters: list, known: set) -> list | None:
    """Return the statements that make some names, None if a name is made by none."""
    lines, perhaps = [], set()
    for line in reversed(before):
        made = _made(line)
        if not made & wanted or made & {*parameters}:
            continue
        lines.insert(0, line)
        if isinstance(line, ast.For | ast.While) or made - _bound(line) or _loaded(line) & made:
            perhaps |= made  # goes on from what was there
            wanted = wanted | (_loaded(line) - known)
        else:
            wanted = (wanted - made) | (_free(line) - known)
    return lines if wanted <= perhaps else None


class _Put(ast.NodeTransformer):
    """Puts names in the place of expressions."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit(self, node: ast.AST) -> ast.AST:
        """Put one here, or look inside."""
        if isinstance(node, ast.List) and not _loaded(node):
            return node  # numbers of an example
        if isinstance(node, ast.expr) and ast.unparse(node) in self.names:
            context = getattr(node, "ctx", None) or ast.Load()
            return ast.Name(self.names[ast.unparse(node)], context)
        return self.generic_visit(node)


def _calls(tree: ast.Module, hole: Hole) -> list[dict[str, str]]:
    """Return what a cell calls the student's function with, by parameter."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == hole.name:
            given = [*zip(node.args, hole.parameters, strict=False)]
            given += [(k.value, k.arg) for k in node.keywords if k.arg]
            call = {ast.unparse(value): parameter for value, parameter in given}
            if call not in found and any(a != b for a, b in call.items()):
                found.append(call)
    return found


def _moved(place: str, whole: ast.Module) -> Iterator[Paste]:
    """Yield a paste with one of its numbers changed."""
    for node in [n for n in ast.walk(whole) if _is_number(n)][:CONSTANTS]:
        number = node.value
        for change in _MOVES:
            if change(number) != number:
                node.value = change(number)
                yield _paste(place, whole)
        node.value = number


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _loaded(node: ast.AST) -> set[str]:
    """Return the names that a piece of code reads, or adds to."""
    found = {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    added = [n.target for n in ast.walk(node) if isinstance(n, ast.AugAssign)]
    return found | {n.id for n in added if isinstance(n, ast.Name)}


def _free(node: ast.AST) -> set[str]:
    """Return the names that a piece of code reads and does not define."""
    inside = [n for n in ast.walk(node) if n is not node]
    bound = set().union(
        *(_bound(n) for n in inside), {a.arg for a in inside if isinstance(a, ast.arg)}
    )
    return _loaded(node) - bound


def _bound(node: ast.AST) -> set[str]:
    """Return the names that a piece of code defines; of a function, its own."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.alias):
        return {(node.asname or node.name).split(".")[0]}
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    if isinstance(node, ast.expr) and not isinstance(node, ast.Tuple | ast.List | ast.NamedExpr):
        return set()
    return set().union(*map(_bound, ast.iter_child_nodes(node)))


def _made(statement: ast.stmt) -> set[str]:
    """Return the names that a statement defines, or whose objects it changes."""
    found = _bound(statement)
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return found
    for node in ast.walk(statement):
        place = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            place = node.value
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            place = getattr(node.value.func, "value", None)  # numbers.append(…)
        if isinstance(place, ast.Name):
            found = found | {place.id}
    return found


def _defined(assignment: Assignment) -> set[str]:
    """Return the names that setup cells and answers define."""
    cells = assignment.of_kind("setup", "answer").values()
    return set().union(*(_bound(ast.parse(SOLUTION.unmarked(cell.source))) for cell in cells))


def _is_dots(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_dots_line(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and _is_dots(node.value)
