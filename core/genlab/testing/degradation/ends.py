"""The end of a degradation: what is left at t = 1, and how a state is built from it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.testing.check import example_data, require, require_close
from genlab.testing.degradation.case import Case, Shape

__all__ = ["ENDS"]


def _summary_is_small(case: Case) -> None:
    """summarize() returns fewer numbers than an example has."""
    for shape in case.shapes:
        x_0 = example_data(shape, 2)
        k = case.summarize(case.at(x_0, 1.0, case.draw(x_0))).shape[-1]
        n = math.prod(shape)
        require(k < n, f"{k} numbers are left of an example with {n}, shape {shape}")


def _summary_round_trip(case: Case) -> None:
    """summarize(expand(c)) is c, for the c of data and for the c half-way between two examples."""
    for shape in case.shapes:
        x_0 = example_data(shape, 6)
        c = case.summarize(case.at(x_0, 1.0, case.draw(x_0)))
        for name, given in (("of data", c), ("half-way", (c + c.flip(0)) / 2)):
            again = case.summarize(case.expand(given, shape))
            require_close(again, given, 1e-4, f"c {name}, shape {shape}")


def _layout_is_of_the_summary(case: Case) -> None:
    """layout() is empty, or the shape of an image with as many cells as summarize() returns numbers."""
    for shape in case.shapes:
        layout = case.degradation.layout(shape)
        if not layout:
            continue
        x_0 = example_data(shape, 2)
        k = case.summarize(case.at(x_0, 1.0, case.draw(x_0))).shape[-1]
        require(len(layout) == 3, f"the layout {layout} is no image, shape {shape}")
        require(math.prod(layout) == k, f"the layout {layout} of {k} numbers, shape {shape}")


def _terminal_state_is_explained(case: Case) -> None:
    """x_1 holds nothing of x_0 that c does not: it is expand(c), or its noise ignores x_0."""
    stochastic = case.degradation.tags.stochastic
    for shape in case.shapes:
        n = max(500, 40_000 // math.prod(shape)) if stochastic else 8
        x_0 = example_data(shape, n)
        x_1 = case.at(x_0, 1.0, case.draw(x_0))
        built = case.expand(case.summarize(x_1), shape)
        rest = x_1 - built
        share = float(rest.norm() / x_0.norm())
        if share <= 0.05:
            continue
        require(stochastic, f"|x_1 - expand(c)| is {share:.1%} of |x_0|, shape {shape}")
        _require_noise(x_0, x_1, built, shape)


def _require_noise(x_0: Tensor, x_1: Tensor, built: Tensor, shape: Shape) -> None:
    """Require that x_1 given c has the moments of expand(c), and does not depend on x_0."""
    rest, n = x_1 - built, len(x_0)
    chance = 0.05 + 5 / math.sqrt(n)
    spread = float(x_1.std())
    offset = abs(float(x_1.mean() - built.mean())) / spread
    require(offset <= chance, f"mean of x_1 is off expand(c) by {offset:.2f} sd, shape {shape}")
    ratio = float(built.std()) / spread
    require(
        abs(ratio - 1) <= chance,
        f"deviation of expand(c) is {ratio:.2f} of that of x_1, shape {shape}",
    )
    both = torch.stack([rest.flatten(), x_0.flatten()])
    correlation = abs(float(torch.corrcoef(both)[0, 1]))
    require(
        correlation <= 0.05 + 5 / math.sqrt(x_0.numel()),
        f"x_1 given c correlates with x_0 by {correlation:.2f}, shape {shape}",
    )


ENDS = (
    _summary_is_small,
    _summary_round_trip,
    _layout_is_of_the_summary,
    _terminal_state_is_explained,
)
