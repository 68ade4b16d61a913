"""``genlab restore``: undo a run's degradation on given images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.options import Data, Device, Json, RunPath, Seed

if TYPE_CHECKING:
    from genlab.runs.restoration import Restoration

__all__ = ["restore"]


def restore(
    run: RunPath,
    images: Annotated[
        list[Path] | None,
        typer.Argument(help="Degraded images; without any, the test images are degraded."),
    ] = None,
    t: Annotated[float, typer.Option("--t", help="How far they are degraded, in (0, 1].")] = 1.0,
    degrade: Annotated[
        bool, typer.Option("--degrade", help="The images are clean: degrade them first.")
    ] = False,
    method: Annotated[
        list[str] | None,
        typer.Option(help="direct, or a sampler; all of direct, naive and cold if left out."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a walk from t to 0.")] = None,
    n: Annotated[int, typer.Option("-n", "--number", help="How many test images.")] = 1000,
    data: Data = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="Where to; RUN/restored if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Deblur, inpaint or enlarge images: undo the degradation that the run learned to undo.

    Where the originals are known (test images, or --degrade), it says how close each method comes.
    """
    from genlab import api
    from genlab.figures.files import figure_bytes
    from genlab.figures.images import png_bytes, tile
    from genlab.figures.restoration import restoration
    from genlab.files import write_bytes, write_text
    from genlab.runs.pictures import read_pictures
    from genlab.runs.restoration import METHODS, quality, restore_given, restore_test

    opened = api.open_run(run, device=device, data=data)
    options: dict[str, Any] = {
        "t": t, "methods": tuple(method or METHODS), "steps": steps, "seed": seed
    }  # fmt: skip
    folder = out or opened.path / "restored"
    if images:
        x = read_pictures(images, opened.spec)
        found = restore_given(opened, x, degrade=degrade, **options)
        for name, restored in found.restored.items():
            for source, picture in zip(images, restored, strict=True):
                file = folder / f"{source.stem}-{name}.png"
                write_bytes(file, png_bytes(tile(picture[None], scale=1)))
                typer.echo(file)
    else:
        found = restore_test(opened, n, **options)
    picture_file = folder / "restoration.png"
    write_bytes(
        picture_file, figure_bytes(restoration(found.x_t, found.restored, found.x_0), "png")
    )
    typer.echo(picture_file)
    if found.x_0 is None:
        return
    records = quality(opened, found, seed=seed)
    write_text(folder / "restoration.json", json.dumps(records, indent=2))
    if as_json:
        typer.echo(json.dumps(records))
    else:
        _print(records, found)


def _print(records: list[dict[str, Any]], found: Restoration) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{records[0]['n']} images, degraded to t = {found.t:g}")
    table.add_column("method")
    for name in ("SSIM ↑", "PSNR ↑ (dB)", "Fréchet distance ↓"):
        table.add_column(name, justify="right")
    for record in records:
        table.add_row(
            record["method"], f"{record['ssim']:.3f}", f"{record['psnr']:.2f}",
            f"{record['frechet']:.3f}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(f"real against real: Fréchet distance {records[0]['floor']:.3f}")
