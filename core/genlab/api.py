"""The Python face of genlab: everything that a command does, one call away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genlab.config import merge, merge_training, parse_assignments
from genlab.errors import RequestError
from genlab.runs import Run
from genlab.runs.engine import continue_run, start_run
from genlab.runs.series import experiment_tables

__all__ = ["open_run", "request", "resume", "run"]


def run(
    experiment: str | Path | None = None,
    *,
    degradation: str | Mapping[str, Any] | None = None,
    backbone: str | Mapping[str, Any] | None = None,
    sampler: str | Mapping[str, Any] | None = None,
    density: str | Mapping[str, Any] | None = None,
    classify: bool = False,
    dataset: str | Mapping[str, Any] | None = None,
    prior: str | Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    budget: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    out: str | Path | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),
    trackers: Iterable[object] = (),
) -> Run:
    """Train, sample, measure, plot and leave a run folder.

    Args:
        experiment: Name of an experiment, or a TOML file; what else is given goes over it.
        degradation: Name of a degradation, or a table with its name and parameters.
        backbone: Likewise.
        sampler: Likewise.
        density: Likewise; without a degradation, the density is trained on the data itself.
        classify: Whether a density learns the classes and to tell them apart, which is
            ``training.conditional = true`` and ``training.cross_entropy = 1``.
        dataset: Likewise.
        prior: The density of the degraded state.
        data: The data folder, for data sets that live in files.
        minutes: Budget in minutes of training.
        steps: Budget in optimiser steps.
        epochs: Budget in passes over the data.
        budget: A budget of the experiment by name: ``"smoke"``, ``"laptop"`` (the default) or ``"gpu"``.
        seed: Seed of everything that is random.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        out: The run folder; None: the next free one below ``runs``.
        set: Further settings, as tables or as ``key=value`` strings.
        trackers: Objects that implement hooks.

    Returns:
        The run.

    Raises:
        RequestError: The request was wrong; nothing was done.
        RunError: The training failed.
    """
    tables = request(
        experiment,
        {"degradation": degradation, "backbone": backbone, "sampler": sampler, "density": density,
         "dataset": dataset, "prior": prior, "seed": seed, "device": device,
         "data": None if data is None else str(data)},
        {"minutes": minutes, "steps": steps, "epochs": epochs},
        set,
        classify=classify,
        named_budget=budget,
    )  # fmt: skip
    return start_run(tables, out=None if out is None else Path(out), trackers=trackers)


def open_run(
    path: str | Path,
    *,
    device: str = "auto",
    data: str | Path | None = None,
    checkpoint: str = "last",
) -> Run:
    """Open a run folder.

    Args:
        path: The folder.
        device: Where to compute.
        data: The data folder, where it is not where it was.
        checkpoint: Which weights: ``"last"``, or ``"best"`` for those that did best in the evaluations
            during training.

    Raises:
        RequestError: The folder is no run, or has no such checkpoint.
    """
    return Run(path, device=device, data=data, checkpoint=checkpoint)


def resume(
    path: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    data: str | Path | None = None,
    device: str | None = None,
    trackers: Iterable[object] = (),
) -> Run:
    """Go on with a run from its last checkpoint, to its own budget or to a new one.

    Args:
        path: The run folder.
        minutes: New budget in minutes of training, those before included.
        steps: New budget in steps.
        epochs: New budget in passes over the data.
        data: The data folder, where it has moved.
        device: Where to compute; None: as before.
        trackers: Objects that implement hooks.

    Raises:
        RequestError: The folder is no run, or its budget is used up.
        RunError: The training failed.
    """
    budget = _one_budget({"minutes": minutes, "steps": steps, "epochs": epochs})
    return continue_run(
        Path(path),
        budget=budget or None,
        data=None if data is None else str(data),
        device=device,
        trackers=trackers,
    )


def request(
    experiment: str | Path | None,
    named: Mapping[str, Any],
    budget: Mapping[str, float | None],
    assignments: Mapping[str, Any] | Sequence[str],
    *,
    classify: bool = False,
    named_budget: str | None = None,
) -> dict[str, Any]:
    """Put a request together: the experiment first, then what was named, then the assignments."""
    if experiment is None and named_budget is not None:
        raise RequestError("--budget chooses among the budgets of an experiment: name one")
    tables = {} if experiment is None else experiment_tables(experiment, named_budget)
    if "sweep" in tables:
        raise RequestError(f"{experiment} is a series of runs: genlab sweep {experiment} starts it")
    tables = merge(tables, {key: value for key, value in named.items() if value is not None})
    given = _one_budget(budget)
    if given:
        tables["training"] = merge_training(tables.get("training", {}), given)
    if classify:
        if "density" not in tables or "degradation" in tables:
            raise RequestError("--classify is for a density, as in --density realnvp --classify")
        tables = merge(tables, {"training": {"conditional": True, "cross_entropy": 1.0}})
    over = dict(assignments) if isinstance(assignments, Mapping) else parse_assignments(assignments)
    return merge(tables, over)


def _one_budget(budget: Mapping[str, float | None]) -> dict[str, float]:
    given = {key: value for key, value in budget.items() if value is not None}
    if len(given) > 1:
        raise RequestError(f"one budget at a time: {' and '.join(given)} were given")
    for key, value in given.items():
        if value <= 0:
            raise RequestError(f"{key} = {value}: a budget is larger than 0")
    return given
