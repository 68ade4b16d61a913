"""Quality over the steps of a trajectory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure as Drawing

from genlab.errors import RequestError
from genlab.evaluation.measured import of_trajectories
from genlab.report.figure import Figure, Results
from genlab.report.figures.numbers import chosen, number_panels
from genlab.report.figures.style import PALETTE, SMALL, style

__all__ = ["Steps", "measured_over_steps", "over_steps"]

_NONE = (
    "no number was measured at several counts of steps: genlab evaluate RUN --sampler NAME "
    "--steps 5 --steps 10 --steps 20 does"
)


class Steps(Figure):
    """Numbers against the steps of a trajectory, one panel per number and one line per sampler.

    Args:
        numbers: Names of the numbers that are shown; None: all that were measured at several counts of steps.
    """

    def __init__(self, *, numbers: tuple[str, ...] | None = None) -> None:
        self.numbers = numbers

    def fits(self, run: Results) -> str | None:
        """Ask for a number that was measured at several counts of steps."""
        return None if chosen(measured_over_steps(run.records), self.numbers) else _NONE

    def draw(self, run: Results) -> Drawing:
        """Draw the numbers of the run."""
        return over_steps(run.records, numbers=self.numbers)


@style()
def over_steps(
    records: Sequence[Mapping[str, Any]], *, numbers: tuple[str, ...] | None = None
) -> Drawing:
    """Show numbers against the steps of a trajectory, one panel per number and one line per sampler.

    Args:
        records: Measured numbers, each with ``name``, ``value``, ``baseline``, ``sampler`` and
            ``sampling_steps``. Numbers that were not measured at several counts of steps are left out,
            those that are the same for all, and what was measured in another number of samples than most.
        numbers: See :class:`Steps`.
    """
    records = _of_one_size(records)
    names = chosen(measured_over_steps(records), numbers)
    if not names:
        raise RequestError(_NONE)
    baselines = {r["name"]: r.get("baseline") for r in reversed(records)}
    figure, axes = number_panels({name: baselines[name] for name in names}, high=1.9)
    every = sorted({r["sampling_steps"] for r in records})
    samplers = sorted({r["sampler"] for r in records if r.get("sampler")})
    for ax, name in zip(axes, names, strict=True):
        for k, sampler in enumerate(samplers):
            points = sorted(
                (r["sampling_steps"], r["value"])
                for r in records
                if r["name"] == name and r.get("sampler") == sampler
            )
            steps, values = [p[0] for p in points], [p[1] for p in points]
            ax.plot(steps, values, "o-", color=PALETTE[k % len(PALETTE)], ms=3, label=sampler)
        ax.set_xscale("log")
        ax.set_xticks(every, [str(n) for n in every])
        ax.minorticks_off()
    axes[0].legend()
    figure.supxlabel("steps of the trajectory (dashed: real vs real)", fontsize=SMALL)
    return figure


def measured_over_steps(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the numbers that were measured at several counts of steps.

    Where some differ, those that do not are left out.
    """
    steps: dict[str, set[int]] = {}
    values: dict[str, set[float]] = {}
    for record in _of_one_size(records):
        if record.get("sampler"):
            steps.setdefault(record["name"], set()).add(record["sampling_steps"])
            values.setdefault(record["name"], set()).add(record["value"])
    several = [name for name, found in steps.items() if len(found) > 1]
    return [name for name in several if len(values[name]) > 1] or several


def _of_one_size(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records in which nothing but the trajectory was chosen, in as many samples as most have."""
    records = [r for r in of_trajectories(records) if r.get("sampling_steps")]
    sizes: dict[str, Counter[Any]] = {}
    for record in records:
        sizes.setdefault(record["name"], Counter())[record.get("n")] += 1
    usual = {name: found.most_common(1)[0][0] for name, found in sizes.items()}
    return [r for r in records if r.get("n") == usual[r["name"]]]
