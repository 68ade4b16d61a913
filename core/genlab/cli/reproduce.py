"""``genlab reproduce``: every experiment, once more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.options import Data

if TYPE_CHECKING:
    from genlab.components import Job, Outcome

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


def series(
    names: Sequence[str], out: Path, *, data: Path | None, engine: str = "local", **options: Any
) -> None:
    """Carry out a series of runs, show a table, and exit with 1 where one of them failed."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from genlab.cli.console import RunDisplay
    from genlab.components.registry import build
    from genlab.errors import RequestError
    from genlab.runs.run import Run
    from genlab.runs.series import carry_out, compare_runs, jobs_of

    jobs = jobs_of(names, out, data=None if data is None else str(data), **options)
    display: list[RunDisplay] = []

    def shown(job: Job) -> list[RunDisplay]:
        display.append(RunDisplay())
        return display[-1:]

    console, outcomes = Console(), []
    carried = build("engine", engine).carry_out(jobs, carry_out, trackers=shown)
    for number, outcome in enumerate(carried, 1):
        for each in display:
            each.progress.stop()
        outcomes.append(outcome)
        console.print(f"{number} of {len(jobs)}: {outcome.job.path} {outcome.status}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("run", "status", "numbers"):
        table.add_column(column)
    for outcome in outcomes:
        path = outcome.job.path.relative_to(out)
        table.add_row(str(path), outcome.status, outcome.message or _numbers(outcome))
    console.print(table)
    for name, group in groupby(outcomes, key=lambda outcome: outcome.job.series):
        done = [Run(o.job.path, device="cpu") for o in group if o.status != "failed"]
        if not name or len(done) < 2:
            continue
        try:
            files = compare_runs(done, out / name)
        except RequestError as error:  # what the runs have left is good all the same
            console.print(f"{name} is not compared: {error}")
            continue
        for file in files:
            console.print(str(file))
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _numbers(outcome: Outcome) -> str:
    from genlab.runs.folder import RunFolder

    records = RunFolder.open(outcome.job.path).metrics().get("metrics", [])
    return ", ".join(f"{record['name']} {record['value']:.4g}" for record in records[:3])
