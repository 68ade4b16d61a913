"""What a model itself says of unseen data: likelihood, bits per dimension, accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.components.backbone import FittedBackbone
from genlab.components.dataset import Data, Dataset, Examples, PointSet, dequantise
from genlab.components.degradation import GaussianDegradation
from genlab.diffusion.bound import variational_bound
from genlab.diffusion.model import DensityModel, DiffusionModel, Model
from genlab.evaluation.intervals import mean_interval, standard_error, wilson_interval
from genlab.seeds import generator_of

__all__ = ["accuracy", "likelihood_records"]

_BOUNDED = 10_000  # examples whose bound is estimated
_BOUNDED_FITTED = 1000  # where the backbone looks at all training examples for each of them
_LEVELS, _LEVELS_OF_POINTS = 4, 16  # of noise, for each of them: networks of points are fast
_POINTS = 100_000  # fresh points of a set that can draw them


def likelihood_records(model: Model, data: Data, *, seed: int) -> list[dict[str, Any]]:
    r"""Measure what a model says of data that it has not seen.

    For a density:

    * ``nll``: :math:`-\mathbb{E} \log p(x)` in nats, with the true entropy as its baseline where it is known;
    * ``nll-above-entropy``: the difference of the two, a Kullback-Leibler divergence;
    * ``bits-per-dim``, for images: :math:`(\text{nll} / D - \log w) / \log 2` on dequantised images, where w
      is the distance of two grey levels;
    * ``accuracy``, for densities with classes: of the largest posterior, with the accuracy of the true
      posteriors as its baseline where they are known.

    For a diffusion with Gaussian noise, the upper bounds of :func:`genlab.diffusion.variational_bound`
    in the place of the first three: ``bound``, ``bound-above-entropy`` and ``bound-bits-per-dim``, averaged
    over 4 noise levels for each example, or 16 where they are vectors. Any other model says nothing.

    Intervals are of 95 %: Wilson's of the accuracy, and normal ones of what is a mean over examples, whose
    standard error stands beside.

    Args:
        model: The model.
        data: The data set, of which the test split is unseen.
        seed: Seed of the fresh points and of dequantisation.

    Returns:
        One record per number, with the fields of :func:`genlab.evaluate`.
    """
    generator = generator_of(seed, "unseen")
    if isinstance(model, DensityModel):
        n, found = _of_density(model, data, generator)
    elif isinstance(model, DiffusionModel) and isinstance(
        model.restorer.degradation, GaussianDegradation
    ):
        n, found = _of_diffusion(model, data, generator, seed)
    else:
        return []
    common = {"n": n, "features": "data", "reference": "test", "reference_n": n,
              "seed": seed, "ema": model.averaged}  # fmt: skip
    return [{"name": name, **number.record(n), **common} for name, number in found.items()]


@dataclass(frozen=True)
class _Number:
    """A number with what it stands beside."""

    value: float
    baseline: float | None
    interval: tuple[float, float] | None
    error: float = math.nan

    def record(self, n: int) -> dict[str, Any]:
        """Return the fields of a record that the number knows."""
        found: dict[str, Any] = {"value": self.value}
        if self.interval is not None:
            found["interval"] = list(self.interval)
        if math.isfinite(self.error):
            found["standard_error"] = self.error
        return found | (
            {} if self.baseline is None else {"baseline": self.baseline, "baseline_n": n}
        )


def _mean(each: Tensor, baseline: float | None = None) -> _Number:
    """Return the mean of a number of each example."""
    value = float(each.double().mean())
    return _Number(value, baseline, mean_interval(each), standard_error(each))


def _of_density(
    model: DensityModel, data: Data, generator: torch.Generator
) -> tuple[int, dict[str, _Number]]:
    test = _unseen(data, generator)
    x, y = _on_cpu(test, len(test))
    nll = -model.log_prob(dequantise(x, data.spec, generator=generator)).double()
    entropy = _entropy(data.dataset)
    found = {"nll": _mean(nll, entropy)}
    if entropy is not None:
        found["nll-above-entropy"] = _mean(nll - entropy, 0.0)
    if data.spec.level_width is not None:
        nats = nll / math.prod(data.spec.shape) - math.log(data.spec.level_width)
        found["bits-per-dim"] = _mean(nats / math.log(2))
    if model.conditional and y is not None:
        share, known = accuracy(model.classify(x), y), int((y >= 0).sum())
        interval = wilson_interval(share * known, known) if known else None
        found["accuracy"] = _Number(share, _bayes(data, x, y), interval)
    return len(x), found


def _of_diffusion(
    model: DiffusionModel, data: Data, generator: torch.Generator, seed: int
) -> tuple[int, dict[str, _Number]]:
    fitted = isinstance(model.restorer.backbone, FittedBackbone)
    x, _ = _on_cpu(_unseen(data, generator), _BOUNDED_FITTED if fitted else _BOUNDED)
    seeded = generator_of(seed, "bound", device=model.device)
    size = model.batch if data.spec.bounded else len(x)
    levels = _LEVELS if data.spec.bounded else _LEVELS_OF_POINTS
    parts = [
        variational_bound(
            model.estimates(), part.to(model.device), data.spec, levels=levels, generator=seeded
        )
        for part in x.split(size)
    ]
    bound = torch.cat(parts)
    entropy = _entropy(data.dataset)
    found = {"bound": _mean(bound, entropy)}
    if entropy is not None:
        found["bound-above-entropy"] = _mean(bound - entropy, 0.0)
    if data.spec.level_width is not None:
        found["bound-bits-per-dim"] = _mean(bound / math.prod(data.spec.shape) / math.log(2))
    return len(x), found


def _entropy(dataset: Dataset) -> float | None:
    """Return the entropy of the data in nats, where it is known."""
    return dataset.entropy if isinstance(dataset, PointSet) else None


def _on_cpu(examples: Examples, n: int) -> tuple[Tensor, Tensor | None]:
    x, y = examples.first(n)
    return x.cpu(), None if y is None else y.cpu()


def accuracy(log_posteriors: Tensor, y: Tensor) -> float:
    """Return the share of examples whose largest posterior is that of their own class.

    Args:
        log_posteriors: ``(B, classes)``.
        y: Labels ``(B,)``; -1 (unknown) does not count.
    """
    known = y >= 0
    return float((log_posteriors.argmax(1) == y)[known].double().mean())


def _unseen(data: Data, generator: torch.Generator) -> Examples:
    if isinstance(data.dataset, PointSet):
        return data.dataset.draw(_POINTS, generator=generator)
    return data.test


def _bayes(data: Data, x: Tensor, y: Tensor) -> float | None:
    """Return the accuracy of the true posteriors, classes being as frequent as they are in ``y``."""
    dataset = data.dataset
    if not isinstance(dataset, PointSet) or not dataset.has_log_prob:
        return None
    each = [
        dataset.log_prob(x, torch.full_like(y, k)) + (y == k).double().mean().log()
        for k in range(data.spec.classes)
    ]
    return accuracy(torch.stack(each, 1), y)
