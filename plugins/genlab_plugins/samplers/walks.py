"""What samplers have in common: a walk over a named grid, and what it keeps from step to step."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab import Degradation, Sampler
from genlab.protocols import Restores
from genlab_plugins.samplers.grids import Grid, times

__all__ = ["DrawWalk", "GeneratorWalk", "GridWalk"]


class GridWalk(Sampler):
    """A walk over a named grid (abstract)."""

    spacing: Grid
    """Times of the walk; set by the constructor."""

    def grid(self, steps: int, degradation: Degradation) -> Tensor:
        """Return the times of the grid that was asked for."""
        return times(self.spacing, steps, degradation)


class DrawWalk(GridWalk):
    """A walk that keeps nothing but the draw of each trajectory (abstract)."""

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Tensor | None:
        """Return the draw: the walk has no other state."""
        return z


class GeneratorWalk(GridWalk):
    """A walk that keeps nothing but its generator (abstract)."""

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
