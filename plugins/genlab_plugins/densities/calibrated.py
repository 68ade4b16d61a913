"""A Gaussian mixture whose features are given the marginals of the data."""

from __future__ import annotations

import math
from typing import Annotated, get_args

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from genlab import DataSpec, DensityTags, FittedDensity, Kind
from genlab_plugins.densities.gmm import GMM

__all__ = ["Calibrated"]

_NARROW = 1e-2  # deviations: the width that a value has which is taken again and again
_LEAST = 1e-5  # deviations between two quantiles
_DRAWS = 20_000  # of the mixture, at most as many examples
_EACH = 50  # examples between two quantiles, at least


class Calibrated(FittedDensity):
    r"""A Gaussian mixture, each feature of which is taken to its marginal in the data.

    .. math:: p(x) = p_{\text{GMM}}(u) \prod_i g_i'(x_i), \qquad u_i = g_i(x_i) \approx
        F_{\text{GMM}, i}^{-1}(F_i(x_i))

    with the distribution functions :math:`F_i` of the data and of the mixture. The monotone :math:`g_i` is
    linear between quantiles. It suits features that are often of one value, such as the black of a
    background, or never beyond a bound: a mixture draws values around it and beyond. A value that is taken
    again and again is as wide as a hundredth of the deviation. With classes, each has a mixture of its own.

    Source: ours; the map of each feature is that of quantile matching.

    Args:
        spec: The data.
        components: Number of components per class, or None to choose it.
        most: Largest number of components that is chosen.
        quantiles: Number of quantiles of each feature; fewer where there are not 50 examples for each.
    """

    tags = DensityTags(conditional=True, data=frozenset(get_args(Kind)))

    shift: Tensor
    spread: Tensor
    values: Tensor
    drawn: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        components: PositiveInt | None = None,
        most: PositiveInt = 128,
        quantiles: Annotated[int, Field(ge=2)] = 256,
    ) -> None:
        super().__init__()
        features = math.prod(spec.shape)
        self.shape, self.classes = spec.shape, spec.classes
        flat = DataSpec((features,), "vector", spec.classes, spec.names)
        self.mixture = GMM(flat, components=components, most=most)
        self.register_buffer("shift", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        line = torch.linspace(-3, 3, quantiles).expand(features, quantiles)
        self.register_buffer("values", line.clone())
        self.register_buffer("drawn", line.clone())

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Fit a mixture, and compare its quantiles with those of the data."""
        rows = x.flatten(1).cpu()
        deviation = rows.std(0, correction=0)
        self.shift = rows.mean(0).to(self.shift)
        self.spread = torch.where(deviation > 1e-6 * rows.abs().amax(), deviation, 1.0).to(
            self.spread
        )
        standard = (rows - self.shift.cpu()) / self.spread.cpu()
        self.mixture.fit(standard.to(self.values), y, generator=generator)
        chosen = torch.randperm(len(rows), generator=generator)[:_DRAWS]
        # Equal values get quantiles of their own, as many as there are of them.
        wide = standard[chosen] + _NARROW * (torch.rand(len(chosen), 1, generator=generator) - 0.5)
        known = None if y is None or not self.classes else y.cpu()[chosen]
        device = self.values.device
        own = generator if device.type == "cpu" else torch.Generator(device).manual_seed(0)
        labels = None if known is None else known.to(device)
        bank = self.mixture.sample(len(chosen), labels, generator=own)
        self.values, self.drawn = self._quantiles(wide), self._quantiles(bank.cpu())

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` in nats."""
        u, ladj = self._to_mixture(x)
        return self.mixture.log_prob(u, y) + ladj

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """Return ``log p(x, y = k)`` for every class, ``(B, K)``."""
        u, ladj = self._to_mixture(x)
        return self.mixture.joint_log_prob(u) + ladj[:, None]

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, *shape)``."""
        u = self.mixture.sample(n, y, generator=generator)
        found, _ = _interpolated(u, self.drawn, self.values)
        return (self.shift + self.spread * found).reshape(n, *self.shape)

    def _quantiles(self, rows: Tensor) -> Tensor:
        """Return strictly increasing quantiles of each feature, ``(D, J)``."""
        count = self.values.shape[1]
        parts = min(count, max(len(rows) // _EACH, 2))
        ordered = rows.double().sort(0).values
        places = (torch.arange(parts).double() + 0.5) / parts * (len(rows) - 1)
        coarse = ordered[places.round().long()]
        at = torch.linspace(0, parts - 1, count, dtype=torch.float64)
        left = at.floor().long().clamp(max=parts - 2)
        found = torch.lerp(coarse[left], coarse[left + 1], (at - left)[:, None]).T
        least = _LEAST * torch.arange(count)
        return ((found - least).cummax(1).values + least).to(self.values)

    def _to_mixture(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the mixture sees ``(B, D)``, and the log of the product of the slopes, ``(B,)``."""
        u, slope = _interpolated((x.flatten(1) - self.shift) / self.spread, self.values, self.drawn)
        return u, slope.log().sum(1) - self.spread.log().sum()


def _interpolated(x: Tensor, at: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Interpolate linearly in each column, beyond the ends as in the last part, and give the slopes.

    Args:
        x: Where, ``(B, D)``.
        at: Increasing places, ``(D, J)``.
        values: Increasing values there, ``(D, J)``.
    """
    columns = x.T.contiguous()
    at, values = at.to(columns).contiguous(), values.to(columns)
    right = torch.searchsorted(at, columns).clamp(1, at.shape[1] - 1)
    low, high = at.gather(1, right - 1), at.gather(1, right)
    below, above = values.gather(1, right - 1), values.gather(1, right)
    slope = (above - below) / (high - low)
    return (below + slope * (columns - low)).T, slope.T
