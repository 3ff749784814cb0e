"""Measure what lesson 02 asserts, over several seeds.

``python -m benchmarks.lesson_02_seeds`` trains the lesson's networks from other starts, the
spirals also on other points, and prints median, smallest and largest of each number. The network,
its training and the data are the lesson's own: their cells are read from the notebook. The
lesson's assertions lie outside what is printed here.
"""

from libs import ROOT

# isort: split
import argparse

import nbformat
import numpy as np

NOTEBOOK = ROOT / "notebooks" / "02-neural-networks-by-hand.ipynb"
# how lines of the cells to read begin
DEFINITIONS = (
    "from libs",
    "def sigmoid",
    "corners = ",
    "CURVES = ",
    "def forward",
    "def backward",
    "def update",
    "def spirals",
    "TARGETS = ",
    "def fit_network",
)


def lesson() -> dict:
    """Return the names that the lesson's cells of definitions define."""
    names = {}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        lines = cell.source.splitlines() if cell.cell_type == "code" else []
        if any(line.startswith(DEFINITIONS) for line in lines):
            exec(cell.source, names)
    return names


def report(name: str, values) -> None:
    values = np.array(values)
    low, middle, high = values.min(), np.median(values), values.max()
    print(f"{name:48} {middle:9.3g}  ({low:.3g} to {high:.3g})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(10), 42])
    seeds = parser.parse_args().seeds
    of = lesson()
    print(f"Seeds {seeds}: median (smallest to largest).\n")

    for hidden in (1, 2, 4):
        losses = [
            of["train"](
                of["new_network"]([2, hidden, 1], seed=seed),
                *(of["corners"], of["lamp"]),
                **{"steps": 400, "rate": 3, "momentum": 0.9},
            )[0][-1]
            for seed in seeds
        ]
        report(f"XOR, {hidden} hidden: loss after 400 steps", losses)

    for momentum in (0, 0.8, 0.95):
        losses, right = [], []
        for seed in seeds:
            network = of["new_network"]([2, 16, 16, 1], seed=seed)
            points = of["spirals"](400, seed=seed)
            course, _ = of["train"](network, *points, steps=3000, rate=3, momentum=momentum)
            losses.append(course[-1])
            right.append(of["accuracy"](*of["spirals"](1000, seed=seed + 1000), network))
        report(f"spirals, momentum {momentum}: loss after 3,000 steps", losses)
        report(f"spirals, momentum {momentum}: share right, unseen", right)

    for name, target in of["TARGETS"].items():
        x, between = of["x_fit"], of["x_between"]
        for units in of["UNITS"]:
            errors = []
            for seed in seeds:
                network = of["fit_network"](x, target(x), units, seed=seed)
                off = of["forward"](between, network)[-1] - target(between)
                errors.append(np.sqrt(np.mean(off**2)))
            report(f"{name}, {units} hidden: error", errors)

    for curve, gain in (("sigmoid", 1), ("sigmoid", 4), ("tanh", 1), ("relu", np.sqrt(2))):
        ratios = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            x, y = rng.normal(size=(100, 64)), rng.normal(size=(100, 1))
            network = of["new_network"]([64] * 20 + [1], [curve] * 19 + ["linear"], gain, seed=seed)
            slopes = of["backward"](of["forward"](x, network), y, network)
            ratios.append(np.linalg.norm(slopes[0]) / np.linalg.norm(slopes[18]))
        report(f"20 layers of {curve}, gain {gain:.3g}: slope 1 / 19", ratios)


if __name__ == "__main__":
    main()
