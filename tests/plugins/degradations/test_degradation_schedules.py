"""The noise schedules against the papers' formulas in high precision, and against their own laws."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genlab import RequestError
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.degradations.schedules import EDM, Flow, Schedule, Sigmoid, cosine, linear

SCHEDULES: dict[str, Schedule] = {
    "linear": linear(),
    "cosine": cosine(),
    "sigmoid": Sigmoid(),
    "edm": EDM(),
    "flow": Flow(),
}


def grid(n: int = 1000) -> Tensor:
    return torch.linspace(0, 1, n + 1, dtype=torch.float64)


@pytest.mark.parametrize("name", SCHEDULES)
def test_ends_are_exact_and_noise_grows_strictly(name: str) -> None:
    schedule = SCHEDULES[name]
    for dtype in (torch.float32, torch.float64):
        alpha, sigma = schedule.alpha(grid().to(dtype)), schedule.sigma(grid().to(dtype))
        assert alpha.dtype == sigma.dtype == torch.float64
        assert float(alpha[0]) == 1
        assert float(sigma[0]) == 0
        ratio = sigma / alpha
        assert bool((ratio.diff() > 0)[:-1].all())


@pytest.mark.parametrize("name", ["linear", "cosine", "sigmoid"])
def test_variance_is_preserved(name: str) -> None:
    power = SCHEDULES[name].alpha(grid()).square() + SCHEDULES[name].sigma(grid()).square()
    torch.testing.assert_close(power, torch.ones_like(power), rtol=0, atol=1e-14)


def test_sigmoid_is_the_paper_s_code() -> None:
    """Jabri et al. 2022: gamma(t) with start = -3, end = 3, tau = 1, clipped at 1e-9."""

    def s(u: float | np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-np.asarray(u))))

    t = grid().numpy()
    gamma = (s(3) - s(t * 6 - 3)) / (s(3) - s(-3))
    gamma = np.clip(gamma, 1e-9, 1)
    np.testing.assert_allclose(Sigmoid().alpha(grid()).square().numpy(), gamma, atol=2e-9)


def test_sigmoid_is_precise_where_the_noise_is_small() -> None:
    """sigma^2 is S'(a) t / (S(b) - S(a)) to first order, 1 - alpha^2 would be 0 by rounding."""
    t = torch.tensor([1e-18], dtype=torch.float64)
    s = 1 / (1 + math.exp(3))
    slope = 6 * s * (1 - s) / (1 - 2 * s)
    assert float(Sigmoid().sigma(t)) == pytest.approx(math.sqrt(slope * 1e-18), rel=1e-8)


@pytest.mark.parametrize(("low", "high", "rho"), [(0.002, 80.0, 7.0), (0.01, 3.0, 1.0)])
def test_edm_is_karras_grid_shifted_to_zero(low: float, high: float, rho: float) -> None:
    n = 40
    i = np.arange(n + 1) / n
    karras = (low ** (1 / rho) + i * (high ** (1 / rho) - low ** (1 / rho))) ** rho
    want = high * (karras - low) / (high - low)
    got = EDM(low, high, rho).sigma(torch.from_numpy(i)).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(got, karras, atol=1.01 * low)
    assert got[-1] == pytest.approx(high, rel=1e-13)


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(RequestError, match=r"Gaussian: sigma_min = 3 is not below sigma_max = 2"):
        Gaussian(schedule="edm", sigma_min=3.0, sigma_max=2.0)
    with pytest.raises(RequestError, match=r"Gaussian: beta_min = 0\.1 is larger than beta_max"):
        Gaussian(schedule="linear", beta_min=0.1)


@pytest.mark.parametrize(
    ("params", "schedule"),
    [
        ({"schedule": "linear", "steps": 50, "beta_min": 0.01, "beta_max": 0.1}, linear(50, 0.01, 0.1)),
        ({"schedule": "cosine", "steps": 50}, cosine(50)),
        ({"schedule": "edm", "sigma_min": 0.1, "sigma_max": 9.0, "rho": 3.0}, EDM(0.1, 9.0, 3.0)),
    ],
)  # fmt: skip
def test_gaussian_noise_takes_the_parameters_of_its_schedule(
    params: dict[str, Any], schedule: Schedule
) -> None:
    gaussian = Gaussian(**params)
    assert torch.equal(gaussian.alpha(grid(70)), schedule.alpha(grid(70)))
    assert torch.equal(gaussian.sigma(grid(70)), schedule.sigma(grid(70)))


def test_flow_is_a_line() -> None:
    t = torch.tensor([float(Fraction(k, 7)) for k in range(8)], dtype=torch.float64)
    flow = Gaussian(schedule="flow")
    assert torch.equal(flow.alpha(t) + flow.sigma(t), torch.ones(8, dtype=torch.float64))
    assert float(flow.alpha(t)[-1]) == 0
    x, z = torch.randn(8, 3, dtype=torch.float64), torch.randn(8, 3, dtype=torch.float64)
    torch.testing.assert_close(flow.degrade(x, t, z), x + t[:, None] * (z - x))


def test_the_first_schedules_are_numerically_as_they_were() -> None:
    """Values of the first release in float32."""
    t = torch.tensor([0.1, 0.5, 0.9])
    for values, want in (
        (
            Gaussian(schedule="cosine").alpha(t),
            ["0x1.f8ce2p-1", "0x1.67cd8cp-1", "0x1.3de16ep-3"],
        ),
        (
            Gaussian(schedule="linear").sigma(t),
            ["0x1.489c12p-2", "0x1.eb7856p-1", "0x1.ffedf6p-1"],
        ),
    ):
        expected = torch.tensor([float.fromhex(v) for v in want])
        torch.testing.assert_close(values, expected, rtol=2e-7, atol=0)
