"""``genlab sample``: draw samples from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genlab.cli.options import Checkpoint, Device, RunPath, Seed

__all__ = ["sample"]


def sample(
    run: RunPath,
    n: Annotated[int, typer.Option("-n", "--number", help="How many samples.")] = 64,
    steps: Annotated[int | None, typer.Option(help="Steps of a trajectory.")] = None,
    sampler: Annotated[str | None, typer.Option(help="How to walk back.")] = None,
    label: Annotated[
        str | None,
        typer.Option(help="A class by name or number, or by name:NAME or index:NUMBER."),
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(help="Classifier-free guidance: 1 is none, more follows the label closer."),
    ] = None,
    checkpoint: Checkpoint = "last",
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="A grid (.png), arrays (.npz) or the trajectory (.gif)."),
    ] = None,
) -> None:
    """Draw samples from a run. It needs nothing but the folder."""
    from genlab import api
    from genlab.guards import file_name
    from genlab.report.output import check_output, write_animation, write_samples

    if out is not None:
        check_output(out)
    opened = api.open_run(run, device=device, checkpoint=checkpoint)
    chosen = opened.spec.class_told(label) if label and opened.model.conditional else label
    of_class = "" if label is None else f"-{file_name(label)}"
    file = out or opened.path / "samples" / f"sample{of_class}-{n}-seed-{seed}.png"
    options: dict[str, Any] = {"sampler": sampler, "steps": steps, "label": chosen,
                               "guidance": guidance, "seed": seed}  # fmt: skip
    if file.suffix == ".gif":
        write_animation(file, opened.trajectory(n, **options), opened.spec)
    else:
        x, y = opened.sample(n, **options), opened.model.labels(n, chosen, seed=seed)
        write_samples(file, x, y, opened.spec)
    typer.echo(f"{n} samples: {file}")
