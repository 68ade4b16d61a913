"""The same examples in several states, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.figure import Figure as Drawing
from torch import Tensor

from genlab.components.dataset import DataSpec
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
from genlab.report.figures.style import DPI, SMALL, lean, text_width

__all__ = ["CLOUD", "headings", "image_strip", "scatter_strip", "state_strip", "time_labels"]

CLOUD = 2000
"""Points that show a distribution of vectors."""

_PANELS = 6  # scatter plots in a row


def state_strip(
    states: Sequence[Tensor],
    values: Sequence[str],
    spec: DataSpec,
    *,
    prefix: str = "",
    rows: int = 8,
    side: str = "",
) -> Drawing:
    """Show the same examples in several states.

    Images, the middle slices of volumes, and series make a row per example and a column per state; vectors
    make one scatter plot per state.

    Args:
        states: The states, each ``(B, *shape)``.
        values: What tells the states apart, such as their times.
        spec: What the data is.
        prefix: What the values are, such as ``"t = "``.
        rows: How many examples are shown at most; vectors are all shown.
        side: What the examples are, written along the left side.
    """
    if spec.kind == "vector":
        return scatter_strip(states, headings(prefix, values), side=side)
    cells = torch.stack([x[:rows].detach().cpu() for x in states], dim=1)
    if spec.kind == "series":
        return line_grid(
            [cells],
            line_limits(cells),
            labels=headings(prefix, values, 6.6 / len(states)),
            side=side,
        )
    images = torch.stack([as_images(x, spec) for x in cells])
    room = (images.shape[-1] * enlargement(images.shape[-2:], len(states)) + PAD) / DPI
    return image_strip(images, headings(prefix, values, room), side=side, note=note_on(spec))


def headings(prefix: str, values: Sequence[str], room: float | None = None) -> list[str]:
    """Write values with their prefix, or without it after the first where there is little room.

    Args:
        prefix: What the values are.
        values: The values.
        room: Width of a column in inches; None: enough.
    """
    full = [f"{prefix}{value}" for value in values]
    if room is None or max(map(text_width, full)) < 0.95 * room:
        return full
    return [full[0], *values[1:]]


def time_labels(times: Sequence[float], room: float | None = None) -> list[str]:
    """Write times as ``t = 0.25``, or as ``0.25`` after the first where there is little room."""
    return headings("t = ", [f"{t:.3g}" for t in times], room)


def image_strip(
    rows: Tensor,
    labels: Sequence[str],
    *,
    side: str = "",
    names: Sequence[str] = (),
    note: str = "",
) -> Drawing:
    """Show images in rows, with a label above each column.

    Args:
        rows: Images ``(rows, columns, C, H, W)`` in [-1, 1].
        labels: One label per column.
        side: What the images are, written along the left side.
        names: One for each row, written at its left.
        note: A line below them.
    """
    pixels = opaque(to_uint8(rows.flatten(0, 1)))
    columns, (height, width) = rows.shape[1], pixels.shape[1:3]
    scale = enlargement((height, width), columns)
    mosaic = tile_pixels(pixels, columns, PAD, scale)
    left = LINE + PAD if side else 0
    if any(names):
        left += round(DPI * max(map(text_width, names))) + PAD
    figure, (ax,) = mosaic_figure([mosaic], left=left, top=LINE, note=note)
    across, down = width * scale + PAD, height * scale + PAD
    ax.set_xticks([i * across + (across - PAD) / 2 - 0.5 for i in range(columns)], list(labels))
    ax.set_yticks([i * down + (down - PAD) / 2 - 0.5 for i in range(len(names))], list(names))
    lean(ax)
    ax.tick_params(axis="x", length=0, pad=3, top=True, labeltop=True, bottom=False)
    ax.tick_params(axis="x", labelbottom=False)
    ax.tick_params(axis="y", length=0, pad=3)
    ax.set_ylabel(side, fontsize=SMALL + 1, labelpad=3, rotation=0, ha="right", va="center")
    return figure


def scatter_strip(states: Sequence[Tensor], titles: Sequence[str], *, side: str = "") -> Drawing:
    """Show clouds of points one after the other, on the same axes, with a title above each.

    Args:
        states: Vectors ``(B, D)``.
        titles: One title per state.
        side: What the points are, written along the left side.
    """
    clouds = [points_of(x) for x in states]
    limits = limits_of(*clouds)
    rows = math.ceil(len(clouds) / _PANELS)
    columns = math.ceil(len(clouds) / rows)
    figure = Drawing(figsize=(1.12 * columns + 0.3, 1.28 * rows + 0.12))
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax, cloud, title in zip(axes.flat, clouds, titles, strict=False):
        scatter(ax, cloud, limits, area=1.2)
        ax.set_title(title, fontsize=SMALL)
    for i in range(len(clouds), rows * columns):
        axes.flat[i].set_axis_off()
        axes.flat[i - columns].tick_params(labelbottom=True)
    figure.supylabel(side, fontsize=SMALL + 1, rotation=0)
    if states[0].shape[1] > 2:
        figure.supxlabel(f"first 2 of {states[0].shape[1]} coordinates", fontsize=SMALL)
    return figure
