"""The contract of a degradation, generated from its class and its tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from genlab.components.degradation import (
    AdditiveDegradation,
    Degradation,
    DiagonalDegradation,
    GaussianDegradation,
    InvertibleDegradation,
    LinearDegradation,
)
from genlab.testing.check import Check, bind, run_checks
from genlab.testing.component import component_checks
from genlab.testing.degradation.case import SHAPES, Case, Shape
from genlab.testing.degradation.classes import (
    ADDITIVE,
    DIAGONAL,
    GAUSSIAN,
    INVERTIBLE,
    LINEAR,
    OTHERS,
)
from genlab.testing.degradation.device import DEVICE
from genlab.testing.degradation.ends import ENDS
from genlab.testing.degradation.maps import CONTINUOUS, MAPS

__all__ = ["check_degradation", "degradation_checks"]


def check_degradation(instance: Degradation, *, shapes: Sequence[Shape] | None = None) -> None:
    """Check a degradation against its contract.

    Args:
        instance: The degradation.
        shapes: Shapes of one example, smallest first. None: small, odd and non-square ones of every
            kind of data in the tags.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, degradation_checks(instance, shapes=shapes))


def degradation_checks(
    instance: Degradation, *, shapes: Sequence[Shape] | None = None
) -> Iterator[Check]:
    """Yield the checks that the class and the tags of a degradation ask for.

    Args:
        instance: The degradation.
        shapes: See :func:`check_degradation`.
    """
    tags = instance.tags
    if shapes is None:
        shapes = [shape for kind in sorted(tags.data) for shape in SHAPES.get(kind, ())]
    case = Case(instance, tuple(tuple(shape) for shape in shapes))
    yield from bind(MAPS, case)
    if not tags.discrete:
        yield from bind(CONTINUOUS, case)
    yield from bind(ENDS, case)
    yield from bind(DEVICE, case)
    if isinstance(instance, LinearDegradation | InvertibleDegradation | AdditiveDegradation):
        yield from bind(OTHERS, instance, case)
    if isinstance(instance, GaussianDegradation):
        yield from bind(GAUSSIAN, instance, case)
    if isinstance(instance, DiagonalDegradation):
        yield from bind(DIAGONAL, instance, case)
    if isinstance(instance, AdditiveDegradation):
        yield from bind(ADDITIVE, instance, case)
    if isinstance(instance, LinearDegradation):
        yield from bind(LINEAR, instance, case)
    if isinstance(instance, InvertibleDegradation):
        yield from bind(INVERTIBLE, instance, case)
    yield from component_checks(lambda: instance)
