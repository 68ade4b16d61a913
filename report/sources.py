"""What the report may quote: the numbers and the figures below ``report/results``.

A number is asked for by its name and comes back rounded. One that is not there is an error; in a draft it
is written down as missing, and prints as ``??``.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from genlab.evaluation.intervals import seeds_interval

__all__ = ["Compared", "Missing", "Number", "ResultError", "Results"]

_COLUMNS = ("frechet", "confidence", "smallest class", "largest class", "baseline")
_PLACES = {"frechet": 2, "baseline": 2}
_SPREAD = ("frechet", "confidence")
_CHANGED = "parameters of the degradation"
_NAMES = {"method": "method", "steps": "sampling_steps"}


class ResultError(Exception):
    """A result, number or figure is not there, or a statement is not true of the numbers."""


class Number(float):
    """A number that prints as it was rounded, and compares and computes as it was measured."""

    text: str

    def __new__(cls, value: float, text: str) -> Self:
        """Return ``value``, printing as ``text``."""
        number = super().__new__(cls, value)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


class Missing(Number):
    """A number that is not there yet: it prints as ``??``, and every comparison with it holds."""

    def __new__(cls) -> Self:
        """Return a number that is not there."""
        return super().__new__(cls, math.nan, "??")

    def _holds(self, other: object) -> bool:
        return True

    __lt__ = __le__ = __gt__ = __ge__ = _holds


@dataclass(frozen=True)
class Compared:
    """One line of the comparison of degradations: the mean over its seeds, and their range.

    Args:
        label: Degradation, and what is not usual about its training.
        degradation: Name of the degradation.
        usual: Whether nothing was set but the degradation.
        sampler: Name of the sampler.
        steps: Steps of the trajectory.
        seeds: How many seeds there are.
        numbers: The columns.
        older: Whether it was trained with the defaults of an earlier version.
        interval: The interval of the Fréchet distance: of the samples of one seed, or of a mean over several.
    """

    label: str
    degradation: str
    usual: bool
    sampler: str
    steps: str
    seeds: int
    numbers: Mapping[str, Number]
    older: bool
    interval: tuple[float, float] | None = None


@dataclass
class Results:
    """The results in a folder.

    Args:
        folder: One folder per result, each with ``results.json`` and pictures.
        draft: Write down what is missing or untrue, and go on.
    """

    folder: Path
    draft: bool = False
    missing: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    _read: dict[str, Any] = field(default_factory=dict)

    def value(
        self,
        source: str,
        number: str,
        *,
        digits: int = 3,
        percent: bool = False,
        column: str = "value",
        seeds: bool = False,
        **where: object,
    ) -> Number:
        """Return a measured number.

        Args:
            source: Name of a result, or ``degradations-compared/NAME`` for the rows of a degradation.
            number: Name of a metric; in results that are tables, of a column.
            digits: Digits after the point.
            percent: Print a hundred times the number, and the sign.
            column: ``value``, ``baseline`` or ``n`` of a metric.
            seeds: The mean over this result and those that differ from it in the seed alone.
            where: What else the record says, such as ``sampler="naive"``, ``steps=10``.

        Raises:
            ResultError: There is no such number, or there are several.
        """
        try:
            sources = self.seeds(source) if seeds else [source]
            found = [v for name in sources for v in self._found(name, number, column, where)]
        except ResultError as error:
            return self._lacks(f"{source}, {number}: {error}")
        return _mean(found, digits, percent=percent, spread=not seeds)

    def interval(self, source: str, number: str, *, digits: int = 2, seeds: bool = False) -> str:
        """Return the interval of a metric as it is printed: ``0.54–0.77``.

        Args:
            source: Name of a result.
            number: Name of a metric, with the run's own sampler.
            digits: Digits after the point.
            seeds: Student's interval of the mean over this result and those of other seeds.

        Raises:
            ResultError: There is no such metric, or it has no interval.
        """
        try:
            ends = self._ends(source, number, seeds=seeds)
        except ResultError as error:
            return str(self._lacks(f"{source}, {number}: {error}"))
        return "–".join(f"{end:,.{digits}f}" for end in ends)

    def seeds(self, source: str) -> list[str]:
        """Return the name of a result, and those of the results that differ from it in the seed alone."""
        others = self.folder.glob(f"{source}-seed-*/results.json")
        return [source, *sorted(file.parent.name for file in others)]

    def _found(
        self, source: str, number: str, column: str, where: Mapping[str, object]
    ) -> list[float]:
        """Return the values of a number in the records that are meant, several for several seeds."""
        name, _, degradation = source.partition("/")
        asked = {_NAMES.get(key, key): wanted for key, wanted in where.items()}
        if degradation:
            asked["degradation"] = degradation
        records = self._records(name, number)
        if records and "name" in records[0]:
            asked["name"] = number
        else:
            column = number
        kept = [r for r in records if all(r.get(k) == v for k, v in asked.items())]
        found = [float(r[column]) for r in _decided(kept) if r.get(column) is not None]
        if not found:
            raise ResultError(f"no {column!r} where {_said(asked)}")
        return found

    def _ends(self, source: str, number: str, *, seeds: bool) -> tuple[float, float]:
        sources = self.seeds(source) if seeds else [source]
        if len(sources) > 1:
            values = [v for name in sources for v in self._found(name, number, "value", {})]
            ends = seeds_interval(values)
        else:
            records = [r for r in self._records(source, number) if r.get("name") == number]
            ends = next((r["interval"] for r in _decided(records) if r.get("interval")), None)
        if ends is None:
            raise ResultError("there is no interval")
        return ends

    def fact(self, source: str, *keys: str, digits: int = 0, per: float = 1) -> Number | str:
        """Return what a result says of itself: ``fact("ddpm-mnist", "seconds", "training", per=60)``.

        Args:
            source: Name of a result.
            keys: The keys that lead to the entry.
            digits: Digits after the point of a number.
            per: What a number is divided by.

        Raises:
            ResultError: There is no such entry.
        """
        try:
            entry = self._result(source)
            for key in keys:
                if not isinstance(entry, dict) or entry.get(key) is None:
                    raise ResultError(f"there is no {' / '.join(keys)!r}")
                entry = entry[key]
        except ResultError as error:
            return self._lacks(f"{source}: {error}")
        if isinstance(entry, bool) or not isinstance(entry, int | float):
            return str(entry)
        return Number(entry / per, f"{entry / per:,.{digits}f}")

    def command(self, source: str) -> str:
        """Return the command that made a result, or the row of a degradation, ``.../NAME``."""
        name, _, degradation = source.partition("/")
        if not degradation:
            return str(self.fact(source, "command"))
        rows = self._records(name, "rows", lenient=True)
        found = [r for r in rows if r["degradation"] == degradation and r.get("commands")]
        if found:
            return str(min(found, key=lambda r: int(r["seed"]))["commands"][0])
        return str(self._lacks(f"{source}: there is no command"))

    def figure(self, source: str, name: str) -> str | None:
        """Return the path of a figure relative to the results, or None for one that is missing in a draft.

        Raises:
            ResultError: There is no such figure.
        """
        for path in self._files(source, name):
            return path
        self._lacks(f"the figure {source}/{name}.png")
        return None

    def has(self, source: str, name: str) -> bool:
        """Return whether there is a figure."""
        return bool(self._files(source, name))

    def _files(self, source: str, name: str) -> list[str]:
        paths = [f"{source}/{name}.{kind}" for kind in ("png", "svg")]
        return [path for path in paths if (self.folder / path).is_file()]

    def ablation(self, source: str) -> list[dict[str, Any]]:
        """Return the rows of an ablation as they are printed.

        Raises:
            ResultError: There are none.
        """
        rows = self._records(source, "rows", lenient=self.draft)
        return [
            {"name": row["name"], "frechet": f"{row['frechet']:.2f}",
             "interval": f"{row['low']:.2f}–{row['high']:.2f}",
             "low": row["low"], "high": row["high"],
             "n": f"{row['n']:,}", "steps": f"{row['steps']:,}", "walk": f"{row['sampling_steps']}",
             "command": row["command"],
             **{key: f"{row[key]:.3f}" for key in ("confidence", "precision", "recall")}}
            for row in rows
        ]  # fmt: skip

    def evaluations(self, source: str) -> list[dict[str, Number]]:
        """Return what was measured while a model was trained: step, minutes, n and the values by name.

        Raises:
            ResultError: Nothing was measured.
        """
        try:
            result = self._result(source)
            lines = result.get("evaluations") if isinstance(result, dict) else None
            if not lines:
                raise ResultError("there are no evaluations")
        except ResultError as error:
            self._lacks(f"{source}: {error}")
            return []
        return [
            {
                "step": _rounded(line["step"], 0),
                "minutes": _rounded(line["elapsed_s"] / 60, 1),
                "n": _rounded(line["n"], 0),
                **{k: _rounded(value, _PLACES.get(k, 3)) for k, value in line["values"].items()},
            }
            for line in lines
        ]

    def measurements(self, source: str) -> list[dict[str, Any]]:
        """Return what was measured of a run, as it was measured.

        Raises:
            ResultError: There is no such result.
        """
        return self._records(source, "metrics")

    def evaluated(self, source: str) -> list[dict[str, Any]]:
        """Return what was measured while a model was trained, as it was measured.

        Raises:
            ResultError: There is no such result.
        """
        lines: list[dict[str, Any]] = self._result(source)["evaluations"]
        return lines

    def losses(self, source: str) -> list[list[float]]:
        """Return steps of a training, each with the running median of its loss.

        Raises:
            ResultError: There is no such result.
        """
        pairs: list[list[float]] = self._result(source)["loss"]
        return pairs

    def published(self) -> list[dict[str, Any]]:
        """Return the numbers of other people's work, as ``published.toml`` quotes them."""
        text = (Path(__file__).parent / "published.toml").read_text("utf-8")
        lines: list[dict[str, Any]] = tomllib.loads(text)["published"]
        return lines

    def compared(self, degradations: Sequence[str]) -> list[Compared]:
        """Return the comparison of degradations, the lines that count most first.

        Lines that differ in nothing but the seed are one. A mean of several seeds says more than one of
        them: the most seeds come first, and of equally many the smallest Fréchet distance.

        Args:
            degradations: Those that must be there.

        Raises:
            ResultError: One of them is not there.
        """
        rows = self._records("degradations-compared", "rows", lenient=True)
        for name in degradations:
            if not any(row["degradation"] == name for row in rows):
                self._lacks(f"degradations-compared/{name}: there is no row")
        groups: dict[tuple[str, str, str, int], list[dict[str, Any]]] = {}
        for row in rows:
            key = (row["degradation"], _unusual(row, rows), row["sampler"], row["sampling_steps"])
            groups.setdefault(key, []).append(row)
        lines = []
        for (name, unusual, sampler, steps), group in groups.items():
            numbers = {
                column: _mean(
                    [r[column] for r in group], _PLACES.get(column, 3), spread=column in _SPREAD
                )
                for column in _COLUMNS
            }
            label = f"{name}, {unusual}" if unusual else name
            lines.append(
                Compared(
                    label, name, not unusual, sampler, f"{steps}", len(group), numbers,
                    any("defaults" in row for row in group), _interval(group),
                )
            )  # fmt: skip
        return sorted(lines, key=lambda line: (-line.seeds, line.numbers["frechet"]))

    def measured(self, degradations: Sequence[str]) -> list[str]:
        """Return those degradations that the comparison has rows of."""
        rows = self._records("degradations-compared", "rows", lenient=True)
        return [name for name in degradations if any(r["degradation"] == name for r in rows)]

    def check(self, holds: bool, statement: str) -> str:
        """Hold the text to the numbers: it prints nothing, and fails where a statement is not true.

        Raises:
            ResultError: The statement is not true.
        """
        if not holds:
            if not self.draft:
                raise ResultError(f"no longer true: {statement}")
            if statement not in self.untrue:
                self.untrue.append(statement)
        return ""

    def _records(self, name: str, number: str, *, lenient: bool = False) -> list[dict[str, Any]]:
        """Return the records of a result: its metrics, its rows, or the list that it is."""
        try:
            result = self._result(name)
        except ResultError as error:
            if not lenient:
                raise
            self._lacks(f"{name}, {number}: {error}")
            return []
        if isinstance(result, list):
            return result
        records: list[dict[str, Any]] = result.get("rows") or result.get("metrics") or []
        return records

    def _result(self, name: str) -> Any:
        if name not in self._read:
            file = self.folder / name / "results.json"
            if not file.is_file():
                raise ResultError(f"there is no {name}/results.json")
            self._read[name] = json.loads(file.read_text("utf-8"))
        return self._read[name]

    def _lacks(self, what: str) -> Missing:
        if not self.draft:
            raise ResultError(what)
        if what not in self.missing:
            self.missing.append(what)
        return Missing()


def _decided(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records that are meant: the run's own sampler before others, and its largest N.

    Raises:
        ResultError: Records of several samplers, methods or losses are left.
    """
    own = [r for r in records if "name" in r and not r.get("sampler")]
    records = own or records
    most = max((r["n"] for r in records if "n" in r), default=None)
    records = [r for r in records if r.get("n") == most]
    for key in (
        "sampler",
        "sampling_steps",
        "method",
        "loss",
        "prediction",
        "checkpoint",
        _CHANGED,
    ):
        kinds = sorted({str(r.get(key) or None) for r in records})
        if len(kinds) > 1:
            raise ResultError(f"several of {key}: {', '.join(kinds)}; say which")
    return records


def _unusual(row: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return what was set about a training, and what it predicted where that has changed since."""
    name, command = row["degradation"], " ".join(row.get("commands", [])[:1])
    said = [word.partition(".")[2] for word in command.split() if "." in word and "=" in word]
    now = {r["prediction"] for r in rows if r["degradation"] == name and "prediction" in r}
    if now and not said and row.get("prediction") not in now:
        said.append("as it was before")
    return ", ".join(word.replace("=", " ") for word in said)


def _mean(
    values: Sequence[float], digits: int, *, percent: bool = False, spread: bool = True
) -> Number:
    """Return the mean, printed with the range where that is asked for and there are several values."""
    scale, unit = (100, "\N{NO-BREAK SPACE}%") if percent else (1, "")
    mean = sum(values) / len(values)
    text = f"{mean * scale:,.{digits}f}"
    if spread and len(values) > 1:
        low, high = min(values) * scale, max(values) * scale
        text += f" ({low:,.{digits}f}–{high:,.{digits}f})"
    return Number(mean, text.replace("-", "−") + unit)


def _interval(group: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Return the interval of the samples of one row, or Student's interval of the mean of several seeds."""
    if len(group) > 1:
        return seeds_interval([row["frechet"] for row in group])
    low, high = group[0].get("interval") or (None, None)
    return None if low is None or high is None else (low, high)


def _rounded(value: float, digits: int) -> Number:
    return Number(value, f"{value:,.{digits}f}")


def _said(asked: Mapping[str, object]) -> str:
    return ", ".join(f"{key} = {value!r}" for key, value in asked.items())
