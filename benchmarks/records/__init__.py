"""Records: how fast do two cores learn MNIST? Recipes, their measurements, and what follows.

A recipe is a module in ``recipes/`` with ``train(images, labels, seed)``: uint8 arrays
``[n, 28, 28]`` and ``[n]`` in, a function from such images to digits out. Its ``MARK`` is the
accuracy that it claims; a peer has none, takes a fourth argument, ``look``, and calls it with its
reader as it learns. Rules, board and ideas stand in README.md beside this file.
"""

import hashlib
import json
import math
import statistics
from pathlib import Path

FOLDER = Path(__file__).parent
RECIPES, RESULTS = FOLDER / "recipes", FOLDER / "results"
REFERENCE = "reference"
KINDS = ("validation", "test")
#: Marks that a board has, and how many seeds each asks for.
SEEDS = {0.99: 30, 0.993: 30, 0.995: 30, 0.996: 10, 0.997: 10, 0.9975: 10}
_SIGMAS = 3  # standard errors that a repetition may be off
_SLACK_ACCURACY, _SLACK_RATIO = 0.0005, 0.15  # what another machine's arithmetic and day change


class Wrong(ValueError):
    """What a person asked for, or a file, is wrong; the message says what to do."""


def names() -> list[str]:
    """Return the names of all recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.py") if path.stem[0] != "_")


def known(name: str) -> str:
    """Return the name of a recipe that is there; raise `Wrong` otherwise."""
    if name not in names():
        raise Wrong(f"no recipe is called {name!r}. There are: {', '.join(names())}.")
    return name


def _source(name: str) -> str:
    return (RECIPES / f"{name}.py").read_text("utf-8")


def digest(name: str) -> str:
    """Return a digest of a recipe's text and of what it shares with others."""
    text, shared = _source(name), {path.stem for path in RECIPES.glob("_*.py")} - {"__init__"}
    while used := sorted(stem for stem in shared if stem in text):
        text += "".join(_source(stem) for stem in used)  # which may share in turn
        shared -= set(used)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def title(name: str) -> str:
    """Return the first line of a recipe's docstring, without importing it."""
    return _source(name).split('"""')[1].splitlines()[0].rstrip(".")


def mark(name: str) -> float | None:
    """Return a recipe's mark, without importing it; None of a peer."""
    lines = [line for line in _source(name).splitlines() if line.startswith("MARK = ")]
    return float(lines[0].removeprefix("MARK = ")) if lines else None


class Results:
    """What was measured of a recipe: one JSON file, written whole or not at all.

    Attributes
    ----------
    sittings : list of dict
        Date, commit, machine, versions and the reference's seconds of each.
    seeds : dict
        For each of `KINDS` what each seed gave: accuracy, seconds, number of its sitting.
    """

    def __init__(self, name: str) -> None:
        self.name, self.path = name, RESULTS / f"{name}.json"
        self.sittings, self.seeds = [], {kind: {} for kind in KINDS}
        if not self.path.is_file():
            return
        help_ = f"Bring it back (git checkout {self.path.name}) or move it away, then run again."
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            self.sittings = list(kept["sittings"])
            for kind in KINDS:
                for seed, run in kept[kind].items():
                    float(run["accuracy"]), float(run["seconds"])
                    float(self.sittings[run["sitting"]]["reference"])
                    self.seeds[kind][int(seed)] = run
            told = kept["digest"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            what = f"{type(error).__name__}: {error}"
            raise Wrong(f"{self.path} is damaged ({what}). {help_}") from error
        if told != digest(name):
            raise Wrong(
                f"{name}'s recipe changed since {self.path} was measured. A changed recipe is a "
                "new record: give it a new name, or move that file away, then run again."
            )

    def keep(self) -> None:
        """Write everything to the file."""
        # not above: TensorFlow comes with libs, and PyTorch's peers must not meet it
        from libs.files import replacing

        kept = {"record": self.name, "mark": mark(self.name), "digest": digest(self.name)}
        kept["sittings"] = self.sittings
        for kind, runs in self.seeds.items():
            kept[kind] = {str(seed): runs[seed] for seed in sorted(runs)}
        with replacing(self.path) as file:
            file.write((json.dumps(kept, indent=1) + "\n").encode())

    def column(self, kind: str, what: str) -> list[float]:
        """Return a number of each seed: "accuracy", "seconds" or "ratio"."""
        runs = [self.seeds[kind][seed] for seed in sorted(self.seeds[kind])]
        if what == "ratio":
            return [r["seconds"] / self.sittings[r["sitting"]]["reference"] for r in runs]
        return [run[what] for run in runs]

    def arrivals(self, kind: str, goal: float) -> list[float]:
        """Return the seconds to the first look that reads the goal, of a peer's seeds that do."""
        looks = [run.get("looks", []) for run in self.seeds[kind].values()]
        there = [[s for s, accuracy in seed if accuracy >= goal] for seed in looks]
        return [min(seconds) for seconds in there if seconds]


def mean(values: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error; the error of a single value is not a number."""
    if len(values) < 2:
        return (values[0] if values else math.nan), math.nan
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def reached(results: Results, kind: str) -> bool:
    """Whether enough seeds were measured and their mean reads the mark."""
    found, goal = results.column(kind, "accuracy"), mark(results.name)
    return len(found) >= SEEDS[goal] and mean(found)[0] >= goal


def standing(name: str, kind: str) -> Results | None:
    """Return the fastest other record of the same mark that reached it, or None."""
    others = [Results(n) for n in names() if n != name and mark(n) == mark(name)]
    there = [other for other in others if reached(other, kind)]
    return min(there, key=lambda other: mean(other.column(kind, "ratio"))[0], default=None)


def verdict(results: Results, kind: str) -> str:
    """Say in a sentence what was measured of a record, and whether it stands."""
    goal, accuracies = mark(results.name), results.column(kind, "accuracy")
    (a, ea), (s, es) = mean(accuracies), mean(results.column(kind, "seconds"))
    (r, er) = mean(results.column(kind, "ratio"))
    said = f"{results.name}, {kind}, {len(accuracies)} seeds: {a:.3%} ± {ea:.3%}, "
    said += f"{s:.2f} ± {es:.2f} s, {r:.3f} ± {er:.3f} of the reference. "
    if goal is None:
        return said.rstrip()
    if len(accuracies) < SEEDS[goal]:
        return said + f"{SEEDS[goal]} seeds are needed for {goal:.2%}."
    if a < goal:
        return said + f"It MISSES {goal:.2%}."
    said += f"It reaches {goal:.2%}"
    other = standing(results.name, kind)
    if other is None:
        return said + " and is the first to."
    r0, e0 = mean(other.column(kind, "ratio"))
    beats = r0 - r > 2 * math.hypot(er, e0)
    return said + (" and beats " if beats else ", but doesn't beat ") + f"{other.name} ({r0:.3f})."


def disagreements(results: Results, kind: str, again: list[dict], reference: float) -> list[str]:
    """Compare a repetition with what is stated; return what is worse than stated, in words."""
    found = []
    for what, sign, slack, values in (
        ("accuracy", -1, _SLACK_ACCURACY, [run["accuracy"] for run in again]),
        ("ratio", 1, None, [run["seconds"] / reference for run in again]),
    ):
        stated = results.column(kind, what)
        middle, spread = mean(stated)[0], statistics.stdev(stated)
        allowed = _SIGMAS * spread * math.sqrt(1 / len(values) + 1 / len(stated))
        allowed += slack if slack is not None else _SLACK_RATIO * middle
        now = statistics.fmean(values)
        if sign * (now - middle) > allowed:
            found.append(f"{what} {now:.4f}, stated {middle:.4f}, allowed off by {allowed:.4f}")
    return found
