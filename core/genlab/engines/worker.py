"""A process that carries out one job after the other for :class:`genlab.engines.Local`.

``python -m genlab.engines.worker`` reads work from its standard input that cloudpickle has packed, so that
functions and classes of a script or a notebook travel, too. Answers go to its standard output; whatever
the work prints goes to standard error. It ends with the process that started it.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from typing import IO, Any

__all__ = ["Answers", "end_with", "main"]

_LOOKS = 1.0  # seconds between two looks whether the other process is still there


class Answers:
    """The way back: a stream that several threads may write to.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.lock = stream, threading.Lock()

    def send(self, what: str, content: Any) -> None:
        """Send an answer: what it is, and its content."""
        packed = pickle.dumps((what, content))
        with self.lock:
            self.stream.write(packed)
            self.stream.flush()


def main() -> None:
    """Carry out what is sent, until the input ends."""
    answers = Answers(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    while True:
        try:
            packed: bytes = pickle.load(sys.stdin.buffer)
        except (EOFError, KeyboardInterrupt):
            return
        try:
            outcome = _carried_out(packed, answers)
            answers.send("ended", (outcome.status, outcome.message))
        except KeyboardInterrupt:
            return
        except Exception as error:
            traceback.print_exc()
            answers.send("ended", ("failed", f"{type(error).__name__}: {error}"))


def _carried_out(packed: bytes, answers: Answers) -> Any:
    """Unpack a job with what carries it out, and do it."""
    from genlab.components.sending import carry_out_packed

    return carry_out_packed(packed, lambda hook, arguments: answers.send("told", (hook, arguments)))


def end_with(parent: int) -> None:
    """Stop as a cluster would, as soon as the process that started this one is gone."""
    while os.getppid() == parent:
        time.sleep(_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
