"""Who writes into a run folder: one process at a time.

The lock is a file in the folder that is locked by the operating system (``flock``), which ends with the
process however that ends. The file names the host, the process and what it does, for messages, and for file
systems whose locks do not reach other hosts: there a writer shows by the time of the file that it is alive.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from genlab.errors import FileError, TakenError, worded_os_error
from genlab.files import is_running

if sys.platform != "win32":  # where the record in the file is all there is
    import fcntl

__all__ = ["LOCK", "Lock", "is_taken", "locked"]

LOCK = "run.lock"
"""The name of the file."""

_BEAT = 30.0  # seconds between two signs of life
_STALE = 300.0  # seconds without one after which a writer on another host is taken for dead


class Lock:
    """The lock of a run folder.

    Args:
        path: The folder.
        doing: What is done meanwhile, such as ``"training"``, for the message that others get.
    """

    def __init__(self, path: Path, doing: str) -> None:
        self.path, self.doing = path, doing
        self.file = path / LOCK
        self._handle = -1
        self._ended = threading.Event()

    def take(self) -> None:
        """Take the lock.

        Raises:
            TakenError: Another process has it.
            FileError: The folder cannot be written to.
        """
        while not self._tried():
            time.sleep(0.001)  # the file was removed by its last holder between two steps
        here = {"host": socket.gethostname(), "process": os.getpid(), "doing": self.doing}
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, json.dumps(here).encode())
        threading.Thread(target=self._show_life, daemon=True).start()

    def give_back(self) -> None:
        """Give the lock back; the file is gone then."""
        self._ended.set()
        with suppress(OSError):
            os.ftruncate(self._handle, 0)
            self.file.unlink()
        with suppress(OSError):
            os.close(self._handle)

    def _tried(self) -> bool:
        """Try to take the lock; False where the file has changed meanwhile."""
        try:
            handle = os.open(
                self.file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644
            )
        except OSError as error:
            raise FileError(worded_os_error(error, self.file)) from error
        try:
            free, record = _is_free(handle), _record(handle)
            if free is False or _may_be_alive(record, handle, unlocked=free is None):
                raise TakenError(f"{self.path} is taken: {_named(record)}. Wait until it is done")
            same = os.stat(self.file).st_ino == os.fstat(handle).st_ino
        except FileNotFoundError:
            same = False
        except BaseException:
            os.close(handle)
            raise
        if same:
            self._handle = handle
        else:
            os.close(handle)
        return same

    def _show_life(self) -> None:
        while not self._ended.wait(_BEAT):
            with suppress(OSError):
                os.utime(self.file)


@contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock of a run folder.

    Args:
        path: The folder.
        doing: What is done meanwhile.

    Raises:
        TakenError: Another process has it.
        FileError: The folder cannot be written to.
    """
    lock = Lock(path, doing)
    lock.take()
    try:
        yield
    finally:
        lock.give_back()


def is_taken(path: Path) -> bool:
    """Say whether another process is at work in a run folder."""
    try:
        with locked(path, "a look"):
            return False
    except TakenError:
        return True
    except FileError:
        return False


def _is_free(handle: int) -> bool | None:
    """Lock a file, and say whether no other process has it; None where the file system knows no locks."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _record(handle: int) -> Mapping[str, Any]:
    """Return what the last holder has written down; empty where it has given the lock back."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        found = json.loads(os.read(handle, 4096))
        return {
            "host": str(found["host"]),
            "process": int(found["process"]),
            "doing": str(found["doing"]),
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _may_be_alive(record: Mapping[str, Any], handle: int, *, unlocked: bool) -> bool:
    """Say whether the last holder may be at work although its lock does not reach here."""
    if not record:
        return False
    if record["host"] == socket.gethostname():  # whose locks reach, where there are any
        return unlocked and record["process"] != os.getpid() and is_running(record["process"])
    return time.time() - os.fstat(handle).st_mtime < _STALE


def _named(record: Mapping[str, Any]) -> str:
    if not record:
        return "another process is at work there"
    return f"process {record['process']} on {record['host']} is at work there ({record['doing']})"
