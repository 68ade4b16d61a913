r"""Mask: pixels disappear one after the other, in random order."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from genlab_plugins.degradations.covering import Covering

__all__ = ["MaskDropout"]


class MaskDropout(Covering):
    r"""Pixels disappear one after the other, in random order.

    .. math:: x_t = x_0 + m_t \odot (P x_0 - x_0), \qquad
        m_t(p) = \operatorname{clip}\Bigl(\frac{t - (1 - w) \, r_p}{w}, 0, 1\Bigr)

    with the rank :math:`r_p \in [0, 1]` of the pixel in an order drawn per example. Each pixel takes the
    share w = ``fade`` of the time, or 1 / (number of pixels) if that is longer: at every time one of them
    at least is fading.

    P and what is left at t = 1 are those of :class:`~genlab_plugins.degradations.covering.Covering`.

    Source: the masks of Bansal et al. 2022 (arXiv:2208.09392) and the random order of Hoogeboom et al.
    2021 (arXiv:2110.02037); the fading is ours.

    Args:
        carry: Side of the coarse image that is left, at most half of the image's.
        fade: Share of the time that one pixel takes to disappear.
    """

    def __init__(
        self, *, carry: PositiveInt = 4, fade: Annotated[float, Field(gt=0, le=1)] = 0.1
    ) -> None:
        self.carry = carry
        self.fade = fade

    def draw(self, x_0: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw the rank of each pixel, ``(B, 1, H, W)`` in [0, 1]."""
        n, pixels = len(x_0), x_0.shape[-2] * x_0.shape[-1]
        order = torch.rand(n, pixels, generator=generator, device=x_0.device).argsort(1)
        return order.to(x_0.dtype).div(max(pixels - 1, 1)).reshape(n, 1, *x_0.shape[-2:])

    def mask(self, t: Tensor, z: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return how far each pixel is covered, ``(B, 1, H, W)`` float64 in [0, 1]."""
        fade = max(self.fade, 1 / (shape[-2] * shape[-1]))
        start = (1 - fade) * z.double()
        return ((t.double().reshape(-1, 1, 1, 1) - start) / fade).clamp(0, 1)
