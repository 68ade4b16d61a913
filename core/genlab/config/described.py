"""Every setting of a run with its type, default and meaning, as its model and ``defaults.toml`` have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.fields import FieldInfo

from genlab.components.words import type_in_words
from genlab.config.request import MODELS
from genlab.config.resolve import defaults
from genlab.training.settings import UNITS

__all__ = ["Setting", "described_settings"]

_KINDS = {"image": "images", "vector": "vectors", "series": "series", "volume": "volumes"}
_UNITS = {
    "steps": ("int > 0", "budget in optimiser steps; a run has one budget"),
    "epochs": ("float > 0", "budget in passes over the data"),
    "minutes": ("float > 0", "budget in minutes of training"),
}


@dataclass(frozen=True)
class Setting:
    """One setting.

    Args:
        table: The table that it stands in; empty for none.
        name: Its name there.
        type: Its type and bounds, in words.
        meaning: What it is.
        default: Its value where nothing is said; None: there is none.
        others: Other defaults, by what they are for, such as ``vectors``.
    """

    table: str
    name: str
    type: str
    meaning: str
    default: Any = None
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What ``--set`` calls it."""
        return f"{self.table}.{self.name}".strip(".")

    @property
    def default_in_words(self) -> str:
        """Its defaults, as a table shows them."""
        if self.default is None and not self.others:
            return "by the degradation" if self.table == "restorer" else "none"
        others = [f"{words}: {_in_words(value)}" for words, value in self.others.items()]
        return "; ".join([_in_words(self.default), *others])


def described_settings() -> Mapping[str, tuple[Setting, ...]]:
    """Return all settings by table; those without a table stand under ``run``."""
    return {"run": tuple(_plain()), **{table: tuple(_of_table(table)) for table in MODELS}}


def _plain() -> Iterator[Setting]:
    for table, role in (("metrics", "what measures samples"), ("figures", "what is drawn")):
        usual = {words: defaults()[kind].get(table) for kind, words in _KINDS.items()}
        default, others = _first_and_others(usual)
        yield Setting("", table, "list of names or tables", role, default or "all that fit", others)
    yield Setting("", "seed", "int >= 0 < 2**63", "seed of everything that is random", 0)
    yield Setting("", "device", '"auto" | "cpu" | "cuda" | "mps"', "where to compute", "auto")
    yield Setting("", "data", "path", "data folder, for data sets that live in files")


def _of_table(table: str) -> Iterator[Setting]:
    for model in MODELS[table]:
        for name, info in model.model_fields.items():
            if name == "budget":
                for unit in UNITS:
                    default, others = _usual(table, unit, None)
                    yield Setting(table, unit, *_UNITS[unit], default, others)
            else:
                own = None if info.is_required() else info.default
                default, others = _usual(table, name, own)
                yield Setting(table, name, _type(info), info.description or "", default, others)


def _type(info: FieldInfo) -> str:
    return type_in_words(info.annotation, *info.metadata)


def _usual(table: str, name: str, own: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return the default of a setting, and others by what they are for."""
    usual = defaults()
    if table == "prior_training":
        return usual["prior"]["training"].get(name, own), {}
    if table == "training":
        by_kind = {words: usual[kind]["training"].get(name, own) for kind, words in _KINDS.items()}
        alone = {"a density": "bounded", "a density of vectors": "vector"}
        by_density = {
            words: usual["density"][kind]["training"].get(name, own)
            for words, kind in alone.items()
        }
        return _first_and_others({**by_kind, **by_density})
    if (table, name) == ("sampling", "count"):
        return _first_and_others({words: usual[kind]["count"] for kind, words in _KINDS.items()})
    return own, {}


def _first_and_others(values: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    first = next(iter(values.values()))
    return first, {words: value for words, value in values.items() if value != first}


def _in_words(value: Any) -> str:
    """Write a value as ``--set`` takes it."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    return str(value).lower() if isinstance(value, bool) else f"{value}".removesuffix(".0")
