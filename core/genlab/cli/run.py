"""``genlab run``: train, sample, measure and plot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Data, Device, Epochs, Minutes, Seed, Steps

__all__ = ["run"]


def run(
    experiment: Annotated[
        str | None, typer.Argument(help="An experiment by name, or a TOML file.")
    ] = None,
    degradation: Annotated[str | None, typer.Option(help="How data is destroyed.")] = None,
    backbone: Annotated[str | None, typer.Option(help="The network.")] = None,
    sampler: Annotated[str | None, typer.Option(help="How to walk back.")] = None,
    density: Annotated[
        str | None,
        typer.Option(help="Without a degradation: a density of the data, instead of a diffusion."),
    ] = None,
    classify: Annotated[
        bool, typer.Option("--classify", help="A density learns to tell the classes apart, too.")
    ] = False,
    dataset: Annotated[str | None, typer.Option(help="What to learn from.")] = None,
    data: Data = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Any setting, as in degradation.sigma_max=20."
        ),
    ] = None,
    minutes: Minutes = None,
    steps: Steps = None,
    epochs: Epochs = None,
    budget: Annotated[
        str | None, typer.Option(help="A budget of the experiment: smoke, laptop or gpu.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="The run folder.")] = None,
) -> None:
    """Train a model, sample from it, measure and plot, and leave a run folder.

    Without arguments: a small Gaussian diffusion on the embedded digits.
    """
    from genlab import api
    from genlab.cli.console import RunDisplay

    display = RunDisplay()
    with display:
        done = api.run(
            experiment, degradation=degradation, backbone=backbone, sampler=sampler,
            density=density, classify=classify, dataset=dataset, data=data, set=settings or (),
            minutes=minutes,
            steps=steps, epochs=epochs, budget=budget, seed=seed, device=device, out=out, trackers=[display],
        )  # fmt: skip
    display.summary(done)
