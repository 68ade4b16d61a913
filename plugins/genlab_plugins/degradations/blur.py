r"""Blur: the heat equation, solved exactly in the basis of the discrete cosine transform."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from genlab import Advice, InvertibleDegradation
from genlab_plugins.degradations.bases import cosine_filter, cosines, laplacian, usual_width
from genlab_plugins.degradations.symmetric import SymmetricDegradation

__all__ = ["Blur"]

_LARGEST_GAIN = (
    80.0  # exp(80) is finite in float32; no precision carries a frequency that needs more
)


class Blur(SymmetricDegradation, InvertibleDegradation):
    r"""Blur by the heat equation with reflecting edges, closed in t.

    With the orthonormal cosine transform :math:`V` of the image's rows and columns and the frequencies
    :math:`\lambda_{ij} = \pi^2 (i^2 / H^2 + j^2 / W^2)`,

    .. math:: x_t = x_0 + V^T \bigl(\operatorname{expm1}(-\tfrac12 \sigma_t^2 \lambda) \odot V x_0\bigr),
        \qquad \sigma_t = \sigma_{max} \frac{r^t - 1}{r - 1}.

    The width :math:`\sigma_t` of the kernel grows geometrically from 0. What is left at t = 1 are the
    lowest frequencies, those that pass with a factor of at least ``cutoff``: their coefficients are
    ``summarize(x_1)``.

    Sources: Rissanen, Heinonen & Solin 2022 (arXiv:2206.13397) for the heat equation as a forward
    process; Bansal et al. 2022 (arXiv:2208.09392) for deterministic degradations.

    Args:
        sigma_max: Width of the kernel at t = 1 in pixels. None: an eighth of the image's longer side,
            but at least 2.
        ratio: r: how many times faster the width grows at t = 1 than at t = 0.
        cutoff: Smallest transfer factor at t = 1 of a frequency that counts as still carried.
    """

    def __init__(
        self,
        *,
        sigma_max: PositiveFloat | None = None,
        ratio: Annotated[float, Field(gt=1)] = 12.0,
        cutoff: Annotated[float, Field(gt=0, le=0.05)] = 0.01,
    ) -> None:
        self.sigma_max = sigma_max
        self.ratio = ratio
        self.cutoff = cutoff

    def growth(self, t: Tensor) -> Tensor:
        """Return the width of the kernel at times ``t`` as a share of that at t = 1."""
        return torch.expm1(t * math.log(self.ratio)) / (self.ratio - 1)

    def sigma(self, t: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return the width of the kernel in pixels at times ``t`` for images of ``shape``."""
        return self._width(shape) * self.growth(t)

    def carried(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return how many of the lowest rows and columns of coefficients are left at t = 1."""
        highest = math.sqrt(-2 * math.log(self.cutoff)) / (math.pi * self._width(shape))
        rows, columns = (min(n, math.floor(n * highest) + 1) for n in shape[-2:])
        return rows, columns

    def advice(self) -> Advice:
        """Return what goes well with blur: a prior that follows the examples."""
        return replace(super().advice(), prior="parzen")

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Blur each image to its own time."""
        return x_0 + cosine_filter(x_0, torch.expm1(self._exponent(x_0, t)))

    def transfer(self, t: Tensor, like: Tensor) -> Tensor:
        """Return what is left of each cosine coefficient at times ``t``, ``(B, 1, H, W)``."""
        return self._exponent(like, t).exp()

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Undo the blur, as far as the precision of ``x_t`` carries the high frequencies."""
        gain = -self._exponent(x_t, t)
        return x_t + cosine_filter(x_t, torch.expm1(gain.clamp(max=_LARGEST_GAIN)))

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the lowest cosine coefficients, ``(B, C * rows * columns)``."""
        rows, columns = self.carried(tuple(x_1.shape[1:]))
        v_h, v_w = cosines(x_1.shape[-2], x_1), cosines(x_1.shape[-1], x_1)
        return (v_h[:rows] @ x_1 @ v_w[:columns].mT).flatten(1)

    def expand(
        self,
        c: Tensor,
        shape: tuple[int, ...],
        *,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the blurred image with these coefficients and nothing in the other ones."""
        rows, columns = self.carried(shape)
        v_h, v_w = cosines(shape[-2], c), cosines(shape[-1], c)
        return v_h[:rows].mT @ c.reshape(-1, shape[0], rows, columns) @ v_w[:columns]

    def _width(self, shape: tuple[int, ...]) -> float:
        return self.sigma_max or usual_width(shape)

    def _exponent(self, x: Tensor, t: Tensor) -> Tensor:
        frequencies = laplacian(x.shape[-2], x.shape[-1], x)
        sigma = self.sigma(t.to(x.dtype), tuple(x.shape[1:]))
        return -0.5 * sigma.square().reshape(-1, 1, 1, 1) * frequencies
