"""The contract of a density, generated from its class and its tags."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.components.density import FittedDensity, Flow, ImplicitDensity
from genlab.testing.check import Check, bind, run_checks
from genlab.testing.component import component_checks
from genlab.testing.density.case import BuildDensity, Case
from genlab.testing.density.classes import CONDITIONAL, FITTED_CONDITIONAL
from genlab.testing.density.implicit import IMPLICIT, IMPLICIT_CONDITIONAL
from genlab.testing.density.learning import FITTED, FLOW, TRAINED
from genlab.testing.density.probabilities import (
    ALWAYS,
    BUILT,
    DRAWN,
    ON_THE_PLANE,
    TEMPERATURE,
)

__all__ = ["BuildDensity", "check_density", "density_checks"]


def check_density(build: BuildDensity) -> None:
    """Check a density against its contract.

    Args:
        build: Takes a :class:`~genlab.DataSpec` and returns the density; the class itself, or a
            :func:`functools.partial` of it with parameters.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(getattr(build, "__name__", repr(build)), density_checks(build))


def density_checks(build: BuildDensity) -> Iterator[Check]:
    """Yield the checks that the class and the tags of a density ask for.

    Args:
        build: See :func:`check_density`.
    """
    case = Case(build)
    yield from bind(BUILT, case)
    if not case.specs:
        return
    density = case.any()
    yield from bind(DRAWN, case)
    if density.tags.temperature:
        yield from bind(TEMPERATURE, case)
    if isinstance(density, ImplicitDensity):
        yield from bind(IMPLICIT, case)
        if density.tags.conditional:
            yield from bind(IMPLICIT_CONDITIONAL, case)
        yield from component_checks(case.any)
        return
    yield from bind(ALWAYS, case)
    if "vector" in density.tags.data:
        yield from bind(ON_THE_PLANE, case)
    fitted = isinstance(density, FittedDensity)
    yield from bind(FITTED if fitted else TRAINED, case)
    if density.tags.conditional:
        yield from bind(CONDITIONAL, case)
    if fitted and density.tags.conditional:
        yield from bind(FITTED_CONDITIONAL, case)
    if isinstance(density, Flow):
        yield from bind(FLOW, case)
    yield from component_checks(case.any)
