"""Kernel distance and MMD against double loops, and on average zero for equal distributions."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel

import genlab
from genlab import DataSpec, Examples
from genlab_plugins.metrics.discrepancy import resampled_mmd2, unbiased_mmd2
from genlab_plugins.metrics.kernel import polynomial
from genlab_plugins.metrics.mmd import MMD, gaussians


def naive(x: list, y: list, k) -> float:
    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    xy = sum(k(a, b) for a in x for b in y)
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def sets(n: int, m: int, d: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(n)
    return torch.tensor(rng.normal(size=(n, d))), torch.tensor(rng.normal(0.5, 2, size=(m, d)))


def test_kernel_distance_is_the_double_loop() -> None:
    x, y = sets(12, 9, 5)
    want = naive(x.tolist(), y.tolist(), lambda a, b: (np.dot(a, b) / 5 + 1) ** 3)
    assert unbiased_mmd2(x, y, polynomial) == pytest.approx(want, rel=1e-10)


def test_polynomial_kernel_is_scikit_learns() -> None:
    x, y = sets(7, 4, 3)
    want = polynomial_kernel(x.numpy(), y.numpy(), degree=3, gamma=1 / 3, coef0=1)
    np.testing.assert_allclose(polynomial(x, y).numpy(), want)


def test_mmd_is_the_double_loop() -> None:
    x, y = sets(11, 13, 2)

    def k(a: list[float], b: list[float]) -> float:
        square = sum((p - q) ** 2 for p, q in zip(a, b, strict=True))
        return sum(math.exp(-square / (2 * (2**j * 1.3) ** 2)) for j in range(-2, 3)) / 5

    want = naive(x.tolist(), y.tolist(), k)
    got = unbiased_mmd2(x, y, lambda a, b: gaussians(a, b, h=1.3))
    assert got == pytest.approx(want, rel=1e-9)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = sets(50, 33, 4)
    whole = unbiased_mmd2(x, y, polynomial)
    monkeypatch.setattr("genlab_plugins.metrics.discrepancy._ROWS", 7)
    assert unbiased_mmd2(x, y, polynomial) == pytest.approx(whole, rel=1e-12)


def test_resamples_are_the_double_loop_over_different_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("genlab_plugins.metrics.discrepancy._ROWS", 5)
    x, y = sets(12, 9, 5)
    found = resampled_mmd2(x, y, polynomial, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    counts = [genlab.bootstrap_counts(n, 50, generator=generator).long() for n in (12, 9)]
    for b in (0, 17, 49):
        i, j = (torch.arange(len(w[b])).repeat_interleave(w[b]) for w in counts)
        within = [
            float(polynomial(z[k], z[k])[k[:, None] != k].mean()) for z, k in ((x, i), (y, j))
        ]
        want = sum(within) - 2 * float(polynomial(x[i], y[j]).mean())
        assert float(found[b]) == pytest.approx(want, rel=1e-9)


def test_the_interval_of_mmd_is_as_wide_as_other_samples_are_apart() -> None:
    kernel = functools.partial(gaussians, h=1.0)
    generator = torch.Generator().manual_seed(0)
    found, widths = [], []
    for _ in range(40):
        x = torch.randn(150, 2, generator=generator).double() + 0.7
        y = torch.randn(150, 2, generator=generator).double()
        values = MMD().score(kernel, x, y)
        low, high = MMD().intervals(kernel, x, y, values, generator=generator)["mmd"] or (0, 0)
        assert low + high == pytest.approx(2 * values["mmd"])
        found.append(values["mmd"])
        widths.append(high - low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(found, ddof=1), rel=0.35)


@pytest.mark.parametrize("kernel", [polynomial, lambda a, b: gaussians(a, b, h=1.0)])
def test_two_samples_of_one_distribution_are_zero_apart_on_average(kernel) -> None:
    rng = np.random.default_rng(0)
    found = [
        unbiased_mmd2(torch.tensor(a), torch.tensor(b), kernel)
        for a, b in rng.normal(size=(400, 2, 30, 3))
    ]
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
    assert min(found) < 0 < max(found)  # a biased estimate would not be negative


def test_mmd_takes_its_width_from_the_training_points() -> None:
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    kernel = MMD().fit(Examples(x), DataSpec((2,), "vector"), seed=0)
    assert kernel.keywords["h"] == pytest.approx(float(torch.pdist(x).median()), rel=1e-5)
    assert MMD().score(kernel, x[:250], x[250:])["mmd"] == pytest.approx(0, abs=0.01)
    assert MMD().score(kernel, x[:250] + 1, x[250:])["mmd"] > 0.05


def test_one_point_is_refused() -> None:
    with pytest.raises(genlab.RequestError, match="two samples"):
        unbiased_mmd2(torch.zeros(1, 2), torch.zeros(5, 2), polynomial)
