"""How sure a classifier of real data is about samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from pydantic import PositiveInt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from genlab import DataSpec, Examples, Metric, MetricTags

__all__ = ["JudgeConfidence"]


class JudgeConfidence(Metric):
    r"""Mean top probability of a classifier, and how evenly it finds the classes.

    With the judge's probabilities :math:`p(y | x)`:

    * ``confidence``: :math:`\mathbb{E}_x \max_y p(y | x)`,
    * ``classes``: the number of classes found,
    * ``imbalance``: :math:`KL(p(y) \| U)` of the classes found, in nats; 0 when all are as frequent.

    The judge is scikit-learn's support vector machine with calibrated probabilities, trained on the
    training split.

    Args:
        examples: At most this many training examples are used.
    """

    tags = MetricTags(labels=True, features="SVC on pixels")

    def __init__(self, *, examples: PositiveInt = 5000) -> None:
        self.examples = examples

    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> Any:
        """Train the judge."""
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(train), generator=generator)[: self.examples]
        x, y = train.take(chosen.to(train.device))
        if y is None:
            raise ValueError("the metric 'judge-confidence' needs labels")
        machine = make_pipeline(StandardScaler(with_std=False), SVC(C=10.0, gamma="scale"))
        judge = CalibratedClassifierCV(machine, ensemble=False, cv=3)
        return judge.fit(x.flatten(1).cpu().numpy(), y.cpu().numpy()), spec.classes

    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        """Return confidence, classes and imbalance of the samples."""
        judge, classes = fitted
        probabilities = judge.predict_proba(x.flatten(1).numpy())
        share = np.bincount(probabilities.argmax(1), minlength=classes) / len(x)
        found = share[share > 0]
        return {
            "confidence": float(probabilities.max(1).mean()),
            "classes": float(len(found)),
            "imbalance": float((found * np.log(found)).sum() + math.log(classes)),
        }
