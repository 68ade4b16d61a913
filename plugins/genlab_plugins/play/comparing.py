"""Runs side by side: their curves, their numbers with intervals, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genlab import Run, compare

__all__ = ["Curve", "Table", "compared", "curves", "numbers", "told"]

_MOST_POINTS = 400  # of a curve


@dataclass(frozen=True)
class Curve:
    """A number over the steps of training.

    Args:
        run: The name of the run.
        number: The name of the number; ``"loss"`` is that of training.
        points: Pairs of step and value.
    """

    run: str
    number: str
    points: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Table:
    """Runs side by side, in words.

    Args:
        names: The runs.
        settings: What they differ in: the setting, and its value in each.
        numbers: The number, and its value in each with its interval.
        warnings: Where it is unfair to compare them.
    """

    names: Sequence[str]
    settings: Sequence[tuple[str, Sequence[str]]]
    numbers: Sequence[tuple[str, Sequence[str]]]
    warnings: Sequence[str]


def curves(names: Sequence[str], runs: Sequence[Run]) -> list[Curve]:
    """Return the loss of runs over their training, and the numbers of their evaluations on the way."""
    found = []
    for name, run in zip(names, runs, strict=True):
        loss = [(int(each["step"]), float(each["loss"])) for each in run.history if "loss" in each]
        found += [Curve(name, "loss", _thinned(loss))] if loss else []
        others: dict[str, list[tuple[int, float]]] = {}
        for line in run.evaluations:
            for number, value in line["values"].items():
                others.setdefault(number, []).append((int(line["step"]), float(value)))
        found += [Curve(name, number, points) for number, points in others.items()]
    return found


def compared(runs: Sequence[Run]) -> Table:
    """Say how runs differ.

    Raises:
        RequestError: One is there twice.
    """
    found = compare(runs, None)
    rows = {key: [told(value) for value in values] for key, values in found.facts.items()}
    rows |= {key: [told(value) for value in values] for key, values in found.settings.items()}
    measured = [
        (each.label, ["–" if r is None else _with_interval(r) for r in each.records])
        for each in found.numbers
    ]
    return Table(found.names, list(rows.items()), measured, found.warnings)


def numbers(run: Run) -> list[tuple[str, str, str, str]]:
    """Return the final numbers of a run: name, value with interval, that of real data, and N."""
    return [
        (str(r["name"]), _with_interval(r), told(r.get("baseline")), told(r.get("n")))
        for r in run.records
    ]


def told(value: Any) -> str:
    """Write a value for reading: four digits, a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(told, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _with_interval(record: Mapping[str, Any]) -> str:
    ends = record.get("interval")
    value = told(float(record["value"]))
    return f"{value} [{told(float(ends[0]))}, {told(float(ends[1]))}]" if ends else value


def _thinned(points: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """Return at most some hundred of the points, the last among them."""
    every = -(-len(points) // _MOST_POINTS)
    return points if every <= 1 else [*points[:-1:every], points[-1]]
