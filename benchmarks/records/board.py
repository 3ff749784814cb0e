"""The board: its table and its ideas in README.md, its picture in board.png, from the results."""

import itertools
import json

import matplotlib.pyplot as plt

from benchmarks import records
from benchmarks.records import FOLDER, KINDS, Results, mean
from libs.files import replacing

README, PICTURE, IDEAS = FOLDER / "README.md", FOLDER / "board.png", FOLDER / "ideas.json"
PROFILE = FOLDER / "profile.json"
#: Where peers' names stand in the picture, in turns: neighbours' would overlap.
SIDES = {"xytext": (6, 6)}, {"xytext": (-6, -14), "ha": "right"}
#: Seconds of the reference where Keras' fit takes 71 s for 10,000 steps of its network.
SCALE = 21.3


def measured() -> list[tuple[Results, str]]:
    """Return every recipe that was measured and on which data: the test set, where it was read."""
    found = []
    for name in records.names():
        results = Results(name)
        kinds = [kind for kind in KINDS if len(results.seeds[kind]) > 1]
        found += [(results, kinds[-1])] if kinds else []
    return sorted(found, key=lambda pair: (records.mark(pair[0].name) is None, pair[0].name))


def _plus(values: list[float], form: str) -> str:
    middle, error = mean(values)
    return f"{middle:{form}} ± {error:{form}}"


def _scaled(results: Results, kind: str) -> tuple[float, float]:
    """Return the mean and its error of seconds that machines of any speed have in common."""
    middle, error = mean(results.column(kind, "ratio"))
    return SCALE * middle, SCALE * error


def _arrival(results: Results, kind: str, goal: float) -> str:
    """Return the seconds that a peer took to an accuracy, or how many of its seeds got there."""
    there, everyone = results.arrivals(kind, goal), results.seeds[kind]
    return (
        _plus(there, ".1f") if len(there) == len(everyone) else f"{len(there)} of {len(everyone)}"
    )


def table(rows: list[tuple[Results, str]]) -> str:
    """Return the board in Markdown."""
    head = "| Recipe | Accuracy | Seconds | of the reference's | Scaled seconds | Seeds | Read "
    head += "| its mark | to 99 % | to 99.3 % | |\n"
    lines = [head + "| --- |" + " ---: |" * 5 + " --- |" + " ---: |" * 3 + " --- |"]
    for results, kind in rows:
        goal = records.mark(results.name)
        said = ["", *(_arrival(results, kind, peers) for peers in (0.99, 0.993))]
        if goal:
            enough = len(results.seeds[kind]) >= records.SEEDS[goal]
            said = ["reached" if records.reached(results, kind) else "MISSED" if enough else "–"]
            said += ["", ""]
        cells = [f"`{results.name}`", _plus(results.column(kind, "accuracy"), ".3%")]
        cells += [_plus(results.column(kind, "seconds"), ".2f")]
        cells += [_plus(results.column(kind, "ratio"), ".3f"), f"{_scaled(results, kind)[0]:.1f}"]
        cells += [str(len(results.seeds[kind])), kind, *said, records.title(results.name)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ideas() -> str:
    """Return what was tried on validation in Markdown, best first."""
    head = "| What | Seeds | Accuracy, least to most | Seconds |\n| --- | ---: | ---: | ---: |"
    tried = sorted(json.loads(IDEAS.read_text("utf-8")), key=lambda idea: -idea["mean"])
    lines = [
        f"| {i['idea']} | {i['seeds']} | {i['mean']:.2%} ({i['least']:.2%} to {i['most']:.2%}) "
        f"| {i['seconds']:.1f} |"
        for i in tried
    ]
    return "\n".join([head, *lines])


def profiled() -> list[dict]:
    """Return what was measured of where the records' seconds are."""
    return json.loads(PROFILE.read_text("utf-8")) if PROFILE.is_file() else []


def profile() -> str:
    """Return in Markdown where each record's seconds are."""
    head = "| Record | making, s | tracing, s | steps, s | a step, ms | reading, s "
    head += "| GFLOP in steps | GFLOP/s | of bfloat16's peak | of float32's |\n"
    lines = [head + "| --- |" + " ---: |" * 9]
    for row in profiled():
        rate = row["operations"] / row["steps"]
        cells = [f"`{row['record']}`", *(f"{row[k]:.2f}" for k in ("making", "tracing", "steps"))]
        cells += [f"{1000 * row['steps'] / row['count']:.1f}", f"{row['reading']:.2f}"]
        cells += [f"{row['operations'] / 1e9:,.0f}", f"{rate / 1e9:.0f}"]
        cells += [f"{rate / row['peak'][kind]:.0%}" for kind in ("bfloat16", "float32")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def words(rows: list[tuple[Results, str]]) -> str:
    """Return what the picture shows, for who can't see it."""
    said = [
        f"{results.name} {mean(results.column(kind, 'accuracy'))[0]:.2%} "
        f"in {_scaled(results, kind)[0]:.1f} s"
        for results, kind in rows
    ]
    return "Accuracy over scaled seconds of training, logarithmic. " + "; ".join(said) + "."


def draw(rows: list[tuple[Results, str]]) -> None:
    """Draw accuracy over seconds with their standard errors, ours and peers."""
    figure, axes = plt.subplots(figsize=(8, 4.5))
    sides = itertools.cycle(SIDES)
    for results, kind in sorted(rows, key=lambda row: _scaled(*row)):
        ours = records.mark(results.name) is not None
        (s, es), (a, ea) = _scaled(results, kind), mean(results.column(kind, "accuracy"))
        look = {"fmt": "o" if ours else "s", "color": "C0" if ours else "C1", "capsize": 3}
        if ours and len(results.seeds[kind]) < records.SEEDS[records.mark(results.name)]:
            look["markerfacecolor"] = "white"
        axes.errorbar(s, 100 * a, xerr=es, yerr=100 * ea, **look)
        side = {"xytext": (-6, 6), "ha": "right"} if ours else next(sides)
        axes.annotate(results.name, (s, 100 * a), textcoords="offset points", **side)
    where = "on two cores where Keras' fit takes 71 s for 10,000 steps of 6-12-24"
    axes.set(xscale="log", xlabel=f"seconds of training, {where}", ylabel="accuracy, %")
    axes.set_title(
        "Circles: records (hollow: too few seeds); squares: peers; bars: standard errors"
    )
    axes.margins(x=0.3, y=0.15)
    figure.tight_layout()
    with replacing(PICTURE) as file:
        figure.savefig(file, format="png", dpi=160, metadata={"Software": None})
    plt.close(figure)


def filled(text: str, name: str, new: str) -> str:
    """Return text with what stands between a pair of marks replaced."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- {name} end -->"
    before, rest = text.split(begin)
    return before + begin + new + end + rest.split(end)[1]


def write() -> None:
    """Write the picture and the tables."""
    rows = measured()
    if not rows:
        raise records.Wrong("nothing has been measured: python -m benchmarks.records run NAME")
    draw(rows)
    text = filled(README.read_text("utf-8"), "board", table(rows))
    text = filled(text, "ideas", ideas())
    text = filled(text, "profile", profile())
    text = filled(text, "picture", f"![{words(rows)}](board.png)")
    with replacing(README) as file:
        file.write(text.encode())
    print(f"written: {README.name}, {PICTURE.name}")
