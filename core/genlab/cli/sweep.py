"""``genlab sweep``: a series of runs from one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Data

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
    engine: Annotated[str, typer.Option(help="Who carries the runs out.")] = "local",
    out: Annotated[Path, typer.Option(help="The folder that the runs go into.")] = Path("runs"),
) -> None:
    """Carry out one run for every combination of a sweep's values, and compare them.

    What is done is skipped and what was stopped goes on, so that the command can be given again. Runs that
    differ in nothing that the training depends on, such as in the sampler, train once.
    """
    from genlab.cli.reproduce import series

    series([file], out, budget=budget, data=data, seed=seed, device=device, engine=engine)
