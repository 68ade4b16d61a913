"""Degradations and restorers whose answers are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Degradation, GaussianDegradation, Restores, Sampler


class VariancePreserving(GaussianDegradation):
    """A quarter of a circle that stops just before no data is left."""

    def alpha(self, t: Tensor) -> Tensor:
        return (0.495 * math.pi * t).cos()

    def sigma(self, t: Tensor) -> Tensor:
        return (0.495 * math.pi * t).sin()


class VarianceExploding(GaussianDegradation):
    """EDM's: only noise, whose amplitude runs along its grid of rho = 7."""

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return 80.0 * t.pow(7)


class Flow(GaussianDegradation):
    """A straight line, on which no data at all is left at t = 1."""

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        return t.clone()


@dataclass(frozen=True)
class Ideal:
    r"""The posterior mean of a mixture of Gaussians of one variance v; v = 0 is a finite data set.

    .. math:: w = \mathrm{softmax}\Bigl(-\frac{|x_t - \alpha y_i|^2}{2 (\sigma^2 + \alpha^2 v)}\Bigr),
        \qquad \hat x_0 = \sum_i w_i \Bigl(y_i
        + \frac{\alpha v}{\sigma^2 + \alpha^2 v} (x_t - \alpha y_i)\Bigr)
    """

    degradation: Any
    points: Tensor
    variance: float = 0.0

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        x, y = x_t.double(), self.points
        alpha, sigma = (
            f(t.double())[:, None] for f in (self.degradation.alpha, self.degradation.sigma)
        )
        power = sigma.square() + alpha.square() * self.variance
        distance = (x[:, None] - alpha[..., None] * y).square().sum(-1)
        w = (-distance / (2 * power)).softmax(-1)
        mean = w @ y
        return (mean + alpha * self.variance / power * (x - alpha * mean)).to(x_t.dtype)


@dataclass(frozen=True)
class Known:
    """A restorer whose answer is a function."""

    degradation: Degradation
    answer: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        return self.answer(x_t, t)


def _travel(
    sampler: Sampler,
    restorer: Restores,
    x_t: Tensor,
    times: Tensor,
    *,
    z: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Walk along given times and return where it ends."""
    state = sampler.init(
        restorer, x_t, times[0].expand(len(x_t)), z, generator=torch.Generator().manual_seed(seed)
    )
    for t, s in pairwise(times):
        x_t, state = sampler.step(restorer, x_t, t.expand(len(x_t)), s.expand(len(x_t)), state)
    return x_t


DEGRADATIONS = {"vp": VariancePreserving, "ve": VarianceExploding, "flow": Flow}


@pytest.fixture(params=list(DEGRADATIONS))
def degradation(request: pytest.FixtureRequest) -> GaussianDegradation:
    """Each family of Gaussian degradations in turn."""
    return DEGRADATIONS[request.param]()


@pytest.fixture
def vp() -> GaussianDegradation:
    return VariancePreserving()


@pytest.fixture
def flow() -> GaussianDegradation:
    return Flow()


@pytest.fixture
def ideal() -> type[Ideal]:
    return Ideal


@pytest.fixture
def known() -> type[Known]:
    return Known


@pytest.fixture
def travel() -> Callable[..., Tensor]:
    """Walk along given times and return where it ends."""
    return _travel
