"""No NaN anywhere: the ends of time, constant images, single pixels, batches of one, bf16 autocast."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genlab import DataSpec, RequestError, Restorer, registry
from genlab.errors import BrokenComponentError
from genlab.generation.walk import Bounded, walk
from genlab.testing.check import seeded

EDGES = (0.0, 2.0**-149, 1e-38, 1e-6, 0.5, 1 - 2.0**-24, 1.0)
"""Times in float32: the second is the smallest above 0, the last but one the largest below 1."""

STARTS = (1e-38, 1e-6, 0.5, 1 - 2.0**-24, 1.0)
"""Where a walk may start; below, a third of the way is no number any more."""

LEVELS = (-1.0, 0.0, 1.0)
"""Constant images."""

SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "image": ((1, 1, 1), (3, 1, 1), (1, 1, 5), (1, 8, 8), (2, 5, 7)),
    "vector": ((1,), (4,)),
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

ARITHMETIC = ("fp32", "bf16")

quick = settings(deadline=None, max_examples=20)


def loaded(role: str) -> Iterator[tuple[str, Any]]:
    """Give the components of a role that can be imported."""
    for name in registry(role).names():
        try:
            yield name, registry(role).get(name)
        except BrokenComponentError:  # the contract tests report it
            continue


DEGRADATIONS: dict[str, Any] = {
    name + "".join(f",{key}={value}" for key, value in params.items()): component(**params)
    for name, component in loaded("degradation")
    for params in ({}, *VARIANTS.get(name, ()))
}
SAMPLERS: dict[str, Any] = {name: component() for name, component in loaded("sampler")}
BACKBONES: dict[str, Any] = dict(loaded("backbone"))


def in_both(found: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Give every case in float32 and under bf16 autocast."""
    return ((*case, arithmetic) for case in found for arithmetic in ARITHMETIC)


def each_degradation() -> Iterator[tuple[str, ...]]:
    return ((name,) for name in DEGRADATIONS)


def fitting_restorers() -> Iterator[tuple[str, str, str]]:
    for name, degradation in DEGRADATIONS.items():
        for prediction in ("x0", "eps", "v") if degradation.tags.gaussian else ("x0",):
            for backbone in BACKBONES:
                yield name, backbone, prediction


def fitting_walks() -> Iterator[tuple[str, str]]:
    for name, degradation in DEGRADATIONS.items():
        for sampler, built in SAMPLERS.items():
            if all(getattr(degradation.tags, tag) for tag in built.tags.needs):
                yield name, sampler


def cases(found: Iterable[tuple[str, ...]]) -> list[Any]:
    """Return one parameter per case."""
    return [pytest.param(*case, id="-".join(case)) for case in found]


def computing(arithmetic: str) -> AbstractContextManager[Any]:
    return torch.autocast("cpu", torch.bfloat16) if arithmetic == "bf16" else nullcontext()


def shapes_of(degradation: Any) -> list[tuple[int, ...]]:
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
    return Restorer(network, degradation, prediction).eval()


@pytest.mark.parametrize(("name", "arithmetic"), cases(in_both(each_degradation())))
def test_degrade_at_the_edges_of_time(name: str, arithmetic: str) -> None:
    degradation, t = DEGRADATIONS[name], torch.tensor(EDGES)
    for shape in shapes_of(degradation):
        for level in LEVELS:
            x_0 = constants(level, shape)
            for part in one_by_one(len(t)):
                case = f"x_0 = {level} of shape {shape}, t = {t[part].tolist()}"
                with computing(arithmetic):
                    z = degradation.draw(x_0[part], generator=seeded(0))
                    x_t = degradation.degrade(x_0[part], t[part], z)
                require_finite(x_t, case)
                assert x_t.dtype == x_0.dtype, case


@pytest.mark.parametrize(("name", "arithmetic"), cases(in_both(each_degradation())))
def test_what_is_left_at_the_end(name: str, arithmetic: str) -> None:
    degradation = DEGRADATIONS[name]
    for shape in shapes_of(degradation):
        x_0 = torch.cat([constants(level, shape, (1.0,)) for level in LEVELS])
        with computing(arithmetic):
            z = degradation.draw(x_0, generator=seeded(0))
            c = degradation.summarize(degradation.degrade(x_0, torch.ones(len(x_0)), z))
            x_1 = degradation.expand(c, shape, generator=seeded(0))
        require_finite(c, f"c of shape {shape}")
        require_finite(x_1, f"x_1 of shape {shape}")


@pytest.mark.parametrize(("name", "arithmetic"), cases(in_both(each_degradation())))
@quick
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.floats(-1, 1, width=32),
    st.lists(st.floats(0, 1, width=32) | st.sampled_from(EDGES), min_size=1, max_size=4),
)
def test_degrade_anywhere(
    name: str, arithmetic: str, shape: tuple[int, ...], level: float, times: list[float]
) -> None:
    degradation = DEGRADATIONS[name]
    if "image" not in degradation.tags.data:
        shape = shape[:1]
    x_0 = constants(level, shape, tuple(times))
    with computing(arithmetic):
        z = degradation.draw(x_0, generator=seeded(0))
        require_finite(degradation.degrade(x_0, torch.tensor(times), z), "x_t")


@pytest.mark.parametrize(
    ("name", "backbone", "prediction", "arithmetic"),
    cases(in_both(fitting_restorers())),
)
@torch.no_grad()
def test_restore_at_the_edges_of_time(
    name: str, backbone: str, prediction: str, arithmetic: str
) -> None:
    degradation, t = DEGRADATIONS[name], torch.tensor(EDGES)
    for shape in ((1, 1, 1), (2, 5, 7)):
        try:
            restorer = restorer_of(backbone, degradation, prediction, DataSpec(shape, "image"))
        except RequestError:
            continue  # too small for the backbone, or nothing left at t = 1 for eps
        for level in LEVELS:
            x_0 = constants(level, shape)
            z = degradation.draw(x_0, generator=seeded(0))
            x_t = degradation.degrade(x_0, t, z)
            for part in one_by_one(len(t)):
                with computing(arithmetic):
                    estimate = restorer(x_t[part], t[part])
                require_finite(estimate, f"x_0 = {level} of shape {shape}, t = {t[part].tolist()}")


@pytest.mark.parametrize(("name", "sampler", "arithmetic"), cases(in_both(fitting_walks())))
def test_walk_from_a_degraded_constant(name: str, sampler: str, arithmetic: str) -> None:
    degradation, shape = DEGRADATIONS[name], (1, 4, 5)
    prediction = "v" if degradation.tags.gaussian else "x0"
    restorer = restorer_of("mlp", degradation, prediction, DataSpec(shape, "image"))
    x_0 = torch.cat([constants(level, shape, (1.0,)) for level in LEVELS])
    z = degradation.draw(x_0, generator=seeded(0))
    for start in STARTS:
        x_t = degradation.degrade(x_0, torch.full((len(x_0),), start), z)
        for part in one_by_one(len(x_0)) if start == 1 else [slice(None)]:
            draw = None if z is None else z[part]
            with computing(arithmetic):
                steps = walk(
                    Bounded(restorer, degradation, 1.0), SAMPLERS[sampler], x_t[part], draw, 3,
                    generator=seeded(1), start=start,
                )  # fmt: skip
                for step in steps:
                    case = f"start {start}, x_0 = {x_0[part, 0, 0, 0].tolist()}, t = {step.t}"
                    require_finite(step.x_t, f"x_t, {case}")
                    require_finite(step.x_0, f"the estimate, {case}")
