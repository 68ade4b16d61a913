"""``genlab resume``: go on with a run."""

from __future__ import annotations

from typing import Annotated

import typer

from genlab.cli.options import Data, Epochs, Minutes, RunPath, Steps

__all__ = ["resume"]


def resume(
    run: RunPath,
    minutes: Minutes = None,
    steps: Steps = None,
    epochs: Epochs = None,
    data: Data = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
) -> None:
    """Go on with a run from its last checkpoint, to its own budget or to a larger one."""
    from genlab import api
    from genlab.cli.console import RunDisplay

    display = RunDisplay()
    with display:
        done = api.resume(
            run, minutes=minutes, steps=steps, epochs=epochs, data=data, device=device,
            trackers=[display],
        )  # fmt: skip
    display.summary(done)
