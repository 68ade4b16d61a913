r"""Ink: dark and light diffuse like ink on wet paper, where ink wins."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from genlab import Advice, InvertibleDegradation, cast_like, to_float64
from genlab_plugins.degradations.bases import (
    cosine_filter,
    cosine_frequencies,
    lattice_laplacian,
)
from genlab_plugins.degradations.blur import Blur
from genlab_plugins.degradations.coarse import block_means, smooth_image

__all__ = ["Ink"]

_LARGEST_GAIN = 80.0  # the exponent of a gain that float64 carries nothing of any more


class Ink(InvertibleDegradation):
    r"""Bright pixels spread like ink: a diffusion in which more wins over less.

    .. math:: x_t = \varepsilon \log \bigl(C_t \, e^{x_0 / \varepsilon}\bigr)

    with the heat equation :math:`C_t` on the lattice of pixels, whose kernels are positive, and the
    widths :math:`\sigma_t` of ``blur``. By the transform of Hopf and Cole, with
    :math:`\tau = \sigma_t^2`, this solves the viscous Hamilton-Jacobi equation

    .. math:: \partial_\tau x = \tfrac12 \Delta x + \tfrac{1}{2 \varepsilon} |\nabla x|^2 .

    For large :math:`\varepsilon` it is blur; for small :math:`\varepsilon` it is the dilation
    :math:`\max_q x_0(q) - \varepsilon |p - q|^2 / 2 \tau`. It is closed in t, a semigroup and
    invertible, as blur is, but not linear.

    What is left at t = 1 are soft maxima over the blocks of a coarse grid, :math:`\varepsilon \log` of
    the block means of :math:`e^{x_1 / \varepsilon}`; ``summarize(x_1)`` returns them.

    Source: ours; the transform is that of Hopf 1950 (doi:10.1002/cpa.3160030302).

    Args:
        epsilon: :math:`\varepsilon`, in the units of pixels: the difference at which ink begins to win.
        sigma_max: Width of the kernel at t = 1 in pixels. None: an eighth of the image's longer side,
            but at least 2.
        ratio: r: how many times faster the width grows at t = 1 than at t = 0.
        cutoff: Smallest transfer factor at t = 1 of a frequency that counts as still carried.
    """

    def __init__(
        self,
        *,
        epsilon: Annotated[float, Field(ge=0.1)] = 0.5,
        sigma_max: PositiveFloat | None = None,
        ratio: Annotated[float, Field(gt=1)] = 12.0,
        cutoff: Annotated[float, Field(gt=0, lt=1)] = 0.01,
    ) -> None:
        self.epsilon = epsilon
        self.cutoff = cutoff
        self.blur = Blur(sigma_max=sigma_max, ratio=ratio)

    def carried(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the rows and columns of the grid that is left at t = 1."""
        highest = -2 * math.log(self.cutoff) / float(self.blur.sigma(torch.ones(1), shape)) ** 2
        rows, columns = (
            int((4 * (cosine_frequencies(n) / 2).sin().square() <= highest).sum())
            for n in shape[-2:]
        )
        return rows, columns

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
        """Return None: ink spreads deterministically."""
        return

    def advice(self) -> Advice:
        """Return what goes well with ink: a prior that follows the examples."""
        return replace(super().advice(), prior="parzen")

    def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Let the ink of each image spread to its own time."""
        e = self._ink(x_0)
        gain = cosine_filter(e, torch.expm1(self._exponent(x_0, t))) / e
        lowest = e.amin((-2, -1), keepdim=True) / e - 1  # ink never thins below it; rounding might
        return x_0 + cast_like(self.epsilon * torch.maximum(gain, lowest).log1p(), x_0)

    def invert(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Draw the ink back, as far as the precision of ``x_t`` carries the high frequencies."""
        growth = self._exponent(x_t, t).neg().clamp(max=_LARGEST_GAIN)
        return self._paper(cosine_filter(self._ink(x_t), growth.exp()), x_t)

    def summarize(self, x_1: Tensor) -> Tensor:
        """Return the soft maximum of each block, ``(B, C * rows * columns)``."""
        grid = self.carried(tuple(x_1.shape[1:]))
        return self._paper(block_means(self._ink(x_1), grid), x_1)

    def expand(self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Return the image in whose blocks these are the soft maxima."""
        means = self._ink(c)
        e = smooth_image(means, self.carried(shape), shape)
        lowest = 0.1 * means.amin(1).reshape(-1, 1, 1, 1)  # a smooth image may undershoot
        return self._paper(torch.maximum(e, lowest), c)

    def layout(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the grid of blocks."""
        return (shape[0], *self.carried(shape))

    def _exponent(self, x: Tensor, t: Tensor) -> Tensor:
        sigma = self.blur.sigma(to_float64(t), tuple(x.shape[1:])).reshape(-1, 1, 1, 1)
        return -0.5 * sigma.square() * lattice_laplacian(x.shape[-2], x.shape[-1], sigma)

    def _ink(self, x: Tensor) -> Tensor:
        """Return the ink of each pixel in float64: a small epsilon needs all of it."""
        return (to_float64(x) / self.epsilon).exp()

    def _paper(self, e: Tensor, like: Tensor) -> Tensor:
        tiny = torch.finfo(e.dtype).tiny
        return cast_like(self.epsilon * e.clamp_min(tiny).log(), like)
