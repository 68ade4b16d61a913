"""Checks of engines, each on one with a planted fault that it alone finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Any

import pytest

from genlab import Engine, Hooks, Job, Outcome
from genlab.engines import Local
from genlab.testing import check_engine, component_checks, engine_checks

Work = Callable[[Job, Sequence[object]], Outcome]
Trackers = Callable[[Job], Iterable[object]]


class Threads(Engine):
    """A sound engine: two jobs at once, and outcomes in the order in which they end.

    Args:
        workers: How many at once.
    """

    def __init__(self, *, workers: int = 2) -> None:
        self.workers = workers

    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        with ThreadPoolExecutor(self.workers) as pool:
            doing = [pool.submit(work, job, list(trackers(job))) for job in jobs]
            for each in as_completed(doing):
                yield each.result()


class Tells(Local):
    """A sound engine: it tells trackers what the work would tell them in another process."""

    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        def telling(job: Job) -> list[object]:
            given = list(trackers(job))
            Hooks(given).tell("warned", path=job.path, message="it begins")
            return given

        yield from super().carry_out(jobs, work, trackers=telling)


class NeedsAJob(Local):
    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        jobs[0]
        yield from super().carry_out(jobs, work, trackers=trackers)


class Twice(Local):
    """Carries the last of several jobs out again."""

    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        yield from super().carry_out(jobs, work, trackers=trackers)
        if len(jobs) > 4:
            work(jobs[-1], [])


class EndsWithTheFirstFailure(Local):
    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        for outcome in super().carry_out(jobs, work, trackers=trackers):
            yield outcome
            if outcome.status == "failed":
                return


class AllAreDone(Local):
    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        for outcome in super().carry_out(jobs, work, trackers=trackers):
            yield replace(outcome, status="done", message="")


class Deaf(Local):
    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        yield from super().carry_out(jobs, work, trackers=lambda job: ())


class OneForAll(Local):
    """All jobs have the trackers of the first."""

    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        yield from super().carry_out(jobs, work, trackers=lambda job: trackers(jobs[0]))


FAULTS: list[tuple[type[Engine], str]] = [
    (NeedsAJob, "no_jobs"),
    (Twice, "every_job_once"),
    (EndsWithTheFirstFailure, "outcomes_are_told"),
    (AllAreDone, "outcomes_are_told"),
    (Deaf, "trackers_are_passed"),
    (OneForAll, "trackers_are_passed"),
]


@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_alone_found(broken: type[Engine], check: str, found: Any) -> None:
    assert found(engine_checks(broken())) == [check]


def test_every_check_has_a_fault() -> None:
    names = {check.name for check in engine_checks(Local())}
    of_every_role = {check.name for check in component_checks(Local)}
    assert names - of_every_role == {check for _, check in FAULTS}


@pytest.mark.parametrize("sound", [Local, Threads, Tells])
def test_sound_ones_pass(sound: type[Engine]) -> None:
    check_engine(sound())
