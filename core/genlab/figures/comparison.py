"""Runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.images import opaque, tile_pixels, to_uint8
from genlab.figures.panels import (
    LINE,
    PAD,
    enlargement,
    limits_of,
    mosaic_figure,
    points_of,
    scatter,
    time_labels,
)
from genlab.figures.style import BLUE, DPI, SMALL, lean, style, text_width
from genlab.protocols import DataSpec

__all__ = ["Degraded", "bars", "degradations", "side_by_side"]

_BETWEEN = 6 * PAD  # dots between what is destroyed and what is generated


@dataclass(frozen=True)
class Degraded:
    """A row of :func:`degradations`.

    Args:
        name: What degrades.
        path: One example from t = 0 to t = 1, ``(T, C, H, W)``.
        samples: What the model of this degradation generates, ``(B, C, H, W)``.
    """

    name: str
    path: Tensor
    samples: Tensor


@style()
def side_by_side(samples: Mapping[str, Tensor], spec: DataSpec, *, columns: int = 6) -> Figure:
    """Show samples of several runs, one panel per run.

    Args:
        samples: Samples ``(B, *shape)`` by the name of their run.
        spec: What the data is.
        columns: How many images are in a row of a panel.
    """
    if spec.kind == "vector":
        return _clouds(samples)
    scale = enlargement(spec.shape[1:], columns * len(samples))
    mosaics = [
        tile_pixels(opaque(to_uint8(x[: columns * columns])), columns, PAD, scale)
        for x in samples.values()
    ]
    figure, axes = mosaic_figure(mosaics, top=LINE)
    for ax, title in zip(axes, samples, strict=True):
        ax.set_title(title, pad=3, fontsize=SMALL)
    return figure


def _clouds(samples: Mapping[str, Tensor]) -> Figure:
    clouds = {name: points_of(x) for name, x in samples.items()}
    limits = limits_of(*clouds.values())
    figure = Figure(figsize=(2.0 * len(clouds) + 0.3, 2.2))
    axes = figure.subplots(1, len(clouds), sharey=True, squeeze=False)[0]
    for ax, (name, cloud) in zip(axes, clouds.items(), strict=True):
        scatter(ax, cloud, limits, colour=BLUE, area=1.5)
        ax.set_title(name, fontsize=SMALL)
    return figure


@style()
def degradations(rows: Sequence[Degraded], times: Sequence[float]) -> Figure:
    """Show degradations side by side: an example on its way to t = 1, and samples of the model.

    Args:
        rows: One per model, with the same numbers of states and of samples.
        times: The times of the states.
    """
    if not rows:
        raise RequestError("there are no diffusions to compare")
    columns = len(times) + len(rows[0].samples)
    scale = enlargement(rows[0].path.shape[-2:], columns)
    parts = (
        ([row.path for row in rows], len(times)),
        ([row.samples for row in rows], len(rows[0].samples)),
    )
    mosaics = [
        tile_pixels(opaque(to_uint8(torch.cat(images).cpu())), wide, PAD, scale)
        for images, wide in parts
    ]
    left = round(max(text_width(row.name) for row in rows) * DPI) + 3 * PAD
    figure, axes = mosaic_figure(mosaics, left=left, top=LINE, gap=_BETWEEN)
    high = (mosaics[0].shape[0] + PAD) / len(rows)
    wide = (mosaics[0].shape[1] + PAD) / len(times)
    axes[0].set_yticks(
        [(i + 0.5) * high - PAD / 2 for i in range(len(rows))], [r.name for r in rows]
    )
    axes[0].set_xticks([(i + 0.5) * wide - PAD / 2 for i in range(len(times))], time_labels(times))
    lean(axes[0])
    axes[0].tick_params(length=0, pad=3, bottom=False, labelbottom=False, labeltop=True)
    axes[1].set_title("samples", pad=3, fontsize=SMALL)
    return figure


@style()
def bars(names: Sequence[str], rows: Sequence[Mapping[str, float | str | None]]) -> Figure:
    """Show the numbers of several runs as bars, one panel per number.

    Args:
        names: The numbers.
        rows: One row per run: ``run`` and each number by name, None where it has none.
    """
    if not names:
        raise RequestError("there are no numbers to compare")
    runs = [str(row["run"]) for row in rows]
    across = min(len(names), 3)
    down = -(-len(names) // across)
    figure = Figure(figsize=(2.5 * across, (0.5 + 0.22 * len(runs)) * down))
    axes = figure.subplots(down, across, squeeze=False, sharey=True)
    for ax, name in zip(axes.flat, names, strict=False):
        values = [row.get(name) for row in rows]
        ax.barh(runs, [np.nan if v is None else float(v) for v in values], color=BLUE)
        ax.set_title(name, fontsize=SMALL)
        if not ax.yaxis_inverted():
            ax.invert_yaxis()
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    return figure
