"""The maximum mean discrepancy of points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import final

import torch
from torch import Tensor

from genlab import (
    DataSpec,
    Examples,
    Metric,
    MetricTags,
    RequestError,
    bootstrap_interval,
    sub_seed,
)
from genlab_plugins.metrics.discrepancy import resampled_mmd2, unbiased_mmd2

__all__ = ["MMD", "gaussians"]

_SCALES = 5  # of the kernel: the median distance times 1/4, 1/2, 1, 2 and 4
_PAIRS = 2000  # examples whose distances the median is taken of


@final
class MMD(Metric):
    r"""The squared maximum mean discrepancy between samples and real points.

    .. math:: k(a, b) = \frac{1}{5} \sum_{j=-2}^{2} \exp \frac{-|a - b|^2}{2 (2^j h)^2}

    where h is the median distance of two training points, so that the measure is the same for all samples
    of a data set. The estimate is unbiased: 0 on average for samples of the same distribution, and
    sometimes negative. Its interval is that of a bootstrap over samples and real points, 50 resamples of
    each.

    Source: Gretton et al. 2012, "A kernel two-sample test", J. Machine Learning Research 13.
    """

    tags = MetricTags(data=frozenset({"vector"}), at_most=5000)

    def fit(
        self, train: Examples, spec: DataSpec, *, seed: int
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the kernel, its width set to the median distance."""
        generator = torch.Generator().manual_seed(sub_seed(seed, "pairs"))
        if len(train) < 2:
            raise RequestError("the metric 'mmd' needs at least two training examples")
        chosen = torch.randperm(len(train), generator=generator)[:_PAIRS]
        x = train.take(chosen.to(train.device))[0].cpu().double()
        return partial(gaussians, h=float(torch.pdist(x).median()))

    def score(
        self, fitted: Callable[[Tensor, Tensor], Tensor], x: Tensor, real: Tensor
    ) -> dict[str, float]:
        """Return the squared discrepancy."""
        return {"mmd": unbiased_mmd2(x.double(), real.double(), fitted)}

    def intervals(
        self,
        fitted: Callable[[Tensor, Tensor], Tensor],
        x: Tensor,
        real: Tensor,
        values: Mapping[str, float],
        *,
        generator: torch.Generator,
    ) -> dict[str, tuple[float, float] | None]:
        """Return where the discrepancy of other samples, against other real points, would lie."""
        replicates = resampled_mmd2(x.double(), real.double(), fitted, generator=generator)
        return {"mmd": bootstrap_interval(values["mmd"], replicates)}


def gaussians(a: Tensor, b: Tensor, *, h: float) -> Tensor:
    """Return the mean of the five Gaussian kernels ``(N, M)`` of points ``(N, D)`` and ``(M, D)``.

    Args:
        a: Points.
        b: Points.
        h: Width of the middle one.
    """
    # From one kernel to the next the width halves, which is a fourth power.
    each = torch.cdist(a, b).square_().div_(-2 * (4 * h) ** 2).exp_()
    total = each.clone()
    for _ in range(_SCALES - 1):
        each.square_().square_()
        total += each
    return total / _SCALES
