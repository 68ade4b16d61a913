"""One run after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from genlab.components.engine import Engine, Job, Outcome

__all__ = ["Local"]


class Local(Engine):
    """Carries runs out one after the other, in this process."""

    def carry_out(
        self,
        jobs: Sequence[Job],
        work: Callable[[Job, Sequence[object]], Outcome],
        *,
        trackers: Callable[[Job], Iterable[object]],
    ) -> Iterator[Outcome]:
        """Carry jobs out, and yield the outcome of each as it ends."""
        for job in jobs:
            yield work(job, list(trackers(job)))
