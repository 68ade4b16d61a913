"""Panels of numbers, one per number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from genlab.report.figures.style import GREY, SMALL, lean

__all__ = ["chosen", "number_panels"]

_ACROSS = 3  # panels in a row


def chosen(names: Iterable[str], wanted: tuple[str, ...] | None) -> list[str]:
    """Return the names that are wanted, in the order in which they exist; all of them where None is."""
    return [name for name in names if wanted is None or name in wanted]


def number_panels(
    baselines: Mapping[str, float | None], *, high: float
) -> tuple[Drawing, list[Axes]]:
    """Return a figure with a panel per number, and a dashed line at its real-vs-real baseline.

    Args:
        baselines: The baseline of each number, or None where it has none.
        high: Height of a panel in inches.
    """
    down, across = -(-len(baselines) // _ACROSS), min(len(baselines), _ACROSS)
    figure = Drawing(figsize=(2.1 * across + 0.3, high * down + 0.3))
    axes = figure.subplots(down, across, squeeze=False, sharex=True).flatten().tolist()
    for ax, (name, baseline) in zip(axes, baselines.items(), strict=False):
        if baseline is not None:
            ax.axhline(baseline, color=GREY, ls="--", lw=0.8)
        ax.set_title(name, fontsize=SMALL)
        ax.grid(axis="y")
        lean(ax)
    for i in range(len(baselines), down * across):
        axes[i].set_axis_off()
        axes[i - across].tick_params(labelbottom=True)
    return figure, axes[: len(baselines)]
