"""A density over the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure as Drawing
from pydantic import Field
from torch import Tensor

from genlab.errors import RequestError
from genlab.report.figure import Figure, Results
from genlab.report.figures.needs import density_of, no_density, no_plane
from genlab.report.figures.panels import limits_of, points_of, scatter
from genlab.report.figures.style import BLUE, GREY, lean, style

__all__ = ["DensityMap", "density", "plane"]


class DensityMap(Figure):
    """The density over the plane, beside samples and test data.

    Args:
        n: How many samples, and how many points of the data.
        side: Points of the heat map along each axis.
    """

    def __init__(
        self,
        *,
        n: Annotated[int, Field(ge=1, le=100_000)] = 5000,
        side: Annotated[int, Field(ge=10, le=2000)] = 300,
    ) -> None:
        self.n, self.side = n, side

    def fits(self, run: Results) -> str | None:
        """Ask for a density over the plane."""
        return no_density(run) or no_plane(run)

    def draw(self, run: Results) -> Drawing:
        """Draw the density of the run."""
        model = density_of(run)
        x = run.data.test.first(self.n)[0].cpu()
        drawn = model.sample(self.n, seed=run.seed)
        return density(model.log_prob, x, drawn, side=self.side)


@style()
def density(
    log_prob: Callable[[Tensor], Tensor], x: Tensor, samples: Tensor, *, side: int = 300
) -> Drawing:
    """Show a density as a heat map, beside its samples and the data, all on the same axes.

    Args:
        log_prob: Log densities ``(B,)`` in nats of points ``(B, 2)``.
        x: Real points ``(N, 2)``.
        samples: Samples ``(M, 2)``.
        side: Points of the heat map along each axis.
    """
    real, drawn = points_of(x), points_of(samples)
    if x.shape[1] != 2:
        raise RequestError(
            f"a density is shown over the plane; this data has {x.shape[1]} features"
        )
    limits = limits_of(real)
    figure = Drawing(figsize=(7.2, 2.75))
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
        (axes[2], real, "points of the data", GREY),
    ):
        scatter(ax, points, limits, colour=colour, area=2.0)
        ax.set_title(f"{len(points):,} {title}")
    lean(axes[0])
    return figure


def plane(limits: tuple[float, float], side: int) -> Tensor:
    """Return a regular grid of points ``(side * side, 2)``, row by row from below."""
    line = torch.linspace(*limits, side)
    second, first = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([first.flatten(), second.flatten()], 1)
