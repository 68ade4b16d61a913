r"""How close restored images are to their originals, pair by pair."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["psnr", "ssim"]

_RANGE = 2.0  # of images in [-1, 1]


def psnr(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the peak signal-to-noise ratio in decibels.

    .. math:: 10 \log_{10} \frac{2^2}{\operatorname{mean} (x - y)^2}

    Args:
        x: Restored images ``(B, C, H, W)`` in [-1, 1].
        y: Their originals ``(B, C, H, W)``.

    Returns:
        One number per pair ``(B,)``, float64; infinite where both are equal.

    Raises:
        ValueError: The shapes differ.
    """
    x, y = _pair(x, y)
    return 10 * (_RANGE**2 / (x - y).square().mean((1, 2, 3))).log10()


def ssim(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the structural similarity.

    .. math:: \operatorname{mean} \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}
        {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)}, \qquad
        c_1 = (0.01 \cdot 2)^2, \; c_2 = (0.03 \cdot 2)^2

    with moments under a Gaussian window of 11 x 11 pixels and standard deviation 1.5, at all places where
    the window lies within the image, and the mean over places and channels. Images with a side under 11
    pixels get the largest odd window that they hold, with a deviation in the same proportion.

    Source: Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to
    structural similarity", IEEE Trans. Image Processing 13.

    Args:
        x: Restored images ``(B, C, H, W)`` in [-1, 1].
        y: Their originals ``(B, C, H, W)``.

    Returns:
        One number per pair ``(B,)``, float64, at most 1, which equal images have.

    Raises:
        ValueError: The shapes differ, or the images have a side under 3 pixels.
    """
    x, y = _pair(x, y)
    channels = x.shape[1]
    window = _window(min(x.shape[2:])).to(x.device).expand(channels, 1, -1, -1)
    stacked = torch.cat([x, y, x * x, y * y, x * y])
    moments = functional.conv2d(stacked, window, groups=channels)
    mean_x, mean_y, square_x, square_y, product = moments.chunk(5)
    c_1, c_2 = (0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2
    covariance = product - mean_x * mean_y
    variances = square_x - mean_x.square() + square_y - mean_y.square()
    above = (2 * mean_x * mean_y + c_1) * (2 * covariance + c_2)
    below = (mean_x.square() + mean_y.square() + c_1) * (variances + c_2)
    return (above / below).mean((1, 2, 3))


def _pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.shape != y.shape or x.ndim != 4:
        raise ValueError(
            f"pairs of images have one shape (B, C, H, W), not {tuple(x.shape)} and {tuple(y.shape)}"
        )
    return x.detach().cpu().double(), y.detach().cpu().double()


def _window(side: int) -> Tensor:
    """Return the normalised Gaussian window for images of a side."""
    radius = min(5, (side - 1) // 2)
    if radius < 1:
        raise ValueError(f"structural similarity needs at least 3 x 3 pixels, not a side of {side}")
    place = torch.arange(-radius, radius + 1, dtype=torch.float64)
    line = (-(place / (0.3 * radius)).square() / 2).exp()
    window = torch.outer(line, line)
    return window / window.sum()
