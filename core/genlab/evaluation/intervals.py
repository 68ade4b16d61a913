"""Intervals: between which values a number lies with 95 % confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.special import ndtri, stdtrit
from torch import Tensor

__all__ = [
    "LEVEL",
    "bootstrap_counts",
    "bootstrap_interval",
    "mean_interval",
    "seeds_interval",
    "standard_error",
    "wilson_interval",
]

LEVEL = 0.95
"""Of every interval: the share of such intervals that hold what they are of."""

_UPPER = (1 + LEVEL) / 2


def wilson_interval(count: float, n: int) -> tuple[float, float]:
    r"""Return Wilson's score interval of a share, such as an accuracy.

    .. math:: \frac{p + z^2 / 2n \pm z \sqrt{p (1 - p) / n + z^2 / 4n^2}}{1 + z^2 / n}

    with the share p of ``count`` in ``n`` and the quantile z of the normal distribution.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference",
    J. American Statistical Association 22.

    Args:
        count: How many of them, in [0, n].
        n: How many there are, at least 1.

    Raises:
        ValueError: There are none, or more than there are.

    Example:
        >>> low, high = wilson_interval(90, 100)
        >>> round(low, 3), round(high, 3)
        (0.826, 0.945)
    """
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is no share")
    p, z = count / n, float(ndtri(_UPPER))
    middle = p + z**2 / (2 * n)
    reach = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = ((middle + side * reach) / (1 + z**2 / n) for side in (-1, 1))
    # Rounding must not take the share itself out of its interval.
    return max(min(low, p), 0.0), min(max(high, p), 1.0)


def standard_error(values: Tensor) -> float:
    """Return the standard error of the mean of independent values ``(N,)``; NaN of a single one."""
    return float(values.double().std() / math.sqrt(len(values))) if len(values) > 1 else math.nan


def mean_interval(values: Tensor) -> tuple[float, float] | None:
    """Return the normal interval of the mean of many independent values, or None where there is none.

    Args:
        values: ``(N,)``. Of fewer than two, or of one that is not finite, there is no interval.

    Example:
        >>> import torch
        >>> low, high = mean_interval(torch.tensor([1.0, 2.0, 3.0, 2.0]))
        >>> round(low, 2), round(high, 2)
        (1.2, 2.8)
    """
    error = standard_error(values)
    if not math.isfinite(error):
        return None
    mean, reach = float(values.double().mean()), float(ndtri(_UPPER)) * error
    return mean - reach, mean + reach


def seeds_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's interval of the mean of a few numbers, one for each seed, or None for fewer than two.

    Source: Student 1908, "The probable error of a mean", Biometrika 6.

    Args:
        values: The numbers, taken to be normal. Of one that is not finite there is no interval.
    """
    k = len(values)
    if k < 2 or not all(map(math.isfinite, values)):
        return None
    mean = math.fsum(values) / k
    error = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (k - 1) / k)
    reach = float(stdtrit(k - 1, _UPPER)) * error
    return mean - reach, mean + reach


def bootstrap_counts(n: int, resamples: int, *, generator: torch.Generator) -> Tensor:
    """Draw how often each of ``n`` examples is in each bootstrap resample, ``(resamples, n)`` in float64.

    A resample is as large as the set, drawn with replacement.

    Args:
        n: How many examples there are.
        resamples: How many resamples are drawn.
        generator: Source of randomness, on the CPU.
    """
    drawn = torch.randint(n, (resamples, n), generator=generator)
    ones = torch.ones((), dtype=torch.float64).expand(resamples, n)
    return torch.zeros(resamples, n, dtype=torch.float64).scatter_add_(1, drawn, ones)


def bootstrap_interval(
    value: float, replicates: Tensor, *, least: float = -math.inf
) -> tuple[float, float] | None:
    r"""Return the interval of a number from its values on bootstrap resamples.

    .. math:: [v - z s, v + z s]

    with the standard deviation s of the replicates. It is around the number itself and not around the mean
    of the replicates: a distance that is biased by the number of samples is biased twice on resamples, so
    that the interval of percentiles may not even hold the number. It says where the number of other samples,
    as many of them, would lie; the bias stays.

    Source: Efron & Tibshirani 1993, "An introduction to the bootstrap", section 13.3.

    Args:
        value: The number.
        replicates: Its values on resamples ``(B,)``, at least two and all finite, or there is no interval.
        least: What no such number is below.
    """
    spread = float(replicates.double().std()) if len(replicates) > 1 else math.nan
    if not math.isfinite(spread):
        return None
    reach = float(ndtri(_UPPER)) * spread
    return max(value - reach, least), value + reach
