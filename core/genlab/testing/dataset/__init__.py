"""The contract of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from genlab.components.dataset import Dataset, PointSet
from genlab.testing.check import Check, bind, run_checks
from genlab.testing.component import component_checks
from genlab.testing.dataset.case import Case, Points
from genlab.testing.dataset.examples import EXAMPLES, VECTORS
from genlab.testing.dataset.points import (
    KNOWN_DENSITY,
    ON_THE_PLANE,
    POINTS,
    UNKNOWN_DENSITY,
    WITH_CLASSES,
)

__all__ = ["check_dataset", "dataset_checks"]


def check_dataset(instance: Dataset, root: Path | None = None) -> None:
    """Check a data set against its contract.

    Args:
        instance: The data set.
        root: The data folder, for data sets that live in files.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, dataset_checks(instance, root))


def dataset_checks(instance: Dataset, root: Path | None = None) -> Iterator[Check]:
    """Yield the checks of a data set; one that is drawn from a known distribution has more of them.

    Args:
        instance: The data set.
        root: See :func:`check_dataset`.
    """
    case = Case(instance, root)
    yield from bind(EXAMPLES, case)
    if instance.spec.kind == "vector":
        yield from bind(VECTORS, case)
    if isinstance(instance, PointSet):
        points = Points(instance)
        yield from bind(POINTS, points)
        yield from bind(KNOWN_DENSITY if instance.has_log_prob else UNKNOWN_DENSITY, points)
        if instance.has_log_prob and instance.spec.shape == (2,):
            yield from bind(ON_THE_PLANE, points)
        if instance.has_log_prob and instance.spec.classes:
            yield from bind(WITH_CLASSES, points)
    yield from component_checks(lambda: instance)
