"""``genlab run``: train, sample, measure and plot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Data, Device, Epochs, Minutes, Seed, Steps, Trackers

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
    objective: Annotated[
        str | None, typer.Option(help="What a step of training minimises.")
    ] = None,
    optimiser: Annotated[str | None, typer.Option(help="The rule that changes weights.")] = None,
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
    tracker: Trackers = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Whether samples are measured.")
    ] = True,
    draw: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Whether figures are drawn.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the whole configuration, and do nothing.")
    ] = False,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="The run folder.")] = None,
) -> None:
    """Train a model, sample from it, measure and plot, and leave a run folder.

    Without arguments: a small Gaussian diffusion on the embedded digits.
    """
    from genlab import api
    from genlab.cli.console import RunDisplay, summary
    from genlab.runs.start import start_run

    tables = api.request(
        experiment,
        {"degradation": degradation, "backbone": backbone, "sampler": sampler, "density": density,
         "dataset": dataset, "objective": objective, "optimiser": optimiser, "seed": seed,
         "device": device, "data": None if data is None else str(data)},
        {"minutes": minutes, "steps": steps, "epochs": epochs},
        settings or (),
        classify=classify,
        named_budget=budget,
    )  # fmt: skip
    if dry_run:
        import tomli_w

        from genlab.config import resolve

        typer.echo(tomli_w.dumps(resolve(tables).config.flat()), nl=False)
        return
    display = RunDisplay()
    with display:
        skip = api.skipped(measure=measure, draw=draw)
        done = start_run(tables, out=out, trackers=[display, *(tracker or ())], skip=skip)
    summary(display.console, done)
