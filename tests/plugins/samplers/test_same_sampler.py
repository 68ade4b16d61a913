"""Samplers that are one another, or lie between two others, where their formulas say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Sampler
from genlab.testing import Fade
from genlab_plugins.degradations.blur_noise import BlurNoise
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.degradations.mix import Mix
from genlab_plugins.degradations.soft_blur import SoftBlur
from genlab_plugins.samplers.cold import Cold
from genlab_plugins.samplers.cold_momentum import ColdMomentum
from genlab_plugins.samplers.ddim import DDIM
from genlab_plugins.samplers.ddpm import DDPM
from genlab_plugins.samplers.euler import Euler
from genlab_plugins.samplers.naive import Naive


def test_eta_one_is_ddpm(degradation: Any, known: Any, travel: Callable[..., Tensor]) -> None:
    restorer = known(degradation, lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = DDPM().grid(20, degradation)
    want = travel(DDPM(), restorer, x, times)
    torch.testing.assert_close(travel(DDIM(eta=1.0), restorer, x, times), want)


@pytest.mark.parametrize("other", [Cold(), Euler()], ids=["cold", "euler"])
def test_eta_zero_has_other_names(
    other: Sampler, degradation: Any, known: Any, travel: Callable[..., Tensor]
) -> None:
    restorer = known(degradation, lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = DDIM().grid(20, degradation)
    torch.testing.assert_close(
        travel(other, restorer, x, times), travel(DDIM(), restorer, x, times)
    )


def test_momentum_is_ancestral_where_variance_explodes(
    known: Any, travel: Callable[..., Tensor]
) -> None:
    degradation = Gaussian(schedule="edm")
    restorer = known(degradation, lambda x, t: (x + t[:, None]).sin())
    x = 80 * torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = DDPM().grid(20, degradation)
    want = travel(DDPM(), restorer, x, times)
    torch.testing.assert_close(travel(ColdMomentum(), restorer, x, times), want)


@pytest.mark.parametrize("kind", [SoftBlur, BlurNoise])
def test_momentum_is_algorithm_2_of_soft_diffusion(kind: Any, known: Any) -> None:
    """With the noise of the posterior, for degradations that blur and add noise."""
    degradation = kind()
    restorer = known(degradation, lambda x, t: (x + t[:, None, None, None]).sin())
    generator = torch.Generator().manual_seed(0)
    x_t = torch.randn(3, 1, 8, 8, generator=generator, dtype=torch.float64)
    t, s = torch.tensor([0.9, 0.5, 0.3]).double(), torch.tensor([0.6, 0.49, 0.0]).double()
    state = ColdMomentum().init(restorer, x_t, t, None, generator=generator.manual_seed(1))
    x_s, _ = ColdMomentum().step(restorer, x_t, t, s, state)

    w = torch.randn(x_t.shape, generator=generator.manual_seed(1), dtype=torch.float64)
    amplitude = degradation.s if kind is SoftBlur else degradation.sigma
    sigma_t, sigma_s = (amplitude(at)[:, None, None, None] for at in (t, s))
    x_0, rest = restorer(x_t, t), 1 - (sigma_s / sigma_t) ** 2
    y_t, y_s = degradation.A(x_0, t, w), degradation.A(x_0, s, w)
    want = x_t - rest * (x_t - y_t) + sigma_s * rest.sqrt() * w - y_t + y_s
    torch.testing.assert_close(x_s, want)


def test_momentum_takes_another_example_for_no_noise(known: Any) -> None:
    """What mixing draws comes from the data: without noise of its own the step is the cold one."""
    restorer = known(Mix(), lambda x, t: (x + t[:, None]).sin())
    generator = torch.Generator().manual_seed(0)
    x_t = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    t, s = torch.full((8,), 0.8).double(), torch.full((8,), 0.6).double()
    state = ColdMomentum().init(restorer, x_t, t, None, generator=generator)
    x_s, _ = ColdMomentum().step(restorer, x_t, t, s, state)
    torch.testing.assert_close(x_s, Cold().step(restorer, x_t, t, s, None)[0])


def test_momentum_lies_between_naive_and_cold(known: Any, travel: Callable[..., Tensor]) -> None:
    restorer = known(Fade(), lambda x, t: (x + t[:, None]).sin())
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    times = torch.tensor([0.8, 0.6], dtype=torch.float64)
    naive, cold, momentum = (
        travel(sampler, restorer, x, times) for sampler in (Naive(), Cold(), ColdMomentum())
    )
    torch.testing.assert_close(momentum, naive + (0.6 / 0.8) ** 2 * (cold - naive))


def test_momentum_keeps_the_noise_at_its_level(known: Any, travel: Callable[..., Tensor]) -> None:
    """Steps of any length leave noise of deviation sigma_s around the degraded truth."""
    x_0 = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64).expand(20_000, 3)
    restorer = known(Fade(), lambda x, t: x_0)
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(x_0.shape, generator=generator, dtype=torch.float64)
    times = torch.tensor([1.0, 0.7, 0.6, 0.2], dtype=torch.float64)
    x = Fade().degrade(x_0, times[:1].expand(20_000), None) + 0.5 * w
    x = travel(ColdMomentum(noise=0.5), restorer, x, times, seed=7)
    rest = x - Fade().degrade(x_0, times[-1:].expand(20_000), None)
    assert float(rest.std()) == pytest.approx(0.5 * 0.2, rel=0.02)
    assert float(rest.mean()) == pytest.approx(0, abs=5 * 0.1 / 60_000**0.5)
