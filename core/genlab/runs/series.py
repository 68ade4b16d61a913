"""Series of runs: experiments with budgets, sweeps, and all that is to be reproduced."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genlab.components.engine import Engine, Job, Outcome
from genlab.config import SLOTS, Request, merge
from genlab.errors import GenlabError, RequestError, TakenError, brief, unknown
from genlab.evaluation.comparison import Compared
from genlab.experiments import experiment_names, read_experiment
from genlab.guards import require_name
from genlab.place import require_one
from genlab.report.comparison import Comparison, comparison
from genlab.runs.combinations import Sweep, combinations, is_plain
from genlab.runs.folder import RunFolder, require_free
from genlab.runs.lock import is_taken
from genlab.runs.run import Run
from genlab.runs.search import carry_out_trial, trials_of
from genlab.runs.start import UNTRAINED, continue_run, start_run
from genlab.runs.status import read_status

__all__ = [
    "BUDGETS",
    "carried_out",
    "carry_out",
    "compare_runs",
    "experiment_tables",
    "jobs_of",
    "swept",
]

BUDGETS = ("smoke", "laptop", "gpu")
"""Seconds on embedded data, two cores, one graphics card."""

_PATIENCE = 2.0  # seconds between two looks at what another process is at


def experiment_tables(name: str | Path, budget: str | None = None) -> dict[str, Any]:
    """Return the tables of an experiment under a budget.

    Args:
        name: The name of one that comes with genlab, or a TOML file.
        budget: One of the experiment's ``[budget.NAME]`` tables; None: ``"laptop"`` where it has that.

    Raises:
        RequestError: There is no such experiment or budget.
    """
    tables = read_experiment(name)
    budgets: dict[str, Any] = tables.pop("budget", {})
    if budget is not None and budget not in budgets:
        raise unknown(f"budget of {name}", budget, budgets)
    chosen = budgets.get(budget or "laptop", {})
    if not isinstance(chosen, Mapping):
        raise RequestError(f"{brief(name)}: budget.{budget or 'laptop'} is no table of settings")
    return merge(tables, chosen)


def jobs_of(
    names: Sequence[str | Path],
    out: Path,
    *,
    budget: str | None = None,
    data: str | None = None,
    device: str | None = None,
    seed: int | None = None,
) -> list[Job]:
    """Return the runs of experiments, those of a sweep one by one.

    An experiment with a table ``[sweep]`` is one run for every combination of its values, such as
    ``degradation = ["gaussian", "blur"]`` or ``"optimiser.lr" = [1e-3, 1e-4]``.

    Args:
        names: Experiments by name or file; none: all that come with genlab.
        out: The folder that the runs go into.
        budget: A budget by name.
        data: The data folder.
        device: Where to compute.
        seed: Seed of every run.

    Raises:
        RequestError: There is no such experiment or budget.
    """
    given = {"data": data, "device": device, "seed": seed}
    over = {key: value for key, value in given.items() if value is not None}
    found = []
    for name in names or experiment_names():
        tables = merge(experiment_tables(name, budget), over)
        stem = require_name("experiment", str(tables["experiment"]))
        sweep: Sweep | None = tables.pop("sweep", None)
        found += [Job(out / stem, tables)] if sweep is None else swept(tables, sweep, out / stem)
    return found


def swept(tables: Mapping[str, Any], sweep: Sweep, out: Path) -> list[Job]:
    """Return one run for every combination of a sweep's values.

    Args:
        tables: The request that all of them share.
        sweep: What varies; see :func:`~genlab.runs.combinations.combinations`.
        out: The folder that the runs go into; its name is that of the series.

    Raises:
        RequestError: A value is no list, a setting does not exist, or a combination is there twice.
    """
    tables_of = [sweep] if isinstance(sweep, Mapping) else list(sweep)
    searches = [table for table in tables_of if isinstance(table, Mapping) and "search" in table]
    listed = [table for table in tables_of if not any(table is each for each in searches)]
    jobs: list[Job] = []
    first: dict[Hashable, Path] = {}
    for label, change in combinations(listed) if listed or not searches else ():
        merged = merge(tables, change)
        Request.of(merged)  # a name that does not exist is told before any run begins
        path = out / label
        after = first.setdefault(_trained(merged), path)
        jobs.append(Job(path, merged, out.name, None if after == path else after))
    for table in searches:
        jobs += trials_of(tables, table, out)
    twice = next((path for path, n in Counter(job.path for job in jobs).items() if n > 1), None)
    if twice is not None:
        raise RequestError(f"sweep: {twice.name} is there twice")
    return jobs


def _trained(tables: Mapping[str, Any]) -> Hashable:
    """Return a value that two requests share which ask for the same training, as far as they tell."""
    return _key({key: value for key, value in tables.items() if key not in UNTRAINED})


def _key(value: Any) -> Hashable:
    """Return a setting as a value to look it up by; what is no plain value is only the same as itself."""
    if isinstance(value, Mapping):
        return frozenset((key, _key(each)) for key, each in value.items())
    if isinstance(value, list):
        return tuple(map(_key, value))
    return (value,) if is_plain(value) else (type(value), id(value))


def carry_out(job: Job, trackers: Sequence[object]) -> Outcome:
    """Carry one run of a series out: what is done is skipped, what was stopped goes on, a failure is told.

    Runs of a series that differ in nothing that the training depends on, such as in the sampler, train
    once: the later ones take the weights of the first. Where something was handed in that no file can
    tell from another, such as a module or tensors, each of them trains.

    A run that another process is at is left to it; so are those that wait for its weights. What a search has
    chosen is carried out, and its number is told to the search.

    Args:
        job: The run.
        trackers: Objects that listen.
    """
    if job.search is not None:
        return carry_out_trial(job, trackers, _carry_out)
    return _carry_out(job, trackers)


def _carry_out(job: Job, trackers: Sequence[object]) -> Outcome:
    try:
        if job.after is not None and is_taken(job.after) and not _is_trained(job.after):
            return Outcome(job, "elsewhere", f"another process trains {job.after.name}")
        if not (job.path / "run.toml").is_file():
            siblings = () if job.after is None else (job.after,)
            start_run(job.tables, out=job.path, trackers=trackers, siblings=siblings)
            return Outcome(job, "done")
        if read_status(RunFolder.open(job.path).status_file).outcome == "done":
            return Outcome(job, "was done")
        data, device = job.tables.get("data"), job.tables.get("device")
        continue_run(
            job.path, data=data, device=device, trackers=trackers, components=_handed_in(job.tables)
        )
        return Outcome(job, "done")
    except TakenError as error:
        if _is_of_something_else(job.path):
            return Outcome(job, "failed", str(error))
        return Outcome(job, "elsewhere", str(error))
    except GenlabError as error:
        if read_status(RunFolder(job.path).status_file).outcome == "done":
            return Outcome(job, "was done")  # by another process, since the look above
        return Outcome(job, "failed", str(error))


def _is_of_something_else(path: Path) -> bool:
    """Say whether a folder can be no run's: nobody is at work there, and what is there is no run."""
    if is_taken(path) or RunFolder(path).config_file.is_file():
        return False
    try:
        require_free(path)
    except TakenError:
        return True
    return False


def carried_out(
    jobs: Sequence[Job],
    engine: Engine,
    trackers: Callable[[Job], Iterable[object]],
    waits: Callable[[Outcome], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Let an engine carry jobs out, and yield the outcome of each as it ends.

    What another process is at, such as the same sweep on another machine, is looked at again when all others
    are done, until it is done or nobody is at it any more.

    Args:
        jobs: The jobs.
        engine: Who carries them out.
        trackers: Makes the trackers of a job.
        waits: Is told once of each job that another process is at.
    """
    require_one("a series of runs")
    waiting, told = list(jobs), set()
    while waiting:
        again = []
        for outcome in engine.carry_out(waiting, carry_out, trackers=trackers):
            if outcome.status == "elsewhere":
                again.append(outcome.job)
                if outcome.job.path not in told:
                    told.add(outcome.job.path)
                    waits(outcome)
            else:
                yield outcome
        if again and len(again) == len(waiting):
            time.sleep(_PATIENCE)
        waiting = again


def _is_trained(path: Path) -> bool:
    return "training" in read_status(RunFolder(path).status_file).done


def compare_runs(
    runs: Sequence[Run], out: Path | None, *, seed: int | None = None, over: str | None = None
) -> Comparison:
    """Say how runs differ, and write it.

    :func:`genlab.report.comparison_files.write_comparison` says which files there are.

    Args:
        runs: The runs.
        out: The folder that the files go into; None: there are none.
        seed: Seed of fresh samples; None: the first that each run has left.
        over: A setting: runs that differ in nothing else are put together.

    Raises:
        RequestError: There are fewer than two runs, or one is there twice; none has numbers that could be
            written; or no two of them differ in nothing but the setting.
    """
    if len(runs) < 2:
        raise RequestError("a comparison takes at least two runs")
    names = _names([run.path for run in runs])
    seen = [
        Compared(name, run.config.made_of, run.config.flat(), run.metrics)
        for name, run in zip(names, runs, strict=True)
    ]
    found = comparison(seen, over=over)
    if out is None:
        return found
    from genlab.report.comparison_files import write_comparison  # which imports Matplotlib

    return write_comparison(found, runs, out, seed=seed)


def _names(paths: Sequence[Path]) -> list[str]:
    """Name runs by their folders, and by those above where these are called the same."""
    parts = [path.resolve().parts for path in paths]
    for place, each in enumerate(parts):
        if each in parts[:place]:
            raise RequestError(f"{paths[place]} is there twice: a comparison takes different runs")
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(names):
            break
    return names


def _handed_in(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the objects of a request, by the place that they take."""
    found = {slot: tables[slot] for slot in SLOTS if slot in tables and not is_plain(tables[slot])}
    lists = {key: [item for item in tables.get(key, ()) if not is_plain(item)]
             for key in ("metrics", "figures")}  # fmt: skip
    return found | {key: items for key, items in lists.items() if items}
