"""Measuring: what is stored, what is refused, and the quality of restored images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import genlab
from genlab import DataSpec, Examples, Metric, MetricTags
from genlab.evaluation import measure, psnr, require_metric_fits, ssim

SPEC = DataSpec((2,), "vector")


class Shift(Metric):
    """The distance of the means, and how many examples it saw."""

    tags = MetricTags(features="means", at_least=50, at_most=80)

    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> int:
        return seed

    def score(self, fitted: Any, x: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
        return {"shift": float((x.mean(0) - real.mean(0)).norm()), "seen": len(x) + len(real) / 1e4}


def points(n: int, seed: int) -> Examples:
    return Examples(torch.randn(n, 2, generator=torch.Generator().manual_seed(seed)))


def records(n: int, metric: Metric | None = None) -> dict[str, dict[str, Any]]:
    found = measure(
        "shift",
        metric or Shift(),
        3 + points(n, 0).x,
        points(300, 1),
        points(200, 2),
        SPEC,
        seed=5,
        ema=True,
    )
    return {record["name"]: record for record in found}


def test_a_record_holds_all_that_is_needed_to_trust_it() -> None:
    record = records(60)["shift"]
    assert record.pop("value") == pytest.approx(18**0.5, abs=0.5)
    assert record.pop("floor") < 0.6
    assert record == {
        "name": "shift", "n": 60, "features": "means", "reference": "test", "reference_n": 60,
        "seed": 5, "ema": True, "floor_n": 60,
    }  # fmt: skip


def test_a_metric_is_given_at_most_what_it_looks_at() -> None:
    found = records(150)
    assert found["shift/seen"]["value"] == 80 + 80 / 1e4
    assert found["shift/seen"]["n"] == 80


def test_few_samples_carry_a_warning() -> None:
    assert "warning" not in records(50)["shift"]
    assert "49 samples" in records(49)["shift"]["warning"]
    assert "takes 50" in records(49)["shift"]["warning"]


def test_no_samples_are_refused() -> None:
    with pytest.raises(genlab.RequestError, match="no samples"):
        records(0)


def test_samples_that_are_not_finite_are_counted() -> None:
    x = points(20, 0).x.clone()
    x[3:5, 1] = torch.nan
    with pytest.raises(genlab.RunError, match="2 of 20 samples are not finite"):
        measure("shift", Shift(), x, points(30, 1), points(30, 2), SPEC, seed=0, ema=True)


def test_the_same_seed_measures_the_same() -> None:
    assert records(60) == records(60)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (MetricTags(data=frozenset({"image"})), "is for image data"),
        (MetricTags(labels=True), "needs labels"),
        (MetricTags(modes=True), "knows its modes"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused(tags: MetricTags, message: str) -> None:
    metric = Shift()
    metric.tags = tags
    with pytest.raises(genlab.RequestError, match=message):
        require_metric_fits("shift", metric, SPEC, None)
    with pytest.raises(genlab.RequestError, match=message):
        records(10, metric)


def images(n: int, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *shape, generator=generator) * 2 - 1


def reference_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """The formula as scikit-image has it with a Gaussian window, channel by channel."""
    found = []
    for a, b in zip(x, y, strict=True):

        def mean(z: np.ndarray) -> np.ndarray:
            return gaussian_filter(z, 1.5, truncate=3.5)[5:-5, 5:-5]

        variance_a, variance_b = mean(a * a) - mean(a) ** 2, mean(b * b) - mean(b) ** 2
        covariance = mean(a * b) - mean(a) * mean(b)
        above = (2 * mean(a) * mean(b) + 0.02**2) * (2 * covariance + 0.06**2)
        below = (mean(a) ** 2 + mean(b) ** 2 + 0.02**2) * (variance_a + variance_b + 0.06**2)
        found.append((above / below).mean())
    return float(np.mean(found))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 11, 16), (3, 32, 20)])
def test_ssim_is_the_formula_in_numpy(shape: tuple[int, ...]) -> None:
    x = images(4, shape, 0)
    y = (x + 0.3 * images(4, shape, 1)).clamp(-1, 1)
    want = [
        reference_ssim(a, b) for a, b in zip(x.double().numpy(), y.double().numpy(), strict=True)
    ]
    np.testing.assert_allclose(ssim(x, y).numpy(), want, rtol=1e-6)


@pytest.mark.parametrize("side", [3, 8, 9, 28])
def test_ssim_of_equal_images_is_one_and_of_others_less(side: int) -> None:
    x, y = images(5, (1, side, side), 0), images(5, (1, side, side), 1)
    torch.testing.assert_close(ssim(x, x), torch.ones(5, dtype=torch.float64))
    assert bool((ssim(x, y) < 0.9).all())
    torch.testing.assert_close(ssim(x, y), ssim(y, x))


def test_ssim_of_flat_images_is_the_comparison_of_brightness() -> None:
    x, y = torch.full((1, 1, 12, 12), 0.5), torch.full((1, 1, 12, 12), 0.25)
    want = (2 * 0.125 + 4e-4) / (0.25 + 0.0625 + 4e-4)
    assert float(ssim(x, y)) == pytest.approx(want, rel=1e-9)


def test_psnr_by_hand() -> None:
    x = torch.zeros(3, 2, 4, 4)
    y = torch.stack([x[0], x[0] + 0.2, x[0] + 2])
    np.testing.assert_allclose(psnr(x, y).numpy(), [np.inf, 20, 0], atol=1e-5)


def test_psnr_takes_each_pair_alone() -> None:
    x, y = images(6, (3, 8, 8), 0), images(6, (3, 8, 8), 1)
    want = [
        10 * np.log10(4 / np.mean((a - b) ** 2)) for a, b in zip(x.numpy(), y.numpy(), strict=True)
    ]
    np.testing.assert_allclose(psnr(x, y).numpy(), want, rtol=1e-5)


@pytest.mark.parametrize("quality", [ssim, psnr])
def test_pairs_of_other_shapes_are_refused(quality) -> None:
    with pytest.raises(ValueError, match="pairs of images"):
        quality(torch.zeros(2, 1, 8, 8), torch.zeros(3, 1, 8, 8))


def test_ssim_of_tiny_images_is_refused() -> None:
    with pytest.raises(ValueError, match="3 x 3"):
        ssim(torch.zeros(2, 1, 2, 8), torch.zeros(2, 1, 2, 8))
