"""From components to checks, and from checks to tests of pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from genlab.errors import RequestError, unknown
from genlab.protocols import Dataset, DataSpec, Degradation, Density, Sampler
from genlab.testing.backbone import backbone_checks
from genlab.testing.check import Check
from genlab.testing.dataset import dataset_checks
from genlab.testing.degradation import degradation_checks
from genlab.testing.density import density_checks
from genlab.testing.sampler import sampler_checks

if TYPE_CHECKING:
    import pytest

__all__ = ["ExpectedFailures", "checks_of", "parametrize_with_checks"]

ExpectedFailures = Mapping[str, str] | Callable[[Any], Mapping[str, str]]
"""Reasons by the names of checks, or a function from a component to them."""


def checks_of(component: Any) -> Iterator[Check]:
    """Yield the checks of a component, whatever its role.

    Args:
        component: A degradation, sampler or data set; or, for a backbone or a density, what builds it from
            a :class:`~genlab.protocols.DataSpec`: its class, a partial of it, or a function.

    Raises:
        TypeError: It has no role.
    """
    if isinstance(component, Degradation):
        return degradation_checks(component)
    if isinstance(component, Sampler):
        return sampler_checks(component)
    if isinstance(component, Dataset):
        return dataset_checks(component)
    if not callable(component):
        raise TypeError(f"{component!r} is neither a component nor a function that builds one")
    return density_checks(component) if _builds_density(component) else backbone_checks(component)


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


def _named(component: Any) -> str:
    """Name a component by its class, and by the parameters that can be seen."""
    if isinstance(component, partial):
        given = ",".join(f"{key}={value}" for key, value in component.keywords.items())
        return f"{_named(component.func)}({given})"
    return getattr(component, "__name__", None) or type(component).__name__


def _builds_density(build: Callable[[DataSpec], Any]) -> bool:
    target = build.func if isinstance(build, partial) else build
    if isinstance(target, type):
        return issubclass(target, Density)
    try:
        return isinstance(build(DataSpec((2,), "vector")), Density)
    except RequestError:
        return isinstance(build(DataSpec((1, 8, 8), "image")), Density)
