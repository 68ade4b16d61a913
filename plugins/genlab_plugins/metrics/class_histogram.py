"""How often samples show each class."""

from __future__ import annotations

from typing import final

import torch
from scipy.stats import entropy
from torch import Tensor

from genlab import MetricTags
from genlab_plugins.metrics.judge import PROCEDURE, Judge
from genlab_plugins.metrics.seen_by_judge import SeenByJudge

__all__ = ["ClassHistogram", "compare_counts"]


@final
class ClassHistogram(SeenByJudge):
    r"""How far the classes that a judge finds in samples are from those of real images.

    With the shares :math:`p_k` of the judge's most probable classes among the samples and :math:`q_k`
    among the real images:

    * ``kl``: :math:`\sum_k p_k \log (p_k / q_k)` in nats, half a count added to each class on both
      sides, so that it is finite,
    * ``total-variation``: :math:`\tfrac12 \sum_k |p_k - q_k|`,
    * ``smallest``, ``largest``: the smallest and largest :math:`p_k`.

    Args:
        judge: A file that ``genlab judge`` wrote; None: the judge of the data.
    """

    tags = MetricTags(
        labels=True,
        data=frozenset({"image"}),
        features=f"{PROCEDURE}, classes",
        higher=frozenset({"smallest"}),
    )

    def score(self, fitted: Judge, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return both divergences and the extreme shares."""
        counts = [
            torch.bincount(look.probabilities.argmax(1), minlength=look.probabilities.shape[1])
            for look in (fitted.look(x), fitted.look(real))
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
