"""Samples of a model."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from pydantic import Field
from torch import Tensor

from genlab.components.dataset import DataSpec, Kind
from genlab.errors import RequestError
from genlab.report.figure import Figure, Results
from genlab.report.figures.images import Pixels, opaque, tile_pixels, to_uint8
from genlab.report.figures.lines import line_grid, line_limits
from genlab.report.figures.needs import Columns, of_classes, unknown_labels
from genlab.report.figures.panels import (
    LINE,
    PAD,
    Points,
    as_images,
    enlargement,
    limits_of,
    mosaic_figure,
    note_on,
    points_of,
    scatter,
)
from genlab.report.figures.progressive import Labels
from genlab.report.figures.style import BLUE, DPI, GREY, PALETTE, SMALL, lean, style, text_width
from genlab.report.text import as_it_is

__all__ = ["Samples", "class_name", "samples"]

_USUAL: dict[Kind, int] = {"image": 100, "volume": 100, "series": 36, "vector": 5000}
_FULL = 0.8  # how much of a grid must be filled, so that it is no waste of paper


class Samples(Figure):
    """Samples of the model: images and volumes as a grid, series and points beside test data.

    Args:
        n: How many. None: 100 images or volumes, 36 series, 5,000 points.
        columns: How many images, volumes or series are in a row. None: as many as make the grid about square.
        labels: Classes by number or name, of which samples are drawn in turns. None: the samples of the run.
    """

    def __init__(
        self,
        *,
        n: Annotated[int, Field(ge=1, le=100_000)] | None = None,
        columns: Columns | None = None,
        labels: Labels = None,
    ) -> None:
        self.n, self.columns, self.labels = n, columns, labels

    def fits(self, run: Results) -> str | None:
        """Ask for the classes."""
        return unknown_labels(run, self.labels)

    def draw(self, run: Results) -> Drawing:
        """Draw samples of the run."""
        n, spec = self.n or _USUAL[run.spec.kind], run.spec
        if self.labels is None:
            x, y = run.samples(n)
        else:
            each = of_classes(self.labels, n)
            x, y = run.model.sample(n, seed=run.seed, label=each), run.model.labels(n, each)
        beside = spec.kind in ("vector", "series")
        reference = run.data.test.first(n)[0] if beside else None
        return samples(x, spec, y=y, reference=reference, columns=self.columns)


@style()
def samples(
    x: Tensor,
    spec: DataSpec,
    *,
    y: Tensor | None = None,
    reference: Tensor | None = None,
    limits: tuple[float, float] | None = None,
    columns: int | None = None,
) -> Drawing:
    """Show samples: images and the middle slices of volumes as a grid, series as lines, vectors as points.

    Images with labels are sorted into rows by class where that makes a compact grid, and carry
    their class above them otherwise. Reference data is shown beside the samples, on the same axes.

    Args:
        x: Samples ``(B, *shape)`` in the data convention.
        spec: What the data is.
        y: Labels ``(B,)``; -1 means unknown.
        reference: Real examples ``(N, *shape)`` to compare with.
        limits: Range of both axes for vectors, and of values for series. None: the reference's (the samples',
            without one).
        columns: How many are in a row, where they are no vectors. None: as many as make the grid about
            square.

    Returns:
        The figure, with one axes for the samples and one for the reference.

    Raises:
        RequestError: There are no samples, or another number of labels.
    """
    if not len(x):
        raise RequestError("there are no samples to show")
    if y is not None and len(y) != len(x):
        raise RequestError(f"there are {len(x)} samples but {len(y)} labels")
    columns = columns or max(math.ceil(math.sqrt(len(x))), 1)
    if spec.kind == "vector":
        return _clouds(x, spec, y, reference, limits)
    if spec.kind == "series":
        return _lines(x, reference, limits, columns)
    return _grids(x, spec, y, reference, columns)


def class_name(spec: DataSpec, label: int) -> str:
    """Return the name of a class for a figure, its number where it has none, nothing where it is unknown."""
    if label < 0:
        return ""
    return as_it_is(spec.names[label]) if label < len(spec.names) else str(label)


def class_handles(spec: DataSpec, labels: Iterable[int]) -> list[Line2D]:
    """Return what stands in a legend of classes: a dot in the colour of each, and its name."""
    dot: dict[str, Any] = {"ls": "", "marker": "o", "ms": 3}
    return [
        Line2D([], [], color=PALETTE[k % len(PALETTE)], label=class_name(spec, k), **dot)
        for k in labels
    ]


# -- images and volumes ------------------------------------------------------------------------


def _grids(
    x: Tensor, spec: DataSpec, y: Tensor | None, reference: Tensor | None, columns: int
) -> Drawing:
    pixels, note = opaque(to_uint8(as_images(x, spec))), note_on(spec)
    labels = None if y is None else [int(label) for label in y.tolist()]
    if reference is not None:
        return _beside(pixels, opaque(to_uint8(as_images(reference, spec))), columns, note)
    if labels is None:
        return mosaic_figure([_grid(pixels, columns)], note=note)[0]
    order = _rows_by_class(labels, columns)
    if order is None:
        return _captioned(pixels, [class_name(spec, label) for label in labels], columns, note)
    return _by_class(pixels, order, spec, note)


def _grid(pixels: Pixels, columns: int) -> Pixels:
    return tile_pixels(pixels, columns, PAD, enlargement(pixels.shape[1:3], columns))


def _beside(pixels: Pixels, real: Pixels, columns: int, note: str) -> Drawing:
    scale = enlargement(pixels.shape[1:3], 2 * columns)
    mosaics = [tile_pixels(part, columns, PAD, scale) for part in (pixels, real[: len(pixels)])]
    figure, axes = mosaic_figure(mosaics, top=LINE, note=note)
    for ax, title in zip(axes, ("samples", "data"), strict=True):
        ax.set_title(title, pad=3)
    return figure


def _rows_by_class(labels: list[int], columns: int) -> list[tuple[int, list[int]]] | None:
    """Return rows ``(label, indices)`` of one class each, or None where the grid would be tall."""
    classes = {label: [i for i, k in enumerate(labels) if k == label] for label in set(labels)}
    columns = min(columns, max(map(len, classes.values())))
    rows = [
        (label, classes[label][start : start + columns])
        for label in sorted(classes)
        for start in range(0, len(classes[label]), columns)
    ]
    compact = len(rows) <= 2 * columns and len(labels) > _FULL * len(rows) * columns
    return rows if compact else None


def _by_class(
    pixels: Pixels, rows: list[tuple[int, list[int]]], spec: DataSpec, note: str
) -> Drawing:
    columns = max(len(indices) for _, indices in rows)
    cells = np.full((len(rows), columns, *pixels.shape[1:]), 255, np.uint8)
    for row, (_, indices) in enumerate(rows):
        cells[row, : len(indices)] = pixels[indices]
    labels = [class_name(spec, label) for label, _ in rows]
    shown = [name if name not in labels[:i] else "" for i, name in enumerate(labels)]
    left = round(max(map(text_width, shown)) * DPI) + 2 * PAD
    mosaic = _grid(cells.reshape(-1, *pixels.shape[1:]), columns)
    figure, (ax,) = mosaic_figure([mosaic], left=left, note=note)
    step = (mosaic.shape[0] + PAD) / len(rows)
    ax.set_yticks([(i + 0.5) * step - PAD / 2 for i in range(len(rows))], shown)
    lean(ax)
    ax.tick_params(axis="y", length=0, pad=3)
    return figure


def _captioned(pixels: Pixels, captions: list[str], columns: int, note: str) -> Drawing:
    scale = enlargement(pixels.shape[1:3], columns)
    roomy = np.pad(
        pixels,
        ((0, 0), (math.ceil(LINE / scale), 0), (0, 0), (0, 0)),
        mode="constant",
        constant_values=255,
    )
    figure, (ax,) = mosaic_figure([tile_pixels(roomy, columns, PAD, scale)], note=note)
    high, wide = (side * scale + PAD for side in roomy.shape[1:3])
    for i, caption in enumerate(captions):
        row, column = divmod(i, columns)
        size = min(SMALL, SMALL * (wide / DPI) / max(text_width(caption), 1e-6))
        x, y = column * wide + (wide - PAD) / 2, row * high + LINE * 0.8
        ax.text(x, y, caption, ha="center", va="baseline", fontsize=size)
    return figure


# -- series ------------------------------------------------------------------------------------


def _lines(
    x: Tensor, reference: Tensor | None, limits: tuple[float, float] | None, columns: int
) -> Drawing:
    sets = [x] if reference is None or not len(reference) else [x, reference[: len(x)]]
    limits = limits or line_limits(sets[-1])
    titles = ("samples", "data") if len(sets) > 1 else ()
    return line_grid([_rows_of(each, columns) for each in sets], limits, titles=titles)


def _rows_of(x: Tensor, columns: int) -> Tensor:
    """Return series ``(B, C, L)`` as ``(rows, columns, C, L)``, filled up with what is not drawn."""
    x = x.detach().float().cpu()
    missing = -len(x) % columns
    filled = torch.cat([x, x.new_full((missing, *x.shape[1:]), torch.nan)])
    return filled.reshape(-1, columns, *x.shape[1:])


# -- vectors -----------------------------------------------------------------------------------


def _clouds(
    x: Tensor,
    spec: DataSpec,
    y: Tensor | None,
    reference: Tensor | None,
    limits: tuple[float, float] | None,
) -> Drawing:
    points = points_of(x)
    real = None if reference is None else points_of(reference)
    limits = limits or limits_of(points if real is None else real)
    figure = Drawing(figsize=(2.9 if real is None else 5.5, 2.9))
    axes = figure.subplots(1, 1 if real is None else 2, sharey=True, squeeze=False)[0]
    finite = np.isfinite(x.detach().float()[:, :2].cpu().numpy()).all(axis=1)
    labels = None if y is None else y.cpu().numpy()[finite]
    _cloud(axes[0], points, limits, labels, spec)
    axes[0].set_title(f"{len(x):,} samples" + _outside(points, len(x), limits))
    if real is not None:
        scatter(axes[1], real, limits, colour=GREY)
        axes[1].set_title(f"data ({len(real):,} points)")
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
    handles = class_handles(spec, sorted({int(k) for k in labels if k >= 0}))
    if len(handles) <= len(PALETTE):
        ax.legend(handles=handles, loc="upper right", handletextpad=0.1, borderpad=0.1)


def _outside(points: Points, n: int, limits: tuple[float, float]) -> str:
    """Say how many samples lie outside the axes, or are not finite."""
    low, high = limits
    outside = n - int(((points >= low) & (points <= high)).all(axis=1).sum())
    return f", {outside:,} outside" if outside else ""
