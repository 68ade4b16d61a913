"""Samplers that ask the ideal denoiser of a mixture draw from that mixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Sampler
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.samplers.cold_momentum import ColdMomentum
from genlab_plugins.samplers.ddim import DDIM
from genlab_plugins.samplers.ddpm import DDPM
from genlab_plugins.samplers.dpmpp_2m import DPMpp2M
from genlab_plugins.samplers.euler import Euler
from genlab_plugins.samplers.heun import Heun
from genlab_plugins.samplers.restart import Restart

N = 4000
CENTRES = torch.tensor([[1.2, 0.5], [-0.8, 1.0], [0.0, -1.5]], dtype=torch.float64)
VARIANCE = 0.09
MEAN = CENTRES.mean(0)
COVARIANCE = (CENTRES - MEAN).T @ (CENTRES - MEAN) / 3 + VARIANCE * torch.eye(2)


def require_moments(x: Tensor) -> None:
    """Mean and covariance are the mixture's, within five standard errors."""
    products = (x - MEAN)[:, :, None] * (x - MEAN)[:, None]
    for values, want in ((x, MEAN), (products, COVARIANCE)):
        off = (values.mean(0) - want).abs() / (values.std(0) / len(x) ** 0.5)
        assert float(off.max()) <= 5, f"{values.mean(0)} is not {want}: {off} standard errors"


CASES: dict[str, tuple[Sampler, int, str]] = {
    "ddpm": (DDPM(), 300, "cosine"),
    "ddpm-flow": (DDPM(variance="large"), 300, "flow"),
    "ddpm-edm": (DDPM(), 300, "edm"),
    "momentum": (ColdMomentum(), 300, "linear"),
    "euler-churn": (Euler(s_churn=5.0), 100, "cosine"),
    "heun-churn": (Heun(s_churn=5.0), 30, "cosine"),
    "heun-karras-flow": (Heun(grid="karras"), 25, "flow"),
    "heun-edm": (Heun(), 18, "edm"),
    "dpmpp-2m-log-snr-linear": (DPMpp2M(grid="log-snr"), 25, "linear"),
    "ddim-log-snr-sigmoid": (DDIM(grid="log-snr"), 150, "sigmoid"),
    "restart": (Restart(repeats=2, inner=40), 100, "cosine"),
}


@pytest.mark.parametrize("case", list(CASES))
def test_moments(case: str, ideal: Any, travel: Callable[..., Tensor]) -> None:
    sampler, steps, schedule = CASES[case]
    degradation = Gaussian(schedule=schedule)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(11)
    x = degradation.expand(torch.empty(N, 0, dtype=torch.float64), (2,), generator=generator)
    restorer = ideal(degradation, CENTRES, VARIANCE)
    require_moments(travel(sampler, restorer, x, sampler.grid(steps, degradation), seed=5))


def test_the_ideal_denoiser_is_the_posterior_mean(degradation: Any, ideal: Any) -> None:
    """Tweedie: it is the data's share of the score of the degraded mixture, by autograd."""
    x = torch.randn(7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x.requires_grad_()
    t = torch.linspace(0.1, 0.9, 7, dtype=torch.float64)
    alpha, sigma = degradation.alpha(t)[:, None], degradation.sigma(t)[:, None]
    power = sigma.square() + alpha.square() * VARIANCE
    log_p = (-(x[:, None] - alpha[..., None] * CENTRES).square().sum(-1) / (2 * power)).logsumexp(
        -1
    )
    (score,) = torch.autograd.grad(log_p.sum(), x)
    want = (x + sigma.square() * score) / alpha
    got = ideal(degradation, CENTRES, VARIANCE)(x, t)
    torch.testing.assert_close(got, want.detach(), rtol=1e-7, atol=1e-7, check_dtype=True)


def test_a_finite_data_set_is_reproduced(degradation: Any, ideal: Any, travel: Any) -> None:
    """Without variance every trajectory ends at a point of the data set."""
    generator = torch.Generator().manual_seed(1)
    x = degradation.expand(torch.empty(50, 0, dtype=torch.float64), (2,), generator=generator)
    for sampler in (DDPM(), Heun(), DPMpp2M(), Restart()):
        end = travel(sampler, ideal(degradation, CENTRES), x, sampler.grid(60, degradation))
        assert float(torch.cdist(end, CENTRES).amin(1).max()) < 1e-3


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid", "edm", "flow"])
@pytest.mark.parametrize("sampler", [Heun(), DPMpp2M()], ids=["heun", "dpmpp-2m"])
def test_second_order_survives_few_steps(
    sampler: Sampler, schedule: Any, ideal: Any, travel: Any
) -> None:
    """The slope at t = 1 says nothing about the rest of a long step, and is not extrapolated."""
    degradation = Gaussian(schedule=schedule)
    generator = torch.Generator().manual_seed(1)
    x = degradation.expand(torch.empty(200, 0, dtype=torch.float64), (2,), generator=generator)
    for steps in (1, 2, 3, 5, 10):
        end = travel(
            sampler, ideal(degradation, CENTRES, VARIANCE), x, sampler.grid(steps, degradation)
        )
        assert float(end.abs().max()) < 3.5, steps  # the data reach to about 2.5
