"""``genlab figures``: draw the figures of a run again."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genlab.cli.completion import names_of, parameters_of
from genlab.cli.options import Data, Device, RunPath

if TYPE_CHECKING:
    from genlab.runs import Run

__all__ = ["figures"]


def figures(
    run: RunPath,
    name: Annotated[
        str | None,
        typer.Argument(
            help="One figure; all of them if left out.", autocompletion=names_of("figure")
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A .png, .svg or .pdf file for the one figure.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="OPTION=VALUE",
            help="An option of the one figure, as in rows=4.",
            autocompletion=parameters_of("figure", "name"),
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
    from genlab.report.gallery import FORMATS
    from genlab.runs.lock import locked

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
    if name is None:
        _draw_all(opened)
        return
    figure = opened.figure(name, **options)
    files = [out] if out else [opened.folder.figure_file(name, f".{s}") for s in FORMATS]
    with nullcontext() if out else locked(opened.path, "genlab figures"):
        for file in files:
            write_bytes(file, figure_bytes(figure, file.suffix[1:]))
            typer.echo(file)


def _draw_all(run: Run) -> None:
    """Draw all figures that fit a run, those of its configuration as that says; one that fails is named."""
    from genlab.errors import RunError
    from genlab.files import write_bytes
    from genlab.report.gallery import figure_files, usual_figures
    from genlab.runs.drawing import figures_of
    from genlab.runs.lock import locked

    failed: list[str] = []
    configured = figures_of(run.config, run.objects, warn=failed.append)
    figures = {**usual_figures(warn=failed.append), **configured}
    with locked(run.path, "genlab figures"):
        for name, formats in figure_files(run, figures, warn=failed.append):
            for suffix, data in formats.items():
                file = run.folder.figure_file(name, f".{suffix}")
                write_bytes(file, data)
                typer.echo(file)
    if failed:
        raise RunError("; ".join(failed))
