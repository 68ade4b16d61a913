"""``genlab evaluate``: measure a run once more."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from genlab.cli.options import Checkpoint, Data, Device, Json, RunPath, Seed

__all__ = ["evaluate"]


def evaluate(
    run: RunPath,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric by name; several times for several. All that fit if left out."),
    ] = None,
    n: Annotated[int | None, typer.Option("-n", "--number", help="How many samples.")] = None,
    steps: Annotated[
        list[int] | None, typer.Option(help="Steps of a trajectory; several times for several.")
    ] = None,
    sampler: Annotated[
        list[str] | None, typer.Option(help="How to walk back; several times for several.")
    ] = None,
    checkpoint: Checkpoint = "last",
    data: Data = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Draw fresh samples from a run, measure them, and put the numbers into its metrics.json."""
    from genlab import api
    from genlab.cli.console import numbers_table

    opened = api.open_run(run, device=device, data=data, checkpoint=checkpoint)
    names: list[str | None] = list(sampler) if sampler else [None]
    counts: list[int | None] = list(steps) if steps else [None]
    records = [
        record
        for name in names
        for count in counts
        for record in opened.evaluate(metric, n=n, steps=count, sampler=name, seed=seed)
    ]
    if as_json:
        typer.echo(json.dumps(records))
        return
    from rich.console import Console

    console = Console()
    console.print(numbers_table(records))
    for warning in {record["warning"] for record in records if "warning" in record}:
        console.print(f"note: {warning}", style="yellow")
