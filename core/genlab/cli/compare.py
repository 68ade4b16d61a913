"""``genlab compare``: runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Device, Json, Seed

__all__ = ["compare"]


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.")],
    out: Annotated[Path, typer.Option(help="Where comparison.csv and the figures go.")] = Path(
        "comparison"
    ),
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Put the numbers and the samples of runs side by side: a table, a CSV file and figures."""
    from genlab.evaluation import compared
    from genlab.runs.run import Run
    from genlab.runs.series import compare_runs, compared_of

    opened = [Run(path, device=device) for path in runs]
    files = compare_runs(opened, out, seed=seed)
    names, rows = compared([compared_of(run) for run in opened])
    if as_json:
        typer.echo(json.dumps(rows))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("number")
    for row in rows:
        table.add_column(str(row["run"]), justify="right")
    for name in ("made of", "steps", "training_s", *names):
        shown = [row[name] for row in rows]
        table.add_row(
            name,
            *("" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v) for v in shown),
        )
    console = Console()
    console.print(table)
    for file in files:
        console.print(str(file))
