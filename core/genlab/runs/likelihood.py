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
    if isinstance(run.model, DensityModel):
        n, found = _of_density(run, generator)
    elif run.degradation.tags.gaussian:
        n, found = _of_diffusion(run, generator)
    else:
        return []
    common = {"n": n, "features": "data", "reference": "test", "reference_n": n,
              "seed": seed, "ema": ema}  # fmt: skip
    return [
        {"name": name, "value": value, **common}
        | ({} if floor is None else {"floor": floor, "floor_n": n})
        for name, (value, floor) in found.items()
    ]


_Found = dict[str, tuple[float, float | None]]
"""Numbers with their floors, by name."""


def _of_density(run: Run, generator: torch.Generator) -> tuple[int, _Found]:
    test = _unseen(run, generator)
    x, y = _on_cpu(test, len(test))
    nll = -float(run.log_prob(dequantise(x, run.spec, generator=generator)).double().mean())
    entropy = _entropy(run)
    found: _Found = {"nll": (nll, entropy)}
    if entropy is not None:
        found["nll-above-entropy"] = (nll - entropy, 0.0)
    if run.spec.kind == "image":
        nats = nll / math.prod(run.spec.shape) - math.log(run.spec.level_width)
        found["bits-per-dim"] = (nats / math.log(2), None)
    if run.model.conditional and y is not None:
        found["accuracy"] = (accuracy(run.classify(x), y), _bayes(run, x, y))
    return len(x), found


def _of_diffusion(run: Run, generator: torch.Generator) -> tuple[int, _Found]:
    x, _ = _on_cpu(_unseen(run, generator), _BOUNDED)
    bound = _bound(run, x, torch.Generator(run.device).manual_seed(generator.initial_seed()))
    entropy = _entropy(run)
    found: _Found = {"bound": (bound, entropy)}
    if entropy is not None:
        found["bound-above-entropy"] = (bound - entropy, 0.0)
    if run.spec.kind == "image":
        found["bound-bits-per-dim"] = (bound / math.prod(run.spec.shape) / math.log(2), None)
    return len(x), found


def _bound(run: Run, x: Tensor, generator: torch.Generator) -> float:
    model = cast(DiffusionModel, run.model)
    batch = run.config.sampling.batch if run.spec.kind == "image" else len(x)
    parts = [
        variational_bound(model.estimates(), part.to(run.device), run.spec, generator=generator)
        for part in x.split(batch)
    ]
    return float(torch.cat(parts).mean())


def _entropy(run: Run) -> float | None:
    """Return the entropy of the data in nats, where it is known."""
    return run.dataset.entropy if isinstance(run.dataset, PointSet) else None


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
