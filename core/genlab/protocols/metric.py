"""Metrics: numbers that say how good samples are."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from genlab.protocols.dataset import DataSpec, Examples, Kind

__all__ = ["Metric", "MetricTags"]


@dataclass(frozen=True)
class MetricTags:
    """What may be relied upon.

    Args:
        labels: The metric needs labelled training data.
        data: The kinds of data that fit.
        features: In which features the distance is measured, as it is stored beside each number.
    """

    labels: bool = False
    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"image", "vector"}))
    features: str = "data"


class Metric(abc.ABC):
    """A measure of samples against real data (abstract).

    The parameters of a metric are the keyword arguments of its constructor.
    """

    tags: MetricTags

    @abc.abstractmethod
    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> Any:
        """Prepare whatever the metric needs once per data set, such as a classifier.

        Args:
            train: The training split.
            spec: What the data is.
            seed: Seed of the preparation.
        """

    @abc.abstractmethod
    def score(self, fitted: Any, x: Tensor, real: Tensor) -> Mapping[str, float]:
        """Measure samples.

        Args:
            fitted: What :meth:`fit` returned.
            x: Samples ``(N, *shape)`` in the data convention.
            real: Real examples ``(M, *shape)`` of the reference split.

        Returns:
            Numbers by name.
        """
