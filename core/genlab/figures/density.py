"""A density over the plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.panels import limits_of, points_of, scatter
from genlab.figures.style import BLUE, GREY, lean, style

__all__ = ["density", "plane"]


@style()
def density(
    log_prob: Callable[[Tensor], Tensor], x: Tensor, samples: Tensor, *, side: int = 300
) -> Figure:
    """Show a density as a heat map, beside its samples and the data, all on the same axes.

    Args:
        log_prob: Log densities ``(B,)`` in nats of points ``(B, 2)``.
        x: Real points ``(N, 2)``.
        samples: Samples ``(M, 2)``.
        side: Points of the heat map along each axis.
    """
    real, drawn = points_of(x), points_of(samples)
    if real.shape[1] != 2:
        raise RequestError(
            f"a density is shown over the plane; this data has {x.shape[1]} features"
        )
    limits = limits_of(real)
    figure = Figure(figsize=(7.2, 2.75))
    axes = figure.subplots(1, 3, sharey=True)
    grid = plane(limits, side)
    heat = log_prob(grid).double().exp().reshape(side, side).numpy()
    picture = axes[0].imshow(
        heat, origin="lower", extent=(*limits, *limits), cmap="viridis", interpolation="bilinear",
        vmax=float(np.quantile(heat, 0.998)),
    )  # fmt: skip
    figure.colorbar(picture, ax=axes[0], fraction=0.046, pad=0.03, extend="max")
    axes[0].set_title("density p(x)")
    for ax, points, title, colour in (
        (axes[1], drawn, "samples", BLUE),
        (axes[2], real, "data", GREY),
    ):
        scatter(ax, points, limits, colour=colour, area=2.0)
        ax.set_title(f"{len(points)} {title}")
    lean(axes[0])
    return figure


def plane(limits: tuple[float, float], side: int) -> Tensor:
    """Return a regular grid of points ``(side * side, 2)``, row by row from below."""
    line = torch.linspace(*limits, side)
    second, first = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([first.flatten(), second.flatten()], 1)
