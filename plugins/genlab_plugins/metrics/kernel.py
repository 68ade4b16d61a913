"""The kernel distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from genlab import MetricTags, bootstrap_interval
from genlab_plugins.metrics.classifier import Classifier
from genlab_plugins.metrics.discrepancy import resampled_mmd2, unbiased_mmd2
from genlab_plugins.metrics.seen_by_classifier import SeenByClassifier

__all__ = ["Kernel", "polynomial"]


@final
class Kernel(SeenByClassifier):
    r"""The kernel distance (KID) between the features of samples and of real images.

    The squared maximum mean discrepancy under :math:`k(a, b) = (a \cdot b / D + 1)^3`, by the unbiased
    estimate over all pairs,

    .. math:: \frac{\sum_{i \ne j} k(x_i, x_j)}{n(n-1)} + \frac{\sum_{i \ne j} k(y_i, y_j)}{m(m-1)}
        - \frac{2 \sum_{i,j} k(x_i, y_j)}{nm}

    It is 0 on average for samples of the same distribution, and so can be negative. Its interval is that of
    a bootstrap over samples and real images, 50 resamples of each.

    Source: Binkowski et al. 2018 (arXiv:1801.01401), there with the features of Inception.

    Args:
        classifier: A file that ``genlab classifier`` wrote; None: the reference classifier of the data.
    """

    tags = MetricTags(
        labels=True,
        data=frozenset({"image"}),
        features="64 features of the reference classifier",
    )

    def score(self, fitted: Classifier, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return the squared discrepancy."""
        a, b = fitted.outputs(x).features.double(), fitted.outputs(real).features.double()
        return {"kernel": unbiased_mmd2(a, b, polynomial)}

    def intervals(
        self,
        fitted: Classifier,
        x: Tensor,
        real: Tensor,
        values: Mapping[str, float],
        *,
        generator: torch.Generator,
    ) -> dict[str, tuple[float, float] | None]:
        """Return where the discrepancy of other samples, against other real images, would lie."""
        a, b = fitted.outputs(x).features.double(), fitted.outputs(real).features.double()
        replicates = resampled_mmd2(a, b, polynomial, generator=generator)
        return {"kernel": bootstrap_interval(values["kernel"], replicates)}


def polynomial(a: Tensor, b: Tensor) -> Tensor:
    """Return the kernel ``(N, M)`` of features ``(N, D)`` and ``(M, D)``."""
    return torch.addmm(torch.ones((), dtype=a.dtype), a, b.T, alpha=1 / a.shape[1]).pow(3)
