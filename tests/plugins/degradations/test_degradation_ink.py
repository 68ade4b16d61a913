"""Ink against the matrix exponential, its equation, and its two limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from genlab.testing.check import example_data, seeded
from genlab_plugins.degradations.ink import Ink


def at(t: float, n: int = 1) -> Tensor:
    return torch.full((n,), t, dtype=torch.float64)


def time_of(sigma: float, sigma_max: float, ratio: float = 12.0) -> float:
    return math.log1p(sigma / sigma_max * (ratio - 1)) / math.log(ratio)


def laplacian(n: int) -> np.ndarray:
    """The second difference with reflecting edges."""
    matrix = -2.0 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)
    matrix[0, 0] = matrix[-1, -1] = -1
    return matrix


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("sigma", [0.05, 0.6, 2.0])
def test_hopf_and_cole_by_matrix_exponentials(epsilon: float, sigma: float) -> None:
    x_0 = example_data((2, 6, 9), 3, dtype=torch.float64)
    rows, columns = (scipy.linalg.expm(0.5 * sigma**2 * laplacian(n)) for n in (6, 9))
    want = epsilon * np.log(rows @ np.exp(x_0.numpy() / epsilon) @ columns.T)
    ink = Ink(epsilon=epsilon, sigma_max=2.0)
    got = ink.degrade(x_0, at(time_of(sigma, 2.0), 3), None)
    np.testing.assert_allclose(got.numpy(), want, atol=1e-6 if epsilon < 0.2 else 1e-11)


def test_semigroup() -> None:
    ink = Ink(sigma_max=3.0)
    x_0 = example_data((1, 10, 7), 2, dtype=torch.float64)
    first = ink.degrade(x_0, at(time_of(0.9, 3.0), 2), None)
    then = ink.degrade(first, at(time_of(1.2, 3.0), 2), None)
    at_once = ink.degrade(x_0, at(time_of(1.5, 3.0), 2), None)
    torch.testing.assert_close(then, at_once, rtol=0, atol=1e-10)


def test_viscous_hamilton_jacobi_equation() -> None:
    """On a smooth wave: dx/dtau = x'' / 2 + x'^2 / (2 epsilon), by differences."""
    n, epsilon, sigma = 200, 0.5, 4.0
    place = torch.arange(n, dtype=torch.float64) + 0.5
    x_0 = (0.8 * torch.cos(2 * math.pi * place / n)).reshape(1, 1, 1, n)
    ink = Ink(epsilon=epsilon, sigma_max=10.0)
    step = 0.01
    before, now, after = (
        ink.degrade(x_0, at(time_of(math.sqrt(sigma**2 + d), 10.0)), None).flatten()
        for d in (-step, 0.0, step)
    )
    rate = (after - before) / (2 * step)
    slope = (now[2:] - now[:-2]) / 2
    bend = now[2:] - 2 * now[1:-1] + now[:-2]
    want = bend / 2 + slope.square() / (2 * epsilon)
    error = float((rate[1:-1] - want).abs().max() / want.abs().max())
    assert error < 2e-3


def test_small_epsilon_dilates_and_large_epsilon_blurs() -> None:
    """A bright dot: at most its own level everywhere; more ink for smaller epsilon."""
    x_0 = torch.full((1, 1, 21, 21), -1.0, dtype=torch.float64)
    x_0[..., 10, 10] = 1.0
    t = at(time_of(1.5, 3.5))
    means = []
    for epsilon in (0.1, 0.2, 0.5, 2.0, 50.0):
        x_t = Ink(epsilon=epsilon, sigma_max=3.5).degrade(x_0, t, None)
        assert float(x_t.max()) <= 1
        assert float(x_t.min()) >= -1
        means.append(float(x_t.mean()))
    assert means == sorted(means, reverse=True)
    assert means[-1] == pytest.approx(float(x_0.mean()), abs=2e-3)
    assert means[0] > float(x_0.mean()) + 0.3


def test_ink_is_not_linear_and_commutes_with_brightness() -> None:
    ink = Ink()
    x = example_data((1, 8, 8), 2, dtype=torch.float64)
    y = example_data((1, 8, 8), 2, dtype=torch.float64, seed=3)
    d_x, d_y = ink.degrade(x, at(0.7, 2), None), ink.degrade(y, at(0.7, 2), None)
    assert float((ink.degrade(x + y, at(0.7, 2), None) - d_x - d_y).abs().max()) > 0.1
    torch.testing.assert_close(ink.degrade(x + 0.3, at(0.7, 2), None), d_x + 0.3)
    higher = torch.maximum(x, y)
    assert bool((ink.degrade(higher, at(0.7, 2), None) >= torch.maximum(d_x, d_y) - 1e-12).all())


@pytest.mark.parametrize("t", [0.0, 0.2, 0.5])
def test_inverse(t: float) -> None:
    ink = Ink(sigma_max=2.0)
    x_0 = example_data((2, 9, 12), 2, dtype=torch.float64)
    again = ink.invert(ink.degrade(x_0, at(t, 2), None), at(t, 2), None)
    torch.testing.assert_close(again, x_0, rtol=0, atol=1e-9)


def test_what_is_left_are_soft_maxima() -> None:
    ink = Ink()
    x_0 = example_data((1, 28, 28), 4, dtype=torch.float64)
    x_1 = ink.degrade(x_0, at(1.0, 4), None)
    c = ink.summarize(x_1)
    assert c.shape == (4, 64)
    built = ink.expand(c, (1, 28, 28), generator=seeded(0))
    torch.testing.assert_close(built, x_1, rtol=0, atol=0.02)
    constant = torch.full((1, 1, 28, 28), 0.25, dtype=torch.float64)
    torch.testing.assert_close(ink.summarize(constant), torch.full((1, 64), 0.25).double())


def test_any_soft_maxima_have_an_image() -> None:
    """With little contrast one that has exactly these; with more, where that is negative, a finite one."""
    ink, shape = Ink(), (1, 28, 28)
    means = 0.08 * torch.randn(3, 64, generator=seeded(0), dtype=torch.float64)
    built = ink.expand(means, shape, generator=seeded(0))
    assert float((built.amin((1, 2, 3)) - means.amin(1)).max()) < -0.1  # far below the lowest mean
    torch.testing.assert_close(ink.summarize(built), means, rtol=0, atol=1e-12)
    sharp = ink.expand(20 * means, shape, generator=seeded(0))
    assert bool(sharp.isfinite().all())
    assert bool((sharp.amin((1, 2, 3)) >= 20 * means.amin(1) + 0.5 * math.log(0.1) - 1e-9).all())
