"""``genlab show settings``: every setting of a run beside the parameters of its components."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from genlab.config import Setting

__all__ = ["show_settings"]


def show_settings(table: str | None, *, as_json: bool) -> None:
    """Print settings with their defaults, types and meanings.

    Args:
        table: One table of them; None: all.
        as_json: Print them as JSON.

    Raises:
        RequestError: There is no such table.
    """
    from genlab.config import SLOTS, described_settings
    from genlab.errors import RequestError, unknown

    tables = described_settings()
    if table is not None and table in SLOTS:
        raise RequestError(
            f"the settings of {table} are the parameters of its component: genlab show "
            f"{SLOTS[table]} NAME lists them"
        )
    if table is not None and table not in tables:
        raise unknown("table of settings", table, tables)
    chosen = tables if table is None else {table: tables[table]}
    if as_json:
        rows = [{"key": each.key, **asdict(each)} for group in chosen.values() for each in group]
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    console = plain_console()
    for name, settings in chosen.items():
        console.print(Text(name if name == "run" else f"[{name}]", style="bold"))
        console.print(_table(settings))
    places = ", ".join(SLOTS)
    console.print(
        Text(
            "set one with --set TABLE.KEY=VALUE, as in --set training.batch=64; those of run have no "
            f"table: --set seed=3. Components have settings, too ({places}): genlab show ROLE NAME "
            "lists those of one",
            style="dim",
        )
    )


def _table(settings: Iterable[Setting]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("setting", "default", "type", "what it is"):
        table.add_column(column, no_wrap=column == "setting", overflow="fold")
    for each in settings:
        cells = (each.name, each.default_in_words, each.type, each.meaning)
        table.add_row(*(Text(cell) for cell in cells))
    return table
