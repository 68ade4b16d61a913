"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Backbone",
    "Budget",
    "Checkpoint",
    "Classify",
    "Data",
    "Dataset",
    "Degradation",
    "Density",
    "Device",
    "Draw",
    "DryRun",
    "Epochs",
    "Experiment",
    "Json",
    "Measure",
    "Minutes",
    "Objective",
    "Optimiser",
    "RunDevice",
    "RunOut",
    "RunPath",
    "RunSeed",
    "Sampler",
    "Seed",
    "Settings",
    "Steps",
    "Trackers",
]

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Data = Annotated[
    Path | None, typer.Option(help="The data folder, for data sets that live in files.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
RunDevice = Annotated[
    str | None,
    typer.Option(
        "--device", help="auto, cpu, cuda or mps; without it: as in the experiment, or auto."
    ),
]
Minutes = Annotated[float | None, typer.Option(help="Budget in minutes of training.")]
Steps = Annotated[int | None, typer.Option(help="Budget in optimiser steps.")]
Epochs = Annotated[float | None, typer.Option(help="Budget in passes over the data.")]
Checkpoint = Annotated[
    str, typer.Option(help="Which weights: last, or best by the evaluations during training.")
]
Seed = Annotated[int, typer.Option(help="Seed of everything that is random.")]
RunSeed = Annotated[
    int | None,
    typer.Option(
        "--seed", help="Seed of everything that is random; without it: as in the experiment, or 0."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Trackers = Annotated[
    list[str] | None,
    typer.Option("--tracker", help="A tracker by name; several times for several."),
]
Measure = Annotated[
    bool, typer.Option("--measure/--no-measure", help="Whether samples are measured.")
]
Draw = Annotated[bool, typer.Option("--figures/--no-figures", help="Whether figures are drawn.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the whole configuration, and do nothing.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, as in degradation.sigma_max=20."),
]
Experiment = Annotated[str | None, typer.Argument(help="An experiment by name, or a TOML file.")]
Classify = Annotated[
    bool, typer.Option("--classify", help="A density learns to tell the classes apart, too.")
]
Budget = Annotated[
    str | None, typer.Option(help="A budget of the experiment: smoke, laptop or gpu.")
]
Backbone = Annotated[str | None, typer.Option(help="The network.")]
Dataset = Annotated[str | None, typer.Option(help="What to learn from.")]
Degradation = Annotated[str | None, typer.Option(help="How data is destroyed.")]
Density = Annotated[
    str | None,
    typer.Option(help="Without a degradation: a density of the data, instead of a diffusion."),
]
Objective = Annotated[str | None, typer.Option(help="What a step of training minimises.")]
Optimiser = Annotated[str | None, typer.Option(help="The rule that changes weights.")]
Sampler = Annotated[str | None, typer.Option(help="How to walk back.")]
RunOut = Annotated[Path | None, typer.Option(help="The run folder.")]
