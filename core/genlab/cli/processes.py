"""``--processes N``: a command in several processes of this machine, which train together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Annotated

import click
import typer

from genlab.errors import RequestError
from genlab.place import place

__all__ = ["Processes", "in_processes"]

Processes = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Processes of this machine that train together: one for each GPU, or for some of the cores.",
    ),
]

_STARTER = "GENLAB_STARTED_BY"  # the process that has started this one
_LOOKS = 0.05  # seconds between two looks at the processes
_LAST_WORDS = (
    5.0  # seconds that the others have to tell that one has ended, before they are stopped
)
_GRACE = 30.0  # seconds that they have to stop


def in_processes(processes: int | None) -> None:
    """Carry this command out in several processes, where that is asked for and this is none of them.

    Args:
        processes: How many; None or 1: it is carried out here.

    Raises:
        typer.Exit: It was carried out, and this is its exit status.
        RequestError: This process is one of another number of processes.
    """
    size = place().size
    if size > 1 and processes not in (None, size):
        raise RequestError(
            f"--processes {processes}: this is one of {size} processes already (WORLD_SIZE = {size})"
        )
    if size > 1 and str(os.getppid()) == os.environ.get(_STARTER):
        from genlab.engines.worker import end_with

        threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    if processes is None or processes == 1 or size > 1:
        return
    arguments: Sequence[str] = click.get_current_context().find_root().obj or sys.argv[1:]
    raise typer.Exit(_Crew(arguments, processes).status())


class _Crew:
    """Processes that carry one command out.

    They have the environment that torchrun gives its own, and end with this process.

    Args:
        arguments: What stands after ``genlab``.
        size: How many processes.
    """

    def __init__(self, arguments: Sequence[str], size: int) -> None:
        common = {
            **os.environ, "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), _STARTER: str(os.getpid()),
        }  # fmt: skip
        common.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // size, 1)))
        common.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        self.processes = [_started(arguments, common, rank) for rank in range(size)]

    def status(self) -> int:
        """Wait for all, and return the exit status of the first; where it has died, say so."""
        numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1")
                   if hasattr(signal, name)]  # fmt: skip
        before = {number: signal.signal(number, self._pass_on) for number in numbers}
        try:
            self._wait()
        finally:
            for process in self.processes:
                if process.poll() is None:
                    process.kill()
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._told()

    def _wait(self) -> None:
        """Wait until all have ended; where one has failed, the others do not go on for long."""
        failed: float | None = None
        stopped = False
        while any(process.poll() is None for process in self.processes):
            time.sleep(_LOOKS)
            now = time.monotonic()
            if failed is None and any(process.poll() for process in self.processes):
                failed = now
            if failed is not None and now - failed > _LAST_WORDS and not stopped:
                self._pass_on(signal.SIGTERM, None)
                stopped = True
            if failed is not None and now - failed > _LAST_WORDS + _GRACE:
                return

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)

    def _told(self) -> int:
        codes = [process.wait() for process in self.processes]
        died = [rank for rank, code in enumerate(codes) if code < 0]
        if died and codes[0] != 1:  # the first has not told of it
            name = signal.Signals(-codes[died[0]]).name
            typer.echo(
                f"error: process {died[0]} of {len(codes)} was ended by {name}; genlab resume RUN goes on "
                f"from the last checkpoint of the run, and genlab runs lists it",
                err=True,
            )
            return 1
        return codes[0] or next((code for code in codes if code), 0)


def _started(
    arguments: Sequence[str], common: Mapping[str, str], rank: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "genlab", *arguments],
        env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        stdin=None if rank == 0 else subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal reaches this process alone, which passes it on
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
