"""``genlab resume``: go on with a run."""

from __future__ import annotations

from typing import Annotated

import typer

from genlab.cli.options import Data, Epochs, Minutes, RunPath, SameDevice, Steps, Trackers

__all__ = ["resume"]


def resume(
    run: RunPath,
    minutes: Minutes = None,
    steps: Steps = None,
    epochs: Epochs = None,
    data: Data = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(help="Where to go on from, such as step-0000400; the last if left out."),
    ] = None,
    tracker: Trackers = None,
    device: SameDevice = None,
) -> None:
    """Finish what a run lacks, or train it on to a larger budget."""
    from genlab import api
    from genlab.cli.console import RunDisplay, summary

    display = RunDisplay()
    with display:
        done = api.resume(
            run, minutes=minutes, steps=steps, epochs=epochs, data=data, device=device,
            checkpoint=checkpoint, trackers=[display, *(tracker or ())],
        )  # fmt: skip
    summary(display.console, done)
