"""The maximum mean discrepancy of two samples under a kernel."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from genlab import RequestError

__all__ = ["unbiased_mmd2"]

_ROWS = 1024  # of the kernel matrix in memory at once


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


def _off_diagonal(x: Tensor, kernel: Callable[[Tensor, Tensor], Tensor]) -> float:
    total, begin = 0.0, 0
    for part in x.split(_ROWS):
        values = kernel(part, x)
        total += float(values.sum() - values.diagonal(begin).sum())
        begin += len(part)
    return total
