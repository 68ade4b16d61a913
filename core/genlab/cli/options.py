"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Checkpoint",
    "Data",
    "Device",
    "Epochs",
    "Json",
    "Minutes",
    "RunPath",
    "Seed",
    "Steps",
    "Trackers",
]

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Data = Annotated[
    Path | None, typer.Option(help="The data folder, for data sets that live in files.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Minutes = Annotated[float | None, typer.Option(help="Budget in minutes of training.")]
Steps = Annotated[int | None, typer.Option(help="Budget in optimiser steps.")]
Epochs = Annotated[float | None, typer.Option(help="Budget in passes over the data.")]
Checkpoint = Annotated[
    str, typer.Option(help="Which weights: last, or best by the evaluations during training.")
]
Seed = Annotated[int, typer.Option(help="Seed of everything that is random.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Trackers = Annotated[
    list[str] | None,
    typer.Option("--tracker", help="A tracker by name; several times for several."),
]
