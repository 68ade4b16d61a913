"""The contract of metrics: kept by those of genlab, and broken ones are found out."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from genlab import Metric, MetricTags, build, registry
from genlab.testing.check import ContractError
from genlab.testing.metric import check_metric

POINTS = ("mmd", "modes", "sliced-wasserstein")
IMAGES = [name for name in registry("metric").names() if name not in ("mmd", "modes")]


@pytest.mark.parametrize("name", IMAGES)
def test_metrics_of_images_keep_it(name: str) -> None:
    check_metric(build("metric", name), build("dataset", "digits"))


@pytest.mark.parametrize("name", POINTS)
def test_metrics_of_points_keep_it(name: str) -> None:
    check_metric(build("metric", name), build("dataset", "8-gaussians", train=500, test=200))


class Good(Metric):
    tags = MetricTags()

    def fit(self, train: Any, spec: Any, *, seed: int) -> Any:
        return None

    def score(self, fitted: Any, x: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
        return {"shift": float((x.mean() - real.mean()).abs())}


class Nameless(Good):
    tags = MetricTags(features="")


class Impossible(Good):
    tags = MetricTags(at_least=10, at_most=5)


class Infinite(Good):
    def score(self, fitted: Any, x: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
        return {"inverse": float(1 / x.var())}


class Empty(Good):
    def score(self, fitted: Any, x: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
        return {}


class Random(Good):
    def score(self, fitted: Any, x: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
        return {"chance": random.random()}


class Careless(Good):
    def score(self, fitted: Any, x: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
        return {"mean": float(x.add_(1).mean())}


class Ordered(Good):
    def score(self, fitted: Any, x: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
        return {"first": float(x[0].sum())}


class Seeds(Good):
    def fit(self, train: Any, spec: Any, *, seed: int) -> Any:
        torch.manual_seed(seed)


@pytest.mark.parametrize(
    ("metric", "clause"),
    [
        (Nameless, "tags_are_sound"), (Impossible, "tags_are_sound"),
        (Infinite, "numbers_by_name"), (Empty, "numbers_by_name"), (Random, "reproducible"),
        (Careless, "inputs_untouched"), (Ordered, "order_does_not_matter"),
        (Seeds, "global_rng_untouched"),
    ],
)  # fmt: skip
def test_a_broken_metric_is_found_out(metric: type[Metric], clause: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_metric(metric(), build("dataset", "moons", train=200, test=200))
    assert clause in {failure.check.name for failure in caught.value.failures}


def test_a_good_metric_passes() -> None:
    check_metric(Good(), build("dataset", "moons", train=200, test=200))
