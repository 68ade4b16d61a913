"""Metrics: numbers that say how good samples are."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from genlab.protocols.dataset import DataSpec, Examples, Kind, Split

__all__ = ["HasModes", "JudgedMetric", "Metric", "MetricTags", "ScoresEach", "TrainedJudge"]


@dataclass(frozen=True)
class MetricTags:
    """What may be relied upon.

    Args:
        labels: The metric needs labelled training data.
        data: The kinds of data that fit.
        features: In which features the distance is measured, as it is stored beside each number.
        modes: The metric needs a data set that knows its modes (:class:`HasModes`). Its ``fit`` takes
            that data set too, as the keyword ``dataset``.
        at_least: Numbers from fewer samples are stored with a warning; 0: any number will do.
        at_most: The metric looks at the first so many samples, which is then the N that is stored;
            None: at all.
        floor: What the test split is held against where real data takes the place of the samples: the
            training split; or, for a metric that itself measures the way to the training split, the
            other half of the test split.
        higher: Which of the numbers that ``score`` returns are the better the larger they are. All
            others are the better the smaller.
    """

    labels: bool = False
    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"image", "vector"}))
    features: str = "data"
    modes: bool = False
    at_least: int = 0
    at_most: int | None = None
    floor: Split = "train"
    higher: frozenset[str] = frozenset()


@runtime_checkable
class HasModes(Protocol):
    """A data set that is a mixture and knows its modes."""

    @property
    def means(self) -> Tensor:
        """Means of the modes in the units of the data, ``(K, D)``."""

    @property
    def covs(self) -> Tensor:
        """Covariances of the modes in the units of the data, ``(K, D, D)``."""

    @property
    def weights(self) -> Tensor:
        """Weights of the modes, which sum to 1, ``(K,)``."""


@runtime_checkable
class ScoresEach(Protocol):
    """A metric that also tells good samples from bad ones, one by one."""

    def score_each(self, fitted: Any, x: Tensor) -> Tensor:
        """Return a score of each sample ``(N,)``, the larger the better.

        Args:
            fitted: What ``fit`` returned.
            x: Samples ``(N, *shape)`` in the data convention.
        """


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


@dataclass(frozen=True)
class TrainedJudge:
    """A judge as it leaves its training.

    Args:
        data: The safetensors file.
        record: What it is and how good it is, ``accuracy`` among it.
        cache: Where metrics look for the judge of this data.
    """

    data: bytes
    record: Mapping[str, Any]
    cache: Path


class JudgedMetric(Metric):
    """A metric that looks at samples through a classifier, its judge, and can train one (abstract)."""

    @classmethod
    @abc.abstractmethod
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
        """Train a judge.

        Args:
            train: The training split.
            test: The split that its accuracy is measured on.
            spec: What the data is.
            dataset: Name of the data set, for the record.
            seed: Seed of the training.
            epochs: Budget in passes over ``train``.
            minutes: Budget in minutes. Without a budget the procedure has its own.
            device: Where to train.
            advance: Called with the share done.

        Raises:
            RequestError: The data has no labels.
        """
