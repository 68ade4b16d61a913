"""Gravity against falling grains, one by one, and against SciPy's transport distances."""

from __future__ import annotations

from typing import Literal

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


def lowest(from_bottom: np.ndarray) -> float:
    """Find by bisection where the pile begins whose pixels have the first moment of a column."""
    height, mass, pixel = len(from_bottom), from_bottom.sum(), np.arange(len(from_bottom))
    low, high = 0.0, height - mass
    for _ in range(60):
        a = (low + high) / 2
        pile = np.clip(a + mass - pixel, 0, 1) - np.clip(a - pixel, 0, 1)
        low, high = (a, high) if pile @ pixel < from_bottom @ pixel else (low, a)
    return low


def fallen(density: np.ndarray, t: float, to: str, grains: int = 4000) -> np.ndarray:
    """Let grains fall one by one: those above the mass m from height h to (1 - t) h + t (a + m)."""
    height = len(density)
    from_bottom = density[::-1]
    mass = np.concatenate([[0.0], np.cumsum(from_bottom)])
    share = (np.arange(grains) + 0.5) / grains
    landed = np.zeros(height)
    a = lowest(from_bottom) if to == "centre" else 0.0
    for i, rho in enumerate(from_bottom):
        y = (1 - t) * (i + share) + t * (a + mass[i] + rho * share)
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
        assert densities(Gravity(to="bottom").degrade(x_0, at(t), None)) == pytest.approx(
            want, abs=1e-12
        )


def test_a_pile_has_no_gaps() -> None:
    x_0 = column(0.5, 0, 0.25, 1, 0, 0.5)
    last = Gravity(to="bottom").degrade(x_0, at(1.0), None)
    assert densities(last) == pytest.approx([0, 0, 0, 0.25, 1, 1], abs=1e-12)
    assert Gravity(to="bottom").summarize(last).flatten().tolist() == pytest.approx(
        [2 * 2.25 / 6 - 1]
    )


@pytest.mark.parametrize("to", ["centre", "bottom"])
@pytest.mark.parametrize("t", [0.0, 0.05, 0.37, 0.8, 1.0])
def test_grain_by_grain(t: float, to: Literal["centre", "bottom"]) -> None:
    x_0 = example_data((2, 9, 4), 3, dtype=torch.float64)
    x_0[0, 0, 2:6] = -1.0  # with empty space in between
    got = ((Gravity(to=to).degrade(x_0, at(t, 3), None) + 1) / 2).numpy()
    start = ((x_0 + 1) / 2).numpy()
    for index in np.ndindex(3, 2, 4):
        b, c, j = index
        np.testing.assert_allclose(got[b, c, :, j], fallen(start[b, c, :, j], t, to), atol=2e-3)


def test_mass_is_kept_and_pixels_stay_in_range() -> None:
    x_0 = example_data((3, 13, 8), 1, dtype=torch.float64)
    path = Gravity(to="bottom").degrade(
        x_0.expand(51, 3, 13, 8), torch.linspace(0, 1, 51).double(), None
    )
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
                np.clip(densities(Gravity(to="bottom").degrade(x_0, at(t), None)), 0, None),
            )
        )

    total = distance(1.0)
    for t in (0.1, 0.25, 0.5, 0.75):
        assert distance(t) == pytest.approx(t * total, abs=0.1)
    assert total > 3


def test_a_column_keeps_its_centre_of_mass() -> None:
    """At all times, and with nothing in the column as with all of it."""
    x_0 = example_data((2, 9, 4), 1, dtype=torch.float64)
    x_0[0, 0, :, 0], x_0[0, 0, :, 1] = -1.0, 1.0
    path = Gravity().degrade(x_0.expand(21, 2, 9, 4), torch.linspace(0, 1, 21).double(), None)
    moments = ((path + 1) * torch.arange(9)[:, None]).sum(-2)
    torch.testing.assert_close(moments[-1], moments[0], rtol=0, atol=1e-11)
    assert float((moments - moments[0]).abs().max()) < 0.5  # of 72: within a pixel, mass is spread


def test_what_is_left_by_hand() -> None:
    """A full pixel below the top of four: mean 2 (1/4) - 1, and a first moment of +.5 of at most 2."""
    last = Gravity().degrade(column(0, 1, 0, 0), at(1.0), None)
    assert densities(last) == pytest.approx([0, 1, 0, 0], abs=1e-12)
    assert Gravity().summarize(last).flatten().tolist() == pytest.approx([-0.5, 0.25])


def test_a_moment_that_no_pile_has() -> None:
    """What a prior draws may be no column: the pile is as near as the image allows."""
    c = torch.tensor([[-1.0, -1.5, 0.0, 1.0, 0.5, 9.0, -9.0, 0.3]])
    x_1 = Gravity().expand(c, (1, 6, 4), generator=seeded(0))
    assert bool(x_1.isfinite().all())
    assert float(x_1.abs().max()) <= 1
    torch.testing.assert_close(x_1.mean(2).flatten(), torch.tensor([-1.0, -1.0, 0.0, 1.0]))
    assert densities(x_1[..., 2:3]) == [0, 0, 0, 1, 1, 1]


def test_pixels_outside_the_range_stay_finite() -> None:
    x_0 = 3 * example_data((1, 6, 5), 2)
    assert torch.equal(Gravity(to="bottom").degrade(x_0, torch.zeros(2), None), x_0)
    assert bool(Gravity(to="bottom").degrade(x_0, torch.ones(2), None).isfinite().all())


@pytest.mark.parametrize(("to", "numbers"), [("centre", 56), ("bottom", 28)])
def test_sizes_and_way_back(to: Literal["centre", "bottom"], numbers: int) -> None:
    gravity, x_0 = Gravity(to=to), example_data((1, 28, 28), 3, dtype=torch.float64)
    x_0[0, 0, :, 3] = -1.0  # nothing, which has no centre
    last = gravity.degrade(x_0, at(1.0, 3), None)
    c = gravity.summarize(last)
    assert c.shape == (3, numbers)
    built = gravity.expand(c, (1, 28, 28), generator=seeded(0))
    torch.testing.assert_close(built, last, rtol=0, atol=1e-12)
