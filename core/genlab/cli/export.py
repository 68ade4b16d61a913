"""``genlab export``: the network of a run for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Checkpoint, RunPath

__all__ = ["export"]


def export(
    run: RunPath,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A program of torch.export (.pt2), .onnx, weights alone (.safetensors), or a folder for "
            "diffusers; without it: export/network.pt2 in the run folder."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The class that a pipeline of diffusers draws.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what was exported there before.")
    ] = False,
    checkpoint: Checkpoint = "last",
) -> None:
    """Write the network of a run for other programs.

    A file beside it says what it is.
    """
    from genlab import api

    opened = api.open_run(run, device="cpu", checkpoint=checkpoint)
    path = out or opened.path / "export" / "network.pt2"
    typer.echo(opened.export(path, label=label, overwrite=overwrite))
