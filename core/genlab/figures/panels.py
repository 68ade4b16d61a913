"""What several figures are made of: mosaics placed dot by dot, and rows of scatter plots."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.images import Pixels, opaque, tile_pixels, to_uint8
from genlab.figures.style import BLUE, DPI, SMALL, lean, text_width

__all__ = ["Points", "image_strip", "limits_of", "mosaic_figure", "scatter", "scatter_strip"]

Points = NDArray[np.float32]
"""Points ``(N, 2)``."""

PAD = 4  # dots between images
LINE = round(SMALL * 1.7 / 72 * DPI)  # dots that a line of small text takes
_WIDE = 1300  # dots that a figure across a page measures
_PANELS = 6  # scatter plots in a row


def enlargement(shape: Sequence[int], columns: int) -> int:
    """Return how many dots a pixel should measure, so that ``columns`` images fill a page's width.

    Args:
        shape: Shape ``(H, W)`` of an image.
        columns: Number of images in a row.
    """
    target = min(max(_WIDE / columns, 100), 220)
    return max(1, int(target // max(shape)))


def mosaic_figure(
    mosaics: Sequence[Pixels], *, left: int = 0, top: int = 0, gap: int = LINE
) -> tuple[Figure, list[Axes]]:
    """Place mosaics side by side so that each of their pixels is one dot of the figure.

    Args:
        mosaics: Pixels ``(height, width)`` or ``(height, width, 3)``.
        left: Dots kept free at the left.
        top: Dots kept free above.
        gap: Dots between two mosaics.

    Returns:
        The figure and one axes per mosaic, in whose coordinates a unit is a dot.
    """
    width = left + sum(m.shape[1] for m in mosaics) + gap * (len(mosaics) - 1) + 2 * PAD
    height = top + max(m.shape[0] for m in mosaics) + 2 * PAD
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    figure.set_layout_engine("none")
    axes, x = [], left + PAD
    for mosaic in mosaics:
        h, w = mosaic.shape[:2]
        axes.append(figure.add_axes((x / width, PAD / height, w / width, h / height)))
        _show(axes[-1], mosaic)
        x += w + gap
    return figure, axes


def _show(ax: Axes, mosaic: Pixels) -> None:
    colour = mosaic if mosaic.ndim == 3 else np.stack([mosaic] * 3, axis=-1)
    ax.imshow(colour, interpolation="nearest", aspect="auto")  # a colour map would round greys
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def image_strip(rows: Tensor, labels: Sequence[str], side: str = "") -> Figure:
    """Show images in rows, with a label above each column.

    Args:
        rows: Images ``(rows, columns, C, H, W)`` in [-1, 1].
        labels: One label per column.
        side: What the images are, written along the left side.
    """
    pixels = opaque(to_uint8(rows.flatten(0, 1)))
    columns, (height, width) = rows.shape[1], pixels.shape[1:3]
    scale = enlargement((height, width), columns)
    mosaic = tile_pixels(pixels, columns, PAD, scale)
    figure, (ax,) = mosaic_figure([mosaic], left=LINE + PAD if side else 0, top=LINE)
    step = width * scale + PAD
    ax.set_xticks([i * step + (step - PAD) / 2 - 0.5 for i in range(columns)], list(labels))
    lean(ax)
    ax.tick_params(axis="x", length=0, pad=3, top=True, labeltop=True, bottom=False)
    ax.tick_params(axis="x", labelbottom=False)
    ax.set_ylabel(side, fontsize=SMALL + 1, labelpad=3, rotation=0, ha="right", va="center")
    return figure


def time_labels(times: Sequence[float], room: float | None = None) -> list[str]:
    """Write times as ``t = 0.25``, or as ``0.25`` after the first where there is little room.

    Args:
        times: The times.
        room: Width of a column in inches; None: enough.
    """
    full = [f"t = {t:.3g}" for t in times]
    if room is None or max(map(text_width, full)) < 0.95 * room:
        return full
    return [full[0], *(f"{t:.3g}" for t in times[1:])]


def columns_room(shape: Sequence[int], columns: int) -> float:
    """Return the width in inches that a column of :func:`image_strip` takes.

    Args:
        shape: Shape ``(C, H, W)`` of an image.
        columns: Number of columns.
    """
    return (shape[-1] * enlargement(shape[-2:], columns) + PAD) / DPI


def points_of(x: Tensor) -> Points:
    """Return vectors ``(B, D)`` as an array on the CPU, without those that are not finite."""
    if x.ndim != 2:
        raise RequestError(f"vectors have the shape (B, D), not {tuple(x.shape)}")
    array: Points = x.detach().float()[:, :2].cpu().numpy()
    return array[np.isfinite(array).all(axis=1)]


def limits_of(*sets: Points) -> tuple[float, float]:
    """Return limits, the same for both axes, that hold all but stray points of every set."""
    quantiles = [np.quantile(s, q, axis=0) for s in sets if len(s) for q in (0.002, 0.998)]
    if not quantiles:
        return -2.0, 2.0
    low, high = float(np.min(quantiles)), float(np.max(quantiles))
    margin = 0.07 * (high - low) or 1.0
    return low - margin, high + margin


def scatter(
    ax: Axes,
    points: Points,
    limits: tuple[float, float],
    *,
    colour: str | list[str] = BLUE,
    area: float = 3.0,
) -> None:
    """Show points of the plane (first two coordinates), or numbers of the line as a histogram.

    Args:
        ax: Where.
        points: ``(B, 2)`` or ``(B, 1)``.
        limits: Range of both axes.
        colour: One colour, or one per point.
        area: Area of a point in square points.
    """
    if points.shape[1] == 1:
        single = colour if isinstance(colour, str) else BLUE
        ax.hist(points[:, 0], bins=60, range=limits, color=single, density=True)
    else:
        ax.scatter(points[:, 0], points[:, 1], s=area, c=colour, alpha=0.6, linewidths=0)
        ax.set_ylim(limits)
        ax.set_aspect("equal")
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.set_xlim(limits)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    lean(ax)


def scatter_strip(states: Sequence[Tensor], titles: Sequence[str], side: str = "") -> Figure:
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
    figure = Figure(figsize=(1.12 * columns + 0.3, 1.28 * rows + 0.12))
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


def spread(n: int, count: int) -> list[int]:
    """Return ``count`` indices below ``n``, evenly spread, the first and the last among them."""
    return sorted(set(torch.linspace(0, n - 1, min(count, n)).round().int().tolist()))
