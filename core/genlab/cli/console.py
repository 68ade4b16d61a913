"""What a person sees while a run goes on, and when it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from genlab.cli.terminal import plain_console
from genlab.components.tracker import Tracker
from genlab.config import Resolved
from genlab.evaluation.measured import measured_with
from genlab.report.text import between

if TYPE_CHECKING:
    from genlab.runs import Run

__all__ = ["RunDisplay", "bars", "numbers_table", "summary"]


_WIDE, _NARROW, _TINY = 110, 70, 52  # columns of a terminal, from which on there is room for more
_LONG_NAME = 23  # letters of a metric's name for which 80 columns have room beside its numbers
_OFTEN, _SELDOM = 10.0, 30.0  # seconds between two lines where there is no terminal
_SHARE = 0.1  # of a training between two of them


class _Bar(BarColumn):
    """A bar that leaves room for the words beside it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def render(self, task: Task) -> ProgressBar:
        """Return the bar, as wide as there is room."""
        width = self.console.width
        words = 88 if width >= _WIDE else 62 if width >= _NARROW else 50 if width >= _TINY else 36
        self.bar_width = min(max(width - words, 4), 40)
        return super().render(task)


class _Words(ProgressColumn):
    """Step, loss and speed, as many of them as there is room for."""

    def __init__(self, console: Console) -> None:
        super().__init__(Column(no_wrap=True))
        self.console = console

    def render(self, task: Task) -> Text:
        """Return the words."""
        width, said = self.console.width, task.fields["said"]
        least = {"step": _NARROW, "loss": _TINY, "speed": _WIDE}
        return Text("  ".join(said[k] for k in said if width >= least[k]), style="dim")


class _Time(ProgressColumn):
    """Time left, from the share that is done and the seconds it took; at the end, how long it took."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))

    def render(self, task: Task) -> Text:
        """Return the time."""
        if task.finished:
            return Text(f"in {_clock(task.finished_time or 0)}", style="cyan")
        return Text(_left(task.completed, task.total or 0, task.elapsed or 0), style="cyan")


def _left(done: float, total: float, seconds: float) -> str:
    return f"{_clock(seconds * (total - done) / done)} left" if done and seconds else "-:-- left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def bars(console: Console) -> Progress:
    """Return bars that fit the width of a terminal; a task has what is ``said`` beside it, by name."""
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        _Bar(console),
        TextColumn("{task.percentage:>3.0f}%", table_column=Column(no_wrap=True)),
        _Words(console),
        _Time(),
        console=console,
    )


class _Bars:
    """How far a run is, as bars of a terminal."""

    def __init__(self, console: Console) -> None:
        self.progress = bars(console)
        self.tasks: dict[str, TaskID] = {}

    def begin(self, stage: str, total: float) -> None:
        """Show a bar for a part of the work."""
        self.progress.start()
        self.tasks[stage] = self.progress.add_task(stage, total=total, said={})

    def advance(self, stage: str, done: float, said: Mapping[str, str]) -> None:
        """Move a bar."""
        self.progress.update(self.tasks[stage], completed=done, said=said)

    def stop(self) -> None:
        """Leave the bars as they are."""
        self.progress.stop()


class _Lines:
    """How far a run is, as a line now and then: for files and pipes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.totals: dict[str, float] = {}
        self.begun: dict[str, float] = {}
        self.said: dict[str, tuple[float, float]] = {}

    def begin(self, stage: str, total: float) -> None:
        """Name a part of the work."""
        now = time.monotonic()
        self.totals[stage], self.begun[stage], self.said[stage] = total, now, (now, 0.0)
        self.console.print(stage, soft_wrap=True)

    def advance(self, stage: str, done: float, said: Mapping[str, str]) -> None:
        """Say how far it is, where that was not said lately."""
        now, (then, before) = time.monotonic(), self.said[stage]
        share = done / self.totals[stage]
        due = share - before >= _SHARE - 1e-9 if said else now - then >= _OFTEN
        if share >= 1:
            due = bool(said)
        if not (due or now - then >= _SELDOM):
            return
        self.said[stage] = (now, share)
        left = _left(done, self.totals[stage], now - self.begun[stage])
        self.console.print(
            "  ".join([f"{stage} {share:4.0%}", *said.values(), left]), soft_wrap=True
        )

    def stop(self) -> None:
        """Nothing is left to do."""


class RunDisplay(Tracker):
    """Shows a run in the terminal: progress, warnings, and a closing table."""

    def __init__(self) -> None:
        self.console = plain_console()
        self.shown = _Bars(self.console) if self.console.is_terminal else _Lines(self.console)

    def __enter__(self) -> RunDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shown.stop()

    def run_started(self, path: Path, config: Mapping[str, Any]) -> None:
        """Say what is trained."""
        resolved = Resolved.read(config)
        what = Text.assemble((resolved.made_of, "bold"), f" on {resolved.dataset.name}, into ")
        self.console.print(what + Text(str(path), style="cyan"))

    def training_started(self) -> None:
        """Show how far the training is."""
        self.shown.begin("training", 1.0)

    def step_done(self, progress: float, record: Mapping[str, float]) -> None:
        """Say how far it is."""
        said = {
            "step": f"step {record['step']:.0f}",
            "loss": f"loss {record['loss']:.4f}",
            "speed": f"{record['examples_per_s']:,.0f} examples/s",
        }
        self.shown.advance("training", progress, said)

    def warned(self, message: str) -> None:
        """Show a warning above the bars."""
        self.console.print(Text(f"note: {message}", style="yellow"))

    def stage_started(self, stage: str, total: int) -> None:
        """Show how far a stage is."""
        self.shown.begin(stage, total)

    def stage_advanced(self, stage: str, done: int) -> None:
        """Say how far it is."""
        self.shown.advance(stage, done, {})


def summary(console: Console, run: Run) -> None:
    """Print the final numbers of a run, and where everything lies."""
    places = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False)
    places.add_column(no_wrap=True)
    places.add_column(overflow="fold")  # a path is to be copied
    for what, where in _places(run):
        places.add_row(Text(what, style="dim"), Text(where))
    if run.records:
        console.print(numbers_table(run.records, width=console.width))
    console.print(places)


def numbers_table(records: Sequence[Mapping[str, Any]], *, width: int = _WIDE) -> Table:
    """Return measured numbers as a table, each with its interval and beside its baseline.

    Below a name stands what was chosen for the measurement, such as another sampler.

    Args:
        records: The numbers.
        width: Columns of the terminal.
    """
    numbers = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    numbers.add_column("metric", overflow="fold")  # the end of a name is what tells it from others
    numbers.add_column("value", justify="right", no_wrap=True)
    numbers.add_column("95 % interval", justify="right", no_wrap=True)
    numbers.add_column("real\nagainst\nreal", justify="right", no_wrap=True)
    numbers.add_column("samples", justify="right", no_wrap=True)
    for record in records:
        value = f"{record['value']:.4g}"
        if "standard_error" in record:
            value += f" ± {record['standard_error']:.2g}"
        baseline = f"{record['baseline']:.4g}" if "baseline" in record else ""
        interval = between(record.get("interval"))
        name = record["name"]
        if len(name) > _LONG_NAME and width < _WIDE:
            name = name.replace("/", "/\n")
        how = measured_with(record)
        name = f"{name}\n  {how}" if how else name
        numbers.add_row(name, value, interval, baseline, str(record["n"]))
    if any("standard_error" in record for record in records):
        numbers.caption = "±: standard error"
    return numbers


def _places(run: Run) -> Iterator[tuple[str, str]]:
    """Give what a run has left, of what it may leave."""
    path, drawn = run.path, _drawn(run.path)
    for what, file in (
        ("report", path / "report.html"),
        ("samples", run.folder.figure_file("samples", ".png")),
        ("numbers", run.folder.metrics_file),
        ("weights", run.folder.checkpoints.last),
    ):
        if file.is_file():
            yield what, str(file)
    if drawn:
        yield "figures", f"{path / 'figures'}  ({drawn})"
    yield "again", f"genlab sample {path} -n 64"


def _drawn(path: Path) -> str:
    return ", ".join(sorted(file.stem for file in (path / "figures").glob("*.svg")))
