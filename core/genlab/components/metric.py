"""Metrics: numbers that say how good samples are."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from genlab.components.component import Component
from genlab.components.dataset import DataSpec, Examples, Kind, Split

__all__ = ["HasIntervals", "HasModes", "Metric", "MetricTags", "ScoresEach"]


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
        baseline: What the test split is held against where real data takes the place of the samples: the
            training split; or, for a metric that itself measures the distance to the training split, the
            other half of the test split.
        higher: Those of the numbers that ``score`` returns of which more is better. Of all others less is
            better.
    """

    labels: bool = False
    data: frozenset[Kind] = field(default_factory=lambda: frozenset[Kind]({"image", "vector"}))
    features: str = "data"
    modes: bool = False
    at_least: int = 0
    at_most: int | None = None
    baseline: Split = "train"
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
        """Return a score of each sample ``(N,)``; more is better.

        Args:
            fitted: What ``fit`` returned.
            x: Samples ``(N, *shape)`` in the data convention.
        """


@runtime_checkable
class HasIntervals(Protocol):
    """A metric that also says how far its numbers are from those of other samples."""

    def intervals(
        self,
        fitted: Any,
        x: Tensor,
        real: Tensor,
        values: Mapping[str, float],
        *,
        generator: torch.Generator,
    ) -> Mapping[str, tuple[float, float] | None]:
        """Return the lower and the upper end of 95 % intervals, by the names of the numbers.

        A number may be left out, or have None. :func:`genlab.wilson_interval` has the interval of a share,
        :func:`genlab.mean_interval` that of a mean, and :func:`genlab.bootstrap_interval` that of any number.

        Args:
            fitted: What ``fit`` returned.
            x: The samples that ``score`` was given.
            real: The real examples that it was given.
            values: What it returned.
            generator: Source of randomness, on the CPU.
        """


class Metric(Component):
    """A measure of samples against real data (abstract).

    The parameters of a metric are the keyword arguments of its constructor.

    Example:
        >>> import torch
        >>> from genlab import Metric
        >>> class Brightness(Metric):
        ...     "How much brighter samples are than real images."
        ...
        ...     def fit(self, train, spec, *, seed):
        ...         return None
        ...
        ...     def score(self, fitted, x, real):
        ...         return {"brightness": float(x.mean() - real.mean())}
        >>> Brightness().score(None, torch.full((4, 1, 2, 2), 0.5), torch.zeros(4, 1, 2, 2))
        {'brightness': 0.5}
    """

    role: ClassVar[str] = "metric"
    tags: MetricTags = MetricTags()

    @abc.abstractmethod
    def fit(self, train: Examples, spec: DataSpec, *, seed: int) -> Any:
        """Prepare whatever the metric needs once per data set, such as a classifier.

        Args:
            train: The training split.
            spec: What the data is.
            seed: Seed of the preparation, below ``2**32``.
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

    def features_of(self, fitted: Any) -> str:
        """Return in which features the distance was measured, as it is stored beside each number.

        Args:
            fitted: What :meth:`fit` returned.
        """
        return self.tags.features
