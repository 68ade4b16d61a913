"""Draws, splits and parameters of the point sets."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import genlab
from genlab import Examples, RequestError

NAMES = ["moons", "circles", "swiss-roll", "pinwheel", "8-gaussians", "25-gaussians"]
MODES = {"8-gaussians": 8, "25-gaussians": 25}
ONES = (1.0,) * 7
SPREAD = (
    r"covariances\.7: a spread is a positive standard deviation, a pair .* or a 2 x 2 covariance"
)


def points(name: str, **params: Any) -> Any:
    return genlab.build("dataset", name, **params)


def values(drawn: Examples) -> Tensor:
    return drawn.x[:]


def within(sample: Tensor, truth: float, errors: float = 5.0) -> bool:
    """Whether the mean of independent numbers is the truth, up to chance."""
    error = float(sample.std()) / math.sqrt(len(sample))
    return abs(float(sample.mean()) - truth) < errors * error


@settings(max_examples=15)
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**31 - 1), data=st.data())
def test_points_are_standardised(name: str, seed: int, data: st.DataObject) -> None:
    drawn_params: dict[str, Any] = {}
    if name in ("moons", "circles"):
        drawn_params["noise"] = data.draw(st.floats(0.02, 2.0))
    elif name == "pinwheel":
        drawn_params["arms"] = data.draw(st.integers(1, 6))
    elif name in MODES:
        weight = st.floats(0.2, 5.0)
        drawn_params["weights"] = tuple(data.draw(weight) for _ in range(MODES[name]))
    generator = torch.Generator().manual_seed(seed)
    x = values(points(name, **drawn_params).draw(5000, generator=generator)).double()
    for axis in (0, 1):
        assert within(x[:, axis], 0.0, 6)
        assert within(x[:, axis].square(), 1.0, 6)


def test_moments_are_exact() -> None:
    # The closed forms of moons against the quadrature that the other curves rely on.
    moons = points("moons", noise=0.1)
    mean, std = moons.curves.moments()
    torch.testing.assert_close(mean, moons.mean, rtol=0, atol=1e-13)
    torch.testing.assert_close(std, moons.std, rtol=0, atol=1e-13)
    # Those of the pinwheel: at least three arms cancel, and a turn keeps the radius.
    pinwheel = points("pinwheel")
    variance = torch.full((2,), (1 + 0.3**2 + 0.1**2) / 2, dtype=torch.float64)
    torch.testing.assert_close(pinwheel.mean, torch.zeros(2).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(pinwheel.std.square(), variance, rtol=0, atol=1e-12)


def test_moments_of_the_roll_are_its_integrals() -> None:
    # With s = 4.5 pi and l = 1.5 pi: int t cos t = t sin t + cos t, int t sin t = sin t - t cos t.
    roll = points("swiss-roll")
    low, high = 1.5 * math.pi, 4.5 * math.pi
    x = (high * math.sin(high) + math.cos(high)) - (low * math.sin(low) + math.cos(low))
    y = (math.sin(high) - high * math.cos(high)) - (math.sin(low) - low * math.cos(low))
    expected = torch.tensor([x, y], dtype=torch.float64) / (high - low)
    torch.testing.assert_close(roll.mean, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_splits_have_their_sizes_and_share_no_point(name: str) -> None:
    made = points(name, train=300, test=200)
    train, test = made.load("train"), made.load("test")
    assert (len(train), len(test)) == (300, 200)
    assert torch.cdist(values(train).double(), values(test).double()).min() > 0
    assert not torch.equal(points(name, train=300, seed=1).load("train").x, train.x)
    with pytest.raises(RequestError, match=r"unknown split 'val'.* test, train"):
        made.load("val")


def test_splits_are_independent() -> None:
    # Were the streams the same, the points would be, number by number.
    made = points("8-gaussians", train=4000, test=4000)
    train, test = made.load("train"), made.load("test")
    product = values(train)[:, 0].double() * values(test)[:, 0].double()
    assert within(product, 0.0)
    assert within((train.y == test.y).double(), 1 / 8)


def test_thin_roll_fills_the_figure(generator: torch.Generator) -> None:
    x = values(points("swiss-roll").draw(5000, generator=generator))
    assert 1.5 < float(x.abs().amax()) < 2.4


@settings(max_examples=10)
@given(name=st.sampled_from(sorted(MODES)), data=st.data())
def test_weights_are_the_proportions(name: str, data: st.DataObject) -> None:
    n, modes = 20_000, MODES[name]
    given_weights = data.draw(st.lists(st.floats(0, 10), min_size=modes, max_size=modes))
    given_weights[0] += 1.0
    made = points(name, weights=tuple(given_weights))
    truth = torch.tensor(given_weights, dtype=torch.float64)
    truth = truth / truth.sum()
    torch.testing.assert_close(made.weights, truth)
    drawn = made.draw(n, generator=torch.Generator().manual_seed(0))
    share = drawn.y.bincount(minlength=modes) / n
    error = (truth * (1 - truth) / n).sqrt()
    assert bool(((share - truth).abs() <= 5 * error + 1 / n).all())


def test_modes_have_their_means_and_covariances(generator: torch.Generator) -> None:
    covariances = (0.2, 0.4, (0.3, 0.9), ((0.6, 0.5), (0.5, 0.6)), 0.5, 0.5, 0.5, 1.5)
    made = points("8-gaussians", covariances=covariances)
    assert (made.means.shape, made.covs.shape) == ((8, 2), (8, 2, 2))
    drawn = made.draw(40_000, generator=generator)
    for k in range(8):
        away = values(drawn)[drawn.y == k].double() - made.means[k]
        for i, j in ((0, 0), (0, 1), (1, 1)):
            assert within(away[:, i] * away[:, j], float(made.covs[k, i, j]))
        assert within(away[:, 0], 0.0)
        assert within(away[:, 1], 0.0)


def test_spreads_of_each_form_agree() -> None:
    forms = (0.5, (0.5, 0.5), ((0.25, 0.0), (0.0, 0.25)))
    covs = [points("8-gaussians", covariances=(form,) * 8).covs for form in forms]
    for cov in covs:
        torch.testing.assert_close(cov, points("8-gaussians", sigma=0.5).covs)


def test_lists_of_a_file_are_taken() -> None:
    # TOML has lists where the constructor has tuples.
    made = points("8-gaussians", weights=[1] * 8, covariances=[[0.5, 0.5]] * 8)
    torch.testing.assert_close(made.covs, points("8-gaussians").covs)


def test_modes_lie_where_the_paper_puts_them() -> None:
    scale = math.sqrt(4.0**2 / 2 + 0.5**2)
    means = points("8-gaussians").means * scale
    assert means[0].tolist() == pytest.approx([4, 0])
    assert means[3].tolist() == pytest.approx([-math.sqrt(8), math.sqrt(8)])
    grid = points("25-gaussians").means * math.sqrt(8 + 0.05**2)
    assert grid[0].tolist() == pytest.approx([-4, -4])
    assert grid[13].tolist() == pytest.approx([0, 2])


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("8-gaussians", {"weights": (1.0,) * 7}, "weights has 7 entries; it takes 8"),
        ("25-gaussians", {"weights": (1.0,) * 8}, "weights has 8 entries; it takes 25"),
        ("8-gaussians", {"weights": (0.0,) * 8}, "weights are all 0"),
        ("8-gaussians", {"weights": (*ONES, -1.0)}, r"weights\.7: .* greater than or equal to 0"),
        ("8-gaussians", {"weights": (*ONES, math.nan)}, r"weights\.7: .* a finite number"),
        ("8-gaussians", {"covariances": (1.0,)}, "covariances has 1 entries; it takes 8"),
        ("8-gaussians", {"covariances": (*ONES, 0.0)}, SPREAD),
        ("8-gaussians", {"covariances": (*ONES, math.inf)}, SPREAD),
        ("8-gaussians", {"covariances": (*ONES, (1.0, -2.0))}, SPREAD),
        ("8-gaussians", {"covariances": (*ONES, (1.0, 1.0, 1.0))}, SPREAD),
        ("8-gaussians", {"covariances": (*ONES, ((1.0, 0.0), (1.0,)))}, SPREAD),
        ("8-gaussians", {"covariances": (*ONES, ((math.inf, 0.0), (0.0, 1.0)))}, SPREAD),
        ("8-gaussians", {"covariances": (*ONES, ((1.0, 0.2), (0.3, 1.0)))}, "is symmetric"),
        (
            "8-gaussians",
            {"covariances": (*ONES, ((1.0, 2.0), (2.0, 1.0)))},
            r"covariances\.7: .* positive definite \(its eigenvalues are -1, 3\)",
        ),
        ("8-gaussians", {"radius": -1.0}, "radius"),
        ("25-gaussians", {"step": 0.0}, "step"),
        ("moons", {"noise": 0.0}, "noise"),
        ("moons", {"nois": 0.1}, "noise"),
        ("moons", {"seed": 2**70}, "seed: .* less than 9223372036854775808"),
        ("25-gaussians", {"seed": -1}, "seed: .* greater than or equal to 0"),
        ("circles", {"factor": 1.0}, "factor"),
        ("swiss-roll", {"test": 0}, "test"),
        ("pinwheel", {"rate": -0.1}, "rate"),
    ],
)
def test_wrong_parameters_are_refused(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message) as refusal:
        points(name, **params)
    assert "\n" not in str(refusal.value)
