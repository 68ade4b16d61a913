"""What a model itself says of unseen data: likelihood, bits per dimension, accuracy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from genlab.evaluation import variational_bound
from genlab.generation import DensityModel, DiffusionModel
from genlab.protocols import Examples, PointSet
from genlab.protocols.dataset import dequantise

if TYPE_CHECKING:
    from genlab.runs.run import Run

__all__ = ["accuracy", "likelihood_records"]

_BOUNDED = 10_000  # examples whose bound is estimated
_POINTS = 100_000  # fresh points of a set that can draw them


def likelihood_records(run: Run, *, seed: int, ema: bool) -> list[dict[str, Any]]:
    r"""Measure what a model says of data that it has not seen.

    For a density:

    * ``nll``: :math:`-\mathbb{E} \log p(x)` in nats, with the true entropy as its floor where it is known;
    * ``nll-above-entropy``: the difference of the two, a Kullback-Leibler divergence;
    * ``bits-per-dim``, for images: :math:`(\text{nll} / D - \log w) / \log 2` on dequantised images, where w
      is the distance of two grey levels;
    * ``accuracy``, for densities with classes: of the largest posterior, with the accuracy of the true
      posteriors as its floor where they are known.

    For a diffusion with Gaussian noise, the upper bounds of :func:`genlab.evaluation.variational_bound`
    in the place of the first three: ``bound``, ``bound-above-entropy`` and ``bound-bits-per-dim``. Any other
    model says nothing.

    Args:
        run: The run.
        seed: Seed of the fresh points and of dequantisation.
        ema: Whether the weights are averaged, to be stored.

    Returns:
        One record per number, with the fields of :func:`genlab.evaluation.measure`.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    flow = isinstance(run.model, DensityModel)
    if not (flow or run.degradation.tags.gaussian):
        return []
    test = _unseen(run, generator)
    x, y = test.first(len(test) if flow else _BOUNDED)
    x, y = x.cpu(), None if y is None else y.cpu()
    entropy = run.dataset.entropy if isinstance(run.dataset, PointSet) else None
    if flow:
        prefix, dequantised = "", dequantise(x, run.spec, generator=generator)
        nll = -float(run.log_prob(dequantised).double().mean())
        nats = nll / math.prod(run.spec.shape) - math.log(run.spec.level_width)
    else:
        prefix, nll = "bound-", _bound(run, x, seed)
        nats = nll / math.prod(run.spec.shape)
    found: dict[str, tuple[float, float | None]] = {"nll" if flow else "bound": (nll, entropy)}
    if entropy is not None:
        found[f"{prefix or 'nll-'}above-entropy"] = (nll - entropy, 0.0)
    if run.spec.kind == "image":
        found[f"{prefix}bits-per-dim"] = (nats / math.log(2), None)
    if flow and run.model.conditional and y is not None:
        found["accuracy"] = (accuracy(run.classify(x), y), _bayes(run, x, y))
    common = {"n": len(x), "features": "data", "reference": "test", "reference_n": len(x),
              "seed": seed, "ema": ema}  # fmt: skip
    return [
        {"name": name, "value": value, **common}
        | ({} if floor is None else {"floor": floor, "floor_n": len(x)})
        for name, (value, floor) in found.items()
    ]


def _bound(run: Run, x: Tensor, seed: int) -> float:
    model = cast(DiffusionModel, run.model)
    generator = torch.Generator(run.device).manual_seed(seed + 1)
    batch = run.config.sampling.batch if run.spec.kind == "image" else len(x)
    parts = [
        variational_bound(model.estimates(), part.to(run.device), run.spec, generator=generator)
        for part in x.split(batch)
    ]
    return float(torch.cat(parts).mean())


def accuracy(log_posteriors: Tensor, y: Tensor) -> float:
    """Return the share of examples whose largest posterior is that of their own class.

    Args:
        log_posteriors: ``(B, classes)``.
        y: Labels ``(B,)``; -1 (unknown) does not count.
    """
    known = y >= 0
    return float((log_posteriors.argmax(1) == y)[known].double().mean())


def _unseen(run: Run, generator: torch.Generator) -> Examples:
    dataset = run.dataset
    if isinstance(dataset, PointSet):
        return dataset.draw(_POINTS, generator=generator)
    return run.examples("test")


def _bayes(run: Run, x: Tensor, y: Tensor) -> float | None:
    """Return the accuracy of the true posteriors, classes being as frequent as they are in ``y``."""
    dataset = run.dataset
    if not isinstance(dataset, PointSet) or not dataset.has_log_prob:
        return None
    each = [
        dataset.log_prob(x, torch.full_like(y, k)) + (y == k).double().mean().log()
        for k in range(run.spec.classes)
    ]
    return accuracy(torch.stack(each, 1), y)
