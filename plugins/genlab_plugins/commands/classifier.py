"""``genlab classifier``: train the reference classifier, in whose features samples are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["classifier"]


def classifier(
    dataset: Annotated[str, typer.Argument(help="The data set, by name.")],
    data: Annotated[
        Path | None, typer.Option(help="The data folder, for data sets that live in files.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget in minutes of training.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Budget in passes over the data.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "cpu",
    out: Annotated[
        Path | None,
        typer.Option(
            help="A .safetensors file; the user's cache, where metrics look, if left out."
        ),
    ] = None,
) -> None:
    """Train the reference classifier of a data set.

    Samples are measured in its features. Metrics find the classifiers of digits and MNIST in genlab
    itself, any other in the cache.
    """
    from rich.progress import Progress

    from genlab import RequestError, load, pick_device, write_bytes
    from genlab_plugins.metrics.classifier_finding import cached_file
    from genlab_plugins.metrics.classifier_training import train_classifier

    if out is not None and out.suffix != ".safetensors":
        raise RequestError(f"--out {out}: the classifier is written as a .safetensors file")
    where = pick_device(device)
    loaded = load(dataset, data)
    if loaded.spec.kind != "image" or not loaded.spec.classes:
        raise RequestError(
            f"{dataset!r} is not a set of images with labels, which a classifier needs"
        )
    with Progress(transient=True) as progress:
        task = progress.add_task("training the classifier", total=1.0)
        trained = train_classifier(
            loaded.train, loaded.test, loaded.spec, dataset=dataset, seed=seed, epochs=epochs,
            minutes=minutes, device=where,
            advance=lambda done: progress.update(task, completed=done),
        )  # fmt: skip
    file = out or cached_file(trained.record.fingerprint)
    write_bytes(file, trained.to_bytes())
    typer.echo(f"{file}: {trained.record.accuracy:.2%} of the test images right")
