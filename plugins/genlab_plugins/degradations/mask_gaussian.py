r"""Mask: a hole with Gaussian edges grows from a random centre."""

from __future__ import annotations

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from genlab_plugins.degradations.covering import Covering

__all__ = ["MaskGaussian"]


class MaskGaussian(Covering):
    r"""A hole with Gaussian edges grows from a random centre until it covers all.

    .. math:: x_t = x_0 + m_t \odot (P x_0 - x_0), \qquad
        m_t(p) = 1 - \bigl(1 - t^{1 + |p - q|^2 / \rho^2}\bigr)^k

    with a centre q drawn per example and :math:`\rho` = ``width`` times the longer side. The power of t
    is a Gaussian, :math:`t \, e^{-|p - q|^2 / 2 \sigma_t^2}`, whose width :math:`\sigma_t = \rho /
    \sqrt{2 \log(1 / t)}` grows from 0 to infinity; k of them are laid over each other.

    P and what is left at t = 1 are those of :class:`~genlab_plugins.degradations.covering.Covering`.

    Source: after Bansal et al. 2022 (arXiv:2208.09392), where the mask is a product of
    Gaussian holes and the hole is black.

    Args:
        carry: Side of the coarse image that is left, at most half of the image's.
        width: How wide the hole is, as a share of the longer side. Narrow holes leave the far corners
            alone for longer.
        holes: k; more of them make the edge of the hole sharper.
    """

    def __init__(
        self, *, carry: PositiveInt = 4, width: PositiveFloat = 0.25, holes: PositiveInt = 4
    ) -> None:
        self.carry = carry
        self.width = width
        self.holes = holes

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw the centre of each hole, ``(B, 2)``: row and column as shares of height and width."""
        return torch.rand(len(x_0), 2, generator=generator, device=x_0.device, dtype=x_0.dtype)

    def mask(self, t: Tensor, z: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return how far each pixel is covered, ``(B, 1, H, W)`` float64 in [0, 1]."""
        height, width = shape[-2:]
        down, right = (
            torch.arange(n, dtype=torch.float64, device=t.device) + 0.5 - z[:, i, None] * n
            for i, n in enumerate((height, width))
        )
        square = down.square()[:, :, None] + right.square()[:, None, :]
        rho = self.width * max(height, width)
        hole = t.double()[:, None, None].pow(1 + square / rho**2)[:, None]
        return 1 - (1 - hole).pow(self.holes)
