"""The loss curve of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from genlab.figures.style import BLUE, GREY, ORANGE, SKY, lean, style

__all__ = ["curve", "logarithmic", "loss", "running_median"]

Curve = NDArray[np.float64]

_DECADE = 10.0


@style()
def loss(history: Sequence[Mapping[str, float]]) -> Figure:
    """Show the loss at each logged step, its running median, and the learning rate below.

    The loss is on a logarithmic axis where it is positive and spans more than a decade; a negative
    log-likelihood, which may be negative, is on a linear one.

    Args:
        history: The lines of ``metrics.jsonl``, each with ``step`` and ``loss``, and ``lr`` where a
            learning rate is to be shown. Lines without a finite loss are left out.
    """
    steps, losses = curve(history, "loss")
    rate = curve(history, "lr")
    figure = Figure(figsize=(5.5, 3.2))
    if not len(rate[0]):
        _losses(figure.subplots(), steps, losses)
        figure.axes[0].set_xlabel("step")
        return figure
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    _losses(upper, steps, losses)
    _rates(lower, *rate)
    return figure


def curve(history: Sequence[Mapping[str, float]], key: str) -> tuple[Curve, Curve]:
    """Return the steps and the finite values of ``key``."""
    rows = [(line["step"], line[key]) for line in history if key in line and "step" in line]
    pairs = np.asarray(rows, dtype=np.float64).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    return pairs[:, 0], pairs[:, 1]


def running_median(values: Curve) -> Curve:
    """Return the median over a window of about a twentieth of the curve, centred on each value.

    At the end of the curve only the part of the window that exists counts. At the beginning the
    window also shrinks on its other side, so that a steep beginning is not flattened.
    """
    half, n = min(len(values) // 40, 50), len(values)
    smooth = np.asarray(median_filter(values, size=2 * half + 1), dtype=np.float64)
    for i in range(half):
        smooth[i] = np.median(values[: 2 * i + 1])
        smooth[n - 1 - i] = np.median(values[n - 1 - i - half :])
    return smooth


def logarithmic(losses: Curve) -> bool:
    """Return whether losses belong on a logarithmic axis."""
    return bool(len(losses) and losses.min() > 0 and losses.max() > _DECADE * losses.min())


def _losses(ax: Axes, steps: Curve, losses: Curve) -> None:
    ax.set_ylabel("loss")
    lean(ax)
    ax.grid(axis="y")
    if not len(losses):
        ax.text(0.5, 0.5, "no loss was logged", ha="center", va="center", transform=ax.transAxes)
        ax.set_yticks([])
        return
    ax.plot(steps, losses, ".", color=SKY, ms=2.5, mew=0, alpha=0.6, label="logged step")
    ax.plot(steps, running_median(losses), color=BLUE, label="running median")
    if logarithmic(losses):
        ax.set_yscale("log")
        lean(ax)
    ax.margins(x=0.01)
    ax.legend(loc="upper right", markerscale=2.5)


def _rates(ax: Axes, steps: Curve, rates: Curve) -> None:
    ax.plot(steps, rates, color=ORANGE, lw=1.0)
    ax.set_ylim(0, max(float(rates.max()) * 1.1, 1e-12))
    ax.set_yticks([0, float(rates.max())], ["0", f"{rates.max():.2g}"])
    ax.set_ylabel("learning\nrate", color=GREY)
    ax.set_xlabel("step")
    lean(ax)
