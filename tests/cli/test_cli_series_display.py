"""Bars of several runs at once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from genlab import Job
from genlab.cli.series_display import SeriesDisplay


def test_a_bar_stands_for_what_its_run_is_at() -> None:
    """After an evaluation in the middle, it is that of the training again, and at the end it is gone."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    display = SeriesDisplay(console, total=2, several=True)
    bars: list[Any] = [
        display.trackers(Job(Path("runs", name), {}))[0] for name in ("one", "other")
    ]
    for bar in bars:
        bar.training_started()
    bars[0].step_done(progress=0.3, record={})
    bars[0].stage_started(stage="evaluating at 33%", total=1)
    bars[0].stage_advanced(done=1)
    first, second = display.progress.tasks
    assert (first.description, first.finished) == ("one: evaluating at 33%", True)
    bars[0].step_done(progress=0.5, record={})
    assert (first.description, first.completed, first.finished) == ("one: training", 0.5, False)
    assert (second.description, second.completed) == ("other: training", 0)
    bars[0].run_ended()
    assert [task.description for task in display.progress.tasks] == ["other: training"]
