"""Samples while a model trains."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.errors import RequestError
from genlab.report.figure import Figure, Results
from genlab.report.figures.needs import Columns, Rows
from genlab.report.figures.panels import spread
from genlab.report.figures.quality import NO_EVALUATIONS
from genlab.report.figures.strips import state_strip
from genlab.report.figures.style import style

__all__ = ["SamplesOverTraining", "samples_over_training"]


class SamplesOverTraining(Figure):
    """What the model draws from the same seed as its training goes on.

    Args:
        columns: How many evaluations are shown, evenly spread, the first and the last among them.
        rows: How many samples of each are shown; vectors are all shown.
    """

    def __init__(self, *, columns: Columns = 8, rows: Rows = 8) -> None:
        self.columns, self.rows = columns, rows

    def fits(self, run: Results) -> str | None:
        """Ask for evaluations during training."""
        return None if run.evaluated_samples() else NO_EVALUATIONS

    def draw(self, run: Results) -> Drawing:
        """Draw the samples of the evaluations."""
        return samples_over_training(
            run.evaluated_samples(), run.spec, columns=self.columns, rows=self.rows
        )


@style()
def samples_over_training(
    states: Sequence[tuple[int, Tensor]], spec: DataSpec, *, columns: int = 8, rows: int = 8
) -> Drawing:
    """Show what a model draws from the same seed as its training goes on.

    Args:
        states: Steps of training, each with samples ``(B, *shape)``.
        spec: What the data is.
        columns: See :class:`SamplesOverTraining`.
        rows: See :class:`SamplesOverTraining`.
    """
    if not states:
        raise RequestError(NO_EVALUATIONS)
    shown = [states[i] for i in spread(len(states), columns)]
    return state_strip(
        [x for _, x in shown], [f"{step:,}" for step, _ in shown], spec, prefix="step ", rows=rows
    )
