r"""Soft diffusion: blur, and noise that grows with it."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from genlab import cast_like, right_expand, to_float64
from genlab_plugins.degradations.blur import Blur
from genlab_plugins.degradations.noise_in_cosines import NoiseInCosines

__all__ = ["SoftBlur"]


class SoftBlur(NoiseInCosines):
    r"""Soft diffusion: the image is blurred, and noise is added to what is left.

    .. math:: x_t = C_t x_0 + s_t z, \qquad s_t = s_1 \frac{r^t - 1}{r - 1}

    :math:`C_t` is the heat equation of ``blur``, whose width grows at the same rate as the noise. At
    t = 1 the lowest frequencies are left; ``summarize(x_1)`` are their coefficients, with the noise that
    is in them, and ``expand`` draws the noise of all others.

    Source: Daras et al. 2022 (arXiv:2209.05442); the schedule is ours.

    Args:
        noise: Amplitude :math:`s_1` of the noise at t = 1.
        sigma_max: Width of the kernel at t = 1 in pixels. None: an eighth of the image's longer side,
            but at least 2.
        ratio: r: how many times faster width and noise grow at t = 1 than at t = 0.
        cutoff: Smallest transfer factor at t = 1 of a frequency that counts as still carried.
    """

    def __init__(
        self,
        *,
        noise: PositiveFloat = 0.3,
        sigma_max: PositiveFloat | None = None,
        ratio: Annotated[float, Field(gt=1)] = 12.0,
        cutoff: Annotated[float, Field(gt=0, le=0.05)] = 0.01,
    ) -> None:
        self.blur = Blur(sigma_max=sigma_max, ratio=ratio, cutoff=cutoff)
        self.most = noise

    def s(self, t: Tensor) -> Tensor:
        """Return the amplitude of the noise, with the shape and dtype of ``t``."""
        return cast_like(self.most * self.blur.growth(to_float64(t)), t)

    def amplitudes(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the amplitude of each frequency, ``(B, 1, H, W)``, and of the noise, ``(B, 1, 1, 1)``."""
        return self.blur.transfer(t, like), self._sigma(t, like)

    def A(self, x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the blurred images, ``C_t x``."""
        return self.blur.A(x, t, None)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Take the noise away and undo the blur, as far as precision carries the high frequencies."""
        if z is None:
            raise ValueError("inverting soft diffusion needs the noise z that draw() returns")
        return self.blur.invert(x_t - self._sigma(t, x_t) * z, t, None)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the lowest cosine coefficients, ``(B, C * rows * columns)``."""
        return self.blur.summarize(x_1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the blurred image with these coefficients and noise in the other ones."""
        z = torch.randn((len(c), *shape), generator=generator, device=c.device, dtype=c.dtype)
        z = self._sigma(c.new_ones(len(c)), z) * z
        carried = c - self.blur.summarize(z)
        return self.blur.expand(carried, shape, generator=generator) + z

    def _sigma(self, t: Tensor, like: Tensor) -> Tensor:
        return right_expand(self.s(to_float64(t)), like)
