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

__all__ = ["cosine_frequencies", "cosines", "fourier", "fourier_frequencies", "separable"]


def cosines(n: int, like: Tensor) -> Tensor:
    """Return the cosine transform (DCT-II) as a matrix ``(n, n)``, in the dtype of ``like``."""
    return _made(_cosines, n, like.dtype, like.device)


def fourier(n: int, like: Tensor) -> Tensor:
    """Return the real Fourier transform as a matrix ``(n, n)``: 1, cos, sin, cos 2, sin 2, ..."""
    return _made(_fourier, n, like.dtype, like.device)


def cosine_frequencies(n: int) -> Tensor:
    """Return the angular frequency of each cosine in radians per pixel, float64 ``(n,)``."""
    return math.pi / n * torch.arange(n, dtype=torch.float64)


def fourier_frequencies(n: int) -> Tensor:
    """Return the angular frequency of each Fourier vector in radians per pixel, float64 ``(n,)``."""
    return 2 * math.pi / n * torch.arange(1, n + 1).div(2, rounding_mode="floor").double()


def separable(rows: Tensor, x: Tensor, columns: Tensor) -> Tensor:
    """Apply a matrix to the rows' axis and one to the columns' axis of images.

    Args:
        rows: ``(..., h, H)``.
        x: Images ``(B, C, H, W)``.
        columns: ``(..., w, W)``.

    Returns:
        Images ``(B, C, h, w)``.
    """
    return rows @ x @ columns.mT


@lru_cache(maxsize=128)
@torch.inference_mode(False)
def _made(
    make: Callable[[int], Tensor], n: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    return make(n).to(device, dtype)


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
