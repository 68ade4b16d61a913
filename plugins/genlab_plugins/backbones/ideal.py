"""The ideal restorer of a finite data set, in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import get_args

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from genlab import (
    BackboneTags,
    DataSpec,
    Degradation,
    DiagonalDegradation,
    FittedBackbone,
    Kind,
    RequestError,
)
from genlab_plugins.densities.empirical import take_sizes

__all__ = ["Ideal"]

_NUMBERS = 1 << 24  # of a matrix of weights, or of degraded examples, in memory at once


class Ideal(FittedBackbone):
    r"""The mean of the training examples that a degraded one can come from: what no network can better.

    .. math:: \hat x_0(x_t) = \sum_i w_i x_i, \qquad w_i \propto p(x_t \mid x_i)

    is the restorer of the least squared error where the data are the training examples themselves. It is
    in closed form where the likelihood is: for Gaussian noise, in any orthonormal basis,

    .. math:: -2 \log p(x_t \mid x_i) = \bigl| (V x_t - \alpha_t \odot V x_i) / s_t \bigr|^2 + \ldots, \qquad
        s_t^2 = \sigma_t^2 + h^2 ,

    and for a degradation that draws nothing, linear or not,
    :math:`-2 \log p(x_t \mid x_i) = |x_t - D(x_i, t)|^2 / h^2` with the deviation h of the noise that a
    restorer sees degraded data under (``restorer.jitter``).

    Samples of it are training examples: a network that reached it would have learned them by heart, and a
    trained one makes new data of its own errors. It shows what memorising looks like, and is the truth that
    samplers are tested on. Weights are computed in float64 on the CPU, where small noise is told apart.

    Sources: Karras et al. 2022 (arXiv:2206.00364), appendix B.3; Scarvelis, Borde & Solomon 2023
    (arXiv:2310.12395).

    Args:
        spec: The data, of any kind.
        examples: At most this many examples are kept, chosen at random.
        bandwidth: Least deviation :math:`s_t` or h, in the units of the data.
    """

    tags = BackboneTags(data=frozenset(get_args(Kind)))

    examples: Tensor
    labels: Tensor

    def __init__(
        self, spec: DataSpec, *, examples: PositiveInt = 5000, bandwidth: PositiveFloat = 1e-3
    ) -> None:
        super().__init__()
        self.classes, self.most, self.bandwidth = spec.classes, examples, bandwidth
        self.degradation: Degradation | None = None
        self.jitter = 0.0
        self.register_buffer("examples", torch.zeros(1, *spec.shape))
        self.register_buffer("labels", torch.zeros(1, dtype=torch.int64))
        self.register_load_state_dict_pre_hook(take_sizes)

    def undo(self, degradation: Degradation, *, jitter: float) -> None:
        """Take a degradation that is Gaussian noise in a basis, or draws nothing."""
        if degradation.tags.stochastic and not isinstance(degradation, DiagonalDegradation):
            raise RequestError(
                f"the backbone 'ideal' undoes Gaussian noise in any basis, and what draws nothing, such as "
                f"blur: {degradation!r} draws something that degraded data does not tell"
            )
        self.degradation, self.jitter = degradation, jitter

    def fit(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator) -> None:
        """Keep examples, chosen at random where there are too many."""
        chosen = torch.randperm(len(x), generator=generator)[: self.most]
        self.examples = x[chosen].to(self.examples)
        known = y is not None and self.classes > 0
        labels = y[chosen] if y is not None and known else torch.full((len(chosen),), -1)
        self.labels = labels.to(self.labels)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the mean of the examples, of the class y where it is known, by their weights."""
        if self.degradation is None:
            raise RequestError("the backbone 'ideal' was not told what to undo: Restorer does")
        with torch.autocast("cpu", enabled=False):  # weights of examples need all digits
            return self._mean(x, t, y, self.degradation)

    def _mean(self, x: Tensor, t: Tensor, y: Tensor | None, degradation: Degradation) -> Tensor:
        x_t, at = x.detach().cpu().double(), t.detach().cpu().double()
        examples, labels = self.examples.cpu().double(), self.labels.cpu()
        kept, found = examples.flatten(1).float(), torch.empty_like(x_t, dtype=torch.float32)
        for rows in self._parts(at, degradation):
            weights = self._log_likelihoods(degradation, x_t[rows], at[rows], examples)
            if y is not None and self.classes:
                of = y.cpu()[rows, None]
                fitting = (labels == of) | (of < 0)
                fitting |= ~fitting.any(1, keepdim=True)  # of a class without examples all are
                weights = weights.where(fitting, -torch.inf)
            weights = (weights - weights.amax(1, keepdim=True)).float().softmax(1)
            found[rows] = (weights @ kept).reshape(-1, *x.shape[1:])
        return found.to(x.dtype).to(x.device)

    def _parts(self, t: Tensor, degradation: Degradation) -> Iterator[Tensor]:
        """Give indices of examples that are restored at once; of one time where all examples are degraded."""
        rows = max(_NUMBERS // len(self.examples), 1)
        if isinstance(degradation, DiagonalDegradation):
            yield from torch.arange(len(t)).split(rows)
            return
        for time in t.unique():
            yield from (t == time).nonzero()[:, 0].split(rows)

    def _log_likelihoods(
        self, degradation: Degradation, x_t: Tensor, t: Tensor, examples: Tensor
    ) -> Tensor:
        """Return log p(x_t | x_i) ``(B, N)``, up to what is the same for all examples."""
        least, own = self.bandwidth**2, self.jitter**2
        if isinstance(degradation, DiagonalDegradation):
            alpha, sigma = degradation.amplitudes(t, x_t)
            precision = 1 / (sigma.square() + own).clamp_min(least).expand_as(x_t)
            seen, clean = degradation.to_basis(x_t), degradation.to_basis(examples)
            squares = (alpha.square() * precision).flatten(1) @ clean.flatten(1).square().T
            products = (alpha * seen * precision).flatten(1) @ clean.flatten(1).T
            return products - squares / 2
        size = max(_NUMBERS // math.prod(x_t.shape[1:]), 1)
        parts = [
            degradation.degrade(part, t[:1].expand(len(part)), None)
            for part in examples.split(size)
        ]
        degraded = torch.cat(parts).flatten(1)
        products = x_t.flatten(1) @ degraded.T - degraded.square().sum(1) / 2
        return products / max(own, least)
