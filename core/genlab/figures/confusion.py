"""What a classifier takes for what, and how far its confidence can be trusted."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix
from torch import Tensor

from genlab.figures.samples import class_name
from genlab.figures.style import BLUE, GREY, SMALL, lean, style
from genlab.protocols import DataSpec

__all__ = ["calibration", "confusion"]

_MANY = 20  # classes with more have no numbers in their cells


@style()
def confusion(log_posteriors: Tensor, y: Tensor, spec: DataSpec) -> Figure:
    """Show how many examples of each class (rows) were taken for each class (columns).

    Args:
        log_posteriors: ``(B, classes)``.
        y: True labels ``(B,)``; -1 (unknown) does not count.
        spec: What the data is.
    """
    known = y >= 0
    taken = log_posteriors.argmax(1)[known].numpy()
    counts = confusion_matrix(y[known].numpy(), taken, labels=range(spec.classes))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(1.3 + 0.34 * spec.classes, 6.0)
    figure = Figure(figsize=(side, side))
    ax = figure.subplots()
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [class_name(spec, k) for k in range(spec.classes)]
    turned = 0 if max(map(len, names)) < 3 else 60
    ax.set_xticks(range(spec.classes), names, rotation=turned, ha="right" if turned else "center")
    ax.set_yticks(range(spec.classes), names)
    ax.set_xlabel("taken for")
    ax.set_ylabel("class")
    ax.spines[:].set_visible(False)
    correct = counts.trace() / max(counts.sum(), 1)
    ax.set_title(f"accuracy {100 * correct:.2f} % of {counts.sum()}")
    lean(ax)
    for (row, column), count in np.ndenumerate(counts) if spec.classes <= _MANY else ():
        if count:
            ax.text(
                column, row, str(count), ha="center", va="center", fontsize=SMALL - 1,
                color="white" if shares[row, column] > 0.5 else "black",
            )  # fmt: skip
    return figure


@style()
def calibration(log_posteriors: Tensor, y: Tensor, *, bins: int = 10) -> Figure:
    r"""Show how often a class is right against how sure the model was of it.

    The expected calibration error is :math:`\sum_b \frac{n_b}{n} |\text{accuracy}_b - \text{confidence}_b|`
    over bins of equal width (Guo, Pleiss, Sun & Weinberger 2017, arXiv:1706.04599).

    Args:
        log_posteriors: ``(B, classes)``.
        y: True labels ``(B,)``; -1 (unknown) does not count.
        bins: How many bins of confidence.
    """
    known = y >= 0
    confidence, taken = (part[known].numpy() for part in log_posteriors.exp().max(1))
    right = taken == y[known].numpy()
    number = np.clip((confidence * bins).astype(int), 0, bins - 1)
    filled = [b for b in range(bins) if (number == b).any()]
    sure = np.array([confidence[number == b].mean() for b in filled])
    correct = np.array([right[number == b].mean() for b in filled])
    weights = np.array([(number == b).mean() for b in filled])
    error = float((weights * abs(correct - sure)).sum())
    figure = Figure(figsize=(2.9, 2.9))
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--")
    ax.plot(sure, correct, color=BLUE, marker="o", ms=3)
    ax.set_ylabel("share that is right")
    ax.set_ylim(0, 1.02)
    ax.set_title(f"expected calibration error {error:.4f}")
    below.hist(confidence, bins=bins, range=(0, 1), color=BLUE, log=True)
    below.set_xlabel("posterior of the chosen class")
    below.set_ylabel("examples")
    for each in (ax, below):
        lean(each)
    return figure
