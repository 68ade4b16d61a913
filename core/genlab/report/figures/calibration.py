"""How far the confidence of a classifier can be trusted."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from matplotlib.figure import Figure as Drawing
from pydantic import Field
from torch import Tensor

from genlab.report.figure import Figure, Results
from genlab.report.figures.needs import no_classes, no_density, posteriors
from genlab.report.figures.style import BLUE, GREY, lean, style

__all__ = ["Calibration", "calibration"]


class Calibration(Figure):
    """The accuracy of the density's classes against its confidence in them.

    Source: Guo, Pleiss, Sun & Weinberger 2017 (arXiv:1706.04599).

    Args:
        bins: How many bins of confidence.
        n: How many test examples at most. None: all.
    """

    def __init__(
        self,
        *,
        bins: Annotated[int, Field(ge=2, le=100)] = 10,
        n: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        self.bins, self.n = bins, n

    def fits(self, run: Results) -> str | None:
        """Ask for a density that knows classes."""
        return no_density(run) or no_classes(run)

    def draw(self, run: Results) -> Drawing:
        """Classify test examples."""
        return calibration(*posteriors(run, self.n), bins=self.bins)


@style()
def calibration(log_posteriors: Tensor, y: Tensor, *, bins: int = 10) -> Drawing:
    r"""Show the accuracy of predicted classes against the confidence in them.

    The expected calibration error is :math:`\sum_b \frac{n_b}{n} |\text{accuracy}_b - \text{confidence}_b|`
    over bins of equal width (Guo, Pleiss, Sun & Weinberger 2017, arXiv:1706.04599).

    Args:
        log_posteriors: ``(B, classes)``.
        y: True labels ``(B,)``; -1 (unknown) does not count.
        bins: How many bins of confidence.
    """
    known = y >= 0
    confidence, predicted = (part[known].numpy() for part in log_posteriors.exp().max(1))
    correct = predicted == y[known].numpy()
    number = np.clip((confidence * bins).astype(int), 0, bins - 1)
    filled = [b for b in range(bins) if (number == b).any()]
    mean = np.array([confidence[number == b].mean() for b in filled])
    accuracy = np.array([correct[number == b].mean() for b in filled])
    weights = np.array([(number == b).mean() for b in filled])
    error = float((weights * abs(accuracy - mean)).sum())
    figure = Drawing(figsize=(2.9, 2.9))
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--")
    ax.plot(mean, accuracy, color=BLUE, marker="o", ms=3)
    ax.set_ylabel("accuracy")
    ax.set_ylim(0, 1.02)
    ax.set_title(f"expected calibration error {error:.4f}")
    below.hist(confidence, bins=bins, range=(0, 1), color=BLUE, log=True)
    below.set_ylim(bottom=0.5)  # one example is a bar, too
    below.set_xlabel("posterior of the predicted class")
    below.set_ylabel("examples")
    for each in (ax, below):
        lean(each)
    return figure
