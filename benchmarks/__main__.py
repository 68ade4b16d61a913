"""One table of how fast genlab is beside what a user would take instead.

    uv run --group benchmarks python benchmarks [PART ...] [--short] [--rounds 5]
        [--against FILE] [--out FILE]

All sides of a row are measured in turn on this machine, and the median round counts; nothing else should
run meanwhile. A ratio above 1 says that genlab is better. With --against, the exit status is 1 where a
ratio has fallen below three quarters of the stored one.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import degrading
import flows
import growing
import loading
import networks
import overhead
import recording
import starting
from measure import Part, Row

PARTS: Mapping[str, Part] = {
    "flows": flows.rows, "networks": networks.rows, "overhead": overhead.rows,
    "degradations": degrading.rows, "loading": loading.rows, "start": starting.rows,
    "growth": growing.rows, "recording": recording.rows,
}  # fmt: skip
VERSIONED = ("genlab", "torch", "numpy", "diffusers", "denoising-diffusion-pytorch", "FrEIA", "nflows",
             "normflows", "zuko")  # fmt: skip
FALLEN, AGAIN = 0.75, 2
STEADY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**26),
}
"""Lets the C library keep the memory that is given back. By default it does so for arrays of some megabytes
in one process and not in the next, and what works on such arrays is then half as fast."""


def main() -> int:
    """Measure, print the table, write it, and compare it with a stored one."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all of them")
    parser.add_argument(
        "--short", action="store_true", help="the rows that take seconds, in fewer calls"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each side has its turn")
    parser.add_argument("--against", type=Path, help="a file of stored rows")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    given = parser.parse_args()
    unknown = [name for name in given.parts if name not in PARTS]
    if unknown:
        parser.error(f"{unknown[0]!r} is no part; there are {', '.join(PARTS)}")

    def measured(name: str) -> Iterator[Row]:
        for row in PARTS[name](rounds=given.rounds, short=given.short):
            print(f"{row.key}: {row.ratio:.2f}", file=sys.stderr, flush=True)
            yield row

    rows = [row for name in given.parts or PARTS for row in measured(name)]
    Console(width=118).print(table_of(rows))
    if given.out:
        given.out.write_text(json.dumps(described(rows), indent=1) + "\n", "utf-8")
    if given.against is None:
        return 0
    stored = json.loads(given.against.read_text("utf-8"))
    fallen = fallen_of(rows, stored)
    for _ in range(AGAIN):  # a machine may have been busy for a while
        again = [row for name in sorted({row.part for row in fallen}) for row in measured(name)]
        fallen = fallen_of(again, stored)
    for row in fallen:
        print(f"{row.key}: {row.ratio:.2f} is less than three quarters of what is stored")
    return 1 if fallen else 0


def table_of(rows: Sequence[Row]) -> Table:
    """Return the rows as a table."""
    table = Table("part", "task", "genlab", "", "against", "", "ratio", "bar", box=None)
    for row in rows:
        bar = "" if row.bar is None else f"{row.bar:.2f}"
        good = row.bar is None or row.ratio >= row.bar
        ratio = f"{row.ratio:.2f}" if good else f"[red]{row.ratio:.2f}[/red]"
        table.add_row(
            row.part,
            row.task,
            f"{row.ours:,.4g}",
            row.unit,
            row.peer,
            f"{row.theirs:,.4g}",
            ratio,
            bar,
        )
    return table


def described(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the rows, and what they were measured with."""
    versions = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    machine = {"processor": platform.machine(), "threads": torch.get_num_threads()}
    listed = [asdict(row) | {"ratio": row.ratio} for row in rows]
    return {"machine": machine, "versions": versions, "rows": listed}


def fallen_of(rows: Iterable[Row], stored: Mapping[str, Any]) -> list[Row]:
    """Return the rows whose ratio has fallen below three quarters of the stored one.

    They are found by part and task: which peer is the fastest may change.
    """
    before = {(each["part"], each["task"]): each["ratio"] for each in stored["rows"]}
    return [row for row in rows if row.ratio < FALLEN * before.get((row.part, row.task), 0.0)]


if __name__ == "__main__":
    if not STEADY.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **STEADY})
    sys.exit(main())
