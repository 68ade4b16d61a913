"""``genlab play``: a page on which models are tried out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["play"]


def play(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Run folders; all below --folder if left out.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[Path, typer.Option(help="A folder of runs, where none is named.")] = Path(
        "runs"
    ),
    data: Annotated[
        Path | None, typer.Option(help="The data folder, where it is not where it was.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    port: Annotated[
        int | None,
        typer.Option(help="The port on this machine; the first free one from 8420 if left out."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Whether a browser is opened.")] = True,
) -> None:
    """Try models out on a page in the browser, served on this machine alone.

    Draw a digit and have it restored, watch samples form, walk between two of them, see points fall into
    their data, compare runs while they train. Nothing leaves this machine.
    """
    from genlab import pick_device, require_extra
    from genlab_plugins.play.ports import chosen_port
    from genlab_plugins.play.shelf import Shelf

    require_extra("nicegui", "play", "genlab play")
    pick_device(device)
    shelf = Shelf(tuple(runs or ()), folder, device, data)
    shelf.places()  # what is wrong about the request is said here
    found = chosen_port(port)

    from genlab_plugins.play.server import serve

    typer.echo(f"genlab play: http://127.0.0.1:{found} (stop with Ctrl-C)")
    serve(shelf, found, browser=browser)
