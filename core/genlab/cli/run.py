"""``genlab run``: train, sample, measure and plot."""

from __future__ import annotations

from typing import Any

import typer

from genlab.cli import options

__all__ = ["run"]


def run(
    experiment: options.Experiment = None,
    degradation: options.Degradation = None,
    backbone: options.Backbone = None,
    sampler: options.Sampler = None,
    density: options.Density = None,
    classify: options.Classify = False,
    dataset: options.Dataset = None,
    objective: options.Objective = None,
    optimiser: options.Optimiser = None,
    data: options.Data = None,
    settings: options.Settings = None,
    minutes: options.Minutes = None,
    steps: options.Steps = None,
    epochs: options.Epochs = None,
    budget: options.Budget = None,
    tracker: options.Trackers = None,
    measure: options.Measure = True,
    draw: options.Draw = True,
    dry_run: options.DryRun = False,
    seed: options.RunSeed = None,
    device: options.RunDevice = None,
    out: options.RunOut = None,
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
        _print_configuration(tables)
        return
    display = RunDisplay()
    with display:
        skip = api.skipped(measure=measure, draw=draw)
        done = start_run(tables, out=out, trackers=[display, *(tracker or ())], skip=skip)
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
