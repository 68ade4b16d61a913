"""What the one-step samplers of Gaussian diffusion have in common."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab import Sampler
from genlab.protocols import Restores
from genlab_plugins.samplers.grids import Grid, times

__all__ = ["GaussianWalk"]


class GaussianWalk(Sampler):
    """A walk over a named grid that keeps nothing but its generator from step to step (abstract)."""

    spacing: Grid
    """Times of the walk; set by the constructor."""

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
    ) -> torch.Generator:
        """Return the generator: the walk has no other state."""
        return generator
