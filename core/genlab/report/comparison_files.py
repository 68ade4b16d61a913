"""A comparison as files: a table, the numbers with their intervals, curves and samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from matplotlib.figure import Figure as Drawing
from torch import Tensor

from genlab.diffusion.model import DiffusionModel
from genlab.errors import GenlabError, RequestError
from genlab.files import write_bytes, write_text
from genlab.report.comparison import Comparison
from genlab.report.figure import Results
from genlab.report.figures.comparison import (
    Curves,
    Degraded,
    bars,
    curves,
    degradations,
    side_by_side,
)
from genlab.report.figures.files import figure_bytes
from genlab.report.figures.forward import degraded

__all__ = ["write_comparison"]

_SHOWN = {"image": 36, "volume": 36, "series": 12, "vector": 2000}  # samples of a run
_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_DRAWN = 50  # runs or groups that a picture has room for
_SAMPLES = 8  # in a row of the figure of degradations


def write_comparison(
    found: Comparison, results: Sequence[Results], out: Path, *, seed: int | None = None
) -> Comparison:
    """Write a comparison: ``comparison.csv``, its numbers, the curves of training, and samples as figures.

    Args:
        found: The comparison.
        results: Its runs, as figures are drawn from them.
        out: The folder.
        seed: Seed of fresh samples; None: the first that each run has left.

    Returns:
        The comparison, with its files.

    Raises:
        RequestError: None of the runs has numbers.
    """
    if not found.numbers:
        raise RequestError("none of these runs has numbers yet: genlab evaluate RUN measures one")
    csv_file = out / "comparison.csv"
    write_text(csv_file, found.csv())
    if len(found.names) > _MOST_DRAWN:
        told = (
            f"no figures: {len(found.names)} are compared, and a figure has room for {_MOST_DRAWN}"
        )
        return replace(found, warnings=(*found.warnings, told), files=(csv_file,))
    figures = {"numbers": bars(found.names, found.numbers)}
    if drawn := curves(_curves(found, results)):
        figures["curves"] = drawn
    try:
        figures |= {} if found.groups else _samples(found, results, seed=seed)
    except GenlabError as error:  # settings and numbers are good all the same
        found = replace(found, warnings=(*found.warnings, f"no figure of samples: {error}"))
    files = [out / f"{name}.png" for name in figures]
    for file, figure in zip(files, figures.values(), strict=True):
        write_bytes(file, figure_bytes(figure, "png"))
    return replace(found, files=(csv_file, *files))


def _curves(found: Comparison, results: Sequence[Results]) -> list[Curves]:
    """Return the curves of each run, those of a group under one name."""
    names = [run.name for run in found.runs]
    for group in found.groups:
        for place in group.members:
            names[place] = group.name
    kinds = [str(run.settings.get("objective", "")) for run in found.runs]
    return [
        Curves(name, kind, run.history, run.evaluations)
        for name, kind, run in zip(names, kinds, results, strict=True)
    ]


def _samples(
    found: Comparison, results: Sequence[Results], *, seed: int | None
) -> dict[str, Drawing]:
    """Draw samples side by side, and degradations where all runs have one."""
    specs = [run.spec for run in results]
    if len({(spec.shape, spec.kind) for spec in specs}) > 1:
        return {}
    n = _SHOWN[specs[0].kind]
    drawn = [
        run.samples(n)[0] if seed is None else run.model.sample(n, seed=seed) for run in results
    ]
    figures = {"samples": side_by_side(list(zip(found.names, drawn, strict=True)), specs[0])}
    destroyed = [
        Degraded(name, _states(run, run.model), x[:_SAMPLES])
        for name, run, x in zip(found.names, results, drawn, strict=True)
        if isinstance(run.model, DiffusionModel) and run.spec.kind == "image"
    ]
    if len(destroyed) == len(results):
        figures["degradations"] = degradations(destroyed, _TIMES)
    return figures


def _states(run: Results, model: DiffusionModel) -> Tensor:
    """Return one test image at several times, ``(T, C, H, W)``, with one draw for all of them."""
    x_0 = run.data.test.first(1)[0].cpu()
    return torch.cat(degraded(model.restorer.degradation, x_0, _TIMES))
