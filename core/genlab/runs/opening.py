"""Opening run folders: weights, what cannot be imported, and versions that differ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from genlab.components.component import Component
from genlab.config import SLOTS, Chosen, Objects, Parts, Resolved, choose, made, version_of
from genlab.config.tables import holds_examples
from genlab.errors import RequestError, unknown
from genlab.runs.folder import RunFolder
from genlab.training import require_numbers

__all__ = ["checked_objects", "load_weights", "misfit", "warn_of_versions"]


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
            objects[slot] = dict(_named(slot.removesuffix("s"), item) for item in given)
            continue
        if slot not in places:
            raise unknown("component of this run", slot, places)
        if isinstance(given, Mapping) and not holds_examples(given):
            raise RequestError(f"{slot}: {given!r} is no {SLOTS[slot]}, but a table")
        chosen, found = choose(slot, given)
        if isinstance(given, Component):
            _warn_of_parameters(slot, places[slot], chosen)
        objects[slot] = given if found is None else found
    return objects


def _named(role: str, given: Any) -> tuple[str, Any]:
    chosen, found = choose(role, given)
    return chosen.name, made(role, chosen, {} if found is None else {role: found})


def load_weights(parts: Parts, folder: RunFolder, weights: Path | None = None) -> None:
    """Load the averaged weights of a run, and its prior.

    Args:
        parts: The components, freshly built.
        folder: The run folder.
        weights: The checkpoint; None: the last.

    Raises:
        RequestError: A file is missing or damaged, does not fit the components, or holds what is no number.
    """
    file = weights or folder.checkpoints.last
    _load(parts.module, folder.checkpoints.read(file).part("ema"), file, folder)
    if parts.prior is not None:
        file = folder.checkpoints.prior
        _load(parts.prior, folder.checkpoints.read(file).part("prior"), file, folder)


def misfit(what: str, folder: RunFolder, file: Path, error: Exception) -> RequestError:
    """Return the error for weights that do not fit, which names the packages that made them.

    Args:
        what: What they do not fit.
        folder: The run folder.
        file: The checkpoint.
        error: What was raised.
    """
    made_by = ", ".join(f"{slot}: {package}" for slot, package in sorted(folder.packages().items()))
    first = " ".join(str(error).split())[:200]
    return RequestError(
        f"{file} does not fit {what}: {first}. It was made by {made_by or 'no package'}"
    )


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


def _warn_of_parameters(slot: str, then: Chosen, now: Chosen) -> None:
    """Warn where an object that is handed in has other parameters than that of the run had."""
    others = {key: value for key, value in then.params.items() if now.params.get(key) != value}
    if others and slot != "dataset":  # which may have moved
        told = ", ".join(
            f"{k}={v!r} there and {k}={now.params.get(k)!r} here" for k, v in others.items()
        )
        warnings.warn(f"the {slot} {then.name} is not that of the run: it has {told}", stacklevel=4)


def _load(
    module: torch.nn.Module, state: Mapping[str, torch.Tensor], file: Path, folder: RunFolder
) -> None:
    try:
        require_numbers(state, file)
    except RequestError as error:
        raise RequestError(f"{error}. {folder.checkpoints.remedy(file)}") from None
    try:
        module.load_state_dict(dict(state))
    except RuntimeError as error:
        raise misfit(type(module).__name__, folder, file, error) from None
    module.eval()
