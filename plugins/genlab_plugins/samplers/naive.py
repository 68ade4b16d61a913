r"""Naive sampling, algorithm 1 of Cold Diffusion."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab import Sampler, SamplerTags, explain
from genlab.protocols import Restores
from genlab_plugins.samplers.grids import Grid, times

__all__ = ["Naive"]


class Naive(Sampler):
    r"""Restore, then degrade again a little less, for any degradation.

    .. math:: x_s = D(\hat x_0, s; z)

    What :math:`x_t` knows beyond :math:`\hat x_0` is forgotten at every step, so the restorer's errors
    add up, and its impossible states are repaired.

    Source: Bansal et al. 2022 (arXiv:2208.09392), algorithm 1.

    Args:
        grid: Times of the walk: ``"uniform"``, ``"quadratic"`` or ``"cosine"``.
    """

    tags = SamplerTags(steps=20)

    def __init__(self, *, grid: Grid = "uniform") -> None:
        self.spacing = grid

    def grid(self, steps: int) -> Tensor:
        """Return the times of the grid that was asked for."""
        return times(self.spacing, steps)

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Tensor | None:
        """Return the draw of each trajectory."""
        return z

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Walk from t to s."""
        x_0 = restorer(x_t, t)
        z = explain(restorer.degradation, x_t, x_0, t, state)
        return restorer.degradation.degrade(x_0, s, z), state
