"""``genlab pack``: a data set of images in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["pack"]


def pack(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="A folder or ZIP file of images, or a data set by name."
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="DST", help="The file, such as photos.safetensors.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A parameter of the data set, as in size=64."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The data folder, for data sets that live in files.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file.")] = False,
) -> None:
    """Write a data set of images to one file, which trains without being held in memory."""
    from genlab import RequestError, build, parse_assignments
    from genlab_plugins.datasets.packed import pack as packed

    if out.exists() and not (overwrite and out.is_file()):
        raise RequestError(f"{out} is there already: choose another, or overwrite it (--overwrite)")
    params = parse_assignments(settings or ())
    if Path(source).exists():
        dataset = build("dataset", "image-folder", path=source, **params)
    else:
        dataset = build("dataset", source, **params)
    fingerprint = packed(dataset, out, data)
    typer.echo(f"{out}, fingerprint {fingerprint}\ngenlab run --dataset packed --data {out}")
