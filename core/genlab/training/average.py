"""The moving average of the weights, which is what samples are drawn with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

__all__ = ["moving_average"]


def moving_average(module: nn.Module, decay: float) -> AveragedModel:
    r"""Return an exponential moving average of a module's weights and buffers.

    .. math:: \bar\theta \leftarrow \beta_n \bar\theta + (1 - \beta_n) \theta, \qquad
        \beta_n = \min\Bigl(\beta, \frac{n}{9 + n}\Bigr)

    in the n-th update, so that the first, random weights are forgotten soon.

    Args:
        module: What is averaged; its weights as they are begin the average.
        decay: :math:`\beta`.
    """
    average = AveragedModel(module, multi_avg_fn=_update(decay), use_buffers=True)
    average.n_averaged.fill_(1)
    average.requires_grad_(False).eval()
    return average


Tensors = tuple[Tensor, ...] | list[Tensor]


def _update(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    @torch.no_grad()
    def update(averages: Tensors, weights: Tensors, count: Tensor | int) -> None:
        if not averages[0].is_floating_point():
            for mean, value in zip(averages, weights, strict=True):
                mean.copy_(value)
            return
        number = int(count)
        torch._foreach_lerp_(averages, weights, 1 - min(decay, number / (9 + number)))

    return update
