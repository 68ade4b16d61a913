"""Quality while a model trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from matplotlib.figure import Figure as Drawing

from genlab.errors import RequestError
from genlab.report.figure import Figure, Results
from genlab.report.figures.numbers import chosen, number_panels
from genlab.report.figures.style import BLUE, SMALL, style

__all__ = ["NO_EVALUATIONS", "Quality", "quality"]

Against = Literal["minutes", "steps"]

NO_EVALUATIONS = (
    "nothing was evaluated during training: --set evaluation.times=8 asks for evaluations"
)
"""Why a run has no such curve."""


class Quality(Figure):
    """The numbers of evaluations during training, one panel per number.

    Args:
        numbers: Names of the numbers that are shown; None: all.
        against: What they are shown against: ``"minutes"`` or ``"steps"`` of training.
    """

    def __init__(
        self, *, numbers: tuple[str, ...] | None = None, against: Against = "minutes"
    ) -> None:
        self.numbers, self.against = numbers, against

    def fits(self, run: Results) -> str | None:
        """Ask for evaluations during training."""
        if not run.evaluations:
            return NO_EVALUATIONS
        measured = run.evaluations[-1]["values"]
        if chosen(measured, self.numbers):
            return None
        return f"the numbers of the evaluations are: {', '.join(measured) or 'none'}"

    def draw(self, run: Results) -> Drawing:
        """Draw the evaluations of the run."""
        return quality(run.evaluations, numbers=self.numbers, against=self.against)


@style()
def quality(
    evaluations: Sequence[Mapping[str, Any]],
    *,
    numbers: tuple[str, ...] | None = None,
    against: Against = "minutes",
) -> Drawing:
    """Show the numbers of evaluations against the training, one panel per number.

    A dashed line is what real data gets in the place of the samples.

    Args:
        evaluations: Records with ``step``, ``elapsed_s``, ``values`` and ``baselines``.
        numbers: See :class:`Quality`.
        against: See :class:`Quality`.
    """
    if not evaluations:
        raise RequestError(NO_EVALUATIONS)
    names = chosen(evaluations[-1]["values"], numbers)
    baselines = evaluations[-1].get("baselines", {})
    figure, axes = number_panels({name: baselines.get(name) for name in names}, high=1.7)
    if against == "minutes":
        spent = [record["elapsed_s"] / 60 for record in evaluations]
    else:
        spent = [record["step"] for record in evaluations]
    for ax, name in zip(axes, names, strict=True):
        values = [record["values"].get(name, float("nan")) for record in evaluations]
        ax.plot(spent, values, "o-", color=BLUE, ms=3)
    count = evaluations[-1].get("n")
    figure.supxlabel(
        f"{against} of training ({count} samples each; dashed: real vs real)", fontsize=SMALL
    )
    return figure
