"""``genlab runs``: what there is."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genlab.cli.options import Json

if TYPE_CHECKING:
    from genlab.runs.index import RunSummary

__all__ = ["runs"]

_STYLES = {"done": "green", "running": "cyan", "failed": "red", "dead": "red", "damaged": "red",
           "interrupted": "yellow"}  # fmt: skip
_USUAL = ("frechet", "sliced-wasserstein")  # numbers that are shown where none is asked for


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="A folder of runs; runs if left out.")
    ] = Path("runs"),
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Which: state=failed, method=blur, data!=digits, steps>1000, frechet<20; several times for "
            "several that all hold.",
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(help="By name, state, changed, steps, a number, ...; -KEY: largest first."),
    ] = "-changed",
    number: Annotated[
        list[str] | None,
        typer.Option(help="A number that is shown; several times for several."),
    ] = None,
    most: Annotated[
        int, typer.Option("-n", "--most", min=0, help="How many are shown; 0: all.")
    ] = 50,
    as_json: Json = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete all that --where chooses, after a question.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without a question.")] = False,
) -> None:
    """List the runs in a folder with their state and numbers.

    A run is running, done, interrupted, failed, dead (it says that it is running, and its process is gone) or
    damaged.
    """
    from genlab.errors import RequestError
    from genlab.runs.choosing import find_runs

    if delete and not where:
        raise RequestError(
            "--delete deletes what --where chooses: say which, as in --where state=failed"
        )
    if yes and not delete:
        raise RequestError("--yes is for --delete")
    found = find_runs(folder, where=where or (), sort=sort)
    if delete:
        _delete(found, most, number or (), yes=yes, as_json=as_json)
    elif as_json:
        typer.echo(json.dumps([run.flat() for run in found], indent=2))
    else:
        _table(found, most, number or ())


def _delete(
    found: Sequence[RunSummary], most: int, numbers: Sequence[str], *, yes: bool, as_json: bool
) -> None:
    """Delete runs; those that are at work stay."""
    from genlab.errors import RequestError
    from genlab.runs.index import delete_run

    idle = [run for run in found if run.state != "running"]
    if not yes:
        if not sys.stdin.isatty():
            raise RequestError(f"--delete asks before it deletes {_count(idle)}: --yes answers")
        _table(idle, most, numbers)
        if not idle or not typer.confirm(f"delete {_count(idle)}?"):
            typer.echo("nothing is deleted")
            return
    for run in idle:
        delete_run(run)
    if as_json:
        typer.echo(json.dumps([run.name for run in idle]))
        return
    left = len(found) - len(idle)
    typer.echo(f"deleted {_count(idle)}" + (f"; {left} at work stay" if left else ""))


def _count(runs: Sequence[RunSummary]) -> str:
    return f"{len(runs)} run" + "s" * (len(runs) != 1)


def _table(found: Sequence[RunSummary], most: int, numbers: Sequence[str]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    shown = found[:most] if most else found
    columns = ("run", "state", "made of", "data", "steps", *(numbers or ["number"]))
    console = plain_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        right = column in ("steps", *numbers)
        table.add_column(column, no_wrap=True, justify="right" if right else "left")
    rows = [columns, *([_printable(cell) for cell in _cells(run, numbers)] for run in shown)]
    widths = _widths(rows, console.width)
    for run, row in zip(shown, rows[1:], strict=True):
        cells = [_shortened(cell, width) for cell, width in zip(row, widths, strict=True)]
        table.add_row(*(Text(cell, style=_STYLES[run.state] if i == 1 else "") for i, cell in
                        enumerate(cells)))  # fmt: skip
    if shown:
        console.print(table)
    left = len(found) - len(shown)
    ago = f", the latest {_ago(max(run.changed for run in found))}" if found else ""
    more = f"; {left} more with --most 0" if left else ""
    console.print(Text(f"{_count(found)}{ago}{more}", style="dim"))


def _cells(run: RunSummary, numbers: Sequence[str]) -> list[str]:
    state = f"running: {run.stage}" if run.state == "running" and run.stage else run.state
    steps = "" if run.steps is None else str(run.steps)
    told = [_number(run, name) for name in numbers] or [_usual(run)]
    made_of = run.problem or run.method.replace(" + ", "+")
    return [run.name, state, made_of, run.data, steps, *told]


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the widths of columns that fit: what runs are made of gives way first, and then their names."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    too_wide = sum(widths) + 2 * len(widths) + 1 - room
    for column, least in ((2, 12), (0, 16), (3, 8), (5, 14)):
        less = min(max(too_wide, 0), max(widths[column] - least, 0))
        widths[column] -= less
        too_wide -= less
    return widths


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _shortened(text: str, width: int) -> str:
    """Leave out a part near the end of a text: names of runs tell themselves apart by their ends.

    A number behind a name stays whole.
    """
    if len(text) <= width:
        return text
    number = len(text.rpartition(" ")[2]) if " " in text else 0
    end = min(max(width // 4, number), width - 2)
    return f"{text[: width - end - 1]}…{text[len(text) - end :]}"


def _number(run: RunSummary, name: str) -> str:
    value = (run.numbers or {}).get(name)
    return "" if value is None else f"{value:.4g}"


def _usual(run: RunSummary) -> str:
    """Return the number that tells most of a run, with its name."""
    name = next((n for n in (*_USUAL, *(run.numbers or ())) if n in (run.numbers or {})), None)
    return "" if name is None else f"{name} {_number(run, name)}"


def _ago(then: float) -> str:
    """Return in words how long ago something was."""
    seconds = max(time.time() - then, 0.0)
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'s' * (count != 1)} ago"
    return "just now"
