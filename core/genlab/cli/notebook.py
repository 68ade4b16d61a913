"""``genlab notebook``: a notebook that opens a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Checkpoint, RunPath

__all__ = ["notebook"]


def notebook(
    run: RunPath,
    out: Annotated[
        Path | None,
        typer.Option(help="The file, .ipynb; without it: notebook.ipynb in the run folder."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    checkpoint: Checkpoint = "last",
) -> None:
    """Write a Jupyter notebook that opens a run.

    It shows settings, numbers and figures, and has cells that sample, restore and interpolate.
    """
    from genlab import api

    opened = api.open_run(run, device="cpu", checkpoint=checkpoint)
    typer.echo(opened.to_notebook(out or opened.path / "notebook.ipynb", overwrite=overwrite))
