"""Plain tables: what is laid over what, and how text becomes values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genlab.components.data import as_dataset
from genlab.errors import RequestError, brief
from genlab.guards import parsed_toml
from genlab.training.settings import UNITS

__all__ = [
    "SLOTS",
    "holds_examples",
    "merge",
    "merge_training",
    "nested",
    "parse_assignments",
    "refuse_two_places",
]

SLOTS: Mapping[str, str] = {
    "dataset": "dataset",
    "degradation": "degradation",
    "backbone": "backbone",
    "sampler": "sampler",
    "prior": "density",
    "density": "density",
    "objective": "objective",
    "optimiser": "optimiser",
    "prior_optimiser": "optimiser",
}
"""What a run is made of: the places that a component can take, and the role of each."""


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``key=value`` strings into nested tables.

    Values are read as TOML where they are TOML, and as plain strings otherwise.

    Example:
        >>> parse_assignments(["degradation.sigma_max=20", "prior=gmm"])
        {'degradation': {'sigma_max': 20}, 'prior': {'name': 'gmm'}}

    Raises:
        RequestError: An assignment without ``=``.
    """
    tables: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise RequestError(
                f"--set {brief(assignment)} is no assignment: write --set degradation.sigma_max=20"
            )
        tables = merge(tables, nested(key.strip(), _toml_value(text.strip())))
    return tables


def nested(key: str, value: Any) -> dict[str, Any]:
    """Return a value as a table in a table, by a key with dots."""
    for part in reversed(key.split(".")):
        value = {part: value}
    found: dict[str, Any] = value
    return found


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay tables over tables, key by key.

    A component that changes its name loses the parameters that the old one had, and so does one that an
    object takes the place of. The place of the data is that which is laid over: ``data``, or the ``path`` of
    the data set.

    Raises:
        RequestError: Parameters are to be changed of an object that was handed in.
    """
    merged = {key: _as_table(key, value) for key, value in base.items()}
    for key, value in over.items():
        value = _as_table(key, value)
        old = merged.get(key)
        if key in SLOTS and old is not None and not isinstance(old, Mapping):
            if isinstance(value, Mapping) and "name" not in value:
                raise RequestError(
                    f"{key}: {', '.join(value)} cannot be changed of an object that was handed in; give "
                    f"the object with it"
                )
            merged[key] = value
        elif not (isinstance(old, Mapping) and isinstance(value, Mapping)):
            merged[key] = value
        elif key in SLOTS and value.get("name", old.get("name")) != old.get("name"):
            merged[key] = dict(value)
        elif key in ("training", "prior_training"):
            merged[key] = merge_training(old, value)
        else:
            merged[key] = {**old, **value}
    return _in_one_place(merged, over)


def refuse_two_places(data: Any, path: Any) -> None:
    """Refuse a data folder and a ``path`` of the data set that are not the same.

    Args:
        data: The data folder; None or empty where there is none.
        path: The ``path`` of the data set; None where there is none.

    Raises:
        RequestError: They are two places.
    """
    if data and path and Path(data) != Path(path):
        raise RequestError(
            f"data = {str(data)!r} and dataset.path = {str(path)!r} are two places: give one of them"
        )


def _in_one_place(merged: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Forget a place of the data that another was laid over: ``data``, or the data set's own ``path``."""
    given, dataset = over.get("dataset"), merged.get("dataset")
    has_path = isinstance(given, Mapping) and "path" in given
    if over.get("data") and not has_path and isinstance(dataset, Mapping):
        merged["dataset"] = {key: value for key, value in dataset.items() if key != "path"}
    elif has_path and "data" not in over:
        merged.pop("data", None)
    return merged


def merge_training(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings of a training over others; a budget takes the place of any other."""
    if any(over.get(unit) is not None for unit in UNITS):
        base = {key: value for key, value in base.items() if key not in UNITS}
    return {**base, **over}


def holds_examples(value: Any) -> bool:
    """Say whether ``{"train": ..., "test": ...}`` holds data, and is no table of a component's parameters."""
    return isinstance(value, Mapping) and not isinstance(value.get("train", 0), int)


def _as_table(key: str, value: Any) -> Any:
    if key == "dataset" and holds_examples(value):
        return as_dataset(value)
    return {"name": value} if key in SLOTS and isinstance(value, str) else value


def _toml_value(text: str) -> Any:
    try:
        return parsed_toml(f"value = {text}")["value"]
    except (ValueError, KeyError):
        return text
