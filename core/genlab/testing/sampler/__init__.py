"""The contract of a sampler, walked on degradations of the class that it requires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from genlab.components.degradation import Degradation, DiagonalDegradation
from genlab.components.sampler import Sampler
from genlab.errors import RequestError
from genlab.testing.check import Check, bind, run_checks
from genlab.testing.component import component_checks
from genlab.testing.reference import CosineNoise, Fade, NoisyFade
from genlab.testing.sampler.case import Case
from genlab.testing.sampler.gaussian import GAUSSIAN
from genlab.testing.sampler.trajectories import TRAJECTORIES

__all__ = ["check_sampler", "sampler_checks"]


def check_sampler(instance: Sampler, *, degradations: Sequence[Degradation] | None = None) -> None:
    """Check a sampler against its contract.

    Args:
        instance: The sampler.
        degradations: What to walk back: of the class that the sampler requires, for vectors of 3 numbers.
            None: Gaussian noise, noise with a rate for each coordinate, and a deterministic one, where they
            fit.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, sampler_checks(instance, degradations=degradations))


def sampler_checks(
    instance: Sampler, *, degradations: Sequence[Degradation] | None = None
) -> Iterator[Check]:
    """Yield the checks of a sampler; one that is made for Gaussian noise has more of them.

    Args:
        instance: The sampler.
        degradations: See :func:`check_sampler`.
    """
    if degradations is None:
        degradations = [d for d in (CosineNoise(), NoisyFade(), Fade()) if _fits(instance, d)]
    case = Case(instance, tuple(degradations))
    yield from bind(TRAJECTORIES, case)
    if issubclass(instance.requires, DiagonalDegradation):
        yield from bind(GAUSSIAN, case)
    yield from component_checks(lambda: instance)


def _fits(sampler: Sampler, degradation: Degradation) -> bool:
    """Whether the sampler walks the degradation back, with the grid of this instance, too."""
    if not isinstance(degradation, sampler.requires):
        return False
    try:
        sampler.grid(1, degradation)
    except RequestError:
        return False
    return True
