"""Engines: who carries out many runs."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from genlab.components.component import Component

__all__ = ["Engine", "Job", "Outcome"]


@dataclass(frozen=True)
class Job:
    """One run of a series.

    Args:
        path: Where it lies.
        tables: Its request.
        series: Name of the sweep that it belongs to; empty for none.
        after: The folder of a job that trains the same, and is done first; None for none.
        search: The table of the search that it is a trial of, which chooses what the request leaves open when
            the run begins; None for none.
    """

    path: Path
    tables: Mapping[str, Any]
    series: str = ""
    after: Path | None = None
    search: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        job: The job.
        status: Whether it was done before, was carried out now, failed, or was stopped by a search that takes
            it for hopeless; or whether another process is at it, or at the one that it comes after: then it
            is asked for again.
        message: Why it failed or was stopped, or who is at it.
    """

    job: Job
    status: Literal["was done", "done", "failed", "stopped", "elsewhere"]
    message: str = ""


class Engine(Component):
    """Carries out many runs (abstract), here or elsewhere, one after the other or several at once."""

    role: ClassVar[str] = "engine"

    @abc.abstractmethod
    def carry_out(
        self,
        jobs: Sequence[Job],
        work: Callable[[Job, Sequence[object]], Outcome],
        *,
        trackers: Callable[[Job], Iterable[object]],
    ) -> Iterator[Outcome]:
        """Carry jobs out, and yield the outcome of each as it ends.

        Args:
            jobs: The jobs, each with a folder of its own.
            work: Carries one job out, in the process that calls it; it returns an outcome where the run
                failed, too. What is done is skipped and what was stopped goes on. Its second argument are
                the trackers of the run.
            trackers: Makes the trackers of a job, for engines that work in this process.
        """
