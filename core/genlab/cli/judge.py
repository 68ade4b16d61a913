"""``genlab judge``: train the classifier through whose eyes samples are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genlab.cli.options import Data, Device, Epochs, Minutes, Seed

__all__ = ["judge"]

_METRIC = "judge-confidence"


def judge(
    dataset: Annotated[str, typer.Argument(help="The data set, by name.")],
    data: Data = None,
    minutes: Minutes = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Annotated[
        Path | None,
        typer.Option(
            help="A .safetensors file; the user's cache, where metrics look, if left out."
        ),
    ] = None,
) -> None:
    """Train the judge of a data set: the small classifier whose features samples are measured in.

    Metrics find the judges of digits and MNIST in genlab itself, any other in the cache.
    """
    from rich.progress import Progress

    from genlab.config import parameters
    from genlab.errors import RequestError
    from genlab.files import write_bytes
    from genlab.protocols import Dataset
    from genlab.protocols.metric import JudgedMetric
    from genlab.registries import build, registry
    from genlab.runs.assembly import pick_device

    if minutes is not None and epochs is not None:
        raise RequestError("--minutes and --epochs are both a budget: give one of them")
    if (minutes is not None and minutes <= 0) or (epochs is not None and epochs <= 0):
        raise RequestError("a budget is positive")
    if out is not None and out.suffix != ".safetensors":
        raise RequestError(f"--out {out}: the judge is written as a .safetensors file")
    where = pick_device(device)
    metric: type[JudgedMetric] = registry("metric").get(_METRIC)
    takes_path = any(p.name == "path" for p in parameters(registry("dataset").get(dataset)))
    if takes_path and data is None:
        raise RequestError(f"{dataset!r} lives in a folder of its own: give it with --data DIR")
    source: Dataset = build("dataset", dataset, **({"path": str(data)} if takes_path else {}))
    if source.spec.kind != "image" or not source.spec.classes:
        raise RequestError(f"{dataset!r} is not a set of images with labels, which a judge needs")
    train, test = source.load("train", data), source.load("test", data)
    with Progress(transient=True) as progress:
        task = progress.add_task("training the judge", total=1.0)
        trained = metric.train_judge(
            train, test, source.spec, dataset=dataset, seed=seed, epochs=epochs, minutes=minutes,
            device=where, advance=lambda done: progress.update(task, completed=done),
        )  # fmt: skip
    file = out or trained.cache
    write_bytes(file, trained.data)
    typer.echo(f"{file}: {trained.record['accuracy']:.2%} of the test images right")
