"""Samples of a model."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.images import Pixels, opaque, tile_pixels, to_uint8
from genlab.figures.panels import (
    LINE,
    PAD,
    Points,
    enlargement,
    limits_of,
    mosaic_figure,
    points_of,
    scatter,
)
from genlab.figures.style import BLUE, DPI, GREY, PALETTE, SMALL, lean, style, text_width
from genlab.protocols import DataSpec

__all__ = ["samples"]

_FULL = 0.8  # how much of a grid must be filled, so that it is no waste of paper


@style()
def samples(
    x: Tensor,
    spec: DataSpec,
    *,
    y: Tensor | None = None,
    reference: Tensor | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Show samples: images as a grid, vectors as points.

    Images with labels are sorted into rows by class where that makes a compact grid, and carry
    their class above them otherwise. Reference data is shown beside the samples, on the same axes.

    Args:
        x: Samples ``(B, *shape)`` in the data convention.
        spec: What the data is.
        y: Labels ``(B,)``; -1 means unknown.
        reference: Real examples ``(N, *shape)`` to compare with.
        limits: Range of both axes, for vectors. None: the reference's (the samples', without one).

    Returns:
        The figure, with one axes for the samples and one for the reference.
    """
    if y is not None and len(y) != len(x):
        raise RequestError(f"there are {len(x)} samples but {len(y)} labels")
    if spec.kind == "vector":
        return _clouds(x, spec, y, reference, limits)
    return _grids(x, spec, y, reference)


def class_name(spec: DataSpec, label: int) -> str:
    """Return the name of a class, its number where it has none, nothing where it is unknown."""
    if label < 0:
        return ""
    return spec.names[label] if label < len(spec.names) else str(label)


# -- images ------------------------------------------------------------------------------------


def _grids(x: Tensor, spec: DataSpec, y: Tensor | None, reference: Tensor | None) -> Figure:
    pixels = opaque(to_uint8(x))
    labels = None if y is None else [int(label) for label in y.tolist()]
    if reference is not None:
        return _beside(pixels, opaque(to_uint8(reference)))
    if labels is None:
        return mosaic_figure([_grid(pixels, _columns(len(pixels)))])[0]
    order = _rows_by_class(labels)
    if order is None:
        return _captioned(pixels, [class_name(spec, label) for label in labels])
    return _by_class(pixels, order, spec)


def _columns(n: int) -> int:
    return max(math.ceil(math.sqrt(n)), 1)


def _grid(pixels: Pixels, columns: int) -> Pixels:
    return tile_pixels(pixels, columns, PAD, enlargement(pixels.shape[1:3], columns))


def _beside(pixels: Pixels, real: Pixels) -> Figure:
    columns = _columns(len(pixels))
    scale = enlargement(pixels.shape[1:3], 2 * columns)
    mosaics = [tile_pixels(part, columns, PAD, scale) for part in (pixels, real[: len(pixels)])]
    figure, axes = mosaic_figure(mosaics, top=LINE)
    for ax, title in zip(axes, ("samples", "data"), strict=True):
        ax.set_title(title, pad=3)
    return figure


def _rows_by_class(labels: list[int]) -> list[tuple[int, list[int]]] | None:
    """Return rows ``(label, indices)`` of one class each, or None where the grid would be tall."""
    classes = {label: [i for i, k in enumerate(labels) if k == label] for label in set(labels)}
    most = max(map(len, classes.values()), default=0)
    columns = min(_columns(len(labels)), most)
    rows = [
        (label, classes[label][start : start + columns])
        for label in sorted(classes)
        for start in range(0, len(classes[label]), columns)
    ]
    compact = len(rows) <= 2 * columns and len(labels) > _FULL * len(rows) * columns
    return rows if compact else None


def _by_class(pixels: Pixels, rows: list[tuple[int, list[int]]], spec: DataSpec) -> Figure:
    columns = max(len(indices) for _, indices in rows)
    cells = np.full((len(rows), columns, *pixels.shape[1:]), 255, np.uint8)
    for row, (_, indices) in enumerate(rows):
        cells[row, : len(indices)] = pixels[indices]
    labels = [class_name(spec, label) for label, _ in rows]
    shown = [name if name not in labels[:i] else "" for i, name in enumerate(labels)]
    left = round(max(map(text_width, shown)) * DPI) + 2 * PAD
    mosaic = _grid(cells.reshape(-1, *pixels.shape[1:]), columns)
    figure, (ax,) = mosaic_figure([mosaic], left=left)
    step = (mosaic.shape[0] + PAD) / len(rows)
    ax.set_yticks([(i + 0.5) * step - PAD / 2 for i in range(len(rows))], shown)
    lean(ax)
    ax.tick_params(axis="y", length=0, pad=3)
    return figure


def _captioned(pixels: Pixels, captions: list[str]) -> Figure:
    columns = _columns(len(pixels))
    scale = enlargement(pixels.shape[1:3], columns)
    roomy = np.pad(
        pixels,
        ((0, 0), (math.ceil(LINE / scale), 0), (0, 0), (0, 0)),
        mode="constant",
        constant_values=255,
    )
    figure, (ax,) = mosaic_figure([tile_pixels(roomy, columns, PAD, scale)])
    high, wide = (side * scale + PAD for side in roomy.shape[1:3])
    for i, caption in enumerate(captions):
        row, column = divmod(i, columns)
        size = min(SMALL, SMALL * (wide / DPI) / max(text_width(caption), 1e-6))
        x, y = column * wide + (wide - PAD) / 2, row * high + LINE * 0.8
        ax.text(x, y, caption, ha="center", va="baseline", fontsize=size)
    return figure


# -- vectors -----------------------------------------------------------------------------------


def _clouds(
    x: Tensor,
    spec: DataSpec,
    y: Tensor | None,
    reference: Tensor | None,
    limits: tuple[float, float] | None,
) -> Figure:
    points = points_of(x)
    real = None if reference is None else points_of(reference)
    limits = limits or limits_of(points if real is None else real)
    figure = Figure(figsize=(2.9 if real is None else 5.5, 2.9))
    axes = figure.subplots(1, 1 if real is None else 2, sharey=True, squeeze=False)[0]
    finite = np.isfinite(x.detach().float()[:, :2].cpu().numpy()).all(axis=1)
    labels = None if y is None else y.cpu().numpy()[finite]
    _cloud(axes[0], points, limits, labels, spec)
    axes[0].set_title(f"{len(x)} samples" + _strays(points, len(x), limits))
    if real is not None:
        scatter(axes[1], real, limits, colour=GREY)
        axes[1].set_title(f"data ({len(real)} points)")
    if x.shape[1] > 2:
        figure.supxlabel(f"first 2 of {x.shape[1]} coordinates", fontsize=SMALL)
    return figure


def _cloud(
    ax: Axes,
    points: Points,
    limits: tuple[float, float],
    labels: np.ndarray | None,
    spec: DataSpec,
) -> None:
    if labels is None:
        scatter(ax, points, limits, colour=BLUE)
        return
    colours = [PALETTE[int(k) % len(PALETTE)] if k >= 0 else GREY for k in labels]
    scatter(ax, points, limits, colour=colours)
    handles = [
        Line2D(
            [],
            [],
            ls="",
            marker="o",
            ms=3,
            color=PALETTE[k % len(PALETTE)],
            label=class_name(spec, k),
        )
        for k in sorted({int(k) for k in labels if k >= 0})
    ]
    if len(handles) <= len(PALETTE):
        ax.legend(handles=handles, loc="upper right", handletextpad=0.1, borderpad=0.1)


def _strays(points: Points, n: int, limits: tuple[float, float]) -> str:
    low, high = limits
    outside = n - int(((points >= low) & (points <= high)).all(axis=1).sum())
    return f", {outside} outside" if outside else ""
