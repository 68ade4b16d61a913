"""How runs differ: in their settings and their numbers, and where it is unfair to compare these."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from genlab.errors import RequestError, unknown
from genlab.evaluation.intervals import seeds_interval
from genlab.evaluation.measured import CHOICES, measured_with

__all__ = [
    "Compared",
    "Group",
    "Number",
    "aggregated",
    "differences",
    "groups_over",
    "numbers_of",
    "unfair",
]

_WHERE = ("experiment", "figures", "data")  # settings that no number depends on
_ASIDE = (*_WHERE, "metrics", "training.save_every", "training.log_every", "evaluation.times",
          "evaluation.count", "evaluation.steps")  # fmt: skip
"""Settings in which two runs may differ that are otherwise the same."""

_UNITS = ("steps", "epochs", "minutes")
_MOST_NAMES = 4  # in a warning


@dataclass(frozen=True)
class Compared:
    """What a comparison sees of one run.

    Args:
        name: Its name.
        made_of: What it is made of, in words.
        tables: Its configuration, as it stands in ``run.toml``.
        metrics: Its final numbers and what else was found out, as they stand in ``metrics.json``.
    """

    name: str
    made_of: str
    tables: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by its dotted name; a component by its place, its parameters below it."""
        return dict(_flat({k: v for k, v in self.tables.items() if k not in _WHERE}))

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """One record per final number."""
        return list(self.metrics.get("metrics", []))


@dataclass(frozen=True)
class Number:
    """One number of several runs.

    Args:
        name: Its name.
        how: What of :data:`genlab.evaluation.measured.CHOICES` it was measured with, where these were chosen.
        records: The record of each run, or None for one that lacks the number.
    """

    name: str
    how: Mapping[str, Any]
    records: tuple[Mapping[str, Any] | None, ...]

    @property
    def label(self) -> str:
        """The name, and how the number was measured."""
        how = measured_with(self.how)
        return f"{self.name} ({how})" if how else self.name


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but one setting.

    Args:
        name: What tells them from other groups, in words.
        members: Their places among the runs.
        values: The value of the setting in each.
    """

    name: str
    members: tuple[int, ...]
    values: tuple[Any, ...]


# -- settings ----------------------------------------------------------------------------------


def _flat(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, Mapping):
            named = {k: v for k, v in value.items() if k in ("name", "class")}
            if named and not prefix:
                yield key, next(iter(named.values()))
            yield from _flat({k: v for k, v in value.items() if k not in named}, f"{prefix}{key}.")
        elif isinstance(value, list | tuple) and all(isinstance(v, Mapping) for v in value):
            yield f"{prefix}{key}", [_in_words(each) for each in value]
        else:
            yield f"{prefix}{key}", value


def _in_words(component: Mapping[str, Any]) -> str:
    """Write a component of a list as its name and parameters."""
    name = component.get("name", component.get("class", ""))
    params = {k: v for k, v in component.items() if k not in ("name", "class")}
    inside = ", ".join(f"{key}={value!r}" for key, value in params.items())
    return f"{name}({inside})" if inside else str(name)


def differences(runs: Sequence[Compared]) -> dict[str, tuple[Any, ...]]:
    """Return the settings that are not the same for all runs, with the value of each run (or None).

    A parameter of a component that not all runs have is among them.

    Args:
        runs: The runs.
    """
    settings = [run.settings for run in runs]
    keys = dict.fromkeys(key for each in settings for key in each)
    # What belongs to a component stands below it, that of every run.
    tables = list(dict.fromkeys(key.partition(".")[0] for key in keys))
    ordered = sorted(keys, key=lambda key: tables.index(key.partition(".")[0]))
    values = {key: tuple(each.get(key) for each in settings) for key in ordered}
    return {key: found for key, found in values.items() if any(v != found[0] for v in found[1:])}


# -- numbers -----------------------------------------------------------------------------------


def numbers_of(runs: Sequence[Compared]) -> list[Number]:
    """Put the final numbers of runs side by side.

    A run may have the same number of several N: the largest N that all runs have it of is taken, and where
    there is none the largest of each.

    Args:
        runs: The runs.
    """
    found: dict[tuple[Any, ...], list[dict[int, Mapping[str, Any]]]] = {}
    for place, run in enumerate(runs):
        for record in run.records:
            key = (record["name"], *(record.get(each) for each in CHOICES))
            found.setdefault(key, [{} for _ in runs])[place][record.get("n", 0)] = record
    numbers = []
    for (name, *how), each in found.items():
        shared = set.intersection(*(set(sizes) for sizes in each if sizes))
        records = tuple(
            (sizes[max(shared)] if shared else sizes[max(sizes)]) if sizes else None
            for sizes in each
        )
        chosen = {key: value for key, value in zip(CHOICES, how, strict=True) if value is not None}
        numbers.append(Number(name, chosen, records))
    return sorted(numbers, key=lambda number: bool(number.how))


# -- groups ------------------------------------------------------------------------------------


def groups_over(runs: Sequence[Compared], setting: str) -> list[Group]:
    """Put runs together that differ in nothing but a setting, and what lies below it.

    Where a run was watched and what it measured does not matter.

    Args:
        runs: The runs.
        setting: Its dotted name, such as ``"seed"``, ``"optimiser.lr"`` or ``"sampler"``.

    Raises:
        RequestError: There is no such setting, or every run differs from the others in more than that.
    """
    settings = [run.settings for run in runs]
    others = [key for key in differences(runs) if key not in _ASIDE]
    if not any(_below(key, setting) for each in settings for key in each):
        raise unknown("setting that differs", setting, others)
    found: dict[str, list[int]] = {}
    for place, each in enumerate(settings):
        found.setdefault(_without_setting(each, setting), []).append(place)
    members = [tuple(places) for places in found.values()]
    if max(map(len, members)) < 2:
        others = [key for key in others if not _below(key, setting)]
        raise RequestError(
            f"no two of these runs differ in nothing but {setting}: they differ in {_some(others)}"
        )
    names = _told_apart([runs[places[0]] for places in members])
    return [
        Group(name, places, tuple(settings[place].get(setting) for place in places))
        for name, places in zip(names, members, strict=True)
    ]


def _without_setting(settings: Mapping[str, Any], setting: str) -> str:
    """Return what is the same for runs that differ in nothing but a setting."""
    kept = {k: v for k, v in settings.items() if not _below(k, setting) and k not in _ASIDE}
    return repr(sorted(kept.items()))


def _below(key: str, setting: str) -> bool:
    return key == setting or key.startswith(f"{setting}.")


def _told_apart(runs: Sequence[Compared]) -> list[str]:
    """Name runs by as few of the settings that they differ in as tell them apart."""
    if len(runs) == 1:
        return [runs[0].made_of]
    parts: list[list[str]] = [[] for _ in runs]
    differing = {k: v for k, v in differences(runs).items() if k not in _ASIDE}
    # Components tell more than their parameters.
    for key, values in sorted(differing.items(), key=lambda item: "." in item[0]):
        split = len({(tuple(part), repr(v)) for part, v in zip(parts, values, strict=True)})
        if split > len(set(map(tuple, parts))):
            for part, value in zip(parts, values, strict=True):
                if value is not None:
                    part.append(f"{key} {value}" if "." in key or key == "seed" else str(value))
    return [", ".join(part) or run.made_of for part, run in zip(parts, runs, strict=True)]


def aggregated(number: Number, groups: Sequence[Group]) -> Number:
    """Return a number of groups of runs: the mean over each, how many they are, range and interval.

    The interval is Student's, of the mean over such runs; a group with one run has none.

    Args:
        number: The number of single runs.
        groups: The groups.
    """
    return Number(number.name, number.how, tuple(_aggregate(number, group) for group in groups))


def _aggregate(number: Number, group: Group) -> dict[str, Any] | None:
    records = [r for place in group.members if (r := number.records[place]) is not None]
    if not records:
        return None
    values = [float(record["value"]) for record in records]
    found = {
        "name": number.name, "value": math.fsum(values) / len(values), "runs": len(values),
        "values": values, "range": [min(values), max(values)],
    }  # fmt: skip
    if interval := seeds_interval(values):
        found["interval"] = list(interval)
    baselines = [r["baseline"] for r in records if r.get("baseline") is not None]
    if baselines:
        found["baseline"] = math.fsum(baselines) / len(baselines)
    same = {key: {record.get(key) for record in records} for key in ("n", "features")}
    return found | {key: values.pop() for key, values in same.items() if len(values) == 1}


# -- fairness ----------------------------------------------------------------------------------


def unfair(
    runs: Sequence[Compared], numbers: Sequence[Number], *, over: str | None = None
) -> list[str]:
    """Say where runs had other chances, or numbers are not to be compared, one line for each reason.

    Args:
        runs: The runs.
        numbers: Their numbers.
        over: The setting that is varied on purpose: what it changes is no reason.
    """
    table = (over or "").partition(".")[0]
    found = [] if table == "dataset" else _other_data(runs)
    found += [] if table == "training" else _other_budget(runs)
    found += [] if table in ("sampling", "sampler") else _other_steps(runs)
    found += [*_other_measures(runs, numbers), *_few(runs, numbers), *_without(runs)]
    return found + (_one_seed(runs) if over in (None, "seed") else [])


def _other_data(runs: Sequence[Compared]) -> list[str]:
    keys = [key for key in differences(runs) if _below(key, "dataset")]
    named = "dataset" in keys  # a parameter that the other data set alone has says nothing
    each = [
        [_told(key, value) for key in keys
         if ((value := run.settings.get(key)) is not None or not named) and key != "dataset.unwritten"]
        for run in runs
    ]  # fmt: skip
    split = _split(runs, [", ".join(told) or "handed in" for told in each])
    return [f"other data, and so other test data: {split}"] if keys else []


def _told(key: str, value: Any) -> str:
    return str(value) if key == "dataset" else f"{key.rpartition('.')[2]} = {value}"


def _other_budget(runs: Sequence[Compared]) -> list[str]:
    budgets = [_budget(run.settings) for run in runs]
    steps = [run.metrics.get("steps") for run in runs]
    devices = [run.metrics.get("device") for run in runs]
    if len(set(budgets)) > 1:
        return [f"other budget of training: {_split(runs, budgets)}"]
    if "minutes" in budgets[0]:
        return _other("as many minutes on other devices", runs, devices)
    return _other("trained for other numbers of steps", runs, steps)


def _budget(settings: Mapping[str, Any]) -> str:
    for unit in _UNITS:
        total = settings.get(f"training.{unit}")
        if total is not None:
            batch = f" of {settings.get('training.batch')} examples" if unit == "steps" else ""
            return f"{total:,} {unit}{batch}"
    return "fitted at once"


def _other_steps(runs: Sequence[Compared]) -> list[str]:
    steps = [run.metrics.get("sampling_steps") for run in runs]
    return _other("other steps of sampling", runs, steps)


def _other(what: str, runs: Sequence[Compared], values: Sequence[Any]) -> list[str]:
    """Say that values differ, those apart that are not known."""
    known = [(run, value) for run, value in zip(runs, values, strict=True) if value is not None]
    if len({value for _, value in known}) < 2:
        return []
    who, found = zip(*known, strict=True)
    return [f"{what}: {_split(who, list(map(_worded, found)))}"]


def _worded(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


_MEASURED = {
    "n": "other numbers of samples",
    "reference_n": "other numbers of real examples",
    "features": "other features",
    "reference": "other references",
    "ema": "averaged weights",
}
"""What makes numbers of one name incomparable, by the key of their records."""


def _other_measures(runs: Sequence[Compared], numbers: Sequence[Number]) -> list[str]:
    """Say which numbers were measured otherwise, those that differ in the same way in one line."""
    found: dict[str, list[str]] = {}
    for number in numbers:
        for key, what in _MEASURED.items():
            values = [None if record is None else record.get(key) for record in number.records]
            lines = _other(what, runs, values)
            for line in lines:
                found.setdefault(line, []).append(number.label)
            if lines:
                break  # where N differs, so does that of the real examples
    return [f"{_some(names)}: {line}" for line, names in found.items()]


def _few(runs: Sequence[Compared], numbers: Sequence[Number]) -> list[str]:
    """Repeat the warnings that the numbers carry themselves."""
    found: dict[str, list[str]] = {}
    for number in numbers:
        for run, record in zip(runs, number.records, strict=True):
            if record is not None and record.get("warning"):
                who = found.setdefault(str(record["warning"]), [])
                who += [run.name] if run.name not in who else []
    return [f"{warning} ({_some(who)})" for warning, who in found.items()]


def _without(runs: Sequence[Compared]) -> list[str]:
    names = [run.name for run in runs if not run.records]
    return [f"no numbers yet: {_some(names)}; genlab evaluate RUN measures one"] if names else []


def _one_seed(runs: Sequence[Compared]) -> list[str]:
    alike: dict[str, list[str]] = {}
    for run in runs:
        alike.setdefault(_without_setting(run.settings, "seed"), []).append(run.name)
    single = [names[0] for names in alike.values() if len(names) == 1]
    who = "each" if len(single) == len(runs) else _some(single)
    line = (
        f"one seed only ({who}): what another one would change is not known; genlab compare --over seed \
takes several"
    )
    return [line] if single else []


def _split(runs: Sequence[Compared], values: Sequence[str]) -> str:
    """Write which runs have which value, such as ``20 (a, c), 50 (b)``."""
    who: dict[str, list[str]] = {}
    for run, value in zip(runs, values, strict=True):
        who.setdefault(value, []).append(run.name)
    return ", ".join(f"{value} ({_some(names)})" for value, names in who.items())


def _some(names: Sequence[str]) -> str:
    shown, rest = names[:_MOST_NAMES], len(names) - _MOST_NAMES
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
