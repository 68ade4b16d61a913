"""The comparison of runs as files: their numbers as a table and as bars, and their samples side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genlab.diffusion.model import DiffusionModel
from genlab.evaluation.comparison import comparison_csv
from genlab.files import write_bytes, write_text
from genlab.report.figure import Results
from genlab.report.figures.comparison import Degraded, bars, degradations, side_by_side
from genlab.report.figures.files import figure_bytes
from genlab.report.figures.forward import degraded

__all__ = ["write_comparison"]

_SHOWN = {"image": 36, "volume": 36, "series": 12, "vector": 2000}  # samples of a run
_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
_SAMPLES = 8  # in a row of the figure of degradations


def write_comparison(
    runs: Sequence[tuple[str, Results]],
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    out: Path,
    *,
    seed: int = 0,
) -> list[Path]:
    """Write ``comparison.csv``, and the numbers and samples of runs as figures.

    Args:
        runs: The runs, each with its name.
        names: The numbers that are compared, as :func:`genlab.evaluation.compared` names them.
        rows: The numbers of each run, as :func:`genlab.evaluation.compared` returns them.
        out: The folder.
        seed: Seed of the samples.

    Returns:
        The files.
    """
    table = out / "comparison.csv"
    write_text(table, comparison_csv(names, rows))
    figures = {"numbers": bars(names, rows)}
    specs = [run.spec for _, run in runs]
    if len({(spec.shape, spec.kind) for spec in specs}) == 1:
        n = _SHOWN[specs[0].kind]
        drawn = [(name, run.model.sample(n, seed=seed)) for name, run in runs]
        figures["samples"] = side_by_side(drawn, specs[0])
        destroyed = [
            Degraded(name, _states(run, run.model), x[:_SAMPLES])
            for (name, run), (_, x) in zip(runs, drawn, strict=True)
            if isinstance(run.model, DiffusionModel) and run.spec.kind == "image"
        ]
        if len(destroyed) == len(runs):
            figures["degradations"] = degradations(destroyed, _TIMES)
    files = [out / f"{name}.png" for name in figures]
    for file, figure in zip(files, figures.values(), strict=True):
        write_bytes(file, figure_bytes(figure, "png"))
    return [table, *files]


def _states(run: Results, model: DiffusionModel) -> Tensor:
    """Return one test image at several times, ``(T, C, H, W)``, with one draw for all of them."""
    x_0 = run.data.test.first(1)[0].cpu()
    return torch.cat(degraded(model.restorer.degradation, x_0, _TIMES))
