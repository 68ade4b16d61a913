"""Time grids."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genlab import GaussianDegradation, RequestError, time_at
from genlab.testing import Fade
from genlab_plugins.degradations.blur import Blur
from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.samplers import grids
from genlab_plugins.samplers.cold import Cold
from genlab_plugins.samplers.cold_momentum import ColdMomentum
from genlab_plugins.samplers.ddim import DDIM
from genlab_plugins.samplers.ddpm import DDPM
from genlab_plugins.samplers.dpmpp_2m import DPMpp2M
from genlab_plugins.samplers.euler import Euler
from genlab_plugins.samplers.heun import Heun
from genlab_plugins.samplers.naive import Naive
from genlab_plugins.samplers.restart import Restart

SCHEDULES = ["linear", "cosine", "sigmoid", "edm", "flow"]
OF_TIME = ["uniform", "quadratic", "cosine"]
OF_NOISE = ["karras", "log-snr"]
SAMPLERS = [Cold, ColdMomentum, DDIM, DDPM, DPMpp2M, Euler, Heun, Naive, Restart]


def require_grid(times: Tensor, steps: int) -> None:
    assert times.shape == (steps + 1,)
    assert times.dtype == torch.float32
    assert (float(times[0]), float(times[-1])) == (1.0, 0.0)
    rises = (times.diff() >= 0).nonzero().flatten().tolist()
    assert not rises, f"{steps} steps: does not fall after {rises[:3]}"


def ratio(degradation: GaussianDegradation, t: Tensor) -> Tensor:
    t = t.double()
    return degradation.sigma(t) / degradation.alpha(t)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OF_TIME + OF_NOISE)
def test_grids_fall_from_one_to_zero(name: Any, schedule: Any) -> None:
    degradation = Gaussian(schedule=schedule)
    for steps in [*range(1, 12), 20, 39, 50, 100, 333, 1000]:
        require_grid(grids.times(name, steps, degradation), steps)


@settings(max_examples=100)
@given(
    name=st.sampled_from(OF_TIME + OF_NOISE),
    schedule=st.sampled_from(SCHEDULES),
    steps=st.integers(1, 1000),
    table=st.integers(50, 4000),
    beta_max=st.floats(0.005, 0.2),
    sigma_max=st.floats(0.05, 2000.0),
    rho=st.floats(1.0, 12.0),
)
def test_grids_fall_for_any_schedule(
    name: Any, schedule: Any, steps: int, table: int, beta_max: float, sigma_max: float, rho: float
) -> None:
    degradation = Gaussian(
        schedule=schedule, steps=table, beta_max=beta_max, sigma_max=sigma_max, rho=rho
    )
    require_grid(grids.times(name, steps, degradation), steps)


@pytest.mark.parametrize("name", OF_TIME)
def test_grids_of_time_fit_every_degradation(name: Any) -> None:
    for degradation in (Fade(), Blur(), Gaussian(schedule="flow")):
        want = {"uniform": grids.uniform, "quadratic": grids.quadratic, "cosine": grids.cosine}
        assert torch.equal(grids.times(name, 7, degradation), want[name](7))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("name", OF_NOISE)
def test_grids_of_noise_need_a_gaussian_degradation(sampler: Any, name: Any) -> None:
    made, gaussian = sampler(grid=name), Gaussian(schedule="edm")
    assert torch.equal(made.grid(9, gaussian), grids.times(name, 9, gaussian))
    with pytest.raises(
        RequestError,
        match=rf"grid '{name}' needs .* gaussian, and Blur is not\. .* uniform, quadratic, cosine",
    ):
        made.grid(9, Blur())


def test_power_has_the_exponent() -> None:
    torch.testing.assert_close(
        grids.power(4, 3.0), torch.tensor([1, 27, 8, 1, 0]) / torch.tensor([1.0, 64, 64, 64, 1])
    )
    torch.testing.assert_close(grids.power(9, 1.0), grids.uniform(9))
    torch.testing.assert_close(grids.power(9, 2.0), grids.quadratic(9))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_time_at_inverts(schedule: Any) -> None:
    degradation = Gaussian(schedule=schedule)
    t = torch.linspace(0.001, 0.999, 50, dtype=torch.float64)
    found = time_at(degradation, degradation.log_snr(t))
    torch.testing.assert_close(found, t, rtol=1e-6, atol=1e-9)


def test_time_at_stops_at_the_ends() -> None:
    far = torch.tensor([-1e3, 1e3, -torch.inf, torch.inf], dtype=torch.float64)
    found = time_at(Gaussian(), far)
    torch.testing.assert_close(found, torch.tensor([1.0, 0, 1, 0]).double(), rtol=0, atol=1e-9)


@settings(max_examples=30)
@given(
    schedule=st.sampled_from(SCHEDULES),
    steps=st.integers(4, 1000),
    sigma_max=st.floats(0.1, 2000.0),
)
def test_log_snr_is_even_in_it(schedule: Any, steps: int, sigma_max: float) -> None:
    """But for the first step, which starts at the schedule's own end, and the last one, to 0."""
    degradation = Gaussian(schedule=schedule, sigma_max=sigma_max)
    even = degradation.log_snr(grids.log_snr(degradation, steps)[1:-1])
    want = even.diff().mean().expand(steps - 2)
    torch.testing.assert_close(even.diff(), want, rtol=1e-5, atol=1e-8)
    top = min(80.0, float(ratio(degradation, torch.ones(1))))
    bottom = 0.002 * min(1.0, top)
    assert float(even[-1]) == pytest.approx(-2 * math.log(bottom))
    assert float(want[0]) * (steps - 1) == pytest.approx(2 * math.log(top / bottom))


@settings(max_examples=30)
@given(steps=st.integers(2, 1000), rho=st.floats(1.0, 12.0), sigma_max=st.floats(1.0, 80.0))
def test_karras_is_the_paper_s_grid(steps: int, rho: float, sigma_max: float) -> None:
    """On a schedule whose ratio is sigma itself: eq. 5, from sigma_max to sigma_min = 0.002."""
    degradation = Gaussian(schedule="edm", sigma_max=sigma_max)
    i = torch.arange(steps, dtype=torch.float64)
    most, least = sigma_max ** (1 / rho), 0.002 ** (1 / rho)
    want = (most + i / (steps - 1) * (least - most)) ** rho
    times = grids.karras(degradation, steps, rho)
    torch.testing.assert_close(degradation.sigma(times[:-1]), want, rtol=1e-9, atol=0)
    assert float(times[-1]) == 0.0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_karras_has_the_same_noise_on_every_schedule(schedule: Any) -> None:
    """Sampling differs in where the first step begins, and in nothing else that data can feel."""
    degradation = Gaussian(schedule=schedule)
    times = grids.times("karras", 18, degradation)
    top = min(80.0, float(ratio(degradation, torch.ones(1))))
    i = torch.arange(1, 18, dtype=torch.float64)
    want = (top ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - top ** (1 / 7))) ** 7
    torch.testing.assert_close(ratio(degradation, times[1:-1]), want, rtol=1e-3, atol=0)
