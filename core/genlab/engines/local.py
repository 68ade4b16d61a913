"""Runs on this machine, one after the other or several at once."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import NonNegativeInt, PositiveInt

from genlab.components.engine import Engine, Job, Outcome
from genlab.components.sending import pack_job
from genlab.components.tracker import Hooks
from genlab.engines.nursery import CAN_FORK, Child, Nursery, taken, threads_of

__all__ = ["Local"]

Work = Callable[[Job, Sequence[object]], Outcome]
Trackers = Callable[[Job], Iterable[object]]


class Local(Engine):
    """Carries runs out on this machine.

    One at a time, they are carried out in this process. Several at once have a process each, with its share
    of the cores; a run whose process dies is begun again by another, from its last checkpoint. Runs that
    train the same wait for the first of them, and take its weights.

    Args:
        jobs: How many runs at once.
        retries: How often a run is begun again whose process died.

    Raises:
        RequestError: Several at once are asked for, and a job cannot be sent to another process.
    """

    def __init__(self, *, jobs: PositiveInt = 1, retries: NonNegativeInt = 1) -> None:
        self.jobs = jobs
        self.retries = retries

    def carry_out(
        self, jobs: Sequence[Job], work: Work, *, trackers: Trackers
    ) -> Iterator[Outcome]:
        """Carry jobs out, and yield the outcome of each as it ends."""
        if self.jobs > 1:
            yield from _Crew(jobs, work, trackers, self.jobs, self.retries).outcomes()
            return
        for job in jobs:
            yield work(job, list(trackers(job)))


class _Crew:
    """Threads that have a worker process each, and take jobs from one list."""

    def __init__(
        self, jobs: Sequence[Job], work: Work, trackers: Trackers, size: int, retries: int
    ) -> None:
        self.trackers, self.retries = trackers, retries
        self.size, self.threads = min(size, len(jobs)), threads_of(size)
        self.waiting = list(jobs)
        self.packed = {job.path: pack_job(job, work) for job in jobs}
        self.unfinished = set(self.packed)
        self.changed, self.telling = threading.Condition(), threading.Lock()
        self.workers: set[_Worker] = set()
        self.ended: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        self.stopped = False

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each job as it ends; whoever stops early stops the processes."""
        total = len(self.waiting)
        if not total:
            return
        self.nursery = taken(self.threads) if CAN_FORK else None
        threads = [threading.Thread(target=self._take_jobs, daemon=True) for _ in range(self.size)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(total):
                outcome = self.ended.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            with self.changed:
                self.stopped = True
                self.changed.notify_all()
                for worker in self.workers:
                    worker.interrupt()
            for thread in threads:
                thread.join()
            if self.nursery is not None:
                self.nursery.close()

    def _take_jobs(self) -> None:
        worker = _Worker(self.threads, self.nursery)
        self.workers.add(worker)
        try:
            while (job := self._next()) is not None:
                self.ended.put(self._carried_out(job, worker))
                with self.changed:
                    self.unfinished.discard(job.path)
                    self.changed.notify_all()
        except BaseException as error:  # it is raised where somebody sees it
            self.ended.put(error)
        finally:
            worker.close()

    def _next(self) -> Job | None:
        """Return the first job that waits for no other; None where there will be none."""
        with self.changed:
            while self.waiting and not self.stopped:
                for job in self.waiting:
                    if job.after not in self.unfinished:
                        self.waiting.remove(job)
                        return job
                self.changed.wait()
        return None

    def _carried_out(self, job: Job, worker: _Worker) -> Outcome:
        hooks: list[Hooks] = []

        def tell(hook: str, arguments: Mapping[str, Any]) -> None:
            with self.telling:
                if not hooks:
                    hooks.append(Hooks(self.trackers(job)))
                hooks[0].tell(hook, **arguments)

        for _ in range(1 + self.retries):
            answer = worker.carry_out(self.packed[job.path], tell)
            if answer is not None:
                return Outcome(job, *answer)
            if self.stopped:
                break
        return Outcome(job, "failed", worker.last_words)


class _Worker:
    """A process that carries out what it is sent; it is started when it is needed, and again after its death.

    Args:
        threads: The threads that PyTorch may use in it.
        nursery: What starts it; None: it is a process of its own from the beginning.
    """

    def __init__(self, threads: int, nursery: Nursery | None) -> None:
        self.threads, self.nursery = threads, nursery
        self.process: subprocess.Popen[bytes] | Child | None = None
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115, it is closed by close()
        self.last_words = ""

    def carry_out(
        self, packed: bytes, tell: Callable[[str, Mapping[str, Any]], None]
    ) -> tuple[Any, str] | None:
        """Return the status and the message of an outcome; None where the process died."""
        process = self.process = self.process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(packed, process.stdin)
            process.stdin.flush()
            while True:
                what, content = pickle.load(process.stdout)
                if what == "ended":
                    status, message = content
                    return status, message
                tell(*content)
        except (EOFError, OSError, pickle.UnpicklingError):
            self._died(process)
            return None

    def interrupt(self) -> None:
        """Ask the process to stop: what it trains saves a checkpoint first."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)

    def close(self) -> None:
        """Let the process end."""
        if self.process is not None:
            _end(self.process)
        self.errors.close()

    def _started(self) -> subprocess.Popen[bytes] | Child:
        self.errors.seek(0)
        self.errors.truncate()
        if self.nursery is not None:
            return self.nursery.fork(self.errors)
        return subprocess.Popen(
            [sys.executable, "-m", "genlab.engines.worker"],
            env={**os.environ, "OMP_NUM_THREADS": str(self.threads)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            start_new_session=True,  # Ctrl-C in the terminal reaches this process alone, which passes it on
        )  # fmt: skip

    def _died(self, process: subprocess.Popen[bytes] | Child) -> None:
        code = _end(process)
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with the exit status {code}"
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        said = f": {lines[-1]}" if lines and code > 0 else ""
        self.last_words = f"its process ended {how}{said}"
        self.process = None


def _end(process: subprocess.Popen[bytes] | Child) -> int:
    """Let a process end, whatever it still says, and return its exit status."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    with suppress(OSError):
        while process.stdout.read(2**16):
            pass
    process.stdout.close()
    return process.wait()
