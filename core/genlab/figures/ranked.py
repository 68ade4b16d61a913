"""The best and the worst samples, each with the training image that is nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.images import opaque, tile_pixels, to_uint8
from genlab.figures.panels import PAD, enlargement, mosaic_figure
from genlab.figures.style import DPI, SMALL, lean, style, text_width

__all__ = ["Ranked", "ranked"]

_SPACE = 4 * PAD  # dots between a pair of rows and the next


@dataclass(frozen=True)
class Ranked:
    """One end of a ranking.

    Args:
        title: What the samples have in common, such as ``"surest"``.
        x: Samples in the order of the ranking, ``(B, C, H, W)``.
        nearest: The training image nearest to each, ``(B, C, H, W)``.
        scores: What they were ranked by, ``(B,)``.
    """

    title: str
    x: Tensor
    nearest: Tensor
    scores: Tensor


@style()
def ranked(ends: Sequence[Ranked]) -> Figure:
    """Show ends of rankings: a row of samples, and below it the nearest training images.

    Args:
        ends: The ends, each with the same number of samples.
    """
    if not ends or not len(ends[0].x):
        raise RequestError("there are no samples to rank")
    columns = len(ends[0].x)
    rows = [row for end in ends for row in (end.x, end.nearest)]
    labels = [
        label
        for end in ends
        for label in (f"{end.title}\n{_span(end.scores)}", "nearest\nin training")
    ]
    pixels = [opaque(to_uint8(row)) for row in rows]
    scale = enlargement(pixels[0].shape[1:3], columns)
    mosaics = [tile_pixels(row, columns, PAD, scale) for row in pixels]
    left = round(max(text_width(line) for label in labels for line in label.split("\n")) * DPI)
    height = mosaics[0].shape[0]
    pair = 2 * height + PAD
    starts = [i // 2 * (pair + _SPACE) + i % 2 * (height + PAD) for i in range(len(rows))]
    whole = np.full((starts[-1] + height, *mosaics[0].shape[1:]), 255, np.uint8)
    for start, mosaic in zip(starts, mosaics, strict=True):
        whole[start : start + height] = mosaic
    figure, (ax,) = mosaic_figure([whole], left=left + 3 * PAD)
    ax.set_yticks([start + height / 2 for start in starts], labels)
    lean(ax)
    ax.tick_params(axis="y", length=0, pad=3, labelsize=SMALL)
    return figure


def _span(scores: Tensor) -> str:
    low, high = float(scores.min()), float(scores.max())
    one, two = f"{low:.3g}", f"{high:.3g}"
    return one if one == two else f"{one} to {two}"
