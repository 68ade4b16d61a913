"""``genlab reproduce``: every experiment, once more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.options import Data

if TYPE_CHECKING:
    from genlab.runs.series import Outcome

__all__ = ["reproduce", "series"]


def reproduce(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Experiments; all if left out.")
    ] = None,
    budget: Annotated[str, typer.Option(help="smoke, laptop or gpu.")] = "laptop",
    data: Data = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every run.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    out: Annotated[
        Path, typer.Option(help="The folder that a folder for the budget goes into.")
    ] = Path("runs/reproduce"),
) -> None:
    """Carry out every experiment, and end with a table.

    What is done is skipped and what was stopped goes on, so that the command can be given again.
    """
    series(names or [], out / budget, budget=budget, data=data, seed=seed, device=device)


def series(names: Sequence[str], out: Path, *, data: Path | None, **options: Any) -> None:
    """Carry out a series of runs, show a table, and exit with 1 where one of them failed."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from genlab.cli.console import RunDisplay
    from genlab.runs.run import Run
    from genlab.runs.series import carry_out, members, write_comparison

    found = members(names, out, data=None if data is None else str(data), **options)
    display: list[RunDisplay] = []

    def shown() -> list[RunDisplay]:
        display.append(RunDisplay())
        return display[-1:]

    console, outcomes = Console(), []
    for number, outcome in enumerate(carry_out(found, trackers=shown), 1):
        display[-1].progress.stop()
        outcomes.append(outcome)
        console.print(f"{number} of {len(found)}: {outcome.member.path} {outcome.status}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("run", "status", "numbers"):
        table.add_column(column)
    for outcome in outcomes:
        path = outcome.member.path.relative_to(out)
        table.add_row(str(path), outcome.status, outcome.message or _numbers(outcome))
    console.print(table)
    for name, group in groupby(outcomes, key=lambda outcome: outcome.member.series):
        done = [Run(o.member.path, device="cpu") for o in group if o.status != "failed"]
        if name is not None and len(done) > 1:
            for file in write_comparison(done, out / name):
                console.print(str(file))
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _numbers(outcome: Outcome) -> str:
    from genlab.runs.folder import RunFolder

    records = RunFolder.open(outcome.member.path).metrics().get("metrics", [])
    return ", ".join(f"{record['name']} {record['value']:.4g}" for record in records[:3])
