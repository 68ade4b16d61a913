r"""Orthonormal bases of one axis of an image, in which blurring is multiplication.

A separable filter with reflecting edges is diagonal in the cosine basis, and one with circular edges
in the real Fourier basis. Rows of a basis are its vectors, from the slowest to the fastest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from genlab import cast_like

__all__ = [
    "cosine_filter",
    "cosine_frequencies",
    "cosines",
    "fourier",
    "fourier_frequencies",
    "from_cosines",
    "laplacian",
    "lattice_laplacian",
    "to_cosines",
    "usual_width",
]


def cosines(n: int, like: Tensor) -> Tensor:
    """Return the cosine transform (DCT-II) as a matrix ``(n, n)``, in the dtype of ``like``."""
    return _made(_cosines, (n,), like.dtype, like.device)


def fourier(n: int, like: Tensor) -> Tensor:
    """Return the real Fourier transform as a matrix ``(n, n)``: 1, cos, sin, cos 2, sin 2, ..."""
    return _made(_fourier, (n,), like.dtype, like.device)


def cosine_frequencies(n: int) -> Tensor:
    """Return the angular frequency of each cosine in radians per pixel, float64 ``(n,)``."""
    return math.pi / n * torch.arange(n, dtype=torch.float64)


def fourier_frequencies(n: int) -> Tensor:
    """Return the angular frequency of each Fourier vector in radians per pixel, float64 ``(n,)``."""
    return 2 * math.pi / n * torch.arange(1, n + 1).div(2, rounding_mode="floor").double()


def laplacian(height: int, width: int, like: Tensor) -> Tensor:
    r"""Return the eigenvalues of the negative Laplacian in the cosine basis, ``(H, W)``.

    .. math:: \lambda_{ij} = \pi^2 (i^2 / H^2 + j^2 / W^2)
    """
    return _made(_laplacian, (height, width), like.dtype, like.device)


def lattice_laplacian(height: int, width: int, like: Tensor) -> Tensor:
    r"""Return the eigenvalues of the negative five-point Laplacian of the pixels, ``(H, W)``.

    .. math:: \lambda_{ij} = 4 \sin^2 \frac{\pi i}{2 H} + 4 \sin^2 \frac{\pi j}{2 W}

    Its heat kernels are positive at all times, however short; those of :func:`laplacian` are not.
    """
    return _made(_lattice_laplacian, (height, width), like.dtype, like.device)


def cosine_filter(x: Tensor, factor: Tensor) -> Tensor:
    """Multiply the cosine coefficients of images.

    Args:
        x: Images ``(B, C, H, W)``.
        factor: Factors of the coefficients, ``(B, 1, H, W)`` or ``(H, W)``.
    """
    return from_cosines(cast_like(factor, x) * to_cosines(x))


def usual_width(shape: tuple[int, ...]) -> float:
    """Return the width of a blur in pixels that leaves the coarse outline of an image.

    It is an eighth of the longer side, but at least 2.

    Args:
        shape: Shape ``(C, H, W)`` of an image.
    """
    return max(max(shape[-2:]) / 8, 2.0)


def to_cosines(x: Tensor) -> Tensor:
    """Return the cosine coefficients (DCT-II, orthonormal) of images ``(B, C, H, W)``."""
    return cosines(x.shape[-2], x) @ x @ cosines(x.shape[-1], x).mT


def from_cosines(c: Tensor) -> Tensor:
    """Return the images that have these cosine coefficients."""
    return cosines(c.shape[-2], c).mT @ c @ cosines(c.shape[-1], c)


@lru_cache(maxsize=256)
@torch.inference_mode(False)
def _made(
    make: Callable[..., Tensor], size: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    return make(*size).to(device, dtype)


def _cosines(n: int) -> Tensor:
    k = torch.arange(n, dtype=torch.float64)
    basis = torch.cos(math.pi / n * (k + 0.5) * k[:, None]) * math.sqrt(2 / n)
    basis[0] /= math.sqrt(2)
    return basis


def _fourier(n: int) -> Tensor:
    phase = fourier_frequencies(n)[:, None] * torch.arange(n, dtype=torch.float64)
    basis = torch.where(torch.arange(n)[:, None] % 2 == 1, phase.cos(), phase.sin())
    basis = basis * math.sqrt(2 / n)
    basis[0] = math.sqrt(1 / n)
    if n % 2 == 0:
        basis[-1] /= math.sqrt(2)  # the fastest wave has a cosine only, of full power
    return basis


def _laplacian(height: int, width: int) -> Tensor:
    i = torch.arange(height, dtype=torch.float64)[:, None] / height
    j = torch.arange(width, dtype=torch.float64) / width
    return math.pi**2 * (i.square() + j.square())


def _lattice_laplacian(height: int, width: int) -> Tensor:
    i, j = (4 * (cosine_frequencies(n) / 2).sin().square() for n in (height, width))
    return i[:, None] + j
