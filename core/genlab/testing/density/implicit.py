"""What a density without a log density promises: samples, and an objective that trains it."""

from __future__ import annotations

import torch

from genlab.components.dataset import DataSpec
from genlab.components.density import ImplicitDensity
from genlab.components.objective import Objective
from genlab.errors import RequestError
from genlab.testing.check import (
    require,
    require_close,
    seeded,
)
from genlab.testing.density.case import Case, data, sample_of
from genlab.testing.density.learning import require_reached

__all__ = ["IMPLICIT", "IMPLICIT_CONDITIONAL"]


def _refuses_log_prob(case: Case) -> None:
    """log_prob() and joint_log_prob() raise RequestError."""
    for spec in case.specs[:1]:
        density, (x, _) = case.ready(spec), data(spec, 4)
        for name in ("log_prob", "joint_log_prob"):
            try:
                getattr(density, name)(x)
            except RequestError:
                continue
            raise AssertionError(f"{name}() raises no RequestError, {spec}")


def _gradient_reaches_parameters(case: Case) -> None:
    """The gradient of its objective reaches every parameter, and does not write into the data."""
    for spec in case.specs:
        density, objective = _in_training(case, spec)
        x, _ = data(spec, 64, seed=2)
        kept = x.clone()
        with torch.random.fork_rng(devices=[]):
            objective(objective.module, x, None, generator=seeded(4)).backward()
        require(torch.equal(x, kept), f"its objective writes into x, {spec}")
        require_reached(density, spec)


def _follows_the_data(case: Case) -> None:
    """Samples of data that is ten times as wide and elsewhere are about where that is."""
    for spec in case.specs:
        x = data(spec)[0]
        near, far = (_mean_and_width(case, spec, given) for given in (x, 50 + 10 * x))
        require(abs(far[0] - 50) <= 30, f"samples lie at {far[0]:.3g}, the data at 50, {spec}")
        require(
            far[1] >= 3 * near[1],
            f"data ten times as wide makes samples {far[1] / near[1]:.3g} times as wide, {spec}",
        )


def _labels_matter(case: Case) -> None:
    """With the same seed samples of two classes differ, and a class is drawn alike beside others."""
    for spec in case.labelled:
        density = case.ready(spec)
        first, second = (sample_of(density, 6, torch.full((6,), k)) for k in range(2))
        require(first.shape == (6, *spec.shape), f"shape {tuple(first.shape)}, {spec}")
        require(not torch.allclose(first, second), f"samples of y = 0 and y = 1 agree, {spec}")
        both = sample_of(density, 6, torch.tensor([0, 0, 0, 1, 1, 1]))
        mixed = torch.cat([first[:3], second[3:]])
        require_close(both, mixed, 1e-3, f"samples of labels (0, 1) against each alone, {spec}")


IMPLICIT = (
    _refuses_log_prob,
    _gradient_reaches_parameters,
    _follows_the_data,
)
IMPLICIT_CONDITIONAL = (_labels_matter,)


def _in_training(case: Case, spec: DataSpec) -> tuple[ImplicitDensity, Objective]:
    """Return a density with random parameters, and its objective."""
    density = case.ready_implicit(spec)
    return density, density.train().objective()


def _mean_and_width(case: Case, spec: DataSpec, x: torch.Tensor) -> tuple[float, float]:
    """Return the mean and the deviation of samples, once the objective has seen the data."""
    density = case.ready_implicit(spec)
    density.objective().initialise(x, generator=seeded(1))
    found = sample_of(density, 50)
    return float(found.mean()), float(found.std())
