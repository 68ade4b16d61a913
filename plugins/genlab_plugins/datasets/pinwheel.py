"""Curved arms around a centre."""

from __future__ import annotations

import math
from typing import Annotated, final

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from genlab import DataSpec
from genlab_plugins.datasets.checks import Points, Seed
from genlab_plugins.datasets.curves import KnownPoints, gaussian_nodes

__all__ = ["Pinwheel"]

_CELLS = 512
"""Cells of the circle that are searched for preimages."""

_HALVINGS = 28
"""Bisections of a cell, before a Newton step that squares what is left of the error."""

_FAR = 30.0
"""Where the turn of an arm stops growing, lest it overflow; the density is nil long before."""

_CHUNK = 2000
"""Points whose preimages are searched at once."""


@final
class Pinwheel(KnownPoints):
    r"""Arms of a pinwheel: Gaussians stretched along a ray and turned by an angle that grows outwards.

    .. math:: (u, v) \sim \mathcal{N}(1, \sigma_u^2) \times \mathcal{N}(0, \sigma_v^2), \qquad
        r_1 + i r_2 = (u + i v) \, e^{-i (\theta_k + \lambda e^u)}, \quad
        \theta_k = 2 \pi k / K

    The map keeps :math:`\rho = |u + i v|` and has the Jacobian determinant
    :math:`1 + \lambda v e^u`, so the density of an arm is a sum over the few points of the circle of
    radius :math:`\rho` that it sends to r,

    .. math:: p(r | k) = \sum_{\phi} \frac{\mathcal{N}(u; 1, \sigma_u^2) \, \mathcal{N}(v; 0, \sigma_v^2)}
        {|1 + \lambda v e^u|}, \qquad (u, v) = \rho (\cos \phi, \sin \phi), \quad
        \phi - \lambda e^u \equiv \arg r + \theta_k .

    Source: Johnson et al. 2016 (arXiv:1603.06277), with the numbers of Grathwohl et al. 2018
    (arXiv:1810.01367), whose final factor 2 the standardisation undoes.

    Args:
        arms: Number K of arms, which are the classes.
        radial_std: Standard deviation of u, along an arm; arms are centred at radius 1.
        tangential_std: Standard deviation of v, across an arm.
        rate: How fast arms turn: lambda, in radians.
        train: Points in the training split.
        test: Points in the test split.
        seed: Seed of both splits.
    """

    def __init__(
        self,
        *,
        arms: Annotated[int, Field(gt=0, le=1000)] = 5,
        radial_std: PositiveFloat = 0.3,
        tangential_std: PositiveFloat = 0.1,
        rate: PositiveFloat = 0.25,
        train: Points = 50_000,
        test: Points = 10_000,
        seed: Seed = 0,
    ) -> None:
        self.rate = rate
        self.centre = torch.tensor([1.0, 0.0], dtype=torch.float64)
        self.scales = torch.tensor([radial_std, tangential_std], dtype=torch.float64)
        self.theta = 2 * math.pi * torch.arange(arms, dtype=torch.float64) / arms
        shares = torch.full((arms,), 1 / arms, dtype=torch.float64)
        super().__init__(
            DataSpec((2,), "vector", arms, tuple(f"arm {k}" for k in range(arms))),
            *self._moments(),
            shares,
            train=train,
            test=test,
            seed=seed,
        )

    def _moments(self) -> tuple[Tensor, Tensor]:
        z, w = gaussian_nodes()
        r = torch.stack([self._turned(z, theta) for theta in self.theta])
        mean = torch.einsum("n,knd->kd", w, r).mean(0)
        return mean, torch.einsum("n,knd->kd", w, (r - mean).square()).mean(0).sqrt()

    def _turned(self, z: Tensor, theta: Tensor) -> Tensor:
        u, v = (self.centre + self.scales * z).unbind(-1)
        angle = theta + self._turn(u)
        cos, sin = angle.cos(), angle.sin()
        return torch.stack([u * cos + v * sin, v * cos - u * sin], -1)

    def _draw(self, part: Tensor, generator: torch.Generator) -> Tensor:
        z = torch.randn(len(part), 2, dtype=torch.float64, generator=generator)
        return self._turned(z, self.theta[part])

    def _entropy(self) -> float:
        z, w = gaussian_nodes()
        r = self._turned(z, self.theta[0])  # every arm has the same share, and the set is symmetric
        log_p = (self._log_densities(r) + self.shares.log()).logsumexp(1)
        return -float((w * log_p).sum())

    def _log_densities(self, r: Tensor) -> Tensor:
        return torch.cat([self._table(part) for part in r.split(_CHUNK)])

    def _table(self, r: Tensor) -> Tensor:
        rho, argument = torch.linalg.vector_norm(r, dim=1), torch.atan2(r[:, 1], r[:, 0])
        with torch.no_grad():
            row, level, phi = self._preimages(rho, argument)
        target = argument[row] + level * (2 * math.pi / len(self.theta))
        phi = self._polished(phi, rho[row], target)
        u, v = rho[row] * phi.cos(), rho[row] * phi.sin()
        z = (torch.stack([u, v], -1) - self.centre) / self.scales
        log_normal = -z.square().sum(-1) / 2 - (2 * math.pi * self.scales.prod()).log()
        terms = log_normal - (1 + v * self._turn(u)).abs().log()
        cell = row * len(self.theta) + level.long() % len(self.theta)
        return _sum_by_cell(terms, cell, len(r) * len(self.theta)).reshape(len(r), -1)

    def _turn(self, u: Tensor) -> Tensor:
        return self.rate * u.clamp(max=_FAR).exp()

    def _phase(self, phi: Tensor, rho: Tensor) -> Tensor:
        return phi - self._turn(rho * phi.cos())

    def _preimages(self, rho: Tensor, argument: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Find where the phase passes the argument of a point plus a multiple of 2 pi / K.

        Returns:
            For each place, the index of its point, the multiple (whose residue is the arm), and the
            angle phi.
        """
        arms = len(self.theta)
        edges = math.pi * torch.linspace(-1, 1, _CELLS + 1, dtype=torch.float64)
        phase = self._phase(edges, rho[:, None]) - argument[:, None]
        level = (phase * (arms / (2 * math.pi))).floor()
        # Both ends are the same angle: rounding must not part them.
        level[:, -1] = level[:, 0] + arms
        step = level.diff(dim=1)
        row, cell = step.nonzero(as_tuple=True)
        # A cell holds more places than arms only far out, where the density is nil.
        passed = step[row, cell].abs().clamp(max=arms).long()
        row, cell = row.repeat_interleave(passed), cell.repeat_interleave(passed)
        first = (passed.cumsum(0) - passed).repeat_interleave(passed)
        nth = torch.arange(len(row)) - first
        goal = torch.maximum(level[row, cell], level[row, cell + 1]) - nth
        phi = self._bisected(edges, cell, rho[row], argument[row], goal, step[row, cell])
        return row, goal, phi

    def _bisected(
        self, edges: Tensor, cell: Tensor, rho: Tensor, argument: Tensor, goal: Tensor, step: Tensor
    ) -> Tensor:
        target = argument + goal * (2 * math.pi / len(self.theta))
        low, high = edges[cell], edges[cell + 1]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            before = (self._phase(middle, rho) < target) == (step > 0)
            low, high = torch.where(before, middle, low), torch.where(before, high, middle)
        return (low + high) / 2

    def _polished(self, phi: Tensor, rho: Tensor, target: Tensor) -> Tensor:
        """Take one Newton step, through which gradients reach the point."""
        gap = self._phase(phi, rho) - target
        slope = 1 + rho * phi.sin() * self._turn(rho * phi.cos())
        return phi - gap / slope.detach()


def _sum_by_cell(terms: Tensor, cell: Tensor, cells: int) -> Tensor:
    """Return the logarithm of the sum of ``exp(terms)`` in each cell."""
    lowest = torch.full((cells,), -math.inf, dtype=terms.dtype)
    top = lowest.scatter_reduce(0, cell, terms.detach(), "amax")
    total = torch.zeros_like(top).index_add(0, cell, (terms - top[cell]).exp())
    return top + total.log()
