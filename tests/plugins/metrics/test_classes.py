"""What the metrics make of the classifier's probabilities, on tables whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import entropy

from genlab_plugins.metrics.class_histogram import compare_counts
from genlab_plugins.metrics.classifier_confidence import confidence


def test_equal_counts_do_not_diverge() -> None:
    counts = torch.tensor([10, 20, 70])
    found = compare_counts(counts, counts)
    assert found == pytest.approx({"kl": 0, "total-variation": 0, "smallest": 0.1, "largest": 0.7})


def test_divergences_by_hand() -> None:
    found = compare_counts(torch.tensor([30, 10]), torch.tensor([5, 15]))
    p, q = (30.5 / 41, 10.5 / 41), (5.5 / 21, 15.5 / 21)
    assert found["kl"] == pytest.approx(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)))
    assert found["total-variation"] == pytest.approx(0.5)


def test_a_class_that_is_missing_leaves_it_finite() -> None:
    found = compare_counts(torch.tensor([10, 0]), torch.tensor([0, 10]))
    assert math.isfinite(found["kl"])
    assert (found["total-variation"], found["smallest"], found["largest"]) == (1, 0, 1)


def test_confidence_by_hand() -> None:
    found = confidence(torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.4, 0.6, 0.0]]))
    assert found["confidence"] == pytest.approx((0.9 + 0.8 + 0.6) / 3)
    assert found["classes"] == 2
    assert found["imbalance"] == pytest.approx(float(entropy([1 / 3, 2 / 3, 0], [1 / 3] * 3)))
