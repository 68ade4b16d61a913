"""What samplers have in common: a named grid of times, and what they keep from step to step."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab import Degradation, Restores, Sampler
from genlab_plugins.samplers.grids import Grid, times

__all__ = ["DrawSampler", "GeneratorSampler", "GridSampler"]


class GridSampler(Sampler):
    """A sampler whose times are those of a named grid (abstract)."""

    spacing: Grid
    """Times of the trajectory; set by the constructor."""

    def grid(self, steps: int, degradation: Degradation) -> Tensor:
        """Return the times of the grid that was asked for."""
        return times(self.spacing, steps, degradation)


class DrawSampler(GridSampler):
    """A sampler that keeps nothing but the draw of each trajectory (abstract)."""

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Tensor | None:
        """Return the draw: there is no other state."""
        return z


class GeneratorSampler(GridSampler):
    """A sampler that keeps nothing but its generator (abstract)."""

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> torch.Generator:
        """Return the generator: there is no other state."""
        return generator
