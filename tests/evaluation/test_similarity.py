"""The similarity of pairs of images, against SciPy and closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from genlab.evaluation import psnr, ssim


def images(n: int, shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


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
    pairs = zip(x.double().numpy(), y.double().numpy(), strict=True)
    np.testing.assert_allclose(
        ssim(x, y).numpy(), [reference_ssim(a, b) for a, b in pairs], rtol=1e-6
    )


@pytest.mark.parametrize("side", [3, 8, 9, 28])
def test_ssim_of_equal_images_is_one_and_of_others_less(side: int) -> None:
    x, y = images(5, (1, side, side), 0), images(5, (1, side, side), 1)
    torch.testing.assert_close(ssim(x, x), torch.ones(5, dtype=torch.float64))
    assert bool((ssim(x, y) < 0.9).all())
    torch.testing.assert_close(ssim(x, y), ssim(y, x))


@pytest.mark.parametrize("side", [3, 4, 12])
def test_ssim_of_flat_images_is_the_comparison_of_brightness(side: int) -> None:
    x, y = torch.full((1, 1, side, side), 0.5), torch.full((1, 1, side, side), 0.25)
    want = (2 * 0.125 + 4e-4) / (0.25 + 0.0625 + 4e-4)
    assert float(ssim(x, y)) == pytest.approx(want, rel=1e-9)


def test_small_images_get_the_window_that_they_hold() -> None:
    """Of 3 x 3 pixels: weights e^(-k^2 / 2 (0.3)^2) along each axis, and one place."""
    x, y = images(1, (1, 3, 3), 0)[0, 0].double(), images(1, (1, 3, 3), 1)[0, 0].double()
    line = torch.exp(-torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64) / (2 * 0.3**2))
    w = torch.outer(line, line) / torch.outer(line, line).sum()
    a, b = (w * x).sum(), (w * y).sum()
    covariance, v, u = (
        (w * x * y).sum() - a * b,
        (w * x * x).sum() - a * a,
        (w * y * y).sum() - b * b,
    )
    want = (
        (2 * a * b + 4e-4) * (2 * covariance + 3.6e-3) / ((a * a + b * b + 4e-4) * (v + u + 3.6e-3))
    )
    assert float(ssim(x[None, None], y[None, None])) == pytest.approx(float(want))


def test_psnr_by_hand() -> None:
    x = torch.zeros(3, 2, 4, 4)
    y = torch.stack([x[0], x[0] + 0.2, x[0] + 2])
    np.testing.assert_allclose(psnr(x, y).numpy(), [np.inf, 20, 0], atol=1e-5)


def test_psnr_takes_each_pair_alone() -> None:
    x, y = images(6, (3, 8, 8), 0), images(6, (3, 8, 8), 1)
    pairs = zip(x.numpy(), y.numpy(), strict=True)
    want = [10 * np.log10(4 / np.mean((a - b) ** 2)) for a, b in pairs]
    np.testing.assert_allclose(psnr(x, y).numpy(), want, rtol=1e-5)


@pytest.mark.parametrize("quality", [ssim, psnr])
def test_pairs_of_other_shapes_are_refused(quality: Callable[[Tensor, Tensor], Tensor]) -> None:
    for a, b in (((2, 1, 8, 8), (3, 1, 8, 8)), ((2, 8, 8), (2, 8, 8))):
        with pytest.raises(ValueError, match="pairs of images"):
            quality(torch.zeros(a), torch.zeros(b))


def test_ssim_of_tiny_images_is_refused() -> None:
    with pytest.raises(ValueError, match="3 x 3"):
        ssim(torch.zeros(2, 1, 2, 8), torch.zeros(2, 1, 2, 8))
