"""No NaN anywhere: the ends of time, constant images, single pixels, batches of one, bf16 autocast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genlab import (
    DataSpec,
    Degradation,
    DiagonalDegradation,
    Kind,
    RequestError,
    Restorer,
    registry,
    trajectory,
)
from genlab.testing.check import seeded

EDGES = (0.0, 2.0**-149, 1e-38, 1e-6, 0.5, 1 - 2.0**-24, 1.0)
"""Times in float32: the second is the smallest above 0, the last but one the largest below 1."""

STARTS = (1e-38, 0.5, 1.0)
"""Where a trajectory may start; below, a third of the way is no number any more."""

LEVELS = (-1.0, 0.0, 1.0)
"""Constant images."""

SHAPES: dict[Kind, tuple[tuple[int, ...], ...]] = {
    "image": ((1, 1, 1), (3, 1, 1), (1, 1, 5), (1, 8, 8), (2, 5, 7)),
    "vector": ((1,), (4,)),
    "series": ((1, 1), (2, 5)),
    "volume": ((1, 1, 1, 1), (2, 2, 3, 2)),
}

VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "gaussian": tuple({"schedule": name} for name in ("linear", "sigmoid", "edm", "flow")),
    "blur": ({"sigma_max": 50.0},),
    "blur-cascade": ({"boundary": "circular", "size": 11, "sigma": 7.0},),
}
"""Parameters beside the defaults."""

SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"width": 32, "depth": 2},
    "unet": {"channels": (8, 16)},
    "dit": {"width": 16, "depth": 2},
}
"""Parameters that make a backbone quick."""


def built_in(role: str) -> dict[str, Any]:
    """Return genlab's own components of a role."""
    entries = registry(role).entries()
    return {entry.name: entry.load() for entry in entries if entry.package == "genlab"}


DEGRADATIONS: list[Degradation] = [
    component(**params)
    for name, component in built_in("degradation").items()
    for params in ({}, *VARIANTS.get(name, ()))
]
SAMPLERS = [component() for component in built_in("sampler").values()]
BACKBONES = built_in("backbone")

each_degradation = pytest.mark.parametrize("degradation", DEGRADATIONS, ids=repr)


def arithmetics() -> Iterator[AbstractContextManager[Any]]:
    """Give float32, and bf16 autocast."""
    yield nullcontext()
    yield torch.autocast("cpu", torch.bfloat16)


def shapes_of(degradation: Degradation) -> list[tuple[int, ...]]:
    return [shape for kind in sorted(degradation.tags.data) for shape in SHAPES[kind]]


def constants(level: float, shape: tuple[int, ...], times: tuple[float, ...] = EDGES) -> Tensor:
    return torch.full((len(times), *shape), level)


def one_by_one(n: int) -> list[slice]:
    """Return the whole batch, and then every example alone."""
    return [slice(0, n), *(slice(i, i + 1) for i in range(n))]


def require_finite(x: Tensor, case: str) -> None:
    assert bool(x.isfinite().all()), f"{case}: {x[~x.isfinite()][:4].tolist()}"


def restorer_of(backbone: str, degradation: Any, prediction: Any, spec: DataSpec) -> Restorer:
    """Return a restorer whose network has no weight at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = BACKBONES[backbone](spec, **SMALL.get(backbone, {}))
        with torch.no_grad():
            for p in network.parameters():
                p.add_(0.05 * torch.randn(p.shape))
    return Restorer(network, degradation, prediction=prediction).eval()


@each_degradation
def test_degrade_at_the_edges_of_time(degradation: Degradation) -> None:
    t = torch.tensor(EDGES)
    for shape in shapes_of(degradation):
        for level in LEVELS:
            x_0 = constants(level, shape)
            for part in one_by_one(len(t)):
                case = f"x_0 = {level} of shape {shape}, t = {t[part].tolist()}"
                for computing in arithmetics():
                    with computing:
                        z = degradation.draw(x_0[part], generator=seeded(0))
                        x_t = degradation.degrade(x_0[part], t[part], z)
                    require_finite(x_t, case)
                    assert x_t.dtype == x_0.dtype, case


@each_degradation
def test_what_is_left_at_the_end(degradation: Degradation) -> None:
    for shape in shapes_of(degradation):
        x_0 = torch.cat([constants(level, shape, (1.0,)) for level in LEVELS])
        for computing in arithmetics():
            with computing:
                z = degradation.draw(x_0, generator=seeded(0))
                c = degradation.summarize(degradation.degrade(x_0, torch.ones(len(x_0)), z))
                x_1 = degradation.expand(c, shape, generator=seeded(0))
            require_finite(c, f"c of shape {shape}")
            require_finite(x_1, f"x_1 of shape {shape}")


@each_degradation
@settings(max_examples=20)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.floats(-1, 1, width=32),
    st.lists(st.floats(0, 1, width=32) | st.sampled_from(EDGES), min_size=1, max_size=4),
    st.booleans(),
)
def test_degrade_anywhere(
    degradation: Degradation, shape: tuple[int, ...], level: float, times: list[float], bf16: bool
) -> None:
    x_0 = constants(level, shape, tuple(times))
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        z = degradation.draw(x_0, generator=seeded(0))
        require_finite(degradation.degrade(x_0, torch.tensor(times), z), "x_t")


def require_finite_estimates(restorer: Restorer, degradation: Degradation, shape: Any) -> None:
    t = torch.tensor(EDGES)
    for level in LEVELS:
        x_0 = constants(level, shape)
        x_t = degradation.degrade(x_0, t, degradation.draw(x_0, generator=seeded(0)))
        for part in (slice(None), slice(1), slice(1, 2), slice(-1, None)):
            for computing in arithmetics():
                with computing:
                    estimate = restorer(x_t[part], t[part])
                require_finite(estimate, f"x_0 = {level} of shape {shape}, t = {t[part].tolist()}")


@each_degradation
@torch.no_grad()
def test_estimates_at_the_edges_of_time(degradation: Degradation) -> None:
    """Whatever the network predicts."""
    diagonal = isinstance(degradation, DiagonalDegradation)
    for prediction in ("x0", "eps", "v", "edm") if diagonal else ("x0",):
        for shape in ((1, 1, 1), (2, 5, 7)):
            try:
                restorer = restorer_of("mlp", degradation, prediction, DataSpec(shape, "image"))
            except RequestError:
                assert prediction == "eps"  # nothing is left at t = 1
                continue
            require_finite_estimates(restorer, degradation, shape)


@pytest.mark.parametrize("backbone", BACKBONES)
@torch.no_grad()
def test_backbones_at_the_edges_of_time(backbone: str) -> None:
    for kind in sorted(BACKBONES[backbone].tags.data):
        for degradation in (d for d in DEGRADATIONS[:2] if kind in d.tags.data):
            for shape in SHAPES[kind]:
                try:
                    restorer = restorer_of(backbone, degradation, None, DataSpec(shape, kind))
                except RequestError:
                    continue  # too small for the backbone
                require_finite_estimates(restorer, degradation, shape)


@dataclass(frozen=True)
class Bounded:
    """A restorer whose estimates stay in the range of pixels."""

    restorer: Restorer
    degradation: Degradation

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        return self.restorer(x_t, t).clamp(-1, 1)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_trajectories_from_a_degraded_constant(sampler: Any) -> None:
    shape = (1, 4, 5)
    x_0 = torch.cat([constants(level, shape, (1.0,)) for level in LEVELS])
    for degradation in (d for d in DEGRADATIONS if isinstance(d, sampler.requires)):
        restorer = restorer_of("mlp", degradation, None, DataSpec(shape, "image"))
        z = degradation.draw(x_0, generator=seeded(0))
        for start in STARTS:
            x_t = degradation.degrade(x_0, torch.full((len(x_0),), start), z)
            for computing in arithmetics():
                with computing:
                    steps = list(
                        trajectory(
                            Bounded(restorer, degradation), sampler, x_t,
                            z=z, steps=3, start=start, generator=seeded(1),
                        )
                    )  # fmt: skip
                for step in steps:
                    case = f"{degradation!r}, start {start}, t = {step.t}"
                    require_finite(step.x_t, f"x_t, {case}")
                    require_finite(step.estimate, f"the estimate, {case}")
