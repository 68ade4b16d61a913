"""Evaluating a run once more, and comparing runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genlab.config import check_parameters
from genlab.errors import RequestError
from genlab.evaluation import measure, require_metric_fits
from genlab.generation import DensityModel
from genlab.protocols import Metric
from genlab.registries import build, registry
from genlab.runs.assembly import defaults
from genlab.runs.likelihood import likelihood_records

if TYPE_CHECKING:
    from genlab.runs.run import Run

__all__ = ["compared", "comparison_csv", "evaluate"]

Advance = Callable[[int], None]


def evaluate(
    run: Run,
    metrics: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    n: int | None = None,
    steps: int | None = None,
    sampler: str | None = None,
    seed: int = 0,
    advance: Advance | None = None,
) -> list[dict[str, Any]]:
    """Draw samples and measure them; see :meth:`genlab.Run.evaluate`.

    Args:
        run: The run.
        metrics: Names of metrics, or their parameters by name; None: all that suit the data and, unless
            a walk is asked for, what the model itself says of unseen data, to which no walk matters.
        n: How many samples; None: as many as trustworthy numbers take.
        steps: Steps of a walk.
        sampler: Name of a sampler.
        seed: Seed of the samples and of what is random in a metric.
        advance: Is called with the number of metrics measured so far.
    """
    kind = defaults()[run.spec.kind]
    names = kind["evaluate"] if metrics is None else metrics
    given = metrics if isinstance(metrics, Mapping) else {}
    asked = {name: given.get(name, {}) for name in names}
    built = _built(run, asked, strict=metrics is not None)
    train, test = run.examples("train"), run.examples("test")
    n = n or kind["evaluate_count"]
    x = run.sample(n, steps=steps, sampler=sampler, seed=seed)
    ema = not (isinstance(run.model, DensityModel) and run.model.density.tags.fitted)
    walk: dict[str, Any] = {"sampler": sampler, "sampling_steps": steps}
    if run.checkpoint != "last":
        walk["checkpoint"] = run.checkpoint
    how = {key: value for key, value in walk.items() if value is not None}
    records: list[dict[str, Any]] = []
    if metrics is None and sampler is None and steps is None:
        records += likelihood_records(run, seed=seed, ema=ema)
    for done, (name, metric) in enumerate(built.items(), 1):
        records += measure(
            name, metric, x, train, test, run.spec, seed=seed, ema=ema, dataset=run.dataset
        )
        if advance:
            advance(done)
    return [{**record, **how} for record in records]


def _built(run: Run, asked: Mapping[str, Mapping[str, Any]], *, strict: bool) -> dict[str, Metric]:
    """Build metrics and check that they fit; those nobody asked for by name may be left out."""
    built: dict[str, Metric] = {}
    for name, parameters in asked.items():
        params = check_parameters(registry("metric").get(name), parameters, where=name)
        metric: Metric = build("metric", name, **params)
        try:
            require_metric_fits(name, metric, run.spec, run.dataset)
        except RequestError:
            if strict:
                raise
            continue
        built[name] = metric
    return built


def compared(runs: Sequence[Run]) -> tuple[list[str], list[dict[str, Any]]]:
    """Put the final numbers of runs side by side.

    Args:
        runs: The runs.

    Returns:
        The names of the numbers that any run has, and one row per run: ``run``, ``made of``, ``steps``,
        ``training_s``, and each number by name (or None).

    Raises:
        RequestError: Not one of the runs has numbers.
    """
    names: list[str] = []
    rows = []
    for run in runs:
        records = {record["name"]: record for record in run.metrics.get("metrics", [])}
        names += [name for name in records if name not in names]
        parts = [run.config.degradation, run.config.backbone, run.config.sampler,
                 run.config.prior, run.config.density]  # fmt: skip
        rows.append(
            {
                "run": run.path.name,
                "data": run.config.dataset.name,
                "made of": " + ".join(part.name for part in parts if part is not None),
                "steps": run.metrics.get("steps"),
                "training_s": run.metrics.get("seconds", {}).get("training"),
                **{name: record["value"] for name, record in records.items()},
            }
        )
    if not names:
        raise RequestError("none of these runs has numbers yet: genlab evaluate RUN measures one")
    return names, [{**dict.fromkeys(names), **row} for row in rows]


def comparison_csv(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a comparison as a CSV file."""
    columns = ["run", "data", "made of", "steps", "training_s", *names]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
