"""Gaussian noise against the papers' discrete products, and its laws for any parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genlab import registry
from genlab.testing.check import example_data, seeded

Gaussian = registry("degradation").get("gaussian")

quick = settings(max_examples=30)
times = st.floats(0, 1, width=32)
shapes = st.one_of(
    st.tuples(st.integers(1, 6)), st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
)


@st.composite
def gaussians(draw: st.DrawFn) -> Any:
    steps = draw(st.integers(2, 2000))
    if draw(st.booleans()):
        return Gaussian(schedule="cosine", steps=steps)
    first = draw(st.floats(1e-5, 0.01))
    last = draw(st.floats(first, 0.5))
    return Gaussian(schedule="linear", steps=steps, beta_min=first, beta_max=last)


def linear_alpha_bar(steps: int, first: float, last: float) -> np.ndarray:
    """Ho et al. 2020: the product of 1 - beta, one factor after the other."""
    product, values = 1.0, [1.0]
    for beta in np.linspace(first, last, steps):
        product *= 1.0 - beta
        values.append(product)
    return np.array(values)


def cosine_alpha_bar(steps: int) -> np.ndarray:
    """Nichol & Dhariwal 2021, eq. 17, with its betas clipped at 0.999."""

    def f(t: float) -> float:
        return math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2

    product, values = 1.0, [1.0]
    for k in range(1, steps + 1):
        product *= 1 - min(1 - (f(k) / f(0)) / (f(k - 1) / f(0)), 0.999)
        values.append(product)
    return np.array(values)


@quick
@given(st.integers(2, 1500), st.floats(1e-5, 0.01), st.floats(0.011, 0.5))
def test_linear_schedule_is_the_paper_s_product(steps: int, first: float, last: float) -> None:
    degradation = Gaussian(schedule="linear", steps=steps, beta_min=first, beta_max=last)
    require_alpha_bar(degradation, linear_alpha_bar(steps, first, last), steps)


@quick
@given(st.integers(2, 1500))
def test_cosine_schedule_is_the_paper_s_product(steps: int) -> None:
    require_alpha_bar(Gaussian(schedule="cosine", steps=steps), cosine_alpha_bar(steps), steps)


def require_alpha_bar(degradation: Any, want: np.ndarray, steps: int) -> None:
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bar = degradation.alpha(t).square().numpy()
    np.testing.assert_allclose(alpha_bar, want, rtol=1e-8, atol=1e-300)
    np.testing.assert_allclose(
        degradation.sigma(t).square().numpy(), 1 - want, rtol=1e-6, atol=1e-15
    )


def test_the_papers_settings_end_where_the_papers_say() -> None:
    one = torch.ones(1, dtype=torch.float64)
    linear = Gaussian(schedule="linear")
    assert float(linear.alpha(one).square()) == pytest.approx(4.0358e-5, rel=1e-4)
    assert float(Gaussian().alpha(one).square()) == pytest.approx(2.43e-9, rel=0.01)


@quick
@given(gaussians(), times, times)
def test_no_two_times_give_the_same(degradation: Any, a: float, b: float) -> None:
    """In float64, for s - t >= 1e-4, as long as there is a millionth of the data left.

    float32 cannot promise it: near t = 1, sigma is about 1 - alpha^2 / 2 and its change may be below
    2^-24, and so may that of alpha beside a noise of size 1.
    """
    t, s = (torch.tensor([v], dtype=torch.float64) for v in sorted((a, b)))
    assume(float(s - t) >= 1e-4)
    assume(float(degradation.alpha(t)) >= 1e-6)
    x_0 = example_data((1, 4, 5), 1, dtype=torch.float64)
    z = degradation.draw(x_0, generator=seeded(0))
    assert not torch.equal(degradation.degrade(x_0, t, z), degradation.degrade(x_0, s, z))
    assert float(degradation.log_snr(t)) > float(degradation.log_snr(s))


@quick
@given(gaussians(), shapes, st.integers(0, 999), st.floats(0.01, 0.9))
def test_inverse_and_noise(degradation: Any, shape: Any, seed: int, time: float) -> None:
    x_0 = example_data(shape, 3, dtype=torch.float64, seed=seed)
    z = degradation.draw(x_0, generator=seeded(seed))
    t = torch.full((3,), time, dtype=torch.float64)
    alpha, sigma = degradation.alpha(t), degradation.sigma(t)
    x_t = degradation.degrade(x_0, t, z)
    scale = float(1 / alpha.min())
    torch.testing.assert_close(degradation.invert(x_t, t, z), x_0, rtol=0, atol=1e-14 * scale * 10)
    noise = degradation.noise(x_t, x_0, t)
    torch.testing.assert_close(noise, z, rtol=0, atol=1e-14 / float(sigma.min()) * 10)


@quick
@given(gaussians(), times, times)
def test_a_step_adds_the_variance_of_the_chain(degradation: Any, a: float, b: float) -> None:
    """alpha^2 + sigma^2 = 1, and going by way of t gives the same law of x_s as going at once."""
    t, s = (torch.tensor([v], dtype=torch.float64) for v in sorted((a, b)))
    alpha_t, sigma_t = degradation.alpha(t), degradation.sigma(t)
    alpha_s, sigma_s = degradation.alpha(s), degradation.sigma(s)
    torch.testing.assert_close(alpha_s**2 + sigma_s**2, torch.ones_like(s), rtol=0, atol=1e-14)
    step = alpha_s / alpha_t
    added = 1 - step**2  # variance of the noise between t and s in a variance-preserving chain
    assert float(added) >= 0
    torch.testing.assert_close(step**2 * sigma_t**2 + added, sigma_s**2, rtol=0, atol=1e-13)
