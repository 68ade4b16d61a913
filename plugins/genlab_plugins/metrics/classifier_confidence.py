"""How sure the reference classifier is about samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from genlab import MetricTags, mean_interval
from genlab_plugins.metrics.classifier import Classifier
from genlab_plugins.metrics.seen_by_classifier import SeenByClassifier

__all__ = ["ClassifierConfidence", "confidence"]


@final
class ClassifierConfidence(SeenByClassifier):
    r"""Mean top probability of the reference classifier, and how evenly samples spread over its classes.

    With the classifier's probabilities :math:`p(y | x)`:

    * ``confidence``: :math:`\mathbb{E}_x \max_y p(y | x)`,
    * ``classes``: the number of classes found,
    * ``imbalance``: :math:`KL(p(y) \| U)` of the classes found, in nats; 0 when all are as frequent.

    A high confidence is no proof of good samples: it rewards blobs that are typical of a class, and the grey
    shapes of a network that was trained for 60 steps have .89. Never read it without a distance.

    Args:
        classifier: A file that ``genlab classifier`` wrote; None: the reference classifier of the data.
    """

    uses = "classes"
    tags = MetricTags(
        labels=True,
        data=frozenset({"image"}),
        features="classes of the reference classifier",
        higher=frozenset({"confidence", "classes"}),
    )

    def score(self, fitted: Classifier, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return confidence, classes and imbalance of the samples."""
        return confidence(fitted.outputs(x).probabilities)

    def intervals(
        self,
        fitted: Classifier,
        x: Tensor,
        real: Tensor,
        values: Mapping[str, float],
        *,
        generator: torch.Generator,
    ) -> dict[str, tuple[float, float] | None]:
        """Return the interval of the confidence, which is a mean over the samples."""
        return {"confidence": mean_interval(self.score_each(fitted, x))}

    def score_each(self, fitted: Classifier, x: Tensor) -> Tensor:
        """Return the classifier's largest probability for each sample ``(N,)``."""
        return fitted.outputs(x).probabilities.max(1).values


def confidence(probabilities: Tensor) -> dict[str, float]:
    """Return confidence, classes found and their imbalance.

    Args:
        probabilities: Of each class for each sample ``(N, K)``.
    """
    top, classes = probabilities.double().max(1)
    share = torch.bincount(classes, minlength=probabilities.shape[1]).double() / len(classes)
    return {
        "confidence": float(top.mean()),
        "classes": float((share > 0).sum()),
        "imbalance": float(torch.xlogy(share, share).sum()) + math.log(len(share)),
    }
