"""The contract of a metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.protocols import Dataset, Metric
from genlab.testing.check import (
    Check,
    bind,
    global_rng_untouched,
    require,
    require_equal,
    run_checks,
)

__all__ = ["check_metric", "metric_checks"]


def check_metric(instance: Metric, dataset: Dataset) -> None:
    """Check a metric against its contract.

    Args:
        instance: The metric.
        dataset: A small data set that it fits, of which at least 100 examples are in either split.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, metric_checks(instance, dataset))


def metric_checks(instance: Metric, dataset: Dataset) -> Iterator[Check]:
    """Yield the checks of a metric.

    Args:
        instance: The metric.
        dataset: See :func:`check_metric`.
    """
    yield from bind(_CHECKS, _Case(instance, dataset))


@dataclass(frozen=True)
class _Case:
    metric: Metric
    dataset: Dataset

    def fit(self) -> Any:
        extra: dict[str, Any] = {"dataset": self.dataset} if self.metric.tags.modes else {}
        return self.metric.fit(self.dataset.load("train"), self.dataset.spec, seed=0, **extra)

    def some(self, begin: int, end: int) -> Tensor:
        return self.dataset.load("test").first(end)[0][begin:]

    def score(self, x: Tensor, real: Tensor) -> Mapping[str, float]:
        return self.metric.score(self.fit(), x, real)


def _tags_are_sound(case: _Case) -> None:
    """The tags name the features and at least one kind of data, and their limits agree."""
    tags = case.metric.tags
    require(bool(tags.features), "tags.features is empty")
    require(bool(tags.data), "tags.data is empty")
    require(tags.at_least >= 0, f"tags.at_least = {tags.at_least}")
    most = math.inf if tags.at_most is None else tags.at_most
    require(most >= max(tags.at_least, 1), f"at most {most} samples, at least {tags.at_least}")


def _numbers_by_name(case: _Case) -> None:
    """score() gives at least one finite number, and the same names for any samples."""
    names = []
    for x, real in (
        (case.some(0, 60), case.some(40, 100)),
        (torch.zeros_like(case.some(0, 50)), case.some(0, 50)),
    ):
        found = case.score(x, real)
        names.append(sorted(found))
        wrong = [k for k, v in found.items() if not math.isfinite(float(v))]
        require(not wrong, f"{wrong[:1]} of {len(x)} samples is not finite")
    require(bool(names[0]), "score() gives no number")
    require(names[0] == names[1], f"the names are {names[0]}, and then {names[1]}")


def _reproducible(case: _Case) -> None:
    """The same seed, samples and reference give the same numbers."""
    first = case.score(case.some(0, 60), case.some(40, 100))
    again = case.score(case.some(0, 60), case.some(40, 100))
    require(dict(first) == dict(again), f"first {dict(first)}, then {dict(again)}")


def _inputs_untouched(case: _Case) -> None:
    """score() leaves its samples and its reference as they are."""
    x, real = case.some(0, 60), case.some(40, 100)
    kept = x.clone(), real.clone()
    case.score(x, real)
    require_equal(x, kept[0], "samples after score()")
    require_equal(real, kept[1], "reference after score()")


def _order_does_not_matter(case: _Case) -> None:
    """Samples in another order give the same numbers, up to rounding."""
    x, real = case.some(0, 60), case.some(40, 100)
    first, turned = case.score(x, real), case.score(x.flip(0), real)
    for name, value in first.items():
        require(
            math.isclose(value, turned[name], rel_tol=1e-3, abs_tol=1e-4),
            f"{name} is {value:.6g}, and {turned[name]:.6g} with the samples in reverse",
        )


def _global_rng_untouched(case: _Case) -> None:
    """fit() and score() leave the global generators alone."""
    with global_rng_untouched("fit()"):
        fitted = case.fit()
    with global_rng_untouched("score()"):
        case.metric.score(fitted, case.some(0, 60), case.some(40, 100))


_CHECKS = (
    _tags_are_sound,
    _numbers_by_name,
    _reproducible,
    _inputs_untouched,
    _order_does_not_matter,
    _global_rng_untouched,
)
