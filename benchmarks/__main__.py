"""Measure ours beside its peers and print one table of ratios."""

import argparse
import json
import time
import traceback
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks import new_process, rows_of

# In the order of the table; the slowest stands last.
NAMES = ["datasets", "montage", "gif", "batches", "dashboard", "inverse", "training"]
NAMES += ["classifier", "grader", "install"]

EPILOG = """\
All times are medians of interleaved runs. ratio is our time divided by the peer's: less is better.
A missed bound is marked, but does not change the exit status, for timings on a shared machine
are noisy: run it again with --only. The exit status is 1 if a benchmark crashes.
"""


def number(value: float, unit: str) -> str:
    """Write a quantity with three digits, seconds in a fitting unit."""
    if unit == "s" and value < 1:
        value, unit = (value * 1e3, "ms") if value >= 1e-3 else (value * 1e6, "µs")
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def times(ratio: float) -> str:
    """Write a ratio, and how many times faster it is where that reads better."""
    return f"{ratio:.2f}" if ratio > 0.5 else f"1/{1 / ratio:,.{0 if ratio < 0.1001 else 1}f}"


def verdict(row: dict) -> str:
    """Say whether a row keeps its bound."""
    if row["bound"] is None:
        return ""
    kept = row["ratio"] <= row["bound"]
    colour = "green" if kept else "bold red"
    return f"[{colour}]{'met' if kept else 'MISSED'}[/]: ≤ {times(row['bound'])}"


def print_table(rows: list[dict]) -> None:
    """Print the rows as one table."""
    table = Table(box=box.SIMPLE_HEAD, title="Ours beside its peers", title_justify="left")
    table.add_column("what")
    table.add_column("ours", justify="right", no_wrap=True)
    table.add_column("peer")
    table.add_column("peer's", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("bound", no_wrap=True)
    last = None
    for row in rows:
        if last is not None and row["name"] != last:
            table.add_section()
        last = row["name"]
        unit = row.get("unit", "s")
        table.add_row(
            escape(row["what"]),
            number(row["ours"], unit),
            escape(row["peer_name"]),
            number(row["peer"], unit),
            times(row["ratio"]),
            verdict(row),
        )
    console = Console()
    if not console.is_terminal:
        console.width = 130  # a file or a log has no width of its own
    console.print(table)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", metavar="NAME", action="append", choices=NAMES, help=f"one of {', '.join(NAMES)}"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out install, which takes minutes, a network and 4 GB of disk",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows there as well")
    options = parser.parse_args(arguments)
    names = [n for n in NAMES if n in (options.only or NAMES)]
    if options.quick:
        names = [n for n in names if n != "install"]

    rows, status, began = [], 0, time.monotonic()
    for number, name in enumerate(names, 1):
        print(f"benchmarks: {number} of {len(names)}: {name} …", flush=True)
        start = time.monotonic()
        try:
            with new_process() as call:
                rows += [{"name": name, **row} for row in call(rows_of, name)]
            ended = "took"
        except Exception:
            status = 1
            traceback.print_exc()
            ended = "crashed, see above, after"
        print(f"benchmarks: {name} {ended} {time.monotonic() - start:.0f} s", flush=True)
    print_table(rows)
    print(f"benchmarks: {(time.monotonic() - began) / 60:.0f} minutes in all")
    if options.json:
        options.json.write_text(
            json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return status


if __name__ == "__main__":
    raise SystemExit(main())
