"""Precision, recall, density and coverage."""

from __future__ import annotations

from typing import final

import torch
from pydantic import PositiveInt
from torch import Tensor

from genlab import MetricTags, RequestError
from genlab_plugins.metrics.classifier import Classifier
from genlab_plugins.metrics.seen_by_classifier import SeenByClassifier

__all__ = ["PRDC", "prdc"]

_ROWS = 1024  # of the matrix of distances in memory at once


@final
class PRDC(SeenByClassifier):
    r"""Precision, recall, density and coverage of samples, in features.

    With the open ball around a point that reaches to its k-th nearest neighbour in its own set:

    * ``precision``: share of samples that lie in the ball of a real image,
    * ``recall``: share of real images that lie in the ball of a sample,
    * ``density``: number of real balls that a sample lies in, divided by k, on average,
    * ``coverage``: share of real balls that hold a sample.

    Samples and real images should be as many.

    Source: Naeem et al. 2020 (arXiv:2002.09797); precision and recall: Kynkaanniemi et al. 2019
    (arXiv:1904.06991).

    Args:
        neighbours: Number k of neighbours.
        classifier: A file that ``genlab classifier`` wrote; None: the reference classifier of the data.
    """

    tags = MetricTags(
        labels=True,
        data=frozenset({"image"}),
        features="64 features of the reference classifier",
        higher=frozenset({"precision", "recall", "density", "coverage"}),
    )

    def __init__(self, *, neighbours: PositiveInt = 5, classifier: str | None = None) -> None:
        super().__init__(classifier=classifier)
        self.neighbours = neighbours

    def score(self, fitted: Classifier, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return the four numbers."""
        return prdc(fitted.outputs(x).features, fitted.outputs(real).features, self.neighbours)


def prdc(x: Tensor, real: Tensor, neighbours: int) -> dict[str, float]:
    """Return precision, recall, density and coverage.

    Args:
        x: Features of samples ``(N, D)``.
        real: Features of real images ``(M, D)``.
        neighbours: Number of neighbours; either set has more examples than that.

    Raises:
        RequestError: There are too few samples.
    """
    if min(len(x), len(real)) <= neighbours:
        raise RequestError(
            f"the metric 'prdc' with {neighbours} neighbours needs at least {neighbours + 1} samples and as "
            f"many real images; there are {len(x)} and {len(real)}"
        )
    x, real = x.double(), real.double()
    radii_x, radii_real = _radii(x, neighbours), _radii(real, neighbours)
    precise = torch.zeros(len(x), dtype=torch.bool)
    recalled = inside = covered = 0
    for part, radii in zip(real.split(_ROWS), radii_real.split(_ROWS), strict=True):
        distances = _distances(part, x)
        in_real_ball = distances < radii[:, None]
        precise |= in_real_ball.any(0)
        recalled += int((distances < radii_x).any(1).sum())
        inside += int(in_real_ball.sum())
        covered += int(in_real_ball.any(1).sum())
    return {
        "precision": float(precise.double().mean()),
        "recall": recalled / len(real),
        "density": inside / (neighbours * len(x)),
        "coverage": covered / len(real),
    }


def _radii(x: Tensor, neighbours: int) -> Tensor:
    """Return the distance of each point to its k-th nearest neighbour in the same set."""
    nearest = [
        _distances(part, x).topk(neighbours + 1, largest=False, sorted=False).values.amax(1)
        for part in x.split(_ROWS)
    ]  # each point itself is among its nearest
    return torch.cat(nearest)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # Equal points must be 0 apart, and two points as far apart in one chunk as in another.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
