"""What engines share whose processes may be on other machines: the order of jobs, deaths, and what is heard.

All machines see the folder that the runs go into. A process that carries a run out appends what the run's
trackers are to hear to a file there, which the process that began the series reads as it grows.
"""

from __future__ import annotations

import os
import pickle
import shutil
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from genlab import Hooks, Job, Outcome, carry_out_packed, pack_job

__all__ = ["Cluster", "Died", "Ended", "Task", "Work", "carried_out", "carry_out_task"]

Work = Callable[[Job, Sequence[object]], Outcome]
"""Carries a job out, with trackers."""

Ended = tuple[str, str]
"""The status and the message of an outcome."""

_HEAD = 8  # bytes that say how long the next entry of the file is


@dataclass(frozen=True)
class Task:
    """A job as it is sent.

    Args:
        name: The name of the run.
        packed: The job.
        told: The file for what its trackers are to hear.
        folder: The folder that its paths are relative to.
        heard: The hooks that its trackers have; nobody would hear the others.
    """

    name: str
    packed: bytes
    told: Path
    folder: Path
    heard: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Died:
    """A task whose process has ended before it did.

    Args:
        how: How, in words.
        again: Whether it may be sent again.
    """

    how: str
    again: bool = True


class Cluster(Protocol):
    """What carries tasks out."""

    def submit(self, tasks: Sequence[Task]) -> Sequence[Any]:
        """Send tasks, and return a handle for each."""
        ...

    def ended(self, handles: Sequence[Any]) -> Iterable[tuple[Any, Ended | Died]]:
        """Wait a little, and yield the handles of tasks that have ended, each with how."""
        ...

    def stop(self, handles: Sequence[Any]) -> None:
        """Ask tasks to stop, which saves a checkpoint first, and wait until they have."""
        ...


@dataclass
class _Flight:
    """A task on its way, and what is heard of it."""

    job: Job
    task: Task
    hooks: Hooks
    handle: Any = None
    deaths: int = 0
    read: int = field(default=0)

    def hear(self) -> None:
        """Tell trackers what has been written since the last look."""
        with suppress(FileNotFoundError), self.task.told.open("rb") as file:
            file.seek(self.read)
            while len(head := file.read(_HEAD)) == _HEAD:
                size = int.from_bytes(head, "little")
                entry = file.read(size)
                if len(entry) < size:
                    return  # the rest is not here yet
                self.read = file.tell()
                hook, arguments = pickle.loads(entry)
                self.hooks.tell(hook, **arguments)


def carried_out(
    cluster: Cluster,
    jobs: Sequence[Job],
    work: Work,
    trackers: Callable[[Job], Iterable[object]],
    *,
    at_once: int | None = None,
    retries: int = 1,
) -> Iterator[Outcome]:
    """Let a cluster carry jobs out, and yield the outcome of each as it ends.

    Jobs that train the same as another wait for it. Whoever stops early stops the tasks.

    Args:
        cluster: What carries them out.
        jobs: The jobs.
        work: Carries one out.
        trackers: Makes the trackers of a job.
        at_once: How many are sent at once; None: all that wait for no other.
        retries: How often a job is sent again whose process has died.

    Raises:
        RequestError: A job cannot be sent to another process.
    """
    place = f".told-{uuid.uuid4().hex}"
    waiting = [_packed(job, work, place) for job in jobs]
    folders = {task.told.parent for _, task in waiting}
    flying: list[_Flight] = []
    try:
        while waiting or flying:
            begun = _ready(waiting, flying, at_once)
            for each, task in begun:
                hooks = Hooks(trackers(each))
                flying.append(_Flight(each, replace(task, heard=hooks.heard), hooks))
            _send(cluster, [flight for flight in flying if flight.handle is None])
            ended = list(cluster.ended([flight.handle for flight in flying]))
            for flight in flying:
                flight.hear()
            for handle, how in ended:
                flight = next(each for each in flying if each.handle == handle)
                if isinstance(how, Died) and how.again and flight.deaths < retries:
                    flight.deaths, flight.handle = flight.deaths + 1, None
                    continue
                flying.remove(flight)
                flight.task.told.unlink(missing_ok=True)
                status, message = ("failed", how.how) if isinstance(how, Died) else how
                yield Outcome(flight.job, status, message)  # type: ignore[arg-type]
    finally:
        cluster.stop([flight.handle for flight in flying if flight.handle is not None])
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def carry_out_task(task: Task) -> Ended:
    """Carry a task out, in the process that it was sent to.

    Args:
        task: The task.
    """
    try:
        os.chdir(task.folder)
        outcome = carry_out_packed(task.packed, _Telling(task.told, task.heard))
    except Exception as error:
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"
    return outcome.status, outcome.message


class _Telling:
    """Appends to a file what trackers are to hear."""

    def __init__(self, file: Path, heard: frozenset[str]) -> None:
        self.file, self.heard = file, heard

    def __call__(self, hook: str, arguments: Mapping[str, Any]) -> None:
        if hook not in self.heard:
            return
        entry = pickle.dumps((hook, dict(arguments)))
        with self.file.open("ab") as file:
            file.write(len(entry).to_bytes(_HEAD, "little") + entry)


def _packed(job: Job, work: Work, place: str) -> tuple[Job, Task]:
    told = Path(job.path.parent, place, job.path.name).absolute()
    return job, Task(job.path.name, pack_job(job, work), told, Path.cwd())


def _ready(
    waiting: list[tuple[Job, Task]], flying: Sequence[_Flight], at_once: int | None
) -> list[tuple[Job, Task]]:
    """Take the jobs from a list that can be sent now: those that wait for none that is not done."""
    unfinished = {job.path for job, _ in waiting} | {flight.job.path for flight in flying}
    room = len(waiting) if at_once is None else at_once - len(flying)
    ready = [each for each in waiting if each[0].after not in unfinished][: max(room, 0)]
    waiting[:] = [each for each in waiting if not any(each is one for one in ready)]
    return ready


def _send(cluster: Cluster, flights: Sequence[_Flight]) -> None:
    if not flights:
        return
    for flight in flights:
        flight.task.told.parent.mkdir(parents=True, exist_ok=True)
    handles = cluster.submit([flight.task for flight in flights])
    for flight, handle in zip(flights, handles, strict=True):
        flight.handle = handle
