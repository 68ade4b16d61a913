"""The loss curve of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import Locator, LogLocator, MaxNLocator
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import median_filter

from genlab.report.figure import Figure, Results
from genlab.report.figures.style import BLUE, GREY, ORANGE, SKY, lean, style

__all__ = ["Loss", "LossCurve", "loss", "loss_curve", "running_median"]

Values = NDArray[np.float64]
Scale = Literal["linear", "logarithmic"]
Ticks = tuple[tuple[float, str], ...]

_DECADE = 10.0
_PAD = 0.04  # of the height, below the lowest loss and above the highest


class Loss(Figure):
    """The loss at each logged step, its running median, and the learning rate.

    Args:
        scale: ``"linear"`` or ``"logarithmic"``; a loss that is not positive everywhere is on a linear axis
            all the same. None: logarithmic where the loss is positive and spans more than a decade.
    """

    def __init__(self, *, scale: Scale | None = None) -> None:
        self.scale = scale

    def fits(self, run: Results) -> str | None:
        """Ask for a finite loss."""
        return None if len(_finite(run.history, "loss")[0]) else "no finite loss was logged"

    def draw(self, run: Results) -> Drawing:
        """Draw the history of the run."""
        return loss(run.history, scale=self.scale)


@dataclass(frozen=True)
class LossCurve:
    """A loss curve with its axes, as figures and pages show it.

    Args:
        steps: The logged steps, ``(N,)``.
        losses: The loss at each, ``(N,)``.
        median: Its running median, ``(N,)``.
        logarithmic: Whether the loss is on a logarithmic axis.
        limits: The lowest and the highest loss of the axis.
        step_ticks: Steps to be marked, with their labels.
        loss_ticks: Losses to be marked, with their labels.
    """

    steps: Values
    losses: Values
    median: Values
    logarithmic: bool
    limits: tuple[float, float]
    step_ticks: Ticks
    loss_ticks: Ticks

    def across(self, steps: ArrayLike) -> Values:
        """Return where steps lie, from 0 (left) to 1 (right)."""
        first, last = self.steps[0], self.steps[-1]
        share: Values = (np.asarray(steps) - first) / ((last - first) or 1.0)
        return share

    def up(self, losses: ArrayLike) -> Values:
        """Return where losses lie, from 0 (bottom) to 1 (top)."""
        low, high = self.limits
        values: Values = np.asarray(losses)
        if self.logarithmic:
            values, low, high = np.log(values), float(np.log(low)), float(np.log(high))
        share: Values = (values - low) / (high - low)
        return share

    def thinned(self, most: int) -> LossCurve:
        """Return the curve with at most so many points, evenly spread, the first and the last among them."""
        n = len(self.steps)
        keep = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
        return replace(
            self, steps=self.steps[keep], losses=self.losses[keep], median=self.median[keep]
        )


def loss_curve(
    history: Sequence[Mapping[str, float]], *, scale: Scale | None = None
) -> LossCurve | None:
    """Prepare the loss curve of a training.

    Args:
        history: The logged records, each with ``step`` and ``loss``. Those without a finite loss are left
            out.
        scale: See :class:`Loss`.

    Returns:
        The curve, or None where no finite loss was logged.
    """
    steps, losses = _finite(history, "loss")
    if not len(steps):
        return None
    low, high = float(losses.min()), float(losses.max())
    wide = high > _DECADE * low if scale is None else scale == "logarithmic"
    logarithmic = low > 0 and wide
    limits = _padded(low, high, logarithmic)
    each = LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0), numticks=12)
    in_decades = _ticks(each, *limits) if logarithmic else ()
    return LossCurve(
        steps, losses, running_median(losses), logarithmic, limits,
        step_ticks=_ticks(MaxNLocator(5, integer=True), float(steps[0]), float(steps[-1])),
        loss_ticks=in_decades or _ticks(MaxNLocator(5), *limits),
    )  # fmt: skip


def running_median(values: Values) -> Values:
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


@style()
def loss(history: Sequence[Mapping[str, float]], *, scale: Scale | None = None) -> Drawing:
    """Show the loss at each logged step, its running median, and the learning rate below.

    Args:
        history: The logged records, each with ``step`` and ``loss``, and ``lr`` where a learning rate is to
            be shown. Those without a finite loss are left out.
        scale: See :class:`Loss`.
    """
    curve, rate = loss_curve(history, scale=scale), _finite(history, "lr")
    figure = Drawing(figsize=(5.5, 3.2))
    if not len(rate[0]):
        _losses(figure.subplots(), curve)
        figure.axes[0].set_xlabel("step")
        return figure
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    _losses(upper, curve)
    _rates(lower, *rate)
    return figure


def _finite(history: Sequence[Mapping[str, float]], key: str) -> tuple[Values, Values]:
    """Return the steps and the finite values of ``key``."""
    rows = [(line["step"], line[key]) for line in history if key in line and "step" in line]
    pairs = np.asarray(rows, dtype=np.float64).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    return pairs[:, 0], pairs[:, 1]


def _padded(low: float, high: float, logarithmic: bool) -> tuple[float, float]:
    if logarithmic:
        factor = (high / low) ** _PAD if high > low else 2.0
        return low / factor, high * factor
    margin = _PAD * (high - low) or 0.5 * max(abs(high), 1e-12)
    return low - margin, high + margin


def _ticks(locator: Locator, low: float, high: float) -> Ticks:
    """Return the ticks that lie between two values, with their labels."""
    slack = 1e-9 * (high - low)
    found = [float(v) for v in locator.tick_values(low, high) if low - slack <= v <= high + slack]
    return tuple((v, f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.3g}") for v in found)


def _losses(ax: Axes, curve: LossCurve | None) -> None:
    ax.set_ylabel("loss")
    lean(ax)
    ax.grid(axis="y")
    if curve is None:
        ax.text(0.5, 0.5, "no loss was logged", ha="center", va="center", transform=ax.transAxes)
        ax.set_yticks([])
        return
    ax.plot(
        curve.steps, curve.losses, ".", color=SKY, ms=2.5, mew=0, alpha=0.6, label="logged step"
    )
    ax.plot(curve.steps, curve.median, color=BLUE, label="running median")
    ax.set_yscale("log" if curve.logarithmic else "linear")
    ax.set_ylim(curve.limits)
    margin = 0.01 * (curve.steps[-1] - curve.steps[0]) or 0.5
    ax.set_xlim(curve.steps[0] - margin, curve.steps[-1] + margin)
    for axis, ticks in ((ax.yaxis, curve.loss_ticks), (ax.xaxis, curve.step_ticks)):
        axis.set_ticks([value for value, _ in ticks], labels=[label for _, label in ticks])
    ax.minorticks_off()
    lean(ax)
    ax.legend(loc="upper right", markerscale=2.5)


def _rates(ax: Axes, steps: Values, rates: Values) -> None:
    ax.plot(steps, rates, color=ORANGE, lw=1.0)
    ax.set_ylim(0, max(float(rates.max()) * 1.1, 1e-12))
    ax.set_yticks([0, float(rates.max())], ["0", f"{rates.max():.2g}"])
    ax.set_ylabel("learning\nrate", color=GREY)
    ax.set_xlabel("step")
    lean(ax)
