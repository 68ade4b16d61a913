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
    from genlab.figures.comparison import bars, side_by_side
    from genlab.figures.files import figure_bytes
    from genlab.files import write_bytes, write_text
    from genlab.runs.evaluation import compared, comparison_csv, open_runs

    opened = open_runs(runs, device=device)
    names, rows = compared(opened)
    write_text(out / "comparison.csv", comparison_csv(names, rows))
    figures = {"numbers": bars(names, rows)}
    if len({run.spec.shape for run in opened}) == 1:
        n = 36 if opened[0].spec.kind == "image" else 2000
        drawn = {run.path.name: run.sample(n, seed=seed) for run in opened}
        figures["samples"] = side_by_side(drawn, opened[0].spec)
    for name, figure in figures.items():
        write_bytes(out / f"{name}.png", figure_bytes(figure, "png"))
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
    for file in ("comparison.csv", *(f"{name}.png" for name in figures)):
        console.print(str(out / file))
