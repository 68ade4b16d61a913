"""The moving average of the weights, which is what samples are drawn with."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

__all__ = ["EMA"]


class EMA:
    r"""An exponential moving average of a module's state.

    .. math:: \bar\theta \leftarrow \beta_n \bar\theta + (1 - \beta_n) \theta, \qquad
        \beta_n = \min\Bigl(\beta, \frac{1 + n}{10 + n}\Bigr)

    so that the first, random weights are forgotten soon.

    Args:
        module: What is averaged.
        decay: :math:`\beta`.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        ours, theirs = self.module.state_dict(keep_vars=True), module.state_dict(keep_vars=True)
        floating = [key for key, value in ours.items() if value.is_floating_point()]
        self._averages: list[Tensor] = [ours[key].data for key in floating]
        self._weights: list[Tensor] = [theirs[key].data for key in floating]
        self._others = [(ours[key], theirs[key]) for key in ours if key not in set(floating)]

    @torch.no_grad()
    def update(self) -> None:
        """Move the averages towards the weights."""
        beta = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self._averages, self._weights, 1 - beta)
        for ours, theirs in self._others:
            ours.copy_(theirs)
        self.updates += 1
