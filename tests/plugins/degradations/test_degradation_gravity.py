"""Gravity against falling grains, one by one, and against SciPy's transport distances."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from genlab.testing.check import example_data, seeded
from genlab_plugins.degradations.gravity import Gravity


def at(t: float, n: int = 1) -> Tensor:
    return torch.full((n,), t, dtype=torch.float64)


def column(*densities: float) -> Tensor:
    """An image of one column with these densities, from its top."""
    return (2 * torch.tensor(densities, dtype=torch.float64) - 1).reshape(1, 1, -1, 1)


def densities(x: Tensor) -> list[float]:
    return [float(v) for v in ((x + 1) / 2).flatten()]


def fallen(density: np.ndarray, t: float, grains: int = 4000) -> np.ndarray:
    """Let grains fall one by one: those of mass m from height h to (1 - t) h + t m."""
    height = len(density)
    from_bottom = density[::-1]
    mass = np.concatenate([[0.0], np.cumsum(from_bottom)])
    share = (np.arange(grains) + 0.5) / grains
    landed = np.zeros(height)
    for i, rho in enumerate(from_bottom):
        y = (1 - t) * (i + share) + t * (mass[i] + rho * share)
        pixel = np.minimum(np.floor(y).astype(int), height - 1)
        np.add.at(landed, pixel, rho / grains)
    return landed[::-1]


def test_one_grain_falls_straight() -> None:
    """A full pixel at the top of four is three pixels up; at t = 1/3 it has fallen by one."""
    x_0 = column(1, 0, 0, 0)
    for t, want in [
        (0.0, [1, 0, 0, 0]),
        (1 / 6, [0.5, 0.5, 0, 0]),
        (1 / 3, [0, 1, 0, 0]),
        (2 / 3, [0, 0, 1, 0]),
        (1.0, [0, 0, 0, 1]),
    ]:
        assert densities(Gravity().degrade(x_0, at(t), None)) == pytest.approx(want, abs=1e-12)


def test_a_pile_has_no_gaps() -> None:
    x_0 = column(0.5, 0, 0.25, 1, 0, 0.5)
    last = Gravity().degrade(x_0, at(1.0), None)
    assert densities(last) == pytest.approx([0, 0, 0, 0.25, 1, 1], abs=1e-12)
    assert Gravity().summarize(last).flatten().tolist() == pytest.approx([2 * 2.25 / 6 - 1])


@pytest.mark.parametrize("t", [0.0, 0.05, 0.37, 0.8, 1.0])
def test_grain_by_grain(t: float) -> None:
    x_0 = example_data((2, 9, 4), 3, dtype=torch.float64)
    x_0[0, 0, 2:6] = -1.0  # with empty space in between
    got = ((Gravity().degrade(x_0, at(t, 3), None) + 1) / 2).numpy()
    start = ((x_0 + 1) / 2).numpy()
    for index in np.ndindex(3, 2, 4):
        b, c, j = index
        np.testing.assert_allclose(got[b, c, :, j], fallen(start[b, c, :, j], t), atol=2e-3)


def test_mass_is_kept_and_pixels_stay_in_range() -> None:
    x_0 = example_data((3, 13, 8), 1, dtype=torch.float64)
    path = Gravity().degrade(x_0.expand(51, 3, 13, 8), torch.linspace(0, 1, 51).double(), None)
    means = path.mean(-2)
    torch.testing.assert_close(means, means[:1].expand_as(means), rtol=0, atol=1e-13)
    assert float(path.abs().max()) <= 1 + 1e-12


def test_a_geodesic_of_transport() -> None:
    """W_1 from the start is t times the whole way, up to a tenth of a pixel (SciPy's distance)."""
    x_0 = column(0.9, 0.1, 0.8, 0, 0, 0.3, 0, 0.6, 0, 0, 0, 0)
    heights = np.arange(12)[::-1]

    def distance(t: float) -> float:
        return float(
            scipy.stats.wasserstein_distance(
                heights,
                heights,
                densities(x_0),
                np.clip(densities(Gravity().degrade(x_0, at(t), None)), 0, None),
            )
        )

    total = distance(1.0)
    for t in (0.1, 0.25, 0.5, 0.75):
        assert distance(t) == pytest.approx(t * total, abs=0.1)
    assert total > 3


def test_pixels_outside_the_range_stay_finite() -> None:
    x_0 = 3 * example_data((1, 6, 5), 2)
    assert torch.equal(Gravity().degrade(x_0, torch.zeros(2), None), x_0)
    assert bool(Gravity().degrade(x_0, torch.ones(2), None).isfinite().all())


def test_sizes_and_way_back() -> None:
    x_0 = example_data((1, 28, 28), 3, dtype=torch.float64)
    last = Gravity().degrade(x_0, at(1.0, 3), None)
    c = Gravity().summarize(last)
    assert c.shape == (3, 28)
    built = Gravity().expand(c, (1, 28, 28), generator=seeded(0))
    torch.testing.assert_close(built, last, rtol=0, atol=1e-12)
