"""The maximum mean discrepancy of two samples under a kernel."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genlab import RequestError, bootstrap_counts

__all__ = ["resampled_mmd2", "unbiased_mmd2"]

_ROWS = 1024  # of the kernel matrix in memory at once
_RESAMPLES = 50


def unbiased_mmd2(x: Tensor, y: Tensor, kernel: Callable[[Tensor, Tensor], Tensor]) -> float:
    r"""Return the unbiased estimate of the squared maximum mean discrepancy.

    .. math:: \frac{\sum_{i \ne j} k(x_i, x_j)}{n(n-1)} + \frac{\sum_{i \ne j} k(y_i, y_j)}{m(m-1)}
        - \frac{2 \sum_{i,j} k(x_i, y_j)}{nm}

    Source: Gretton et al. 2012, "A kernel two-sample test", J. Machine Learning Research 13, equation 3.

    Args:
        x: Points ``(N, D)``.
        y: Points ``(M, D)``.
        kernel: Takes ``(A, D)`` and ``(B, D)`` and returns ``(A, B)``.

    Raises:
        RequestError: There are fewer than two points on one side.
    """
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise RequestError("a kernel distance needs at least two samples on either side")
    within = _off_diagonal(x, kernel) / (n * (n - 1)) + _off_diagonal(y, kernel) / (m * (m - 1))
    across = sum(float(kernel(part, y).sum()) for part in x.split(_ROWS))
    return within - 2 * across / (n * m)


def resampled_mmd2(
    x: Tensor,
    y: Tensor,
    kernel: Callable[[Tensor, Tensor], Tensor],
    *,
    generator: torch.Generator,
) -> Tensor:
    """Return the estimate on 50 bootstrap resamples of both sides, ``(50,)`` in float64.

    An example that is in a resample several times makes no pairs with itself: their kernel, as that of
    equal points, would move the estimate up.

    Args:
        x: Points ``(N, D)``.
        y: Points ``(M, D)``.
        kernel: Takes ``(A, D)`` and ``(B, D)`` and returns ``(A, B)``.
        generator: Source of randomness, on the CPU.
    """
    v, w = (bootstrap_counts(len(each), _RESAMPLES, generator=generator) for each in (x, y))
    across = torch.zeros(_RESAMPLES, dtype=torch.float64)
    for part, times in zip(x.split(_ROWS), v.split(_ROWS, 1), strict=True):
        across += ((w @ kernel(part, y).double().T) * times).sum(1)
    return _within(x, v, kernel) + _within(y, w, kernel) - 2 * across / (len(x) * len(y))


def _within(x: Tensor, counts: Tensor, kernel: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the mean kernel of two different examples of each resample ``(B,)``."""
    total, begin = torch.zeros(len(counts), dtype=torch.float64), 0
    for part, times in zip(x.split(_ROWS), counts.split(_ROWS, 1), strict=True):
        values = kernel(part, x[begin:]).double()  # what is before it was counted with it
        values[:, len(part) :] *= 2
        values.diagonal().zero_()
        total += ((counts[:, begin:] @ values.T) * times).sum(1)
        begin += len(part)
    return total / (len(x) ** 2 - counts.square().sum(1))


def _off_diagonal(x: Tensor, kernel: Callable[[Tensor, Tensor], Tensor]) -> float:
    total, begin = 0.0, 0
    for part in x.split(_ROWS):
        values = kernel(part, x)
        total += float(values.sum() - values.diagonal(begin).sum())
        begin += len(part)
    return total
