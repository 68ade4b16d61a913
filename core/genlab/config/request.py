"""Requests: what is asked for, everything optional."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from genlab.components.parameters import unknown_setting
from genlab.config.settings import (
    EvaluationSettings,
    RestorerSettings,
    RunSettings,
    SamplingSettings,
)
from genlab.config.tables import SLOTS
from genlab.errors import RequestError, brief
from genlab.training.settings import UNITS, TrainingSettings

__all__ = ["MODELS", "SETTINGS", "Request"]

MODELS: Mapping[str, tuple[type[BaseModel], ...]] = {
    "restorer": (RestorerSettings,),
    "training": (TrainingSettings, RunSettings),
    "prior_training": (TrainingSettings,),
    "sampling": (SamplingSettings,),
    "evaluation": (EvaluationSettings,),
}
"""The tables of settings, and the models of what each of them has."""


def _names(models: Iterable[type[BaseModel]]) -> tuple[str, ...]:
    """Return the names of all settings of a table; the budget of a training goes by its unit."""
    fields = [name for model in models for name in model.model_fields]
    return tuple(n for name in fields for n in (UNITS if name == "budget" else (name,)))


SETTINGS: Mapping[str, tuple[str, ...]] = {table: _names(MODELS[table]) for table in MODELS}
"""The tables of settings, and what each of them has."""

_PLAIN = ("experiment", "seed", "device", "data")
_LISTS = ("metrics", "figures")


@dataclass(frozen=True)
class Request:
    """What is asked for. Nothing has to be; :func:`genlab.config.resolve` fills in the rest.

    Args:
        components: Components by the place that they take: tables with a name and parameters, or objects.
        lists: Metrics and figures: lists of names, tables or objects.
        settings: Settings by table.
        plain: Experiment, seed, device and data folder.
    """

    components: Mapping[str, Any] = field(default_factory=dict)
    lists: Mapping[str, Iterable[Any]] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plain: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> Request:
        """Return the request of plain tables, whose names are checked, but not yet their values.

        Raises:
            RequestError: A name that does not exist; the message lists the right ones.
        """
        known = (*_PLAIN, *SLOTS, *_LISTS, *SETTINGS)
        for key, value in tables.items():
            if key not in known:
                raise unknown_setting("", key, known, "a run")
            if key in SETTINGS:
                _check_table(key, value)
        given = {key: value for key, value in tables.items() if value is not None}
        return cls(
            components={k: v for k, v in given.items() if k in SLOTS},
            lists={k: _listed(k, v) for k, v in given.items() if k in _LISTS},
            settings={k: v for k, v in given.items() if k in SETTINGS},
            plain={k: v for k, v in given.items() if k in _PLAIN},
        )

    def tables(self) -> dict[str, Any]:
        """Return the request as plain tables, objects as they are."""
        return {**self.plain, **self.components, **self.lists, **self.settings}


def _check_table(table: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise RequestError(
            f"{table} = {brief(value)}: it is a table of settings, such as [{table}]"
        )
    for key in value:
        if key not in SETTINGS[table]:
            raise unknown_setting(table, key, SETTINGS[table], table)


def _listed(key: str, value: Any) -> list[Any]:
    if isinstance(value, str | Mapping | BaseModel) or not isinstance(value, Iterable):
        return [value]
    return list(value)
