"""Which modes of a mixture samples find, and how well they hit them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from pydantic import PositiveFloat
from torch import Tensor

from genlab import (
    DataSpec,
    Examples,
    HasModes,
    Metric,
    MetricTags,
    RequestError,
    wilson_interval,
)

__all__ = ["Modes"]

_ENOUGH = 0.1


@final
class Modes(Metric):
    r"""How many modes of a mixture of Gaussians samples find, and how many samples hit a mode.

    A sample x is of high quality if it lies within three standard deviations of its nearest mode,

    .. math:: \min_k \, (x - \mu_k)^T \Sigma_k^{-1} (x - \mu_k) \le 3^2

    which in the plane holds for 98.9 % of a Gaussian's own points.

    * ``found``: the number of modes that hold at least a tenth of the samples that their weight asks for
      (one at least), all of high quality; strays of a neighbouring mode are not enough,
    * ``high-quality``: the share of samples of high quality,
    * ``total-variation``: :math:`\tfrac12 \sum_k |p_k - w_k|` between the shares of the modes among the
      samples of high quality and their weights.

    Source: Srivastava et al. 2017, "VEEGAN" (arXiv:1705.07761), there with one deviation for all.

    Args:
        deviations: How many standard deviations a sample of high quality is away at most.
    """

    tags = MetricTags(
        data=frozenset({"vector"}), modes=True, higher=frozenset({"found", "high-quality"})
    )

    def __init__(self, *, deviations: PositiveFloat = 3.0) -> None:
        self.deviations = deviations

    def fit(
        self, train: Examples, spec: DataSpec, *, seed: int, dataset: HasModes | None = None
    ) -> HasModes:
        """Return the data set, which knows its modes.

        Raises:
            RequestError: It knows none.
        """
        if dataset is None:
            raise RequestError(
                "the metric 'modes' needs a data set that knows its modes, such as '8-gaussians'"
            )
        return dataset

    def score(self, fitted: HasModes, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return modes found, share of high quality, and the distance from the weights."""
        away = x.double()[:, None] - fitted.means
        z = torch.linalg.solve(fitted.covs, away.movedim(0, -1)).movedim(-1, 0)
        square, mode = (away * z).sum(-1).min(1)
        good = square <= self.deviations**2
        counts = torch.bincount(mode[good], minlength=len(fitted.means)).double()
        shares = counts / counts.sum().clamp(min=1)
        return {
            "found": float((counts >= (_ENOUGH * len(x) * fitted.weights).clamp(min=1)).sum()),
            "high-quality": float(good.double().mean()),
            "total-variation": float((shares - fitted.weights).abs().sum() / 2),
        }

    def intervals(
        self,
        fitted: HasModes,
        x: Tensor,
        real: Tensor,
        values: Mapping[str, float],
        *,
        generator: torch.Generator,
    ) -> dict[str, tuple[float, float] | None]:
        """Return Wilson's interval of the share of high quality."""
        return {"high-quality": wilson_interval(values["high-quality"] * len(x), len(x))}
