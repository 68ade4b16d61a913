"""Runs side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure as Drawing
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.errors import RequestError
from genlab.report.figures.images import opaque, tile_pixels, to_uint8
from genlab.report.figures.lines import line_grid, line_limits
from genlab.report.figures.panels import (
    LINE,
    PAD,
    as_images,
    enlargement,
    limits_of,
    mosaic_figure,
    note_on,
    points_of,
    scatter,
)
from genlab.report.figures.strips import time_labels
from genlab.report.figures.style import BLUE, DPI, SMALL, lean, style, text_width

__all__ = ["Degraded", "bars", "degradations", "side_by_side"]

_BETWEEN = 6 * PAD  # dots between what is destroyed and what is generated

Named = Sequence[tuple[str, Tensor]]
"""Samples ``(B, *shape)`` of several runs, each with the name of its run."""


@dataclass(frozen=True)
class Degraded:
    """A row of :func:`degradations`.

    Args:
        name: What degrades.
        states: One example from t = 0 to t = 1, ``(T, C, H, W)``.
        samples: What the model of this degradation generates, ``(B, C, H, W)``.
    """

    name: str
    states: Tensor
    samples: Tensor


@style()
def side_by_side(samples: Named, spec: DataSpec, *, columns: int = 6) -> Drawing:
    """Show samples of several runs, one panel per run.

    Args:
        samples: Samples ``(B, *shape)``, each with the name of its run.
        spec: What the data is.
        columns: How many images, volumes or series are in a row of a panel.
    """
    if not samples:
        raise RequestError("there are no runs to compare")
    if spec.kind == "vector":
        return _clouds(samples)
    shown = [(name, x[: columns * columns]) for name, x in samples]
    if spec.kind == "series":
        return _lines(shown, columns)
    images = [(name, as_images(x, spec)) for name, x in shown]
    scale = enlargement(spec.shape[-2:], columns * len(samples))
    mosaics = [tile_pixels(opaque(to_uint8(x)), columns, PAD, scale) for _, x in images]
    figure, axes = mosaic_figure(mosaics, top=LINE, note=note_on(spec))
    for ax, mosaic, (name, _) in zip(axes, mosaics, images, strict=True):
        room = (mosaic.shape[1] + LINE) / DPI
        size = min(SMALL, SMALL * 0.95 * room / max(text_width(name), 1e-6))
        ax.set_title(name, pad=3, fontsize=size)
    return figure


def _lines(samples: Named, columns: int) -> Drawing:
    columns = min(math.ceil(columns / 2), min(len(x) for _, x in samples))
    whole = [x[: len(x) // columns * columns] for _, x in samples]
    grids = [x.reshape(-1, columns, *x.shape[1:]) for x in whole]
    return line_grid(grids, line_limits(*whole), titles=[name for name, _ in samples])


def _clouds(samples: Named) -> Drawing:
    clouds = [points_of(x) for _, x in samples]
    limits = limits_of(*clouds)
    figure = Drawing(figsize=(2.0 * len(clouds) + 0.3, 2.4))
    axes = figure.subplots(1, len(clouds), sharey=True, squeeze=False)[0]
    for ax, cloud, (name, _) in zip(axes, clouds, samples, strict=True):
        scatter(ax, cloud, limits, colour=BLUE, area=1.5)
        ax.set_title(name, fontsize=SMALL)
    return figure


@style()
def degradations(rows: Sequence[Degraded], times: Sequence[float]) -> Drawing:
    """Show degradations side by side: an example from t = 0 to t = 1, and samples of the model.

    Args:
        rows: One per model, with the same numbers of states and of samples.
        times: The times of the states.
    """
    if not rows:
        raise RequestError("there are no diffusions to compare")
    columns = len(times) + len(rows[0].samples)
    scale = enlargement(rows[0].states.shape[-2:], columns)
    parts = (
        ([row.states for row in rows], len(times)),
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
    labels = time_labels(times, wide / DPI)
    axes[0].set_xticks([(i + 0.5) * wide - PAD / 2 for i in range(len(times))], labels)
    lean(axes[0])
    axes[0].tick_params(length=0, pad=3, bottom=False, labelbottom=False, labeltop=True)
    axes[1].set_title("samples", pad=3, fontsize=SMALL)
    return figure


@style()
def bars(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Show the numbers of several runs as bars, one panel per number.

    Args:
        names: The numbers.
        rows: One row per run: ``run`` and each number by name, None where it has none.
    """
    if not names:
        raise RequestError("there are no numbers to compare")
    across = min(len(names), 3)
    down = -(-len(names) // across)
    figure = Drawing(figsize=(2.5 * across, (0.5 + 0.22 * len(rows)) * down))
    axes = figure.subplots(down, across, squeeze=False, sharey=True)
    place = range(len(rows))  # two runs may have one name
    for ax, name in zip(axes.flat, names, strict=False):
        values = [row.get(name) for row in rows]
        ax.barh(place, [np.nan if v is None else float(v) for v in values], color=BLUE)
        ax.set_title(name, fontsize=SMALL)
        lean(ax)
    axes[0, 0].set_yticks(place, [str(row["run"]) for row in rows])
    axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    return figure
