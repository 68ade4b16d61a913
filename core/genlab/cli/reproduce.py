"""``genlab reproduce``: every experiment, once more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.completion import experiments
from genlab.cli.options import Data, RunDevice, Trackers
from genlab.cli.series import Engine, Jobs, Listed, Only, Settings, series

__all__ = ["reproduce"]


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Experiments; all if left out.",
            autocompletion=experiments,
        ),
    ] = None,
    budget: Annotated[str, typer.Option(help="smoke, laptop or gpu.")] = "laptop",
    data: Data = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every run.")] = None,
    device: RunDevice = None,
    out: Annotated[
        Path, typer.Option(help="The folder that a folder for the budget goes into.")
    ] = Path("runs/reproduce"),
    engine: Engine = "local",
    jobs: Jobs = None,
    listed: Listed = False,
    only: Only = None,
    tracker: Trackers = None,
    settings: Settings = None,
) -> None:
    """Carry out every experiment, and end with a table.

    What is done is skipped and what was stopped goes on, so that the command can be given again.
    """
    series(
        names or [], out / budget, budget=budget, data=data, seed=seed, device=device,
        engine=engine, jobs=jobs, listed=listed, only=only, trackers=tracker or (),
        settings=settings or (),
    )  # fmt: skip
