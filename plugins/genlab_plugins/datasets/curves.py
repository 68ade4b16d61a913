r"""What point sets with a known density share, and curves blurred by noise.

A set is drawn and measured in its raw units :math:`r` and handed out standardised,

.. math:: x = (r - \mu) / s, \qquad \log p(x) = \log p(r) + \sum_i \log s_i, \qquad
    H[x] = H[r] - \sum_i \log s_i,

with the exact mean :math:`\mu` and standard deviation :math:`s` of each axis.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genlab import DataSpec, Examples, PointSet, RequestError, Split, sub_seed
from genlab_plugins.datasets.checks import checked_split

__all__ = ["BlurredCurves", "Curve", "KnownPoints", "gauss_legendre", "gaussian_nodes"]

Curve = Callable[[Tensor], Tensor]
"""Takes curve parameters ``(N,)`` and returns points ``(N, 2)``."""

_CHUNK = 2**20
"""Numbers that a table of points against nodes holds at once."""


class KnownPoints(PointSet):
    """Points in the plane whose class densities are known in raw units (abstract).

    Args:
        spec: The shape, and the classes if there are any.
        mean: Exact mean of the raw distribution ``(2,)``.
        std: Exact standard deviation of each raw axis ``(2,)``.
        shares: Probabilities ``(K,)`` of the K parts that the distribution is made of.
        train: Points in the training split.
        test: Points in the test split.
        seed: Seed of both splits.
    """

    has_log_prob = True

    def __init__(
        self,
        spec: DataSpec,
        mean: Tensor,
        std: Tensor,
        shares: Tensor,
        *,
        train: int,
        test: int,
        seed: int,
    ) -> None:
        self.spec = spec
        self.mean, self.std, self.shares = mean, std, shares
        self.sizes: dict[Split, int] = {"train": train, "test": test}
        self.seed = seed

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Draw a split from its own random stream; nothing is read from ``root``."""
        generator = torch.Generator().manual_seed(sub_seed(self.seed, checked_split(split)))
        return self.draw(self.sizes[split], generator=generator)

    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        """Draw ``n`` fresh standardised points, float32 ``(n, 2)``, with their labels."""
        part = torch.multinomial(self.shares, n, replacement=True, generator=generator)
        x = (self._draw(part, generator) - self.mean) / self.std
        return Examples(x.float(), part if self.spec.classes else None)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        r"""Return the log density of the true distribution, in nats.

        .. math:: \log p(x) = \log \sum_k w_k \, p(x | k)

        It is computed in float64 on the CPU, and returned with the type and on the device of ``x``.

        Args:
            x: Standardised points ``(B, 2)``.
            y: Labels ``(B,)``: the density of each point's own class. None, or the label -1 for
                "unknown": the marginal.

        Returns:
            Log densities ``(B,)``; NaN where a point is NaN.

        Raises:
            RequestError: Labels were given that the set does not have.
        """
        densities = self._densities(x.to("cpu", torch.float64) * self.std + self.mean)
        if y is None:
            return self._marginal(densities).to(x)
        label = self._checked(y)
        log_p = densities.gather(1, label.clamp(min=0)[:, None]).squeeze(1)
        unknown = label < 0
        return log_p.masked_scatter(unknown, self._marginal(densities[unknown])).to(x)

    @cached_property
    def entropy(self) -> float:
        """Differential entropy of the standardised distribution in nats, by quadrature."""
        return self._entropy() - float(self.std.log().sum())

    def _marginal(self, densities: Tensor) -> Tensor:
        return (densities + self.shares.log()).logsumexp(1)

    def _densities(self, raw: Tensor) -> Tensor:
        """Return the log densities of the parts: minus infinity far out, NaN at NaN."""
        square = raw.square().sum(1, keepdim=True)
        densities = self._log_densities(torch.where(square.isfinite(), raw, self.mean))
        elsewhere = torch.where(square.isnan(), math.nan, -math.inf).to(raw)
        return torch.where(square.isfinite(), densities, elsewhere) + self.std.log().sum()

    def _checked(self, y: Tensor) -> Tensor:
        if not self.spec.classes:
            raise RequestError(f"{type(self).__name__} has no classes: log_prob takes y=None only")
        label = y.to("cpu", torch.int64).reshape(-1)
        wrong = label[(label < -1) | (label >= self.spec.classes)].tolist()
        if wrong:
            raise RequestError(
                f"there is a label {wrong[0]}; those of {type(self).__name__} go from 0 to "
                f'{self.spec.classes - 1}, and -1 is "unknown"'
            )
        return label

    @abc.abstractmethod
    def _draw(self, part: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one raw point, float64, from each of the given parts ``(n,)``."""

    @abc.abstractmethod
    def _log_densities(self, r: Tensor) -> Tensor:
        """Return the log density ``(B, K)`` of each part at raw points ``(B, 2)``."""

    @abc.abstractmethod
    def _entropy(self) -> float:
        """Return the differential entropy in raw units, in nats."""


def gauss_legendre(low: float, high: float, panels: int) -> tuple[Tensor, Tensor]:
    r"""Return nodes and weights of :math:`\int_\text{low}^\text{high}`: eight nodes in each panel.

    Args:
        low: Lower limit.
        high: Upper limit.
        panels: Number of equal panels.
    """
    u, w = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(8))
    width = (high - low) / panels
    left = low + width * torch.arange(panels, dtype=torch.float64)
    nodes = left[:, None] + width * (u + 1) / 2
    return nodes.flatten(), (width * w / 2).repeat(panels)


def gaussian_nodes(per_std: int = 4, reach: float = 8.0) -> tuple[Tensor, Tensor]:
    r"""Return nodes ``(n, 2)`` and weights ``(n,)`` of :math:`\mathbb{E}_{z \sim \mathcal{N}(0, I)}`.

    The trapezoidal rule, which converges exponentially on smooth integrands that decay.

    Args:
        per_std: Nodes per standard deviation of each axis.
        reach: Where the sum ends, in standard deviations.
    """
    count = int(per_std * reach)
    u = torch.arange(-count, count + 1, dtype=torch.float64) / per_std
    w = (-u.square() / 2).exp() / (per_std * math.sqrt(2 * math.pi))
    return torch.cartesian_prod(u, u), torch.outer(w, w).flatten()


class BlurredCurves:
    r"""Curves, each run through at uniform parameter and blurred by isotropic Gaussian noise.

    .. math:: p(r | k) = \frac{1}{b - a} \int_a^b \mathcal{N}(r; c_k(t), \sigma^2 I) \, dt

    The integral is a Gauss-Legendre sum whose panels are at most 2 sigma long, which leaves a relative
    error of about 1e-11.

    Args:
        curves: The curves :math:`c_k`.
        low: First parameter a.
        high: Last parameter b.
        speed: An upper bound of :math:`|c_k'(t)|`, in raw units per unit of t.
        noise: Standard deviation sigma of the noise, in raw units.
    """

    def __init__(
        self, curves: Sequence[Curve], low: float, high: float, *, speed: float, noise: float
    ) -> None:
        self.curves, self.low, self.high, self.noise = tuple(curves), low, high, noise
        panels = max(16, math.ceil(speed * (high - low) / (2 * noise)))
        t, w = gauss_legendre(low, high, panels)
        self.nodes = torch.stack([curve(t) for curve in curves])
        self.weights = w / (high - low)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation ``(2,)`` of the equal mixture of the curves."""
        mean = torch.einsum("n,knd->d", self.weights, self.nodes) / len(self.curves)
        square = torch.einsum("n,knd->d", self.weights, (self.nodes - mean).square())
        return mean, (square / len(self.curves) + self.noise**2).sqrt()

    def draw(self, part: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one point from each of the given curves ``(n,)``."""
        u = torch.rand(len(part), dtype=torch.float64, generator=generator)
        t = self.low + (self.high - self.low) * u
        z = torch.randn(len(part), 2, dtype=torch.float64, generator=generator)
        on_all = torch.stack([curve(t) for curve in self.curves])
        return on_all[part, torch.arange(len(part))] + self.noise * z

    def log_densities(self, r: Tensor) -> Tensor:
        """Return the log density ``(B, K)`` of each curve at points ``(B, 2)``."""
        return torch.cat([self._table(part) for part in r.split(_CHUNK // len(self.weights) + 1)])

    def entropy(self) -> float:
        r"""Return the entropy of the equal mixture, by the trapezoidal rule with step sigma/2."""
        step, margin = self.noise / 2, 8 * self.noise
        nodes = self.nodes.flatten(0, 1)
        weights = self.weights.repeat(len(self.curves)) / len(self.curves)
        low, high = nodes.amin(0) - margin, nodes.amax(0) + margin
        across = torch.arange(float(low[0]), float(high[0]), step, dtype=torch.float64)
        up = torch.arange(float(low[1]), float(high[1]), step, dtype=torch.float64)
        total = 0.0
        for rows in up.split(64):
            near = (nodes[:, 1] > rows[0] - margin) & (nodes[:, 1] < rows[-1] + margin)
            row = self._kernel(rows[:, None] - nodes[near, 1]) * weights[near]
            p = row @ self._kernel(across[:, None] - nodes[near, 0]).T
            total -= float(torch.xlogy(p, p).sum())
        return total * step**2

    def _kernel(self, d: Tensor) -> Tensor:
        scale = self.noise * math.sqrt(2 * math.pi)
        return (d / self.noise).square().div(-2).exp() / scale

    def _table(self, r: Tensor) -> Tensor:
        square = sum((r[:, i, None, None] - self.nodes[..., i]).square() for i in (0, 1))
        log_normal = -square / (2 * self.noise**2) - math.log(2 * math.pi * self.noise**2)
        return (log_normal + self.weights.log()).logsumexp(2)
