"""``genlab run``: train, sample, measure and plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from genlab.cli import options
from genlab.cli.processes import Processes, in_processes
from genlab.place import is_first

if TYPE_CHECKING:
    from genlab.runs.status import Stage

__all__ = ["run"]


def run(
    experiment: options.Experiment = None,
    degradation: options.Degradation = None,
    backbone: options.Backbone = None,
    sampler: options.Sampler = None,
    prior: options.Prior = None,
    density: options.Density = None,
    classify: options.Classify = False,
    dataset: options.Dataset = None,
    objective: options.Objective = None,
    optimiser: options.Optimiser = None,
    metric: options.Metrics = None,
    figure: options.Figures = None,
    settings: options.Settings = None,
    minutes: options.Minutes = None,
    steps: options.Steps = None,
    epochs: options.Epochs = None,
    budget: options.Budget = None,
    tracker: options.Trackers = None,
    no_measure: options.NoMeasure = False,
    no_figures: options.NoFigures = False,
    dry_run: options.DryRun = False,
    out: options.RunOut = None,
    data: options.Data = None,
    seed: options.RunSeed = None,
    device: options.RunDevice = None,
    processes: Processes = None,
) -> None:
    """Train a model, sample, measure and plot; leaves a run folder.

    Without arguments: a small Gaussian diffusion on the embedded digits.
    """
    if not dry_run:
        in_processes(processes)
    from genlab import api

    tables = api.request(
        experiment,
        {"degradation": degradation, "backbone": backbone, "sampler": sampler, "density": density,
         "prior": prior, "dataset": dataset, "objective": objective, "optimiser": optimiser,
         "metrics": metric or None, "figures": figure or None, "seed": seed, "device": device,
         "data": None if data is None else str(data)},
        {"minutes": minutes, "steps": steps, "epochs": epochs},
        settings or (),
        classify=classify,
        named_budget=budget,
    )  # fmt: skip
    if dry_run:
        _print_configuration(tables)
    else:
        skip = api.skipped(measure=not no_measure, draw=not no_figures)
        _carry_out(tables, out, tracker or (), skip)


def _carry_out(
    tables: dict[str, Any], out: Path | None, trackers: Sequence[str], skip: Sequence[Stage]
) -> None:
    """Start the run, show how it goes on, and say what it has left."""
    from genlab.cli.console import RunDisplay, summary
    from genlab.runs.start import start_run

    if not is_first():
        start_run(tables, out=out, skip=skip)
        return
    display = RunDisplay()
    with display:
        done = start_run(tables, out=out, trackers=[display, *trackers], skip=skip)
    summary(display.console, done)


def _print_configuration(tables: dict[str, Any]) -> None:
    """Print a resolved request as ``run.toml`` would hold it; what a run would refuse is refused."""
    import tomli_w

    from genlab.config import assemble, pick_device, require_metrics_fit, resolve

    found = resolve(tables)
    device = pick_device(found.config.device)
    parts = assemble(found.config, found.dataset.spec, found.objects, device=device)
    require_metrics_fit(parts, found.dataset)
    typer.echo(tomli_w.dumps(found.config.flat()), nl=False)
