"""All image metrics on the digits, through the judge that is shipped, as a run measures them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genlab import Metric
from genlab.evaluation import measure
from genlab_plugins.metrics.class_histogram import ClassHistogram
from genlab_plugins.metrics.frechet import Frechet
from genlab_plugins.metrics.judge_confidence import JudgeConfidence
from genlab_plugins.metrics.kernel import Kernel
from genlab_plugins.metrics.nearest_neighbour import NearestNeighbour
from genlab_plugins.metrics.prdc import PRDC

METRICS = {
    "frechet": Frechet,
    "kernel": Kernel,
    "prdc": PRDC,
    "class-histogram": ClassHistogram,
    "judge-confidence": JudgeConfidence,
    "nearest-neighbour": NearestNeighbour,
}

BETTER = {
    "frechet": -1, "kernel": -1, "prdc/precision": 1, "prdc/density": 1, "prdc/coverage": 1,
    "class-histogram/kl": -1, "judge-confidence/confidence": 1, "nearest-neighbour/distance": -1,
}  # fmt: skip


def measured(digits: Any, x: torch.Tensor, metrics: Any = METRICS) -> dict[str, dict[str, Any]]:
    dataset, train, test = digits
    records = []
    for name, metric in metrics.items():
        built: Metric = metric()
        records += measure(
            name, built, x, train, test, dataset.spec, seed=0, ema=True, dataset=dataset
        )
    return {record["name"]: record for record in records}


def test_noise_is_worse_than_real_digits_in_every_metric(
    digits: Any, generator: torch.Generator
) -> None:
    test = digits[2]
    real = test.first(250)[0]
    noise = (real + 1.2 * torch.randn(real.shape, generator=generator)).clamp(-1, 1)
    good, bad = measured(digits, real), measured(digits, noise)
    for name, sign in BETTER.items():
        assert sign * good[name]["value"] > sign * bad[name]["value"], name
        assert sign * bad[name]["floor"] > sign * bad[name]["value"], name


def test_small_sets_carry_a_warning_for_the_frechet_distance_alone(digits: Any) -> None:
    found = measured(digits, digits[2].first(100)[0])
    assert [name for name, record in found.items() if "warning" in record] == ["frechet"]
    assert "takes 2,048" in found["frechet"]["warning"]


def test_one_class_alone_shows(digits: Any) -> None:
    _, _, test = digits
    sevens = test.take((test.y == 7).nonzero().flatten())[0]
    found = measured(digits, sevens)
    assert found["class-histogram/largest"]["value"] > 0.9
    assert found["class-histogram/smallest"]["value"] == 0
    assert found["judge-confidence/classes"]["value"] <= 3
    assert found["judge-confidence/imbalance"]["value"] > 2
    assert found["prdc/recall"]["value"] < found["prdc/recall"]["floor"] / 2


@pytest.mark.parametrize("name", list(METRICS))
def test_the_same_seed_measures_the_same(digits: Any, name: str) -> None:
    x = digits[1].first(120)[0]
    only = {name: METRICS[name]}
    assert measured(digits, x, only) == measured(digits, x, only)
