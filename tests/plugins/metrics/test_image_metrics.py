"""All image metrics on the digits, in the features of the classifier that is shipped."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import genlab

METRICS = (
    "frechet", "kernel", "prdc", "class-histogram", "classifier-confidence", "nearest-neighbour",
)  # fmt: skip
BETTER = {
    "frechet": -1, "kernel": -1, "prdc/precision": 1, "prdc/density": 1, "prdc/coverage": 1,
    "class-histogram/kl": -1, "classifier-confidence/confidence": 1,
    "nearest-neighbour/distance": -1,
}  # fmt: skip


def measured(digits: genlab.Data, x: torch.Tensor) -> dict[str, dict[str, Any]]:
    return {record["name"]: record for record in genlab.evaluate(x, digits, METRICS)}


def test_noise_is_worse_than_real_digits_in_every_metric(
    digits: genlab.Data, generator: torch.Generator
) -> None:
    real = digits.test.first(250)[0]
    noise = (real + 1.2 * torch.randn(real.shape, generator=generator)).clamp(-1, 1)
    good, bad = measured(digits, real), measured(digits, noise)
    for name, sign in BETTER.items():
        assert sign * good[name]["value"] > sign * bad[name]["value"], name
        assert sign * bad[name]["baseline"] > sign * bad[name]["value"], name


def test_numbers_say_in_what_they_were_measured_and_where_samples_are_few(
    digits: genlab.Data,
) -> None:
    found = measured(digits, digits.test.first(100)[0])
    assert {name.partition("/")[0]: record["features"] for name, record in found.items()} == {
        "frechet": "classifier-1, 64 features",
        "kernel": "classifier-1, 64 features",
        "prdc": "classifier-1, 64 features",
        "class-histogram": "classifier-1, classes",
        "classifier-confidence": "classifier-1, classes",
        "nearest-neighbour": "pixels",
    }
    assert [name for name, record in found.items() if "warning" in record] == ["frechet"]
    assert "takes 2,048" in found["frechet"]["warning"]


def test_the_confidence_of_each_sample_has_the_mean_that_is_scored(digits: genlab.Data) -> None:
    metric = genlab.build("metric", "classifier-confidence")
    classifier = metric.fit(digits.train, digits.spec, seed=0)
    x = digits.test.first(100)[0]
    each = metric.score_each(classifier, x)
    assert each.shape == (100,)
    assert float(each.mean()) == pytest.approx(metric.score(classifier, x, x)["confidence"])
    assert isinstance(metric, genlab.ScoresEach)


def test_one_class_alone_shows(digits: genlab.Data) -> None:
    sevens = digits.test.take((digits.test.y == 7).nonzero().flatten())[0]
    found = measured(digits, sevens)
    assert found["class-histogram/largest"]["value"] > 0.9
    assert found["class-histogram/smallest"]["value"] == 0
    assert found["classifier-confidence/classes"]["value"] <= 3
    assert found["classifier-confidence/imbalance"]["value"] > 2
    assert found["prdc/recall"]["value"] < found["prdc/recall"]["baseline"] / 2
