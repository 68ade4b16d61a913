"""Densities of the point sets: against integrals, scipy, autograd and each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal

import genlab
from genlab import PointSet, RequestError

NAMES = ["moons", "circles", "swiss-roll", "pinwheel", "8-gaussians", "25-gaussians"]


def points(name: str, **params: Any) -> PointSet:
    made: PointSet = genlab.build("dataset", name, **params)
    return made


def integral(made: PointSet, y: int | None, step: float, reach: float) -> float:
    line = torch.arange(-reach, reach, step, dtype=torch.float64)
    plane = torch.cartesian_prod(line, line)
    labels = None if y is None else torch.full((len(plane),), y)
    return float(made.log_prob(plane, labels).exp().sum()) * step**2


@pytest.mark.parametrize(
    ("name", "params", "step"),
    [
        ("moons", {"noise": 0.1}, 0.05),
        ("circles", {"noise": 0.1}, 0.05),
        ("swiss-roll", {"noise": 1.0}, 0.06),
        ("25-gaussians", {"sigma": 0.2}, 0.035),
    ],
)
def test_density_integrates_to_one(name: str, params: dict[str, Any], step: float) -> None:
    assert integral(points(name, **params), None, step, 3.5) == pytest.approx(1, abs=1e-5)


def test_pinwheel_integrates_to_one() -> None:
    # The rule is less exact where the map folds, six deviations from an arm.
    made = points("pinwheel", arms=2, radial_std=0.25)
    assert integral(made, None, 0.04, 3.6) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", ["moons", "circles"])
def test_class_densities_integrate_to_one(name: str) -> None:
    made = points(name, noise=0.15)
    for k in range(2):
        assert integral(made, k, 0.06, 4.0) == pytest.approx(1, abs=1e-5)


def test_gaussians_agree_with_scipy(generator: torch.Generator) -> None:
    weights = (1.0, 2.0, 0.5, 1.0, 0.0, 3.0, 1.0, 1.0)
    covariance = ((0.5, 0.3), (0.3, 0.4))
    made: Any = points("8-gaussians", weights=weights, covariances=(0.4,) * 7 + (covariance,))
    x = torch.randn(50, 2, dtype=torch.float64, generator=generator)
    modes = (t.numpy() for t in (made.weights, made.means, made.covs))
    truth = sum(
        w * multivariate_normal(mean, cov).pdf(x.numpy())
        for w, mean, cov in zip(*modes, strict=True)
    )
    np.testing.assert_allclose(made.log_prob(x).exp(), truth, rtol=1e-10)


def spiral(t: float) -> tuple[float, float]:
    return t * math.cos(t), t * math.sin(t)


def outer(t: float) -> tuple[float, float]:
    return math.cos(t), math.sin(t)


@pytest.mark.parametrize(
    ("name", "y", "curve", "low", "high", "noise"),
    [
        ("swiss-roll", None, spiral, 1.5 * math.pi, 4.5 * math.pi, 0.5),
        ("moons", 0, outer, 0.0, math.pi, 0.06),
        ("moons", 0, outer, 0.0, math.pi, 0.01),
        ("circles", 0, outer, 0.0, 2 * math.pi, 0.06),
    ],
)
def test_curves_agree_with_adaptive_quadrature(
    name: str, y: int | None, curve: Any, low: float, high: float, noise: float
) -> None:
    made: Any = points(name, noise=noise)
    for t in np.linspace(low, high, 7):
        r = np.array(curve(t)) + noise * np.array([1.3, -0.7])

        def density(s: float, r: np.ndarray = r) -> float:
            away = r - np.array(curve(s))
            return math.exp(-(away @ away) / (2 * noise**2))

        inner = np.clip([t - 20 * noise, t, t + 20 * noise], low, high)
        truth = quad(density, low, high, points=inner, limit=500, epsabs=0, epsrel=1e-10)[0]
        truth = math.log(truth / (2 * math.pi * noise**2 * (high - low)))
        truth += float(made.std.log().sum())
        x = ((torch.from_numpy(r) - made.mean) / made.std)[None]
        labels = None if y is None else torch.tensor([y])
        assert float(made.log_prob(x, labels)) == pytest.approx(truth, abs=1e-8)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    arms=st.integers(1, 7),
    rate=st.floats(0.05, 0.35),
    tangential=st.floats(0.05, 0.1),
)
def test_pinwheel_density_is_the_change_of_variables(
    seed: int, arms: int, rate: float, tangential: float
) -> None:
    # Near the ridge of an arm the map is one to one: the density of a point is that of its normal
    # variables over the determinant that autograd finds.
    made: Any = points("pinwheel", arms=arms, rate=rate, tangential_std=tangential)
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(20, 2, dtype=torch.float64, generator=generator).clamp(-1.5, 1.5)
    k = torch.randint(arms, (20,), generator=generator)
    theta = 2 * math.pi * k.double() / arms

    z.requires_grad_()
    u, v = 1 + 0.3 * z[:, 0], tangential * z[:, 1]
    angle = theta + rate * u.exp()
    cos, sin = angle.cos(), angle.sin()
    x = (torch.stack([u * cos + v * sin, v * cos - u * sin], 1) - made.mean) / made.std
    rows = [torch.autograd.grad(x[:, i].sum(), z, retain_graph=True)[0] for i in (0, 1)]
    determinant = torch.linalg.det(torch.stack(rows, 1))
    x, z = x.detach(), z.detach()
    normal = -z.square().sum(1) / 2 - math.log(2 * math.pi)
    one_to_one = normal - determinant.abs().log()
    found = made.log_prob(x, k)
    assert bool((found > one_to_one - 1e-9).all())  # other preimages can only add
    assert bool((found < one_to_one + 1e-6).all())


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_that_of_finite_differences(name: str, generator: torch.Generator) -> None:
    made = points(name)
    x = made.draw(20, generator=generator).x[:].double().requires_grad_()
    torch.autograd.gradcheck(made.log_prob, (x,), eps=1e-6, atol=1e-4, rtol=1e-4)


def test_labels_need_classes() -> None:
    with pytest.raises(RequestError, match="no classes"):
        points("swiss-roll").log_prob(torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64))


@pytest.mark.parametrize("name", NAMES)
def test_no_number_has_no_density_and_no_point_at_infinity(name: str) -> None:
    made = points(name)
    near = torch.tensor([[0.3, 0.2]], dtype=torch.float64)
    odd = torch.tensor(
        [[math.nan, 0], [math.inf, math.nan], [math.inf, 0], [-1e300, 1e300]], dtype=torch.float64
    )
    log_prob = made.log_prob(torch.cat([near, odd]))
    assert log_prob[1:3].isnan().all()
    assert log_prob[3:].tolist() == [-math.inf, -math.inf]
    torch.testing.assert_close(log_prob[:1], made.log_prob(near))
    for dtype in (torch.float32, torch.float64):
        far = made.log_prob(torch.tensor([[0.0, 30.0], [-200.0, 1.0]], dtype=dtype))
        assert far.dtype == dtype
        assert bool((far < -100).all())


@pytest.mark.parametrize("name", ["circles", "pinwheel"])
def test_an_unknown_label_means_the_marginal(name: str, generator: torch.Generator) -> None:
    made = points(name)
    x = made.draw(4, generator=generator).x[:].double()
    mixed = made.log_prob(x, torch.tensor([-1, 0, -1, 1]))
    torch.testing.assert_close(mixed[[0, 2]], made.log_prob(x)[[0, 2]])
    known = made.log_prob(x[[1, 3]], torch.tensor([0, 1]))
    torch.testing.assert_close(mixed[[1, 3]], known)


@pytest.mark.parametrize("name", ["moons", "25-gaussians"])
def test_labels_that_do_not_exist_are_refused(name: str) -> None:
    made = points(name)
    for label in (-2, made.spec.classes):
        with pytest.raises(RequestError, match=f"there is a label {label}; those of"):
            made.log_prob(torch.zeros(2, 2), torch.tensor([0, label]))
