"""Classifier-free guidance: following a label closer than the data does."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Guided"]


class Guided:
    r"""A restorer that leans towards what the label adds.

    .. math:: \hat x_0 = R(x_t, t, \varnothing)
        + w \, \bigl( R(x_t, t, y) - R(x_t, t, \varnothing) \bigr)

    Every prediction is linear in the estimate, so that this is the guidance of the noise estimate with the
    same scale, for any degradation. w = 1 is plain conditioning and costs nothing; any other scale asks
    the network twice.

    Source: Ho & Salimans 2022 (arXiv:2207.12598), whose w is this one less 1.

    Args:
        restorer: Estimates the clean data with and without a label.
        scale: The scale w.
    """

    def __init__(
        self, restorer: Callable[[Tensor, Tensor, Tensor | None], Tensor], scale: float
    ) -> None:
        self.restorer, self.scale = restorer, scale

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """Return the estimate of x_0.

        Args:
            x_t: Degraded data ``(B, *shape)``.
            t: Times ``(B,)``.
            y: Labels ``(B,)`` or None.
        """
        if y is None or self.scale == 1:
            return self.restorer(x_t, t, y)
        labels = torch.cat([y, torch.full_like(y, -1)])
        both = self.restorer(torch.cat([x_t, x_t]), torch.cat([t, t]), labels)
        with_label, without = both.chunk(2)
        return without + self.scale * (with_label - without)
