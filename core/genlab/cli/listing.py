"""``genlab list``: what is installed."""

from __future__ import annotations

import json
from typing import Any

import typer

from genlab.cli.components import RoleOrAll
from genlab.cli.options import Json

__all__ = ["listing"]


def listing(
    role: RoleOrAll = None,
    as_json: Json = False,
) -> None:
    """List the components that are installed, and the experiments."""
    from genlab.components.registry import ROLES, registry
    from genlab.experiments import experiment_names

    everything = role is None
    rows: list[dict[str, Any]] = []
    if role not in ("experiment", "experiments"):
        for each in ROLES if role is None else [role]:
            entries = registry(each).entries()
            names = [entry.name for entry in entries]
            for entry in entries:
                twice = names.count(entry.name) > 1
                rows.append(
                    {"role": entry.role, "name": entry.name, "package": entry.package,
                     "version": entry.version, "summary": entry.summary,
                     "problem": _twice(entries, entry.name) if twice else entry.problem()}
                )  # fmt: skip
    if everything or role in ("experiment", "experiments"):
        rows += [
            {"role": "experiment", "name": name, "package": "genlab", "version": "", "summary": "",
             "problem": None}
            for name in experiment_names()
        ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _table(rows)


def _twice(entries: list[Any], name: str) -> str:
    packages = sorted(f"{e.package} {e.version}" for e in entries if e.name == name)
    return f"declared by {' and '.join(packages)}: uninstall one of them"


def _table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("role", style="dim")
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("what it is")
    table.add_column("package", style="dim", no_wrap=True)
    before = ""
    for row in rows:
        if before and row["role"] != before:
            table.add_section()
        text = escape(row["summary"])
        if row["problem"]:
            text = f"[red]broken: {escape(row['problem'])}[/red]"
        shown = "" if row["role"] == before else row["role"]
        table.add_row(shown, escape(row["name"]), text, escape(row["package"]))
        before = row["role"]
    Console().print(table)
