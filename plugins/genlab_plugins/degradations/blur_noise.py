r"""Blurring diffusion: Gaussian noise whose signal fades faster at high frequencies."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from genlab import cast_like, right_expand, to_float64
from genlab_plugins.degradations.bases import (
    cosine_filter,
    laplacian,
    usual_width,
)
from genlab_plugins.degradations.noise_in_cosines import NoiseInCosines

__all__ = ["BlurNoise"]

_END = math.atan(math.exp(5))  # the angle at which log(a^2 / sigma^2) is -10, as in the paper


class BlurNoise(NoiseInCosines):
    r"""Blurring diffusion: noise, with an amplitude of the data for every frequency.

    With the orthonormal cosine transform :math:`V`, its frequencies :math:`\lambda`, and
    :math:`\theta = t \arctan e^5`,

    .. math:: x_t = V^T (\alpha_t \odot V x_0) + \sigma_t z, \qquad
        \alpha_t = \cos \theta \, \bigl(d + (1 - d) e^{-\lambda \tau_t}\bigr), \quad
        \sigma_t = \sin \theta, \quad
        \tau_t = \tfrac12 \sigma_B^2 \sin^4 (\pi t / 2) .

    No :math:`\alpha` reaches 0: noise divided by any of them is finite. The paper's noise begins at
    :math:`e^{-5}`; here it begins at 0. At t = 1 nothing but noise is left.

    Source: Hoogeboom & Salimans 2022 (arXiv:2209.05557).

    Args:
        sigma_blur: Width :math:`\sigma_B` of the blur at t = 1 in pixels. None: an eighth of the image's
            longer side, but at least 2. The paper takes 20, which on small images leaves fine structure
            to so short a time that 50 steps miss it.
        floor: d, the share of a frequency that blur leaves.
    """

    def __init__(
        self,
        *,
        sigma_blur: PositiveFloat | None = None,
        floor: Annotated[float, Field(gt=0, lt=1)] = 0.001,
    ) -> None:
        self.sigma_blur = sigma_blur
        self.floor = floor

    def sigma(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise, with the shape and dtype of ``t``."""
        return cast_like((to_float64(t) * _END).sin(), t)

    def alpha(self, t: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return the amplitude of each frequency of images, float64 ``(B, 1, H, W)``."""
        return 1 + self._loss(t, shape)

    def amplitudes(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the amplitude of each frequency, ``(B, 1, H, W)``, and of the noise, ``(B, 1, 1, 1)``."""
        return cast_like(self.alpha(t, tuple(like.shape[1:])), like), self._sigma(t, like)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the part of ``x_t`` that comes from the data."""
        return x + cosine_filter(x, self._loss(t, tuple(x.shape[1:])))

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return x_0 from x_t and its noise."""
        if z is None:
            raise ValueError("inverting blurring diffusion needs the noise z that draw() returns")
        return cosine_filter(x_t - self._sigma(t, x_t) * z, 1 / self.alpha(t, tuple(x_t.shape[1:])))

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return ``(B, 0)``: noise carries nothing."""
        return x_1.new_empty(len(x_1), 0)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return ``sigma(1) z``."""
        z = torch.randn((len(c), *shape), generator=generator, device=c.device, dtype=c.dtype)
        return self._sigma(c.new_ones(len(c)), z) * z

    def _sigma(self, t: Tensor, like: Tensor) -> Tensor:
        return right_expand(self.sigma(to_float64(t)), like)

    def _loss(self, t: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return ``alpha - 1``, which is 0 at t = 0."""
        t = to_float64(t).reshape(-1, 1, 1, 1)
        frequencies = laplacian(shape[-2], shape[-1], t)
        width = self.sigma_blur or usual_width(shape)
        dissipation = (width**2 / 2) * (t * (math.pi / 2)).sin().pow(4)
        by_blur = (1 - self.floor) * torch.expm1(-dissipation * frequencies)
        by_noise = -2 * (t * (_END / 2)).sin().square()  # cos - 1
        return by_noise + by_blur + by_noise * by_blur
