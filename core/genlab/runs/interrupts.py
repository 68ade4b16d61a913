"""Signals that ask a run to stop: they are heard at once, and obeyed between two steps.

An exception that a signal raises lands anywhere, in the middle of a step too, where half of the state is that
of the next step. So a first signal only leaves a mark, which a run looks at between two steps and between two
pieces of other stages. A second one ends the run where it is; what the last checkpoint holds is kept.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from genlab.errors import Interrupted
from genlab.place import is_first

__all__ = ["Interrupts", "going_on", "listening"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
"""Ctrl-C; the end of a job; what SLURM sends before it, and what submitit lets it send."""


class Interrupts:
    """Whether somebody has asked a run to stop.

    Attributes:
        asked: The name of the signal, such as ``"SIGTERM"``; empty where nobody has.
        path: The folder of the run, once it can be gone on with: an exception says so wherever it lands.
    """

    def __init__(self) -> None:
        self.asked = ""
        self.path: Path | None = None

    def look(self) -> None:
        """Stop here if somebody has asked for it.

        Raises:
            Interrupted: Somebody has.
        """
        if self.asked:
            raise self._stopped()

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Take a signal: the first leaves a mark, the second ends the run at once."""
        name = signal.Signals(number).name
        if self.asked:
            raise self._stopped()
        self.asked = name
        if not is_first():
            return
        with suppress(OSError):  # print() must not be called while something else prints
            os.write(2, f"{name}: stops after this step; a second one ends at once\n".encode())

    def _stopped(self) -> Interrupted:
        told = f"stopped by {self.asked}"
        return Interrupted(told if self.path is None else f"{told}; {going_on(self.path)}")


def going_on(path: Path) -> str:
    """Say what to type to go on with a run."""
    return f"to go on: genlab resume {path}"


@contextmanager
def listening(interrupts: Interrupts) -> Iterator[None]:
    """Let signals ask a run to stop, in the main thread; their handlers are put back afterwards."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _SIGNALS:
            if hasattr(signal, name):
                number = getattr(signal, name)
                before[number] = signal.signal(number, interrupts.hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
