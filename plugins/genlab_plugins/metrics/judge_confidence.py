"""How sure the judge is about samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import final

import torch
from torch import Tensor

from genlab import DataSpec, Examples, MetricTags
from genlab.protocols.metric import JudgedMetric, TrainedJudge
from genlab_plugins.metrics.judge import PROCEDURE, Judge
from genlab_plugins.metrics.judge_finding import cached_file
from genlab_plugins.metrics.judge_training import train_judge
from genlab_plugins.metrics.seen_by_judge import SeenByJudge

__all__ = ["JudgeConfidence", "confidence"]


@final
class JudgeConfidence(SeenByJudge, JudgedMetric):
    r"""Mean top probability of the judge, and how evenly it finds the classes.

    With the judge's probabilities :math:`p(y | x)`:

    * ``confidence``: :math:`\mathbb{E}_x \max_y p(y | x)`,
    * ``classes``: the number of classes found,
    * ``imbalance``: :math:`KL(p(y) \| U)` of the classes found, in nats; 0 when all are as frequent.

    Args:
        judge: A file that ``genlab judge`` wrote; None: the judge of the data.
    """

    tags = MetricTags(
        labels=True,
        data=frozenset({"image"}),
        features=f"{PROCEDURE}, classes",
        higher=frozenset({"confidence", "classes"}),
    )

    def score(self, fitted: Judge, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return confidence, classes and imbalance of the samples."""
        return confidence(fitted.look(x).probabilities)

    def score_each(self, fitted: Judge, x: Tensor) -> Tensor:
        """Return the judge's largest probability for each sample."""
        return fitted.look(x).probabilities.max(1).values

    @classmethod
    def train_judge(
        cls,
        train: Examples,
        test: Examples,
        spec: DataSpec,
        *,
        dataset: str,
        seed: int,
        epochs: float | None,
        minutes: float | None,
        device: torch.device,
        advance: Callable[[float], None],
    ) -> TrainedJudge:
        """Train a judge by the one procedure there is."""
        judge = train_judge(
            train, test, spec, dataset=dataset, seed=seed, epochs=epochs, minutes=minutes,
            device=device, advance=advance,
        )  # fmt: skip
        cache = cached_file(judge.record.fingerprint)
        return TrainedJudge(judge.to_bytes(), asdict(judge.record), cache)


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
