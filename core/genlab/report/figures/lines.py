"""Series as lines: a grid of small plots in one pair of axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from genlab.report.figures.style import PALETTE, SMALL, lean

__all__ = ["line_cells", "line_grid", "line_limits"]

Cells = NDArray[np.float64]

_GAP = 0.06  # of a cell, between its frame and the next
_HIGH = 0.62  # height of a cell over its width
_WIDE = 6.6  # inches that a grid measures across
_FRAME = "#DDDDDD"


def line_limits(*sets: Tensor) -> tuple[float, float]:
    """Return the lowest and the highest value of a plot that holds all but stray values of every set."""
    values = np.concatenate([x.detach().float().cpu().numpy().ravel() for x in sets])
    values = values[np.isfinite(values)]
    if not len(values):
        return -1.0, 1.0
    low, high = (float(q) for q in np.quantile(values, (0.002, 0.998)))
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def line_grid(
    grids: Sequence[Tensor],
    limits: tuple[float, float],
    *,
    labels: Sequence[str] = (),
    titles: Sequence[str] = (),
    side: str = "",
) -> Drawing:
    """Show grids of series side by side.

    Args:
        grids: Series ``(rows, columns, C, L)``.
        limits: The range of every cell from bottom to top.
        labels: One label above each column of the first grid.
        titles: One title above each grid.
        side: What the series are, written along the left side.
    """
    across = sum(grid.shape[1] for grid in grids)
    wide = min(max(_WIDE / across, 0.5), 1.3)
    down = max(grid.shape[0] for grid in grids)
    figure = Drawing(figsize=(wide * across + 0.25 * len(grids), _HIGH * wide * down + 0.45))
    axes = figure.subplots(
        1, len(grids), squeeze=False, width_ratios=[grid.shape[1] for grid in grids]
    )[0]
    for ax, grid in zip(axes, grids, strict=True):
        line_cells(ax, grid, limits)
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(title)
    if labels:
        axes[0].set_xticks([i + 0.5 for i in range(len(labels))], list(labels))
        lean(axes[0])
        axes[0].tick_params(
            axis="x", length=0, pad=2, top=True, labeltop=True, bottom=False, labelbottom=False
        )
    figure.supylabel(side, fontsize=SMALL + 1, rotation=0)
    channels, length = grids[0].shape[2:]
    several = f" of {channels} channels" if channels > 1 else ""
    low, high = (f"{limit:.2g}".replace("-", "−") for limit in limits)
    figure.supxlabel(f"{length} points{several}, from {low} to {high}", fontsize=SMALL)
    return figure


def line_cells(ax: Axes, grid: Tensor, limits: tuple[float, float]) -> None:
    """Draw series ``(rows, columns, C, L)`` into the unit cells of axes, one colour per channel.

    Args:
        ax: Where.
        grid: The series. One that is not finite everywhere has gaps.
        limits: The values at the bottom and the top of a cell; those beyond are cut off.
    """
    values = grid.detach().double().cpu().numpy()
    rows, columns, channels, length = values.shape
    inside = 1 - 2 * _GAP
    share = (values - limits[0]) / (limits[1] - limits[0])
    down = np.arange(rows)[:, None, None, None]
    right = np.arange(columns)[None, :, None, None]
    y = np.clip(share, 0, 1) * inside + _GAP + rows - 1 - down
    x = np.broadcast_to(np.linspace(_GAP, 1 - _GAP, length) + right, y.shape)
    for row in range(rows):
        for column in range(columns):
            corner = (column + _GAP, rows - 1 - row + _GAP)
            ax.add_patch(Rectangle(corner, inside, inside, fill=False, ec=_FRAME, lw=0.5))
    for channel in range(channels):
        lines = np.stack([x[:, :, channel], y[:, :, channel]], -1).reshape(-1, length, 2)
        colour = PALETTE[channel % len(PALETTE)]
        ax.add_collection(LineCollection(list(lines), colors=colour, linewidths=0.8))
    ax.set(xlim=(0, columns), ylim=(0, rows), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
