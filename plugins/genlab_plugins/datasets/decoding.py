"""Processes that decode pictures: what Python does between two of them is done on other cores, too."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from genlab import PictureRule, RequestError
from genlab_plugins.datasets.decoding_worker import Head

__all__ = ["Decoders", "Workers"]

Workers = Annotated[int, Field(ge=0, le=256)]
"""How many processes decode; 0: threads of this one do."""


class Decoders:
    """Processes that decode pictures, a batch each, until nobody uses this object any more.

    They are started when they are needed, hear no Ctrl-C, and end when their input does: with this object,
    or with the process that has it, however that ends.

    Args:
        workers: How many processes.
        shape: Shape ``(C, H, W)`` of the results.
        rule: How numbers become grey levels.
        resize: Whether pictures of another size are resized and cropped.
    """

    def __init__(
        self, workers: int, shape: tuple[int, ...], rule: PictureRule, *, resize: bool
    ) -> None:
        self.head = Head(shape, rule, resize)
        self._free: queue.SimpleQueue[subprocess.Popen[bytes] | None] = queue.SimpleQueue()
        for _ in range(workers):
            self._free.put(None)
        self._all: list[subprocess.Popen[bytes]] = []
        weakref.finalize(self, _end, self._all, os.getpid())

    def __call__(self, pictures: Sequence[tuple[str, bytes]]) -> NDArray[np.uint8]:
        """Decode pictures, given by name and content, in the next process that is free.

        Args:
            pictures: The pictures.

        Returns:
            uint8 ``(N, C, H, W)``.

        Raises:
            RequestError: A picture cannot be read, or the process has ended; the message says which or how.
        """
        process = self._free.get() or self._started()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump(list(pictures), process.stdin)
            process.stdin.flush()
            found, message = pickle.load(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            message = f"a process that decodes has ended with {process.wait()}: dataset.workers=0 has none"
            raise RequestError(message) from None
        finally:
            self._free.put(process if process.poll() is None else None)
        if found is None:
            raise RequestError(message)
        pixels: NDArray[np.uint8] = found
        return pixels

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "genlab_plugins.datasets.decoding_worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._all.append(process)
        assert process.stdin is not None
        pickle.dump(self.head, process.stdin)
        return process


def _end(processes: list[subprocess.Popen[bytes]], owner: int) -> None:
    """Let processes end; a fork of the one that started them leaves them alone."""
    if os.getpid() != owner:
        return
    for process in processes:
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
    for process in processes:
        process.wait()
