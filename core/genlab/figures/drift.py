r"""The 3x3 trajectory figure of points: forward, reverse, and the drift of the reverse process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from genlab.errors import RequestError
from genlab.figures.panels import points_of, time_labels
from genlab.figures.style import BLUE, SMALL, lean, style

__all__ = ["Drift", "drift"]

_RED = "#C00000"  # the reverse process is red by custom, and has a row of its own
_LIMITS = (-2.0, 2.0)
_TICKS = (-2, 0, 2)


@dataclass(frozen=True)
class Drift:
    """What one column shows.

    Args:
        t: The time.
        forward: Data degraded to it, ``(N, 2)``.
        reverse: Samples on their way back, ``(N, 2)``.
        at: Where the drift was measured, ``(M, 2)``.
        arrows: The drift there, ``(M, 2)``.
    """

    t: float
    forward: Tensor
    reverse: Tensor
    at: Tensor
    arrows: Tensor


@style()
def drift(columns: Sequence[Drift], *, note: str = "") -> Figure:
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
    figure = Figure(figsize=(1.75 * len(columns) + 0.4, 5.5))
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
    for ax in axes.flat:
        ax.set(xlim=_LIMITS, ylim=_LIMITS, xticks=_TICKS, yticks=_TICKS, aspect="equal")
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
    cell = (_LIMITS[1] - _LIMITS[0]) / max(round(len(at) ** 0.5) - 1, 1)
    ax.quiver(
        at[:, 0], at[:, 1], arrows[:, 0], arrows[:, 1], color="black", angles="xy",
        scale_units="xy", scale=longest / cell, width=0.006, headwidth=4,
    )  # fmt: skip
