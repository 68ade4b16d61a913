"""SLURM: runs as the tasks of job arrays, by submitit."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from genlab import Engine, Job, Outcome, RequestError, require_extra
from genlab_plugins.engines.elsewhere import (
    Died,
    Ended,
    Task,
    Work,
    carried_out,
    carry_out_task,
)

__all__ = ["Slurm"]

_FOLDER = ".slurm"
_PAUSE = {"slurm": 5.0, "local": 0.2}  # seconds between two looks
_OFTEN = 1000  # how often a run may be stopped by its limit of time
_PATIENCE = 60.0  # seconds that runs have to write a checkpoint when they are stopped


class Slurm(Engine):
    """Carries runs out as the tasks of a SLURM job array, by submitit.

    A run that SLURM stops, because its time is up or another job goes first, writes a checkpoint and is put
    into the queue again; one whose process or machine dies is sent again. The process that began the series
    waits until all are done; where it ends early, the same command finds what is still at work. Scripts and
    logs lie in the folder ``.slurm`` beside the runs, which all machines see under the same path.

    Args:
        jobs: How many runs at once; None: as many as SLURM lets.
        partition: The partition; None: the usual one.
        minutes: The limit of time of a run, after which it is put into the queue again.
        cpus: Cores of a run.
        gpus: GPUs of a run.
        memory: Memory of a run in GiB; None: what the partition gives.
        setup: Lines of a shell that come before a run, such as ``"module load cuda"``.
        options: Further options of sbatch by name, such as ``{"account": "ours"}``.
        cluster: ``"local"`` carries runs out on this machine, as SLURM would, to try things out.
        retries: How often a run is sent again whose process died.

    Raises:
        RequestError: The package submitit is not installed.
    """

    def __init__(
        self,
        *,
        jobs: PositiveInt | None = None,
        partition: str | None = None,
        minutes: PositiveInt = 24 * 60,
        cpus: PositiveInt = 1,
        gpus: NonNegativeInt = 0,
        memory: PositiveFloat | None = None,
        setup: tuple[str, ...] = (),
        options: Mapping[str, str | int] | None = None,
        cluster: Literal["slurm", "local"] = "slurm",
        retries: NonNegativeInt = 1,
    ) -> None:
        require_extra("submitit", "slurm", "the engine 'slurm'")
        self.jobs, self.partition, self.minutes = jobs, partition, minutes
        self.cpus, self.gpus, self.memory, self.setup = cpus, gpus, memory, setup
        self.options, self.cluster, self.retries = options, cluster, retries

    def carry_out(
        self,
        jobs: Sequence[Job],
        work: Work,
        *,
        trackers: Callable[[Job], Iterable[object]],
    ) -> Iterator[Outcome]:
        """Carry jobs out, and yield the outcome of each as it ends.

        Raises:
            RequestError: There is no SLURM here.
        """
        if not jobs:
            return
        if self.cluster == "slurm" and shutil.which("sbatch") is None:
            raise RequestError(
                "there is no sbatch here: the engine 'slurm' begins on a machine that hands jobs to SLURM "
                "(cluster='local' tries it out without)"
            )
        array = _Array(self._executor(jobs[0].path.parent / _FOLDER), _PAUSE[self.cluster])
        at_once = self.jobs if self.cluster == "local" else None  # SLURM itself counts
        yield from carried_out(array, jobs, work, trackers, at_once=at_once, retries=self.retries)

    def _executor(self, folder: Path) -> Any:
        import submitit

        executor = submitit.AutoExecutor(
            folder=folder.absolute(), cluster=self.cluster, slurm_max_num_timeout=_OFTEN,
            local_max_num_timeout=_OFTEN,
        )  # fmt: skip
        wanted: dict[str, Any] = {
            "name": "genlab", "timeout_min": self.minutes, "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus or None, "stderr_to_stdout": True, "mem_gb": self.memory,
            "slurm_partition": self.partition, "slurm_array_parallelism": self.jobs,
            "slurm_setup": list(self.setup) or None,
            "slurm_additional_parameters": dict(self.options or {}) or None,
        }  # fmt: skip
        executor.update_parameters(**{k: v for k, v in wanted.items() if v is not None})
        return executor


class _Run:
    """Carries a task out, and lets submitit put it into the queue again where SLURM stops it."""

    def __call__(self, task: Task) -> Ended:
        """Carry a task out; a run that is stopped has saved a checkpoint before submitit hears of it."""
        from submitit import JobEnvironment

        try:
            return carry_out_task(task)
        except KeyboardInterrupt as error:
            name = f"SIG{JobEnvironment.USR_SIG}"
            if name in (str(error), str(error.__cause__)):
                signal.raise_signal(signal.Signals[name])
            raise

    def checkpoint(self, task: Task) -> Any:
        """Say what is to be done when the run comes out of the queue again: the same, which goes on."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, task)


class _Array:
    """The tasks of an executor of submitit."""

    def __init__(self, executor: Any, pause: float) -> None:
        self.executor, self.pause = executor, pause

    def submit(self, tasks: Sequence[Task]) -> Sequence[Any]:
        """Send tasks as one array."""
        handles: Sequence[Any] = self.executor.map_array(_Run(), tasks)
        return handles

    def ended(self, handles: Sequence[Any]) -> Iterator[tuple[Any, Ended | Died]]:
        """Wait a little, and yield what has ended."""
        found = [handle for handle in handles if handle.done()]
        if not found:
            time.sleep(self.pause)
        for handle in found:
            yield handle, self._how(handle)

    def stop(self, handles: Sequence[Any]) -> None:
        """Ask runs to stop, and wait until they have."""
        for handle in handles:
            handle.cancel(check=False)
        until = time.monotonic() + _PATIENCE
        while any(not handle.done() for handle in handles) and time.monotonic() < until:
            time.sleep(self.pause)

    def _how(self, handle: Any) -> Ended | Died:
        if not handle.paths.result_pickle.exists():
            state = str(handle.state).lower()
            return Died(
                f"its process ended ({state}); its log is {handle.paths.stdout}",
                again=not state.startswith("cancelled"),
            )
        error = handle.exception()
        if error is not None:
            said = str(error).strip().splitlines()
            return Died(f"{said[-1] if said else error}; its log is {handle.paths.stdout}")
        how: Ended = handle.result()
        return how
