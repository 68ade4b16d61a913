"""The Frechet distance against closed forms and SciPy."""

from __future__ import annotations

import importlib.util
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

import genlab
from genlab_plugins.metrics.frechet import Features, Frechet, frechet_distance

AS_THEY_ARE = Features("as they are", lambda x: x)


def gaussian(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    mix = rng.normal(size=(d, d))
    return rng.normal(size=d), mix @ mix.T / d


def test_of_commuting_covariances_is_the_distance_of_deviations() -> None:
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 0.0, 0.25])
    want = np.square(np.sqrt(a) - np.sqrt(b)).sum() + 3
    got = frechet_distance(np.ones(3), np.diag(a), np.zeros(3), np.diag(b))
    assert got == pytest.approx(want)


@given(st.integers(1, 12), st.integers(0, 1000))
@settings(max_examples=25)
def test_agrees_with_the_matrix_square_root(d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    (m1, c1), (m2, c2) = gaussian(rng, d), gaussian(rng, d)
    want = np.square(m1 - m2).sum() + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(m1, c1, m2, c2) == pytest.approx(want, rel=1e-5, abs=1e-6)
    assert frechet_distance(m2, c2, m1, c1) == pytest.approx(want, rel=1e-5, abs=1e-6)
    assert frechet_distance(m1, c1, m1, c1) == pytest.approx(0, abs=1e-6)


def test_samples_of_two_gaussians_have_the_distance_of_the_gaussians() -> None:
    rng = np.random.default_rng(0)
    (m1, c1), (m2, c2) = gaussian(rng, 4), gaussian(rng, 4)
    x = torch.tensor(rng.multivariate_normal(m1, c1, 100_000))
    y = torch.tensor(rng.multivariate_normal(m2, c2, 100_000))
    found = Frechet().score(AS_THEY_ARE, x, y)["frechet"]
    assert found == pytest.approx(frechet_distance(m1, c1, m2, c2), rel=0.02)


def drawn(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_its_interval_is_that_of_resamples_made_one_by_one() -> None:
    x, y = drawn(1500, 3, 0) * 2 + 1, drawn(1100, 3, 1)  # more than is in memory at once
    values = Frechet().score(AS_THEY_ARE, x, y)
    generator = torch.Generator().manual_seed(5)
    found = Frechet().intervals(AS_THEY_ARE, x, y, values, generator=generator)["frechet"]
    generator.manual_seed(5)
    counts = [genlab.bootstrap_counts(len(z), 100, generator=generator).long() for z in (x, y)]
    moments = [
        [(r.mean(0), np.cov(r, rowvar=False)) for w in times if len(r := z.repeat_interleave(w, 0).numpy())]
        for z, times in zip((x, y), counts, strict=True)
    ]  # fmt: skip
    spread = np.std([frechet_distance(*a, *b) for a, b in zip(*moments, strict=True)], ddof=1)
    reach = 1.959964 * spread
    assert found == pytest.approx((values["frechet"] - reach, values["frechet"] + reach), rel=1e-6)


def test_the_interval_of_shifted_normals_is_that_of_the_squared_shift() -> None:
    """Of variances that are as large: 2 shift sqrt(1/n + 1/m) is the standard deviation."""
    x, y = drawn(2000, 1, 0) + 3, drawn(3000, 1, 1)
    values = Frechet().score(AS_THEY_ARE, x, y)
    generator = torch.Generator().manual_seed(0)
    between = Frechet().intervals(AS_THEY_ARE, x, y, values, generator=generator)["frechet"]
    assert between is not None
    want = 2 * 1.96 * 2 * 3 * np.sqrt(1 / 2000 + 1 / 3000)
    assert between[1] - between[0] == pytest.approx(want, rel=0.25)
    near = {"frechet": 0.001}
    low, _ = Frechet().intervals(AS_THEY_ARE, x, y, near, generator=generator)["frechet"] or (1, 1)
    assert low == 0, "no distance is below 0"


def test_one_sample_is_refused() -> None:
    with pytest.raises(genlab.RequestError, match="two samples"):
        Frechet().score(AS_THEY_ARE, torch.zeros(1, 3), torch.zeros(5, 3))


@pytest.mark.skipif(
    importlib.util.find_spec("torch_fidelity") is not None, reason="it is installed"
)
def test_inception_without_its_package_is_refused() -> None:
    with pytest.raises(genlab.RequestError, match="torch-fidelity"):
        Frechet(features="inception")


def inception(network: object) -> tuple[Frechet, Features]:
    """Return the metric and its features, with a network in the place of Inception."""
    module = mock.Mock(FeatureExtractorInceptionV3=network)
    with (
        mock.patch("importlib.util.find_spec", return_value=object()),
        mock.patch("importlib.import_module", return_value=module),
    ):
        metric = Frechet(features="inception")
        return metric, metric.fit(mock.Mock(), mock.Mock(), seed=0)


def test_inception_gets_colour_bytes_and_needs_no_labels() -> None:
    seen = []

    def network(x: torch.Tensor) -> tuple[torch.Tensor]:
        seen.append(x)
        return (x.float().mean((2, 3)),)

    metric, features = inception(lambda name, layers: network)
    found = features.of(torch.linspace(-1, 1, 70)[:, None, None, None].expand(-1, 1, 8, 8))
    assert (metric.tags.labels, metric.features_of(features)) == (False, "inception, 2048 features")
    assert found.shape == (70, 3)
    x = torch.zeros(3, 1, 8, 8)
    assert metric.intervals(features, x, x, {"frechet": 0.0}, generator=torch.Generator()) == {}
    assert seen[0].dtype == torch.uint8
    assert (int(seen[0].min()), int(seen[-1].max())) == (0, 255)


def test_inception_without_its_weights_is_refused() -> None:
    with pytest.raises(genlab.RequestError, match="cannot be had: no network"):
        inception(mock.Mock(side_effect=OSError("no network")))


def test_infinitely_many_examples() -> None:
    """Of one distribution it is about 0, of two about their distance; that of 2,000 is far above."""
    plain, found = [], []
    for seed in range(5):
        x, y = drawn(2000, 40, seed), drawn(2000, 40, seed + 99)
        for shift in (0.0, 0.1):
            scores = Frechet().score(AS_THEY_ARE, x + shift, y)
            plain.append(scores["frechet"] - 40 * shift**2)
            found.append(scores["infinite"] - 40 * shift**2)
    assert np.mean(plain) > 0.4
    assert abs(np.mean(found)) < 0.04
    few = Frechet().score(AS_THEY_ARE, x[:799], y)
    assert set(few) == {"frechet"}  # a fifth of them are fewer than four for each feature
