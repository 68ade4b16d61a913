"""How a flow with one component per class sees points of the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Drawing
from pydantic import Field
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.errors import RequestError
from genlab.report.figure import Figure, Results
from genlab.report.figures.density import plane
from genlab.report.figures.needs import density_of, is_flow, no_classes, no_density, no_plane
from genlab.report.figures.panels import limits_of, points_of, scatter
from genlab.report.figures.samples import class_handles
from genlab.report.figures.style import GREY, PALETTE, SMALL, lean, style

__all__ = ["Classification", "classification"]

_LINES = 15  # of the grid in latent space, along each axis
_TITLES = ("data: z = f(x)", "base: z ~ p(z)", "samples: x ~ p(x)", "classes: x = g(z)", "regions")


class Classification(Figure):
    """How a flow with one component per class sees points of the plane: latents, samples, and regions.

    Source: Izmailov, Kirichenko, Finzi & Wilson 2020 (arXiv:1912.13025), figs. 1 and 2.

    Args:
        n: How many samples, and how many points of the data.
        side: Points of the decision regions along each axis.
    """

    def __init__(
        self,
        *,
        n: Annotated[int, Field(ge=1, le=100_000)] = 3000,
        side: Annotated[int, Field(ge=10, le=1000)] = 150,
    ) -> None:
        self.n, self.side = n, side

    def fits(self, run: Results) -> str | None:
        """Ask for a flow of points of the plane that knows their classes."""
        reason = no_plane(run) or no_density(run) or no_classes(run)
        if reason:
            return reason
        return None if is_flow(run) else "the density is no flow: it has no latent space"

    def draw(self, run: Results) -> Drawing:
        """Draw the flow of the run."""
        model, device = density_of(run), run.model.device
        x, y = run.data.test.first(self.n)
        drawn, labels = model.sample(self.n, seed=run.seed), model.labels(self.n, seed=run.seed)
        if y is None or labels is None:
            raise RequestError("there are no classes")
        with torch.no_grad():
            return classification(
                x.cpu(), y.cpu(), drawn, labels, spec=run.spec, classify=model.classify,
                encode=lambda points: model.flow.encode(points.to(device))[0].cpu(),
                decode=lambda points: model.flow.decode(points.to(device))[0].cpu(),
                side=self.side,
            )  # fmt: skip


@style()
def classification(
    x: Tensor,
    y: Tensor,
    samples: Tensor,
    labels: Tensor,
    *,
    encode: Callable[[Tensor], Tensor],
    decode: Callable[[Tensor], Tensor],
    classify: Callable[[Tensor], Tensor],
    spec: DataSpec,
    side: int = 150,
) -> Drawing:
    """Show five panels: the data in latent space, the components of the base, samples, and regions.

    1. z = f(x): the data in latent space, by class;
    2. z ~ p(z): the latents of samples, by component;
    3. x ~ p(x): samples, whatever their class;
    4. x = g(z): samples by class, over what g makes of a regular grid in latent space;
    5. the class with the largest posterior on a grid of side x side points, with the data over it.

    Source: Izmailov, Kirichenko, Finzi & Wilson 2020 (arXiv:1912.13025), figs. 1 and 2.

    Args:
        x: Real points ``(N, 2)``.
        y: Their labels ``(N,)``.
        samples: Samples ``(M, 2)``.
        labels: Their classes ``(M,)``.
        encode: Latents of points.
        decode: Points of latents.
        classify: Log posteriors ``(B, classes)`` of points.
        spec: What the data is.
        side: Points of the decision regions along each axis.
    """
    if spec.shape != (2,):
        raise RequestError(f"the figure shows the plane; this data has the shape {spec.shape}")
    limits = limits_of(points_of(x))
    latents, drawn = encode(x), encode(samples)
    latent_limits = limits_of(points_of(latents), points_of(drawn))
    figure = Drawing(figsize=(7.6, 1.95))
    axes = figure.subplots(1, 5)
    _by_class(axes[0], latents, y, latent_limits)
    _by_class(axes[1], drawn, labels, latent_limits)
    scatter(axes[2], points_of(samples), limits, colour=GREY, area=1.5)
    _warped(axes[3], decode, latent_limits)
    _by_class(axes[3], samples, labels, limits)
    _regions(axes[4], classify, limits, spec.classes, side)
    _by_class(axes[4], x[:1000], y[:1000], limits, edge=0.25)
    for ax, title in zip(axes, _TITLES, strict=True):
        ax.set_title(title)
        lean(ax)
    handles = class_handles(spec, range(spec.classes))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=SMALL)
    return figure


def _by_class(
    ax: Axes, points: Tensor, y: Tensor, limits: tuple[float, float], edge: float = 0.0
) -> None:
    array = points.detach().float().cpu().numpy()
    colours = np.array([PALETTE[int(k) % len(PALETTE)] if k >= 0 else GREY for k in y])
    order = np.random.default_rng(0).permutation(len(array))  # no class hides the others
    plain = edge == 0
    ax.scatter(
        array[order, 0], array[order, 1], s=2.5 if plain else 4.0, c=colours[order],
        alpha=0.6 if plain else 1.0, linewidths=edge, edgecolors=None if plain else "white",
    )  # fmt: skip
    ax.set_xlim(limits)
    ax.set_ylim(limits)
    ax.set_aspect("equal")


def _warped(ax: Axes, decode: Callable[[Tensor], Tensor], limits: tuple[float, float]) -> None:
    """Draw what decoding makes of a regular grid in latent space."""
    along, across = torch.linspace(*limits, 200), torch.linspace(*limits, _LINES)
    for fixed in across:
        for line in (
            torch.stack([along, fixed.expand(200)], 1),
            torch.stack([fixed.expand(200), along], 1),
        ):
            ax.plot(*decode(line).numpy().T, color="#BBBBBB", lw=0.4, zorder=0)


def _regions(
    ax: Axes,
    classify: Callable[[Tensor], Tensor],
    limits: tuple[float, float],
    classes: int,
    side: int,
) -> None:
    winner = classify(plane(limits, side)).argmax(1).reshape(side, side).numpy()
    line = np.linspace(*limits, side)
    colours = ListedColormap([PALETTE[k % len(PALETTE)] for k in range(classes)])
    levels = np.arange(classes + 1) - 0.5
    ax.contourf(line, line, winner, levels=levels, cmap=colours, alpha=0.3)
