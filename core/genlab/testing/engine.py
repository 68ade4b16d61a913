"""The contract of an engine, which carries out jobs that write a line each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from genlab.components.engine import Engine, Job, Outcome
from genlab.components.tracker import hookimpl
from genlab.testing.check import Check, bind, require, run_checks
from genlab.testing.component import component_checks

__all__ = ["check_engine", "engine_checks"]


def check_engine(instance: Engine) -> None:
    """Check an engine against its contract.

    Args:
        instance: The engine.

    Raises:
        ContractError: It breaks at least one clause.
    """
    run_checks(type(instance).__name__, engine_checks(instance))


def engine_checks(instance: Engine) -> Iterator[Check]:
    """Yield the checks of an engine.

    Args:
        instance: The engine.
    """
    yield from bind(_CHECKS, instance)
    yield from component_checks(lambda: instance)


class _Mark:
    """Stands for a tracker, and knows whose it is."""

    def __init__(self, job: Job) -> None:
        self.name = job.path.name

    @hookimpl
    def warned(self, path: Path, message: str) -> None:
        """Take part, as a tracker does: engines tell hooks of another process to those of their own."""


def _marks(job: Job) -> list[object]:
    return [_Mark(job)]


def _work(job: Job, trackers: Sequence[object]) -> Outcome:
    """Leave a line with the process and the trackers, and do what the request says."""
    job.path.mkdir(parents=True, exist_ok=True)
    names = " ".join(t.name for t in trackers if isinstance(t, _Mark))
    with (job.path / "log.txt").open("a", encoding="utf-8") as log:
        log.write(f"{os.getpid()} {names}\n")
    status = job.tables["end"]
    return Outcome(job, status, "it could not be done" if status == "failed" else "")


def _carried_out(
    engine: Engine, ends: Sequence[str], look: Callable[[list[Job], list[Outcome]], None]
) -> None:
    """Carry out one job for each end, and look at what came of them before their folders go."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = [Job(Path(folder, f"run-{i}"), {"end": end}) for i, end in enumerate(ends)]
        given = list(jobs)
        outcomes = list(engine.carry_out(jobs, _work, trackers=_marks))
        require(jobs == given, "carry_out() alters the list of jobs")
        look(jobs, outcomes)


def _no_jobs(engine: Engine) -> None:
    """Without jobs there are no outcomes."""
    outcomes = list(engine.carry_out([], _work, trackers=_marks))
    require(not outcomes, f"{len(outcomes)} outcomes of no job")


def _every_job_once(engine: Engine) -> None:
    """Every job is carried out once, and its outcome is yielded once."""

    def look(jobs: list[Job], outcomes: list[Outcome]) -> None:
        names = sorted(outcome.job.path.name for outcome in outcomes)
        require(
            names == sorted(job.path.name for job in jobs),
            f"the outcomes of {len(jobs)} jobs are those of {names}",
        )
        for job in jobs:
            log = job.path / "log.txt"
            lines = log.read_text("utf-8").splitlines() if log.exists() else []
            require(len(lines) == 1, f"{job.path.name} is carried out {len(lines)} times")

    _carried_out(engine, ["done"], look)
    _carried_out(engine, ["done"] * 5, look)


def _outcomes_are_told(engine: Engine) -> None:
    """An outcome is what the work returned: one that fails is told with its reason, and the others go on."""

    def look(jobs: list[Job], outcomes: list[Outcome]) -> None:
        told = {outcome.job.path: (outcome.status, outcome.message) for outcome in outcomes}
        for job in jobs:
            end = job.tables["end"]
            want = (end, "it could not be done" if end == "failed" else "")
            got = told.get(job.path)
            require(
                got == want,
                f"{job.path.name} of {len(jobs)} ends with {want}, and is told as {got}",
            )

    _carried_out(engine, ["failed", "done", "was done", "done"], look)


def _trackers_are_passed(engine: Engine) -> None:
    """Work in this process is given the trackers of its job, and of no other."""

    def look(jobs: list[Job], outcomes: list[Outcome]) -> None:
        for job in jobs:
            process, *names = (job.path / "log.txt").read_text("utf-8").split()
            require(
                int(process) != os.getpid() or names == [job.path.name],
                f"{job.path.name} is given the trackers of {names}",
            )

    _carried_out(engine, ["done"] * 3, look)


_CHECKS = (_no_jobs, _every_job_once, _outcomes_are_told, _trackers_are_passed)
