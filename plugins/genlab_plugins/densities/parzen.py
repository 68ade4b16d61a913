"""Around each example, what its neighbours are like: manifold Parzen windows."""

from __future__ import annotations

import math
from typing import get_args

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from genlab import DataSpec, DensityTags, Kind
from genlab_plugins.densities.empirical import Empirical

__all__ = ["Parzen"]

_NARROW = 0.02  # deviations of a feature
_FEW, _MANY = 20, 40  # neighbours
_NONE = -1  # in the place of a neighbour, where a class has fewer
_ROWS = 1000  # examples whose neighbours are looked for at once
_NUMBERS = 2**24  # of a table that is computed at once


class Parzen(Empirical):
    r"""A normal distribution around each example, with the mean and the covariance of its neighbours.

    .. math:: p(x) = \frac{1}{N} \sum_i \mathcal{N}\bigl(x; m_i, C_i + r^2 \operatorname{diag}(s^2)\bigr)

    with the mean :math:`m_i` and the covariance :math:`C_i` of the example i and its k nearest neighbours, in
    its class where there are classes, and the deviation :math:`s` of each feature. So it is wide along the
    data and narrow across it, and a feature that is of one value in a neighbourhood, such as the black of a
    background, stays so. As a prior it draws states between those that the training examples leave.

    With few neighbours draws are near examples; with many it is nearly one normal distribution a class.

    Source: Vincent & Bengio 2002, "Manifold Parzen windows" (NeurIPS 15), whose distributions have their
    means at the examples.

    Args:
        spec: The data.
        neighbours: The number k. None: 40 where an example has at most 20 numbers, and 20 where it has more.
        ridge: The width r across the data, in deviations of a feature. None: 0.02 for vectors, which what a
            degradation leaves is; for all other data that of a kernel under which held-out examples are
            likeliest.
        examples: At most this many examples are kept.
    """

    tags = DensityTags(conditional=True, data=frozenset(get_args(Kind)))

    neighbours: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        neighbours: PositiveInt | None = None,
        ridge: PositiveFloat | None = None,
        examples: PositiveInt = 10_000,
    ) -> None:
        usual = _NARROW if spec.kind == "vector" else None
        super().__init__(spec, bandwidth=usual if ridge is None else ridge, examples=examples)
        self.count = neighbours or (_MANY if math.prod(spec.shape) <= _FEW else _FEW)
        self.register_buffer("neighbours", torch.zeros(1, 1, dtype=torch.int64))

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Keep examples, chosen at random where there are too many, and find their neighbours."""
        super().fit(x, y, generator=generator)
        found = self.labels.new_full((len(self.examples), self.count + 1), _NONE)
        for k in self.labels.unique():
            own = (self.labels == k).nonzero()[:, 0]
            pool = self.examples[own]
            most = min(self.count + 1, len(own))
            for rows in torch.arange(len(own), device=own.device).split(_ROWS):
                near = torch.cdist(pool[rows], pool).topk(most, largest=False).indices
                found[own[rows], :most] = own[near]
        self.neighbours = found

    def sample(self, n: int, y: Tensor | None = None, *, generator: torch.Generator) -> Tensor:
        """Draw ``(n, *shape)``."""
        centre, apart = self._around(self.neighbours[self.chosen(n, y, generator=generator)])
        w, noise = (
            torch.randn(n, size, generator=generator, device=self.scale.device).to(self.scale)
            for size in (self.count + 1, len(self.scale))
        )
        x = centre + torch.einsum("nk,nkd->nd", w, apart) + self.scale * noise
        return x.reshape(n, *self.shape)

    def each(self, x: Tensor) -> Tensor:
        """Return the log densities of ``x`` under the distribution around every example, ``(B, N)``."""
        wide = torch.float64 if x.device.type == "cpu" else torch.float32
        scale, rows = self.scale.to(wide), x.flatten(1).to(wide)
        at_once = max(_NUMBERS // ((len(x) + self.count) * len(scale)), 1)
        found = []
        for neighbours in self.neighbours.split(at_once):
            centre, apart = (part / scale for part in self._around(neighbours, wide))
            gram = apart @ apart.mT + torch.eye(self.count + 1, dtype=wide, device=x.device)
            lower = torch.linalg.cholesky(gram)
            d = rows / scale - centre[:, None]  # (n, B, D)
            along = torch.linalg.solve_triangular(lower, apart @ d.mT, upper=False)
            squared = d.square().sum(2) - along.square().sum(1)
            determinant = 2 * lower.diagonal(dim1=1, dim2=2).log().sum(1)
            found.append(-0.5 * (squared.T + determinant))
        constant = scale.log().sum() + 0.5 * len(scale) * math.log(2 * math.pi)
        return (torch.cat(found, 1) - constant).to(x.dtype)

    def _around(
        self, neighbours: Tensor, dtype: torch.dtype | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return means ``(n, D)`` of neighbourhoods, and roots ``(n, k + 1, D)`` of their covariances."""
        points = self.examples[neighbours.clamp_min(0)].to(dtype or self.scale.dtype)
        there = (neighbours != _NONE)[:, :, None]
        count = there.sum(1, keepdim=True)
        mean = (points * there).sum(1, keepdim=True) / count
        apart = (points - mean) * there / (count - 1).clamp_min(1).to(points).sqrt()
        return mean[:, 0], apart
