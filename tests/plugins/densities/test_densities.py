"""Densities that are fitted at once, against SciPy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

import genlab
from genlab import DataSpec
from genlab.testing import check_density
from genlab_plugins.densities.calibrated import Calibrated

SPEC = DataSpec((3,), "vector")
LABELLED = DataSpec((3,), "vector", 2, ("a", "b"))


def cloud(n: int = 600, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two skewed clouds of different size far from the origin."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(3, 3))
    y = (rng.random(n) < 0.3).astype(int)
    x = rng.normal(size=(n, 3)) @ mix * 0.5 + 10 + 4 * y[:, None]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def fitted(name: str, spec: DataSpec = SPEC, **parameters: object) -> genlab.Density:
    density = genlab.build("density", name, spec, **parameters)
    x, y = cloud()
    density.fit(x, y, generator=torch.Generator().manual_seed(0))
    return density


def test_normal_is_scipys_with_the_moments_of_the_data() -> None:
    x, _ = cloud()
    density = fitted("normal", ridge=1e-9)
    rows = x.double().numpy()
    truth = stats.multivariate_normal(rows.mean(0), np.cov(rows.T, bias=True)).logpdf(rows)
    np.testing.assert_allclose(density.log_prob(x).numpy(), truth, atol=2e-3)


def test_a_mixture_of_one_component_is_the_normal() -> None:
    x, _ = cloud()
    one = fitted("gmm", components=1, ridge=1e-6).log_prob(x)
    torch.testing.assert_close(one, fitted("normal", ridge=1e-6).log_prob(x), atol=1e-3, rtol=0)


def test_gmm_agrees_with_scikit_learn() -> None:
    x, _ = cloud()
    rows = x.double().numpy()
    density = fitted("gmm", components=2, ridge=1e-6)
    scale = rows.std(0)
    u = (rows - rows.mean(0)) / scale
    truth = GaussianMixture(2, reg_covar=1e-6, tol=1e-2, max_iter=50, random_state=1).fit(u)
    expected = truth.score_samples(u) - np.log(scale).sum()
    assert float(density.log_prob(x).mean()) == pytest.approx(expected.mean(), abs=0.02)


@pytest.mark.parametrize("name", ["normal", "gmm"])
def test_what_hardly_varies_is_not_drowned_in_the_ridge(name: str) -> None:
    """The difference of two features that are nearly the same keeps its small deviation."""
    generator = torch.Generator().manual_seed(3)
    common, own = torch.randn(2, 4000, generator=generator)
    x = torch.stack([common, common + 1e-3 * own, torch.zeros(4000)], 1)
    density = genlab.build("density", name, DataSpec((3,), "vector"))
    density.fit(x, None, generator=generator)
    drawn = density.sample(4000, generator=generator)
    assert float((drawn[:, 1] - drawn[:, 0]).std()) == pytest.approx(1e-3, rel=0.1)
    assert float(drawn[:, 2].abs().max()) < 1e-3
    assert density.log_prob(drawn).isfinite().all()


def test_gmm_finds_the_number_of_components() -> None:
    assert fitted("gmm").components.means.shape[0] in (2, 4)


@pytest.mark.parametrize("name", ["normal", "gmm", "empirical"])
def test_classes_are_modelled_each(name: str) -> None:
    x, y = cloud()
    density = fitted(name, LABELLED)
    own, other = density.log_prob(x, y), density.log_prob(x, 1 - y)
    assert float((own > other).float().mean()) > 0.95
    marginal = torch.stack(
        [density.log_prob(x, torch.full_like(y, k)) + (y == k).float().mean().log() for k in (0, 1)]
    ).logsumexp(0)
    torch.testing.assert_close(density.log_prob(x), marginal, rtol=1e-4, atol=1e-4)
    joint = density.joint_log_prob(x)
    shares = torch.stack([1 - y.float().mean(), y.float().mean()])
    torch.testing.assert_close(
        joint.gather(1, y[:, None])[:, 0], own + shares[y].log(), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(joint.logsumexp(1), marginal, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(density.log_prob(x, torch.full_like(y, -1)), density.log_prob(x))
    asked = torch.arange(400) % 2
    drawn = density.sample(400, asked, generator=torch.Generator().manual_seed(1))
    guess = (density.log_prob(drawn, asked) > density.log_prob(drawn, 1 - asked)).float().mean()
    assert float(guess) > 0.95


@pytest.mark.parametrize("name", ["normal", "gmm", "empirical"])
def test_samples_have_the_moments_of_the_data(name: str) -> None:
    x, _ = cloud()
    drawn = fitted(name).sample(40_000, generator=torch.Generator().manual_seed(2))
    error = (drawn.mean(0) - x.mean(0)) / (x.std(0) / math.sqrt(len(drawn)))
    assert float(error.abs().max()) < 5
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(x.T), rtol=0.05, atol=0.1)


def test_the_empirical_density_is_a_kernel_density_estimate() -> None:
    x, _ = cloud()
    density = fitted("empirical", bandwidth=0.3)
    rows = x.double().numpy()
    scale = rows.std(0)
    truth = KernelDensity(bandwidth=0.3).fit(rows / scale).score_samples(rows[:50] / scale)
    expected = truth - np.log(scale).sum()
    np.testing.assert_allclose(density.log_prob(x[:50]).numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["normal", "gmm", "empirical", "kde"])
def test_examples_of_no_known_class_are_left_out(name: str) -> None:
    """The density is that of the others alone; where no label is known, all are of one class."""
    x, y = cloud(300)
    hidden, known = torch.where(torch.arange(300) % 3 == 0, -1, y), torch.arange(300) % 3 > 0
    params, fits = {"components": 2} if name == "gmm" else {}, []
    for rows, labels in ((x, hidden), (x[known], y[known]), (x, torch.full_like(y, -1))):
        density = genlab.build("density", name, LABELLED, **params)
        density.fit(rows, labels, generator=torch.Generator().manual_seed(0))
        fits.append(density.log_prob(x))
    torch.testing.assert_close(fits[0], fits[1])
    assert torch.isfinite(fits[2]).all()


@pytest.mark.parametrize("name", ["normal", "gmm", "empirical", "kde"])
def test_a_class_of_one_example_and_a_class_of_none(name: str) -> None:
    x, y = cloud(100)
    density = genlab.build("density", name, DataSpec((3,), "vector", 4, tuple("abcd")))
    density.fit(x, torch.where(torch.arange(100) == 7, 2, y), generator=torch.Generator())
    drawn = density.sample(50, torch.full((50,), 2), generator=torch.Generator())
    assert torch.cdist(drawn, x[7:8]).median() < torch.cdist(x, x[7:8]).median()
    shares = density.joint_log_prob(x).logsumexp(0).isfinite().tolist()
    assert shares == [True, True, True, False]


def test_a_calibrated_mixture_has_the_marginals_of_the_data() -> None:
    """Of a feature that is often black, one with a bound, and one that follows that."""
    generator = torch.Generator().manual_seed(3)
    z = torch.randn(6000, 3, generator=generator)
    bounded = z[:, 1].abs()
    x = torch.stack([z[:, 0].clamp_min(0) - 1, bounded, bounded.sqrt() + 0.1 * z[:, 2]], 1)
    drawn, plain = (
        _drawn(genlab.build("density", name, SPEC), x, 6000) for name in ("calibrated", "gmm")
    )
    black = [float(((each[:, 0] + 1).abs() < 0.01).double().mean()) for each in (drawn, plain)]
    assert black[0] == pytest.approx(0.5, abs=0.03)
    assert black[1] < 0.4
    assert float(drawn[:, 1].min()) > -0.05
    for i in range(3):
        assert stats.wasserstein_distance(drawn[:, i], x[:, i]) < 0.08 * float(x[:, i].std())
    correlations = (np.corrcoef(each.numpy().T) for each in (x, drawn))
    np.testing.assert_allclose(*correlations, atol=0.1)


def test_a_calibrated_mixture_of_a_normal_distribution_is_that() -> None:
    """Where nothing is to be mended, it has the density of the mixture."""
    rng = np.random.default_rng(1)
    mix = np.array([[1.0, 0.0], [0.8, 0.6]])
    x = torch.tensor(rng.normal(size=(20_000, 2)) @ mix.T, dtype=torch.float32)
    density = genlab.build("density", "calibrated", DataSpec((2,), "vector"), components=1)
    _drawn(density, x, 1)
    truth = stats.multivariate_normal(np.zeros(2), mix @ mix.T).logpdf(x[:500].numpy())
    found = density.log_prob(x[:500]).numpy()
    assert float(np.mean(found - truth)) == pytest.approx(0, abs=0.1)
    assert float(np.std(found - truth)) < 0.6


def test_a_calibrated_mixture_keeps_the_contract() -> None:
    check_density(Calibrated)


def _drawn(density: genlab.Density, x: torch.Tensor, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    assert isinstance(density, genlab.FittedDensity)
    density.fit(x, None, generator=generator)
    return density.sample(n, generator=generator)
