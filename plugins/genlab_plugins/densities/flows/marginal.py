"""The map that makes the distribution of single pixels normal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab_plugins.densities.flows.transform import Transform

__all__ = ["Marginal"]

_LEAST = 1e-3  # probability beyond which the tangents begin
_FREQUENT = 0.3  # share of an end level from which on it has a normal distribution of its own
_RANGE = 8.0  # of z that all others then have


class Marginal(Transform):
    r"""Takes each number to the normal quantile of its share of smaller ones, channel by channel.

    .. math:: z = \Phi^{-1}(F(x)), \qquad \log \frac{dz}{dx} = \log f(x) - \log \varphi(z)

    where the distribution function F is linear between equally spaced edges, and f, its slope, is constant
    there. At first all bins are equally likely; the histogram of data follows with :meth:`initialise`.
    Beyond the quantiles of .001 and .999 the map goes on as its tangents.

    A level at an end that holds at least .3 of a channel, such as the black of written digits, becomes a
    normal distribution of its own, and all others lie evenly along the tangent beyond it. Dequantised, it
    is a narrow uniform distribution, which affine maps can't make normal: that costs a quarter of a bit at
    each of its pixels. As a mere part of one normal distribution it would be no deviation away from its
    neighbours, and samples would be speckled.

    Source: Chen & Gopinath 2000, "Gaussianization", for the map.

    Args:
        channels: Number C of channels.
        bins: Number of bins.
        low: The lowest edge.
        high: The highest one.
    """

    cdf: Tensor

    def __init__(self, channels: int, bins: int, low: float, high: float) -> None:
        super().__init__()
        self.bins, self.low, self.width = bins, low, (high - low) / bins
        self.end = -float(torch.special.ndtri(torch.tensor(_LEAST, dtype=torch.float64)))
        self.slope = math.sqrt(2 * math.pi) * math.exp(0.5 * self.end**2)  # dz/du at the ends
        self.register_buffer("cdf", torch.linspace(0, 1, bins + 1).expand(channels, -1).clone())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        at = ((x.detach() - self.low) / self.width).floor().clamp(0, self.bins - 1).long()
        start, mass = self._of(at)
        u = start + mass * ((x - self.low) / self.width - at)
        q = u.clamp(_LEAST, 1 - _LEAST)
        z = torch.special.ndtri(q)
        ladj = mass.log() + self._log_slope(z)
        z = z + (u - q) * self.slope
        return z, ladj.sum(tuple(range(1, x.ndim))) - x[0].numel() * math.log(self.width)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        inner = z.clamp(-self.end, self.end)
        u = torch.special.ndtr(inner) + (z - inner) / self.slope
        flat = u.detach().movedim(1, 0).reshape(z.shape[1], -1)
        at = torch.searchsorted(self.cdf, flat.contiguous(), right=True).clamp(1, self.bins) - 1
        at = at.reshape(z.movedim(1, 0).shape).movedim(0, 1)
        start, mass = self._of(at)
        x = self.low + self.width * (at + (u - start) / mass)
        ladj = mass.log() + self._log_slope(inner)
        return x, z[0].numel() * math.log(self.width) - ladj.sum(tuple(range(1, z.ndim)))

    @torch.no_grad()
    def initialise(self, x: Tensor) -> Tensor:
        """Take the distribution of the data, in which no bin is quite empty, and return z."""
        at = ((x - self.low) / self.width).floor().clamp(0, self.bins - 1).long()
        values = at.movedim(1, 0).flatten(1)
        counts = torch.stack([row.bincount(minlength=self.bins) for row in values]) + 1.0
        for channel, row in enumerate(counts / counts.sum(1, keepdim=True)):
            self.cdf[channel] = self._edges(row)
        z: Tensor = self(x)[0]
        return z

    def _edges(self, shares: Tensor) -> Tensor:
        """Return the values of F at the edges, from the shares of the bins."""
        start, sizes = 0.0, 0.99 * shares + 0.01 / self.bins  # no bin is empty
        if self.bins > 1 and float(shares[[0, -1]].max()) >= _FREQUENT:
            sizes = torch.full_like(shares, _RANGE / self.slope / (self.bins - 1))
            end = 0 if shares[0] >= shares[-1] else -1
            start = 0.0 if end == 0 else _LEAST - float(sizes[1:].sum())
            sizes[end] = 1 - _LEAST
        return start + torch.cat([torch.zeros_like(sizes[:1]), sizes.cumsum(0)])

    def _of(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """Return where bins begin, and their probabilities."""
        channel = torch.arange(at.shape[1], device=at.device).view(-1, *(1 for _ in at.shape[2:]))
        start, end = self.cdf[channel, at], self.cdf[channel, at + 1]
        return start, end - start

    def _log_slope(self, z: Tensor) -> Tensor:
        """Return the logarithm of dz/du where z is between the ends."""
        return 0.5 * z.square() + 0.5 * math.log(2 * math.pi)
