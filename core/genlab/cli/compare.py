"""``genlab compare``: how runs differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.options import Device, Json
from genlab.report.text import between, number, setting

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from genlab.evaluation.comparison import Number
    from genlab.report.comparison import Comparison

__all__ = ["compare"]

_ACROSS = 3  # columns of settings that a terminal has room for
_COLUMNS = ("value", "95 % interval", "real vs real", "N")
_FACTS = {"training_s": "seconds of training", "sampling_steps": "steps of sampling"}


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.")],
    over: Annotated[
        str | None,
        typer.Option(
            metavar="SETTING",
            help="Put runs together that differ in nothing but this setting, such as seed: means, ranges "
            "and intervals.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where comparison.csv and the figures go.")] = Path(
        "comparison"
    ),
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of fresh samples; without it: the first that each run has left."),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Tell how runs differ: settings, numbers, curves and samples, and where a comparison is unfair."""
    from genlab.runs.run import Run
    from genlab.runs.series import compare_runs

    found = compare_runs([Run(path, device=device) for path in runs], out, seed=seed, over=over)
    if as_json:
        typer.echo(json.dumps(found.flat()))
        return
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    console = plain_console()
    if found.groups:
        console.print(_groups(found))
    console.print(_settings(found))
    console.print(_numbers(found))
    for warning in found.warnings:
        console.print(Text(f"note: {warning}", style="yellow"))
    for file in found.files:
        console.print(Text(str(file)))


def _table(columns: Sequence[str], *, left: int = 1) -> Table:
    """Return an empty table, whose first columns are words and whose others are numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if place < left else "right", overflow="fold")
    return table


def _groups(found: Comparison) -> Table:
    """Return which runs are put together."""
    from rich.text import Text

    table = _table(("group", f"runs over {found.over}"), left=2)
    for group in found.groups:
        names = [found.runs[place].name for place in group.members]
        table.add_row(Text(group.name), Text(", ".join(names)))
    return table


def _settings(found: Comparison) -> Table:
    """Return what differs: a column for each that is compared; where they are many, a row for each value."""
    from rich.text import Text

    rows = {_FACTS.get(key, key): list(map(number, v)) for key, v in found.facts.items()}
    rows |= {key: list(map(setting, values)) for key, values in found.settings.items()}
    few = len(found.names) <= _ACROSS
    table = _table(("", *found.names) if few else ("", "value", "of"), left=1 if few else 3)
    for key, values in rows.items():
        if few:
            table.add_row(Text(key), *map(Text, values))
            continue
        who: dict[str, list[str]] = {}
        for name, value in zip(found.names, values, strict=True):
            who.setdefault(value, []).append(name)
        who.pop("–", None)
        for place, (value, names) in enumerate(who.items()):
            names = ["all"] if len(names) == len(found.names) else names
            table.add_row(Text("" if place else key), Text(value), Text(", ".join(names)))
    return table


def _numbers(found: Comparison) -> Text:
    """Return the numbers, one below the other, each with a line for each that is compared."""
    from rich.text import Text

    columns = ("mean", "95 % interval", "range", "runs") if found.groups else _COLUMNS
    rows = [["", *columns]]
    for each in found.numbers:
        rows.append([_heading(each) if found.groups else each.label])
        for name, record in zip(found.names, each.records, strict=True):
            cells = ["–"] if record is None else _cells(record)
            rows.append([f"  {name}", *cells])
    whole = [row for row in rows if len(row) == len(columns) + 1]
    widths = [max(len(row[place]) for row in whole) for place in range(len(columns) + 1)]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=False))
        for row in rows
    ]
    return Text("\n".join(lines) + "\n", no_wrap=True, overflow="fold")


def _heading(each: Number) -> str:
    """Return what a number of groups is of: N and baseline stand here, for want of room."""
    records = [record for record in each.records if record]
    facts = [
        f"{title} {' or '.join(dict.fromkeys(number(r[key]) for r in records if key in r))}"
        for key, title in (("n", "N"), ("baseline", "real vs real"))
        if any(key in record for record in records)
    ]
    return f"{each.label} ({', '.join(facts)})" if facts else each.label


def _cells(record: Mapping[str, Any]) -> list[str]:
    value, interval = number(float(record["value"])), between(record.get("interval"))
    if "runs" in record:
        return [value, interval, between(record["range"]), str(record["runs"])]
    return [value, interval, number(record.get("baseline")), number(record.get("n"))]
