"""How a series of runs is shown: one bar a run where several are at work, and a line for each that ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.text import Text

from genlab.cli.console import RunDisplay, bars
from genlab.components.engine import Job, Outcome
from genlab.components.tracker import Tracker

__all__ = ["SeriesDisplay"]


class SeriesDisplay:
    """Shows a series of runs.

    Args:
        console: Where to.
        total: How many runs there are.
        several: Whether several of them are at work at once.
    """

    def __init__(self, console: Console, *, total: int, several: bool) -> None:
        self.total, self.several = total, several
        self.done = 0
        self.single: list[RunDisplay] = []
        self.progress = bars(console)

    def __enter__(self) -> SeriesDisplay:
        if self.several:
            self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def trackers(self, job: Job) -> list[object]:
        """Return what shows one run."""
        if self.several:
            return [_Bar(self.progress, job.path.name)]
        self.single.append(RunDisplay())
        return [self.single[-1]]

    def ended(self, outcome: Outcome) -> None:
        """Say that a run has ended."""
        if not self.several:
            self._stop()
        self.done += 1
        where = f"{self.done} of {self.total}: {outcome.job.path} {outcome.status}"
        self.progress.console.print(Text(where))

    def waits(self, outcome: Outcome) -> None:
        """Say that a run waits for another process."""
        self.progress.console.print(Text(f"{outcome.job.path} waits: {outcome.message}"))

    def _stop(self) -> None:
        self.progress.stop()
        for each in self.single:
            each.shown.stop()


class _Bar(Tracker):
    """One bar for all stages of a run."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name
        self._task: TaskID | None = None
        self._stage = ""

    def training_started(self) -> None:
        """Show the bar."""
        self._show("training", 1.0)

    def step_done(self, progress: float, record: Mapping[str, float]) -> None:
        """Move the bar, which an evaluation may have stood in for meanwhile."""
        if self._stage != "training":
            self._show("training", 1.0)
        self._move(progress)

    def warned(self, path: Path, message: str) -> None:
        """Show a warning above the bars."""
        self._progress.console.print(Text(f"{self._name}: {message}", style="yellow"))

    def stage_started(self, stage: str, total: int) -> None:
        """Let the bar stand for a stage."""
        self._show(stage, float(total))

    def stage_advanced(self, done: int) -> None:
        """Move the bar."""
        self._move(float(done))

    def run_ended(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._progress.remove_task(self._task)

    def _show(self, stage: str, total: float) -> None:
        words, self._stage = f"{self._name}: {stage}", stage
        if self._task is None:
            self._task = self._progress.add_task(words, total=total, said={})
        self._progress.reset(self._task, total=total, description=words)

    def _move(self, done: float) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done)
