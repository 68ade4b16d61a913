"""``genlab classify``: tell classes apart with a density, by Bayes' rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Data, Device, Json, RunPath

__all__ = ["classify"]


def classify(
    run: RunPath,
    images: Annotated[
        list[Path] | None,
        typer.Argument(help="Picture files; without any, the test split is classified."),
    ] = None,
    shift: Annotated[
        int,
        typer.Option(
            min=0, help="Pixels: posteriors are averaged over all moves by up to so many of them."
        ),
    ] = 0,
    flip: Annotated[
        bool, typer.Option("--flip", help="Posteriors are averaged over mirror images, too.")
    ] = False,
    data: Data = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Classify pictures, or the test split, with a density.

    The density knows the classes, and its posteriors follow from Bayes' rule.
    """
    from genlab import api
    from genlab.errors import RequestError
    from genlab.evaluation import accuracy
    from genlab.report.pictures import read_pictures

    opened = api.open_run(run, device=device, data=data)
    spec = opened.spec
    if not images:
        test = opened.data.test
        x, y = test.first(len(test))
        posteriors = opened.classify(x.cpu(), shift=shift, flip=flip)
        if y is None:
            raise RequestError(f"{opened.config.dataset.name!r} has no labels to compare with")
        right = accuracy(posteriors, y.cpu())
        views = (2 * shift + 1) ** 2 * (1 + flip)
        found = {"n": len(y), "accuracy": right, "views": views}
        told = f"accuracy {right:.4f} on {len(y)} test examples"
        told += f", each by {views} views" if views > 1 else ""
        typer.echo(json.dumps(found) if as_json else told)
        return
    names = spec.names or tuple(map(str, range(spec.classes)))
    x = read_pictures(images, spec, opened.picture_rule)
    posteriors = opened.classify(x, shift=shift, flip=flip).exp()
    for file, row in zip(images, posteriors.tolist(), strict=True):
        ranked = sorted(zip(row, names, strict=True), reverse=True)
        if as_json:
            typer.echo(json.dumps({"file": str(file), **{name: p for p, name in ranked}}))
        else:
            typer.echo(f"{file}: " + ", ".join(f"{name} {p:.3f}" for p, name in ranked[:3]))
