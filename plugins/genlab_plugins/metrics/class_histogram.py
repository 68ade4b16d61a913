"""How often samples show each class."""

from __future__ import annotations

from typing import final

import torch
from scipy.stats import entropy
from torch import Tensor

from genlab import MetricTags
from genlab_plugins.metrics.classifier import Classifier
from genlab_plugins.metrics.seen_by_classifier import SeenByClassifier

__all__ = ["ClassHistogram", "compare_counts"]


@final
class ClassHistogram(SeenByClassifier):
    r"""How far the classes of samples are from those of real images, as the reference classifier sees them.

    With the shares :math:`p_k` of the classifier's most probable classes among the samples and
    :math:`q_k` among the real images:

    * ``kl``: :math:`\sum_k p_k \log (p_k / q_k)` in nats, half a count added to each class on both
      sides, so that it is finite,
    * ``total-variation``: :math:`\tfrac12 \sum_k |p_k - q_k|`,
    * ``smallest``, ``largest``: the smallest and largest :math:`p_k`.

    Args:
        classifier: A file that ``genlab classifier`` wrote; None: the reference classifier of the data.
    """

    uses = "classes"
    tags = MetricTags(
        labels=True,
        data=frozenset({"image"}),
        features="classes of the reference classifier",
        higher=frozenset({"smallest"}),
    )

    def score(self, fitted: Classifier, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return both divergences and the extreme shares."""
        counts = [
            torch.bincount(each.argmax(1), minlength=each.shape[1])
            for each in (fitted.outputs(x).probabilities, fitted.outputs(real).probabilities)
        ]
        return compare_counts(*counts)


def compare_counts(samples: Tensor, real: Tensor) -> dict[str, float]:
    """Compare how often each class occurs.

    Args:
        samples: Counts of the classes among the samples ``(K,)``.
        real: Counts of the classes among real images ``(K,)``.
    """
    p, q = samples.double() / samples.sum(), real.double() / real.sum()
    return {
        "kl": float(entropy(samples.numpy() + 0.5, real.numpy() + 0.5)),
        "total-variation": float((p - q).abs().sum() / 2),
        "smallest": float(p.min()),
        "largest": float(p.max()),
    }
