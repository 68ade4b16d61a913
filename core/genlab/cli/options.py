"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genlab.cli.completion import experiments, names_of, one_of, settings

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
    "DryRun",
    "Epochs",
    "Even",
    "Experiment",
    "Figures",
    "Guidance",
    "Guidances",
    "Json",
    "Metrics",
    "Minutes",
    "NoFigures",
    "NoMeasure",
    "Objective",
    "Optimiser",
    "OtherPrior",
    "OtherPriors",
    "OtherSampler",
    "OtherSamplers",
    "Prior",
    "RunDevice",
    "RunOut",
    "RunPath",
    "RunSeed",
    "SameDevice",
    "Sampler",
    "Seed",
    "Settings",
    "Steps",
    "Temperature",
    "Temperatures",
    "Trackers",
]

_COMPONENTS, _BUDGET, _OUTPUT = "Components and settings", "Budget", "Output"
_DEVICES = one_of("auto", "cpu", "cuda", "mps")
_BUDGETS = one_of("smoke", "laptop", "gpu")


def _component(
    role: str, meaning: str, *names: str, panel: str | None = _COMPONENTS, metavar: str = "NAME"
) -> Any:
    """Return an option that names a component of a role."""
    return typer.Option(
        *names, metavar=metavar, help=meaning, rich_help_panel=panel, autocompletion=names_of(role)
    )


RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Data = Annotated[
    Path | None, typer.Option(help="The data folder, for data sets that live in files.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.", autocompletion=_DEVICES)]
SameDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="auto, cpu, cuda or mps; without it: as before.",
        autocompletion=_DEVICES,
    ),
]
RunDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="auto, cpu, cuda or mps; without it: as in the experiment, or auto.",
        autocompletion=_DEVICES,
    ),
]
Minutes = Annotated[
    float | None, typer.Option(help="Minutes of training.", rich_help_panel=_BUDGET)
]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps.", rich_help_panel=_BUDGET)]
Epochs = Annotated[
    float | None, typer.Option(help="Passes over the data.", rich_help_panel=_BUDGET)
]
Budget = Annotated[
    str | None,
    typer.Option(
        help="A budget of the experiment: smoke, laptop or gpu.",
        rich_help_panel=_BUDGET,
        autocompletion=_BUDGETS,
    ),
]
Checkpoint = Annotated[
    str,
    typer.Option(
        help="Which weights: last, or best by the evaluations during training.",
        autocompletion=one_of("last", "best"),
    ),
]
_SEVERAL = "; several times for several"
_GUIDANCE = "Classifier-free guidance: 1 is none, more follows the label closer"
Guidance = Annotated[float | None, typer.Option(help=f"{_GUIDANCE}.")]
Guidances = Annotated[list[float] | None, typer.Option(help=f"{_GUIDANCE}{_SEVERAL}.")]
_TEMPERATURE = "Flow: factor of the noise; below 1, samples are more usual and more alike"
Temperature = Annotated[float | None, typer.Option(help=f"{_TEMPERATURE}.")]
Temperatures = Annotated[list[float] | None, typer.Option(help=f"{_TEMPERATURE}{_SEVERAL}.")]
Even = Annotated[
    bool,
    typer.Option("--even/--uniform", help="Points where neighbours differ alike, or at even λ."),
]
Seed = Annotated[int, typer.Option(help="Seed of everything that is random.")]
RunSeed = Annotated[
    int | None,
    typer.Option(
        "--seed", help="Seed of everything that is random; without it: as in the experiment, or 0."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Experiment = Annotated[
    str | None,
    typer.Argument(help="An experiment by name, or a TOML file.", autocompletion=experiments),
]

Degradation = Annotated[str | None, _component("degradation", "How data is destroyed.")]
Backbone = Annotated[str | None, _component("backbone", "The network.")]
Sampler = Annotated[str | None, _component("sampler", "How to walk back.")]
_WALK, _START = "How to walk back", "Another prior of the degraded state, fitted now"
OtherSampler = Annotated[str | None, _component("sampler", f"{_WALK}.", panel=None)]
OtherSamplers = Annotated[
    list[str] | None, _component("sampler", f"{_WALK}{_SEVERAL}.", panel=None)
]
OtherPrior = Annotated[str | None, _component("density", f"{_START}.", panel=None)]
OtherPriors = Annotated[list[str] | None, _component("density", f"{_START}{_SEVERAL}.", panel=None)]
Prior = Annotated[str | None, _component("density", "The density of the degraded state.")]
Density = Annotated[
    str | None,
    _component("density", "Without a degradation: a density of the data, instead of a diffusion."),
]
Classify = Annotated[
    bool,
    typer.Option(
        "--classify",
        help="A density learns to tell the classes apart, too.",
        rich_help_panel=_COMPONENTS,
    ),
]
Dataset = Annotated[str | None, _component("dataset", "What to learn from.")]
Objective = Annotated[str | None, _component("objective", "What a step of training minimises.")]
Optimiser = Annotated[str | None, _component("optimiser", "The rule that changes weights.")]
Metrics = Annotated[
    list[str] | None,
    _component("metric", "What measures samples; several times for several.", "--metric"),
]
Figures = Annotated[
    list[str] | None,
    _component("figure", "What is drawn; several times for several.", "--figure"),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting, as in degradation.sigma_max=20; genlab show settings lists them.",
        rich_help_panel=_COMPONENTS,
        autocompletion=settings,
    ),
]

Trackers = Annotated[
    list[str] | None,
    _component(
        "tracker", "A tracker by name; several times for several.", "--tracker", panel=_OUTPUT
    ),
]
NoMeasure = Annotated[
    bool,
    typer.Option("--no-measure", help="Samples are not measured.", rich_help_panel=_OUTPUT),
]
NoFigures = Annotated[
    bool, typer.Option("--no-figures", help="Figures are not drawn.", rich_help_panel=_OUTPUT)
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print the whole configuration, and do nothing.",
        rich_help_panel=_OUTPUT,
    ),
]
RunOut = Annotated[Path | None, typer.Option(help="The run folder.", rich_help_panel=_OUTPUT)]
