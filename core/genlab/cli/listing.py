"""``genlab list``: what is installed."""

from __future__ import annotations

import json
import re
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
    from genlab.experiments import experiment_about, experiment_names, experiment_text

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
            {"role": "experiment", "name": name, "package": "genlab", "version": "",
             "summary": _without_sources(experiment_about(experiment_text(name))), "problem": None}
            for name in experiment_names()
        ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _table(rows)


def _without_sources(about: str) -> str:
    """Return what an experiment is, without the papers it follows."""
    return re.sub(r"\s*\([^()]*arXiv[^()]*\)", "", about).removesuffix(".")


def _twice(entries: list[Any], name: str) -> str:
    packages = sorted(f"{e.package} {e.version}" for e in entries if e.name == name)
    return f"declared by {' and '.join(packages)}: uninstall one of them"


def _table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("role", style="dim")
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("what it is")
    table.add_column("package", style="dim", no_wrap=True)
    before = ""
    for row in rows:
        if before and row["role"] != before:
            table.add_section()
        text = Text(row["summary"])
        if row["problem"]:
            text = Text(f"broken: {row['problem']}", style="red")
        shown = "" if row["role"] == before else row["role"]
        table.add_row(shown, row["name"], text, row["package"])
        before = row["role"]
    plain_console().print(table)
