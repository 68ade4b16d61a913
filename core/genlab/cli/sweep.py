"""``genlab sweep``: a series of runs from one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.completion import experiments
from genlab.cli.options import Budget, Data, RunDevice, Trackers
from genlab.cli.series import Engine, Jobs, Listed, Only, Settings, series

__all__ = ["sweep"]


def sweep(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            help="A TOML file with a table [sweep].",
            autocompletion=experiments,
        ),
    ],
    budget: Budget = None,
    data: Data = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every run.")] = None,
    device: RunDevice = None,
    engine: Engine = "local",
    jobs: Jobs = None,
    listed: Listed = False,
    only: Only = None,
    tracker: Trackers = None,
    settings: Settings = None,
    out: Annotated[Path, typer.Option(help="The folder that the runs go into.")] = Path("runs"),
) -> None:
    """Carry out a run for every combination of values; compare them.

    What is done is skipped and what was stopped goes on, so that the command can be given again. Runs that
    differ in nothing that the training depends on, such as in the sampler, train once.
    """
    series(
        [file], out, budget=budget, data=data, seed=seed, device=device,
        engine=engine, jobs=jobs, listed=listed, only=only, trackers=tracker or (),
        settings=settings or (),
    )  # fmt: skip
