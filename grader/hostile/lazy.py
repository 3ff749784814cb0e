"""Tries many answers to one exercise in one process: an author's own lines, in the sandbox."""

import ast
import contextlib
import copy
import io
import sys
import time
import warnings
from typing import NamedTuple

import numpy as np

from grader import check
from grader.shared.alarm import alarm

SOLUTION_SECONDS, RAISES = 60.0, 2
_prepared = {}  # the exercise's blocks by the name that is tried: a process has one exercise


class Block(NamedTuple):
    """A ``with test(…)`` of an exercise, ready to be run again and again.

    Attributes
    ----------
    name : str
    code : code
    space : dict
        What the test cell's own functions find their names in.
    before : dict
        What stood in it before the block.
    call : (tuple, dict, form) or None
        What the block calls the solution with first, and the form of what is right.
    won, seconds : float
        What the solution earns, and needs.
    """

    name: str
    code: object
    space: dict
    before: dict
    call: tuple | None
    won: float
    seconds: float


def attempts(theirs: dict, tests: list, name: str, answers: list, seconds: float) -> list:
    """Try answers; return what the solution earns, which earn anything, and which are late.

    Parameters
    ----------
    theirs : dict
        What setup cells and the solution define; an answer takes the place of a part of it.
    tests : list of str
        The exercise's test cells.
    name : str
        Of the function or the variable that the answers define.
    answers : list of (str, str)
        The lines that a paste brings along, and the whole answer.
    seconds : float
        What an answer may take, and a test beside twice what the solution needs.

    Returns
    -------
    solved : float
    found : list of [int, int or None, float, list of str]
        Which answer, as which part of the tuple that the solution returns (None: as a whole), the
        points that it earns above an answer that knows nothing, the names of the tests that pass.
    late : list of int
        Which took longer, or hold lines that did: nobody knows what they earn.
    """
    found, late = [], []
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        if name not in _prepared:
            _prepared[name] = Exercise(theirs, tests, name)
        exercise = _prepared[name]
        for number, (lines, answer) in enumerate(answers):
            exercise.late = False
            found += [[number, *earned] for earned in exercise.earned(lines, answer, seconds)]
            late += [number] * exercise.late
    return [sum(block.won for block in exercise.blocks), found, late]


class Exercise:
    """The blocks of an exercise, and what its solution is.

    Parameters
    ----------
    theirs, tests, name
        As in :func:`attempts`.
    """

    def __init__(self, theirs: dict, tests: list, name: str) -> None:
        self.theirs, self.name, self.blocks = theirs, name, []
        self.defined, self.solved = dict(theirs), theirs[name]
        self.known, self.slow, self.late = {}, {}, False
        for source in tests:
            space = dict(theirs)
            for statement in ast.parse(source).body:
                code = compile(ast.Module([statement], []), "test", "exec", optimize=0)
                if isinstance(statement, ast.With):
                    self.blocks.append(self._block(code, space))
                else:
                    exec(code, space)
        forms = [block.call[2] for block in self.blocks if block.call]
        tuples = {len(form) for form in forms if isinstance(form, tuple)}
        self.parts = [None, *range(min(tuples, default=0))]
        # with time to spare: what it failed for a busy machine's sake, a paste would seem to earn
        self.nothing = {
            part: self._points(self._blank(part), SOLUTION_SECONDS) for part in self.parts
        }

    def _block(self, code, space: dict) -> Block:
        """Run a block with the solution."""
        before, calls = dict(space), []

        def noted(*args, **kwargs):
            given = None if calls else _copied((args, kwargs))
            right = self.solved(*args, **kwargs)
            if given:
                calls.append((*given, _form(right)))
            return right

        put = noted if callable(self.solved) else self.solved
        space[self.name] = self.theirs[self.name] = put
        began = time.monotonic()
        won, title, _ = _run(code, space, SOLUTION_SECONDS)
        space[self.name] = self.theirs[self.name] = self.solved
        call = calls[0] if calls else None
        return Block(title, code, space, before, call, won, time.monotonic() - began)

    def _blank(self, part: int | None):
        """Return an answer that knows nothing: None; of a part, a number of the right shape."""
        if part is None:
            return (lambda *_, **__: None) if callable(self.solved) else None
        return self._partly(
            lambda *args, **kwargs: np.multiply(self.solved(*args, **kwargs)[part], 0) + 7.25, part
        )

    def _partly(self, function, part: int):
        """Return the solution with one part of what it returns by another function."""

        def partly(*args, **kwargs):
            given = _copied((args, kwargs))
            pasted = function(*args, **kwargs)
            parts = list(self.solved(*given[0], **given[1]))
            parts[part] = pasted
            return tuple(parts)

        return partly

    def earned(self, lines: str, answer: str, seconds: float) -> list:
        """Return as which part an answer earns how much, by which tests."""
        self.late = any(seconds <= self.slow[slow] for slow in self.slow if slow in lines)
        if self.late:
            return []
        found = []
        try:
            with alarm(seconds, TimeoutError()):
                exec(compile(answer, "answer", "exec"), self.theirs)
                pasted = self.theirs[self.name]
                # most lines raise, or return something of another form: these need no test
                results = self._results(pasted)
            for part in self.parts:
                # what an answer that knows nothing earns in full tells nothing of this one
                like = [
                    least < block.won
                    and (not block.call or (bool(got) and _like(got[0], block.call[2], part)))
                    for block, got, least in zip(
                        self.blocks, results, self.nothing[part], strict=True
                    )
                ]
                if any(like):
                    key = part, _digest(results if callable(pasted) else pasted)
                    points = self.known.get(key)
                    if points is None:
                        put = pasted if part is None else self._partly(pasted, part)
                        points = self._points(put, seconds, like)
                        if key[1] is not None and not self.late:
                            self.known[key] = points
                    gains = zip(points, self.nothing[part], self.blocks, strict=True)
                    more = [(won - least, b.name) for won, least, b in gains if won > least]
                    if more:
                        found.append([part, sum(gain for gain, _ in more), [n for _, n in more]])
        except TimeoutError:
            self.late = True
            if lines:
                self.slow[lines] = seconds
        except (Exception, SystemExit):
            pass
        finally:
            self.theirs.clear()
            self.theirs.update(self.defined)
        return found

    def _results(self, pasted) -> list:
        """Return what an answer gives where each block calls it first, and what it changes."""
        found, raised = [], 0
        for block in self.blocks:
            found.append([])
            if block.call and callable(pasted) and raised < RAISES:
                args, kwargs = _copied(block.call[:2])
                try:
                    got = pasted(*args, **kwargs)
                except TimeoutError:
                    raise
                except (Exception, SystemExit):
                    raised += 1
                    continue
                changed = [v for v in (*args, *kwargs.values()) if not callable(v)]
                found[-1] = [got, changed]
        return found

    def _points(self, put, spare: float, like=None) -> list[float]:
        """Return the points that something earns in the solution's place, in each block."""
        won = []
        self.theirs[self.name] = put
        for block, worth in zip(self.blocks, like or [True] * len(self.blocks), strict=True):
            if worth:
                block.space.clear()
                for key, value in block.before.items():
                    own = key in self.defined and self.defined[key] is value
                    block.space[key] = value if own else _copied(value)
                block.space[self.name] = put
                points, _, stopped = _run(block.code, block.space, spare + 2 * block.seconds)
                won.append(points)
                self.late |= stopped
            else:
                won.append(0.0)
        self.theirs[self.name] = self.solved
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close("all")
        return won


def _run(code, space: dict, seconds: float) -> tuple[float, str, bool]:
    """Return the points that a block gives, its name, and whether it was stopped."""
    began = time.monotonic()
    limited = check.record(lambda _: alarm(seconds, TimeoutError()))
    with limited as record, contextlib.suppress(Exception, SystemExit):
        exec(code, space)
    (finding,) = record.findings or [check.Finding("", 0, 0, "")]
    return finding.points * finding.share, finding.name, time.monotonic() - began >= seconds


def _copied(value):
    """Copy what a call could change in place."""
    if isinstance(value, list | tuple):
        return type(value)(map(_copied, value)) if type(value) in (list, tuple) else value
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    changes = isinstance(value, np.ndarray) or hasattr(value, "assign")
    return copy.deepcopy(value) if changes else value


def _form(value):
    """Return the form of what a function returns: a tuple's parts, a shape, or a type's name."""
    if isinstance(value, tuple):
        return tuple(map(_form, value))
    if isinstance(value, list):
        try:
            return str(np.shape(value))
        except ValueError:
            return "list"
    if value is None or isinstance(value, str | dict | set):
        return type(value).__name__
    return str(getattr(value, "shape", ())) if not callable(value) else "callable"


def _like(value, form, part: int | None) -> bool:
    if part is None:
        return _form(value) == form or (isinstance(value, list) and _form(tuple(value)) == form)
    return isinstance(form, tuple) and part < len(form) and _form(value) == form[part]


def _digest(value) -> bytes | None:
    """Return what tells results apart, None of those that can't be compared."""
    if isinstance(value, list | tuple):
        parts = [_digest(part) for part in value]
        return None if None in parts else b"[%s]" % b",".join(parts)
    if isinstance(value, dict):
        return _digest([(str(key), part) for key, part in value.items()])
    if value is None or isinstance(value, str | bool | int | float):
        return repr(value).encode()
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "numpy"):
        array = np.asarray(value)
        return repr((array.dtype.str, array.shape)).encode() + array.tobytes()
    return None
