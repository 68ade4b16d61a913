r"""Mask: a box grows from a random centre."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor

from genlab_plugins.degradations.covering import Covering

__all__ = ["MaskBox"]


class MaskBox(Covering):
    r"""A box grows from a random centre until it covers all.

    .. math:: x_t = x_0 + m_t \odot (P x_0 - x_0), \qquad
        m_t(p) = \bigl|\,p \cap [(1 - t) \, q, \; (1 - t) \, q + t \, (H, W)]\,\bigr|

    the area of pixel p inside the box, with a centre q drawn per example. The sides of the box reach the
    sides of the image together, at t = 1; pixels on its border are covered in part, so that it grows
    without steps.

    P and what is left at t = 1 are those of :class:`~genlab_plugins.degradations.covering.Covering`.

    Source: Bansal et al. 2022 (arXiv:2208.09392) for masks as degradations; box-shaped holes after
    Pathak et al. 2016 (arXiv:1604.07379).

    Args:
        carry: Side of the coarse image that is left, at most half of the image's.
    """

    def __init__(self, *, carry: PositiveInt = 4) -> None:
        self.carry = carry

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw the centre of each hole, ``(B, 2)``: row and column as shares of height and width."""
        return torch.rand(len(x_0), 2, generator=generator, device=x_0.device, dtype=x_0.dtype)

    def mask(self, t: Tensor, z: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return the covered area of each pixel, ``(B, 1, H, W)`` float64 in [0, 1]."""
        t = t.double()[:, None]
        down, right = (_overlap(t, z[:, i, None].double(), n) for i, n in enumerate(shape[-2:]))
        return down[:, None, :, None] * right[:, None, None, :]


def _overlap(t: Tensor, q: Tensor, n: int) -> Tensor:
    """Return the length ``(B, n)`` of each pixel of one axis inside the box around ``q * n``."""
    q = q * n
    low, high = torch.lerp(q, torch.zeros_like(q), t), torch.lerp(q, torch.full_like(q, n), t)
    pixel = torch.arange(n, dtype=torch.float64, device=t.device)
    return (torch.minimum(high, pixel + 1) - torch.maximum(low, pixel)).clamp(min=0)
