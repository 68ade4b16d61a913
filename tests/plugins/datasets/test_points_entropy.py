"""Entropies of the point sets, against a published table, closed forms and fresh draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_circles, make_moons, make_swiss_roll

import genlab
from genlab import PointSet

# Published entropies; see test_table_is_near for their error.
TABLE: list[tuple[str, dict[str, Any], float]] = [
    ("moons", {"noise": 0.05}, 1.120),
    ("moons", {"noise": 0.06}, 1.323),
    ("moons", {"noise": 0.1}, 1.828),
    ("circles", {"factor": 0.4, "noise": 0.05}, 1.736),
    ("circles", {"factor": 0.4, "noise": 0.06}, 1.898),
    ("circles", {"factor": 0.5, "noise": 0.05}, 1.756),
    ("circles", {"factor": 0.5, "noise": 0.08}, 2.209),
    ("pinwheel", {}, 1.527),
    ("swiss-roll", {"noise": 1.0}, 2.035),
    ("8-gaussians", {}, 1.421),
    ("25-gaussians", {}, -2.014),
    ("25-gaussians", {"step": 1.0, "sigma": 0.1}, 0.753),
]

# Unequal weights and spreads: a wide mode over narrow ones, and a tilted one.
UNEQUAL: dict[str, Any] = {
    "weights": (1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 1.0, 8.0),
    "covariances": (0.3, 0.5, 3.0, (0.2, 0.9), 0.5, ((1.0, 0.7), (0.7, 0.8)), 0.5, 1.0),
}

MORE: list[tuple[str, dict[str, Any]]] = [
    ("moons", {"noise": 1.5}),
    ("swiss-roll", {}),
    ("circles", {"factor": 0.9, "noise": 0.3}),
    ("pinwheel", {"arms": 1, "rate": 0.4}),
    ("pinwheel", {"arms": 3, "rate": 0.3, "tangential_std": 0.2}),
    ("8-gaussians", UNEQUAL),
]


def points(name: str, params: dict[str, Any]) -> PointSet:
    made: PointSet = genlab.build("dataset", name, **params)
    return made


@pytest.mark.parametrize(("name", "params", "published"), TABLE)
def test_table_is_near(name: str, params: dict[str, Any], published: float) -> None:
    # The published numbers are off by up to 0.013, as the integrals over the plane and the closed
    # forms below show; those hold the entropies to 1e-6.
    assert points(name, params).entropy == pytest.approx(published, abs=0.015)


@pytest.mark.parametrize(("name", "params"), MORE)
def test_entropy_is_mean_surprise_of_fresh_draws(name: str, params: dict[str, Any]) -> None:
    made = points(name, params)
    drawn = made.draw(20_000, generator=torch.Generator().manual_seed(1))
    surprise = -made.log_prob(drawn.x[:].double())
    error = surprise.std() / math.sqrt(len(drawn))
    assert made.entropy is not None
    assert abs(float(surprise.mean()) - made.entropy) < 5 * float(error)


@pytest.mark.parametrize(
    ("name", "params", "step", "reach", "error"),
    [
        ("moons", {"noise": 0.05}, 0.025, 2.4, 1e-6),
        ("circles", {"factor": 0.4, "noise": 0.05}, 0.025, 2.6, 1e-6),
        ("swiss-roll", {"noise": 1.0}, 0.05, 3.4, 1e-6),
        ("pinwheel", {}, 0.04, 3.8, 1e-3),
        ("8-gaussians", UNEQUAL, 0.03, 9.0, 2e-4),
    ],
)
def test_entropy_is_integral_over_the_plane(
    name: str, params: dict[str, Any], step: float, reach: float, error: float
) -> None:
    made = points(name, params)
    line = torch.arange(-reach, reach, step, dtype=torch.float64)
    log_p = made.log_prob(torch.cartesian_prod(line, line))
    entropy = -float((log_p.exp() * log_p).nan_to_num().sum()) * step**2
    assert made.entropy == pytest.approx(entropy, abs=error)


def raw_moons(n: int, noise: float) -> np.ndarray:
    return np.asarray(make_moons(n, noise=noise, random_state=0)[0])


def raw_circles(n: int, noise: float) -> np.ndarray:
    return np.asarray(make_circles(n, noise=noise, factor=0.4, random_state=0)[0])


def raw_swiss_roll(n: int, noise: float) -> np.ndarray:
    return np.asarray(make_swiss_roll(n, noise=noise, random_state=0)[0])[:, [0, 2]]


@pytest.mark.parametrize(
    ("name", "raw", "noise"),
    [
        ("moons", raw_moons, 0.06),
        ("circles", raw_circles, 0.06),
        ("swiss-roll", raw_swiss_roll, 0.5),
    ],
)
def test_scikit_learn_draws_from_the_density(name: str, raw: Any, noise: float) -> None:
    # Gibbs' inequality: draws from any other distribution would surprise the density by more.
    made = points(name, {"noise": noise})
    r = torch.from_numpy(raw(10_000, noise))
    x = (r - r.mean(0)) / r.std(0)
    surprise = -made.log_prob(x)
    error = float(surprise.std()) / math.sqrt(len(x))
    assert made.entropy is not None
    # The sample's own mean and deviation are off by 1/sqrt(n); the density is sharp.
    assert abs(float(surprise.mean()) - made.entropy) < 5 * error + 0.01


def test_separate_modes_have_the_entropy_of_a_choice_and_a_normal() -> None:
    made = points("25-gaussians", {})
    normal = math.log(2 * math.pi * math.e * 0.05**2)
    variance = 2.0**2 * 2 + 0.05**2  # of the grid -2..2 of step 2, and of a mode
    assert made.entropy == pytest.approx(math.log(25) + normal - math.log(variance), abs=1e-9)


def test_separate_circles_have_nearly_the_entropy_of_their_length() -> None:
    # Across a thin ring the noise is normal, along it the density is flat: H = H[k] + E log(2 pi R)
    # + H[normal], up to the second order in noise / R.
    noise, factor = 0.01, 0.4
    ring = math.log(2 * math.pi) + math.log(factor) / 2
    normal = math.log(2 * math.pi * math.e * noise**2) / 2
    variance = (1 + factor**2) / 4 + noise**2
    made = points("circles", {"noise": noise, "factor": factor})
    expected = math.log(2) + ring + normal - math.log(variance)
    assert made.entropy == pytest.approx(expected, abs=1e-3)


def test_overlapping_modes_lose_entropy() -> None:
    # Without overlap this would be the published 1.421; the modes are 6.1 sigma apart.
    variance = 4.0**2 / 2 + 0.5**2
    apart = math.log(8 * 2 * math.pi * math.e * 0.5**2 / variance)
    entropy = points("8-gaussians", {}).entropy
    assert entropy is not None
    assert apart == pytest.approx(1.421, abs=1e-3)
    assert apart - 0.01 < entropy < apart


def test_wide_normals_hide_the_curve() -> None:
    # With noise that dwarfs the curve the set is a standard normal.
    normal = math.log(2 * math.pi * math.e)
    for name in ("moons", "circles"):
        assert points(name, {"noise": 50.0}).entropy == pytest.approx(normal, abs=1e-6)
