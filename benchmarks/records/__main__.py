"""Records: how fast do two cores learn MNIST? Rules and board: benchmarks/records/README.md.

python -m benchmarks.records                          what there is, and what was measured
python -m benchmarks.records run r990 --seeds 30      the seeds that are missing, on validation
python -m benchmarks.records run r990 --seeds 30 --test   the same on the test set
python -m benchmarks.records check --test             three seeds of each record, as stated?
python -m benchmarks.records profile                  where each record's seconds are
python -m benchmarks.records board                    the tables in README.md and board.png
"""

import argparse
import json
import os
import subprocess
import sys

from tqdm import tqdm

from benchmarks import records
from benchmarks.records import REFERENCE, Results, Wrong, one


def train(name: str, seed: int, kind: str) -> dict:
    """Train a recipe once, in a process of its own; return what it printed."""
    return alone("one", name, str(seed), kind)


def alone(module: str, name: str, *more: str) -> dict:
    """Run a module of this folder for a recipe, on two cores; return what it printed."""
    command = [sys.executable, "-m", f"benchmarks.records.{module}", name, *more]
    threads = {"OMP_NUM_THREADS": str(one.THREADS), "TF_NUM_INTRAOP_THREADS": str(one.THREADS)}
    environment = {**os.environ, **threads}
    if hasattr(os, "sched_setaffinity"):  # the child inherits it: two cores, whatever there are
        mine = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, mine[: one.THREADS])
    try:
        done = subprocess.run(
            command, cwd=one.ROOT, capture_output=True, text=True, check=False, env=environment
        )
    finally:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, mine)
    if done.returncode:
        what = " ".join([name, *more])
        raise Wrong(f"{what} failed, what came before is kept:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run(name: str, count: int, kind: str) -> None:
    """Measure the seeds that are missing, beside the reference; keep each as it comes."""
    results = Results(name)
    todo = [seed for seed in range(1, count + 1) if seed not in results.seeds[kind]]
    if todo:
        with tqdm(total=len(todo) + 1, unit="run", desc=f"{name}, {kind}") as bar:
            sitting = None
            if name != REFERENCE:
                sitting = train(REFERENCE, 0, kind)["seconds"]
            bar.update()
            for seed in todo:
                found = train(name, seed, kind)
                about = found.pop("circumstances")
                # the reference is its own measure: its ratio is 1
                about["reference"] = found["seconds"] if sitting is None else sitting
                if not results.sittings or results.sittings[-1] != about:
                    results.sittings.append(about)
                found["sitting"] = len(results.sittings) - 1
                results.seeds[kind][seed] = found
                results.keep()
                bar.update()
    print(records.verdict(results, kind))


def check(names: list[str], kind: str) -> int:
    """Train three seeds of each record again; return 1 if one is worse than it states."""
    stated = [Results(name) for name in names]
    if not stated or any(len(results.seeds[kind]) < 2 for results in stated):
        lacks = ", ".join(r.name for r in stated if len(r.seeds[kind]) < 2) or "every record"
        hint = "" if kind == "test" else " Add --test: that is what the board states."
        raise Wrong(f"nothing to check on {kind} data: {lacks} has no two seeds of it.{hint}")
    reference, bad = train(REFERENCE, 0, kind)["seconds"], 0
    for name, results in zip(names, stated, strict=True):
        again = [train(name, seed, kind) for seed in tqdm((1, 2, 3), unit="run", desc=name)]
        worse = records.disagreements(results, kind, again, reference)
        print(f"{name}: " + ("; ".join(worse) if worse else "as stated"))
        bad += bool(worse)
    return 1 if bad else 0


def profile(names: list[str]) -> None:
    """Train each record once more and keep where its seconds went."""
    from benchmarks.records import board  # pictures' library, needed here and for the board alone
    from libs.files import replacing

    kept = {row["record"]: row for row in board.profiled()}
    for name in tqdm(names, unit="record"):
        kept[name] = alone("profile", name)
        with replacing(board.PROFILE) as file:
            file.write((json.dumps([kept[n] for n in sorted(kept)], indent=1) + "\n").encode())
    print(board.profile())


def show() -> None:
    """Print every recipe and what was measured of it."""
    for name in records.names():
        results = Results(name)
        print(f"{name:16} {records.title(name)}")
        for kind in records.KINDS:
            if results.seeds[kind]:
                print(f"{'':16} {records.verdict(results, kind)}")


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return its exit status."""
    usage = "python -m benchmarks.records"
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=usage, description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command")
    running = commands.add_parser("run", help="measure the seeds that are missing")
    running.add_argument("name", help="a recipe; python -m benchmarks.records lists them")
    running.add_argument("--seeds", type=int, default=30, metavar="N", help="seeds 1 to N")
    checking = commands.add_parser("check", help="train three seeds of each record again")
    checking.add_argument("names", nargs="*", help="records; none for all that have results")
    for command in (running, checking):
        command.add_argument("--test", action="store_true", help="read the test set")
    profiling = commands.add_parser("profile", help="say where each record's seconds are")
    profiling.add_argument("names", nargs="*", help="records; none for all that have results")
    commands.add_parser("board", help="write the tables in README.md, and board.png")
    asked = parser.parse_args(arguments)
    try:
        kind = "test" if getattr(asked, "test", False) else "validation"
        if asked.command == "run":
            if asked.seeds < 1:
                raise Wrong(f"--seeds must be 1 or more, got {asked.seeds}.")
            run(records.known(asked.name), asked.seeds, kind)
        elif asked.command in ("check", "profile"):
            # a profile needs no seeds of its own kind: any say that it was measured
            sorts = records.KINDS if asked.command == "profile" else (kind,)
            every = [n for n in records.names() if records.mark(n)]
            every = [n for n in every if any(Results(n).seeds[sort] for sort in sorts)]
            every = [records.known(n) for n in asked.names] or every
            if asked.command == "check":
                return check(every, kind)
            profile(every)
        elif asked.command == "board":
            from benchmarks.records import board  # pictures' library, needed here alone

            board.write()
        else:
            show()
    except Wrong as error:
        parser.exit(2, f"{usage}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"\n{usage}: stopped; what was measured is kept, run it again to go on\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
