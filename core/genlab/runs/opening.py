"""Opening run folders: weights, what cannot be imported, and versions that differ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from genlab.config import Objects, Parts, Resolved, choose, version_of
from genlab.errors import RequestError, unknown
from genlab.runs.folder import RunFolder
from genlab.training import read_checkpoint

__all__ = ["checked_objects", "load_weights", "warn_of_versions"]


def checked_objects(config: Resolved, components: Mapping[str, Any]) -> Objects:
    """Check what is handed in to open a run with.

    Args:
        config: The configuration of the run.
        components: Objects by the place that they take; ``metrics`` and ``figures`` are lists.

    Raises:
        RequestError: The run has no such place, or an object does not fit it.
    """
    places = dict(config.components())
    objects: dict[str, Any] = {}
    for slot, given in components.items():
        if slot in ("metrics", "figures"):
            chosen = [choose(slot.removesuffix("s"), item) for item in given]
            objects[slot] = {c.name: item for (c, _), item in zip(chosen, given, strict=True)}
            continue
        if slot not in places:
            raise unknown("component of this run", slot, places)
        if isinstance(given, str):
            given = {"name": given}
        _, found = choose(slot, given)
        objects[slot] = given if found is None and not isinstance(given, Mapping) else found
    return {slot: found for slot, found in objects.items() if found is not None}


def load_weights(parts: Parts, weights: Path, prior: Path) -> None:
    """Load the averaged weights of a run, and its prior.

    Args:
        parts: The components, freshly built.
        weights: The checkpoint.
        prior: The file of the prior.

    Raises:
        RequestError: A file is missing or damaged, or does not fit the components.
    """
    _load(parts.module, read_checkpoint(weights).part("ema"), weights)
    parts.module.eval()
    if parts.prior is not None:
        _load(parts.prior, read_checkpoint(prior).part("prior"), prior)
        parts.prior.eval()


def warn_of_versions(folder: RunFolder, config: Resolved) -> None:
    """Warn where a component comes from another version of its package than the run was made with."""
    then = folder.packages()
    for slot, chosen in config.components():
        if slot not in then:
            continue
        try:
            now = version_of(slot, chosen)
        except RequestError:
            continue  # building it will say so, or it is handed in
        if now and now != then[slot]:
            warnings.warn(
                f"{folder.path}: the {slot} {chosen.name!r} was that of {then[slot]}, and is that of {now}",
                stacklevel=3,
            )


def _load(module: torch.nn.Module, state: Mapping[str, torch.Tensor], file: Path) -> None:
    try:
        module.load_state_dict(dict(state))
    except RuntimeError as error:
        first = " ".join(str(error).split())[:200]
        raise RequestError(f"{file} does not fit {type(module).__name__}: {first}") from None
