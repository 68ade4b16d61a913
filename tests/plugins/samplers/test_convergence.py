"""The order of each solver, fitted on the ideal denoiser against an adaptive Runge-Kutta method."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from genlab import GaussianDegradation, time_at
from genlab_plugins.samplers.ddim import DDIM
from genlab_plugins.samplers.dpmpp_2m import DPMpp2M
from genlab_plugins.samplers.heun import Heun

POINTS = torch.tensor([[1.5, 0.5], [-1.0, 1.0], [0.0, -1.5]], dtype=torch.float64)
START, END = 0.9, 0.3
"""Between them no trajectory has come so near to its point that the error is rounding alone."""
COUNTS = (128, 384)


def flow_of(restorer: Any, x: Tensor) -> Tensor:
    """Solve the probability-flow ODE, du / d log r = u - x_0, where u = x / alpha, r = sigma / alpha."""
    degradation: GaussianDegradation = restorer.degradation
    ends = torch.tensor([START, END], dtype=torch.float64)
    alpha = degradation.alpha(ends)
    log_r = (-degradation.log_snr(ends) / 2).tolist()

    def slope(at: float, u: np.ndarray) -> np.ndarray:
        t = time_at(degradation, torch.tensor([-2 * at], dtype=torch.float64)).expand(len(x))
        state = torch.from_numpy(u.reshape(x.shape))
        x_0 = restorer(state * degradation.alpha(t)[:, None], t)
        return (state - x_0).numpy().ravel()

    begin = (x / alpha[0]).numpy().ravel()
    solved = solve_ivp(slope, log_r, begin, method="DOP853", rtol=1e-9, atol=1e-11)
    return torch.from_numpy(solved.y[:, -1].reshape(x.shape)) * alpha[1]


def test_orders(degradation: Any, ideal: Any, travel: Callable[..., Tensor]) -> None:
    restorer = ideal(degradation, POINTS)
    t = torch.full((16,), START, dtype=torch.float64)
    z = torch.randn(16, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = degradation.degrade(POINTS[torch.arange(16) % 3], t, z)
    want = flow_of(restorer, x)
    found = {}
    for sampler in (DDIM(), Heun(), DPMpp2M()):
        errors = []
        for steps in COUNTS:
            times = torch.linspace(START, END, steps + 1, dtype=torch.float64)
            end = travel(sampler, restorer, x, times)
            errors.append(float((end - want).square().mean().sqrt()))
        found[repr(sampler)] = math.log(errors[0] / errors[1]) / math.log(COUNTS[1] / COUNTS[0])
    expected = {"DDIM()": 1, "Heun()": 2, "DPMpp2M()": 2}
    assert found == pytest.approx(expected, abs=0.3)
