"""Putting the numbers of several runs side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from genlab.errors import RequestError

__all__ = ["Compared", "compared", "comparison_csv"]


@dataclass(frozen=True)
class Compared:
    """What a comparison sees of one run.

    Args:
        name: Its name.
        data: Name of its data set.
        made_of: What it is made of, in words.
        metrics: Its final numbers, as they stand in ``metrics.json``.
    """

    name: str
    data: str
    made_of: str
    metrics: Mapping[str, Any] = field(default_factory=dict)


def compared(runs: Sequence[Compared]) -> tuple[list[str], list[dict[str, Any]]]:
    """Put the final numbers of runs side by side.

    Args:
        runs: The runs.

    Returns:
        The names of the numbers that any run has, and one row per run: ``run``, ``data``, ``made of``,
        ``steps``, ``training_s``, and each number by name (or None).

    Raises:
        RequestError: Not one of the runs has numbers.
    """
    names: list[str] = []
    rows = []
    for run in runs:
        records = {record["name"]: record for record in run.metrics.get("metrics", [])}
        names += [name for name in records if name not in names]
        rows.append(
            {
                "run": run.name,
                "data": run.data,
                "made of": run.made_of,
                "steps": run.metrics.get("steps"),
                "training_s": run.metrics.get("seconds", {}).get("training"),
                **{name: record["value"] for name, record in records.items()},
            }
        )
    if not names:
        raise RequestError("none of these runs has numbers yet: genlab evaluate RUN measures one")
    return names, [{**dict.fromkeys(names), **row} for row in rows]


def comparison_csv(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a comparison as a CSV file."""
    columns = ["run", "data", "made of", "steps", "training_s", *names]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
