"""The one loop that measures samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

import torch
from torch import Tensor

from genlab.components.dataset import Data, Dataset, DataSpec, Examples, Split
from genlab.components.metric import HasIntervals, HasModes, Metric
from genlab.components.registry import build, registry
from genlab.diffusion.checks import checked_data
from genlab.errors import RequestError, RunError, unknown
from genlab.seeds import generator_of, sub_seed

__all__ = [
    "Metrics",
    "built_metrics",
    "evaluate",
    "metric_name",
    "misfit",
    "require_metric_fits",
    "require_split",
]

Metrics = str | Metric | Iterable[str | Metric] | Mapping[str, Mapping[str, Any] | Metric]
"""Metrics by name or as objects, one or several; or each, or its parameters, by name."""


def evaluate(
    x: Tensor,
    data: Data,
    metrics: Metrics,
    *,
    against: Split = "test",
    seed: int = 0,
    ema: bool = True,
    intervals: bool = True,
    advance: Callable[[int], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Measure samples against real data.

    Each number stands beside its real-vs-real baseline: the same metric with real data in the place of the
    samples (as many examples of the test split, against the training split; for a metric that measures the
    distance to the training split, one half of the test split against the other). Against the training
    split, real data are two halves of that.

    Args:
        x: Samples ``(N, *shape)``.
        data: The data set.
        metrics: Metrics by name or as objects.
        against: The split that is the reference. A choice, such as that of a sampler, is made by numbers
            against ``"train"``: one that is made by the numbers that are reported flatters them.
        seed: Seed of all that is random in the measurement.
        ema: Whether the samples come from averaged weights, to be stored.
        intervals: Whether the metrics that know 95 % intervals of their numbers are asked for them.
        advance: Is called with the number of metrics that are done.
        warn: Is told of a metric that has too few examples, and is left out. None: it is an error.

    Returns:
        One record per number: name, value, interval (of the metrics that know it), n, features, reference,
        reference_n, seed, ema, baseline, baseline_n, and a warning where there are too few samples to trust
        the number.

    Raises:
        RequestError: There are no samples, a metric does not fit the data, or there is no such split.
        RunError: Samples are not finite.

    Example:
        >>> import genlab
        >>> data = genlab.load("moons")
        >>> (record,) = evaluate(data.test.first(500)[0], data, "sliced-wasserstein")
        >>> record["name"], record["n"], record["value"] < 0.2
        ('sliced-wasserstein', 500, True)
    """
    require_split(against)
    built = built_metrics(metrics)
    for name, metric in built.items():
        require_metric_fits(name, metric, data.spec, data.dataset)
    x = checked_data(x, data.spec)
    records: list[dict[str, Any]] = []
    for done, (name, metric) in enumerate(built.items(), 1):
        try:
            records += _measured(
                name, metric, x, data, against, seed=seed, ema=ema, intervals=intervals
            )
        except RequestError as error:
            if warn is None:
                raise
            warn(f"the metric {name!r} is left out: {error}")
        if advance:
            advance(done)
    return records


def require_split(against: str) -> None:
    """Refuse what is no split.

    Raises:
        RequestError: It is none.
    """
    if against not in get_args(Split):
        raise unknown("split", str(against), get_args(Split))


def built_metrics(metrics: Metrics) -> dict[str, Metric]:
    """Return metrics as objects, by name.

    Raises:
        RequestError: There is no such metric, or a parameter is wrong.
    """
    if isinstance(metrics, Mapping):
        return {
            name: given if isinstance(given, Metric) else build("metric", name, **given)
            for name, given in metrics.items()
        }
    given: Sequence[str | Metric] = (
        [metrics] if isinstance(metrics, str | Metric) else list(metrics)
    )
    built = {}
    for each in given:
        metric: Metric = build("metric", each) if isinstance(each, str) else each
        built[each if isinstance(each, str) else metric_name(metric)] = metric
    return built


def metric_name(metric: Metric) -> str:
    """Return the name that a metric is registered by, or that of its class."""
    return registry("metric").name_of(type(metric)) or type(metric).__name__


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
    reason = misfit(name, metric, spec, dataset)
    if reason:
        raise RequestError(reason)


def misfit(name: str, metric: Metric, spec: DataSpec, dataset: Dataset | None) -> str | None:
    """Say why a metric does not fit the data, or None; see :func:`require_metric_fits`."""
    if spec.kind not in metric.tags.data:
        return (
            f"the metric {name!r} is for {' and '.join(sorted(metric.tags.data))} data, and this "
            f"data is {spec.kind} data of shape {spec.shape}"
        )
    if metric.tags.labels and not spec.classes:
        return f"the metric {name!r} needs labels, and this data has none"
    if metric.tags.modes and not isinstance(dataset, HasModes):
        return (
            f"the metric {name!r} needs a data set that knows its modes, such as '8-gaussians' or "
            f"'25-gaussians', and {type(dataset).__name__ if dataset else 'this data'} does not"
        )
    return None


def _measured(
    name: str,
    metric: Metric,
    x: Tensor,
    data: Data,
    against: Split,
    *,
    seed: int,
    ema: bool,
    intervals: bool,
) -> list[dict[str, Any]]:
    """Measure samples with one metric."""
    x = x[: metric.tags.at_most].cpu()
    if not bool(x.isfinite().all()):
        broken = int((~x.isfinite()).flatten(1).any(1).sum())
        raise RunError(f"the metric {name!r}: {broken} of {len(x)} samples are not finite")
    generator = generator_of(seed, "real examples")
    modes: dict[str, Any] = {"dataset": data.dataset} if metric.tags.modes else {}
    fitted = metric.fit(data.train, data.spec, seed=sub_seed(seed, "metric"), **modes)
    reference = data.test if against == "test" else data.train
    real = _some(reference, len(x), generator)
    values = metric.score(fitted, x, real)
    between: Mapping[str, tuple[float, float] | None] = {}
    if intervals and isinstance(metric, HasIntervals):
        chance = generator_of(seed, "interval")
        between = metric.intervals(fitted, x, real, values, generator=chance)
    stand_in, others = real, real
    halved = data.test if metric.tags.baseline == "test" else data.train
    if metric.tags.baseline == "train" and against == "test":
        others = _some(data.train, len(x), generator)
    elif len(halved) > 1:
        stand_in, others = _some(halved, 2 * len(x), generator).tensor_split(2)
    baselines = metric.score(fitted, stand_in, others)
    common = {
        "n": len(x), "features": metric.features_of(fitted), "reference": against,
        "reference_n": len(real), "seed": seed, "ema": ema,
    }  # fmt: skip
    warning = _warning(name, metric, len(x), len(real))
    return [
        {"name": f"{name}/{key}" if key != name else name, "value": float(value),
         **_interval(between.get(key)), **common,
         "baseline": float(baselines[key]), "baseline_n": len(stand_in), **warning}
        for key, value in values.items()
        if key in baselines  # a number that takes many examples may have none
    ]  # fmt: skip


def _interval(found: tuple[float, float] | None) -> dict[str, list[float]]:
    return {} if found is None else {"interval": [float(end) for end in found]}


def _warning(name: str, metric: Metric, n: int, m: int) -> dict[str, str]:
    if min(n, m) >= metric.tags.at_least:
        return {}
    return {
        "warning": f"{name} of {n} samples against {m} real examples is biased: it takes "
        f"{metric.tags.at_least:,} of each, and compares only with numbers of the same N"
    }


def _some(examples: Examples, n: int, generator: torch.Generator) -> Tensor:
    return examples.some(n, generator=generator)[0].cpu()
