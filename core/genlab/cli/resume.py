"""``genlab resume``: go on with a run."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from genlab.cli.options import Data, Epochs, Minutes, RunPath, SameDevice, Steps, Trackers
from genlab.cli.processes import Processes, in_processes
from genlab.place import is_first

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
    processes: Processes = None,
) -> None:
    """Finish what a run lacks, or train it on to a larger budget."""
    in_processes(processes)
    from genlab import api
    from genlab.cli.console import RunDisplay, summary

    go_on = partial(
        api.resume, run, minutes=minutes, steps=steps, epochs=epochs, data=data, device=device,
        checkpoint=checkpoint,
    )  # fmt: skip
    if not is_first():
        go_on()
        return
    display = RunDisplay()
    with display:
        done = go_on(trackers=[display, *(tracker or ())])
    summary(display.console, done)
