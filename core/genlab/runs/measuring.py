"""Measuring what a run draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from genlab.components.dataset import Data, Split
from genlab.components.metric import Metric
from genlab.components.registry import build
from genlab.components.sampler import Sampler
from genlab.config import defaults
from genlab.diffusion import Model, Prior
from genlab.evaluation import built_metrics, evaluate, likelihood_records, misfit
from genlab.evaluation.evaluate import Metrics, require_split
from genlab.runs.folder import RunFolder
from genlab.runs.lock import locked

__all__ = ["measure"]


def measure(
    model: Model,
    data: Data,
    folder: RunFolder,
    metrics: Metrics | None = None,
    *,
    n: int | None = None,
    steps: int | None = None,
    sampler: str | Sampler | None = None,
    prior: str | Prior | None = None,
    guidance: float | None = None,
    temperature: float | None = None,
    against: Split = "test",
    seed: int = 0,
    checkpoint: str = "last",
    advance: Callable[[int], None] | None = None,
) -> list[dict[str, Any]]:
    """Draw samples, measure them, and put the numbers into a run folder; see :meth:`genlab.Run.evaluate`.

    Args:
        model: The model of the run.
        data: The data of the run.
        folder: The folder of the run.
        metrics: Metrics by name or as objects; None: all that suit the data and, unless it is said how
            samples are drawn, what the model itself says of unseen data.
        n: How many samples; None: as many as trustworthy numbers take.
        steps: Steps of a trajectory.
        sampler: A sampler, or the name of one.
        prior: The prior that the model has, where it is not that of the run.
        guidance: Scale of classifier-free guidance.
        temperature: Factor of the noise that a flow makes samples of.
        against: The split that is the reference.
        seed: Seed of the samples and of what is random in a metric.
        checkpoint: The checkpoint that the model's weights are of.
        advance: Is called with the number of metrics measured so far.
    """
    require_split(against)
    with locked(folder.path, "genlab evaluate"):
        folder.metrics()  # what is damaged is told before the work
        asked = {
            "steps": steps,
            "sampler": sampler,
            "guidance": guidance,
            "temperature": temperature,
        }
        own = prior is None and against == "test" and all(v is None for v in asked.values())
        records = _measured(model, data, metrics, n, asked, against, seed, advance, bound=own)
        how = {
            "sampler": sampler if sampler is None or isinstance(sampler, str) else repr(sampler),
            "sampling_steps": steps,
            "prior": repr(prior.density) if isinstance(prior, Prior) else prior,
            "guidance": guidance,
            "temperature": temperature,
            "checkpoint": None if checkpoint == "last" else checkpoint,
            "against": None if against == "test" else against,
        }
        how = {key: value for key, value in how.items() if value is not None}
        records = [{**record, **how} for record in records]
        folder.add_records(records)
    return records


def _measured(
    model: Model,
    data: Data,
    metrics: Metrics | None,
    n: int | None,
    asked: Mapping[str, Any],
    against: Split,
    seed: int,
    advance: Callable[[int], None] | None,
    *,
    bound: bool,
) -> list[dict[str, Any]]:
    """Return the numbers of fresh samples, drawn as is asked for."""
    usual = defaults()[data.spec.kind]
    chosen = _suitable(data) if metrics is None else built_metrics(metrics)
    sampler = asked["sampler"]
    built: Sampler | None = build("sampler", sampler) if isinstance(sampler, str) else sampler
    count = usual["evaluate_count"] if n is None else n
    x = model.sample(count, seed=seed, **{**asked, "sampler": built})
    records: list[dict[str, Any]] = []
    if metrics is None and bound:
        records += likelihood_records(model, data, seed=seed)
    return records + evaluate(
        x, data, chosen, against=against, seed=seed, ema=model.averaged, advance=advance
    )


def _suitable(data: Data) -> dict[str, Metric]:
    """Return the metrics that are usual for this kind of data, without those that do not fit it."""
    built = built_metrics(defaults()[data.spec.kind]["evaluate"])
    return {
        name: metric
        for name, metric in built.items()
        if misfit(name, metric, data.spec, data.dataset) is None
    }
