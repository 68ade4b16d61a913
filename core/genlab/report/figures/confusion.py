"""Which classes a classifier confuses."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from matplotlib.figure import Figure as Drawing
from pydantic import Field
from sklearn.metrics import confusion_matrix
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.report.figure import Figure, Results
from genlab.report.figures.needs import no_classes, no_density, posteriors
from genlab.report.figures.samples import class_name
from genlab.report.figures.style import SMALL, lean, style

__all__ = ["Confusion", "confusion"]

_MANY = 20  # classes with more have no numbers in their cells


class Confusion(Figure):
    """How many test examples of each class the density assigns to each class.

    Args:
        n: How many test examples at most. None: all.
    """

    def __init__(self, *, n: Annotated[int, Field(ge=1)] | None = None) -> None:
        self.n = n

    def fits(self, run: Results) -> str | None:
        """Ask for a density that knows classes."""
        return no_density(run) or no_classes(run)

    def draw(self, run: Results) -> Drawing:
        """Classify test examples."""
        return confusion(*posteriors(run, self.n), run.spec)


@style()
def confusion(log_posteriors: Tensor, y: Tensor, spec: DataSpec) -> Drawing:
    """Show how many examples of each class (rows) were predicted to be of each class (columns).

    Args:
        log_posteriors: ``(B, classes)``.
        y: True labels ``(B,)``; -1 (unknown) does not count.
        spec: What the data is.
    """
    known = y >= 0
    predicted = log_posteriors.argmax(1)[known].numpy()
    counts = confusion_matrix(y[known].numpy(), predicted, labels=range(spec.classes))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(max(1.3 + 0.34 * spec.classes, 2.4), 6.0)
    figure = Drawing(figsize=(side, side))
    ax = figure.subplots()
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [class_name(spec, k) for k in range(spec.classes)]
    turned = 0 if max(map(len, names)) < 3 else 60
    ax.set_xticks(range(spec.classes), names, rotation=turned, ha="right" if turned else "center")
    ax.set_yticks(range(spec.classes), names)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.spines[:].set_visible(False)
    correct = counts.trace() / max(counts.sum(), 1)
    ax.set_title(f"accuracy {100 * correct:.2f} % of {counts.sum():,}")
    lean(ax)
    for (row, column), count in np.ndenumerate(counts) if spec.classes <= _MANY else ():
        if count:
            ax.text(
                column, row, str(count), ha="center", va="center", fontsize=SMALL - 1,
                color="white" if shares[row, column] > 0.5 else "black",
            )  # fmt: skip
    return figure
