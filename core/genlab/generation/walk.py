"""Walking back from a degraded state, with any sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.protocols import Degradation, Restores, Sampler

__all__ = ["Bounded", "Step", "walk"]


class Step(NamedTuple):
    """One state of a walk.

    Args:
        t: Its time.
        x_t: The state, ``(B, *shape)``.
        x_0: The estimate of the clean data from there, ``(B, *shape)``.
    """

    t: float
    x_t: Tensor
    x_0: Tensor


class Bounded:
    """A restorer whose estimates stay in the range of the data.

    Args:
        restorer: Gives the estimate.
        degradation: What is walked back.
        limit: Largest absolute value of the data, or None when it has none.
        y: Labels ``(B,)`` that the estimate is conditioned on, or None.
    """

    def __init__(
        self,
        restorer: Callable[[Tensor, Tensor, Tensor | None], Tensor],
        degradation: Degradation,
        limit: float | None = None,
        y: Tensor | None = None,
    ) -> None:
        self.restorer = restorer
        self.degradation = degradation
        self.limit = limit
        self.y = y

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the x_0 estimate, in range."""
        x_0 = self.restorer(x_t, t, self.y)
        return x_0 if self.limit is None else x_0.clamp(-self.limit, self.limit)


class _Listening:
    """Passes a restorer through and remembers the first estimate of a step."""

    def __init__(self, restorer: Restores) -> None:
        self.restorer = restorer
        self.degradation = restorer.degradation
        self.first: Tensor | None = None

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        x_0 = self.restorer(x_t, t)
        if self.first is None:
            self.first = x_0
        return x_0


@torch.no_grad()
def walk(
    restorer: Restores,
    sampler: Sampler,
    x_t: Tensor,
    z: Tensor | None,
    steps: int,
    *,
    generator: torch.Generator,
    start: float = 1.0,
    end_at_estimate: bool = False,
) -> Iterator[Step]:
    """Walk back and hand out every state.

    Args:
        restorer: Estimates the clean data.
        sampler: How to walk.
        x_t: Where to start, ``(B, *shape)``.
        z: The draw of each trajectory, where the degradation has one.
        steps: Number of steps.
        generator: Source of the walk's randomness, on the device of ``x_t``.
        start: The time of ``x_t``; the grid of times is scaled to it.
        end_at_estimate: End with the last estimate of the clean data, not with the last state.

    Yields:
        The state before every step, and at last the clean data at t = 0.
    """
    times = sampler.grid(steps, restorer.degradation).to(x_t.device) * start
    x_0 = x_t
    state = sampler.init(restorer, x_t, times[0].expand(len(x_t)), z, generator=generator)
    for t, s in pairwise(times):
        listening = _Listening(restorer)
        batch = (t.expand(len(x_t)), s.expand(len(x_t)))
        x_s, state = sampler.step(listening, x_t, *batch, state)
        x_0 = x_s if listening.first is None else listening.first
        yield Step(float(t), x_t, x_0)
        x_t = x_s
    end = x_0 if end_at_estimate else x_t
    yield Step(0.0, end, end)
