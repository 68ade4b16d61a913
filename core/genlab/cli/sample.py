"""``genlab sample``: draw samples from a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.naming import called_with, word_of
from genlab.cli.options import (
    Checkpoint,
    Data,
    Device,
    Guidance,
    OtherPrior,
    OtherSampler,
    RunPath,
    Seed,
    Temperature,
)

if TYPE_CHECKING:
    from genlab.runs import Run

__all__ = ["sample"]


def sample(
    run: RunPath,
    n: Annotated[int, typer.Option("-n", "--number", help="How many samples.")] = 64,
    steps: Annotated[int | None, typer.Option(help="Steps of a trajectory.")] = None,
    sampler: OtherSampler = None,
    prior: OtherPrior = None,
    label: Annotated[
        str | None,
        typer.Option(help="A class by name or number, or by name:NAME or index:NUMBER."),
    ] = None,
    guidance: Guidance = None,
    temperature: Temperature = None,
    checkpoint: Checkpoint = "last",
    data: Data = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="A grid (.png), arrays (.npz) or the trajectory (.gif)."),
    ] = None,
) -> None:
    """Draw samples; nothing but the run's folder is needed."""
    from genlab import api
    from genlab.errors import RequestError
    from genlab.report.output import check_output, write_animation, write_samples

    if out is not None:
        check_output(out)
    opened = api.open_run(run, device=device, data=data, checkpoint=checkpoint)
    chosen = opened.spec.class_told(label) if label and opened.model.conditional else label
    asked = {"sampler": sampler, "prior": prior, "steps": steps, "guidance": guidance,
             "temperature": temperature, "checkpoint": checkpoint}  # fmt: skip
    file = out or opened.path / "samples" / _name(opened, n, seed, label, asked)
    options: dict[str, Any] = {"sampler": sampler, "prior": prior, "steps": steps, "label": chosen,
                               "guidance": guidance, "seed": seed}  # fmt: skip
    if file.suffix == ".gif":
        if temperature is not None:
            raise RequestError("a trajectory takes no temperature: that is of the noise of a flow")
        write_animation(file, opened.trajectory(n, **options), opened.spec)
    else:
        options["temperature"] = temperature
        x, y = opened.sample(n, **options), opened.model.labels(n, chosen, seed=seed)
        write_samples(file, x, y, opened.spec)
    typer.echo(f"{n} samples: {file}")


def _name(run: Run, n: int, seed: int, label: str | None, asked: Mapping[str, Any]) -> str:
    """Return the name of a file that nobody has named: it tells all in which a call is unusual."""
    method = run.config.method
    usual = {
        "sampler": getattr(getattr(method, "sampler", None), "name", None),
        "prior": getattr(getattr(getattr(method, "prior", None), "density", None), "name", None),
        "steps": getattr(run.model, "steps", None),
        "guidance": run.config.sampling.guidance,
        "temperature": run.config.sampling.temperature,
        "checkpoint": "last",
    }
    of_class = "" if label is None else f"-{word_of(label)}"
    return f"sample{of_class}-{n}-seed-{seed}{called_with(asked, usual)}.png"
