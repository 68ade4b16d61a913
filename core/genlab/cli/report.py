"""``genlab report``: write the page of a run again."""

from __future__ import annotations

import typer

from genlab.cli.options import Data, Device, RunPath

__all__ = ["report"]


def report(run: RunPath, data: Data = None, device: Device = "auto") -> None:
    """Write the page of a run again, with the figures it has.

    It is report.html in the folder of the run.
    """
    from genlab import api
    from genlab.runs.drawing import write_run_page
    from genlab.runs.lock import locked

    opened = api.open_run(run, device=device, data=data)
    with locked(opened.path, "genlab report"):
        typer.echo(write_run_page(opened, warn=lambda told: typer.echo(f"note: {told}", err=True)))
