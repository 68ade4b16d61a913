"""What several figures are made of: mosaics placed dot by dot, and clouds of points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.errors import RequestError
from genlab.report.figures.images import Pixels
from genlab.report.figures.style import BLUE, DPI, SMALL, lean, text_width

__all__ = ["Points", "as_images", "limits_of", "mosaic_figure", "points_of", "scatter", "spread"]

Points = NDArray[np.float32]
"""Points ``(N, 2)``."""

PAD = 4  # dots between images
LINE = round(SMALL * 1.7 / 72 * DPI)  # dots that a line of small text takes
_WIDE = 1300  # dots that a figure across a page measures
MIDDLE = "the middle slice of each volume"
"""What stands below a figure of volumes."""


def as_images(x: Tensor, spec: DataSpec) -> Tensor:
    """Return images ``(B, C, H, W)``: images as they are, and the middle slice of each volume.

    Args:
        x: Images, or volumes ``(B, C, D, H, W)``.
        spec: What they are.
    """
    return x[:, :, x.shape[2] // 2] if spec.kind == "volume" else x


def note_on(spec: DataSpec) -> str:
    """Return what stands below a figure that shows data as images."""
    return MIDDLE if spec.kind == "volume" else ""


def enlargement(shape: Sequence[int], columns: int) -> int:
    """Return how many dots a pixel should measure, so that ``columns`` images fill a page's width.

    Args:
        shape: Shape ``(H, W)`` of an image.
        columns: Number of images in a row.
    """
    target = min(max(_WIDE / columns, 100), 220)
    return max(1, int(target // max(shape)))


def mosaic_figure(
    mosaics: Sequence[Pixels], *, left: int = 0, top: int = 0, gap: int = LINE, note: str = ""
) -> tuple[Drawing, list[Axes]]:
    """Place mosaics side by side so that each of their pixels is one dot of the figure.

    Args:
        mosaics: Pixels ``(height, width)`` or ``(height, width, 3)``.
        left: Dots kept free at the left.
        top: Dots kept free above.
        gap: Dots between two mosaics.
        note: A line below them.

    Returns:
        The figure and one axes per mosaic, in whose coordinates a unit is a dot.
    """
    bottom = PAD + (LINE if note else 0)
    width = left + sum(m.shape[1] for m in mosaics) + gap * (len(mosaics) - 1) + 2 * PAD
    width = max(width, round(text_width(note) * DPI) + 2 * PAD)
    height = top + max(m.shape[0] for m in mosaics) + bottom + PAD
    figure = Drawing(figsize=(width / DPI, height / DPI), dpi=DPI)
    figure.set_layout_engine("none")
    axes, x = [], left + PAD
    for mosaic in mosaics:
        h, w = mosaic.shape[:2]
        axes.append(figure.add_axes((x / width, bottom / height, w / width, h / height)))
        _show(axes[-1], mosaic)
        x += w + gap
    if note:
        figure.text((left + PAD) / width, (PAD + LINE / 4) / height, note, fontsize=SMALL)
    return figure, axes


def _show(ax: Axes, mosaic: Pixels) -> None:
    colour = mosaic if mosaic.ndim == 3 else np.stack([mosaic] * 3, axis=-1)
    ax.imshow(colour, interpolation="nearest", aspect="auto")  # a colour map would round greys
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


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


def spread(n: int, count: int) -> list[int]:
    """Return ``count`` indices below ``n``, evenly spread, the first and the last among them."""
    return sorted(set(torch.linspace(0, n - 1, min(count, n)).round().int().tolist()))
