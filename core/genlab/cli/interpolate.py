"""``genlab interpolate``: the path from one example to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.completion import one_of
from genlab.cli.naming import called_with, word_of
from genlab.cli.options import Data, Device, Even, OtherSampler, RunPath, Seed

__all__ = ["interpolate"]

_USUAL = {"points": 11, "t": 0.5, "pairs": 4, "means": False, "seed": 0, "even": True}


def interpolate(
    run: RunPath,
    begin: Annotated[
        str, typer.Option("--from", metavar="CLASS|IMAGE", help="A class, or a picture file.")
    ],
    end: Annotated[
        str, typer.Option("--to", metavar="CLASS|IMAGE", help="A class, or a picture file.")
    ],
    points: Annotated[
        int, typer.Option(min=2, help="Points of the path, both ends included.")
    ] = 11,
    t: Annotated[
        float, typer.Option("--t", help="Diffusion: how far both are degraded, in (0, 1].")
    ] = 0.5,
    path: Annotated[
        str | None,
        typer.Option(
            help="linear or slerp. Flow: slerp; diffusion: linear.",
            autocompletion=one_of("linear", "slerp"),
        ),
    ] = None,
    pairs: Annotated[
        int, typer.Option(min=1, help="How many pairs of test images, where classes are given.")
    ] = 4,
    means: Annotated[
        bool,
        typer.Option("--means", help="Flow: add a row between the means of the two classes."),
    ] = False,
    even: Even = True,
    steps: Annotated[int | None, typer.Option(help="Steps of a trajectory.")] = None,
    sampler: OtherSampler = None,
    data: Data = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="A strip (.png, .svg), arrays (.npz) or an animation (.gif)."),
    ] = None,
) -> None:
    """Interpolate between two classes or pictures.

    A flow interpolates in its latent space, a diffusion in degraded states.
    """
    from genlab import api
    from genlab.components.registry import build
    from genlab.report.paths import check_path_output, paths_between, write_paths

    if out is not None:
        check_path_output(out)
    opened = api.open_run(run, device=device, data=data)
    found = paths_between(
        opened, begin, end, points=points, t=t, path=path, pairs=pairs, means=means, steps=steps,
        rule=opened.picture_rule,
        sampler=None if sampler is None else build("sampler", sampler), seed=seed, even=even,
    )  # fmt: skip
    asked = {"points": points, "t": t, "path": path, "pairs": pairs, "means": means, "steps": steps,
             "sampler": sampler, "seed": seed, "even": even}  # fmt: skip
    stem = f"interpolation-{word_of(begin)}-{word_of(end)}{called_with(asked, _USUAL)}"
    figures = opened.path / "figures"
    for file in [out] if out else [figures / f"{stem}.png", figures / f"{stem}.gif"]:
        write_paths(file, found, opened.spec)
        typer.echo(file)
