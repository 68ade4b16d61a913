"""The Python face of genlab: everything that a command does, one call away."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genlab.components.arguments import checked_arguments, refuse_types
from genlab.components.data import as_dataset, doubts_of, loaded
from genlab.components.dataset import Data
from genlab.components.engine import Engine, Outcome
from genlab.components.registry import build
from genlab.config import (
    Chosen,
    made,
    merge,
    nested,
    parse_assignments,
    refuse_two_places,
    with_path,
)
from genlab.errors import RequestError
from genlab.report.comparison import Comparison
from genlab.runs.combinations import Sweep
from genlab.runs.run import Run
from genlab.runs.series import carried_out, compare_runs, experiment_tables, jobs_of, swept
from genlab.runs.start import built_trackers, continue_run, start_run
from genlab.runs.status import Stage

__all__ = ["compare", "load", "open_run", "request", "resume", "run", "sweep"]


@checked_arguments
def run(
    experiment: str | Path | None = None,
    *,
    degradation: Any = None,
    backbone: Any = None,
    sampler: Any = None,
    density: Any = None,
    classify: bool = False,
    dataset: Any = None,
    prior: Any = None,
    objective: Any = None,
    optimiser: Any = None,
    metrics: Any = None,
    figures: Any = None,
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
    measure: bool = True,
    draw: bool = True,
) -> Run:
    """Train, sample, measure, plot and leave a run folder.

    Wherever a component is taken, its name will do (``"blur"``), a table with its name and parameters
    (``{"name": "blur", "sigma_max": 3}``), an object (``Blur(sigma_max=3)``, ``Fade()``) or a class
    (``Fade``).

    Args:
        experiment: Name of an experiment, or a TOML file; what else is given goes over it.
        degradation: How data is destroyed.
        backbone: The network; also a module, which is copied, or a function of the data's spec.
        sampler: How to walk back.
        density: A density; without a degradation, it is trained on the data itself.
        classify: Whether a density learns the classes and to tell them apart, which is
            ``training.conditional = true``.
        dataset: What to learn from; also tensors or arrays ``x`` or ``(x, y)``, a
            ``torch.utils.data.Dataset``, or ``{"train": ..., "test": ...}`` of those.
        prior: The density of the degraded state.
        objective: What a step of training minimises.
        optimiser: The rule that changes weights; also a function from the weights to an optimiser of PyTorch.
        metrics: What measures samples: a list.
        figures: What is drawn: a list.
        data: The data folder, for data sets that live in files.
        minutes: Budget in minutes of training.
        steps: Budget in optimiser steps.
        epochs: Budget in passes over the data.
        budget: A budget of the experiment by name: ``"smoke"``, ``"laptop"`` (the default) or ``"gpu"``.
        seed: Seed of everything that is random.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        out: The run folder; None: the next free one below ``runs``.
        set: Further settings, as tables or as ``key=value`` strings.
        trackers: Objects with hooks, or names of trackers.
        measure: Whether samples are measured.
        draw: Whether figures are drawn.

    Returns:
        The run.

    Raises:
        RequestError: The request was wrong; nothing was done.
        RunError: The training failed.

    Example:
        By name, with settings; a run draws samples, and its folder opens again.

        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> quick = {"measure": False, "draw": False}
        >>> few = {"training.batch": 32, "sampling": {"count": 16, "steps": 3}}
        >>> noise = run(dataset="moons", steps=3, seed=1, set=few, out=f"{folder.name}/noise", **quick)
        >>> noise.sample(5).shape
        torch.Size([5, 2])
        >>> open_run(noise.path).seed
        1

        Objects in the place of names, and data of one's own.

        >>> import torch
        >>> from genlab_plugins.densities.realnvp import RealNVP
        >>> points = torch.randn(200, 3)
        >>> flow = run(
        ...     density=RealNVP, dataset=points, steps=3, set=few, out=f"{folder.name}/flow", **quick
        ... )
        >>> flow.log_prob(points[:4]).shape
        torch.Size([4])

        What is wrong is said before any work.

        >>> run(degradation="blurs", out=f"{folder.name}/wrong")
        Traceback (most recent call last):
        genlab.errors.RequestError: unknown degradation 'blurs'. Did you mean 'blur' ...
        >>> folder.cleanup()
    """
    tables = request(
        experiment,
        {"degradation": degradation, "backbone": backbone, "sampler": sampler, "density": density,
         "dataset": dataset, "prior": prior, "objective": objective, "optimiser": optimiser,
         "metrics": metrics, "figures": figures, "seed": seed, "device": device,
         "data": None if data is None else str(data)},
        {"minutes": minutes, "steps": steps, "epochs": epochs},
        set,
        classify=classify,
        named_budget=budget,
    )  # fmt: skip
    out = None if out is None else Path(out)
    return start_run(tables, out=out, trackers=trackers, skip=skipped(measure=measure, draw=draw))


def skipped(*, measure: bool, draw: bool) -> list[Stage]:
    """Return the stages that are left out.

    Args:
        measure: Whether samples are measured.
        draw: Whether figures are drawn.
    """
    stages: list[Stage] = [] if measure else ["measuring"]
    return stages if draw else [*stages, "drawing"]


@checked_arguments
def open_run(
    path: str | Path,
    *,
    device: str = "auto",
    data: str | Path | None = None,
    checkpoint: str = "last",
    components: Mapping[str, Any] | None = None,
) -> Run:
    """Open a run folder.

    Args:
        path: The folder.
        device: Where to compute.
        data: The data folder, where it is not where it was.
        checkpoint: Which weights: ``"last"``, or ``"best"`` for those that did best in the evaluations
            during training.
        components: What cannot be imported, by the place that it takes, such as ``{"degradation": Fade()}``.

    Raises:
        RequestError: The folder is no run, or has no such checkpoint.
    """
    return Run(path, device=device, data=data, checkpoint=checkpoint, components=components)


@checked_arguments
def resume(
    path: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    data: str | Path | None = None,
    device: str | None = None,
    checkpoint: str | None = None,
    trackers: Iterable[object] = (),
    components: Mapping[str, Any] | None = None,
) -> Run:
    """Go on with a run: finish its training, to its own budget or to a new one, and all that comes after.

    Args:
        path: The run folder.
        minutes: New budget in minutes of training, those before included.
        steps: New budget in steps.
        epochs: New budget in passes over the data.
        data: The data folder, where it has moved.
        device: Where to compute; None: as before.
        checkpoint: The checkpoint to go back to, such as ``"step-0000400"``, where the last is damaged; None:
            the last.
        trackers: Objects with hooks, or names of trackers.
        components: What cannot be imported, by the place that it takes.

    Raises:
        RequestError: The folder is no run, or all of it is done.
        RunError: The training failed.
    """
    budget = _one_budget({"minutes": minutes, "steps": steps, "epochs": epochs})
    return continue_run(
        Path(path), budget=budget or None, data=None if data is None else str(data), device=device,
        checkpoint=checkpoint, trackers=trackers, components=components,
    )  # fmt: skip


@checked_arguments
def sweep(
    sweep: Sweep | str | Path,
    *,
    out: str | Path = "runs/sweep",
    engine: str | Engine = "local",
    trackers: Iterable[object] = (),
    **request_options: Any,
) -> list[Outcome]:
    """Carry out one run for every combination of values.

    What is done is skipped and what was stopped goes on. Runs that differ in nothing that the training
    depends on, such as in the sampler, train once.

    Args:
        sweep: A list of values for each setting, such as ``{"degradation": ["gaussian", "blur"],
            "sampler": ["ddim", "cold"]}``; a list of such tables, which are put together; a table with
            ``draws`` and ranges, as the page on scaling shows; or the name or file of an experiment with a
            table ``[sweep]``.
        out: The folder that the runs go into.
        engine: Who carries them out.
        trackers: Trackers of every run.
        request_options: What all runs share, by the names of :func:`run`'s arguments that stand for
            components and settings: ``dataset``, ``steps``, ``seed``, ``set``, ...

    Returns:
        What became of each.

    Raises:
        RequestError: The request was wrong.
    """
    refuse_types(run, request_options)
    if not isinstance(sweep, str | Path):
        options = dict(request_options)
        budget = {unit: options.pop(unit, None) for unit in ("minutes", "steps", "epochs")}
        assignments = options.pop("set", ())
        jobs = swept(request(None, options, budget, assignments), sweep, Path(out))
    else:
        jobs = jobs_of([sweep], Path(out), **request_options)
    chosen: Engine = build("engine", engine) if isinstance(engine, str) else engine
    built = built_trackers(trackers)  # what is missing is missed before any work
    return list(carried_out(jobs, chosen, lambda job: built))


def compare(
    runs: Sequence[Run | str | Path],
    out: str | Path | None = "comparison",
    *,
    seed: int | None = None,
    over: str | None = None,
) -> Comparison:
    """Tell how runs differ: settings, numbers, curves and samples, and where a comparison is unfair.

    Args:
        runs: Runs, or their folders.
        out: Where ``comparison.csv`` and the figures go; None: nothing is drawn or written.
        seed: Seed of fresh samples; None: the first that each run has left.
        over: A setting such as ``"seed"``: runs that differ in nothing else are put together, and their
            numbers are means, with ranges and Student's intervals.

    Returns:
        The comparison: ``settings``, ``numbers``, ``warnings``, ``files``; ``flat()`` gives plain values, and
        a notebook shows it.

    Raises:
        RequestError: There are fewer than two runs, or one is there twice; none has numbers that could be
            written; or no two of them differ in nothing but the setting.
    """
    opened = [each if isinstance(each, Run) else Run(each) for each in runs]
    return compare_runs(opened, None if out is None else Path(out), seed=seed, over=over)


def load(dataset: Any, data: str | Path | None = None, **params: Any) -> Data:
    """Load a data set.

    Args:
        dataset: Its name; an object; or tensors, as :func:`run` takes them.
        data: The data folder, for data sets that live in files.
        params: Parameters of a data set that is named.

    Returns:
        The data: ``train``, ``test`` and ``spec``.

    Raises:
        RequestError: There is no such data set, or its files are missing.

    Example:
        >>> import genlab
        >>> genlab.load("digits").spec.shape
        (1, 8, 8)
    """
    if isinstance(dataset, str):
        chosen = with_path(Chosen(dataset, params), data)
        found = loaded(made("dataset", chosen, {}), None if data is None else Path(data))
    else:
        found = loaded(as_dataset(dataset))
    for doubt in doubts_of(found):
        warnings.warn(doubt, stacklevel=2)
    return found


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
        tables = merge(tables, {"training": given})
    if classify:
        if "density" not in tables or "degradation" in tables:
            raise RequestError("--classify is for a density, as in --density realnvp --classify")
        tables = merge(tables, {"training": {"conditional": True}})
    over = _over(assignments)
    path = over["dataset"].get("path") if isinstance(over.get("dataset"), Mapping) else None
    refuse_two_places(named.get("data"), path)
    return merge(tables, over)


def _over(assignments: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    if not isinstance(assignments, Mapping):
        return parse_assignments(assignments)
    tables: dict[str, Any] = {}
    for key, value in assignments.items():
        tables = merge(tables, nested(key, value))
    return tables


def _one_budget(budget: Mapping[str, float | None]) -> dict[str, float]:
    given = {key: value for key, value in budget.items() if value is not None}
    if len(given) > 1:
        raise RequestError(f"one budget at a time: {' and '.join(given)} were given")
    return given
