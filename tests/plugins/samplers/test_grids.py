"""Time grids."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genlab_plugins.degradations.gaussian import Gaussian
from genlab_plugins.samplers import grids

SCHEDULES = ["linear", "cosine", "sigmoid", "edm", "flow"]


@pytest.mark.parametrize("name", ["uniform", "quadratic", "cosine"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50, 1000])
def test_grids_fall_from_one_to_zero(name: Any, steps: int) -> None:
    times = grids.times(name, steps)
    assert times.shape == (steps + 1,)
    assert (float(times[0]), float(times[-1])) == (1.0, 0.0)
    assert (times.diff() < 0).all()


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
    found = grids.time_at(degradation, degradation.log_snr(t))
    torch.testing.assert_close(found, t, rtol=1e-6, atol=1e-9)


def test_time_at_stops_at_the_ends() -> None:
    far = torch.tensor([-1e3, 1e3, -torch.inf, torch.inf], dtype=torch.float64)
    found = grids.time_at(Gaussian(), far)
    torch.testing.assert_close(found, torch.tensor([1.0, 0, 1, 0]).double(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 20])
def test_grids_of_a_degradation(schedule: Any, steps: int) -> None:
    degradation = Gaussian(schedule=schedule)
    for times in (grids.log_snr(degradation, steps), grids.karras(degradation, steps)):
        assert times.shape == (steps + 1,)
        assert (float(times[0]), float(times[-1])) == (1.0, 0.0)
        assert (times.diff() < 0).all()


@pytest.mark.parametrize("schedule", ["linear", "cosine", "edm"])
def test_log_snr_is_even_in_it(schedule: Any) -> None:
    degradation = Gaussian(schedule=schedule)
    even = degradation.log_snr(grids.log_snr(degradation, 20)[:-1])
    torch.testing.assert_close(even.diff(), even.diff().mean().expand(19), rtol=1e-5, atol=0)


def test_karras_is_the_paper_s_grid() -> None:
    """On EDM's own schedule, whose ratio at its last time before 0 is the smallest one."""
    degradation, n, rho = Gaussian(schedule="edm"), 18, 7
    times = grids.karras(degradation, n, rho, clean=0.01)
    sigma = degradation.sigma(times[:-1])
    i = torch.arange(n, dtype=torch.float64)
    most, least = (
        80 ** (1 / rho),
        float(degradation.sigma(torch.tensor([0.01]).double())) ** (1 / rho),
    )
    torch.testing.assert_close(sigma, (most + i / (n - 1) * (least - most)) ** rho)
