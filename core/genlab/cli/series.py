"""What ``genlab sweep`` and ``genlab reproduce`` share: many runs, shown in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.completion import names_of

if TYPE_CHECKING:
    from genlab.components import Job, Outcome

__all__ = ["Engine", "Jobs", "Listed", "Only", "Settings", "series"]

Engine = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Who carries the runs out.", autocompletion=names_of("engine")
    ),
]
Jobs = Annotated[int | None, typer.Option(min=1, help="How many runs at once.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="engine.NAME=VALUE",
        help="A parameter of the engine; genlab show engine NAME lists them.",
    ),
]
Listed = Annotated[
    bool, typer.Option("--list", help="List the runs and how far they are, and end.")
]
Only = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="The I-th of N parts of the runs, for other schedulers."),
]


def series(
    names: Sequence[str],
    out: Path,
    *,
    data: Path | None,
    engine: str,
    jobs: int | None,
    listed: bool,
    only: str | None,
    trackers: Sequence[str] = (),
    settings: Sequence[str] = (),
    **options: Any,
) -> None:
    """Carry out a series of runs, show a table, and exit with 1 where one of them failed."""
    if engine == "local" and (jobs or 1) > 1 and not listed:
        from genlab.engines.nursery import begin_early

        begin_early(jobs or 1)
    from genlab.cli.series_display import SeriesDisplay
    from genlab.cli.terminal import plain_console
    from genlab.components.registry import build
    from genlab.runs.series import carried_out, jobs_of
    from genlab.runs.start import built_trackers

    found = _part(jobs_of(names, out, data=None if data is None else str(data), **options), only)
    console, outcomes = plain_console(), []
    if listed:
        _list(console, found, out)
        return
    given = {} if jobs is None else {"jobs": jobs}
    built = build("engine", engine, **{**_of_engine(settings), **given})
    listening = built_trackers(trackers)
    several = getattr(built, "jobs", None) != 1
    with SeriesDisplay(console, total=len(found), several=several) as display:
        for outcome in carried_out(
            found, built, lambda job: [*display.trackers(job), *listening], display.waits
        ):
            outcomes.append(outcome)
            display.ended(outcome)
    _table(console, outcomes, out)
    _best(console, found)
    _compare(console, outcomes, out)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _of_engine(settings: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of an engine that assignments give."""
    from genlab.config import parse_assignments
    from genlab.errors import RequestError, brief

    found = parse_assignments(settings)
    other = next((key for key in found if key != "engine"), None)
    if other is not None or "name" in found.get("engine", {}):
        raise RequestError(
            f"--set {brief(settings[0])}: here it sets what --engine is given, as in --set engine.retries=3; "
            f"the settings of runs stand in the file"
        )
    params: dict[str, Any] = found.get("engine", {})
    return params


def _part(jobs: list[Job], only: str | None) -> list[Job]:
    """Return the part of the jobs that is asked for; those that train the same stay together."""
    from genlab.errors import RequestError

    if only is None:
        return jobs
    found = re.fullmatch(r"(\d+)/(\d+)", only)
    part, parts = map(int, found.groups()) if found else (0, 0)
    if not 1 <= part <= parts:
        raise RequestError(f"--only {only!r}: the I-th of N parts is asked for by I/N, such as 2/8")
    groups: dict[Path, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.after or job.path, []).append(job)
    return [job for group in list(groups.values())[part - 1 :: parts] for job in group]


def _list(console: Any, jobs: Sequence[Job], out: Path) -> None:
    """Print a line for each run: its number, its folder, and how far it is."""
    from rich.text import Text

    from genlab.runs.folder import RunFolder
    from genlab.runs.status import read_status

    for number, job in enumerate(jobs, 1):
        file = RunFolder(job.path).status_file
        state = read_status(file).outcome if file.is_file() else "not begun"
        console.print(Text(f"{number:>4}  {state:11}  {job.path.relative_to(out)}"))


def _table(console: Any, outcomes: Sequence[Outcome], out: Path) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("run", "status", "numbers"):
        table.add_column(column)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.job.path):
        path = str(outcome.job.path.relative_to(out))
        table.add_row(Text(path), outcome.status, Text(outcome.message or _numbers(outcome)))
    console.print(table)


def _best(console: Any, jobs: Sequence[Job]) -> None:
    """Print the best trial of each search."""
    from rich.text import Text

    from genlab.report.text import number
    from genlab.runs.search import best_of

    for best in best_of(jobs):
        chosen = ", ".join(
            f"{key} = {number(value) if isinstance(value, float) else value}"
            for key, value in best.settings.items()
        )
        said = f"best of {best.of}: {best.run}, {best.metric} {number(best.value)} with {chosen}"
        console.print(Text(said))


def _compare(console: Any, outcomes: Sequence[Outcome], out: Path) -> None:
    """Compare the runs of each series of which two are done."""
    from genlab.errors import RequestError
    from genlab.runs.run import Run
    from genlab.runs.series import compare_runs

    def name_of(outcome: Outcome) -> str:
        return outcome.job.series

    for name, group in groupby(sorted(outcomes, key=name_of), key=name_of):
        done = [Run(o.job.path, device="cpu") for o in group if o.status in ("done", "was done")]
        if not name or len(done) < 2:
            continue
        try:
            files = compare_runs(done, out / name).files
        except RequestError as error:  # what the runs have left is good all the same
            console.print(f"{name} is not compared: {error}", markup=False)
            continue
        for file in files:
            console.print(str(file), markup=False)


def _numbers(outcome: Outcome) -> str:
    from genlab.runs.folder import RunFolder

    records: list[Mapping[str, Any]] = RunFolder.open(outcome.job.path).metrics().get("metrics", [])
    return ", ".join(f"{record['name']} {record['value']:.4g}" for record in records[:3])
