r"""Mix: every example fades into another one."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import torch
from torch import Tensor

from genlab import (
    AdditiveDegradation,
    Advice,
    DegradationTags,
    InvertibleDegradation,
    Kind,
    LinearDegradation,
    right_expand,
)

__all__ = ["Mix"]


class Mix(AdditiveDegradation, LinearDegradation, InvertibleDegradation):
    r"""Every example fades into another example of the data.

    .. math:: x_t = (1 - t) \, x_0 + t \, z

    The draw z is another example of the batch; a batch of one gets itself, reversed along every axis of
    space or time (vectors, which have none: with the opposite sign). Nothing of :math:`x_0` is left at
    t = 1, but all of z is: a prior has to model whole examples, and ``summarize(x_1)`` is all of
    :math:`x_1`.

    The paper's weights are :math:`\sqrt{\bar\alpha_t}` and :math:`\sqrt{1 - \bar\alpha_t}`, which keep
    the variance of independent, centred data; these keep the range of pixels.

    Source: Bansal et al. 2022 (arXiv:2208.09392) ("animorphosis").
    """

    tags = DegradationTags(stochastic=True, data=frozenset(get_args(Kind)))

    def advice(self) -> Advice:
        """Return what goes well with mixing: a prior that hands out whole examples."""
        return replace(super().advice(), prior="empirical")

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw another example of the batch for each."""
        n = len(x_0)
        if n == 1:
            return x_0.flip(tuple(range(2, x_0.ndim))) if x_0.ndim > 2 else -x_0
        ahead = torch.randint(1, n, (n,), generator=generator, device=x_0.device)
        return x_0[(torch.arange(n, device=x_0.device) + ahead) % n]

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Fade each example to its own time."""
        if z is None:
            raise ValueError("mixing needs the other examples z that draw() returns")
        return self.A(x_0, t, z) + right_expand(t, x_0) * z

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the part of ``x_t`` that comes from ``x_0``, ``(1 - t) x``."""
        return (1 - right_expand(t, x)) * x

    def A_adjoint(self, y: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the adjoint of :meth:`A`, which is :meth:`A` itself."""
        return self.A(y, t, z)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return x_0 from x_t and the other example."""
        if z is None:
            raise ValueError("inverting a mixture needs the other examples z that draw() returns")
        t = right_expand(t, x_t)
        return (x_t - t * z) / (1 - t)

    def noise(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        """Return the other example that explains ``x_t`` by ``x_0``; 0 at t = 0."""
        share = right_expand(t, x_t)
        return torch.where(share > 0, (x_t - self.A(x_0, t, None)) / share.clamp_min(1e-20), 0.0)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the whole example, flattened."""
        return x_1.flatten(1).clone()

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the whole example."""
        return c.reshape(len(c), *shape).clone()

    def layout(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an example, where it is an image."""
        return shape if len(shape) == 3 else ()
