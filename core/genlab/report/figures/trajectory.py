r"""Points on trajectories: forward, reverse, and the drift of the reverse process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from pydantic import Field
from torch import Tensor

from genlab.components.degradation import GaussianDegradation, time_at
from genlab.diffusion.model import DiffusionModel
from genlab.errors import RequestError
from genlab.report.figure import Figure, Results
from genlab.report.figures.density import plane
from genlab.report.figures.forward import Times, degraded
from genlab.report.figures.needs import diffusion_of, gaussian_of, no_diffusion, no_plane
from genlab.report.figures.panels import limits_of, points_of
from genlab.report.figures.strips import CLOUD, time_labels
from genlab.report.figures.style import BLUE, SMALL, lean, style

__all__ = ["Drift", "Trajectory", "drift", "mean_step"]

_RED = "#C00000"  # the reverse process is red by custom, and has a row of its own
_REACH = 2.0  # of the panels about 0, where the data goes no further


class Trajectory(Figure):
    """Points of the plane on their way to noise and back, and the drift of one step.

    Sources: Sohl-Dickstein et al. 2015 (arXiv:1503.03585), fig. 1; Weng 2021, "What are diffusion models?",
    fig. 3.

    Args:
        times: The times of the columns. None: both ends, and between them the time at which the noise is a
            third of the signal, where most of the structure of the data comes to be.
        n: How many points are shown.
        arrows: How many arrows of the drift are along each side.
    """

    def __init__(
        self,
        *,
        times: Times | None = None,
        n: Annotated[int, Field(ge=1, le=100_000)] = CLOUD,
        arrows: Annotated[int, Field(ge=2, le=50)] = 13,
    ) -> None:
        self.times, self.n, self.arrows = times, n, arrows

    def fits(self, run: Results) -> str | None:
        """Ask for points of the plane under Gaussian noise."""
        reason = no_plane(run) or no_diffusion(run)
        if reason:
            return reason
        degradation = diffusion_of(run).restorer.degradation
        if isinstance(degradation, GaussianDegradation):
            return None
        return f"the drift is that of Gaussian noise, and {degradation!r} is none"

    def draw(self, run: Results) -> Drawing:
        """Walk points back, with the mean of the ancestral step as drift."""
        model = diffusion_of(run)
        x_0 = run.data.test.first(self.n)[0].cpu()
        times = self.times or (0.0, _when_it_shows(model), 1.0)
        x_t = degraded(model.restorer.degradation, x_0, times, seed=run.seed)
        states = {step.t: step.x_t for step in model.trajectory(self.n, seed=run.seed)}
        low, high = limits_of(points_of(x_0))
        reach = max(_REACH, -low, high)
        grid = plane((-reach, reach), self.arrows)
        columns = []
        for t, forward in zip(times, x_t, strict=True):
            reverse = states[min(states, key=lambda at, t=t: abs(at - t))]  # type: ignore[misc]
            late = max(t, 1 / model.steps)
            arrows = mean_step(model, grid, late, late - 1 / model.steps)
            columns.append(Drift(t, forward, reverse, grid, arrows))
        note = f"drift of one of {model.steps} steps"
        if min(times) < 1 / model.steps:
            note += "; it is undefined at t = 0, where that of the last step is shown"
        return drift(columns, note=note)


def _when_it_shows(model: DiffusionModel) -> float:
    """Return the time at which the noise is a third of the signal, in whole steps of the model."""
    log_snr = torch.tensor(2 * math.log(3))
    step = round(float(time_at(gaussian_of(model), log_snr)) * model.steps)
    return min(max(step, 1), model.steps) / model.steps


@torch.no_grad()
def mean_step(model: DiffusionModel, x_t: Tensor, t: float, s: float) -> Tensor:
    r"""Return the mean of x_s given x_t and the estimate, less x_t (Ho, Jain & Abbeel 2020, eq. 7).

    Args:
        model: A model of Gaussian noise.
        x_t: States ``(B, *shape)``.
        t: Their time.
        s: The time to step to, before t.
    """
    degradation = gaussian_of(model)
    times = torch.tensor([t, s], dtype=torch.float64)
    (alpha_t, alpha_s), (sigma_t, sigma_s) = degradation.alpha(times), degradation.sigma(times)
    now = torch.full((len(x_t),), t, device=model.device)
    x_0 = model.restorer(x_t.to(model.device), now).cpu()
    ratio = alpha_t / alpha_s
    added = sigma_t**2 - (ratio * sigma_s) ** 2
    mean: Tensor = (ratio * sigma_s**2 * x_t + alpha_s * added * x_0) / sigma_t**2
    return (mean - x_t).float()


@dataclass(frozen=True)
class Drift:
    """What one column shows.

    Args:
        t: The time.
        forward: Data degraded to it, ``(N, 2)``.
        reverse: Samples on their way back, ``(N, 2)``.
        at: Where the drift was measured, ``(M, 2)``; panels reach as far.
        arrows: The drift there, ``(M, 2)``.
    """

    t: float
    forward: Tensor
    reverse: Tensor
    at: Tensor
    arrows: Tensor


@style()
def drift(columns: Sequence[Drift], *, note: str = "") -> Drawing:
    r"""Show a diffusion of points: degraded data, samples on their way back, and the drift.

    The drift is :math:`\mu_\theta(x_t, t) - x_t`. The arrows of each panel have a scale of their own: the
    longest is as long as the distance of two points of the grid.

    Sources: Sohl-Dickstein et al. 2015 (arXiv:1503.03585), fig. 1; Weng 2021, "What are diffusion
    models?", fig. 3.

    Args:
        columns: One per time, from the data to the noise.
        note: A line below the figure.
    """
    if not columns:
        raise RequestError("there are no times to show")
    figure = Drawing(figsize=(1.75 * len(columns) + 0.4, 5.5))
    axes = figure.subplots(3, len(columns), sharex=True, sharey=True, squeeze=False)
    titles = time_labels([column.t for column in columns])
    for k, column in enumerate(columns):
        for ax, x, colour in (
            (axes[0, k], column.forward, BLUE),
            (axes[1, k], column.reverse, _RED),
        ):
            points = points_of(x)
            ax.scatter(points[:, 0], points[:, 1], s=2.0, c=colour, alpha=0.35, linewidths=0)
        _arrows(axes[2, k], column)
        axes[0, k].set_title(titles[k])
    reach = float(torch.stack([column.at for column in columns]).abs().max())
    limits, ticks = (-reach, reach), (-math.floor(reach), 0, math.floor(reach))
    for ax in axes.flat:
        ax.set(xlim=limits, ylim=limits, xticks=ticks, yticks=ticks, aspect="equal")
        lean(ax)
    for ax, side in zip(
        axes[:, 0], ("forward", "reverse (read from the right)", "drift"), strict=True
    ):
        ax.set_ylabel(side, fontsize=SMALL)
    if note:
        figure.supxlabel(note, fontsize=SMALL)
    return figure


def _arrows(ax: Axes, column: Drift) -> None:
    at, arrows = points_of(column.at), points_of(column.arrows)
    longest = float((arrows**2).sum(1).max()) ** 0.5 or 1.0
    cell = (at[:, 0].max() - at[:, 0].min()) / max(round(len(at) ** 0.5) - 1, 1)
    ax.quiver(
        at[:, 0], at[:, 1], arrows[:, 0], arrows[:, 1], color="black", angles="xy",
        scale_units="xy", scale=longest / cell, width=0.006, headwidth=4,
    )  # fmt: skip
