"""``genlab restore``: undo a run's degradation, or another one, on given images."""

from __future__ import annotations

import json
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.completion import names_of, parameters_of
from genlab.cli.naming import distinct_names
from genlab.cli.options import Data, Device, Json, RunPath, Seed

if TYPE_CHECKING:
    from genlab.components import Degradation
    from genlab.evaluation import Restoration

__all__ = ["restore"]

_Images = Annotated[
    list[Path] | None,
    typer.Argument(help="Degraded images; without any, the test images are degraded."),
]
_Operator = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What degraded them, where it was not the run's own degradation.",
        autocompletion=names_of("degradation"),
    ),
]
_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Parameters of --degradation.",
        autocompletion=parameters_of("degradation", "degradation"),
    ),
]
_Methods = Annotated[
    list[str] | None,
    typer.Option(
        help="direct, a sampler, or ddnm (posterior sampling, for any linear degradation). "
        "direct, naive and cold if left out; ddnm with --degradation."
    ),
]


def restore(
    run: RunPath,
    images: _Images = None,
    t: Annotated[float, typer.Option("--t", help="How far they are degraded, in (0, 1].")] = 1.0,
    degrade: Annotated[
        bool, typer.Option("--degrade", help="The images are clean: degrade them first.")
    ] = False,
    degradation: _Operator = None,
    settings: _Settings = None,
    method: _Methods = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a trajectory from t to 0.")] = None,
    n: Annotated[int, typer.Option("-n", "--number", help="How many test images.")] = 1000,
    data: Data = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Where to; RUN/restored, or the next that is free.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Undo the run's degradation, or another one, on given images.

    A run of blur deblurs, one of masks inpaints, one of pixelation enlarges.

    Where the originals are known (test images, or --degrade), it says how close each method comes.
    """
    from genlab import api
    from genlab.evaluation import METHODS, quality, restore_given
    from genlab.evaluation.restoration import POSTERIOR
    from genlab.files import write_text
    from genlab.report.pictures import read_pictures
    from genlab.seeds import generator_of

    operator = _operator(degradation, settings)
    opened = api.open_run(run, device=device, data=data)
    if images:
        x = read_pictures(images, opened.spec, opened.picture_rule)
    else:
        x = opened.data.test.some(n, generator=generator_of(seed, "test images"))[0].cpu()
    found = restore_given(
        opened.diffusion, x, degrade=degrade or not images, degradation=operator, t=t,
        methods=tuple(method or (METHODS if operator is None else (POSTERIOR,))), steps=steps,
        seed=seed,
    )  # fmt: skip
    folder = out or _folder(opened.path)
    _write_images(images or [], found, folder)
    if found.x_0 is not None:
        records = quality(found, found.x_0, opened.data, seed=seed)
        write_text(folder / "restoration.json", json.dumps(records, indent=2))
        _print(records, found, as_json=as_json)


def _folder(run: Path) -> Path:
    """Return a folder in a run that nothing was restored into yet."""
    names = chain(["restored"], (f"restored-{number:03d}" for number in count(1)))
    return next(run / name for name in names if not (run / name).exists())


def _operator(name: str | None, settings: list[str] | None) -> Degradation | None:
    """Build the degradation that was named, if one was."""
    from genlab.cli.components import build_parameters
    from genlab.components.registry import registry
    from genlab.errors import RequestError

    if name is None:
        if settings:
            raise RequestError("--set is for the parameters of --degradation: give that, too")
        return None
    cls = registry("degradation").get(name)
    operator: Degradation = cls(**build_parameters("degradation", cls, settings))
    return operator


def _write_images(images: list[Path], found: Restoration, folder: Path) -> None:
    """Write what became of given images one by one, and a figure of all methods."""
    from genlab.files import write_bytes
    from genlab.guards import file_name
    from genlab.report.figures.files import figure_bytes
    from genlab.report.figures.images import png_bytes, tile
    from genlab.report.figures.restoration import restoration

    sources = distinct_names(images)
    for name, restored in found.restored.items():
        for source, picture in zip(sources, restored, strict=False):
            file = folder / f"{source}-{file_name(name)}.png"
            write_bytes(file, png_bytes(tile(picture[None], scale=1)))
            typer.echo(file)
    file = folder / "restoration.png"
    write_bytes(file, figure_bytes(restoration(found.x_t, found.restored, found.x_0), "png"))
    typer.echo(file)


def _print(records: list[dict[str, Any]], found: Restoration, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(records))
        return
    from rich.table import Table

    from genlab.cli.terminal import plain_console

    measured = "frechet" in records[0]
    columns = ["SSIM ↑", "PSNR ↑ (dB)", *(["Fréchet distance ↓"] if measured else [])]
    table = Table(title=f"{records[0]['n']} images, degraded to t = {found.t:g}")
    table.add_column("method")
    for name in columns:
        table.add_column(name, justify="right")
    for record in records:
        distance = [f"{record['frechet']:.3f}"] if measured else []
        table.add_row(record["method"], f"{record['ssim']:.3f}", f"{record['psnr']:.2f}", *distance)
    console = plain_console()
    console.print(table)
    if measured:
        console.print(f"real against real: Fréchet distance {records[0]['baseline']:.3f}")
