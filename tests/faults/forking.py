"""Work in processes that are forked from one that has imported everything, and that may be killed or hang."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a process ended (as ``subprocess`` counts), what it said, and how long it took."""

    status: int
    said: str
    seconds: float
    hung: bool = False


def forked(
    work: Callable[[], int],
    log: Path,
    *,
    limit: float = 600.0,
    signals: list[tuple[float, int]] | None = None,
) -> Ended:
    """Do work in a process of its own.

    Args:
        work: The work; it returns an exit status.
        log: What the process says goes there.
        limit: Seconds after which it is taken to hang, and killed.
        signals: Signals to send, each some seconds after the one before it.
    """
    begun = time.perf_counter()
    process = os.fork()
    if not process:
        _carry_out(work, log, limit)
    status = None
    for delay, number in signals or ():
        status = _waited(process, delay)
        if status is not None:
            break
        os.kill(process, number)
    if status is None:
        status = _waited(process, limit)
    hung = status is None
    if status is None:
        os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    said = log.read_text("utf-8", errors="replace") if log.exists() else ""
    return Ended(code, said, time.perf_counter() - begun, hung)


def together(
    works: Sequence[Callable[[], int]], folder: Path, *, limit: float = 600.0
) -> list[Ended]:
    """Do works in a process each, all at once.

    Args:
        works: The works; each returns an exit status.
        folder: What the processes say goes into files there.
        limit: Seconds after which they are taken to hang, and killed.
    """
    logs = [folder / f"log-{number}" for number in range(len(works))]
    processes = []
    for work, log in zip(works, logs, strict=True):
        processes.append(os.fork())
        if not processes[-1]:
            _carry_out(work, log, limit)
    found = []
    for process, log in zip(processes, logs, strict=True):
        status = _waited(process, limit)
        if status is None:
            os.kill(process, signal.SIGKILL)
        code = -9 if status is None else os.waitstatus_to_exitcode(status)
        found.append(Ended(code, log.read_text("utf-8", errors="replace"), 0.0, status is None))
    return found


def _waited(process: int, seconds: float) -> int | None:
    """Wait for a process for some time; its status, or None where it goes on."""
    end = time.perf_counter() + seconds
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return status
        left = end - time.perf_counter()
        if left <= 0:
            return None
        time.sleep(min(left, 0.005))


def _carry_out(work: Callable[[], int], log: Path, limit: float) -> None:
    """Do the work in this process, and end with its status."""
    status = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", closefd=False) for n in (1, 2))  # noqa: SIM115
        faulthandler.dump_traceback_later(0.9 * limit, file=handle)  # tells where it hangs
        status = work()
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception, KeyboardInterrupt):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
