"""Measuring samples against real data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genlab.errors import RequestError, RunError
from genlab.protocols import Dataset, DataSpec, Examples, Metric
from genlab.protocols.metric import HasModes

__all__ = ["measure", "require_metric_fits"]


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
    dataset: Dataset | None = None,
) -> list[dict[str, Any]]:
    """Measure samples with one metric.

    Each number stands beside its floor: the same metric with real data in the place of the samples
    (as many examples of the test split, against the training split; for a metric that measures the way
    to the training split, one half of the test split against the other).

    Args:
        name: Name of the metric.
        metric: The metric.
        x: Samples ``(N, *shape)``.
        train: The training split.
        test: The test split, which is the reference.
        spec: What the data is.
        seed: Seed of all that is random in the measurement.
        ema: Whether the samples come from averaged weights, to be stored.
        dataset: The data set, for metrics that need its modes.

    Returns:
        One record per number: name, value, n, features, reference, reference_n, seed, ema, floor,
        floor_n, and a warning where there are too few samples to trust the number.

    Raises:
        RequestError: There are no samples, or the metric does not fit the data.
        RunError: Samples are not finite.
    """
    if len(x) == 0:
        raise RequestError(f"the metric {name!r} has no samples to measure")
    x = x[: metric.tags.at_most].cpu()
    if not bool(x.isfinite().all()):
        broken = int((~x.isfinite()).flatten(1).any(1).sum())
        raise RunError(f"the metric {name!r}: {broken} of {len(x)} samples are not finite")
    generator = torch.Generator().manual_seed(seed)
    fitted = _fit(name, metric, train, spec, seed, dataset)
    real = _some(test, len(x), generator)
    values = metric.score(fitted, x, real)
    stand_in, against = real, real
    if metric.tags.floor == "train":
        against = _some(train, len(x), generator)
    elif len(test) > 1:
        stand_in, against = _some(test, 2 * len(x), generator).tensor_split(2)
    floors = metric.score(fitted, stand_in, against)
    extra = _warning(name, metric, len(x), len(real))
    return [
        {"name": f"{name}/{key}" if key != name else name, "value": float(value), "n": len(x),
         "features": metric.tags.features, "reference": "test", "reference_n": len(real),
         "seed": seed, "ema": ema, "floor": float(floors[key]), "floor_n": len(stand_in), **extra}
        for key, value in values.items()
    ]  # fmt: skip


def require_metric_fits(name: str, metric: Metric, spec: DataSpec, dataset: Dataset | None) -> None:
    """Refuse a metric that does not fit the data, before any work.

    Args:
        name: Name of the metric.
        metric: The metric.
        spec: What the data is.
        dataset: The data set; None: it is not known, and so has no modes.

    Raises:
        RequestError: The metric is for another kind of data, needs labels, or needs modes.
    """
    if spec.kind not in metric.tags.data:
        raise RequestError(
            f"the metric {name!r} is for {' and '.join(sorted(metric.tags.data))} data, and this "
            f"data is {spec.kind} data of shape {spec.shape}"
        )
    if metric.tags.labels and not spec.classes:
        raise RequestError(f"the metric {name!r} needs labels, and this data has none")
    if metric.tags.modes and not isinstance(dataset, HasModes):
        raise RequestError(
            f"the metric {name!r} needs a data set that knows its modes, such as '8-gaussians' or "
            f"'25-gaussians', and {type(dataset).__name__ if dataset else 'this data'} does not"
        )


def _fit(
    name: str,
    metric: Metric,
    train: Examples,
    spec: DataSpec,
    seed: int,
    dataset: Dataset | None,
) -> Any:
    require_metric_fits(name, metric, spec, dataset)
    extra: dict[str, Any] = {"dataset": dataset} if metric.tags.modes else {}
    return metric.fit(train, spec, seed=seed, **extra)


def _warning(name: str, metric: Metric, n: int, m: int) -> dict[str, str]:
    if min(n, m) >= metric.tags.at_least:
        return {}
    return {
        "warning": f"{name} of {n} samples against {m} real examples is biased: it takes "
        f"{metric.tags.at_least:,} of each, and compares only with numbers of the same N"
    }


def _some(examples: Examples, n: int, generator: torch.Generator) -> Tensor:
    return examples.some(n, generator=generator)[0].cpu()
