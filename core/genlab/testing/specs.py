"""Small data of every kind, and for which of it a component can be built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch

from genlab.components.backbone import Backbone
from genlab.components.dataset import KINDS, DataSpec, Kind
from genlab.components.density import Density
from genlab.errors import RequestError
from genlab.testing.check import require

__all__ = ["built", "fitting", "labelled", "require_built_as_tags_say"]

_Built = TypeVar("_Built", bound=Backbone | Density)
_Build = Callable[[DataSpec], Backbone | Density]


def built(build: Callable[[DataSpec], _Built], spec: DataSpec, seed: int = 0) -> _Built:
    """Build with a seed of its own, and leave the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(spec)


def labelled(spec: DataSpec) -> DataSpec:
    """Return the same data with three classes."""
    return replace(spec, classes=3, names=("a", "b", "c"))


def fitting(build: _Build, tried: Sequence[DataSpec]) -> list[DataSpec]:
    """Return the specs that a component can be built for and whose kind its tags have.

    Whether it refuses the others as it should is the business of :func:`require_built_as_tags_say` alone.
    """
    found = []
    for spec in tried:
        try:
            component = built(build, spec)
        except Exception:
            continue
        if spec.kind in component.tags.data:
            found.append(spec)
    return found


def require_built_as_tags_say(build: _Build, tried: Sequence[DataSpec]) -> None:
    """Require that a component is built for the kinds of data in its tags, and refuses the others."""
    taken: set[Kind] = set()
    tagged: set[Kind] = set()
    for spec in tried:
        try:
            component = built(build, spec)
        except RequestError as error:
            require(bool(str(error)), f"the RequestError for {spec} has no message")
            continue
        except Exception as error:
            raise AssertionError(
                f"{spec} raises {type(error).__name__}, not RequestError: {error}"
            ) from error
        require(
            spec.kind in component.tags.data,
            f"it is built for {spec}, but tags.data = {sorted(component.tags.data)}",
        )
        taken.add(spec.kind)
        tagged |= component.tags.data
    kinds = sorted({spec.kind for spec in tried})
    require(bool(taken), f"it cannot be built for any small data of the kinds {kinds}")
    require(tagged <= set(KINDS), f"tags.data = {sorted(tagged)}: unknown kinds")
    refused = sorted((tagged & set(kinds)) - taken)
    require(not refused, f"tags.data has {refused[:1]}, but it is refused")
