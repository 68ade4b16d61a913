"""``genlab figures``: draw the figures of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Data, Device, RunPath

__all__ = ["figures"]


def figures(
    run: RunPath,
    name: Annotated[str | None, typer.Argument(help="One figure; all of them if left out.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A .png, .svg or .pdf file for the one figure.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="OPTION=VALUE", help="An option of the one figure, as in rows=4."
        ),
    ] = None,
    data: Data = None,
    device: Device = "auto",
) -> None:
    """Draw the figures of a run again, from its folder."""
    from genlab import api
    from genlab.config import parse_assignments
    from genlab.errors import RequestError
    from genlab.files import write_bytes
    from genlab.report.figures.files import figure_bytes

    if out is not None and (name is None or out.suffix not in (".png", ".svg", ".pdf")):
        raise RequestError(
            "--out names a .png, .svg or .pdf file for one figure: give its name too"
        )
    options = parse_assignments(settings or ())
    if options and name is None:
        raise RequestError("--set is for one figure: give its name too")
    opened = api.open_run(run, device=device, data=data)
    labels = options.get("labels")
    if isinstance(labels, list) and opened.spec.classes:
        options["labels"] = [
            opened.spec.class_told(label) if isinstance(label, str) else label for label in labels
        ]
    for each in [name] if name else opened.figures():
        figure = opened.figure(each, **options)
        files = [out] if out else [opened.folder.figure_file(each, s) for s in (".png", ".svg")]
        for file in files:
            write_bytes(file, figure_bytes(figure, file.suffix[1:]))
            typer.echo(file)
