"""What varies in a sweep: every combination of values, several such grids, or draws from ranges."""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pydantic
from torch import nn

from genlab.components.component import Component
from genlab.config import checked, merge, nested
from genlab.errors import RequestError
from genlab.guards import file_name

__all__ = ["Range", "Sweep", "change_of", "combinations", "is_plain", "labels_of", "range_of"]

Sweep = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""What varies: a table, or several whose runs are put together."""

Combination = tuple[str, dict[str, Any]]  # its label, and its change to the request


def combinations(sweep: Sweep) -> Iterator[Combination]:
    """Give every combination of a sweep's values: its label and its change to the request.

    A table with a list of values for each setting stands for all combinations,
    ``{"degradation": ["gaussian", "blur"], "seed": [0, 1, 2]}``. Several tables, in TOML ``[[sweep]]``, are
    put together, so that single combinations can be listed. A table with ``draws`` draws that many times,
    from lists and from ranges: ``{"draws": 20, "optimiser.lr": {"low": 1e-4, "high": 1e-2, "log": True}}``;
    ``draws = {count = 20, seed = 1}`` draws others.

    Args:
        sweep: What varies.

    Raises:
        RequestError: A value is no list and no range, or a combination is there twice.
    """
    seen: set[str] = set()
    for table in [sweep] if isinstance(sweep, Mapping) else sweep:
        for label, change in _of_table(table):
            if label in seen:
                raise RequestError(f"sweep: {label} is there twice")
            seen.add(label)
            yield label, change


def is_plain(value: Any) -> bool:
    """Say whether a setting is a plain value, and no object."""
    return value is None or isinstance(value, str | int | float | list | Mapping)


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


class _Draws(_Strict):
    count: pydantic.PositiveInt
    seed: pydantic.NonNegativeInt = 0


class Range(_Strict):
    """A range that values are drawn from.

    Args:
        low: The lowest.
        high: The highest.
        log: Whether logarithms are drawn evenly.
    """

    low: int | float
    high: int | float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers, as low and high are."""
        return isinstance(self.low, int) and isinstance(self.high, int)


def _of_table(table: Any) -> Iterator[Combination]:
    if not isinstance(table, Mapping) or not table.keys() - {"draws"}:
        raise RequestError("sweep: the table is empty; it has a list of values for each setting")
    if "draws" in table:
        yield from _drawn({k: v for k, v in table.items() if k != "draws"}, table["draws"])
        return
    labelled = [zip(labels_of(key, values), values, strict=True) for key, values in table.items()]
    for combination in itertools.product(*labelled):
        values = [value for _, value in combination]
        yield "-".join(label for label, _ in combination), change_of(table, values)


def change_of(keys: Iterable[str], values: Iterable[Any]) -> dict[str, Any]:
    """Return a change to the request; components come before their parameters, which go with another name.

    Args:
        keys: Settings.
        values: Their values.
    """
    change: dict[str, Any] = {}
    pairs = zip(keys, values, strict=True)
    for key, value in sorted(pairs, key=lambda pair: pair[0].removesuffix(".name").count(".")):
        change = merge(change, nested(key, value))
    return change


def _drawn(table: Mapping[str, Any], draws: Any) -> Iterator[Combination]:
    """Draw from lists and ranges; the first draws do not depend on how many there are."""
    given = checked(
        _Draws, "sweep.draws", draws if isinstance(draws, Mapping) else {"count": draws}
    )
    generator = random.Random(given.seed)
    for number in range(given.count):
        values = [_draw(key, values, generator) for key, values in table.items()]
        yield f"draw-{given.seed}-{number:03d}", change_of(table, values)


def _draw(key: str, values: Any, generator: random.Random) -> Any:
    if not isinstance(values, Mapping):
        labels_of(key, values)
        return generator.choice(values)
    bounds = range_of(key, values)
    low, high = bounds.low, bounds.high
    if bounds.log:
        drawn = math.exp(generator.uniform(math.log(low), math.log(high)))
    else:
        drawn = generator.uniform(low, high)
    return min(max(round(drawn), int(low)), int(high)) if bounds.whole else drawn


def range_of(key: str, values: Mapping[str, Any]) -> Range:
    """Return the range of a setting.

    Args:
        key: The setting, for the message.
        values: The table ``{low, high, log}``.

    Raises:
        RequestError: It is no range.
    """
    bounds = checked(Range, f"sweep.{key}", values)
    if not (bounds.low < bounds.high and (bounds.low > 0 or not bounds.log)):
        raise RequestError(
            f"sweep.{key}: a range goes up from low to high, from above 0 where log is true"
        )
    return bounds


def labels_of(key: str, values: Any) -> list[str]:
    """Return values of a sweep as parts of the names of folders; objects that look the same are numbered.

    Args:
        key: The setting, for the message.
        values: Its values.

    Raises:
        RequestError: They are no list, or one is there twice.
    """
    if not isinstance(values, list) or not values:
        raise RequestError(f"sweep.{key}: a sweep goes through a list of values")
    labels = [_label(value) for value in values]
    for i, value in enumerate(values):
        if labels.count(labels[i]) > 1 and is_plain(value):
            raise RequestError(f"sweep.{key}: {labels[i]} is there twice")
    return [
        label if labels.count(label) == 1 else f"{label}-{labels[:i].count(label) + 1}"
        for i, label in enumerate(labels)
    ]


def _label(value: Any) -> str:
    if isinstance(value, Mapping):
        found = "-".join(map(str, value.values()))
    elif inspect.isclass(value) or inspect.isfunction(value):
        found = value.__name__
    elif is_plain(value) or (isinstance(value, Component) and not isinstance(value, nn.Module)):
        found = str(value)
    else:
        found = type(value).__name__
    return file_name(found)
