"""Measure the recipes of lessons 07 and 07b from several starts, with the lessons' own cells.

``python -m benchmarks.lesson_07_seeds`` trains what has no number yet in ``lesson_07_seeds.json``
and keeps it there, of each recipe and seed the accuracy on validation and test images; the lessons
show it. Recipes that learn 60,000 images, the validation images among them, have no number on
those. ``"6-12-24"`` takes 2 minutes a seed on two cores, its sibling 3. The five seeds of lesson
07's fast network are measured by ``python -m evidence``, lesson 07b's push by the records.
"""

from libs import ROOT
from libs.training import Rates, Trainer

# isort: split
import contextlib
import io
import json
from functools import cache

import keras
import nbformat

SAVED = ROOT / "benchmarks" / "lesson_07_seeds.json"
SEEDS = {"6-12-24": 3, "with batch norm": 3}
SEEDS |= dict.fromkeys(("no augmentation", "shift", "affine", "elastic"), 2)
STARTS = (42, 1, 2, 3, 4)


@cache
def lesson(number) -> dict:
    """Return the names that a lesson's setup cells make; its exercises are left empty."""
    (path,) = (ROOT / "notebooks").glob(f"{number}-*.ipynb")
    names = {"__name__": "seeds", "display": lambda *_, **__: None}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in nbformat.read(path, as_version=4).cells:
            tags = {*cell.metadata.get("tags", [])}
            if cell.id != "setup" and tags & {"setup", "exercise", "check"}:
                exec(compile(cell.source, f"<cell {cell.id} of lesson {number}>", "exec"), names)
    return names


def recipe(name):
    """Return how to make a model, its loss, rates and augmentation, and if it learns 60,000."""
    first, last = lesson("07"), lesson("07b")
    if name in ("6-12-24", "with batch norm"):
        make = lambda: first["six_twelve"](norm=name != "6-12-24")  # noqa: E731
        return make, first["cross_entropy"], first["published_rates"], None, False
    kinds = {"shift": ("draw_shifts", "shifted"), "affine": ("draw_warps", "warped")}
    kinds["elastic"] = ("draw_waves", "waved")
    augment = tuple(last[part] for part in kinds[name]) if name in kinds else None
    on_all = name == "the fast one"
    rates = first["up_and_down"](0.01, 1_200 if on_all else 2_200)
    return lambda: first["pooled"](16, 32, 64), first["smooth"], rates, augment, on_all


def train(name, seed, images, labels):
    """Return a model after a recipe's training on images ``[n, 28, 28, 1]``."""
    make, loss, rates, augment, _ = recipe(name)
    keras.utils.set_random_seed(seed)
    model, adam = make(), keras.optimizers.Adam(Rates(rates))
    trainer = Trainer(model, loss, adam, images, labels, augment=augment, seed=seed)
    trainer.train(steps=len(rates), view=False)
    return model


def train_fast(part, seed):
    """Train the fast one on a part of a dataset; return the model."""
    return train("the fast one", seed, part.images.reshape(-1, 28, 28, 1), part.labels)


def measure(name, seed) -> dict[str, float]:
    """Return a recipe's accuracies from a start."""
    first, on_all = lesson("07"), recipe(name)[-1]
    data = first["data"]
    images, labels = data.X[:60_000].reshape(-1, 28, 28, 1), data.Y[:60_000]
    if not on_all:
        images, labels = first["train_x"], data.train.labels
    model, found = train(name, seed, images, labels), {}
    if not on_all:
        found["valid"] = first["measure"](model, first["valid_x"], data.valid.labels)[1]
    test_x = data.test.images.reshape(-1, 28, 28, 1)
    if name in ("6-12-24", "with batch norm"):
        found["test"] = first["measure"](model, test_x, data.test.labels)[1]
    return {key: round(float(value), 4) for key, value in found.items()}


def main() -> None:
    """Measure what is missing."""
    saved = json.loads(SAVED.read_text("utf-8")) if SAVED.exists() else {}
    for name, count in SEEDS.items():
        for seed in STARTS[:count]:
            if str(seed) not in saved.setdefault(name, {}):
                saved[name][str(seed)] = found = measure(name, seed)
                SAVED.write_text(json.dumps(saved, indent=1) + "\n", "utf-8")
                print(name, seed, found, flush=True)


if __name__ == "__main__":
    main()
