"""The moving average of the weights, which is what samples are drawn with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

__all__ = ["average_in_place", "moving_average", "share_of_new"]


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
        torch._foreach_lerp_(averages, weights, share_of_new(decay, int(count)))

    return update


def share_of_new(decay: float, count: int) -> float:
    r"""Return which share of the weights the average takes over, :math:`1 - \beta_n`.

    Args:
        decay: :math:`\beta`.
        count: n.
    """
    return 1 - min(decay, count / (9 + count))


@torch.no_grad()
def average_in_place(average: AveragedModel, module: nn.Module, share: Tensor) -> None:
    """Do an update whose share of new weights lies on the device; with 0 nothing changes.

    Args:
        average: The moving average, whose count of updates is left alone.
        module: What is averaged.
        share: The share of new weights and buffers, a number.
    """
    averages, weights = ([*m.parameters(), *m.buffers()] for m in (average.module, module))
    pairs = list(zip(averages, weights, strict=True))
    real = [(a, w.detach()) for a, w in pairs if a.is_floating_point()]
    change = torch._foreach_sub([w for _, w in real], [a for a, _ in real])
    torch._foreach_mul_(change, share)
    torch._foreach_add_([a for a, _ in real], change)
    for mean, value in pairs:
        if not mean.is_floating_point():
            mean.copy_(torch.where(share > 0, value, mean))
