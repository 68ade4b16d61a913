"""The comparison of runs: how they differ, their numbers, curves and samples, as values and as files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from genlab.components.html import card, picture, quiet, table
from genlab.evaluation.comparison import (
    Compared,
    Group,
    Number,
    aggregated,
    differences,
    groups_over,
    numbers_of,
    unfair,
)
from genlab.report.text import between, number, setting

__all__ = ["Comparison", "comparison"]

_FACTS = ("steps", "training_s", "parameters", "sampling_steps", "device")


@dataclass(frozen=True, repr=False)
class Comparison:
    """How runs differ, or groups of runs that differ in nothing but one setting.

    In a notebook it shows itself; :meth:`flat` has all of it as plain values.

    Args:
        runs: The runs.
        numbers: The numbers of each run, or of each group: there ``value`` is the mean over its ``runs``,
            ``interval`` is Student's, and ``range`` holds the lowest and the highest.
        warnings: Where it is unfair to compare them.
        over: The setting in which the runs of a group differ; None where runs are compared one by one.
        groups: The groups; none where runs are compared one by one.
        files: The table and the figures, where they were written.
    """

    runs: tuple[Compared, ...]
    numbers: tuple[Number, ...]
    warnings: tuple[str, ...]
    over: str | None = None
    groups: tuple[Group, ...] = ()
    files: tuple[Path, ...] = field(default=())

    @cached_property
    def names(self) -> list[str]:
        """The names of what is compared: groups, or runs."""
        return [each.name for each in self.groups or self.runs]

    @cached_property
    def settings(self) -> dict[str, tuple[Any, ...]]:
        """The settings that differ, with the value of each that is compared (or None)."""
        return differences(self._first)

    @cached_property
    def facts(self) -> dict[str, list[Any]]:
        """What each is made of, and how its training went; the mean over the runs of a group."""
        members = [group.members for group in self.groups] or [(i,) for i in range(len(self.runs))]
        found: dict[str, list[Any]] = {"made of": [run.made_of for run in self._first]}
        for key in _FACTS:
            values = [_mean([_fact(self.runs[i], key) for i in places]) for places in members]
            if any(value is not None for value in values):
                found[key] = values
        return found

    @property
    def _first(self) -> list[Compared]:
        """What stands for each that is compared."""
        return [self.runs[g.members[0]] for g in self.groups] if self.groups else list(self.runs)

    def flat(self) -> dict[str, Any]:
        """Return all of it as plain values, as ``genlab compare --json`` prints them."""
        found: dict[str, Any] = {"compared": self.names}
        if self.groups:
            found["over"] = self.over
            found["groups"] = [
                {"name": g.name, "runs": [self.runs[i].name for i in g.members], "values": list(g.values)}
                for g in self.groups
            ]  # fmt: skip
        numbers = [
            {"name": each.name, **each.how, "records": [r and dict(r) for r in each.records]}
            for each in self.numbers
        ]
        return found | {
            "settings": {key: list(values) for key, values in self.settings.items()},
            "facts": self.facts, "numbers": numbers, "warnings": list(self.warnings),
            "files": [str(file) for file in self.files],
        }  # fmt: skip

    def csv(self) -> str:
        """Return facts and numbers as a CSV file with one row for each that is compared."""
        rows: list[dict[str, Any]] = [{"run": name} for name in self.names]
        for row, run in zip(rows, self._first, strict=True):
            row["data"] = run.settings.get("dataset")
        for key, values in self.facts.items():
            for row, value in zip(rows, values, strict=True):
                row[key] = value
        for each in self.numbers:
            for row, record in zip(rows, each.records, strict=True):
                row |= {} if record is None else _cells(each.label, record)
        columns = dict.fromkeys(key for row in rows for key in row)
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue()

    def __repr__(self) -> str:
        return f"<comparison of {', '.join(self.names)}>"

    def _repr_html_(self) -> str:
        """Show the comparison in a notebook: settings, numbers, warnings and curves."""
        drawn = next((file for file in self.files if file.name == "curves.png"), None)
        rows = [
            [each.label if place == 0 else "", name, *_shown(record)]
            for each in self.numbers
            for place, (name, record) in enumerate(zip(self.names, each.records, strict=True))
        ]
        differing = {key: map(number, values) for key, values in self.facts.items()}
        differing |= {key: map(setting, values) for key, values in self.settings.items()}
        return card(
            " | ".join(self.names),
            *(quiet(f"note: {warning}") for warning in self.warnings),
            table(("setting", *self.names), [[key, *values] for key, values in differing.items()]),
            table(("number", "", "value", "95 % interval", "real vs real", "N"), rows),
            picture(drawn.read_bytes(), "curves") if drawn and drawn.is_file() else "",
        )


def _fact(run: Compared, key: str) -> Any:
    if key == "training_s":
        return run.metrics.get("seconds", {}).get("training")
    return run.metrics.get(key)


def _mean(values: Sequence[Any]) -> Any:
    """Return the value that all have, the mean of numbers, or otherwise None."""
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, int | float) for value in values):
        return math.fsum(values) / len(values)
    return None


def _cells(label: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a number in a row of a CSV file."""
    low, high = record.get("interval") or (None, None)
    found = {
        label: record["value"], f"{label} low": low, f"{label} high": high, f"{label} N": record.get("n"),
        f"{label} baseline": record.get("baseline"),
    }  # fmt: skip
    if "runs" in record:
        found |= {f"{label} runs": record["runs"]}
        found |= dict(zip((f"{label} min", f"{label} max"), record["range"], strict=True))
    return found


def _shown(record: Mapping[str, Any] | None) -> list[str]:
    if record is None:
        return ["–"]
    several = f" (mean of {record['runs']})" if "runs" in record else ""
    ends = between(record.get("interval"))
    return [number(float(record["value"])) + several, ends,
            *(number(record.get(key)) for key in ("baseline", "n"))]  # fmt: skip


def comparison(runs: Sequence[Compared], *, over: str | None = None) -> Comparison:
    """Say how runs differ.

    Args:
        runs: The runs.
        over: A setting: runs that differ in nothing else are put together; None: each stands alone.

    Raises:
        RequestError: There is no such setting, or no two runs differ in nothing but it.
    """
    numbers = numbers_of(runs)
    warnings = tuple(unfair(runs, numbers, over=over))
    if over is None:
        return Comparison(tuple(runs), tuple(numbers), warnings)
    groups = groups_over(runs, over)
    means = tuple(aggregated(each, groups) for each in numbers)
    return Comparison(tuple(runs), means, warnings, over, tuple(groups))
