"""Precision, recall, density and coverage."""

from __future__ import annotations

import contextlib
import io
from typing import final

from pydantic import PositiveInt
from torch import Tensor

from genlab import MetricTags, RequestError
from genlab_plugins.metrics.judge import PROCEDURE, Judge
from genlab_plugins.metrics.seen_by_judge import SeenByJudge

__all__ = ["PRDC", "prdc"]


@final
class PRDC(SeenByJudge):
    r"""Precision, recall, density and coverage of samples, in features.

    With the ball :math:`B(r)` around r that reaches to the k-th nearest neighbour of r in its own set:

    * ``precision``: share of samples that lie in the ball of a real image,
    * ``recall``: share of real images that lie in the ball of a sample,
    * ``density``: number of real balls that hold a sample, divided by k, on average,
    * ``coverage``: share of real balls that hold a sample.

    Computed by the authors' package prdc. Samples and real images should be as many.

    Source: Naeem et al. 2020 (arXiv:2002.09797); precision and recall: Kynkaanniemi et al. 2019
    (arXiv:1904.06991).

    Args:
        neighbours: Number k of neighbours.
        judge: A file that ``genlab judge`` wrote; None: the judge of the data.
    """

    tags = MetricTags(
        labels=True,
        data=frozenset({"image"}),
        features=f"{PROCEDURE}, 64 features",
        higher=frozenset({"precision", "recall", "density", "coverage"}),
    )

    def __init__(self, *, neighbours: PositiveInt = 5, judge: str | None = None) -> None:
        super().__init__(judge=judge)
        self.neighbours = neighbours

    def score(self, fitted: Judge, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return the four shares."""
        return prdc(fitted.look(x).features, fitted.look(real).features, self.neighbours)


def prdc(x: Tensor, real: Tensor, neighbours: int) -> dict[str, float]:
    """Return precision, recall, density and coverage.

    Args:
        x: Features of samples ``(N, D)``.
        real: Features of real images ``(M, D)``.
        neighbours: Number of neighbours; either set has more than one example above it.

    Raises:
        RequestError: There are too few samples.
    """
    if min(len(x), len(real)) < neighbours + 2:
        raise RequestError(
            f"the metric 'prdc' with {neighbours} neighbours needs at least {neighbours + 2} samples and as "
            f"many real images; there are {len(x)} and {len(real)}"
        )
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):  # it prints the numbers of examples
        found = compute_prdc(real.numpy(), x.numpy(), neighbours)
    return {key: float(found[key]) for key in ("precision", "recall", "density", "coverage")}
