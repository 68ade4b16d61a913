"""Progressive generation: what a model estimates while it walks back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from matplotlib.figure import Figure as Drawing
from pydantic import Field

from genlab.components.dataset import DataSpec
from genlab.diffusion.trajectory import Step
from genlab.errors import RequestError, unknown
from genlab.report.figure import Figure, Results
from genlab.report.figures.needs import (
    Columns,
    Label,
    Rows,
    diffusion_of,
    no_diffusion,
    of_classes,
    shown,
    unknown_labels,
)
from genlab.report.figures.panels import spread
from genlab.report.figures.strips import state_strip
from genlab.report.figures.style import style

__all__ = ["Labels", "Progressive", "progressive", "walked"]

Labels = Annotated[tuple[Label, ...], Field(min_length=1)] | None
"""Classes that the samples of a figure follow in turn, by number or name; None: classes at random."""

State = Literal["estimate", "x_t"]

_SIDES = {"estimate": r"$\hat{x}_0$", "x_t": "$x_t$"}


class Progressive(Figure):
    """The estimates of the clean data along trajectories, from t = 1 to t = 0.

    Source: Ho, Jain & Abbeel 2020 (arXiv:2006.11239), fig. 6.

    Args:
        columns: How many times are shown, evenly spread, the first and the last among them.
        rows: How many samples are shown; vectors are a cloud.
        labels: Classes of the samples by number or name, in turns. None: drawn at random, where the model
            knows classes.
    """

    def __init__(self, *, columns: Columns = 11, rows: Rows = 8, labels: Labels = None) -> None:
        self.columns, self.rows, self.labels = columns, rows, labels

    def fits(self, run: Results) -> str | None:
        """Ask for a degradation, and for the classes."""
        return no_diffusion(run) or unknown_labels(run, self.labels)

    def draw(self, run: Results) -> Drawing:
        """Walk samples back."""
        steps = walked(run, self.rows, self.labels)
        return progressive(steps, run.spec, columns=self.columns, rows=self.rows)


def walked(run: Results, rows: int, labels: Labels) -> list[Step]:
    """Return the trajectories of samples.

    Args:
        run: The run.
        rows: How many, where they are no vectors.
        labels: Their classes, in turns, or None.
    """
    n = shown(run.spec, rows)
    return list(diffusion_of(run).trajectory(n, seed=run.seed, label=of_classes(labels, n)))


@style()
def progressive(
    steps: Sequence[Step],
    spec: DataSpec,
    *,
    show: State = "estimate",
    columns: int = 11,
    rows: int = 8,
) -> Drawing:
    """Show samples along their trajectories, from left to right; the last column is the result.

    Images, the middle slices of volumes, and series make a row per sample and a column per time. Vectors
    make one scatter plot per time.

    Source: Ho, Jain & Abbeel 2020 (arXiv:2006.11239), fig. 6.

    Args:
        steps: The trajectories.
        spec: What the data is.
        show: ``"estimate"`` for the estimates of the clean data, ``"x_t"`` for the states themselves. At
            t = 0, where both should agree, it is the state: the result.
        columns: How many states are shown, evenly spread, the first and the last among them.
        rows: How many samples are shown at most; vectors are all shown.
    """
    if show not in _SIDES:
        raise unknown("state of a trajectory", show, _SIDES)
    if not steps:
        raise RequestError("the trajectory is empty")
    some = [steps[i] for i in spread(len(steps), columns)]
    return state_strip(
        [step.estimate if show == "estimate" and step.t > 0 else step.x_t for step in some],
        [f"{step.t:.3g}" for step in some],
        spec, prefix="t = ", rows=rows, side=_SIDES[show],
    )  # fmt: skip
