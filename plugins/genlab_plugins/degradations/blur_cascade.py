r"""Blur by a cascade of small kernels, in closed form."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from genlab import cast_like, to_float64
from genlab_plugins.degradations.bases import (
    cosine_frequencies,
    cosines,
    fourier,
    fourier_frequencies,
)
from genlab_plugins.degradations.symmetric import SymmetricDegradation

__all__ = ["BlurCascade"]

Boundary = Literal["reflect", "circular"]


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"a kernel has an odd number of pixels, not {size}")
    return size


class BlurCascade(SymmetricDegradation):
    r"""Blur by T small Gaussian kernels, one after the other, in closed form.

    With the basis :math:`V` in which the kernels :math:`G_1, \dots, G_T` are diagonal, their transfer
    functions :math:`g_k` and :math:`tT = k + r`,

    .. math:: x_t = V^T \bigl(g_1 \cdots g_k \, (1 - r + r \, g_{k + 1}) \odot V x_0\bigr) .

    At t = k/T these are exactly k convolutions; in between, the next kernel is mixed with the identity
    (its fractional power does not exist: a kernel that is cut off has negative :math:`g`). The cosine
    basis belongs to edges that reflect, pixel for pixel, (d c b a | a b c d | d c b a), the Fourier
    basis to circular ones. ``summarize(x_1)`` are the coefficients of the lowest frequencies, up to the
    last one that passes with a factor of at least ``cutoff``.

    Source: Bansal et al. 2022 (arXiv:2208.09392). Their MNIST setting is ``steps=20, size=11, sigma=7,
    boundary="circular"``, which leaves little but the mean; for CIFAR-10 it is ``steps=50, size=11,
    sigma=0.35, growth=0.01``, where it reflects without repeating the edge pixel, so that ours is near it and
    not the same.

    Args:
        steps: Number T of kernels.
        size: Side of the kernel in pixels, odd. None: about 3/16 of the image's longer side, at least 3.
        sigma: Width of the first kernel in pixels. None: 7/11 of its side.
        growth: By how much each kernel is wider than the one before.
        boundary: What lies beyond the edges.
        cutoff: Smallest transfer factor at t = 1 of a frequency that counts as still carried.
    """

    def __init__(
        self,
        *,
        steps: PositiveInt = 20,
        size: Annotated[PositiveInt, AfterValidator(_odd)] | None = None,
        sigma: PositiveFloat | None = None,
        growth: NonNegativeFloat = 0.0,
        boundary: Boundary = "reflect",
        cutoff: Annotated[float, Field(gt=0, lt=1)] = 0.01,
    ) -> None:
        self.steps = steps
        self.size = size
        self.sigma = sigma
        self.growth = growth
        self.boundary: Boundary = boundary
        self.cutoff = cutoff

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Blur each image to its own time."""
        place = to_float64(t) * self.steps
        k = place.long().clamp(max=self.steps - 1)
        axes = self._transfers(tuple(x_0.shape[1:]), k.device)
        (done_h, next_h), (done_w, next_w) = ((a.cumulative[k], a.single[k]) for a in axes)
        done = done_h[:, :, None] * done_w[:, None, :]
        partly = torch.lerp(
            torch.ones_like(done),
            next_h[:, :, None] * next_w[:, None, :],
            (place - k)[:, None, None],
        )
        v_h, v_w = (self._basis(n, x_0) for n in x_0.shape[-2:])
        change = cast_like(done * partly - 1, x_0)[:, None]
        return x_0 + v_h.mT @ (change * (v_h @ x_0 @ v_w.mT)) @ v_w

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the coefficients of the lowest frequencies, ``(B, C * rows * columns)``."""
        v_h, v_w = self._carried(tuple(x_1.shape[1:]), x_1)
        return (v_h @ x_1 @ v_w.mT).flatten(1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the blurred image with these coefficients and nothing in the other ones."""
        v_h, v_w = self._carried(shape, c)
        return v_h.mT @ c.reshape(-1, shape[0], len(v_h), len(v_w)) @ v_w

    def _basis(self, n: int, like: Tensor) -> Tensor:
        return cosines(n, like) if self.boundary == "reflect" else fourier(n, like)

    def _carried(self, shape: tuple[int, ...], like: Tensor) -> tuple[Tensor, Tensor]:
        axes = self._transfers(shape, torch.device("cpu"))
        last = [int((a.cumulative[-1].abs() >= self.cutoff).nonzero().max()) for a in axes]
        rows, columns = (
            self._basis(n, like)[: k + 1] for n, k in zip(shape[-2:], last, strict=True)
        )
        return rows, columns

    def _transfers(self, shape: tuple[int, ...], device: torch.device) -> list[_Transfer]:
        size = self.size or max(int(max(shape[-2:]) * 3 / 32) * 2 + 1, 3)
        sigma = self.sigma or size * 7 / 11
        return [
            _transfer(n, self.boundary, self.steps, size, sigma, self.growth, device)
            for n in shape[-2:]
        ]


class _Transfer(NamedTuple):
    """Transfer functions along one axis: of each kernel ``(T, n)``, of the first k ``(T + 1, n)``."""

    single: Tensor
    cumulative: Tensor


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _transfer(
    n: int,
    boundary: Boundary,
    steps: int,
    size: int,
    sigma: float,
    growth: float,
    device: torch.device,
) -> _Transfer:
    width = sigma + growth * torch.arange(steps, dtype=torch.float64)[:, None]
    place = torch.arange(size, dtype=torch.float64) - size // 2
    kernels = torch.exp(-place.square() / (2 * width.square()))
    kernels = kernels / kernels.sum(1, keepdim=True)
    frequencies = cosine_frequencies(n) if boundary == "reflect" else fourier_frequencies(n)
    single = kernels @ torch.cos(place[:, None] * frequencies)
    single[:, 0] = 1  # the mean is kept, whatever rounding says
    cumulative = torch.cat([torch.ones_like(single[:1]), single.cumprod(0)])
    return _Transfer(single.to(device), cumulative.to(device))
