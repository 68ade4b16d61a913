"""Ray: runs on the machines of a Ray cluster, or on this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from genlab import Engine, Job, Outcome, RequestError, require_extra
from genlab_plugins.engines.elsewhere import (
    Died,
    Ended,
    Task,
    Work,
    carried_out,
    carry_out_task,
)

__all__ = ["Ray"]

_PAUSE = 0.5  # seconds between two looks
_PATIENCE = 60.0  # seconds that tasks have to write a checkpoint when they are stopped


class Ray(Engine):
    """Carries runs out as tasks of Ray (Moritz et al. 2018, arXiv:1712.05889).

    Ray finds a place for each run by the cores and GPUs that it asks for. A run whose process or machine dies
    is begun again, from its last checkpoint. All machines have genlab installed, and see the folder that the
    runs go into under the same path.

    Args:
        jobs: How many runs at once; None: as many as there is room for.
        address: The cluster, such as ``"auto"`` or ``"ray://head:10001"``; None: what the environment
            variable ``RAY_ADDRESS`` says, else one that runs on this machine, else one that is started here
            and ends with the series.
        cpus: Cores of a run.
        gpus: GPUs of a run; parts of one, such as 0.25, share it.
        retries: How often a run is begun again whose process died.

    Raises:
        RequestError: The package ray is not installed.
    """

    def __init__(
        self,
        *,
        jobs: PositiveInt | None = None,
        address: str | None = None,
        cpus: PositiveFloat = 1.0,
        gpus: NonNegativeFloat = 0.0,
        retries: NonNegativeInt = 1,
    ) -> None:
        require_extra("ray", "ray", "the engine 'ray'")
        self.jobs, self.address, self.retries = jobs, address, retries
        self.cpus, self.gpus = cpus, gpus

    def carry_out(
        self,
        jobs: Sequence[Job],
        work: Work,
        *,
        trackers: Callable[[Job], Iterable[object]],
    ) -> Iterator[Outcome]:
        """Carry jobs out, and yield the outcome of each as it ends.

        Raises:
            RequestError: The cluster cannot be reached, or has too little for a single run.
        """
        if not jobs:
            return
        with _connected(self.address) as ray:
            self._require_room(ray.cluster_resources())
            tasks = _Tasks(ray, self.cpus, self.gpus)
            yield from carried_out(
                tasks, jobs, work, trackers, at_once=self.jobs, retries=self.retries
            )

    def _require_room(self, there: dict[str, float]) -> None:
        for name, wanted in (("CPU", self.cpus), ("GPU", self.gpus)):
            if wanted > there.get(name, 0.0):
                raise RequestError(
                    f"a run asks for {name.lower()}s={wanted:g}, and the Ray cluster has "
                    f"{there.get(name, 0.0):g}"
                )


class _Tasks:
    """The tasks of a Ray cluster."""

    def __init__(self, ray: Any, cpus: float, gpus: float) -> None:
        self.ray, self.cpus, self.gpus = ray, cpus, gpus
        self.remote = ray.remote(carry_out_task)

    def submit(self, tasks: Sequence[Task]) -> list[Any]:
        """Send tasks."""
        room = {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_retries": 0}
        return [self.remote.options(name=task.name, **room).remote(task) for task in tasks]

    def ended(self, handles: Sequence[Any]) -> Iterator[tuple[Any, Ended | Died]]:
        """Wait a little, and yield what has ended."""
        done, _ = self.ray.wait(list(handles), num_returns=len(handles), timeout=_PAUSE)
        for handle in done:
            try:
                yield handle, self.ray.get(handle)
            except self.ray.exceptions.RayError as error:
                said = str(error).strip().partition("\n")[0]
                yield handle, Died(f"its process ended: {type(error).__name__}: {said}")

    def stop(self, handles: Sequence[Any]) -> None:
        """Ask tasks to stop, and wait until they have."""
        for handle in handles:
            self.ray.cancel(handle)
        if handles:
            self.ray.wait(list(handles), num_returns=len(handles), timeout=_PATIENCE)


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Be connected to a cluster, and leave it afterwards unless the connection was there before."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield ray
        return
    try:
        ray.init(address, include_dashboard=False if _is_own(address) else None,
                 log_to_driver=False, logging_level="ERROR")  # fmt: skip
    except Exception as error:  # Ray raises a plain one where a machine is slow to start
        said = " ".join(str(error).split())
        raise RequestError(f"no Ray cluster can be reached or started here: {said}") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _is_own(address: str | None) -> bool:
    return address is None and not os.environ.get("RAY_ADDRESS")
