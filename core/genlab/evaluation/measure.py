"""Measuring samples against real data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genlab.protocols import DataSpec, Examples, Metric

__all__ = ["measure"]


def measure(
    name: str,
    metric: Metric,
    x: Tensor,
    train: Examples,
    test: Examples,
    spec: DataSpec,
    *,
    seed: int,
    ema: bool,
) -> list[dict[str, Any]]:
    """Measure samples with one metric.

    Each number stands beside its floor: the same metric with real data in the place of the samples
    (as many examples of the test split, against the training split).

    Args:
        name: Name of the metric.
        metric: The metric.
        x: Samples ``(N, *shape)``.
        train: The training split.
        test: The test split, which is the reference.
        spec: What the data is.
        seed: Seed of all that is random in the measurement.
        ema: Whether the samples come from averaged weights, to be stored.

    Returns:
        One record per number: name, value, n, features, reference, reference_n, seed, ema, floor,
        floor_n.
    """
    generator = torch.Generator().manual_seed(seed)
    fitted = metric.fit(train, spec, seed=seed)
    real = _some(test, len(x), generator)
    values = metric.score(fitted, x, real)
    floors = metric.score(fitted, real, _some(train, len(x), generator))
    return [
        {"name": f"{name}/{key}" if key != name else name, "value": float(value), "n": len(x),
         "features": metric.tags.features, "reference": "test", "reference_n": len(real),
         "seed": seed, "ema": ema, "floor": float(floors[key]), "floor_n": len(real)}
        for key, value in values.items()
    ]  # fmt: skip


def _some(examples: Examples, n: int, generator: torch.Generator) -> Tensor:
    chosen = torch.randperm(len(examples), generator=generator)[:n]
    return examples.take(chosen.to(examples.device))[0].cpu()
