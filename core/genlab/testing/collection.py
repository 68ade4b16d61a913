"""From components to checks, and from checks to tests of pytest."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from genlab.components.backbone import Backbone
from genlab.components.component import Component
from genlab.components.dataset import Dataset
from genlab.components.degradation import Degradation
from genlab.components.density import Density
from genlab.components.engine import Engine
from genlab.components.metric import Metric
from genlab.components.objective import Objective
from genlab.components.optimiser import Optimiser
from genlab.components.sampler import Sampler
from genlab.components.tracker import Tracker
from genlab.errors import unknown
from genlab.report.figure import Figure
from genlab.testing.backbone import backbone_checks
from genlab.testing.check import Check
from genlab.testing.dataset import dataset_checks
from genlab.testing.degradation import degradation_checks
from genlab.testing.density import density_checks
from genlab.testing.engine import engine_checks
from genlab.testing.figure import figure_checks
from genlab.testing.metric import metric_checks
from genlab.testing.objective import objective_checks, small_things
from genlab.testing.optimiser import optimiser_checks
from genlab.testing.sampler import sampler_checks
from genlab.testing.tracker import tracker_checks

if TYPE_CHECKING:
    import pytest

__all__ = ["ExpectedFailures", "checks_of", "parametrize_with_checks"]

ExpectedFailures = Mapping[str, str] | Callable[[Any], Mapping[str, str]]
"""Reasons by the names of checks, or a function from a component to them."""


def checks_of(component: Any) -> Iterator[Check]:
    """Yield the checks of a component, whatever its role.

    Args:
        component: An object of any role; or, for a backbone, a density or an objective, what builds it: its
            class, a partial of it, or a function. A class of another role is built with its defaults.

    Raises:
        TypeError: It has no role.
    """
    for base, checks in _OF_OBJECTS:
        if isinstance(component, base):
            return checks(component)
    for base, _ in _OF_BUILDERS:
        if isinstance(component, base):
            raise TypeError(
                f"give what builds the {base.role}, such as its class: it is built many times"
            )
    if not callable(component):
        raise TypeError(f"{component!r} is neither a component nor a function that builds one")
    built = _class_of(component)
    for base, checks in _OF_BUILDERS:
        if issubclass(built, base):
            return checks(component)
    return checks_of(component())


def parametrize_with_checks(
    components: Iterable[Any], expected_failures: ExpectedFailures | None = None
) -> pytest.MarkDecorator:
    """Turn every check of every component into one test.

    Args:
        components: What :func:`checks_of` takes.
        expected_failures: Checks that are known to fail, each with the reason. They are marked as
            strict expected failures: one that passes fails the test.

    Returns:
        A decorator for a test that takes the argument ``check``.

    Raises:
        RequestError: An expected failure names no check.

    Example::

        @parametrize_with_checks([Swirl(), Swirl(turns=3.0)], {"inverse": "the swirl tears at t = 1"})
        def test_contract(check):
            check.run()
    """
    import pytest

    params, seen, expected = [], set(), set()
    for component in components:
        reasons: Mapping[str, str] = (
            expected_failures(component) if callable(expected_failures) else expected_failures or {}
        )
        expected |= set(reasons)
        for check in checks_of(component):
            seen.add(check.name)
            reason = reasons.get(check.name)
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
            params.append(pytest.param(check, id=f"{_named(component)}-{check.name}", marks=marks))
    for name in sorted(expected - seen):
        raise unknown("check", name, seen)
    return pytest.mark.parametrize("check", params)


_OF_OBJECTS: tuple[tuple[type[Any], Callable[[Any], Iterator[Check]]], ...] = (
    (Degradation, degradation_checks),
    (Sampler, sampler_checks),
    (Dataset, dataset_checks),
    (Metric, metric_checks),
    (Optimiser, optimiser_checks),
    (Tracker, tracker_checks),
    (Engine, engine_checks),
    (Figure, figure_checks),
)
_OF_BUILDERS: tuple[tuple[type[Any], Callable[[Any], Iterator[Check]]], ...] = (
    (Backbone, backbone_checks),
    (Density, density_checks),
    (Objective, objective_checks),
)


def _class_of(build: Callable[..., Any]) -> type[Any]:
    """Return the class of what something builds: of a function, by calling it with small things."""
    target = build.func if isinstance(build, partial) else build
    if isinstance(target, type):
        return target
    for given in small_things():
        try:
            return type(build(given))
        except Exception:
            continue
    raise TypeError(f"{build!r} builds nothing from data, a restorer or a density")


def _named(component: Any) -> str:
    """Name a component by its class, and by the parameters that can be seen."""
    if isinstance(component, partial):
        given = ",".join(f"{key}={value}" for key, value in component.keywords.items())
        return f"{_named(component.func)}({given})"
    if isinstance(component, Component):
        return textwrap.shorten(repr(component).removesuffix("()"), 60)
    return getattr(component, "__name__", None) or type(component).__name__
