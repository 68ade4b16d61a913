"""Trajectories: from a degraded state back to the data, with any sampler."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.components.degradation import Degradation, cast_like
from genlab.components.registry import registry
from genlab.components.sampler import Restores, Sampler
from genlab.diffusion.checks import check_time, checked_count, checked_sampler
from genlab.diffusion.restorer import jittered
from genlab.errors import RequestError

__all__ = ["Conditioned", "Step", "end_of", "refuse_sampler", "trajectory"]


class Step(NamedTuple):
    """One state of a trajectory.

    Args:
        t: Its time.
        x_t: The state, ``(B, *shape)``.
        estimate: The estimate of the clean data from there, ``(B, *shape)``.
    """

    t: float
    x_t: Tensor
    estimate: Tensor


class Conditioned:
    """A restorer that follows labels, as a sampler sees it.

    Args:
        restorer: Gives the estimate from ``(x_t, t, y)``.
        degradation: What is walked back.
        y: Labels ``(B,)`` that the estimate follows, or None.
        limit: Largest absolute value of an estimate; None: there is none.
    """

    def __init__(
        self,
        restorer: Callable[[Tensor, Tensor, Tensor | None], Tensor],
        degradation: Degradation,
        y: Tensor | None = None,
        limit: float | None = None,
    ) -> None:
        self.restorer, self.degradation, self.y, self.limit = restorer, degradation, y, limit

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the estimate of x_0."""
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


def trajectory(
    restorer: Restores,
    sampler: Sampler,
    x_t: Tensor,
    *,
    generator: torch.Generator,
    z: Tensor | None = None,
    steps: int | None = None,
    start: float = 1.0,
    jitter: float | None = None,
) -> Iterator[Step]:
    r"""Walk back from degraded data and hand out every state.

    A restorer that was trained under noise of deviation :math:`\sigma` is walked back from
    :math:`x_t + \sigma \epsilon`, and the trajectory ends with its last estimate, which is free of the noise.

    Args:
        restorer: Estimates the clean data: a :class:`~genlab.Restorer`, or any function of ``(x_t, t)`` with
            a ``degradation``.
        sampler: How to walk back.
        x_t: Where to start, ``(B, *shape)``.
        generator: Source of all randomness, on the device of ``x_t``.
        z: The draw of each trajectory, where the degradation has one.
        steps: Number of steps; None: the sampler's usual.
        start: The time of ``x_t``; the times of the sampler are scaled to it.
        jitter: The deviation :math:`\sigma`; None: that of the restorer, if it has one.

    Returns:
        An iterator over the states before every step, and at last the clean data at t = 0.

    Raises:
        RequestError: The sampler does not walk this degradation back.

    Example:
        >>> import torch
        >>> from genlab import build
        >>> from genlab.diffusion import Restorer
        >>> from genlab import DataSpec
        >>> network = build("backbone", "mlp", DataSpec((2,), "vector"))
        >>> restorer = Restorer(network, build("degradation", "gaussian"))
        >>> g = torch.Generator().manual_seed(0)
        >>> x_1 = torch.randn(8, 2, generator=g)
        >>> walked = list(trajectory(restorer, build("sampler", "ddim"), x_1, steps=4, generator=g))
        >>> [round(step.t, 2) for step in walked]
        [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    refuse_sampler(sampler, restorer.degradation)
    check_time(start, "a trajectory starts at a time in (0, 1]")
    steps = (
        sampler.usual_steps
        if steps is None
        else checked_count("steps", steps, "a trajectory has at least one step")
    )
    return _walked(restorer, sampler, x_t, z, steps, start, jitter, generator)


@torch.no_grad()
def _walked(
    restorer: Restores,
    sampler: Sampler,
    x_t: Tensor,
    z: Tensor | None,
    steps: int,
    start: float,
    jitter: float | None,
    generator: torch.Generator,
) -> Iterator[Step]:
    deviation = float(getattr(restorer, "jitter", 0.0)) if jitter is None else jitter
    x_t = jittered(x_t, deviation, generator)
    times = cast_like(sampler.grid(steps, restorer.degradation), x_t) * start
    x_0 = x_t
    state = sampler.init(restorer, x_t, times[0].expand(len(x_t)), z, generator=generator)
    for t, s in pairwise(times):
        listening = _Listening(restorer)
        batch = (t.expand(len(x_t)), s.expand(len(x_t)))
        x_s, state = sampler.step(listening, x_t, *batch, state)
        x_0 = x_s if listening.first is None else listening.first
        yield Step(float(t), x_t, x_0)
        x_t = x_s
    end = x_0 if deviation else x_t
    yield Step(0.0, end, end)


def refuse_sampler(sampler: Sampler, degradation: Degradation) -> None:
    """Refuse a sampler that needs more than the degradation offers, naming those that fit.

    Raises:
        RequestError: It does.
    """
    checked_sampler(sampler)
    if isinstance(degradation, sampler.requires):
        return
    samplers, degradations = registry("sampler"), registry("degradation")
    given = samplers.name_of(type(sampler)) or sampler
    other = degradations.name_of(type(degradation)) or degradation
    fitting = [name for name in samplers.names() if _walks(name, degradation)]
    raise RequestError(
        f"the sampler {given!r} needs a {sampler.requires.__name__}, and {other!r} is none. These fit "
        f"it: {', '.join(fitting)}"
    )


def _walks(name: str, degradation: Degradation) -> bool:
    try:
        return isinstance(degradation, registry("sampler").get(name).requires)
    except RequestError:
        return False


def end_of(steps: Iterable[Step]) -> Tensor:
    """Return where a trajectory ends, ``(B, *shape)``."""
    return deque(steps, maxlen=1).pop().x_t
