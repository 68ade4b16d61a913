"""``genlab evaluate``: measure a run once more."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from genlab.cli.options import Data, Device, Json, RunPath, Seed

__all__ = ["evaluate"]


def evaluate(
    run: RunPath,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric by name; several times for several. All that fit if left out."),
    ] = None,
    n: Annotated[int | None, typer.Option("-n", "--number", help="How many samples.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a walk.")] = None,
    sampler: Annotated[str | None, typer.Option(help="How to walk back.")] = None,
    data: Data = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Draw fresh samples from a run, measure them, and put the numbers into its metrics.json."""
    from genlab import api
    from genlab.cli.console import numbers_table

    opened = api.open_run(run, device=device, data=data)
    records = opened.evaluate(metric, n=n, steps=steps, sampler=sampler, seed=seed)["metrics"]
    if as_json:
        typer.echo(json.dumps(records))
        return
    from rich.console import Console

    console = Console()
    console.print(numbers_table(records))
    for warning in {record["warning"] for record in records if "warning" in record}:
        console.print(f"note: {warning}", style="yellow")
