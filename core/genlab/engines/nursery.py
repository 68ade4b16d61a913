"""A process that has imported what runs need, and forks workers, which are ready at once.

To import PyTorch and the rest takes seconds. ``python -m genlab.engines.nursery FD`` does it once for all
workers of a series, and alone: a fork of a process that has computed would inherit threads that are not
there. It takes orders from a socket, and ends when the other end is closed.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

from genlab.engines import worker
from genlab.errors import RunError

__all__ = ["CAN_FORK", "Child", "Nursery", "begin_early", "main", "taken", "threads_of"]

CAN_FORK = sys.platform == "linux"
"""Whether a process that has imported PyTorch can be forked: elsewhere, the system's libraries forbid it."""

_IMPORTED = (
    "genlab.runs.series",
    "matplotlib.backends.backend_agg",
    "ot",
    "sklearn.model_selection",
)
_ORDER = struct.Struct("!cq")  # what to do, and the process that it is about
_FORK, _WAIT = b"f", b"w"

_early: list[Nursery] = []


class Nursery:
    """The process, as the one that starts it sees it.

    Args:
        threads: The threads that PyTorch may use in each worker.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "genlab.engines.nursery", str(theirs.fileno())],
                env={**os.environ, "OMP_NUM_THREADS": str(threads),
                     "PYTORCH_NVML_BASED_CUDA_CHECK": "1"},  # a look at CUDA must not begin to use it
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        self._lock = threading.Lock()

    def fork(self, errors: IO[bytes]) -> Child:
        """Let a worker begin.

        Args:
            errors: Where its standard error goes.

        Raises:
            RunError: The process has ended.
        """
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        with self._lock:
            try:
                message = [_ORDER.pack(_FORK, 0)]
                socket.send_fds(self._orders, message, [theirs_in, theirs_out, errors.fileno()])
                number = self._answer()
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
        return Child(self, number, os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb"))

    def wait(self, number: int) -> int:
        """Wait until a worker has ended, and return its exit status, negative for a signal."""
        with self._lock:
            self._orders.sendall(_ORDER.pack(_WAIT, number))
            return self._answer()

    def close(self) -> None:
        """Let the process end."""
        self._orders.close()
        self._process.wait()

    def _answer(self) -> int:
        packed = self._orders.recv(_ORDER.size, socket.MSG_WAITALL)
        if len(packed) < _ORDER.size:
            raise RunError("the process that starts the others has ended; its messages say why")
        number: int = _ORDER.unpack(packed)[1]
        return number


class Child:
    """A worker that was forked; it is used as a ``subprocess.Popen`` is."""

    def __init__(self, nursery: Nursery, number: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.nursery, self.pid, self.stdin, self.stdout = nursery, number, stdin, stdout

    def wait(self) -> int:
        """Wait until it has ended, and return its exit status, negative for a signal."""
        return self.nursery.wait(self.pid)


def begin_early(jobs: int) -> None:
    """Let a nursery begin to import, while this process imports, too; the next :func:`taken` is given it.

    Args:
        jobs: How many runs there will be at once.
    """
    if CAN_FORK and not _early:
        _early.append(Nursery(threads_of(jobs)))


def threads_of(jobs: int) -> int:
    """Return the threads that each of several runs at once may use."""
    return max(1, (os.cpu_count() or 1) // jobs)


def taken(threads: int) -> Nursery:
    """Return the nursery that has begun early, or one that begins now."""
    if _early and _early[0].threads == threads:
        return _early.pop()
    return Nursery(threads)


def main() -> None:
    """Import what runs need, and carry orders out until the other end is closed."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    _import()
    while True:
        packed, handles, _, _ = socket.recv_fds(orders, _ORDER.size, 3)
        if not packed:
            return
        order, number = _ORDER.unpack(packed)
        if order == _FORK:
            answer = os.fork()
            if answer == 0:
                orders.close()
                _work(handles)
            for handle in handles:
                os.close(handle)
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        with suppress(BrokenPipeError):
            orders.sendall(_ORDER.pack(order, answer))


def _import() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)


def _work(handles: list[int]) -> None:
    """Be a worker, whose streams are those that were sent, and end."""
    status = 1
    try:
        os.setsid()
        for number, handle in enumerate(handles):
            os.dup2(handle, number)
            os.close(handle)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        worker.main()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(status)  # what the other process has registered for its end is not this one's


if __name__ == "__main__":
    main()
