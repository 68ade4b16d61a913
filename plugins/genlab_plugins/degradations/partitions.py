r"""Nested partitions of the pixels, and the averages over their parts.

Averaging over the parts of a partition is an orthogonal projection. Along partitions that grow coarser,
:math:`P_0 = I, P_1, \dots, P_K`, a cross-fade between neighbours,

.. math:: x_t = (1 - r) P_k x_0 + r P_{k + 1} x_0, \qquad tK = k + r,

loses more with every t, and nothing that is lost returns: :math:`P_j P_k = P_{\max(j, k)}`.

Partitions are made axis by axis by halving: a rule sends the n labels of an axis to half as many.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from genlab import right_expand, to_float64

__all__ = ["Rule", "axis_labels", "cross_fade", "last_means", "last_parts", "last_spread"]

Rule = Callable[[Tensor, int], Tensor]
"""Takes labels in 0 ... n - 1 and n; returns labels in 0 ... (n + 1) // 2 - 1."""


def axis_labels(n: int, side: int, rule: Rule) -> list[Tensor]:
    """Return the labels of the pixels of one axis, partition by partition.

    Args:
        n: Number of pixels.
        side: Halving stops at this many parts, but not before the first halving.
        rule: How to halve.
    """
    labels, parts = [torch.arange(n)], n
    while parts > 1 and (parts > side or len(labels) == 1):
        labels.append(rule(labels[-1], parts))
        parts = (parts + 1) // 2
    return labels


def cross_fade(x: Tensor, t: Tensor, side: int, rule: Rule) -> Tensor:
    """Fade images from average to average.

    Args:
        x: Images ``(B, C, H, W)``.
        t: Times ``(B,)``.
        side: See :func:`axis_labels`.
        rule: How to halve.
    """
    rows, columns = _path(x.shape[-2], x.shape[-1], side, rule, x.dtype, x.device)
    place = to_float64(t) * (len(rows) - 1)
    k = place.long().clamp(max=max(len(rows) - 2, 0))
    after = (k + 1).clamp(max=len(rows) - 1)
    now, then = (
        rows[i][:, None] @ x @ columns[i][:, None] for i in (k.to(x.device), after.to(x.device))
    )
    share = right_expand(place - k, x)
    x_t = torch.lerp(now.to(x.dtype), then.to(x.dtype), share)
    return torch.where(t.reshape(-1, 1, 1, 1) == 0, x, x_t)  # also with products of low precision


def last_means(x_1: Tensor, side: int, rule: Rule) -> Tensor:
    """Return the means over the parts of the last partition, ``(B, C * rows * columns)``."""
    rows, columns = (_mean(n, side, rule, x_1.dtype, x_1.device) for n in x_1.shape[-2:])
    return (rows @ x_1 @ columns.mT).flatten(1)


def last_parts(shape: tuple[int, ...], side: int, rule: Rule) -> tuple[int, int, int]:
    """Return the channels, rows and columns of the parts of the last partition."""
    rows, columns = (int(axis_labels(n, side, rule)[-1].max()) + 1 for n in shape[-2:])
    return shape[0], rows, columns


def last_spread(c: Tensor, shape: tuple[int, ...], side: int, rule: Rule) -> Tensor:
    """Return the images ``(B, *shape)`` that are constant at these means over each part."""
    rows, columns = (axis_labels(n, side, rule)[-1].to(c.device) for n in shape[-2:])
    parts = c.reshape(len(c), *last_parts(shape, side, rule))
    return parts[:, :, rows][..., columns]


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _path(
    height: int, width: int, side: int, rule: Rule, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the averages over rows ``(K + 1, H, H)`` and columns ``(K + 1, W, W)``."""
    axes = [[_average(part) for part in axis_labels(n, side, rule)] for n in (height, width)]
    longest = max(map(len, axes))
    rows, columns = (
        torch.stack(axis + axis[-1:] * (longest - len(axis))).to(device, dtype) for axis in axes
    )
    return rows, columns


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _mean(n: int, side: int, rule: Rule, dtype: torch.dtype, device: torch.device) -> Tensor:
    labels = axis_labels(n, side, rule)[-1]
    member = torch.nn.functional.one_hot(labels).T.double()
    return (member / member.sum(1, keepdim=True)).to(device, dtype)


def _average(labels: Tensor) -> Tensor:
    same = (labels[:, None] == labels).double()
    return same / same.sum(1, keepdim=True)
