"""Checks of metrics, each on one with a planted fault that it alone finds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import Metric, MetricTags, RequestError
from genlab.testing import check_metric, component_checks, metric_checks
from genlab.testing.tiny import TwoNormals


class Mean(Metric):
    """A sound metric."""

    tags = MetricTags(data=frozenset({"vector"}))

    def fit(self, train: Any, spec: Any, *, seed: int) -> Any:
        return {"mean": train.first(1000)[0].mean(0)}

    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        return {"shift": float((x.mean(0) - fitted["mean"]).norm())}


class Between(Mean):
    """A sound metric with intervals."""

    def intervals(
        self, fitted: Any, x: Tensor, real: Tensor, values: Any, *, generator: torch.Generator
    ) -> dict[str, tuple[float, float] | None]:
        spread = float(torch.rand(1, generator=generator))
        return {"shift": (values["shift"] - spread, values["shift"] + spread)}


class Nearness(Between):
    """A sound metric that scores each sample, and has intervals."""

    def score_each(self, fitted: Any, x: Tensor) -> Tensor:
        return -(x - fitted["mean"]).flatten(1).norm(dim=1)


class DoubleMean(Mean):
    """Takes float64 to where the training data lies."""

    def fit(self, train: Any, spec: Any, *, seed: int) -> Any:
        return {"mean": train.first(1000)[0].double().mean(0).float()}


class Nameless(Mean):
    tags = MetricTags(data=frozenset({"vector"}), features="")

    def features_of(self, fitted: Any) -> str:
        return "data"


class Impossible(Mean):
    tags = MetricTags(data=frozenset({"vector"}), at_least=10, at_most=5)


class ForgetsItsFeatures(Mean):
    def features_of(self, fitted: Any) -> str:
        return ""


class Infinite(Mean):
    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        return {"inverse": float(1 / x.var())}


class Empty(Mean):
    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        return {}


class HigherIsUnknown(Mean):
    tags = MetricTags(data=frozenset({"vector"}), higher=frozenset({"precision"}))


class Random(Mean):
    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        return {"chance": 1e-5 * torch.rand(1, generator=_GENERATOR).item()}


_GENERATOR = torch.Generator().manual_seed(0)


class FitsByChance(Mean):
    def fit(self, train: Any, spec: Any, *, seed: int) -> Any:
        return {
            "mean": super().fit(train, spec, seed=seed)["mean"]
            + torch.rand(1, generator=_GENERATOR).item()
        }


class Careless(Mean):
    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        found = super().score(fitted, x, real)
        real.zero_()
        return found


class Ordered(Mean):
    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        return {"first": float(x[0].sum())}


class Seeds(Mean):
    def fit(self, train: Any, spec: Any, *, seed: int) -> Any:
        torch.manual_seed(seed)
        return super().fit(train, spec, seed=seed)


class Global(Mean):
    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        random.random()
        return super().score(fitted, x, real)


class ScoresTheBatch(Nearness):
    def score_each(self, fitted: Any, x: Tensor) -> Tensor:
        return super().score_each(fitted, x) + torch.linspace(0, 1, len(x))


class OneScore(Nearness):
    def score_each(self, fitted: Any, x: Tensor) -> Tensor:
        return super().score_each(fitted, x).mean()


class Beside(Between):
    def intervals(self, *given: Any, generator: torch.Generator) -> Any:
        ((_, high),) = super().intervals(*given, generator=generator).values()
        return {"shift": (high, high + 1)}


class OfAnother(Between):
    def intervals(self, *given: Any, generator: torch.Generator) -> Any:
        return {"drift": (0.0, 1.0)}


class Endless(Between):
    def intervals(self, *given: Any, generator: torch.Generator) -> Any:
        return {"shift": (0.0, float("inf"))}


class ByChance(Between):
    def intervals(self, *given: Any, generator: torch.Generator) -> Any:
        return super().intervals(*given, generator=_GENERATOR)


class Overwrites(Between):
    def intervals(self, *given: Any, generator: torch.Generator) -> Any:
        found = super().intervals(*given, generator=generator)
        given[1].zero_()
        return found


class Stirs(Between):
    def intervals(self, *given: Any, generator: torch.Generator) -> Any:
        torch.rand(1)
        return super().intervals(*given, generator=generator)


FAULTS: list[tuple[Callable[[], Metric], str]] = [
    (DoubleMean, "no_float64_off_the_cpu"),
    (Nameless, "tags_are_sound"),
    (Impossible, "tags_are_sound"),
    (ForgetsItsFeatures, "features_have_a_name"),
    (Infinite, "numbers_by_name"),
    (Empty, "numbers_by_name"),
    (HigherIsUnknown, "numbers_by_name"),
    (Random, "reproducible"),
    (FitsByChance, "reproducible"),
    (Careless, "inputs_untouched"),
    (Ordered, "order_does_not_matter"),
    (Seeds, "global_rng_untouched"),
    (Global, "global_rng_untouched"),
    (ScoresTheBatch, "scores_each"),
    (OneScore, "scores_each"),
    (Beside, "intervals_of_its_numbers"),
    (OfAnother, "intervals_of_its_numbers"),
    (Endless, "intervals_of_its_numbers"),
    (ByChance, "intervals_reproducible"),
    (Overwrites, "intervals_reproducible"),
    (Stirs, "intervals_reproducible"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: Callable[[], Metric], check: str, found: Any) -> None:
    assert found(metric_checks(broken(), TwoNormals())) == [check]


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in metric_checks(Nearness(), TwoNormals())}
    of_every_role = {check.name for check in component_checks(Mean)}
    assert names - of_every_role == {check for _, check in FAULTS}


@pytest.mark.parametrize("sound", [Mean, Between, Nearness])
def test_sound_ones_pass(sound: Callable[[], Metric]) -> None:
    check_metric(sound())
    check_metric(sound(), TwoNormals())


def test_both_kinds_of_data_are_looked_at(found: Any) -> None:
    class OfImages(Mean):
        """Is wrong about images alone."""

        tags = MetricTags()

        def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
            return {"first": float(x[0].sum())} if x.ndim == 4 else super().score(fitted, x, real)

    assert found(metric_checks(OfImages())) == ["order_does_not_matter"]


def test_other_kinds_need_a_data_set() -> None:
    class OfVolumes(Mean):
        tags = MetricTags(data=frozenset({"volume"}))

    with pytest.raises(RequestError, match=r"\['volume'\]: give a data set"):
        check_metric(OfVolumes())
