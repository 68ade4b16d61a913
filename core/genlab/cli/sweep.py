"""``genlab sweep``: a series of runs from one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Data
from genlab.cli.series import Engine, Jobs, Listed, Only, series

__all__ = ["sweep"]


def sweep(
    file: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A TOML file with a table [sweep].")
    ],
    budget: Annotated[
        str | None, typer.Option(help="A budget of the experiment: smoke, laptop or gpu.")
    ] = None,
    data: Data = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every run.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    engine: Engine = "local",
    jobs: Jobs = None,
    listed: Listed = False,
    only: Only = None,
    out: Annotated[Path, typer.Option(help="The folder that the runs go into.")] = Path("runs"),
) -> None:
    """Carry out one run for every combination of a sweep's values, and compare them.

    What is done is skipped and what was stopped goes on, so that the command can be given again. Runs that
    differ in nothing that the training depends on, such as in the sampler, train once.
    """
    series(
        [file], out, budget=budget, data=data, seed=seed, device=device,
        engine=engine, jobs=jobs, listed=listed, only=only,
    )  # fmt: skip
