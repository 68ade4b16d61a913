"""The contract of a metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from genlab.components.data import loaded
from genlab.components.dataset import Data, Dataset
from genlab.components.metric import HasIntervals, Metric, ScoresEach
from genlab.components.registry import build
from genlab.errors import RequestError
from genlab.testing.check import (
    Check,
    bind,
    global_rng_untouched,
    require,
    require_equal,
    run_checks,
    seeded,
)
from genlab.testing.component import component_checks
from genlab.testing.elsewhere import require_no_float64

__all__ = ["check_metric", "metric_checks"]


def check_metric(instance: Metric, dataset: Dataset | None = None) -> None:
    """Check a metric against its contract.

    Args:
        instance: The metric.
        dataset: A small data set that it fits, of which at least 100 examples are in either split. None: the
            digits and the moons, as far as the metric takes images and vectors; 8 Gaussians for one that asks
            for modes.

    Raises:
        ContractError: It breaks at least one clause.
        RequestError: There is no small data set of a kind that fits.
    """
    run_checks(type(instance).__name__, metric_checks(instance, dataset))


def metric_checks(instance: Metric, dataset: Dataset | None = None) -> Iterator[Check]:
    """Yield the checks of a metric.

    Args:
        instance: The metric.
        dataset: See :func:`check_metric`.
    """
    names = _small(instance) if dataset is None else ()
    chosen = [build("dataset", name) for name in names] if dataset is None else [dataset]
    cases = [_Case(instance, each) for each in chosen]
    yield from bind([_tags_are_sound], instance)
    yield from bind(_CHECKS, cases)
    if isinstance(instance, ScoresEach):
        yield from bind([_scores_each], instance, cases)
    if isinstance(instance, HasIntervals):
        yield from bind([_intervals_of_its_numbers, _intervals_reproducible], instance, cases)
    yield from component_checks(lambda: instance)


def _small(metric: Metric) -> Sequence[str]:
    """Return the names of small data sets that a metric fits."""
    by_kind = {"image": "digits", "vector": "8-gaussians" if metric.tags.modes else "moons"}
    names = [name for kind, name in by_kind.items() if kind in metric.tags.data]
    if not names:
        raise RequestError(
            f"{metric!r} takes data of the kinds {sorted(metric.tags.data)}: give a data set to check it on"
        )
    return names


@dataclass(frozen=True)
class _Case:
    metric: Metric
    dataset: Dataset
    kept: list[Any] = field(default_factory=list)

    @cached_property
    def data(self) -> Data:
        return loaded(self.dataset)

    def fit(self) -> Any:
        """Fit anew."""
        extra: dict[str, Any] = {"dataset": self.dataset} if self.metric.tags.modes else {}
        return self.metric.fit(self.data.train, self.data.spec, seed=0, **extra)

    @property
    def fitted(self) -> Any:
        """What was fitted once."""
        if not self.kept:
            self.kept.append(self.fit())
        return self.kept[0]

    def some(self, begin: int, end: int) -> Tensor:
        return self.data.test.first(end)[0][begin:]

    def score(self, x: Tensor, real: Tensor) -> Mapping[str, float]:
        return self.metric.score(self.fitted, x, real)

    def __str__(self) -> str:
        return f"{type(self.dataset).__name__}"


def _tags_are_sound(metric: Metric) -> None:
    """The tags name the features and at least one kind of data, and their limits agree."""
    tags = metric.tags
    require(bool(tags.features), "tags.features is empty")
    require(bool(tags.data), "tags.data is empty")
    require(tags.at_least >= 0, f"tags.at_least = {tags.at_least}")
    most = math.inf if tags.at_most is None else tags.at_most
    require(most >= max(tags.at_least, 1), f"at most {most} samples, at least {tags.at_least}")


def _numbers_by_name(cases: Sequence[_Case]) -> None:
    """score() gives at least one finite number, the same names for any samples, among them tags.higher."""
    for case in cases:
        names = []
        for x, real in (
            (case.some(0, 60), case.some(40, 100)),
            (torch.zeros_like(case.some(0, 50)), case.some(0, 50)),
        ):
            found = case.score(x, real)
            names.append(sorted(found))
            wrong = [k for k, v in found.items() if not math.isfinite(float(v))]
            require(not wrong, f"{wrong[:1]} of {len(x)} samples is not finite, {case}")
        require(bool(names[0]), f"score() gives no number, {case}")
        require(names[0] == names[1], f"the names are {names[0]}, and then {names[1]}, {case}")
        unknown = sorted(case.metric.tags.higher - set(names[0]))
        require(not unknown, f"tags.higher has {unknown[:1]}, and score() gives {names[0]}")


def _features_have_a_name(cases: Sequence[_Case]) -> None:
    """features_of() names the features in which the distance was measured."""
    for case in cases:
        name = case.metric.features_of(case.fitted)
        require(isinstance(name, str) and bool(name), f"features_of() returns {name!r}, {case}")


def _reproducible(cases: Sequence[_Case]) -> None:
    """The same seed, samples and reference give the same numbers, also when it is fitted again."""
    for case in cases:
        samples = case.some(0, 60), case.some(40, 100)
        first = case.score(*samples)
        again = case.score(*samples)
        require(dict(first) == dict(again), f"first {dict(first)}, then {dict(again)}, {case}")
        refitted = case.metric.score(case.fit(), *samples)
        require(
            dict(first) == dict(refitted),
            f"{dict(first)}, and fitted again {dict(refitted)}, {case}",
        )


def _inputs_untouched(cases: Sequence[_Case]) -> None:
    """score() leaves its samples and its reference as they are."""
    for case in cases:
        x, real = case.some(0, 60), case.some(40, 100)
        kept = x.clone(), real.clone()
        case.score(x, real)
        require_equal(x, kept[0], f"samples after score(), {case}")
        require_equal(real, kept[1], f"reference after score(), {case}")


def _order_does_not_matter(cases: Sequence[_Case]) -> None:
    """Samples in another order give the same numbers, up to rounding."""
    for case in cases:
        x, real = case.some(0, 60), case.some(40, 100)
        first, turned = case.score(x, real), case.score(x.flip(0), real)
        for name, value in first.items():
            require(
                math.isclose(value, turned[name], rel_tol=1e-3, abs_tol=1e-4),
                f"{name} is {value:.6g}, and {turned[name]:.6g} with the samples in reverse, {case}",
            )


def _global_rng_untouched(cases: Sequence[_Case]) -> None:
    """fit() and score() leave the global generators alone."""
    for case in cases:
        with global_rng_untouched("fit()"):
            fitted = case.fit()
        with global_rng_untouched("score()"):
            case.metric.score(fitted, case.some(0, 60), case.some(40, 100))


def _scores_each(metric: ScoresEach, cases: Sequence[_Case]) -> None:
    """score_each() gives one finite number for each sample, whatever the others are."""
    for case in cases:
        x = case.some(0, 60)
        scores = metric.score_each(case.fitted, x.clone())
        require(scores.shape == (60,), f"scores have the shape {tuple(scores.shape)}, {case}")
        require(bool(scores.isfinite().all()), f"scores are not finite, {case}")
        turned = metric.score_each(case.fitted, x.flip(0)).flip(0)
        off = float((turned - scores).abs().max())
        require(off <= 1e-3, f"scores change by {off:.3g} with the samples in reverse, {case}")


def _intervals_of_its_numbers(metric: HasIntervals, cases: Sequence[_Case]) -> None:
    """intervals() gives, for some of the numbers of score(), two finite ends with the number between them."""
    for case in cases:
        values, found = _intervals(metric, case)
        unknown = sorted(set(found) - set(values))
        require(not unknown, f"intervals() has {unknown[:1]}, and score() {sorted(values)}, {case}")
        for name, ends in found.items():
            low, high = (values[name], values[name]) if ends is None else ends
            finite = math.isfinite(low) and math.isfinite(high)
            slack = 1e-6 * abs(values[name])
            require(
                finite and low - slack <= values[name] <= high + slack,
                f"{name} is {values[name]:.6g}, and its interval ({low:.6g}, {high:.6g}), {case}",
            )


def _intervals_reproducible(metric: HasIntervals, cases: Sequence[_Case]) -> None:
    """intervals() draws from its generator alone, and leaves its samples as they are."""
    for case in cases:
        x, real = case.some(0, 60), case.some(40, 100)
        with global_rng_untouched("intervals()"):
            first = _intervals(metric, case, x, real)[1]
        require_equal(x, case.some(0, 60), f"samples after intervals(), {case}")
        require_equal(real, case.some(40, 100), f"reference after intervals(), {case}")
        again = _intervals(metric, case)[1]
        require(dict(first) == dict(again), f"first {dict(first)}, then {dict(again)}, {case}")


def _intervals(
    metric: HasIntervals, case: _Case, x: Tensor | None = None, real: Tensor | None = None
) -> tuple[Mapping[str, float], Mapping[str, tuple[float, float] | None]]:
    """Return numbers and intervals, by default those of a fresh copy of the samples."""
    x = case.some(0, 60) if x is None else x
    real = case.some(40, 100) if real is None else real
    values = case.score(x.clone(), real.clone())
    return values, metric.intervals(case.fitted, x, real, values, generator=seeded(0))


def _no_float64_off_the_cpu(cases: Sequence[_Case]) -> None:
    """Off the CPU it makes no float64, which Apple's MPS does not have, and mixes no tensors of devices."""
    for case in cases:
        x, real, fitted = case.some(0, 50), case.some(50, 100), case.fitted
        with require_no_float64(f"{case}") as device:
            train = case.data.train.to(device)
            extra: dict[str, Any] = {"dataset": case.dataset} if case.metric.tags.modes else {}
            case.metric.fit(train, case.data.spec, seed=0, **extra)
            case.metric.score(fitted, x, real)


_CHECKS = (
    _numbers_by_name,
    _features_have_a_name,
    _reproducible,
    _inputs_untouched,
    _order_does_not_matter,
    _global_rng_untouched,
    _no_float64_off_the_cpu,
)
