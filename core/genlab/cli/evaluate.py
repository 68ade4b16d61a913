"""``genlab evaluate``: measure a run once more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from typing import Annotated, Literal, TypeVar

import typer

from genlab.cli.completion import names_of
from genlab.cli.options import (
    Checkpoint,
    Data,
    Device,
    Guidances,
    Json,
    OtherPriors,
    OtherSamplers,
    RunPath,
    Seed,
    Temperatures,
)

__all__ = ["evaluate"]

_Given = TypeVar("_Given")


def evaluate(
    run: RunPath,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A metric by name; several times for several. All that fit if left out.",
            autocompletion=names_of("metric"),
        ),
    ] = None,
    n: Annotated[int | None, typer.Option("-n", "--number", help="How many samples.")] = None,
    steps: Annotated[
        list[int] | None, typer.Option(help="Steps of a trajectory; several times for several.")
    ] = None,
    sampler: OtherSamplers = None,
    prior: OtherPriors = None,
    guidance: Guidances = None,
    temperature: Temperatures = None,
    against_train: Annotated[
        bool,
        typer.Option(
            "--against-train",
            help="Compare with training examples: by such numbers a sampler is chosen, not by those told.",
        ),
    ] = False,
    checkpoint: Checkpoint = "last",
    data: Data = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Draw fresh samples, measure them, and keep the numbers.

    They go into the metrics.json of the run.
    """
    from genlab import api
    from genlab.cli.console import numbers_table

    opened = api.open_run(run, device=device, data=data, checkpoint=checkpoint)
    against: Literal["train", "test"] = "train" if against_train else "test"
    walks = product(_each(sampler), _each(prior), _each(steps), _each(guidance), _each(temperature))
    records = [
        record
        for name, start, count, scale, factor in walks
        for record in opened.evaluate(
            metric, n=n, steps=count, sampler=name, prior=start, guidance=scale, temperature=factor,
            against=against, seed=seed,
        )
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(records))
        return
    from genlab.cli.terminal import plain_console

    console = plain_console()
    console.print(numbers_table(records, width=console.width))
    for warning in {record["warning"] for record in records if "warning" in record}:
        console.print(f"note: {warning}", style="yellow")


def _each(given: Sequence[_Given] | None) -> Sequence[_Given | None]:
    """Return what was given, or None once where nothing was."""
    return given or [None]
