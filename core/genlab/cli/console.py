"""What a person sees while a run goes on, and when it is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from genlab.components.tracker import Tracker
from genlab.config import Resolved
from genlab.report.text import between

if TYPE_CHECKING:
    from genlab.runs import Run

__all__ = ["RunDisplay", "numbers_table", "summary"]


class _Left(ProgressColumn):
    """Time left, from the share that is done and the seconds it took."""

    def render(self, task: Task) -> Text:
        if not task.completed or not task.elapsed or not task.total:
            return Text("-:-- left", style="cyan")
        left = task.elapsed * (task.total - task.completed) / task.completed
        minutes, seconds = divmod(round(left), 60)
        return Text("done" if task.finished else f"{minutes}:{seconds:02d} left", style="cyan")


class RunDisplay(Tracker):
    """Shows a run in the terminal: progress, warnings, and a closing table."""

    def __init__(self) -> None:
        self.console = Console()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[note]}", style="dim"),
            TimeElapsedColumn(),
            _Left(),
            console=self.console,
        )
        self.tasks: dict[str, Any] = {}
        self.offset = 0.0

    def __enter__(self) -> RunDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.tasks:
            self.progress.stop()

    def run_started(self, path: Path, config: Mapping[str, Any]) -> None:
        """Say what is trained."""
        self._headline(path, Resolved.read(config))

    def training_started(self) -> None:
        """Show the bar."""
        self.tasks["training"] = self.progress.add_task("training", total=1.0, note="")
        self.progress.start()

    def step_done(self, progress: float, record: Mapping[str, float]) -> None:
        """Move the bar."""
        note = f"step {record['step']:.0f}  loss {record['loss']:.4f}"
        note += f"  {record['examples_per_s']:,.0f} examples/s"
        self.progress.update(self.tasks["training"], completed=progress, note=note)

    def warned(self, message: str) -> None:
        """Show a warning above the bars."""
        self.console.print(Text(f"note: {message}", style="yellow"))

    def stage_started(self, stage: str, total: int) -> None:
        """Show a bar for a stage."""
        self.progress.start()
        self.tasks[stage] = self.progress.add_task(stage, total=total, note="")

    def stage_advanced(self, stage: str, done: int) -> None:
        """Move the bar of a stage."""
        self.progress.update(self.tasks[stage], completed=done)

    def _headline(self, path: Path, config: Resolved) -> None:
        self.console.print(
            Text.assemble(
                (config.made_of, "bold"), f" on {config.dataset.name}, into ", (str(path), "cyan")
            )
        )


def summary(console: Console, run: Run) -> None:
    """Print the final numbers of a run, and where everything lies."""
    places = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False)
    places.add_column(no_wrap=True)
    places.add_column(overflow="fold")  # a path is to be copied
    for what, where in _places(run):
        places.add_row(Text(what, style="dim"), Text(where))
    if run.records:
        console.print(numbers_table(run.records))
    console.print(places)


def numbers_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return measured numbers as a table, each with its interval and beside its baseline."""
    numbers = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    for column in ("metric", "value", "95 % interval", "real against real", "samples"):
        numbers.add_column(column, justify="left" if column == "metric" else "right")
    for record in records:
        value = f"{record['value']:.4g}"
        if "standard_error" in record:
            value += f" ± {record['standard_error']:.2g}"
        baseline = f"{record['baseline']:.4g}" if "baseline" in record else ""
        interval = between(record.get("interval"))
        numbers.add_row(record["name"], value, interval, baseline, str(record["n"]))
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
