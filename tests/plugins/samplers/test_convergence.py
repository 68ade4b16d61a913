"""The order of each solver, fitted on the ideal denoiser against an adaptive Runge-Kutta method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from genlab import Sampler
from genlab_plugins.samplers.cold import Cold
from genlab_plugins.samplers.ddim import DDIM
from genlab_plugins.samplers.dpmpp_2m import DPMpp2M
from genlab_plugins.samplers.euler import Euler
from genlab_plugins.samplers.heun import Heun

POINTS = torch.tensor([[1.5, 0.5], [-1.0, 1.0], [0.0, -1.5]], dtype=torch.float64)
START, END = 0.9, 0.3
"""Between them no trajectory has come so near to its point that the error is rounding alone."""


def flow_of(restorer: Any, x: Tensor) -> Tensor:
    """Solve the probability-flow ODE, du / d log r = u - x_0, where u = x / alpha, r = sigma / alpha."""
    degradation = restorer.degradation
    ends = torch.tensor([START, END], dtype=torch.float64)
    alpha = degradation.alpha(ends)
    log_r = (-degradation.log_snr(ends) / 2).tolist()

    def slope(at: float, u: np.ndarray) -> np.ndarray:
        low, high = END, START
        for _ in range(60):  # when the ratio is what it is
            middle = torch.tensor([(low + high) / 2], dtype=torch.float64)
            if float(-degradation.log_snr(middle) / 2) > at:
                high = float(middle)
            else:
                low = float(middle)
        t = torch.full((len(x),), (low + high) / 2, dtype=torch.float64)
        state = torch.from_numpy(u.reshape(x.shape))
        x_0 = restorer(state * degradation.alpha(t)[:, None], t)
        return (state - x_0).numpy().ravel()

    begin = (x / alpha[0]).numpy().ravel()
    solved = solve_ivp(slope, log_r, begin, method="DOP853", rtol=1e-11, atol=1e-12)
    return torch.from_numpy(solved.y[:, -1].reshape(x.shape)) * alpha[1]


@pytest.mark.parametrize(
    ("sampler", "order"),
    [(DDIM(), 1), (Cold(), 1), (Euler(), 1), (Heun(), 2), (DPMpp2M(), 2)],
    ids=["ddim", "cold", "euler", "heun", "dpmpp-2m"],
)
def test_order(
    sampler: Sampler, order: int, degradation: Any, ideal: Any, travel: Callable[..., Tensor]
) -> None:
    restorer = ideal(degradation, POINTS)
    t = torch.full((64,), START, dtype=torch.float64)
    x_0 = POINTS[torch.arange(64) % 3]
    z = torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = degradation.degrade(x_0, t, z)
    want = flow_of(restorer, x)
    counts = np.array([32, 64, 128, 256, 512])
    errors = []
    for steps in counts:
        times = torch.linspace(START, END, int(steps) + 1, dtype=torch.float64)
        errors.append(float((travel(sampler, restorer, x, times) - want).square().mean().sqrt()))
    slope, _ = np.polyfit(np.log(counts), np.log(errors), 1)
    print(f"order {-slope:.2f}, errors {errors}")
    assert -slope == pytest.approx(order, abs=0.3)
