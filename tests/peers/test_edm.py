"""Heun's and Euler's method against algorithm 2 of EDM, written down again in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Degradation
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.samplers.euler import Euler
from genlab_plugins.samplers.heun import Heun

PAPER = {"s_churn": 40.0, "s_tmin": 0.05, "s_tmax": 50.0, "s_noise": 1.003}
"""The paper's settings for CIFAR-10."""


@dataclass(frozen=True)
class Known:
    """A restorer whose answer is a function."""

    degradation: Degradation
    answer: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        return self.answer(x_t, t)


def reference(
    denoise: Callable[[Tensor, float], Tensor],
    x: Tensor,
    sigmas: list[float],
    noise: list[Tensor],
    *,
    second: bool,
    s_churn: float,
    s_tmin: float = 0.0,
    s_tmax: float = math.inf,
    s_noise: float = 1.0,
) -> Tensor:
    """Algorithm 2 of Karras et al. 2022, line by line."""
    n = len(sigmas) - 1
    for i in range(n):
        t, following = sigmas[i], sigmas[i + 1]
        gamma = min(s_churn / n, math.sqrt(2) - 1) if s_tmin <= t <= s_tmax else 0.0
        t_hat = t + gamma * t
        x_hat = x + math.sqrt(t_hat**2 - t**2) * s_noise * noise[i]
        d = (x_hat - denoise(x_hat, t_hat)) / t_hat
        x = x_hat + (following - t_hat) * d
        if second and following != 0:
            d_prime = (x - denoise(x, following)) / following
            x = x_hat + (following - t_hat) * (d / 2 + d_prime / 2)
    return x


def noise(n: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(16, 6, generator=generator) for _ in range(n)]


@pytest.mark.parametrize("second", [False, True], ids=["euler", "heun"])
@pytest.mark.parametrize("churn", [{"s_churn": 0.0}, PAPER], ids=["ode", "churn"])
@pytest.mark.parametrize(("schedule", "steps"), [("edm", 18), ("edm", 64), ("linear", 40)])
def test_algorithm_2(second: bool, churn: Any, schedule: Any, steps: int) -> None:
    degradation = Gaussian(schedule=schedule)
    weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(3)).double() / 2

    def estimate(x: Tensor, t: Tensor) -> Tensor:
        """A bounded estimate that depends on the data, as seen at every amplitude, and on its noise."""
        t = t.double()
        r = (degradation.sigma(t) / degradation.alpha(t))[:, None]
        u = x.double() / degradation.alpha(t)[:, None]
        return (u / (1 + r.square()).sqrt() @ weight + r.log1p() / 4).sin().to(x.dtype)

    restorer = Known(degradation, estimate)
    sampler = (Heun if second else Euler)(**churn)
    times = sampler.grid(steps, degradation)
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(0))
    x_1 = degradation.degrade(torch.zeros(16, 6), torch.ones(16), x)
    generator = torch.Generator().manual_seed(1)
    got = x_1
    state = sampler.init(restorer, got, times[:1].expand(16), None, generator=generator)
    for t, s in pairwise(times):
        got, state = sampler.step(restorer, got, t.expand(16), s.expand(16), state)

    exact = times.double()
    sigmas = (degradation.sigma(exact) / degradation.alpha(exact)).tolist()

    def denoise(u: Tensor, r: float) -> Tensor:
        return (u / math.sqrt(1 + r * r) @ weight + math.log1p(r) / 4).sin()

    drawn = [w.double() for w in noise(steps)]
    start = x_1.double() / degradation.alpha(exact[0])
    want = reference(denoise, start, sigmas, drawn, second=second, **churn)
    error = float((got - want).abs().max() / want.abs().max())
    print(f"relative error {error:.1e}")
    assert error <= 1e-4
