"""Which runs, and in which order: conditions on what a run folder tells."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genlab.errors import RequestError, brief, unknown
from genlab.runs.index import RunSummary, summaries

__all__ = ["find_runs"]

_TEXTS = ("name", "state", "stage", "host", "experiment", "method", "data", "problem")
_COUNTS = ("steps", "seconds", "changed")
_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(!=|<=|>=|<|>|=)\s*(.*?)\s*", re.DOTALL)
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq,
    "!=": operator.ne,
}  # fmt: skip


def find_runs(
    folder: str | Path = "runs", *, where: str | Sequence[str] = (), sort: str = "-changed"
) -> list[RunSummary]:
    """Return the runs in a folder at a glance, without opening them.

    Args:
        folder: The folder; runs in folders in it, such as those of sweeps, are found, too.
        where: Conditions, all of which hold: ``"state=failed"``, ``"method=blur"`` (a text holds another),
            ``"data!=digits"``, ``"steps>=1000"``, ``"frechet<20"`` (any number of the runs by its name).
        sort: What they are sorted by, the largest first with a minus before it; ``"-changed"``: the latest
            first. Runs that have no such number come last.

    Raises:
        RequestError: There is no such folder, or nothing of that name to choose or sort by.

    Example:
        >>> import genlab
        >>> genlab.find_runs("runs", where=["state=done", "frechet<20"], sort="frechet")  # doctest: +SKIP
    """
    runs = summaries(Path(folder))
    numbers = {name for run in runs for name in run.numbers or ()}
    for condition in [where] if isinstance(where, str) else where:
        holds = _condition(condition, numbers)
        runs = [run for run in runs if holds(run)]
    key = _known(sort.removeprefix("-"), numbers)
    told = [run for run in runs if _value(run, key) is not None]
    untold = sorted((run for run in runs if _value(run, key) is None), key=lambda run: run.name)
    told.sort(key=lambda run: run.name)
    told.sort(key=lambda run: _value(run, key), reverse=sort.startswith("-"))
    return told + untold


def _condition(text: str, numbers: Iterable[str]) -> Callable[[RunSummary], bool]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise RequestError(
            f"--where {brief(text)} is no condition: write state=failed, method=blur or frechet<20"
        )
    key, sign, given = _known(found[1], numbers), found[2], found[3]
    if key in _TEXTS:
        if sign not in ("=", "!="):
            raise RequestError(f"--where {brief(text)}: {key} is a text, which takes = and !=")
        return lambda run: (given in _value(run, key)) == (sign == "=")
    try:
        limit = float(given)
    except ValueError:
        raise RequestError(f"--where {brief(text)}: {key} is compared with a number") from None
    holds = _ORDERS[sign]
    return lambda run: (value := _value(run, key)) is not None and holds(value, limit)


def _known(key: str, numbers: Iterable[str]) -> str:
    known = (*_TEXTS, *_COUNTS, *sorted(numbers))
    if key not in known:
        raise unknown("key of a run", key, known)
    return key


def _value(run: RunSummary, key: str) -> Any:
    if key in _TEXTS or key in _COUNTS:
        return getattr(run, key)
    return (run.numbers or {}).get(key)
