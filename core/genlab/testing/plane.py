"""Densities of the plane, integrated on a grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.testing.check import require

__all__ = ["Plane", "require_samples_fit"]

LogProb = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Plane:
    """What a density on the plane integrates to.

    Args:
        mass: The integral of the density.
        mean: The mean, ``(2,)``.
        square: The mean of the squares, ``(2,)``.
    """

    mass: float
    mean: Tensor
    square: Tensor

    @classmethod
    @torch.no_grad()
    def integrate(cls, log_prob: LogProb, samples: Tensor) -> Plane:
        """Integrate a density by the midpoint rule over the cells in and around which it has samples.

        What a density has far from its own samples is missed, so that such a density integrates to less
        than 1.

        Args:
            log_prob: Takes points ``(B, 2)`` and returns log densities ``(B,)``.
            samples: Some thousand samples ``(N, 2)``.
        """
        low, high = samples.amin(0).double(), samples.amax(0).double()
        side = (high - low) / _CELLS
        place = ((samples.double() - low) / side).long().clamp(max=_CELLS - 1) + _AROUND
        occupied = torch.zeros(1, 1, *[_CELLS + 2 * _AROUND] * 2)
        occupied[0, 0, place[:, 0], place[:, 1]] = 1.0
        near = torch.nn.functional.max_pool2d(occupied, 2 * _AROUND + 1, 1, _AROUND)[0, 0]
        corners = low + (near.nonzero() - _AROUND) * side
        middles = (torch.arange(_FINE, dtype=torch.float64) + 0.5) / _FINE
        points = (corners[:, None] + torch.cartesian_prod(middles, middles) * side).flatten(0, 1)
        parts = [log_prob(part.to(samples.dtype)).double().exp() for part in points.split(50_000)]
        weight = torch.cat(parts) * (side / _FINE).prod()
        mass = float(weight.sum())
        share = weight[:, None] / mass
        return cls(mass, (share * points).sum(0), (share * points.square()).sum(0))


def require_samples_fit(plane: Plane, samples: Tensor, example: str) -> None:
    """Require that samples have the moments of the density, within five standard errors.

    Args:
        plane: The integrals of the density.
        samples: Samples ``(N, 2)``.
        example: The example, for the message.
    """
    samples = samples.double()
    for name, values, want in (
        ("mean", samples, plane.mean),
        ("mean square", samples.square(), plane.square),
    ):
        error = (values.mean(0) - want).abs()
        chance = 5 * values.std(0) / math.sqrt(len(values)) + 1e-3
        require(
            bool((error <= chance).all()),
            f"{example}: the {name} of samples is {_shown(values.mean(0))}, that of the density "
            f"{_shown(want)}",
        )


_CELLS = 40  # cells on each side of the samples' extent
_AROUND = 2  # cells around one with a sample
_FINE = 4  # points on each side of a cell


def _shown(values: Tensor) -> list[float]:
    return [round(v, 3) for v in values.tolist()]
