"""How the course knows what its lessons say of trainings: five seeds of the lessons' own cells.

``evidence/lessons/NN.toml`` names what lesson NN claims, each with an expression in the lesson's
own names, and with ``solved("my_step")``, which is the worked solution of exercise ``my_step``. It
is evaluated after the lesson's cells tagged ``setup`` and ``evidence``, for each seed in a process
of its own (:mod:`evidence.run`), and kept in ``evidence/results/NN.json``. From there ``write``
puts numbers into prose and makes the page *How we know*. ``python -m evidence`` lists all of it.

Test data are read only where asked for by name, ``run NN --test``: cells tagged ``evidence-test``
run and claims with ``test = true`` are evaluated there alone. Everywhere else a lesson's data have
no test set.

What is in none of the lesson's own cells, such as a recipe trained as long as it was published, or
what a hint says of another way, is a claim with ``long = true``. ``run NN --long`` evaluates it
after the cells tagged ``setup`` and what stands in ``evidence/lessons/NN.py``, in their names. Such
a claim may name its ``seeds``: few where one takes minutes (prose then says how many), one where
nothing is random.
"""

import ast
import contextlib
import hashlib
import json
import math
import re
import tomllib
from functools import cached_property

import nbformat
import numpy as np

import install
from libs import ROOT, SEED
from libs.files import replacing

HERE, NOTEBOOKS, LOCK = ROOT / "evidence", ROOT / "notebooks", ROOT / "requirements.txt"
PAGE = ROOT / "docs" / "how-we-know.md"
PACKAGES = ("tensorflow", "keras", "numpy")
#: How many seeds a claim needs, and which: that of the stored outputs, then the others.
ENOUGH = 5
SEEDS = (SEED, *range(SEED))
#: What the page begins with.
ABOUT = f"""\
A training begins with random numbers, and so ends a little differently each time. What a lesson
says of one was measured with {ENOUGH} *seeds* or more. A seed decides all random numbers of a run:
the first weights, the order of the images. The lessons' own cells were run. The last column says
how many seeds; fewer where one takes minutes, one where nothing is random.

*Mean ± deviation* is over the seeds: how much another training would differ, on the same images.
How much other images would is the *standard error*: 19 times in 20 the accuracy on new ones lies
within two of them. A model is called better than another only where they differ by more than two
standard errors of the difference. Choices were made on validation images, and test images read
only after them."""
REFERENCE = re.compile(
    r"(<!-- evidence (\w+)\.([\w.-]+)(?: (\w+))? -->)(.*?)(<!-- / -->)", re.DOTALL
)


def lessons() -> list["Lesson"]:
    """Return every lesson that has evidence."""
    return [Lesson(path.stem) for path in sorted((HERE / "lessons").glob("*.toml"))]


def locked() -> dict[str, str]:
    """Return the locked versions of what decides a training's numbers."""
    pins = re.findall(r"(?m)^([\w-]+)==(\S+)", LOCK.read_text("utf-8"))
    pins = {name.removesuffix("-cpu"): version for name, version in pins}
    return {name: pins[name] for name in PACKAGES}


class Lesson:
    """What a lesson claims, and what was measured; ``number`` is such as "03"."""

    def __init__(self, number: str) -> None:
        self.number = number
        source = HERE / "lessons" / f"{number}.toml"
        if not source.is_file():
            known = ", ".join(path.stem for path in sorted(source.parent.glob("*.toml")))
            raise ValueError(f"lesson {number} has no {source.name} in {source.parent}: {known}.")
        read = tomllib.loads(source.read_text("utf-8"))
        self.claims, self.holds = read["claims"], read.get("holds", [])
        self.path = next(NOTEBOOKS.glob(f"{number}-*.ipynb"))
        self.file = HERE / "results" / f"{number}.json"
        self.recipe = source.with_suffix(".py")

    @cached_property
    def results(self) -> dict:
        """Return all runs: of each kind, "validation", "test" and "long", by seed."""
        found = json.loads(self.file.read_text("utf-8")) if self.file.is_file() else {}
        return {"validation": {}, "test": {}, "long": {}} | found

    def names(self, kind: str) -> list[str]:
        """Return the claims that runs of a kind evaluate."""
        return [name for name, claim in self.claims.items() if self.kind(name) == kind]

    def kind(self, name: str) -> str:
        """Return which runs evaluate a claim."""
        claim = self.claims[name]
        return "long" if claim.get("long") else "test" if claim.get("test") else "validation"

    def seeds(self, name: str) -> list[int]:
        """Return the seeds that a claim needs."""
        return self.claims[name].get("seeds", list(SEEDS[:ENOUGH]))

    def asked(self, kind: str, seed: int) -> list[str]:
        """Return the claims that a run evaluates: of a long one those that name its seed."""
        return [n for n in self.names(kind) if kind != "long" or seed in self.seeds(n)]

    def cells(self, kind: str) -> list:
        """Return the cells that runs of a kind execute.

        Exercises and their checks are among them, unfilled: what follows asks what they found.
        """
        wanted = {"setup", "exercise", "check"} | ({"evidence"} if kind != "long" else set())
        wanted |= {"evidence-test"} if kind == "test" else set()
        listed = nbformat.read(self.path, as_version=4).cells
        code = [cell for cell in listed if cell.cell_type == "code" and cell.id != "setup"]
        found = [cell for cell in code if wanted & set(cell.metadata.get("tags", []))]
        if kind == "long" and self.recipe.is_file():
            recipe = self.recipe.read_text("utf-8")
            found.append(nbformat.v4.new_code_cell(recipe, id="recipe", metadata={"tags": []}))
        return found

    def used(self, text: str) -> list[str]:
        """Return the statements of cells for long runs that a text's names lead to, but imports.

        A long run is stale when one of them changes, not when anything in these cells does.
        """
        found = [s for cell in self.cells("long") for s in ast.parse(cell.source).body]
        found = [s for s in found if not isinstance(s, ast.Import | ast.ImportFrom)]
        names, before = _names(ast.parse(text), ast.Load), None
        while names != before:
            before = set(names)
            for statement in found:
                if _makes(statement) & names:
                    names |= _names(statement, ast.Load)
        return [ast.unparse(statement) for statement in found if _makes(statement) & names]

    @cached_property
    def solutions(self) -> dict[str, str]:
        """Return the worked solution of each exercise, by its function's name."""
        text = "\n".join(cell.source for cell in nbformat.read(self.path, as_version=4).cells)
        code = re.findall(r"Solution</summary>\s+```python\n(.*?)```", text, re.DOTALL)
        first = ((re.search(r"^def (\w+)", block, re.MULTILINE), block) for block in code)
        return {found[1]: block for found, block in first if found}

    def digest(self, kind: str) -> str:
        """Return what changes if the numbers might: not by comments, nor by a score to beat."""
        values = [self.claims[n]["value"] for n in self.names(kind)]
        if kind == "long":
            sources = [*self.used("\n".join(values)), *values]
        else:
            idle = {"exercise", "check"}
            sources = [c.source for c in self.cells(kind) if not idle & {*c.metadata.tags}] + values
        asked = re.findall(r"\bsolved\(\W*(\w+)", "\n".join(sources))
        sources += [self.solutions[name] for name in asked]
        lines = (line.rstrip() for source in sources for line in source.splitlines())
        idle = re.compile(r"\s*(#|TO_BEAT = |$)")
        plain = "\n".join(line for line in lines if not idle.match(line))
        return hashlib.sha256(plain.encode()).hexdigest()[:16]

    def stale(self, kind: str, seed: int) -> str:
        """Say why a run has to be made again; "" if not."""
        run = self.results[kind].get(str(seed))
        if run is None or any(name not in run["values"] for name in self.asked(kind, seed)):
            return "not run"
        if run["cells"] != self.digest(kind):
            return "older than its cells"
        return "" if run["versions"] == locked() else "older than the lock"

    def state(self, name: str) -> str:
        """Say of a claim whether its evidence is fresh and enough."""
        kind = self.kind(name)
        found = [self.stale(kind, seed) for seed in self.results[kind]]
        enough = len(self.values(name)) >= len(self.seeds(name))
        return next(filter(None, found), "fresh" if enough else "too few seeds")

    @contextlib.contextmanager
    def alone(self):
        """Keep other runs of the lesson out meanwhile: each would write over what they keep."""
        lock = self.file.with_suffix(".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as file:  # the system lets go of it where a run is killed
            try:
                install.take(file.fileno())
            except BlockingIOError:
                advice = "Wait until that has ended."
                raise ValueError(f"lesson {self.number} is run elsewhere. {advice}") from None
            except OSError:
                pass  # a file system without locks
            yield

    def keep(self, kind: str, seed: int, run: dict) -> None:
        """Add a run to the file of results; it is whole at any time."""
        self.results[kind][str(seed)] = run
        with replacing(self.file) as file:
            file.write((json.dumps(self.results, indent=1, sort_keys=True) + "\n").encode())

    def values(self, name: str) -> np.ndarray:
        """Return what was measured, a number a seed."""
        runs = self.results[self.kind(name)].values()
        return np.array([run["values"][name] for run in runs if name in run["values"]])

    def error(self, name: str) -> float:
        """Return the standard error of an accuracy, from so many ``images``."""
        mean = self.values(name).mean()
        return math.sqrt(mean * (1 - mean) / self.claims[name]["images"])

    def text(self, name: str, form: str | None = None) -> str:
        """Write a claim's numbers: mean ± deviation; or their range, mean or standard error."""
        if name not in self.claims or not len(self.values(name)):
            raise ValueError(f"no evidence for {self.number}.{name}: is its name right? Run it?")
        claim, values = self.claims[name], self.values(name)
        scale, unit, places = (100, " %", 2) if claim.get("unit") == "%" else (1, "", 4)
        mean, deviation = scale * values.mean(), scale * values.std(ddof=min(1, len(values) - 1))
        digits = min(6, max(0, -math.floor(math.log10(deviation)))) if deviation > 1e-9 else 2
        digits = 0 if not unit and all(values == values[0].round()) else digits  # a count
        low, high = (f"{scale * end:.{digits}f}" for end in (values.min(), values.max()))
        forms = {None: f"{mean:.{digits}f} ± {deviation:.{digits}f}{unit}"}
        forms |= {"range": f"{low} to {high}{unit}", "mean": f"{mean:.{digits}f}{unit}"}
        if "images" in claim:
            forms["error"] = f"{scale * self.error(name):.{places}f}{unit}"
        if form not in forms:
            raise ValueError(f"{self.number}.{name} is written as {[*forms]}, not as {form}.")
        return forms[form].replace("-", "−")  # as prose writes it

    def true(self, when: str) -> bool:
        """Tell whether a sentence's condition holds: Python, of the claims' numbers by name.

        They are ``mean["roots"]``, ``low``, ``high`` and ``error``. ``beats("a", "b")``: accuracy a
        is above b by more than twice the sampling error of their difference.
        """
        of = {name: self.values(name) for name in self.claims}
        kinds = {"mean": np.mean, "low": np.min, "high": np.max}
        names = {kind: {n: f(v) for n, v in of.items()} for kind, f in kinds.items()}
        names["error"] = {n: self.error(n) for n in of if "images" in self.claims[n]}

        def beats(a, b):
            return of[a].mean() - of[b].mean() > 2 * math.hypot(self.error(a), self.error(b))

        return bool(eval(when, names | {"beats": beats}))


def _names(part: ast.AST, how: type) -> set[str]:
    """Return the names that are read (ast.Load) or written (ast.Store) in a part of a program."""
    nodes = [node for node in ast.walk(part) if isinstance(node, ast.Name)]
    return {node.id for node in nodes if isinstance(node.ctx, how)}


def _makes(statement: ast.stmt) -> set[str]:
    """Return the names that a statement of a cell makes."""
    return {statement.name} if hasattr(statement, "name") else _names(statement, ast.Store)


def filled(text: str) -> str:
    """Return text with the number of each reference as the results have it."""

    def number(match: re.Match) -> str:
        opening, lesson, name, form, _, closing = match.groups()
        return f"{opening}{Lesson(lesson).text(name, form)}{closing}"

    return REFERENCE.sub(number, text)


def page() -> str:
    """Return the page *How we know*."""
    return "\n".join(_page()) + "\n"


def _page():
    yield "# How we know"
    yield ""
    yield "<!-- written by python -m evidence write -->"
    yield ""
    yield ABOUT
    for lesson in lessons():
        title = nbformat.read(lesson.path, as_version=4).metadata.course.title
        yield from ("", f"## {lesson.number} · {title}", "")
        yield f"[The lesson](../notebooks/{lesson.path.name}) says:"
        yield ""
        yield "| What | Mean ± deviation | Smallest to largest | Standard error | Seeds |"
        yield "| --- | ---: | ---: | ---: | ---: |"
        for name, claim in lesson.claims.items():
            if not len(lesson.values(name)):
                continue
            cells = [claim["says"], lesson.text(name), lesson.text(name, "range")]
            cells += [lesson.text(name, "error") if "images" in claim else "–"]
            yield f"| {' | '.join(cells)} | {len(lesson.values(name))} |"
        if lesson.holds:
            yield from ("", "And from these numbers follows:", "")
            yield from (f"- {sentence['says']}" for sentence in lesson.holds)
        runs = [run for kind in lesson.results.values() for run in kind.values()]
        for line in sorted({_source(run) for run in runs}):
            yield from ("", f"*{line}*")


def _source(run: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    return f"Measured on {run['date']} at commit {run['commit']}, {run['machine']}: {versions}."
