"""The density under check, and the data that it is checked on."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from genlab.components.dataset import DataSpec
from genlab.components.density import Density, FittedDensity, Flow, ImplicitDensity
from genlab.testing.check import example_data, seeded
from genlab.testing.plane import Plane
from genlab.testing.specs import built, fitting, labelled

__all__ = [
    "SHARES",
    "SPECS",
    "BuildDensity",
    "Case",
    "data",
    "joint_of",
    "log_prob_of",
    "sample_of",
]

BuildDensity = Callable[[DataSpec], Density]
"""What builds a density: its class, a partial of it, or a function."""

SPECS = (
    DataSpec((2,), "vector"),
    DataSpec((5,), "vector"),
    DataSpec((1, 8, 8), "image"),
    DataSpec((3, 4, 4), "image"),
    DataSpec((2, 8), "series"),
    DataSpec((1, 2, 4, 4), "volume"),
)
SHARES = (0.5, 0.3, 0.2)
"""Shares of the classes in the data."""


@dataclass(frozen=True)
class Case:
    """A density that is built for small data of every kind that its tags accept."""

    build: BuildDensity
    made: dict[DataSpec, Density] = field(default_factory=dict)

    @cached_property
    def specs(self) -> list[DataSpec]:
        """Those of the small specifications that it can be built for."""
        return fitting(self.build, SPECS)

    @property
    def smallest(self) -> list[DataSpec]:
        """The smallest of each kind."""
        first: dict[str, DataSpec] = {}
        for spec in self.specs:
            first.setdefault(spec.kind, spec)
        return list(first.values())

    @property
    def labelled(self) -> list[DataSpec]:
        """One of each kind with three classes: the last, which is no special case as a plane may be."""
        last = {spec.kind: spec for spec in self.specs}
        return [labelled(spec) for spec in last.values()]

    def any(self) -> Density:
        """Build it for the smallest data that fits."""
        return self.fresh(self.specs[0])

    def fresh(self, spec: DataSpec, seed: int = 0) -> Density:
        """Build with a seed of its own, and leave the global generator as it was."""
        return built(self.build, spec, seed)

    def fresh_fitted(self, spec: DataSpec) -> FittedDensity:
        """Build one that is fitted at once."""
        density = self.fresh(spec)
        if not isinstance(density, FittedDensity):
            raise AssertionError(f"built for {spec} it is no FittedDensity")
        return density

    def fresh_flow(self, spec: DataSpec) -> Flow:
        """Build a flow."""
        density = self.fresh(spec)
        if not isinstance(density, Flow):
            raise AssertionError(f"built for {spec} it is no Flow")
        return density

    def ready_implicit(self, spec: DataSpec) -> ImplicitDensity:
        """Return a copy of one without a log density, with random parameters."""
        density = self.ready(spec)
        if not isinstance(density, ImplicitDensity):
            raise AssertionError(f"built for {spec} it is no ImplicitDensity")
        return density

    def ready(self, spec: DataSpec) -> Density:
        """Return a copy of a density in eval mode that is no special case."""
        if spec not in self.made:
            self.made[spec] = self.prepare(spec)
        return copy.deepcopy(self.made[spec])

    def ready_flow(self, spec: DataSpec) -> Flow:
        """Return a copy of a flow in eval mode and in float64 that is no special case."""
        flow = self.ready(spec).double()
        if not isinstance(flow, Flow):
            raise AssertionError(f"built for {spec} it is no Flow")
        return flow

    @cached_property
    def plane(self) -> tuple[Plane, Tensor]:
        """The integrals of a density on the plane, and samples of it."""
        density = self.ready(DataSpec((2,), "vector"))
        samples = sample_of(density, 4000)
        return Plane.integrate(lambda x: log_prob_of(density, x), samples), samples

    def prepare(self, spec: DataSpec) -> Density:
        """Build a density in eval mode: fitted, or with random parameters."""
        density = self.fresh(spec)
        x, y = data(spec)
        if isinstance(density, FittedDensity):
            density.fit(x, y, generator=seeded(1))
            return density.eval()
        generator = seeded(1)
        with torch.no_grad():
            if isinstance(density, Flow):
                density.initialise(x, generator=generator)
            if isinstance(density, ImplicitDensity):
                density.objective().initialise(x, generator=generator)
            for p in density.parameters():
                inputs = max(math.prod(p.shape[1:]), 1)
                p.add_(0.1 / math.sqrt(inputs) * torch.randn(p.shape, generator=generator))
        return density.eval()


def data(spec: DataSpec, n: int = 200, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    """Return data whose classes, if any, have centres and shares of their own."""
    x = example_data(spec.shape, n, seed=seed)
    if not spec.classes:
        return x, None
    cuts = torch.tensor(SHARES).cumsum(0)[:-1] * n
    y = torch.bucketize(torch.arange(n), cuts.round().long(), right=True)
    centres = example_data(spec.shape, 3, seed=99).sign()
    return (x + centres[y]) / 2, y


@torch.no_grad()
def log_prob_of(density: Density, x: Tensor, y: Tensor | None = None) -> Tensor:
    """Return the log density of a copy of the data."""
    return density.log_prob(x.clone(), y)


@torch.no_grad()
def joint_of(density: Density, x: Tensor) -> Tensor:
    """Return the joint log density of a copy of the data."""
    return density.joint_log_prob(x.clone())


@torch.no_grad()
def sample_of(density: Density, n: int, y: Tensor | None = None, *, seed: int = 5) -> Tensor:
    """Draw with a seed."""
    return density.sample(n, y, generator=seeded(seed))
