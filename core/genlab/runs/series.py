"""Series of runs: experiments with budgets, sweeps, and all that is to be reproduced."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from genlab.config import merge
from genlab.errors import GenlabError, RequestError, unknown
from genlab.experiments import experiment_names, read_experiment
from genlab.figures.comparison import Degraded, bars, degradations, side_by_side
from genlab.figures.files import figure_bytes
from genlab.files import write_bytes, write_text
from genlab.generation import DiffusionModel
from genlab.runs.engine import continue_run, start_run
from genlab.runs.evaluation import compared, comparison_csv
from genlab.runs.folder import RunFolder
from genlab.runs.run import Run

__all__ = [
    "BUDGETS",
    "Member",
    "Outcome",
    "carry_out",
    "experiment_tables",
    "members",
    "open_runs",
    "write_comparison",
]

BUDGETS = ("smoke", "laptop", "gpu")
"""Seconds on embedded data, two cores, one graphics card."""

_SHOWN = {"image": 36, "vector": 2000}  # samples in the figure of a comparison
_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
_SAMPLES = 8  # in a row of the figure of degradations


@dataclass(frozen=True)
class Member:
    """One run of a series.

    Args:
        path: Where it lies.
        tables: Its request.
        series: Name of the sweep that it belongs to, or None.
    """

    path: Path
    tables: Mapping[str, Any]
    series: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a member of a series.

    Args:
        member: The member.
        status: Whether it was done before, was carried out now, or failed.
        message: Why it failed.
    """

    member: Member
    status: Literal["was done", "done", "failed"]
    message: str = ""


def experiment_tables(name: str | Path, budget: str | None = None) -> dict[str, Any]:
    """Return the tables of an experiment under a budget.

    Args:
        name: The name of one that comes with genlab, or a TOML file.
        budget: One of the experiment's ``[budget.NAME]`` tables; None: ``"laptop"`` where it has that.

    Raises:
        RequestError: There is no such experiment or budget.
    """
    tables = read_experiment(name)
    budgets: dict[str, Any] = tables.pop("budget", {})
    if budget is not None and budget not in budgets:
        raise unknown(f"budget of {name}", budget, budgets)
    return merge(tables, budgets.get(budget or "laptop", {}))


def members(
    names: Sequence[str | Path],
    out: Path,
    *,
    budget: str | None = None,
    data: str | None = None,
    device: str | None = None,
    seed: int | None = None,
) -> list[Member]:
    """Return the runs of experiments, those of a sweep one by one.

    An experiment with a table ``[sweep]`` is one run for every combination of its values, such as
    ``degradation = ["gaussian", "blur"]`` or ``"training.lr" = [1e-3, 1e-4]``.

    Args:
        names: Experiments by name or file; none: all that come with genlab.
        out: The folder that the runs go into.
        budget: A budget by name.
        data: The data folder.
        device: Where to compute.
        seed: Seed of every run.

    Raises:
        RequestError: There is no such experiment or budget.
    """
    given = {"data": data, "device": device, "seed": seed}
    over = {key: value for key, value in given.items() if value is not None}
    found = []
    for name in names or experiment_names():
        tables = merge(experiment_tables(name, budget), over)
        stem = str(tables["experiment"])
        sweep: dict[str, Any] | None = tables.pop("sweep", None)
        if sweep is None:
            found.append(Member(out / stem, tables))
            continue
        found += [
            Member(out / stem / label, merge(tables, change), stem)
            for label, change in _swept(sweep)
        ]
    return found


def carry_out(
    found: Iterable[Member], *, trackers: Callable[[], Iterable[object]] = tuple
) -> Iterator[Outcome]:
    """Carry a series out: what is done is skipped, what was stopped goes on, what fails is told.

    Args:
        found: The members.
        trackers: Makes the listeners of one run.
    """
    for member in found:
        try:
            yield Outcome(member, _carried_out(member, trackers()))
        except GenlabError as error:
            yield Outcome(member, "failed", str(error))


def open_runs(paths: Sequence[Path], *, device: str = "auto") -> list[Run]:
    """Open run folders that are to be compared.

    Raises:
        RequestError: There are fewer than two, or one is no run.
    """
    if len(paths) < 2:
        raise RequestError("a comparison takes at least two runs")
    return [Run(path, device=device) for path in paths]


def write_comparison(runs: Sequence[Run], out: Path, *, seed: int = 0) -> list[Path]:
    """Write the comparison of runs: ``comparison.csv``, their numbers and their samples as figures.

    Args:
        runs: The runs.
        out: The folder.
        seed: Seed of the samples.

    Returns:
        The files.
    """
    names, rows = compared(runs)
    write_text(out / "comparison.csv", comparison_csv(names, rows))
    figures = {"numbers": bars(names, rows)}
    if len({run.spec.shape for run in runs}) == 1:
        n = _SHOWN[runs[0].spec.kind]
        drawn = {run.path.name: run.sample(n, seed=seed) for run in runs}
        figures["samples"] = side_by_side(drawn, runs[0].spec)
        if runs[0].spec.kind == "image" and all(isinstance(r.model, DiffusionModel) for r in runs):
            figures["degradations"] = degradations(
                [_degraded(run, drawn[run.path.name]) for run in runs], _TIMES
            )
    for name, figure in figures.items():
        write_bytes(out / f"{name}.png", figure_bytes(figure, "png"))
    return [out / "comparison.csv", *(out / f"{name}.png" for name in figures)]


def _degraded(run: Run, drawn: Tensor) -> Degraded:
    """Take one test image through the degradation of a run."""
    x_0 = run.examples("test").first(len(_TIMES))[0].cpu()
    z = run.degradation.draw(x_0, generator=torch.Generator().manual_seed(0))
    one = None if z is None else z[:1].repeat_interleave(len(x_0), 0)
    path = run.degradation.degrade(
        x_0[:1].repeat_interleave(len(x_0), 0), torch.tensor(_TIMES), one
    )
    return Degraded(run.path.name, path, drawn[:_SAMPLES])


def _carried_out(member: Member, trackers: Iterable[object]) -> Literal["was done", "done"]:
    if not (member.path / "run.toml").is_file():
        start_run(member.tables, out=member.path, trackers=trackers)
        return "done"
    if RunFolder.open(member.path).metrics():
        return "was done"
    data, device = member.tables.get("data"), member.tables.get("device")
    continue_run(member.path, data=data, device=device, trackers=trackers)
    return "done"


def _swept(sweep: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every combination of a sweep's values: its label and its change to the request."""
    for key, values in sweep.items():
        if not isinstance(values, list) or not values:
            raise RequestError(f"sweep.{key}: a sweep goes through a list of values")
    for combination in itertools.product(*sweep.values()):
        change: dict[str, Any] = {}
        for key, value in zip(sweep, combination, strict=True):
            nested: Any = value
            for part in reversed(key.split(".")):
                nested = {part: nested}
            change = merge(change, nested)
        yield "-".join(map(_label, combination)), change


def _label(value: Any) -> str:
    """Return a value as a part of the name of a folder."""
    if isinstance(value, Mapping):
        return "-".join(map(str, value.values()))
    return str(value).replace("/", "-")
