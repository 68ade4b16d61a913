"""The forward process: how a degradation destroys data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from matplotlib.figure import Figure as Drawing
from pydantic import Field
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.components.degradation import Degradation
from genlab.errors import RequestError
from genlab.report.figure import Figure, Results
from genlab.report.figures.needs import Rows, Time, diffusion_of, no_diffusion, shown
from genlab.report.figures.strips import state_strip
from genlab.report.figures.style import style
from genlab.seeds import generator_of

__all__ = ["Forward", "degraded", "forward"]

Times = Annotated[tuple[Time, ...], Field(min_length=1)]
TENTHS = tuple(i / 10 for i in range(11))


class Forward(Figure):
    """Test examples from clean to fully degraded, one column per time.

    Source: Sohl-Dickstein et al. 2015 (arXiv:1503.03585), fig. 1.

    Args:
        times: The times, from 0 (clean) to 1 (fully degraded).
        rows: How many examples are shown; vectors are a cloud.
    """

    def __init__(self, *, times: Times = TENTHS, rows: Rows = 6) -> None:
        self.times, self.rows = times, rows

    def fits(self, run: Results) -> str | None:
        """Ask for a degradation."""
        return no_diffusion(run)

    def draw(self, run: Results) -> Drawing:
        """Degrade the first examples of the test split."""
        x_0 = run.data.test.first(shown(run.spec, self.rows))[0].cpu()
        degradation = diffusion_of(run).restorer.degradation
        states = degraded(degradation, x_0, self.times, seed=run.seed)
        return forward(states, self.times, run.spec, rows=self.rows)


def degraded(
    degradation: Degradation, x_0: Tensor, times: Sequence[float], *, seed: int = 0
) -> list[Tensor]:
    """Return examples degraded to several times, with one draw for each example.

    Args:
        degradation: What degrades them.
        x_0: Clean data ``(B, *shape)``, on the CPU.
        times: The times.
        seed: Seed of what is drawn.
    """
    z = degradation.draw(x_0, generator=generator_of(seed, "degrading"))
    return [degradation.degrade(x_0, torch.full((len(x_0),), t), z) for t in times]


@style()
def forward(
    x_t: Sequence[Tensor], times: Sequence[float], spec: DataSpec, *, rows: int = 8
) -> Drawing:
    """Show examples from clean to fully degraded.

    Images, the middle slices of volumes, and series make a row per example and a column per time. Vectors
    make one scatter plot per time.

    Source: Sohl-Dickstein et al. 2015 (arXiv:1503.03585), fig. 1.

    Args:
        x_t: The same examples at each time, each ``(B, *shape)`` in the data convention.
        times: The times, in the order of ``x_t``.
        spec: What the data is.
        rows: How many examples are shown at most; vectors are all shown.
    """
    if not len(x_t) or len(x_t) != len(times):
        raise RequestError(f"one state per time is needed: {len(x_t)} states, {len(times)} times")
    values = [f"{t:.3g}" for t in times]
    return state_strip(x_t, values, spec, prefix="t = ", rows=rows, side="$x_t$")
